#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/base/file.h"
#include "harness/report/report.h"

static char path[] = "/tmp/html-test-XXXXXX";
static const struct op quant = {.name = "group_quant"};

static int make_file(void **state)
{
    int fd = mkstemp(path);
    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void give(struct sink *sink, struct summary *summary, enum verdict_kind kind,
                 const char *text)
{
    struct error err;
    struct kase kase = {.op = &quant};
    struct verdict v = {.kind = kind, .detector = DETECTOR_COMPARE, .ms = 1.5};
    struct result r = {.kase = &kase,
                       .line = "group_quant rows=1",
                       .source = "cases/x.cases:3",
                       .device = "cpu",
                       .where = "f at kernels/x.hip:1",
                       .verdict = &v};
    snprintf(v.text, sizeof(v.text), "%s", text);
    summary_count(summary, &v);
    assert_true(sink_result(sink, &r, &err));
}

static char *page_of(struct sink *sink, const struct summary *summary)
{
    struct error err;
    char *data;
    size_t size;
    assert_true(sink_close(sink, summary, &err));
    assert_true(file_read(path, 1 << 20, &data, &size, NULL));
    data = realloc(data, size + 1);
    data[size] = '\0';
    return data;
}

static void shows_failures_with_their_command(void **state)
{
    struct error err;
    struct summary summary = {.device = "the CPU device"};
    struct sink *sink = html_open(path, &err);
    (void)state;
    assert_non_null(sink);
    give(sink, &summary, VERDICT_PASS, "");
    give(sink, &summary, VERDICT_WRONG, "a < b & b > a \xff");
    char *page = page_of(sink, &summary);
    assert_non_null(strstr(page, "2 cases: 1 passed, 0 refused as expected, 1 failed"));
    assert_non_null(strstr(page, "a &lt; b &amp; b &gt; a \xef\xbf\xbd"));
    assert_non_null(strstr(page, "harness run 'group_quant rows=1'"));
    assert_non_null(strstr(page, "f at kernels/x.hip:1"));
    assert_non_null(strstr(page, "<tr><td>group_quant<td>2<td>1<td>3"));
    assert_non_null(strstr(page, "the CPU device"));
    assert_null(strstr(page, "http")); /* it needs nothing from elsewhere */
    free(page);
}

static void is_whole_without_a_case(void **state)
{
    struct error err;
    struct summary summary = {.interrupted = true};
    struct sink *sink = html_open(path, &err);
    (void)state;
    char *page = page_of(sink, &summary);
    assert_non_null(strstr(page, "interrupted"));
    free(page);
}

static void refuses_what_it_cannot_write(void **state)
{
    struct error err;
    (void)state;
    assert_null(html_open("/nowhere/at/all.html", &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_null(html_open("/tmp", &err));
    assert_non_null(strstr(err.text, "folder"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_failures_with_their_command),
        cmocka_unit_test(is_whole_without_a_case),
        cmocka_unit_test(refuses_what_it_cannot_write),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
