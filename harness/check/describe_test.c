/* The words for a failure: what wrong values look like, and that the text never overflows. */
#include "harness/check/compare_testing.h"

static const struct policy exact = {.kind = POLICY_EXACT, .reason = "integers"};
static const struct policy within = {
    .kind = POLICY_BOUND, .relative = 0x1p-8, .absolute = 1e-6, .reason = "K = 64 products"};

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("'%s' is in:\n%s", part, text);
}

/* Compares and expects a wrong result with a pattern and a signature. */
static void expect(struct bench *b, const char *pattern, const char *signature)
{
    char line[256];

    assert_int_equal(bench_compare(b), COMPARE_WRONG);
    snprintf(line, sizeof line, "\npattern: %s\n", pattern);
    assert_has(b->verdict.text, line);
    assert_has(b->verdict.summary, pattern);
    assert_string_equal(b->verdict.signature, signature);
}

static double value_at(const struct bench *b, size_t at)
{
    return dtype_value(b->tensor.dtype, dtype_load(b->tensor.dtype, b->first, at));
}

/* Multiplies the elements of rows [from, to). */
static void scale_rows(struct bench *b, size_t from, size_t to, double factor)
{
    for (size_t at = from * b->tensor.cols; at < to * b->tensor.cols; at++)
        bench_both(b, at, bench_bits(b->tensor.dtype, value_at(b, at) * factor));
}

static void scaled_and_negated(void **state)
{
    static const enum dtype types[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16, DTYPE_E4M3FN, DTYPE_I32};
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct bench b;
        bench_open(&b, types[i], exact, 8, 50);
        scale_rows(&b, 0, 8, 2);
        expect(&b, "got is 2x expected in every wrong element; everything is wrong",
               "exact:scaled");
        scale_rows(&b, 0, 8, -0.5);
        expect(&b, "sign flipped; everything is wrong", "exact:negated");
        scale_rows(&b, 0, 6, -1);
        expect(&b, "sign flipped; all wrong rows are >= 6 (the last 2)", "exact:negated");
        bench_close(&b);
    }
}

static void scaled_by_no_power_of_two(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_F32, within, 8, 50);
    scale_rows(&b, 2, 8, 448.0 / 240);
    expect(&b,
           "got is 1.86667x expected in every wrong element; all wrong rows are >= 2 (the "
           "last 6)",
           "bound:scaled");
    bench_close(&b);
}

static void zero_constant_and_nan(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_BF16, within, 8, 50);
    for (size_t at = 0; at < 400; at++)
        bench_both(&b, at, at & 1 ? 0x8000 : 0);
    expect(&b, "output all zero; everything is wrong", "bound:zero");
    for (size_t at = 200; at < 400; at++)
        bench_both(&b, at, 0);
    for (size_t at = 0; at < 200; at++)
        bench_both(&b, at, bench_bits(DTYPE_BF16, ((double *)b.reference)[at]));
    expect(&b, "every wrong element is 0; all wrong rows are >= 4 (the last 4)", "bound:constant");
    for (size_t at = 200; at < 400; at++)
        bench_both(&b, at, 0x7FC0 + at % 3);
    expect(&b, "every wrong element is NaN; all wrong rows are >= 4 (the last 4)", "bound:nan");
    bench_close(&b);
}

/* Element (r, c) gets what belongs to (r + rows, c + cols), where there is such an element. */
static void shift(struct bench *b, int rows, int cols)
{
    const struct tensor *t = &b->tensor;

    for (size_t at = 0; at < t->rows * t->cols; at++) {
        const size_t r = at / t->cols + (size_t)(int64_t)rows;
        const size_t c = at % t->cols + (size_t)(int64_t)cols;
        const bool inside = r < t->rows && c < t->cols;
        bench_both(b, at, dtype_load(t->dtype, b->reference, inside ? r * t->cols + c : at));
    }
}

static void shifted(void **state)
{
    static const struct {
        int rows, cols;
        const char *pattern;
    } shifts[] = {
        {0, 1, "got equals expected of the neighbour column (shift by +1)"},
        {0, -1, "got equals expected of the neighbour column (shift by -1)"},
        {0, 16, "got equals expected of the neighbour column (shift by +16)"},
        {1, 0, "got equals expected of the neighbour row (shift by +1)"},
        {-4, 0, "got equals expected of the neighbour row (shift by -4)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof shifts / sizeof *shifts; i++) {
        struct bench b;
        bench_open(&b, DTYPE_I32, exact, 20, 60);
        for (size_t at = 0; at < 1200; at++)
            bench_expect(&b, at, (uint32_t)(at * at));
        shift(&b, shifts[i].rows, shifts[i].cols);
        assert_int_equal(bench_compare(&b), COMPARE_WRONG);
        assert_has(b.verdict.text, shifts[i].pattern);
        assert_string_equal(b.verdict.signature, "exact:shifted");
        bench_close(&b);
    }
}

static void swapped_and_adjacent(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_E2M1X2, exact, 8, 50);
    for (size_t at = 0; at < 400; at++) {
        const uint32_t byte = (uint32_t)(at * 37) & 0xFF;
        bench_expect(&b, at, byte);
        bench_both(&b, at, (byte >> 4 | byte << 4) & 0xFF);
        if (byte == dtype_poison(DTYPE_E2M1X2, 0))
            bench_all(&b, at, 0x11);
    }
    assert_int_equal(bench_compare(&b), COMPARE_WRONG);
    assert_has(b.verdict.text, "the two codes of every wrong byte are swapped");
    assert_string_equal(b.verdict.signature, "exact:swapped");
    bench_close(&b);

    bench_open(&b, DTYPE_E4M3FN, exact, 8, 50);
    for (size_t at = 100; at < 300; at++)
        bench_both(&b, at, dtype_load(DTYPE_E4M3FN, b.first, at) + 1);
    expect(&b, "every wrong element is one code off; rows 2..5", "exact:adjacent");
    bench_close(&b);

    bench_open(&b, DTYPE_BF16, within, 8, 50);
    for (size_t at = 0; at < 400; at++) /* 3 steps; 1.5 are allowed at the foot of a binade */
        bench_all(&b, at, bench_bits(DTYPE_BF16, (double)(1 << at % 5)));
    for (size_t at = 100; at < 300; at++)
        bench_both(&b, at, dtype_load(DTYPE_BF16, b.first, at) + 2);
    expect(&b, "every wrong element is within twice its bound; rows 2..5", "bound:adjacent");
    bench_close(&b);
}

/* The pattern of places takes over where values tell nothing. */
static void places_without_values(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_I32, exact, 80, 40);
    for (size_t at = 76 * 40; at < 80 * 40; at++)
        bench_both(&b, at, (uint32_t)(1000 + at * at));
    expect(&b, "all wrong rows are >= 76 (the last 4)", "exact:rows");
    bench_close(&b);
    bench_open(&b, DTYPE_I32, exact, 8, 40);
    bench_both(&b, 47, 12);
    expect(&b, "one isolated element", "exact:isolated");
    bench_close(&b);
}

/* Whole blocks of right elements count as right, blocks that nobody writes do not. */
static void everything_is_everything(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_I32, exact, 8, 256);
    for (size_t at = 7 * 256; at < 8 * 256; at++)
        bench_both(&b, at, (uint32_t)(1000 + at * at));
    expect(&b, "only row 7", "exact:rows");
    for (size_t at = 0; at < 7 * 256; at++) {
        bench_leave(&b, at);
        bench_untouched(&b, at);
    }
    expect(&b, "everything is wrong", "exact:everything");
    bench_close(&b);
}

/* Two columns away belongs what one column of wrong elements shows; the others have no neighbour
 * there, and are not explained. */
static void shift_of_too_few(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_I32, exact, 20, 60);
    for (size_t at = 0; at < 1200; at++)
        bench_all(&b, at, (uint32_t)(at * at));
    for (size_t row = 0; row < 20; row++) {
        bench_both(&b, row * 60 + 57, (uint32_t)((row * 60 + 59) * (row * 60 + 59)));
        bench_both(&b, row * 60 + 58, (uint32_t)(5 + row * 999));
        bench_both(&b, row * 60 + 59, (uint32_t)(7 + row * 777));
    }
    expect(&b, "all wrong columns are >= 57 (the last 3)", "exact:columns");
    bench_close(&b);
}

static void text_of_a_bound(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_BF16, within, 2, 100);
    bench_all(&b, 103, bench_bits(DTYPE_BF16, 1.5));
    bench_both(&b, 103, bench_bits(DTYPE_BF16, -2));
    assert_int_equal(bench_compare(&b), COMPARE_WRONG);
    assert_has(b.verdict.text, "1 of 200 elements wrong\n"
                               "policy bound: |got - e| <= ulp(bf16, e)/2 + 0.00390625 * |e| + "
                               "1e-06 (K = 64 products)\n");
    assert_has(b.verdict.text,
               "  [1, 3] expected 1.5 got -2 (0xc000) difference -3.5 bound 0.009767\n");
    assert_has(b.verdict.text, "map (a character is 1 x 2 elements):\n");
    assert_has(b.verdict.text, "\n  .5....");
    assert_has(b.verdict.text, "worst row 1: ");
    assert_has(b.verdict.text, "worst column 3: 1.043");
    assert_string_equal(b.verdict.summary,
                        "y[1, 3] expected 1.5 got -2 (0xc000) difference -3.5 bound 0.009767; 1 of "
                        "200 elements wrong; one isolated element");
    bench_close(&b);
}

static void text_of_codes_and_runs(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_E4M3FN, exact, 2, 100);
    bench_all(&b, 3, 0x38);
    bench_both(&b, 3, 0x3A);
    assert_int_equal(bench_compare(&b), COMPARE_WRONG);
    assert_has(b.verdict.text,
               "[0, 3] expected 1 (0x38) got 1.25 (0x3a) difference 0.25 steps 2\n");
    bench_second(&b, 3, 0x39);
    assert_int_equal(bench_compare(&b), COMPARE_RUNS_DIFFER);
    assert_has(b.verdict.text,
               "[0, 3] expected 1 (0x38) got 1.25 (0x3a), in the second run 1.125 (0x39)\n");
    bench_untouched(&b, 3);
    assert_int_equal(bench_compare(&b), COMPARE_UNWRITTEN);
    assert_has(b.verdict.text, "[0, 3] never written, expected 1 (0x38)\n");
    bench_leave(&b, 3);
    bench_both(&b, 3, 0x30);
    assert_int_equal(bench_compare(&b), COMPARE_STRAY);
    assert_has(b.verdict.text,
               "[0, 3] must stay untouched, got 0.5 (0x30), in the second run 0.5 (0x30)\n");
    bench_close(&b);
}

/* No more than COMPARE_SHOWN elements; whole lines only, however long everything gets. */
static void text_is_capped(void **state)
{
    char reason[VERDICT_TEXT];
    struct bench b;
    (void)state;

    bench_open(&b, DTYPE_F32, within, 300, 400);
    for (size_t at = 0; at < 300 * 400; at += 1 + at % 7)
        bench_both(&b, at, bench_bits(DTYPE_F32, -1.2345678e-30 * (double)(at + 1)));
    assert_int_equal(bench_compare(&b), COMPARE_WRONG);
    size_t shown = 0;
    for (const char *at = b.verdict.text; (at = strstr(at, "\n  [")); at++)
        shown++;
    assert_int_equal(shown, COMPARE_SHOWN);
    const size_t length = strlen(b.verdict.text);
    assert_true(length < VERDICT_TEXT && b.verdict.text[length - 1] == '\n');
    assert_has(b.verdict.text, "map (a character is 19 x 7 elements):\n");

    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    b.tensor.policy.reason = reason;
    b.tensor.name = "a_name_that_is_longer_than_the_verdict_can_hold";
    assert_int_equal(bench_compare(&b), COMPARE_WRONG);
    assert_lacks(b.verdict.text, "rrr");
    assert_has(b.verdict.text, "elements wrong\n");
    assert_string_equal(b.verdict.tensor, "a_name_that_is_longer_than_the_");
    bench_close(&b);
}

/* One bug under two shapes is one signature. */
static void signature_has_no_shape(void **state)
{
    char first[sizeof((struct verdict *)0)->signature];
    struct bench b;
    (void)state;

    for (size_t rows = 20; rows <= 320; rows *= 4) {
        bench_open(&b, DTYPE_F32, within, rows, 64);
        for (size_t at = 0; at < rows * 64; at++)
            if (at % 64 >= 48)
                bench_both(&b, at, bench_bits(DTYPE_F32, 1e3 + 1e4 * (double)(at * at % 1013)));
        assert_int_equal(bench_compare(&b), COMPARE_WRONG);
        if (rows == 20)
            snprintf(first, sizeof first, "%s", b.verdict.signature);
        assert_string_equal(b.verdict.signature, first);
        bench_close(&b);
    }
    assert_string_equal(first, "bound:columns");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scaled_and_negated),       cmocka_unit_test(scaled_by_no_power_of_two),
        cmocka_unit_test(zero_constant_and_nan),    cmocka_unit_test(shifted),
        cmocka_unit_test(swapped_and_adjacent),     cmocka_unit_test(places_without_values),
        cmocka_unit_test(everything_is_everything), cmocka_unit_test(shift_of_too_few),
        cmocka_unit_test(text_of_a_bound),          cmocka_unit_test(text_of_codes_and_runs),
        cmocka_unit_test(text_is_capped),           cmocka_unit_test(signature_has_no_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
