/*
 * Filling, poisoning and judging the tensors of a case where its kernels run, by the kernels of
 * harness/gpu/check.h, on a device that has memory of its own. The host makes the inputs too, for
 * the reference, whose results it sends; a case that passes sends back a few hundred bytes.
 *
 *     inspect_begin
 *     inspect_prepare (right, 0)  launch  inspect_keep
 *     inspect_prepare (left, 1)   inspect_outside  launch  inspect_judge
 *
 * It tells whether a case is right in every respect, no more: what is wrong with one that is not is
 * found by running it again and judging it on the host. Where the host explains a difference away
 * (op->accept, op->dont_care, a few units in the last place), the case is not right here.
 *
 * Beside the tensors, the device holds the first run's outputs with their strides, the references
 * and a few MiB.
 */
#ifndef HARNESS_RUN_INSPECT_H
#define HARNESS_RUN_INSPECT_H

#include "harness/run/bind.h"

struct inspection;

/* Whether the device can. */
bool inspect_possible(const struct device *);

/* NULL when there is no memory. Lives as long as the device, for one case after the other. */
struct inspection *inspect_create(void);
void inspect_destroy(struct inspection *);

/* All functions enqueue and do not wait, except inspect_outside and inspect_judge. They fail for
 * reasons of the harness alone. */

/* Takes memory for a case with bound tensors. */
bool inspect_begin(struct inspection *, struct binding *, struct error *) MUST_CHECK;

/* Places the tensors at one side and writes inputs, poison and canaries. */
bool inspect_prepare(struct inspection *, enum arena_side, unsigned poison,
                     struct error *) MUST_CHECK;

/* Behind the first launch: looks for stores outside the tensors, and keeps the outputs. */
bool inspect_keep(struct inspection *, struct error *) MUST_CHECK;

/* What a look has come to: whether all is right, and if not, what was seen. */
struct inspect_result {
    bool right;
    char seen[160];
};

/* Before the second launch, which may end the device's context: what inspect_keep() saw. */
bool inspect_outside(struct inspection *, struct inspect_result *, struct error *) MUST_CHECK;

/* Behind the second launch: looks outside the tensors again, and compares both runs with the
 * references in `ref`. Right is a case in which nothing is wrong, and which is not vacuous. Sets
 * the verdict's cosine and relative error, as the host does. */
bool inspect_judge(struct inspection *, const struct ref_io *ref, struct inspect_result *,
                   struct verdict *, struct error *) MUST_CHECK;

#endif
