#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/base/text.h"

static void test_text_grows_to_its_maximum(void **state)
{
    (void)state;
    for (size_t max = 1; max < 600; max += 7) {
        struct text text;
        struct error err;
        text_init(&text, max);
        for (size_t i = 1; i < max; i++)
            text_append(&text, "x", 1);
        assert_true(text_check(&text, "it", &err));
        assert_int_equal(text.length, max - 1);
        assert_true(!text.length || strlen(text.data) == text.length);
        text_append(&text, "y", 1);
        assert_false(text_check(&text, "it", &err));
        assert_int_equal(text.length, max - 1);
        text_release(&text);
    }
}

static void test_text_failure_sticks(void **state)
{
    (void)state;
    struct text text;
    struct error err;
    text_init(&text, 8);
    text_printf(&text, "%d-%s", 12, "ab");
    assert_string_equal(text.data, "12-ab");
    text_printf(&text, "%s", "cde");
    assert_true(text.failed);
    text_puts(&text, "x");
    assert_string_equal(text.data, "12-ab");
    assert_false(text_check(&text, "the line", &err));
    assert_string_equal(err.text, "the line: longer than 7 bytes");
    text_release(&text);
    assert_false(text.failed);
    text_append(&text, "", SIZE_MAX);
    assert_true(text.failed);
}

static void test_text_take(void **state)
{
    (void)state;
    struct text text;
    text_init(&text, 100);
    assert_null(text_take(&text));
    text_puts(&text, "");
    char *data = text_take(&text);
    assert_string_equal(data, "");
    free(data);
    text_append(&text, "a\0b", 3);
    assert_int_equal(text.length, 3);
    text_release(&text);
}

static void test_words(void **state)
{
    (void)state;
    struct span rest = span_of(" a\t bc  "), word;
    assert_true(span_word(&rest, &word));
    assert_true(span_equals(word, "a"));
    assert_true(span_word(&rest, &word));
    assert_true(span_equals(word, "bc"));
    assert_false(span_word(&rest, &word));
    assert_true(span_equals(span_trim(span_of("\t a b ")), "a b"));
    assert_int_equal(span_trim(span_of(" \t ")).length, 0);
    assert_false(span_equals(span_of("ab"), "a"));
    assert_false(span_equals(span_of("a"), "ab"));
}

static void check_pieces(const char *text, const char *const *pieces)
{
    struct span rest = span_of(text), piece;
    for (; *pieces; pieces++) {
        assert_true(span_split(&rest, ',', &piece));
        assert_true(span_equals(piece, *pieces));
    }
    assert_false(span_split(&rest, ',', &piece));
}

static void test_split(void **state)
{
    (void)state;
    check_pieces("a,,bc", (const char *const[]){"a", "", "bc", NULL});
    check_pieces("a,", (const char *const[]){"a", "", NULL});
    check_pieces("", (const char *const[]){"", NULL});
}

static void test_lines(void **state)
{
    (void)state;
    static const char *const wanted[] = {"a", "", "b\rc", "", "d"};
    struct span rest = span_of("a\r\n\nb\rc\n\r\nd"), line;
    for (size_t i = 0; i < 5; i++) {
        assert_true(span_line(&rest, &line));
        assert_true(span_equals(line, wanted[i]));
    }
    assert_false(span_line(&rest, &line));
    rest = span_of("a\n");
    assert_true(span_line(&rest, &line));
    assert_false(span_line(&rest, &line));
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum number as_unsigned, as_signed;
        uint64_t value;
    } known[] = {
        {"0", NUMBER_OK, NUMBER_OK, 0},
        {"007", NUMBER_OK, NUMBER_OK, 7},
        {"0x1bF", NUMBER_OK, NUMBER_OK, 0x1bf},
        {"0X10", NUMBER_OK, NUMBER_OK, 16},
        {"9223372036854775807", NUMBER_OK, NUMBER_OK, INT64_MAX},
        {"9223372036854775808", NUMBER_OK, NUMBER_TOO_LARGE, UINT64_C(1) << 63},
        {"-9223372036854775808", NUMBER_MALFORMED, NUMBER_OK, UINT64_C(1) << 63},
        {"-9223372036854775809", NUMBER_MALFORMED, NUMBER_TOO_LARGE, 0},
        {"-0x10", NUMBER_MALFORMED, NUMBER_OK, (uint64_t)-16},
        {"18446744073709551615", NUMBER_OK, NUMBER_TOO_LARGE, UINT64_MAX},
        {"18446744073709551616", NUMBER_TOO_LARGE, NUMBER_TOO_LARGE, 0},
        {"0x10000000000000000", NUMBER_TOO_LARGE, NUMBER_TOO_LARGE, 0},
        {"99999999999999999999999z", NUMBER_MALFORMED, NUMBER_MALFORMED, 0},
        {"", NUMBER_MALFORMED, NUMBER_MALFORMED, 0},
        {"-", NUMBER_MALFORMED, NUMBER_MALFORMED, 0},
        {"--1", NUMBER_MALFORMED, NUMBER_MALFORMED, 0},
        {"+1", NUMBER_MALFORMED, NUMBER_MALFORMED, 0},
        {" 1", NUMBER_MALFORMED, NUMBER_MALFORMED, 0},
        {"1 ", NUMBER_MALFORMED, NUMBER_MALFORMED, 0},
        {"0x", NUMBER_MALFORMED, NUMBER_MALFORMED, 0},
        {"x1", NUMBER_MALFORMED, NUMBER_MALFORMED, 0},
        {"1a", NUMBER_MALFORMED, NUMBER_MALFORMED, 0},
        {"0xg", NUMBER_MALFORMED, NUMBER_MALFORMED, 0},
        {"1.0", NUMBER_MALFORMED, NUMBER_MALFORMED, 0},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint64_t u = 4711;
        int64_t s = 4711;
        assert_int_equal(number_u64(span_of(known[i].text), &u), known[i].as_unsigned);
        assert_int_equal(number_i64(span_of(known[i].text), &s), known[i].as_signed);
        assert_int_equal(u, known[i].as_unsigned == NUMBER_OK ? known[i].value : 4711);
        assert_int_equal(s, known[i].as_signed == NUMBER_OK ? (int64_t)known[i].value : 4711);
    }
}

static void test_glob(void **state)
{
    (void)state;
    assert_true(glob_match("*", ""));
    assert_true(glob_match("moe_*", "moe_sorting tokens=1"));
    assert_true(glob_match("*rows=[12] *", "op rows=2 cols=3"));
    assert_true(glob_match("a?c", "abc"));
    assert_false(glob_match("a?c", "ac"));
    assert_false(glob_match("moe", "moe_sorting"));
    assert_true(glob_match("*/x", "a/b/x"));
}

static void test_show(void **state)
{
    (void)state;
    char out[TEXT_SHOWN], text[2 * TEXT_SHOWN];
    memset(text, 'a', sizeof(text));
    for (size_t length = 0; length < sizeof(text); length++) {
        text_show((struct span){text, length}, out);
        assert_int_equal(strlen(out), length < TEXT_SHOWN ? length : TEXT_SHOWN - 1);
        assert_int_equal(strcmp(out + strlen(out) - (length < 3 ? 0 : 3), "...") == 0,
                         length >= TEXT_SHOWN);
    }
    assert_string_equal(text_show((struct span){"a\n\x1b\0\xff~", 6}, out), "a????~");
}

static const char *best(const char *word)
{
    static const char *const names[] = {"tokens", "topk", "experts", "seed", "n"};
    struct nearest nearest;
    nearest_init(&nearest, span_of(word));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        nearest_offer(&nearest, names[i]);
    return nearest.best ? nearest.best : "none";
}

static void test_nearest(void **state)
{
    (void)state;
    assert_string_equal(best("tokens"), "tokens");
    assert_string_equal(best("toknes"), "tokens");
    assert_string_equal(best("token"), "tokens");
    assert_string_equal(best("Tokenz"), "tokens");
    assert_string_equal(best("expert"), "experts");
    assert_string_equal(best("tpok"), "topk");
    assert_string_equal(best("rows"), "none");
    assert_string_equal(best("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_grows_to_its_maximum),
        cmocka_unit_test(test_text_failure_sticks),
        cmocka_unit_test(test_text_take),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_glob),
        cmocka_unit_test(test_show),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
