/*
 * What wrong values look like: all zero, NaN, a multiple of the right ones, those of a neighbour.
 */
#ifndef HARNESS_CHECK_GUESS_H
#define HARNESS_CHECK_GUESS_H

#include "harness/base/text.h"
#include "harness/check/cell.h"

enum guess {
    GUESS_NONE,
    GUESS_ZERO, /* the whole output */
    GUESS_NAN,
    GUESS_CONSTANT,
    GUESS_NEGATED,
    GUESS_SCALED,
    GUESS_SWAPPED,  /* the two codes of a byte */
    GUESS_SHIFTED,  /* the values of a neighbouring row or column */
    GUESS_ADJACENT, /* off by the last place only */
};

enum { GUESS_SAMPLE = 4096, GUESS_LEAST = 4 /* wrong elements that a guess needs */ };

const char *guess_name(enum guess);

/* Guesses from the first wrong elements `at` and adds a sentence, if there is one. */
enum guess guess_values(const struct cells *, const size_t *at, size_t count, struct text *out);

#endif
