/*
 * MoE sorting by many workgroups, with the mesh in global memory: a row per expert, a cell per
 * token.
 *
 *     few tokens     gather                    write
 *     many tokens    mesh, then count          write
 *
 * gather and count have one workgroup per expert. The last of them to finish turns all counts into
 * offsets (see sorting_layout), so that write finds its place without a launch in between. Local
 * ids, when asked for, are a launch of their own.
 */
#include "kernels/kernel.h"

#include "kernels/moe_sorting_device.h"

static __device__ inline size_t mesh_index(const struct moe_sorting_args *a, uint32_t expert,
                                           uint32_t token)
{
    return (size_t)expert * a->mesh_pitch + token;
}

/* slot + 1, or 0. */
static __device__ inline uint32_t mesh_get(const struct moe_sorting_args *a, uint32_t expert,
                                           uint32_t token)
{
    const size_t at = mesh_index(a, expert, token);

    if (MUTANT(CELL_SIGN))
        return (uint32_t)(int8_t)a->mesh[at * a->mesh_width];
    return a->mesh_width == 1 ? a->mesh[at] : ((const uint32_t *)a->mesh)[at];
}

static __device__ inline void mesh_set(const struct moe_sorting_args *a, uint32_t expert,
                                       uint32_t token, uint32_t cell)
{
    const size_t at = mesh_index(a, expert, token);

    if (a->mesh_width == 1)
        a->mesh[at] = (unsigned char)cell;
    else
        ((uint32_t *)a->mesh)[at] = cell;
}

/* Delivers this workgroup's count. In the last one to do so, the counts of all become offsets. */
static __device__ inline void multi_deliver(const struct moe_sorting_args *a, uint32_t *scratch,
                                            uint32_t expert, uint32_t count)
{
    uint32_t *const is_last = scratch + MOE_SORTING_SCAN_INTS;

    if (threadIdx.x == 0) {
        a->offsets[expert] = (int32_t)count;
        __threadfence();
        *is_last = atomicAdd(a->arrived, 1u) == a->experts / (1 + MUTANT(ARRIVE_EARLY)) - 1;
    }
    if (!MUTANT(BARRIER_ARRIVE))
        __syncthreads();
    if (!*is_last)
        return;
    __threadfence();
    sorting_layout(a, scratch, a->offsets, sorting_tokens(a));
}

/* The last slot of `token` that holds `expert`, plus one, or 0. */
static __device__ inline uint32_t gather_cell(const struct moe_sorting_args *a, uint32_t expert,
                                              uint32_t token)
{
    const int32_t *const ids = a->topk_ids + (size_t)token * a->topk;
    uint32_t cell = 0;

    for (uint32_t k = 0; k < a->topk; k++)
        cell = (uint32_t)ids[k] == expert && !(MUTANT(L14b) && cell) ? k + 1 : cell;
    return cell;
}

/* One workgroup per expert: looks for it in all tokens, and counts. */
__global__ void moe_sorting_gather(struct moe_sorting_args args)
{
    HIP_DYNAMIC_SHARED(uint32_t, scratch)
    const struct moe_sorting_args *const a = &args;
    const uint32_t tokens = sorting_tokens(a), expert = blockIdx.x;
    uint32_t count = 0, total;

    if (sorting_owned(a, expert) || MUTANT(MASK_IGNORED))
        for (uint32_t t = threadIdx.x; t < tokens; t += blockDim.x) {
            const uint32_t cell = gather_cell(a, expert, t);
            mesh_set(a, expert, t, cell);
            count += cell != 0;
        }
    sorting_scan(scratch, count, &total);
    multi_deliver(a, scratch, expert, total);
}
EXPORT_KERNEL(moe_sorting_gather, struct moe_sorting_args);

/* One thread per token: its column of the mesh. */
__global__ void moe_sorting_mesh(struct moe_sorting_args args)
{
    const struct moe_sorting_args *const a = &args;
    const uint32_t tokens = sorting_tokens(a);

    for (uint32_t t = blockIdx.x * blockDim.x + threadIdx.x; t < tokens;
         t += gridDim.x * blockDim.x) {
        for (uint32_t e = 0; e < a->experts; e++)
            if (!MUTANT(MESH_CLEAR))
                mesh_set(a, e, t, 0);
        for (uint32_t k = 0; k < a->topk; k++) {
            const uint32_t e = (uint32_t)a->topk_ids[(size_t)t * a->topk + k];
            if (e < a->experts || MUTANT(MESH_RANGE))
                mesh_set(a, e, t, k + 1);
        }
    }
}
EXPORT_KERNEL_NO_SYNC(moe_sorting_mesh, struct moe_sorting_args);

/* One workgroup per expert: counts its row of the mesh. */
__global__ void moe_sorting_count(struct moe_sorting_args args)
{
    HIP_DYNAMIC_SHARED(uint32_t, scratch)
    const struct moe_sorting_args *const a = &args;
    const uint32_t tokens = sorting_tokens(a), expert = blockIdx.x;
    uint32_t count = 0, total;

    if (sorting_owned(a, expert))
        for (uint32_t t = threadIdx.x; t < tokens; t += blockDim.x)
            count += mesh_get(a, expert, t) != 0;
    sorting_scan(scratch, count, &total);
    multi_deliver(a, scratch, expert, total);
}
EXPORT_KERNEL(moe_sorting_count, struct moe_sorting_args);

/* Writes the list of `expert`. A thread has consecutive tokens, so that one scan gives all places
 * in the order of tokens. */
static __device__ inline void write_list(const struct moe_sorting_args *a, uint32_t *scratch,
                                         uint32_t expert)
{
    const uint32_t tokens = sorting_tokens(a);
    const uint32_t start = (uint32_t)a->offsets[expert], end = (uint32_t)a->offsets[expert + 1];
    const struct sorting_share mine = sorting_share(tokens);
    uint32_t count = 0, total;

    if (start == end)
        return;
    for (uint32_t t = mine.first; t < mine.last; t++)
        count += mesh_get(a, expert, t) != 0;
    uint32_t at = start + sorting_scan(scratch, count, &total);
    for (uint32_t t = mine.first; t < mine.last; t++) {
        const uint32_t cell = mesh_get(a, expert, t);
        if (cell)
            sorting_put(a, at++, cell - 1, t);
    }
    for (at = start + total + threadIdx.x; at < end; at += blockDim.x)
        sorting_pad(a, at, tokens);
}

/* One workgroup per expert writes its list; those behind them, if any, clear moe_buf. */
__global__ void moe_sorting_write(struct moe_sorting_args args)
{
    HIP_DYNAMIC_SHARED(uint32_t, scratch)

    if (blockIdx.x >= args.experts)
        sorting_clear(&args, blockIdx.x - args.experts, gridDim.x - args.experts);
    else
        write_list(&args, scratch, blockIdx.x);
}
EXPORT_KERNEL(moe_sorting_write, struct moe_sorting_args);

/* Every workgroup makes the table of local ids for itself, and looks up its part of the slots. */
__global__ void moe_sorting_local_ids(struct moe_sorting_args args)
{
    HIP_DYNAMIC_SHARED(int32_t, table)

    sorting_local_table(&args, (uint32_t *)(table + args.experts), table);
    __syncthreads();
    sorting_local_ids(&args, table, sorting_tokens(&args), blockIdx.x, gridDim.x);
}
EXPORT_KERNEL(moe_sorting_local_ids, struct moe_sorting_args);
