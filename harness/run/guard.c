#include "harness/run/guard.h"

#include <stdio.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static const char *or_legal(const char *reason)
{
    return reason ? reason : "legal";
}

bool guard_lets_run(const struct kase *kase, struct verdict *v)
{
    const struct op *op = kase->op;
    const char *expected = kase->refuse[0] ? kase->refuse : NULL;
    const char *contract = op->contract(kase), *guard = op->guard(kase, NULL);
    if (!same(expected, contract)) {
        snprintf(v->summary, sizeof(v->summary),
                 "the line expects the case to be %s, but by the operator's contract it is %s%s",
                 or_legal(expected), or_legal(contract),
                 contract ? " (to be refused: expect=refuse:REASON)" : "");
        return verdict_set(v, VERDICT_WRONG, DETECTOR_HOST_GUARD, "expectation");
    }
    if (same(guard, contract)) {
        if (!contract)
            return true;
        snprintf(v->summary, sizeof(v->summary), "refused as %s", contract);
        return verdict_set(v, VERDICT_REFUSED, DETECTOR_HOST_GUARD, contract);
    }
    if (!guard) {
        snprintf(v->summary, sizeof(v->summary), "the guard lets pass what is %s", contract);
        return verdict_set(v, VERDICT_GUARD_MISSED, DETECTOR_HOST_GUARD, contract);
    }
    snprintf(v->summary, sizeof(v->summary), "the guard refuses as %s what is %s", guard,
             or_legal(contract));
    return verdict_set(v, VERDICT_GUARD_FALSE, DETECTOR_HOST_GUARD, guard);
}

bool guard_checks_sizes(const struct kase *kase, const struct tensor *tensor, const size_t *needed,
                        size_t count, struct verdict *v)
{
    const struct op *op = kase->op;
    size_t bytes[OP_MAX_TENSORS];
    memcpy(bytes, needed, count * sizeof(*bytes));
    const char *exact = op->guard(kase, bytes);
    if (exact) {
        snprintf(v->summary, sizeof(v->summary), "the guard refuses exact buffers as %s", exact);
        return verdict_set(v, VERDICT_GUARD_FALSE, DETECTOR_HOST_GUARD, exact);
    }
    for (size_t i = 0; i < count; i++) {
        if (!bytes[i])
            continue;
        char expected[KASE_REASON_SIZE];
        snprintf(expected, sizeof(expected), "short_%s", tensor[i].name);
        bytes[i]--;
        const char *got = op->guard(kase, bytes);
        bytes[i]++;
        if (same(got, expected))
            continue;
        snprintf(v->tensor, sizeof(v->tensor), "%s", tensor[i].name);
        snprintf(v->summary, sizeof(v->summary),
                 "a %s of %zu bytes, one less than needed, is %s by the guard instead of %s",
                 tensor[i].name, bytes[i] - 1, got ? got : "let pass", expected);
        return verdict_set(v, got ? VERDICT_GUARD_FALSE : VERDICT_GUARD_MISSED, DETECTOR_HOST_GUARD,
                           expected);
    }
    return true;
}
