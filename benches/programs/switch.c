/* A bytecode interpreter with one big switch: more than two hundred cases, so as many nested blocks around one br_table.
 * A stack machine without stack checks; its program is made by a generator and always ends. */
typedef unsigned char u8;
typedef unsigned int u32;

#define EXPORT __attribute__((visibility("default"), noinline))
#define NOINLINE __attribute__((noinline))

enum { LENGTH = 4096 };

static u8 code[LENGTH];
static u32 variables[32];

#define EACH_8(M, first) M((first)) M((first) + 1) M((first) + 2) M((first) + 3) M((first) + 4) M((first) + 5) M((first) + 6) M((first) + 7)
#define EACH_32(M, first) EACH_8(M, (first)) EACH_8(M, (first) + 8) EACH_8(M, (first) + 16) EACH_8(M, (first) + 24)

/* 0-31 load, 32-63 store, 64-95 add variable, 96-127 xor with rotated variable, 128-159 small constants, 160-191 multiply. */
#define LOAD(c) case c: *++top = variables[(c) & 31]; break;
#define STORE(c) case c: variables[(c) & 31] = *top--; if (top < stack) top = stack; break;
#define ADD(c) case c: *top += variables[(c) & 31] + (c); break;
#define XOR(c) case c: *top ^= variables[(c) & 31] << ((c) & 15) | variables[(c) & 31] >> (32 - ((c) & 15 ? (c) & 15 : 16)); break;
#define CONSTANT(c) case c: *++top = (c) - 100; break;
#define MULTIPLY(c) case c: *top = *top * (2 * (c) + 1) + 7; break;

NOINLINE static u32 interpret(u32 turns) {
    u32 stack[64] = {0}, *top = stack, next = 0;
    for (;;) {
        u32 operation = code[next++ % LENGTH];
        if (top > stack + 48) top = stack + 8;
        switch (operation) {
            EACH_32(LOAD, 0)
            EACH_32(STORE, 32)
            EACH_32(ADD, 64)
            EACH_32(XOR, 96)
            EACH_32(CONSTANT, 128)
            EACH_32(MULTIPLY, 160)
        case 192: *top = ~*top; break;
        case 193: *top = *top >> 3; break;
        case 194: *top = (u32)__builtin_popcount(*top); break;
        case 195: *top = (u32)__builtin_clz(*top | 1); break;
        case 196: if (top > stack) { top--; *top += top[1]; } break;
        case 197: if (top > stack) { top--; *top -= top[1]; } break;
        case 198: if (top > stack) { top--; *top &= top[1]; } break;
        case 199: if (top > stack) { top--; *top |= top[1]; } break;
        case 200: if (*top & 1) next += 2; break;
        case 201: next += 3; break;
        case 202: if (top > stack) { u32 kept = *top; *top = top[-1]; top[-1] = kept; } break;
        case 203: top[1] = *top; top++; break;
        case 204: *top = *top % 1000003u; break;
        case 205: *top = (u32)((int)*top >> 5); break;
        case 206: if (top > stack) { top--; *top = *top < top[1]; } break;
        case 207: variables[*top & 31]++; break;
        default: if (--turns == 0) return *top ^ variables[3]; break;
        }
    }
}

/* n turns of ten thousand. */
EXPORT long long run(int n) {
    u32 random = 4242;
    for (u32 i = 0; i < LENGTH; i++) {
        random = random * 1664525u + 1013904223u;
        code[i] = (u8)(random >> 16) % 212;
    }
    for (u32 i = 0; i < 32; i++) variables[i] = i * 2654435761u;
    u32 result = interpret((u32)n * 10000 + 1), check = 0;
    for (u32 i = 0; i < 32; i++) check = check * 31 + variables[i];
    return (long long)check << 31 ^ result;
}
