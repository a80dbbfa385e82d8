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

static bool judge_finding(struct trial *t, const struct device_finding *f)
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

/* What the supervisor must know if this process does not come back. */
static void note_tensors(const struct trial *t)
{
    struct crash_note *note = t->session->options.note;
    if (!note)
        return;
    note->count = t->bind.count;
    for (size_t i = 0; i < t->bind.count; i++) {
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
    note_tensors(t);
    return device->driver->launch(device, &launch, &finding) || judge_finding(t, &finding);
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

/* --- On the host --- */

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

/* --- On the device --- */

/* Whatever it was, the device is in an unknown state. */
static bool inspection_failed(struct trial *t, const struct error *err)
{
    t->session->lost = true;
    return trial_error(t, err);
}

/* Enqueues both runs and all that their checks need. `failed`: a launch came to no good end. False:
 * what is enqueued is not all, because of that, or of a failure before, or of the harness's own. */
static bool enqueue_runs(struct trial *t, struct device_finding *finding, bool *failed,
                         struct error *err)
{
    struct session *s = t->session;
    note_tensors(t);
    for (unsigned run = 0; run < INSPECT_RUNS; run++) {
        struct plan plan = {.count = 0};
        t->kase->op->plan(t->kase, t->bind.tensor, inspect_tensors(s->inspection, run), &plan);
        if ((*failed = !s->device->driver->start(s->device, &plan, finding)))
            return false;
    }
    helper_wait(t->helper, t->reference);
    return t->referenced && inspect_check(s->inspection, &t->io, err);
}

/* Both runs. False: the verdict is filled. */
static bool run_on_device(struct trial *t)
{
    struct session *s = t->session;
    struct device_finding finding;
    struct error err;
    bool failed;
    bool good = enqueue_runs(t, &finding, &failed, &err);
    helper_wait(t->helper, t->reference);
    if (failed || !s->device->driver->await(s->device, &finding)) {
        t->verdict.tensor[0] = '\0'; /* of the reference's, which is of no interest now */
        return judge_finding(t, &finding);
    }
    if (!t->referenced)
        return false;
    return (good && s->device->driver->finish(s->device, &err)) || inspection_failed(t, &err);
}

/* False: not all is right, as `seen` says, and the host has to look. True: the verdict is in. */
static bool judged_on_device(struct trial *t, char *seen, size_t size)
{
    struct session *s = t->session;
    struct error err;
    if (!inspect_begin(s->inspection, &t->bind, &err)) {
        helper_wait(t->helper, t->reference);
        return !inspection_failed(t, &err);
    }
    if (!run_on_device(t))
        return true;
    return inspect_complete(s->inspection, seen, size) &&
           (!inspect_outside(s->inspection, &t->verdict) ||
            inspect_outputs(s->inspection, &t->verdict, seen, size));
}

/* Only the host can dump tensors, compare them with literals, and replay graphs. */
bool trial_inspects(const struct trial *t)
{
    const struct session *s = t->session;
    return s->inspection && !s->options.graph && !s->options.dump_dir && !t->kase->literals;
}

void trial_judge(struct trial *t)
{
    uint64_t order = t->kase->seed * 2 + 1; /* any order but the natural one, which is 0 */
    char seen[160] = "";
    if (t->helper)
        helper_wait(t->helper, t->prepared);
    if (t->judged || (trial_inspects(t) && judged_on_device(t, seen, sizeof(seen))))
        return;
    judge_on_host(t, order);
    if (!seen[0] || t->verdict.kind != VERDICT_PASS)
        return;
    snprintf(t->verdict.summary, sizeof(t->verdict.summary), "%s; two further runs were right",
             seen);
    verdict_set(&t->verdict, VERDICT_NONDETERMINISTIC, DETECTOR_RERUN, "not seen again");
}
