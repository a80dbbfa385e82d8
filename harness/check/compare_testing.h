/*
 * A comparison to plant differences in: one output of a made-up operator, its reference and both
 * runs, all equal to begin with.
 */
#ifndef HARNESS_CHECK_COMPARE_TESTING_H
#define HARNESS_CHECK_COMPARE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/check/compare.h"

struct bench {
    struct op op;
    struct kase kase;
    struct tensor tensor;
    void *first, *second, *reference; /* owned */
    void *out[1], *device_out[1];
    struct ref_io ref;
    struct compare_input in;
    struct compare_metrics metrics;
    struct verdict verdict;
};

/* Sets element `at` of a run to `bits`. */
static inline void bench_first(struct bench *b, size_t at, uint32_t bits)
{
    dtype_store(b->tensor.dtype, b->first, at, bits);
}

static inline void bench_second(struct bench *b, size_t at, uint32_t bits)
{
    dtype_store(b->tensor.dtype, b->second, at, bits);
}

static inline void bench_both(struct bench *b, size_t at, uint32_t bits)
{
    bench_first(b, at, bits);
    bench_second(b, at, bits);
}

static inline void bench_expect(struct bench *b, size_t at, uint32_t bits)
{
    if (b->tensor.policy.kind == POLICY_BOUND)
        ((double *)b->reference)[at] = dtype_value(b->tensor.dtype, bits);
    else
        dtype_store(b->tensor.dtype, b->reference, at, bits);
}

static inline void bench_all(struct bench *b, size_t at, uint32_t bits)
{
    bench_both(b, at, bits);
    bench_expect(b, at, bits);
}

/* The reference leaves the element alone. */
static inline void bench_leave(struct bench *b, size_t at)
{
    if (b->tensor.policy.kind == POLICY_BOUND)
        ((double *)b->reference)[at] = ref_poison();
    else
        dtype_store(b->tensor.dtype, b->reference, at, dtype_poison(b->tensor.dtype, 0));
}

/* The kernel leaves the element alone. */
static inline void bench_untouched(struct bench *b, size_t at)
{
    bench_first(b, at, dtype_poison(b->tensor.dtype, 0));
    bench_second(b, at, dtype_poison(b->tensor.dtype, 1));
}

static inline uint32_t bench_bits(enum dtype type, double value)
{
    char text[40];
    uint32_t bits;

    snprintf(text, sizeof text, "%.17g", value);
    if (!dtype_parse(type, text, &bits))
        fail_msg("%s does not fit %s", text, dtype_name(type));
    return bits;
}

/* All elements hold small numbers other than zero, different from their neighbours. */
static inline void bench_open(struct bench *b, enum dtype type, struct policy policy, size_t rows,
                              size_t cols)
{
    *b = (struct bench){.op = {.name = "made_up"},
                        .tensor = {.name = "y",
                                   .role = TENSOR_OUTPUT,
                                   .dtype = type,
                                   .rows = rows,
                                   .cols = cols,
                                   .stride = cols + 3,
                                   .policy = policy}};
    const size_t n = rows * cols;
    b->first = malloc(n * dtype_bytes(type) + 1);
    b->second = malloc(n * dtype_bytes(type) + 1);
    b->reference = malloc(n * sizeof(double) + 1);
    b->kase.op = &b->op;
    b->out[0] = b->reference;
    b->device_out[0] = b->first;
    b->ref = (struct ref_io){.tensor = &b->tensor, .out = b->out};
    b->in = (struct compare_input){.kase = &b->kase,
                                   .tensor = &b->tensor,
                                   .first = b->first,
                                   .second = b->second,
                                   .ref = &b->ref,
                                   .device_out = b->device_out};
    for (size_t at = 0; at < n; at++)
        bench_all(b, at, bench_bits(type, (double)(1 + (at * 3 + at / 13) % 7)));
}

static inline void bench_close(struct bench *b)
{
    free(b->first);
    free(b->second);
    free(b->reference);
}

static inline enum compare_kind bench_compare(struct bench *b)
{
    memset(&b->verdict, 0, sizeof b->verdict);
    return compare_output(&b->in, &b->metrics, &b->verdict);
}

#endif
