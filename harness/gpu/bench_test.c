/* Every measure of a GPU on small tensors, over the fake driver, and that what does nothing is no
 * figure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gpu/bench.h"
#include "harness/gpu/fake/fake.h"

static const struct gpu_bench_size small = {.bytes = 3 << 18, .round_s = 0};

/* So that tensors of kernels repeat their first rows; `small` has less than those. */
static const struct gpu_bench_size larger = {.bytes = 4 << 20, .round_s = 0};

static void open_bench(struct gpu_bench *b, const struct gpu_bench_size *size)
{
    struct error err;
    if (!gpu_bench_open(b, GPU_CUDA, 0, size, &err))
        fail_msg("%s", err.text);
    assert_true(b->copy_s > 0);
}

typedef bool measure(struct gpu_bench *, size_t, struct gpu_figure *, struct error *);

static void measure_all(measure *one, size_t count, const struct gpu_bench_size *size)
{
    struct gpu_bench b;
    struct gpu_figure f;
    struct error err;
    open_bench(&b, size);
    for (size_t i = 0; i < count; i++) {
        if (!one(&b, i, &f, &err))
            fail_msg("%s: %s", f.what, err.text);
        assert_true(f.seconds > 0 && f.ratio > 0 && f.traffic > 0);
    }
    gpu_bench_close(&b);
}

static void measures_checks(void **state)
{
    (void)state;
    measure_all(gpu_bench_check, gpu_bench_checks(), &small);
}

static void measures_kernels(void **state)
{
    (void)state;
    measure_all(gpu_bench_kernel, gpu_bench_kernels(), &small);
    measure_all(gpu_bench_kernel, gpu_bench_kernels(), &larger);
}

static int launch_nothing(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                          unsigned by, unsigned bz, unsigned lds, void *stream, void **args,
                          void **extra)
{
    (void)function, (void)gx, (void)gy, (void)gz, (void)bx, (void)by, (void)bz, (void)lds;
    (void)stream, (void)args, (void)extra;
    return GPU_SUCCESS;
}

static void refuses_all(struct gpu_bench *b, measure *one, size_t count)
{
    struct gpu_figure f;
    struct error err;
    for (size_t i = 0; i < count; i++) {
        if (one(b, i, &f, &err))
            fail_msg("%s: nothing was done, and it is right", f.what);
        assert_int_equal(err.kind, ERROR_INTERNAL);
    }
}

static void sees_that_nothing_was_done(void **state)
{
    struct gpu_bench b;
    (void)state;
    open_bench(&b, &small);
    b.api.launch = launch_nothing;
    refuses_all(&b, gpu_bench_check, gpu_bench_checks());
    refuses_all(&b, gpu_bench_kernel, gpu_bench_kernels());
    gpu_bench_close(&b);
}

static void needs_the_device(void **state)
{
    struct gpu_bench b;
    struct error err;
    (void)state;
    assert_false(gpu_bench_open(&b, GPU_CUDA, 2, &small, &err));
    assert_int_equal(err.kind, ERROR_NO_DEVICE);
    gpu_bench_close(&b);
}

static int setup(void **state)
{
    (void)state;
    return !fake_driver("libcuda.so.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_checks),
        cmocka_unit_test(measures_kernels),
        cmocka_unit_test(sees_that_nothing_was_done),
        cmocka_unit_test(needs_the_device),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
