/* Floating point: planets, a matrix product and the Mandelbrot set. No imports, no libm. */

typedef unsigned long long u64;

#define NOINLINE __attribute__((noinline))
#define EXPORT __attribute__((visibility("default"), noinline))

enum { BODIES = 5, SIZE = 96, WIDTH = 160, HEIGHT = 120, MAX_STEPS = 250 };

typedef struct { double x, y, z, vx, vy, vz, mass; } Body;

static Body bodies[BODIES];
static double left[SIZE][SIZE], right[SIZE][SIZE], product[SIZE][SIZE];

static u64 mix(u64 hash, u64 value) { return (hash ^ value) * 0x9e3779b97f4a7c15ull; }

static u64 bits_of(double real) {
    u64 bits;
    __builtin_memcpy(&bits, &real, sizeof bits);
    return bits;
}

/* A heavy body at rest and light ones around it, on circular orbits tilted a little. */
NOINLINE static void place_bodies(void) {
    bodies[0] = (Body){.mass = 40.0};
    for (int i = 1; i < BODIES; i++) {
        double distance = 4.0 * i + 1.0, speed = __builtin_sqrt(40.0 / distance);
        bodies[i] = (Body){.x = distance, .z = 0.1 * i, .vy = speed, .vz = 0.01 * i, .mass = 0.03 / i};
    }
}

NOINLINE static void move_bodies(double step) {
    for (int i = 0; i < BODIES; i++) {
        Body *a = &bodies[i];
        for (int j = i + 1; j < BODIES; j++) {
            Body *b = &bodies[j];
            double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            double square = dx * dx + dy * dy + dz * dz, pull = step / (square * __builtin_sqrt(square));
            a->vx -= dx * b->mass * pull; a->vy -= dy * b->mass * pull; a->vz -= dz * b->mass * pull;
            b->vx += dx * a->mass * pull; b->vy += dy * a->mass * pull; b->vz += dz * a->mass * pull;
        }
    }
    for (int i = 0; i < BODIES; i++) {
        Body *a = &bodies[i];
        a->x += step * a->vx; a->y += step * a->vy; a->z += step * a->vz;
    }
}

NOINLINE static double total_energy(void) {
    double energy = 0;
    for (int i = 0; i < BODIES; i++) {
        Body *a = &bodies[i];
        energy += 0.5 * a->mass * (a->vx * a->vx + a->vy * a->vy + a->vz * a->vz);
        for (int j = i + 1; j < BODIES; j++) {
            Body *b = &bodies[j];
            double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            energy -= a->mass * b->mass / __builtin_sqrt(dx * dx + dy * dy + dz * dz);
        }
    }
    return energy;
}

NOINLINE static void multiply(void) {
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            double sum = 0;
            for (int k = 0; k < SIZE; k++) sum += left[i][k] * right[k][j];
            product[i][j] = sum;
        }
    }
}

/* Each round multiplies by the last product, scaled back to where the numbers stay small. */
NOINLINE static u64 matrix_rounds(int rounds) {
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            left[i][j] = (double)((i * 7 + j * 3) % 11) / 11.0;
            right[i][j] = (double)((i * 5 + j * 13) % 17) / 17.0;
        }
    }
    for (int round = 0; round < rounds; round++) {
        multiply();
        for (int i = 0; i < SIZE; i++) for (int j = 0; j < SIZE; j++) right[i][j] = product[j][i] / (product[i][i] + 1.0);
    }
    u64 hash = 0;
    for (int i = 0; i < SIZE; i++) for (int j = 0; j < SIZE; j++) hash = mix(hash, bits_of(right[i][j]));
    return hash;
}

NOINLINE static int escape_steps(double cx, double cy) {
    double x = 0, y = 0;
    int steps = 0;
    while (steps < MAX_STEPS && x * x + y * y < 4.0) {
        double next = x * x - y * y + cx;
        y = 2.0 * x * y + cy;
        x = next;
        steps++;
    }
    return steps;
}

NOINLINE static u64 mandelbrot(double zoom) {
    u64 hash = 0;
    for (int row = 0; row < HEIGHT; row++)
        for (int column = 0; column < WIDTH; column++)
            hash = mix(hash, (u64)escape_steps(-0.7 + (column - WIDTH / 2) * zoom / WIDTH, (row - HEIGHT / 2) * zoom / WIDTH));
    return hash;
}

/* n is in thousands of planet steps; the other two grow with it. Requires: n >= 0. */
EXPORT long long run(int n) {
    place_bodies();
    for (int i = 0; i < n * 1000; i++) move_bodies(0.001);
    u64 hash = mix(bits_of(total_energy()), matrix_rounds(n / 8));
    for (int i = 0; i < n / 40; i++) hash = mix(hash, mandelbrot(3.0 / (i + 1)));
    return (long long)(hash >> 1);
}
