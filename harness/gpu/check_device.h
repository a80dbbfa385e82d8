/*
 * Device code that the check kernels share. A kernel file includes this behind kernels/kernel.h.
 */
#ifndef HARNESS_GPU_CHECK_DEVICE_H
#define HARNESS_GPU_CHECK_DEVICE_H

#include "harness/gpu/check_kernels.h"
#include "harness/op/dtype.h"
#include "kernels/kernel.h"
#include "kernels/numeric.h"

/* Stands before loops over arrays that are to be registers. */
#if defined(HIP_CPU_H)
#define CHECK_UNROLL
#else
#define CHECK_UNROLL _Pragma("unroll")
#endif

/* Where a walker is: a row and a unit in it. */
struct check_at {
    uint64_t row, unit;
};

static __device__ inline struct check_at check_begin(const struct check_walk *w, uint64_t walker)
{
    struct check_at at;
    at.row = walker / w->per_row;
    at.unit = walker % w->per_row;
    return at;
}

static __device__ inline uint64_t check_thread(void)
{
    return (uint64_t)blockIdx.x * CHECK_THREADS + threadIdx.x;
}

static __device__ inline void check_next(const struct check_walk *w, struct check_at *at)
{
    at->row += w->step_rows;
    at->unit += w->step_units;
    if (at->unit >= w->per_row) {
        at->unit -= w->per_row;
        at->row++;
    }
}

/* --- 16 bytes --- */

struct check_16 {
    uint32_t word[4];
};

static __device__ inline struct check_16 check_load(const unsigned char *aligned)
{
    struct check_16 v;
    const uint4 four = *(const uint4 *)aligned;
    v.word[0] = four.x;
    v.word[1] = four.y;
    v.word[2] = four.z;
    v.word[3] = four.w;
    return v;
}

static __device__ inline void check_store(unsigned char *aligned, const struct check_16 *v)
{
    uint4 four;
    four.x = v->word[0];
    four.y = v->word[1];
    four.z = v->word[2];
    four.w = v->word[3];
    *(uint4 *)aligned = four;
}

static __device__ inline bool check_same(const struct check_16 *a, const struct check_16 *b)
{
    return ((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) |
            (a->word[3] ^ b->word[3])) == 0;
}

static __device__ inline uint32_t check_byte(const struct check_16 *v, uint32_t i)
{
    uint32_t word = v->word[0];
    word = i >= 4 ? v->word[1] : word;
    word = i >= 8 ? v->word[2] : word;
    word = i >= 12 ? v->word[3] : word;
    return (word >> (8 * (i & 3))) & 255;
}

/* Bytes below `n` of word i of 16 bytes, as a mask. */
static __device__ inline uint32_t check_below(uint32_t n, uint32_t i)
{
    if (n >= 4 * i + 4)
        return 0xffffffffu;
    return n <= 4 * i ? 0 : (1u << (8 * (n - 4 * i))) - 1;
}

/* Makes zero of all bytes but [begin, end). */
static __device__ inline void check_keep(struct check_16 *v, uint32_t begin, uint32_t end)
{
    for (uint32_t i = 0; i < 4; i++)
        v->word[i] &= check_below(end, i) & ~check_below(begin, i);
}

/* Stores bytes [begin, end) of them. */
static __device__ inline void check_store_part(unsigned char *aligned, const struct check_16 *v,
                                               uint32_t begin, uint32_t end)
{
    if (begin == 0 && end == 16) {
        check_store(aligned, v);
        return;
    }
    CHECK_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        if (begin <= 4 * i && 4 * i + 4 <= end) {
            ((uint32_t *)aligned)[i] = v->word[i];
            continue;
        }
        CHECK_UNROLL
        for (uint32_t k = 4 * i; k < 4 * i + 4; k++)
            if (k >= begin && k < end)
                aligned[k] = (unsigned char)(v->word[i] >> (8 * (k & 3)));
    }
}

/* What a row has of one of the aligned units of `width` bytes, 16 or a multiple, that it is cut
 * into: bytes [begin, end), none behind the end of the row. The first unit starts at the aligned 16
 * bytes that hold the first byte of the row. */
struct check_piece {
    unsigned char *unit;
    uint64_t offset; /* of the unit from the row's start; below zero when begin > 0 */
    uint32_t begin, end;
};

static __device__ inline struct check_piece check_piece(unsigned char *row, uint64_t row_bytes,
                                                        uint64_t unit, uint32_t width)
{
    const uint32_t odd = (uint32_t)((uintptr_t)row & 15);
    struct check_piece p;
    p.offset = unit * width - odd;
    p.unit = row + p.offset;
    p.begin = unit ? 0 : odd;
    p.end = p.begin;
    if (unit * width < row_bytes + odd)
        p.end = row_bytes - p.offset < width ? (uint32_t)(row_bytes - p.offset) : width;
    return p;
}

/* The aligned 16 bytes that hold the first of some bytes, and those behind them. */
struct check_pair {
    struct check_16 low, high;
};

/* Of bytes [begin, end), some of 16 bytes from any address on. No more is read than the units that
 * hold them, which stay within their pages. */
static __device__ inline struct check_pair check_load_pair(const unsigned char *at, uint32_t begin,
                                                           uint32_t end)
{
    const uint32_t skip = (uint32_t)((uintptr_t)at & 15);
    struct check_pair p;
    p.low = check_load(at - skip + (skip + begin < 16 ? 0 : 16));
    p.high = check_load(at - skip + (skip + end > 16 ? 16 : 0));
    return p;
}

/* The 16 bytes from byte `skip`, below 16, of a pair on. */
static __device__ inline struct check_16 check_join(const struct check_pair *p, uint32_t skip)
{
    const uint32_t shift = 8 * (skip & 3);
    uint32_t word[8];
    struct check_16 v;
    for (uint32_t i = 0; i < 4; i++) {
        word[i] = p->low.word[i];
        word[i + 4] = p->high.word[i];
    }
    for (uint32_t i = 0; i < 6; i++)
        word[i] = skip & 8 ? word[i + 2] : word[i];
    for (uint32_t i = 0; i < 5; i++)
        word[i] = skip & 4 ? word[i + 1] : word[i];
    for (uint32_t i = 0; i < 4; i++)
        v.word[i] = (uint32_t)(((uint64_t)word[i + 1] << 32 | word[i]) >> shift);
    return v;
}

/* --- Elements in words --- */

/* A code of `size` bytes over and over. */
static __device__ inline uint32_t check_repeat(uint32_t bits, uint32_t size)
{
    bits |= size == 1 ? bits << 8 : 0;
    return size <= 2 ? bits | bits << 16 : bits;
}

/* The last bit of every element of a word that is not zero. */
static __device__ inline uint32_t check_nonzero(uint32_t word, uint32_t size)
{
    const uint32_t low = size == 1 ? 0x7f7f7f7fu : size == 2 ? 0x7fff7fffu : 0x7fffffffu;
    return (((word & low) + low) | word) & ~low;
}

/* All bits of the elements that two words have in common. */
static __device__ inline uint32_t check_equal(uint32_t a, uint32_t b, uint32_t size)
{
    const uint32_t last = check_nonzero(a ^ b, size) ^ check_nonzero(0xffffffffu, size);
    return (last << 1) - (last >> (8 * size - 1));
}

/* --- Numbers --- */

static __device__ inline uint64_t check_bits(double x)
{
    uint64_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}

static __device__ inline double check_double(uint64_t bits)
{
    double x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}

/* sum + a * b, rounded once. */
static __device__ inline double check_add(double sum, double a, double b)
{
#if defined(__CUDACC__)
    return fma(a, b, sum);
#else
    return __builtin_fma(a, b, sum);
#endif
}

static __device__ inline double check_magnitude(double x)
{
    return check_double(check_bits(x) & 0x7fffffffffffffffu);
}

static __device__ inline int check_is_nan(double x)
{
    return x != x;
}

static __device__ inline int check_is_inf(double x)
{
    return (check_bits(x) & 0x7fffffffffffffffu) == 0x7ff0000000000000u;
}

static __device__ inline int check_is_finite(double x)
{
    return (check_bits(x) & 0x7ff0000000000000u) != 0x7ff0000000000000u;
}

/* 2^(code-127), which a float has not for code 0 where subnormals are flushed. */
static __device__ inline double check_e8m0(uint32_t code)
{
    return check_double(code == 255 ? 0x7ff8000000000000u : (uint64_t)(code + 1023 - 127) << 52);
}

/* The number that an element stands for; of two codes in a byte, the low one. */
static __device__ inline double check_value(uint32_t dtype, uint32_t bits)
{
    switch (dtype) {
    case DTYPE_F32:
        return num_float(bits);
    case DTYPE_BF16:
        return num_bf16_decode((uint16_t)bits);
    case DTYPE_F16:
        return num_f16_decode((uint16_t)bits);
    case DTYPE_E4M3FN:
        return num_fp8_decode((uint8_t)bits, 0);
    case DTYPE_E4M3FNUZ:
        return num_fp8_decode((uint8_t)bits, 1);
    case DTYPE_E5M2: /* the upper half of an fp16 */
        return num_f16_decode((uint16_t)(bits << 8));
    case DTYPE_E8M0:
        return check_e8m0(bits);
    case DTYPE_E2M1X2:
        return num_e2m1_decode((uint8_t)(bits & 15));
    case DTYPE_I8:
        return (int8_t)bits;
    case DTYPE_U8:
        return bits;
    default:
        return (int32_t)bits;
    }
}

/* An element in memory. */
static __device__ inline uint32_t check_read(const unsigned char *at, uint32_t size)
{
    if (size == 1)
        return *at;
    return size == 2 ? *(const uint16_t *)at : *(const uint32_t *)at;
}

/* --- Sums of a block --- */

static __device__ inline void check_sums(double sum[CHECK_SUMS], double got, double want)
{
    const double difference = got - want;
    sum[CHECK_DOT] = check_add(sum[CHECK_DOT], got, want);
    sum[CHECK_GOT2] = check_add(sum[CHECK_GOT2], got, got);
    sum[CHECK_WANT2] = check_add(sum[CHECK_WANT2], want, want);
    sum[CHECK_DIFF2] = check_add(sum[CHECK_DIFF2], difference, difference);
}

/* Adds CHECK_SUMS doubles of every thread, `count` neighbours (a power of two) to the first of
 * them, in one order for all wave sizes. All threads of the block take part. */
static __device__ inline void check_tree(double *lds, uint32_t count, double sum[CHECK_SUMS])
{
    const uint32_t t = threadIdx.x, place = t & (count - 1);
    for (uint32_t i = 0; i < CHECK_SUMS; i++)
        lds[i * CHECK_THREADS + t] = sum[i];
    for (uint32_t distance = count / 2; distance; distance /= 2) {
        __syncthreads();
        if (place < distance)
            for (uint32_t i = 0; i < CHECK_SUMS; i++)
                lds[i * CHECK_THREADS + t] += lds[i * CHECK_THREADS + t + distance];
    }
    for (uint32_t i = 0; i < CHECK_SUMS; i++)
        sum[i] = lds[i * CHECK_THREADS + t];
    __syncthreads();
}

/* The smallest number of the block, for all its threads. */
static __device__ inline unsigned long long check_least(unsigned long long *lds,
                                                        unsigned long long v)
{
    const uint32_t t = threadIdx.x;
    lds[t] = v;
    for (uint32_t distance = CHECK_THREADS / 2; distance; distance /= 2) {
        __syncthreads();
        if (t < distance && lds[t + distance] < lds[t])
            lds[t] = lds[t + distance];
    }
    __syncthreads();
    v = lds[0];
    __syncthreads();
    return v;
}

/* The largest error of the block and its place; the first of several. For thread 0. */
static __device__ inline void check_worst(double *lds, double *error, unsigned long long *place)
{
    unsigned long long *places = (unsigned long long *)(lds + CHECK_THREADS);
    const uint32_t t = threadIdx.x;
    lds[t] = *error;
    places[t] = *place;
    for (uint32_t distance = CHECK_THREADS / 2; distance; distance /= 2) {
        const uint32_t other = t + distance;
        __syncthreads();
        if (t < distance &&
            (lds[other] > lds[t] || (lds[other] == lds[t] && places[other] < places[t]))) {
            lds[t] = lds[other];
            places[t] = places[other];
        }
    }
    *error = lds[t];
    *place = places[t];
    __syncthreads();
}

/* The square of the relative error. */
static __device__ inline double check_relative(double diff2, double want2)
{
    if (diff2 == 0)
        return 0;
    return want2 > 0 ? diff2 / want2 : 1;
}

/* What all blocks of an entry have summed up, by one of them. */
static __device__ inline void check_total(const struct check_compare *c, double *lds,
                                          double sum[CHECK_SUMS])
{
    double total[CHECK_SUMS] = {0, 0, 0, 0};
    for (uint32_t b = threadIdx.x; b < c->walk.blocks; b += CHECK_THREADS)
        for (uint32_t i = 0; i < CHECK_SUMS; i++)
            total[i] += c->partial[b].sum[i];
    if (c->walk.blocks > 1) /* else thread 0 has all there is */
        check_tree(lds, CHECK_THREADS, total);
    if (threadIdx.x == 0)
        for (uint32_t i = 0; i < CHECK_SUMS; i++)
            sum[i] = total[i];
}

#endif
