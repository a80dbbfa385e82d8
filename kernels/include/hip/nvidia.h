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

#endif
