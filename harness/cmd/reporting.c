#include "harness/cmd/reporting.h"

#include <stdio.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/report/symbol.h"

#define MIB(bytes) ((double)(bytes) / (1 << 20))

enum { EXIT_NOTHING_RAN = 5, EXIT_INTERRUPTED = 130 };

/* Closes the sinks; all, even when one fails. */
static bool close_sinks(struct reporting *r, struct error *err)
{
    bool good = true;
    for (size_t i = 0; i < r->sinks; i++)
        good &= sink_close(r->sink[i], &r->summary, err);
    r->sinks = 0;
    return good;
}

static bool keep(struct reporting *r, struct sink *sink)
{
    if (sink)
        r->sink[r->sinks++] = sink;
    return sink != NULL;
}

bool reporting_open(struct reporting *r, const struct options *o, struct error *err)
{
    struct error ignored;
    memset(r, 0, sizeof(*r));
    human_init(&r->human, o->quiet, o->verbose);
    r->device = o->device;
    if ((!o->json || keep(r, json_open(o->json, o->command, err))) &&
        (!o->junit || keep(r, junit_open(o->junit, err))) &&
        (!o->html || keep(r, html_open(o->html, err))))
        return true;
    (void)!close_sinks(r, &ignored); /* the first error is the one to tell */
    return false;
}

void reporting_device(struct reporting *r, const char *text)
{
    snprintf(r->summary.device, sizeof(r->summary.device), "%s", text);
    if (strcmp(r->device, "cpu") != 0)
        human_line(&r->human, "device %s: %s", r->device, text);
}

/* Takes what became of one GPU's memory. */
static void take_memory(struct reporting *r, const struct pool_memory *m)
{
    struct summary_memory *out = &r->summary.memory[r->summary.n_memory++];
    uint64_t missing = pool_memory_missing(m);
    const struct device_set one = {.id = {m->id}, .count = 1};
    *out = (struct summary_memory){.checked = m->checked,
                                   .returned = m->checked && !missing,
                                   .baseline = m->baseline,
                                   .after = m->after,
                                   .driver = m->driver};
    device_format(&one, out->device, sizeof(out->device));
    if (missing)
        human_line(&r->human,
                   "memory of %s: %.1f MiB did not come back: %.1f MiB are free beside a fresh "
                   "process, %.1f beside the one that ran cases (%.1f are the driver's)",
                   out->device, MIB(missing), MIB(m->baseline), MIB(m->after), MIB(m->driver));
    else if (m->asked && !m->checked)
        human_line(&r->human, "memory of %s: a worker died or hung when it was to give it back",
                   out->device);
    else if (!r->human.quiet)
        human_line(&r->human, "memory of %s: %s", out->device,
                   m->checked ? "all is free again" : "not checked, no worker was left");
    if (missing || (m->asked && !m->checked))
        r->summary.exit_code = exit_worse(r->summary.exit_code, 6);
}

void reporting_finish(struct reporting *r, struct pool *pool)
{
    struct pool_memory memory[DEVICE_MAX];
    _Static_assert((int)DEVICE_MAX == (int)SUMMARY_DEVICES, "");
    unsigned count = pool_finish(pool, memory);
    for (unsigned i = 0; i < count; i++)
        take_memory(r, &memory[i]);
}

bool reporting_result(struct reporting *r, const struct kase *kase, const char *source,
                      const char *mutant, unsigned repeat, const struct verdict *v,
                      struct error *err)
{
    char line[KASE_MAX_LINE], where[SYMBOL_SIZE];
    if (!kase_format(kase, line, sizeof(line), err))
        return false;
    struct result result = {.kase = kase,
                            .line = line,
                            .source = source,
                            .device = r->device,
                            .mutant = mutant,
                            .repeat = repeat,
                            .verdict = v};
    if (v->object[0] && symbol_resolve(v->object, v->object_offset, where, sizeof(where)))
        result.where = where;
    summary_count(&r->summary, v);
    human_result(&r->human, &result);
    bool good = true;
    for (size_t i = 0; i < r->sinks && good; i++)
        good = sink_result(r->sink[i], &result, err);
    return good;
}

int reporting_close(struct reporting *r, bool interrupted)
{
    struct error err;
    struct summary *s = &r->summary;
    s->interrupted = interrupted;
    s->seconds = clock_seconds() - r->human.started;
    if (!s->cases)
        s->exit_code = EXIT_NOTHING_RAN;
    if (interrupted)
        s->exit_code = EXIT_INTERRUPTED;
    int code = s->exit_code;
    human_summary(&r->human, s);
    if (!s->cases && !interrupted)
        fputs("harness: nothing ran: no case is left by the tag, filters and shard\n", stderr);
    if (!close_sinks(r, &err))
        code = error_report(&err);
    human_release(&r->human);
    return code;
}

int reporting_fail(struct reporting *r, const struct error *err)
{
    struct error ignored;
    int code = error_report(err);
    r->summary.exit_code = code;
    r->summary.seconds = clock_seconds() - r->human.started;
    if (!close_sinks(r, &ignored))
        code = code ? code : 6;
    human_release(&r->human);
    return code;
}
