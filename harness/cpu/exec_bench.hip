/* Kernels that exec_bench.c times. */
#include <hip/hip_runtime.h>

#include "harness/cpu/exec_bench_kernels.h"
#include "kernels/kernel.h"

__global__ void exec_bench_barriers(struct exec_bench_args a)
{
    HIP_DYNAMIC_SHARED(float, lds)
    const size_t i = (size_t)blockIdx.x * 256 + threadIdx.x;
    float v = a.in[i];
    for (int round = 0; round < 5; round++) {
        lds[threadIdx.x] = v;
        __syncthreads();
        v = v * 0.5f + lds[(threadIdx.x + 1) & 255];
        __syncthreads();
    }
    a.out[i] = v;
}
EXPORT_KERNEL(exec_bench_barriers, struct exec_bench_args);

__global__ void exec_bench_plain(struct exec_bench_args a)
{
    const size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= a.n)
        return;
    const float x = a.in[i];
    a.out[i] = x * x * 0.5f + 3.0f * x - 1.0f;
}
EXPORT_KERNEL_NO_SYNC(exec_bench_plain, struct exec_bench_args);

__global__ void exec_bench_reduce(struct exec_bench_args a)
{
    float v = a.in[threadIdx.x];
    for (uint32_t i = 0; i < a.n; i++)
        v = wave_reduce_max_f32(v) + 1.0f;
    a.out[threadIdx.x] = v;
}
EXPORT_KERNEL(exec_bench_reduce, struct exec_bench_args);

__global__ void exec_bench_shuffles(struct exec_bench_args a)
{
    float v = a.in[threadIdx.x];
    for (uint32_t i = 0; i < a.n; i++) {
        for (int distance = 32; distance > 0; distance /= 2) {
            const float other = __shfl_xor(v, distance, 64);
            v = v < other ? other : v;
        }
        v += 1.0f;
    }
    a.out[threadIdx.x] = v;
}
EXPORT_KERNEL(exec_bench_shuffles, struct exec_bench_args);

__global__ void exec_bench_fault(struct exec_bench_args a)
{
    a.out[threadIdx.x] = 0;
}
EXPORT_KERNEL(exec_bench_fault, struct exec_bench_args);
