/*
 * Writes the inputs of a case. Element (r, c) of tensor i depends on (seed, i, r * cols + c) and
 * on the tensor's fill alone, never on the stride, the placement or the number of threads.
 */
#ifndef HARNESS_CASE_FILL_H
#define HARNESS_CASE_FILL_H

#include "harness/op/tensor.h"

/* Fills tensor number `stream` at `host`, with the tensor's own stride; the bytes between rows
 * are left alone. FILL_CUSTOM is the operator's and does nothing here. */
void fill_tensor(const struct tensor *, uint64_t seed, uint32_t stream, void *host);

#endif
