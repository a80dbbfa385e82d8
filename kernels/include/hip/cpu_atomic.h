/* HIP's atomics for the CPU target: relaxed, since the blocks of a launch may run on several OS
 * threads. All return the value before. Types are those that HIP and CUDA share: int, unsigned,
 * unsigned long long (not uint64_t, which is another type on Linux), float, double. */
#ifndef HIP_CPU_ATOMIC_H
#define HIP_CPU_ATOMIC_H

#include <stdbool.h>

#define CPU_ATOMIC(TYPE, NAME, EXPRESSION)                                                         \
    static inline __attribute__((unused)) TYPE NAME(TYPE *p, TYPE v)                               \
    {                                                                                              \
        TYPE old, next;                                                                            \
        __atomic_load(p, &old, __ATOMIC_RELAXED);                                                  \
        do {                                                                                       \
            next = (EXPRESSION);                                                                   \
        } while (                                                                                  \
            !__atomic_compare_exchange(p, &old, &next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)); \
        return old;                                                                                \
    }
#define CPU_ATOMIC_COMMON(TYPE, SUFFIX)                                                            \
    CPU_ATOMIC(TYPE, cpu_atomic_max_##SUFFIX, old < v ? v : old)                                   \
    CPU_ATOMIC(TYPE, cpu_atomic_min_##SUFFIX, v < old ? v : old)                                   \
    static inline __attribute__((unused)) TYPE cpu_atomic_exch_##SUFFIX(TYPE *p, TYPE v)           \
    {                                                                                              \
        TYPE old;                                                                                  \
        __atomic_exchange(p, &v, &old, __ATOMIC_RELAXED);                                          \
        return old;                                                                                \
    }
#define CPU_ATOMIC_BUILTIN(TYPE, SUFFIX, WHAT)                                                     \
    static inline __attribute__((unused)) TYPE cpu_atomic_##WHAT##_##SUFFIX(TYPE *p, TYPE v)       \
    {                                                                                              \
        return __atomic_fetch_##WHAT(p, v, __ATOMIC_RELAXED);                                      \
    }
#define CPU_ATOMIC_INTEGER(TYPE, SUFFIX)                                                           \
    CPU_ATOMIC_COMMON(TYPE, SUFFIX)                                                                \
    CPU_ATOMIC_BUILTIN(TYPE, SUFFIX, add)                                                          \
    CPU_ATOMIC_BUILTIN(TYPE, SUFFIX, sub)                                                          \
    CPU_ATOMIC_BUILTIN(TYPE, SUFFIX, and)                                                          \
    CPU_ATOMIC_BUILTIN(TYPE, SUFFIX, or)                                                           \
    CPU_ATOMIC_BUILTIN(TYPE, SUFFIX, xor)                                                          \
    static inline __attribute__((unused)) TYPE cpu_atomic_cas_##SUFFIX(TYPE *p, TYPE old, TYPE v)  \
    {                                                                                              \
        __atomic_compare_exchange_n(p, &old, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);        \
        return old;                                                                                \
    }

CPU_ATOMIC_INTEGER(int, i32)
CPU_ATOMIC_INTEGER(unsigned, u32)
CPU_ATOMIC_INTEGER(unsigned long long, u64)
CPU_ATOMIC_COMMON(float, f32)
CPU_ATOMIC_COMMON(double, f64)
CPU_ATOMIC(float, cpu_atomic_add_f32, old + v)
CPU_ATOMIC(double, cpu_atomic_add_f64, old + v)

#define CPU_ATOMIC_OF_INTEGER(p, what)                                                             \
    _Generic(*(p), int                                                                             \
             : cpu_atomic_##what##_i32, unsigned                                                   \
             : cpu_atomic_##what##_u32, unsigned long long                                         \
             : cpu_atomic_##what##_u64)
#define CPU_ATOMIC_OF(p, what)                                                                     \
    _Generic(*(p), int                                                                             \
             : cpu_atomic_##what##_i32, unsigned                                                   \
             : cpu_atomic_##what##_u32, unsigned long long                                         \
             : cpu_atomic_##what##_u64, float                                                      \
             : cpu_atomic_##what##_f32, double                                                     \
             : cpu_atomic_##what##_f64)

#define atomicAdd(p, v)      CPU_ATOMIC_OF(p, add)(p, v)
#define atomicMax(p, v)      CPU_ATOMIC_OF(p, max)(p, v)
#define atomicMin(p, v)      CPU_ATOMIC_OF(p, min)(p, v)
#define atomicExch(p, v)     CPU_ATOMIC_OF(p, exch)(p, v)
#define atomicSub(p, v)      CPU_ATOMIC_OF_INTEGER(p, sub)(p, v)
#define atomicAnd(p, v)      CPU_ATOMIC_OF_INTEGER(p, and)(p, v)
#define atomicOr(p, v)       CPU_ATOMIC_OF_INTEGER(p, or)(p, v)
#define atomicXor(p, v)      CPU_ATOMIC_OF_INTEGER(p, xor)(p, v)
#define atomicCAS(p, old, v) CPU_ATOMIC_OF_INTEGER(p, cas)(p, old, v)

#endif
