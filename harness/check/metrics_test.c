#include "harness/check/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Adds a whole matrix, each row in pieces of `piece`. */
static struct compare_metrics metrics_of(size_t rows, size_t cols, const double *got,
                                         const double *want, size_t piece)
{
    struct compare_metrics result;
    struct metrics m;
    struct error err;

    assert_true(metrics_init(&m, rows, cols, &err));
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c += piece)
            metrics_add(&m, r, c, got + r * cols + c, want + r * cols + c,
                        cols - c < piece ? cols - c : piece);
    metrics_finish(&m, &result);
    metrics_release(&m);
    return result;
}

static void assert_near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * fmax(1, fabs(want))))
        fail_msg("got %.17g, want %.17g", got, want);
}

static void known_answers(void **state)
{
    const double x[] = {3, -4, 0, 12};
    const double twice[] = {6, -8, 0, 24}, minus[] = {-3, 4, 0, -12}, zero[4] = {0};
    const double other[] = {3, -4, 5, 12};
    (void)state;

    struct compare_metrics m = metrics_of(2, 2, x, x, 2);
    assert_true(m.cosine == 1 && m.relative == 0);
    assert_true(m.worst_row_relative == 0 && m.worst_col_relative == 0);
    m = metrics_of(2, 2, twice, x, 2);
    assert_near(m.cosine, 1);
    assert_near(m.relative, 1);
    m = metrics_of(2, 2, minus, x, 2);
    assert_near(m.cosine, -1);
    assert_near(m.relative, 2);
    m = metrics_of(1, 4, other, x, 4);
    assert_near(m.cosine, 169 / (13 * sqrt(194)));
    assert_near(m.relative, 5.0 / 13);
    m = metrics_of(2, 2, zero, x, 2);
    assert_true(m.cosine == 0 && m.relative == 1);
    m = metrics_of(2, 2, x, zero, 2);
    assert_true(m.cosine == 0 && m.relative == 1);
    m = metrics_of(2, 2, zero, zero, 2);
    assert_true(m.cosine == 1 && m.relative == 0);
}

/* A wrong column that the global figure nearly hides. */
static void worst_row_and_column(void **state)
{
    enum { ROWS = 7, COLS = 301 };
    double got[ROWS * COLS], want[ROWS * COLS];
    (void)state;

    for (size_t i = 0; i < ROWS * COLS; i++)
        got[i] = want[i] = 1;
    for (size_t r = 0; r < ROWS; r++)
        got[r * COLS + 123] = 0;
    got[5 * COLS + 300] = 3;
    for (size_t piece = 1; piece <= COLS; piece += 20) {
        const struct compare_metrics m = metrics_of(ROWS, COLS, got, want, piece);
        assert_near(m.relative, sqrt((ROWS + 4.0) / (ROWS * COLS)));
        assert_int_equal(m.worst_col, 123);
        assert_near(m.worst_col_relative, 1);
        assert_int_equal(m.worst_row, 5);
        assert_near(m.worst_row_relative, sqrt(5.0 / COLS));
    }
}

/* What is not finite on either side weighs nothing, at any place of a piece. */
static void not_finite_is_left_out(void **state)
{
    const double odd[] = {NAN, INFINITY, -INFINITY};
    (void)state;

    for (size_t at = 0; at < 5; at++) {
        for (size_t i = 0; i < 3; i++) {
            double got[5] = {1, 2, 3, 4, 5}, want[5] = {1, 2, 3, 4, 5};
            got[at] = odd[i];
            assert_true(metrics_of(1, 5, got, want, 5).relative == 0);
            got[at] = want[at] + 1;
            want[at] = odd[i];
            assert_true(metrics_of(1, 5, got, want, 5).relative == 0);
            want[at] = got[at] - 1;
            assert_true(metrics_of(1, 5, got, want, 5).relative > 0);
        }
    }
}

/* Both codes of a byte are added over the same columns. */
static void pieces_over_the_same_columns(void **state)
{
    const double want[] = {3, 0}, low[] = {3, 0}, high[] = {0, 0};
    struct compare_metrics result;
    struct metrics m;
    (void)state;

    assert_true(metrics_init(&m, 1, 2, NULL));
    metrics_add(&m, 0, 0, low, want, 2);
    metrics_add(&m, 0, 0, high, want, 2);
    metrics_finish(&m, &result);
    metrics_release(&m);
    assert_near(result.relative, sqrt(0.5));
    assert_near(result.worst_row_relative, sqrt(0.5));
    assert_near(result.worst_col_relative, sqrt(0.5));
}

static void large_values_do_not_overflow(void **state)
{
    const double x[] = {3.4e38, -3.4e38}, y[] = {3.4e38, 3.4e38};
    const struct compare_metrics m = metrics_of(1, 2, x, y, 2);
    (void)state;

    assert_near(m.cosine, 0);
    assert_near(m.relative, sqrt(2));
}

/* Lets the address sanitizer answer a request that is too large as the C library does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void no_memory_is_an_error(void **state)
{
    struct metrics m;
    struct error err;
    (void)state;

    assert_false(metrics_init(&m, 1, SIZE_MAX / 16, &err));
    assert_int_equal(err.kind, ERROR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(worst_row_and_column),
        cmocka_unit_test(not_finite_is_left_out),
        cmocka_unit_test(pieces_over_the_same_columns),
        cmocka_unit_test(large_values_do_not_overflow),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
