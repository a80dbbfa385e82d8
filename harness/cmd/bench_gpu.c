/*
 * harness bench --device cuda:N, hip:N: the device's memory, the checks and the kernels on it.
 */
#include <stdio.h>

#include "harness/cmd/bench.h"
#include "harness/gpu/bench.h"

#define CHECK_GOAL  0.8
#define KERNEL_GOAL 0.85

/* A gibibyte is far above every cache; kernels take about half a millisecond on it. */
static const struct gpu_bench_size full = {.bytes = (size_t)1 << 30, .round_s = 0.05};

typedef bool measure(struct gpu_bench *, size_t, struct gpu_figure *, struct error *);

static void print_copy(const struct gpu_bench *b)
{
    printf("    %s, best of %d rounds of %g ms at least\n", b->api.name, GPU_BENCH_ROUNDS,
           b->size.round_s * 1e3);
    printf("    copy of %g GiB within the device: %.3f ms, %.0f GB/s read and written\n",
           (double)b->size.bytes / (1 << 30), b->copy_s * (double)b->size.bytes * 1e3,
           2e-9 / b->copy_s);
    fflush(stdout);
}

static void print_figure(const struct gpu_figure *f, double goal)
{
    char what[128];
    snprintf(what, sizeof(what), "%-40s %8.3f ms %5.0f GB/s", f->what, f->seconds * 1e3,
             (double)f->traffic / f->seconds * 1e-9);
    bench_at_least(what, f->ratio, goal);
}

static bool measure_all(const struct device_id *id, measure *one, size_t count, double goal,
                        struct error *err)
{
    struct gpu_bench b;
    struct gpu_figure f;
    bool good =
        gpu_bench_open(&b, id->kind == DEVICE_CUDA ? GPU_CUDA : GPU_HIP, id->index, &full, err);
    if (good)
        print_copy(&b);
    for (size_t i = 0; good && i < count; i++)
        if ((good = one(&b, i, &f, err)))
            print_figure(&f, goal);
    gpu_bench_close(&b);
    return good;
}

bool bench_copy(const struct device_id *id, struct error *err)
{
    return measure_all(id, NULL, 0, 0, err);
}

bool bench_checks(const struct device_id *id, struct error *err)
{
    printf("    fill, poison, scan, checksum: time of a copy of the same tensor / time\n"
           "    compare: bytes read and written a second / those of the copy\n");
    return measure_all(id, gpu_bench_check, gpu_bench_checks(), CHECK_GOAL, err);
}

bool bench_kernels(const struct device_id *id, struct error *err)
{
    printf("    bytes a second / those of the copy; inputs read once, outputs written once\n");
    return measure_all(id, gpu_bench_kernel, gpu_bench_kernels(), KERNEL_GOAL, err);
}
