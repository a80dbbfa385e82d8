/*
 * Operations of a whole wave. Every lane must take part and the block must be whole waves; all
 * lanes get the result. On a GPU they are made of shuffles; on the CPU each is one rendezvous whose
 * last lane does the work, in the same order of additions, so that sums agree bit for bit.
 *
 *     float    wave_reduce_add_f32(float v);
 *     float    wave_reduce_max_f32(float v);        a NaN loses against a number
 *     uint32_t wave_reduce_add_u32(uint32_t v);
 *     uint32_t wave_reduce_max_u32(uint32_t v);
 *     uint32_t wave_inclusive_add_u32(uint32_t v);  lane i: the sum of lanes 0 to i
 *     uint32_t wave_lane(void);                     this lane's number
 */
#ifndef KERNELS_WAVE_H
#define KERNELS_WAVE_H

#include <hip/hip_runtime.h>

#include <stdint.h>

#if defined(HIP_CPU_H)

#define wave_lane()               cpu_lane()
#define wave_reduce_add_f32(v)    cpu_reduce_add_f32(v, CPU_SITE("wave_reduce_add_f32"))
#define wave_reduce_max_f32(v)    cpu_reduce_max_f32(v, CPU_SITE("wave_reduce_max_f32"))
#define wave_reduce_add_u32(v)    cpu_reduce_add_u32(v, CPU_SITE("wave_reduce_add_u32"))
#define wave_reduce_max_u32(v)    cpu_reduce_max_u32(v, CPU_SITE("wave_reduce_max_u32"))
#define wave_inclusive_add_u32(v) cpu_scan_add_u32(v, CPU_SITE("wave_inclusive_add_u32"))

#else

static __device__ inline uint32_t wave_lane(void)
{
    const uint32_t thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    return thread & ((uint32_t)warpSize - 1);
}

static __device__ inline float wave_reduce_add_f32(float v)
{
    for (int distance = warpSize / 2; distance > 0; distance /= 2)
        v += __shfl_xor(v, distance, warpSize);
    return v;
}

static __device__ inline float wave_reduce_max_f32(float v)
{
    for (int distance = warpSize / 2; distance > 0; distance /= 2)
        v = fmaxf(v, __shfl_xor(v, distance, warpSize));
    return v;
}

static __device__ inline uint32_t wave_reduce_add_u32(uint32_t v)
{
    for (int distance = warpSize / 2; distance > 0; distance /= 2)
        v += (uint32_t)__shfl_xor((int)v, distance, warpSize);
    return v;
}

static __device__ inline uint32_t wave_reduce_max_u32(uint32_t v)
{
#if defined(__CUDACC__)
    return __reduce_max_sync(HIP_FULL_WARP, v); /* one instruction */
#else
    for (int distance = warpSize / 2; distance > 0; distance /= 2) {
        const uint32_t other = (uint32_t)__shfl_xor((int)v, distance, warpSize);
        v = v < other ? other : v;
    }
    return v;
#endif
}

static __device__ inline uint32_t wave_inclusive_add_u32(uint32_t v)
{
    const uint32_t lane = wave_lane();
    for (uint32_t distance = 1; distance < (uint32_t)warpSize; distance *= 2) {
        const uint32_t before = (uint32_t)__shfl_up((int)v, distance, warpSize);
        v += lane >= distance ? before : 0;
    }
    return v;
}

#endif

#endif
