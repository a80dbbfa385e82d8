#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/case/fill.h"
#include "harness/case/philox.h"

/* The vectors that the authors of Philox publish with their code. */
static void philox_known_answers(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint32_t out[4];
        philox_block(vectors[i].counter, vectors[i].key, out);
        assert_memory_equal(out, vectors[i].out, sizeof(out));
    }
}

/* Many at once give what one at a time gives, across a carry into the counter's second word too. */
static void philox_in_pieces(void **state)
{
    static const uint64_t first[] = {0, 4, 1024, ((uint64_t)1 << 34) - 64};
    enum { WORDS = 331 };
    uint32_t words[WORDS];
    (void)state;
    for (size_t f = 0; f < sizeof(first) / sizeof(first[0]); f++) {
        philox_fill(0x123456789abcdef, 7, first[f], words, WORDS);
        for (uint64_t i = 0; i < WORDS; i++)
            assert_int_equal(words[i], philox_u32(0x123456789abcdef, 7, first[f] + i));
    }
}

static void range_reaches_its_ends(void **state)
{
    (void)state;
    assert_int_equal(philox_range(0, -3, 5), -3);
    assert_int_equal(philox_range(~0u, -3, 5), 5);
    assert_int_equal(philox_range(0x80000000u, 0, 1), 1);
}

static struct tensor tensor_of(enum dtype dtype, enum fill_kind kind, int low, int high)
{
    return (struct tensor){.name = "t", .dtype = dtype, .fill = {kind, low, high}};
}

/* Values stay in the range of the fill, and reach every part of it. */
static void values_keep_their_range(void **state)
{
    static const struct {
        enum dtype dtype;
        enum fill_kind kind;
        int low, high;
        double least, most;
    } fills[] = {
        {DTYPE_F32, FILL_REAL, -3, 5, 0x1p-3, 0x1p5}, {DTYPE_BF16, FILL_REAL, -8, 5, 0x1p-8, 0x1p5},
        {DTYPE_F16, FILL_REAL, -4, 4, 0x1p-4, 0x1p4}, {DTYPE_F32, FILL_EXACT, -9, 9, 0, 9},
        {DTYPE_BF16, FILL_EXACT, 0, 200, 0, 200},     {DTYPE_I32, FILL_EXACT, -700, 5, 0, 700},
        {DTYPE_I8, FILL_EXACT, -128, 127, 0, 128},    {DTYPE_E4M3FN, FILL_EXACT, -8, 8, 0, 8},
    };
    enum { N = 20000 };
    static uint32_t data[N];
    (void)state;
    for (size_t f = 0; f < sizeof(fills) / sizeof(fills[0]); f++) {
        struct tensor t = tensor_of(fills[f].dtype, fills[f].kind, fills[f].low, fills[f].high);
        double least = INFINITY, most = 0;
        bool negative = false;
        tensor_dense(&t, 1, N);
        fill_tensor(&t, 3, 0, data);
        for (size_t i = 0; i < N; i++) {
            double value = dtype_value(t.dtype, dtype_load(t.dtype, data, i));
            least = fmin(least, fabs(value));
            most = fmax(most, fabs(value));
            negative |= value < 0;
        }
        assert_true(least >= fills[f].least && most <= fills[f].most);
        assert_true(most > 0.95 * fills[f].most);
        assert_true(least <= fills[f].least * 1.1 + 1e-9);
        assert_int_equal(negative, fills[f].kind == FILL_REAL || fills[f].low < 0);
    }
}

static void codes_hold_no_nan(void **state)
{
    static const enum dtype types[] = {DTYPE_E4M3FN, DTYPE_E4M3FNUZ};
    enum { N = 65536 };
    static uint8_t codes[N];
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct tensor t = tensor_of(types[k], FILL_CODES, 0, 255);
        bool seen[256] = {false};
        size_t distinct = 0;
        tensor_dense(&t, 1, N);
        fill_tensor(&t, 1, 2, codes);
        for (size_t i = 0; i < N; i++) {
            assert_false(isnan(dtype_value(t.dtype, codes[i])));
            distinct += !seen[codes[i]];
            seen[codes[i]] = true;
        }
        assert_int_equal(distinct, types[k] == DTYPE_E4M3FN ? 254 : 255);
    }
}

/* An element depends on its place in the tensor, not on the stride, the rows or what is around. */
static void stride_does_not_matter(void **state)
{
    enum { ROWS = 37, COLS = 53, STRIDE = 64 };
    static uint16_t dense[ROWS * COLS], wide[ROWS * STRIDE];
    struct tensor t = tensor_of(DTYPE_BF16, FILL_REAL, -2, 2);
    (void)state;
    tensor_dense(&t, ROWS, COLS);
    fill_tensor(&t, 5, 1, dense);
    t.stride = STRIDE;
    memset(wide, 0xAB, sizeof(wide));
    fill_tensor(&t, 5, 1, wide);
    for (size_t r = 0; r < ROWS; r++) {
        assert_memory_equal(wide + r * STRIDE, dense + r * COLS, COLS * sizeof(*dense));
        for (size_t c = COLS; c < STRIDE; c++)
            assert_int_equal(wide[r * STRIDE + c], 0xABAB);
    }
}

static void seeds_and_tensors_differ(void **state)
{
    enum { N = 4096 };
    static uint16_t a[N], b[N], c[N];
    struct tensor t = tensor_of(DTYPE_F16, FILL_REAL, -2, 2);
    (void)state;
    tensor_dense(&t, 1, N);
    fill_tensor(&t, 5, 1, a);
    fill_tensor(&t, 6, 1, b);
    fill_tensor(&t, 5, 2, c);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, c, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),     cmocka_unit_test(philox_in_pieces),
        cmocka_unit_test(range_reaches_its_ends),   cmocka_unit_test(values_keep_their_range),
        cmocka_unit_test(codes_hold_no_nan),        cmocka_unit_test(stride_does_not_matter),
        cmocka_unit_test(seeds_and_tensors_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
