/*
 * Comparison of one output with its reference, and the words for what differs.
 *
 * The device's result comes dense (element (r, c) at r * cols + c) from two runs: the first over
 * poison 0, the second over poison 1 in another placement and thread order. Per element, with d1,
 * d2 the results, p1, p2 the poisons and e the reference (which started from poison 0):
 *     e is poison (left alone by the reference): d1 must be p1 and d2 p2, else STRAY_WRITE
 *     d1 == p1 and d2 == p2 although e is not poison: UNWRITTEN
 *     otherwise d1 must equal d2 (RERUN finding, told apart by the caller) and agree with e
 *     under the tensor's policy, else WRONG
 * Elements for which op->dont_care holds are skipped.
 */
#ifndef HARNESS_CHECK_COMPARE_H
#define HARNESS_CHECK_COMPARE_H

#include "harness/op/op.h"
#include "harness/op/verdict.h"

enum { COMPARE_SHOWN = 10, COMPARE_MAP_ROWS = 16, COMPARE_MAP_COLS = 64 };

struct compare_input {
    const struct kase *kase;
    const struct tensor *tensor; /* all of the case */
    size_t index;                /* which one */
    const void *first, *second;  /* dense device results of both runs; second may be NULL */
    const struct ref_io *ref;
    void *const *device_out; /* dense first-run results of all outputs, for op->accept */
};

/* Metrics over decoded values (both finite; others are counted as wrong by the policy). */
struct compare_metrics {
    double cosine, relative; /* 1 - cos is not taken; relative = |a-b| / |b| (2-norms) */
    double worst_row_relative, worst_col_relative;
    size_t worst_row, worst_col;
};

enum compare_kind {
    COMPARE_EQUAL,
    COMPARE_WRONG,
    COMPARE_UNWRITTEN,
    COMPARE_STRAY,
    COMPARE_RUNS_DIFFER,
    COMPARE_VACUOUS,
};

/* The most serious thing found: RUNS_DIFFER before UNWRITTEN before STRAY before WRONG. Fills
 * `verdict`'s tensor, offset (bytes, in the strided tensor), signature, summary and text (case of a
 * difference: counts, policy with its formula and reason, first COMPARE_SHOWN wrong elements with
 * index, expected, got, difference and bound, the map, the recognised pattern, the metrics), and
 * cosine and relative in any case. */
enum compare_kind compare_output(const struct compare_input *, struct compare_metrics *,
                                 struct verdict *);

/* Compares the `want.` literals of the case for this tensor with the device's result and with the
 * reference; false (verdict filled, detector WANT) at the first difference. */
bool compare_want(const struct compare_input *, struct verdict *);

#endif
