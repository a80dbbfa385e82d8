/*
 * The parts of harness bench: each measures, and prints what it has found.
 */
#ifndef HARNESS_CMD_BENCH_H
#define HARNESS_CMD_BENCH_H

#include "harness/base/error.h"
#include "harness/run/device.h"

/* A line with a figure, and the goal in words. */
void bench_ratio(const char *what, double value, const char *goal);

/* The same with the goal as a number; a figure that misses it is marked. */
void bench_at_least(const char *what, double value, double goal);
void bench_below(const char *what, double value, double goal);

typedef bool bench_on_cpu(struct error *);
typedef bool bench_on_gpu(const struct device_id *, struct error *);

bench_on_cpu bench_executor, bench_placement, bench_large, bench_ops, bench_peer;
bench_on_gpu bench_copy, bench_checks, bench_kernels, bench_recovery, bench_rate;

#endif
