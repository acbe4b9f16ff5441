/* `make exceptions`: what exceptions cost: thrown across frames, past handlers that don't take them, and where nothing is thrown.
 */
#include "must.h"
#include "pellucid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const text =
    "(module (tag $e (param i32)) (tag $other)"
    "  (func $deep (param $n i32)"
    "    (if (i32.eqz (local.get $n)) (then (throw $e (i32.const 1))))"
    "    (call $deep (i32.sub (local.get $n) (i32.const 1))) (nop))"
    "  (func $handlers (param $n i32)"
    "    (if (i32.eqz (local.get $n)) (then (throw $e (i32.const 1))))"
    "    (block (try_table (catch $other 0) (call $handlers (i32.sub (local.get $n) (i32.const 1))))))"
    "  (func (export \"deep\") (param $n i32) (param $times i32)"
    "    (loop $l"
    "      (block $h (result i32) (try_table (catch $e $h) (call $deep (local.get $n))) (i32.const 0))"
    "      (drop)"
    "      (br_if $l (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))"
    "  (func (export \"handlers\") (param $n i32) (param $times i32)"
    "    (loop $l"
    "      (block $h (result i32) (try_table (catch $e $h) (call $handlers (local.get $n))) (i32.const 0))"
    "      (drop)"
    "      (br_if $l (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))"
    "  (func $nothing (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))"
    "  (func (export \"with\") (param $n i32) (param $times i32) (local $x i32)"
    "    (loop $l"
    "      (block $h (result i32)"
    "        (try_table (catch $e $h) (local.set $x (call $nothing (local.get $x)))) (i32.const 0))"
    "      (drop)"
    "      (br_if $l (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))"
    "  (func (export \"without\") (param $n i32) (param $times i32) (local $x i32)"
    "    (loop $l"
    "      (local.set $x (call $nothing (local.get $x)))"
    "      (br_if $l (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))))";

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        pellucid_config_t *config;
        pellucid_engine_t *engine;
        pellucid_store_t *store;
        pellucid_module_t *module;
        pellucid_instance_t instance;
        MUST(pellucid_config_new(&config));
        MUST(pellucid_config_set_debug(config, is_debug));
        MUST(pellucid_engine_new(config, &engine, NULL));
        pellucid_config_delete(config);
        MUST(pellucid_module_new_text(engine, text, strlen(text), &module, NULL));
        MUST(pellucid_store_new(engine, NULL, NULL, &store, NULL));
        MUST(pellucid_instance_new(store, module, NULL, 0, &instance, NULL));
        const struct {
            const char *name;
            int n, times;
        } runs[] = {{"deep", 0, 100000},     {"deep", 10, 100000},    {"deep", 1000, 2000},      {"handlers", 10, 100000},
                    {"handlers", 1000, 2000}, {"with", 0, 50000000}, {"without", 0, 50000000}};
        for (size_t run = 0; run < sizeof runs / sizeof *runs; run++) {
            pellucid_extern_t func;
            MUST(pellucid_instance_export(store, &instance, runs[run].name, strlen(runs[run].name), &func));
            double best = 1e300;
            for (int again = 0; again < 5; again++) {
                pellucid_value_t args[2] = {{.kind = PELLUCID_I32, .of = {.i32 = runs[run].n}},
                                            {.kind = PELLUCID_I32, .of = {.i32 = runs[run].times}}};
                double from = now();
                MUST(pellucid_func_call(store, &func.of.func, args, 2, NULL, 0, NULL));
                double taken = (now() - from) / runs[run].times;
                best = taken < best ? taken : best;
            }
            printf("debugging %-3s  %-8s %4d: %10.1f ns\n", is_debug ? "on" : "off", runs[run].name, runs[run].n, best);
        }
        pellucid_store_delete(store);
        pellucid_module_delete(module);
        pellucid_engine_delete(engine);
    }
    return 0;
}
