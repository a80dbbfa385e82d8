/* Inputs of group_quant that the general generator has no words for. */
#ifndef HARNESS_KERNELS_GROUP_QUANT_FILL_H
#define HARNESS_KERNELS_GROUP_QUANT_FILL_H

#include "harness/op/op.h"

/* op->fill of group_quant. */
void group_quant_fill(const struct kase *, const struct tensor *, void *const host[]);

#endif
