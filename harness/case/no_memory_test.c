/*
 * Lets every single allocation of the case language fail, one run after another: each run ends in
 * an error of the right class, leaves what there was, and frees what it took. The allocator is
 * replaced for that, which a sanitizer does too, so that this test is empty under one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/base/temp_folder.h"
#include "harness/case/casefile.h"
#include "harness/case/fake_op.h"
#include "harness/case/table.h"

const struct op *const op_list[] = {FAKE_OPS, NULL};

#if defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#if !(SANITIZED)

extern void *__libc_malloc(size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

static long until_failure = -1; /* allocations that still succeed; negative: all */
static long live;               /* blocks allocated and not freed */

static bool fails(void)
{
    return until_failure >= 0 && until_failure-- == 0;
}

void *malloc(size_t size)
{
    void *block = fails() ? NULL : __libc_malloc(size);
    live += block != NULL;
    return block;
}

void *realloc(void *old, size_t size)
{
    void *block = fails() ? NULL : __libc_realloc(old, size);
    live += block && !old;
    return block;
}

void free(void *block)
{
    live -= block != NULL;
    __libc_free(block);
}

/* Runs `step` with its first, second, ... allocation failing, until it needs no more of them. */
static long failing_runs(bool (*step)(struct error *))
{
    for (long n = 0;; n++) {
        struct error err;
        long before = live;
        until_failure = n;
        bool ok = step(&err);
        until_failure = -1;
        assert_int_equal(live, before);
        if (ok)
            return n;
        assert_int_equal(err.kind, ERROR_INTERNAL);
        assert_non_null(strstr(err.text, "no memory"));
    }
}

static bool parse_case(struct error *err)
{
    struct kase kase = {0}, copy = {0};
    bool ok = kase_parse(&kase, "fake_sort tokens=1 in.x=1 want.y=2", "test", err);
    if (ok)
        ok = kase_copy(&copy, &kase, err);
    assert_int_equal(kase_equal(&kase, &copy), ok || !kase.op);
    kase_release(&kase);
    kase_release(&copy);
    return ok;
}

static void test_case(void **state)
{
    (void)state;
    assert_int_equal(failing_runs(parse_case), 2);
}

/* An error message that lacks the memory for its list is still one. */
static bool refuse_case(struct error *err)
{
    struct kase kase = {0};
    bool ok = kase_parse(&kase, "fake_sort tokens=x", "test", err);
    assert_false(ok);
    assert_int_equal(err->kind, ERROR_INPUT);
    assert_non_null(strstr(err->text, "test: tokens=x: not a number; tokens takes"));
    return true;
}

static void test_refused_case(void **state)
{
    (void)state;
    struct error err;
    until_failure = 0;
    refuse_case(&err);
    until_failure = -1;
}

static char table_path[TEMP_PATH], case_path[TEMP_PATH];

static bool read_table(struct error *err)
{
    struct table table;
    table_init(&table);
    bool ok = table_add_line(&table, "fake_sort tokens=1..2 in.x=1", "before", err);
    if (ok) {
        ok = table_read(&table, table_path, err);
        assert_int_equal(table.count, ok ? 12 : 2);
        assert_int_equal(table.n_sources, ok ? 3 : 1);
        assert_int_equal(table.literal_bytes, ok ? 6 * 2 + 15 * 6 + 6 * 4 : 6 * 2);
    }
    table_release(&table);
    return ok;
}

static void test_table(void **state)
{
    (void)state;
    struct temp_folder folder;
    temp_folder_make(&folder);
    temp_folder_puts(&folder, "a",
                     "fake_sort tokens=1..2 topk=1,2,3 in.x=1 \\\nwant.y=1\ninclude b");
    temp_folder_puts(&folder, "b", "fake_wide n=1,2..4 in.x=1");
    temp_folder_path(&folder, "a", table_path);
    assert_in_range(failing_runs(read_table), 15, 100);
    temp_folder_remove(&folder);
}

static bool write_and_read_case_file(struct error *err)
{
    struct casefile file;
    casefile_init(&file);
    kase_init(&file.kase, &fake_sort);
    memcpy(file.verdict.signature, "signature", 10);
    bool ok = casefile_write(&file, case_path, err);
    memset(file.verdict.signature, 0, sizeof(file.verdict.signature));
    if (ok)
        ok = casefile_read(&file, case_path, err);
    assert_string_equal(file.verdict.signature, ok ? "signature" : "");
    casefile_release(&file);
    return ok;
}

static void test_case_file(void **state)
{
    (void)state;
    struct temp_folder folder;
    temp_folder_make(&folder);
    temp_folder_path(&folder, "x.case", case_path);
    assert_in_range(failing_runs(write_and_read_case_file), 6, 100);
    temp_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case),
        cmocka_unit_test(test_refused_case),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_case_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0;
}

#endif
