/*
 * harness replay: runs saved case files again and says for each whether the finding is reproduced,
 * gone, or replaced by another one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/case/casefile.h"
#include "harness/cmd/commands.h"
#include "harness/cmd/reporting.h"
#include "harness/cmd/select.h"
#include "harness/run/campaign.h"

struct replay {
    const struct options *options;
    struct casefile *file;
    const char **mutant; /* per file: the id that its case runs on, or NULL */
    struct reporting reporting;
    struct error *err;
    bool failed;
};

static const struct kase *next(void *context, uint64_t index)
{
    struct replay *r = context;
    if (index >= r->options->n_inputs * (uint64_t)r->options->repeat)
        return NULL;
    return &r->file[index / r->options->repeat].kase;
}

/* A finding is the same when kind, detector, tensor, offset and signature are. */
static const char *outcome(const struct verdict *saved, const struct verdict *now)
{
    if (verdict_passed(now->kind))
        return verdict_passed(saved->kind) ? "reproduced" : "fixed";
    if (saved->kind == now->kind && saved->detector == now->detector &&
        saved->offset == now->offset && !strcmp(saved->tensor, now->tensor) &&
        !strcmp(saved->signature, now->signature))
        return "reproduced";
    return "different failure";
}

static bool deliver(void *context, uint64_t index, const struct kase *kase, const struct verdict *v)
{
    struct replay *r = context;
    size_t i = index / r->options->repeat;
    if (!reporting_result(&r->reporting, kase, r->options->input[i], r->mutant[i],
                          (unsigned)(index % r->options->repeat), v, r->err)) {
        r->failed = true;
        return false;
    }
    fflush(stderr);
    printf("%s: %s", r->options->input[i], outcome(&r->file[i].verdict, v));
    if (!verdict_passed(r->file[i].verdict.kind))
        printf(" (saved: %s by %s; now: %s by %s)", verdict_name(r->file[i].verdict.kind),
               detector_name(r->file[i].verdict.detector), verdict_name(v->kind),
               detector_name(v->detector));
    putchar('\n');
    return true;
}

static bool read_files(struct replay *r, struct error *err)
{
    for (size_t i = 0; i < r->options->n_inputs; i++) {
        if (!casefile_read(&r->file[i], r->options->input[i], err) ||
            !select_variant(r->options, &r->file[i], &r->mutant[i], err))
            return false;
        if (r->file[i].wave != r->file[0].wave)
            return error_set(
                err, ERROR_INPUT, "%s: was found with wave %u, %s with %u; replay them apart",
                r->options->input[i], r->file[i].wave, r->options->input[0], r->file[0].wave);
    }
    return true;
}

static int replay(struct replay *r, struct error *err)
{
    struct pool_options pool_options = {.workers = r->options->jobs,
                                        .session = options_session(r->options)};
    pool_options.session.wave = r->file[0].wave;
    struct campaign campaign = {.context = r, .next = next, .deliver = deliver};
    if (!reporting_open(&r->reporting, r->options, err))
        return error_report(err);
    campaign.pool = pool_create(&pool_options, err);
    if (campaign.pool)
        reporting_device(&r->reporting, pool_device(campaign.pool));
    enum campaign_end end = campaign.pool ? campaign_run(&campaign, err) : CAMPAIGN_FAILED;
    if (end == CAMPAIGN_DONE || end == CAMPAIGN_STOPPED)
        reporting_finish(&r->reporting, campaign.pool);
    pool_destroy(campaign.pool);
    return end == CAMPAIGN_FAILED || r->failed
               ? reporting_fail(&r->reporting, err)
               : reporting_close(&r->reporting, end == CAMPAIGN_INTERRUPTED);
}

int cmd_replay(const struct options *o)
{
    struct error err;
    struct replay r = {.options = o, .err = &err};
    if (!o->n_inputs) {
        error_set(&err, ERROR_INPUT, "replay: name one or more case files");
        return error_report(&err);
    }
    r.file = calloc(o->n_inputs, sizeof(*r.file));
    r.mutant = calloc(o->n_inputs, sizeof(*r.mutant));
    if (!r.file || !r.mutant) {
        free(r.file);
        free(r.mutant);
        error_set(&err, ERROR_INTERNAL, "no memory for %zu case files", o->n_inputs);
        return error_report(&err);
    }
    for (size_t i = 0; i < o->n_inputs; i++)
        casefile_init(&r.file[i]);
    int code = read_files(&r, &err) ? replay(&r, &err) : error_report(&err);
    for (size_t i = 0; i < o->n_inputs; i++)
        casefile_release(&r.file[i]);
    free(r.file);
    free(r.mutant);
    return code;
}
