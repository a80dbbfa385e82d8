/*
 * Where the partial results of an entry's blocks become one: work for one block.
 */
#ifndef HARNESS_GPU_CHECK_FINISH_H
#define HARNESS_GPU_CHECK_FINISH_H

#include "harness/gpu/check_device.h"

static __device__ inline void finish_sums(const struct check_compare *c, double *lds,
                                          struct check_result *result)
{
    double total[CHECK_SUMS] = {0, 0, 0, 0};
    for (uint32_t b = threadIdx.x; b < c->walk.blocks; b += CHECK_THREADS)
        for (uint32_t i = 0; i < CHECK_SUMS; i++)
            total[i] += c->partial[b].sum[i];
    check_tree(lds, CHECK_THREADS, total);
    if (threadIdx.x == 0)
        for (uint32_t i = 0; i < CHECK_SUMS; i++)
            result->sum[i] = total[i];
}

/* The smallest entry of all blocks' lists at or above `from`. */
static __device__ inline unsigned long long
finish_least(const struct check_compare *c, unsigned long long *lds, unsigned long long from)
{
    unsigned long long mine = CHECK_NOWHERE;
    for (uint32_t b = threadIdx.x; b < c->walk.blocks; b += CHECK_THREADS)
        for (uint32_t i = 0; i < CHECK_FIRST; i++) {
            const unsigned long long at = c->partial[b].first[i];
            mine = at >= from && at < mine ? at : mine;
        }
    return check_least(lds, mine);
}

static __device__ inline void finish_first(const struct check_compare *c, double *lds,
                                           struct check_result *result)
{
    unsigned long long wrong = 0, from = 0;
    for (uint32_t i = CHECK_WRONG; i <= CHECK_DIFFERS; i++)
        wrong += result->count[i];
    for (uint32_t i = 0; i < CHECK_FIRST; i++) {
        const unsigned long long least =
            wrong ? finish_least(c, (unsigned long long *)lds, from) : CHECK_NOWHERE;
        from = least == CHECK_NOWHERE ? least : least + 1;
        if (threadIdx.x == 0)
            result->first[i] = least;
    }
}

#endif
