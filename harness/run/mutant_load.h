/*
 * Mutants on disk: DIR/OPERATOR.ID.so, each with one `struct mutant harness_mutant`. They are
 * loaded into the supervisor before workers start, so that both know their operators, and stay
 * loaded.
 */
#ifndef HARNESS_RUN_MUTANT_LOAD_H
#define HARNESS_RUN_MUTANT_LOAD_H

#include "harness/op/op.h"

/* "mutants" in the folder of the running program, unless `dir` names another. */
bool mutant_dir(const char *dir, char *out, size_t size, struct error *) MUST_CHECK;

/* Loads one by its name "OPERATOR.ID". NULL: there is none such (the error lists what is there),
 * or it cannot be loaded. */
const struct mutant *mutant_load(const char *dir, const char *name, struct error *);

/* The names of all mutants in the folder, sorted; the caller frees each and the array. */
bool mutant_names(const char *dir, char ***names, size_t *count, struct error *) MUST_CHECK;

#endif
