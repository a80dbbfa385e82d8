/*
 * What a kernel compiled for the CPU and the executor know of each other.
 *
 * A kernel file gets this through kernels/include/hip/cpu.h; everything else needs only
 * `extern const struct kernel kernel_NAME;`, the object that EXPORT_KERNEL(NAME, ...) defines.
 *
 * The runner that EXPORT_KERNEL makes has the kernel's body inlined into its thread loop. It runs
 * threads as plain calls, one after the other, on one stack. A barrier or a wave collective calls
 * into the executor, which parks that stack and goes on with the next thread on a fresh one; when
 * the parked thread comes back and ends, its runner returns instead of starting further threads.
 */
#ifndef HARNESS_CPU_KERNEL_H
#define HARNESS_CPU_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in a kernel's source where threads wait for each other. One object per place; threads
 * are at the same place when the pointers are equal. */
struct cpu_site {
    const char *file;
    unsigned line;
    const char *what; /* "__syncthreads", "__shfl_xor", ... */
};

struct cpu_index {
    uint32_t x, y, z;
};

#define CPU_MAX_LANES 64

/* A wave. Each lane stores its operand, all meet, and each reads what it needs. What was stored
 * must stay until every lane has read it, while fast lanes are already on their way into the next
 * meeting; no lane can be two ahead, so two sets take turns. */
struct cpu_wave {
    uint32_t first, lanes, size; /* thread of lane 0, lanes that exist, wave size */
    uint32_t arrived;
    uint32_t turn; /* the set of the meeting that is being gathered */
    bool mixed;    /* its lanes came from different places */
    const struct cpu_site *site;
    uint32_t narrow[2][CPU_MAX_LANES]; /* operands; all ones for lanes that do not exist */
    uint64_t wide[2][CPU_MAX_LANES];
    uint64_t result[2]; /* where all lanes get the same */
};

/* The block being run, as its kernel sees it. Threads are numbered x first, then y, then z. */
struct cpu_block {
    const void *args;
    void *lds; /* dynamic LDS, 16-byte aligned, NULL when the launch has none */
    struct cpu_index block_idx, block_dim, grid_dim;
    bool entered; /* the kernel's file has been told what the blocks of the launch share */
    uint32_t wave_size, wave_shift; /* a power of two and its logarithm */
    struct cpu_wave *waves;

    /* Runner with barriers: takes threads order[next], ... until one has been parked. */
    const uint16_t *order;
    const struct cpu_index *thread_idx; /* by thread number */
    const struct cpu_site **site;       /* where each thread waits; NULL: it left the kernel */
    uint32_t count, next, left;
    uint32_t current; /* the thread that runs now */

    /* Runner without barriers: threads [x0, x1) of the row (y, z). */
    uint32_t x0, x1, y, z;
};

struct kernel {
    const char *name;
    const char *file;
    size_t args_size;
    bool no_sync; /* EXPORT_KERNEL_NO_SYNC: a barrier or collective in it is a finding */
    void (*run)(struct cpu_block *block);
};

/* The executor's side of barriers and collectives. `thread` is the caller's number. They return
 * when the other threads have arrived too; if those never do, the launch ends with a finding and
 * they do not return at all. Both are written to switch to another fiber as their last act, so that
 * a parked thread has no frame of theirs on its stack. */
void cpu_barrier(struct cpu_block *block, uint32_t thread, const struct cpu_site *site);

/* All lanes of the caller's wave have stored their operands; the last one to arrive runs `work`,
 * which may be NULL. */
void cpu_meet(struct cpu_block *block, uint32_t thread, const struct cpu_site *site,
              void (*work)(struct cpu_wave *));

/* Work of the last lane. Reductions add in the order of a butterfly (distance size/2 first), so
 * that they equal six shuffles bit for bit; lanes that do not exist take part as all ones. */
void cpu_work_ballot(struct cpu_wave *wave);
void cpu_work_add_f32(struct cpu_wave *wave);
void cpu_work_max_f32(struct cpu_wave *wave);
void cpu_work_add_u32(struct cpu_wave *wave);
void cpu_work_max_u32(struct cpu_wave *wave);
void cpu_work_scan_u32(struct cpu_wave *wave); /* inclusive, in place of the operands */

#endif
