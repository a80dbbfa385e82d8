#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/base/temp_folder.h"
#include "harness/case/fake_op.h"
#include "harness/case/table.h"

const struct op *const op_list[] = {FAKE_OPS, NULL};

static struct temp_folder folder;

static int make_folder(void **state)
{
    (void)state;
    temp_folder_make(&folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temp_folder_remove(&folder);
    return 0;
}

/* The table's cases, as "tokens/topk/mode/shift" with a blank between, beginning at `first`. */
static const char *values(const struct table *table, size_t first)
{
    static char text[4096];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = first; i < table->count; i++) {
        const int64_t *v = table->entry[i].kase.value;
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%d/%d/%d/%d",
                                 i > first ? " " : "", (int)v[0], (int)v[1], (int)v[2], (int)v[3]);
    }
    return text;
}

static void expands(const char *line, const char *wanted)
{
    struct table table;
    struct error err;
    table_init(&table);
    if (!table_add_line(&table, line, "argument 1", &err))
        fail_msg("%s", err.text);
    assert_string_equal(values(&table, 0), wanted);
    table_release(&table);
}

static void test_lists(void **state)
{
    (void)state;
    expands("fake_sort", "4/2/1/-3");
    expands("fake_sort tokens=1,7,5..8", "1/2/1/-3 7/2/1/-3 5/2/1/-3 6/2/1/-3 7/2/1/-3 8/2/1/-3");
    expands("fake_sort tokens=0..1024..512,9..9", "0/2/1/-3 512/2/1/-3 1024/2/1/-3 9/2/1/-3");
    expands("fake_sort tokens=0..10..4", "0/2/1/-3 4/2/1/-3 8/2/1/-3");
    expands("fake_sort shift=-2..-1,-100", "4/2/1/-2 4/2/1/-1 4/2/1/-100");
    expands("fake_sort tokens=0x10..0x11", "16/2/1/-3 17/2/1/-3");
    expands("fake_sort topk=3..4 mode=transposed,plain tokens=1,2",
            "1/3/2/-3 2/3/2/-3 1/3/0/-3 2/3/0/-3 1/4/2/-3 2/4/2/-3 1/4/0/-3 2/4/0/-3");
}

static void test_range_at_the_limits(void **state)
{
    (void)state;
    struct table table;
    struct error err;
    table_init(&table);
    assert_true(table_add_line(
        &table, "fake_wide n=-0x8000000000000000..0x7fffffffffffffff..0x7fffffffffffffff", "x",
        &err));
    assert_int_equal(table.count, 3);
    assert_int_equal(table.entry[0].kase.value[0], INT64_MIN);
    assert_int_equal(table.entry[1].kase.value[0], -1);
    assert_int_equal(table.entry[2].kase.value[0], INT64_MAX - 1);
    table_release(&table);
}

static void test_shared_keys(void **state)
{
    (void)state;
    struct table table;
    struct error err;
    table_init(&table);
    assert_true(table_add_line(
        &table, "fake_sort tokens=1..2 seed=9 tag=smoke in.x=1,2 expect=refuse:rows_limit", "a",
        &err));
    assert_true(table_add_line(&table, "fake_sort tokens=3", "b", &err));
    assert_int_equal(table.count, 3);
    for (size_t i = 0; i < 2; i++) {
        const struct table_entry *entry = &table.entry[i];
        assert_int_equal(entry->kase.seed, 9);
        assert_string_equal(entry->kase.refuse, "rows_limit");
        assert_string_equal(entry->kase.literals, "in.x=1,2");
        assert_int_equal(entry->tag, TAG_SMOKE);
        assert_int_equal(entry->line, 0);
        assert_string_equal(table.source[entry->source], "a");
    }
    assert_ptr_not_equal(table.entry[0].kase.literals, table.entry[1].kase.literals);
    assert_int_equal(table.entry[2].tag, TAG_CI);
    assert_string_equal(table.source[table.entry[2].source], "b");
    assert_null(table.entry[2].kase.literals);
    table_release(&table);
}

/* The text is refused with exactly this error, and the table keeps what it held. */
static void refused(const char *text, const char *error)
{
    struct table table;
    struct error err;
    table_init(&table);
    assert_true(table_add_line(&table, "fake_sort tokens=1..2 in.x=1", "before", &err));
    assert_false(table_read_memory(&table, text, strlen(text), "x.cases", &err));
    assert_string_equal(err.text, error);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_int_equal(table.count, 2);
    assert_int_equal(table.n_sources, 1);
    assert_int_equal(table.literal_bytes, 12);
    assert_string_equal(values(&table, 0), "1/2/1/-3 2/2/1/-3");
    table_release(&table);
}

#define TOKENS " tokens takes 0..16777216"

static void test_list_errors(void **state)
{
    (void)state;
    refused("fake_sort tokens=1,9x,3", "x.cases:1: tokens=9x: not a number;" TOKENS);
    refused("fake_sort tokens=", "x.cases:1: tokens=: no value;" TOKENS);
    refused("fake_sort tokens=1,,2", "x.cases:1: tokens=: no value;" TOKENS);
    refused("fake_sort tokens=1,", "x.cases:1: tokens=: no value;" TOKENS);
    refused("fake_sort tokens=1..", "x.cases:1: tokens=: no value;" TOKENS);
    refused("fake_sort tokens=..1", "x.cases:1: tokens=: no value;" TOKENS);
    refused("fake_sort tokens=1...3", "x.cases:1: tokens=.3: not a number;" TOKENS);
    refused("fake_sort tokens=8..1", "x.cases:1: tokens=8..1: the range runs backwards;" TOKENS);
    refused("fake_sort tokens=1..99999999", "x.cases:1: tokens=99999999: out of range;" TOKENS);
    refused("fake_sort tokens=1..8..0",
            "x.cases:1: tokens=1..8..0: the step of a range lies in 1..2^63-1;" TOKENS);
    refused("fake_sort tokens=1..8..-2",
            "x.cases:1: tokens=1..8..-2: the step of a range lies in 1..2^63-1;" TOKENS);
    refused("fake_sort tokens=1..8..x",
            "x.cases:1: tokens=1..8..x: the step of a range is not a number;" TOKENS);
    refused("fake_sort tokens=1..8..2..2",
            "x.cases:1: tokens=1..8..2..2: the step of a range is not a number;" TOKENS);
    refused("fake_sort mode=plain..shuffled", "x.cases:1: mode=plain..shuffled: unknown name; "
                                              "mode takes plain, shuffled, transposed");
    refused("fake_sort tokens=1 tokens=2", "x.cases:1: tokens=2: the key is given twice;" TOKENS);
    refused("fake_sort seed=1,2", "x.cases:1: seed=1,2: a list; one value is wanted here; "
                                  "seed takes 0..0xffffffffffffffff");
    refused("fake_sort tag=weekly",
            "x.cases:1: tag=weekly: unknown tag; tag takes smoke, ci, nightly");
    refused("fake_sort tga=ci", "x.cases:1: tga=ci: unknown key (did you mean tag?); fake_sort "
                                "takes tokens, topk, mode, shift, seed, expect, tag, in.TENSOR, "
                                "want.TENSOR");
}

static void test_too_many_cases(void **state)
{
    (void)state;
    static const char end[] = "too many cases; a table holds at most 1048576";
    char error[256];
    snprintf(error, sizeof(error), "x.cases:1: tokens=0..16777216: %s;" TOKENS, end);
    refused("fake_sort tokens=0..16777216", error);
    snprintf(error, sizeof(error),
             "x.cases:1: n=-9223372036854775808..9223372036854775807: %s; "
             "n takes -9223372036854775808..9223372036854775807",
             end);
    refused("fake_wide n=-9223372036854775808..9223372036854775807", error);
    snprintf(error, sizeof(error), "x.cases:1: topk=1..64: %s; topk takes 1..64", end);
    refused("fake_sort tokens=0..16383 topk=1..64", error); /* 2^20, and there are 2 */

    struct table table;
    struct error err;
    table_init(&table);
    assert_true(table_add_line(&table, "fake_sort tokens=0..16383 topk=1..64", "x", &err));
    assert_int_equal(table.count, TABLE_MAX_CASES);
    assert_false(table_add_line(&table, "fake_sort", "argument 9", &err));
    assert_string_equal(err.text, "argument 9: too many cases; a table holds at most 1048576");
    assert_int_equal(table.count, TABLE_MAX_CASES);
    assert_int_equal(table.n_sources, 1);
    table_release(&table);
}

/* Every case owns its literals: a line must not multiply them without a bound. */
static void test_too_many_literals(void **state)
{
    (void)state;
    enum { VALUES = 1000 };
    char *line = malloc(64 + 2 * VALUES);
    assert_non_null(line);
    size_t used = (size_t)snprintf(line, 64, "fake_sort tokens=1..100000 in.x=1");
    for (int i = 1; i < VALUES; i++)
        used += (size_t)snprintf(line + used, 3, ",1");
    refused(line, "x.cases:1: too many literals: 100000 cases of 2004 bytes; "
                  "a table holds at most 67108864 bytes");
    free(line);
}

static void test_lines(void **state)
{
    (void)state;
    static const char text[] = "# fake_sort tokens=9\r\n"
                               "\r\n"
                               "\t fake_sort tokens=1 # fake_sort\\\r\n"
                               "fake_sort to\\\r\n"
                               "kens=2 \\\n"
                               "topk=3 # tail \\\n"
                               "   # comment \\\n"
                               "fake_sort topk=5"; /* no line end */
    struct table table;
    struct error err;
    table_init(&table);
    assert_true(table_read_memory(&table, text, strlen(text), "x.cases", &err));
    assert_string_equal(values(&table, 0), "1/2/1/-3 2/3/1/-3 4/5/1/-3");
    assert_int_equal(table.entry[0].line, 3);
    assert_int_equal(table.entry[1].line, 4);
    assert_int_equal(table.entry[2].line, 8);
    assert_int_equal(table.n_sources, 1);
    table_release(&table);
}

static void test_line_errors(void **state)
{
    (void)state;
    refused("\n\nfake_sort \\\ntokens=x", "x.cases:3: tokens=x: not a number;" TOKENS);
    refused("fake_sort\nfake_sort \\", "x.cases:2: a backslash joins the last line with nothing");
    refused("include other.cases", "x.cases:1: include: only a table file can include another");
    struct table table;
    struct error err;
    table_init(&table);
    assert_false(table_read_memory(&table, "fake_sort\0", 10, "x.cases", &err));
    assert_string_equal(err.text, "x.cases: binary data, not text");
    assert_true(table_read_memory(&table, NULL, 0, "x.cases", &err));
    assert_int_equal(table.count, 0);
    table_release(&table);
}

static void test_long_lines(void **state)
{
    (void)state;
    char *text = malloc(2 * KASE_MAX_LINE);
    assert_non_null(text);
    memset(text, ' ', 2 * KASE_MAX_LINE);
    memcpy(text, "fake_sort", 9);
    text[KASE_MAX_LINE] = '\0';
    refused(text, "x.cases:1: the line is too long; a case takes at most 65535 bytes");
    memcpy(text + 100, "\\\n", 2);
    text[KASE_MAX_LINE] = ' ';
    text[KASE_MAX_LINE + 2] = '\0';
    refused(text, "x.cases:1: the joined line is too long; at most 65535 bytes");
    text[KASE_MAX_LINE + 1] = '\0';
    struct table table;
    struct error err;
    table_init(&table);
    assert_true(table_read_memory(&table, text, strlen(text), "x.cases", &err));
    assert_int_equal(table.count, 1);
    table_release(&table);
    free(text);
}

/* Reading the file fails with this text, in which % stands for the folder. */
static void cannot_read(const char *name, const char *wanted)
{
    struct table table;
    struct error err;
    char path[TEMP_PATH], text[sizeof(err.text)];
    size_t used = 0;
    for (; *wanted; wanted++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%.*s", *wanted == '%' ? 200 : 1,
                                 *wanted == '%' ? folder.path : wanted);
    table_init(&table);
    assert_true(table_add_line(&table, "fake_sort", "before", &err));
    assert_false(table_read(&table, temp_folder_path(&folder, name, path), &err));
    assert_string_equal(err.text, text);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_int_equal(table.count, 1);
    assert_int_equal(table.n_sources, 1);
    table_release(&table);
}

static void test_includes(void **state)
{
    (void)state;
    struct table table;
    struct error err;
    char path[TEMP_PATH], text[2 * TEMP_PATH], inner[TEMP_PATH];
    assert_int_equal(mkdir(temp_folder_path(&folder, "sub", path), 0777), 0);
    snprintf(text, sizeof(text),
             "fake_sort tokens=1\ninclude sub/b.cases # twice\ninclude\tsub/b.cases\n"
             "include %s/c.cases\n",
             folder.path);
    temp_folder_puts(&folder, "a.cases", text);
    temp_folder_puts(&folder, "sub/b.cases", "fake_sort tokens=2\r\ninclude ../c.cases \r\n");
    temp_folder_puts(&folder, "c.cases", "\nfake_sort tokens=3");
    table_init(&table);
    assert_true(table_read(&table, temp_folder_path(&folder, "a.cases", path), &err));
    assert_string_equal(values(&table, 0), "1/2/1/-3 2/2/1/-3 3/2/1/-3 2/2/1/-3 3/2/1/-3 3/2/1/-3");
    assert_int_equal(table.n_sources, 6);
    assert_int_equal(table.entry[2].line, 2);
    assert_string_equal(table.source[table.entry[0].source], path);
    assert_string_equal(table.source[table.entry[2].source],
                        temp_folder_path(&folder, "sub/../c.cases", inner));
    table_release(&table);
    unlink(temp_folder_path(&folder, "sub/b.cases", path));
}

static void test_include_errors(void **state)
{
    (void)state;
    temp_folder_puts(&folder, "a", "fake_sort\ninclude b");
    cannot_read("a", "%/a:2: include: %/b: No such file or directory");
    temp_folder_puts(&folder, "b", "include a");
    cannot_read("a", "%/b:1: include: %/a: a cycle: the file includes itself");
    temp_folder_puts(&folder, "b", "include ./b");
    cannot_read("b", "%/b:1: include: %/./b: a cycle: the file includes itself");
    temp_folder_puts(&folder, "b", "include .");
    cannot_read("a", "%/b:1: include: %/.: is a folder, not a file");
    temp_folder_puts(&folder, "b", " include \t");
    cannot_read("a", "%/b:1: include: no value; include takes a file's path");
    temp_folder_puts(&folder, "b", "fake_sort tokens=1..5\nfake_sort tokens=x");
    cannot_read("a", "%/b:2: tokens=x: not a number;" TOKENS);
    temp_folder_put(&folder, "b", "fake_sort\0", 10);
    cannot_read("a", "%/a:2: include: %/b: a binary file, not text (byte 9 is 0)");
    cannot_read("b", "%/b: a binary file, not text (byte 9 is 0)");
    cannot_read("nothing", "%/nothing: No such file or directory");
    char *text = malloc(8192);
    assert_non_null(text);
    snprintf(text, 8192, "include %08000d", 0);
    temp_folder_puts(&folder, "b", text);
    free(text);
    cannot_read("b", "%/b:1: include: the path is too long");
}

static void test_huge_file(void **state)
{
    (void)state;
    char path[TEMP_PATH];
    temp_folder_puts(&folder, "huge", "fake_sort\n");
    assert_int_equal(truncate(temp_folder_path(&folder, "huge", path), TABLE_MAX_FILE + 1), 0);
    cannot_read("huge", "%/huge: too large; at most 16777216 bytes are read");
}

/* f0 includes f1 and so on; the last one has no more room. */
static void test_deep_includes(void **state)
{
    (void)state;
    for (int i = 0; i <= TABLE_MAX_DEPTH; i++) {
        char name[16], text[32];
        snprintf(name, sizeof(name), "f%d", i);
        snprintf(text, sizeof(text), "include f%d\nfake_sort", i + 1);
        temp_folder_puts(&folder, name, i == TABLE_MAX_DEPTH ? "fake_sort" : text);
    }
    cannot_read("f0", "%/f15:1: include: %/f16: includes are nested more than 16 deep");
    struct table table;
    struct error err;
    char path[TEMP_PATH];
    table_init(&table);
    assert_true(table_read(&table, temp_folder_path(&folder, "f1", path), &err));
    assert_int_equal(table.count, TABLE_MAX_DEPTH);
    table_release(&table);
}

/* Ten files of ten includes each would read 10^10 files. */
static void test_explosive_includes(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        char name[16], text[256] = "";
        size_t used = 0;
        for (int j = 0; j < 10; j++)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "include f%d\n", i + 1);
        snprintf(name, sizeof(name), "f%d", i);
        temp_folder_puts(&folder, name, text);
    }
    temp_folder_puts(&folder, "f10", "");
    struct table table;
    struct error err;
    char path[TEMP_PATH];
    table_init(&table);
    assert_false(table_read(&table, temp_folder_path(&folder, "f0", path), &err));
    assert_non_null(strstr(err.text, ": more than 1024 files"));
    assert_int_equal(table.n_sources, 0);
    table_release(&table);
}

static void test_tags(void **state)
{
    (void)state;
    enum table_tag tag;
    for (enum table_tag t = TAG_SMOKE; t <= TAG_NIGHTLY; t++) {
        assert_true(table_tag_parse(table_tag_name(t), &tag));
        assert_int_equal(tag, t);
    }
    assert_true(TAG_SMOKE < TAG_CI && TAG_CI < TAG_NIGHTLY);
    assert_false(table_tag_parse("Smoke", &tag));
}

#define FOLDER_TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),          cmocka_unit_test(test_range_at_the_limits),
        cmocka_unit_test(test_shared_keys),    cmocka_unit_test(test_list_errors),
        cmocka_unit_test(test_too_many_cases), cmocka_unit_test(test_too_many_literals),
        cmocka_unit_test(test_lines),          cmocka_unit_test(test_line_errors),
        cmocka_unit_test(test_long_lines),     FOLDER_TEST(test_includes),
        FOLDER_TEST(test_include_errors),      FOLDER_TEST(test_huge_file),
        FOLDER_TEST(test_deep_includes),       FOLDER_TEST(test_explosive_includes),
        cmocka_unit_test(test_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
