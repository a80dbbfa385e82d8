#include "harness/gpu/bench.h"

#include <math.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/case/fill.h"
#include "harness/gpu/launch.h"

/* Random bytes, of which what is copied is made. */
enum { PIECE = 1 << 20 };

/* For all that is enqueued; whatever it is, it takes milliseconds. */
#define PATIENCE 60.0

/* --- Waiting --- */

/* Without sleeping, which would be measured. */
static bool wait_for(struct gpu_bench *b, struct error *err)
{
    const double end = clock_seconds() + PATIENCE;
    int result;
    while ((result = b->api.stream_query(b->stream)) == GPU_NOT_READY && clock_seconds() < end)
        ;
    return gpu_good(&b->api, result, "finish what the benchmark has enqueued", err);
}

static bool done(struct gpu_bench *b, int result, const char *what, struct error *err)
{
    return gpu_good(&b->api, result, what, err) && wait_for(b, err);
}

/* --- Memory --- */

bool gpu_bench_place(struct gpu_bench *b, unsigned slot, size_t bytes, enum arena_access access,
                     void **kernel, struct error *err)
{
    const struct gpu_placement p = {.bytes = bytes, .side = ARENA_LEFT, .access = access};
    uint64_t address;
    if (!gpu_arena_place(&b->arena, slot, &p, &address, err))
        return false;
    *kernel = (void *)(uintptr_t)address; /* NOLINT: the kernel's pointer */
    return true;
}

bool gpu_bench_put(struct gpu_bench *b, void *to, const void *from, size_t bytes, struct error *err)
{
    return !bytes || done(b, b->api.copy_in((uintptr_t)to, from, bytes, b->stream),
                          "copy to the device", err);
}

bool gpu_bench_get(struct gpu_bench *b, void *to, const void *from, size_t bytes, struct error *err)
{
    return !bytes || done(b, b->api.copy_out(to, (uintptr_t)from, bytes, b->stream),
                          "copy from the device", err);
}

bool gpu_bench_set(struct gpu_bench *b, void *to, unsigned char value, size_t bytes,
                   struct error *err)
{
    return !bytes || done(b, b->api.memset8((uintptr_t)to, value, bytes, b->stream),
                          "fill device memory", err);
}

bool gpu_bench_copy(struct gpu_bench *b, void *to, const void *from, size_t bytes,
                    struct error *err)
{
    return !bytes || done(b, b->api.copy_within((uintptr_t)to, (uintptr_t)from, bytes, b->stream),
                          "copy within the device", err);
}

bool gpu_bench_repeat(struct gpu_bench *b, void *to, const void *from, size_t period, size_t bytes,
                      struct error *err)
{
    unsigned char *at = to;
    size_t have = period < bytes ? period : bytes;
    if (!gpu_bench_put(b, at, from, have, err))
        return false;
    for (size_t more; have && have < bytes; have += more) {
        more = have < bytes - have ? have : bytes - have;
        if (!gpu_bench_copy(b, at + have, at, more, err))
            return false;
    }
    return true;
}

/* --- Time --- */

/* Work that can be enqueued again and again: a plan, or a copy within the device. */
struct work {
    const struct plan *plan;
    void *function[OP_MAX_STEPS];
    void *to, *from;
    size_t bytes;
};

static int enqueue(struct gpu_bench *b, const struct work *w)
{
    int result = GPU_SUCCESS;
    if (!w->plan)
        return b->api.copy_within((uintptr_t)w->to, (uintptr_t)w->from, w->bytes, b->stream);
    for (size_t i = 0; result == GPU_SUCCESS && i < w->plan->count; i++)
        result = gpu_launch_step(&b->api, &w->plan->step[i], w->function[i], b->stream);
    return result;
}

static bool run_times(struct gpu_bench *b, const struct work *w, uint64_t times, double *seconds,
                      struct error *err)
{
    const double start = clock_seconds();
    for (uint64_t i = 0; i < times; i++)
        if (!gpu_good(&b->api, enqueue(b, w), "launch", err))
            return false;
    if (!wait_for(b, err))
        return false;
    *seconds = (clock_seconds() - start) / (double)times;
    return true;
}

/* How often a round does the work. The first launch of a kernel, which loads it, does not count. */
static bool count_runs(struct gpu_bench *b, const struct work *w, uint64_t *times,
                       struct error *err)
{
    double seconds;
    if (!run_times(b, w, 1, &seconds, err))
        return false;
    for (*times = 1;; *times *= 2) {
        if (!run_times(b, w, *times, &seconds, err))
            return false;
        if (seconds * (double)*times >= b->size.round_s)
            return true;
    }
}

static bool time_work(struct gpu_bench *b, const struct work *w, double *best, struct error *err)
{
    uint64_t times;
    double seconds;
    if (!count_runs(b, w, &times, err))
        return false;
    *best = HUGE_VAL;
    for (int round = 0; round < GPU_BENCH_ROUNDS; round++) {
        if (!run_times(b, w, times, &seconds, err))
            return false;
        *best = seconds < *best ? seconds : *best;
    }
    return true;
}

static bool load(struct gpu_bench *b, const struct plan *plan, struct work *w, struct error *err)
{
    *w = (struct work){.plan = plan};
    for (size_t i = 0; i < plan->count; i++)
        if (plan->step[i].kind == STEP_KERNEL &&
            !gpu_code_function(&b->code, plan->step[i].kernel, &w->function[i], err))
            return false;
    return true;
}

bool gpu_bench_run(struct gpu_bench *b, const struct plan *plan, struct error *err)
{
    struct work w;
    double seconds;
    return load(b, plan, &w, err) && run_times(b, &w, 1, &seconds, err);
}

bool gpu_bench_time(struct gpu_bench *b, const struct plan *plan, double *seconds,
                    struct error *err)
{
    struct work w;
    return load(b, plan, &w, err) && time_work(b, &w, seconds, err);
}

void gpu_bench_figure(const struct gpu_bench *b, struct gpu_figure *f, uint64_t bytes)
{
    const double copy_s = b->copy_s * (double)bytes;
    f->ratio = copy_s / f->seconds;
    if (f->measure == GPU_BY_TRAFFIC)
        f->ratio *= (double)f->traffic / (2 * (double)bytes);
}

/* --- The copy that all else is held against --- */

static bool measure_copy(struct gpu_bench *b, struct error *err)
{
    static unsigned char piece[PIECE], got[PIECE];
    const struct tensor random = {
        .dtype = DTYPE_U8, .rows = 1, .cols = PIECE, .stride = PIECE, .fill = {FILL_CODES, 0, 255}};
    const size_t bytes = b->size.bytes, period = bytes < PIECE ? bytes : PIECE;
    struct work w = {.bytes = bytes};
    double seconds;
    fill_tensor(&random, 1, 0, piece);
    if (!gpu_bench_place(b, BENCH_FIRST, bytes, ARENA_READ_WRITE, &w.from, err) ||
        !gpu_bench_place(b, BENCH_SECOND, bytes, ARENA_READ_WRITE, &w.to, err) ||
        !gpu_bench_repeat(b, w.from, piece, period, bytes, err) ||
        !time_work(b, &w, &seconds, err) ||
        !gpu_bench_get(b, piece, (unsigned char *)w.from + bytes - period, period, err) ||
        !gpu_bench_get(b, got, (unsigned char *)w.to + bytes - period, period, err))
        return false;
    b->copy_s = seconds / (double)bytes;
    return !memcmp(piece, got, period) ||
           error_set(err, ERROR_INTERNAL, "a copy within the device has copied something else");
}

bool gpu_bench_open(struct gpu_bench *b, enum gpu_vendor vendor, unsigned index,
                    const struct gpu_bench_size *size, struct error *err)
{
    memset(b, 0, sizeof(*b));
    b->size = *size;
    gpu_code_init(&b->code, &b->api);
    return gpu_open(&b->api, vendor, index, err) &&
           gpu_good(&b->api, b->api.stream_create(&b->stream, 0), "create a stream", err) &&
           gpu_arena_init(&b->arena, &b->api, err) && measure_copy(b, err);
}

void gpu_bench_close(struct gpu_bench *b)
{
    if (b->arena.api)
        gpu_arena_release(&b->arena);
    gpu_code_release(&b->code);
}
