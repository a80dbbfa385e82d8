/*
 * The kernels' functions against libm in double: the errors that kernels/math.h states hold over
 * all magnitudes, and at zero, the ends and infinity.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#ifndef __device__
#define __device__
#endif
#include "kernels/math.h"

typedef float function(float);
typedef double exact_function(double);

static double exact_exp_minus(double a)
{
    return exp(-a);
}

static double exact_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double exact_normal_below(double x)
{
    return 0.5 * erfc(-x * M_SQRT1_2);
}

/* The largest error, in units of 2^-24 of the result or of 2^-126. */
static double error_at(function *got, exact_function *exact, float x)
{
    const double want = exact(x);
    const double unit = fmax(fabs(want) * 0x1p-24, 0x1p-126);

    return fabs(got(x) - want) / unit;
}

/* Every 61st fp32 number of one sign with a magnitude of 2^-30 to 2^8. */
static void expect_error_below(double limit, function *got, exact_function *exact, uint32_t sign)
{
    double most = 0;
    float where = 0;

    for (uint32_t bits = 0x30800000; bits < 0x43800000; bits += 61) {
        const float x = num_float(bits | sign);
        const double error = error_at(got, exact, x);

        where = error > most ? x : where;
        most = error > most ? error : most;
    }
    if (!(most < limit))
        fail_msg("error %.2f at %a, stated: %.0f", most, where, limit);
}

static void exp_minus_is_accurate(void **state)
{
    (void)state;
    expect_error_below(3, math_exp_minus, exact_exp_minus, 0);
}

static void sigmoid_is_accurate(void **state)
{
    (void)state;
    expect_error_below(6, math_sigmoid, exact_sigmoid, 0);
    expect_error_below(6, math_sigmoid, exact_sigmoid, 0x80000000);
}

static void normal_below_is_accurate(void **state)
{
    (void)state;
    expect_error_below(9, math_normal_below, exact_normal_below, 0);
    expect_error_below(9, math_normal_below, exact_normal_below, 0x80000000);
}

static void ends_are_exact(void **state)
{
    (void)state;
    assert_true(math_exp_minus(0) == 1);
    assert_true(math_exp_minus(INFINITY) < 0x1p-149);
    assert_true(math_sigmoid(0) == 0.5f);
    assert_true(math_sigmoid(INFINITY) == 1);
    assert_true(math_sigmoid(-INFINITY) < 0x1p-149);
    assert_true(math_sigmoid(1e30f) == 1);
    assert_true(fabs(math_normal_below(0) - 0.5) <= 0x1p-25);
    assert_true(math_normal_below(INFINITY) == 1);
    assert_true(math_normal_below(-INFINITY) < 0x1p-149);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_minus_is_accurate),
        cmocka_unit_test(sigmoid_is_accurate),
        cmocka_unit_test(normal_below_is_accurate),
        cmocka_unit_test(ends_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
