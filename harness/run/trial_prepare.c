#include <stdio.h>

#include "harness/check/compare.h"
#include "harness/run/crash.h"
#include "harness/run/guard.h"
#include "harness/run/trial.h"

/* --- Reference --- */

/* The sizes that the operator allocates must be those of its contract; the reference relies on
 * them. */
static bool sizes_hold(struct trial *t)
{
    for (size_t i = 0; i < t->bind.count; i++) {
        const struct tensor *tensor = &t->bind.tensor[i];
        size_t expected = t->kase->op->ref_elements(t->kase, i);
        if (tensor->role == TENSOR_INPUT || tensor->rows * tensor->cols == expected)
            continue;
        struct verdict *v = &t->verdict;
        snprintf(v->tensor, sizeof(v->tensor), "%s", tensor->name);
        snprintf(v->summary, sizeof(v->summary),
                 "%s is allocated with %zu elements, its contract says %zu", tensor->name,
                 tensor->rows * tensor->cols, expected);
        return verdict_set(v, VERDICT_WRONG, DETECTOR_SIZE, "size");
    }
    return true;
}

bool trial_reference(struct trial *t)
{
    if (t->referenced)
        return true;
    if (!sizes_hold(t))
        return false;
    t->io = (struct ref_io){.tensor = t->bind.tensor, .in = t->in, .out = t->out};
    for (size_t i = 0; i < t->bind.count; i++) {
        const struct tensor *tensor = &t->bind.tensor[i];
        if (tensor->role == TENSOR_INPUT)
            t->in[i] = t->bind.buffer[i].host;
        if (!trial_is_output(t, i))
            continue;
        size_t elements = tensor_elements(tensor);
        t->out[i] = scratch_get(&t->desk->ref[i], elements, ref_element_bytes(tensor));
        if (!t->out[i]) {
            struct error err;
            error_set(&err, ERROR_INTERNAL, "no memory for the reference of %s", tensor->name);
            return trial_error(t, &err);
        }
        ref_start(tensor, t->out[i], elements);
    }
    t->kase->op->reference(t->kase, &t->io);
    return t->referenced = true;
}

/* --- Before the run --- */

/* Binds the case's tensors, and fills what a device that judges by itself must be sent. False: the
 * verdict is filled. */
static bool is_ready(struct trial *t)
{
    struct error err;
    if (!guard_lets_run(t->kase, &t->verdict))
        return false;
    if (!bind_tensors(&t->bind, t->kase, t->session->device, t->desk->arena, &err))
        return trial_error(t, &err);
    if (!guard_checks_sizes(t->kase, t->bind.tensor, t->bind.bytes, t->bind.count, &t->verdict))
        return false;
    return !trial_inspects(t) || !bind_has_custom(&t->bind) ||
           bind_host(&t->bind, ARENA_RIGHT, &err) || trial_error(t, &err);
}

/* What the outputs are to be, and the inputs that takes, unless they are there. */
static void make_reference(struct trial *t)
{
    struct error err;
    if (!t->bind.filled && !bind_host(&t->bind, ARENA_RIGHT, &err))
        trial_error(t, &err);
    else
        (void)trial_reference(t); /* `referenced` says whether it is there */
}

/* What the supervisor must know if this is the end of the process. */
static void note_preparing(const struct trial *t, uint64_t number)
{
    if (t->session->options.note)
        t->session->options.note->prepared[t->number % SESSION_HELPERS] = number;
}

static void help(void *context)
{
    struct trial *t = context;
    note_preparing(t, t->number);
    t->judged = !is_ready(t);
    if (!t->judged && trial_inspects(t))
        make_reference(t);
    note_preparing(t, 0);
}

void trial_begin(struct trial *t, struct session *s, const struct kase *kase, uint64_t number)
{
    struct helper *helper = s->helper[number % SESSION_HELPERS];
    *t = (struct trial){.session = s,
                        .desk = &s->desk[helper ? number % SESSION_TRIALS : 0],
                        .kase = kase,
                        .number = number,
                        .helper = helper,
                        .verdict = {.cosine = 1}};
    if (helper)
        t->ready = helper_add(helper, help, t);
    else
        t->judged = !is_ready(t);
}

void trial_await(struct trial *t)
{
    if (t->helper)
        helper_wait(t->helper, t->ready);
    if (!t->judged && !t->referenced)
        t->verdict = (struct verdict){.cosine = 1}; /* the run comes first, perhaps it tells more */
}
