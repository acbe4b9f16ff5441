/* What every example needs and none is about: ending on errors, and finding an exported function. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include "pellucid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program unless `status` is PELLUCID_OK. `error` is where the call left its error; may be NULL. */
static inline void must(pellucid_status_t status, pellucid_error_t **error)
{
    if (status == PELLUCID_OK)
        return;
    pellucid_str_t text = {0};
    if (error != NULL && *error != NULL)
        pellucid_error_text(*error, &text);
    else
        pellucid_status_name(status, &text);
    fprintf(stderr, "error: %.*s\n", (int)text.size, text.data);
    exit(1);
}

/* The exported function of this name. */
static inline pellucid_func_t exported(pellucid_store_t *store, const pellucid_instance_t *instance, const char *name)
{
    pellucid_extern_t item;
    must(pellucid_instance_export(store, instance, name, strlen(name), &item), NULL);
    if (item.kind != PELLUCID_EXTERN_FUNC) {
        fprintf(stderr, "error: '%s' isn't a function\n", name);
        exit(1);
    }
    return item.of.func;
}

static inline pellucid_value_t i32_value(int32_t number)
{
    pellucid_value_t value = {0};
    value.kind = PELLUCID_I32;
    value.of.i32 = number;
    return value;
}

#endif
