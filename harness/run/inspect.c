#include "harness/run/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/gpu/check.h"

/* Canaries before and behind each tensor, its rows, and the gaps between and behind them. */
enum { MAX_REGIONS = INSPECT_RUNS * 5 * OP_MAX_TENSORS };

/* Parts of device memory begin at multiples of this, parts of a parcel at multiples of ROOM. */
enum { PART = 256, ROOM = 16 };

/* Tables, small inputs and room for answers, which are sent in one piece. */
enum { PARCEL = 128 << 10 };

/* References up to this size, all together, are sent in one piece. */
enum { GATHER = 64 << 10 };

/* Bytes that come back at most. */
enum {
    ANSWERS = MAX_REGIONS * sizeof(struct check_scan) + OP_MAX_TENSORS * sizeof(struct check_result)
};

/* Whose a region outside the tensors is: `begin` bytes from a tensor's start. */
struct owner {
    size_t tensor;
    int64_t begin;
    bool gap;
};

/* An output. */
struct subject {
    size_t index;         /* of the tensor */
    struct tensor tensor; /* as it is compared */
    void *reference, *work;
};

struct inspection {
    const struct binding *bind;
    struct device_spot spot[INSPECT_RUNS][OP_MAX_TENSORS];
    void *tensor[INSPECT_RUNS][OP_MAX_TENSORS]; /* the kernels' pointers */

    unsigned char *canaries; /* device memory: the patterns before and behind */
    bool canaries_sent;

    struct check_fill fill[INSPECT_RUNS * OP_MAX_TENSORS];
    struct check_region region[MAX_REGIONS]; /* those outside the tensors first */
    struct check_compare compare[OP_MAX_TENSORS];
    struct owner owner[MAX_REGIONS];
    size_t fills, regions, outside;
    const void *device_fill, *device_region, *device_compare; /* those in the parcel */

    struct subject subject[OP_MAX_TENSORS]; /* those with a reference of doubles first */
    size_t subjects;
    unsigned char *device_reference; /* of the first; those of the others follow */
    size_t reference_bytes;
    _Alignas(ROOM) unsigned char gather[GATHER];

    _Alignas(ROOM) unsigned char parcel[PARCEL];
    unsigned char *device_parcel;
    size_t packed;

    /* What comes back: a scan of each region outside, and behind them the results. */
    _Alignas(ROOM) unsigned char answer[ANSWERS];
    unsigned char *device_answer;
};

bool inspect_possible(const struct device *device)
{
    return device->driver->enqueue != NULL;
}

struct inspection *inspect_create(void)
{
    return calloc(1, sizeof(struct inspection));
}

void inspect_destroy(struct inspection *in)
{
    free(in);
}

void *const *inspect_tensors(const struct inspection *in, unsigned run)
{
    return in->tensor[run];
}

static const struct device_driver *driver_of(const struct inspection *in)
{
    return in->bind->runner->driver;
}

static bool enqueue(const struct inspection *in, const struct plan *plan, struct error *err)
{
    return driver_of(in)->enqueue(in->bind->runner, plan, err);
}

static bool write(const struct inspection *in, void *to, const void *from, size_t bytes,
                  struct error *err)
{
    return !bytes || driver_of(in)->write(in->bind->runner, to, from, bytes, err);
}

static bool is_exact(const struct tensor *t)
{
    return t->policy.kind == POLICY_BOUND;
}

/* --- Memory --- */

static bool place_tensors(struct inspection *in, struct error *err)
{
    static const enum arena_side side[INSPECT_RUNS] = {ARENA_RIGHT, ARENA_LEFT};
    const struct binding *b = in->bind;
    for (unsigned run = 0; run < INSPECT_RUNS; run++)
        for (size_t i = 0; i < b->count; i++) {
            const struct device_place where = bind_where(b, i, side[run]);
            if (!driver_of(in)->spot(b->runner, run, (unsigned)i, &where, &in->spot[run][i], err))
                return false;
            in->tensor[run][i] = in->spot[run][i].kernel;
        }
    return true;
}

static void find_subjects(struct inspection *in)
{
    in->subjects = 0;
    for (int exact = 1; exact >= 0; exact--)
        for (size_t i = 0; i < in->bind->count; i++) {
            const struct tensor *t = &in->bind->tensor[i];
            if (t->role != TENSOR_OUTPUT || is_exact(t) != exact)
                continue;
            struct subject *s = &in->subject[in->subjects++];
            *s = (struct subject){.index = i, .tensor = *t};
            if (!exact) /* what the host would let pass with a closer look is to get one */
                s->tensor.policy.kind = POLICY_EXACT;
        }
}

static size_t reference_bytes(const struct tensor *t)
{
    return tensor_elements(t) * (is_exact(t) ? sizeof(double) : dtype_bytes(t->dtype));
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
    size_t reference_at[OP_MAX_TENSORS], work_at[OP_MAX_TENSORS], references = 0, works = 0;
    struct device *device = in->bind->runner;
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

static bool send_canaries(struct inspection *in, struct error *err)
{
    const unsigned char *before, *behind;
    arena_patterns(in->bind->arena, &before, &behind);
    if (!in->canaries_sent)
        in->canaries_sent = write(in, in->canaries, before, ARENA_RED_ZONE, err) &&
                            write(in, in->canaries + ARENA_RED_ZONE, behind, ARENA_MAX_ALIGN, err);
    return in->canaries_sent;
}

/* --- Tables --- */

/* Adds to the parcel; where that is on the device. */
static unsigned char *pack(struct inspection *in, const void *from, size_t bytes)
{
    const size_t at = in->packed;
    in->packed += (bytes + ROOM - 1) / ROOM * ROOM;
    memcpy(in->parcel + at, from, bytes);
    return in->device_parcel + at;
}

static void add_fills(struct inspection *in)
{
    const struct binding *b = in->bind;
    in->fills = 0;
    for (unsigned run = 0; run < INSPECT_RUNS; run++)
        for (size_t i = 0; i < b->count; i++)
            if (b->tensor[i].role == TENSOR_INPUT && b->tensor[i].fill.kind != FILL_CUSTOM)
                check_fill_entry(&in->fill[in->fills++], &b->tensor[i], b->kase->seed, (uint32_t)i,
                                 in->spot[run][i].at);
}

/* The next region, and whose it is when it lies outside the tensors. */
static struct check_region *add_region(struct inspection *in, size_t tensor, int64_t begin,
                                       bool gap)
{
    in->owner[in->regions] = (struct owner){tensor, begin, gap};
    return &in->region[in->regions++];
}

/* What no kernel may write: the canaries of a tensor, and its gaps. */
static void add_outside(struct inspection *in, unsigned run, size_t i)
{
    const struct tensor *t = &in->bind->tensor[i];
    const struct device_spot *spot = &in->spot[run][i];
    const int64_t bytes = (int64_t)in->bind->bytes[i], before = (int64_t)spot->before;
    struct check_region *r, gap[2];
    if (spot->before) {
        r = add_region(in, i, -before, false);
        check_region_range(r, spot->at - spot->before, spot->before);
        check_region_pattern(r, in->canaries, ARENA_RED_ZONE);
    }
    if (spot->behind) {
        r = add_region(in, i, bytes, false);
        check_region_range(r, spot->at + bytes, spot->behind);
        check_region_pattern(r, in->canaries + ARENA_RED_ZONE, ARENA_MAX_ALIGN);
    }
    for (size_t k = 0, gaps = check_region_gaps(gap, t, spot->at); k < gaps; k++) {
        r = add_region(in, i, gap[k].at - spot->at, true);
        *r = gap[k];
        check_region_poison(r, bind_poison(t, run), dtype_bytes(t->dtype));
    }
}

/* A small input that the operator fills goes with the tables, as a pattern that its bytes are. */
static bool is_small_custom(const struct binding *b, size_t i)
{
    const struct tensor *t = &b->tensor[i];
    return t->role == TENSOR_INPUT && t->fill.kind == FILL_CUSTOM && b->bytes[i] &&
           b->bytes[i] <= CHECK_PERIOD_MAX && t->stride == t->cols && !t->unused_rows;
}

/* Into both runs' inputs. */
static void add_small_custom(struct inspection *in, size_t i)
{
    const size_t bytes = in->bind->bytes[i];
    const unsigned char *packed = pack(in, in->bind->buffer[i].host, bytes);
    uint32_t period = 1;
    while (period < bytes)
        period *= 2;
    for (unsigned run = 0; run < INSPECT_RUNS; run++) {
        struct check_region *r = add_region(in, i, 0, false);
        check_region_range(r, in->spot[run][i].at, bytes);
        check_region_pattern(r, packed, period);
    }
}

static void add_content(struct inspection *in, unsigned run, size_t i)
{
    const struct tensor *t = &in->bind->tensor[i];
    struct check_region *r = add_region(in, i, 0, false);
    check_region_rows(r, t, in->spot[run][i].at);
    check_region_poison(r, bind_poison(t, run), dtype_bytes(t->dtype));
}

/* Those outside the tensors, then all that are to be written only. */
static void add_regions(struct inspection *in)
{
    const struct binding *b = in->bind;
    in->regions = 0;
    for (unsigned run = 0; run < INSPECT_RUNS; run++)
        for (size_t i = 0; i < b->count; i++)
            add_outside(in, run, i);
    in->outside = in->regions;
    for (unsigned run = 0; run < INSPECT_RUNS; run++)
        for (size_t i = 0; i < b->count; i++)
            if (b->tensor[i].role != TENSOR_INPUT)
                add_content(in, run, i);
    for (size_t i = 0; i < b->count; i++)
        if (is_small_custom(b, i))
            add_small_custom(in, i);
}

static void add_compares(struct inspection *in)
{
    for (size_t i = 0; i < in->subjects; i++) {
        const struct subject *s = &in->subject[i];
        const struct check_outputs outputs = {.first = in->spot[0][s->index].at,
                                              .second = in->spot[1][s->index].at,
                                              .first_stride = s->tensor.stride,
                                              .second_stride = s->tensor.stride,
                                              .reference = s->reference,
                                              .workspace = s->work};
        check_compare_entry(&in->compare[i], &s->tensor, &outputs);
    }
}

/* An upper limit of what pack() is asked for. */
_Static_assert(sizeof(((struct inspection *)0)->fill) + sizeof(((struct inspection *)0)->region) +
                       sizeof(((struct inspection *)0)->compare) +
                       OP_MAX_TENSORS * CHECK_PERIOD_MAX + ANSWERS + 4 * ROOM <=
                   PARCEL,
               "a parcel has room for all tables");

/* Where in the answers the results begin, and where they end. */
static size_t results_at(const struct inspection *in)
{
    return in->outside * sizeof(struct check_scan);
}

static size_t answers_end(const struct inspection *in)
{
    return results_at(in) + in->subjects * sizeof(struct check_result);
}

/* What is sent where answers are to be, so that those of the case before are none. */
static void spoil_answers(struct inspection *in)
{
    memset(in->answer, 0xff, answers_end(in));
    in->device_answer = pack(in, in->answer, answers_end(in));
}

static bool send_tables(struct inspection *in, struct error *err)
{
    in->packed = 0;
    add_fills(in);
    add_regions(in);
    add_compares(in);
    in->device_fill = pack(in, in->fill, in->fills * sizeof(in->fill[0]));
    in->device_region = pack(in, in->region, in->regions * sizeof(in->region[0]));
    in->device_compare = pack(in, in->compare, in->subjects * sizeof(in->compare[0]));
    spoil_answers(in);
    return write(in, in->device_parcel, in->parcel, in->packed, err);
}

/* --- Before the launches --- */

/* A tensor that the operator fills goes as the host has it, its gaps included unless they are
 * gigabytes. */
static bool send_custom(const struct inspection *in, unsigned run, size_t i, struct error *err)
{
    const struct binding *b = in->bind;
    const struct tensor *t = &b->tensor[i];
    const size_t size = dtype_bytes(t->dtype);
    const size_t rows = b->buffer[i].sparse ? t->rows - t->unused_rows : 1;
    const size_t bytes = b->buffer[i].sparse ? t->cols * size : b->bytes[i];
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * t->stride * size;
        if (!write(in, in->spot[run][i].at + at, b->buffer[i].host + at, bytes, err))
            return false;
    }
    return true;
}

static bool send_customs(const struct inspection *in, struct error *err)
{
    const struct binding *b = in->bind;
    for (unsigned run = 0; run < INSPECT_RUNS; run++)
        for (size_t i = 0; i < b->count; i++)
            if (b->tensor[i].role == TENSOR_INPUT && b->tensor[i].fill.kind == FILL_CUSTOM &&
                !is_small_custom(b, i) && !send_custom(in, run, i, err))
                return false;
    return true;
}

bool inspect_begin(struct inspection *in, const struct binding *bind, struct error *err)
{
    struct plan plan = {.count = 0};
    in->bind = bind;
    find_subjects(in);
    if (!place_tensors(in, err) || !take_pads(in, err) || !send_canaries(in, err) ||
        !send_tables(in, err) || !send_customs(in, err))
        return false;
    check_fill_plan(&plan, in->fill, in->fills, in->device_fill);
    check_poison_plan(&plan, in->region, in->regions, in->device_region);
    return enqueue(in, &plan, err);
}

/* --- Behind the launches --- */

static bool send_reference(struct inspection *in, const struct ref_io *ref, struct error *err)
{
    const bool together = in->reference_bytes <= GATHER;
    for (size_t i = 0; i < in->subjects; i++) {
        const struct subject *s = &in->subject[i];
        const size_t bytes = reference_bytes(&in->bind->tensor[s->index]);
        const size_t at = (size_t)((unsigned char *)s->reference - in->device_reference);
        if (together)
            memcpy(in->gather + at, ref->out[s->index], bytes);
        else if (!write(in, s->reference, ref->out[s->index], bytes, err))
            return false;
    }
    return !together || write(in, in->device_reference, in->gather, in->reference_bytes, err);
}

bool inspect_check(struct inspection *in, const struct ref_io *ref, struct error *err)
{
    struct plan plan = {.count = 0};
    check_scan_plan(&plan, in->region, in->outside, in->device_region, in->device_answer);
    check_compare_plan(&plan, in->compare, in->subjects, in->device_compare,
                       in->device_answer + results_at(in));
    return send_reference(in, ref, err) && enqueue(in, &plan, err) &&
           driver_of(in)->read(in->bind->runner, in->answer, in->device_answer, answers_end(in),
                               err);
}

/* --- What came back --- */

static const struct check_scan *scans_of(const struct inspection *in)
{
    return (const struct check_scan *)in->answer;
}

static const struct check_result *results_of(const struct inspection *in)
{
    return (const struct check_result *)(in->answer + results_at(in));
}

bool inspect_complete(const struct inspection *in, char *seen, size_t size)
{
    bool complete = true;
    for (size_t i = 0; i < in->outside; i++)
        complete &= scans_of(in)[i].count != UINT64_MAX; /* see spoil_answers() */
    for (size_t i = 0; i < in->subjects; i++)
        complete &= check_done(&results_of(in)[i], &in->compare[i]);
    if (!complete)
        snprintf(seen, size, "the device has not looked at everything");
    return complete;
}

bool inspect_outside(const struct inspection *in, struct verdict *v)
{
    for (size_t i = 0; i < in->outside; i++) {
        const struct owner *owner = &in->owner[i];
        struct check_found found;
        if (check_scan_clean(&scans_of(in)[i], &found))
            continue;
        const int64_t at = owner->begin + (int64_t)found.offset;
        if (owner->gap)
            bind_gap_changed(in->bind, owner->tensor, (size_t)at, v);
        else
            bind_canary_changed(
                in->bind, owner->tensor,
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
    const uint64_t wrong = check_wrong(r);
    uint64_t element;
    enum check_count kind;
    if (wrong && check_place(r, 0, &element, &kind)) {
        snprintf(seen, size, "%s: %llu elements are not right, the first is element %llu, %s",
                 s->tensor.name, (unsigned long long)wrong, (unsigned long long)element,
                 kinds[kind]);
        return false;
    }
    if ((double)r->count[CHECK_NONZERO] < least * (double)r->count[CHECK_SEEN]) {
        snprintf(seen, size, "%s: vacuous", s->tensor.name);
        return false;
    }
    return true;
}

bool inspect_outputs(const struct inspection *in, struct verdict *v, char *seen, size_t size)
{
    for (size_t i = 0; i < in->subjects; i++) {
        struct compare_metrics metrics;
        if (!output_right(&in->subject[i], &results_of(in)[i], seen, size))
            return false;
        check_metrics(&results_of(in)[i], &metrics);
        if (v->cosine > metrics.cosine)
            v->cosine = metrics.cosine;
        if (v->relative < metrics.relative)
            v->relative = metrics.relative;
    }
    return true;
}
