/* Inputs of dequant that the general generator has no words for. */
#ifndef HARNESS_KERNELS_DEQUANT_FILL_H
#define HARNESS_KERNELS_DEQUANT_FILL_H

#include "harness/op/op.h"

/* op->fill of dequant. */
void dequant_fill(const struct kase *, const struct tensor *, void *const host[]);

#endif
