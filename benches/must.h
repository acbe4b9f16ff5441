/* For benches that have nothing to say if something fails. */
#ifndef PELLUCID_BENCH_MUST_H
#define PELLUCID_BENCH_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define MUST(call)                                                                                                    \
    do {                                                                                                              \
        if ((call) != PELLUCID_OK) {                                                                                  \
            fprintf(stderr, "%s\n", #call);                                                                           \
            exit(1);                                                                                                  \
        }                                                                                                             \
    } while (0)

#endif
