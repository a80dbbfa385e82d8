/* A kernel for each way of being wrong, and a right one, for exec_finding_test.c. */
#include <hip/hip_runtime.h>

#include "harness/cpu/exec_test_kernels.h"
#include "kernels/kernel.h"

static __device__ inline size_t global_index(void)
{
    return (size_t)blockIdx.x * blockDim.x + threadIdx.x;
}

__global__ void good_block_sum(struct test_args a)
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
EXPORT_KERNEL(good_block_sum, struct test_args);

__global__ void bug_two_barriers(struct test_args a)
{
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __syncthreads();
    a.out[threadIdx.x] = 0;
}
EXPORT_KERNEL(bug_two_barriers, struct test_args);

__global__ void bug_early_exit(struct test_args a)
{
    if (threadIdx.x >= a.n)
        return;
    __syncthreads();
    a.out[threadIdx.x] = 0;
}
EXPORT_KERNEL(bug_early_exit, struct test_args);

__global__ void bug_half_wave(struct test_args a)
{
    float v = a.in[threadIdx.x];
    if ((threadIdx.x & 63) < 32)
        v = __shfl_xor(v, 1);
    __syncthreads();
    a.out[threadIdx.x] = v;
}
EXPORT_KERNEL(bug_half_wave, struct test_args);

__global__ void bug_two_collectives(struct test_args a)
{
    float v = a.in[threadIdx.x];
    if (threadIdx.x < 32)
        v = __shfl_xor(v, 1);
    else
        v = __shfl_up(v, 1);
    a.out[threadIdx.x] = v;
}
EXPORT_KERNEL(bug_two_collectives, struct test_args);

__global__ void bug_endless(struct test_args a)
{
    volatile uint32_t *flag = a.counts;
    if (global_index() == a.n) {
        while (*flag == 0) {
        }
    }
}
EXPORT_KERNEL(bug_endless, struct test_args);

__global__ void bug_endless_barriers(struct test_args a)
{
    volatile uint32_t *flag = a.counts;
    while (*flag == 0)
        __syncthreads();
}
EXPORT_KERNEL(bug_endless_barriers, struct test_args);

__global__ void bug_missing_barrier(struct test_args a)
{
    HIP_DYNAMIC_SHARED(float, lds)
    const uint32_t t = threadIdx.x;
    lds[t] = a.in[t];
    /* a barrier is missing here; natural order hides it, since lower threads run first */
    a.out[t] = lds[t / 2];
}
EXPORT_KERNEL(bug_missing_barrier, struct test_args);

__global__ void bug_uninitialised_lds(struct test_args a)
{
    HIP_DYNAMIC_SHARED(float, lds)
    const uint32_t t = threadIdx.x;
    if (t != 7)
        lds[t] = 1;
    __syncthreads();
    a.out[t] = lds[t];
}
EXPORT_KERNEL(bug_uninitialised_lds, struct test_args);

__global__ void bug_lds_overrun(struct test_args a)
{
    HIP_DYNAMIC_SHARED(uint8_t, bytes)
    bytes[a.n + threadIdx.x] = 1;
}
EXPORT_KERNEL(bug_lds_overrun, struct test_args);

__global__ void bug_lds_underrun(struct test_args a)
{
    HIP_DYNAMIC_SHARED(uint8_t, bytes)
    uint8_t *before = bytes - a.n;
    *before = 1;
}
EXPORT_KERNEL(bug_lds_underrun, struct test_args);

__global__ void bug_read(struct test_args a)
{
    const size_t i = global_index();
    a.out[i] = a.in[i];
}
EXPORT_KERNEL_NO_SYNC(bug_read, struct test_args);

__global__ void bug_write_after_barrier(struct test_args a)
{
    __syncthreads();
    a.out[global_index()] = 1;
}
EXPORT_KERNEL(bug_write_after_barrier, struct test_args);

__global__ void bug_trap(struct test_args a)
{
    if (threadIdx.x == a.n)
        __builtin_trap();
}
EXPORT_KERNEL(bug_trap, struct test_args);

static __device__ __attribute__((noinline, no_sanitize("undefined"))) int divide(int a, int b)
{
    return a / b;
}

__global__ void bug_division(struct test_args a)
{
    a.out[threadIdx.x] = (float)divide((int)a.n, 5 - (int)threadIdx.x);
}
EXPORT_KERNEL_NO_SYNC(bug_division, struct test_args);

/* The use behind the call keeps compilers from making a loop of it. */
static __device__ __attribute__((noinline)) uint32_t descend(uint32_t depth)
{
    volatile uint32_t frame[256];
    frame[depth & 255] = depth;
    const uint32_t below = depth == 0 ? 0 : descend(depth - 1);
    return below + frame[(depth + 1) & 255 ? depth & 255 : 0];
}

__global__ void bug_recursion(struct test_args a)
{
    __syncthreads();
    if (threadIdx.x == 70)
        a.counts[0] = descend(a.n);
}
EXPORT_KERNEL(bug_recursion, struct test_args);

__global__ void bug_sync_in_no_sync(struct test_args a)
{
    __syncthreads();
    a.out[threadIdx.x] = 1;
}
EXPORT_KERNEL_NO_SYNC(bug_sync_in_no_sync, struct test_args);
