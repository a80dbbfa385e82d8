/*
 * A thread that does pieces of work, one after another, beside its owner.
 *
 *     uint64_t number = helper_add(helper, work, context);
 *     ... something else ...
 *     helper_wait(helper, number);
 */
#ifndef HARNESS_BASE_HELPER_H
#define HARNESS_BASE_HELPER_H

#include <stdint.h>

#include "harness/base/error.h"

struct helper;

/* NULL when the system has no thread for it. */
struct helper *helper_create(struct error *);

/* Waits for all work; NULL is fine. */
void helper_destroy(struct helper *);

/* Has it call work(context) behind what it was given before; waits when that is much. Numbers
 * count from 1. */
uint64_t helper_add(struct helper *, void (*work)(void *context), void *context);

/* Until it has done the work of that number and all before; what they have written can be read
 * then. Work 0 is done. */
void helper_wait(struct helper *, uint64_t number);

/* Whether it has. */
bool helper_done(const struct helper *, uint64_t number);

#endif
