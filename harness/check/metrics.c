#include "harness/check/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "harness/check/lanes.h"

struct sums {
    lanes dot, got2, want2, diff2;
};

/* Of all pairs; an odd element at the end is looked at when it is added. */
static bool pairs_are_finite(const double *got, const double *want, size_t count)
{
    lanes odd = {0};

    for (size_t i = 0; i + 2 <= count; i += 2) {
        const lanes g = lanes_load(got + i), w = lanes_load(want + i);
        odd += (g - g) + (w - w);
    }
    return odd[0] + odd[1] == 0;
}

/* The elements of a piece in pairs; how many it took. */
static size_t add_pairs(struct metrics *m, size_t col, const double *got, const double *want,
                        size_t count, struct sums *s)
{
    size_t i = 0;

    for (; i + 2 <= count; i += 2) {
        double *cw = m->col_want2 + col + i, *cd = m->col_diff2 + col + i;
        const lanes g = lanes_load(got + i), w = lanes_load(want + i), d = g - w;
        const lanes want2 = w * w, diff2 = d * d;
        s->dot += g * w;
        s->got2 += g * g;
        s->want2 += want2;
        s->diff2 += diff2;
        lanes_store(cw, lanes_load(cw) + want2);
        lanes_store(cd, lanes_load(cd) + diff2);
    }
    return i;
}

static void add_one(struct metrics *m, size_t col, double got, double want)
{
    const double diff = got - want;

    if (!isfinite(got) || !isfinite(want))
        return;
    m->dot += got * want;
    m->got2 += got * got;
    m->row_want2 += want * want;
    m->row_diff2 += diff * diff;
    m->col_want2[col] += want * want;
    m->col_diff2[col] += diff * diff;
}

bool metrics_init(struct metrics *m, size_t rows, size_t cols, struct error *err)
{
    *m = (struct metrics){.rows = rows, .cols = cols, .result = {.cosine = 1}};
    m->col_want2 = calloc(cols + 1, sizeof *m->col_want2);
    m->col_diff2 = calloc(cols + 1, sizeof *m->col_diff2);
    if (m->col_want2 && m->col_diff2)
        return true;
    metrics_release(m);
    return error_set(err, ERROR_INTERNAL, "no memory to compare %zu columns", cols);
}

void metrics_release(struct metrics *m)
{
    free(m->col_want2);
    free(m->col_diff2);
    m->col_want2 = m->col_diff2 = NULL;
}

static double relative(double diff2, double want2)
{
    if (diff2 == 0)
        return 0;
    return want2 > 0 ? sqrt(diff2 / want2) : 1;
}

static void end_row(struct metrics *m)
{
    const double error = relative(m->row_diff2, m->row_want2);

    if (error > m->result.worst_row_relative) {
        m->result.worst_row_relative = error;
        m->result.worst_row = m->row;
    }
    m->want2 += m->row_want2;
    m->diff2 += m->row_diff2;
    m->row_want2 = m->row_diff2 = 0;
}

void metrics_add(struct metrics *m, size_t row, size_t col, const double *got, const double *want,
                 size_t count)
{
    struct sums s = {0};
    size_t i = 0;

    if (row != m->row)
        end_row(m);
    m->row = row;
    if (pairs_are_finite(got, want, count))
        i = add_pairs(m, col, got, want, count, &s);
    for (; i < count; i++)
        add_one(m, col + i, got[i], want[i]);
    m->dot += s.dot[0] + s.dot[1];
    m->got2 += s.got2[0] + s.got2[1];
    m->row_want2 += s.want2[0] + s.want2[1];
    m->row_diff2 += s.diff2[0] + s.diff2[1];
}

static double cosine(const struct metrics *m)
{
    if (m->diff2 == 0)
        return 1;
    /* Two roots: the product of the squares could overflow. */
    const double norms = sqrt(m->got2) * sqrt(m->want2);
    return norms > 0 ? fmax(-1, fmin(1, m->dot / norms)) : 0;
}

void metrics_finish(struct metrics *m, struct compare_metrics *out)
{
    end_row(m);
    for (size_t col = 0; col < m->cols; col++) {
        const double error = relative(m->col_diff2[col], m->col_want2[col]);
        if (error > m->result.worst_col_relative) {
            m->result.worst_col_relative = error;
            m->result.worst_col = col;
        }
    }
    m->result.cosine = cosine(m);
    m->result.relative = relative(m->diff2, m->want2);
    *out = m->result;
}
