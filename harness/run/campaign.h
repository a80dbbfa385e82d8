/*
 * A campaign runs a sequence of cases through a pool and hands out the verdicts in the order of
 * the cases, however the workers finish. `run`, `replay`, `mutants` and the tests share it.
 */
#ifndef HARNESS_RUN_CAMPAIGN_H
#define HARNESS_RUN_CAMPAIGN_H

#include "harness/run/pool.h"

struct campaign {
    struct pool *pool;
    void *context;
    /* The case number `index`, counted from 0; NULL behind the last. Borrowed until its verdict
     * has been delivered. */
    const struct kase *(*next)(void *context, uint64_t index);
    /* Takes the verdict of case `index`; called in order. False ends the campaign early. */
    bool (*deliver)(void *context, uint64_t index, const struct kase *, const struct verdict *);
    /* Called about every half second; may be NULL. */
    void (*tick)(void *context, uint64_t done);
};

enum campaign_end { CAMPAIGN_DONE, CAMPAIGN_STOPPED, CAMPAIGN_INTERRUPTED, CAMPAIGN_FAILED };

enum campaign_end campaign_run(const struct campaign *, struct error *);

#endif
