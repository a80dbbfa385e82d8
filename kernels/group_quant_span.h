/*
 * A whole group to a lane: where it lies, its load and its store.
 *
 * Groups of neighbouring lanes are up to 256 bytes apart, so that one access of all lanes touches
 * as many lines of the cache as there are lanes, and 16 bytes in each: half a sector of NVIDIA's
 * L2 cache, which takes as long as a whole one. There neighbouring lanes take turns instead: all
 * of them access a chunk of the first one's group, then one of the second's, and so on, and swap
 * what is not theirs by shuffles.
 */
#ifndef HARNESS_KERNELS_GROUP_QUANT_SPAN_H
#define HARNESS_KERNELS_GROUP_QUANT_SPAN_H

#include "kernels/group_quant_chunk.h"

enum { GQ_GROUP_CHUNKS = 4 }; /* of the largest group */

/* The columns of a lane's group. */
struct gq_span {
    uint64_t row, first;
    uint32_t chunks; /* 0: the lane has no group */
};

static __device__ inline struct gq_span gq_span_of(const struct group_quant_args *a, uint64_t row,
                                                   uint32_t y, bool live)
{
    const uint32_t width = a->group_chunks * GQ_CHUNK;
    struct gq_span span;
    uint64_t end;

    span.row = row;
    span.first = (uint64_t)y * width;
    end = span.first + width < a->cols ? span.first + width : a->cols;
    span.chunks =
        live && span.first < end ? (uint32_t)(end - span.first + GQ_CHUNK - 1) / GQ_CHUNK : 0;
    return span;
}

#if defined(__CUDACC__)

enum { GQ_PIECE = 16, GQ_LOADERS = 4, GQ_STORERS = 2 }; /* bytes; lanes that take turns */

/* Exchanges pieces with the lane whose number differs in `bit`: the upper one of the two gives what
 * it has in `low` and the lower one what it has in `high`. */
static __device__ inline void gq_exchange(uint4 *low, uint4 *high, uint32_t bit)
{
    const bool upper = threadIdx.x & bit;
    uint4 moved = upper ? *low : *high;

    moved.x = __shfl_xor(moved.x, (int)bit);
    moved.y = __shfl_xor(moved.y, (int)bit);
    moved.z = __shfl_xor(moved.z, (int)bit);
    moved.w = __shfl_xor(moved.w, (int)bit);
    if (upper)
        *low = moved;
    else
        *high = moved;
}

/* Four pieces of a chunk to each of four lanes, in turn: piece i of each lane was loaded by the
 * i-th of them. */
static __device__ inline void gq_load_together(const struct group_quant_args *a,
                                               const struct gq_input *input,
                                               const struct gq_span *span, struct gq_chunk *chunk)
{
    const uint64_t first = (span->row - input->first_row) * a->stride + span->first;
    const uint32_t own = (uint32_t)(first * sizeof(uint16_t)), mine = threadIdx.x % GQ_LOADERS;
    uint32_t from[GQ_LOADERS], chunks[GQ_LOADERS];

    for (uint32_t i = 0; i < GQ_LOADERS; i++) {
        from[i] = __shfl(own, (int)i, GQ_LOADERS) + mine * GQ_PIECE;
        chunks[i] = __shfl(span->chunks, (int)i, GQ_LOADERS);
    }
    KERNEL_UNROLL
    for (uint32_t k = 0; k < GQ_GROUP_CHUNKS; k++) {
        uint4 piece[GQ_LOADERS];

        KERNEL_UNROLL
        for (uint32_t i = 0; i < GQ_LOADERS; i++) {
            const uint32_t at = from[i] + k * (uint32_t)sizeof chunk->word;

            piece[i] = make_uint4(0, 0, 0, 0);
            if (k < chunks[i] && buffer_holds(input->buffer, at, GQ_PIECE))
                piece[i] = *(const uint4 *)(input->buffer.base + at);
        }
        gq_exchange(&piece[0], &piece[1], 1);
        gq_exchange(&piece[2], &piece[3], 1);
        gq_exchange(&piece[0], &piece[2], 2);
        gq_exchange(&piece[1], &piece[3], 2);
        __builtin_memcpy(chunk[k].word, piece, sizeof piece);
    }
}

/* Codes of one byte: two pieces of a chunk to each of two lanes. */
static __device__ inline void gq_write_together(const struct group_quant_args *a,
                                                const struct gq_span *span,
                                                const struct gq_chunk *chunk, float inverse)
{
    const uint64_t own = (uint64_t)gq_codes_at(a, span->row, span->first);
    const uint32_t mine = threadIdx.x % GQ_STORERS;
    uint8_t *to[GQ_STORERS];
    uint32_t chunks[GQ_STORERS];

    for (uint32_t i = 0; i < GQ_STORERS; i++) {
        to[i] = (uint8_t *)__shfl(own, (int)i, GQ_STORERS) + mine * GQ_PIECE;
        chunks[i] = __shfl(span->chunks, (int)i, GQ_STORERS);
    }
    KERNEL_UNROLL
    for (uint32_t k = 0; k < GQ_GROUP_CHUNKS; k++) {
        const struct gq_codes codes = gq_convert(a, &chunk[k], inverse);
        uint4 piece[GQ_STORERS];

        __builtin_memcpy(piece, codes.word, sizeof piece);
        gq_exchange(&piece[0], &piece[1], 1);
        KERNEL_UNROLL
        for (uint32_t i = 0; i < GQ_STORERS; i++)
            if (k < chunks[i])
                *(uint4 *)(to[i] + k * GQ_CHUNK) = piece[i];
    }
}

#endif

static __device__ inline void gq_load_span(const struct group_quant_args *a,
                                           const struct gq_input *input, const struct gq_span *span,
                                           struct gq_chunk *chunk)
{
#if defined(__CUDACC__) && !defined(GQ_RAW_LOADS) && !defined(MUTANT_B39a)
    if (a->wide) {
        gq_load_together(a, input, span, chunk);
        return;
    }
#endif
    KERNEL_UNROLL
    for (uint32_t i = 0; i < GQ_GROUP_CHUNKS; i++)
        if (i < span->chunks)
            chunk[i] = gq_load(a, input, span->row, span->first + i * GQ_CHUNK);
}

static __device__ inline void gq_write_span(const struct group_quant_args *a,
                                            const struct gq_span *span,
                                            const struct gq_chunk *chunk, float inverse)
{
#if defined(__CUDACC__)
    if (a->wide && a->type != GROUP_QUANT_FP4) {
        gq_write_together(a, span, chunk, inverse);
        return;
    }
#endif
    KERNEL_UNROLL
    for (uint32_t i = 0; i < GQ_GROUP_CHUNKS; i++)
        if (i < span->chunks)
            gq_write(a, span->row, span->first + i * GQ_CHUNK, &chunk[i], inverse);
}

#endif
