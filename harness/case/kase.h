/*
 * A case: an operator, a value for each of its parameters, and a seed. Together they fix every
 * input bit, so a case reproduces alone, on any device.
 *
 * The canonical form is one line that names every parameter, in the operator's order:
 *
 *     group_quant rows=76 cols=1280 group=128 ... seed=0x1b
 *
 * Behind the parameters a line may hold
 *     expect=refuse:REASON   the host guard must refuse the case, with this reason
 *     in.TENSOR[FIRST]=V,V*N,...    literal input elements over the generated ones, from FIRST on
 *     want.TENSOR[FIRST]=V,...      literal output elements, compared exactly
 * ([FIRST] may be left out and is 0 then; V*N repeats V; entries of one tensor must not overlap.)
 * Numbers may be written in decimal or as 0x...; a parameter of named values takes a name.
 */
#ifndef HARNESS_CASE_KASE_H
#define HARNESS_CASE_KASE_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"

enum {
    OP_MAX_PARAMS = 32,
    KASE_MAX_LINE = 65536,                         /* bytes of a canonical line, its end included */
    KASE_MAX_LITERALS = 64,                        /* in. and want. entries of one case */
    KASE_MAX_LITERAL_BYTES = KASE_MAX_LINE - 8192, /* all of them together; leaves room for the
                                                      other keys of the canonical line */
    KASE_REASON_SIZE = 48,
};

struct op;

struct kase {
    const struct op *op;
    int64_t value[OP_MAX_PARAMS]; /* in the operator's order; a named value by its index */
    uint64_t seed;
    char refuse[KASE_REASON_SIZE]; /* the reason to be refused with; empty: must run and pass */
    char *literals; /* owned: "in.x=1,2 want.y[3]=4" as written, one space between; or NULL */
};

/* The operator's defaults, seed 0; `op` may be NULL for a case that is set later (all bytes 0 is
 * the same). Needs no release until literals are set. */
void kase_init(struct kase *, const struct op *);
void kase_release(struct kase *);

/* Both replace what an initialised case holds, and on an error leave it as it was.
 * kase_parse reads one line with single values. `where` ("FILE:LINE" or "argument 2") opens the
 * error text, which names the key and what it accepts. */
bool kase_copy(struct kase *to, const struct kase *from, struct error *) MUST_CHECK;
bool kase_parse(struct kase *, const char *line, const char *where, struct error *) MUST_CHECK;

/* Equal operators, values, seeds and expectations, and the same literals, word for word. */
bool kase_equal(const struct kase *, const struct kase *);

/* Writes the canonical line into `out`; kase_parse(kase_format(k)) == k. Equal cases have equal
 * lines, different ones different lines. A value outside its parameter's domain, or a buffer that
 * is too small (KASE_MAX_LINE never is), is an internal error; `out` is empty then. */
bool kase_format(const struct kase *, char *out, size_t size, struct error *) MUST_CHECK;

/* One entry "in.x[3]=1,2*4" of the literals, taken apart. Strings point into the caller's line. */
struct literal {
    bool is_input; /* in. or want. */
    char tensor[32];
    size_t first;
    const char *values; /* up to the next space or the end */
    size_t values_length;
};

/* Walks the literals: `*cursor` starts as kase->literals; false at the end. */
bool literal_next(const char **cursor, struct literal *);

/* Walks the values of one literal: gives each value's text once and its repeat count. */
bool literal_value(const char **values, const char *end, char text[64], size_t *repeat);

#endif
