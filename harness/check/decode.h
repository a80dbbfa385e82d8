/*
 * Runs of elements read as doubles, fast: the comparison's hot loops work on blocks of numbers in
 * local arrays, where every compiler vectorises without relaxed floating-point rules.
 */
#ifndef HARNESS_CHECK_DECODE_H
#define HARNESS_CHECK_DECODE_H

#include "harness/op/dtype.h"

enum { DECODE_BLOCK = 256 };

/* Elements [begin, begin + count) of `data` as numbers; count <= DECODE_BLOCK, and what lies behind
 * in `out` becomes 0. Of a byte with two codes, `high` picks the odd element's. */
void decode_block(enum dtype, const void *data, size_t begin, size_t count, bool high,
                  double out[DECODE_BLOCK]);

#endif
