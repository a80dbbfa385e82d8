/*
 * HTML: one page that needs nothing beside it, for people: the summary, a row per operator, and
 * every failure with its details and the command that repeats it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/sink.h"
#include "harness/report/whole_file.h"

enum { HTML_MAX = 256 << 20, HTML_OPS = 64 };

struct op_row {
    const char *name;
    uint64_t cases, failed;
    double ms;
};

struct html_sink {
    struct sink sink;
    char *path;
    struct op_row op[HTML_OPS];
    size_t n_ops;
    struct text failures; /* HTML */
};

static const char *const style =
    "body{font:14px/1.5 sans-serif;margin:2em auto;max-width:70em;padding:0 1em}"
    "table{border-collapse:collapse}td,th{padding:.2em 1em;text-align:right;"
    "border-bottom:1px solid #ccc}td:first-child,th:first-child{text-align:left}"
    "pre{background:#f4f4f4;padding:1em;overflow-x:auto}.bad{color:#b00}.good{color:#060}"
    "summary{cursor:pointer}";

/* Adds text that may hold anything. */
static void add(struct text *out, const char *text)
{
    char *clean = report_clean(text);
    for (const char *at = clean; at && *at; at++) {
        switch (*at) {
        case '<':
            text_puts(out, "&lt;");
            break;
        case '>':
            text_puts(out, "&gt;");
            break;
        case '&':
            text_puts(out, "&amp;");
            break;
        default:
            text_append(out, at, 1);
        }
    }
    out->failed |= !clean;
    free(clean);
}

static void add_failure(struct text *out, const struct result *r)
{
    struct text repro;
    text_init(&repro, KASE_MAX_LINE + 256);
    result_repro(r, &repro);
    text_printf(out, "<details><summary><b class=bad>%s</b> (%s) <code>",
                verdict_name(r->verdict->kind), detector_name(r->verdict->detector));
    add(out, r->line);
    text_puts(out, "</code><br>");
    add(out, r->verdict->summary);
    text_puts(out, "</summary><pre>");
    add(out, r->verdict->text);
    text_puts(out, r->where ? "\ncode: " : "");
    add(out, r->where ? r->where : "");
    text_puts(out, "\nfrom: ");
    add(out, r->source);
    text_puts(out, "\n");
    add(out, repro.data ? repro.data : "");
    text_puts(out, "</pre></details>\n");
    text_release(&repro);
}

static struct op_row *row_of(struct html_sink *html, const char *name)
{
    for (size_t i = 0; i < html->n_ops; i++)
        if (!strcmp(html->op[i].name, name))
            return &html->op[i];
    if (html->n_ops == HTML_OPS)
        return NULL;
    html->op[html->n_ops].name = name;
    return &html->op[html->n_ops++];
}

static bool html_result(struct sink *sink, const struct result *r, struct error *err)
{
    struct html_sink *html = (struct html_sink *)sink;
    struct op_row *row = row_of(html, r->kase->op->name);
    bool failed = !verdict_passed(r->verdict->kind);
    if (!row)
        return error_set(err, ERROR_INTERNAL, "%s: more than %d operators", html->path, HTML_OPS);
    row->cases++;
    row->failed += failed;
    row->ms += r->verdict->ms;
    if (failed)
        add_failure(&html->failures, r);
    return text_check(&html->failures, html->path, err);
}

static void add_head(struct text *out, const struct summary *s)
{
    text_printf(out,
                "<!doctype html><meta charset=utf-8><title>harness %s</title><style>%s</style>\n"
                "<h1>harness</h1>\n<p class=%s><b>%" PRIu64 " cases: %" PRIu64 " passed, %" PRIu64
                " refused as expected, %" PRIu64 " failed</b>, %.1f s, exit %d%s</p>\n",
                HARNESS_VERSION, style, s->failed ? "bad" : "good", s->cases, s->passed, s->refused,
                s->failed, s->seconds, s->exit_code, s->interrupted ? ", interrupted" : "");
    if (s->device[0]) {
        text_puts(out, "<p>");
        add(out, s->device);
        text_puts(out, "</p>\n");
    }
}

static bool write_page(struct html_sink *html, const struct summary *s, struct error *err)
{
    struct text page;
    text_init(&page, HTML_MAX);
    add_head(&page, s);
    text_puts(&page, "<table><tr><th>operator<th>cases<th>failed<th>ms\n");
    for (size_t i = 0; i < html->n_ops; i++)
        text_printf(&page, "<tr><td>%s<td>%" PRIu64 "<td>%" PRIu64 "<td>%.0f\n", html->op[i].name,
                    html->op[i].cases, html->op[i].failed, html->op[i].ms);
    text_puts(&page, "</table>\n");
    if (html->failures.data)
        text_append(&page, html->failures.data, html->failures.length);
    bool ok = text_check(&page, html->path, err) &&
              whole_file_write(html->path, page.data, page.length, err);
    text_release(&page);
    return ok;
}

static bool html_close(struct sink *sink, const struct summary *summary, struct error *err)
{
    struct html_sink *html = (struct html_sink *)sink;
    bool ok = !summary || write_page(html, summary, err);
    text_release(&html->failures);
    free(html->path);
    free(html);
    return ok;
}

struct sink *html_open(const char *path, struct error *err)
{
    static const struct sink_format format = {html_result, html_close};
    if (!whole_file_writable(path, err))
        return NULL;
    struct html_sink *html = calloc(1, sizeof(*html));
    if (html)
        html->path = strdup(path);
    if (!html || !html->path) {
        free(html);
        error_set(err, ERROR_INTERNAL, "%s: no memory", path);
        return NULL;
    }
    html->sink.format = &format;
    text_init(&html->failures, HTML_MAX);
    return &html->sink;
}
