/* What both programs need: the module's bytes, a clock, and saying what was measured. */
#ifndef CALLS_H
#define CALLS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CALLS = 1000000, ROUNDS = 5 };

static inline void must(int is_fine, const char *what)
{
    if (is_fine)
        return;
    fprintf(stderr, "%s went wrong\n", what);
    exit(1);
}

static inline uint8_t *read_file(const char *path, size_t *out_size)
{
    FILE *file = fopen(path, "rb");
    must(file != NULL, path);
    uint8_t *bytes = malloc(1 << 16);
    *out_size = fread(bytes, 1, 1 << 16, file);
    fclose(file);
    return bytes;
}

/* Nanoseconds of this thread. */
static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Runs STATEMENT, which makes CALLS calls, ROUNDS times, and prints the least nanoseconds of a call. */
#define MEASURE(NAME, STATEMENT)                                                                                        \
    do {                                                                                                                \
        double least = 1e18;                                                                                            \
        for (int round = 0; round < ROUNDS; round++) {                                                                  \
            double start = now();                                                                                       \
            STATEMENT;                                                                                                  \
            double taken = (now() - start) / CALLS;                                                                     \
            least = taken < least ? taken : least;                                                                      \
        }                                                                                                               \
        printf("%s\t%.3f\n", NAME, least);                                                                              \
    } while (0)

#endif
