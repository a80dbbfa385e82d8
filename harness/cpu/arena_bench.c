#include "harness/cpu/arena_bench.h"

#include "harness/cpu/arena.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { TENSORS = 5, SERIES = 9, ARENA_ROUNDS = 20000, MMAP_ROUNDS = 20 };

/* Input in bf16, output in fp8, scales in fp32, row count, workspace. */
static const size_t tensor_bytes[TENSORS] = {350208, 175104, 5472, 4, 202752};

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static bool place_all(struct arena *arena, enum arena_side side, struct error *err)
{
    for (unsigned i = 0; i < TENSORS; i++) {
        struct arena_buffer buffer;
        enum arena_access access = i == 0 ? ARENA_READ_ONLY : ARENA_READ_WRITE;
        if (!arena_place(arena, i, tensor_bytes[i], 16, side, access, &buffer, err))
            return false;
        arena_arm(arena, i);
    }
    return true;
}

static bool arena_series(struct arena *arena, double *ns, struct error *err)
{
    double start = now_ns();
    for (int round = 0; round < ARENA_ROUNDS; round++)
        if (!place_all(arena, round % 2 ? ARENA_LEFT : ARENA_RIGHT, err))
            return false;
    *ns = (now_ns() - start) / ARENA_ROUNDS;
    return true;
}

/* One tensor between two guard pages, the way that needs no arena. */
static bool map_one(size_t bytes, size_t page, struct error *err)
{
    size_t inner = (bytes + page - 1) / page * page, total = inner + 2 * page;
    unsigned char *base =
        mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return error_errno(err, ERROR_INTERNAL, "cannot map %zu bytes", total);
    bool guarded =
        mprotect(base, page, PROT_NONE) == 0 && mprotect(base + page + inner, page, PROT_NONE) == 0;
    if (!guarded)
        error_errno(err, ERROR_INTERNAL, "cannot protect a guard page");
    for (size_t at = 0; guarded && at < inner; at += page)
        *(volatile unsigned char *)(base + page + at) = 1;
    munmap(base, total);
    return guarded;
}

static bool mmap_series(double *ns, struct error *err)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    double start = now_ns();
    for (int round = 0; round < MMAP_ROUNDS; round++)
        for (unsigned i = 0; i < TENSORS; i++)
            if (!map_one(tensor_bytes[i], page, err))
                return false;
    *ns = (now_ns() - start) / MMAP_ROUNDS;
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, SERIES, sizeof(*values), by_value);
    return values[SERIES / 2];
}

bool arena_bench_placement(struct arena_bench *out, struct error *err)
{
    double arena_ns[SERIES], mmap_ns[SERIES];
    struct arena *arena = arena_create(err);
    if (!arena)
        return false;
    bool done = place_all(arena, ARENA_RIGHT, err) && place_all(arena, ARENA_LEFT, err);
    for (int i = 0; done && i < SERIES; i++)
        done = arena_series(arena, &arena_ns[i], err) && mmap_series(&mmap_ns[i], err);
    arena_destroy(arena);
    if (!done)
        return false;
    out->arena_ns = median(arena_ns);
    out->mmap_ns = median(mmap_ns);
    out->ratio = out->mmap_ns / out->arena_ns;
    return true;
}
