/*
 * What the launcher hands to the kernel of act_and_mul. Strides are in elements. A block of threads
 * works on one row, a thread on `vec` neighbouring columns at a time.
 */
#ifndef HARNESS_KERNELS_ACT_AND_MUL_H
#define HARNESS_KERNELS_ACT_AND_MUL_H

#include <stdint.h>

enum { ACT_VEC = 8, ACT_BLOCK = 16, ACT_WAVE = 64 };

/* The kernel's own numbers, which are no caller's. */
enum act_kernel {
    ACT_KERNEL_GELU,
    ACT_KERNEL_SILU,
    ACT_KERNEL_SWIGLU_STEP,
    ACT_KERNEL_SWIGLU,
    ACT_KERNEL_GELU_TANH,
    ACT_KERNEL_SILU_LIMIT,
    ACT_KERNEL_NONE,   /* the caller wants no activation */
    ACT_KERNEL_UNKNOWN /* nobody knows what the caller wants */
};

enum act_type { ACT_F32, ACT_BF16, ACT_F16 };

struct act_args {
    const char *input;
    char *out;
    const float *bias;        /* [experts, 2 d]; NULL: none */
    const int32_t *expert_id; /* of each row */
    uint64_t in_stride;
    uint64_t out_stride, out_token_stride; /* between rows of a token; between tokens */
    uint32_t d, topk, experts;
    uint32_t vec; /* 2, 4 or 8 */
    uint32_t act, in_type, out_type;
    float limit;
    uint8_t interleaved; /* in blocks of ACT_BLOCK */
    uint8_t truncate;    /* to bf16 by cutting */
};

#endif
