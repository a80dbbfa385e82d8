/* The argument of every kernel in exec_test_kernels.hip. */
#ifndef HARNESS_CPU_EXEC_TEST_KERNELS_H
#define HARNESS_CPU_EXEC_TEST_KERNELS_H

#include <stdint.h>

struct test_args {
    const float *in;
    float *out;
    uint32_t *counts;
    uint32_t n;
};

#endif
