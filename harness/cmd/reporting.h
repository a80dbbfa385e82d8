/*
 * The reports of one command: the lines for people, JSON, JUnit, and the summary that decides the
 * exit code.
 */
#ifndef HARNESS_CMD_REPORTING_H
#define HARNESS_CMD_REPORTING_H

#include "harness/cmd/options.h"
#include "harness/report/human.h"
#include "harness/run/pool.h"

struct reporting {
    struct human human;
    struct sink *sink[3]; /* JSON, JUnit, HTML: those asked for */
    size_t sinks;
    struct summary summary;
    const char *device;
};

bool reporting_open(struct reporting *, const struct options *, struct error *) MUST_CHECK;

/* Takes what the device is; a GPU is told to people too. */
void reporting_device(struct reporting *, const char *text);

/* Ends the pool's workers. On a GPU, memory that did not come back is told to people and makes the
 * exit code 6. */
void reporting_finish(struct reporting *, struct pool *);

/* Takes one verdict. `source` says where the case came from; `mutant` may be NULL. */
bool reporting_result(struct reporting *, const struct kase *, const char *source,
                      const char *mutant, unsigned repeat, const struct verdict *,
                      struct error *) MUST_CHECK;

/* Closes everything and prints the summary. Returns the exit code: `exit_code` unless the reports
 * cannot be written. Without a single case it is 5. */
int reporting_close(struct reporting *, bool interrupted);

/* Ends the reports behind an error: prints it and returns its exit code. */
int reporting_fail(struct reporting *, const struct error *);

#endif
