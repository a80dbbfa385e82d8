/*
 * JSON lines. Every line is one write to the file, so that what a killed run leaves is whole lines.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "harness/report/sink.h"

struct json_sink {
    struct sink sink;
    int fd;
    char *name; /* for error texts */
    bool is_stdout;
    uint64_t lines, bytes; /* complete ones written so far */
};

/* --- Values. All return false without memory only. --- */

static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static bool put_text(json_t *object, const char *key, const char *text)
{
    char *clean = report_clean(text);
    bool ok = clean && put(object, key, json_string(clean));
    free(clean);
    return ok;
}

/* JSON has no infinity and no NaN. */
static bool put_real(json_t *object, const char *key, double value)
{
    return put(object, key, isfinite(value) ? json_real(value) : json_null());
}

/* To the microsecond: more digits are noise. */
static bool put_ms(json_t *object, double ms)
{
    return put_real(object, "ms", round(ms * 1e3) / 1e3);
}

static bool put_optional(json_t *object, const char *key, const char *text)
{
    return !text || !*text || put_text(object, key, text);
}

/* --- Lines --- */

/* Cuts off the beginning of a line that did not fit on the disk. */
static bool torn(struct json_sink *json, const struct error *cause, struct error *err)
{
    bool cut = !json->is_stdout && ftruncate(json->fd, (off_t)json->bytes) == 0;
    return error_set(err, cause->kind, "%s; the first %" PRIu64 " lines are complete%s",
                     cause->text, json->lines, cut ? "" : ", what follows is torn");
}

/* Writes the object, which is released, as one line. */
static bool write_line(struct json_sink *json, json_t *object, bool complete, struct error *err)
{
    struct text line;
    text_init(&line, 16 << 20);
    char *dump = complete ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(object);
    if (dump) {
        text_puts(&line, dump);
        text_puts(&line, "\n");
    }
    free(dump);
    struct error cause;
    bool ok = true;
    if (!dump)
        ok = error_set(err, ERROR_INTERNAL, "%s: no memory for a line", json->name);
    else if (!text_check(&line, json->name, err))
        ok = false;
    else if (!file_write_all(json->fd, line.data, line.length, json->name, &cause))
        ok = torn(json, &cause, err);
    if (ok) {
        json->lines++;
        json->bytes += line.length;
    }
    text_release(&line);
    return ok;
}

static bool write_header(struct json_sink *json, const char *command, struct error *err)
{
    json_t *o = json_object();
    bool ok = put_text(o, "type", "header") && put_text(o, "harness", HARNESS_VERSION) &&
              put(o, "schema", json_integer(REPORT_JSON_VERSION)) &&
              put_text(o, "command", command);
    return write_line(json, o, ok, err);
}

static bool put_case(json_t *o, const struct result *r)
{
    char seed[24], expect[KASE_REASON_SIZE + 8];
    snprintf(seed, sizeof(seed), "0x%" PRIx64, r->kase->seed);
    snprintf(expect, sizeof(expect), "refuse:%s", r->kase->refuse);
    return put_text(o, "type", "result") && put_text(o, "case", r->line) &&
           put_text(o, "op", r->kase->op->name) && put_text(o, "device", r->device) &&
           put_text(o, "seed", seed) && put_text(o, "source", r->source) &&
           put_optional(o, "mutant", r->mutant) &&
           (!r->repeat || put(o, "repeat", json_integer(r->repeat))) &&
           (!r->kase->refuse[0] || put_text(o, "expect", expect));
}

static bool put_verdict(json_t *o, const struct verdict *v)
{
    return put_text(o, "verdict", verdict_name(v->kind)) &&
           put_text(o, "detector", detector_name(v->detector)) && put_ms(o, v->ms) &&
           put_optional(o, "tensor", v->tensor) &&
           (!v->tensor[0] || put(o, "offset", json_integer(v->offset))) &&
           put_optional(o, "signature", v->signature) && put_optional(o, "summary", v->summary) &&
           put_optional(o, "text", v->text) &&
           (!report_has_metrics(v) ||
            (put_real(o, "cosine", v->cosine) && put_real(o, "relative", v->relative)));
}

static bool json_result(struct sink *sink, const struct result *r, struct error *err)
{
    json_t *o = json_object();
    bool ok = put_case(o, r) && put_verdict(o, r->verdict) && put_optional(o, "where", r->where);
    return write_line((struct json_sink *)sink, o, ok, err);
}

static bool put_memory(json_t *o, const struct summary *s)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (unsigned i = 0; ok && i < s->n_memory; i++) {
        const struct summary_memory *m = &s->memory[i];
        json_t *one = json_pack("{s:s, s:b}", "device", m->device, "checked", m->checked);
        ok = one && !json_array_append_new(list, one) &&
             (!m->checked || (put(one, "returned", json_boolean(m->returned)) &&
                              put(one, "baseline", json_integer((json_int_t)m->baseline)) &&
                              put(one, "after", json_integer((json_int_t)m->after)) &&
                              put(one, "driver", json_integer((json_int_t)m->driver))));
    }
    if (ok && s->n_memory)
        return put(o, "memory", list);
    json_decref(list);
    return ok;
}

static bool write_summary(struct json_sink *json, const struct summary *s, struct error *err)
{
    json_t *o = json_object(), *kinds = json_object();
    bool ok = true;
    for (int kind = 0; kind < VERDICT_KINDS; kind++)
        if (s->by_kind[kind])
            ok = ok && put(kinds, verdict_name(kind), json_integer((json_int_t)s->by_kind[kind]));
    ok = put_text(o, "type", "summary") && put(o, "cases", json_integer((json_int_t)s->cases)) &&
         put(o, "passed", json_integer((json_int_t)s->passed)) &&
         put(o, "refused", json_integer((json_int_t)s->refused)) &&
         put(o, "failed", json_integer((json_int_t)s->failed)) &&
         put(o, "verdicts", json_incref(kinds)) && put_ms(o, s->seconds * 1e3) &&
         put(o, "exit", json_integer(s->exit_code)) &&
         put(o, "interrupted", json_boolean(s->interrupted)) &&
         put_optional(o, "device", s->device) && put_memory(o, s) && ok;
    json_decref(kinds);
    return write_line(json, o, ok, err);
}

/* --- The file --- */

static bool json_close(struct sink *sink, const struct summary *summary, struct error *err)
{
    struct json_sink *json = (struct json_sink *)sink;
    bool ok = !summary || write_summary(json, summary, err);
    if (!json->is_stdout && close(json->fd) != 0 && ok)
        ok = error_errno(err, ERROR_INTERNAL, "%s: cannot be written", json->name);
    free(json->name);
    free(json);
    return ok;
}

static bool open_file(struct json_sink *json, const char *path, struct error *err)
{
    json->is_stdout = !strcmp(path, "-");
    json->fd = STDOUT_FILENO;
    json->name = strdup(json->is_stdout ? "standard output" : path);
    if (!json->name)
        return error_set(err, ERROR_INTERNAL, "%s: no memory", path);
    if (!json->is_stdout)
        json->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (json->fd >= 0)
        return true;
    error_errno(err, ERROR_INPUT, "%s: cannot be written", path);
    free(json->name);
    return false;
}

struct sink *json_open(const char *path, const char *command, struct error *err)
{
    static const struct sink_format format = {json_result, json_close};
    struct json_sink *json = calloc(1, sizeof(*json));
    if (!json) {
        error_set(err, ERROR_INTERNAL, "%s: no memory", path);
        return NULL;
    }
    json->sink.format = &format;
    if (!open_file(json, path, err)) {
        free(json);
        return NULL;
    }
    if (write_header(json, command, err))
        return &json->sink;
    json_close(&json->sink, NULL, NULL);
    return NULL;
}
