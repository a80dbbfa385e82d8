/*
 * A saved case: one small text file that replays alone, years later.
 *
 *     harness-case 1
 *     # free comments
 *     device cpu
 *     wave 64
 *     mutant B01a                      (only when found on a mutant)
 *     kernel-hash 9f2c...              (code that was run)
 *     verdict oob
 *     detector guard-page
 *     tensor input
 *     offset 1280
 *     signature read behind the end
 *     found 2026-11-21T10:00:00Z
 *     case group_quant rows=76 ... seed=0x1b
 *
 * A line is a key and the rest of the line, which is its value. `case` is required; the rest has
 * defaults: cpu, wave 64, verdict pass, nothing. Unknown keys, keys given twice and values that a
 * key does not accept are errors that name what is accepted; a file of a newer version is refused.
 */
#ifndef HARNESS_CASE_CASEFILE_H
#define HARNESS_CASE_CASEFILE_H

#include "harness/base/text.h"
#include "harness/case/kase.h"
#include "harness/op/verdict.h"

enum { CASEFILE_VERSION = 1, CASEFILE_MAX = 1 << 17 };

struct casefile {
    char device[32];
    unsigned wave;
    char mutant[32];
    char kernel_hash[72];
    struct verdict verdict; /* kind, detector, tensor, offset and signature only */
    char found[32];         /* UTC, ISO 8601 */
    struct kase kase;
};

/* The defaults, and a case that is not set. */
void casefile_init(struct casefile *);
void casefile_release(struct casefile *);

/* Both replace what an initialised case file holds, and on an error leave it as it was. */
bool casefile_parse(struct casefile *, const char *text, size_t size, const char *name,
                    struct error *) MUST_CHECK;
bool casefile_read(struct casefile *, const char *path, struct error *) MUST_CHECK;

/* Adds the file's text to `out` (CASEFILE_MAX bytes are enough). Keys without a value are left out.
 * What a line cannot hold is replaced, so that a finding is never lost to an odd byte: control
 * characters by '?', blanks at both ends by none. */
bool casefile_format(const struct casefile *, struct text *out, struct error *) MUST_CHECK;

/* Writes the file atomically: under a temporary name, synced, renamed, folder synced. A reader
 * sees the old file, the new file or none, never half of one. */
bool casefile_write(const struct casefile *, const char *path, struct error *) MUST_CHECK;

#endif
