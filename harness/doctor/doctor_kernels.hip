#include "kernels/kernel.h"

#include "harness/doctor/doctor_kernels.h"

/* Reads that no compiler may drop, whatever becomes of their value. */
static __device__ inline void dead_read(const float *at)
{
    *(volatile const float *)at;
}

/* The second row of the input, by its offset and by what an int32 makes of that offset in bytes. */
static __device__ inline void wrap_offset(struct doctor_sum a)
{
    const int32_t bytes = (int32_t)(a.far * (uint32_t)sizeof(float));
    dead_read(a.input + a.far);
    dead_read((const float *)((const unsigned char *)a.input + bytes));
}

static __device__ inline void touch_outside(struct doctor_sum a)
{
    if (a.defect == DOCTOR_READ_BEHIND)
        a.output[0] = a.input[a.n];
    if (a.defect == DOCTOR_READ_BYTE)
        a.output[0] = ((const unsigned char *)(a.input + a.n))[0];
    if (a.defect == DOCTOR_READ_BEFORE)
        a.output[0] = a.input[-1];
    if (a.defect == DOCTOR_INT32_WRAP)
        wrap_offset(a);
    if (a.defect == DOCTOR_DEAD_READ)
        dead_read(a.input + a.n);
    if (a.defect == DOCTOR_DEAD_ROW)
        dead_read(a.strided + 2 * a.pitch);
    if (a.defect == DOCTOR_WRITE_BEHIND)
        a.output[a.n] = 1;
    if (a.defect == DOCTOR_WRITE_BEFORE || a.defect == DOCTOR_WRITE_BEFORE_GPU)
        a.output[-1] = 1;
    if (a.defect == DOCTOR_WRITE_SLACK)
        ((unsigned char *)(a.strided + a.pitch + 3))[0] = 1;
    if (a.defect == DOCTOR_WRITE_GAP)
        a.strided[3] = 1;
    if (a.defect == DOCTOR_STORE_INPUT)
        ((float *)a.input)[0] = 1;
    if (a.defect == DOCTOR_STRAY)
        a.strided[2] = 1;
    if (a.defect == DOCTOR_WILD)
        a.wild[0] = 1;
}

/* A division by zero is an exception of processors alone. */
#if defined(HIP_CPU_H)
#define DOCTOR_DO_TRAP(zero) (a.workspace[0] = (float)(thread / (zero)))
#elif defined(__CUDACC__)
#define DOCTOR_DO_TRAP(zero) __trap()
#else
#define DOCTOR_DO_TRAP(zero) __builtin_trap()
#endif

static __device__ inline void misbehave(struct doctor_sum a, uint32_t thread)
{
    volatile uint32_t zero = 0;
    (void)thread;
    if (a.defect == DOCTOR_TRAP)
        DOCTOR_DO_TRAP(zero);
    if (a.defect == DOCTOR_MISALIGNED)
        *(volatile float *)((unsigned char *)a.workspace + 2) = 1;
    while (a.defect == DOCTOR_ENDLESS && !zero)
        zero = 0;
}

__global__ void doctor_sum(struct doctor_sum a)
{
    HIP_DYNAMIC_SHARED(float, shared)
    const uint32_t thread = threadIdx.x;
    if (thread == DOCTOR_THREADS - 1) {
        touch_outside(a);
        misbehave(a, thread);
    }
    if (a.defect == DOCTOR_LEFT_EARLY && thread >= 64)
        return;
    if (a.defect == DOCTOR_DIVERGED && thread >= 64)
        __syncthreads();
    if (a.defect == DOCTOR_HALF_WAVE && (int)(thread % (uint32_t)warpSize) < warpSize / 2)
        a.workspace[thread] = __shfl_xor((float)thread, 1, warpSize);

    shared[thread + (a.defect == DOCTOR_LDS)] = 1;
    if (a.defect != DOCTOR_RACE)
        __syncthreads();
    const float one = shared[DOCTOR_THREADS - 1 - thread];

    if (a.defect != DOCTOR_UNINITIALISED)
        a.workspace[thread] = one;
    for (uint32_t i = thread; i < a.n; i += DOCTOR_THREADS) {
        const int last = i == a.n - 1;
        if (a.defect == DOCTOR_UNWRITTEN && last)
            continue;
        a.output[i] = 2 * a.input[i] * (a.workspace[thread] == a.workspace[thread] ? one : 0) +
                      (a.defect == DOCTOR_WRONG && last) + a.salt;
        if (a.defect == DOCTOR_UNINITIALISED)
            a.output[i] = a.workspace[thread];
    }
    if (a.defect == DOCTOR_PLACEMENT && thread == 0)
        a.output[0] = (float)((uintptr_t)a.output >> 4 & 255);
    if (thread < 2) {
        a.strided[thread * a.pitch] = 1;
        a.strided[thread * a.pitch + 1] = 2;
    }
    __syncthreads();
}
EXPORT_KERNEL(doctor_sum, struct doctor_sum);

__global__ void doctor_million(struct doctor_million a)
{
    const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x, at = i % a.n;
    a.output[i == a.culprit ? a.n : at] = 2 * a.input[at];
}
EXPORT_KERNEL_NO_SYNC(doctor_million, struct doctor_million);
