#include "harness/run/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run/inspect_state.h"

bool inspect_possible(const struct device *device)
{
    return device->driver->enqueue != NULL;
}

struct inspection *inspect_create(struct device *device)
{
    struct inspection *in = calloc(1, sizeof(*in));
    if (in)
        in->device = device;
    return in;
}

void inspect_destroy(struct inspection *in)
{
    free(in);
}

void *const *inspect_tensors(const struct inspection *in, size_t kase, unsigned run)
{
    return in->kase[kase].tensor[run];
}

static const struct device_driver *driver_of(const struct inspection *in)
{
    return in->device->driver;
}

static bool enqueue(const struct inspection *in, const struct plan *plan, struct error *err)
{
    return driver_of(in)->enqueue(in->device, plan, err);
}

static bool write(const struct inspection *in, void *to, const void *from, size_t bytes,
                  struct error *err)
{
    return !bytes || driver_of(in)->write(in->device, to, from, bytes, err);
}

/* --- Memory --- */

static bool place_tensors(struct inspection *in, size_t kase, struct error *err)
{
    static const enum arena_side side[INSPECT_RUNS] = {ARENA_RIGHT, ARENA_LEFT};
    struct inspected *c = &in->kase[kase];
    for (unsigned run = 0; run < INSPECT_RUNS; run++)
        for (size_t i = 0; i < c->bind->count; i++) {
            const unsigned set = (unsigned)kase * INSPECT_RUNS + run;
            const struct device_place where = bind_where(c->bind, i, side[run]);
            if (!driver_of(in)->spot(in->device, set, (unsigned)i, &where, &c->spot[run][i], err))
                return false;
            c->tensor[run][i] = c->spot[run][i].kernel;
        }
    return true;
}

static void find_subjects(struct inspection *in, size_t kase, bool exact)
{
    const struct binding *b = in->kase[kase].bind;
    for (size_t i = 0; i < b->count; i++) {
        const struct tensor *t = &b->tensor[i];
        if (t->role != TENSOR_OUTPUT || inspect_is_exact(t) != exact)
            continue;
        struct subject *s = &in->subject[in->subjects++];
        *s = (struct subject){.kase = kase, .index = i, .tensor = *t};
        if (!exact) /* what the host would let pass with a closer look is to get one */
            s->tensor.policy.kind = POLICY_EXACT;
    }
}

static size_t reference_bytes(const struct tensor *t)
{
    return tensor_elements(t) * ref_element_bytes(t);
}

/* Adds a part; where it begins. */
static size_t add_part(size_t *sum, size_t bytes)
{
    const size_t at = *sum;
    *sum += (bytes + PART - 1) / PART * PART;
    return at;
}

static bool take_pads(struct inspection *in, struct error *err)
{
    size_t reference_at[MAX_SUBJECTS], work_at[MAX_SUBJECTS], references = 0, works = 0;
    struct device *device = in->device;
    for (size_t i = 0; i < in->subjects; i++) {
        reference_at[i] = add_part(&references, reference_bytes(&in->subject[i].tensor));
        work_at[i] = add_part(&works, check_workspace(&in->subject[i].tensor));
    }
    in->canaries =
        driver_of(in)->pad(device, PAD_TABLES, ARENA_RED_ZONE + ARENA_MAX_ALIGN + PARCEL, err);
    unsigned char *reference = driver_of(in)->pad(device, PAD_REFERENCE, references, err);
    unsigned char *work = driver_of(in)->pad(device, PAD_WORK, works, err);
    if (!in->canaries || !reference || !work)
        return false;
    in->device_parcel = in->canaries + ARENA_RED_ZONE + ARENA_MAX_ALIGN;
    in->device_reference = reference;
    in->reference_bytes = references;
    for (size_t i = 0; i < in->subjects; i++) {
        in->subject[i].reference = reference + reference_at[i];
        in->subject[i].work = work + work_at[i];
    }
    return true;
}

bool inspect_place(struct inspection *in, const struct binding *const *bind, size_t n,
                   struct error *err)
{
    in->cases = n;
    in->subjects = 0;
    for (size_t k = 0; k < n; k++)
        in->kase[k].bind = bind[k];
    for (int exact = 1; exact >= 0; exact--)
        for (size_t k = 0; k < n; k++)
            find_subjects(in, k, exact);
    for (size_t k = 0; k < n; k++)
        if (!place_tensors(in, k, err))
            return false;
    return take_pads(in, err);
}

/* --- Before the launches --- */

static bool send_canaries(struct inspection *in, struct error *err)
{
    const unsigned char *before, *behind;
    arena_patterns(in->kase[0].bind->arena, &before, &behind); /* they are every arena's */
    if (!in->canaries_sent)
        in->canaries_sent = write(in, in->canaries, before, ARENA_RED_ZONE, err) &&
                            write(in, in->canaries + ARENA_RED_ZONE, behind, ARENA_MAX_ALIGN, err);
    return in->canaries_sent;
}

static bool send_tables(struct inspection *in, struct error *err)
{
    inspect_pack_tables(in);
    return write(in, in->device_parcel, in->parcel, in->packed, err);
}

/* A tensor that the operator fills goes as the host has it, its gaps included unless they are
 * gigabytes. */
static bool send_custom(const struct inspection *in, const struct inspected *c, unsigned run,
                        size_t i, struct error *err)
{
    const struct binding *b = c->bind;
    const struct tensor *t = &b->tensor[i];
    const size_t size = dtype_bytes(t->dtype);
    const size_t rows = b->buffer[i].sparse ? t->rows - t->unused_rows : 1;
    const size_t bytes = b->buffer[i].sparse ? t->cols * size : b->bytes[i];
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * t->stride * size;
        if (!write(in, c->spot[run][i].at + at, b->buffer[i].host + at, bytes, err))
            return false;
    }
    return true;
}

static bool send_customs(const struct inspection *in, const struct inspected *c, struct error *err)
{
    for (unsigned run = 0; run < INSPECT_RUNS; run++)
        for (size_t i = 0; i < c->bind->count; i++)
            if (bind_is_custom(c->bind, i) && !inspect_is_small_custom(c->bind, i) &&
                !send_custom(in, c, run, i, err))
                return false;
    return true;
}

bool inspect_begin(struct inspection *in, struct error *err)
{
    struct plan plan = {.count = 0};
    if (!send_canaries(in, err) || !send_tables(in, err))
        return false;
    for (size_t k = 0; k < in->cases; k++)
        if (!send_customs(in, &in->kase[k], err))
            return false;
    check_fill_plan(&plan, in->fill, in->fills, in->device_fill);
    check_poison_plan(&plan, in->region, in->regions, in->device_region);
    return enqueue(in, &plan, err);
}

/* --- Behind the launches --- */

static bool send_references(struct inspection *in, const struct ref_io *const *ref,
                            struct error *err)
{
    const bool together = in->reference_bytes <= GATHER;
    for (size_t i = 0; i < in->subjects; i++) {
        const struct subject *s = &in->subject[i];
        const void *out = ref[s->kase]->out[s->index];
        const size_t bytes = reference_bytes(&s->tensor);
        const size_t at = (size_t)((unsigned char *)s->reference - in->device_reference);
        if (together)
            memcpy(in->gather + at, out, bytes);
        else if (!write(in, s->reference, out, bytes, err))
            return false;
    }
    return !together || write(in, in->device_reference, in->gather, in->reference_bytes, err);
}

bool inspect_check(struct inspection *in, const struct ref_io *const *ref, struct error *err)
{
    struct plan plan = {.count = 0};
    check_scan_plan(&plan, in->region, in->outside, in->device_region, in->device_answer);
    check_compare_plan(&plan, in->compare, in->subjects, in->device_compare,
                       in->device_answer + inspect_results_at(in));
    return send_references(in, ref, err) && enqueue(in, &plan, err) &&
           driver_of(in)->read(in->device, in->answer, in->device_answer, inspect_answers_end(in),
                               err);
}

/* --- What came back --- */

static const struct check_scan *scans_of(const struct inspection *in)
{
    return (const struct check_scan *)in->answer;
}

static const struct check_result *result_of(const struct inspection *in, size_t subject)
{
    return check_result(in->answer + inspect_results_at(in), in->compare, subject);
}

bool inspect_complete(const struct inspection *in, size_t kase, char *seen, size_t size)
{
    bool complete = true;
    for (size_t i = 0; i < in->outside; i++)
        if (in->owner[i].kase == kase)
            complete &= scans_of(in)[i].count != UINT64_MAX; /* see spoil_answers() */
    for (size_t i = 0; i < in->subjects; i++)
        if (in->subject[i].kase == kase)
            complete &= check_done(result_of(in, i), &in->compare[i]);
    if (!complete)
        snprintf(seen, size, "the device has not looked at everything");
    return complete;
}

bool inspect_outside(const struct inspection *in, size_t kase, struct verdict *v)
{
    const struct binding *b = in->kase[kase].bind;
    for (size_t i = 0; i < in->outside; i++) {
        const struct owner *owner = &in->owner[i];
        struct check_found found;
        if (owner->kase != kase || check_scan_clean(&scans_of(in)[i], &found))
            continue;
        const int64_t at = owner->begin + (int64_t)found.offset;
        if (owner->gap)
            bind_gap_changed(b, owner->tensor, (size_t)at, v);
        else
            bind_canary_changed(
                b, owner->tensor,
                &(struct arena_canary){at, found.count, found.expected, found.found}, v);
        return false;
    }
    return true;
}

static bool output_right(const struct subject *s, const struct check_result *r, char *seen,
                         size_t size)
{
    static const char *const kinds[CHECK_COUNTS] = {[CHECK_WRONG] = "wrong",
                                                    [CHECK_STRAY] = "a stray write",
                                                    [CHECK_UNWRITTEN] = "not written",
                                                    [CHECK_DIFFERS] = "another in each run"};
    const double least = s->tensor.policy.min_nonzero;
    uint64_t element;
    enum check_count kind;
    if (r->wrong) { /* where is another question */
        int n = snprintf(seen, size, "%s: %llu elements are not right", s->tensor.name, r->wrong);
        if (n > 0 && (size_t)n < size && check_first(r, &element, &kind))
            snprintf(seen + n, size - (size_t)n, ", the first is element %llu, %s",
                     (unsigned long long)element, kinds[kind]);
        return false;
    }
    if ((double)r->nonzero < least * (double)r->seen) {
        snprintf(seen, size, "%s: vacuous", s->tensor.name);
        return false;
    }
    return true;
}

bool inspect_outputs(const struct inspection *in, size_t kase, struct verdict *v, char *seen,
                     size_t size)
{
    for (size_t i = 0; i < in->subjects; i++) {
        struct compare_metrics metrics;
        if (in->subject[i].kase != kase)
            continue;
        if (!output_right(&in->subject[i], result_of(in, i), seen, size))
            return false;
        check_metrics(result_of(in, i), &in->compare[i], &metrics);
        if (v->cosine > metrics.cosine)
            v->cosine = metrics.cosine;
        if (v->relative < metrics.relative)
            v->relative = metrics.relative;
    }
    return true;
}

bool inspect_elements(const struct inspection *in, size_t kase, size_t tensor, size_t first,
                      size_t n, unsigned char *dense, struct error *err)
{
    const struct inspected *c = &in->kase[kase];
    const struct tensor *t = &c->bind->tensor[tensor];
    const size_t size = dtype_bytes(t->dtype);
    for (size_t at = first, piece; at < first + n; at += piece) {
        const size_t row = at / t->cols, col = at % t->cols, left = first + n - at;
        const unsigned char *from = c->spot[0][tensor].at + (row * t->stride + col) * size;
        piece = left < t->cols - col ? left : t->cols - col;
        if (!driver_of(in)->read(in->device, dense + at * size, from, piece * size, err))
            return false;
    }
    return true;
}
