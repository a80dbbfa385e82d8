/*
 * A session runs cases in this process, one after another: it binds the tensors of a case to
 * guarded memory, runs the operator's plan twice, compares, and returns a verdict. It is what a
 * worker process holds; it survives every fault of a kernel that leaves the process alive.
 *
 * The two runs of a case differ in everything that must not matter:
 *     first   tensors end at the guard,   poison 0, threads and blocks in natural order
 *     second  tensors start at the guard, poison 1, threads and blocks in an order drawn from seed
 *
 * On a GPU, a fault, a trap or a timeout is the end of the process's context: session_lost() is
 * true then, and the process that holds the session must end behind its verdict.
 */
#ifndef HARNESS_RUN_SESSION_H
#define HARNESS_RUN_SESSION_H

#include "harness/op/op.h"
#include "harness/op/verdict.h"
#include "harness/run/device.h"

struct session_options {
    struct device_id device;
    struct device_set devices; /* if any: a pool deals them out to its workers as `device` */
    unsigned wave;             /* lanes of a wave of the CPU device: 64 or 32 */
    bool graph;                /* on a GPU: launch the first run as a captured graph, twice */
    double timeout_s;          /* for one launch */
    const char *dump_dir;      /* where every tensor of every case goes, or NULL */
    struct crash_note *note;   /* filled before each launch, or NULL; a pool gives one */
};

struct session;

struct session *session_create(const struct session_options *, struct error *);
void session_destroy(struct session *);

/* Judges one case. Whatever goes wrong is a verdict; VERDICT_ERROR is the harness's own failure. */
void session_run(struct session *, const struct kase *, struct verdict *);

/* Cases that a session on a GPU begins with ahead of their turn: threads of it make their inputs
 * and references while others are run. Of one with 64 Ki elements that takes a thread 0.3 ms, the
 * run 0.05. */
enum { SESSION_AHEAD = 15, SESSION_HELPERS = 9 };

/* Begins with a case, which must stay as it is until its verdict; cases are run in the order in
 * which they were begun with. False when the session does not: on the CPU device, with enough
 * begun, or because the case is large; it is begun with when it is run, then. */
bool session_begin(struct session *, const struct kase *);

/* Cases begun with and not run. */
unsigned session_begun(const struct session *);

/* What the device is: "NVIDIA H200, sm_90, ...". */
const char *session_device(const struct session *);

/* Whether the device takes no more cases in this process. */
bool session_lost(const struct session *);

/* When it is lost: the number of cases, from the one that was run last, to which the last verdict
 * may belong; more than one if the device had several at once. Each of them is to be judged again
 * then, alone. */
unsigned session_suspects(const struct session *);

/* Gives all memory of the device back and says how much is free then; the session takes no more
 * cases. False when the device has no memory of its own, or is lost. */
bool session_give_back(struct session *, struct device_memory *);

/* Bytes of tensor memory held now; falls back after large cases by itself. */
size_t session_resident(const struct session *);

#endif
