/* Right kernels, for exec_test.c. */
#include <hip/hip_runtime.h>

#include "harness/cpu/exec_test_kernels.h"
#include "kernels/kernel.h"

static __device__ inline size_t global_index(void)
{
    return (size_t)blockIdx.x * blockDim.x + threadIdx.x;
}

__global__ void test_scale(struct test_args a)
{
    const size_t i = global_index();
    if (i < a.n)
        a.out[i] = 2.0f * a.in[i] + 1.0f;
}
EXPORT_KERNEL_NO_SYNC(test_scale, struct test_args);

__global__ void test_scale_sync(struct test_args a)
{
    const size_t i = global_index();
    if (i < a.n)
        a.out[i] = 2.0f * a.in[i] + 1.0f;
}
EXPORT_KERNEL(test_scale_sync, struct test_args);

/* What a thread knows of itself, before and after others ran. */
__global__ void test_indices(struct test_args a)
{
    const uint32_t block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    const uint32_t thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    __syncthreads();
    const uint32_t again = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    const uint32_t size = blockDim.x * blockDim.y * blockDim.z;
    if (again == thread)
        atomicAdd(&a.counts[block * size + thread], 1u + wave_lane());
}
EXPORT_KERNEL(test_indices, struct test_args);

__global__ void test_block_sum(struct test_args a)
{
    HIP_DYNAMIC_SHARED(float, sums)
    const uint32_t t = threadIdx.x;
    sums[t] = a.in[global_index()];
    for (uint32_t half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half)
            sums[t] += sums[t + half];
    }
    if (t == 0)
        a.out[blockIdx.x] = sums[0];
}
EXPORT_KERNEL(test_block_sum, struct test_args);

/* One result per form and thread: out[form * blockDim.x + thread]. */
__global__ void test_shuffles(struct test_args a)
{
    const uint32_t t = threadIdx.x, n = blockDim.x;
    const float v = a.in[t];
    a.out[0 * n + t] = __shfl(v, 3);
    a.out[1 * n + t] = __shfl(v, 21, 16);
    a.out[2 * n + t] = __shfl_up(v, 3, 16);
    a.out[3 * n + t] = __shfl_down(v, 5, 32);
    a.out[4 * n + t] = __shfl_xor(v, 17, 32);
    a.out[5 * n + t] = __shfl_xor(v, 17, 16);
    a.out[6 * n + t] = (float)__shfl_xor((double)v, 1);
    a.out[7 * n + t] = (float)__shfl_xor((int)v, 2);
    a.out[8 * n + t] = (float)__shfl_xor((unsigned long long)v << 33 >> 33, 4);
}
EXPORT_KERNEL(test_shuffles, struct test_args);

__global__ void test_votes(struct test_args a)
{
    const uint32_t t = threadIdx.x;
    const unsigned long long odd = __ballot((t & 1) != 0);
    a.counts[4 * t] = (uint32_t)odd;
    a.counts[4 * t + 1] = (uint32_t)(odd >> 32);
    a.counts[4 * t + 2] = (uint32_t)__any(t == 5);
    a.counts[4 * t + 3] = (uint32_t)__all(t < 64);
}
EXPORT_KERNEL(test_votes, struct test_args);

/* Each whole-wave operation beside the shuffles that it stands for. */
__global__ void test_waves(struct test_args a)
{
    const uint32_t t = threadIdx.x, n = blockDim.x;
    const float v = a.in[t];
    float add = v, most = v;
    for (int distance = warpSize / 2; distance > 0; distance /= 2) {
        add += __shfl_xor(add, distance, warpSize);
        most = fmaxf(most, __shfl_xor(most, distance, warpSize));
    }
    a.out[0 * n + t] = add;
    a.out[1 * n + t] = wave_reduce_add_f32(v);
    a.out[2 * n + t] = most;
    a.out[3 * n + t] = wave_reduce_max_f32(v);
    a.counts[0 * n + t] = wave_reduce_add_u32(t);
    a.counts[1 * n + t] = wave_reduce_max_u32(t ^ 21);
    a.counts[2 * n + t] = wave_inclusive_add_u32(t);
}
EXPORT_KERNEL(test_waves, struct test_args);

__global__ void test_atomics(struct test_args a)
{
    const uint32_t i = (uint32_t)global_index();
    atomicAdd(&a.counts[0], i);
    atomicMax(&a.counts[1], i);
    atomicMin(&a.counts[2], i + 7);
    atomicOr(&a.counts[3], 1u << (i & 31));
    atomicSub(&a.counts[4], 1u);
    atomicAnd(&a.counts[5], ~(1u << (i & 15)));
    atomicXor(&a.counts[6], i);
    if (atomicCAS(&a.counts[7], 0u, i + 1) == 0u)
        atomicExch(&a.counts[8], i + 1);
    atomicAdd(&a.out[0], 1.0f);
    atomicMax(&a.out[1], (float)i);
    atomicMin((int *)&a.counts[9], -(int)i);
}
EXPORT_KERNEL_NO_SYNC(test_atomics, struct test_args);

__global__ void test_buffers(struct test_args a)
{
    const uint32_t t = threadIdx.x;
    const struct buffer in = buffer_make(a.in, a.n), out = buffer_make(a.out, a.n);
    const uint4 wide = buffer_load_u32x4(in, 4 * t);
    a.counts[8 * t] = wide.x;
    a.counts[8 * t + 1] = wide.y;
    a.counts[8 * t + 2] = wide.z;
    a.counts[8 * t + 3] = wide.w;
    a.counts[8 * t + 4] = buffer_load_u16(in, 2 * t);
    a.counts[8 * t + 5] = buffer_load_u8(in, t);
    a.counts[8 * t + 6] = buffer_load_u32(in, 0u - 4 * t);
    a.counts[8 * t + 7] = buffer_load_u32x2(in, 4 * t).y;
    buffer_store_u32x4(out, 16 * t, wide);
}
EXPORT_KERNEL_NO_SYNC(test_buffers, struct test_args);

__global__ void absent_lanes(struct test_args a)
{
    a.out[threadIdx.x] = __shfl_down(a.in[threadIdx.x], 16);
}
EXPORT_KERNEL(absent_lanes, struct test_args);
