/*
 * One kernel that fulfils a policy and some that each break one rule, for the tests of the gate.
 * planted.co was made from this file by clang 22, in this folder:
 *
 *     clang-22 -x hip --cuda-device-only --no-gpu-bundle-output -nogpuinc -nogpulib -Os \
 *         -fuse-cuid=none --offload-arch=gfx942 -Xoffload-linker -s \
 *         -Xoffload-linker --nmagic -Xoffload-linker --no-rosegment -o planted.co planted.hip
 *
 * and small.co, which also starts the fuzzer, with -DSMALL and --offload-arch=gfx950.
 */
#define KERNEL  __attribute__((global)) void
#define SHARED  __attribute__((shared))
#define THREAD  __builtin_amdgcn_workitem_id_x()
#define DEVICE  static __attribute__((device))
#define FORMAT  0x00027000
#define BARRIER __builtin_amdgcn_s_barrier()

struct args {
    const unsigned *in;
    unsigned *out;
    unsigned n;
};

DEVICE unsigned load(struct args a, unsigned at)
{
    return __builtin_amdgcn_raw_buffer_load_b32(
        __builtin_amdgcn_make_buffer_rsrc((void *)a.in, 0, (int)(4 * a.n), FORMAT), (int)(4 * at),
        0, 0);
}

/* srd, noscratch, no LDS, 8 waves */
KERNEL bounded(struct args a)
{
    if (THREAD < a.n)
        a.out[THREAD] = load(a, THREAD);
}

#ifndef SMALL

/* breaks srd */
KERNEL global_load(struct args a)
{
    if (THREAD < a.n)
        a.out[THREAD] = a.in[THREAD] + load(a, 2 * THREAD);
}

DEVICE __attribute__((noinline)) unsigned callee(unsigned x)
{
    return x * x;
}

/* breaks srd: the callee is not looked at */
KERNEL calls(struct args a)
{
    a.out[THREAD] = callee(load(a, THREAD));
}

/* breaks noscratch; 200 vector registers leave room for 2 waves */
KERNEL crowded(struct args a)
{
    volatile unsigned local[16];
    for (unsigned i = 0; i < 16; i++)
        local[i] = load(a, i);
    __asm__ volatile("" ::: "v199");
    a.out[THREAD] = local[load(a, THREAD) % 16];
}

typedef float f32x4 __attribute__((ext_vector_type(4)));

/* 16 KiB of LDS and a matrix instruction */
KERNEL matrix(struct args a)
{
    SHARED static float shared[4096];
    f32x4 c = {0, 0, 0, 0};
    c = __builtin_amdgcn_mfma_f32_16x16x32_fp8_fp8((long)load(a, THREAD), (long)load(a, 1), c, 0, 0,
                                                   0);
    shared[THREAD] = c[0];
    BARRIER;
    a.out[THREAD] = (unsigned)shared[THREAD + 3000];
}

/* two arguments */
KERNEL two_args(const unsigned *in, unsigned *out)
{
    out[THREAD] = in[THREAD];
}

#endif
