/*
 * A thread's work in all kernels of group_quant: load a chunk of 32 columns, take the largest
 * magnitude, convert by a scale, store.
 */
#ifndef HARNESS_KERNELS_GROUP_QUANT_CHUNK_H
#define HARNESS_KERNELS_GROUP_QUANT_CHUNK_H

#include "kernels/group_quant.h"
#include "kernels/kernel.h"
#include "kernels/numeric.h"

#define GQ_CHUNK GROUP_QUANT_CHUNK

/* The smallest amax of a group; below it, the scale of a zero group would be zero. */
#define GQ_GROUP_FLOOR 1e-10f

/* The smallest amax of a row or a tensor that makes a scale of its own. */
#define GQ_ROW_FLOOR 0x1p-100f

/* Two columns to a word, the first in its lower half: a GPU keeps words in registers as they are.
 */
struct gq_chunk {
    uint32_t word[GQ_CHUNK / 2];
};

/* Rows that are to be quantised. */
static __device__ inline uint64_t gq_counted_rows(const struct group_quant_args *a)
{
    uint64_t count;

    if (a->num_rows == NULL)
        return a->rows;
    count = (uint64_t)*a->num_rows * a->row_factor;
#ifdef MUTANT_N02
    count = a->rows;
#endif
#ifdef MUTANT_N03
    count = (uint32_t)count > INT32_MAX ? 0 : (uint32_t)count;
#endif
#ifdef MUTANT_N04
    return count;
#endif
#ifdef MUTANT_N05
    count = (uint64_t)*a->num_rows;
#endif
    return count < a->rows ? count : a->rows;
}

/* --- Load --- */

/* The input as a block sees it: bounded by its true extent, so that what lies behind it reads as
 * zero. A descriptor reaches 4 GiB. A larger input gets one for each row, and blocks that stay
 * inside a row, because a descriptor must be the same for a whole wave. */
struct gq_input {
    struct buffer buffer;
    uint64_t first_row; /* where the buffer begins */
};

static __device__ inline struct gq_input gq_input_from(const struct group_quant_args *a,
                                                       uint64_t first_row)
{
    const uint64_t skipped = first_row * a->stride;
    struct gq_input input;

    input.first_row = first_row;
    input.buffer = buffer_make(a->input + skipped, a->input_bytes - skipped * sizeof(uint16_t));
    return input;
}

static __device__ inline struct gq_input gq_input_of(const struct group_quant_args *a)
{
    return gq_input_from(a, a->row_blocks ? blockIdx.x / a->row_blocks : 0);
}

#if defined(MUTANT_B01a) || defined(MUTANT_B01b) || defined(MUTANT_B01c) || defined(MUTANT_B01d)
#define GQ_RAW_LOADS /* the mutant goes on to let lanes load that have no group */
#endif

/* Elements [at, at + 32) from where the buffer begins, aligned to 16 bytes. */
static __device__ inline void gq_fetch_chunk(const struct gq_input *input, uint64_t at,
                                             struct gq_chunk *chunk)
{
#if defined(GQ_RAW_LOADS)
    __builtin_memcpy(chunk->word, (const uint16_t *)input->buffer.base + at, sizeof chunk->word);
#elif defined(MUTANT_B39a)
    __builtin_memcpy(chunk->word, input->buffer.base + (int32_t)(uint32_t)(at * sizeof(uint16_t)),
                     sizeof chunk->word);
#else
    uint4 parts[4];

    buffer_load_u32x16(input->buffer, (uint32_t)(at * sizeof(uint16_t)), parts);
    __builtin_memcpy(chunk->word, parts, sizeof parts);
#endif
}

/* Element `at` from where the buffer begins. */
static __device__ inline uint16_t gq_fetch(const struct gq_input *input, uint64_t at)
{
#if defined(GQ_RAW_LOADS)
    return ((const uint16_t *)input->buffer.base)[at];
#elif defined(MUTANT_B39a)
    return *(const uint16_t *)(input->buffer.base + (int32_t)(uint32_t)(at * sizeof(uint16_t)));
#else
    return buffer_load_u16(input->buffer, (uint32_t)(at * sizeof(uint16_t)));
#endif
}

/* Columns behind the row's end count as zero. */
static __device__ inline struct gq_chunk
gq_load(const struct group_quant_args *a, const struct gq_input *input, uint64_t row, uint64_t col)
{
    const uint64_t at = (row - input->first_row) * a->stride + col;
#ifdef MUTANT_L21a
    const uint64_t end = (a->cols + 3) / 4 * 4;
#else
    const uint64_t end = a->cols;
#endif
    const uint32_t count = end - col < GQ_CHUNK ? (uint32_t)(end - col) : GQ_CHUNK;
    struct gq_chunk chunk;

    if (a->wide)
        gq_fetch_chunk(input, at, &chunk);
    else
        for (uint32_t i = 0; i < GQ_CHUNK; i += 2) {
            const uint32_t even = i < count ? gq_fetch(input, at + i) : 0;
            const uint32_t odd = i + 1 < count ? gq_fetch(input, at + i + 1) : 0;

            chunk.word[i / 2] = even | odd << 16;
        }
    return chunk;
}

/* The largest magnitude of a chunk, as bits of the input type: magnitudes order like their bits. */
static __device__ inline uint32_t gq_chunk_max(const struct gq_chunk *chunk)
{
#if defined(__CUDACC__) && !defined(MUTANT_A01)
    uint32_t most = 0;

    for (int i = 0; i < GQ_CHUNK / 2; i++)
        most = __vmaxu2(most, chunk->word[i] & 0x7FFF7FFF);
    return max(most >> 16, most & 0xFFFF);
#else
    uint16_t most = 0, x[GQ_CHUNK];

    __builtin_memcpy(x, chunk->word, sizeof x);
    for (int i = 0; i < GQ_CHUNK; i++) {
#ifdef MUTANT_A01
        const uint16_t magnitude = x[i] & 0x8000 ? 0 : x[i];
#else
        const uint16_t magnitude = x[i] & 0x7FFF;
#endif

        most = magnitude > most ? magnitude : most;
    }
    return most;
#endif
}

/* --- Convert --- */

static __device__ inline float gq_decode(const struct group_quant_args *a, uint16_t bits)
{
    return a->f16 ? num_f16_decode(bits) : num_bf16_decode(bits);
}

/* 1 / (the largest value of the type), rounded. */
static __device__ inline float gq_reciprocal(uint32_t type)
{
    switch (type) {
    case GROUP_QUANT_FN:
#ifdef MUTANT_L22
        return 1.0f / 256.0f;
#else
        return 1.0f / 448.0f;
#endif
    case GROUP_QUANT_FNUZ:
#ifdef MUTANT_T02
        return 1.0f / 448.0f;
#else
        return 1.0f / 240.0f;
#endif
    case GROUP_QUANT_FP4:
        return 1.0f / 6.0f;
    default:
        return 1.0f / 127.0f;
    }
}

/* n values, a multiple of 4. */
static __device__ inline void gq_fp8(float *x, uint32_t n, int fnuz, uint8_t *codes)
{
#ifdef MUTANT_H02
    for (uint32_t i = 0; i < n; i++)
        x[i] *= 1.0f + 0x1p-23f; /* ties away from zero */
#endif
#ifdef MUTANT_T01
    num_fp8_encode_n(x, n, !fnuz, codes);
#else
    num_fp8_encode_n(x, n, fnuz, codes);
#endif
#ifdef MUTANT_C03
    for (uint32_t i = 0; i < n; i++)
        codes[i] = x[i] > 464.0f || x[i] < -464.0f ? (fnuz ? 0x80 : 0x7F) : codes[i];
#endif
#ifdef MUTANT_Z01
    for (uint32_t i = 0; i < n; i++)
        if (fnuz && num_bits(x[i]) >> 31 && codes[i] == 0)
            codes[i] = 0x80;
#endif
}

/* The C conversion truncates; clamped, because the product may exceed 127 by its rounding, and by
 * far under a given scale. */
static __device__ inline uint8_t gq_i8(float x)
{
#ifdef MUTANT_C02
    const float raised = x > -128.0f ? x : -128.0f;
#else
    const float raised = x > -127.0f ? x : -127.0f;
#endif
    const float clamped = raised < 127.0f ? raised : 127.0f;

#if defined(MUTANT_C01)
    return (uint8_t)(int32_t)(x < 1e9f && x > -1e9f ? x : 0.0f);
#elif defined(MUTANT_I01)
    return (uint8_t)(int32_t)(clamped + (clamped < 0.0f ? -0.5f : 0.5f));
#else
    return (uint8_t)(int32_t)clamped;
#endif
}

/* n values, a multiple of 8. */
static __device__ inline void gq_fp4(const float *x, uint32_t n, uint8_t *codes)
{
#if defined(MUTANT_P01)
    for (uint32_t i = 0; i < n; i += 2)
        codes[i / 2] = num_fp4x2_pack(num_e2m1_encode(x[i + 1], 0), num_e2m1_encode(x[i], 0));
#elif defined(MUTANT_H01)
    for (uint32_t i = 0; i < n; i += 2)
        codes[i / 2] = num_fp4x2_pack(num_e2m1_encode(x[i], 1), num_e2m1_encode(x[i + 1], 1));
#else
    num_fp4_encode_n(x, n, codes);
#endif
}

/* A chunk as codes, four to a word; fp4: eight, in the first half. */
struct gq_codes {
    uint32_t word[GQ_CHUNK / 4];
};

/* The types are told apart outside the loops, which are then vectorised on the CPU. */
static __device__ inline struct gq_codes gq_convert(const struct group_quant_args *a,
                                                    const struct gq_chunk *chunk, float inverse)
{
    struct gq_codes codes;
    uint16_t bits[GQ_CHUNK];
    uint8_t byte[GQ_CHUNK];
    float x[GQ_CHUNK];

    __builtin_memcpy(bits, chunk->word, sizeof bits);
#ifndef MUTANT_D01
    if (a->f16)
        for (int i = 0; i < GQ_CHUNK; i++)
            x[i] = num_f16_decode(bits[i]) * inverse;
    else
#endif
        for (int i = 0; i < GQ_CHUNK; i++)
            x[i] = num_bf16_decode(bits[i]) * inverse;
    switch (a->type) {
    case GROUP_QUANT_FN:
        gq_fp8(x, GQ_CHUNK, 0, byte);
        break;
    case GROUP_QUANT_FNUZ:
        gq_fp8(x, GQ_CHUNK, 1, byte);
        break;
    case GROUP_QUANT_FP4:
        gq_fp4(x, GQ_CHUNK, byte);
        break;
    default:
        for (int i = 0; i < GQ_CHUNK; i++)
            byte[i] = gq_i8(x[i]);
        break;
    }
    __builtin_memcpy(codes.word, byte, sizeof byte);
    return codes;
}

/* --- Store --- */

static __device__ inline uint8_t *gq_codes_at(const struct group_quant_args *a, uint64_t row,
                                              uint64_t col)
{
    const uint32_t per_byte = a->type == GROUP_QUANT_FP4 ? 2 : 1;

#ifdef MUTANT_L01
    const uint64_t pitch = a->group_chunks ? (uint64_t)a->pitch * a->group_chunks * GQ_CHUNK : 0;
    return a->codes + (row * (pitch > a->cols ? pitch : a->cols) + col) / per_byte;
#else
    return a->codes + (row * a->cols + col) / per_byte;
#endif
}

static __device__ inline void gq_store(const struct group_quant_args *a, uint64_t row, uint64_t col,
                                       const struct gq_codes *codes)
{
    const uint32_t per_byte = a->type == GROUP_QUANT_FP4 ? 2 : 1;
    const uint64_t left = a->cols - col;
#if defined(MUTANT_L21b)
    const uint32_t count = left < GQ_CHUNK ? ((uint32_t)left + 3) / 4 * 4 : GQ_CHUNK;
#elif defined(MUTANT_X01)
    const uint32_t count = left < GQ_CHUNK ? (uint32_t)left / 2 * 2 : GQ_CHUNK;
#else
    const uint32_t count = left < GQ_CHUNK ? (uint32_t)left : GQ_CHUNK;
#endif
    uint8_t *to = gq_codes_at(a, row, col);

    if (a->wide) {
        uint4 part[2];

        __builtin_memcpy(part, codes->word, sizeof part);
        ((uint4 *)to)[0] = part[0];
        if (per_byte == 1)
            ((uint4 *)to)[1] = part[1];
    } else {
        for (uint32_t i = 0; i < GQ_CHUNK; i++)
            if (i < count / per_byte)
                to[i] = (uint8_t)(codes->word[i / 4] >> i % 4 * 8);
    }
}

/* Quantises a loaded chunk by the inverse of its scale. */
static __device__ inline void gq_write(const struct group_quant_args *a, uint64_t row, uint64_t col,
                                       const struct gq_chunk *chunk, float inverse)
{
    const struct gq_codes codes = gq_convert(a, chunk, inverse);

    gq_store(a, row, col, &codes);
}

#endif
