/*
 * Trials that their device judges by itself: several cases at once, see inspect.h. Nothing tells
 * the cases apart when the device fails while it has more than one, so the verdict is one for all
 * of them then, and each must be judged again, alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/check/compare.h"
#include "harness/run/crash.h"
#include "harness/run/trial.h"

/* Bytes of tensors up to which a case is one of several: larger ones have more to wait for. */
#define TOGETHER_BYTES ((size_t)4 << 20)

/* As long as cases fail, they run alone, so that a failure has one case to belong to: until that
 * many have passed in a row. */
#define CALM 256

/* Only the host can dump tensors and replay graphs. */
bool trial_inspects(const struct trial *t)
{
    const struct session *s = t->session;
    return s->inspection && !s->options.graph && !s->options.dump_dir;
}

static bool is_small(const struct trial *t)
{
    size_t sum = 0;
    for (size_t i = 0; i < t->bind.count; i++)
        if (__builtin_add_overflow(sum, t->bind.bytes[i], &sum) || sum > TOGETHER_BYTES)
            return false;
    return true;
}

size_t trial_gather(struct session *s, struct trial *out[INSPECT_CASES])
{
    size_t n = 0;
    const size_t limit = s->calm < CALM ? 1 : INSPECT_CASES;
    while (n < limit && n < session_begun(s)) {
        struct trial *t = &s->trial[(s->run + 1 + n) % SESSION_TRIALS];
        if (n && !helper_done(t->helper, t->ready))
            break;
        trial_await(t);
        const bool small = is_small(t);
        if (t->judged || !t->referenced || (n && !small))
            break;
        out[n++] = t;
        if (!small)
            break;
    }
    return n;
}

/* --- Running --- */

/* Both runs. False: `finding` has a kind, or `err` is the harness's own. */
static bool launch(struct trial *t, size_t place, bool alone, struct device_finding *finding,
                   struct error *err)
{
    struct device *device = t->session->device;
    for (unsigned run = 0; run < INSPECT_RUNS; run++) {
        struct plan plan = {.count = 0};
        t->kase->op->plan(t->kase, t->bind.tensor,
                          inspect_tensors(t->session->inspection, place, run), &plan);
        if (alone ? !device->driver->start(device, &plan, finding)
                  : !device->driver->enqueue(device, &plan, err))
            return false;
    }
    return true;
}

/* All that is to be done on the device, up to its end. False as above. */
static bool run_all(struct trial *const *t, size_t n, struct device_finding *finding,
                    struct error *err)
{
    struct session *s = t[0]->session;
    const struct ref_io *io[INSPECT_CASES];
    bool good = inspect_begin(s->inspection, err);
    for (size_t k = 0; k < n && good; k++) {
        io[k] = &t[k]->io;
        good = launch(t[k], k, n == 1, finding, err);
    }
    good = good && inspect_check(s->inspection, io, err);
    if (finding->kind != VERDICT_PASS || !s->device->driver->await(s->device, finding))
        return false;
    return good && s->device->driver->finish(s->device, err);
}

static void judge_failure(struct trial *const *t, size_t n, struct device_finding *finding,
                          const struct error *err)
{
    struct session *s = t[0]->session;
    const bool ours = finding->kind == VERDICT_PASS; /* what state the device is in, nobody knows */
    t[0]->judged = true;
    s->lost |= ours || n > 1;
    if (n > 1) {
        s->suspects = (unsigned)n;
        finding->in_tensor = false; /* or else whose? */
    }
    if (ours)
        trial_error(t[0], err);
    else
        trial_judge_finding(t[0], finding);
}

void trial_inspect(struct trial *const *t, size_t n)
{
    struct session *s = t[0]->session;
    const struct binding *bind[INSPECT_CASES];
    struct device_finding finding = {.kind = VERDICT_PASS};
    struct error err;
    for (size_t k = 0; k < n; k++)
        bind[k] = &t[k]->bind;
    trial_note(t[0], n);
    if (!inspect_place(s->inspection, bind, n, &err)) { /* one run at a time takes less */
        s->device->driver->trim(s->device, 0);
        return;
    }
    if (!run_all(t, n, &finding, &err)) {
        judge_failure(t, n, &finding, &err);
        return;
    }
    for (size_t k = 0; k < n; k++) {
        t[k]->inspected = true;
        t[k]->place = k;
    }
}

/* --- Judging --- */

/* Fetches the elements of output `i` that the case has literals for. */
static bool fetch_wanted(const struct trial *t, size_t i, const struct tensor *used,
                         unsigned char *dense, struct error *err)
{
    const size_t all = tensor_elements(used);
    const char *cursor = t->kase->literals;
    struct literal literal;
    while (literal_next(&cursor, &literal)) {
        const char *values = literal.values, *end = values + literal.values_length;
        size_t n = 0, repeat;
        char value[64];
        if (literal.is_input || strcmp(literal.tensor, used->name) != 0)
            continue;
        while (literal_value(&values, end, value, &repeat))
            n += repeat;
        if (literal.first < all &&
            !inspect_elements(t->session->inspection, t->place, i, literal.first,
                              n < all - literal.first ? n : all - literal.first, dense, err))
            return false;
    }
    return t->session->device->driver->finish(t->session->device, err);
}

/* Compares an output with the literals of the case. */
static bool judge_wanted(struct trial *t, const struct tensor *used, size_t i)
{
    struct error err;
    const size_t bytes = tensor_elements(&used[i]) * dtype_bytes(used[i].dtype);
    unsigned char *dense = calloc(bytes + 1, 1);
    const struct compare_input input = {
        .kase = t->kase, .tensor = used, .index = i, .first = dense, .ref = &t->io};
    bool good = dense || error_set(&err, ERROR_INTERNAL, "no memory for an output");
    good = good && fetch_wanted(t, i, &used[i], dense, &err);
    good = good ? compare_want(&input, &t->verdict) : trial_error(t, &err);
    free(dense);
    return good;
}

static void judge_literals(struct trial *t)
{
    struct tensor used[OP_MAX_TENSORS];
    trial_used(t, used);
    for (size_t i = 0; i < t->bind.count && t->kase->literals; i++)
        if (trial_is_output(t, i) && !judge_wanted(t, used, i))
            return;
}

bool trial_judge_inspected(struct trial *t, char *seen, size_t size)
{
    const struct inspection *in = t->session->inspection;
    if (!inspect_complete(in, t->place, seen, size))
        return false;
    if (!inspect_outside(in, t->place, &t->verdict))
        return true;
    if (!inspect_outputs(in, t->place, &t->verdict, seen, size))
        return false;
    judge_literals(t);
    return true;
}
