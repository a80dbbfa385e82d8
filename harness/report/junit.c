/*
 * JUnit. The testcases of an operator belong into one testsuite, whose head counts them, but
 * arrive between those of others: each suite collects its testcases as XML until the end.
 */
#include <inttypes.h>
#include <libxml/xmlwriter.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/sink.h"
#include "harness/report/whole_file.h"

struct suite {
    struct suite *next;
    char *name;
    uint64_t tests, failures, errors;
    double seconds;
    xmlBufferPtr xml; /* what `writer` has written: the testcases */
    xmlTextWriterPtr writer;
};

struct junit_sink {
    struct sink sink;
    char *path;
    struct suite *suites; /* in the order of their first case */
};

/* JUnit tells a test that found something (failure) from one that broke (error). */
enum outcome { PASSED, FAILURE, BROKEN };

static enum outcome outcome_of(enum verdict_kind kind)
{
    switch (kind) {
    case VERDICT_PASS:
    case VERDICT_REFUSED:
        return PASSED;
    case VERDICT_FAULT:
    case VERDICT_TIMEOUT:
    case VERDICT_ERROR:
        return BROKEN;
    default:
        return FAILURE;
    }
}

/* --- XML. Functions return false without memory only. --- */

static const xmlChar *xml(const char *text)
{
    return (const xmlChar *)text;
}

static bool start(xmlTextWriterPtr w, const char *element)
{
    return xmlTextWriterStartElement(w, xml(element)) >= 0;
}

static bool end(xmlTextWriterPtr w)
{
    return xmlTextWriterEndElement(w) >= 0;
}

static bool attribute(xmlTextWriterPtr w, const char *name, const char *value)
{
    char *clean = report_clean(value);
    bool ok = clean && xmlTextWriterWriteAttribute(w, xml(name), xml(clean)) >= 0;
    free(clean);
    return ok;
}

static bool attribute_count(xmlTextWriterPtr w, const char *name, uint64_t value)
{
    return xmlTextWriterWriteFormatAttribute(w, xml(name), "%" PRIu64, value) >= 0;
}

/* Jenkins takes no more than three digits. */
static bool attribute_seconds(xmlTextWriterPtr w, double value)
{
    return xmlTextWriterWriteFormatAttribute(w, xml("time"), "%.3f", value) >= 0;
}

static bool content(xmlTextWriterPtr w, const char *text)
{
    char *clean = report_clean(text);
    bool ok = clean && xmlTextWriterWriteString(w, xml(clean)) >= 0;
    free(clean);
    return ok;
}

/* One element to a line. No more: a suite's writer does not know how deep it is. */
static bool set_lines(xmlTextWriterPtr w)
{
    return xmlTextWriterSetIndent(w, 1) >= 0 && xmlTextWriterSetIndentString(w, xml("")) >= 0;
}

/* --- Testcases --- */

static bool write_details(xmlTextWriterPtr w, const struct result *r)
{
    struct text body;
    text_init(&body, VERDICT_TEXT + 2 * KASE_MAX_LINE);
    if (r->verdict->text[0])
        text_printf(&body, "%s\n", r->verdict->text);
    if (r->where)
        text_printf(&body, "code: %s\n", r->where);
    text_printf(&body, "from: %s\n", r->source);
    result_repro(r, &body);
    text_puts(&body, "\n");
    bool ok = !body.failed && content(w, body.data);
    text_release(&body);
    return ok;
}

static bool write_names(xmlTextWriterPtr w, const struct result *r)
{
    struct text name, class_name;
    text_init(&name, 2 * KASE_MAX_LINE);
    text_init(&class_name, 1024);
    text_puts(&name, r->line);
    if (r->repeat)
        text_printf(&name, " (repeat %u)", r->repeat);
    text_printf(&class_name, "harness.%s.%s", r->kase->op->name, r->device);
    bool ok = !name.failed && !class_name.failed && attribute(w, "name", name.data) &&
              attribute(w, "classname", class_name.data);
    text_release(&name);
    text_release(&class_name);
    return ok;
}

static bool write_testcase(xmlTextWriterPtr w, const struct result *r)
{
    const struct verdict *v = r->verdict;
    enum outcome outcome = outcome_of(v->kind);
    bool ok = start(w, "testcase") && write_names(w, r) && attribute_seconds(w, v->ms / 1e3);
    if (outcome != PASSED)
        ok = ok && start(w, outcome == FAILURE ? "failure" : "error") &&
             attribute(w, "type", verdict_name(v->kind)) && attribute(w, "message", v->summary) &&
             write_details(w, r) && end(w);
    return ok && end(w);
}

/* --- Suites --- */

static void suite_free(struct suite *suite)
{
    if (suite->writer)
        xmlFreeTextWriter(suite->writer);
    if (suite->xml)
        xmlBufferFree(suite->xml);
    free(suite->name);
    free(suite);
}

static struct suite *suite_new(const char *name)
{
    struct suite *suite = calloc(1, sizeof(*suite));
    if (!suite)
        return NULL;
    suite->name = strdup(name);
    suite->xml = xmlBufferCreate();
    suite->writer = suite->xml ? xmlNewTextWriterMemory(suite->xml, 0) : NULL;
    if (suite->name && suite->writer && set_lines(suite->writer))
        return suite;
    suite_free(suite);
    return NULL;
}

/* The suite of that name, made when it is not there; NULL: no memory. */
static struct suite *suite_of(struct junit_sink *junit, const char *name)
{
    struct suite **at = &junit->suites;
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    if (!*at)
        *at = suite_new(name);
    return *at;
}

static bool junit_result(struct sink *sink, const struct result *r, struct error *err)
{
    struct junit_sink *junit = (struct junit_sink *)sink;
    struct suite *suite = suite_of(junit, r->kase->op->name);
    if (!suite || !write_testcase(suite->writer, r))
        return error_set(err, ERROR_INTERNAL, "%s: no memory for a test case", junit->path);
    enum outcome outcome = outcome_of(r->verdict->kind);
    suite->tests++;
    suite->failures += outcome == FAILURE;
    suite->errors += outcome == BROKEN;
    suite->seconds += r->verdict->ms / 1e3;
    return true;
}

static bool write_head(xmlTextWriterPtr w, const struct suite *s)
{
    return attribute(w, "name", s->name) && attribute_count(w, "tests", s->tests) &&
           attribute_count(w, "failures", s->failures) && attribute_count(w, "errors", s->errors) &&
           attribute_seconds(w, s->seconds);
}

static bool write_suite(xmlTextWriterPtr w, struct suite *s)
{
    return xmlTextWriterFlush(s->writer) >= 0 && start(w, "testsuite") && write_head(w, s) &&
           xmlTextWriterWriteRaw(w, xml("\n")) >= 0 &&
           xmlTextWriterWriteRaw(w, xmlBufferContent(s->xml)) >= 0 && end(w);
}

static bool write_document(xmlTextWriterPtr w, struct junit_sink *junit)
{
    struct suite all = {.name = (char[]){"harness"}};
    for (const struct suite *s = junit->suites; s; s = s->next) {
        all.tests += s->tests;
        all.failures += s->failures;
        all.errors += s->errors;
        all.seconds += s->seconds;
    }
    bool ok = set_lines(w) && xmlTextWriterStartDocument(w, NULL, "UTF-8", NULL) >= 0 &&
              start(w, "testsuites") && write_head(w, &all);
    for (struct suite *s = junit->suites; s && ok; s = s->next)
        ok = write_suite(w, s);
    return ok && end(w) && xmlTextWriterEndDocument(w) >= 0;
}

static bool write_report(struct junit_sink *junit, struct error *err)
{
    xmlBufferPtr buffer = xmlBufferCreate();
    xmlTextWriterPtr writer = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL;
    bool ok = writer && write_document(writer, junit);
    if (writer)
        xmlFreeTextWriter(writer); /* flushes */
    ok = ok ? whole_file_write(junit->path, xmlBufferContent(buffer),
                               (size_t)xmlBufferLength(buffer), err)
            : error_set(err, ERROR_INTERNAL, "%s: no memory for the report", junit->path);
    if (buffer)
        xmlBufferFree(buffer);
    return ok;
}

static bool junit_close(struct sink *sink, const struct summary *summary, struct error *err)
{
    struct junit_sink *junit = (struct junit_sink *)sink;
    bool ok = !summary || write_report(junit, err);
    while (junit->suites) {
        struct suite *next = junit->suites->next;
        suite_free(junit->suites);
        junit->suites = next;
    }
    free(junit->path);
    free(junit);
    return ok;
}

struct sink *junit_open(const char *path, struct error *err)
{
    static const struct sink_format format = {junit_result, junit_close};
    if (!whole_file_writable(path, err))
        return NULL;
    struct junit_sink *junit = calloc(1, sizeof(*junit));
    if (junit)
        junit->path = strdup(path);
    if (!junit || !junit->path) {
        free(junit);
        error_set(err, ERROR_INTERNAL, "%s: no memory", path);
        return NULL;
    }
    junit->sink.format = &format;
    return &junit->sink;
}
