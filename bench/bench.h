/* SPDX-License-Identifier: Apache-2.0 */
/* What every bench needs: an end when something fails, a clock, the middle of a series. */
#ifndef SELFSAME_BENCH_H
#define SELFSAME_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NEED(x)                                                           \
    do {                                                                  \
        if (!(x)) {                                                       \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
            exit(1);                                                      \
        }                                                                 \
    } while (0)
/* `x` is given &e. */
#define NEED_OK(x)                                                                \
    do {                                                                          \
        struct selfsame_err e = { 0 };                                            \
        if ((x) != SELFSAME_OK) {                                                 \
            (void)fprintf(                                                        \
                stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #x, err_text(&e)); \
            exit(1);                                                              \
        }                                                                         \
    } while (0)

static inline double
seconds(clockid_t clock)
{
    struct timespec t = { 0 };

    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline double
processor_us(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID) * 1e6;
}

static inline int
by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts them. */
static inline double
median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), by_size);
    return v[n / 2];
}

#endif
