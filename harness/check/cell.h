/*
 * One element of an output judged: the rules of compare.h for a single element, and a fast test
 * that finds whole blocks right without looking at elements one by one.
 */
#ifndef HARNESS_CHECK_CELL_H
#define HARNESS_CHECK_CELL_H

#include "harness/check/compare.h"
#include "harness/check/decode.h"

/* Ordered by gravity from CELL_WRONG on. */
enum cell {
    CELL_RIGHT,
    CELL_LEFT_ALONE, /* right: neither the reference nor the kernel wrote it */
    CELL_SKIPPED,    /* may hold anything */
    CELL_WRONG,
    CELL_STRAY,
    CELL_UNWRITTEN,
    CELL_DIFFERS, /* between the two runs */
    CELL_KINDS
};

/* An output as the comparison sees it. Elements are numbered row by row (dense). */
struct cells {
    const struct compare_input *in;
    const struct tensor *tensor;
    const void *first, *second; /* second: may be NULL */
    const void *reference;      /* doubles when `exact` is set, else elements of the dtype */
    const double *exact;        /* NULL but for POLICY_BOUND */
    size_t count;
    uint32_t poison[2];
    double min_normal, half_unit, inf_from; /* POLICY_BOUND: see cells_half_ulp, cells_agree */
};

void cells_init(struct cells *, const struct compare_input *);

/* Whether the reference left the element alone. */
bool cells_poisoned(const struct cells *, size_t at);

enum cell cells_judge(const struct cells *, size_t at);

/* Whether all of [begin, begin + count) is right; count <= DECODE_BLOCK. False may also mean that
 * elements need a look one by one. */
bool cells_all_right(const struct cells *, size_t begin, size_t count);

/* Adds to `seen` the reference's elements of a block that it did not leave alone, and to `nonzero`
 * those of them that are not zero (code 0 of e8m0, the scale of nothing, counts as zero). */
void cells_survey(const struct cells *, size_t begin, size_t count, size_t *nonzero, size_t *seen);

/* Whether `got` agrees with the reference of element `at` under the tensor's policy, op->accept
 * left aside. */
bool cells_agree(const struct cells *, uint32_t got, size_t at);

/* The largest difference that the policy allows at element `at` (POLICY_BOUND). */
double cells_bound(const struct cells *, size_t at);

/* The reference as a number; NaN for poison. */
double cells_expected(const struct cells *, size_t at);

/* Steps between two codes of a float type in the order of their values; -1 when one is no number
 * or only one is infinite. */
int64_t cells_steps(enum dtype, uint32_t a, uint32_t b);

#endif
