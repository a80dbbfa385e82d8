/*
 * What a pool of workers costs: cases a second, and the time that a fault takes.
 */
#ifndef HARNESS_RUN_POOL_BENCH_H
#define HARNESS_RUN_POOL_BENCH_H

#include "harness/run/pool.h"

struct pool_rate {
    uint64_t cases, failed;
    double seconds;
    struct verdict failure; /* the last one, if any */
};

/* Runs the cases one after another and over again, each time with other seeds, for about
 * `seconds`. */
bool pool_bench_rate(struct pool *, const struct kase *, size_t n, double seconds,
                     struct pool_rate *, struct error *) MUST_CHECK;

/* Waits until every worker and spare is ready, runs the case, and says how long its verdict took.
 */
bool pool_bench_verdict(struct pool *, const struct kase *, struct verdict *, double *seconds,
                        struct error *) MUST_CHECK;

struct pool_recovery {
    double median_s, worst_s;
};

/* From the verdict of a fault, which must cost its worker, to that of the case `good`, which must
 * pass; a spare is ready before each fault. `rounds` times over the faults, at most POOL_RECOVERIES
 * in all. */
enum { POOL_RECOVERIES = 64 };
bool pool_bench_recovery(struct pool *, const struct kase *fault, size_t n, unsigned rounds,
                         const struct kase *good, struct pool_recovery *,
                         struct error *) MUST_CHECK;

#endif
