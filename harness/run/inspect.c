#include "harness/run/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/gpu/check.h"

/* Zones before and behind each tensor, its rows, and the gaps between and behind them. */
enum { MAX_REGIONS = 5 * OP_MAX_TENSORS };

/* Parts of the device's memory begin at multiples of this. */
enum { PART = 256 };

/* Tables in the device's memory, and what is sent there. */
struct desk {
    unsigned char before[ARENA_RED_ZONE], behind[ARENA_MAX_ALIGN]; /* canaries */
    _Alignas(16) struct check_fill fill[OP_MAX_TENSORS];
    _Alignas(16) struct check_region region[MAX_REGIONS];
    _Alignas(16) struct check_compare compare[OP_MAX_TENSORS];
};

/* What comes back: of a case with R regions outside its tensors and O outputs, the first 2 R scans,
 * those of the first run before those of the second, and behind them O results. */
union answers {
    struct check_scan scan[2 * MAX_REGIONS];
    unsigned char byte[2 * MAX_REGIONS * sizeof(struct check_scan) +
                       OP_MAX_TENSORS * sizeof(struct check_result) + 16];
};

/* An output. */
struct subject {
    size_t index; /* of the tensor */
    struct tensor tensor;
    void *first, *reference, *work; /* on the device */
};

struct inspection {
    struct binding *bind;
    struct desk desk, *device_desk;
    union answers answers, *device_answers;
    bool patterns_sent;
    size_t outside;                         /* regions outside the tensors, the first ones */
    struct subject subject[OP_MAX_TENSORS]; /* those with a reference of doubles first */
    size_t subjects, exact;
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

static const struct device_driver *driver_of(const struct inspection *in)
{
    return in->bind->runner->driver;
}

static bool enqueue(const struct inspection *in, const struct plan *plan, struct error *err)
{
    return driver_of(in)->enqueue(in->bind->runner, plan, err);
}

/* Sends the first `n` entries of a table of the desk. */
static bool send_table(struct inspection *in, const void *table, size_t n, size_t size,
                       struct error *err)
{
    const size_t at = (size_t)((const unsigned char *)table - (const unsigned char *)&in->desk);
    return !n || driver_of(in)->write(in->bind->runner, (unsigned char *)in->device_desk + at,
                                      table, n * size, err);
}

/* --- Memory --- */

/* A number of bytes made a whole number of parts, and added to `sum`: the part's offset. */
static size_t add_part(size_t *sum, size_t bytes)
{
    const size_t at = *sum;
    *sum += (bytes + PART - 1) / PART * PART;
    return at;
}

static size_t reference_bytes(const struct tensor *t)
{
    const bool exact = t->policy.kind == POLICY_BOUND;
    return tensor_elements(t) * (exact ? sizeof(double) : dtype_bytes(t->dtype));
}

/* From the first element in use to behind the last. */
static size_t used_bytes(const struct tensor *t)
{
    const size_t rows = t->rows - t->unused_rows;
    return rows ? ((rows - 1) * t->stride + t->cols) * dtype_bytes(t->dtype) : 0;
}

static void find_subjects(struct inspection *in)
{
    in->subjects = in->exact = 0;
    for (int exact = 1; exact >= 0; exact--)
        for (size_t i = 0; i < in->bind->count; i++) {
            const struct tensor *t = &in->bind->tensor[i];
            if (t->role != TENSOR_OUTPUT || (t->policy.kind == POLICY_BOUND) != exact)
                continue;
            struct subject *s = &in->subject[in->subjects++];
            *s = (struct subject){.index = i, .tensor = *t};
            /* Codes that the host would let pass with a closer look are to get it. */
            if (!exact)
                s->tensor.policy.kind = POLICY_EXACT;
            in->exact += (size_t)exact;
        }
}

/* Device memory for one thing of every output; `offset` is where in it each has its own. */
static void *take_pad(struct inspection *in, enum device_pad which,
                      size_t (*bytes_of)(const struct tensor *), size_t offset[OP_MAX_TENSORS],
                      struct error *err)
{
    size_t sum = 0;
    for (size_t i = 0; i < in->subjects; i++)
        offset[i] = add_part(&sum, bytes_of(&in->subject[i].tensor));
    return driver_of(in)->pad(in->bind->runner, which, sum, err);
}

static bool take_pads(struct inspection *in, struct error *err)
{
    size_t first_at[OP_MAX_TENSORS], reference_at[OP_MAX_TENSORS], work_at[OP_MAX_TENSORS];
    unsigned char *first = take_pad(in, PAD_FIRST, used_bytes, first_at, err);
    unsigned char *reference =
        first ? take_pad(in, PAD_REFERENCE, reference_bytes, reference_at, err) : NULL;
    unsigned char *work = reference ? take_pad(in, PAD_WORK, check_workspace, work_at, err) : NULL;
    if (!work)
        return false;
    for (size_t i = 0; i < in->subjects; i++) {
        in->subject[i].first = first + first_at[i];
        in->subject[i].reference = reference + reference_at[i];
        in->subject[i].work = work + work_at[i];
    }
    return true;
}

static bool send_patterns(struct inspection *in, struct error *err)
{
    const unsigned char *before, *behind;
    if (in->patterns_sent)
        return true;
    arena_patterns(in->bind->arena, &before, &behind);
    memcpy(in->desk.before, before, sizeof(in->desk.before));
    memcpy(in->desk.behind, behind, sizeof(in->desk.behind));
    in->patterns_sent = send_table(in, in->desk.before, 1, sizeof(in->desk.before), err) &&
                        send_table(in, in->desk.behind, 1, sizeof(in->desk.behind), err);
    return in->patterns_sent;
}

bool inspect_begin(struct inspection *in, struct binding *bind, struct error *err)
{
    in->bind = bind;
    const size_t answers = (sizeof(struct desk) + PART - 1) / PART * PART;
    unsigned char *tables =
        driver_of(in)->pad(bind->runner, PAD_TABLES, answers + sizeof(union answers), err);
    if (!tables)
        return false;
    in->device_desk = (struct desk *)tables;
    in->device_answers = (union answers *)(tables + answers);
    find_subjects(in);
    return take_pads(in, err) && send_patterns(in, err);
}

/* --- Before a launch --- */

/* A tensor that the operator fills is sent as the host has it, its gaps included unless they are
 * gigabytes. */
static bool send_custom(const struct inspection *in, size_t i, struct error *err)
{
    const struct binding *b = in->bind;
    const struct tensor *t = &b->tensor[i];
    const size_t rows = b->buffer[i].sparse ? t->rows - t->unused_rows : 1;
    const size_t bytes = b->buffer[i].sparse ? t->cols * dtype_bytes(t->dtype) : used_bytes(t);
    unsigned char *to = driver_of(in)->writable(b->runner, (unsigned)i);
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * t->stride * dtype_bytes(t->dtype);
        if (bytes && !driver_of(in)->write(b->runner, to + at, b->buffer[i].host + at, bytes, err))
            return false;
    }
    return true;
}

static bool write_inputs(struct inspection *in, struct error *err)
{
    const struct binding *b = in->bind;
    struct plan plan = {.count = 0};
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct tensor *t = &b->tensor[i];
        if (t->role != TENSOR_INPUT || !b->bytes[i])
            continue;
        if (t->fill.kind != FILL_CUSTOM)
            check_fill_entry(&in->desk.fill[n++], t, b->kase->seed, (uint32_t)i,
                             driver_of(in)->writable(b->runner, (unsigned)i));
        else if (!send_custom(in, i, err))
            return false;
    }
    check_fill_plan(&plan, in->desk.fill, n, in->device_desk->fill);
    return send_table(in, in->desk.fill, n, sizeof(in->desk.fill[0]), err) &&
           enqueue(in, &plan, err);
}

/* Appends what no kernel may write: the canaries of a tensor, and its gaps. */
static size_t add_outside(struct inspection *in, size_t i, unsigned poison, size_t n)
{
    const struct binding *b = in->bind;
    const struct tensor *t = &b->tensor[i];
    struct check_region *region = in->desk.region;
    unsigned char *at = driver_of(in)->writable(b->runner, (unsigned)i);
    size_t before, behind;
    arena_zones(b->arena, (unsigned)i, &before, &behind);
    if (before) {
        check_region_range(&region[n], at - before, before);
        check_region_pattern(&region[n++], in->device_desk->before, ARENA_RED_ZONE);
    }
    if (behind) {
        check_region_range(&region[n], at + b->bytes[i], behind);
        check_region_pattern(&region[n++], in->device_desk->behind, ARENA_MAX_ALIGN);
    }
    for (size_t end = n + check_region_gaps(&region[n], t, at); n < end; n++)
        check_region_poison(&region[n], bind_poison(t, poison), dtype_bytes(t->dtype));
    return n;
}

bool inspect_prepare(struct inspection *in, enum arena_side side, unsigned poison,
                     struct error *err)
{
    struct binding *b = in->bind;
    struct plan plan = {.count = 0};
    size_t n = 0;
    if (!bind_position(b, side, err))
        return false;
    for (size_t i = 0; i < b->count; i++)
        if (b->bytes[i])
            n = add_outside(in, i, poison, n);
    in->outside = n;
    for (size_t i = 0; i < b->count; i++) {
        const struct tensor *t = &b->tensor[i];
        if (t->role == TENSOR_INPUT || !b->bytes[i])
            continue;
        check_region_rows(&in->desk.region[n], t, driver_of(in)->writable(b->runner, (unsigned)i));
        check_region_poison(&in->desk.region[n++], bind_poison(t, poison), dtype_bytes(t->dtype));
    }
    check_poison_plan(&plan, in->desk.region, n, in->device_desk->region);
    return write_inputs(in, err) &&
           send_table(in, in->desk.region, n, sizeof(in->desk.region[0]), err) &&
           enqueue(in, &plan, err);
}

/* --- Behind a launch --- */

static bool read_answers(struct inspection *in, size_t begin, size_t end, struct error *err)
{
    return driver_of(in)->read(in->bind->runner, in->answers.byte + begin,
                               in->device_answers->byte + begin, end - begin, err);
}

/* Where in the answers the scans of a run are. */
static size_t scan_at(const struct inspection *in, unsigned run)
{
    return run * in->outside * sizeof(struct check_scan);
}

static bool scan(struct inspection *in, unsigned run, struct error *err)
{
    struct plan plan = {.count = 0};
    check_scan_plan(&plan, in->desk.region, in->outside, in->device_desk->region,
                    in->device_answers->byte + scan_at(in, run));
    return enqueue(in, &plan, err) && read_answers(in, scan_at(in, run), scan_at(in, run + 1), err);
}

bool inspect_keep(struct inspection *in, struct error *err)
{
    const struct binding *b = in->bind;
    if (!scan(in, 0, err))
        return false;
    for (size_t i = 0; i < in->subjects; i++) {
        const struct subject *s = &in->subject[i];
        if (!driver_of(in)->copy(b->runner, s->first,
                                 driver_of(in)->writable(b->runner, (unsigned)s->index),
                                 used_bytes(&s->tensor), err))
            return false;
    }
    return true;
}

/* Where in the answers the result of output `i` is. Those of one launch lie one behind the other,
 * the first at a multiple of 16. */
static size_t result_at(const struct inspection *in, size_t i)
{
    const size_t begin = scan_at(in, 2);
    const size_t codes = begin + (in->exact * sizeof(struct check_result) + 15) / 16 * 16;
    return i < in->exact ? begin + i * sizeof(struct check_result)
                         : codes + (i - in->exact) * sizeof(struct check_result);
}

static bool send_references(const struct inspection *in, const struct ref_io *ref,
                            struct error *err)
{
    for (size_t i = 0; i < in->subjects; i++) {
        const struct subject *s = &in->subject[i];
        const size_t bytes = reference_bytes(&in->bind->tensor[s->index]);
        if (bytes &&
            !driver_of(in)->write(in->bind->runner, s->reference, ref->out[s->index], bytes, err))
            return false;
    }
    return true;
}

static void make_entries(struct inspection *in)
{
    for (size_t i = 0; i < in->subjects; i++) {
        const struct subject *s = &in->subject[i];
        const struct check_outputs outputs = {
            .first = s->first,
            .second = driver_of(in)->writable(in->bind->runner, (unsigned)s->index),
            .first_stride = s->tensor.stride,
            .second_stride = s->tensor.stride,
            .reference = s->reference,
            .workspace = s->work};
        check_compare_entry(&in->desk.compare[i], &s->tensor, &outputs);
    }
}

/* Outputs with doubles are judged by one launch, the others by another. */
static bool compare(struct inspection *in, struct error *err)
{
    struct check_compare *device = in->device_desk->compare;
    unsigned char *answers = in->device_answers->byte;
    struct plan plan = {.count = 0};
    make_entries(in);
    check_compare_plan(&plan, in->desk.compare, in->exact, device, answers + result_at(in, 0));
    check_compare_plan(&plan, in->desk.compare + in->exact, in->subjects - in->exact,
                       device + in->exact, answers + result_at(in, in->exact));
    return send_table(in, in->desk.compare, in->subjects, sizeof(in->desk.compare[0]), err) &&
           enqueue(in, &plan, err);
}

/* --- What came back --- */

static struct check_result result_of(const struct inspection *in, size_t i)
{
    struct check_result result;
    memcpy(&result, in->answers.byte + result_at(in, i), sizeof(result));
    return result;
}

static void judge_outside(const struct inspection *in, unsigned run, struct inspect_result *out)
{
    for (size_t i = 0; out->right && i < in->outside; i++) {
        struct check_found found;
        if (check_scan_clean(&in->answers.scan[run * in->outside + i], &found))
            continue;
        out->right = false;
        snprintf(out->seen, sizeof(out->seen),
                 "a run changed %llu bytes outside the tensors, the first from 0x%02x to 0x%02x",
                 (unsigned long long)found.count, found.expected, found.found);
    }
}

static void judge_output(const struct subject *s, const struct check_result *r,
                         struct inspect_result *out)
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
        out->right = false;
        snprintf(out->seen, sizeof(out->seen),
                 "%s: %llu elements are not right, the first is element %llu, %s", s->tensor.name,
                 (unsigned long long)wrong, (unsigned long long)element, kinds[kind]);
    } else if ((double)r->count[CHECK_NONZERO] < least * (double)r->count[CHECK_SEEN]) {
        out->right = false;
        snprintf(out->seen, sizeof(out->seen), "%s: vacuous", s->tensor.name);
    }
}

static void judge_outputs(const struct inspection *in, struct inspect_result *out,
                          struct verdict *v)
{
    for (size_t i = 0; out->right && i < in->subjects; i++) {
        const struct check_result result = result_of(in, i);
        struct compare_metrics metrics;
        judge_output(&in->subject[i], &result, out);
        check_metrics(&result, &metrics);
        if (v->cosine > metrics.cosine)
            v->cosine = metrics.cosine;
        if (v->relative < metrics.relative)
            v->relative = metrics.relative;
    }
}

bool inspect_outside(struct inspection *in, struct inspect_result *out, struct error *err)
{
    *out = (struct inspect_result){.right = true};
    if (!driver_of(in)->finish(in->bind->runner, err))
        return false;
    judge_outside(in, 0, out);
    return true;
}

bool inspect_judge(struct inspection *in, const struct ref_io *ref, struct inspect_result *out,
                   struct verdict *v, struct error *err)
{
    *out = (struct inspect_result){.right = true};
    if (!scan(in, 1, err) || !send_references(in, ref, err) || !compare(in, err) ||
        !read_answers(in, result_at(in, 0), result_at(in, in->subjects), err) ||
        !driver_of(in)->finish(in->bind->runner, err))
        return false;
    judge_outside(in, 1, out);
    judge_outputs(in, out, v);
    return true;
}
