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

#endif
