/* Math for hip/amdgcn.h. The compiler expands each of these builtins by itself. */
#ifndef HIP_AMDGCN_MATH_H
#define HIP_AMDGCN_MATH_H

#include <hip/special.h>

#define HIP_MATH_1(NAME)                                                                           \
    static __device__ inline float NAME(float x)                                                   \
    {                                                                                              \
        return __builtin_##NAME(x);                                                                \
    }
#define HIP_MATH_2(NAME)                                                                           \
    static __device__ inline float NAME(float x, float y)                                          \
    {                                                                                              \
        return __builtin_##NAME(x, y);                                                             \
    }
HIP_MATH_1(expf)
HIP_MATH_1(exp2f)
HIP_MATH_1(logf)
HIP_MATH_1(log2f)
HIP_MATH_1(sqrtf)
HIP_MATH_1(fabsf)
HIP_MATH_1(floorf)
HIP_MATH_1(ceilf)
HIP_MATH_1(truncf)
HIP_MATH_1(rintf)
HIP_MATH_1(roundf)
HIP_MATH_2(fmaxf)
HIP_MATH_2(fminf)
HIP_MATH_2(copysignf)

static __device__ inline float fmaf(float x, float y, float z)
{
    return __builtin_fmaf(x, y, z);
}

static __device__ inline float ldexpf(float x, int exponent)
{
    return __builtin_ldexpf(x, exponent);
}

static __device__ inline float rsqrtf(float x)
{
    return 1.0f / __builtin_sqrtf(x);
}

static __device__ inline float erff(float x)
{
    return hip_erf(x);
}

static __device__ inline float tanhf(float x)
{
    return hip_tanh(x);
}

static __device__ inline uint32_t __float_as_uint(float v)
{
    return __builtin_bit_cast(uint32_t, v);
}

static __device__ inline float __uint_as_float(uint32_t v)
{
    return __builtin_bit_cast(float, v);
}

static __device__ inline int __float_as_int(float v)
{
    return __builtin_bit_cast(int, v);
}

static __device__ inline float __int_as_float(int v)
{
    return __builtin_bit_cast(float, v);
}

static __device__ inline int __clz(int v)
{
    return v == 0 ? 32 : __builtin_clz((unsigned)v);
}

static __device__ inline int __ffs(int v)
{
    return __builtin_ffs(v);
}

static __device__ inline int __popc(unsigned v)
{
    return __builtin_popcount(v);
}

static __device__ inline int __popcll(unsigned long long v)
{
    return __builtin_popcountll(v);
}

#define HIP_LESSER(TYPE)                                                                           \
    static __device__ inline TYPE min(TYPE a, TYPE b)                                              \
    {                                                                                              \
        return b < a ? b : a;                                                                      \
    }                                                                                              \
    static __device__ inline TYPE max(TYPE a, TYPE b)                                              \
    {                                                                                              \
        return a < b ? b : a;                                                                      \
    }
HIP_LESSER(int)
HIP_LESSER(unsigned)
HIP_LESSER(long)
HIP_LESSER(unsigned long)
HIP_LESSER(long long)
HIP_LESSER(unsigned long long)
HIP_LESSER(float)
HIP_LESSER(double)

/* isnan and isinf are macros or functions of the C library; device code has these. */
#undef isnan
#undef isinf
#define isnan(x) __builtin_isnan(x)
#define isinf(x) __builtin_isinf(x)

#endif
