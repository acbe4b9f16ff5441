/* A console: lines like `fib 30` call functions of a script, and Ctrl-C ends a call, not the program. */
#define _XOPEN_SOURCE 700
#include "example.h"

#include <signal.h>

static const char program[] =
    "(module $script"
    "  (func $fib (export \"fib\") (param i32) (result i32)"
    "    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))"
    "      (then (local.get 0))"
    "      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))"
    "                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))"
    "  (func (export \"collatz\") (param $n i32) (result i32) (local $steps i32)"
    "    (loop $again"
    "      (if (i32.ne (local.get $n) (i32.const 1))"
    "        (then"
    "          (local.set $n (select (i32.add (i32.mul (local.get $n) (i32.const 3)) (i32.const 1))"
    "                                (i32.shr_u (local.get $n) (i32.const 1))"
    "                                (i32.and (local.get $n) (i32.const 1))))"
    "          (local.set $steps (i32.add (local.get $steps) (i32.const 1)))"
    "          (br $again))))"
    "    (local.get $steps)))";

static pellucid_interrupt_t *interrupt;
static volatile sig_atomic_t is_running;

/* Between calls Ctrl-C does nothing: a request would wait for the next. */
static void handle_control_c(int number)
{
    (void)number;
    if (is_running)
        pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_TRAP);
}

int main(void)
{
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_instance_t instance;
    pellucid_error_t *error = NULL;

    must(pellucid_engine_new(NULL, &engine, &error), &error);
    must(pellucid_module_new_text(engine, program, strlen(program), &module, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_instance_new(store, module, NULL, 0, &instance, &error), &error);
    must(pellucid_store_interrupt(store, &interrupt, &error), &error);

    /* On the alternate stack, since the guest's isn't made for handlers of the host. */
    struct sigaction action = {.sa_handler = handle_control_c, .sa_flags = SA_ONSTACK | SA_RESTART};
    sigaction(SIGINT, &action, NULL);

    char line[256], name[64];
    int number;
    while (fgets(line, sizeof line, stdin) != NULL) {
        pellucid_extern_t item;
        if (sscanf(line, "%63s %d", name, &number) != 2
            || pellucid_instance_export(store, &instance, name, strlen(name), &item) != PELLUCID_OK) {
            printf("%s? There are: fib NUMBER, collatz NUMBER\n", strtok(line, "\n"));
            continue;
        }
        pellucid_value_t arg = i32_value(number), result;
        is_running = 1;
        pellucid_status_t status = pellucid_func_call(store, &item.of.func, &arg, 1, &result, 1, &error);
        is_running = 0;
        /* What came too late isn't meant for the next call. */
        pellucid_interrupt_withdraw(interrupt);
        pellucid_str_t message = {0};
        if (status == PELLUCID_OK) {
            printf("%s %d is %d\n", name, number, result.of.i32);
            continue;
        }
        must(pellucid_error_message(error, &message), NULL);
        printf("%s %d: %.*s\n", name, number, (int)message.size, message.data);
        pellucid_error_delete(error);
        error = NULL;
    }

    pellucid_interrupt_delete(interrupt);
    pellucid_store_delete(store);
    pellucid_module_delete(module);
    pellucid_engine_delete(engine);
}
