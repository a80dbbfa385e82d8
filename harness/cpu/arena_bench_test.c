#include "harness/cpu/arena_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

/* No bound on the figures, for this is no timed test: they are there and belong together. */
static void figures_belong_together(void **state)
{
    (void)state;
    struct arena_bench bench = {0};
    struct error err;
    if (!arena_bench_placement(&bench, &err))
        fail_msg("%s", err.text);
    assert_true(bench.arena_ns > 0);
    assert_true(bench.mmap_ns > 0);
    assert_true(bench.ratio == bench.mmap_ns / bench.arena_ns);
    print_message("five tensors: arena %.0f ns, mmap %.0f ns, ratio %.0f\n", bench.arena_ns,
                  bench.mmap_ns, bench.ratio);
}

static void failure_is_passed_on(void **state)
{
    (void)state;
    struct arena_bench bench;
    struct error err = {0};
    struct rlimit old, limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    limit = (struct rlimit){0, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    bool done = arena_bench_placement(&bench, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_false(done);
    assert_int_equal(err.kind, ERROR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_belong_together),
        cmocka_unit_test(failure_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
