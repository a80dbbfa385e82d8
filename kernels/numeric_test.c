/*
 * The kernels' conversions against the references' ones: all codes, every tie of every format with
 * its neighbours, random patterns. The references' formats are proven by their own test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#ifndef __device__
#define __device__
#endif
#include "kernels/numeric.h"
#include "refs/formats.h"

static void expect(const char *what, uint32_t input, uint32_t got, uint32_t expected)
{
    if (got != expected)
        fail_msg("%s of 0x%08X: got 0x%X, expected 0x%X", what, input, got, expected);
}

/* Equal in bits, but any NaN for a NaN. */
static void expect_number(const char *what, uint32_t code, float got, float expected)
{
    if (!(isnan(got) && isnan(expected)))
        expect(what, code, num_bits(got), num_bits(expected));
}

static void test_decoding(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 1 << 16; code++) {
        expect_number("bf16", code, num_bf16_decode((uint16_t)code), bf16_decode((uint16_t)code));
        expect_number("f16", code, num_f16_decode((uint16_t)code), f16_decode((uint16_t)code));
    }
    for (uint32_t code = 0; code < 256; code++) {
        const uint8_t byte = (uint8_t)code;

        expect_number("e4m3fn", code, num_fp8_decode(byte, 0), fp8_decode(FP8_FN, byte));
        expect_number("e4m3fnuz", code, num_fp8_decode(byte, 1), fp8_decode(FP8_FNUZ, byte));
        expect_number("e2m1", code, num_e2m1_decode(byte), e2m1_decode(byte));
        expect_number("e8m0", code, num_e8m0_decode(byte), (float)e8m0_decode(byte));
        expect("fp4x2", code, num_fp4x2_pack(byte, byte >> 4), fp4x2_pack(byte, byte >> 4));
        expect("fp4x2", code, num_fp4x2_pack(byte, byte >> 4), code);
    }
}

static void compare_encodings(uint32_t bits)
{
    const float x = num_float(bits);

    expect("bf16", bits, num_bf16_encode(x, 0), bf16_encode(x, BF16_RNE));
    expect("bf16 truncated", bits, num_bf16_encode(x, 1), bf16_encode(x, BF16_TRUNCATE));
    expect("f16", bits, num_f16_encode(x), f16_encode(x));
    expect("e4m3fn", bits, num_fp8_encode(x, 0), fp8_encode(FP8_FN, x));
    expect("e4m3fnuz", bits, num_fp8_encode(x, 1), fp8_encode(FP8_FNUZ, x));
    expect("e2m1", bits, num_e2m1_encode(x, 0), e2m1_encode(x, E2M1_RNE));
    expect("e2m1 ties away", bits, num_e2m1_encode(x, 1), e2m1_encode(x, E2M1_TIES_AWAY));
}

static void compare_scales(uint32_t bits)
{
    const float amax = num_float(bits & 0x7FFFFFFF);

    for (int elem = 0; elem < 3; elem++) {
        const int power = elem == NUM_E8M0_FP4 ? 2 : elem == NUM_E8M0_FP8_FN ? 8 : 7;
        const float carries = elem == NUM_E8M0_FP4 ? 0x1.cp127f : 0x1.fp127f;

        for (int round = 0; round < 4; round++) {
            uint32_t expected = e8m0_scale((enum e8m0_elem)elem, (enum e8m0_round)round, amax);

            /* The one place where kernel and reference are defined apart. */
            if (round == NUM_E8M0_EVEN && isfinite(amax) && amax >= carries)
                expected = 255 - (uint32_t)power;
            expect("e8m0 scale", num_bits(amax), num_e8m0_scale(amax, elem, round), expected);
        }
    }
}

/* What converts many at a time does to each what converts one. */
static void test_many(void **state)
{
    float x[8];
    uint8_t fn[8], fnuz[8], fp4[4];

    (void)state;
    for (uint32_t i = 0; i < 1 << 16; i++) {
        for (uint32_t k = 0; k < 8; k++)
            x[k] = num_float((8 * i + k) << 13);
        num_fp8_encode_n(x, 8, 0, fn);
        num_fp8_encode_n(x, 8, 1, fnuz);
        num_fp4_encode_n(x, 8, fp4);
        for (uint32_t k = 0; k < 8; k++) {
            expect("e4m3fn", num_bits(x[k]), fn[k], num_fp8_encode(x[k], 0));
            expect("e4m3fnuz", num_bits(x[k]), fnuz[k], num_fp8_encode(x[k], 1));
            expect("e2m1", num_bits(x[k]), fp4[k / 2] >> k % 2 * 4 & 15, num_e2m1_encode(x[k], 0));
        }
    }
}

/* Every pattern with the low 12 bits zero and its neighbours: all ties of all formats, all bf16. */
static void test_dense_set(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1 << 20; i++)
        for (uint32_t step = 0; step < 3; step++) {
            compare_encodings((i << 12) + step - 1);
            compare_scales((i << 12) + step - 1);
        }
}

static void test_random_patterns(void **state)
{
    uint64_t counter = 0;

    (void)state;
    for (uint32_t i = 0; i < 1 << 20; i++) {
        counter += 0x9E3779B97F4A7C15;
        const uint64_t mixed = (counter ^ counter >> 30) * 0xBF58476D1CE4E5B9;
        const uint32_t bits = (uint32_t)(mixed >> 32);

        compare_encodings(bits);
        compare_scales(bits);
        /* the same mantissa where the narrow formats have their values */
        compare_encodings((bits & 0x807FFFFF) | (112 + i % 32) << 23);
    }
}

/* The reciprocal is rounded up, which shows only where the quotient is a tie below the subnormals.
 */
static void test_scale_by_reciprocal_differs_from_division_only_there(void **state)
{
    static const uint32_t half[3] = {3, 224, 120};

    (void)state;
    for (int elem = 0; elem < 3; elem++) {
        for (uint32_t bits = 0; bits < 1 << 20; bits++) {
            const float amax = num_float(bits);
            const uint32_t reference = e8m0_scale((enum e8m0_elem)elem, E8M0_ROUND_UP, amax);

            expect("e8m0 up", bits, num_e8m0_scale(amax, elem, NUM_E8M0_ROUND_UP),
                   bits == half[elem] ? 1 : reference);
        }
        assert_int_equal(e8m0_scale((enum e8m0_elem)elem, E8M0_ROUND_UP, num_float(half[elem])), 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_dense_set),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_random_patterns),
        cmocka_unit_test(test_scale_by_reciprocal_differs_from_division_only_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
