/*
 * What the executor costs, beside what it stands in for. All figures of one struct come from one
 * run and are the fastest of several series, in CPU time of the calling thread.
 */
#ifndef HARNESS_CPU_EXEC_BENCH_H
#define HARNESS_CPU_EXEC_BENCH_H

#include "harness/base/error.h"

/* Microseconds, and ratios of them. */
struct exec_bench {
    /* A block of 256 threads that meets at 10 barriers, with next to no work between them: through
     * the executor; as ten loops written by hand, which compilers vectorise; and 2560 swapcontext
     * calls alone. */
    double barriers_us, fission_us, swapcontext_us;
    double barriers_to_fission, swapcontext_to_barriers;

    /* A kernel without barriers over 2^20 floats in blocks of 256, and the loop it amounts to. */
    double kernel_us, native_us;
    double kernel_to_native;

    /* The maximum over 64 lanes as one collective, and as six shuffles. */
    double reduce_us, shuffles_us;
    double shuffles_to_reduce;

    /* A launch whose first thread faults, from the call to the finding's text. */
    double fault_us;
};

/* Takes about half a second. */
bool exec_bench_run(struct exec_bench *out, struct error *err) MUST_CHECK;

#endif
