/*
 * The reference of dequant against published values and values worked out by hand, and its
 * contract at the edges of what is legal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "refs/dequant.h"
#include "refs/formats.h"

static struct kase kase_of(int64_t rows, int64_t cols, enum dq_codes codes, enum dq_scale scale,
                           enum dq_out out)
{
    struct kase kase = {.op = NULL};

    kase.value[DQ_EXPERTS] = 1;
    kase.value[DQ_ROWS] = rows;
    kase.value[DQ_COLS] = cols;
    kase.value[DQ_CODES] = codes;
    kase.value[DQ_SCALE] = scale;
    kase.value[DQ_OUT] = out;
    return kase;
}

/* Returns the count of NaN bytes, or -1. */
static int32_t run(const struct kase *kase, const void *codes, const void *scale, void *out)
{
    int32_t count = -1;
    const void *const in[DQ_TENSORS] = {codes, scale, NULL, NULL};
    void *const to[DQ_TENSORS] = {NULL, NULL, out, &count};
    const struct ref_io io = {.in = in, .out = to};

    dequant_reference(kase, &io);
    return count;
}

static void expect_floats(const float *got, const float *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(want[i]) ? !isnan(got[i])
                           : format_float_bits(got[i]) != format_float_bits(want[i]))
            fail_msg("element %zu: got %g, expected %g", i, got[i], want[i]);
}

static const uint8_t known_bytes[] = {0x00, 0x01, 0x07, 0x08, 0x38, 0x40,
                                      0x7D, 0x7E, 0x7F, 0x80, 0xFE, 0xFF};

static void the_same_bytes_in_both_kinds(void **state)
{
    static const float fn[] = {0,   0.001953125f, 0.013671875f, 0.015625f, 1,    2,
                               416, 448,          NAN,          -0.0f,     -448, NAN};
    static const float fnuz[] = {0,   0.0009765625f, 0.0068359375f, 0.0078125f, 0.5f, 1,
                                 208, 224,           240,           NAN,        -224, -240};
    const float one = 1;
    float out[12];
    struct kase kase = kase_of(1, 12, DQ_FN, DQ_F32_TENSOR, DQ_OUT_F32);

    (void)state;
    assert_int_equal(run(&kase, known_bytes, &one, out), -1);
    expect_floats(out, fn, 12);
    kase.value[DQ_CODES] = DQ_FNUZ;
    run(&kase, known_bytes, &one, out);
    expect_floats(out, fnuz, 12);
}

static void fn_bytes_on_fnuz(void **state)
{
    static const float want[] = {0,       0.00390625f, 0.02734375f, 0.03125f, 2,    4,
                                 2 * 416, 2 * 448,     960,         0,        -896, -960};
    const float two = 2;
    float out[12];
    const struct kase kase = kase_of(1, 12, DQ_FN_AS_FNUZ, DQ_F32_TENSOR, DQ_OUT_F32);

    (void)state;
    assert_int_equal(run(&kase, known_bytes, &two, out), 2);
    expect_floats(out, want, 12);
}

static void fp4_and_its_scales(void **state)
{
    uint8_t codes[32] = {0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE};
    static const uint8_t scale[] = {128, 0};
    static const float want[] = {0, 1, 2, 3, 4, 6, 8, 12, -0.0f, -1.0f, -2, -3, -4, -6, -8, -12};
    static const float tiny[] = {0x1p-127f, 0x1.8p-125f, 0, 0};
    float out[64];
    const struct kase kase = kase_of(1, 64, DQ_FP4, DQ_E8M0, DQ_OUT_F32);

    (void)state;
    codes[16] = 0x72;
    run(&kase, codes, scale, out);
    expect_floats(out, want, 16);
    expect_floats(out + 32, tiny, 4);
}

static void scale_255_is_nan(void **state)
{
    const uint8_t codes[33] = {0}, scale[] = {255, 127};
    uint16_t out[33];
    const struct kase kase = kase_of(1, 33, DQ_FN, DQ_E8M0, DQ_OUT_BF16);

    (void)state;
    run(&kase, codes, scale, out);
    assert_true(isnan(bf16_decode(out[0])) && isnan(bf16_decode(out[31])));
    assert_int_equal(out[32], 0);
}

static void shuffled_bytes(void **state)
{
    (void)state;
    assert_int_equal(dequant_shuffled(0, 0, 8), 0);
    assert_int_equal(dequant_shuffled(0, 1, 8), 64);
    assert_int_equal(dequant_shuffled(0, 4, 8), 2);
    assert_int_equal(dequant_shuffled(1, 0, 8), 4);
    assert_int_equal(dequant_shuffled(16, 0, 8), 1);
    assert_int_equal(dequant_shuffled(17, 5, 8), 71);
    assert_int_equal(dequant_shuffled(31, 7, 8), 255);
    assert_int_equal(dequant_shuffled(32, 0, 8), 256);
    assert_int_equal(dequant_shuffled(0, 8, 16), 256);
    assert_int_equal(dequant_shuffled(33, 11, 16), 964);
    assert_int_equal(dequant_shuffled(255, 15, 16), 4095);
    assert_int_equal(dequant_shuffled(255, 7, 8), 2047);
}

/* Two experts of 130 x 130, cut out at row 100 and column 200: blocks end before rows 28 and 156,
 * so there are 3 rows of blocks (28, 102), and columns 56 and 184 (56, 74). */
static void blocks_of_a_cut_matrix(void **state)
{
    enum { ROWS = 130, COLS = 130 };
    const float scale[] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t *codes = malloc(2 * ROWS * COLS);
    float *out = malloc(2 * ROWS * COLS * sizeof *out);
    struct kase kase = kase_of(ROWS, COLS, DQ_FN, DQ_F32_128X128, DQ_OUT_F32);

    (void)state;
    memset(codes, 0x38, 2 * ROWS * COLS);
    kase.value[DQ_EXPERTS] = 2;
    kase.value[DQ_FIRST_ROW] = 100;
    kase.value[DQ_FIRST_COL] = 200;
    run(&kase, codes, scale, out);
    for (int e = 0; e < 2; e++)
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < COLS; c++)
                assert_true(out[(e * ROWS + r) * COLS + c] ==
                            scale[4 * e + 2 * (r >= 28) + (c >= 56)]);
    free(codes);
    free(out);
}

/* Rows and experts with a scale of their own, rows of codes and scales with gaps. */
static void strides(void **state)
{
    const uint8_t codes[] = {0x38, 0x40, 0xAA, 0x48, 0x50};
    const float by_row[] = {1, NAN, 3};
    float out[4];
    struct kase kase = kase_of(2, 2, DQ_FN, DQ_F32_TOKEN, DQ_OUT_F32);

    (void)state;
    kase.value[DQ_IN_PAD] = 1;
    kase.value[DQ_SCALE_PAD] = 1;
    run(&kase, codes, by_row, out);
    expect_floats(out, (const float[]){1, 2, 12, 24}, 4);
    kase.value[DQ_EXPERTS] = 2;
    kase.value[DQ_ROWS] = 1;
    kase.value[DQ_SCALE] = DQ_F32_TENSOR;
    run(&kase, codes, by_row, out);
    expect_floats(out, (const float[]){1, 2, 12, 24}, 4);
}

static void sixteen_bit_results(void **state)
{
    const uint8_t codes[] = {0x38, 0x7E};
    const uint8_t power[] = {135};
    const float scale = 1.00390625f; /* halfway between two bf16 numbers */
    uint16_t half[2];
    double wide[2];
    struct kase kase = kase_of(1, 2, DQ_FN, DQ_E8M0, DQ_OUT_F16);

    (void)state;
    run(&kase, codes, power, half);
    assert_int_equal(half[0], 0x5C00); /* 256 */
    assert_int_equal(half[1], 0x7C00); /* 448 * 256 is Inf */
    kase.value[DQ_OUT] = DQ_OUT_BF16;
    kase.value[DQ_SCALE] = DQ_F32_TENSOR;
    run(&kase, codes, &scale, wide);
    assert_true(wide[0] == 1.00390625 && wide[1] == 448 * 1.00390625);
    kase.value[DQ_BF16] = DQ_TRUNCATE; /* the middle of what is cut to 1 */
    run(&kase, codes, &scale, wide);
    assert_true(wide[0] == 1);
    kase.value[DQ_FILL] = DQ_FILL_POWERS; /* exact: bits */
    run(&kase, codes, &scale, half);
    assert_int_equal(half[0], 0x3F80);
    assert_int_equal(half[1], 0x43E0); /* 449.75 is cut to 448 */
}

static void expect_contract(const struct kase *kase, const char *want)
{
    const char *got = dequant_contract(kase);

    if (want)
        assert_string_equal(got ? got : "legal", want);
    else
        assert_null(got);
}

static void contract_at_its_edges(void **state)
{
    struct kase kase = kase_of(2, 128, DQ_FP4, DQ_F32_TOKEN, DQ_OUT_F32);

    (void)state;
    expect_contract(&kase, "fp4_needs_e8m0_scale");
    kase.value[DQ_SCALE] = DQ_E8M0_SHUFFLED;
    expect_contract(&kase, NULL);
    kase.value[DQ_SCALE_PAD] = 1;
    expect_contract(&kase, "shuffled_scale_is_dense");
    kase.value[DQ_SCALE_PAD] = 0;
    kase.value[DQ_OUT_PAD] = (INT64_C(1) << 31) - 256; /* (stride + 128) 4 = 2^33 */
    expect_contract(&kase, NULL);
    kase.value[DQ_OUT_PAD]++;
    expect_contract(&kase, "too_large");
    kase.value[DQ_OUT_PAD] = 0;
    kase.value[DQ_ROWS] = INT64_C(1) << 33;
    expect_contract(&kase, "too_large");
    kase.value[DQ_ROWS] = 0;
    expect_contract(&kase, NULL);
    assert_int_equal(dequant_ref_elements(&kase, DQ_T_OUT), 0);
    assert_int_equal(dequant_ref_elements(&kase, DQ_T_NAN_COUNT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes_in_both_kinds),
        cmocka_unit_test(fn_bytes_on_fnuz),
        cmocka_unit_test(fp4_and_its_scales),
        cmocka_unit_test(scale_255_is_nan),
        cmocka_unit_test(shuffled_bytes),
        cmocka_unit_test(blocks_of_a_cut_matrix),
        cmocka_unit_test(strides),
        cmocka_unit_test(sixteen_bit_results),
        cmocka_unit_test(contract_at_its_edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
