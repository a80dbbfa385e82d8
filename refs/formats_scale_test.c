/*
 * e8m0 scale bytes against a formula in double that compares amax with the points where the fp32
 * quotient rounds to a power of two, and against known answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "refs/formats.h"

/* fp32 patterns with the low 12 bits zero, all bf16 among them, and both neighbours of each. */
enum { DENSE = 3 << 20 };

static float dense(uint32_t i)
{
    return format_float_of((i / 3 << 12) + i % 3 - 1);
}

static const int elem_power[3] = {2, 8, 7};
static const double elem_max[3] = {6, 448, 240};
static const double elem_even[3] = {1.75, 1.9375, 1.9375};

static int floor_log2(double x)
{
    int exponent;

    (void)frexp(x, &exponent);
    return exponent - 1;
}

/* Scale byte of the quotient amax/divisor rounded to fp32, without rounding it: only where it falls
 * relative to the points that round to a power of two matters. */
static unsigned quotient_byte(double amax, double divisor, bool up)
{
    const double lowest = divisor * (0x1p-126 - 0x1p-150); /* from here on it is normal */
    int k;

    if (amax < lowest)
        return up && amax > divisor * 0x1p-150;
    k = floor_log2(amax) - floor_log2(divisor) - 1;
    while (amax >= divisor * ldexp(1 - 0x1p-25, k + 1))
        k++;
    if (k < -126)
        k = -126;
    return (unsigned)(127 + k + (up && amax > divisor * ldexp(1 + 0x1p-24, k)));
}

static unsigned scale_expected(unsigned elem, unsigned round, double amax)
{
    const double power = ldexp(1, elem_power[elem]);
    int k;

    switch (round) {
    case E8M0_ROUND_DOWN:
        return quotient_byte(amax, power, false);
    case E8M0_ROUND_UP:
        return quotient_byte(amax, elem_max[elem], true);
    case E8M0_CEIL:
        return quotient_byte(amax, power, true);
    }
    if (amax < 0x1p-126)
        return 0;
    k = floor_log2(amax);
    k += amax >= ldexp(elem_even[elem], k);
    if (k == 128)
        return 255;
    return (unsigned)(k - elem_power[elem] + 127 > 0 ? k - elem_power[elem] + 127 : 0);
}

static void expect_scale(unsigned elem, unsigned round, float amax, unsigned expected)
{
    const unsigned got = e8m0_scale((enum e8m0_elem)elem, (enum e8m0_round)round, amax);

    if (got != expected)
        fail_msg("e8m0 element %u rounding %u of %a: got %u, expected %u", elem, round,
                 (double)amax, got, expected);
}

static void test_e8m0_scale_of_every_magnitude(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < DENSE / 2; i++)
        for (unsigned elem = 0; elem < 3; elem++)
            for (unsigned round = 0; round < 4; round++) {
                const float amax = dense(i);
                const bool finite = isfinite(amax);

                expect_scale(elem, round, amax, finite ? scale_expected(elem, round, amax) : 255);
            }
}

/* Around amax = X 2^k the quotient falls beside a power of two. */
static void test_e8m0_scale_beside_powers_of_two(void **state)
{
    (void)state;
    for (unsigned elem = 0; elem < 3; elem++)
        for (int k = -149; k < 120; k++) {
            float amax = (float)ldexp(elem_max[elem], k);

            for (int step = 0; step < 8; step++)
                amax = nextafterf(amax, 0);
            for (int step = 0; step < 16; step++, amax = nextafterf(amax, INFINITY))
                for (unsigned round = 0; round < 4; round++)
                    expect_scale(elem, round, amax, scale_expected(elem, round, amax));
        }
}

static void test_e8m0_known_answers(void **state)
{
    static const struct {
        float amax;
        uint8_t bytes[3][4]; /* fp4, fn, fnuz; down, up, even, ceil */
    } rows[] = {
        {0, {{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}},
        {1e-10f, {{91, 92, 91, 92}, {85, 85, 85, 86}, {86, 86, 86, 87}}},
        {1, {{125, 125, 125, 125}, {119, 119, 119, 119}, {120, 120, 120, 120}}},
        {1.5f, {{125, 125, 125, 126}, {119, 119, 119, 120}, {120, 120, 120, 121}}},
        {3, {{126, 126, 126, 127}, {120, 120, 120, 121}, {121, 121, 121, 122}}},
        {3.5f, {{126, 127, 127, 127}, {120, 120, 120, 121}, {121, 121, 121, 122}}},
        {5, {{127, 127, 127, 128}, {121, 121, 121, 122}, {122, 122, 122, 123}}},
        {6, {{127, 127, 127, 128}, {121, 121, 121, 122}, {122, 122, 122, 123}}},
        {6.0001f, {{127, 128, 127, 128}, {121, 121, 121, 122}, {122, 122, 122, 123}}},
        {7, {{127, 128, 128, 128}, {121, 121, 121, 122}, {122, 122, 122, 123}}},
        {100, {{131, 132, 131, 132}, {125, 125, 125, 126}, {126, 126, 126, 127}}},
        {240, {{132, 133, 133, 133}, {126, 127, 126, 127}, {127, 127, 127, 128}}},
        {448, {{133, 134, 134, 134}, {127, 127, 127, 128}, {128, 128, 128, 129}}},
        {449, {{133, 134, 134, 134}, {127, 128, 127, 128}, {128, 128, 128, 129}}},
        {1e30f, {{224, 225, 224, 225}, {218, 218, 218, 219}, {219, 219, 219, 220}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned elem = 0; elem < 3; elem++)
            for (unsigned round = 0; round < 4; round++)
                expect_scale(elem, round, rows[i].amax, rows[i].bytes[elem][round]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_e8m0_scale_of_every_magnitude),
        cmocka_unit_test(test_e8m0_scale_beside_powers_of_two),
        cmocka_unit_test(test_e8m0_known_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
