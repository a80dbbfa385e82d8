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
 * Elements for which op->dont_care holds are skipped. In byte types a poison is also a value that
 * the reference may mean (every fp4 pair, the NaN of fp8): there d1 == d2 == e is right too.
 *
 * NaN agrees with NaN of any payload, Inf with the same Inf only. Under POLICY_BOUND a result of
 * Inf is right where the exact value may round to it. POLICY_ULP counts the values of the type
 * between expected and got.
 */
#ifndef HARNESS_CHECK_COMPARE_H
#define HARNESS_CHECK_COMPARE_H

#include "harness/op/op.h"
#include "harness/op/verdict.h"

enum { COMPARE_SHOWN = 10 };

/* What a reference of POLICY_BOUND starts from: a NaN that no arithmetic gives. References of other
 * policies start from dtype_poison(dtype, 0). */
double ref_poison(void);
bool ref_is_poison(double);

/* Bytes of an element of an output's reference: a double under POLICY_BOUND, else the dtype's. */
size_t ref_element_bytes(const struct tensor *);

/* Makes the first `elements` of it what a reference starts from. */
void ref_start(const struct tensor *, void *out, size_t elements);

struct compare_input {
    const struct kase *kase;
    const struct tensor *tensor; /* all of the case, without their unused rows */
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
    COMPARE_VACUOUS, /* all is right, but too few reference values differ from zero */
    COMPARE_ERROR,   /* no memory to compare; the verdict says so */
};

/* The most serious thing found: RUNS_DIFFER before UNWRITTEN before STRAY before WRONG. Unless all
 * is equal, fills `verdict`: kind and detector (RUNS_DIFFER: nondeterministic, rerun; the caller
 * may know better), tensor, offset (bytes, in the strided tensor), signature (what the values or
 * the places look like, no numbers), summary, and text (counts, policy with its formula and reason,
 * pattern, metrics, the first COMPARE_SHOWN elements, the map). Its cosine and relative are set in
 * any case, to those of this output. */
enum compare_kind compare_output(const struct compare_input *, struct compare_metrics *,
                                 struct verdict *);

/* Compares the `want.` literals of the case for this tensor with the device's result and with the
 * reference; false (verdict filled, detector WANT) at the first difference. A literal that names no
 * output, lies outside of it or does not read as its dtype is a verdict of kind ERROR. */
bool compare_want(const struct compare_input *, struct verdict *);

#endif
