/*
 * The values of harness/case/fill.c, made where they are used.
 */
#include "kernels/kernel.h"

#include "harness/gpu/check_device.h"
#include "harness/op/tensor.h"

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
static __device__ inline struct check_16 fill_random(uint64_t seed, uint32_t stream, uint64_t block)
{
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = stream, c3 = 0;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    struct check_16 out;
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = fill_product(0xD2511F53u, c0), p1 = fill_product(0xCD9E8D57u, c2);
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out.word[0] = c0;
    out.word[1] = c1;
    out.word[2] = c2;
    out.word[3] = c3;
    return out;
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

/* Both exponents at once: nothing is carried from one element to the other. */
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
                                            struct check_16 *v)
{
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t r = v->word[i];
        v->word[i] =
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

/* fill_8 of four bytes at once where no table is needed: a product has 16 bits at most. */
static __device__ inline uint32_t fill_bytes(const struct check_fill *f, uint32_t r)
{
    const uint32_t range = (uint32_t)f->range, low = ((uint32_t)f->low & 255) * 0x01010101u;
    const uint32_t above = ((((r & 0x00ff00ffu) * range) >> 8) & 0x00ff00ffu) |
                           ((((r >> 8) & 0x00ff00ffu) * range) & 0xff00ff00u);
    const uint32_t code =
        ((above & 0x7f7f7f7fu) + (low & 0x7f7f7f7fu)) ^ ((above ^ low) & 0x80808080u);
    if (f->dtype == DTYPE_E4M3FN)
        return code ^ ((((code & 0x7f7f7f7fu) + 0x01010101u) >> 7) & 0x01010101u);
    if (f->dtype == DTYPE_E4M3FNUZ)
        return code & ~check_equal(code, 0x80808080u, 1);
    return code;
}

/* The values of a unit; `code`: fill_8 of every byte. */
static __device__ inline struct check_16 fill_unit(const struct check_fill *f, const uint8_t *code,
                                                   uint64_t unit)
{
    struct check_16 v = {{0, 0, 0, 0}};
    if (f->kind == FILL_ZERO)
        return v;
    v = fill_random(f->seed, f->stream, unit);
    if (f->dtype == DTYPE_BF16 && f->kind == FILL_EXACT)
        fill_words_16(f, DTYPE_BF16, true, &v);
    else if (f->dtype == DTYPE_BF16)
        fill_words_16(f, DTYPE_BF16, false, &v);
    else if (f->dtype == DTYPE_F16 && f->kind == FILL_EXACT)
        fill_words_16(f, DTYPE_F16, true, &v);
    else if (f->dtype == DTYPE_F16)
        fill_words_16(f, DTYPE_F16, false, &v);
    else if (f->dtype == DTYPE_F32 || f->dtype == DTYPE_I32)
        for (uint32_t i = 0; i < 4; i++)
            v.word[i] = fill_32(f, v.word[i]);
    else if (fill_by_table(f))
        for (uint32_t i = 0; i < 4; i++)
            v.word[i] = fill_from_table(code, v.word[i]);
    else
        for (uint32_t i = 0; i < 4; i++)
            v.word[i] = fill_bytes(f, v.word[i]);
    return v;
}

/* A tensor whose values lie as they are drawn. */
static __device__ inline void fill_straight(const struct check_fill *f, const uint8_t *code)
{
    const uint64_t step = (uint64_t)f->walk.blocks * CHECK_THREADS;
    for (uint64_t unit = (uint64_t)blockIdx.x * CHECK_THREADS + threadIdx.x;
         unit * 16 < f->row_bytes; unit += step) {
        const uint64_t left = f->row_bytes - unit * 16;
        const struct check_16 v = fill_unit(f, code, unit);
        check_store_part(f->out + unit * 16, &v, 0, left < 16 ? (uint32_t)left : 16);
    }
}

/* Rows anyhow: what is stored in a piece is the end of the values of one unit and the start of
 * those of the next, which the next thread has. The last of some threads has them for the one
 * before only. All threads of a block go on together. */
static __device__ inline void fill_rows(const struct check_fill *f, const uint8_t *code)
{
    const uint32_t lane = threadIdx.x % CHECK_FILL_LANES;
    const uint64_t first = (uint64_t)blockIdx.x * CHECK_FILL_WALKERS;
    const uint64_t step = (uint64_t)f->walk.blocks * CHECK_FILL_WALKERS;
    struct check_at at =
        check_begin(&f->walk, first + threadIdx.x - threadIdx.x / CHECK_FILL_LANES);
    for (uint64_t done = first; done < f->walk.rows * f->walk.per_row; done += step) {
        const struct check_piece p = check_piece(f->out + at.row * f->pitch, f->row_bytes, at.unit);
        const int64_t drawn = (int64_t)(at.row * f->row_bytes + p.offset);
        struct check_pair pair;
        pair.low = fill_unit(f, code, (uint64_t)(drawn >> 4));
        for (uint32_t i = 0; i < 4; i++)
            pair.high.word[i] = __shfl_down(pair.low.word[i], 1, CHECK_FILL_LANES);
        const struct check_16 v = check_join(&pair, (uint32_t)drawn & 15);
        if (at.row < f->walk.rows && p.begin < p.end && lane < CHECK_FILL_LANES - 1)
            check_store_part(p.unit, &v, p.begin, p.end);
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
