/*
 * The values of harness/case/fill.c, made where they are used.
 */
#include "kernels/kernel.h"

#include "harness/gpu/check_device.h"
#include "harness/op/tensor.h"

enum { FILL_WORDS = 8 }; /* that a thread makes at once */

/* nvcc makes more of it than an instruction when it is told in C. */
static __device__ inline uint64_t fill_product(uint32_t a, uint32_t b)
{
#if defined(__CUDACC__)
    uint64_t product;
    asm("mul.wide.u32 %0, %1, %2;" : "=l"(product) : "r"(a), "r"(b));
    return product;
#else
    return (uint64_t)a * b;
#endif
}

/* The block of Philox4x32-10 with the given number; see harness/case/philox.h. */
static __device__ inline void fill_random(uint64_t seed, uint32_t stream, uint64_t block,
                                          uint32_t word[4])
{
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = stream, c3 = 0;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = fill_product(0xD2511F53u, c0), p1 = fill_product(0xCD9E8D57u, c2);
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

/* Most ranges are small, and spare a product of 64 bits. */
static __device__ inline int32_t fill_whole(const struct check_fill *f, uint32_t random,
                                            uint32_t bits)
{
    if (bits <= 16 && f->range <= 0x10000)
        return f->low + (int32_t)((random * (uint32_t)f->range) >> bits);
    return (int32_t)(f->low + (int64_t)((random * f->range) >> bits));
}

#if !defined(__CUDACC__)

/* A whole number to fp16, to nearest even: never subnormal, which is what makes this short. */
static __device__ inline uint32_t fill_f16(int32_t whole)
{
    const uint32_t bits = num_bits((float)whole), magnitude = bits & 0x7fffffffu;
    const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1);
    const uint32_t code = magnitude ? (rounded >> 13) - (112u << 10) : 0;
    return ((bits >> 16) & 0x8000u) | (code < 0x7c00u ? code : 0x7c00u);
}

/* The same to bf16: never a NaN. */
static __device__ inline uint32_t fill_bf16(int32_t whole)
{
    const uint32_t bits = num_bits((float)whole);
    return (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16;
}

#endif

/* Dtype and kind are constants in each call of these, so that they are not asked for every element.
 * Two elements, whose instruction on NVIDIA gives the same bits. */
static __device__ inline uint32_t fill_exact_16(uint32_t dtype, int32_t low, int32_t high)
{
#if defined(__CUDACC__)
    uint32_t both;
    if (dtype == DTYPE_BF16)
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"((float)high), "f"((float)low));
    else
        asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"((float)high), "f"((float)low));
    return both;
#else
    return dtype == DTYPE_BF16 ? (fill_bf16(low) & 0xffff) | fill_bf16(high) << 16
                               : fill_f16(low) | fill_f16(high) << 16;
#endif
}

/* Both exponents at once: as biased fields they are not negative, so that nothing is carried from
 * one element to the other. */
static __device__ inline uint32_t fill_real_16(const struct check_fill *f, uint32_t dtype,
                                               uint32_t r)
{
    const uint32_t bits = dtype == DTYPE_BF16 ? 8 : 5, mantissa = 15 - bits;
    const uint32_t bias = (1u << (bits - 1)) - 1, field = (1u << bits) - 1;
    const uint32_t lowest = (uint32_t)f->low + bias, span = (uint32_t)(f->high - f->low);
    const uint32_t product = ((r >> mantissa) & (field * 0x10001u)) * span;
    const uint32_t exponent =
        ((product >> bits) & ((0xffffu >> bits) * 0x10001u)) + lowest * 0x10001u;
    return (r & ~((field << mantissa) * 0x10001u)) |
           ((exponent << mantissa) & (((0xffffu << mantissa) & 0xffffu) * 0x10001u));
}

static __device__ inline void fill_words_16(const struct check_fill *f, uint32_t dtype, bool exact,
                                            uint32_t word[FILL_WORDS])
{
    CHECK_UNROLL
    for (uint32_t i = 0; i < FILL_WORDS; i++) {
        const uint32_t r = word[i];
        word[i] =
            exact ? fill_exact_16(dtype, fill_whole(f, r & 0xffff, 16), fill_whole(f, r >> 16, 16))
                  : fill_real_16(f, dtype, r);
    }
}

static __device__ inline uint32_t fill_32(const struct check_fill *f, uint32_t r)
{
    if (f->dtype == DTYPE_I32)
        return (uint32_t)fill_whole(f, r, 32);
    if (f->kind == FILL_EXACT)
        return num_bits((float)fill_whole(f, r, 32));
    return (r & 0x807FFFFFu) |
           ((uint32_t)(f->low + 127) + ((((r >> 23) & 255) * (uint32_t)(f->high - f->low)) >> 8))
               << 23;
}

/* What becomes of a random byte. The NaN codes of the fp8 kinds become their neighbours. */
static __device__ inline uint8_t fill_8(const struct check_fill *f, uint32_t random)
{
    const int32_t whole = fill_whole(f, random, 8);
    const uint8_t code = (uint8_t)whole;
    if (f->kind == FILL_EXACT) {
        if (f->dtype != DTYPE_E4M3FN && f->dtype != DTYPE_E4M3FNUZ)
            return code;
        return num_fp8_encode((float)whole, f->dtype == DTYPE_E4M3FNUZ);
    }
    if (f->dtype == DTYPE_E4M3FN && (code & 0x7F) == 0x7F)
        return code ^ 1;
    return f->dtype == DTYPE_E4M3FNUZ && code == 0x80 ? (uint8_t)0 : code;
}

/* Whether the bytes of an element need a table: the codes of all random bytes. */
static __device__ inline bool fill_by_table(const struct check_fill *f)
{
    const bool wide = f->dtype == DTYPE_F32 || f->dtype == DTYPE_I32 || f->dtype == DTYPE_BF16 ||
                      f->dtype == DTYPE_F16;
    const bool fp8 = f->dtype == DTYPE_E4M3FN || f->dtype == DTYPE_E4M3FNUZ;
    return !wide && (f->range > 256 || (fp8 && f->kind == FILL_EXACT));
}

static __device__ inline uint32_t fill_from_table(const uint8_t *code, uint32_t r)
{
    return code[r & 255] | (uint32_t)code[(r >> 8) & 255] << 8 |
           (uint32_t)code[(r >> 16) & 255] << 16 | (uint32_t)code[r >> 24] << 24;
}

/* Bytes 1 and 3 of two words: the first one's first. */
static __device__ inline uint32_t fill_upper(uint32_t even, uint32_t odd)
{
#if defined(__CUDACC__)
    return __byte_perm(even, odd, 0x7351);
#else
    return ((even >> 8) & 0x00ff00ffu) | (odd & 0xff00ff00u);
#endif
}

/* fill_8 of four bytes at once where no table is needed, but for NaNs: a product has 16 bits. */
static __device__ inline uint32_t fill_codes(const struct check_fill *f, uint32_t r)
{
    const uint32_t range = (uint32_t)f->range, low = ((uint32_t)f->low & 255) * 0x01010101u;
    const uint32_t above = fill_upper((r & 0x00ff00ffu) * range, ((r >> 8) & 0x00ff00ffu) * range);
    return ((above & 0x7f7f7f7fu) + (low & 0x7f7f7f7fu)) ^ ((above ^ low) & 0x80808080u);
}

static __device__ inline uint32_t fill_no_nan(uint32_t dtype, uint32_t code)
{
    const uint32_t magnitude = code & 0x7f7f7f7fu;
    if (dtype == DTYPE_E4M3FN)
        return code ^ (((magnitude + 0x01010101u) >> 7) & 0x01010101u);
    return dtype == DTYPE_E4M3FNUZ ? code & ((magnitude + 0x7f7f7f7fu) | 0x7f7f7f7fu) : code;
}

static __device__ inline void fill_bytes(const struct check_fill *f, uint32_t word[FILL_WORDS])
{
    CHECK_UNROLL
    for (uint32_t i = 0; i < FILL_WORDS && (f->range < 256 || f->low & 255); i++)
        word[i] = fill_codes(f, word[i]);
    CHECK_UNROLL
    for (uint32_t i = 0; i < FILL_WORDS; i++)
        word[i] = fill_no_nan(f->dtype, word[i]);
}

/* The values of two units of 16 random bytes; `code`: fill_8 of every byte. */
static __device__ inline void fill_units(const struct check_fill *f, const uint8_t *code,
                                         uint64_t unit, uint64_t next, uint32_t word[FILL_WORDS])
{
    CHECK_UNROLL
    for (uint32_t i = 0; i < FILL_WORDS; i++)
        word[i] = 0;
    if (f->kind == FILL_ZERO)
        return;
    fill_random(f->seed, f->stream, unit, word);
    fill_random(f->seed, f->stream, next, word + 4);
    if (f->dtype == DTYPE_BF16 && f->kind == FILL_EXACT) {
        fill_words_16(f, DTYPE_BF16, true, word);
    } else if (f->dtype == DTYPE_BF16) {
        fill_words_16(f, DTYPE_BF16, false, word);
    } else if (f->dtype == DTYPE_F16 && f->kind == FILL_EXACT) {
        fill_words_16(f, DTYPE_F16, true, word);
    } else if (f->dtype == DTYPE_F16) {
        fill_words_16(f, DTYPE_F16, false, word);
    } else if (f->dtype == DTYPE_F32 || f->dtype == DTYPE_I32) {
        CHECK_UNROLL
        for (uint32_t i = 0; i < FILL_WORDS; i++)
            word[i] = fill_32(f, word[i]);
    } else if (fill_by_table(f)) {
        CHECK_UNROLL
        for (uint32_t i = 0; i < FILL_WORDS; i++)
            word[i] = fill_from_table(code, word[i]);
    } else {
        fill_bytes(f, word);
    }
}

static __device__ inline struct check_16 fill_16(const uint32_t word[4])
{
    struct check_16 v;
    for (uint32_t i = 0; i < 4; i++)
        v.word[i] = word[i];
    return v;
}

/* A tensor whose values lie as they are drawn. */
static __device__ inline void fill_straight(const struct check_fill *f, const uint8_t *code)
{
    const uint64_t all = (uint64_t)f->walk.blocks * CHECK_THREADS;
    for (uint64_t unit = check_thread(); unit * 16 < f->row_bytes; unit += 2 * all) {
        uint32_t word[FILL_WORDS];
        fill_units(f, code, unit, unit + all, word);
        CHECK_UNROLL
        for (uint32_t k = 0; k < 2; k++) {
            const uint64_t done = (unit + k * all) * 16;
            const uint64_t left = done < f->row_bytes ? f->row_bytes - done : 0;
            const struct check_16 v = fill_16(word + 4 * k);
            if (left)
                check_store_part(f->out + done, &v, 0, left < 16 ? (uint32_t)left : 16);
        }
    }
}

/* Adds the words behind those of a thread: the next thread's, or those of the one that it shares a
 * unit with. */
static __device__ inline void fill_exchange(const uint32_t word[FILL_WORDS], bool odd,
                                            struct check_pair pair[2])
{
    pair[0].low = fill_16(word);
    pair[1].low = fill_16(word + 4);
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t next = __shfl_down(word[i], 1, CHECK_FILL_LANES);
        const uint32_t other = __shfl_xor(word[4 + i], 1, CHECK_FILL_LANES);
        pair[0].high.word[i] = odd ? other : next;
        pair[1].high.word[i] = odd ? next : other;
    }
}

/* Stores what a row has of 16 bytes of a unit, from byte `skip` of the values on. */
static __device__ inline void fill_store(const struct check_piece *p, uint32_t at,
                                         const struct check_pair *values, uint32_t skip)
{
    const struct check_16 v = check_join(values, skip);
    const uint32_t begin = at ? 0 : p->begin, left = p->end > at ? p->end - at : 0;
    if (begin < left)
        check_store_part(p->unit + at, &v, begin, left < 16 ? left : 16);
}

/* Rows anyhow: 16 bytes start within 16 random ones and end within the next. Two threads have a
 * unit: the first and third 16 bytes, the second and fourth, so that what they store at once is
 * together. What follows the fourth is with the next thread; the last two have it for those before
 * them only. All threads of a block go on together. */
static __device__ inline void fill_rows(const struct check_fill *f, const uint8_t *code)
{
    const uint32_t lane = threadIdx.x % CHECK_FILL_LANES, odd = lane & 1;
    const uint64_t first = (uint64_t)blockIdx.x * CHECK_FILL_WALKERS;
    const uint64_t step = (uint64_t)f->walk.blocks * CHECK_FILL_WALKERS;
    struct check_at at =
        check_begin(&f->walk, first + threadIdx.x / 2 - threadIdx.x / CHECK_FILL_LANES);
    for (uint64_t done = first; done < f->walk.rows * f->walk.per_row; done += step) {
        const struct check_piece p =
            check_piece(f->out + at.row * f->pitch, f->row_bytes, at.unit, CHECK_FILL_BYTES);
        const int64_t drawn = (int64_t)(at.row * f->row_bytes + p.offset);
        const uint64_t unit = (uint64_t)(drawn >> 4) + odd;
        uint32_t word[FILL_WORDS];
        struct check_pair pair[2];
        fill_units(f, code, unit, unit + 2, word);
        fill_exchange(word, odd, pair);
        if (at.row < f->walk.rows && lane < CHECK_FILL_LANES - 2) {
            fill_store(&p, 16 * odd, &pair[0], (uint32_t)drawn & 15);
            fill_store(&p, 16 * odd + 32, &pair[1], (uint32_t)drawn & 15);
        }
        check_next(&f->walk, &at);
    }
}

__global__ void __launch_bounds__(CHECK_THREADS) check_fill(struct check_args a)
{
    HIP_DYNAMIC_SHARED(uint8_t, code)
    const struct check_fill f = ((const struct check_fill *)a.table)[blockIdx.y];

    if (fill_by_table(&f))
        code[threadIdx.x] = fill_8(&f, threadIdx.x);
    __syncthreads();
    if (blockIdx.x >= f.walk.blocks)
        return;
    if (f.straight)
        fill_straight(&f, code);
    else
        fill_rows(&f, code);
}
EXPORT_KERNEL(check_fill, struct check_args);
