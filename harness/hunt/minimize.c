#include "harness/hunt/minimize.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"

enum { MAX_CANDIDATES = 96 };

bool same_finding(const struct verdict *a, const struct verdict *b)
{
    return a->kind == b->kind && a->detector == b->detector && !strcmp(a->tensor, b->tensor) &&
           !strcmp(a->signature, b->signature);
}

/* How far a value is from the simplest one; every accepted step makes a distance smaller. */
static uint64_t distance(const struct param *p, int64_t value)
{
    if (p->names)
        return value == p->preset ? 0 : (uint64_t)(value - p->min) + 1;
    return (uint64_t)value - (uint64_t)p->min;
}

static size_t add(int64_t *list, size_t n, const struct param *p, int64_t current, int64_t value)
{
    if (n == MAX_CANDIDATES || value < p->min || value > p->max ||
        distance(p, value) >= distance(p, current))
        return n;
    for (size_t i = 0; i < n; i++)
        if (list[i] == value)
            return n;
    list[n] = value;
    return n + 1;
}

/* Simpler values of a parameter, the simplest first. */
static size_t candidates(const struct param *p, int64_t current, int64_t list[MAX_CANDIDATES])
{
    size_t n = 0;
    n = add(list, n, p, current, p->names ? p->preset : p->min);
    if (p->names) {
        for (int64_t v = p->min; v <= p->max; v++)
            n = add(list, n, p, current, v);
        return n;
    }
    for (int64_t v = 0; v <= 2; v++)
        n = add(list, n, p, current, v);
    n = add(list, n, p, current, p->preset);
    for (const int64_t *tile = p->tiles; tile && *tile; tile++) {
        n = add(list, n, p, current, *tile);
        n = add(list, n, p, current, *tile + 1);
        n = add(list, n, p, current, current / *tile * *tile);
    }
    for (uint64_t cut = distance(p, current); cut; cut /= 2)
        n = add(list, n, p, current, current - (int64_t)cut);
    return n;
}

/* One try; true when it fails as `wanted` does. */
static bool fails_alike(struct minimize *m, const struct kase *kase, const struct verdict *wanted,
                        struct verdict *got, bool *stop, struct error *err)
{
    m->tries++;
    *stop = !pool_judge(m->pool, kase, got, err);
    return !*stop && same_finding(got, wanted);
}

/* A try must be as legal as the case was: a refused case stays refused for its reason. */
static bool still_valid(const struct kase *kase)
{
    const char *reason = kase->op->contract(kase);
    return !strcmp(reason ? reason : "", kase->refuse);
}

static bool over_budget(const struct minimize *m, double deadline)
{
    return m->tries >= m->max_tries || clock_seconds() >= deadline;
}

/* Tries all simpler values of parameter `i`; true when one was taken. */
static bool shrink_param(struct minimize *m, struct kase *kase, struct verdict *v, size_t i,
                         double deadline, bool *stop, struct error *err)
{
    const struct param *p = &kase->op->params[i];
    int64_t list[MAX_CANDIDATES], original = kase->value[i];
    struct verdict got;
    size_t n = candidates(p, original, list);
    for (size_t k = 0; k < n && !*stop && !over_budget(m, deadline); k++) {
        kase->value[i] = list[k];
        if (still_valid(kase) && fails_alike(m, kase, v, &got, stop, err)) {
            *v = got;
            return true;
        }
    }
    kase->value[i] = original;
    return false;
}

static void shrink_seed(struct minimize *m, struct kase *kase, struct verdict *v, bool *stop,
                        struct error *err)
{
    uint64_t original = kase->seed;
    struct verdict got;
    for (uint64_t seed = 0; seed < 2 && seed < original && !*stop; seed++) {
        kase->seed = seed;
        if (fails_alike(m, kase, v, &got, stop, err)) {
            *v = got;
            return;
        }
        kase->seed = original;
    }
}

bool minimize_case(struct minimize *m, struct kase *kase, struct verdict *v, struct error *err)
{
    double deadline = clock_seconds() + m->max_seconds;
    bool progress = true, stop = false;
    m->tries = 0;
    shrink_seed(m, kase, v, &stop, err);
    while (progress && !stop && !over_budget(m, deadline)) {
        progress = false;
        for (size_t i = 0; i < kase->op->n_params && !stop; i++)
            while (shrink_param(m, kase, v, i, deadline, &stop, err))
                progress = true;
    }
    return !stop;
}
