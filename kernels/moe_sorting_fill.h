/* The inputs of moe_sorting cases. */
#ifndef HARNESS_KERNELS_MOE_SORTING_FILL_H
#define HARNESS_KERNELS_MOE_SORTING_FILL_H

#include "harness/op/op.h"

/* Writes topk_ids, expert_mask and num_local_tokens; op.h's `fill`. */
void moe_sorting_fill(const struct kase *, const struct tensor *, void *const host[]);

#endif
