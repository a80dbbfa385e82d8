/*
 * The reference of group_quant against answers that are known or were worked out by hand, its
 * contract, and the rule by which a neighbouring code is accepted.
 */
#include "refs/group_quant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "refs/formats.h"

enum { ROOM = 8192, UNWRITTEN = 0xA5 };

/* A case with memory for its tensors; a bf16 input. */
struct trial {
    struct kase kase;
    uint16_t input[ROOM];
    int32_t num_rows;
    float static_scale;
    uint8_t codes[ROOM];
    union {
        float f32[ROOM];
        uint8_t e8m0[ROOM];
    } scale;
    const void *in[GQ_TENSORS];
    void *out[GQ_TENSORS];
    struct ref_io io;
};

/* rows x cols of zeros; the other parameters are presets. */
static struct trial *trial_new(int64_t rows, int64_t cols)
{
    struct trial *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    kase_init(&t->kase, op_find("group_quant"));
    t->kase.value[GQ_ROWS] = rows;
    t->kase.value[GQ_COLS] = cols;
    memset(t->codes, UNWRITTEN, sizeof(t->codes));
    memset(&t->scale, UNWRITTEN, sizeof(t->scale));
    t->in[GQ_T_INPUT] = t->input;
    t->in[GQ_T_NUM_ROWS] = &t->num_rows;
    t->in[GQ_T_STATIC_SCALE] = &t->static_scale;
    t->out[GQ_T_CODES] = t->codes;
    t->out[GQ_T_SCALE] = &t->scale;
    t->io = (struct ref_io){.in = t->in, .out = t->out};
    return t;
}

static void set(struct trial *t, size_t at, double x)
{
    t->input[at] = bf16_from_double(x, BF16_RNE);
}

static void refer(struct trial *t)
{
    assert_null(group_quant_contract(&t->kase));
    group_quant_reference(&t->kase, &t->io);
}

static void expect_codes(const struct trial *t, size_t from, const uint8_t *codes, size_t n)
{
    assert_memory_equal(t->codes + from, codes, n);
}

static void test_fp8_ramp(void **state)
{
    static const struct {
        int value;
        uint8_t code;
    } known[] = {{1, 0x46},  {2, 0x4E},   {3, 0x52},   {5, 0x59},
                 {64, 0x76}, {100, 0x7B}, {127, 0x7E}, {128, 0x7E}};
    struct trial *t = trial_new(2, 128);

    (void)state;
    for (int i = 0; i < 256; i++)
        set(t, (size_t)i, i % 128 + 1);
    refer(t);
    for (size_t row = 0; row < 2; row++) {
        assert_int_equal(format_float_bits(t->scale.f32[row]), 0x3E924925);
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            assert_int_equal(t->codes[row * 128 + (size_t)known[i].value - 1], known[i].code);
    }
    free(t);
}

static void test_fp4_ramp(void **state)
{
    static const uint8_t known[] = {0xEE, 0xDD, 0xCD, 0xCC, 0xBC, 0xAA, 0x9A, 0x08,
                                    0x10, 0x22, 0x32, 0x44, 0x44, 0x55, 0x65, 0x66};
    struct trial *t = trial_new(1, 32);

    (void)state;
    t->kase.value[GQ_GROUP] = GQ_G32;
    t->kase.value[GQ_OUTPUT] = GQ_FP4;
    t->kase.value[GQ_SCALE] = GQ_E8M0;
    for (int i = 0; i < 32; i++)
        set(t, (size_t)i, (i - 15) / 4.0);
    refer(t);
    assert_int_equal(t->scale.e8m0[0], 127);
    expect_codes(t, 0, known, sizeof(known));
    free(t);
}

/* Column c holds the value; the rest is zero. */
static uint8_t scale_byte(enum gq_output output, double amax)
{
    struct trial *t = trial_new(1, 32);
    uint8_t byte;

    t->kase.value[GQ_GROUP] = GQ_G32;
    t->kase.value[GQ_OUTPUT] = output;
    t->kase.value[GQ_SCALE] = GQ_E8M0;
    set(t, 7, amax);
    refer(t);
    byte = t->scale.e8m0[0];
    free(t);
    return byte;
}

static void test_e8m0_bytes(void **state)
{
    (void)state;
    assert_int_equal(scale_byte(GQ_FP4, 0), 92);
    assert_int_equal(scale_byte(GQ_FN, 0), 85);
    assert_int_equal(scale_byte(GQ_FNUZ, 0), 86);
    assert_int_equal(scale_byte(GQ_FP4, -6), 127);
    assert_int_equal(scale_byte(GQ_FP4, 7), 128);
    assert_int_equal(scale_byte(GQ_FP4, 100), 132);
    assert_int_equal(scale_byte(GQ_FN, 448), 127);
    assert_int_equal(scale_byte(GQ_FN, 450), 128);
    assert_int_equal(scale_byte(GQ_FNUZ, 240), 127);
    assert_int_equal(scale_byte(GQ_FNUZ, 448), 128);
}

static void test_shuffled_index(void **state)
{
    static const size_t known[][4] = {{8, 0, 0, 0},      {8, 0, 1, 64},       {8, 0, 4, 2},
                                      {8, 1, 0, 4},      {8, 16, 0, 1},       {8, 17, 5, 71},
                                      {8, 31, 7, 255},   {8, 32, 0, 256},     {16, 0, 8, 256},
                                      {16, 33, 11, 964}, {16, 255, 15, 4095}, {8, 255, 7, 2047}};
    unsigned char hit[64 * 24] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_int_equal(group_quant_shuffled(known[i][1], known[i][2], known[i][0]), known[i][3]);
    for (size_t x = 0; x < 64; x++)
        for (size_t y = 0; y < 24; y++)
            hit[group_quant_shuffled(x, y, 24)]++;
    for (size_t i = 0; i < sizeof(hit); i++)
        assert_int_equal(hit[i], 1);
}

/* The pad of the shuffled layout stays as it was. */
static void test_shuffled_pad(void **state)
{
    struct trial *t = trial_new(2, 192);
    size_t written = 0, elements;

    (void)state;
    t->kase.value[GQ_GROUP] = GQ_G32;
    t->kase.value[GQ_SCALE] = GQ_E8M0_SHUFFLED;
    elements = group_quant_ref_elements(&t->kase, GQ_T_SCALE);
    assert_int_equal(elements, 256 * 8);
    refer(t);
    for (size_t i = 0; i < elements; i++)
        written += t->scale.e8m0[i] != UNWRITTEN;
    assert_int_equal(written, 2 * 6);
    assert_int_equal(t->scale.e8m0[4 + 64], 85); /* row 1, group 1 */
    free(t);
}

/* 160 columns are a group of 128 and one of 32, in every row. */
static void test_short_group(void **state)
{
    struct trial *t = trial_new(4, 160);

    (void)state;
    assert_int_equal(group_quant_ref_elements(&t->kase, GQ_T_SCALE), 8);
    assert_int_equal(group_quant_ref_elements(&t->kase, GQ_T_CODES), 640);
    for (size_t row = 0; row < 4; row++) {
        set(t, row * 160 + 127, 448);
        set(t, row * 160 + 159, -448.0 * (1 << row));
    }
    refer(t);
    for (size_t row = 0; row < 4; row++) {
        assert_true(t->scale.f32[2 * row] == 1);
        assert_true(t->scale.f32[2 * row + 1] == (float)(1 << row));
        assert_int_equal(t->codes[row * 160 + 127], 0x7E);
        assert_int_equal(t->codes[row * 160 + 159], 0xFE);
        assert_int_equal(t->codes[row * 160 + 128], 0);
    }
    free(t);
}

/* The stride of transposed scales is the number of counted rows; other rows are left alone. */
static void test_counted_rows(void **state)
{
    struct trial *t = trial_new(5, 256);

    (void)state;
    t->kase.value[GQ_SCALE] = GQ_F32_TRANSPOSED;
    t->kase.value[GQ_NUM_ROWS] = t->num_rows = 1;
    t->kase.value[GQ_ROW_FACTOR] = 3;
    for (size_t row = 0; row < 5; row++)
        for (size_t y = 0; y < 2; y++)
            set(t, row * 256 + y * 128, 448.0 * (1 << (5 * y + row)));
    refer(t);
    for (size_t row = 0; row < 3; row++)
        for (size_t y = 0; y < 2; y++)
            assert_true(t->scale.f32[y * 3 + row] == (float)(1 << (5 * y + row)));
    assert_int_equal(t->scale.e8m0[6 * sizeof(float)], UNWRITTEN);
    assert_int_equal(t->codes[2 * 256 + 255], 0);
    assert_int_equal(t->codes[3 * 256], UNWRITTEN);
    free(t);
}

static void test_stride(void **state)
{
    struct trial *t = trial_new(2, 4);

    (void)state;
    t->kase.value[GQ_GROUP] = GQ_TOKEN;
    t->kase.value[GQ_ROW_PAD] = 3;
    set(t, 0, 448);
    set(t, 4, 1000); /* between the rows */
    set(t, 7, 2);
    refer(t);
    assert_true(t->scale.f32[0] == 1);
    assert_true(t->scale.f32[1] == 2 * (1 / 448.0f));
    assert_int_equal(t->codes[4], 0x7E);
    free(t);
}

static void test_zero_rows(void **state)
{
    static const enum gq_output outputs[] = {GQ_FN, GQ_FNUZ, GQ_I8};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct trial *t = trial_new(2, 64);

        t->kase.value[GQ_GROUP] = GQ_TOKEN;
        t->kase.value[GQ_OUTPUT] = outputs[i];
        set(t, 64 + 5, 127);
        refer(t);
        assert_true(t->scale.f32[0] == 1);
        assert_true(t->scale.f32[1] != 1 || outputs[i] == GQ_I8);
        for (size_t c = 0; c < 64; c++)
            assert_int_equal(t->codes[c], 0);
        assert_int_equal(t->codes[64 + 5], outputs[i] == GQ_FN ? 0x7E : 0x7F);
        t->kase.value[GQ_GROUP] = GQ_G128;
        t->kase.value[GQ_OUTPUT] = GQ_FN;
        refer(t);
        assert_true(t->scale.f32[0] == 1e-10f * (1 / 448.0f));
        free(t);
    }
}

static void test_tensor(void **state)
{
    struct trial *t = trial_new(3, 4);

    (void)state;
    t->kase.value[GQ_GROUP] = GQ_TENSOR;
    set(t, 0, 112);
    set(t, 9, -896);
    refer(t);
    assert_int_equal(group_quant_ref_elements(&t->kase, GQ_T_SCALE), 1);
    assert_true(t->scale.f32[0] == 2);
    assert_int_equal(t->codes[0], fp8_encode(FP8_FN, 56));
    assert_int_equal(t->codes[9], 0xFE);
    assert_int_equal(t->codes[1], 0);
    free(t);
}

/* Truncation towards zero; saturation under a given scale, never at -128. */
static void test_i8(void **state)
{
    static const uint8_t known[] = {(uint8_t)-127, 127, 1, (uint8_t)-1, 0, 0};
    struct trial *t = trial_new(1, 6);

    (void)state;
    t->kase.value[GQ_GROUP] = GQ_STATIC;
    t->kase.value[GQ_OUTPUT] = GQ_I8;
    t->static_scale = 0.5f;
    set(t, 0, -500);
    set(t, 1, 64);
    set(t, 2, 0.984375);
    set(t, 3, -0.984375);
    set(t, 4, 0.484375);
    set(t, 5, -0.484375);
    refer(t);
    expect_codes(t, 0, known, sizeof(known));
    free(t);
}

/* The sign of zero, and the clamp. */
static void test_fp8_kinds(void **state)
{
    static const uint8_t fn[] = {0x80, 0x80, 0x7E, 0xFE}, fnuz[] = {0x00, 0x00, 0x7F, 0xFF};
    struct trial *t = trial_new(1, 4);

    (void)state;
    t->kase.value[GQ_GROUP] = GQ_STATIC;
    t->static_scale = 1;
    set(t, 0, -0.0);
    set(t, 1, -1e-6);
    set(t, 2, 1e6);
    set(t, 3, -1e6);
    refer(t);
    expect_codes(t, 0, fn, 4);
    t->kase.value[GQ_OUTPUT] = GQ_FNUZ;
    refer(t);
    expect_codes(t, 0, fnuz, 4);
    free(t);
}

static const char *reason(enum group_quant_param param, int64_t value, enum gq_output output,
                          enum gq_scale scale)
{
    struct kase kase;

    kase_init(&kase, op_find("group_quant"));
    kase.value[GQ_OUTPUT] = output;
    kase.value[GQ_SCALE] = scale;
    kase.value[param] = value;
    return group_quant_contract(&kase);
}

static void test_contract(void **state)
{
    (void)state;
    assert_null(reason(GQ_ROWS, 0, GQ_FN, GQ_F32));
    assert_string_equal(reason(GQ_ROWS, -1, GQ_FN, GQ_F32), "bad_rows");
    assert_string_equal(reason(GQ_COLS, 0, GQ_FN, GQ_F32), "bad_cols");
    assert_string_equal(reason(GQ_ROW_PAD, -1, GQ_FN, GQ_F32), "stride_below_cols");
    assert_string_equal(reason(GQ_ROW_FACTOR, 0, GQ_FN, GQ_F32), "bad_row_factor");
    assert_string_equal(reason(GQ_GROUP, GQ_G16, GQ_FN, GQ_F32), "bad_group");
    assert_string_equal(reason(GQ_GROUP, GQ_TOKEN, GQ_FN, GQ_E8M0), "e8m0_needs_groups");
    assert_string_equal(reason(GQ_GROUP, GQ_G32, GQ_I8, GQ_E8M0), "i8_needs_f32_scale");
    assert_string_equal(reason(GQ_GROUP, GQ_G32, GQ_FP4, GQ_F32), "fp4_needs_e8m0_scale");
    assert_string_equal(reason(GQ_COLS, 33, GQ_FP4, GQ_E8M0), "fp4_needs_even_cols");
    assert_null(reason(GQ_COLS, 33, GQ_FN, GQ_E8M0_SHUFFLED));
}

/* 8 GiB from the first element to the last, and two bytes more. */
static void test_input_limit(void **state)
{
    const int64_t exact = ((int64_t)1 << 32) - 128; /* stride of two rows */
    struct kase kase;

    (void)state;
    kase_init(&kase, op_find("group_quant"));
    kase.value[GQ_ROWS] = 2;
    kase.value[GQ_ROW_PAD] = exact - 128;
    assert_null(group_quant_contract(&kase));
    kase.value[GQ_ROW_PAD]++;
    assert_string_equal(group_quant_contract(&kase), "input_too_large");
}

/* One element of a static scale: is `got` as good as the reference's code? */
static bool accepts(enum gq_output output, double x, float scale, uint8_t got)
{
    struct trial *t = trial_new(1, 1);
    bool accepted;

    t->kase.value[GQ_GROUP] = GQ_STATIC;
    t->kase.value[GQ_OUTPUT] = output;
    t->static_scale = scale;
    set(t, 0, x);
    refer(t);
    accepted = group_quant_accept(&t->kase, &t->io, t->out, GQ_T_CODES, 0, 0, got);
    free(t);
    return accepted;
}

static void test_neighbours(void **state)
{
    const float below = 0x1.fffffep-1f, above = 1.0f + 0x1p-19f;

    (void)state;
    /* 17 lies halfway between 16 (0x58) and 18 (0x59). */
    assert_true(accepts(GQ_FN, 17, below, 0x58));
    assert_true(accepts(GQ_FN, -17, below, 0xD8));
    assert_false(accepts(GQ_FN, 17, below, 0xD8));
    assert_false(accepts(GQ_FN, 17, below, 0x5A));
    assert_false(accepts(GQ_FN, 17, above, 0x59)); /* too far from halfway */
    assert_false(accepts(GQ_FN, 17, 1, 0x59));     /* no rounding: exactly a tie */
    assert_false(accepts(GQ_FN, 18, below, 0x58));
    assert_true(accepts(GQ_FNUZ, 17, below, 0x60));
    assert_false(accepts(GQ_FNUZ, -0x1p-11, below, 0x80)); /* NaN */
    /* i8: the boundaries are the whole numbers. */
    assert_true(accepts(GQ_I8, 100, below, 99));
    assert_true(accepts(GQ_I8, -100, below, (uint8_t)-99));
    assert_false(accepts(GQ_I8, 100.5, below, 101));
    assert_false(accepts(GQ_I8, -127, below, 0x80));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fp8_ramp),     cmocka_unit_test(test_fp4_ramp),
        cmocka_unit_test(test_e8m0_bytes),   cmocka_unit_test(test_shuffled_index),
        cmocka_unit_test(test_shuffled_pad), cmocka_unit_test(test_short_group),
        cmocka_unit_test(test_counted_rows), cmocka_unit_test(test_stride),
        cmocka_unit_test(test_zero_rows),    cmocka_unit_test(test_tensor),
        cmocka_unit_test(test_i8),           cmocka_unit_test(test_fp8_kinds),
        cmocka_unit_test(test_contract),     cmocka_unit_test(test_input_limit),
        cmocka_unit_test(test_neighbours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
