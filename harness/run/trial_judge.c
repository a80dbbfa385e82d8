#include <stdio.h>
#include <string.h>

#include "harness/check/compare.h"
#include "harness/run/trial.h"

/* Whether a run gave what the first gave. Where the other run had other poison, an element that
 * neither wrote is equal too. */
bool trial_results_equal(const struct trial *t, const void *const *other, unsigned poison)
{
    for (size_t i = 0; i < t->bind.count; i++) {
        const struct tensor *tensor = &t->bind.tensor[i];
        size_t n = tensor_elements(tensor);
        if (!trial_is_output(t, i) ||
            !memcmp(t->first[i], other[i], n * dtype_bytes(tensor->dtype)))
            continue;
        for (size_t k = 0; k < n; k++) {
            uint32_t a = dtype_load(tensor->dtype, t->first[i], k);
            uint32_t b = dtype_load(tensor->dtype, other[i], k);
            if (a != b &&
                (a != dtype_poison(tensor->dtype, 0) || b != dtype_poison(tensor->dtype, poison)))
                return false;
        }
    }
    return true;
}

/* Two runs differ: repeats the first with one thing changed at a time to name the cause. What none
 * of them shows is the placement: the kernel read outside its tensors without a fault. */
static void why_runs_differ(struct trial *t, uint64_t order)
{
    const struct {
        struct run run;
        enum verdict_kind kind;
        enum detector detector;
        const char *signature, *text;
    } causes[] = {
        {{ARENA_RIGHT, 0, 0, LAUNCH_EAGER},
         VERDICT_NONDETERMINISTIC,
         DETECTOR_RERUN,
         "differs when repeated",
         "an identical second run"},
        {{ARENA_RIGHT, 0, order, LAUNCH_EAGER},
         VERDICT_NONDETERMINISTIC,
         DETECTOR_RERUN,
         "depends on thread order",
         "a run with threads and blocks in another order (a missing barrier, a race)"},
        {{ARENA_RIGHT, 1, 0, LAUNCH_EAGER},
         VERDICT_POISON,
         DETECTOR_POISON,
         "depends on poison",
         "a run over other content of memory that nobody wrote"},
        {{ARENA_LEFT, 0, 0, LAUNCH_EAGER},
         VERDICT_OOB,
         DETECTOR_RERUN,
         "depends on placement",
         "a run with other memory round the tensors (a read outside them that did not fault)"},
    };
    struct verdict *v = &t->verdict;
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        const void *again[OP_MAX_TENSORS];
        if (!trial_run(t, causes[i].run) || !trial_collect(t, t->session->second, false, again))
            return;
        if (trial_results_equal(t, again, causes[i].run.poison))
            continue;
        verdict_set(v, causes[i].kind, causes[i].detector, causes[i].signature);
        snprintf(v->summary, sizeof(v->summary), "%s differs in %s", v->tensor, causes[i].text);
        return;
    }
}

static bool judge_output(struct trial *t, const struct tensor *tensors, size_t i, uint64_t order)
{
    static const struct {
        enum verdict_kind kind;
        enum detector detector;
    } verdict_of[] = {
        [COMPARE_WRONG] = {VERDICT_WRONG, DETECTOR_COMPARE},
        [COMPARE_UNWRITTEN] = {VERDICT_UNWRITTEN, DETECTOR_POISON},
        [COMPARE_STRAY] = {VERDICT_STRAY_WRITE, DETECTOR_POISON},
        [COMPARE_RUNS_DIFFER] = {VERDICT_NONDETERMINISTIC, DETECTOR_RERUN},
        [COMPARE_VACUOUS] = {VERDICT_VACUOUS, DETECTOR_VACUITY},
        [COMPARE_ERROR] = {VERDICT_ERROR, DETECTOR_COMPARE},
    };
    struct compare_input input = {.kase = t->kase,
                                  .tensor = tensors,
                                  .index = i,
                                  .first = t->first[i],
                                  .second = t->second[i],
                                  .ref = &t->io,
                                  .device_out = t->first};
    struct compare_metrics metrics;
    double cosine = t->verdict.cosine, relative = t->verdict.relative;
    enum compare_kind kind = compare_output(&input, &metrics, &t->verdict);
    if (t->verdict.cosine > cosine)
        t->verdict.cosine = cosine;
    if (t->verdict.relative < relative)
        t->verdict.relative = relative;
    if (kind == COMPARE_EQUAL)
        return compare_want(&input, &t->verdict);
    t->verdict.kind = verdict_of[kind].kind;
    t->verdict.detector = verdict_of[kind].detector;
    if (kind == COMPARE_RUNS_DIFFER)
        why_runs_differ(t, order);
    return false;
}

void trial_used(const struct trial *t, struct tensor out[OP_MAX_TENSORS])
{
    memcpy(out, t->bind.tensor, sizeof(t->bind.tensor));
    for (size_t i = 0; i < t->bind.count; i++) {
        out[i].rows -= out[i].unused_rows;
        out[i].unused_rows = 0;
    }
}

/* Vacuity counts only when nothing else is found. */
void trial_compare(struct trial *t, uint64_t order)
{
    struct tensor compared[OP_MAX_TENSORS];
    struct verdict vacuous = {.kind = VERDICT_PASS};
    trial_used(t, compared);
    for (size_t i = 0; i < t->bind.count; i++) {
        if (!trial_is_output(t, i) || judge_output(t, compared, i, order))
            continue;
        if (t->verdict.kind != VERDICT_VACUOUS)
            return;
        vacuous = t->verdict;
        t->verdict = (struct verdict){.cosine = vacuous.cosine, .relative = vacuous.relative};
    }
    if (vacuous.kind != VERDICT_PASS)
        t->verdict = vacuous;
}
