/*
 * What a dying worker leaves. ROCm's runtime answers a fault by a line on stderr, which has the
 * address or names the exception, and abort(): there is nobody left in the process to judge. So on
 * a HIP device a worker's stderr is a memory file that the supervisor keeps, and before each launch
 * the worker notes in shared memory which tensor is where. The supervisor joins the two when the
 * worker is dead, and passes on to its own stderr whatever was printed. On every GPU the worker
 * notes which cases it runs and which it prepares: any of them may be what killed it.
 */
#ifndef HARNESS_RUN_CRASH_H
#define HARNESS_RUN_CRASH_H

#include <sys/types.h>

#include "harness/gpu/arena.h"
#include "harness/op/op.h"
#include "harness/op/verdict.h"
#include "harness/run/session.h"

/* Written by the worker, read by the supervisor behind its death. Cases are counted from 1. */
struct crash_note {
    _Atomic uint64_t run, prepared[SESSION_HELPERS]; /* the case; those being prepared, or 0 */
    uint64_t together;                               /* cases on the device, from that one on */
    struct gpu_arena arena;                          /* for gpu_arena_locate() alone */
    size_t count;
    struct {
        char name[sizeof(((struct verdict *)0)->tensor)];
        size_t bytes;
    } tensor[OP_MAX_TENSORS];
};

struct crash {
    int log;                 /* what a worker on a HIP device prints; -1: none */
    off_t passed;            /* bytes of it that have been passed on */
    struct crash_note *note; /* shared with the worker */
};

/* Makes the note, and with `logs` the log; before the fork. */
bool crash_open(struct crash *, bool logs, struct error *) MUST_CHECK;
void crash_close(struct crash *);

/* In the worker: from here on stderr is the log. */
void crash_redirect(const struct crash *);

/* Writes to our stderr what is new in the log. */
void crash_pass_on(struct crash *);

/* Fills the verdict when the log tells of a fault. False, and the verdict as it was, when it does
 * not. */
bool crash_judge(const struct crash *, struct verdict *);

/* Whether the worker, when it died, had several cases that may have killed it: it ran them
 * together, or if nothing tells that it died of the one it ran, it prepared one. */
bool crash_doubtful(const struct crash *, bool of_run);

/* Fills the verdict of a fault, at `f->at`, in a tensor's address range. */
void crash_in_tensor(struct verdict *, const char *tensor, size_t bytes,
                     const struct device_finding *f);

#endif
