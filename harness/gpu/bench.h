/*
 * What work on a GPU's own memory costs: a copy, the checks of harness/gpu/check.h and kernels of
 * operators, on large tensors. For one process that owns the device and does nothing else
 * meanwhile.
 *
 *     struct gpu_bench b;
 *     struct gpu_figure f;
 *     bool good = gpu_bench_open(&b, GPU_CUDA, 0, &size, &err);
 *     for (size_t i = 0; good && i < gpu_bench_checks(); i++)
 *         good = gpu_bench_check(&b, i, &f, &err);
 *     gpu_bench_close(&b);
 *
 * A figure is the best of GPU_BENCH_ROUNDS rounds behind a warm-up; a round enqueues the same work
 * again and again, for at least `round_s` by the host's clock, and waits once, at its end. Behind
 * the last round the result is looked at: what is wrong is an error, and no figure.
 */
#ifndef HARNESS_GPU_BENCH_H
#define HARNESS_GPU_BENCH_H

#include "harness/gpu/arena.h"
#include "harness/gpu/code.h"
#include "harness/op/op.h"

enum { GPU_BENCH_ROUNDS = 5 };

struct gpu_bench_size {
    size_t bytes;   /* of the largest tensor of each measure, about; a copy's exactly */
    double round_s; /* of a round, at least */
};

struct gpu_bench {
    struct gpu_api api;
    struct gpu_arena arena;
    struct gpu_code code;
    void *stream;
    struct gpu_bench_size size;
    double copy_s; /* seconds of a copy within the device, for each byte of the tensor */
};

/* How a figure is held against the copy of this run. */
enum gpu_measure {
    GPU_BY_TIME,    /* time of a copy of the same tensor / time */
    GPU_BY_TRAFFIC, /* bytes read and written a second / those of a copy */
};

struct gpu_figure {
    char what[64];
    double seconds;
    uint64_t traffic; /* bytes read and written */
    enum gpu_measure measure;
    double ratio;
};

/* Opens the device and measures the copy. To be closed even where it failed. */
bool gpu_bench_open(struct gpu_bench *, enum gpu_vendor, unsigned index,
                    const struct gpu_bench_size *, struct error *) MUST_CHECK;
void gpu_bench_close(struct gpu_bench *);

/* Every kind of check, by dtypes, on a dense aligned tensor and on one that is neither. */
size_t gpu_bench_checks(void);
bool gpu_bench_check(struct gpu_bench *, size_t i, struct gpu_figure *, struct error *) MUST_CHECK;

/* Kernels of operators: case lines without their rows, of which there are as many as fit. */
size_t gpu_bench_kernels(void);
bool gpu_bench_kernel(struct gpu_bench *, size_t i, struct gpu_figure *, struct error *) MUST_CHECK;

/* --- For the measures themselves --- */

/* Slots of the arena, below which an operator's tensors have room. */
enum {
    BENCH_RESULTS = ARENA_SLOTS - 1,
    BENCH_TABLE = ARENA_SLOTS - 2,
    BENCH_WORKSPACE = ARENA_SLOTS - 3,
    BENCH_REFERENCE = ARENA_SLOTS - 4,
    BENCH_SECOND = ARENA_SLOTS - 5,
    BENCH_FIRST = 0,
};

/* Memory for `bytes`, aligned as widely as any kernel may ask. Nothing may run. */
bool gpu_bench_place(struct gpu_bench *, unsigned slot, size_t bytes, enum arena_access,
                     void **kernel, struct error *) MUST_CHECK;

/* These wait until it is done. */
bool gpu_bench_put(struct gpu_bench *, void *to, const void *from, size_t bytes,
                   struct error *) MUST_CHECK;
bool gpu_bench_get(struct gpu_bench *, void *to, const void *from, size_t bytes,
                   struct error *) MUST_CHECK;
bool gpu_bench_set(struct gpu_bench *, void *to, unsigned char value, size_t bytes,
                   struct error *) MUST_CHECK;
bool gpu_bench_copy(struct gpu_bench *, void *to, const void *from, size_t bytes,
                    struct error *) MUST_CHECK;
bool gpu_bench_run(struct gpu_bench *, const struct plan *, struct error *) MUST_CHECK;

/* Puts `period` bytes there and copies them behind themselves until there are `bytes`. */
bool gpu_bench_repeat(struct gpu_bench *, void *to, const void *from, size_t period, size_t bytes,
                      struct error *) MUST_CHECK;

/* Seconds of a plan. */
bool gpu_bench_time(struct gpu_bench *, const struct plan *, double *seconds,
                    struct error *) MUST_CHECK;

/* Completes a figure by its ratio; `bytes`: of the tensor that the copy is one of. */
void gpu_bench_figure(const struct gpu_bench *, struct gpu_figure *, uint64_t bytes);

#endif
