/* A small scripting language in one freestanding file: lexer, Pratt parser, bytecode, stack machine.
 *
 * Values are nil, booleans, 64-bit integers (wrapping), doubles, strings, arrays, objects and functions.
 * Functions see their own locals and the globals; there are no closures. Strings are interned, so that
 * equal strings are the same pointer. Memory is a bump allocator at the end of linear memory; every
 * program starts with a fresh interpreter, and all it allocated is released when it ends.
 *
 *   source -> lex_next -> parse_statement / parse_expression -> emit_op -> vm_run -> env.print
 *
 * The only import is env.print(ptr, len). See README.md for the exports. */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

#define NOINLINE __attribute__((noinline))
#define EXPORT __attribute__((visibility("default"), noinline))

enum { MAX_LOCALS = 64, MAX_FRAMES = 200, MAX_STACK = 4096, MAX_NESTING = 100, MAX_OPERAND = 0xffff };

#define ARENA_LIMIT (64 << 20) /* bytes; a program that wants more traps */

#define EVAL_FAILED ((i64)(1ull << 63)) /* what eval returns after a reported error */

/* ---- Host and memory ------------------------------------------------------------------------------- */

#ifdef __wasm__
__attribute__((import_module("env"), import_name("print"))) void host_print(const char *text, int length);
extern u8 __heap_base;
#define ARENA_START ((u8 *)(((unsigned long)&__heap_base + 15) & ~15ul))

static int arena_reserve(u8 *end) {
    unsigned long have = __builtin_wasm_memory_size(0), need = ((unsigned long)end + 65535) >> 16;
    return need <= have || __builtin_wasm_memory_grow(0, need - have) != (unsigned long)-1;
}
#else
void host_print(const char *text, int length);
static u8 native_arena[ARENA_LIMIT] __attribute__((aligned(16)));
#define ARENA_START native_arena

static int arena_reserve(u8 *end) { (void)end; return 1; }
#endif

static u8 *arena_top;

/* Returns zeroed memory, aligned to 16. Traps when there is no more. */
NOINLINE static void *arena_alloc(int size) {
    if (!arena_top) arena_top = ARENA_START;
    if (size < 0 || size > ARENA_LIMIT - (arena_top - ARENA_START)) __builtin_trap();
    u8 *block = arena_top, *end = block + ((size + 15) & ~15);
    if (!arena_reserve(end)) __builtin_trap();
    arena_top = end;
    __builtin_memset(block, 0, (u32)size);
    return block;
}

/* Makes room for one more item; the old block stays behind in the arena. */
NOINLINE static void *grow_items(void *items, int count, int *capacity, int item_size) {
    if (count < *capacity) return items;
    *capacity = *capacity ? *capacity * 2 : 8;
    void *larger = arena_alloc(*capacity * item_size);
    if (count) __builtin_memcpy(larger, items, (u32)(count * item_size));
    return larger;
}

/* ---- Values ---------------------------------------------------------------------------------------- */

typedef enum {
    VALUE_NIL, VALUE_BOOL, VALUE_INT, VALUE_DOUBLE, VALUE_STRING, VALUE_ARRAY, VALUE_OBJECT,
    VALUE_FUNCTION, VALUE_NATIVE
} ValueKind;

typedef struct Vm Vm;
typedef struct Value Value;
typedef struct Array Array;
typedef struct Object Object;
typedef struct Function Function;
typedef void NativeFn(Vm *vm, Value *args, int argc, Value *result);

typedef struct String {
    u32 hash;
    int length;
    int global; /* index of the global variable of this name, plus one; 0: none */
    char chars[];
} String;

struct Value {
    ValueKind kind;
    union { i64 integer; double real; String *string; Array *array; Object *object; Function *function; NativeFn *native; };
};

struct Array { Value *items; int count, capacity; };

typedef struct { String *key; Value value; } Entry;
struct Object { Entry *entries; int count, capacity; };

struct Function {
    String *name;
    int arity;
    u8 *code;
    u16 *lines; /* parallel to code */
    int count, capacity, lines_capacity;
    Array constants;
};

typedef struct { Function *function; u8 *ip; Value *base; } Frame;
typedef struct { String *name; Value value; } Global;
typedef struct { char *chars; int count, capacity; } Text;

struct Vm {
    Value stack[MAX_STACK];
    Value *top;
    Frame frames[MAX_FRAMES];
    int frame_count;
    Value result; /* the last top-level expression */
    Global *globals;
    int global_count, global_capacity;
    String **strings; /* open addressing; the size is a power of two */
    int string_count, string_slots;
    int failed;
    u32 output_hash;
};

static Value nil_value(void) { return (Value){.kind = VALUE_NIL}; }
static Value bool_value(int truth) { return (Value){.kind = VALUE_BOOL, .integer = truth != 0}; }
static Value int_value(i64 integer) { return (Value){.kind = VALUE_INT, .integer = integer}; }
static Value double_value(double real) { return (Value){.kind = VALUE_DOUBLE, .real = real}; }
static Value string_value(String *string) { return (Value){.kind = VALUE_STRING, .string = string}; }
static int is_number(Value v) { return v.kind == VALUE_INT || v.kind == VALUE_DOUBLE; }
static double as_double(Value v) { return v.kind == VALUE_INT ? (double)v.integer : v.real; }
static int is_falsey(Value v) { return v.kind == VALUE_NIL || (v.kind == VALUE_BOOL && !v.integer); }

static u32 hash_bytes(u32 hash, const char *bytes, int length) { /* FNV-1a */
    for (int i = 0; i < length; i++) hash = (hash ^ (u8)bytes[i]) * 16777619u;
    return hash;
}

static int same_bytes(const char *a, const char *b, int length) {
    for (int i = 0; i < length; i++) if (a[i] != b[i]) return 0;
    return 1;
}

static int text_length(const char *text) {
    int length = 0;
    while (text[length]) length++;
    return length;
}

static void insert_string(Vm *vm, String *string) {
    u32 mask = (u32)vm->string_slots - 1, slot = string->hash & mask;
    while (vm->strings[slot]) slot = (slot + 1) & mask;
    vm->strings[slot] = string;
}

/* Returns the one String with these characters. */
NOINLINE static String *intern_string(Vm *vm, const char *chars, int length) {
    u32 hash = hash_bytes(2166136261u, chars, length);
    if (vm->string_count * 2 >= vm->string_slots) {
        String **old = vm->strings;
        int old_slots = vm->string_slots;
        vm->string_slots = old_slots ? old_slots * 2 : 64;
        vm->strings = arena_alloc(vm->string_slots * (int)sizeof *vm->strings);
        for (int i = 0; i < old_slots; i++) if (old[i]) insert_string(vm, old[i]);
    }
    u32 mask = (u32)vm->string_slots - 1;
    for (u32 slot = hash & mask; vm->strings[slot]; slot = (slot + 1) & mask) {
        String *found = vm->strings[slot];
        if (found->hash == hash && found->length == length && same_bytes(found->chars, chars, length)) return found;
    }
    String *string = arena_alloc((int)sizeof(String) + length + 1);
    string->hash = hash;
    string->length = length;
    if (length) __builtin_memcpy(string->chars, chars, (u32)length);
    insert_string(vm, string);
    vm->string_count++;
    return string;
}

static void array_push(Array *array, Value value) {
    array->items = grow_items(array->items, array->count, &array->capacity, sizeof(Value));
    array->items[array->count++] = value;
}

NOINLINE static Entry *object_find(Object *object, String *key) {
    for (int i = 0; i < object->count; i++) if (object->entries[i].key == key) return &object->entries[i];
    return 0;
}

static void object_set(Object *object, String *key, Value value) {
    Entry *entry = object_find(object, key);
    if (!entry) {
        object->entries = grow_items(object->entries, object->count, &object->capacity, sizeof(Entry));
        entry = &object->entries[object->count++];
        entry->key = key;
    }
    entry->value = value;
}

static int find_global(Vm *vm, String *name) {
    if (!name->global) {
        vm->globals = grow_items(vm->globals, vm->global_count, &vm->global_capacity, sizeof(Global));
        vm->globals[vm->global_count].name = name;
        name->global = ++vm->global_count;
    }
    return name->global - 1;
}

/* ---- Text and JSON --------------------------------------------------------------------------------- */

static void put_char(Text *text, char c) {
    text->chars = grow_items(text->chars, text->count, &text->capacity, 1);
    text->chars[text->count++] = c;
}

static void put_bytes(Text *text, const char *chars, int length) {
    for (int i = 0; i < length; i++) put_char(text, chars[i]);
}

static void put_text(Text *text, const char *chars) { put_bytes(text, chars, text_length(chars)); }

NOINLINE static void format_int(Text *text, i64 integer) {
    char digits[20];
    int count = 0;
    u64 rest = integer < 0 ? 0 - (u64)integer : (u64)integer;
    do digits[count++] = (char)('0' + rest % 10); while (rest /= 10);
    if (integer < 0) put_char(text, '-');
    while (count) put_char(text, digits[--count]);
}

/* Twelve significant digits, trailing zeros dropped; scientific outside 1e-5 .. 1e15. */
NOINLINE static void format_double(Text *text, double real) {
    if (real != real || real - real != 0) { put_text(text, "null"); return; } /* JSON has no nan, no infinity */
    if (real < 0) { put_char(text, '-'); real = -real; }
    int exponent = 0;
    if (real != 0) {
        while (real >= 10) { real /= 10; exponent++; }
        while (real < 1) { real *= 10; exponent--; }
    }
    u64 digits = (u64)(real * 1e11 + 0.5);
    if (digits >= 1000000000000ull) { digits /= 10; exponent++; }
    char shown[12];
    for (int i = 11; i >= 0; i--) { shown[i] = (char)('0' + digits % 10); digits /= 10; }
    int used = 12, scientific = exponent < -5 || exponent >= 15, point = scientific ? 0 : exponent;
    while (used > 1 && shown[used - 1] == '0') used--;
    if (point < 0) {
        put_text(text, "0.");
        for (int i = -1; i > point; i--) put_char(text, '0');
        put_bytes(text, shown, used);
    } else {
        for (int i = 0; i <= point; i++) put_char(text, i < used ? shown[i] : '0');
        put_char(text, '.');
        if (used > point + 1) put_bytes(text, shown + point + 1, used - point - 1); else put_char(text, '0');
    }
    if (scientific) { put_char(text, 'e'); format_int(text, exponent); }
}

NOINLINE static void json_write_string(Text *text, String *string) {
    put_char(text, '"');
    for (int i = 0; i < string->length; i++) {
        u8 c = (u8)string->chars[i];
        if (c == '\n') put_text(text, "\\n");
        else if (c == '\t') put_text(text, "\\t");
        else if (c < 0x20) { put_text(text, "\\u00"); put_char(text, "01"[c >> 4]); put_char(text, "0123456789abcdef"[c & 15]); }
        else { if (c == '"' || c == '\\') put_char(text, '\\'); put_char(text, (char)c); }
    }
    put_char(text, '"');
}

NOINLINE static void json_write_value(Text *text, Value value, int depth) {
    if (depth > MAX_NESTING) { put_text(text, "\"...\""); return; } /* an array may contain itself */
    switch (value.kind) {
    case VALUE_NIL: put_text(text, "null"); break;
    case VALUE_BOOL: put_text(text, value.integer ? "true" : "false"); break;
    case VALUE_INT: format_int(text, value.integer); break;
    case VALUE_DOUBLE: format_double(text, value.real); break;
    case VALUE_STRING: json_write_string(text, value.string); break;
    case VALUE_ARRAY:
        put_char(text, '[');
        for (int i = 0; i < value.array->count; i++) {
            if (i) put_char(text, ',');
            json_write_value(text, value.array->items[i], depth + 1);
        }
        put_char(text, ']');
        break;
    case VALUE_OBJECT:
        put_char(text, '{');
        for (int i = 0; i < value.object->count; i++) {
            if (i) put_char(text, ',');
            json_write_string(text, value.object->entries[i].key);
            put_char(text, ':');
            json_write_value(text, value.object->entries[i].value, depth + 1);
        }
        put_char(text, '}');
        break;
    case VALUE_FUNCTION:
        put_text(text, "\"<fn ");
        put_bytes(text, value.function->name->chars, value.function->name->length);
        put_text(text, ">\"");
        break;
    case VALUE_NATIVE: put_text(text, "\"<native>\""); break;
    }
}

/* A string as it is, anything else as JSON. */
static void display_value(Text *text, Value value) {
    if (value.kind == VALUE_STRING) put_bytes(text, value.string->chars, value.string->length);
    else json_write_value(text, value, 0);
}

NOINLINE static void print_line(Vm *vm, Text *text) {
    put_char(text, '\n');
    vm->output_hash = hash_bytes(vm->output_hash, text->chars, text->count);
    host_print(text->chars, text->count);
}

/* Reports the first error of a program; later ones are silent. */
NOINLINE static void report_error(Vm *vm, int line, const char *message) {
    if (vm->failed) return;
    vm->failed = 1;
    Text text = {0};
    put_text(&text, "error: line ");
    format_int(&text, line);
    put_text(&text, ": ");
    put_text(&text, message);
    print_line(vm, &text);
}

NOINLINE static void runtime_error(Vm *vm, const char *message) {
    Frame *frame = &vm->frames[vm->frame_count - 1];
    report_error(vm, frame->function->lines[frame->ip - frame->function->code - 1], message);
}

/* ---- Lexer ----------------------------------------------------------------------------------------- */

typedef enum {
    TOKEN_END, TOKEN_ERROR, TOKEN_NAME, TOKEN_INT, TOKEN_DOUBLE, TOKEN_STRING,
    TOKEN_LEFT_PAREN, TOKEN_RIGHT_PAREN, TOKEN_LEFT_BRACE, TOKEN_RIGHT_BRACE, TOKEN_LEFT_BRACKET, TOKEN_RIGHT_BRACKET,
    TOKEN_COMMA, TOKEN_DOT, TOKEN_COLON, TOKEN_SEMICOLON, TOKEN_PLUS, TOKEN_MINUS, TOKEN_STAR, TOKEN_SLASH, TOKEN_PERCENT,
    TOKEN_ASSIGN, TOKEN_EQUAL, TOKEN_BANG, TOKEN_NOT_EQUAL, TOKEN_LESS, TOKEN_LESS_EQUAL, TOKEN_GREATER, TOKEN_GREATER_EQUAL,
    TOKEN_AND, TOKEN_ELSE, TOKEN_FALSE, TOKEN_FN, TOKEN_FOR, TOKEN_IF, TOKEN_IN, TOKEN_LET, TOKEN_NIL, TOKEN_OR,
    TOKEN_RETURN, TOKEN_TRUE, TOKEN_WHILE, TOKEN_COUNT
} TokenKind;

typedef struct { TokenKind kind; const char *start; int length, line; } Token;
typedef struct { const char *next, *end; int line; } Lexer;

static const struct { const char *text; TokenKind kind; } keywords[] = {
    {"and", TOKEN_AND}, {"else", TOKEN_ELSE}, {"false", TOKEN_FALSE}, {"fn", TOKEN_FN}, {"for", TOKEN_FOR},
    {"if", TOKEN_IF}, {"in", TOKEN_IN}, {"let", TOKEN_LET}, {"nil", TOKEN_NIL}, {"or", TOKEN_OR},
    {"return", TOKEN_RETURN}, {"true", TOKEN_TRUE}, {"while", TOKEN_WHILE},
};

static int is_digit(char c) { return c >= '0' && c <= '9'; }
static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static char peek_char(Lexer *lexer) { return lexer->next < lexer->end ? *lexer->next : 0; }

static TokenKind either(Lexer *lexer, TokenKind with_equals, TokenKind alone) {
    if (peek_char(lexer) != '=') return alone;
    lexer->next++;
    return with_equals;
}

static void skip_blanks(Lexer *lexer) {
    for (; lexer->next < lexer->end; lexer->next++) {
        char c = *lexer->next;
        if (c == '#') while (lexer->next + 1 < lexer->end && lexer->next[1] != '\n') lexer->next++;
        else if (c == '\n') lexer->line++;
        else if (c != ' ' && c != '\t' && c != '\r') return;
    }
}

static TokenKind lex_number(Lexer *lexer) {
    TokenKind kind = TOKEN_INT;
    while (is_digit(peek_char(lexer))) lexer->next++;
    if (peek_char(lexer) == '.' && lexer->next + 1 < lexer->end && is_digit(lexer->next[1])) {
        kind = TOKEN_DOUBLE;
        lexer->next++;
        while (is_digit(peek_char(lexer))) lexer->next++;
    }
    if (peek_char(lexer) == 'e') {
        kind = TOKEN_DOUBLE;
        lexer->next++;
        if (peek_char(lexer) == '-') lexer->next++;
        if (!is_digit(peek_char(lexer))) return TOKEN_ERROR;
        while (is_digit(peek_char(lexer))) lexer->next++;
    }
    return kind;
}

static TokenKind lex_word(Lexer *lexer, const char *start) {
    while (is_letter(peek_char(lexer)) || is_digit(peek_char(lexer))) lexer->next++;
    int length = (int)(lexer->next - start);
    for (u32 i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (text_length(keywords[i].text) == length && same_bytes(keywords[i].text, start, length)) return keywords[i].kind;
    return TOKEN_NAME;
}

NOINLINE static void lex_next(Lexer *lexer, Token *token) {
    skip_blanks(lexer);
    token->start = lexer->next;
    token->line = lexer->line;
    token->kind = TOKEN_END;
    token->length = 0;
    if (lexer->next >= lexer->end) return;
    char c = *lexer->next++;
    switch (c) {
    case '(': token->kind = TOKEN_LEFT_PAREN; break;
    case ')': token->kind = TOKEN_RIGHT_PAREN; break;
    case '{': token->kind = TOKEN_LEFT_BRACE; break;
    case '}': token->kind = TOKEN_RIGHT_BRACE; break;
    case '[': token->kind = TOKEN_LEFT_BRACKET; break;
    case ']': token->kind = TOKEN_RIGHT_BRACKET; break;
    case ',': token->kind = TOKEN_COMMA; break;
    case '.': token->kind = TOKEN_DOT; break;
    case ':': token->kind = TOKEN_COLON; break;
    case ';': token->kind = TOKEN_SEMICOLON; break;
    case '+': token->kind = TOKEN_PLUS; break;
    case '-': token->kind = TOKEN_MINUS; break;
    case '*': token->kind = TOKEN_STAR; break;
    case '/': token->kind = TOKEN_SLASH; break;
    case '%': token->kind = TOKEN_PERCENT; break;
    case '=': token->kind = either(lexer, TOKEN_EQUAL, TOKEN_ASSIGN); break;
    case '!': token->kind = either(lexer, TOKEN_NOT_EQUAL, TOKEN_BANG); break;
    case '<': token->kind = either(lexer, TOKEN_LESS_EQUAL, TOKEN_LESS); break;
    case '>': token->kind = either(lexer, TOKEN_GREATER_EQUAL, TOKEN_GREATER); break;
    case '"':
        while (lexer->next < lexer->end && *lexer->next != '"' && *lexer->next != '\n')
            lexer->next += *lexer->next == '\\' && lexer->next + 1 < lexer->end ? 2 : 1;
        token->kind = peek_char(lexer) == '"' ? TOKEN_STRING : TOKEN_ERROR;
        if (token->kind == TOKEN_STRING) lexer->next++;
        break;
    default:
        token->kind = is_digit(c) ? lex_number(lexer) : is_letter(c) ? lex_word(lexer, token->start) : TOKEN_ERROR;
    }
    token->length = (int)(lexer->next - token->start);
}

/* ---- Parser: Pratt expressions, straight to bytecode ------------------------------------------------ */

/* Every operand is two bytes, low byte first; jump operands count from the byte after the operand. */
typedef enum {
    OP_CONSTANT, OP_NIL, OP_TRUE, OP_FALSE, OP_POP, OP_SET_RESULT,
    OP_GET_LOCAL, OP_SET_LOCAL, OP_GET_GLOBAL, OP_SET_GLOBAL,
    OP_ADD, OP_SUBTRACT, OP_MULTIPLY, OP_DIVIDE, OP_REMAINDER, OP_EQUAL, OP_NOT_EQUAL, OP_LESS, OP_LESS_EQUAL, OP_GREATER,
    OP_GREATER_EQUAL, OP_NEGATE, OP_NOT, OP_JUMP, OP_JUMP_IF_FALSE, OP_AND, OP_OR, OP_LOOP, OP_FOR_NEXT,
    OP_CALL, OP_RETURN, OP_MAKE_ARRAY, OP_MAKE_OBJECT, OP_GET_INDEX, OP_SET_INDEX
} Op;

typedef struct Scope {
    struct Scope *outer;
    Function *function;
    String *locals[MAX_LOCALS]; /* the place in here is the slot in the frame; slot 0 is the callee */
    int depths[MAX_LOCALS];
    int local_count, depth;
} Scope;

typedef struct { Vm *vm; Lexer lexer; Token token, previous; Scope *scope; int nesting; } Parser;

typedef enum { LEVEL_NONE, LEVEL_ASSIGN, LEVEL_OR, LEVEL_AND, LEVEL_EQUALITY, LEVEL_ORDER, LEVEL_SUM, LEVEL_PRODUCT, LEVEL_UNARY, LEVEL_CALL } Level;
typedef void ParseFn(Parser *p, int can_assign);
typedef struct { ParseFn *prefix, *infix; Level level; Op op; } Rule;
static const Rule rules[TOKEN_COUNT];

static void parse_statement(Parser *p);
static void parse_expression(Parser *p, Level level);

NOINLINE static void parse_error(Parser *p, const char *message) {
    report_error(p->vm, p->token.line, message);
    p->lexer.next = p->lexer.end; /* the rest of the parse sees only the end */
    p->token.kind = TOKEN_END;
}

static void advance(Parser *p) {
    p->previous = p->token;
    lex_next(&p->lexer, &p->token);
    if (p->token.kind == TOKEN_ERROR) parse_error(p, "bad token");
}

static int accept(Parser *p, TokenKind kind) {
    if (p->token.kind != kind) return 0;
    advance(p);
    return 1;
}

static void expect(Parser *p, TokenKind kind, const char *message) {
    if (!accept(p, kind)) parse_error(p, message);
}

static void emit_byte(Parser *p, u8 byte) {
    Function *f = p->scope->function;
    f->code = grow_items(f->code, f->count, &f->capacity, 1);
    f->lines = grow_items(f->lines, f->count, &f->lines_capacity, sizeof(u16));
    f->lines[f->count] = (u16)p->previous.line;
    f->code[f->count++] = byte;
}

NOINLINE static void emit_op(Parser *p, Op op) { emit_byte(p, (u8)op); }

/* Returns the offset of the operand. */
static int emit_with_operand(Parser *p, Op op, int operand) {
    if (operand > MAX_OPERAND) parse_error(p, "function too large");
    emit_op(p, op);
    emit_byte(p, (u8)operand);
    emit_byte(p, (u8)(operand >> 8));
    return p->scope->function->count - 2;
}

static void patch_jump(Parser *p, int at) {
    Function *f = p->scope->function;
    int distance = f->count - at - 2;
    if (distance > MAX_OPERAND) parse_error(p, "jump too long");
    f->code[at] = (u8)distance;
    f->code[at + 1] = (u8)(distance >> 8);
}

static void emit_loop(Parser *p, int start) { emit_with_operand(p, OP_LOOP, p->scope->function->count + 3 - start); }

static void emit_constant(Parser *p, Value value) {
    Array *constants = &p->scope->function->constants;
    array_push(constants, value);
    emit_with_operand(p, OP_CONSTANT, constants->count - 1);
}

static String *token_string(Parser *p) { return intern_string(p->vm, p->previous.start, p->previous.length); }

static void add_local(Parser *p, String *name) {
    Scope *scope = p->scope;
    if (scope->local_count == MAX_LOCALS) { parse_error(p, "too many locals"); return; }
    scope->locals[scope->local_count] = name;
    scope->depths[scope->local_count++] = scope->depth;
}

static void end_block(Parser *p) {
    Scope *scope = p->scope;
    scope->depth--;
    while (scope->local_count && scope->depths[scope->local_count - 1] > scope->depth) {
        emit_op(p, OP_POP);
        scope->local_count--;
    }
}

static void parse_block(Parser *p) {
    expect(p, TOKEN_LEFT_BRACE, "expected {");
    p->scope->depth++;
    while (p->token.kind != TOKEN_RIGHT_BRACE && p->token.kind != TOKEN_END) parse_statement(p);
    end_block(p);
    expect(p, TOKEN_RIGHT_BRACE, "expected }");
}

static void begin_scope(Parser *p, Scope *scope, String *name) {
    scope->outer = p->scope;
    scope->function = arena_alloc(sizeof(Function));
    scope->function->name = name;
    scope->local_count = scope->depth = 0;
    p->scope = scope;
    add_local(p, 0); /* the callee */
}

/* Parses parameters and body, and leaves the function as a constant. */
NOINLINE static void parse_function(Parser *p, String *name) {
    Scope scope;
    begin_scope(p, &scope, name);
    scope.depth = 1;
    expect(p, TOKEN_LEFT_PAREN, "expected (");
    while (p->token.kind == TOKEN_NAME) {
        advance(p);
        add_local(p, token_string(p));
        scope.function->arity++;
        if (!accept(p, TOKEN_COMMA)) break;
    }
    expect(p, TOKEN_RIGHT_PAREN, "expected )");
    parse_block(p);
    emit_op(p, OP_NIL);
    emit_op(p, OP_RETURN);
    p->scope = scope.outer;
    emit_constant(p, (Value){.kind = VALUE_FUNCTION, .function = scope.function});
}

static int parse_list(Parser *p, TokenKind close) {
    int count = 0;
    while (p->token.kind != close && p->token.kind != TOKEN_END) {
        parse_expression(p, LEVEL_ASSIGN);
        count++;
        if (!accept(p, TOKEN_COMMA)) break;
    }
    expect(p, close, "expected , or the end of the list");
    return count;
}

static void parse_integer(Parser *p, int can_assign) {
    (void)can_assign;
    u64 integer = 0;
    for (int i = 0; i < p->previous.length; i++) integer = integer * 10 + (u64)(p->previous.start[i] - '0');
    emit_constant(p, int_value((i64)integer));
}

static void parse_double(Parser *p, int can_assign) {
    (void)can_assign;
    const char *next = p->previous.start, *end = next + p->previous.length;
    double digits = 0, power = 1;
    int scale = 0, fraction = 0, exponent = 0, negative = 0;
    for (; next < end && *next != 'e'; next++) {
        if (*next == '.') { fraction = 1; continue; }
        digits = digits * 10 + (*next - '0');
        scale -= fraction;
    }
    if (next < end) next++;
    if (next < end && *next == '-') { negative = 1; next++; }
    for (; next < end && exponent < 1000; next++) exponent = exponent * 10 + (*next - '0');
    scale += negative ? -exponent : exponent;
    for (int i = scale < 0 ? -scale : scale; i > 0; i--) power *= 10;
    emit_constant(p, double_value(scale < 0 ? digits / power : digits * power));
}

static void parse_string(Parser *p, int can_assign) {
    (void)can_assign;
    Text text = {0};
    for (int i = 1; i < p->previous.length - 1; i++) {
        char c = p->previous.start[i];
        if (c == '\\') { c = p->previous.start[++i]; c = c == 'n' ? '\n' : c == 't' ? '\t' : c; }
        put_char(&text, c);
    }
    emit_constant(p, string_value(intern_string(p->vm, text.chars, text.count)));
}

static void parse_literal(Parser *p, int can_assign) {
    (void)can_assign;
    emit_op(p, rules[p->previous.kind].op);
}

NOINLINE static void parse_variable(Parser *p, int can_assign) {
    String *name = token_string(p);
    int slot = p->scope->local_count - 1;
    while (slot > 0 && p->scope->locals[slot] != name) slot--;
    Op get = slot > 0 ? OP_GET_LOCAL : OP_GET_GLOBAL, set = slot > 0 ? OP_SET_LOCAL : OP_SET_GLOBAL;
    if (slot <= 0) slot = find_global(p->vm, name);
    if (can_assign && accept(p, TOKEN_ASSIGN)) {
        parse_expression(p, LEVEL_ASSIGN);
        emit_with_operand(p, set, slot);
    } else {
        emit_with_operand(p, get, slot);
    }
}

static void parse_group(Parser *p, int can_assign) {
    (void)can_assign;
    parse_expression(p, LEVEL_ASSIGN);
    expect(p, TOKEN_RIGHT_PAREN, "expected )");
}

static void parse_unary(Parser *p, int can_assign) {
    (void)can_assign;
    Op op = p->previous.kind == TOKEN_MINUS ? OP_NEGATE : OP_NOT;
    parse_expression(p, LEVEL_UNARY);
    emit_op(p, op);
}

static void parse_binary(Parser *p, int can_assign) {
    (void)can_assign;
    const Rule *rule = &rules[p->previous.kind];
    parse_expression(p, rule->level + 1);
    emit_op(p, rule->op);
}

static void parse_logical(Parser *p, int can_assign) {
    (void)can_assign;
    const Rule *rule = &rules[p->previous.kind];
    int jump = emit_with_operand(p, rule->op, 0);
    parse_expression(p, rule->level + 1);
    patch_jump(p, jump);
}

static void parse_array(Parser *p, int can_assign) {
    (void)can_assign;
    emit_with_operand(p, OP_MAKE_ARRAY, parse_list(p, TOKEN_RIGHT_BRACKET));
}

static void parse_object(Parser *p, int can_assign) {
    (void)can_assign;
    int count = 0;
    while (p->token.kind == TOKEN_NAME) {
        advance(p);
        emit_constant(p, string_value(token_string(p)));
        expect(p, TOKEN_COLON, "expected :");
        parse_expression(p, LEVEL_ASSIGN);
        count++;
        if (!accept(p, TOKEN_COMMA)) break;
    }
    expect(p, TOKEN_RIGHT_BRACE, "expected }");
    emit_with_operand(p, OP_MAKE_OBJECT, count);
}

static void parse_lambda(Parser *p, int can_assign) {
    (void)can_assign;
    parse_function(p, intern_string(p->vm, "lambda", 6));
}

static void parse_call(Parser *p, int can_assign) {
    (void)can_assign;
    emit_with_operand(p, OP_CALL, parse_list(p, TOKEN_RIGHT_PAREN));
}

static void parse_index(Parser *p, int can_assign) {
    if (p->previous.kind == TOKEN_DOT) {
        expect(p, TOKEN_NAME, "expected a name");
        emit_constant(p, string_value(token_string(p)));
    } else {
        parse_expression(p, LEVEL_ASSIGN);
        expect(p, TOKEN_RIGHT_BRACKET, "expected ]");
    }
    int assigns = can_assign && accept(p, TOKEN_ASSIGN);
    if (assigns) parse_expression(p, LEVEL_ASSIGN);
    emit_op(p, assigns ? OP_SET_INDEX : OP_GET_INDEX);
}

static const Rule rules[TOKEN_COUNT] = {
    [TOKEN_NAME] = {.prefix = parse_variable},
    [TOKEN_INT] = {.prefix = parse_integer},
    [TOKEN_DOUBLE] = {.prefix = parse_double},
    [TOKEN_STRING] = {.prefix = parse_string},
    [TOKEN_NIL] = {.prefix = parse_literal, .op = OP_NIL},
    [TOKEN_TRUE] = {.prefix = parse_literal, .op = OP_TRUE},
    [TOKEN_FALSE] = {.prefix = parse_literal, .op = OP_FALSE},
    [TOKEN_FN] = {.prefix = parse_lambda},
    [TOKEN_BANG] = {.prefix = parse_unary},
    [TOKEN_LEFT_BRACE] = {.prefix = parse_object},
    [TOKEN_LEFT_PAREN] = {.prefix = parse_group, .infix = parse_call, .level = LEVEL_CALL},
    [TOKEN_LEFT_BRACKET] = {.prefix = parse_array, .infix = parse_index, .level = LEVEL_CALL},
    [TOKEN_DOT] = {.infix = parse_index, .level = LEVEL_CALL},
    [TOKEN_MINUS] = {parse_unary, parse_binary, LEVEL_SUM, OP_SUBTRACT},
    [TOKEN_PLUS] = {0, parse_binary, LEVEL_SUM, OP_ADD},
    [TOKEN_STAR] = {0, parse_binary, LEVEL_PRODUCT, OP_MULTIPLY},
    [TOKEN_SLASH] = {0, parse_binary, LEVEL_PRODUCT, OP_DIVIDE},
    [TOKEN_PERCENT] = {0, parse_binary, LEVEL_PRODUCT, OP_REMAINDER},
    [TOKEN_EQUAL] = {0, parse_binary, LEVEL_EQUALITY, OP_EQUAL},
    [TOKEN_NOT_EQUAL] = {0, parse_binary, LEVEL_EQUALITY, OP_NOT_EQUAL},
    [TOKEN_LESS] = {0, parse_binary, LEVEL_ORDER, OP_LESS},
    [TOKEN_LESS_EQUAL] = {0, parse_binary, LEVEL_ORDER, OP_LESS_EQUAL},
    [TOKEN_GREATER] = {0, parse_binary, LEVEL_ORDER, OP_GREATER},
    [TOKEN_GREATER_EQUAL] = {0, parse_binary, LEVEL_ORDER, OP_GREATER_EQUAL},
    [TOKEN_AND] = {0, parse_logical, LEVEL_AND, OP_AND},
    [TOKEN_OR] = {0, parse_logical, LEVEL_OR, OP_OR},
};

/* Parses one expression whose operators all bind at least as tightly as `level`. */
NOINLINE static void parse_expression(Parser *p, Level level) {
    advance(p);
    ParseFn *prefix = rules[p->previous.kind].prefix;
    if (!prefix || p->nesting >= MAX_NESTING) { parse_error(p, prefix ? "nested too deeply" : "expected an expression"); return; }
    p->nesting++;
    int can_assign = level == LEVEL_ASSIGN;
    prefix(p, can_assign);
    while (rules[p->token.kind].infix && rules[p->token.kind].level >= level) {
        advance(p);
        rules[p->previous.kind].infix(p, can_assign);
    }
    if (can_assign && p->token.kind == TOKEN_ASSIGN) parse_error(p, "cannot assign to this");
    p->nesting--;
}

static int at_top_level(Parser *p) { return !p->scope->outer && p->scope->depth == 0; }

/* Requires: the value is on top of the stack. There it stays if the name is a local. */
static void define_variable(Parser *p, String *name) {
    if (!at_top_level(p)) { add_local(p, name); return; }
    emit_with_operand(p, OP_SET_GLOBAL, find_global(p->vm, name));
    emit_op(p, OP_POP);
}

static void parse_if(Parser *p) {
    parse_expression(p, LEVEL_ASSIGN);
    int otherwise = emit_with_operand(p, OP_JUMP_IF_FALSE, 0);
    parse_block(p);
    if (accept(p, TOKEN_ELSE)) {
        int end = emit_with_operand(p, OP_JUMP, 0);
        patch_jump(p, otherwise);
        if (p->token.kind == TOKEN_IF) parse_statement(p); else parse_block(p);
        otherwise = end;
    }
    patch_jump(p, otherwise);
}

/* for NAME in COUNT|ARRAY { }: three locals, the sequence, the next position, the item. */
static void parse_for(Parser *p) {
    expect(p, TOKEN_NAME, "expected a name");
    String *name = token_string(p);
    expect(p, TOKEN_IN, "expected in");
    p->scope->depth++;
    parse_expression(p, LEVEL_ASSIGN);
    add_local(p, 0);
    int sequence = p->scope->local_count - 1;
    emit_constant(p, int_value(0));
    add_local(p, 0);
    emit_op(p, OP_NIL);
    add_local(p, name);
    int start = p->scope->function->count, end = 0;
    emit_with_operand(p, OP_FOR_NEXT, sequence);
    end = emit_with_operand(p, OP_JUMP_IF_FALSE, 0);
    parse_block(p);
    emit_loop(p, start);
    patch_jump(p, end);
    end_block(p);
}

NOINLINE static void parse_statement(Parser *p) {
    if (p->nesting >= MAX_NESTING) { parse_error(p, "nested too deeply"); return; }
    p->nesting++;
    if (accept(p, TOKEN_LET)) {
        expect(p, TOKEN_NAME, "expected a name");
        String *name = token_string(p);
        expect(p, TOKEN_ASSIGN, "expected =");
        parse_expression(p, LEVEL_ASSIGN);
        expect(p, TOKEN_SEMICOLON, "expected ;");
        define_variable(p, name);
    } else if (accept(p, TOKEN_FN)) {
        expect(p, TOKEN_NAME, "expected a name");
        String *name = token_string(p);
        parse_function(p, name);
        define_variable(p, name);
    } else if (accept(p, TOKEN_IF)) {
        parse_if(p);
    } else if (accept(p, TOKEN_WHILE)) {
        int start = p->scope->function->count;
        parse_expression(p, LEVEL_ASSIGN);
        int end = emit_with_operand(p, OP_JUMP_IF_FALSE, 0);
        parse_block(p);
        emit_loop(p, start);
        patch_jump(p, end);
    } else if (accept(p, TOKEN_FOR)) {
        parse_for(p);
    } else if (accept(p, TOKEN_RETURN)) {
        if (p->token.kind == TOKEN_SEMICOLON) emit_op(p, OP_NIL); else parse_expression(p, LEVEL_ASSIGN);
        expect(p, TOKEN_SEMICOLON, "expected ;");
        emit_op(p, OP_RETURN);
    } else if (p->token.kind == TOKEN_LEFT_BRACE) {
        parse_block(p);
    } else {
        parse_expression(p, LEVEL_ASSIGN);
        expect(p, TOKEN_SEMICOLON, "expected ;");
        emit_op(p, at_top_level(p) ? OP_SET_RESULT : OP_POP);
    }
    p->nesting--;
}

/* Returns the function that is the whole program; check vm->failed before calling it. */
NOINLINE static Function *compile_program(Vm *vm, const char *source, int length) {
    Parser parser = {.vm = vm, .lexer = {source, source + length, 1}};
    Scope scope;
    begin_scope(&parser, &scope, intern_string(vm, "program", 7));
    advance(&parser);
    while (parser.token.kind != TOKEN_END) parse_statement(&parser);
    emit_op(&parser, OP_NIL);
    emit_op(&parser, OP_RETURN);
    return scope.function;
}

/* ---- Machine --------------------------------------------------------------------------------------- */

static void vm_run(Vm *vm, int floor);

static void push(Vm *vm, Value value) {
    if (vm->top == vm->stack + MAX_STACK) { runtime_error(vm, "stack overflow"); return; }
    *vm->top++ = value;
}

static int values_equal(Value a, Value b) {
    if (is_number(a) && is_number(b) && a.kind != b.kind) return as_double(a) == as_double(b);
    if (a.kind != b.kind) return 0;
    if (a.kind == VALUE_NIL) return 1;
    return a.kind == VALUE_DOUBLE ? a.real == b.real : a.integer == b.integer;
}

NOINLINE static Value concatenate(Vm *vm, Value a, Value b) {
    Text text = {0};
    display_value(&text, a);
    display_value(&text, b);
    return string_value(intern_string(vm, text.chars, text.count));
}

NOINLINE static Value binary_int(Vm *vm, Op op, i64 a, i64 b) {
    switch (op) {
    case OP_ADD: return int_value((i64)((u64)a + (u64)b));
    case OP_SUBTRACT: return int_value((i64)((u64)a - (u64)b));
    case OP_MULTIPLY: return int_value((i64)((u64)a * (u64)b));
    case OP_LESS: return bool_value(a < b);
    case OP_LESS_EQUAL: return bool_value(a <= b);
    case OP_GREATER: return bool_value(a > b);
    case OP_GREATER_EQUAL: return bool_value(a >= b);
    default: break;
    }
    if (b == 0) { runtime_error(vm, "division by zero"); return nil_value(); }
    if (b == -1) return int_value(op == OP_DIVIDE ? (i64)(0 - (u64)a) : 0);
    return int_value(op == OP_DIVIDE ? a / b : a % b);
}

NOINLINE static Value binary_op(Vm *vm, Op op, Value a, Value b) {
    if (a.kind == VALUE_INT && b.kind == VALUE_INT) return binary_int(vm, op, a.integer, b.integer);
    if (op == OP_ADD && (a.kind == VALUE_STRING || b.kind == VALUE_STRING)) return concatenate(vm, a, b);
    if (is_number(a) && is_number(b)) {
        double x = as_double(a), y = as_double(b);
        switch (op) {
        case OP_ADD: return double_value(x + y);
        case OP_SUBTRACT: return double_value(x - y);
        case OP_MULTIPLY: return double_value(x * y);
        case OP_DIVIDE: return double_value(x / y);
        case OP_LESS: return bool_value(x < y);
        case OP_LESS_EQUAL: return bool_value(x <= y);
        case OP_GREATER: return bool_value(x > y);
        case OP_GREATER_EQUAL: return bool_value(x >= y);
        default: break;
        }
    }
    runtime_error(vm, "wrong types for this operator");
    return nil_value();
}

/* Returns the place of target[index], or null after reporting why there is none. */
NOINLINE static Value *index_place(Vm *vm, Value target, Value index, int create) {
    if (target.kind == VALUE_ARRAY && index.kind == VALUE_INT) {
        if (index.integer >= 0 && index.integer < target.array->count) return &target.array->items[index.integer];
        runtime_error(vm, "index out of range");
    } else if (target.kind == VALUE_OBJECT && index.kind == VALUE_STRING) {
        Entry *entry = object_find(target.object, index.string);
        if (!entry && create) {
            object_set(target.object, index.string, nil_value());
            entry = object_find(target.object, index.string);
        }
        if (entry) return &entry->value;
        runtime_error(vm, "no such key");
    } else {
        runtime_error(vm, "cannot index this");
    }
    return 0;
}

/* Calls the value below `argc` arguments. A function gets a frame, which vm_run then runs; a native is done
 * on return, its result in place of callee and arguments. */
NOINLINE static void call_function(Vm *vm, int argc) {
    Value *callee = vm->top - argc - 1;
    if (callee->kind == VALUE_FUNCTION) {
        Function *function = callee->function;
        if (argc != function->arity) { runtime_error(vm, "wrong number of arguments"); return; }
        if (vm->frame_count == MAX_FRAMES) { runtime_error(vm, "too many nested calls"); return; }
        vm->frames[vm->frame_count++] = (Frame){function, function->code, callee};
    } else if (callee->kind == VALUE_NATIVE) {
        Value result = nil_value();
        callee->native(vm, callee + 1, argc, &result);
        *callee = result;
        vm->top = callee + 1;
    } else {
        runtime_error(vm, "this is not a function");
    }
}

/* for: stores the next item and advances, or reports the end by returning false. */
NOINLINE static int for_next(Vm *vm, Value *slots) {
    Value *sequence = &slots[0], *position = &slots[1], *item = &slots[2];
    if (sequence->kind != VALUE_INT && sequence->kind != VALUE_ARRAY) { runtime_error(vm, "cannot go through this"); return 0; }
    i64 count = sequence->kind == VALUE_INT ? sequence->integer : sequence->array->count;
    if (position->integer >= count) return 0;
    *item = sequence->kind == VALUE_INT ? *position : sequence->array->items[position->integer];
    position->integer++;
    return 1;
}

static int read_operand(Frame *frame) {
    frame->ip += 2;
    return frame->ip[-2] | frame->ip[-1] << 8;
}

/* Runs until the frame count is back at `floor`, or until an error. */
NOINLINE static void vm_run(Vm *vm, int floor) {
    while (vm->frame_count > floor && !vm->failed) {
        Frame *frame = &vm->frames[vm->frame_count - 1];
        Op op = (Op)*frame->ip++;
        Value *top = vm->top, *place;
        int operand;
        switch (op) {
        case OP_CONSTANT: push(vm, frame->function->constants.items[read_operand(frame)]); break;
        case OP_NIL: push(vm, nil_value()); break;
        case OP_TRUE: push(vm, bool_value(1)); break;
        case OP_FALSE: push(vm, bool_value(0)); break;
        case OP_POP: vm->top--; break;
        case OP_SET_RESULT: vm->result = *--vm->top; break;
        case OP_GET_LOCAL: push(vm, frame->base[read_operand(frame)]); break;
        case OP_SET_LOCAL: frame->base[read_operand(frame)] = top[-1]; break;
        case OP_GET_GLOBAL: push(vm, vm->globals[read_operand(frame)].value); break;
        case OP_SET_GLOBAL: vm->globals[read_operand(frame)].value = top[-1]; break;
        case OP_ADD: case OP_SUBTRACT: case OP_MULTIPLY: case OP_DIVIDE: case OP_REMAINDER:
        case OP_LESS: case OP_LESS_EQUAL: case OP_GREATER: case OP_GREATER_EQUAL:
            top[-2] = binary_op(vm, op, top[-2], top[-1]);
            vm->top--;
            break;
        case OP_EQUAL: top[-2] = bool_value(values_equal(top[-2], top[-1])); vm->top--; break;
        case OP_NOT_EQUAL: top[-2] = bool_value(!values_equal(top[-2], top[-1])); vm->top--; break;
        case OP_NEGATE:
            if (top[-1].kind == VALUE_DOUBLE) top[-1].real = -top[-1].real;
            else top[-1] = binary_op(vm, OP_SUBTRACT, int_value(0), top[-1]);
            break;
        case OP_NOT: top[-1] = bool_value(is_falsey(top[-1])); break;
        case OP_JUMP: operand = read_operand(frame); frame->ip += operand; break;
        case OP_JUMP_IF_FALSE: operand = read_operand(frame); if (is_falsey(*--vm->top)) frame->ip += operand; break;
        case OP_AND: operand = read_operand(frame); if (is_falsey(top[-1])) frame->ip += operand; else vm->top--; break;
        case OP_OR: operand = read_operand(frame); if (is_falsey(top[-1])) vm->top--; else frame->ip += operand; break;
        case OP_LOOP: operand = read_operand(frame); frame->ip -= operand; break;
        case OP_FOR_NEXT: push(vm, bool_value(for_next(vm, frame->base + read_operand(frame)))); break;
        case OP_CALL: call_function(vm, read_operand(frame)); break;
        case OP_RETURN:
            *frame->base = top[-1];
            vm->top = frame->base + 1;
            vm->frame_count--;
            break;
        case OP_MAKE_ARRAY: {
            operand = read_operand(frame);
            Array *array = arena_alloc(sizeof(Array));
            for (int i = operand; i > 0; i--) array_push(array, top[-i]);
            vm->top -= operand;
            push(vm, (Value){.kind = VALUE_ARRAY, .array = array});
            break;
        }
        case OP_MAKE_OBJECT: {
            operand = read_operand(frame);
            Object *object = arena_alloc(sizeof(Object));
            for (int i = operand; i > 0; i--) object_set(object, top[-2 * i].string, top[1 - 2 * i]);
            vm->top -= 2 * operand;
            push(vm, (Value){.kind = VALUE_OBJECT, .object = object});
            break;
        }
        case OP_GET_INDEX:
            place = index_place(vm, top[-2], top[-1], 0);
            if (place) top[-2] = *place;
            vm->top--;
            break;
        case OP_SET_INDEX:
            place = index_place(vm, top[-3], top[-2], 1);
            if (place) *place = top[-1];
            top[-3] = top[-1];
            vm->top -= 2;
            break;
        }
    }
}

/* ---- Natives --------------------------------------------------------------------------------------- */

static int check_args(Vm *vm, Value *args, int argc, int count, ValueKind first) {
    if (argc == count && (first == VALUE_NIL || args[0].kind == first)) return 1;
    runtime_error(vm, "wrong arguments for this native");
    return 0;
}

static void native_print(Vm *vm, Value *args, int argc, Value *result) {
    (void)result;
    Text text = {0};
    for (int i = 0; i < argc; i++) {
        if (i) put_char(&text, ' ');
        display_value(&text, args[i]);
    }
    print_line(vm, &text);
}

static void native_json(Vm *vm, Value *args, int argc, Value *result) {
    if (!check_args(vm, args, argc, 1, VALUE_NIL)) return;
    Text text = {0};
    json_write_value(&text, args[0], 0);
    *result = string_value(intern_string(vm, text.chars, text.count));
}

static int length_of(Value value) {
    return value.kind == VALUE_STRING ? value.string->length : value.kind == VALUE_ARRAY ? value.array->count
         : value.kind == VALUE_OBJECT ? value.object->count : 0;
}

static void native_len(Vm *vm, Value *args, int argc, Value *result) {
    if (check_args(vm, args, argc, 1, VALUE_NIL)) *result = int_value(length_of(args[0]));
}

static void native_push(Vm *vm, Value *args, int argc, Value *result) {
    if (!check_args(vm, args, argc, 2, VALUE_ARRAY)) return;
    array_push(args[0].array, args[1]);
    *result = args[0];
}

static void native_sqrt(Vm *vm, Value *args, int argc, Value *result) {
    if (argc == 1 && is_number(args[0])) *result = double_value(__builtin_sqrt(as_double(args[0])));
    else check_args(vm, args, argc, 1, VALUE_DOUBLE);
}

static void native_map(Vm *vm, Value *args, int argc, Value *result) {
    if (!check_args(vm, args, argc, 2, VALUE_ARRAY)) return;
    Array *mapped = arena_alloc(sizeof(Array));
    for (int i = 0; i < args[0].array->count && !vm->failed; i++) {
        int floor = vm->frame_count;
        push(vm, args[1]);
        push(vm, args[0].array->items[i]);
        if (!vm->failed) call_function(vm, 1);
        vm_run(vm, floor);
        array_push(mapped, *--vm->top);
    }
    *result = (Value){.kind = VALUE_ARRAY, .array = mapped};
}

static const struct { const char *name; NativeFn *native; } natives[] = {
    {"print", native_print}, {"json", native_json}, {"len", native_len},
    {"push", native_push}, {"sqrt", native_sqrt}, {"map", native_map},
};

/* ---- Entries --------------------------------------------------------------------------------------- */

NOINLINE static Vm *vm_new(void) {
    Vm *vm = arena_alloc(sizeof(Vm));
    vm->top = vm->stack;
    vm->output_hash = 2166136261u;
    for (u32 i = 0; i < sizeof natives / sizeof *natives; i++) {
        int global = find_global(vm, intern_string(vm, natives[i].name, text_length(natives[i].name)));
        vm->globals[global].value = (Value){.kind = VALUE_NATIVE, .native = natives[i].native};
    }
    return vm;
}

static i64 result_number(Value value) {
    if (value.kind == VALUE_BOOL || value.kind == VALUE_INT) return value.integer;
    if (value.kind != VALUE_DOUBLE) return length_of(value);
    if (!(value.real > -9.2e18 && value.real < 9.2e18)) return 0;
    return (i64)value.real;
}

/* Runs a program in an interpreter of its own. The hash is of all it printed. */
NOINLINE static i64 run_source(const char *source, int length, u32 *output_hash) {
    if (!arena_top) arena_top = ARENA_START;
    u8 *mark = arena_top;
    Vm *vm = vm_new();
    Function *program = compile_program(vm, source, length);
    if (!vm->failed) {
        push(vm, (Value){.kind = VALUE_FUNCTION, .function = program});
        vm->frames[vm->frame_count++] = (Frame){program, program->code, vm->stack};
        vm_run(vm, 0);
    }
    i64 number = vm->failed ? EVAL_FAILED : result_number(vm->result);
    *output_hash = vm->output_hash;
    arena_top = mark;
    return number;
}

static const char demo_source[] =
    "# What the language can do, in one screen.\n"
    "fn fib(n) { if n < 2 { return n; } return fib(n - 1) + fib(n - 2); }\n"
    "print(\"fib(20) =\", fib(20));\n"
    "\n"
    "fn primes(limit) {\n"
    "  let found = [];\n"
    "  let n = 2;\n"
    "  while n < limit {\n"
    "    let prime = true;\n"
    "    for p in found {\n"
    "      if prime and p * p <= n and n % p == 0 { prime = false; }\n"
    "    }\n"
    "    if prime { push(found, n); }\n"
    "    n = n + 1;\n"
    "  }\n"
    "  return found;\n"
    "}\n"
    "let ps = primes(50);\n"
    "print(\"primes:\", ps, \"count\", len(ps));\n"
    "\n"
    "fn sort(xs) {\n"
    "  for i in len(xs) {\n"
    "    let j = i;\n"
    "    while j > 0 and xs[j - 1] > xs[j] {\n"
    "      let t = xs[j]; xs[j] = xs[j - 1]; xs[j - 1] = t;\n"
    "      j = j - 1;\n"
    "    }\n"
    "  }\n"
    "  return xs;\n"
    "}\n"
    "let seed = 42;\n"
    "fn random(limit) { seed = (seed * 1103515245 + 12345) % 2147483648; return seed / 65536 % limit; }\n"
    "let xs = [];\n"
    "for i in 12 { push(xs, random(100)); }\n"
    "print(\"sorted:\", sort(xs));\n"
    "\n"
    "fn distance(a, b) { let dx = a.x - b.x; let dy = a.y - b.y; return sqrt(dx * dx + dy * dy); }\n"
    "let here = {x: 0.5, y: 1};\n"
    "let there = {x: 3.5, y: 5};\n"
    "print(\"distance:\", distance(here, there), \"third:\", 1.0 / 3, \"big:\", 6.02214076e23, \"small:\", 1.5e-7);\n"
    "\n"
    "let roots = map([1, 2, 4, 10], fn(n) { return sqrt(n); });\n"
    "let record = {name: \"say \\\"hi\\\"\\n\", roots: roots, nested: [[], {}, [nil, true, -7]], here: here};\n"
    "record.points = len(record.nested) + 0.5;\n"
    "record.nested[0] = primes;\n"
    "print(record);\n"
    "print(\"json again: \" + json(json([\"a\", 1])));\n"
    "\n"
    "fn mandelbrot(row) {\n"
    "  let line = \"\";\n"
    "  for column in 48 {\n"
    "    let cx = column / 20.0 - 1.9; let cy = row / 5.0 - 1;\n"
    "    let x = 0.0; let y = 0.0; let steps = 0;\n"
    "    while steps < 40 and x * x + y * y < 4 {\n"
    "      let next = x * x - y * y + cx;\n"
    "      y = 2 * x * y + cy; x = next; steps = steps + 1;\n"
    "    }\n"
    "    if steps == 40 { line = line + \"#\"; } else if steps > 6 { line = line + \"+\"; } else { line = line + \".\"; }\n"
    "  }\n"
    "  return line;\n"
    "}\n"
    "for row in 11 { print(mandelbrot(row)); }\n"
    "len(ps) * 1000 + xs[11];\n";

/* Runs the built-in program. Returns the FNV-1a hash of everything it printed. */
EXPORT int run_demo(void) {
    u32 hash;
    run_source(demo_source, (int)sizeof demo_source - 1, &hash);
    return (int)hash;
}

/* Runs the program at `source`. Returns its last top-level expression as a number (booleans 0 or 1, doubles
 * truncated, strings, arrays and objects by length, all else 0), or the smallest i64 after printing an error. */
EXPORT i64 eval(const char *source, int length) {
    u32 hash;
    return run_source(source, length, &hash);
}

/* Returns zeroed memory that the host may keep for good. */
EXPORT void *alloc(int size) { return arena_alloc(size); }
