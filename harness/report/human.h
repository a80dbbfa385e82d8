/*
 * What people see while cases run, on standard error: failures as they come, a status line on a
 * terminal (a plain line now and then elsewhere), a summary with one line to repeat each failure.
 */
#ifndef HARNESS_REPORT_HUMAN_H
#define HARNESS_REPORT_HUMAN_H

#include "harness/report/report.h"

enum { HUMAN_REPRO_LINES = 10 };

struct human {
    bool quiet, verbose;
    bool terminal, colour;
    bool status_shown;
    double started, last_line;
    uint64_t failures;
    char *repro[HUMAN_REPRO_LINES]; /* owned */
    double slowest_ms;
    char *slowest; /* owned */
};

void human_init(struct human *, bool quiet, bool verbose);
void human_release(struct human *);

void human_result(struct human *, const struct result *);

/* Refreshes the status line: "running 120/450, 1 failed". `total` 0: unknown. */
void human_status(struct human *, const char *what, uint64_t done, uint64_t total);

/* A line of its own between status lines. */
void human_line(struct human *, const char *format, ...) __attribute__((format(printf, 2, 3)));

void human_summary(struct human *, const struct summary *);

#endif
