/*
 * One scale per row, per tensor, or a given one.
 *
 *     token    group_quant_token: a block per row
 *     tensor   group_quant_amax: a block per row, maxima combined by an atomic; group_quant_apply
 *     static   group_quant_apply
 */
#include "kernels/group_quant_chunk.h"

/* The largest magnitude of a row, in every thread of the block. `lds` holds a word per wave; `kept`
 * gets the thread's last chunk and `behind` the number of the one that would be next. */
static __device__ inline float gq_row_amax(const struct group_quant_args *a,
                                           const struct gq_input *input, uint64_t row,
                                           uint32_t *lds, struct gq_chunk *kept, uint32_t *behind)
{
    const uint32_t waves = (blockDim.x + (uint32_t)warpSize - 1) / (uint32_t)warpSize;
    uint32_t most = 0, i;

    for (i = threadIdx.x; i < a->row_chunks; i += blockDim.x) {
        uint32_t part;

        *kept = gq_load(a, input, row, (uint64_t)i * GQ_CHUNK);
        part = gq_chunk_max(kept);
        most = part > most ? part : most;
    }
    *behind = i;
    most = wave_reduce_max_u32(most);
    if (threadIdx.x % (uint32_t)warpSize == 0)
        lds[threadIdx.x / (uint32_t)warpSize] = most;
#ifndef MUTANT_M03
    __syncthreads();
#endif
#ifdef MUTANT_M05
    for (uint32_t wave = 0; wave + 1 < waves; wave++)
#else
    for (uint32_t wave = 0; wave < waves; wave++)
#endif
        most = lds[wave] > most ? lds[wave] : most;
    return gq_decode(a, (uint16_t)most);
}

/* A row or tensor of zeros has the scale 1. */
static __device__ inline float gq_row_scale(const struct group_quant_args *a, float amax)
{
#ifdef MUTANT_L03
    return amax * gq_reciprocal(a->type);
#else
    return amax < GQ_ROW_FLOOR ? 1.0f : amax * gq_reciprocal(a->type);
#endif
}

__global__ void __launch_bounds__(GROUP_QUANT_ROW_BLOCK)
    group_quant_token(struct group_quant_args a)
{
    HIP_DYNAMIC_SHARED(uint32_t, lds);
    const uint64_t row = blockIdx.x;
    const struct gq_input input = gq_input_from(&a, row);
    struct gq_chunk chunk;
    uint32_t i;
    float scale, inverse;

    if (row >= gq_counted_rows(&a))
        return;
    scale = gq_row_scale(&a, gq_row_amax(&a, &input, row, lds, &chunk, &i));
    inverse = 1.0f / scale;
    if (threadIdx.x == 0)
        ((float *)a.scale)[row] = scale;
    /* Backwards from the chunk that is still in registers, in most rows the only one. */
    while (i >= blockDim.x) {
        i -= blockDim.x;
        gq_write(&a, row, (uint64_t)i * GQ_CHUNK, &chunk, inverse);
        if (i < blockDim.x)
            return;
        chunk = gq_load(&a, &input, row, (uint64_t)(i - blockDim.x) * GQ_CHUNK);
    }
}
EXPORT_KERNEL(group_quant_token, struct group_quant_args);

__global__ void __launch_bounds__(GROUP_QUANT_ROW_BLOCK) group_quant_amax(struct group_quant_args a)
{
    HIP_DYNAMIC_SHARED(uint32_t, lds);
    const uint64_t row = blockIdx.x;
    const struct gq_input input = gq_input_from(&a, row);
    struct gq_chunk chunk;
    uint32_t i;
    float amax;

    if (row >= gq_counted_rows(&a))
        return;
    amax = gq_row_amax(&a, &input, row, lds, &chunk, &i);
    if (threadIdx.x == 0)
#ifdef MUTANT_M02
        *a.amax = num_bits(amax);
#else
        atomicMax(a.amax, num_bits(amax));
#endif
}
EXPORT_KERNEL(group_quant_amax, struct group_quant_args);

__global__ void __launch_bounds__(GROUP_QUANT_BLOCK) group_quant_apply(struct group_quant_args a)
{
    const struct gq_input input = gq_input_of(&a);
    const uint64_t row = blockIdx.x / a.row_blocks;
    const uint32_t lane = blockIdx.x % a.row_blocks * blockDim.x + threadIdx.x;
    const uint64_t col = (uint64_t)lane * GQ_CHUNK;
    const float scale = a.amax == NULL ? *a.static_scale : gq_row_scale(&a, num_float(*a.amax));

    if (blockIdx.x == 0 && threadIdx.x == 0 && a.amax != NULL)
        *(float *)a.scale = scale;
    if (row < gq_counted_rows(&a) && col < a.cols) {
        const struct gq_chunk chunk = gq_load(&a, &input, row, col);

        gq_write(&a, row, col, &chunk, 1.0f / scale);
    }
}
EXPORT_KERNEL_NO_SYNC(group_quant_apply, struct group_quant_args);
