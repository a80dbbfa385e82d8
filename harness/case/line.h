/*
 * The words of a case line or table line: split, looked up in the operator, checked for
 * duplicates. What a case line and a table line share; kase.c and product.c build on it.
 *
 * Every function that fails says where, which key, and what the key accepts.
 */
#ifndef HARNESS_CASE_LINE_H
#define HARNESS_CASE_LINE_H

#include "harness/base/text.h"
#include "harness/case/kase.h"

enum line_key {
    KEY_SEED,
    KEY_EXPECT,
    KEY_TAG, /* table lines only */
    KEY_LITERAL,
    KEY_PARAM, /* a parameter of the operator: KEY_PARAM + its index */
};

/* One word KEY=VALUE. */
struct field {
    unsigned key; /* enum line_key */
    struct span name, value;
};

struct line {
    const char *where; /* opens every error text */
    const struct op *op;
    bool in_table;
    struct span rest;
    uint64_t seen; /* bit 1 << key */
    struct text literals;
    struct {
        struct span tensor; /* with its in. or want. */
        size_t first, last;
    } range[KASE_MAX_LITERALS];
    size_t n_ranges;
};

/* Reads the operator. `text` and `where` must outlive the line. Ends with line_release, also when
 * it fails. */
bool line_begin(struct line *, struct span text, const char *where, bool in_table,
                struct error *) MUST_CHECK;
void line_release(struct line *);

/* The next field; `*more` is false at the end. */
bool line_next(struct line *, struct field *, bool *more, struct error *) MUST_CHECK;

/* One value of a parameter: `text` is the field's value or a piece of it. */
bool line_value(const struct line *, const struct field *, struct span text, int64_t *value,
                struct error *) MUST_CHECK;

/* A field that has one value in any line: the seed, the expectation, or a literal, which is
 * collected in line->literals. */
bool line_single(struct line *, const struct field *, struct kase *, struct error *) MUST_CHECK;

/* Sets "WHERE: KEY=TEXT: PROBLEM; KEY takes ..." for a field, and returns false. `hint`, a name
 * that may be meant, can be NULL. */
bool line_error(const struct line *, const struct field *, struct span text, const char *problem,
                const char *hint, struct error *);

#endif
