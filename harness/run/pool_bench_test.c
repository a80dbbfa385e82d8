/* The measures of a pool, over the fake driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/doctor/doctor.h"
#include "harness/doctor/doctor_kernels.h"
#include "harness/gpu/fake/fake.h"
#include "harness/run/pool_bench.h"

#define TIME_LIMIT 0.5

static struct pool *make_pool(void)
{
    struct error err;
    const struct pool_options options = {
        .workers = 1,
        .session = {.device = {.kind = DEVICE_CUDA}, .wave = 64, .timeout_s = TIME_LIMIT}};
    struct pool *pool = pool_create(&options, &err);
    if (!pool)
        fail_msg("%s", err.text);
    return pool;
}

static void counts_cases(void **state)
{
    struct pool *pool = make_pool();
    struct kase kase[] = {doctor_case(DOCTOR_NONE), doctor_case(DOCTOR_WRONG),
                          doctor_case(DOCTOR_NONE)};
    struct pool_rate rate;
    struct error err;
    (void)state;
    assert_true(pool_bench_rate(pool, kase, 1, 0.2, &rate, &err));
    assert_true(rate.cases > 0 && rate.seconds >= 0.2);
    assert_int_equal(rate.failed, 0);
    assert_true(pool_bench_rate(pool, kase, 3, 0.2, &rate, &err));
    assert_true(rate.failed > 0 && rate.failed <= rate.cases / 3 + 1);
    assert_int_equal(rate.failure.kind, VERDICT_WRONG);
    pool_destroy(pool);
}

static void times_recovery(void **state)
{
    struct pool *pool = make_pool();
    const struct kase fault[] = {doctor_case(DOCTOR_READ_BEHIND), doctor_case(DOCTOR_TRAP)};
    const struct kase good = doctor_case(DOCTOR_NONE), wrong = doctor_case(DOCTOR_WRONG);
    struct pool_recovery r;
    struct error err;
    (void)state;
    assert_true(pool_bench_recovery(pool, fault, 2, 2, &good, &r, &err));
    assert_true(r.median_s > 0 && r.worst_s >= r.median_s && r.worst_s < TIME_LIMIT);
    assert_false(pool_bench_recovery(pool, fault, 2, 1, &wrong, &r, &err)); /* must pass */
    assert_false(pool_bench_recovery(pool, &good, 1, 1, &good, &r, &err));  /* is no fault */
    assert_false(pool_bench_recovery(pool, &wrong, 1, 1, &good, &r, &err)); /* costs nothing */
    pool_destroy(pool);
}

static void times_a_timeout(void **state)
{
    struct pool *pool = make_pool();
    const struct kase endless = doctor_case(DOCTOR_ENDLESS);
    struct verdict v;
    struct error err;
    double seconds;
    (void)state;
    assert_true(pool_bench_verdict(pool, &endless, &v, &seconds, &err));
    assert_int_equal(v.kind, VERDICT_TIMEOUT);
    assert_true(seconds >= TIME_LIMIT);
    pool_destroy(pool);
}

static int setup(void **state)
{
    (void)state;
    return !fake_driver("libcuda.so.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_cases),
        cmocka_unit_test(times_recovery),
        cmocka_unit_test(times_a_timeout),
    };
    pool_catch_signals();
    return cmocka_run_group_tests(tests, setup, NULL);
}
