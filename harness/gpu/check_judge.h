/*
 * What the judges of outputs share: see check_judge.hip and check_exact.hip.
 */
#ifndef HARNESS_GPU_CHECK_JUDGE_H
#define HARNESS_GPU_CHECK_JUDGE_H

#include "harness/gpu/check_device.h"
#include "harness/op/tensor.h"

enum { JUDGE_RIGHT = CHECK_COUNTS };

/* What a thread has found. */
struct judge {
    uint32_t count[CHECK_COUNTS];
    uint32_t listed;
    unsigned long long list[CHECK_FIRST];
    double sum[CHECK_SUMS];
};

static __device__ inline struct judge judge_begin(void)
{
    struct judge j;
    for (uint32_t i = 0; i < CHECK_COUNTS; i++)
        j.count[i] = 0;
    for (uint32_t i = 0; i < CHECK_FIRST; i++)
        j.list[i] = CHECK_NOWHERE;
    for (uint32_t i = 0; i < CHECK_SUMS; i++)
        j.sum[i] = 0;
    j.listed = 0;
    return j;
}

/* A thread meets its elements in ascending order, so that its first ones are its smallest. */
static __device__ inline void judge_count(struct judge *j, uint32_t kind, uint64_t index)
{
    for (uint32_t i = 0; i < CHECK_COUNTS; i++)
        j->count[i] += kind == i;
    if (kind >= CHECK_WRONG && kind <= CHECK_DIFFERS && j->listed < CHECK_FIRST)
        j->list[j->listed++] = index << 3 | kind;
}

/* --- The end of a block --- */

/* Sums the counts of the block into the result; how many elements are wrong in any way. */
static __device__ inline uint32_t judge_counts(const struct judge *j, uint32_t *lds,
                                               struct check_result *result)
{
    const uint32_t t = threadIdx.x;
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < CHECK_COUNTS; i++)
        lds[i * CHECK_THREADS + t] = j->count[i];
    for (uint32_t distance = CHECK_THREADS / 2; distance; distance /= 2) {
        __syncthreads();
        if (t < distance)
            for (uint32_t i = 0; i < CHECK_COUNTS; i++)
                lds[i * CHECK_THREADS + t] += lds[i * CHECK_THREADS + t + distance];
    }
    __syncthreads();
    for (uint32_t i = CHECK_WRONG; i <= CHECK_DIFFERS; i++)
        wrong += lds[i * CHECK_THREADS];
    if (t < CHECK_COUNTS && lds[t * CHECK_THREADS])
        atomicAdd(&result->count[t], (unsigned long long)lds[t * CHECK_THREADS]);
    __syncthreads();
    return wrong;
}

static __device__ inline void judge_end(const struct check_compare *c, struct judge *j, double *lds,
                                        struct check_result *result)
{
    struct check_partial *partial = c->partial + blockIdx.x;
    const uint32_t wrong = judge_counts(j, (uint32_t *)lds, result);
    uint32_t next = 0;
    for (uint32_t i = 0; i < CHECK_FIRST; i++) {
        const unsigned long long mine = next < CHECK_FIRST ? j->list[next] : CHECK_NOWHERE;
        const unsigned long long least =
            wrong ? check_least((unsigned long long *)lds, mine) : CHECK_NOWHERE;
        next += least != CHECK_NOWHERE && least == mine;
        if (threadIdx.x == 0)
            partial->first[i] = least;
    }
    check_tree(lds, CHECK_THREADS, j->sum);
    if (threadIdx.x)
        return;
    for (uint32_t i = 0; i < CHECK_SUMS; i++)
        partial->sum[i] = j->sum[i];
    partial->worst_row = partial->worst_col = 0;
    partial->row = partial->col = 0;
}

#endif
