/*
 * HIP for a C compiler: a thread of a block is a plain call or a fiber of the CPU executor
 * (harness/cpu/kernel.h). What differs from a GPU:
 *
 *  - LDS is dynamic only: HIP_DYNAMIC_SHARED. `__shared__` arrays do not compile, because storage
 *    that is neither poisoned nor guarded would hide the bugs that this target is for.
 *  - Every existing lane of a wave must take part in a collective. Part of a wave in one is a
 *    finding, also where AMD would let it pass: NVIDIA's full-mask forms do not.
 *  - A lane that does not exist (block size not a multiple of the wave size) reads as all ones.
 */
#ifndef HIP_CPU_H
#define HIP_CPU_H

#include <math.h>
#include <string.h>

#include "harness/cpu/kernel.h"

#define __global__ static inline __attribute__((always_inline, unused))
#define __device__ __attribute__((unused))
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__    __attribute__((noinline))
#define __constant__    static const
#define __restrict__ restrict
#define __launch_bounds__(...)
#define __shared__ _Pragma("GCC error \"static LDS is not supported: use HIP_DYNAMIC_SHARED\"")

typedef struct cpu_index uint3;
typedef struct cpu_index dim3;
typedef struct {
    uint32_t x, y;
} uint2;
typedef struct {
    uint32_t x, y, z, w;
} __attribute__((aligned(16))) uint4;
typedef struct {
    float x, y;
} float2;
typedef struct {
    float x, y, z, w;
} __attribute__((aligned(16))) float4;

/* What the running thread knows of itself. Its address is never taken, so that compilers see that
 * no store of a kernel can change it and keep it in registers. The fibers of a block share it:
 * what differs between threads is put back after each wait. */
struct cpu_self {
    uint3 thread_idx, block_idx, block_dim, grid_dim;
    uint32_t wave_size, wave_shift;
    uint32_t thread; /* number in the block */
    bool parked;     /* has waited, so its runner must not start another thread */
    void *lds;
    struct cpu_block *block;
};

static __thread struct cpu_self cpu_self __attribute__((unused));

#define threadIdx cpu_self.thread_idx
#define blockIdx  cpu_self.block_idx
#define blockDim  cpu_self.block_dim
#define gridDim   cpu_self.grid_dim
#define warpSize  ((int)cpu_self.wave_size)

#define HIP_DYNAMIC_SHARED(type, name) type *const name = (type *)cpu_self.lds;

/* Member by member: a copy of the whole would be a memcpy to its address for some compilers. */
#define CPU_COPY_INDEX(to, from)                                                                   \
    do {                                                                                           \
        (to).x = (from).x;                                                                         \
        (to).y = (from).y;                                                                         \
        (to).z = (from).z;                                                                         \
    } while (0)

/* Before the first thread of a block. What a launch has in common is copied once. */
static inline __attribute__((unused)) void cpu_enter(struct cpu_block *block)
{
    CPU_COPY_INDEX(cpu_self.block_idx, block->block_idx);
    if (block->entered)
        return;
    block->entered = true;
    cpu_self.block = block;
    CPU_COPY_INDEX(cpu_self.block_dim, block->block_dim);
    CPU_COPY_INDEX(cpu_self.grid_dim, block->grid_dim);
    cpu_self.wave_size = block->wave_size;
    cpu_self.wave_shift = block->wave_shift;
    cpu_self.lds = block->lds;
}

static inline __attribute__((unused)) void cpu_begin_thread(struct cpu_block *block)
{
    const uint32_t thread = block->order[block->next++];
    block->current = thread;
    cpu_self.thread = thread;
    CPU_COPY_INDEX(cpu_self.thread_idx, block->thread_idx[thread]);
    cpu_self.parked = false;
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* `current` must be right when the thread faults */
}

static inline __attribute__((unused)) void cpu_end_thread(struct cpu_block *block)
{
    block->site[cpu_self.thread] = NULL;
    block->left++;
}

/* Defines the runner of a kernel and the object that describes it. */
#define CPU_EXPORT_KERNEL(NAME, ARGS)                                                              \
    static void cpu_run_##NAME(struct cpu_block *block)                                            \
    {                                                                                              \
        const ARGS args = *(const ARGS *)block->args;                                              \
        if (block->next == 0)                                                                      \
            cpu_enter(block);                                                                      \
        while (block->next < block->count) {                                                       \
            cpu_begin_thread(block);                                                               \
            NAME(args);                                                                            \
            cpu_end_thread(block);                                                                 \
            if (cpu_self.parked)                                                                   \
                return;                                                                            \
        }                                                                                          \
    }                                                                                              \
    extern const struct kernel kernel_##NAME;                                                      \
    const struct kernel kernel_##NAME = {#NAME, __FILE__, sizeof(ARGS), false, cpu_run_##NAME}

/* The same without barriers: a plain loop over a row of threads, which compilers vectorise. */
#define CPU_EXPORT_KERNEL_NO_SYNC(NAME, ARGS)                                                      \
    static void cpu_run_##NAME(struct cpu_block *block)                                            \
    {                                                                                              \
        const ARGS args = *(const ARGS *)block->args;                                              \
        const uint32_t x1 = block->x1;                                                             \
        cpu_enter(block);                                                                          \
        cpu_self.thread_idx.y = block->y;                                                          \
        cpu_self.thread_idx.z = block->z;                                                          \
        for (uint32_t x = block->x0; x < x1; x++) {                                                \
            cpu_self.thread_idx.x = x;                                                             \
            NAME(args);                                                                            \
        }                                                                                          \
    }                                                                                              \
    extern const struct kernel kernel_##NAME;                                                      \
    const struct kernel kernel_##NAME = {#NAME, __FILE__, sizeof(ARGS), true, cpu_run_##NAME}

/* A wait: other threads run meanwhile, so what this thread knows of itself is put back. */
#define CPU_WAIT(call)                                                                             \
    do {                                                                                           \
        const uint32_t cpu_x = threadIdx.x, cpu_y = threadIdx.y, cpu_z = threadIdx.z;              \
        const uint32_t cpu_thread = cpu_self.thread;                                               \
        call;                                                                                      \
        cpu_self.thread_idx.x = cpu_x;                                                             \
        cpu_self.thread_idx.y = cpu_y;                                                             \
        cpu_self.thread_idx.z = cpu_z;                                                             \
        cpu_self.thread = cpu_thread;                                                              \
        cpu_self.parked = true;                                                                    \
    } while (0)

#define CPU_SITE(what)                                                                             \
    ({                                                                                             \
        static const struct cpu_site cpu_site = {__FILE__, __LINE__, what};                        \
        &cpu_site;                                                                                 \
    })

static inline __attribute__((unused)) void cpu_sync(const struct cpu_site *site)
{
    CPU_WAIT(cpu_barrier(cpu_self.block, cpu_thread, site));
}

#define __syncthreads()       cpu_sync(CPU_SITE("__syncthreads"))
#define __threadfence()       __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define __threadfence_block() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* Collectives. -------------------------------------------------------------------------------- */

static inline __attribute__((unused)) uint32_t cpu_lane(void)
{
    return cpu_self.thread & (cpu_self.wave_size - 1);
}

/* Stores the operand, meets the wave, and reads `read` from the same set of operands. */
#define CPU_COLLECTIVE(TYPE, NAME, PARAMETERS, OPERANDS, WORK, READ)                               \
    static inline __attribute__((unused)) TYPE NAME PARAMETERS                                     \
    {                                                                                              \
        struct cpu_wave *wave = &cpu_self.block->waves[cpu_self.thread >> cpu_self.wave_shift];    \
        const uint32_t turn = wave->turn, lane = cpu_lane();                                       \
        memcpy(&wave->OPERANDS[turn][lane], &v, sizeof(v));                                        \
        CPU_WAIT(cpu_meet(cpu_self.block, cpu_thread, site, WORK));                                \
        TYPE r;                                                                                    \
        memcpy(&r, READ, sizeof(r));                                                               \
        return r;                                                                                  \
    }
#define CPU_SHUFFLE_OF(TYPE, SUFFIX, OPERANDS)                                                     \
    CPU_COLLECTIVE(TYPE, cpu_shfl_##SUFFIX,                                                        \
                   (TYPE v, uint32_t source, const struct cpu_site *site), OPERANDS, NULL,         \
                   &wave->OPERANDS[turn][source & (CPU_MAX_LANES - 1)])
CPU_SHUFFLE_OF(int, i32, narrow)
CPU_SHUFFLE_OF(unsigned, u32, narrow)
CPU_SHUFFLE_OF(float, f32, narrow)
CPU_SHUFFLE_OF(long, i64, wide)
CPU_SHUFFLE_OF(unsigned long, u64, wide)
CPU_SHUFFLE_OF(long long, ll, wide)
CPU_SHUFFLE_OF(unsigned long long, ull, wide)
CPU_SHUFFLE_OF(double, f64, wide)

#define CPU_SHUFFLE(v, source, what)                                                               \
    _Generic((v), float                                                                            \
             : cpu_shfl_f32, double                                                                \
             : cpu_shfl_f64, unsigned                                                              \
             : cpu_shfl_u32, unsigned long                                                         \
             : cpu_shfl_u64, long                                                                  \
             : cpu_shfl_i64, long long                                                             \
             : cpu_shfl_ll, unsigned long long                                                     \
             : cpu_shfl_ull, default                                                               \
             : cpu_shfl_i32)(v, source, CPU_SITE(what))

/* The lane that each form reads, as HIP defines it for a power-of-two width. */
static inline __attribute__((unused)) uint32_t cpu_source(int lane, int width)
{
    return (cpu_lane() & ~((uint32_t)width - 1)) + ((uint32_t)lane & ((uint32_t)width - 1));
}

static inline __attribute__((unused)) uint32_t cpu_source_up(unsigned delta, int width)
{
    const uint32_t self = cpu_lane(), within = self & ((uint32_t)width - 1);
    return delta > within ? self : self - delta;
}

static inline __attribute__((unused)) uint32_t cpu_source_down(unsigned delta, int width)
{
    const uint32_t self = cpu_lane(), within = self & ((uint32_t)width - 1);
    return delta >= (uint32_t)width - within ? self : self + delta;
}

static inline __attribute__((unused)) uint32_t cpu_source_xor(int mask, int width)
{
    const uint32_t self = cpu_lane(), source = self ^ (uint32_t)mask;
    const uint32_t end = (self + (uint32_t)width) & ~((uint32_t)width - 1);
    return source >= end ? self : source;
}

/* The width may be left out, as in HIP. */
#define CPU_WIDTH(...)        CPU_WIDTH_(__VA_ARGS__)
#define CPU_WIDTH_(a, w, ...) (w)
#define __shfl(v, ...)        CPU_SHUFFLE_BY(cpu_source, "__shfl", v, __VA_ARGS__, warpSize, 0)

#define __shfl_up(v, ...) CPU_SHUFFLE_BY(cpu_source_up, "__shfl_up", v, __VA_ARGS__, warpSize, 0)

#define __shfl_down(v, ...)                                                                        \
    CPU_SHUFFLE_BY(cpu_source_down, "__shfl_down", v, __VA_ARGS__, warpSize, 0)

#define __shfl_xor(v, ...) CPU_SHUFFLE_BY(cpu_source_xor, "__shfl_xor", v, __VA_ARGS__, warpSize, 0)

#define CPU_SHUFFLE_BY(source, what, v, lane, width, ...) CPU_SHUFFLE(v, source(lane, width), what)

/* Votes: one bit per lane, 0 for lanes that do not exist. */
CPU_COLLECTIVE(uint64_t, cpu_vote, (uint32_t v, const struct cpu_site *site), narrow,
               cpu_work_ballot, &wave->result[turn])

#define __ballot(p) ((unsigned long long)cpu_vote((p) != 0, CPU_SITE("__ballot")))
#define __any(p)    (cpu_vote((p) != 0, CPU_SITE("__any")) != 0)
#define __all(p)    (cpu_vote((p) == 0, CPU_SITE("__all")) == 0)

/* The wave helpers of kernels/wave.h. */
#define CPU_WAVE_OF(TYPE, NAME, WORK, READ)                                                        \
    CPU_COLLECTIVE(TYPE, NAME, (TYPE v, const struct cpu_site *site), narrow, WORK, READ)
CPU_WAVE_OF(float, cpu_reduce_add_f32, cpu_work_add_f32, &wave->result[turn])
CPU_WAVE_OF(float, cpu_reduce_max_f32, cpu_work_max_f32, &wave->result[turn])
CPU_WAVE_OF(uint32_t, cpu_reduce_add_u32, cpu_work_add_u32, &wave->result[turn])
CPU_WAVE_OF(uint32_t, cpu_reduce_max_u32, cpu_work_max_u32, &wave->result[turn])
CPU_WAVE_OF(uint32_t, cpu_scan_add_u32, cpu_work_scan_u32, &wave->narrow[turn][lane])

/* Bits and conversions. ----------------------------------------------------------------------- */

static inline __attribute__((unused)) uint32_t __float_as_uint(float v)
{
    uint32_t r;
    memcpy(&r, &v, sizeof(r));
    return r;
}

static inline __attribute__((unused)) float __uint_as_float(uint32_t v)
{
    float r;
    memcpy(&r, &v, sizeof(r));
    return r;
}

static inline __attribute__((unused)) int __float_as_int(float v)
{
    return (int)__float_as_uint(v);
}

static inline __attribute__((unused)) float __int_as_float(int v)
{
    return __uint_as_float((uint32_t)v);
}

static inline __attribute__((unused)) int __clz(int v)
{
    return v == 0 ? 32 : __builtin_clz((unsigned)v);
}

static inline __attribute__((unused)) int __ffs(int v)
{
    return __builtin_ffs(v);
}

static inline __attribute__((unused)) int __popc(unsigned v)
{
    return __builtin_popcount(v);
}

static inline __attribute__((unused)) int __popcll(unsigned long long v)
{
    return __builtin_popcountll(v);
}

/* The C library has one of its own from glibc 2.42 on. */
static inline __attribute__((unused)) float cpu_rsqrtf(float v)
{
    return 1.0f / sqrtf(v);
}
#define rsqrtf cpu_rsqrtf

#define CPU_LESSER_OF(TYPE, SUFFIX)                                                                \
    static inline __attribute__((unused)) TYPE cpu_min_##SUFFIX(TYPE a, TYPE b)                    \
    {                                                                                              \
        return b < a ? b : a;                                                                      \
    }                                                                                              \
    static inline __attribute__((unused)) TYPE cpu_max_##SUFFIX(TYPE a, TYPE b)                    \
    {                                                                                              \
        return a < b ? b : a;                                                                      \
    }
CPU_LESSER_OF(int, i32)
CPU_LESSER_OF(unsigned, u32)
CPU_LESSER_OF(long, i64)
CPU_LESSER_OF(unsigned long, u64)
CPU_LESSER_OF(long long, ll)
CPU_LESSER_OF(unsigned long long, ull)
CPU_LESSER_OF(float, f32)
CPU_LESSER_OF(double, f64)

#define CPU_LESSER(what, a, b)                                                                     \
    _Generic((a) + (b), int                                                                        \
             : cpu_##what##_i32, unsigned                                                          \
             : cpu_##what##_u32, long                                                              \
             : cpu_##what##_i64, unsigned long                                                     \
             : cpu_##what##_u64, long long                                                         \
             : cpu_##what##_ll, unsigned long long                                                 \
             : cpu_##what##_ull, float                                                             \
             : cpu_##what##_f32, double                                                            \
             : cpu_##what##_f64)(a, b)
#define min(a, b) CPU_LESSER(min, a, b)
#define max(a, b) CPU_LESSER(max, a, b)

#include <hip/cpu_atomic.h>

#endif
