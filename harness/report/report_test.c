/* Runs in the root of the tree: it validates against docs/junit.xsd. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <libxml/xpath.h>

#include "harness/base/file.h"
#include "harness/report/sink.h"

static char folder[] = "/tmp/report-test-XXXXXX";
static const struct op quant = {.name = "group_quant"}, sorting = {.name = "moe_sorting"};

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails when something was left behind */
}

static const char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* --- Results to report --- */

struct example {
    struct kase kase;
    struct verdict verdict;
    struct result result;
};

static struct result *example(struct example *e, const struct op *op, enum verdict_kind kind,
                              enum detector detector)
{
    *e = (struct example){
        .kase = {.op = op, .seed = 0xfedcba9876543210},
        .verdict = {.kind = kind, .detector = detector, .ms = 1.23456},
        .result = {.line = "op rows=1 seed=0x1", .source = "cases/x.cases:3", .device = "cpu"}};
    if (!verdict_passed(kind))
        snprintf(e->verdict.summary, sizeof(e->verdict.summary), "what was seen");
    e->result.kase = &e->kase;
    e->result.verdict = &e->verdict;
    return &e->result;
}

static void give(struct sink *sink, struct summary *summary, const struct result *r)
{
    struct error err;
    summary_count(summary, r->verdict);
    if (!sink_result(sink, r, &err))
        fail_msg("%s", err.text);
}

static void finish(struct sink *sink, const struct summary *summary)
{
    struct error err;
    if (!sink_close(sink, summary, &err))
        fail_msg("%s", err.text);
}

/* --- Reading back --- */

static json_t *json_line(const char *path, unsigned index)
{
    char *data;
    size_t size;
    assert_true(file_read(path, 1 << 20, &data, &size, NULL));
    struct span rest = {data, size}, line = {NULL, 0};
    for (unsigned i = 0; i <= index; i++)
        if (!span_line(&rest, &line))
            fail_msg("no line %u", i);
    json_t *object = json_loadb(line.data, line.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    free(data);
    return object;
}

static const char *member(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static size_t lines_in(const char *path)
{
    char *data;
    size_t size, lines = 0;
    assert_true(file_read(path, 1 << 20, &data, &size, NULL));
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    assert_true(size == 0 || data[size - 1] == '\n');
    free(data);
    return lines;
}

static bool valid(xmlDocPtr document)
{
    xmlSchemaParserCtxtPtr parser = xmlSchemaNewParserCtxt("docs/junit.xsd");
    xmlSchemaPtr schema = xmlSchemaParse(parser);
    assert_non_null(schema);
    xmlSchemaValidCtxtPtr context = xmlSchemaNewValidCtxt(schema);
    bool ok = xmlSchemaValidateDoc(context, document) == 0;
    xmlSchemaFreeValidCtxt(context);
    xmlSchemaFree(schema);
    xmlSchemaFreeParserCtxt(parser);
    return ok;
}

static xmlDocPtr xml_document(const char *path)
{
    xmlDocPtr document = xmlReadFile(path, NULL, XML_PARSE_NONET);
    assert_non_null(document);
    assert_true(valid(document));
    return document;
}

/* The value of an XPath expression, compared. */
static void assert_xpath(xmlDocPtr document, const char *expression, const char *want)
{
    xmlXPathContextPtr context = xmlXPathNewContext(document);
    xmlXPathObjectPtr found = xmlXPathEvalExpression((const xmlChar *)expression, context);
    assert_non_null(found);
    xmlChar *text = xmlXPathCastToString(found);
    assert_string_equal((char *)text, want);
    xmlFree(text);
    xmlXPathFreeObject(found);
    xmlXPathFreeContext(context);
}

/* --- Text --- */

static void assert_clean(const char *text, const char *want)
{
    char *clean = report_clean(text);
    assert_non_null(clean);
    assert_string_equal(clean, want);
    free(clean);
}

#define BAD "\xef\xbf\xbd"

static void test_clean(void **state)
{
    (void)state;
    assert_clean("", "");
    assert_clean("a<b>&\"' \t\r\n\x7f", "a<b>&\"' \t\r\n\x7f");
    assert_clean("\xc2\xa0 \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
                 "\xc2\xa0 \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
    assert_clean("\x01\x08\x0b\x1b[31m", BAD BAD BAD BAD "[31m");
    assert_clean("\x80x\xffy\xfez", BAD "x" BAD "y" BAD "z");
    assert_clean("\xc3", BAD); /* cut by the end */
    assert_clean("\xe2\x82", BAD BAD);
    assert_clean("\xf0\x9f\x98", BAD BAD BAD);
    assert_clean("\xe2\x28\xa1", BAD "(" BAD);
    assert_clean("\xc0\xaf \xc1\xbf", BAD BAD " " BAD BAD); /* longer than need be */
    assert_clean("\xe0\x80\xaf", BAD BAD BAD);
    assert_clean("\xe0\x9f\xbf\xe0\xa0\x80", BAD BAD BAD "\xe0\xa0\x80");
    assert_clean("\xf0\x8f\xbf\xbf\xf0\x90\x80\x80", BAD BAD BAD BAD "\xf0\x90\x80\x80");
    assert_clean("\xed\x9f\xbf\xed\xa0\x80", "\xed\x9f\xbf" BAD BAD BAD); /* surrogates */
    assert_clean("\xed\xbf\xbf\xee\x80\x80", BAD BAD BAD "\xee\x80\x80");
    assert_clean("\xef\xbf\xbe\xef\xbf\xbf", BAD BAD BAD BAD BAD BAD); /* no characters */
    assert_clean("\xf4\x8f\xbf\xbf\xf4\x90\x80\x80", "\xf4\x8f\xbf\xbf" BAD BAD BAD BAD);
    assert_clean("\xf8\x88\x80\x80\x80", BAD BAD BAD BAD BAD);
}

static void test_repro(void **state)
{
    (void)state;
    struct example e;
    struct result *r = example(&e, &quant, VERDICT_OOB, DETECTOR_GUARD_PAGE);
    struct text text;
    text_init(&text, 256);
    result_repro(r, &text);
    assert_string_equal(text.data, "harness run 'op rows=1 seed=0x1'");
    text_release(&text);
    r->mutant = "B01a";
    result_repro(r, &text);
    assert_string_equal(text.data, "harness run --mutant group_quant.B01a 'op rows=1 seed=0x1'");
    text_release(&text);
}

static void test_count(void **state)
{
    (void)state;
    struct summary s = {.cases = 0};
    for (int kind = 0; kind < VERDICT_KINDS; kind++)
        summary_count(&s, &(struct verdict){.kind = kind});
    assert_int_equal(s.cases, VERDICT_KINDS);
    assert_int_equal(s.passed, 1);
    assert_int_equal(s.refused, 1);
    assert_int_equal(s.failed, VERDICT_KINDS - 2);
    for (int kind = 0; kind < VERDICT_KINDS; kind++)
        assert_int_equal(s.by_kind[kind], 1);
}

static void test_exit_code(void **state)
{
    (void)state;
    static const struct {
        enum verdict_kind kind;
        int exit_code;
    } steps[] = {{VERDICT_PASS, 0}, {VERDICT_REFUSED, 0}, {VERDICT_WRONG, 1},
                 {VERDICT_PASS, 1}, {VERDICT_TIMEOUT, 4}, {VERDICT_WRONG, 4},
                 {VERDICT_OOB, 3},  {VERDICT_ERROR, 6},   {VERDICT_FAULT, 6}};
    struct summary s = {.cases = 0};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        summary_count(&s, &(struct verdict){.kind = steps[i].kind});
        assert_int_equal(s.exit_code, steps[i].exit_code);
    }
}

/* --- JSON --- */

static void give_finding(struct sink *sink, struct summary *summary)
{
    struct example e;
    struct result *r = example(&e, &quant, VERDICT_OOB, DETECTOR_GUARD_PAGE);
    snprintf(e.verdict.tensor, sizeof(e.verdict.tensor), "x");
    e.verdict.offset = -4;
    snprintf(e.verdict.signature, sizeof(e.verdict.signature), "read");
    snprintf(e.verdict.summary, sizeof(e.verdict.summary), "one \"line\" \\ of \xff\x1b");
    snprintf(e.verdict.text, sizeof(e.verdict.text), "two\nlines");
    r->where = "row at kernels/x.hip:3";
    r->mutant = "B01a";
    r->repeat = 2;
    give(sink, summary, r);
}

static void test_json(void **state)
{
    (void)state;
    struct example e;
    struct summary summary = {.seconds = 0.5, .interrupted = true, .n_memory = 2};
    summary.memory[0] = (struct summary_memory){
        .device = "cuda:0", .checked = true, .baseline = 5, .after = 3, .driver = 1};
    summary.memory[1] = (struct summary_memory){.device = "cuda:1"};
    const char *path = in_folder("a.jsonl");
    struct sink *sink = json_open(path, "run", NULL);
    assert_non_null(sink);
    assert_int_equal(lines_in(path), 1); /* the header is there at once */
    example(&e, &quant, VERDICT_PASS, DETECTOR_NONE);
    e.verdict.cosine = 1 / 3.0;
    e.verdict.relative = 0.0 / 0.0;
    give(sink, &summary, &e.result);
    assert_int_equal(lines_in(path), 2); /* and so is each result */
    example(&e, &sorting, VERDICT_REFUSED, DETECTOR_HOST_GUARD);
    snprintf(e.kase.refuse, sizeof(e.kase.refuse), "topk");
    give(sink, &summary, &e.result);
    give_finding(sink, &summary);
    finish(sink, &summary);
    assert_int_equal(lines_in(path), 5);

    json_t *o = json_line(path, 0);
    assert_string_equal(member(o, "type"), "header");
    assert_string_equal(member(o, "command"), "run");
    assert_string_equal(member(o, "harness"), HARNESS_VERSION);
    assert_int_equal(json_integer_value(json_object_get(o, "schema")), REPORT_JSON_VERSION);
    json_decref(o);

    o = json_line(path, 1);
    assert_string_equal(member(o, "type"), "result");
    assert_string_equal(member(o, "verdict"), "pass");
    assert_string_equal(member(o, "seed"), "0xfedcba9876543210");
    assert_true(json_real_value(json_object_get(o, "ms")) == 1.235);
    assert_true(json_real_value(json_object_get(o, "cosine")) > 0.33333333333333);
    assert_true(json_is_null(json_object_get(o, "relative")));
    static const char *const absent[] = {"tensor", "offset", "signature", "summary", "text",
                                         "where",  "mutant", "repeat",    "expect"};
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        assert_null(json_object_get(o, absent[i]));
    json_decref(o);

    o = json_line(path, 2);
    assert_string_equal(member(o, "op"), "moe_sorting");
    assert_string_equal(member(o, "verdict"), "refused-as-expected");
    assert_string_equal(member(o, "expect"), "refuse:topk");
    assert_null(json_object_get(o, "cosine"));
    json_decref(o);

    o = json_line(path, 3);
    assert_string_equal(member(o, "case"), "op rows=1 seed=0x1");
    assert_string_equal(member(o, "op"), "group_quant");
    assert_string_equal(member(o, "device"), "cpu");
    assert_string_equal(member(o, "source"), "cases/x.cases:3");
    assert_string_equal(member(o, "verdict"), "oob");
    assert_string_equal(member(o, "detector"), "guard-page");
    assert_string_equal(member(o, "tensor"), "x");
    assert_int_equal(json_integer_value(json_object_get(o, "offset")), -4);
    assert_string_equal(member(o, "signature"), "read");
    assert_string_equal(member(o, "summary"), "one \"line\" \\ of " BAD BAD);
    assert_string_equal(member(o, "text"), "two\nlines");
    assert_string_equal(member(o, "where"), "row at kernels/x.hip:3");
    assert_string_equal(member(o, "mutant"), "B01a");
    assert_int_equal(json_integer_value(json_object_get(o, "repeat")), 2);
    assert_null(json_object_get(o, "cosine"));
    json_decref(o);

    o = json_line(path, 4);
    const json_t *verdicts = json_object_get(o, "verdicts");
    assert_string_equal(member(o, "type"), "summary");
    assert_int_equal(json_integer_value(json_object_get(o, "cases")), 3);
    assert_int_equal(json_integer_value(json_object_get(o, "passed")), 1);
    assert_int_equal(json_integer_value(json_object_get(o, "refused")), 1);
    assert_int_equal(json_integer_value(json_object_get(o, "failed")), 1);
    assert_int_equal(json_object_size(verdicts), 3);
    assert_int_equal(json_integer_value(json_object_get(verdicts, "oob")), 1);
    assert_true(json_real_value(json_object_get(o, "ms")) == 500);
    assert_int_equal(json_integer_value(json_object_get(o, "exit")), 3);
    assert_true(json_is_true(json_object_get(o, "interrupted")));
    const json_t *memory = json_object_get(o, "memory");
    assert_int_equal(json_array_size(memory), 2);
    assert_string_equal(member(json_array_get(memory, 0), "device"), "cuda:0");
    assert_true(json_is_false(json_object_get(json_array_get(memory, 0), "returned")));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(memory, 0), "after")), 3);
    assert_null(json_object_get(json_array_get(memory, 1), "returned"));
    json_decref(o);
    unlink(path);
}

/* --- JUnit --- */

static void give_all_kinds(struct sink *sink, struct summary *summary)
{
    struct example e;
    for (int kind = 0; kind < VERDICT_KINDS; kind++) {
        example(&e, kind % 3 ? &quant : &sorting, kind, DETECTOR_NONE);
        e.verdict.ms = 250;
        give(sink, summary, &e.result);
    }
}

static void test_junit_order(void **state)
{
    (void)state;
    static const char *const lines[] = {"b 1", "a 1", "b 2", "a 2", "b 3"};
    struct summary summary = {.cases = 0};
    struct example e;
    const char *path = in_folder("order.xml");
    struct sink *sink = junit_open(path, NULL);
    assert_non_null(sink);
    for (size_t i = 0; i < 5; i++) {
        example(&e, lines[i][0] == 'a' ? &quant : &sorting, VERDICT_PASS, DETECTOR_NONE);
        e.result.line = lines[i];
        e.result.repeat = i == 4;
        give(sink, &summary, &e.result);
    }
    assert_int_not_equal(access(path, F_OK), 0); /* not before it is complete */
    finish(sink, &summary);
    xmlDocPtr doc = xml_document(path);
    assert_xpath(doc, "count(/testsuites/testsuite)", "2");
    assert_xpath(doc, "/testsuites/testsuite[1]/@name", "moe_sorting");
    assert_xpath(doc, "/testsuites/testsuite[1]/@tests", "3");
    assert_xpath(doc, "/testsuites/testsuite[1]/testcase[1]/@name", "b 1");
    assert_xpath(doc, "/testsuites/testsuite[1]/testcase[2]/@name", "b 2");
    assert_xpath(doc, "/testsuites/testsuite[1]/testcase[3]/@name", "b 3 (repeat 1)");
    assert_xpath(doc, "/testsuites/testsuite[2]/testcase[2]/@name", "a 2");
    assert_xpath(doc, "/testsuites/testsuite[2]/testcase[2]/@classname", "harness.group_quant.cpu");
    assert_xpath(doc, "/testsuites/testsuite[2]/testcase[2]/@time", "0.001");
    xmlFreeDoc(doc);
    unlink(path);
}

static void test_junit_outcomes(void **state)
{
    (void)state;
    struct summary summary = {.cases = 0};
    const char *path = in_folder("kinds.xml");
    struct sink *sink = junit_open(path, NULL);
    assert_non_null(sink);
    give_all_kinds(sink, &summary);
    finish(sink, &summary);
    xmlDocPtr doc = xml_document(path);
    assert_xpath(doc, "/testsuites/@tests", "16");
    assert_xpath(doc, "/testsuites/@failures", "11");
    assert_xpath(doc, "/testsuites/@errors", "3");
    assert_xpath(doc, "/testsuites/@time", "4.000");
    assert_xpath(doc, "count(//testcase)", "16");
    assert_xpath(doc, "count(//failure)", "11");
    assert_xpath(doc, "count(//error)", "3");
    assert_xpath(doc, "count(//error[@type='fault' or @type='timeout' or @type='error'])", "3");
    assert_xpath(doc, "sum(//testsuite/@failures)", "11");
    assert_xpath(doc, "sum(//testsuite/@errors)", "3");
    xmlFreeDoc(doc);
    unlink(path);
}

static void test_junit_text(void **state)
{
    (void)state;
    struct summary summary = {.cases = 0};
    const char *path = in_folder("text.xml");
    struct sink *sink = junit_open(path, NULL);
    assert_non_null(sink);
    struct example e;
    example(&e, &quant, VERDICT_WRONG, DETECTOR_COMPARE);
    e.result.line = "op in.x=\"<&>'\x02";
    e.result.where = "row at kernels/x.hip:3";
    snprintf(e.verdict.summary, sizeof(e.verdict.summary), "a<b & \"c\" \xc3\xa4\xff");
    snprintf(e.verdict.text, sizeof(e.verdict.text), "]]>\n<!-- \x1b[0m \t| \r");
    give(sink, &summary, &e.result);
    finish(sink, &summary);
    xmlDocPtr doc = xml_document(path);
    assert_xpath(doc, "//testcase/@name", "op in.x=\"<&>'" BAD);
    assert_xpath(doc, "//failure/@message", "a<b & \"c\" \xc3\xa4" BAD);
    assert_xpath(doc, "//failure/@type", "wrong");
    assert_xpath(doc, "//failure",
                 "]]>\n<!-- " BAD "[0m \t| \r\ncode: row at kernels/x.hip:3\n"
                 "from: cases/x.cases:3\nharness run 'op in.x=\"<&>'" BAD "'\n");
    xmlFreeDoc(doc);
    unlink(path);
}

static void test_junit_empty(void **state)
{
    (void)state;
    const char *path = in_folder("empty.xml");
    struct sink *sink = junit_open(path, NULL);
    assert_non_null(sink);
    finish(sink, &(struct summary){.cases = 0});
    xmlDocPtr doc = xml_document(path);
    assert_xpath(doc, "/testsuites/@tests", "0");
    xmlFreeDoc(doc);
    unlink(path);
}

/* --- Where writing fails --- */

static void assert_fails(const struct error *err, enum error_class kind, const char *part)
{
    assert_int_equal(err->kind, kind);
    if (!strstr(err->text, part))
        fail_msg("'%s' has no '%s'", err->text, part);
}

static void test_no_such_folder(void **state)
{
    (void)state;
    struct error err;
    assert_null(json_open("/nowhere/at/all.jsonl", "run", &err));
    assert_fails(&err, ERROR_INPUT, "/nowhere/at/all.jsonl: cannot be written: No such file");
    assert_null(junit_open("/nowhere/at/all.xml", &err));
    assert_fails(&err, ERROR_INPUT, "/nowhere/at/all.xml: cannot be written: No such file");
    assert_null(json_open(folder, "run", &err));
    assert_fails(&err, ERROR_INPUT, "Is a directory");
    assert_null(junit_open(folder, &err));
    assert_fails(&err, ERROR_INPUT, "is a folder");
}

/* By a link, so that a defect here replaces nothing but the link. */
static void test_full_device(void **state)
{
    (void)state;
    struct error err;
    struct stat info;
    struct example e;
    const char *path = in_folder("full");
    assert_int_equal(symlink("/dev/full", path), 0);
    assert_null(json_open(path, "run", &err));
    assert_fails(&err, ERROR_INTERNAL, "full: cannot be written: No space left on device");
    struct sink *sink = junit_open(path, &err);
    assert_non_null(sink);
    assert_true(sink_result(sink, example(&e, &quant, VERDICT_PASS, DETECTOR_NONE), &err));
    assert_false(sink_close(sink, &(struct summary){.cases = 1}, &err));
    assert_fails(&err, ERROR_INTERNAL, "full: cannot be written: No space left on device");
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    unlink(path);
}

/* The same on a file that cannot grow: the process's limit stands for the disk's. */
static void limit_files(size_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, bytes ? SIG_IGN : SIG_DFL);
}

static void test_json_torn(void **state)
{
    (void)state;
    struct error err = {.kind = ERROR_NONE}, again = {.kind = ERROR_NONE};
    struct example e;
    const struct result *r = example(&e, &quant, VERDICT_PASS, DETECTOR_NONE);
    const char *path = in_folder("torn.jsonl");
    struct sink *sink = json_open(path, "run", NULL);
    assert_non_null(sink);
    unsigned written = 0;
    char want[128];
    limit_files(1000); /* ends inside of a line */
    while (sink_result(sink, r, &err))
        written++;
    limit_files(0);
    assert_in_range(written, 1, 20);
    snprintf(want, sizeof(want),
             "torn.jsonl: cannot be written: %s; the first %u lines are complete", strerror(EFBIG),
             written + 1);
    assert_fails(&err, ERROR_INTERNAL, want);
    assert_int_equal(lines_in(path), written + 1);
    assert_false(sink_result(sink, r, &again)); /* though it would fit now */
    assert_string_equal(again.text, err.text);
    again.text[0] = '\0';
    assert_false(sink_close(sink, &(struct summary){.cases = 1}, &again));
    assert_string_equal(again.text, err.text);
    assert_int_equal(lines_in(path), written + 1);
    json_decref(json_line(path, written));
    unlink(path);
}

static void test_junit_atomic(void **state)
{
    (void)state;
    struct error err;
    struct example e;
    const char *path = in_folder("old.xml");
    char *data;
    size_t size;
    assert_true(file_write(path, "old", 3, NULL));
    struct sink *sink = junit_open(path, NULL);
    assert_non_null(sink);
    assert_true(sink_result(sink, example(&e, &quant, VERDICT_PASS, DETECTOR_NONE), &err));
    limit_files(100);
    bool ok = sink_close(sink, &(struct summary){.cases = 1}, &err);
    limit_files(0);
    assert_false(ok);
    assert_fails(&err, ERROR_INTERNAL, "old.xml: cannot be written: File too large");
    assert_true(file_read(path, 100, &data, &size, NULL));
    assert_string_equal(data, "old");
    free(data);
    unlink(path); /* remove_folder sees whether anything else is left */
}

/* --- Into what is no plain file --- */

static void test_link(void **state)
{
    (void)state;
    char target[256];
    struct stat info;
    snprintf(target, sizeof(target), "%s", in_folder("target.xml"));
    const char *path = in_folder("link.xml");
    assert_int_equal(symlink("target.xml", path), 0);
    struct sink *sink = junit_open(path, NULL);
    assert_non_null(sink);
    finish(sink, &(struct summary){.cases = 0});
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    xmlFreeDoc(xml_document(target));
    unlink(path);
    unlink(target);
}

static void test_pipe(void **state)
{
    (void)state;
    char data[512];
    const char *path = in_folder("pipe.xml");
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    struct sink *sink = junit_open(path, NULL);
    assert_non_null(sink);
    finish(sink, &(struct summary){.cases = 0});
    ssize_t size = read(reader, data, sizeof(data) - 1);
    assert_in_range(size, 1, sizeof(data) - 1);
    data[size] = '\0';
    assert_non_null(strstr(data, "<testsuites"));
    close(reader);
    unlink(path);
}

/* Both formats on standard output, which stays open. */
static void test_standard_output(void **state)
{
    (void)state;
    const char *path = in_folder("stdout");
    fflush(stdout);
    int saved = dup(STDOUT_FILENO), file = open(path, O_CREAT | O_TRUNC | O_RDWR, 0666);
    assert_true(saved >= 0 && file >= 0 && dup2(file, STDOUT_FILENO) >= 0);
    struct error err;
    struct summary summary = {.cases = 0};
    struct sink *sink = json_open("-", "run", &err);
    bool ok = sink && sink_close(sink, &summary, &err);
    sink = junit_open("-", &err);
    ok = ok && sink && sink_close(sink, &summary, &err);
    ok = ok && fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(file);
    assert_true(ok);
    char *data;
    size_t size;
    assert_true(file_read(path, 1 << 16, &data, &size, NULL));
    assert_non_null(strstr(data, "{\"type\":\"header\""));
    assert_non_null(strstr(data, "\n{\"type\":\"summary\""));
    assert_non_null(strstr(data, "\n<?xml "));
    free(data);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),          cmocka_unit_test(test_repro),
        cmocka_unit_test(test_count),          cmocka_unit_test(test_json),
        cmocka_unit_test(test_exit_code),      cmocka_unit_test(test_junit_order),
        cmocka_unit_test(test_junit_outcomes), cmocka_unit_test(test_junit_text),
        cmocka_unit_test(test_junit_empty),    cmocka_unit_test(test_no_such_folder),
        cmocka_unit_test(test_full_device),    cmocka_unit_test(test_json_torn),
        cmocka_unit_test(test_junit_atomic),   cmocka_unit_test(test_link),
        cmocka_unit_test(test_pipe),           cmocka_unit_test(test_standard_output),
    };
    int failed = cmocka_run_group_tests(tests, make_folder, remove_folder);
    xmlCleanupParser();
    return failed;
}
