/*
 * Binds the tensors of one case to an arena: placement, inputs, poison, literals, and the way back
 * from strided device results to dense ones. Used by a session; see session.h for the two runs.
 */
#ifndef HARNESS_RUN_BIND_H
#define HARNESS_RUN_BIND_H

#include "harness/cpu/arena.h"
#include "harness/op/op.h"
#include "harness/op/verdict.h"
#include "harness/run/device.h"

/* Bytes between two rows of a strided tensor that are poisoned and checked, at each end. Larger
 * gaps are watched by the pages that were touched. */
enum { BIND_GAP_WINDOW = 4096 };

struct binding {
    const struct kase *kase;
    struct device *runner;
    struct arena *arena;
    size_t count;
    struct tensor tensor[OP_MAX_TENSORS];
    size_t bytes[OP_MAX_TENSORS];
    struct arena_buffer buffer[OP_MAX_TENSORS];
    void *device[OP_MAX_TENSORS]; /* buffer[i].device, as plans take it */
    bool filled;                  /* inputs of this case are in the arena already */
};

/* Declares the tensors; false when a size overflows. On the host they will lie in the arena. */
bool bind_tensors(struct binding *, const struct kase *, struct device *, struct arena *,
                  struct error *) MUST_CHECK;

/* Whether tensor `i` is an input that only the host can fill: the operator does, or the case has
 * literals for it. Whether any is. */
bool bind_is_custom(const struct binding *, size_t i);
bool bind_has_custom(const struct binding *);

/* How tensor `i` is to lie. */
struct device_place bind_where(const struct binding *, size_t i, enum arena_side);

/* Places every tensor at one side of the host's arena, and writes the inputs. */
bool bind_host(struct binding *, enum arena_side, struct error *) MUST_CHECK;

/* The same, and on the device; then writes poison and canaries, and sends all of it. */
bool bind_place(struct binding *, enum arena_side, unsigned poison, struct error *) MUST_CHECK;

/* The bits of an element of tensor `t` before run `which` (0 or 1). */
uint32_t bind_poison(const struct tensor *t, unsigned which);

/* Brings back, behind a launch, what kernels may have written. */
bool bind_fetch(struct binding *, struct error *) MUST_CHECK;

/* Looks for stores outside the tensors that did not fault: canaries, gaps between rows. True when
 * there are none; otherwise the verdict is filled. */
bool bind_intact(const struct binding *, unsigned poison, struct verdict *);

/* The verdicts for that: a canary of tensor `i`; byte `at` of it, which is in no row. */
void bind_canary_changed(const struct binding *, size_t i, const struct arena_canary *,
                         struct verdict *);
void bind_gap_changed(const struct binding *, size_t i, size_t at, struct verdict *);

/* The rows of tensor `i` without gaps: points into the arena when the tensor is dense, else into
 * `scratch` (tensor_elements * dtype_bytes), which is written. */
const void *bind_dense(const struct binding *, size_t i, void *scratch);

#endif
