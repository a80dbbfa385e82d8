/*
 * What json.c and junit.c share. A sink begins with a `struct sink`, which knows how to go on.
 */
#ifndef HARNESS_REPORT_SINK_H
#define HARNESS_REPORT_SINK_H

#include "harness/report/report.h"

/* Functions of one format. `close` frees the sink; without a summary it only does that. */
struct sink_format {
    bool (*result)(struct sink *, const struct result *, struct error *);
    bool (*close)(struct sink *, const struct summary *, struct error *);
};

struct sink {
    const struct sink_format *format;
    struct error failure; /* the first; ERROR_NONE while there is none */
};

/* A copy that JSON and XML can hold, for the caller to free: every byte that is not part of valid
 * UTF-8, and every character that XML has no way to write, becomes U+FFFD. NULL: no memory. */
char *report_clean(const char *text);

/* Whether the verdict's cosine and relative error were measured. */
bool report_has_metrics(const struct verdict *);

#endif
