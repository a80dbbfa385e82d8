#include "harness/run/trial.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "harness/report/dump.h"
#include "harness/run/crash.h"

bool trial_error(struct trial *t, const struct error *err)
{
    snprintf(t->verdict.summary, sizeof(t->verdict.summary), "%.380s", err->text);
    return verdict_set(&t->verdict, VERDICT_ERROR, DETECTOR_NONE, "error");
}

/* --- One run --- */

static void where_in_code(struct verdict *v, uintptr_t ip)
{
    Dl_info info;
    if (!ip || !dladdr((void *)ip, &info) || !info.dli_fname) /* NOLINT: an address is a number */
        return;
    snprintf(v->object, sizeof(v->object), "%s", info.dli_fname);
    v->object_offset = ip - (uintptr_t)info.dli_fbase;
}

bool trial_judge_finding(struct trial *t, const struct device_finding *f)
{
    struct verdict *v = &t->verdict;
    t->session->lost |= f->lost;
    where_in_code(v, f->ip);
    snprintf(v->text, sizeof(v->text), "kernel %s", f->text);
    if (f->in_tensor && f->at.slot < t->bind.count) {
        crash_in_tensor(v, t->bind.tensor[f->at.slot].name, t->bind.bytes[f->at.slot], f);
        return false;
    }
    snprintf(v->summary, sizeof(v->summary), "%.380s", f->text);
    return verdict_set(v, f->kind, f->detector, f->signature);
}

void trial_note(const struct trial *t, size_t n)
{
    struct crash_note *note = t->session->options.note;
    if (!note)
        return;
    note->together = n;
    note->count = n == 1 ? t->bind.count : 0;
    for (size_t i = 0; i < note->count; i++) {
        snprintf(note->tensor[i].name, sizeof(note->tensor[i].name), "%s", t->bind.tensor[i].name);
        note->tensor[i].bytes = t->bind.bytes[i];
    }
}

static bool launch_plan(struct trial *t, struct run run)
{
    struct plan plan = {.count = 0};
    struct device *device = t->session->device;
    struct device_run launch = {.plan = &plan, .launch = run.launch, .order = run.order};
    struct device_finding finding;
    t->kase->op->plan(t->kase, t->bind.tensor, t->bind.device, &plan);
    trial_note(t, 1);
    return device->driver->launch(device, &launch, &finding) || trial_judge_finding(t, &finding);
}

bool trial_run(struct trial *t, struct run run)
{
    struct error err;
    if (!bind_place(&t->bind, run.side, run.poison, &err))
        return trial_error(t, &err);
    if (!launch_plan(t, run))
        return false;
    if (!bind_fetch(&t->bind, &err))
        return trial_error(t, &err);
    return bind_intact(&t->bind, run.poison, &t->verdict);
}

bool trial_collect(struct trial *t, struct scratch *scratch, bool keep, const void **result)
{
    for (size_t i = 0; i < t->bind.count; i++) {
        if (!trial_is_output(t, i))
            continue;
        size_t elements = tensor_elements(&t->bind.tensor[i]);
        size_t size = dtype_bytes(t->bind.tensor[i].dtype);
        void *room = scratch_get(&scratch[i], elements, size);
        if (!room) {
            struct error err;
            error_set(&err, ERROR_INTERNAL, "no memory for a copy of %s", t->bind.tensor[i].name);
            return trial_error(t, &err);
        }
        result[i] = bind_dense(&t->bind, i, room);
        if (keep && result[i] != room)
            result[i] = memcpy(room, result[i], elements * size);
    }
    return true;
}

/* --- Judging --- */

/* The captured graph, over fresh poison, must do again what it did. */
static bool replay_agrees(struct trial *t)
{
    struct run run = {ARENA_RIGHT, 0, 0, LAUNCH_REPLAY};
    struct verdict *v = &t->verdict;
    if (!trial_run(t, run) || !trial_collect(t, t->session->second, false, t->second))
        return false;
    if (trial_results_equal(t, t->second, 0))
        return true;
    snprintf(v->summary, sizeof(v->summary),
             "the captured graph gives another result when replayed");
    return verdict_set(v, VERDICT_NONDETERMINISTIC, DETECTOR_RERUN, "graph replay differs");
}

/* Both runs and what they leave; with a graph, the first is captured and replayed too, so that the
 * second, eager one compares it with a plain launch. */
static bool run_both(struct trial *t, uint64_t order)
{
    bool graph = t->session->options.graph;
    struct run first = {ARENA_RIGHT, 0, 0, graph ? LAUNCH_CAPTURE : LAUNCH_EAGER};
    struct run second = {ARENA_LEFT, 1, order, LAUNCH_EAGER};
    return trial_run(t, first) &&
           trial_collect(t, t->session->first, true, (const void **)t->first) &&
           (!graph || replay_agrees(t)) && trial_run(t, second) &&
           trial_collect(t, t->session->second, false, t->second);
}

static void dump(struct trial *t)
{
    struct error err;
    if (t->session->options.dump_dir &&
        !dump_case(t->session->options.dump_dir, t->kase, t->bind.tensor, t->bind.count, t->in,
                   t->first, &t->io, &err))
        trial_error(t, &err);
}

static void judge_on_host(struct trial *t, uint64_t order)
{
    if (!run_both(t, order) || !trial_reference(t))
        return;
    trial_compare(t, order);
    dump(t);
}

void trial_judge(struct trial *t)
{
    uint64_t order = t->kase->seed * 2 + 1; /* any order but the natural one, which is 0 */
    char seen[160] = "";
    if (t->judged || (t->inspected && trial_judge_inspected(t, seen, sizeof(seen))))
        return;
    judge_on_host(t, order);
    if (!seen[0] || t->verdict.kind != VERDICT_PASS)
        return;
    snprintf(t->verdict.summary, sizeof(t->verdict.summary), "%s; two further runs were right",
             seen);
    verdict_set(&t->verdict, VERDICT_NONDETERMINISTIC, DETECTOR_RERUN, "not seen again");
}
