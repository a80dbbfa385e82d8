/*
 * How the cases of a file get into a table: what table.c offers to table_file.c. These functions
 * give no guarantee on errors: the caller truncates the table to what it held.
 */
#ifndef HARNESS_CASE_TABLE_BUILD_H
#define HARNESS_CASE_TABLE_BUILD_H

#include "harness/base/text.h"
#include "harness/case/table.h"

bool table_add_source(struct table *, const char *name, uint32_t *index, struct error *) MUST_CHECK;

/* Appends the product of one line; `source` and `line` are where its cases come from. */
bool table_expand(struct table *, struct span text, uint32_t source, uint32_t line,
                  const char *where, struct error *) MUST_CHECK;

/* Drops everything behind the first `cases` cases and `sources` sources. */
void table_truncate(struct table *, size_t cases, size_t sources);

#endif
