/*
 * The formats against an independent definition: values are computed with ldexp from the fields of
 * a code, an encoding is right when a search over all values of the format finds nothing nearer,
 * and the known answers stand in tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <float.h>

#include "refs/formats.h"

enum { VALUES_MAX = 1 << 15 };

/* Fields of a format, written a second time on purpose. `finite` is the number of finite
 * magnitudes, so with `inf` it is the code of Inf; values[finite] is where the next value would be.
 */
struct model {
    enum format_id id;
    int exponent_bits, mantissa_bits, bias;
    unsigned finite;
    bool inf;
    double values[VALUES_MAX + 1];
};

static struct model models[] = {
    {FORMAT_BF16, 8, 7, 127, 0x7F80, true, {0}}, {FORMAT_F16, 5, 10, 15, 0x7C00, true, {0}},
    {FORMAT_FP8_FN, 4, 3, 7, 0x7F, false, {0}},  {FORMAT_FP8_FNUZ, 4, 3, 8, 0x80, false, {0}},
    {FORMAT_E5M2, 5, 2, 15, 0x7C, true, {0}},    {FORMAT_E2M1, 2, 1, 1, 0x8, false, {0}},
};

enum { MODELS = sizeof models / sizeof models[0] };

static double model_value(const struct model *m, unsigned magnitude)
{
    const int mantissa = (int)(magnitude & ((1u << m->mantissa_bits) - 1));
    const int exponent = (int)(magnitude >> m->mantissa_bits);

    if (exponent == 0)
        return ldexp(mantissa, 1 - m->bias - m->mantissa_bits);
    return ldexp((1 << m->mantissa_bits) + mantissa, exponent - m->bias - m->mantissa_bits);
}

static int make_models(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MODELS; i++)
        for (unsigned code = 0; code <= models[i].finite; code++)
            models[i].values[code] = model_value(&models[i], code);
    return 0;
}

/* Magnitude code nearest to a (not NaN), ties to even or away from zero; behind the last value
 * comes Inf, at the place where the next value would have been, or nothing. */
static unsigned model_nearest(const struct model *m, double a, bool away)
{
    const unsigned last = m->inf ? m->finite : m->finite - 1;
    unsigned low = 0, high = last;

    if (a >= m->values[last])
        return last;
    while (high - low > 1) {
        const unsigned middle = (low + high) / 2;
        if (m->values[middle] <= a)
            low = middle;
        else
            high = middle;
    }
    const double halfway = (m->values[low] + m->values[high]) / 2;
    if (a == halfway)
        return away || (low & 1) ? high : low;
    return a < halfway ? low : high;
}

static unsigned sign_of(double x)
{
    return signbit(x) ? 1 : 0;
}

/* Expected code of any x but NaN, sign included. */
static unsigned model_encode(const struct model *m, double x)
{
    const unsigned magnitude = model_nearest(m, fabs(x), false);
    const unsigned sign = sign_of(x) << (m->exponent_bits + m->mantissa_bits);

    return m->id == FORMAT_FP8_FNUZ && magnitude == 0 ? 0 : magnitude | sign;
}

static unsigned encode_float(enum format_id id, float x)
{
    switch (id) {
    case FORMAT_BF16:
        return bf16_encode(x, BF16_RNE);
    case FORMAT_F16:
        return f16_encode(x);
    case FORMAT_FP8_FN:
        return fp8_encode(FP8_FN, x);
    case FORMAT_FP8_FNUZ:
        return fp8_encode(FP8_FNUZ, x);
    case FORMAT_E5M2:
        return e5m2_encode(x);
    default:
        return e2m1_encode(x, E2M1_RNE);
    }
}

static unsigned encode_double(enum format_id id, double x)
{
    switch (id) {
    case FORMAT_BF16:
        return bf16_from_double(x, BF16_RNE);
    case FORMAT_F16:
        return f16_from_double(x);
    case FORMAT_FP8_FN:
        return fp8_from_double(FP8_FN, x);
    case FORMAT_FP8_FNUZ:
        return fp8_from_double(FP8_FNUZ, x);
    case FORMAT_E5M2:
        return e5m2_from_double(x);
    default:
        return e2m1_from_double(x, E2M1_RNE);
    }
}

static double decode(enum format_id id, unsigned code)
{
    switch (id) {
    case FORMAT_BF16:
        return bf16_decode((uint16_t)code);
    case FORMAT_F16:
        return f16_decode((uint16_t)code);
    case FORMAT_FP8_FN:
        return fp8_decode(FP8_FN, (uint8_t)code);
    case FORMAT_FP8_FNUZ:
        return fp8_decode(FP8_FNUZ, (uint8_t)code);
    case FORMAT_E5M2:
        return e5m2_decode((uint8_t)code);
    default:
        return e2m1_decode((uint8_t)code);
    }
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

static void test_every_code_decodes_to_its_definition(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MODELS; i++) {
        const struct model *m = &models[i];
        const unsigned sign = 1u << (m->exponent_bits + m->mantissa_bits);

        for (unsigned code = 0; code < 2 * sign; code++) {
            const unsigned magnitude = code & (sign - 1);
            double expected = NAN;

            if (magnitude < m->finite)
                expected = code & sign ? -m->values[magnitude] : m->values[magnitude];
            else if (m->inf && magnitude == m->finite)
                expected = code & sign ? (double)-INFINITY : (double)INFINITY;
            if (m->id == FORMAT_FP8_FNUZ && code == 0x80)
                expected = NAN;
            expect_same_value(formats[m->id].name, code, decode(m->id, code), expected);
        }
    }
    for (unsigned code = 0; code < 255; code++)
        expect_same_value("e8m0", code, e8m0_decode((uint8_t)code), ldexp(1, (int)code - 127));
    assert_true(isnan(e8m0_decode(255)));
}

static void test_the_format_table_follows_from_the_codes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MODELS; i++) {
        const struct model *m = &models[i];
        const struct format *f = &formats[m->id];
        const double max = m->values[m->finite - 1];

        assert_int_equal(f->bits, 1 + m->exponent_bits + m->mantissa_bits);
        assert_int_equal(f->exponent_bits, m->exponent_bits);
        assert_int_equal(f->mantissa_bits, m->mantissa_bits);
        assert_int_equal(f->bias, m->bias);
        assert_true(f->max_finite == max);
        assert_true(f->min_subnormal == m->values[1]);
        assert_true(f->min_normal == m->values[1u << m->mantissa_bits]);
        assert_true(f->overflow == (m->inf ? m->values[m->finite] : max));
    }
    assert_true(formats[FORMAT_F32].max_finite == (double)FLT_MAX);
    assert_true(formats[FORMAT_F32].min_normal == (double)FLT_MIN);
    assert_true(formats[FORMAT_F32].min_subnormal == (double)FLT_TRUE_MIN);
}

static void test_ulp_is_the_distance_to_the_next_value(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MODELS; i++) {
        const struct model *m = &models[i];

        for (unsigned code = 0; code + 1 < m->finite; code++) {
            const double low = m->values[code], step = m->values[code + 1] - low;

            assert_true(format_ulp(m->id, low) == step);
            assert_true(format_ulp(m->id, -(low + step / 4)) == step);
            assert_true(format_ulp(m->id, nextafter(low + step, 0)) == step);
        }
        const double last = m->values[m->finite - 1] - m->values[m->finite - 2];
        assert_true(format_ulp(m->id, formats[m->id].max_finite) == last);
        assert_true(format_ulp(m->id, INFINITY) == last);
        assert_true(format_ulp(m->id, NAN) == last);
    }
    for (float x = 0x1.8p-149f; x < FLT_MAX / 5; x *= 4.3f)
        assert_true(format_ulp(FORMAT_F32, x) == (double)nextafterf(x, INFINITY) - (double)x);
}

/* fp32 patterns with the low 12 bits zero, and both neighbours of each. They are every tie of every
 * format (proven below), every bf16 value, zeros, infinities, NaNs and subnormals. */
enum { DENSE = 3 << 20 };

static float dense(uint32_t i)
{
    return format_float_of((i / 3 << 12) + i % 3 - 1);
}

static void test_every_tie_is_in_the_dense_set(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MODELS; i++) {
        const struct model *m = &models[i];

        for (unsigned code = 0; code < m->finite; code++) {
            const double tie = (m->values[code] + m->values[code + 1]) / 2;

            assert_true((double)(float)tie == tie);
            assert_int_equal(format_float_bits((float)tie) & 0xFFF, 0);
        }
    }
}

static void test_encoding_finds_the_nearest_value(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < DENSE; i++) {
        const float x = dense(i);

        if (isnan(x))
            continue;
        for (unsigned k = 0; k < MODELS; k++) {
            const unsigned expected = model_encode(&models[k], x);

            expect_code(formats[models[k].id].name, x, encode_float(models[k].id, x), expected);
            expect_code("double", x, encode_double(models[k].id, x), expected);
        }
        const unsigned sign = x < 0 ? 8 : 0;
        const unsigned away = model_nearest(&models[MODELS - 1], fabsf(x), true) | sign;
        expect_code("e2m1 ties away", x, e2m1_encode(x, E2M1_TIES_AWAY), away);
    }
}

/* Every value decoded and encoded again is itself. */
static void test_codes_survive_a_round_trip(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MODELS; i++) {
        const struct model *m = &models[i];

        for (unsigned code = 0; code < 2u << (m->exponent_bits + m->mantissa_bits); code++) {
            const double value = decode(m->id, code);

            if (!isnan(value))
                expect_code("round trip", value, encode_double(m->id, value), code);
        }
    }
}

/* A double beside a tie is on the tie in fp32; only one rounding gets it right. */
static void test_a_double_is_rounded_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MODELS; i++) {
        const struct model *m = &models[i];
        const unsigned last = m->inf ? m->finite : m->finite - 1;

        for (unsigned code = 0; code < last; code++) {
            const double tie = (m->values[code] + m->values[code + 1]) / 2;
            const double above = nextafter(tie, INFINITY), below = nextafter(tie, 0);

            assert_true((float)above == (float)tie && (float)below == (float)tie);
            expect_code("above a tie", above, encode_double(m->id, above), code + 1);
            expect_code("below a tie", below, encode_double(m->id, below), code);
            expect_code("on a tie", tie, encode_double(m->id, tie), code + (code & 1));
            if (m->id != FORMAT_E2M1)
                continue;
            assert_int_equal(e2m1_from_double(tie, E2M1_TIES_AWAY), code + 1);
            assert_int_equal(e2m1_from_double(below, E2M1_TIES_AWAY), code);
        }
        assert_int_equal(encode_double(m->id, 0x1p-1074), 0);
        assert_int_equal(encode_double(m->id, DBL_MAX), last);
    }
}

static void test_bf16_truncation(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < DENSE; i++) {
        const float x = dense(i);
        const unsigned upper = format_float_bits(x) >> 16;

        expect_code("truncated", x, bf16_encode(x, BF16_TRUNCATE), upper);
        if (!isnan(x))
            expect_code("double", x, bf16_from_double(x, BF16_TRUNCATE), upper);
    }
    assert_int_equal(bf16_from_double(nextafter(1, 0), BF16_TRUNCATE), 0x3F7F);
    assert_int_equal(bf16_from_double(-nextafter(1, 2), BF16_TRUNCATE), 0xBF80);
    assert_int_equal(bf16_from_double(nextafter(0x1p128, 0), BF16_TRUNCATE), 0x7F7F);
    assert_int_equal(bf16_from_double(0x1p128, BF16_TRUNCATE), 0x7F80);
    assert_int_equal(bf16_from_double(-DBL_MAX, BF16_TRUNCATE), 0xFF80);
    assert_int_equal(bf16_from_double(0x1p-1074, BF16_TRUNCATE), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_decodes_to_its_definition),
        cmocka_unit_test(test_the_format_table_follows_from_the_codes),
        cmocka_unit_test(test_ulp_is_the_distance_to_the_next_value),
        cmocka_unit_test(test_every_tie_is_in_the_dense_set),
        cmocka_unit_test(test_encoding_finds_the_nearest_value),
        cmocka_unit_test(test_codes_survive_a_round_trip),
        cmocka_unit_test(test_a_double_is_rounded_once),
        cmocka_unit_test(test_bf16_truncation),
    };

    return cmocka_run_group_tests(tests, make_models, NULL);
}
