/*
 * Runs a kernel's grid on the CPU, and says precisely what went wrong when it did not end well.
 *
 *     struct cpu_finding finding;
 *     const struct cpu_launch launch = {.kernel = &kernel_double_all, .args = &args,
 *                                       .grid = {blocks, 1, 1}, .block = {256, 1, 1},
 *                                       .time_limit_s = 10};
 *     if (cpu_run(&launch, &finding) != CPU_DONE)
 *         puts(finding.text);
 *
 * A kernel that faults, hangs or synchronises wrongly ends the launch and nothing else: the next
 * cpu_run works as if it had never been. Memory that the kernel wrote before stays written.
 *
 * What the kernel may not take for granted, it does not get: LDS is filled with NaN patterns before
 * every block and lies against an inaccessible page; with an order_seed, threads and blocks run in
 * a permuted order, so that a missing barrier changes the result under some seed.
 */
#ifndef HARNESS_CPU_EXEC_H
#define HARNESS_CPU_EXEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/cpu/kernel.h"

#define CPU_MAX_THREADS 1024         /* of a block */
#define CPU_MAX_LDS     (256 * 1024) /* bytes of dynamic LDS */

struct cpu_launch {
    const struct kernel *kernel;
    const void *args; /* kernel->args_size bytes */
    uint32_t grid[3], block[3];
    size_t dynamic_lds;  /* bytes */
    unsigned wave_size;  /* 32 or 64; 0 means 64 */
    uint64_t order_seed; /* 0: natural order of threads and blocks */
    double time_limit_s; /* CPU seconds of one OS thread; 0: none */
    unsigned threads;    /* OS threads that share the blocks; 0 and 1: the caller alone */
};

enum cpu_outcome {
    CPU_DONE,
    CPU_FAULT,    /* an access to memory that is not there or not writable, LDS overrun included */
    CPU_DEADLOCK, /* threads of a block wait at different barriers */
    CPU_EARLY_EXIT, /* some threads of a block left the kernel, the rest waits at a barrier */
    CPU_SPLIT_WAVE, /* part of a wave is in a collective, the rest is elsewhere */
    CPU_TIMEOUT,
    CPU_STACK_OVERFLOW, /* of one thread's private memory */
    CPU_TRAP,           /* illegal instruction, trap, integer division */
    CPU_MISUSE,         /* the launch is impossible: size of block or LDS, barrier in NO_SYNC */
};

/* Address, direction and instruction are 0 where the outcome has none; file is NULL where no
 * barrier or collective is involved. The thread is the one that ran; for deadlocks, the first that
 * waits. */
struct cpu_finding {
    enum cpu_outcome outcome;
    uintptr_t address;
    bool is_write;
    bool in_lds; /* the address is outside LDS, but nothing else is near it */
    uintptr_t ip;
    uint32_t block[3], thread[3];
    bool thread_known; /* false: some thread of the block */
    const char *file;
    unsigned line;
    char text[512]; /* one line, complete by itself */
};

/* Installs the signal handlers and this OS thread's stacks. cpu_run does it when needed; a worker
 * calls it first, so that no case pays for it. False when the system gives no memory. Handlers act
 * on faults inside a kernel only; any other goes to the handler that was there before. Handlers
 * that somebody else installs later are replaced at the next launch. */
bool cpu_init(void);

/* Gives this OS thread's stacks back. */
void cpu_release(void);

enum cpu_outcome cpu_run(const struct cpu_launch *launch, struct cpu_finding *finding);

/* "memory fault", "deadlock", ... */
const char *cpu_outcome_name(enum cpu_outcome outcome);

#endif
