#include <stdio.h>
#include <stdlib.h>

#include "harness/run/pool_state.h"

/* Of several cases, one has cost a worker; it is not known which. */
struct doubt {
    unsigned cases, left; /* all of them; those that have not been judged again */
    bool seen_again;
    struct verdict verdict; /* what was seen */
};

struct doubt *doubt_create(const struct verdict *seen)
{
    struct doubt *d = calloc(1, sizeof(*d));
    if (d)
        d->verdict = *seen;
    return d;
}

void doubt_add(struct doubt *d, struct worker_case *c)
{
    doubt_settle(c, true, NULL);
    c->doubt = d;
    d->cases++;
    d->left++;
}

void doubt_settle(struct worker_case *c, bool lost, struct verdict *v)
{
    struct doubt *d = c->doubt;
    c->doubt = NULL;
    if (!d)
        return;
    d->seen_again |= lost;
    if (--d->left)
        return;
    if (!d->seen_again && verdict_passed(v->kind)) {
        *v = d->verdict;
        snprintf(v->summary, sizeof(v->summary),
                 "%.200s; a worker had %u cases then, this one the last of them, and each alone "
                 "does not do it",
                 d->verdict.summary, d->cases);
        verdict_set(v, VERDICT_NONDETERMINISTIC, DETECTOR_RERUN, "not seen again");
    }
    free(d);
}
