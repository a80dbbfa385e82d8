/*
 * A pool of worker processes that judge cases for a supervisor. The supervisor runs no kernel: a
 * worker that crashes or hangs costs one verdict, the case it held, and a new worker takes its
 * place. Cases go out and verdicts come back through pipes, in messages with a version and a
 * checked length.
 * On a GPU, whose contexts take hundreds of milliseconds to make and do not survive a fault, a
 * spare worker waits beside them: it takes over at once, and another is started behind it.
 *
 *     while (more || pool_busy(pool)) {
 *         while (more && pool_has_room(pool))
 *             pool_submit(pool, ticket, &kase, &err);
 *         switch (pool_wait(pool, 1, &ticket, &verdict, &err)) { ... }
 *     }
 */
#ifndef HARNESS_RUN_POOL_H
#define HARNESS_RUN_POOL_H

#include "harness/run/session.h"

struct pool_options {
    unsigned workers;
    struct session_options session;
};

enum pool_event {
    POOL_VERDICT,     /* a case is done */
    POOL_NOTHING,     /* none within the time */
    POOL_INTERRUPTED, /* SIGINT or SIGTERM; see pool_interrupted */
    POOL_FAILED,      /* no worker can be had any more; the error says why */
};

struct pool;

/* Starts the workers and waits for the first to have its device; that it cannot is the error, of
 * class ERROR_NO_DEVICE when there is none. Operators must not be loaded behind it: a worker knows
 * what its supervisor knew when it was started. */
struct pool *pool_create(const struct pool_options *, struct error *);

/* Kills the workers; what they held is lost. */
void pool_destroy(struct pool *);

/* What a run has left of a GPU's memory. */
struct pool_memory {
    struct device_id id;
    bool asked;        /* a worker that has run cases was there to be asked */
    bool checked;      /* both processes have answered, the figures are there */
    uint64_t baseline; /* bytes free beside a fresh worker, which has run nothing */
    uint64_t after;    /* bytes free beside the worker that has run cases, all given back */
    uint64_t driver;   /* bytes that the driver has taken for its kernels */
};

/* Bytes that did not come back, 0 when there are none beyond what a driver keeps. */
uint64_t pool_memory_missing(const struct pool_memory *);

/* Ends all workers, which must be idle, and checks for each GPU that its memory is free again. A
 * worker on it gives everything back and looks, alone; when it is gone, a fresh worker looks. So
 * what other programs do on the GPU matters only in the moment between the two. Returns the number
 * of devices, 0 for the CPU device. */
unsigned pool_finish(struct pool *, struct pool_memory out[DEVICE_MAX]);

/* Whether a worker is idle, or busy and with room for a case to go on with. */
bool pool_has_room(const struct pool *);
/* Whether a case has been given and its verdict not. */
bool pool_busy(const struct pool *);

/* Whether all workers wait for cases, spares included. */
bool pool_settled(const struct pool *);

/* What the device is, "NVIDIA H200, sm_90, ...". */
const char *pool_device(const struct pool *);

/* Gives a case to an idle worker, or to a busy one to go on with. `ticket` comes back with the
 * verdict; until then the case must stay as it is. */
bool pool_submit(struct pool *, uint64_t ticket, const struct kase *, struct error *) MUST_CHECK;

/* Waits for the next verdict, at most `seconds`. */
enum pool_event pool_wait(struct pool *, double seconds, uint64_t *ticket, struct verdict *,
                          struct error *);

/* Has one case judged and waits for it. Nothing else may be under way. */
bool pool_judge(struct pool *, const struct kase *, struct verdict *, struct error *) MUST_CHECK;

/* Has a case that fails judged again by a process that has run no case before, as a replay will,
 * and takes its verdict when it fails there too: where a wild access lands may depend on the
 * tensors of earlier cases. */
void pool_confirm(const struct pool_options *, const struct kase *, struct verdict *);

/* Makes SIGINT and SIGTERM set a flag instead of ending the process; call it once, early. */
void pool_catch_signals(void);
bool pool_interrupted(void);

/* The process id of worker `i`; for tests that kill it. */
int pool_worker_pid(const struct pool *, unsigned i);

#endif
