/* harness run: judges the selected cases and reports each. */
#include <stdio.h>

#include "harness/cmd/commands.h"
#include "harness/cmd/reporting.h"
#include "harness/cmd/select.h"
#include "harness/run/campaign.h"

struct run {
    const struct options *options;
    struct selection selection;
    struct reporting reporting;
    struct error *err;
    bool failed; /* a report could not be written */
};

static const struct kase *next(void *context, uint64_t index)
{
    struct run *run = context;
    struct selection *s = &run->selection;
    if (index >= s->count * (uint64_t)run->options->repeat)
        return NULL;
    return &s->table.entry[s->entry[index / run->options->repeat]].kase;
}

static bool deliver(void *context, uint64_t index, const struct kase *kase, const struct verdict *v)
{
    struct run *run = context;
    char source[4200];
    selection_source(&run->selection, index / run->options->repeat, source, sizeof(source));
    if (!reporting_result(&run->reporting, kase, source,
                          run->selection.mutant ? run->selection.mutant->id : NULL,
                          (unsigned)(index % run->options->repeat), v, run->err)) {
        run->failed = true;
        return false;
    }
    return !run->options->max_fail || run->reporting.summary.failed < run->options->max_fail;
}

static void tick(void *context, uint64_t done)
{
    struct run *run = context;
    human_status(&run->reporting.human, "running", done,
                 run->selection.count * (uint64_t)run->options->repeat);
}

int cmd_run(const struct options *o)
{
    struct error err;
    struct run run = {.options = o, .err = &err};
    struct pool_options pool_options = {.workers = o->jobs, .session = options_session(o)};
    if (!select_cases(&run.selection, o, &err))
        return error_report(&err);
    if (!reporting_open(&run.reporting, o, &err)) {
        selection_release(&run.selection);
        return error_report(&err);
    }
    struct campaign campaign = {.context = &run, .next = next, .deliver = deliver, .tick = tick};
    campaign.pool = pool_create(&pool_options, &err);
    if (campaign.pool)
        reporting_device(&run.reporting, pool_device(campaign.pool));
    enum campaign_end end = campaign.pool ? campaign_run(&campaign, &err) : CAMPAIGN_FAILED;
    if (end == CAMPAIGN_DONE || end == CAMPAIGN_STOPPED)
        reporting_finish(&run.reporting, campaign.pool);
    pool_destroy(campaign.pool);
    int code = end == CAMPAIGN_FAILED || run.failed
                   ? reporting_fail(&run.reporting, &err)
                   : reporting_close(&run.reporting, end == CAMPAIGN_INTERRUPTED);
    selection_release(&run.selection);
    return code;
}
