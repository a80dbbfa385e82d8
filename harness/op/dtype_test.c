#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/op/tensor.h"
#include "harness/op/verdict.h"

static void literals_of_each_type(void **state)
{
    static const struct {
        enum dtype type;
        const char *text;
        uint32_t bits;
    } good[] = {
        {DTYPE_F32, "1", 0x3F800000},
        {DTYPE_F32, "-0x1p-1", 0xBF000000},
        {DTYPE_F32, "0x7f800001", 0x7F800001},
        {DTYPE_BF16, "1.5", 0x3FC0},
        {DTYPE_F16, "65504", 0x7BFF},
        {DTYPE_E4M3FN, "448", 0x7E},
        {DTYPE_E4M3FNUZ, "240", 0x7F},
        {DTYPE_I8, "-128", 0x80},
        {DTYPE_U8, "255", 0xFF},
        {DTYPE_E8M0, "127", 0x7F},
        {DTYPE_E2M1X2, "0xee", 0xEE},
        {DTYPE_I32, "-1", 0xFFFFFFFF},
        {DTYPE_I32, "0x03000005", 0x03000005},
        {DTYPE_F32, "-inf", 0xFF800000},
    };
    static const struct {
        enum dtype type;
        const char *text;
    } bad[] = {
        {DTYPE_I8, "128"},          {DTYPE_I8, "1.5"},   {DTYPE_U8, "256"},
        {DTYPE_U8, "-1"},           {DTYPE_U8, "0x100"}, {DTYPE_BF16, "0x10000"},
        {DTYPE_I32, "2147483648"},  {DTYPE_F32, "one"},  {DTYPE_F32, "1e999"},
        {DTYPE_F32, "0x"},          {DTYPE_F32, ""},     {DTYPE_E4M3FN, "nan"},
        {DTYPE_I32, "0x100000000"},
    };
    uint32_t bits;
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(dtype_parse(good[i].type, good[i].text, &bits));
        assert_int_equal(bits, good[i].bits);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (dtype_parse(bad[i].type, bad[i].text, &bits))
            fail_msg("%s is no %s", bad[i].text, dtype_name(bad[i].type));
}

/* The two poisons differ, and are NaNs wherever the type has them for both. */
static void poisons_differ(void **state)
{
    (void)state;
    for (enum dtype t = 0; t < DTYPE_COUNT; t++)
        assert_int_not_equal(dtype_poison(t, 0), dtype_poison(t, 1));
    static const enum dtype nan_types[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16, DTYPE_E4M3FN,
                                           DTYPE_E5M2};
    for (size_t i = 0; i < sizeof(nan_types) / sizeof(nan_types[0]); i++)
        for (unsigned which = 0; which < 2; which++)
            assert_true(isnan(dtype_value(nan_types[i], dtype_poison(nan_types[i], which))));
}

static void sizes_are_exact_or_refused(void **state)
{
    struct tensor t = {.dtype = DTYPE_F32, .rows = 3, .cols = 5, .stride = 9};
    size_t bytes;
    (void)state;
    assert_true(tensor_bytes(&t, &bytes));
    assert_int_equal(bytes, (2 * 9 + 5) * 4); /* not one byte behind the last element */
    t.rows = 0;
    assert_true(tensor_bytes(&t, &bytes));
    assert_int_equal(bytes, 0);
    t.rows = SIZE_MAX / 2;
    assert_false(tensor_bytes(&t, &bytes));
    t = (struct tensor){.dtype = DTYPE_F32, .rows = 2, .cols = 1, .stride = SIZE_MAX / 2};
    assert_false(tensor_bytes(&t, &bytes));
}

static void exit_codes_have_an_order(void **state)
{
    (void)state;
    assert_int_equal(exit_worse(0, 5), 5);
    assert_int_equal(exit_worse(1, 5), 1);
    assert_int_equal(exit_worse(4, 1), 4);
    assert_int_equal(exit_worse(3, 4), 3);
    assert_int_equal(exit_worse(6, 3), 6);
    for (enum verdict_kind kind = 0; kind < VERDICT_KINDS; kind++) {
        assert_int_equal(verdict_passed(kind), verdict_exit(kind) == 0);
        assert_true(verdict_name(kind)[0] != '\0');
    }
    for (enum detector d = 0; d < DETECTORS; d++)
        assert_non_null(detector_name(d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_of_each_type),
        cmocka_unit_test(poisons_differ),
        cmocka_unit_test(sizes_are_exact_or_refused),
        cmocka_unit_test(exit_codes_have_an_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
