/* Inputs of act_and_mul that the general generator has no words for. */
#ifndef HARNESS_KERNELS_ACT_AND_MUL_FILL_H
#define HARNESS_KERNELS_ACT_AND_MUL_FILL_H

#include "harness/op/op.h"

/* op->fill of act_and_mul. */
void act_and_mul_fill(const struct kase *, const struct tensor *, void *const host[]);

#endif
