/* Vectors of integers by hand: grey values, blending with saturation, a blur by widening products, a search by comparing bytes, counted
 * bits. */
#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT __attribute__((visibility("default"), noinline))

enum { WIDTH = 512, HEIGHT = 128, SIZE = WIDTH * HEIGHT };

static uint8_t colours[4 * SIZE + 16], grey[SIZE + 16], blurred[SIZE + 16], mixed[SIZE + 16];

static void fill(uint32_t seed) {
    for (int at = 0; at < 4 * SIZE; at++) {
        seed = seed * 1664525u + 1013904223u;
        colours[at] = (uint8_t)(seed >> 24);
    }
}

/* Sixteen pixels of four bytes each to sixteen grey values: weights 77, 150, 29 of 256. */
static void to_grey(void) {
    const v128_t weights = wasm_i16x8_make(77, 150, 29, 0, 77, 150, 29, 0);
    for (int at = 0; at < SIZE; at += 4) {
        v128_t four = wasm_v128_load(colours + 4 * at);
        v128_t low = wasm_i32x4_dot_i16x8(wasm_u16x8_extend_low_u8x16(four), weights);
        v128_t high = wasm_i32x4_dot_i16x8(wasm_u16x8_extend_high_u8x16(four), weights);
        v128_t sums = wasm_i32x4_add(wasm_i32x4_shuffle(low, high, 0, 2, 4, 6), wasm_i32x4_shuffle(low, high, 1, 3, 5, 7));
        v128_t bytes = wasm_i8x16_swizzle(wasm_u32x4_shr(sums, 8), wasm_i8x16_make(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
        wasm_v128_store32_lane(grey + at, bytes, 0);
    }
}

/* Each pixel with its four neighbours: (4 of it + 1 of each + 4) / 8. */
static void blur(void) {
    for (int row = 1; row < HEIGHT - 1; row++) {
        for (int column = 16; column < WIDTH - 16; column += 16) {
            const uint8_t *at = grey + row * WIDTH + column;
            v128_t here = wasm_v128_load(at), left = wasm_v128_load(at - 1), right = wasm_v128_load(at + 1);
            v128_t above = wasm_v128_load(at - WIDTH), below = wasm_v128_load(at + WIDTH);
            v128_t four = wasm_u8x16_splat(4), eight = wasm_i16x8_splat(4);
            v128_t low = wasm_i16x8_add(wasm_u16x8_extmul_low_u8x16(here, four), eight);
            v128_t high = wasm_i16x8_add(wasm_u16x8_extmul_high_u8x16(here, four), eight);
            v128_t around[] = {left, right, above, below};
            for (int side = 0; side < 4; side++) {
                low = wasm_i16x8_add(low, wasm_u16x8_extend_low_u8x16(around[side]));
                high = wasm_i16x8_add(high, wasm_u16x8_extend_high_u8x16(around[side]));
            }
            wasm_v128_store(blurred + row * WIDTH + column, wasm_u8x16_narrow_i16x8(wasm_u16x8_shr(low, 3), wasm_u16x8_shr(high, 3)));
        }
    }
}

/* Brightens, darkens, and takes the larger where a mask says so. */
static void mix(uint8_t more, uint8_t less) {
    for (int at = 0; at < SIZE; at += 16) {
        v128_t one = wasm_u8x16_add_sat(wasm_v128_load(grey + at), wasm_u8x16_splat(more));
        v128_t other = wasm_u8x16_sub_sat(wasm_v128_load(blurred + at), wasm_u8x16_splat(less));
        v128_t mask = wasm_u8x16_gt(one, other);
        v128_t chosen = wasm_v128_bitselect(wasm_u8x16_avgr(one, other), wasm_u8x16_max(one, other), mask);
        wasm_v128_store(mixed + at, wasm_v128_xor(chosen, wasm_i8x16_shl(other, 1)));
    }
}

/* How often the value stands there, and where it does first. */
static uint32_t search(uint8_t value) {
    uint32_t count = 0, first = SIZE;
    for (int at = 0; at < SIZE; at += 16) {
        v128_t found = wasm_i8x16_eq(wasm_v128_load(mixed + at), wasm_u8x16_splat(value));
        if (!wasm_v128_any_true(found)) continue;
        uint32_t mask = wasm_i8x16_bitmask(found);
        if (first == SIZE) first = (uint32_t)at + (uint32_t)__builtin_ctz(mask);
        count += (uint32_t)__builtin_popcount(mask);
    }
    return count * 31 + first;
}

static uint64_t sum(void) {
    v128_t sums = wasm_i64x2_splat(0), bits = wasm_i32x4_splat(0);
    for (int at = 0; at < SIZE; at += 16) {
        v128_t bytes = wasm_v128_load(mixed + at);
        v128_t words = wasm_u32x4_extadd_pairwise_u16x8(wasm_u16x8_extadd_pairwise_u8x16(bytes));
        sums = wasm_i64x2_add(wasm_i64x2_mul(sums, wasm_i64x2_splat(3)), wasm_u64x2_extend_low_u32x4(words));
        sums = wasm_i64x2_add(sums, wasm_u64x2_extend_high_u32x4(words));
        bits = wasm_i32x4_add(bits, wasm_u32x4_extadd_pairwise_u16x8(wasm_u16x8_extadd_pairwise_u8x16(wasm_i8x16_popcnt(bytes))));
    }
    bits = wasm_i32x4_add(bits, wasm_i32x4_shuffle(bits, bits, 2, 3, 0, 1));
    return (uint64_t)wasm_i64x2_extract_lane(sums, 0) ^ (uint64_t)wasm_i64x2_extract_lane(sums, 1) ^
           ((uint64_t)(uint32_t)(wasm_i32x4_extract_lane(bits, 0) + wasm_i32x4_extract_lane(bits, 1)) << 32);
}

EXPORT int64_t run(int32_t rounds) {
    uint64_t result = 0;
    fill(7);
    for (int32_t round = 0; round < rounds; round++) {
        colours[round % (4 * SIZE)] ^= (uint8_t)round;
        to_grey();
        blur();
        mix((uint8_t)(round * 7), (uint8_t)(round * 5));
        result = result * 1000003u + search((uint8_t)round) + sum();
    }
    return (int64_t)result;
}
