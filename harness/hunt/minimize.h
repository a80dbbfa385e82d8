/*
 * Makes a failing case small: tries simpler values of one parameter after the other, largest cut
 * first, and keeps a try that fails in the same way. Every try runs in a worker, so a case that
 * kills its process can be minimised too.
 */
#ifndef HARNESS_HUNT_MINIMIZE_H
#define HARNESS_HUNT_MINIMIZE_H

#include "harness/run/pool.h"

struct minimize {
    struct pool *pool; /* with at least one idle worker */
    unsigned max_tries;
    double max_seconds;
    unsigned tries; /* out: how many were made */
};

/* Replaces `kase` and `verdict` by the smallest found. True when it ended by itself, false when it
 * was interrupted or the pool failed; what was found until then is kept in both cases. */
bool minimize_case(struct minimize *, struct kase *kase, struct verdict *verdict, struct error *);

/* Whether two findings are the same bug: verdict, detector, tensor and signature. */
bool same_finding(const struct verdict *a, const struct verdict *b);

#endif
