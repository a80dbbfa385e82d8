/*
 * The words for a difference between an output and its reference.
 */
#ifndef HARNESS_CHECK_DESCRIBE_H
#define HARNESS_CHECK_DESCRIBE_H

#include "harness/check/cell.h"
#include "harness/check/guess.h"
#include "harness/check/where.h"

struct difference {
    const struct cells *cells;
    enum cell kind;           /* the gravest one found; what follows is about elements of it */
    size_t count[CELL_KINDS]; /* elements of the other grave kinds, too */
    bool everything;          /* no written element is right */
    struct where where;
    size_t sample[GUESS_SAMPLE]; /* the first ones */
    size_t sampled;
};

/* Fills tensor, offset, signature, summary and text. */
void describe_difference(const struct difference *, const struct compare_metrics *,
                         struct verdict *);

/* A number and its code, as it stands in a failure's text. */
void describe_bits(enum dtype, uint32_t bits, struct text *out);

#endif
