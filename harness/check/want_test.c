/* Literal results of a case against device and reference. */
#include "harness/check/compare_testing.h"

static size_t declare(const struct kase *k, struct tensor out[OP_MAX_TENSORS])
{
    (void)k;
    out[0] = (struct tensor){.name = "y", .role = TENSOR_OUTPUT};
    out[1] = (struct tensor){.name = "scale", .role = TENSOR_OUTPUT};
    out[2] = (struct tensor){.name = "x", .role = TENSOR_INPUT};
    return 3;
}

static void open_small(struct bench *b, enum dtype type, enum policy_kind kind)
{
    bench_open(b, type, (struct policy){.kind = kind, .relative = 0.5, .absolute = 0.5}, 2, 4);
    b->op.tensors = declare;
    for (size_t at = 0; at < 8; at++)
        bench_all(b, at, bench_bits(type, (double)at + 1));
}

static bool wants(struct bench *b, const char *literals)
{
    char copy[256];

    snprintf(copy, sizeof copy, "%s", literals);
    b->kase.literals = copy;
    memset(&b->verdict, 0, sizeof b->verdict);
    const bool ok = compare_want(&b->in, &b->verdict);
    b->kase.literals = NULL;
    return ok;
}

static void assert_summary(const struct bench *b, enum verdict_kind kind, const char *summary)
{
    assert_int_equal(b->verdict.kind, kind);
    assert_int_equal(b->verdict.detector, DETECTOR_WANT);
    assert_string_equal(b->verdict.summary, summary);
}

static void wanted_values_pass(void **state)
{
    static const enum dtype types[] = {DTYPE_F32, DTYPE_BF16, DTYPE_E4M3FN, DTYPE_I32};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct bench b;
        open_small(&b, types[i], POLICY_EXACT);
        b.kase.literals = NULL;
        assert_true(compare_want(&b.in, &b.verdict));
        assert_true(wants(&b, "want.y=1,2,3,4,5,6,7,8"));
        assert_true(wants(&b, "in.x=9 want.scale=77 want.y[6]=7,8"));
        assert_false(wants(&b, "want.y[6]=8"));
        bench_all(&b, 2, bench_bits(types[i], 2));
        assert_true(wants(&b, "want.y[1]=2*2,4"));
        assert_false(wants(&b, "want.y[1]=2*3"));
        assert_int_equal(b.verdict.offset, 3 * dtype_bytes(types[i]));
        bench_close(&b);
    }
}

static void says_who_differs(void **state)
{
    struct bench b;
    (void)state;

    open_small(&b, DTYPE_I32, POLICY_EXACT);
    bench_both(&b, 5, 60);
    assert_false(wants(&b, "want.y[4]=5,6"));
    assert_summary(&b, VERDICT_WRONG,
                   "y[1, 1] wanted 6, the device gave 60, the reference 6; wrong: device");
    assert_string_equal(b.verdict.tensor, "y");
    assert_int_equal(b.verdict.offset, (7 + 1) * 4);
    assert_string_equal(b.verdict.signature, "want:device");
    bench_expect(&b, 5, 61);
    assert_false(wants(&b, "want.y[5]=6"));
    assert_summary(
        &b, VERDICT_WRONG,
        "y[1, 1] wanted 6, the device gave 60, the reference 61; wrong: device and reference");
    bench_both(&b, 5, 6);
    assert_false(wants(&b, "want.y[5]=6"));
    assert_summary(&b, VERDICT_WRONG,
                   "y[1, 1] wanted 6, the device gave 6, the reference 61; wrong: reference");
    bench_close(&b);
}

/* A literal is exact for the device, whatever the policy; the reference must round to it. */
static void bound_reference_rounds_to_it(void **state)
{
    struct bench b;
    (void)state;

    open_small(&b, DTYPE_BF16, POLICY_BOUND);
    ((double *)b.reference)[0] = 1 + 0x1p-8; /* half an ulp */
    assert_true(wants(&b, "want.y=1"));
    ((double *)b.reference)[0] = 1 + 0x1.1p-8;
    assert_false(wants(&b, "want.y=1"));
    assert_string_equal(b.verdict.signature, "want:reference");
    ((double *)b.reference)[0] = 1;
    bench_both(&b, 0, 0x3F81);
    assert_false(wants(&b, "want.y=1"));
    assert_string_equal(b.verdict.signature, "want:device");
    bench_all(&b, 0, 0x7FC1);
    assert_true(wants(&b, "want.y=nan"));
    bench_all(&b, 0, 0x8000);
    assert_true(wants(&b, "want.y=-0"));
    assert_false(wants(&b, "want.y=0"));
    bench_close(&b);
}

static void bad_literals_are_errors(void **state)
{
    struct bench b;
    (void)state;

    open_small(&b, DTYPE_I32, POLICY_EXACT);
    assert_false(wants(&b, "want.z=1"));
    assert_summary(&b, VERDICT_ERROR, "want.z: the operator has no such output");
    assert_false(wants(&b, "want.x=1"));
    assert_summary(&b, VERDICT_ERROR, "want.x: the operator has no such output");
    assert_false(wants(&b, "want.y[8]=1"));
    assert_summary(&b, VERDICT_ERROR, "want.y: element 8 is outside of 2 rows of 4 elements");
    assert_false(wants(&b, "want.y=1,2,3,4,5,6,7,8,9"));
    assert_int_equal(b.verdict.kind, VERDICT_ERROR);
    assert_false(wants(&b, "want.y=1,2.5"));
    assert_summary(&b, VERDICT_ERROR, "want.y: '2.5' is no value of i32");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wanted_values_pass),
        cmocka_unit_test(says_who_differs),
        cmocka_unit_test(bound_reference_rounds_to_it),
        cmocka_unit_test(bad_literals_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
