/*
 * harness fuzz: replays what earlier hunts found, then draws cases until the time or the number is
 * used up. A failure of a new kind is saved, minimised and saved again, and the hunt goes on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/cmd/commands.h"
#include "harness/cmd/reporting.h"
#include "harness/cmd/select.h"
#include "harness/hunt/finding.h"
#include "harness/hunt/generate.h"
#include "harness/hunt/minimize.h"
#include "harness/run/campaign.h"

enum {
    DEFAULT_SECONDS = 60,
    MAX_OPS = 256,
    IN_FLIGHT = 512, /* generated cases kept until their verdict is delivered */
    MINIMIZE_TRIES = 400,
    MINIMIZE_SECONDS = 20,
};

struct fuzz {
    const struct options *options;
    const struct mutant *mutant;
    struct generator *generator[MAX_OPS];
    size_t n_generators;
    struct kase kase[IN_FLIGHT];
    struct findings findings;
    size_t earlier; /* findings that were there at the start */
    struct reporting reporting;
    struct pool *minimizer; /* started for the first finding */
    struct pool_options pool_options;
    double end; /* when to stop drawing; 0: never */
    uint64_t drawn;
    struct error *err;
    bool failed, interrupted;
};

static const char *mutant_id(const struct fuzz *f)
{
    return f->mutant ? f->mutant->id : NULL;
}

/* --- Which operators --- */

static bool add_op(struct fuzz *f, const struct op *op, struct error *err)
{
    if (f->n_generators == MAX_OPS)
        return error_set(err, ERROR_INPUT, "fuzz: at most %d operators", MAX_OPS);
    if (f->mutant && strcmp(f->mutant->op->name, op->name) != 0)
        return error_set(err, ERROR_INPUT, "fuzz: --mutant=%s is no variant of %s",
                         f->options->mutant, op->name);
    struct generator *g = generator_create(f->mutant ? f->mutant->op : op, f->options->seed, err);
    if (g)
        f->generator[f->n_generators++] = g;
    return g != NULL;
}

static bool unknown_op(const char *name, struct error *err)
{
    char known[256] = "";
    size_t used = 0;
    for (const struct op *const *op = op_list; *op && used < sizeof(known); op++)
        used += (size_t)snprintf(known + used, sizeof(known) - used, " %s", (*op)->name);
    return error_set(err, ERROR_INPUT, "fuzz: no operator %s; there are%s", name, known);
}

static bool choose_ops(struct fuzz *f, struct error *err)
{
    const struct options *o = f->options;
    for (size_t i = 0; i < o->n_inputs; i++) {
        const struct op *op = op_find(o->input[i]);
        if (!op)
            return unknown_op(o->input[i], err);
        if (!add_op(f, op, err))
            return false;
    }
    if (o->n_inputs)
        return true;
    if (f->mutant)
        return add_op(f, f->mutant->op, err);
    for (const struct op *const *op = op_list; *op; op++)
        if (!add_op(f, *op, err))
            return false;
    return true;
}

/* --- Cases --- */

/* An earlier finding is run again when it is one of these operators, and on the same variant. */
static bool runs_again(const struct fuzz *f, const struct finding *finding)
{
    const char *mutant = f->mutant ? f->mutant->id : "";
    if (strcmp(finding->file.mutant, mutant) != 0)
        return false;
    for (size_t i = 0; i < f->n_generators; i++)
        if (!strcmp(f->generator[i]->op->name, finding->file.kase.op->name))
            return true;
    return false;
}

static const struct kase *next(void *context, uint64_t index)
{
    struct fuzz *f = context;
    if (index < f->earlier)
        return &f->findings.list[index].file.kase;
    if (f->end && clock_seconds() >= f->end)
        return NULL;
    if (f->options->cases && f->drawn >= f->options->cases)
        return NULL;
    struct kase *kase = &f->kase[index % IN_FLIGHT];
    generator_next(f->generator[f->drawn % f->n_generators], kase);
    f->drawn++;
    return kase;
}

/* --- Findings --- */

static void minimize(struct fuzz *f, struct finding *finding, const struct verdict *v)
{
    struct error err;
    struct kase kase = {0};
    struct verdict smallest = *v;
    struct minimize m = {.max_tries = MINIMIZE_TRIES, .max_seconds = MINIMIZE_SECONDS};
    if (!f->minimizer)
        f->minimizer = pool_create(&f->pool_options, &err);
    m.pool = f->minimizer;
    if (!m.pool || !kase_copy(&kase, &finding->file.kase, &err)) {
        human_line(&f->reporting.human, "not minimised: %s", err.text);
        return;
    }
    bool done = minimize_case(&m, &kase, &smallest, &err);
    pool_confirm(&f->pool_options, &kase, &smallest);
    if (!finding_replace(finding, &kase, &smallest, f->err))
        f->failed = true;
    human_line(&f->reporting.human, "    saved as %s, %s in %u tries", finding->path,
               done ? "minimised" : "minimising was cut short", m.tries);
    kase_release(&kase);
}

static void count_again(struct fuzz *f, struct finding *known, const struct verdict *v)
{
    known->hits++;
    summary_count(&f->reporting.summary, v);
}

/* A failure like none before, or one that is known when it is looked at alone. */
static bool new_finding(struct fuzz *f, const struct kase *kase, struct verdict *v)
{
    pool_confirm(&f->pool_options, kase, v);
    struct finding *known = findings_match(&f->findings, kase, v);
    if (known) {
        count_again(f, known, v);
        return true;
    }
    struct finding_origin origin = {
        .device = f->options->device, .mutant = mutant_id(f), .wave = f->options->wave};
    struct finding *finding = findings_add(&f->findings, kase, v, &origin, f->err);
    if (!finding)
        return false;
    minimize(f, finding, v);
    return reporting_result(&f->reporting, &finding->file.kase, finding->path, mutant_id(f), 0, v,
                            f->err);
}

static bool deliver(void *context, uint64_t index, const struct kase *kase, const struct verdict *v)
{
    struct fuzz *f = context;
    struct finding *known = NULL;
    if (index < f->earlier) {
        human_line(&f->reporting.human, "%s: %s", f->findings.list[index].path,
                   verdict_passed(v->kind) ? "fixed" : "still fails");
        known = verdict_passed(v->kind) ? NULL : &f->findings.list[index];
    } else if (!verdict_passed(v->kind)) {
        known = findings_match(&f->findings, kase, v);
    }
    bool good = true;
    if (known) {
        count_again(f, known, v);
    } else if (!verdict_passed(v->kind)) {
        struct verdict confirmed = *v;
        good = new_finding(f, kase, &confirmed);
    } else {
        good = reporting_result(&f->reporting, kase, "fuzz", mutant_id(f), 0, v, f->err);
    }
    if (!good)
        f->failed = true;
    return good && !f->failed &&
           !(f->options->max_fail && f->findings.count - f->earlier >= f->options->max_fail);
}

static void tick(void *context, uint64_t done)
{
    struct fuzz *f = context;
    char what[96];
    uint64_t keys = 0;
    for (size_t i = 0; i < f->n_generators; i++)
        keys += f->generator[i]->keys;
    snprintf(what, sizeof(what), "fuzzing: %zu findings, %llu paths, cases", f->findings.count,
             (unsigned long long)keys);
    human_status(&f->reporting.human, what, done, f->options->cases);
}

/* --- The hunt --- */

/* Keeps the earlier findings that concern this hunt in front. */
static void choose_earlier(struct fuzz *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->findings.count; i++) {
        struct finding *finding = &f->findings.list[i];
        if (!runs_again(f, finding))
            continue;
        if (f->mutant)
            finding->file.kase.op = f->mutant->op;
        struct finding swap = f->findings.list[kept];
        f->findings.list[kept++] = *finding;
        f->findings.list[i] = swap;
    }
    f->earlier = kept;
}

static void list_findings(const struct fuzz *f)
{
    for (size_t i = 0; i < f->findings.count; i++) {
        const struct finding *finding = &f->findings.list[i];
        if (finding->hits)
            human_line((struct human *)&f->reporting.human, "finding %s: %s, %s, hit %llu times",
                       finding->path, verdict_name(finding->file.verdict.kind),
                       finding->file.verdict.signature, (unsigned long long)finding->hits);
    }
    for (size_t i = 0; i < f->n_generators; i++) {
        const struct generator *g = f->generator[i];
        human_line((struct human *)&f->reporting.human,
                   "%s: %llu cases drawn (%.0f%% uniform), %llu distinct paths", g->op->name,
                   (unsigned long long)g->drawn,
                   g->drawn ? 100.0 * (double)g->uniform / (double)g->drawn : 0,
                   (unsigned long long)g->keys);
    }
}

static int hunt(struct fuzz *f)
{
    struct error *err = f->err;
    struct campaign campaign = {.context = f, .next = next, .deliver = deliver, .tick = tick};
    double seconds = f->options->seconds;
    if (!seconds && !f->options->cases)
        seconds = DEFAULT_SECONDS;
    f->end = seconds ? clock_seconds() + seconds : 0;
    campaign.pool = pool_create(&f->pool_options, err);
    if (campaign.pool)
        reporting_device(&f->reporting, pool_device(campaign.pool));
    enum campaign_end end = campaign.pool ? campaign_run(&campaign, err) : CAMPAIGN_FAILED;
    if (end == CAMPAIGN_DONE || end == CAMPAIGN_STOPPED)
        reporting_finish(&f->reporting, campaign.pool);
    pool_destroy(campaign.pool);
    list_findings(f);
    if (end == CAMPAIGN_FAILED || f->failed)
        return reporting_fail(&f->reporting, err);
    return reporting_close(&f->reporting, end == CAMPAIGN_INTERRUPTED || pool_interrupted());
}

int cmd_fuzz(const struct options *o)
{
    struct error err;
    struct fuzz *f = calloc(1, sizeof(*f));
    if (!f) {
        error_set(&err, ERROR_INTERNAL, "no memory to fuzz");
        return error_report(&err);
    }
    f->options = o;
    f->err = &err;
    f->pool_options = (struct pool_options){.workers = o->jobs, .session = options_session(o)};
    int code;
    if (select_mutant(o, &f->mutant, &err) && choose_ops(f, &err) &&
        findings_open(&f->findings, o->out, &err)) {
        choose_earlier(f);
        code = reporting_open(&f->reporting, o, &err) ? hunt(f) : error_report(&err);
        findings_release(&f->findings);
    } else {
        code = error_report(&err);
    }
    pool_destroy(f->minimizer);
    for (size_t i = 0; i < f->n_generators; i++)
        generator_destroy(f->generator[i]);
    free(f);
    return code;
}
