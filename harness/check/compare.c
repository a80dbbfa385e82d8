#include "harness/check/compare.h"

#include <stdio.h>
#include <string.h>

#include "harness/check/cell.h"
#include "harness/check/describe.h"
#include "harness/check/metrics.h"

static size_t block_end(const struct cells *c, size_t begin)
{
    return c->count - begin > DECODE_BLOCK ? begin + DECODE_BLOCK : c->count;
}

/* What the elements are, by kind. Only blocks that need it are looked at one by one. */
struct tally {
    size_t count[CELL_KINDS];
    bool looked;    /* some block needed it: its bits may differ */
    bool any_right; /* some written element is right */
};

static bool any_written(const struct cells *c, size_t begin, size_t end)
{
    for (size_t at = begin; at < end; at++)
        if (!cells_poisoned(c, at))
            return true;
    return false;
}

static void tally_cells(const struct cells *c, struct tally *t)
{
    *t = (struct tally){.looked = false};
    for (size_t begin = 0, end; begin < c->count; begin = end) {
        end = block_end(c, begin);
        if (cells_all_right(c, begin, end - begin)) {
            t->any_right = t->any_right || any_written(c, begin, end);
            continue;
        }
        t->looked = true;
        for (size_t at = begin; at < end; at++)
            t->count[cells_judge(c, at)]++;
    }
    t->any_right = t->any_right || t->count[CELL_RIGHT];
}

static enum cell gravest(const struct tally *t)
{
    for (enum cell kind = CELL_KINDS - 1; kind >= CELL_WRONG; kind--)
        if (t->count[kind])
            return kind;
    return CELL_RIGHT;
}

static bool any_poisoned(const struct cells *c, size_t begin, size_t end)
{
    if (dtype_bytes(c->tensor->dtype) == 1)
        return memchr((const char *)c->reference + begin, (int)c->poison[0], end - begin) != NULL;
    for (size_t at = begin; at < end; at++)
        if (cells_poisoned(c, at))
            return true;
    return false;
}

/* Elements that are no part of the comparison weigh nothing. */
static void mask_block(const struct cells *c, size_t begin, size_t end, double *got, double *want)
{
    const struct compare_input *in = c->in;
    const struct op *op = in->kase->op;
    const size_t cols = c->tensor->cols;

    if (!op->dont_care && (c->exact || !any_poisoned(c, begin, end)))
        return; /* the poison of doubles is a NaN, which weighs nothing */
    for (size_t at = begin; at < end; at++)
        if (cells_poisoned(c, at) ||
            (op->dont_care && op->dont_care(in->kase, in->tensor, in->index, at / cols, at % cols)))
            got[at - begin] = want[at - begin] = 0;
}

/* Elements [begin, end) as numbers, of which there are two in a byte of two codes. */
struct numbers {
    double got[2][DECODE_BLOCK], want[2][DECODE_BLOCK];
};

static void read_block(const struct cells *c, size_t begin, size_t end, size_t half,
                       struct numbers *n)
{
    const enum dtype type = c->tensor->dtype;

    decode_block(type, c->first, begin, end - begin, half, n->got[half]);
    if (c->exact)
        memcpy(n->want[half], c->exact + begin, (end - begin) * sizeof(double));
    else
        decode_block(type, c->reference, begin, end - begin, half, n->want[half]);
    mask_block(c, begin, end, n->got[half], n->want[half]);
}

static void measure_block(const struct cells *c, size_t begin, size_t end, struct metrics *m)
{
    const size_t cols = c->tensor->cols, halves = c->tensor->dtype == DTYPE_E2M1X2 ? 2 : 1;
    struct numbers n;

    for (size_t half = 0; half < halves; half++)
        read_block(c, begin, end, half, &n);
    for (size_t at = begin, next; at < end; at = next) {
        const size_t row = at / cols, i = at - begin;
        next = end - row * cols > cols ? (row + 1) * cols : end;
        for (size_t half = 0; half < halves; half++)
            metrics_add(m, row, at - row * cols, n.got[half] + i, n.want[half] + i, next - at);
    }
}

static bool measure(const struct cells *c, struct compare_metrics *out, struct error *err)
{
    struct metrics m;

    if (!metrics_init(&m, c->tensor->rows, c->tensor->cols, err))
        return false;
    for (size_t begin = 0, end; begin < c->count; begin = end) {
        end = block_end(c, begin);
        measure_block(c, begin, end, &m);
    }
    metrics_finish(&m, out);
    metrics_release(&m);
    return true;
}

/* Whether the share of reference values other than zero falls short; stops as soon as it cannot. */
static bool is_vacuous(const struct cells *c, struct verdict *v)
{
    const double least = c->tensor->policy.min_nonzero;
    size_t nonzero = 0, seen = 0;

    if (least <= 0)
        return false;
    for (size_t begin = 0, end; begin < c->count; begin = end) {
        end = block_end(c, begin);
        cells_survey(c, begin, end - begin, &nonzero, &seen);
        if ((double)nonzero >= least * (double)c->count)
            return false;
    }
    if ((double)nonzero >= least * (double)seen)
        return false;
    v->kind = VERDICT_VACUOUS;
    v->detector = DETECTOR_VACUITY;
    snprintf(v->tensor, sizeof v->tensor, "%s", c->tensor->name);
    v->offset = 0;
    snprintf(v->signature, sizeof v->signature, "vacuous");
    snprintf(v->summary, sizeof v->summary,
             "%s: %zu of %zu reference values are not zero; a case needs a share of %g to tell a "
             "right kernel from a wrong one",
             c->tensor->name, nonzero, seen, least);
    v->text[0] = '\0';
    return true;
}

static void collect(struct difference *d)
{
    const struct cells *c = d->cells;
    const size_t cols = c->tensor->cols;

    for (size_t begin = 0, end; begin < c->count; begin = end) {
        end = block_end(c, begin);
        if (cells_all_right(c, begin, end - begin))
            continue;
        for (size_t at = begin; at < end; at++) {
            if (cells_judge(c, at) != d->kind)
                continue;
            where_add(&d->where, at / cols, at % cols);
            if (d->sampled < GUESS_SAMPLE)
                d->sample[d->sampled++] = at;
        }
    }
}

static enum compare_kind report_error(const struct cells *c, const struct error *err,
                                      struct verdict *v)
{
    v->kind = VERDICT_ERROR;
    v->detector = DETECTOR_COMPARE;
    v->offset = 0;
    snprintf(v->tensor, sizeof v->tensor, "%s", c->tensor->name);
    snprintf(v->signature, sizeof v->signature, "memory");
    snprintf(v->summary, sizeof v->summary, "%.300s", err->text);
    v->text[0] = '\0';
    return COMPARE_ERROR;
}

static enum compare_kind report(const struct cells *c, const struct tally *tally, enum cell kind,
                                const struct compare_metrics *metrics, struct verdict *v)
{
    static const struct {
        enum compare_kind compare;
        enum verdict_kind verdict;
        enum detector detector;
    } kinds[CELL_KINDS] = {
        [CELL_WRONG] = {COMPARE_WRONG, VERDICT_WRONG, DETECTOR_COMPARE},
        [CELL_STRAY] = {COMPARE_STRAY, VERDICT_STRAY_WRITE, DETECTOR_POISON},
        [CELL_UNWRITTEN] = {COMPARE_UNWRITTEN, VERDICT_UNWRITTEN, DETECTOR_POISON},
        [CELL_DIFFERS] = {COMPARE_RUNS_DIFFER, VERDICT_NONDETERMINISTIC, DETECTOR_RERUN},
    };
    struct difference d = {.cells = c, .kind = kind, .everything = !tally->any_right};
    struct error err;

    memcpy(d.count, tally->count, sizeof d.count);
    if (!where_init(&d.where, c->tensor->rows, c->tensor->cols, &err))
        return report_error(c, &err, v);
    collect(&d);
    v->kind = kinds[kind].verdict;
    v->detector = kinds[kind].detector;
    describe_difference(&d, metrics, v);
    where_release(&d.where);
    return kinds[kind].compare;
}

enum compare_kind compare_output(const struct compare_input *in, struct compare_metrics *metrics,
                                 struct verdict *v)
{
    struct cells cells;
    struct tally tally;
    struct error err;

    *metrics = (struct compare_metrics){.cosine = 1};
    cells_init(&cells, in);
    tally_cells(&cells, &tally);
    if ((cells.exact || tally.looked) && !measure(&cells, metrics, &err))
        return report_error(&cells, &err, v);
    v->cosine = metrics->cosine;
    v->relative = metrics->relative;
    const enum cell kind = gravest(&tally);
    if (kind != CELL_RIGHT)
        return report(&cells, &tally, kind, metrics, v);
    return is_vacuous(&cells, v) ? COMPARE_VACUOUS : COMPARE_EQUAL;
}
