/*
 * The first thing a case is judged by: what the operator's host guard says to it, against what its
 * contract and its line say.
 */
#ifndef HARNESS_RUN_GUARD_H
#define HARNESS_RUN_GUARD_H

#include "harness/op/op.h"
#include "harness/op/verdict.h"

/* True when the case is to be run; otherwise the verdict says how the guard fared. */
bool guard_lets_run(const struct kase *, struct verdict *);

/* Every buffer one byte short must be refused, by name; the exact sizes must pass. False, with the
 * verdict filled, when one of this is not so. */
bool guard_checks_sizes(const struct kase *, const struct tensor *, const size_t *bytes,
                        size_t count, struct verdict *);

#endif
