/*
 * A case being judged, for session.c, which owns what outlives it: trial_prepare.c makes what the
 * host can make before the case runs, trial_device.c has the device run and judge it, together with
 * others; trial.c runs it one run after the other, and trial_judge.c compares on the host. Where a
 * device judges by itself, a helper prepares a trial, perhaps while others are run; elsewhere it is
 * prepared when its turn comes.
 */
#ifndef HARNESS_RUN_TRIAL_H
#define HARNESS_RUN_TRIAL_H

#include "harness/base/helper.h"
#include "harness/run/bind.h"
#include "harness/run/inspect.h"
#include "harness/run/session.h"

/* A buffer that grows and is kept; its content does not survive growing. */
struct scratch {
    void *data;
    size_t capacity;
};

/* What a trial needs of the host's memory; one trial at a time has it. */
struct desk {
    struct arena *arena; /* inputs, and on the host all tensors */
    struct scratch ref[OP_MAX_TENSORS];
};

/* What a case being judged consists of. */
struct trial {
    struct session *session;
    struct desk *desk;
    const struct kase *kase;
    uint64_t number;       /* of the session's cases, from 1 */
    struct helper *helper; /* who prepares it; NULL: whoever runs it */
    uint64_t ready;        /* the helper's work for it */
    bool judged;           /* the verdict is in */
    bool inspected;        /* it has been run and looked at, as ... */
    size_t place;          /* ... one of the cases of the inspection */
    double ms;             /* its share of that */
    struct binding bind;
    struct ref_io io;
    const void *in[OP_MAX_TENSORS];
    void *out[OP_MAX_TENSORS];          /* reference */
    void *first[OP_MAX_TENSORS];        /* dense results of the first run */
    const void *second[OP_MAX_TENSORS]; /* of the second run, perhaps in the arena */
    bool referenced;                    /* `out` is there */
    struct verdict verdict;
};

/* Trials begun with at most, the one whose turn it is included. */
enum { SESSION_TRIALS = 1 + SESSION_AHEAD };

struct session {
    struct session_options options;
    struct device *device;
    struct inspection *inspection;          /* NULL on a device that cannot */
    struct helper *helper[SESSION_HELPERS]; /* beside an inspection */
    bool lost;
    unsigned suspects;                /* see session_suspects() */
    unsigned calm;                    /* cases that have passed since one did not */
    struct desk desk[SESSION_TRIALS]; /* the first alone without helpers */
    struct trial trial[SESSION_TRIALS];
    uint64_t begun, run; /* cases; number n is trial n % SESSION_TRIALS */
    struct scratch first[OP_MAX_TENSORS], second[OP_MAX_TENSORS];
};

/* A run is fixed by these choices; see session.h. */
struct run {
    enum arena_side side;
    unsigned poison;
    uint64_t order;
    enum device_launch launch;
};

/* trial_prepare.c: begins with the case, for `number`; by the helper, if there is one. */
void trial_begin(struct trial *, struct session *, const struct kase *, uint64_t number);

/* Until nobody works on it any more. */
void trial_await(struct trial *);

/* trial_device.c: whether the device is to judge this case itself. */
bool trial_inspects(const struct trial *);

/* The trials that are to be run next, together; none when the next is to be judged otherwise. */
size_t trial_gather(struct session *, struct trial *out[INSPECT_CASES]);

/* Runs them. They are `inspected` then; or the first is `judged`, because something went wrong; or
 * neither, because the device has no room for all, and the first is still to be run. */
void trial_inspect(struct trial *const *, size_t n);

/* Of an inspected one: whether the verdict is in. False: not all is right, as `seen` says, and the
 * host has to look. */
bool trial_judge_inspected(struct trial *, char *seen, size_t size);

/* Judges the case to the verdict: runs it, unless that has been done. */
void trial_judge(struct trial *);

/* Notes what the supervisor must know if this process does not come back from a launch: the trial's
 * tensors, or that it is one of `n`. */
void trial_note(const struct trial *, size_t n);

/* The verdict for a launch that came to no good end; false. */
bool trial_judge_finding(struct trial *, const struct device_finding *);

/* One run: tensors from the host, launch, tensors to the host. False: the verdict is filled. */
bool trial_run(struct trial *, struct run);

/* Keeps the results of a run; a dense one only when `keep` (else it stays in the arena). */
bool trial_collect(struct trial *, struct scratch *, bool keep, const void **result);

/* Runs the reference, once. False, with the verdict filled, where sizes are not as contracted. */
bool trial_reference(struct trial *);

/* Whether the first run gave what another gave, which had poison `poison`. */
bool trial_results_equal(const struct trial *, const void *const *other, unsigned poison);

/* Compares every output of both runs with the reference. */
void trial_compare(struct trial *, uint64_t order);

/* The harness's own failure, as a verdict; false. */
bool trial_error(struct trial *, const struct error *);

/* The case's tensors as they are compared: without their unused rows. */
void trial_used(const struct trial *, struct tensor out[OP_MAX_TENSORS]);

static inline bool trial_is_output(const struct trial *t, size_t i)
{
    return t->bind.tensor[i].role == TENSOR_OUTPUT;
}

/* NULL when there is no memory. Room for nothing is still an address. */
void *scratch_get(struct scratch *, size_t count, size_t size);

#endif
