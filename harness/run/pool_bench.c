#include "harness/run/pool_bench.h"

#include <stdlib.h>

#include "harness/base/clock.h"
#include "harness/run/campaign.h"

/* For the workers of a pool to start. */
#define PATIENCE 120.0

/* --- Cases a second --- */

enum { IN_FLIGHT = 512 }; /* cases kept until their verdict is delivered; a campaign has fewer */

struct stream {
    const struct kase *kase;
    size_t n;
    double end;
    struct kase flying[IN_FLIGHT];
    struct pool_rate *rate;
};

static const struct kase *next(void *context, uint64_t index)
{
    struct stream *s = context;
    struct kase *kase = &s->flying[index % IN_FLIGHT];
    if (clock_seconds() >= s->end)
        return NULL;
    *kase = s->kase[index % s->n]; /* a loan: cases of a stream are not released */
    kase->seed += index / s->n;
    return kase;
}

static bool deliver(void *context, uint64_t index, const struct kase *kase, const struct verdict *v)
{
    struct stream *s = context;
    (void)index, (void)kase;
    s->rate->cases++;
    if (verdict_passed(v->kind))
        return true;
    s->rate->failed++;
    s->rate->failure = *v;
    return true;
}

bool pool_bench_rate(struct pool *pool, const struct kase *kase, size_t n, double seconds,
                     struct pool_rate *rate, struct error *err)
{
    const double start = clock_seconds();
    struct stream *s = calloc(1, sizeof(*s));
    if (!s)
        return error_set(err, ERROR_INTERNAL, "no memory for a stream of cases");
    *rate = (struct pool_rate){.cases = 0};
    s->kase = kase;
    s->n = n;
    s->end = start + seconds;
    s->rate = rate;
    const struct campaign campaign = {.pool = pool, .context = s, .next = next, .deliver = deliver};
    enum campaign_end end = campaign_run(&campaign, err);
    rate->seconds = clock_seconds() - start;
    free(s);
    if (end == CAMPAIGN_INTERRUPTED)
        return error_set(err, ERROR_INTERNAL, "interrupted");
    return end == CAMPAIGN_DONE;
}

/* --- Faults --- */

static bool settle(struct pool *pool, struct error *err)
{
    const double end = clock_seconds() + PATIENCE;
    while (!pool_settled(pool)) {
        struct verdict v;
        uint64_t ticket;
        enum pool_event event = pool_wait(pool, 1, &ticket, &v, err);
        if (event == POOL_FAILED)
            return false;
        if (event == POOL_INTERRUPTED || clock_seconds() > end)
            return error_set(err, ERROR_INTERNAL, "interrupted before all workers had started");
    }
    return true;
}

/* Seconds until the verdict. */
static bool judge(struct pool *pool, const struct kase *kase, struct verdict *v, double *seconds,
                  struct error *err)
{
    const double start = clock_seconds();
    if (!pool_judge(pool, kase, v, err))
        return false;
    *seconds = clock_seconds() - start;
    return true;
}

bool pool_bench_verdict(struct pool *pool, const struct kase *kase, struct verdict *v,
                        double *seconds, struct error *err)
{
    return settle(pool, err) && judge(pool, kase, v, seconds, err);
}

static bool recover(struct pool *pool, const struct kase *fault, const struct kase *good,
                    double *seconds, struct error *err)
{
    struct verdict v;
    double of_fault;
    if (!pool_bench_verdict(pool, fault, &v, &of_fault, err))
        return false;
    if (verdict_passed(v.kind) || pool_settled(pool))
        return error_set(err, ERROR_INTERNAL, "a planted fault has not cost its worker");
    if (!judge(pool, good, &v, seconds, err))
        return false;
    return verdict_passed(v.kind) ||
           error_set(err, ERROR_INTERNAL, "a case behind a fault: %.300s", v.summary);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool pool_bench_recovery(struct pool *pool, const struct kase *fault, size_t n, unsigned rounds,
                         const struct kase *good, struct pool_recovery *out, struct error *err)
{
    double seconds[POOL_RECOVERIES];
    const size_t count = n * rounds < POOL_RECOVERIES ? n * rounds : POOL_RECOVERIES;
    for (size_t i = 0; i < count; i++)
        if (!recover(pool, &fault[i % n], good, &seconds[i], err))
            return false;
    qsort(seconds, count, sizeof(*seconds), by_size);
    *out = (struct pool_recovery){.median_s = seconds[count / 2], .worst_s = seconds[count - 1]};
    return true;
}
