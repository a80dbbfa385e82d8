/*
 * What the parts of a pool share: pool.c has the workers, pool_cases.c gives cases to them and
 * waits for verdicts, pool_doubt.c keeps in mind what nobody could be blamed for, pool_memory.c
 * looks what the workers have left of a GPU's memory.
 */
#ifndef HARNESS_RUN_POOL_STATE_H
#define HARNESS_RUN_POOL_STATE_H

#include "harness/run/message.h"
#include "harness/run/pool.h"
#include "harness/run/worker.h"

enum { MAX_WORKERS = 256, MAX_DYING = 64 };

struct pool {
    struct pool_options options;
    struct worker
        *worker; /* `count` that take cases, then a spare for each device that wants one */
    unsigned count, all, started;
    unsigned ahead; /* cases a worker is given beside the one it has */
    struct worker_case orphan[MAX_WORKERS * (1 + WORKER_AHEAD)]; /* see orphan(); given out first */
    unsigned n_orphans;
    pid_t dying[MAX_DYING]; /* killed, not yet gone: a GPU's context takes its time */
    unsigned n_dying;
    char device[sizeof(((struct hello *)0)->device)];
};

/* Devices that the workers share. */
unsigned pool_devices(const struct pool *);

/* Starts a process for a worker that has none. */
bool pool_start_worker(struct pool *, struct worker *, struct error *) MUST_CHECK;

/* Waits until one of the starting workers [first, end) is ready. */
bool pool_await_start(struct pool *, unsigned first, unsigned end, struct error *) MUST_CHECK;

/* A worker that was starting has something to say. False when it has no device. */
bool pool_greet(struct pool *, struct worker *, struct error *) MUST_CHECK;

/* Puts another worker in the place of one that is gone: the spare at once, if there is one. */
bool pool_replace(struct pool *, struct worker *, struct error *) MUST_CHECK;

/* Ends a worker without waiting for it. */
void pool_kill(struct pool *, struct worker *);

/* What was seen when a worker was lost by one of several cases. When all of them have been judged
 * again, and none has cost a worker, the last one does not pass but has that for a verdict. NULL
 * when there is no memory. */
struct doubt *doubt_create(const struct verdict *seen);

/* Makes a case one of them. */
void doubt_add(struct doubt *, struct worker_case *);

/* The case has a verdict, or if it is `lost`, has cost a worker or will not be judged;
 * the verdict may be NULL then. */
void doubt_settle(struct worker_case *, bool lost, struct verdict *);

/* Collects what has died of the killed workers; with `wait`, all of them. */
void pool_bury(struct pool *, bool wait);

#endif
