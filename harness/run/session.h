/*
 * A session runs cases in this process, one after another: it binds the tensors of a case to
 * guarded memory, runs the operator's plan twice, compares, and returns a verdict. It is what a
 * worker process holds; it survives every fault of a kernel that leaves the process alive.
 *
 * The two runs of a case differ in everything that must not matter:
 *     first   tensors end at the guard,   poison 0, threads and blocks in natural order
 *     second  tensors start at the guard, poison 1, threads and blocks in an order drawn from seed
 */
#ifndef HARNESS_RUN_SESSION_H
#define HARNESS_RUN_SESSION_H

#include "harness/op/op.h"
#include "harness/op/verdict.h"

struct session_options {
    unsigned wave;        /* lanes of a wave: 64 or 32 */
    double timeout_s;     /* for one launch */
    const char *dump_dir; /* where every tensor of every case goes, or NULL */
};

struct session;

struct session *session_create(const struct session_options *, struct error *);
void session_destroy(struct session *);

/* Judges one case. Whatever goes wrong is a verdict; VERDICT_ERROR is the harness's own failure. */
void session_run(struct session *, const struct kase *, struct verdict *);

/* Bytes of tensor memory held now; falls back after large cases by itself. */
size_t session_resident(const struct session *);

#endif
