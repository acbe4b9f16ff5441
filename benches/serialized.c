/* What it costs to compile a module, to serialize it, and to get it back from bytes and from a file, with debugging off and on:
 * processor time of this thread, the least and the median of several. The module is the file that is named. */

#define _GNU_SOURCE
#include "must.h"
#include "now.h"
#include "pellucid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 31 };

struct bytes {
    uint8_t *bytes;
    size_t n_bytes;
};

static pellucid_status_t take(void *userdata, const uint8_t *bytes, size_t n_bytes) {
    struct bytes *all = userdata;
    all->bytes = realloc(all->bytes, all->n_bytes + n_bytes);
    memcpy(all->bytes + all->n_bytes, bytes, n_bytes);
    all->n_bytes += n_bytes;
    return PELLUCID_OK;
}

static int by_size(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}

static void print(const char *what, double *milliseconds) {
    qsort(milliseconds, ROUNDS, sizeof *milliseconds, by_size);
    printf("  %-12s %8.2f ms at least, median %8.2f\n", what, milliseconds[0], milliseconds[ROUNDS / 2]);
}

static void measure(const struct bytes *wasm, bool is_debug) {
    static const char PATH[] = "build/serialized.module";
    pellucid_config_t *config;
    pellucid_engine_t *engine;
    pellucid_module_t *module, *again;
    double by_bytes[ROUNDS], by_file[ROUNDS];
    struct bytes all = {0};
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, is_debug));
    MUST(pellucid_config_set_compile_threads(config, 1));
    MUST(pellucid_engine_new(config, &engine, NULL));
    pellucid_config_delete(config);
    double start = now();
    MUST(pellucid_module_new(engine, wasm->bytes, wasm->n_bytes, &module, NULL));
    double compiled = now();
    MUST(pellucid_module_serialize(module, &all, take, NULL));
    double serialized = now();
    MUST(pellucid_module_serialize_file(module, PATH, sizeof PATH - 1, NULL));
    printf("debugging %s: %zu bytes, serialized %zu\n", is_debug ? "on" : "off", wasm->n_bytes, all.n_bytes);
    printf("  compile      %8.2f ms\n  serialize    %8.2f ms\n", (compiled - start) / 1e6, (serialized - compiled) / 1e6);
    for (int round = 0; round < ROUNDS; round++) {
        start = now();
        MUST(pellucid_module_deserialize(engine, all.bytes, all.n_bytes, &again, NULL));
        by_bytes[round] = (now() - start) / 1e6;
        pellucid_module_delete(again);
        start = now();
        MUST(pellucid_module_deserialize_file(engine, PATH, sizeof PATH - 1, &again, NULL));
        by_file[round] = (now() - start) / 1e6;
        pellucid_module_delete(again);
    }
    print("from bytes", by_bytes);
    print("from a file", by_file);
    unlink(PATH);
    free(all.bytes);
    pellucid_module_delete(module);
    pellucid_engine_delete(engine);
}

int main(int argc, char **argv) {
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: serialized program.wasm\n");
        return 2;
    }
    struct bytes wasm = {0};
    uint8_t part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, file)) != 0;)
        take(&wasm, part, n);
    fclose(file);
    measure(&wasm, false);
    measure(&wasm, true);
    free(wasm.bytes);
    return 0;
}
