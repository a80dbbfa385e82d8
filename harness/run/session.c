#include "harness/run/session.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/check/compare.h"
#include "harness/report/dump.h"
#include "harness/run/bind.h"
#include "harness/run/crash.h"
#include "harness/run/guard.h"

/* Tensor memory above this is given back behind the case that needed it. */
#define RESIDENT_LIMIT ((size_t)256 << 20)

/* A buffer that grows and is kept; its content does not survive growing. */
struct scratch {
    void *data;
    size_t capacity;
};

struct session {
    struct session_options options;
    struct arena *arena;
    struct device *device;
    bool lost;
    struct scratch first[OP_MAX_TENSORS], second[OP_MAX_TENSORS], ref[OP_MAX_TENSORS];
};

/* What a case being judged consists of. */
struct trial {
    struct session *session;
    const struct kase *kase;
    struct binding bind;
    struct ref_io io;
    const void *in[OP_MAX_TENSORS];
    void *out[OP_MAX_TENSORS];          /* reference */
    void *first[OP_MAX_TENSORS];        /* dense results of the first run */
    const void *second[OP_MAX_TENSORS]; /* of the second run, perhaps in the arena */
    struct verdict *verdict;
};

struct session *session_create(const struct session_options *options, struct error *err)
{
    struct session *s = calloc(1, sizeof(*s));
    if (!s) {
        error_set(err, ERROR_INTERNAL, "no memory for a session");
        return NULL;
    }
    s->options = *options;
    struct device_options device = {.id = options->device,
                                    .wave = options->wave,
                                    .timeout_s = options->timeout_s,
                                    .note = options->note};
    s->arena = arena_create(err);
    if (s->arena)
        s->device = device_open(&device, s->arena, err);
    if (s->device)
        return s;
    session_destroy(s);
    return NULL;
}

void session_destroy(struct session *s)
{
    if (!s)
        return;
    device_close(s->device);
    arena_destroy(s->arena);
    for (size_t i = 0; i < OP_MAX_TENSORS; i++) {
        free(s->first[i].data);
        free(s->second[i].data);
        free(s->ref[i].data);
    }
    free(s);
}

static size_t scratch_bytes(const struct session *s)
{
    size_t sum = 0;
    for (size_t i = 0; i < OP_MAX_TENSORS; i++)
        sum += s->first[i].capacity + s->second[i].capacity + s->ref[i].capacity;
    return sum;
}

size_t session_resident(const struct session *s)
{
    return arena_resident(s->arena) + s->device->driver->resident(s->device) + scratch_bytes(s);
}

const char *session_device(const struct session *s)
{
    return s->device->text;
}

bool session_lost(const struct session *s)
{
    return s->lost;
}

bool session_give_back(struct session *s, struct device_memory *memory)
{
    const struct device_driver *driver = s->device->driver;
    return !s->lost && driver->give_back && driver->give_back(s->device, memory, NULL);
}

static void drop(struct scratch *scratch)
{
    free(scratch->data);
    *scratch = (struct scratch){0};
}

static void session_trim(struct session *s)
{
    if (scratch_bytes(s) > RESIDENT_LIMIT)
        for (size_t i = 0; i < OP_MAX_TENSORS; i++) {
            drop(&s->first[i]);
            drop(&s->second[i]);
            drop(&s->ref[i]);
        }
    if (arena_resident(s->arena) > RESIDENT_LIMIT)
        arena_trim(s->arena);
    if (!s->lost)
        s->device->driver->trim(s->device);
}

/* NULL when there is no memory. Room for nothing is still an address. */
static void *scratch_get(struct scratch *scratch, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    if (bytes < 64)
        bytes = 64;
    if (bytes > scratch->capacity) {
        size_t rounded = bytes + bytes / 4;
        drop(scratch);
        scratch->data = malloc(rounded);
        scratch->capacity = scratch->data ? rounded : 0;
    }
    return scratch->data;
}

static bool harness_error(struct verdict *v, const struct error *err)
{
    snprintf(v->summary, sizeof(v->summary), "%.380s", err->text);
    return verdict_set(v, VERDICT_ERROR, DETECTOR_NONE, "error");
}

/* --- Running --- */

static void where_in_code(struct verdict *v, uintptr_t ip)
{
    Dl_info info;
    if (!ip || !dladdr((void *)ip, &info) || !info.dli_fname) /* NOLINT: an address is a number */
        return;
    snprintf(v->object, sizeof(v->object), "%s", info.dli_fname);
    v->object_offset = ip - (uintptr_t)info.dli_fbase;
}

static bool judge_finding(const struct trial *t, const struct device_finding *f)
{
    struct verdict *v = t->verdict;
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

/* A run is fixed by these choices; see session.h. */
struct run {
    enum arena_side side;
    unsigned poison;
    uint64_t order;
    enum device_launch launch;
};

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

static bool run_once(struct trial *t, struct run run)
{
    struct error err;
    if (!bind_place(&t->bind, run.side, run.poison, &err))
        return harness_error(t->verdict, &err);
    if (!launch_plan(t, run))
        return false;
    if (!bind_fetch(&t->bind, &err))
        return harness_error(t->verdict, &err);
    return bind_intact(&t->bind, run.poison, t->verdict);
}

static bool is_output(const struct trial *t, size_t i)
{
    return t->bind.tensor[i].role == TENSOR_OUTPUT;
}

/* Keeps the results of a run; a dense one only when `keep` (else it stays in the arena). */
static bool collect(struct trial *t, struct scratch *scratch, bool keep, const void **result)
{
    for (size_t i = 0; i < t->bind.count; i++) {
        if (!is_output(t, i))
            continue;
        size_t elements = tensor_elements(&t->bind.tensor[i]);
        size_t size = dtype_bytes(t->bind.tensor[i].dtype);
        void *room = scratch_get(&scratch[i], elements, size);
        if (!room) {
            struct error err;
            error_set(&err, ERROR_INTERNAL, "no memory for a copy of %s", t->bind.tensor[i].name);
            return harness_error(t->verdict, &err);
        }
        result[i] = bind_dense(&t->bind, i, room);
        if (keep && result[i] != room)
            result[i] = memcpy(room, result[i], elements * size);
    }
    return true;
}

/* --- The reference --- */

static void poison_reference(const struct tensor *t, void *out, size_t elements)
{
    if (t->policy.kind == POLICY_BOUND) {
        double poison = ref_poison();
        for (size_t i = 0; i < elements; i++)
            memcpy((char *)out + i * sizeof(poison), &poison, sizeof(poison));
        return;
    }
    uint32_t bits = dtype_poison(t->dtype, 0);
    if (dtype_bytes(t->dtype) == 1)
        memset(out, (int)bits, elements);
    else
        for (size_t i = 0; i < elements; i++)
            dtype_store(t->dtype, out, i, bits);
}

/* The sizes that the operator allocates must be those of its contract; the reference relies on
 * them. */
static bool sizes_hold(const struct trial *t)
{
    for (size_t i = 0; i < t->bind.count; i++) {
        const struct tensor *tensor = &t->bind.tensor[i];
        size_t expected = t->kase->op->ref_elements(t->kase, i);
        if (tensor->role == TENSOR_INPUT || tensor->rows * tensor->cols == expected)
            continue;
        struct verdict *v = t->verdict;
        snprintf(v->tensor, sizeof(v->tensor), "%s", tensor->name);
        snprintf(v->summary, sizeof(v->summary),
                 "%s is allocated with %zu elements, its contract says %zu", tensor->name,
                 tensor->rows * tensor->cols, expected);
        return verdict_set(v, VERDICT_WRONG, DETECTOR_SIZE, "size");
    }
    return true;
}

static bool run_reference(struct trial *t)
{
    t->io = (struct ref_io){.tensor = t->bind.tensor, .in = t->in, .out = t->out};
    for (size_t i = 0; i < t->bind.count; i++) {
        const struct tensor *tensor = &t->bind.tensor[i];
        if (tensor->role == TENSOR_INPUT)
            t->in[i] = t->bind.buffer[i].host;
        if (!is_output(t, i))
            continue;
        bool wide = tensor->policy.kind == POLICY_BOUND;
        size_t elements = tensor_elements(tensor);
        t->out[i] = scratch_get(&t->session->ref[i], elements,
                                wide ? sizeof(double) : dtype_bytes(tensor->dtype));
        if (!t->out[i]) {
            struct error err;
            error_set(&err, ERROR_INTERNAL, "no memory for the reference of %s", tensor->name);
            return harness_error(t->verdict, &err);
        }
        poison_reference(tensor, t->out[i], elements);
    }
    t->kase->op->reference(t->kase, &t->io);
    return true;
}

/* --- Judging --- */

/* Whether a run gave what the first gave. Where the other run had other poison, an element that
 * neither wrote is equal too. */
static bool results_equal(const struct trial *t, const void *const *other, unsigned poison)
{
    for (size_t i = 0; i < t->bind.count; i++) {
        const struct tensor *tensor = &t->bind.tensor[i];
        size_t n = tensor_elements(tensor);
        if (!is_output(t, i) || !memcmp(t->first[i], other[i], n * dtype_bytes(tensor->dtype)))
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
    struct verdict *v = t->verdict;
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        const void *again[OP_MAX_TENSORS];
        if (!run_once(t, causes[i].run) || !collect(t, t->session->second, false, again))
            return;
        if (results_equal(t, again, causes[i].run.poison))
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
    double cosine = t->verdict->cosine, relative = t->verdict->relative;
    enum compare_kind kind = compare_output(&input, &metrics, t->verdict);
    if (t->verdict->cosine > cosine)
        t->verdict->cosine = cosine;
    if (t->verdict->relative < relative)
        t->verdict->relative = relative;
    if (kind == COMPARE_EQUAL)
        return compare_want(&input, t->verdict);
    t->verdict->kind = verdict_of[kind].kind;
    t->verdict->detector = verdict_of[kind].detector;
    if (kind == COMPARE_RUNS_DIFFER)
        why_runs_differ(t, order);
    return false;
}

/* Compares every output. Vacuity counts only when nothing else is found. */
static void judge_outputs(struct trial *t, uint64_t order)
{
    struct tensor compared[OP_MAX_TENSORS];
    struct verdict vacuous = {.kind = VERDICT_PASS};
    memcpy(compared, t->bind.tensor, sizeof(compared));
    for (size_t i = 0; i < t->bind.count; i++) {
        compared[i].rows -= compared[i].unused_rows;
        compared[i].unused_rows = 0;
    }
    for (size_t i = 0; i < t->bind.count; i++) {
        if (!is_output(t, i) || judge_output(t, compared, i, order))
            continue;
        if (t->verdict->kind != VERDICT_VACUOUS)
            return;
        vacuous = *t->verdict;
        *t->verdict = (struct verdict){.cosine = vacuous.cosine, .relative = vacuous.relative};
    }
    if (vacuous.kind != VERDICT_PASS)
        *t->verdict = vacuous;
}

/* The captured graph, over fresh poison, must do again what it did. */
static bool replay_agrees(struct trial *t)
{
    struct run run = {ARENA_RIGHT, 0, 0, LAUNCH_REPLAY};
    struct verdict *v = t->verdict;
    if (!run_once(t, run) || !collect(t, t->session->second, false, t->second))
        return false;
    if (results_equal(t, t->second, 0))
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
    return run_once(t, first) && collect(t, t->session->first, true, (const void **)t->first) &&
           (!graph || replay_agrees(t)) && run_once(t, second) &&
           collect(t, t->session->second, false, t->second);
}

static void dump(struct trial *t)
{
    struct error err;
    if (t->session->options.dump_dir &&
        !dump_case(t->session->options.dump_dir, t->kase, t->bind.tensor, t->bind.count, t->in,
                   t->first, &t->io, &err))
        harness_error(t->verdict, &err);
}

static void judge_case(struct trial *t)
{
    struct error err;
    const struct kase *kase = t->kase;
    uint64_t order = kase->seed * 2 + 1; /* any order but the natural one, which is 0 */
    if (!guard_lets_run(kase, t->verdict))
        return;
    if (!bind_tensors(&t->bind, kase, t->session->device, &err)) {
        harness_error(t->verdict, &err);
        return;
    }
    if (!guard_checks_sizes(kase, t->bind.tensor, t->bind.bytes, t->bind.count, t->verdict) ||
        !run_both(t, order) || !sizes_hold(t) || !run_reference(t))
        return;
    judge_outputs(t, order);
    dump(t);
}

void session_run(struct session *s, const struct kase *kase, struct verdict *v)
{
    struct trial trial = {.session = s, .kase = kase, .verdict = v};
    memset(v, 0, sizeof(*v));
    v->cosine = 1;
    double begin = clock_seconds();
    judge_case(&trial);
    session_trim(s);
    v->ms = (clock_seconds() - begin) * 1e3;
}
