/* The verdict on single elements: every kind of difference, every policy at its edge. */
#include "harness/check/compare_testing.h"

#include <math.h>

static const struct policy exact = {.kind = POLICY_EXACT, .reason = "integers"};
static const struct policy code = {.kind = POLICY_CODE, .reason = "rounding boundaries"};
static const struct policy ulp2 = {.kind = POLICY_ULP, .ulp = 2, .reason = "one division"};

static struct policy bound(double relative, double absolute)
{
    return (struct policy){.kind = POLICY_BOUND,
                           .relative = relative,
                           .absolute = absolute,
                           .reason = "sum of products"};
}

static const enum dtype float_types[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};

static void equal_data_is_right(void **state)
{
    (void)state;
    for (enum dtype type = 0; type < DTYPE_COUNT; type++) {
        for (int kind = POLICY_EXACT; kind <= POLICY_CODE; kind++) {
            struct policy p = {.kind = (enum policy_kind)kind, .min_nonzero = 1};
            struct bench b;
            if (p.kind == POLICY_BOUND && type > DTYPE_E5M2)
                continue;
            bench_open(&b, type, p, 7, 301);
            bench_leave(&b, 300);
            bench_untouched(&b, 300);
            assert_int_equal(bench_compare(&b), COMPARE_EQUAL);
            assert_true(b.metrics.cosine == 1 && b.metrics.relative == 0);
            assert_true(b.verdict.cosine == 1 && b.verdict.relative == 0);
            b.in.second = NULL;
            assert_int_equal(bench_compare(&b), COMPARE_EQUAL);
            bench_close(&b);
        }
    }
}

static void empty_output_is_right(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_BF16, bound(0, 0), 0, 16);
    b.tensor.policy.min_nonzero = 0.5;
    assert_int_equal(bench_compare(&b), COMPARE_EQUAL);
    bench_close(&b);
}

/* One wrong element, at every place of blocks and tails. */
static void one_wrong_element_is_found(void **state)
{
    enum { ROWS = 3, COLS = 173 };
    (void)state;
    for (enum dtype type = 0; type < DTYPE_COUNT; type++) {
        for (int kind = POLICY_EXACT; kind <= POLICY_CODE; kind++) {
            struct policy p = {.kind = (enum policy_kind)kind};
            struct bench b;
            if (p.kind == POLICY_BOUND && type > DTYPE_E5M2)
                continue;
            bench_open(&b, type, p, ROWS, COLS);
            for (size_t at = 0; at < ROWS * COLS; at += 17) {
                const uint32_t right = dtype_load(type, b.first, at);
                bench_both(&b, at, right ^ 2);
                assert_int_equal(bench_compare(&b), COMPARE_WRONG);
                assert_int_equal(b.verdict.kind, VERDICT_WRONG);
                assert_int_equal(b.verdict.detector, DETECTOR_COMPARE);
                assert_string_equal(b.verdict.tensor, "y");
                assert_int_equal(b.verdict.offset,
                                 (at / COLS * (COLS + 3) + at % COLS) * dtype_bytes(type));
                assert_non_null(strstr(b.verdict.text, "1 of 519 elements wrong\n"));
                bench_both(&b, at, right);
            }
            assert_int_equal(bench_compare(&b), COMPARE_EQUAL);
            bench_close(&b);
        }
    }
}

/* Fills element 5 in both runs and expects the kind of the whole comparison. */
static enum compare_kind with(struct bench *b, uint32_t got)
{
    const uint32_t before = dtype_load(b->tensor.dtype, b->first, 5);

    bench_both(b, 5, got);
    const enum compare_kind kind = bench_compare(b);
    bench_both(b, 5, before);
    return kind;
}

/* What a step of the type is at 1 and at its smallest values, in values of the type. */
static void bound_is_met_and_exceeded(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const enum dtype type = float_types[i];
        const uint32_t one = bench_bits(type, 1);
        const double step = dtype_value(type, one + 1) - 1;
        struct bench b;
        bench_open(&b, type, bound(0, 0), 2, 9);
        double *e = (double *)b.reference + 5;
        *e = 1 + step / 2; /* a tie: both neighbours are half an ulp away */
        assert_int_equal(with(&b, one), COMPARE_EQUAL);
        assert_int_equal(with(&b, one + 1), COMPARE_EQUAL);
        assert_int_equal(with(&b, one + 2), COMPARE_WRONG);
        assert_int_equal(with(&b, one - 1), COMPARE_WRONG);
        *e = nextafter(1 + step / 2, 2); /* past the tie one neighbour is left */
        assert_int_equal(with(&b, one), COMPARE_WRONG);
        assert_int_equal(with(&b, one + 1), COMPARE_EQUAL);
        *e = dtype_value(type, 1) / 2; /* half of the smallest subnormal */
        assert_int_equal(with(&b, 0), COMPARE_EQUAL);
        assert_int_equal(with(&b, 1), COMPARE_EQUAL);
        assert_int_equal(with(&b, 2), COMPARE_WRONG);
        *e = 1;
        b.tensor.policy = bound(2.5 * step, 0); /* 3 = 1/2 + 2.5 steps of 1 */
        assert_int_equal(with(&b, one + 3), COMPARE_EQUAL);
        assert_int_equal(with(&b, one + 4), COMPARE_WRONG);
        b.tensor.policy = bound(0, 2.5 * step);
        assert_int_equal(with(&b, one + 3), COMPARE_EQUAL);
        assert_int_equal(with(&b, one + 4), COMPARE_WRONG);
        b.tensor.policy = bound(0, nextafter(2.5 * step, 0));
        assert_int_equal(with(&b, one + 3), COMPARE_WRONG);
        bench_close(&b);
    }
}

static void bound_at_infinity_and_nan(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const enum dtype type = float_types[i];
        const uint32_t inf = bench_bits(type, INFINITY), nan = inf + 1;
        const uint32_t minus = 1u << (8 * dtype_bytes(type) - 1);
        const double max = dtype_value(type, inf - 1);
        const double step = max - dtype_value(type, inf - 2);
        struct bench b;
        bench_open(&b, type, bound(0, 0), 2, 9);
        double *e = (double *)b.reference + 5;
        *e = 1;
        assert_int_equal(with(&b, nan), COMPARE_WRONG);
        assert_int_equal(with(&b, inf), COMPARE_WRONG);
        *e = NAN;
        assert_int_equal(with(&b, nan), COMPARE_EQUAL);
        assert_int_equal(with(&b, nan | minus), COMPARE_EQUAL);
        assert_int_equal(with(&b, 0), COMPARE_WRONG);
        assert_int_equal(with(&b, inf), COMPARE_WRONG);
        *e = -INFINITY;
        assert_int_equal(with(&b, inf | minus), COMPARE_EQUAL);
        assert_int_equal(with(&b, inf), COMPARE_WRONG);
        assert_int_equal(with(&b, (inf - 1) | minus), COMPARE_WRONG);
        b.tensor.policy.relative = 1; /* an infinite bound must not pass everything */
        assert_int_equal(with(&b, 0), COMPARE_WRONG);
        assert_int_equal(with(&b, nan), COMPARE_WRONG);
        b.tensor.policy.relative = 0;
        *e = max + step / 2; /* rounds to infinity */
        assert_int_equal(with(&b, inf), COMPARE_EQUAL);
        assert_int_equal(with(&b, inf | minus), COMPARE_WRONG);
        *e = nextafter(max + step / 2, 0);
        assert_int_equal(with(&b, inf), COMPARE_WRONG);
        assert_int_equal(with(&b, inf - 1), COMPARE_EQUAL);
        *e = -0.0;
        assert_int_equal(with(&b, 0), COMPARE_EQUAL);
        assert_int_equal(with(&b, minus), COMPARE_EQUAL);
        bench_close(&b);
    }
}

static void ulp_counts_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const enum dtype type = float_types[i];
        const uint32_t inf = bench_bits(type, INFINITY), one = bench_bits(type, 1);
        const uint32_t minus = 1u << (8 * dtype_bytes(type) - 1);
        struct bench b;
        bench_open(&b, type, ulp2, 2, 9);
        bench_expect(&b, 5, one);
        assert_int_equal(with(&b, one + 2), COMPARE_EQUAL);
        assert_int_equal(with(&b, one - 2), COMPARE_EQUAL);
        assert_int_equal(with(&b, one + 3), COMPARE_WRONG);
        assert_int_equal(with(&b, one - 3), COMPARE_WRONG);
        assert_int_equal(with(&b, one | minus), COMPARE_WRONG);
        bench_expect(&b, 5, 1); /* across zero: -tiny, 0, tiny */
        assert_int_equal(with(&b, minus), COMPARE_EQUAL);
        assert_int_equal(with(&b, minus | 1), COMPARE_EQUAL);
        assert_int_equal(with(&b, minus | 2), COMPARE_WRONG);
        bench_expect(&b, 5, inf);
        assert_int_equal(with(&b, inf), COMPARE_EQUAL);
        assert_int_equal(with(&b, inf - 1), COMPARE_WRONG);
        assert_int_equal(with(&b, inf + 1), COMPARE_WRONG);
        bench_expect(&b, 5, inf + 1);
        assert_int_equal(with(&b, inf + 2), COMPARE_EQUAL);
        assert_int_equal(with(&b, inf), COMPARE_WRONG);
        bench_expect(&b, 5, inf - 1);
        assert_int_equal(with(&b, inf), COMPARE_WRONG);
        bench_close(&b);
    }
}

static void exact_means_bits(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_F32, exact, 2, 9);
    bench_expect(&b, 5, 0);
    assert_int_equal(with(&b, 0), COMPARE_EQUAL);
    assert_int_equal(with(&b, 0x80000000u), COMPARE_WRONG);
    assert_int_equal(with(&b, 1), COMPARE_WRONG);
    bench_expect(&b, 5, 0x7FC00000u);
    assert_int_equal(with(&b, 0xFFC00001u), COMPARE_EQUAL); /* NaN is NaN */
    assert_int_equal(with(&b, 0x7F800000u), COMPARE_WRONG);
    bench_close(&b);
}

static bool accepts_next_code(const struct kase *k, const struct ref_io *ref,
                              void *const device_out[], size_t i, size_t row, size_t col,
                              uint32_t got)
{
    const size_t cols = ref->tensor[i].cols;
    (void)k;

    return device_out[i] && got == ((const uint8_t *)ref->out[i])[row * cols + col] + 1u;
}

static void code_asks_the_operator(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_E4M3FN, code, 2, 9);
    bench_expect(&b, 5, 0x30);
    assert_int_equal(with(&b, 0x31), COMPARE_WRONG);
    b.op.accept = accepts_next_code;
    assert_int_equal(with(&b, 0x30), COMPARE_EQUAL);
    assert_int_equal(with(&b, 0x31), COMPARE_EQUAL);
    assert_true(b.metrics.cosine < 1 && b.metrics.relative > 0);
    assert_int_equal(with(&b, 0x32), COMPARE_WRONG);
    assert_int_equal(with(&b, 0x2F), COMPARE_WRONG);
    b.tensor.policy.kind = POLICY_EXACT;
    assert_int_equal(with(&b, 0x31), COMPARE_WRONG);
    bench_close(&b);
}

/* The gravest finding decides; all kinds are counted. */
static void kinds_and_their_order(void **state)
{
    (void)state;
    for (enum dtype type = 0; type <= DTYPE_I32; type++) {
        struct bench b;
        bench_open(&b, type, exact, 4, 100);
        const uint32_t odd = bench_bits(type, 17), other = bench_bits(type, 18);

        bench_both(&b, 3, odd);
        assert_int_equal(bench_compare(&b), COMPARE_WRONG);
        bench_leave(&b, 7);
        assert_int_equal(bench_compare(&b), COMPARE_STRAY);
        assert_int_equal(b.verdict.kind, VERDICT_STRAY_WRITE);
        assert_int_equal(b.verdict.offset, 7 * dtype_bytes(type));
        assert_string_equal(b.verdict.signature, "stray:isolated");
        bench_untouched(&b, 250);
        assert_int_equal(bench_compare(&b), COMPARE_UNWRITTEN);
        assert_int_equal(b.verdict.kind, VERDICT_UNWRITTEN);
        assert_string_equal(b.verdict.signature, "unwritten:isolated");
        bench_first(&b, 350, odd);
        bench_second(&b, 350, other);
        assert_int_equal(bench_compare(&b), COMPARE_RUNS_DIFFER);
        assert_int_equal(b.verdict.kind, VERDICT_NONDETERMINISTIC);
        assert_int_equal(b.verdict.detector, DETECTOR_RERUN);
        assert_non_null(strstr(b.verdict.text,
                               "1 of 400 elements different in the second run, 1 wrong, 1 written "
                               "that must stay untouched, 1 never written\n"));
        bench_close(&b);
    }
}

/* An element that shows poison in one run only was written in the other. */
static void half_poison_is_a_difference(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_F32, bound(0, 0), 4, 100);
    bench_first(&b, 9, dtype_poison(DTYPE_F32, 0));
    assert_int_equal(bench_compare(&b), COMPARE_RUNS_DIFFER);
    bench_second(&b, 9, dtype_poison(DTYPE_F32, 0)); /* a NaN in both runs */
    assert_int_equal(bench_compare(&b), COMPARE_WRONG);
    bench_second(&b, 9, dtype_poison(DTYPE_F32, 1));
    assert_int_equal(bench_compare(&b), COMPARE_UNWRITTEN);
    bench_leave(&b, 9);
    assert_int_equal(bench_compare(&b), COMPARE_EQUAL);
    bench_second(&b, 9, dtype_poison(DTYPE_F32, 0));
    assert_int_equal(bench_compare(&b), COMPARE_STRAY);
    bench_close(&b);
}

/* A second run that shows its poison where the first one is right. */
static void second_run_left_it_out(void **state)
{
    static const enum dtype types[] = {DTYPE_F32, DTYPE_BF16, DTYPE_E2M1X2};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct bench b;
        bench_open(&b, types[i], exact, 4, 100);
        bench_second(&b, 333, dtype_poison(types[i], 1));
        assert_int_equal(bench_compare(&b), COMPARE_RUNS_DIFFER);
        bench_close(&b);
    }
}

/* Runs that differ within the bound differ all the same. */
static void runs_must_be_bit_identical(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_BF16, bound(1, 1), 4, 100);
    bench_second(&b, 399, dtype_load(DTYPE_BF16, b.second, 399) + 1);
    assert_int_equal(bench_compare(&b), COMPARE_RUNS_DIFFER);
    bench_close(&b);
}

/* In a byte type the poison is also a value: written in both runs it is right. */
static void poison_of_a_byte_is_a_value(void **state)
{
    static const enum dtype bytes[] = {DTYPE_E4M3FN, DTYPE_E4M3FNUZ, DTYPE_E5M2, DTYPE_E8M0,
                                       DTYPE_E2M1X2, DTYPE_I8,       DTYPE_U8};
    (void)state;
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        struct bench b;
        bench_open(&b, bytes[i], code, 4, 100);
        bench_leave(&b, 77);
        bench_untouched(&b, 77);
        assert_int_equal(bench_compare(&b), COMPARE_EQUAL);
        bench_both(&b, 77, dtype_poison(bytes[i], 0));
        assert_int_equal(bench_compare(&b), COMPARE_EQUAL);
        bench_both(&b, 77, 3);
        assert_int_equal(bench_compare(&b), COMPARE_STRAY);
        bench_close(&b);
    }
}

static bool first_column(const struct kase *k, const struct tensor *t, size_t i, size_t row,
                         size_t col)
{
    (void)k, (void)t, (void)i, (void)row;
    return col == 0;
}

static void dont_care_is_skipped(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_F32, bound(0, 0), 4, 100);
    b.op.dont_care = first_column;
    bench_both(&b, 100, bench_bits(DTYPE_F32, 1e9));
    bench_untouched(&b, 200);
    bench_second(&b, 300, 0);
    assert_int_equal(bench_compare(&b), COMPARE_EQUAL);
    assert_true(b.metrics.relative == 0);
    bench_both(&b, 101, bench_bits(DTYPE_F32, 1e9));
    assert_int_equal(bench_compare(&b), COMPARE_WRONG);
    bench_close(&b);
}

static void set_zero(struct bench *b, size_t from, size_t to, uint32_t zero)
{
    for (size_t at = from; at < to; at++)
        bench_all(b, at, zero);
}

static void mostly_zero_is_vacuous(void **state)
{
    static const struct {
        enum dtype type;
        uint32_t zero;
    } zeros[] = {{DTYPE_F32, 0},       {DTYPE_F32, 0x80000000u}, {DTYPE_BF16, 0x8000u},
                 {DTYPE_F16, 0x8000u}, {DTYPE_E4M3FN, 0x80},     {DTYPE_E4M3FNUZ, 0},
                 {DTYPE_E2M1X2, 0x08}, {DTYPE_I32, 0},           {DTYPE_I8, 0},
                 {DTYPE_E8M0, 0}};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof zeros / sizeof *zeros; i++) {
        const enum dtype type = zeros[i / 2].type;
        struct bench b;
        if (i % 2 && type > DTYPE_E5M2)
            continue;
        bench_open(&b, type, i % 2 ? bound(0, 0) : exact, 4, 100);
        b.tensor.policy.min_nonzero = 0.5;
        set_zero(&b, 0, 200, zeros[i / 2].zero);
        assert_int_equal(bench_compare(&b), COMPARE_EQUAL);
        set_zero(&b, 200, 201, zeros[i / 2].zero);
        assert_int_equal(bench_compare(&b), COMPARE_VACUOUS);
        assert_int_equal(b.verdict.kind, VERDICT_VACUOUS);
        assert_int_equal(b.verdict.detector, DETECTOR_VACUITY);
        bench_leave(&b, 0); /* what is left alone does not count: 199 of 398 */
        bench_untouched(&b, 0);
        bench_leave(&b, 1);
        bench_untouched(&b, 1);
        assert_int_equal(bench_compare(&b), COMPARE_EQUAL);
        bench_both(&b, 399, bench_bits(type, 0)); /* a wrong one comes first */
        assert_int_equal(bench_compare(&b), COMPARE_WRONG);
        bench_close(&b);
    }
}

/* Lets the address sanitizer answer a request that is too large as the C library does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void no_memory_is_an_error(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_F32, bound(0, 0), 0, SIZE_MAX / 16);
    assert_int_equal(bench_compare(&b), COMPARE_ERROR);
    assert_int_equal(b.verdict.kind, VERDICT_ERROR);
    assert_non_null(strstr(b.verdict.summary, "no memory"));
    bench_close(&b);
}

static void metrics_of_codes(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_E2M1X2, exact, 1, 2);
    bench_all(&b, 0, 0x21);
    bench_all(&b, 1, 0x75);  /* 0.5, 1, 3, 6 */
    bench_both(&b, 1, 0x05); /* the high code became 0 */
    assert_int_equal(bench_compare(&b), COMPARE_WRONG);
    assert_true(fabs(b.metrics.relative - 6 / sqrt(0.25 + 1 + 9 + 36)) < 1e-12);
    assert_int_equal(b.metrics.worst_col, 1);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_data_is_right),
        cmocka_unit_test(empty_output_is_right),
        cmocka_unit_test(one_wrong_element_is_found),
        cmocka_unit_test(bound_is_met_and_exceeded),
        cmocka_unit_test(bound_at_infinity_and_nan),
        cmocka_unit_test(ulp_counts_values),
        cmocka_unit_test(exact_means_bits),
        cmocka_unit_test(code_asks_the_operator),
        cmocka_unit_test(kinds_and_their_order),
        cmocka_unit_test(half_poison_is_a_difference),
        cmocka_unit_test(second_run_left_it_out),
        cmocka_unit_test(runs_must_be_bit_identical),
        cmocka_unit_test(poison_of_a_byte_is_a_value),
        cmocka_unit_test(dont_care_is_skipped),
        cmocka_unit_test(mostly_zero_is_vacuous),
        cmocka_unit_test(metrics_of_codes),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
