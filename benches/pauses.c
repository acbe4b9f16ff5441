/* `make pauses`: how long collections hold a guest up that has 64 MiB of objects, replaces some of them in each frame and makes
 * twice as many that it forgets. A frame is made of short calls; what one takes beyond their median, if it is 50 microseconds or
 * more, is a pause. Once with a host that gives the collector a millisecond behind each frame, whose own times are shown too,
 * once with one that doesn't.
 *
 *   build/pauses [FRAMES] [PLOT.svg]
 */
#include "must.h"
#include "pellucid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CALLS_A_FRAME = 50, STEP_MICROSECONDS = 1000, BUCKETS = 16 };

/* 90112 trees of 31 nodes of 24 bytes each. */
static const char *const text =
    "(module"
    "  (type $tree (struct (field (ref null $tree)) (field (ref null $tree)) (field i64)))"
    "  (type $table (array (mut (ref null $tree))))"
    "  (global $table (mut (ref null $table)) (ref.null $table))"
    "  (global $random (mut i32) (i32.const 1))"
    "  (func $make (param $depth i32) (result (ref $tree))"
    "    (if (result (ref $tree)) (local.get $depth)"
    "      (then"
    "        (struct.new $tree"
    "          (call $make (i32.sub (local.get $depth) (i32.const 1)))"
    "          (call $make (i32.sub (local.get $depth) (i32.const 1)))"
    "          (i64.const 1)))"
    "      (else (struct.new $tree (ref.null $tree) (ref.null $tree) (i64.const 1)))))"
    "  (func (export \"fill\") (local $i i32)"
    "    (global.set $table (array.new_default $table (i32.const 90112)))"
    "    (loop $next"
    "      (array.set $table (global.get $table) (local.get $i) (call $make (i32.const 4)))"
    "      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 90112)))))"
    "  (func (export \"work\") (local $n i32)"
    "    (local.set $n (i32.const 20))"
    "    (loop $next"
    "      (global.set $random"
    "        (i32.add (i32.mul (global.get $random) (i32.const 1664525)) (i32.const 1013904223)))"
    "      (array.set $table (global.get $table)"
    "        (i32.rem_u (i32.shr_u (global.get $random) (i32.const 8)) (i32.const 90112)) (call $make (i32.const 4)))"
    "      (drop (call $make (i32.const 4)))"
    "      (drop (call $make (i32.const 4)))"
    "      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))";

/* What this thread has computed, so that other programs don't count. */
static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The first bucket ends at a microsecond, each other one at twice as much. */
static size_t bucket_of(double microseconds)
{
    size_t bucket = 0;
    for (double end = 1; bucket + 1 < BUCKETS && microseconds > end; end *= 2)
        bucket++;
    return bucket;
}

struct series {
    const char *name;
    double *times;
    size_t count;
    size_t buckets[BUCKETS];
};

/* Counts what is longer than `beyond` by `least` or more, by what it is longer. */
static void summarize(struct series *series, double beyond, double least)
{
    size_t kept = 0;
    double sum = 0;
    for (size_t i = 0; i < series->count; i++) {
        double pause = series->times[i] - beyond;
        if (pause < least)
            continue;
        series->times[kept++] = pause;
        series->buckets[bucket_of(pause)]++;
        sum += pause;
    }
    series->count = kept;
    if (kept == 0) {
        printf("%s: none\n", series->name);
        return;
    }
    qsort(series->times, kept, sizeof *series->times, compare);
    printf("%s: %zu, in microseconds: median %.0f, 90%% %.0f, 99%% %.0f, 99.9%% %.0f, longest %.0f, sum %.0f\n", series->name, kept,
           series->times[kept / 2], series->times[kept * 9 / 10], series->times[kept * 99 / 100],
           series->times[kept * 999 / 1000], series->times[kept - 1], sum);
    for (size_t bucket = 0; bucket < BUCKETS; bucket++)
        if (series->buckets[bucket] != 0)
            printf("  up to %6d us: %zu\n", 1 << bucket, series->buckets[bucket]);
}

/* Bars of three histograms side by side, counts on a logarithmic scale. */
static void plot(const char *path, const struct series *all, size_t n)
{
    static const char *const colours[] = {"#c44", "#48c", "#4a6"};
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    fprintf(file, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 700 320\" font-family=\"sans-serif\" font-size=\"11\">\n"
                  "<rect width=\"700\" height=\"320\" fill=\"white\"/>\n");
    for (size_t s = 0; s < n; s++) {
        fprintf(file, "<text x=\"60\" y=\"%zu\" fill=\"%s\">%s</text>\n", 20 + 14 * s, colours[s], all[s].name);
        for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
            double height = 0;
            for (double count = (double)all[s].buckets[bucket]; count >= 1; count /= 2)
                height += count >= 2 ? 14 : 14 * (count - 1) + 2;
            if (height > 0)
                fprintf(file, "<rect x=\"%zu\" y=\"%.1f\" width=\"11\" height=\"%.1f\" fill=\"%s\"><title>%zu</title></rect>\n",
                        40 + 40 * bucket + 12 * s, 290 - height, height, colours[s], all[s].buckets[bucket]);
        }
    }
    for (size_t bucket = 0; bucket < BUCKETS; bucket++)
        fprintf(file, "<text x=\"%zu\" y=\"304\">%d</text>\n", 44 + 40 * bucket, 1 << bucket);
    fprintf(file, "<text x=\"300\" y=\"317\">microseconds, at most</text>\n</svg>\n");
    fclose(file);
}

int main(int argc, char **argv)
{
    size_t frames = argc > 1 ? strtoul(argv[1], NULL, 10) : 3000;
    struct series all[3] = {{.name = "pauses, the host gives time behind each frame"},
                            {.name = "the times that it gives"},
                            {.name = "pauses, the host gives none"}};
    for (size_t s = 0; s < 3; s++) {
        all[s].count = s == 1 ? frames : frames * CALLS_A_FRAME;
        all[s].times = calloc(all[s].count, sizeof(double));
        if (all[s].times == NULL)
            return 1;
    }
    for (int gives = 1; gives >= 0; gives--) {
        pellucid_engine_t *engine;
        pellucid_store_t *store;
        pellucid_module_t *module;
        pellucid_instance_t instance;
        pellucid_extern_t fill, work;
        MUST(pellucid_engine_new(NULL, &engine, NULL));
        MUST(pellucid_module_new_text(engine, text, strlen(text), &module, NULL));
        MUST(pellucid_store_new(engine, NULL, NULL, &store, NULL));
        MUST(pellucid_instance_new(store, module, NULL, 0, &instance, NULL));
        MUST(pellucid_instance_export(store, &instance, "fill", 4, &fill));
        MUST(pellucid_instance_export(store, &instance, "work", 4, &work));
        MUST(pellucid_func_call(store, &fill.of.func, NULL, 0, NULL, 0, NULL));
        double *times = all[gives ? 0 : 2].times, start = now();
        for (size_t frame = 0; frame < frames; frame++) {
            for (size_t call = 0; call < CALLS_A_FRAME; call++) {
                double before = now();
                MUST(pellucid_func_call(store, &work.of.func, NULL, 0, NULL, 0, NULL));
                times[frame * CALLS_A_FRAME + call] = now() - before;
            }
            if (gives) {
                double before = now();
                MUST(pellucid_store_gc_step(store, STEP_MICROSECONDS, NULL));
                all[1].times[frame] = now() - before;
            }
        }
        printf("%zu frames, time %s: %.0f ms\n", frames, gives ? "given" : "not given", (now() - start) / 1e3);
        pellucid_store_delete(store);
        pellucid_module_delete(module);
        pellucid_engine_delete(engine);
    }
    for (size_t s = 0; s < 3; s++) {
        double *sorted = malloc(all[s].count * sizeof(double)), median;
        if (sorted == NULL)
            return 1;
        memcpy(sorted, all[s].times, all[s].count * sizeof(double));
        qsort(sorted, all[s].count, sizeof(double), compare);
        median = sorted[all[s].count / 2];
        free(sorted);
        /* Most calls aren't held up, and differ by some microseconds. */
        summarize(&all[s], s == 1 ? 0 : median, s == 1 ? 0 : 50);
    }
    if (argc > 2)
        plot(argv[2], all, 3);
    return 0;
}
