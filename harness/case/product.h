/*
 * A table line: the product of its lists, before it is expanded.
 */
#ifndef HARNESS_CASE_PRODUCT_H
#define HARNESS_CASE_PRODUCT_H

#include "harness/base/text.h"
#include "harness/case/table.h"

/* The values that a line gives to one parameter, in the order it names them. */
struct axis {
    size_t param;
    int64_t *value;
    size_t count;
};

struct product {
    struct kase base; /* what the cases share */
    enum table_tag tag;
    struct axis axis[OP_MAX_PARAMS]; /* in the order of the line; the last one varies fastest */
    size_t n_axes;
    size_t count; /* cases */
};

/* Reads a line that may stand for at most `max` cases. Nothing needs a release on an error. */
bool product_parse(struct product *, struct span line, const char *where, size_t max,
                   struct error *) MUST_CHECK;
void product_release(struct product *);

/* Sets the values of case `index` in `kase`, a copy of the base. */
void product_select(const struct product *, size_t index, struct kase *);

#endif
