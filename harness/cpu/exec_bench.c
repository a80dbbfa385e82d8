#include "harness/cpu/exec_bench.h"

#include <stdlib.h>
#include <time.h>
#include <ucontext.h>

#include "harness/cpu/exec.h"
#include "harness/cpu/exec_bench_kernels.h"

enum { ELEMENTS = 1 << 20, THREADS = 256, BARRIER_BLOCKS = 64, COLLECTIVES = 200, SERIES = 7 };

extern const struct kernel kernel_exec_bench_barriers, kernel_exec_bench_plain,
    kernel_exec_bench_reduce, kernel_exec_bench_shuffles, kernel_exec_bench_fault;

struct bench {
    float *in, *out;
    struct cpu_launch launch;
    struct exec_bench_args args;
    enum cpu_outcome expected, got;
    char stack[64 * 1024];
    ucontext_t main, other;
};

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

/* Per call of `what`, in the fastest series. */
static double fastest(struct bench *b, void (*what)(struct bench *), int calls)
{
    double best = 0;
    for (int series = 0; series < SERIES; series++) {
        const double start = now_us();
        for (int i = 0; i < calls; i++)
            what(b);
        const double us = (now_us() - start) / calls;
        best = series == 0 || us < best ? us : best;
    }
    return best;
}

static void launch(struct bench *b)
{
    struct cpu_finding finding;
    if (cpu_run(&b->launch, &finding) != b->expected)
        b->got = finding.outcome;
}

static double time_kernel(struct bench *b, const struct kernel *kernel, uint32_t blocks,
                          uint32_t threads, size_t lds, uint32_t n, int calls)
{
    b->args = (struct exec_bench_args){b->in, b->out, n};
    b->launch = (struct cpu_launch){.kernel = kernel,
                                    .args = &b->args,
                                    .grid = {blocks, 1, 1},
                                    .block = {threads, 1, 1},
                                    .dynamic_lds = lds};
    return fastest(b, launch, calls);
}

/* exec_bench_barriers with each stretch between barriers as a loop over the threads. */
static void fission(struct bench *b)
{
    float v[THREADS], lds[THREADS];
    for (size_t block = 0; block < BARRIER_BLOCKS; block++) {
        const float *in = b->in + block * THREADS;
        float *out = b->out + block * THREADS;
        for (size_t t = 0; t < THREADS; t++)
            v[t] = in[t];
        for (int round = 0; round < 5; round++) {
            for (size_t t = 0; t < THREADS; t++)
                lds[t] = v[t];
            for (size_t t = 0; t < THREADS; t++)
                v[t] = v[t] * 0.5f + lds[(t + 1) & 255];
        }
        for (size_t t = 0; t < THREADS; t++)
            out[t] = v[t];
    }
}

static void native(struct bench *b)
{
    const float *in = b->in;
    float *out = b->out;
    for (size_t i = 0; i < ELEMENTS; i++)
        out[i] = in[i] * in[i] * 0.5f + 3.0f * in[i] - 1.0f;
}

static struct bench *swapping; /* makecontext's entry gets no pointer */

static void swap_back(void)
{
    for (;;)
        swapcontext(&swapping->other, &swapping->main);
}

static void swap(struct bench *b)
{
    swapcontext(&b->main, &b->other);
}

static double time_swaps(struct bench *b)
{
    swapping = b;
    getcontext(&b->other);
    b->other.uc_stack.ss_sp = b->stack;
    b->other.uc_stack.ss_size = sizeof(b->stack);
    makecontext(&b->other, swap_back, 0);
    return fastest(b, swap, 2000) / 2;
}

static void measure(struct bench *b, struct exec_bench *r)
{
    const uint32_t blocks = ELEMENTS / THREADS;
    r->barriers_us = time_kernel(b, &kernel_exec_bench_barriers, BARRIER_BLOCKS, THREADS,
                                 sizeof(float) * THREADS, 0, 10) /
                     BARRIER_BLOCKS;
    r->fission_us = fastest(b, fission, 10) / BARRIER_BLOCKS;
    r->swapcontext_us = time_swaps(b) * 10 * THREADS;
    r->kernel_us = time_kernel(b, &kernel_exec_bench_plain, blocks, THREADS, 0, ELEMENTS, 20);
    r->native_us = fastest(b, native, 20);
    r->reduce_us =
        time_kernel(b, &kernel_exec_bench_reduce, 1, 64, 0, COLLECTIVES, 20) / COLLECTIVES;
    r->shuffles_us =
        time_kernel(b, &kernel_exec_bench_shuffles, 1, 64, 0, COLLECTIVES, 20) / COLLECTIVES;
    if (b->got != CPU_DONE)
        return;
    float *out = b->out;
    b->out = NULL;
    b->expected = CPU_FAULT;
    b->got = CPU_FAULT;
    r->fault_us = time_kernel(b, &kernel_exec_bench_fault, 1, 64, 0, 0, 1000);
    b->out = out;
}

bool exec_bench_run(struct exec_bench *out, struct error *err)
{
    struct bench *b = calloc(1, sizeof(*b));
    float *memory = calloc(2, sizeof(float) * ELEMENTS);
    bool done = b != NULL && memory != NULL && cpu_init();
    if (!done) {
        error_set(err, ERROR_INTERNAL, "no memory for the benchmark of the executor");
    } else {
        b->in = memory;
        b->out = memory + ELEMENTS;
        for (size_t i = 0; i < ELEMENTS; i++)
            b->in[i] = (float)(i % 100);
        measure(b, out);
        done = b->expected == CPU_FAULT && b->got == CPU_FAULT;
        if (!done)
            error_set(err, ERROR_INTERNAL, "a kernel of the benchmark ended with: %s",
                      cpu_outcome_name(b->got));
    }
    free(memory);
    free(b);
    if (!done)
        return false;
    out->barriers_to_fission = out->barriers_us / out->fission_us;
    out->swapcontext_to_barriers = out->swapcontext_us / out->barriers_us;
    out->kernel_to_native = out->kernel_us / out->native_us;
    out->shuffles_to_reduce = out->shuffles_us / out->reduce_us;
    return true;
}
