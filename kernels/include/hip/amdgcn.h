/*
 * HIP for clang alone: `clang -x hip --cuda-device-only -nogpuinc -nogpulib --offload-arch=gfx942`,
 * without ROCm's headers and device libraries. Device code only; made for gfx9, whose waves have 64
 * lanes. Math is what the compiler expands by itself, plus hip/amdgcn_math.h.
 */
#ifndef HIP_AMDGCN_H
#define HIP_AMDGCN_H

#define __global__      __attribute__((global))
#define __device__      __attribute__((device))
#define __host__        __attribute__((host))
#define __shared__      __attribute__((shared))
#define __constant__    __attribute__((constant))
#define __forceinline__ inline __attribute__((always_inline))
/* What ROCm makes of it; clang has launch_bounds for CUDA only. */
#define __launch_bounds__(threads, ...) __attribute__((amdgpu_flat_work_group_size(1, threads)))

/* HIP's way of declaring the LDS whose size the launch gives. */
#define HIP_DYNAMIC_SHARED(type, name) extern __shared__ type name[];

struct uint2 {
    uint32_t x, y;
};
struct uint3 {
    uint32_t x, y, z;
};
struct alignas(16) uint4 {
    uint32_t x, y, z, w;
};
struct float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
typedef uint3 dim3;

static __device__ inline uint3 hip_thread_idx(void)
{
    return {__builtin_amdgcn_workitem_id_x(), __builtin_amdgcn_workitem_id_y(),
            __builtin_amdgcn_workitem_id_z()};
}

static __device__ inline uint3 hip_block_idx(void)
{
    return {__builtin_amdgcn_workgroup_id_x(), __builtin_amdgcn_workgroup_id_y(),
            __builtin_amdgcn_workgroup_id_z()};
}

static __device__ inline uint3 hip_block_dim(void)
{
    return {__builtin_amdgcn_workgroup_size_x(), __builtin_amdgcn_workgroup_size_y(),
            __builtin_amdgcn_workgroup_size_z()};
}

/* The hidden arguments of code object version 5 start with the number of blocks. */
static __device__ inline uint3 hip_grid_dim(void)
{
    const __attribute__((address_space(4))) uint32_t *counts =
        (const __attribute__((address_space(4))) uint32_t *)__builtin_amdgcn_implicitarg_ptr();
    return {counts[0], counts[1], counts[2]};
}

#define threadIdx (hip_thread_idx())
#define blockIdx  (hip_block_idx())
#define blockDim  (hip_block_dim())
#define gridDim   (hip_grid_dim())
#define warpSize  64

static __device__ inline void __syncthreads(void)
{
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

static __device__ inline void __threadfence(void)
{
    __builtin_amdgcn_fence(__ATOMIC_SEQ_CST, "agent");
}

static __device__ inline void __threadfence_block(void)
{
    __builtin_amdgcn_fence(__ATOMIC_SEQ_CST, "workgroup");
}

/* Collectives. A lane reads another one's register through the LDS crossbar, by byte address. */

static __device__ inline int hip_lane(void)
{
    return (int)__builtin_amdgcn_mbcnt_hi(~0u, __builtin_amdgcn_mbcnt_lo(~0u, 0u));
}

static __device__ inline int hip_read_lane(int lane, int v)
{
    return __builtin_amdgcn_ds_bpermute(lane << 2, v);
}

static __device__ inline int hip_source(int lane, int width)
{
    return (hip_lane() & ~(width - 1)) + (lane & (width - 1));
}

static __device__ inline int hip_source_up(unsigned delta, int width)
{
    const int self = hip_lane(), source = self - (int)delta;
    return source < (self & ~(width - 1)) ? self : source;
}

static __device__ inline int hip_source_down(unsigned delta, int width)
{
    const int self = hip_lane();
    return (self & (width - 1)) + (int)delta >= width ? self : self + (int)delta;
}

static __device__ inline int hip_source_xor(int mask, int width)
{
    const int self = hip_lane(), source = self ^ mask;
    return source >= ((self + width) & ~(width - 1)) ? self : source;
}

#define HIP_SHUFFLES_32(TYPE)                                                                      \
    static __device__ inline TYPE hip_shuffle(TYPE v, int lane)                                    \
    {                                                                                              \
        return __builtin_bit_cast(TYPE, hip_read_lane(lane, __builtin_bit_cast(int, v)));          \
    }                                                                                              \
    HIP_SHUFFLES(TYPE)
#define HIP_SHUFFLES_64(TYPE)                                                                      \
    static __device__ inline TYPE hip_shuffle(TYPE v, int lane)                                    \
    {                                                                                              \
        uint2 parts = __builtin_bit_cast(uint2, v);                                                \
        parts.x = (uint32_t)hip_read_lane(lane, (int)parts.x);                                     \
        parts.y = (uint32_t)hip_read_lane(lane, (int)parts.y);                                     \
        return __builtin_bit_cast(TYPE, parts);                                                    \
    }                                                                                              \
    HIP_SHUFFLES(TYPE)
#define HIP_SHUFFLES(TYPE)                                                                         \
    static __device__ inline TYPE __shfl(TYPE v, int lane, int width = warpSize)                   \
    {                                                                                              \
        return hip_shuffle(v, hip_source(lane, width));                                            \
    }                                                                                              \
    static __device__ inline TYPE __shfl_up(TYPE v, unsigned delta, int width = warpSize)          \
    {                                                                                              \
        return hip_shuffle(v, hip_source_up(delta, width));                                        \
    }                                                                                              \
    static __device__ inline TYPE __shfl_down(TYPE v, unsigned delta, int width = warpSize)        \
    {                                                                                              \
        return hip_shuffle(v, hip_source_down(delta, width));                                      \
    }                                                                                              \
    static __device__ inline TYPE __shfl_xor(TYPE v, int mask, int width = warpSize)               \
    {                                                                                              \
        return hip_shuffle(v, hip_source_xor(mask, width));                                        \
    }
HIP_SHUFFLES_32(int)
HIP_SHUFFLES_32(unsigned)
HIP_SHUFFLES_32(float)
HIP_SHUFFLES_64(long)
HIP_SHUFFLES_64(unsigned long)
HIP_SHUFFLES_64(long long)
HIP_SHUFFLES_64(unsigned long long)
HIP_SHUFFLES_64(double)

static __device__ inline unsigned long long __ballot(int predicate)
{
    return __builtin_amdgcn_ballot_w64(predicate != 0);
}

static __device__ inline int __any(int predicate)
{
    return __ballot(predicate) != 0;
}

static __device__ inline int __all(int predicate)
{
    return __ballot(predicate == 0) == 0;
}

/* Atomics: relaxed, visible to the whole device. */

#define HIP_ATOMIC(TYPE, NAME, BUILTIN)                                                            \
    static __device__ inline TYPE NAME(TYPE *p, TYPE v)                                            \
    {                                                                                              \
        return BUILTIN(p, v, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);                          \
    }
#define HIP_ATOMICS(TYPE)                                                                          \
    HIP_ATOMIC(TYPE, atomicAdd, __hip_atomic_fetch_add)                                            \
    HIP_ATOMIC(TYPE, atomicMax, __hip_atomic_fetch_max)                                            \
    HIP_ATOMIC(TYPE, atomicMin, __hip_atomic_fetch_min)                                            \
    HIP_ATOMIC(TYPE, atomicExch, __hip_atomic_exchange)
#define HIP_ATOMICS_OF_INTEGER(TYPE)                                                               \
    HIP_ATOMICS(TYPE)                                                                              \
    HIP_ATOMIC(TYPE, atomicSub, __hip_atomic_fetch_sub)                                            \
    HIP_ATOMIC(TYPE, atomicAnd, __hip_atomic_fetch_and)                                            \
    HIP_ATOMIC(TYPE, atomicOr, __hip_atomic_fetch_or)                                              \
    HIP_ATOMIC(TYPE, atomicXor, __hip_atomic_fetch_xor)                                            \
    static __device__ inline TYPE atomicCAS(TYPE *p, TYPE old, TYPE v)                             \
    {                                                                                              \
        __hip_atomic_compare_exchange_strong(p, &old, v, __ATOMIC_RELAXED, __ATOMIC_RELAXED,       \
                                             __HIP_MEMORY_SCOPE_AGENT);                            \
        return old;                                                                                \
    }
HIP_ATOMICS_OF_INTEGER(int)
HIP_ATOMICS_OF_INTEGER(unsigned)
HIP_ATOMICS_OF_INTEGER(unsigned long long)
HIP_ATOMICS(float)
HIP_ATOMICS(double)

#include <hip/amdgcn_math.h>

#endif
