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

/* The block being run, as its kernel sees it. Threads are numbered x first, then y, then z. */
struct cpu_block {
    const void *args;
    void *lds; /* dynamic LDS, 16-byte aligned, NULL when the launch has none */
    struct cpu_index block_idx, block_dim, grid_dim;
    uint32_t wave_size;

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
 * they do not return at all. */
void cpu_barrier(struct cpu_block *block, uint32_t thread, const struct cpu_site *site);

/* The value that lane `source` of the caller's wave gave; all ones for a lane that is not there. */
uint32_t cpu_shuffle32(struct cpu_block *block, uint32_t thread, uint32_t value, uint32_t source,
                       const struct cpu_site *site);
uint64_t cpu_shuffle64(struct cpu_block *block, uint32_t thread, uint64_t value, uint32_t source,
                       const struct cpu_site *site);

/* One bit per lane, 0 for lanes that are not there. `*lanes` gets the wave's existing lanes. */
uint64_t cpu_ballot(struct cpu_block *block, uint32_t thread, bool predicate, uint64_t *lanes,
                    const struct cpu_site *site);

/* Whole-wave operations, each a single rendezvous whose last lane does the work. Reductions add in
 * the order of a butterfly (distance wave_size/2 first), so that they equal six shuffles bit for
 * bit. */
float cpu_wave_add_f32(struct cpu_block *block, uint32_t thread, float value,
                       const struct cpu_site *site);
float cpu_wave_max_f32(struct cpu_block *block, uint32_t thread, float value,
                       const struct cpu_site *site);
uint32_t cpu_wave_add_u32(struct cpu_block *block, uint32_t thread, uint32_t value,
                          const struct cpu_site *site);
uint32_t cpu_wave_max_u32(struct cpu_block *block, uint32_t thread, uint32_t value,
                          const struct cpu_site *site);
uint32_t cpu_wave_scan_u32(struct cpu_block *block, uint32_t thread, uint32_t value,
                           const struct cpu_site *site);

#endif
