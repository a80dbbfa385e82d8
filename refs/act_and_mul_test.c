/*
 * The reference of act_and_mul against published values and values worked out by hand, and its
 * contract at the edges of what is legal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "refs/act_and_mul.h"
#include "refs/formats.h"

enum { PAIRS = 11, SIXTEEN = 16 };

static const float pairs[PAIRS][2] = {{0, 1},    {1, 1},      {-1, 2},   {2, -3},
                                      {7, 7},    {7.005f, 1}, {8, 9},    {10, 10},
                                      {-10, 10}, {20, -20},   {-20, -20}};

static struct kase kase_of(int64_t tokens, int64_t d, enum am_act act)
{
    struct kase kase = {.op = NULL};

    kase.value[AM_TOKENS] = tokens;
    kase.value[AM_TOPK] = 1;
    kase.value[AM_D] = d;
    kase.value[AM_ACT] = act;
    return kase;
}

static void run(const struct kase *kase, const void *input, const float *bias,
                const int32_t *expert_id, double *out)
{
    const void *const in[AM_TENSORS] = {input, bias, expert_id, NULL};
    void *const to[AM_TENSORS] = {NULL, NULL, NULL, out};
    const struct ref_io io = {.in = in, .out = to};

    act_and_mul_reference(kase, &io);
}

static void expect_close(double got, double want)
{
    /* 9 digits are known; inputs such as 7.005 are not fp32 numbers. */
    if (!(fabs(got - want) <= 1e-7 * fabs(want)))
        fail_msg("got %.10g, expected %.10g", got, want);
}

static void known_pairs(enum am_act act, int64_t limit, const double want[PAIRS])
{
    float input[2 * PAIRS];
    double out[PAIRS];
    struct kase kase = kase_of(1, PAIRS, act);

    kase.value[AM_LIMIT] = limit;
    for (size_t i = 0; i < PAIRS; i++) {
        input[i] = pairs[i][0];
        input[PAIRS + i] = pairs[i][1];
    }
    run(&kase, input, NULL, NULL, out);
    for (size_t i = 0; i < PAIRS; i++)
        if (!isnan(want[i]))
            expect_close(out[i], want[i]);
}

static void known_answers(void **state)
{
    /* NAN: known as about zero only. */
    static const double silu[] = {
        0,          0.731058579, -0.537882843,   -5.28478247, 48.9553585,    6.99864989,
        71.9758548, 99.9954602,  -0.00453978687, -399.999999, 8.24461447e-07};
    static const double gelu[] = {0,  0.841344746, -0.317310508, -5.86349921, 49, 7.005,
                                  72, 100,         NAN,          -400,        NAN};
    static const double gelu_tanh[] = {0,  0.841191991, -0.317616019, -5.86379308, 49, 7.005,
                                       72, 100,         NAN,          -400,        NAN};
    static const double swiglu[] = {
        0,         1.69159153, -0.462612702,    -3.87131725, 55.999625,     13.9999063,
        55.999625, 55.999625,  -3.24636904e-06, -41.9997188, 1.97604614e-13};
    static const double step[] = {
        0,  0.731058579, -0.537882843,   -5.28478247, 48.9553585,    6.99864989,
        49, 49,          -0.00317785081, -49,         2.88561507e-07};
    static const double limit7[] = {
        0,          0.731058579, -0.537882843,   -5.28478247, 48.9553585,    6.99362264,
        48.9553585, 48.9553585,  -0.00317785081, -48.9553585, 2.88561507e-07};

    (void)state;
    known_pairs(AM_ACT_SILU, 0, silu);
    known_pairs(AM_ACT_GELU, 0, gelu);
    known_pairs(AM_ACT_GELU_TANH, 0, gelu_tanh);
    known_pairs(AM_ACT_SWIGLU, 0, swiglu);
    known_pairs(AM_ACT_SWIGLU, 7000, swiglu);
    known_pairs(AM_ACT_STEP, 0, step);
    known_pairs(AM_ACT_SILU, 7000, limit7);
}

/* Far tails that a sum 1 + erf or 1 + tanh would lose: -8 erfc(8/sqrt 2)/2 and -8/(1 + e^49.3). */
static void tails_keep_their_digits(void **state)
{
    const float input[] = {-8, 1};
    struct kase kase = kase_of(1, 1, AM_ACT_GELU);
    double out;

    (void)state;
    run(&kase, input, NULL, NULL, &out);
    expect_close(out, -4.97676817e-15);
    kase.value[AM_ACT] = AM_ACT_GELU_TANH;
    run(&kase, input, NULL, NULL, &out);
    expect_close(out, -8 / (1 + exp(2 * sqrt(2 / M_PI) * (8 + 0.044715 * 512))));
}

static void layouts_agree(void **state)
{
    float separated[128], interleaved[128];
    double a[64], b[64];
    struct kase kase = kase_of(1, 64, AM_ACT_STEP);

    (void)state;
    for (int i = 0; i < 128; i++)
        separated[i] = (float)(i % 64 - 30) * (i < 64 ? 0.5f : -0.25f);
    for (int i = 0; i < 64; i++) {
        interleaved[i / SIXTEEN * 32 + i % SIXTEEN] = separated[i];
        interleaved[i / SIXTEEN * 32 + SIXTEEN + i % SIXTEEN] = separated[64 + i];
    }
    run(&kase, separated, NULL, NULL, a);
    kase.value[AM_LAYOUT] = AM_INTERLEAVED16;
    run(&kase, interleaved, NULL, NULL, b);
    assert_memory_equal(a, b, sizeof a);
}

static void bias_is_the_experts_own(void **state)
{
    const float input[] = {1, 2, 1, 2, 1, 2, 1, 2};
    const float bias[] = {7, 7, 30, -1};
    const int32_t experts[] = {1, -1, 2, 0};
    struct kase kase = kase_of(4, 1, AM_ACT_STEP);
    double out[4];

    (void)state;
    kase.value[AM_EXPERTS] = 2;
    run(&kase, input, bias, experts, out);
    assert_true(out[0] == 7); /* min(silu(31), 7) (2 - 1) */
    assert_true(out[1] == 0 && out[2] == 0);
    assert_true(out[3] == 7 * 7.0); /* min(silu(8), 7) min(9, 7): silu(8) is 7.997 */
}

/* 7.005 lies between 7 and 7.03125 in bf16, 7.00390625 and 7.0078125 in fp16. */
static void clamped_gate_is_rounded_to_its_type(void **state)
{
    const uint16_t bf16[] = {bf16_encode(50, BF16_RNE), bf16_encode(1, BF16_RNE)};
    const uint16_t f16[] = {f16_encode(50), f16_encode(1)};
    struct kase kase = kase_of(1, 1, AM_ACT_SILU);
    double out;

    (void)state;
    kase.value[AM_LIMIT] = 7005;
    kase.value[AM_IN] = AM_IN_BF16;
    run(&kase, bf16, NULL, NULL, &out);
    expect_close(out, 7 / (1 + exp(-7)));
    kase.value[AM_LIMIT] = 7030;
    run(&kase, bf16, NULL, NULL, &out);
    expect_close(out, 7.03125 / (1 + exp(-7.03125)));
    kase.value[AM_BF16] = AM_TRUNCATE;
    run(&kase, bf16, NULL, NULL, &out);
    assert_true(fabs(out - 7 / (1 + exp(-7))) <= 0.03125);
    kase.value[AM_LIMIT] = 7005;
    kase.value[AM_IN] = AM_IN_F16;
    run(&kase, f16, NULL, NULL, &out);
    expect_close(out, 7.00390625 / (1 + exp(-7.00390625)));
}

/* The reference under truncation, for an exact result of 7 u. */
static double cut_of(float u)
{
    const float input[] = {50, u};
    struct kase kase = kase_of(1, 1, AM_ACT_STEP);
    double out;

    kase.value[AM_OUT] = AM_OUT_BF16;
    kase.value[AM_BF16] = AM_TRUNCATE;
    run(&kase, input, NULL, NULL, &out);
    return out;
}

static void truncation_is_half_an_ulp_around_the_middle(void **state)
{
    (void)state;
    /* 10.5 is a code: [10.4375, 10.5] in the middle. Its neighbour above is 10.5625. */
    assert_true(cut_of(1.5f) == 10.5 - 0.03125);
    /* 10.53 is cut to 10.5 and rounds to 10.5 too; 10.55 would round up. */
    assert_true(fabs(cut_of(10.55f / 7) - 10.5) <= 0.03125);
    assert_true(fabs(cut_of(10.55f / 7) - 10.5625) > 0.03125);
    assert_true(fabs(cut_of(-10.55f / 7) + 10.5) <= 0.03125);
    /* Behind a power of two the interval ends there. */
    assert_true(cut_of(16 / 7.0f) > 15.9 && cut_of(16 / 7.0f) <= 16);
    assert_true(cut_of(0) == 0);
}

static void expect_contract(const struct kase *kase, const char *want)
{
    const char *got = act_and_mul_contract(kase);

    if (want)
        assert_string_equal(got ? got : "legal", want);
    else
        assert_null(got);
}

static void contract_knows_names_and_numbers(void **state)
{
    struct kase kase = kase_of(1, 16, AM_ACT_NUMBER3);

    (void)state;
    expect_contract(&kase, NULL);
    kase.value[AM_NUMBERING] = AM_MAIN;
    expect_contract(&kase, "unknown_activation");
    kase.value[AM_ACT] = AM_ACT_NUMBER2;
    expect_contract(&kase, NULL);
    kase.value[AM_ACT] = AM_ACT_SWIGLU_STEP;
    expect_contract(&kase, "unknown_activation");
    kase.value[AM_ACT] = AM_ACT_MINUS1;
    expect_contract(&kase, "no_activation");
    kase.value[AM_ACT] = AM_ACT_GELU;
    kase.value[AM_LIMIT] = 7000;
    expect_contract(&kase, "limit_without_use");
}

static void contract_bounds_sizes(void **state)
{
    struct kase kase = kase_of(2, 16, AM_ACT_SILU);

    (void)state;
    /* (stride + 32) 4 bytes = 2^33 */
    kase.value[AM_IN_PAD] = (INT64_C(1) << 31) - 64;
    expect_contract(&kase, NULL);
    kase.value[AM_IN_PAD]++;
    expect_contract(&kase, "too_large");
    kase.value[AM_TOKENS] = 0;
    expect_contract(&kase, NULL);
    assert_int_equal(act_and_mul_ref_elements(&kase, AM_T_OUT), 0);
    kase.value[AM_TOKENS] = INT64_MAX / 2;
    expect_contract(&kase, "too_large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(tails_keep_their_digits),
        cmocka_unit_test(layouts_agree),
        cmocka_unit_test(bias_is_the_experts_own),
        cmocka_unit_test(clamped_gate_is_rounded_to_its_type),
        cmocka_unit_test(truncation_is_half_an_ulp_around_the_middle),
        cmocka_unit_test(contract_knows_names_and_numbers),
        cmocka_unit_test(contract_bounds_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
