/*
 * The executor's own state, shared by its parts and by nobody else:
 *
 *     exec.c           launches: blocks, OS threads, memory of a machine
 *     exec_schedule.c  fibers of a block: parking, barriers, rendezvous of a wave
 *     exec_wave.c      what the last lane of a collective computes
 *     exec_fault.c     signals and the time limit
 *     exec_finding.c   words for what went wrong
 *
 * There is one machine per OS thread. Its main context is that OS thread's own stack; every kernel
 * thread runs on one of the machine's stacks. Whoever ends a block, well or not, does it by
 * switching to the main context, from a signal handler too.
 */
#ifndef HARNESS_CPU_EXEC_MACHINE_H
#define HARNESS_CPU_EXEC_MACHINE_H

#include <signal.h>
#include <sys/types.h>
#include <time.h>

#include "harness/cpu/exec.h"
#include "harness/cpu/fiber.h"

#define MAX_WAVES (CPU_MAX_THREADS / 32)

/* What a signal handler saw. Put into words later, on the main context. */
struct fault {
    int signal;
    uintptr_t address, ip;
    bool is_write;
    bool no_address; /* x86 says neither address nor direction for a non-canonical pointer */
};

struct machine {
    struct cpu_block block; /* first: kernels hand it back as `struct cpu_block *` */
    const struct cpu_launch *launch;
    struct share *share;            /* of the launch; NULL: only the chunk at hand */
    uint64_t chunk_next, chunk_end; /* blocks taken and not yet run, in order of running */
    uint64_t number;                /* of the block that runs */

    struct fiber main;
    struct fiber fibers[CPU_MAX_THREADS]; /* by slot: one stack each */
    uint16_t slot_of[CPU_MAX_THREADS];    /* the slot that a parked thread is on */
    uint16_t free_slots[CPU_MAX_THREADS];
    uint32_t free_count;
    uint32_t guarded; /* slots whose guard pages have been made */
    uint32_t slot;    /* the one that runs now */
    bool no_sync;
    bool one_by_one; /* NO_SYNC: one thread per call of the runner */
    bool reversed;   /* order of threads after the next barrier, with an order_seed */

    uint16_t ready[2 * CPU_MAX_THREADS]; /* ring of threads that can go on */
    uint32_t ready_head, ready_tail;

    uint32_t waiting; /* threads at a barrier */
    bool mixed;       /* not all at the same one */
    const struct cpu_site *barrier;

    struct cpu_wave waves[MAX_WAVES];

    uint16_t order[CPU_MAX_THREADS];
    struct cpu_index thread_idx[CPU_MAX_THREADS];
    const struct cpu_site *site[CPU_MAX_THREADS];

    volatile sig_atomic_t running; /* a kernel runs: signals are its */
    volatile sig_atomic_t expired; /* the time limit passed */
    enum cpu_outcome outcome;
    struct fault fault;
    const struct cpu_wave *split;     /* of CPU_SPLIT_WAVE */
    const struct cpu_site *forbidden; /* of CPU_MISUSE */

    unsigned char *stacks, *lds_arena, *signal_stack;
    pid_t timer_owner; /* OS thread that `timer` signals, 0: no timer yet */
    timer_t timer;
};

/* exec.c */
extern __thread struct machine *machine_here;
#define STACK_USABLE   ((size_t)128 * 1024)
#define STACK_GUARD    ((size_t)16 * 1024)
#define STACK_STRIDE   (STACK_USABLE + STACK_GUARD + 64) /* + 64: tops spread over cache sets */
#define STACKS_SIZE    (STACK_STRIDE * CPU_MAX_THREADS)
#define LDS_GUARD      ((size_t)64 * 1024)
#define LDS_CANARY     ((size_t)128) /* before LDS; behind it there is the guard */
#define LDS_END        (LDS_GUARD + 4096 + CPU_MAX_LDS)
#define LDS_ARENA_SIZE (LDS_END + LDS_GUARD)
#define SIGNAL_STACK   ((size_t)64 * 1024)

/* Sets up the next block; false when none is left. */
bool launch_next_block(struct machine *m);

/* False, and m->fault, when the block wrote beside its LDS. */
bool launch_end_block(struct machine *m);

/* exec_schedule.c: runs the block that m->block describes, until all of its threads have left or
 * m->outcome says why not. */
void schedule_block(struct machine *m);

/* The same for all blocks of a launch without barriers. */
void schedule_rows(struct machine *m);

/* Ends the running block from wherever this is. Does not return (see fiber_leave). */
void schedule_abort(struct machine *m, enum cpu_outcome outcome);

/* exec_fault.c */
bool fault_install(struct machine *m);
bool fault_claim(void); /* makes sure that the signal handlers are ours */
void fault_timer_start(struct machine *m, double seconds); /* 0: stops it */
void fault_timer_release(struct machine *m);

/* exec_finding.c */
void finding_describe(const struct machine *m, struct cpu_finding *finding);
enum cpu_outcome finding_misuse(struct cpu_finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
