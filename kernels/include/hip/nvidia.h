/* HIP for nvcc: CUDA has the same names except where waves are concerned. HIP's collectives have no
 * mask: every lane of the warp takes part. */
#ifndef HIP_NVIDIA_H
#define HIP_NVIDIA_H

#include <cuda_runtime.h>

#define HIP_DYNAMIC_SHARED(type, name) extern __shared__ type name[];

#define HIP_FULL_WARP 0xffffffffu

template <typename T> static __device__ inline T hip_shfl(T v, int lane, int width = 32)
{
    return __shfl_sync(HIP_FULL_WARP, v, lane, width);
}

template <typename T> static __device__ inline T hip_shfl_up(T v, unsigned delta, int width = 32)
{
    return __shfl_up_sync(HIP_FULL_WARP, v, delta, width);
}

template <typename T> static __device__ inline T hip_shfl_down(T v, unsigned delta, int width = 32)
{
    return __shfl_down_sync(HIP_FULL_WARP, v, delta, width);
}

template <typename T> static __device__ inline T hip_shfl_xor(T v, int mask, int width = 32)
{
    return __shfl_xor_sync(HIP_FULL_WARP, v, mask, width);
}

#define __shfl      hip_shfl
#define __shfl_up   hip_shfl_up
#define __shfl_down hip_shfl_down
#define __shfl_xor  hip_shfl_xor

#define __ballot(p) ((unsigned long long)__ballot_sync(HIP_FULL_WARP, p))
#define __any(p)    __any_sync(HIP_FULL_WARP, p)
#define __all(p)    __all_sync(HIP_FULL_WARP, p)

/* CUDA has no atomic maximum of floats. The order of floats is that of their bits as signed
 * integers where the new value is not negative, and the reverse as unsigned ones where it is. */
static __device__ inline float atomicMax(float *p, float v)
{
    if (!signbit(v))
        return __int_as_float(atomicMax((int *)p, __float_as_int(v)));
    return __uint_as_float(atomicMin((unsigned *)p, __float_as_uint(v)));
}

static __device__ inline float atomicMin(float *p, float v)
{
    if (!signbit(v))
        return __int_as_float(atomicMin((int *)p, __float_as_int(v)));
    return __uint_as_float(atomicMax((unsigned *)p, __float_as_uint(v)));
}

/* Conversions of kernels/numeric.h. The only NaN that comes out is 0x7FFF, in fp32 0x7FFFFFFF. */

static __device__ inline uint16_t hip_to_bf16(float x)
{
    uint16_t code;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(code) : "f"(x));
    return code;
}

static __device__ inline uint16_t hip_to_f16(float x)
{
    uint16_t code;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(code) : "f"(x));
    return code;
}

/* The instruction converts two codes of e4m3fn. Other codes are, moved to their places in fp32, the
 * value but for the exponent's bias. */
static __device__ inline float hip_from_fp8(uint8_t code, int fnuz)
{
    const uint32_t moved = (code & 0x80u) << 24 | (code & 0x7Fu) << 20;
    uint32_t halves;
    float x;
    if (fnuz)
        return code == 0x80u ? __uint_as_float(0x7FFFFFFFu) : __uint_as_float(moved) * 0x1p119f;
    asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(halves) : "h"((uint16_t)code));
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"((uint16_t)halves));
    return x;
}

/* Bits 3..0 count. */
static __device__ inline float hip_from_e2m1(uint8_t code)
{
    return __uint_as_float((code & 8u) << 28 | (code & 7u) << 22) * 0x1p126f;
}

/* Two values as fp8 e4m3fn, the first in the low byte: to nearest even, saturating. */
static __device__ inline uint32_t hip_e4m3x2(float first, float second)
{
    uint16_t codes;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(codes) : "f"(second), "f"(first));
    return codes;
}

/* Four values as fp8 of either kind, saturating, the first in the lowest byte. A NaN becomes the
 * most negative value. The code of a value in fnuz is that of its double in e4m3fn, but for the
 * largest, which e4m3fn has no number for, and for negative zero. */
static __device__ inline uint32_t hip_to_fp8x4(const float x[4], int fnuz)
{
    const float lowest = fnuz ? -240.0f : -448.0f, factor = fnuz ? 2.0f : 1.0f;
    uint32_t codes, not_zero;
    float y[4];
    for (int i = 0; i < 4; i++)
        y[i] = factor * fmaxf(x[i], lowest);
    codes = hip_e4m3x2(y[0], y[1]) | hip_e4m3x2(y[2], y[3]) << 16;
    if (!fnuz)
        return codes;
    for (int i = 0; i < 4; i++)
        if (fabsf(y[i]) > 464.0f)
            codes |= 1u << 8 * i;
    not_zero = (codes & 0x7F7F7F7Fu) + 0x7F7F7F7Fu; /* in bit 7 of each byte */
    return codes & (not_zero | 0x7F7F7F7Fu);
}

/* Two numbers of fp16 at a time: ab + c, rounded once; hip_sat2 cuts it to [0, 1]. */
static __device__ inline uint32_t hip_fma2(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t r;
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
    return r;
}

static __device__ inline uint32_t hip_sat2(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t r;
    asm("fma.rn.sat.f16x2 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
    return r;
}

/* The smaller one of |x| and `most`, both as fp16; a NaN loses. */
static __device__ inline uint32_t hip_abs_min2(float first, float second, uint32_t most)
{
    uint32_t r;
    asm("{\n\t.reg .b32 x;\n\tcvt.rn.f16x2.f32 x, %2, %1;\n\t"
        "abs.f16x2 x, x;\n\tmin.f16x2 %0, x, %3;\n\t}"
        : "=r"(r)
        : "f"(first), "f"(second), "r"(most));
    return r;
}

/* Two values of at most 11 significant bits, which fp16 holds, as fp4 e2m1 in the highest four bits
 * of each half; what is below is anything. To nearest even, saturating at 6, NaN too. Codes count
 * halves up to 2, ones up to 4 and twos up to 6: each is a part between 0 and 1, and its addition
 * to 1024 rounds its steps to a whole number. */
static __device__ inline uint32_t hip_e2m1x2(float first, float second)
{
    const uint32_t signs = __byte_perm(__float_as_uint(first), __float_as_uint(second), 0x7632);
    const uint32_t inside = hip_abs_min2(first, second, 0x46004600u);       /* 6 */
    const uint32_t halves = hip_sat2(inside, 0x38003800u, 0x00000000u);     /* x / 2 */
    const uint32_t ones = hip_sat2(inside, 0x38003800u, 0xBC00BC00u);       /* x / 2 - 1 */
    const uint32_t twos = hip_sat2(inside, 0x38003800u, 0xC000C000u);       /* x / 2 - 2 */
    const uint32_t to_2 = hip_fma2(halves, 0x44004400u, 0x64006400u);       /* 1024 + 4 halves */
    const uint32_t to_4 = hip_fma2(ones, 0x40004000u, to_2);                /* + 2 ones */
    return (signs & 0x80008000u) | hip_fma2(twos, 0x3C003C00u, to_4) << 12; /* + twos */
}

/* Eight of them, the first in the lowest bits. */
static __device__ inline uint32_t hip_to_e2m1x8(const float x[8])
{
    const uint32_t a = __byte_perm(hip_e2m1x2(x[0], x[1]), hip_e2m1x2(x[2], x[3]), 0x7351);
    const uint32_t b = __byte_perm(hip_e2m1x2(x[4], x[5]), hip_e2m1x2(x[6], x[7]), 0x7351);
    const uint32_t even = __byte_perm(a, b, 0x5410), odd = __byte_perm(a, b, 0x7632);
    return ((even >> 4) & 0x0F0F0F0Fu) | (odd & 0xF0F0F0F0u);
}

#endif
