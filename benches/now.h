/* What this thread has computed so far, in nanoseconds, so that other programs don't count. To be included after `_GNU_SOURCE` is defined. */
#ifndef PELLUCID_BENCH_NOW_H
#define PELLUCID_BENCH_NOW_H

#include <time.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

#endif
