/*
 * Stands in for ROCm's header of the same name where that is absent, with the part of HIP that our
 * kernels use: names and meaning are HIP's. Which target it is decides the part:
 *
 *     nvcc                                          -> hip/nvidia.h
 *     clang -x hip --cuda-device-only (gfx942, ...) -> hip/amdgcn.h
 *     a C compiler                                  -> hip/cpu.h
 *
 * A build with ROCm simply does not put kernels/include on the include path.
 */
#ifndef HIP_HIP_RUNTIME_H
#define HIP_HIP_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__CUDACC__)
#include <hip/nvidia.h>
#elif defined(__HIP__)
#include <hip/amdgcn.h>
#else
#include <hip/cpu.h>
#endif

#endif
