#include "harness/run/campaign.h"

#include <stdlib.h>

#include "harness/base/clock.h"

/* Verdicts that wait for an earlier one: a slow case must not stop the others, nor let an unbounded
 * queue grow. */
enum { WINDOW = 256 };

struct waiting {
    bool used;
    const struct kase *kase;
    struct verdict verdict;
};

struct state {
    const struct campaign *campaign;
    struct waiting *window; /* case i at i % WINDOW */
    const struct kase *pending[WINDOW];
    uint64_t submitted, delivered;
    bool more;
};

static bool submit_some(struct state *s, struct error *err)
{
    const struct campaign *c = s->campaign;
    while (s->more && s->submitted - s->delivered < WINDOW && pool_has_room(c->pool)) {
        const struct kase *kase = c->next(c->context, s->submitted);
        if (!kase) {
            s->more = false;
            break;
        }
        if (!pool_submit(c->pool, s->submitted, kase, err))
            return false;
        s->pending[s->submitted++ % WINDOW] = kase;
    }
    return true;
}

/* Hands out what is in order; false when the consumer has enough. */
static bool deliver_some(struct state *s)
{
    for (;;) {
        struct waiting *w = &s->window[s->delivered % WINDOW];
        if (!w->used)
            return true;
        w->used = false;
        if (!s->campaign->deliver(s->campaign->context, s->delivered++, w->kase, &w->verdict))
            return false;
    }
}

static enum campaign_end loop(struct state *s, struct error *err)
{
    const struct campaign *c = s->campaign;
    double last_tick = clock_seconds();
    for (;;) {
        if (!submit_some(s, err))
            return CAMPAIGN_FAILED;
        if (!s->more && !pool_busy(c->pool))
            return CAMPAIGN_DONE;
        uint64_t ticket;
        struct verdict verdict;
        enum pool_event event = pool_wait(c->pool, 0.5, &ticket, &verdict, err);
        if (event == POOL_INTERRUPTED)
            return CAMPAIGN_INTERRUPTED;
        if (event == POOL_FAILED)
            return CAMPAIGN_FAILED;
        if (event == POOL_VERDICT)
            s->window[ticket % WINDOW] = (struct waiting){
                .used = true, .kase = s->pending[ticket % WINDOW], .verdict = verdict};
        if (!deliver_some(s))
            return CAMPAIGN_STOPPED;
        if (c->tick && clock_seconds() - last_tick >= 0.5) {
            c->tick(c->context, s->delivered);
            last_tick = clock_seconds();
        }
    }
}

/* Takes back what the workers still hold, so that the pool can be used again. */
static void drain(struct pool *pool)
{
    struct error err;
    struct verdict verdict;
    uint64_t ticket;
    while (pool_busy(pool)) {
        enum pool_event event = pool_wait(pool, 0.5, &ticket, &verdict, &err);
        if (event == POOL_INTERRUPTED || event == POOL_FAILED)
            return;
    }
}

enum campaign_end campaign_run(const struct campaign *campaign, struct error *err)
{
    struct state state = {.campaign = campaign, .more = true};
    state.window = calloc(WINDOW, sizeof(*state.window));
    if (!state.window) {
        error_set(err, ERROR_INTERNAL, "no memory for verdicts");
        return CAMPAIGN_FAILED;
    }
    enum campaign_end end = loop(&state, err);
    if (end == CAMPAIGN_STOPPED)
        drain(campaign->pool);
    free(state.window);
    return end;
}
