/*
 * What the arena saves: guarded placement of five tensors, beside mapping each one anew.
 */
#ifndef HARNESS_CPU_ARENA_BENCH_H
#define HARNESS_CPU_ARENA_BENCH_H

#include "harness/base/error.h"

/* Nanoseconds per set of five tensors (716 KiB together, a group_quant case of 76 x 2304), each the
 * median of several series of the same run. */
struct arena_bench {
    double arena_ns; /* arena_place and arena_arm, both sides in turn, mapping resident */
    double mmap_ns;  /* mmap, mprotect of both guards, a touch of every page, munmap */
    double ratio;    /* mmap_ns / arena_ns */
};

/* Takes about a tenth of a second. */
bool arena_bench_placement(struct arena_bench *out, struct error *err) MUST_CHECK;

#endif
