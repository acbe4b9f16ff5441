/* Expressions of the command-line debugger: those of pellucid.h (pellucid_edit_set_expression), in every command that takes a number.
 * They are evaluated in the frame that is looked at; without one there are only numbers and operators. */
#ifndef DEBUG_EXPRESSION_H
#define DEBUG_EXPRESSION_H

#include "debug_session.h"

static bool is_in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80
           || (c != 0 && strchr("_.$", c) != NULL);
}

static const char *end_of_word(const char *at)
{
    while (is_in_word(*at))
        at++;
    return at;
}

/* Where the name ends that begins with a quote: behind the second one, or with the text. */
static const char *end_of_quoted(const char *at)
{
    const char *end = strchr(at + 1, '"');
    return end != NULL ? end + 1 : at + strlen(at);
}

/* Where what begins with a bracket ends: behind the one that closes it, or with the text. */
static const char *end_of_brackets(const char *at)
{
    size_t open = 0;
    do {
        if (*at == '"') {
            at = end_of_quoted(at);
            continue;
        }
        open += strchr("([", *at) != NULL;
        open -= strchr(")]", *at) != NULL;
        at++;
    } while (open > 0 && *at != 0);
    return at;
}

/* Where a value ends that begins here: at its beginning, if none does. */
static const char *end_of_value(const char *at)
{
    const char *begin = at;
    if (*at == '(' || *at == '[')
        return end_of_brackets(at);
    at += *at != 0 && strchr("$%@", *at) != NULL;
    if (*at == '"')
        return end_of_quoted(at);
    at = end_of_word(at);
    bool is_decimal = *begin >= '0' && *begin <= '9' && (begin[1] | 32) != 'x';
    if (is_decimal && (at[-1] | 32) == 'e' && (*at == '-' || *at == '+'))
        return end_of_word(at + 1);
    return at > begin && *at == '[' ? end_of_brackets(at) : at;
}

static size_t size_of_operator(const char *at)
{
    static const char *const operators[] = {"||", "&&", "==", "!=", "<=", ">=", "<<", ">>", "|", "^", "&", "<", ">", "+", "-", "*", "/", "%"};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (strncmp(at, operators[i], strlen(operators[i])) == 0)
            return strlen(operators[i]);
    return 0;
}

/* Where the expression ends that begins here: where something follows a value that is no operator, or with the text if there is no value. */
static const char *end_of_expression(const char *at)
{
    for (;;) {
        const char *value = skip_blanks(at);
        while (*value != 0 && strchr("-!~", *value) != NULL)
            value = skip_blanks(value + 1);
        const char *end = end_of_value(value);
        if (end == value)
            return value + strlen(value);
        at = skip_blanks(end);
        size_t size = size_of_operator(at);
        if (size == 0)
            return end;
        at += size;
    }
}

/* What an expression is: a `PELLUCID_I64` or `PELLUCID_F64`; else it is said what is wrong with it. */
static bool evaluate(struct text text, pellucid_value_t *out_value)
{
    pellucid_frame_t bare = {0};
    pellucid_error_t *error = NULL;
    pellucid_str_t message = {0};
    must(pellucid_call_frame(bare_call, &bare), NULL);
    pellucid_status_t status = has_frame ? pellucid_frame_evaluate(store, &frame, text.at, text.size, out_value, &error)
                                         : pellucid_frame_evaluate(bare_store, &bare, text.at, text.size, out_value, &error);
    if (status == PELLUCID_OK)
        return true;
    if (error != NULL)
        pellucid_error_message(error, &message);
    else
        pellucid_status_name(status, &message);
    printf("'");
    print_shown(text.at, text.size);
    printf("'%s: %.*s\n", has_frame ? "" : " without a frame", (int)message.size, message.data);
    pellucid_error_delete(error);
    return false;
}

/* The same of what must be an integer. */
static bool evaluate_integer(struct text text, int64_t *out_number)
{
    pellucid_value_t value;
    if (!evaluate(text, &value))
        return false;
    *out_number = value.of.i64;
    if (value.kind == PELLUCID_I64)
        return true;
    printf("'");
    print_shown(text.at, text.size);
    printf("' is %.17g, but must be an integer\n", value.of.f64);
    return false;
}

/* The same of the expression that begins at `*at`, which is then behind it, and behind a comma. */
static bool read_integer(const char **at, int64_t *out_number)
{
    const char *begin = skip_blanks(*at), *end = end_of_expression(begin);
    *at = skip_blanks(end);
    *at = skip_blanks(*at + (**at == ','));
    return evaluate_integer((struct text){begin, (size_t)(end - begin)}, out_number);
}

/* Reads up to `most` numbers that aren't negative, as there are, and nothing more. The others stay as they are. */
static bool read_counts(const char *text, uint64_t *numbers, size_t most)
{
    for (text = skip_blanks(text); *text != 0 && most > 0; numbers++, most--) {
        int64_t number;
        if (!read_integer(&text, &number))
            return false;
        if (number < 0) {
            printf("%" PRId64 " is negative\n", number);
            return false;
        }
        *numbers = (uint64_t)number;
    }
    return is_end(text);
}

#endif
