/* The argument of every kernel in exec_bench.hip. */
#ifndef HARNESS_CPU_EXEC_BENCH_KERNELS_H
#define HARNESS_CPU_EXEC_BENCH_KERNELS_H

#include <stdint.h>

struct exec_bench_args {
    const float *in;
    float *out;
    uint32_t n;
};

#endif
