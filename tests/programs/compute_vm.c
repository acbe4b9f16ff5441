/* Control flow: a bytecode interpreter (one br_table under deeply nested blocks), recursion, and calls through
 * a table of functions. No imports. */

typedef unsigned char u8;
typedef unsigned int u32;

#define NOINLINE __attribute__((noinline))
#define EXPORT __attribute__((visibility("default"), noinline))

/* Register machine: op, a, b, c, one byte each. Jumps hold their target instruction in c. */
enum {
    OP_HALT, OP_SET, OP_MOVE, OP_ADD, OP_SUB, OP_MUL, OP_AND, OP_OR, OP_XOR, OP_SHIFT_LEFT, OP_SHIFT_RIGHT, OP_ROTATE,
    OP_ADD_SMALL, OP_DIVIDE, OP_REMAINDER, OP_LOAD, OP_STORE, OP_NOT, OP_LESS, OP_EQUAL, OP_JUMP, OP_JUMP_IF, OP_JUMP_UNLESS,
    OP_MIN, OP_MAX, OP_COUNT_BITS
};

enum { REGISTERS = 16, WORDS = 256 };

static u32 registers[REGISTERS], words[WORDS];

/* for (i = 0; i < n; i++) by kind of i % 4; r0: n, r1: i, r2: accumulator, r3..r9: scratch. */
static const u8 program[][4] = {
    {OP_SET, 1, 0, 0}, {OP_SET, 2, 0, 17}, {OP_SET, 3, 0, 255}, {OP_SET, 9, 0, 4},
    /* 4: loop */
    {OP_LESS, 4, 1, 0}, {OP_JUMP_UNLESS, 4, 0, 33},
    {OP_AND, 5, 1, 3}, {OP_LOAD, 6, 5, 0}, {OP_REMAINDER, 7, 1, 9},
    {OP_SET, 8, 0, 1}, {OP_LESS, 4, 7, 8}, {OP_JUMP_IF, 4, 0, 18},
    {OP_EQUAL, 4, 7, 8}, {OP_JUMP_IF, 4, 0, 21},
    {OP_SET, 8, 0, 2}, {OP_EQUAL, 4, 7, 8}, {OP_JUMP_IF, 4, 0, 24}, {OP_JUMP, 0, 0, 27},
    /* 18: case 0 */ {OP_ADD, 2, 2, 6}, {OP_ROTATE, 2, 2, 5}, {OP_JUMP, 0, 0, 29},
    /* 21: case 1 */ {OP_XOR, 2, 2, 6}, {OP_SHIFT_LEFT, 6, 2, 3}, {OP_JUMP, 0, 0, 28},
    /* 24: case 2 */ {OP_MUL, 6, 2, 6}, {OP_COUNT_BITS, 8, 6, 0}, {OP_JUMP, 0, 0, 28},
    /* 27: case 3 */ {OP_DIVIDE, 6, 2, 9},
    /* 28 */ {OP_SUB, 2, 6, 2},
    /* 29: next */ {OP_MAX, 6, 2, 1}, {OP_STORE, 5, 6, 0}, {OP_ADD_SMALL, 1, 1, 1}, {OP_JUMP, 0, 0, 4},
    /* 33: end */ {OP_SHIFT_RIGHT, 6, 2, 7}, {OP_NOT, 6, 6, 0}, {OP_MIN, 7, 6, 2}, {OP_OR, 8, 7, 1}, {OP_XOR, 2, 2, 8},
    {OP_MOVE, 0, 2, 0}, {OP_HALT, 0, 0, 0},
};

NOINLINE static u32 interpret(u32 n) {
    u32 *r = registers, next = 0;
    r[0] = n;
    for (;;) {
        const u8 *code = program[next++];
        u32 a = code[1], b = r[code[2] % REGISTERS], c = r[code[3] % REGISTERS];
        switch (code[0]) {
        case OP_HALT: return r[0];
        case OP_SET: r[a] = code[3]; break;
        case OP_MOVE: r[a] = b; break;
        case OP_ADD: r[a] = b + c; break;
        case OP_SUB: r[a] = b - c; break;
        case OP_MUL: r[a] = b * c; break;
        case OP_AND: r[a] = b & c; break;
        case OP_OR: r[a] = b | c; break;
        case OP_XOR: r[a] = b ^ c; break;
        case OP_SHIFT_LEFT: r[a] = b << code[3]; break;
        case OP_SHIFT_RIGHT: r[a] = b >> code[3]; break;
        case OP_ROTATE: r[a] = b << code[3] | b >> (32 - code[3]); break;
        case OP_ADD_SMALL: r[a] = b + code[3]; break;
        case OP_DIVIDE: r[a] = b / c; break;
        case OP_REMAINDER: r[a] = b % c; break;
        case OP_LOAD: r[a] = words[b % WORDS]; break;
        case OP_STORE: words[r[a] % WORDS] = b; break;
        case OP_NOT: r[a] = ~b; break;
        case OP_LESS: r[a] = b < c; break;
        case OP_EQUAL: r[a] = b == c; break;
        case OP_JUMP: next = code[3]; break;
        case OP_JUMP_IF: if (r[a]) next = code[3]; break;
        case OP_JUMP_UNLESS: if (!r[a]) next = code[3]; break;
        case OP_MIN: r[a] = b < c ? b : c; break;
        case OP_MAX: r[a] = b > c ? b : c; break;
        case OP_COUNT_BITS: r[a] = (u32)__builtin_popcount(b); break;
        default: __builtin_trap();
        }
    }
}

NOINLINE static u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

NOINLINE static u32 ackermann(u32 m, u32 n) {
    if (m == 0) return n + 1;
    return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

typedef u32 Step(u32 state, u32 turn);

NOINLINE static u32 step_add(u32 state, u32 turn) { return state + turn; }
NOINLINE static u32 step_xor(u32 state, u32 turn) { return state ^ (turn << 3); }
NOINLINE static u32 step_rotate(u32 state, u32 turn) { return (state << 7 | state >> 25) + (turn & 1); }
NOINLINE static u32 step_multiply(u32 state, u32 turn) { return state * 2654435761u + turn; }
NOINLINE static u32 step_fold(u32 state, u32 turn) { return (state >> 16) ^ (state * 31) ^ turn; }
NOINLINE static u32 step_fib(u32 state, u32 turn) { return state + fib(turn % 6); }

static Step *const steps[] = {step_add, step_xor, step_rotate, step_multiply, step_fold, step_fib, step_xor, step_add};

NOINLINE static u32 call_steps(u32 turns) {
    u32 state = 1;
    for (u32 turn = 0; turn < turns; turn++) state = steps[(state ^ state >> 9) & 7](state, turn);
    return state;
}

/* n scales the loops: n thousand turns each of the interpreter and the table; fib and ackermann are fixed
 * but for n < 100, where they are small. Requires: n >= 0. */
EXPORT long long run(int n) {
    u32 small = n < 100;
    for (u32 i = 0; i < WORDS; i++) words[i] = i * 2246822519u;
    u32 a = interpret((u32)n * 1000), b = call_steps((u32)n * 1000), c = fib(small ? 15 : 32), d = ackermann(small ? 2 : 3, 8);
    return (long long)((((unsigned long long)a << 32 | b) ^ (unsigned long long)c << 17 ^ d) >> 1);
}
