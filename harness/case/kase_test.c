#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/case/fake_op.h"
#include "harness/case/kase.h"

const struct op *const op_list[] = {FAKE_OPS, NULL};

static void parse(struct kase *kase, const char *line)
{
    struct error err;
    if (!kase_parse(kase, line, "test", &err))
        fail_msg("%s: %s", line, err.text);
}

/* The line is refused with exactly this text, and what the case held is left as it was. */
static void refused(const char *line, const char *text)
{
    struct kase kase = {0}, before = {0};
    struct error err;
    parse(&kase, "fake_sort topk=7 in.x=1");
    assert_true(kase_copy(&before, &kase, &err));
    assert_false(kase_parse(&kase, line, "x.cases:12", &err));
    assert_string_equal(err.text, text);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_true(kase_equal(&kase, &before));
    kase_release(&kase);
    kase_release(&before);
}

/* `line` reads as a case whose canonical line is `canonical`, which reads as the same case. */
static void formats(const char *line, const char *canonical)
{
    struct kase kase = {0}, again = {0};
    struct error err;
    static char text[KASE_MAX_LINE];
    parse(&kase, line);
    assert_true(kase_format(&kase, text, sizeof(text), &err));
    assert_string_equal(text, canonical);
    parse(&again, text);
    assert_true(kase_equal(&kase, &again));
    kase_release(&kase);
    kase_release(&again);
}

static void test_defaults(void **state)
{
    (void)state;
    struct kase kase;
    kase_init(&kase, &fake_sort);
    assert_int_equal(kase.value[0], 4);
    assert_int_equal(kase.value[3], -3);
    assert_null(kase.literals);
    formats("fake_sort", "fake_sort tokens=4 topk=2 mode=shuffled shift=-3 seed=0x0");
    formats("fake_wide", "fake_wide n=0 seed=0x0");
}

static void test_values(void **state)
{
    (void)state;
    struct kase kase = {0};
    parse(&kase, "\tfake_sort  seed=27 shift=-0x10\tmode=transposed tokens=0x1000000 topk=007 ");
    assert_ptr_equal(kase.op, &fake_sort);
    assert_int_equal(kase.value[0], 16777216);
    assert_int_equal(kase.value[1], 7);
    assert_int_equal(kase.value[2], 2);
    assert_int_equal(kase.value[3], -16);
    assert_int_equal(kase.seed, 27);
    assert_string_equal(kase.refuse, "");
}

static void test_canonical(void **state)
{
    (void)state;
    formats("fake_sort shift=-100 seed=0x1B mode=plain",
            "fake_sort tokens=4 topk=2 mode=plain shift=-100 seed=0x1b");
    formats("fake_sort  want.y[0x3]=1*2\tin.x=nan,-0x1p-3*7 expect=refuse:short_input",
            "fake_sort tokens=4 topk=2 mode=shuffled shift=-3 seed=0x0 expect=refuse:short_input "
            "want.y[0x3]=1*2 in.x=nan,-0x1p-3*7");
    formats("fake_wide n=-9223372036854775808 seed=18446744073709551615",
            "fake_wide n=-9223372036854775808 seed=0xffffffffffffffff");
    formats("fake_wide n=0x7fffffffffffffff", "fake_wide n=9223372036854775807 seed=0x0");
}

static void test_operator_errors(void **state)
{
    (void)state;
    refused("", "x.cases:12: : no operator; a line begins with one of fake_sort, fake_wide");
    refused("fake_sotr", "x.cases:12: fake_sotr: no such operator (did you mean fake_sort?); "
                         "a line begins with one of fake_sort, fake_wide");
    refused("tokens=1", "x.cases:12: tokens=1: no such operator; "
                        "a line begins with one of fake_sort, fake_wide");
}

#define SORT_KEYS                                                                                  \
    "; fake_sort takes tokens, topk, mode, shift, seed, expect, in.TENSOR, want.TENSOR"

static void test_key_errors(void **state)
{
    (void)state;
    refused("fake_sort toknes=1",
            "x.cases:12: toknes=1: unknown key (did you mean tokens?)" SORT_KEYS);
    refused("fake_sort rows=1", "x.cases:12: rows=1: unknown key" SORT_KEYS);
    refused("fake_sort tag=ci", "x.cases:12: tag=ci: unknown key" SORT_KEYS);
    refused("fake_sort topk", "x.cases:12: topk: not KEY=VALUE" SORT_KEYS);
    refused("fake_sort =1", "x.cases:12: =1: unknown key" SORT_KEYS);
    refused("fake_sort \x1b[31m=1", "x.cases:12: ?[31m=1: unknown key" SORT_KEYS);
    refused("fake_sort topk=1 topk=1",
            "x.cases:12: topk=1: the key is given twice; topk takes 1..64");
    refused("fake_sort seed=1 tokens=1 seed=1",
            "x.cases:12: seed=1: the key is given twice; seed takes 0..0xffffffffffffffff");
}

#define TOKENS " tokens takes 0..16777216"

static void test_value_errors(void **state)
{
    (void)state;
    refused("fake_sort tokens=9x", "x.cases:12: tokens=9x: not a number;" TOKENS);
    refused("fake_sort tokens=+9", "x.cases:12: tokens=+9: not a number;" TOKENS);
    refused("fake_sort tokens=0x", "x.cases:12: tokens=0x: not a number;" TOKENS);
    refused("fake_sort tokens=-", "x.cases:12: tokens=-: not a number;" TOKENS);
    refused("fake_sort tokens=1\n", "x.cases:12: tokens=1?: not a number;" TOKENS);
    refused("fake_sort tokens=", "x.cases:12: tokens=: no value;" TOKENS);
    refused("fake_sort tokens=-1", "x.cases:12: tokens=-1: out of range;" TOKENS);
    refused("fake_sort tokens=16777217", "x.cases:12: tokens=16777217: out of range;" TOKENS);
    refused("fake_sort tokens=18446744073709551617",
            "x.cases:12: tokens=18446744073709551617: out of range;" TOKENS);
    refused("fake_sort tokens=1,2",
            "x.cases:12: tokens=1,2: a list; one value is wanted here;" TOKENS);
    refused("fake_sort tokens=1..2",
            "x.cases:12: tokens=1..2: a list; one value is wanted here;" TOKENS);
    refused("fake_wide n=9223372036854775808", "x.cases:12: n=9223372036854775808: out of range; "
                                               "n takes -9223372036854775808..9223372036854775807");
    refused("fake_sort mode=shufled", "x.cases:12: mode=shufled: unknown name "
                                      "(did you mean shuffled?); "
                                      "mode takes plain, shuffled, transposed");
    refused("fake_sort mode=1",
            "x.cases:12: mode=1: unknown name; mode takes plain, shuffled, transposed");
    refused("fake_sort mode=",
            "x.cases:12: mode=: no value; mode takes plain, shuffled, transposed");
    refused("fake_sort mode=plain,shuffled",
            "x.cases:12: mode=plain,shuffled: a list; one value is wanted here; "
            "mode takes plain, shuffled, transposed");
    refused("fake_sort seed=-1",
            "x.cases:12: seed=-1: not a number; seed takes 0..0xffffffffffffffff");
    refused("fake_sort seed=0x10000000000000000", "x.cases:12: seed=0x10000000000000000: "
                                                  "out of range; "
                                                  "seed takes 0..0xffffffffffffffff");
}

static void test_expect_errors(void **state)
{
    (void)state;
    refused("fake_sort expect=pass", "x.cases:12: expect=pass: not refuse:REASON; "
                                     "expect takes refuse:rows_limit, refuse:short_input");
    refused("fake_sort expect=refuse:row_limit",
            "x.cases:12: expect=refuse:row_limit: unknown reason (did you mean rows_limit?); "
            "expect takes refuse:rows_limit, refuse:short_input");
    refused("fake_wide expect=refuse:rows_limit",
            "x.cases:12: expect=refuse:rows_limit: unknown reason; expect takes nothing here");
}

#define LITERALS " takes V,V*N,..."

static void test_literal_errors(void **state)
{
    (void)state;
    static const char *const names[] = {"in.", "in.3x", "in.x-y", "want.[1]"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char line[64], text[256];
        snprintf(line, sizeof(line), "fake_sort %s=1", names[i]);
        snprintf(text, sizeof(text),
                 "x.cases:12: %s=1: a tensor's name is made of letters, digits and _; %s" LITERALS,
                 names[i], names[i]);
        refused(line, text);
    }
    refused("fake_sort in.abcdefghijklmnopqrstuvwxyzabcdef=1",
            "x.cases:12: in.abcdefghijklmnopqrstuvwxyzabcdef=1: a tensor's name has at most 31 "
            "letters; in.abcdefghijklmnopqrstuvwxyzabcdef" LITERALS);
    static const char *const values[] = {"", "1,", "1,,2", "x", "1e", "0x", "(1)"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char line[64], text[256];
        snprintf(line, sizeof(line), "fake_sort in.x=%s", values[i]);
        snprintf(text, sizeof(text),
                 "x.cases:12: in.x=%s: a value is a number, or raw bits as 0x...; in.x" LITERALS,
                 values[i]);
        refused(line, text);
    }
    static const char *const repeats[] = {"1*", "1*0", "1*-1", "1*2*3", "1*18446744073709551616"};
    for (size_t i = 0; i < sizeof(repeats) / sizeof(repeats[0]); i++) {
        char line[64], text[256];
        snprintf(line, sizeof(line), "fake_sort in.x=%s", repeats[i]);
        snprintf(text, sizeof(text),
                 "x.cases:12: in.x=%s: V*N repeats V a whole number of times, from 1 on; "
                 "in.x" LITERALS,
                 repeats[i]);
        refused(line, text);
    }
}

static void test_literal_index_errors(void **state)
{
    (void)state;
    refused("fake_sort in.x[1=1",
            "x.cases:12: in.x[1=1: the first index is written as [FIRST]; in.x[1" LITERALS);
    refused("fake_sort in.x[]=1", "x.cases:12: in.x[]=1: the first index must be a whole number "
                                  "from 0 on; in.x[]" LITERALS);
    refused("fake_sort in.x[=1",
            "x.cases:12: in.x[=1: the first index is written as [FIRST]; in.x[" LITERALS);
    refused("fake_sort in.x[-1]=1", "x.cases:12: in.x[-1]=1: the first index must be a whole "
                                    "number from 0 on; in.x[-1]" LITERALS);
    refused("fake_sort in.x[18446744073709551615]=1*2",
            "x.cases:12: in.x[18446744073709551615]=1*2: the last index does not fit 64 bits; "
            "in.x[18446744073709551615]" LITERALS);
    refused("fake_sort in.x=1*4 in.x[3]=1", "x.cases:12: in.x[3]=1: elements that the line sets "
                                            "already; in.x[3]" LITERALS);
    struct kase kase = {0};
    parse(&kase, "fake_sort in.x=1*4 in.x[4]=1 want.x=2 in.xy=3");
    assert_string_equal(kase.literals, "in.x=1*4 in.x[4]=1 want.x=2 in.xy=3");
    kase_release(&kase);
}

static void test_literal_walk(void **state)
{
    (void)state;
    struct kase kase = {0};
    parse(&kase, "fake_sort in.x[3]=0x7fc0,2*4 seed=1 want.out=-inf");
    const char *cursor = kase.literals;
    struct literal literal;
    char text[64];
    size_t repeat;
    assert_true(literal_next(&cursor, &literal));
    assert_true(literal.is_input);
    assert_string_equal(literal.tensor, "x");
    assert_int_equal(literal.first, 3);
    const char *value = literal.values, *end = value + literal.values_length;
    assert_true(literal_value(&value, end, text, &repeat));
    assert_string_equal(text, "0x7fc0");
    assert_int_equal(repeat, 1);
    assert_true(literal_value(&value, end, text, &repeat));
    assert_string_equal(text, "2");
    assert_int_equal(repeat, 4);
    assert_false(literal_value(&value, end, text, &repeat));
    assert_true(literal_next(&cursor, &literal));
    assert_false(literal.is_input);
    assert_string_equal(literal.tensor, "out");
    assert_int_equal(literal.first, 0);
    assert_false(literal_next(&cursor, &literal));
    cursor = NULL;
    assert_false(literal_next(&cursor, &literal));
    kase_release(&kase);
}

static void test_literal_limits(void **state)
{
    (void)state;
    static char line[KASE_MAX_LINE];
    size_t used = (size_t)snprintf(line, sizeof(line), "fake_sort");
    for (int i = 0; i < KASE_MAX_LITERALS; i++)
        used += (size_t)snprintf(line + used, sizeof(line) - used, " in.x[%d]=1", i);
    struct kase kase = {0};
    parse(&kase, line);
    kase_release(&kase);
    snprintf(line + used, sizeof(line) - used, " in.y=1");
    refused(line, "x.cases:12: in.y=1: more than 64 literals; in.y" LITERALS);
}

/* The longest line that is accepted still formats and reads back. */
static void test_line_limits(void **state)
{
    (void)state;
    char *line = malloc(KASE_MAX_LINE + 2), *text = malloc(KASE_MAX_LINE);
    assert_non_null(line);
    assert_non_null(text);
    const char *begin = "fake_wide in.x=";
    size_t used = strlen(begin), literals = KASE_MAX_LITERAL_BYTES - 2;
    memcpy(line, begin, used);
    memset(line + used, '1', KASE_MAX_LINE + 2 - used);
    for (size_t i = used + 1; i < KASE_MAX_LINE; i += 2)
        line[i] = ',';
    struct error err;
    struct kase kase = {0}, again = {0};
    line[KASE_MAX_LINE] = '\0';
    assert_false(kase_parse(&kase, line, "x", &err));
    assert_string_equal(err.text, "x: the line is too long; a case takes at most 65535 bytes");
    line[strlen("fake_wide ") + literals + 2] = '\0';
    assert_false(kase_parse(&kase, line, "x", &err));
    assert_non_null(strstr(err.text, "too many literals: over 57344 bytes; in.x takes"));
    line[strlen("fake_wide ") + literals] = '\0';
    parse(&kase, line);
    assert_true(kase_format(&kase, text, KASE_MAX_LINE, &err));
    parse(&again, text);
    assert_true(kase_equal(&kase, &again));
    kase_release(&kase);
    kase_release(&again);
    free(line);
    free(text);
}

static void test_format_errors(void **state)
{
    (void)state;
    struct kase kase;
    struct error err;
    char text[64] = "before";
    kase_init(&kase, &fake_sort);
    const char *line = "fake_sort tokens=4 topk=2 mode=shuffled shift=-3 seed=0x0";
    assert_false(kase_format(&kase, text, strlen(line), &err));
    assert_string_equal(text, "");
    assert_int_equal(err.kind, ERROR_INTERNAL);
    assert_true(kase_format(&kase, text, strlen(line) + 1, &err));
    assert_string_equal(text, line);
    assert_false(kase_format(&kase, text, 0, &err));
    static const struct {
        size_t param;
        int64_t value;
    } outside[] = {{0, -1}, {1, 65}, {2, 3}, {2, -1}};
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        kase_init(&kase, &fake_sort);
        kase.value[outside[i].param] = outside[i].value;
        assert_false(kase_format(&kase, text, sizeof(text), &err));
        assert_string_equal(text, "");
    }
}

static void test_equal_and_copy(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "fake_sort",        "fake_wide",          "fake_sort tokens=5",
        "fake_sort seed=1", "fake_sort shift=-4", "fake_sort in.x=1",
        "fake_sort in.x=2", "fake_sort want.x=1", "fake_sort expect=refuse:rows_limit"};
    enum { COUNT = sizeof(lines) / sizeof(lines[0]) };
    struct kase kase[COUNT] = {{0}}, copy = {0};
    struct error err;
    for (size_t i = 0; i < COUNT; i++)
        parse(&kase[i], lines[i]);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(kase_copy(&copy, &kase[i], &err));
        for (size_t j = 0; j < COUNT; j++)
            assert_int_equal(kase_equal(&copy, &kase[j]), i == j);
    }
    kase_release(&copy);
    for (size_t i = 0; i < COUNT; i++)
        kase_release(&kase[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),       cmocka_unit_test(test_values),
        cmocka_unit_test(test_canonical),      cmocka_unit_test(test_operator_errors),
        cmocka_unit_test(test_key_errors),     cmocka_unit_test(test_value_errors),
        cmocka_unit_test(test_expect_errors),  cmocka_unit_test(test_literal_errors),
        cmocka_unit_test(test_literal_walk),   cmocka_unit_test(test_literal_index_errors),
        cmocka_unit_test(test_literal_limits), cmocka_unit_test(test_line_limits),
        cmocka_unit_test(test_format_errors),  cmocka_unit_test(test_equal_and_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
