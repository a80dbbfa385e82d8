#include "harness/report/human.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/clock.h"

/* Seconds between plain progress lines where there is no terminal. */
#define PLAIN_INTERVAL 30

void human_init(struct human *h, bool quiet, bool verbose)
{
    const char *terminal = getenv("TERM");
    *h = (struct human){.quiet = quiet, .verbose = verbose, .started = clock_seconds()};
    h->terminal = isatty(STDERR_FILENO) && (!terminal || strcmp(terminal, "dumb") != 0);
    h->colour = h->terminal && !getenv("NO_COLOR");
    h->last_line = h->started;
}

void human_release(struct human *h)
{
    for (int i = 0; i < HUMAN_REPRO_LINES; i++)
        free(h->repro[i]);
    free(h->slowest);
}

static void clear_status(struct human *h)
{
    if (h->status_shown)
        fputs("\r\033[K", stderr);
    h->status_shown = false;
}

static const char *paint(const struct human *h, const char *code)
{
    return h->colour ? code : "";
}

/* Prints text indented, line by line. */
static void indented(const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        fprintf(stderr, "    %.*s\n", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void remember(struct human *h, const struct result *r)
{
    struct text text;
    text_init(&text, KASE_MAX_LINE + 256);
    result_repro(r, &text);
    if (h->failures < HUMAN_REPRO_LINES)
        h->repro[h->failures] = text_take(&text);
    h->failures++;
    text_release(&text);
}

static void failure(struct human *h, const struct result *r)
{
    const struct verdict *v = r->verdict;
    clear_status(h);
    fprintf(stderr, "%sFAIL%s %s (%s) %s\n", paint(h, "\033[31m"), paint(h, "\033[0m"),
            verdict_name(v->kind), detector_name(v->detector), r->line);
    fprintf(stderr, "    from %s\n    %s\n", r->source, v->summary);
    if (r->where)
        fprintf(stderr, "    in %s\n", r->where);
    indented(v->text);
}

void human_result(struct human *h, const struct result *r)
{
    if (r->verdict->ms > h->slowest_ms) {
        h->slowest_ms = r->verdict->ms;
        free(h->slowest);
        h->slowest = strdup(r->line);
    }
    if (!verdict_passed(r->verdict->kind)) {
        failure(h, r);
        remember(h, r);
    } else if (h->verbose) {
        clear_status(h);
        fprintf(stderr, "%s %s (%.2f ms)\n",
                r->verdict->kind == VERDICT_REFUSED ? "refused" : "pass", r->line, r->verdict->ms);
    }
}

void human_status(struct human *h, const char *what, uint64_t done, uint64_t total)
{
    double now = clock_seconds();
    char of[32] = "";
    if (h->quiet || (!h->terminal && now - h->last_line < PLAIN_INTERVAL))
        return;
    if (total)
        snprintf(of, sizeof(of), "/%llu", (unsigned long long)total);
    clear_status(h);
    fprintf(stderr, "%s %llu%s, %llu failed, %.0f s%s", what, (unsigned long long)done, of,
            (unsigned long long)h->failures, now - h->started, h->terminal ? "" : "\n");
    h->status_shown = h->terminal;
    h->last_line = now;
    fflush(stderr);
}

void human_line(struct human *h, const char *format, ...)
{
    va_list args;
    clear_status(h);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void human_summary(struct human *h, const struct summary *s)
{
    clear_status(h);
    fprintf(stderr, "%s%llu cases: %llu passed, %llu refused as expected, %llu failed, %.1f s\n",
            s->interrupted ? "interrupted: " : "", (unsigned long long)s->cases,
            (unsigned long long)s->passed, (unsigned long long)s->refused,
            (unsigned long long)s->failed, s->seconds);
    for (int kind = 0; kind < VERDICT_KINDS; kind++)
        if (s->by_kind[kind] && !verdict_passed((enum verdict_kind)kind))
            fprintf(stderr, "    %llu %s\n", (unsigned long long)s->by_kind[kind],
                    verdict_name((enum verdict_kind)kind));
    if (h->slowest && !h->quiet)
        fprintf(stderr, "    slowest: %.1f ms, %s\n", h->slowest_ms, h->slowest);
    if (h->failures)
        fprintf(stderr, "to repeat%s:\n", h->failures > HUMAN_REPRO_LINES ? " the first ones" : "");
    for (uint64_t i = 0; i < h->failures && i < HUMAN_REPRO_LINES; i++)
        fprintf(stderr, "    %s\n", h->repro[i] ? h->repro[i] : "(no memory)");
}
