/*
 * A worker process as its supervisor holds it, and what the process itself does: it makes a
 * session, judges case after case, and says so through a pipe. Used by a pool; see pool.h.
 */
#ifndef HARNESS_RUN_WORKER_H
#define HARNESS_RUN_WORKER_H

#include <sys/types.h>

#include "harness/run/crash.h"
#include "harness/run/session.h"

enum worker_state { WORKER_NONE, WORKER_STARTING, WORKER_IDLE, WORKER_BUSY };

/* A case given to a worker; the caller's, until its verdict. */
struct worker_case {
    const struct kase *kase;
    uint64_t ticket;
    struct doubt *doubt; /* the pool's, or NULL */
};

/* Those that a GPU's worker prepares while it runs another, and one that it finds when it goes on.
 */
enum { WORKER_AHEAD = SESSION_AHEAD + 1 };

struct worker {
    enum worker_state state;
    pid_t pid;
    int to, from;
    struct worker_case now;                 /* when it is busy */
    struct worker_case ahead[WORKER_AHEAD]; /* behind that one; the first `n_sent` are sent */
    unsigned n_ahead, n_sent;
    double deadline;
    unsigned device; /* which of the devices it has */
    struct crash crash;
};

/* For a worker to open its device, in seconds. */
#define WORKER_START_PATIENCE 60.0

/* Makes it a worker that is not there; its place stays that of the same device. */
void worker_forget(struct worker *);

/* Forks one. `others`: every worker there is; the new process must not hold their pipes. */
bool worker_start(struct worker *, const struct session_options *, const struct worker *others,
                  unsigned count, struct error *) MUST_CHECK;

/* Forgets a worker whose process somebody else ends; passes on what it printed. */
void worker_close(struct worker *);

/* Ends a worker and returns its wait status: its own if it was dead already. */
int worker_end(struct worker *);

#endif
