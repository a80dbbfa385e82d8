#include "harness/cpu/exec_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* No bound on the figures, for this is no timed test: they are there and belong together. */
static void figures_belong_together(void **state)
{
    (void)state;
    struct exec_bench b = {0};
    struct error err;
    if (!exec_bench_run(&b, &err))
        fail_msg("%s", err.text);
    assert_true(b.barriers_us > 0 && b.fission_us > 0 && b.swapcontext_us > 0);
    assert_true(b.barriers_to_fission == b.barriers_us / b.fission_us);
    assert_true(b.swapcontext_to_barriers == b.swapcontext_us / b.barriers_us);
    assert_true(b.kernel_us > 0 && b.native_us > 0);
    assert_true(b.kernel_to_native == b.kernel_us / b.native_us);
    assert_true(b.reduce_us > 0 && b.shuffles_to_reduce == b.shuffles_us / b.reduce_us);
    assert_true(b.fault_us > 0);
    print_message("10 barriers %.1f us: fission x%.1f, swapcontext /%.1f; kernel %.0f us: native "
                  "x%.2f; reduce %.2f us: shuffles x%.1f; fault %.1f us\n",
                  b.barriers_us, b.barriers_to_fission, b.swapcontext_to_barriers, b.kernel_us,
                  b.kernel_to_native, b.reduce_us, b.shuffles_to_reduce, b.fault_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures_belong_together)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
