/*
 * Cosine similarity and relative error of a result against its reference, over the whole tensor
 * and for the worst row and column: one wrong column of 2304 moves the global error by 2 % only.
 *
 * Sums of squares are kept in double, per row and per column. An element that is not finite on
 * either side is left out: the comparison's policy judges it.
 */
#ifndef HARNESS_CHECK_METRICS_H
#define HARNESS_CHECK_METRICS_H

#include "harness/base/error.h"
#include "harness/check/compare.h"

struct metrics {
    size_t rows, cols;
    double dot, got2, want2, diff2; /* of the rows that are complete */
    size_t row;                     /* the row being added, and its sums */
    double row_want2, row_diff2;
    double *col_want2, *col_diff2; /* owned */
    struct compare_metrics result;
};

bool metrics_init(struct metrics *, size_t rows, size_t cols, struct error *) MUST_CHECK;
void metrics_release(struct metrics *);

/* Adds elements (row, col..col + count - 1). Rows come in ascending order; a row may come in
 * several pieces, also over the same columns (two codes of one byte). */
void metrics_add(struct metrics *, size_t row, size_t col, const double *got, const double *want,
                 size_t count);

/* The figures of everything added. Where the reference is zero, the relative error is 0 for a zero
 * result and 1 for any other; the cosine is then 1 or 0. */
void metrics_finish(struct metrics *, struct compare_metrics *);

#endif
