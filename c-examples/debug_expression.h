/* Expressions of the command-line debugger: numbers, what the program holds, and operators as in C.
 *
 *   5  0x10  2.5       numbers; without a dot they are integers of 64 bits
 *   $2  $name          a local of the frame that is looked at
 *   %0                 an operand of it, the bottom one
 *   @0  @name          a global of its instance
 *   [address]          the i32 at an address of its instance's first memory
 *   - ! * / % + - << >> < <= > >= == != & ^ | && ||, and parentheses
 */
#ifndef DEBUG_EXPRESSION_H
#define DEBUG_EXPRESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct number {
    bool is_float;
    int64_t i;
    double f;
};

/* Text that is being read, and what is wrong with it, if anything is. */
struct reader {
    const char *at;
    char wrong[96];
};

/* Answers what something is in the program: `sign` is one of $ % @ [. Fails by filling in `wrong`. */
static struct number look_up(struct reader *reader, char sign, const char *name, size_t n_name, struct number index);

static struct number complain(struct reader *reader, const char *what)
{
    if (reader->wrong[0] == 0)
        snprintf(reader->wrong, sizeof reader->wrong, "%s", what);
    return (struct number){0};
}

static void skip_spaces(struct reader *reader)
{
    while (*reader->at == ' ' || *reader->at == '\t')
        reader->at++;
}

static bool takes(struct reader *reader, const char *text)
{
    skip_spaces(reader);
    size_t size = strlen(text);
    if (strncmp(reader->at, text, size) != 0)
        return false;
    reader->at += size;
    return true;
}

static bool is_in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != 0 && strchr("_.:$", c) != NULL);
}

/* What a name or number after a sign is; its length may be 0. */
static size_t take_name(struct reader *reader, const char **out_name)
{
    *out_name = reader->at;
    while (is_in_name(*reader->at))
        reader->at++;
    return (size_t)(reader->at - *out_name);
}

static double as_float(struct number number)
{
    return number.is_float ? number.f : (double)number.i;
}

static bool is_true(struct number number)
{
    return number.is_float ? number.f != 0 : number.i != 0;
}

static struct number integer(int64_t i)
{
    return (struct number){.i = i};
}

static struct number read_sum(struct reader *reader, int strength);

static struct number read_one(struct reader *reader)
{
    skip_spaces(reader);
    char c = *reader->at;
    struct number number = {0};
    if (c != 0 && strchr("$%@", c) != NULL) {
        const char *name;
        reader->at++;
        size_t n_name = take_name(reader, &name);
        return look_up(reader, c, name, n_name, number);
    }
    if (takes(reader, "[")) {
        number = read_sum(reader, 0);
        return takes(reader, "]") ? look_up(reader, '[', NULL, 0, number) : complain(reader, "']' is missing");
    }
    if (takes(reader, "(")) {
        number = read_sum(reader, 0);
        return takes(reader, ")") ? number : complain(reader, "')' is missing");
    }
    if (takes(reader, "-")) {
        number = read_one(reader);
        number.i = (int64_t)(0 - (uint64_t)number.i);
        number.f = -number.f;
        return number;
    }
    if (takes(reader, "!"))
        return integer(!is_true(read_one(reader)));
    char *end;
    if (c < '0' || c > '9')
        return complain(reader, "a number is missing");
    number.i = (int64_t)strtoull(reader->at, &end, 0);
    if (*end == '.' || *end == 'e') {
        number.is_float = true;
        number.f = strtod(reader->at, &end);
    }
    reader->at = end;
    return number;
}

/* Operators, those of two signs first; a larger strength binds more. */
static const struct operator {
    const char *text;
    int strength;
} operators[] = {
    {"||", 1}, {"&&", 2}, {"==", 6}, {"!=", 6}, {"<=", 7}, {">=", 7}, {"<<", 8}, {">>", 8}, {"|", 3},
    {"^", 4},  {"&", 5},  {"<", 7},  {">", 7},  {"+", 9},  {"-", 9},  {"*", 10}, {"/", 10}, {"%", 10},
};

static struct number apply(struct reader *reader, const char *operator, struct number a, struct number b)
{
    bool are_floats = a.is_float || b.is_float;
    double x = as_float(a), y = as_float(b);
    uint64_t m = (uint64_t)a.i, n = (uint64_t)b.i;
    struct number real = {.is_float = true};
    switch (operator[0] | (operator[1] << 8)) {
    case '|' | '|' << 8:
        return integer(is_true(a) || is_true(b));
    case '&' | '&' << 8:
        return integer(is_true(a) && is_true(b));
    case '=' | '=' << 8:
        return integer(are_floats ? x == y : a.i == b.i);
    case '!' | '=' << 8:
        return integer(are_floats ? x != y : a.i != b.i);
    case '<' | '=' << 8:
        return integer(are_floats ? x <= y : a.i <= b.i);
    case '>' | '=' << 8:
        return integer(are_floats ? x >= y : a.i >= b.i);
    case '<':
        return integer(are_floats ? x < y : a.i < b.i);
    case '>':
        return integer(are_floats ? x > y : a.i > b.i);
    case '+':
        real.f = x + y;
        return are_floats ? real : integer((int64_t)(m + n));
    case '-':
        real.f = x - y;
        return are_floats ? real : integer((int64_t)(m - n));
    case '*':
        real.f = x * y;
        return are_floats ? real : integer((int64_t)(m * n));
    case '/':
        real.f = x / y;
        if (are_floats)
            return real;
        break;
    }
    if (are_floats)
        return complain(reader, "that operator takes integers");
    switch (operator[0]) {
    case '<':
        return integer((int64_t)(m << (n & 63)));
    case '>':
        return integer(a.i >> (n & 63));
    case '|':
        return integer(a.i | b.i);
    case '^':
        return integer(a.i ^ b.i);
    case '&':
        return integer(a.i & b.i);
    }
    if (b.i == 0)
        return complain(reader, "a division by zero");
    if (b.i == -1)
        return integer(operator[0] == '/' ? (int64_t)(0 - m) : 0);
    return integer(operator[0] == '/' ? a.i / b.i : a.i % b.i);
}

/* Reads as far as operators bind more than this. */
static struct number read_sum(struct reader *reader, int strength)
{
    static int depth;
    if (depth == 100)
        return complain(reader, "too many parentheses");
    depth++;
    struct number left = read_one(reader);
    for (size_t i = 0; i < sizeof operators / sizeof *operators && reader->wrong[0] == 0;) {
        const char *before = reader->at;
        const char *text = operators[i].text;
        /* The first of two isn't one. */
        bool takes_it = operators[i].strength > strength && takes(reader, text)
                        && (text[1] != 0 || *reader->at != text[0] || strchr("|&", text[0]) == NULL);
        if (takes_it) {
            struct number right = read_sum(reader, operators[i].strength);
            left = apply(reader, text, left, right);
            i = 0;
        } else {
            reader->at = before;
            i++;
        }
    }
    depth--;
    return left;
}

#endif
