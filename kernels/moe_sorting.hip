/*
 * MoE sorting by a single workgroup. Tokens pass through LDS in tiles: a tile is a mesh of one row
 * per token and one column per expert, whose cell holds slot + 1 or 0. Columns are counted, counts
 * become offsets, and columns are written out; with more than one tile the mesh is made twice.
 *
 * Workgroup 0 sorts; the others, if any, clear moe_buf meanwhile.
 */
#include "kernels/kernel.h"

#include "kernels/moe_sorting_device.h"

/* Makes the mesh of tokens [first, last). A thread does the whole row of a token, so that of an
 * expert that is there twice the last slot stays. */
static __device__ inline void single_fill(const struct moe_sorting_args *a, int32_t *mesh,
                                          uint32_t first, uint32_t last)
{
    const uint32_t columns = a->experts + 1;

    for (uint32_t i = threadIdx.x; i < (last - first) * columns; i += blockDim.x)
        mesh[i] = MUTANT(TILE_CLEAR) ? mesh[i] : 0;
    if (!MUTANT(BARRIER_CLEAR))
        __syncthreads();
    for (uint32_t t = first + threadIdx.x; t < last; t += blockDim.x)
        for (uint32_t i = 0; i < a->topk; i++) {
            const uint32_t k = MUTANT(L14) ? a->topk - 1 - i : i;
            const uint32_t e = (uint32_t)a->topk_ids[(size_t)t * a->topk + k];
            if (e < a->experts || MUTANT(ID_RANGE))
                mesh[(t - first) * columns + e] = (int32_t)(k + 1);
        }
    if (!MUTANT(BARRIER_FILL))
        __syncthreads();
}

static __device__ inline void single_count(const struct moe_sorting_args *a, const int32_t *mesh,
                                           int32_t *counts, uint32_t rows)
{
    const struct sorting_share mine = sorting_share(a->experts);

    for (uint32_t e = mine.first; e < mine.last; e++) {
        int32_t count = 0;
        for (uint32_t row = 0; row < rows; row++)
            count += mesh[row * (a->experts + 1) + e] != 0;
        if (sorting_owned(a, e))
            counts[e] += count;
    }
}

/* Writes the pairs of tokens [first, last) and moves the offsets on. */
static __device__ inline void single_write(const struct moe_sorting_args *a, const int32_t *mesh,
                                           int32_t *offsets, uint32_t first, uint32_t last)
{
    const struct sorting_share mine = sorting_share(a->experts);

    for (uint32_t e = mine.first; e < mine.last; e++) {
        if (!sorting_owned(a, e))
            continue;
        for (uint32_t i = 0; i < last - first; i++) {
            const uint32_t t = MUTANT(ORDER) ? last - 1 - i : first + i;
            const int32_t cell = mesh[(t - first) * (a->experts + 1) + e];
            if (cell)
                sorting_put(a, (uint32_t)offsets[e]++, (uint32_t)cell - !MUTANT(SLOT_HIGH),
                            MUTANT(TILE_TOKEN) ? t - first : t);
        }
    }
}

/* Lists start at multiples of block_m, so the end of a list says how far it is to be padded. */
static __device__ inline void single_pad(const struct moe_sorting_args *a, const int32_t *offsets,
                                         uint32_t tokens)
{
    const struct sorting_share mine = sorting_share(a->experts);

    for (uint32_t e = mine.first; e < mine.last; e++) {
        const uint32_t end = sorting_round_up((uint32_t)offsets[e], a->block_m);
        for (uint32_t at = (uint32_t)offsets[e]; at + MUTANT(PAD_LAST) < end; at++)
            sorting_pad(a, at, tokens);
    }
}

static __device__ inline void single_sort(const struct moe_sorting_args *a, int32_t *lds)
{
    const uint32_t tokens = sorting_tokens(a);
    const uint32_t columns = a->experts + 1, tile = a->tile_tokens;
    int32_t *const offsets = lds, *const local = lds + columns, *const mesh = local + columns;
    uint32_t *const scratch = (uint32_t *)(mesh + tile * columns);

    for (uint32_t e = threadIdx.x; e < a->experts; e += blockDim.x)
        offsets[e] = MUTANT(COUNT_CLEAR) ? offsets[e] : 0;
    __syncthreads();
    for (uint32_t first = 0; first < tokens; first += tile) {
        const uint32_t last = tokens - first < tile ? tokens : first + tile;
        if (MUTANT(TILE_LAST) && first && last - first < tile)
            break;
        single_fill(a, mesh, first, last);
        single_count(a, mesh, offsets, last - first);
        if (!MUTANT(BARRIER_COUNT))
            __syncthreads();
    }
    sorting_layout(a, scratch, offsets, tokens);
    for (uint32_t first = 0; first < tokens; first += tile) {
        const uint32_t last = tokens - first < tile ? tokens : first + tile;
        if (tokens > tile && !MUTANT(TILE_STALE))
            single_fill(a, mesh, first, last);
        single_write(a, mesh, offsets, first, last);
        if (!MUTANT(BARRIER_WRITE))
            __syncthreads();
    }
    single_pad(a, offsets, tokens);
    if (a->local_topk_ids) {
        sorting_local_table(a, scratch, local);
        if (!MUTANT(BARRIER_TABLE))
            __syncthreads();
        sorting_local_ids(a, local, tokens, 0, 1);
    }
}

__global__ void moe_sorting_single(struct moe_sorting_args args)
{
    HIP_DYNAMIC_SHARED(int32_t, lds)

    if (blockIdx.x > 0)
        sorting_clear(&args, blockIdx.x - 1, gridDim.x - 1);
    else
        single_sort(&args, lds);
}
EXPORT_KERNEL(moe_sorting_single, struct moe_sorting_args);
