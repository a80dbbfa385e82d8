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
};

/* What every element adds to. Apart from struct judge, which a rarely taken call has the address of
 * and which is memory for that reason: this is to be registers, and so must be all functions that
 * take it inline. */
struct judge_tally {
    double sum[CHECK_SUMS];
    uint32_t seen, nonzero;
};

static __device__ inline struct judge_tally judge_tally(void)
{
    struct judge_tally t;
    for (uint32_t i = 0; i < CHECK_SUMS; i++)
        t.sum[i] = 0;
    t.seen = t.nonzero = 0;
    return t;
}

static __device__ inline struct judge judge_begin(void)
{
    struct judge j;
    for (uint32_t i = 0; i < CHECK_COUNTS; i++)
        j.count[i] = 0;
    for (uint32_t i = 0; i < CHECK_FIRST; i++)
        j.list[i] = CHECK_NOWHERE;
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

/* What only this block adds to need not have been zero. */
static __device__ inline void judge_add(const struct check_compare *c, unsigned long long *total,
                                        uint32_t more)
{
    if (c->walk.blocks == 1)
        *total = more;
    else if (more)
        atomicAdd(total, (unsigned long long)more);
}

/* Sums the counts of the block; how many elements are wrong in any way. */
static __device__ inline uint32_t judge_counts(const struct check_compare *c, const struct judge *j,
                                               uint32_t *lds, struct check_result *result)
{
    const uint32_t t = threadIdx.x, lanes = (uint32_t)warpSize;
    uint32_t sum = 0, wrong = 0;
    for (uint32_t i = 0; i < CHECK_COUNTS; i++) {
        const uint32_t of_wave = wave_reduce_add_u32(j->count[i]);
        if (t % lanes == 0)
            lds[t / lanes * CHECK_COUNTS + i] = of_wave;
    }
    __syncthreads();
    for (uint32_t w = 0; w < CHECK_THREADS / lanes; w++) {
        sum += t < CHECK_COUNTS ? lds[w * CHECK_COUNTS + t] : 0;
        for (uint32_t i = CHECK_WRONG; i <= CHECK_DIFFERS; i++)
            wrong += lds[w * CHECK_COUNTS + i];
    }
    if (t < CHECK_COUNTS)
        c->partial[blockIdx.x].count[t] = sum;
    if (t == CHECK_WRONG)
        judge_add(c, &result->wrong, wrong);
    if (t == CHECK_NONZERO)
        judge_add(c, &result->nonzero, sum);
    if (t == CHECK_SEEN)
        judge_add(c, &result->seen, sum);
    __syncthreads();
    return wrong;
}

/* The first places of the block, for its thread 0. */
static __device__ inline void judge_first(const struct judge *j, unsigned long long *lds,
                                          unsigned long long first[CHECK_FIRST])
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < CHECK_FIRST; i++) {
        const unsigned long long mine = next < CHECK_FIRST ? j->list[next] : CHECK_NOWHERE;
        first[i] = check_least(lds, mine);
        next += first[i] != CHECK_NOWHERE && first[i] == mine;
    }
}

/* Whether this block is the last one to be done; what the others have written is then seen. */
static __device__ inline bool judge_last(const struct check_compare *c, uint32_t *lds,
                                         struct check_result *result)
{
    if (c->walk.blocks == 1) {
        if (threadIdx.x == 0)
            result->done = 1;
        return true;
    }
    if (threadIdx.x == 0) {
        __threadfence();
        lds[0] = atomicAdd(&result->done, 1ull) + 1 == c->walk.blocks;
    }
    __syncthreads();
    const bool last = lds[0];
    __syncthreads();
    __threadfence();
    return last;
}

/* Adds what the block has found to the result; whether it was the last to do so. */
static __device__ inline bool judge_end(const struct check_compare *c, struct judge *j,
                                        struct judge_tally *t, double *lds,
                                        struct check_result *result)
{
    struct check_detail *partial = c->partial + blockIdx.x;
    unsigned long long first[CHECK_FIRST];
    j->count[CHECK_SEEN] = c->survey ? t->seen : 0;
    j->count[CHECK_NONZERO] = c->survey ? t->nonzero : 0;
    for (uint32_t i = 0; i < CHECK_FIRST; i++)
        first[i] = CHECK_NOWHERE;
    if (judge_counts(c, j, (uint32_t *)lds, result))
        judge_first(j, (unsigned long long *)lds, first);
    if (threadIdx.x == 0) {
        for (uint32_t i = 0; i < CHECK_FIRST; i++)
            partial->first[i] = first[i];
        if (c->walk.blocks == 1)
            result->first = ~first[0];
        else if (first[0] != CHECK_NOWHERE)
            atomicMax(&result->first, ~first[0]);
    }
    return judge_last(c, (uint32_t *)lds, result);
}

#endif
