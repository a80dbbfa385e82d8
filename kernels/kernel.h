/*
 * What every kernel file includes, and nothing target-specific beside it.
 *
 *     #include "kernels/kernel.h"
 *
 *     struct double_all {
 *         const float *in;
 *         float *out;
 *         uint32_t n;
 *     };
 *
 *     __global__ void double_all(struct double_all a)
 *     {
 *         const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
 *         if (i < a.n)
 *             a.out[i] = 2 * a.in[i];
 *     }
 *     EXPORT_KERNEL_NO_SYNC(double_all, struct double_all);
 *
 * A kernel takes one struct by value, shared with whoever launches it. Helpers are
 * `static __device__ inline`. Dynamic LDS is HIP_DYNAMIC_SHARED(type, name). The subset must be C11
 * and C++: no templates, no designated initialisers, no compound literals, casts from void *.
 */
#ifndef KERNELS_KERNEL_H
#define KERNELS_KERNEL_H

#include <hip/hip_runtime.h>

#include <stdint.h>

/* EXPORT_KERNEL(name, args type) stands behind the definition of a kernel. On the CPU it defines
 * `const struct kernel kernel_NAME`; on a GPU there is nothing to do. EXPORT_KERNEL_NO_SYNC
 * promises that the kernel has no barrier and no collective, which lets the CPU vectorise over its
 * threads; a broken promise is a finding when the kernel runs. */
#if defined(HIP_CPU_H)
#define EXPORT_KERNEL(NAME, ARGS)         CPU_EXPORT_KERNEL(NAME, ARGS)
#define EXPORT_KERNEL_NO_SYNC(NAME, ARGS) CPU_EXPORT_KERNEL_NO_SYNC(NAME, ARGS)
#else
#define EXPORT_KERNEL(NAME, ARGS)         struct kernel
#define EXPORT_KERNEL_NO_SYNC(NAME, ARGS) struct kernel
#endif

/* Before a loop: a GPU's compiler unrolls it, so that arrays which its counter indexes stay in
 * registers. */
#if defined(HIP_CPU_H)
#define KERNEL_UNROLL
#else
#define KERNEL_UNROLL _Pragma("unroll")
#endif

#include "kernels/buffer.h"
#include "kernels/wave.h"

#endif
