#include "harness/check/decode.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_same(enum dtype type, uint32_t bits, double got, double want)
{
    if (memcmp(&got, &want, sizeof got) && !(isnan(got) && isnan(want)))
        fail_msg("%s 0x%x: got %.17g, want %.17g", dtype_name(type), bits, got, want);
}

/* Every code of the types of one and two bytes, against the reading one by one. */
static void every_code(void **state)
{
    double out[DECODE_BLOCK];
    (void)state;

    for (enum dtype type = 0; type < DTYPE_COUNT; type++) {
        uint16_t codes[DECODE_BLOCK];
        const size_t size = dtype_bytes(type);
        for (uint32_t base = 0; size <= 2 && base < 1u << 8 * size; base += DECODE_BLOCK) {
            for (uint32_t i = 0; i < DECODE_BLOCK; i++)
                dtype_store(type, codes, i, base + i);
            decode_block(type, codes, 0, DECODE_BLOCK, false, out);
            for (uint32_t i = 0; i < DECODE_BLOCK; i++)
                assert_same(type, base + i, out[i], dtype_value(type, base + i));
        }
    }
}

static void words(void **state)
{
    static const uint32_t codes[] = {0,          0x80000000, 1,          0x807FFFFF, 0x3F800000,
                                     0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00001, 0xDADADADA};
    const size_t count = sizeof codes / sizeof *codes;
    double out[DECODE_BLOCK];
    (void)state;

    decode_block(DTYPE_F32, codes, 0, count, false, out);
    for (size_t i = 0; i < count; i++)
        assert_same(DTYPE_F32, codes[i], out[i], dtype_value(DTYPE_F32, codes[i]));
    decode_block(DTYPE_I32, codes, 0, count, false, out);
    for (size_t i = 0; i < count; i++)
        assert_same(DTYPE_I32, codes[i], out[i], dtype_value(DTYPE_I32, codes[i]));
}

static void high_codes(void **state)
{
    const uint8_t bytes[] = {0x21, 0xF7};
    double out[DECODE_BLOCK];
    (void)state;

    decode_block(DTYPE_E2M1X2, bytes, 0, 2, false, out);
    assert_true(out[0] == 0.5 && out[1] == 6);
    decode_block(DTYPE_E2M1X2, bytes, 0, 2, true, out);
    assert_true(out[0] == 1 && out[1] == -6);
}

/* Reads no element outside of the piece (the sanitizer sees it), and gives zeros behind it. */
static void pieces(void **state)
{
    (void)state;
    for (enum dtype type = 0; type < DTYPE_COUNT; type++) {
        for (size_t count = 0; count <= DECODE_BLOCK; count += 51) {
            double out[DECODE_BLOCK];
            unsigned char *data = malloc((3 + count) * dtype_bytes(type));
            for (size_t i = 0; i < 3 + count; i++)
                dtype_store(type, data, i, (uint32_t)(7 + i));
            memset(out, 0xFF, sizeof out);
            decode_block(type, data, 3, count, false, out);
            for (size_t i = 0; i < DECODE_BLOCK; i++)
                assert_same(type, (uint32_t)i, out[i],
                            i < count ? dtype_value(type, dtype_load(type, data, 3 + i)) : 0);
            free(data);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code),
        cmocka_unit_test(words),
        cmocka_unit_test(high_codes),
        cmocka_unit_test(pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
