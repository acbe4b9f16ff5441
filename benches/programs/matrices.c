/* Vectors of floats as a compiler makes them of plain loops: products of matrices, a stencil, a sum of squares, a polynomial. */
#include <stdint.h>

#define EXPORT __attribute__((visibility("default"), noinline))

enum { N = 96, CELLS = 4096 };

static float left[N][N], right[N][N], product[N][N];
static double cells[CELLS + 2], next_cells[CELLS + 2];
static int32_t numbers[CELLS];

static void multiply(void) {
    for (int row = 0; row < N; row++)
        for (int column = 0; column < N; column++) product[row][column] = 0;
    for (int row = 0; row < N; row++)
        for (int inner = 0; inner < N; inner++) {
            float factor = left[row][inner];
            for (int column = 0; column < N; column++) product[row][column] += factor * right[inner][column];
        }
}

static void diffuse(double rate) {
    for (int at = 1; at <= CELLS; at++) next_cells[at] = cells[at] + rate * (cells[at - 1] - 2 * cells[at] + cells[at + 1]);
    for (int at = 1; at <= CELLS; at++) cells[at] = next_cells[at];
}

static void bend(void) {
    for (int row = 0; row < N; row++)
        for (int column = 0; column < N; column++) {
            float x = product[row][column] * 0.5f;
            x = x < -1 ? -1 : x > 1 ? 1 : x;
            left[row][column] = x * (1 - x * x * (1.0f / 6 - x * x * (1.0f / 120)));
        }
}

static int64_t hash(int32_t salt) {
    int32_t sum = 0, most = INT32_MIN;
    for (int at = 0; at < CELLS; at++) {
        int32_t mixed = (numbers[at] ^ salt) * 40503 + (numbers[at] >> 7);
        numbers[at] = mixed;
        sum += mixed & 0xffff;
        most = mixed > most ? mixed : most;
    }
    return ((int64_t)sum << 32) ^ (uint32_t)most;
}

EXPORT int64_t run(int32_t rounds) {
    uint32_t seed = 11;
    for (int at = 0; at < N * N; at++) {
        seed = seed * 1664525u + 1013904223u;
        left[at / N][at % N] = (float)(int32_t)(seed >> 16) / 65536 - 0.5f;
        right[at / N][at % N] = (float)(int32_t)(seed & 0xffff) / 65536 - 0.5f;
    }
    for (int at = 0; at < CELLS; at++) {
        cells[at + 1] = at % 17;
        numbers[at] = at * 7919;
    }
    uint64_t result = 0;
    for (int32_t round = 0; round < rounds; round++) {
        multiply();
        bend();
        for (int step = 0; step < 10; step++) diffuse(0.125);
        result = result * 31 + (uint64_t)hash(round);
        double total = 0;
        for (int at = 0; at < N; at++) total += left[at][(at * 7) % N];
        result ^= (uint64_t)(int64_t)(total * 1e6 + cells[1 + (round * 37) % CELLS] * 1e9);
    }
    return (int64_t)result;
}
