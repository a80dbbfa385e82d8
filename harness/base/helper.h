/*
 * A thread that does one piece of work at a time beside its owner.
 *
 *     helper_start(helper, work, context);
 *     ... something else ...
 *     helper_wait(helper);
 */
#ifndef HARNESS_BASE_HELPER_H
#define HARNESS_BASE_HELPER_H

#include "harness/base/error.h"

struct helper;

/* NULL when the system has no thread for it. */
struct helper *helper_create(struct error *);

/* Waits for its work; NULL is fine. */
void helper_destroy(struct helper *);

/* Has it call work(context); it must be idle. */
void helper_start(struct helper *, void (*work)(void *context), void *context);

/* Until it is idle; what the work has written can be read then. */
void helper_wait(struct helper *);

#endif
