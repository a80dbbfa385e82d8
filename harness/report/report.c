#include "harness/report/report.h"

#include <stdlib.h>
#include <string.h>

#include "harness/report/sink.h"

void result_repro(const struct result *r, struct text *out)
{
    text_puts(out, "harness run ");
    if (r->mutant)
        text_printf(out, "--mutant %s.%s ", r->kase->op->name, r->mutant);
    text_printf(out, "'%s'", r->line);
}

void summary_count(struct summary *s, const struct verdict *v)
{
    s->cases++;
    s->by_kind[v->kind]++;
    s->exit_code = exit_worse(s->exit_code, verdict_exit(v->kind));
    if (v->kind == VERDICT_PASS)
        s->passed++;
    else if (v->kind == VERDICT_REFUSED)
        s->refused++;
    else
        s->failed++;
}

static bool failed_before(const struct sink *sink, struct error *err)
{
    if (sink->failure.kind == ERROR_NONE)
        return false;
    if (err)
        *err = sink->failure;
    return true;
}

bool sink_result(struct sink *sink, const struct result *r, struct error *err)
{
    if (failed_before(sink, err))
        return false;
    if (sink->format->result(sink, r, &sink->failure))
        return true;
    failed_before(sink, err);
    return false;
}

bool sink_close(struct sink *sink, const struct summary *summary, struct error *err)
{
    if (!failed_before(sink, err))
        return sink->format->close(sink, summary, err);
    sink->format->close(sink, NULL, NULL);
    return false;
}

static bool xml_has(uint32_t code)
{
    return code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code < 0xd800) ||
           (code >= 0xe000 && code < 0xfffe) || (code >= 0x10000 && code < 0x110000);
}

/* Bytes of the character that `text` begins with; 0 when it is malformed or XML has it not. */
static size_t character(const char *text)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least; /* a smaller code has a shorter form, which is the only valid one */
    } forms[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    const unsigned char *byte = (const unsigned char *)text;
    size_t n = 0;
    while (n < 4 && (byte[0] & forms[n].mask) != forms[n].lead)
        n++;
    if (n == 4)
        return 0;
    uint32_t code = byte[0] & (unsigned char)~forms[n].mask;
    for (size_t i = 1; i <= n; i++) {
        if ((byte[i] & 0xc0) != 0x80) /* the final NUL ends here too */
            return 0;
        code = code << 6 | (byte[i] & 0x3f);
    }
    return code >= forms[n].least && xml_has(code) ? n + 1 : 0;
}

char *report_clean(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t size;
    if (__builtin_mul_overflow(strlen(text), sizeof(replacement) - 1, &size))
        return NULL;
    char *clean = malloc(size + 1), *end = clean;
    if (!clean)
        return NULL;
    while (*text) {
        size_t n = character(text);
        const char *from = n ? text : replacement;
        size_t copied = n ? n : sizeof(replacement) - 1;
        memcpy(end, from, copied);
        end += copied;
        text += n ? n : 1;
    }
    *end = '\0';
    return clean;
}

bool report_has_metrics(const struct verdict *v)
{
    switch (v->detector) {
    case DETECTOR_COMPARE:
    case DETECTOR_WANT:
    case DETECTOR_RERUN:
    case DETECTOR_VACUITY:
        return true;
    default:
        return v->kind == VERDICT_PASS;
    }
}
