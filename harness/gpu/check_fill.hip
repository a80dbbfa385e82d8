/*
 * The values of harness/case/fill.c, made where they are used.
 */
#include "kernels/kernel.h"

#include "harness/gpu/check_device.h"
#include "harness/op/tensor.h"

/* The block of Philox4x32-10 with the given number; see harness/case/philox.h. */
static __device__ inline struct check_16 fill_random(uint64_t seed, uint32_t stream, uint64_t block)
{
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = stream, c3 = 0;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    struct check_16 out;
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
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

/* An exponent in [low, high), as a biased field. */
static __device__ inline uint32_t fill_exponent(const struct check_fill *f, uint32_t random,
                                                uint32_t bits, int32_t bias)
{
    const uint32_t span = (uint32_t)(f->high - f->low);
    return (uint32_t)(f->low + bias) + ((random * span) >> bits);
}

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

/* Dtype and kind are constants in each call of these, so that they are not asked for every element.
 */
static __device__ inline uint32_t fill_16(const struct check_fill *f, uint32_t dtype, bool exact,
                                          uint32_t r)
{
    if (exact)
        return dtype == DTYPE_BF16 ? fill_bf16(fill_whole(f, r, 16))
                                   : fill_f16(fill_whole(f, r, 16));
    if (dtype == DTYPE_BF16)
        return (r & 0x807Fu) | fill_exponent(f, (r >> 7) & 255, 8, 127) << 7;
    return (r & 0x83FFu) | fill_exponent(f, (r >> 10) & 31, 5, 15) << 10;
}

static __device__ inline void fill_words_16(const struct check_fill *f, uint32_t dtype, bool exact,
                                            struct check_16 *v)
{
    for (uint32_t i = 0; i < 4; i++)
        v->word[i] = (fill_16(f, dtype, exact, v->word[i] & 0xffff) & 0xffff) |
                     fill_16(f, dtype, exact, v->word[i] >> 16) << 16;
}

static __device__ inline uint32_t fill_32(const struct check_fill *f, uint32_t r)
{
    if (f->dtype == DTYPE_I32)
        return (uint32_t)fill_whole(f, r, 32);
    if (f->kind == FILL_EXACT)
        return num_bits((float)fill_whole(f, r, 32));
    return (r & 0x807FFFFFu) | fill_exponent(f, (r >> 23) & 255, 8, 127) << 23;
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

/* Bytes of an element, as the exponent of two. */
static __device__ inline uint32_t fill_shift(uint32_t dtype)
{
    if (dtype == DTYPE_F32 || dtype == DTYPE_I32)
        return 2;
    return dtype == DTYPE_BF16 || dtype == DTYPE_F16 ? 1 : 0;
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
    else
        for (uint32_t i = 0; i < 4; i++) {
            const uint32_t r = v.word[i];
            v.word[i] = code[r & 255] | (uint32_t)code[(r >> 8) & 255] << 8 |
                        (uint32_t)code[(r >> 16) & 255] << 16 | (uint32_t)code[r >> 24] << 24;
        }
    return v;
}

static __device__ inline void fill_store_element(unsigned char *at, uint32_t size, uint32_t bits)
{
    if (size == 4)
        *(uint32_t *)at = bits;
    else if (size == 2)
        *(uint16_t *)at = (uint16_t)bits;
    else
        *at = (uint8_t)bits;
}

/* Elements [begin, end) of the 16 bytes. */
static __device__ inline void fill_store(unsigned char *at, const struct check_16 *v, uint32_t size,
                                         uint32_t begin, uint32_t end)
{
    const uint32_t all = begin == 0 && end * size == 16;
    const uint32_t odd = (uint32_t)(uintptr_t)at;
    if (all && (odd & 15) == 0) {
        check_store(at, v);
    } else if (all && (odd & 3) == 0) {
        for (uint32_t i = 0; i < 4; i++)
            ((uint32_t *)at)[i] = v->word[i];
    } else {
        for (uint32_t k = 0; k < 16; k++)
            if (k >= begin && k < end)
                fill_store_element(at + (k - begin) * size, size, check_element(v, size, k));
    }
}

/* A dense tensor: every unit but the last is whole. */
static __device__ inline void fill_dense(const struct check_fill *f, uint32_t shift,
                                         const uint8_t *code)
{
    const uint64_t bytes = f->cols << shift, step = (uint64_t)f->walk.blocks * CHECK_THREADS;
    for (uint64_t unit = (uint64_t)blockIdx.x * CHECK_THREADS + threadIdx.x; unit * 16 < bytes;
         unit += step) {
        const struct check_16 v = fill_unit(f, code, unit);
        const uint64_t left = bytes - unit * 16;
        fill_store(f->out + unit * 16, &v, 1u << shift, 0,
                   (left < 16 ? (uint32_t)left : 16) >> shift);
    }
}

/* Rows start and end within units. */
static __device__ inline void fill_rows(const struct check_fill *f, uint32_t shift,
                                        const uint8_t *code)
{
    const uint32_t per_unit = 16u >> shift;
    for (struct check_at at = check_begin(&f->walk); at.row < f->walk.rows;
         check_next(&f->walk, &at)) {
        const uint64_t start = at.row * f->cols, unit = (start >> (4 - shift)) + at.unit;
        const uint32_t skip = at.unit ? 0 : (uint32_t)start & (per_unit - 1);
        const uint64_t col = (unit << (4 - shift)) + skip - start, left = f->cols - col;
        const uint32_t end = left < per_unit - skip ? skip + (uint32_t)left : per_unit;
        if (col >= f->cols)
            continue;
        const struct check_16 v = fill_unit(f, code, unit);
        fill_store(f->out + at.row * f->pitch + (col << shift), &v, 1u << shift, skip, end);
    }
}

__global__ void __launch_bounds__(CHECK_THREADS) check_fill(struct check_args a)
{
    HIP_DYNAMIC_SHARED(uint8_t, code)
    const struct check_fill f = ((const struct check_fill *)a.table)[blockIdx.y];
    const uint32_t shift = fill_shift(f.dtype);

    if (shift == 0)
        code[threadIdx.x] = fill_8(&f, threadIdx.x);
    __syncthreads();
    if (blockIdx.x >= f.walk.blocks)
        return;
    if (f.walk.rows == 1)
        fill_dense(&f, shift, code);
    else
        fill_rows(&f, shift, code);
}
EXPORT_KERNEL(check_fill, struct check_args);
