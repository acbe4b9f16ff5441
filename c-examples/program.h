/* What the programs on the command line share: ending with a message, reading a file, folders for a guest. Who includes this has
 * defined PROGRAM_NAME, the program's name. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "pellucid.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_CANNOT_START = 1, EXIT_USAGE = 2 };

static inline void fail(int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs(PROGRAM_NAME ": ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    exit(code);
}

/* Ends the program with this code unless `status` is PELLUCID_OK. `error` may be NULL; it is a pointer to what the call has filled
 * in, because arguments are evaluated in any order. */
static inline void end_unless_ok(int code, pellucid_status_t status, pellucid_error_t *const *error)
{
    if (status == PELLUCID_OK)
        return;
    pellucid_str_t text = {0};
    if (error != NULL)
        pellucid_error_text(*error, &text);
    else
        pellucid_status_name(status, &text);
    fail(code, "%.*s", (int)text.size, text.data);
}

/* The same for what can't fail, or what the program can't be without. */
static inline void must(pellucid_status_t status, pellucid_error_t *const *error)
{
    end_unless_ok(EXIT_CANNOT_START, status, error);
}

static inline uint8_t *read_all(const char *path, size_t *out_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail(EXIT_CANNOT_START, "%s: %s", path, strerror(errno));
    uint8_t *bytes = NULL;
    size_t size = 0, capacity = 0, n;
    do {
        if (size == capacity) {
            capacity = capacity * 2 + (1 << 16);
            bytes = realloc(bytes, capacity);
            if (bytes == NULL)
                fail(EXIT_CANNOT_START, "%s: out of memory", path);
        }
        n = fread(bytes + size, 1, capacity - size, file);
        size += n;
    } while (n > 0);
    if (ferror(file))
        fail(EXIT_CANNOT_START, "%s: %s", path, strerror(errno));
    fclose(file);
    *out_size = size;
    return bytes;
}

/* Lets the guest reach a folder that is written HOST or HOST::GUEST. */
static inline void add_folder(pellucid_wasi_config_t *wasi, const char *folder)
{
    pellucid_error_t *error = NULL;
    const char *colons = strstr(folder, "::");
    const char *guest = colons != NULL ? colons + 2 : folder;
    size_t n_host = colons != NULL ? (size_t)(colons - folder) : strlen(folder);
    must(pellucid_wasi_config_add_folder(wasi, folder, n_host, guest, strlen(guest), false, &error), &error);
}

#endif
