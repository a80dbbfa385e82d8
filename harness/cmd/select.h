/*
 * Which cases a command line means: tables, folders of tables and case lines, then tag, filters,
 * seed, mutant and shard.
 */
#ifndef HARNESS_CMD_SELECT_H
#define HARNESS_CMD_SELECT_H

#include "harness/case/casefile.h"
#include "harness/cmd/options.h"
#include "harness/op/op.h"

struct selection {
    struct table table;
    size_t *entry; /* indices into table.entry, in order */
    size_t count;
    const struct mutant *mutant; /* of --mutant; its operator's cases alone are selected */
};

/* Without arguments the tables of ./cases are meant. An empty selection is no error here: the
 * command decides that nothing ran. */
bool select_cases(struct selection *, const struct options *, struct error *) MUST_CHECK;
void selection_release(struct selection *);

/* "cases/x.cases:12". */
void selection_source(const struct selection *, size_t i, char *out, size_t size);

/* Loads --mutant, if given; NULL in `*mutant` otherwise. */
bool select_mutant(const struct options *, const struct mutant **mutant, struct error *) MUST_CHECK;

/* Sets the operator of a case file to the variant it is to run on: that of --mutant, else the
 * mutant that the file names, else the correct operator. `*id` is the mutant's, or NULL. */
bool select_variant(const struct options *, struct casefile *, const char **id,
                    struct error *) MUST_CHECK;

/* Whether a case line passes the --filter globs. */
bool select_filter(const struct options *, const char *line);

#endif
