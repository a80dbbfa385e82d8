/* Known answers of the formats, NaN, and the reinterpretation of fp8 bytes as the other kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "refs/formats.h"

static unsigned sign_of(double x)
{
    return signbit(x) ? 1 : 0;
}

static void expect_code(const char *what, double x, unsigned got, unsigned expected)
{
    if (got != expected)
        fail_msg("%s of %a: got 0x%X, expected 0x%X", what, x, got, expected);
}

static void expect_same_value(const char *what, unsigned code, double got, double expected)
{
    const bool same =
        isnan(expected) ? isnan(got) != 0 : got == expected && sign_of(got) == sign_of(expected);

    if (!same)
        fail_msg("%s of 0x%X: got %a, expected %a", what, code, got, expected);
}

static void test_bf16_known_answers(void **state)
{
    static const struct {
        uint32_t bits;
        uint16_t nearest, truncated;
    } rows[] = {
        {0x3F808000, 0x3F80, 0x3F80}, {0x3F818000, 0x3F82, 0x3F81}, {0x3F80C000, 0x3F81, 0x3F80},
        {0x7F800001, 0x7F81, 0x7F80}, {0xFF800001, 0xFF81, 0xFF80}, {0x7FC00000, 0x7FC0, 0x7FC0},
        {0x7F7FFFFF, 0x7F80, 0x7F7F}, {0x80000000, 0x8000, 0x8000}, {0x00008000, 0x0000, 0x0000},
        {0x00008001, 0x0001, 0x0000}, {0x7FFFFFFF, 0x7FFF, 0x7FFF},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const float x = format_float_of(rows[i].bits);

        expect_code("bf16 RNE", x, bf16_encode(x, BF16_RNE), rows[i].nearest);
        expect_code("bf16 truncated", x, bf16_encode(x, BF16_TRUNCATE), rows[i].truncated);
    }
}

static void test_nan(void **state)
{
    (void)state;
    for (uint32_t payload = 1; payload < 0x800000; payload += 0x333) {
        for (uint32_t sign = 0; sign < 2; sign++) {
            const float x = format_float_of(sign << 31 | 0x7F800000 | payload);

            assert_true(isnan(bf16_decode(bf16_encode(x, BF16_RNE))));
            assert_true(isnan(f16_decode(f16_encode(x))));
            assert_int_equal(f16_encode(x) >> 15, sign);
            assert_int_equal(f16_encode(x) & 0x7FFF, 0x7E00 | (payload >> 13 & 0x1FF));
            assert_int_equal(bf16_from_double(x, BF16_RNE), sign << 15 | 0x7FC0);
            assert_int_equal(bf16_from_double(x, BF16_TRUNCATE), sign << 15 | 0x7FC0);
            assert_int_equal(e5m2_encode(x), sign << 7 | 0x7F);
            assert_int_equal(fp8_encode(FP8_FN, x), 0xFE);
            assert_int_equal(fp8_encode(FP8_FNUZ, x), 0xFF);
            assert_int_equal(e2m1_encode(x, E2M1_RNE), sign << 3 | 7);
            assert_int_equal(e2m1_encode(x, E2M1_TIES_AWAY), 7);
        }
    }
    /* signalling, with a payload that no narrow format has room for */
    const double low = format_double_of(0x7FF0000000000001);
    assert_int_equal(bf16_from_double(low, BF16_RNE), 0x7FC0);
    assert_int_equal(f16_from_double(low), 0x7E00);
    assert_int_equal(e5m2_from_double(low), 0x7F);
}

static void test_fp8_decode_known_answers(void **state)
{
    static const struct {
        uint8_t code;
        double fn, fnuz;
    } rows[] = {
        {0x00, 0, 0},
        {0x01, 0.001953125, 0.0009765625},
        {0x07, 0.013671875, 0.0068359375},
        {0x08, 0.015625, 0.0078125},
        {0x38, 1, 0.5},
        {0x40, 2, 1},
        {0x7D, 416, 208},
        {0x7E, 448, 224},
        {0x7F, NAN, 240},
        {0x80, -0.0, NAN},
        {0xFE, -448, -224},
        {0xFF, NAN, -240},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_same_value("fn", rows[i].code, fp8_decode(FP8_FN, rows[i].code), rows[i].fn);
        expect_same_value("fnuz", rows[i].code, fp8_decode(FP8_FNUZ, rows[i].code), rows[i].fnuz);
    }
}

static void test_fp8_encode_known_answers(void **state)
{
    static const struct {
        float x;
        uint8_t fn, fnuz;
        float fn_value, fnuz_value;
    } rows[] = {
        {0.0009765625f, 0x00, 0x01, 0, 0x1p-10f},
        {0.00146484375f, 0x01, 0x02, 0x1p-9f, 0x1p-9f},
        {0.0029296875f, 0x02, 0x03, 0x1p-8f, 0.0029296875f},
        {0.1f, 0x1D, 0x25, 0.1015625f, 0.1015625f},
        {0.3f, 0x2A, 0x32, 0.3125f, 0.3125f},
        {1.0625f, 0x38, 0x40, 1, 1},
        {1.1875f, 0x3A, 0x42, 1.25f, 1.25f},
        {17, 0x58, 0x60, 16, 16},
        {19, 0x5A, 0x62, 20, 20},
        {232, 0x76, 0x7E, 224, 224},
        {248, 0x78, 0x7F, 256, 240},
        {432, 0x7E, 0x7F, 448, 240},
        {1e6f, 0x7E, 0x7F, 448, 240},
        {INFINITY, 0x7E, 0x7F, 448, 240},
        {0, 0x00, 0x00, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const float x = rows[i].x;
        const unsigned fnuz_sign = rows[i].fnuz ? 0x80 : 0;

        expect_code("fn", x, fp8_encode(FP8_FN, x), rows[i].fn);
        expect_code("fn", -x, fp8_encode(FP8_FN, -x), rows[i].fn | 0x80u);
        expect_code("fnuz", x, fp8_encode(FP8_FNUZ, x), rows[i].fnuz);
        expect_code("fnuz", -x, fp8_encode(FP8_FNUZ, -x), rows[i].fnuz | fnuz_sign);
        assert_true(fp8_decode(FP8_FN, rows[i].fn) == rows[i].fn_value);
        assert_true(fp8_decode(FP8_FNUZ, rows[i].fnuz) == rows[i].fnuz_value);
    }
    assert_int_equal(fp8_encode(FP8_FNUZ, -0x1p-20f), 0);
    assert_int_equal(fp8_encode(FP8_FN, -0x1p-20f), 0x80);
}

static void test_fp8_reinterpretation(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 256; code++) {
        const uint8_t byte = (uint8_t)code;
        uint8_t fnuz = 0x55, fn = 0x55;
        const bool to_fnuz = fp8_fn_to_fnuz(byte, &fnuz);
        const bool to_fn = fp8_fnuz_to_fn(byte, &fn);

        if (code == 0x7F || code == 0xFF) {
            assert_false(to_fnuz || to_fn);
            assert_true(fnuz == 0x55 && fn == 0x55);
            continue;
        }
        assert_true(to_fnuz && to_fn);
        assert_true(2 * fp8_decode(FP8_FNUZ, fnuz) == fp8_decode(FP8_FN, byte));
        assert_int_equal(fnuz, code == 0x80 ? 0 : code);
        if (code == 0x80)
            assert_true(isnan(fp8_decode(FP8_FN, fn)));
        else
            assert_true(fp8_decode(FP8_FN, fn) / 2 == fp8_decode(FP8_FNUZ, byte));
        assert_int_equal(fn, code == 0x80 ? 0x7F : code);
    }
}

static void test_e2m1_known_answers(void **state)
{
    static const struct {
        float x;
        uint8_t nearest, away;
    } rows[] = {
        {0.25f, 0, 1}, {0.26f, 1, 1}, {0.75f, 2, 2}, {1.25f, 2, 3}, {1.75f, 4, 4},
        {2.5f, 4, 5},  {3.5f, 6, 6},  {5, 6, 7},     {5.1f, 7, 7},  {INFINITY, 7, 7},
        {-0.0f, 8, 0}, {-0.1f, 8, 8}, {-5, 14, 15},  {0, 0, 0},     {1e30f, 7, 7},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_code("e2m1 RNE", rows[i].x, e2m1_encode(rows[i].x, E2M1_RNE), rows[i].nearest);
        expect_code("e2m1 away", rows[i].x, e2m1_encode(rows[i].x, E2M1_TIES_AWAY), rows[i].away);
    }
}

/* x[i] = (i - 15) / 4 with the scale byte 127 is a published row of 32 with its packed bytes. */
static void test_fp4x2_packing(void **state)
{
    static const uint8_t packed[16] = {0xEE, 0xDD, 0xCD, 0xCC, 0xBC, 0xAA, 0x9A, 0x08,
                                       0x10, 0x22, 0x32, 0x44, 0x44, 0x55, 0x65, 0x66};
    uint8_t codes[32];

    (void)state;
    for (int i = 0; i < 32; i++)
        codes[i] = e2m1_encode((float)(i - 15) / 4, E2M1_RNE);
    for (size_t i = 0; i < 16; i++)
        expect_code("fp4x2", (double)i, fp4x2_pack(codes[2 * i], codes[2 * i + 1]), packed[i]);
    for (size_t i = 0; i < 32; i++)
        expect_code("fp4x2 element", (double)i, fp4x2_get(packed, i), codes[i]);
    assert_int_equal(fp4x2_pack(0xF1, 0xF2), 0x21);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bf16_known_answers),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_fp8_decode_known_answers),
        cmocka_unit_test(test_fp8_encode_known_answers),
        cmocka_unit_test(test_fp8_reinterpretation),
        cmocka_unit_test(test_e2m1_known_answers),
        cmocka_unit_test(test_fp4x2_packing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
