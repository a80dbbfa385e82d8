/* What the kernels of both MoE sorting variants do alike. Include behind kernels/kernel.h. */
#ifndef HARNESS_KERNELS_MOE_SORTING_DEVICE_H
#define HARNESS_KERNELS_MOE_SORTING_DEVICE_H

#include "kernels/moe_sorting.h"
#include "kernels/mutant.h"

/* Items [first, last) that this thread of the block looks after. */
struct sorting_share {
    uint32_t first, last;
};

static __device__ inline struct sorting_share sorting_share(uint32_t items)
{
    const uint32_t threads = blockDim.x;
    const uint32_t up = MUTANT(SHARE) && items >= threads ? 0 : threads - 1;
    const uint32_t each = (items + up) / threads;
    const uint32_t first = threadIdx.x * each;
    struct sorting_share share;

    share.first = first < items ? first : items;
    share.last = share.first + each < items ? share.first + each : items;
    return share;
}

/* T. */
static __device__ inline uint32_t sorting_tokens(const struct moe_sorting_args *a)
{
    if (!a->num_local_tokens || MUTANT(TOKENS_ALL))
        return a->tokens;
    const int32_t given = a->num_local_tokens[0];
    if (given < 0 && !MUTANT(TOKENS_NEGATIVE))
        return 0;
    return (uint32_t)given < a->tokens || MUTANT(TOKENS_UNCUT) ? (uint32_t)given : a->tokens;
}

static __device__ inline int sorting_owned(const struct moe_sorting_args *a, uint32_t expert)
{
    return !a->expert_mask || a->expert_mask[expert] != 0;
}

/* What an expert adds to the local ids of those behind it. */
static __device__ inline uint32_t sorting_ranks(const struct moe_sorting_args *a, uint32_t expert)
{
    if (MUTANT(MASK_SUM) && a->expert_mask)
        return (uint32_t)a->expert_mask[expert];
    return (uint32_t)sorting_owned(a, expert);
}

static __device__ inline uint32_t sorting_round_up(uint32_t count, uint32_t block_m)
{
    if (MUTANT(B34))
        return (count + block_m - 1) & ~(block_m - 1);
    if (MUTANT(ROUND_UP_LOW))
        return (count + block_m - 2) / block_m * block_m;
    return (count + block_m - !MUTANT(ROUND_UP_HIGH)) / block_m * block_m;
}

static __device__ inline void sorting_put(const struct moe_sorting_args *a, uint32_t at,
                                          uint32_t slot, uint32_t token)
{
    const uint32_t shift = MUTANT(SHIFT) ? 23 : MOE_SORTING_SLOT_SHIFT;
    const uint32_t from = MUTANT(WEIGHT_SLOT) ? 0 : slot;

    a->sorted_ids[at] = (int32_t)(slot << shift | token);
    a->sorted_weights[at] = a->topk_weights[(size_t)token * a->topk + from];
}

static __device__ inline void sorting_pad(const struct moe_sorting_args *a, uint32_t at,
                                          uint32_t tokens)
{
    const uint32_t token = MUTANT(L05) ? a->tokens : tokens;
    const uint32_t slot = MUTANT(PAD_SLOT) ? a->topk - 1 : a->topk;

    a->sorted_ids[at] = (int32_t)(slot << MOE_SORTING_SLOT_SHIFT | token);
    if (!MUTANT(PAD_UNWEIGHTED))
        a->sorted_weights[at] = MUTANT(PAD_WEIGHT) ? 1.0f : 0.0f;
}

/* The sum of `value` over the threads before this one, and over all. `scratch` has
 * MOE_SORTING_SCAN_INTS integers and is free again afterwards. */
static __device__ inline uint32_t sorting_scan(uint32_t *scratch, uint32_t value, uint32_t *total)
{
    const uint32_t lanes = (uint32_t)warpSize;
    const uint32_t wave = threadIdx.x / lanes, waves = blockDim.x / lanes;
    const uint32_t through = wave_inclusive_add_u32(value);
    uint32_t before = through - value, sum = 0;

    if (threadIdx.x % lanes == lanes - 1)
        scratch[wave] = through;
    if (!MUTANT(BARRIER_SCAN))
        __syncthreads();
    for (uint32_t i = 0; i < waves; i++) {
        before += i < wave ? scratch[i] : 0;
        sum += scratch[i];
    }
    __syncthreads();
    *total = sum;
    return before;
}

/* Length of the list of an expert with `count` pairs. */
static __device__ inline uint32_t sorting_length(const struct moe_sorting_args *a, int32_t count)
{
    const uint32_t pairs = MUTANT(EMPTY_BLOCK) && count == 0 ? 1 : (uint32_t)count;

    return sorting_round_up(pairs, a->block_m);
}

/* Writes what the host and the next kernels want to know of the whole. */
static __device__ inline void sorting_totals(const struct moe_sorting_args *a, int32_t *offsets,
                                             uint32_t total, uint32_t tokens)
{
    offsets[a->experts] = (int32_t)total;
    a->num_valid[0] = (int32_t)(MUTANT(VALID_SHORT) && total ? total - a->block_m : total);
    a->num_valid[1] = (int32_t)(MUTANT(VALID_TOKENS) ? a->tokens : tokens);
    if (MUTANT(TAIL_EXPERT) && total < a->tokens * a->topk + a->experts * a->block_m - a->topk)
        a->sorted_expert_ids[total / a->block_m] = -1;
    if (MUTANT(TAIL_IDS) && total < a->tokens * a->topk + a->experts * a->block_m - a->topk)
        sorting_pad(a, total, tokens);
}

/* Turns counts by expert into offsets of the padded lists, with the end of all behind the last
 * one; writes the expert of every block, and num_valid. A thread reads and writes its own share of
 * `counts`. */
static __device__ inline void sorting_layout(const struct moe_sorting_args *a, uint32_t *scratch,
                                             int32_t *counts, uint32_t tokens)
{
    const struct sorting_share mine = sorting_share(a->experts);
    const uint32_t rows = MUTANT(EXPERT_BLOCKS) ? 32 : a->block_m;
    uint32_t length = 0, owned = 0, total, all_owned;

    for (uint32_t e = mine.first; e < mine.last; e++) {
        length += sorting_length(a, counts[e]);
        owned += sorting_ranks(a, e);
    }
    uint32_t at = sorting_scan(scratch, length, &total);
    uint32_t local = sorting_scan(scratch, owned, &all_owned);
    for (uint32_t e = mine.first; e < mine.last; e++) {
        const uint32_t end = at + sorting_length(a, counts[e]);
        counts[e] = (int32_t)at;
        for (; at < end; at += MUTANT(EXPERT_ONCE) ? end - at : a->block_m)
            a->sorted_expert_ids[at / rows] = (int32_t)(MUTANT(EXPERT_GLOBAL) ? e : local);
        local += sorting_ranks(a, e);
    }
    if (threadIdx.x == 0)
        sorting_totals(a, counts, total, tokens);
}

/* Local ids by expert, -1 for an expert that is not owned. */
static __device__ inline void sorting_local_table(const struct moe_sorting_args *a,
                                                  uint32_t *scratch, int32_t *table)
{
    const struct sorting_share mine = sorting_share(a->experts);
    uint32_t owned = 0, all_owned;

    for (uint32_t e = mine.first; e < mine.last; e++)
        owned += sorting_ranks(a, e);
    uint32_t local = sorting_scan(scratch, owned, &all_owned);
    for (uint32_t e = mine.first; e < mine.last; e++) {
        table[e] = sorting_owned(a, e) || MUTANT(LOCAL_MASKED) ? (int32_t)local : -1;
        local += sorting_ranks(a, e);
    }
}

/* Part `block` of `blocks` of the local ids of all slots. */
static __device__ inline void sorting_local_ids(const struct moe_sorting_args *a,
                                                const int32_t *table, uint32_t tokens,
                                                uint32_t block, uint32_t blocks)
{
    const size_t slots = (size_t)(MUTANT(LOCAL_ALL) ? a->tokens : tokens) * a->topk;
    const size_t step = (size_t)blocks * blockDim.x;

    for (size_t i = (size_t)block * blockDim.x + threadIdx.x; i < slots; i += step) {
        const uint32_t e = (uint32_t)a->topk_ids[i];
        const int inside = e < a->experts || MUTANT(LOCAL_RANGE);
        a->local_topk_ids[i] = inside ? (MUTANT(LOCAL_GLOBAL) ? (int32_t)e : table[e]) : -1;
    }
}

/* Clears `bytes` bytes, an even number, with the whole block. */
static __device__ inline void sorting_clear_span(unsigned char *at, size_t bytes)
{
    const size_t wide = (uintptr_t)at % sizeof(uint4) ? 0 : bytes / sizeof(uint4);
    uint4 zero;

    zero.x = zero.y = zero.z = zero.w = 0;
    for (size_t i = threadIdx.x; i < wide; i += blockDim.x)
        ((uint4 *)at)[i] = zero;
    if (MUTANT(L04) && wide)
        return;
    for (size_t i = wide * sizeof(uint4) / 2 + threadIdx.x; i < bytes / 2; i += blockDim.x)
        ((uint16_t *)at)[i] = 0;
}

/* Part `block` of `blocks` of the rows of moe_buf below T. Rows without gaps are one long span,
 * cut into pieces; otherwise a piece is a row. */
static __device__ inline void sorting_clear(const struct moe_sorting_args *a, uint32_t block,
                                            uint32_t blocks)
{
    const size_t tokens = MUTANT(CLEAR_ALL) ? a->tokens : sorting_tokens(a);
    const int dense = a->row_bytes == a->pitch_bytes || MUTANT(B02);
    const size_t all = tokens * a->row_bytes;
    const size_t piece = dense ? MOE_SORTING_CLEAR_BYTES : a->row_bytes;
    const size_t pitch = dense ? MOE_SORTING_CLEAR_BYTES : a->pitch_bytes;
    const size_t up = MUTANT(CLEAR_PIECES) ? 0 : piece - 1;
    const size_t pieces = dense ? (all + up) / piece : tokens;

    for (size_t i = block; i < pieces; i += blocks) {
        const size_t left = all - i * piece;
        const size_t from = MUTANT(CLEAR_INT) ? (size_t)(int32_t)(i * pitch) : i * pitch;
        sorting_clear_span(a->moe_buf + from, left < piece ? left : piece);
    }
}

#endif
