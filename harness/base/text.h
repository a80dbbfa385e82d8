/*
 * Text from outside and text for people: a growing string with a hard maximum, numbers read
 * without surprises, and what error messages need (quoting, the nearest known name).
 */
#ifndef HARNESS_BASE_TEXT_H
#define HARNESS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"

/*
 * A string that grows up to `max` bytes, its final NUL included. `data` is NULL until something is
 * added and ends with NUL from then on; bytes of value 0 inside are allowed. The first addition
 * that does not fit sets `failed`; nothing is added from then on, so that a sequence of additions
 * needs one check, at its end:
 *
 *     struct text out;
 *     text_init(&out, 4096);
 *     text_printf(&out, "device %s\n", device);
 *     text_puts(&out, line);
 *     bool ok = text_check(&out, "case file", err) && use(out.data, out.length);
 *     text_release(&out);
 */
struct text {
    char *data;
    size_t length; /* without the final NUL */
    size_t capacity, max;
    bool failed, no_memory; /* no_memory: not `max`, but the system said no */
};

void text_init(struct text *, size_t max);
void text_release(struct text *);
void text_append(struct text *, const void *data, size_t size);
void text_puts(struct text *, const char *string);
void text_printf(struct text *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* False, with a text that names `what`, when an addition failed. */
bool text_check(const struct text *, const char *what, struct error *) MUST_CHECK;

/* Hands the string to the caller, who frees it; NULL when nothing was added. */
char *text_take(struct text *);

/* Text that is not ended by NUL: a piece of a longer string, which somebody else owns. */
struct span {
    const char *data;
    size_t length;
};

struct span span_of(const char *string);
bool span_equals(struct span, const char *string);
/* Without the blanks (space, tab) at both ends. */
struct span span_trim(struct span);
/* Cuts the next word, between blanks, off the front; false when none is left. */
bool span_word(struct span *rest, struct span *word);
/* Cuts off what lies before `separator`, or everything; false when `rest` was used up before
 * (its `data` is NULL then). "a,,b" gives "a", "" and "b"; "" gives one empty piece. */
bool span_split(struct span *rest, char separator, struct span *piece);

/* Cuts the next line off, without its end ("\n" or "\r\n"); false when none is left. The last
 * line needs no end. */
bool span_line(struct span *rest, struct span *line);

enum number { NUMBER_OK, NUMBER_MALFORMED, NUMBER_TOO_LARGE };

/* A whole number, decimal or 0x..., over all bytes of the span: no blanks, no plus sign, no octal.
 * number_i64 takes a minus sign. `*value` is left alone unless the result is NUMBER_OK. */
enum number number_u64(struct span, uint64_t *value);
enum number number_i64(struct span, int64_t *value);

/* Whether `text` matches a shell pattern (* ? [...]). */
bool glob_match(const char *pattern, const char *text);

enum { TEXT_SHOWN = 64 };

/* A copy for an error message: printable, cut to fit with "..." at the end. Returns `out`. */
const char *text_show(struct span, char out[TEXT_SHOWN]);

/*
 * A search for the name that somebody may have meant: offer every candidate, then take `best`.
 * It stays NULL when no candidate is near (more than a third of its letters differ).
 */
struct nearest {
    struct span word;
    const char *best;
    size_t distance; /* of `best`, in inserted, deleted, changed or swapped letters */
};

void nearest_init(struct nearest *, struct span word);
void nearest_offer(struct nearest *, const char *candidate);

#endif
