/*
 * Tables of cases: text files whose lines are cases with lists.
 *
 *     # a comment
 *     include edges.cases
 *     moe_sorting tokens=1,7,76..88 topk=4,8 experts=32 tag=smoke
 *
 * A parameter takes a list of values and ranges: `1,7,76..88` or `0..1024..128` (first, last,
 * step). A line stands for the product of its lists. Other keys: those of a case (seed, expect,
 * in.*, want.*), and `tag=smoke|ci|nightly` (left out: ci). The tags are levels: `--tag ci` selects
 * smoke and ci, `--tag nightly` everything. A backslash at the end joins a line with the next.
 * A comment runs from a word that begins with # to the end of its line, which then joins nothing.
 * The last list of a line varies fastest. An include is relative to the file that names it; a file
 * that includes itself, through others too, is an error.
 * Every error names file, line, key and the accepted values.
 */
#ifndef HARNESS_CASE_TABLE_H
#define HARNESS_CASE_TABLE_H

#include "harness/case/kase.h"

enum table_tag { TAG_SMOKE, TAG_CI, TAG_NIGHTLY };

enum {
    TABLE_MAX_CASES = 1 << 20,          /* of one table, products expanded */
    TABLE_MAX_DEPTH = 16,               /* nested includes */
    TABLE_MAX_FILE = 16 << 20,          /* bytes of one file */
    TABLE_MAX_FILES = 1024,             /* that one table_read reads, repeats counted */
    TABLE_MAX_LITERAL_BYTES = 64 << 20, /* of all cases: each owns a copy of its literals */
};

struct table_entry {
    struct kase kase;
    enum table_tag tag;
    uint32_t source; /* index into table.source */
    uint32_t line;   /* 1-based; 0: the source is a single line */
};

struct table {
    struct table_entry *entry;
    size_t count, capacity;
    size_t literal_bytes;
    char **source; /* names of the files, or "argument 1" */
    size_t n_sources;
};

void table_init(struct table *);
void table_release(struct table *);

/* Appends the cases of a file. As with all functions that append: on an error the table holds what
 * it held before. */
bool table_read(struct table *, const char *path, struct error *) MUST_CHECK;

/* Appends the product of one line, as it comes from a command line; `where` names it. */
bool table_add_line(struct table *, const char *line, const char *where, struct error *) MUST_CHECK;

/* The same from memory, under a name; the entry of the fuzz target. Includes are refused. */
bool table_read_memory(struct table *, const char *text, size_t size, const char *name,
                       struct error *) MUST_CHECK;

bool table_tag_parse(const char *name, enum table_tag *);
const char *table_tag_name(enum table_tag);

#endif
