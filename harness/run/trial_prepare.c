#include <stdio.h>

#include "harness/check/compare.h"
#include "harness/run/trial.h"

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
        t->out[i] = scratch_get(&t->session->ref[i], elements, ref_element_bytes(tensor));
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
