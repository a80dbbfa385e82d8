/*
 * A pattern in a set of row or column numbers: one of them, a range, an end, every k-th, a range
 * of every period. A pattern holds all members of the set, and at least half of what it covers
 * are members (some wrong elements look right by chance).
 */
#ifndef HARNESS_CHECK_STRIPES_H
#define HARNESS_CHECK_STRIPES_H

#include "harness/base/text.h"

enum stripes_kind {
    STRIPES_NONE, /* no pattern */
    STRIPES_ALL,
    STRIPES_ONE,
    STRIPES_FIRST, /* [0, high] */
    STRIPES_LAST,  /* [low, size) */
    STRIPES_RANGE, /* [low, high] */
    STRIPES_EVERY, /* congruent `low` modulo `period` */
    STRIPES_CYCLE, /* congruent low..high modulo `period` */
    STRIPES_FEW,   /* up to STRIPES_LISTED numbers without a pattern */
};

enum { STRIPES_LISTED = 4 };

struct stripes {
    enum stripes_kind kind;
    size_t size, low, high, period;
    size_t listed[STRIPES_LISTED], count; /* STRIPES_FEW */
};

/* The set of all i < size with present[i] != 0. */
struct stripes stripes_find(const size_t *present, size_t size);

/* Adds the sentence; `noun` is "row" or "column". */
void stripes_describe(const struct stripes *, const char *noun, struct text *out);

#endif
