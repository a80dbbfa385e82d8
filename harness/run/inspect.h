/*
 * Filling, poisoning and judging the tensors of cases where their kernels run, by the kernels of
 * harness/gpu/check.h, on a device that has memory of its own. The host makes the inputs too, for
 * the reference, whose results it sends. A case that passes sends back a few hundred bytes: a
 * struct check_result for each output and a struct check_scan for each edge of a tensor.
 *
 * The tensors of both runs lie side by side, those of a few cases too, so that all are prepared at
 * once and judged at once:
 *     run 0   tensors end at the guard,   poison 0
 *     run 1   tensors start at the guard, poison 1
 *
 *     inspect_place   inspect_begin
 *     launch the plans of both runs of every case
 *     inspect_check   await   finish
 *     for every case: inspect_complete   inspect_outside   inspect_outputs
 *
 * Of the outputs it tells whether they are right in every respect, no more: what is wrong with
 * those that are not is found by running the case again and judging it on the host. Where the host
 * explains a difference away (op->accept, op->dont_care, a few units in the last place), the case
 * is not right here.
 */
#ifndef HARNESS_RUN_INSPECT_H
#define HARNESS_RUN_INSPECT_H

#include "harness/run/bind.h"

enum { INSPECT_RUNS = 2 };

/* Cases that can be looked at together, counted from 0. */
enum { INSPECT_CASES = DEVICE_SETS / INSPECT_RUNS };

struct inspection;

/* Whether the device can. */
bool inspect_possible(const struct device *);

/* NULL when there is no memory. Lives as long as the device, for case after case. */
struct inspection *inspect_create(struct device *);
void inspect_destroy(struct inspection *);

/* The functions that may fail do so for reasons of the harness, or because what was launched before
 * has failed. Those that take an error enqueue and do not wait. */

/* Places the tensors of both runs of `n` cases. Nothing may run. False, with nothing enqueued, when
 * the device has no room for all. */
bool inspect_place(struct inspection *, const struct binding *const *, size_t n,
                   struct error *) MUST_CHECK;

/* Writes inputs, poison and canaries. Of inputs that the operator fills, the host's arenas have the
 * content already. */
bool inspect_begin(struct inspection *, struct error *) MUST_CHECK;

/* What the plan of a run takes. */
void *const *inspect_tensors(const struct inspection *, size_t kase, unsigned run);

/* Behind all launches: sends what the outputs are to be, looks for stores outside the tensors, and
 * compares the outputs. */
bool inspect_check(struct inspection *, const struct ref_io *const *, struct error *) MUST_CHECK;

/* When the device has done what was enqueued, and `finish` has returned: whether there is an answer
 * to every question about the case. If not, `seen` says so. */
bool inspect_complete(const struct inspection *, size_t kase, char *seen, size_t size);

/* Then: whether nothing was stored outside the tensors. False: the verdict is filled. */
bool inspect_outside(const struct inspection *, size_t kase, struct verdict *);

/* Whether all outputs are right, and not vacuous; if not, what was seen in `seen`. Sets the
 * verdict's cosine and relative error, as the host does. */
bool inspect_outputs(const struct inspection *, size_t kase, struct verdict *, char *seen,
                     size_t size);

/* Elements [first, first + n) of an output, of those in use, as the first run left them: to their
 * places in `dense`, when the driver's `finish` has returned. */
bool inspect_elements(const struct inspection *, size_t kase, size_t tensor, size_t first, size_t n,
                      unsigned char *dense, struct error *) MUST_CHECK;

#endif
