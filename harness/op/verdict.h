/*
 * The outcome of a case is data. A verdict says what happened, which detector saw it, in which
 * tensor and where, and carries the text for people. It is a flat struct without pointers, so
 * that a worker can send it through a pipe as it is.
 */
#ifndef HARNESS_OP_VERDICT_H
#define HARNESS_OP_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verdict_kind {
    VERDICT_PASS,
    VERDICT_REFUSED,     /* as expected: a pass */
    VERDICT_WRONG,       /* a result differs from the reference, or a size from its contract */
    VERDICT_OOB,         /* access outside a tensor */
    VERDICT_UNWRITTEN,   /* an output element was never written */
    VERDICT_STRAY_WRITE, /* an element that must stay untouched was written */
    VERDICT_INPUT_MODIFIED,
    VERDICT_POISON,           /* the result depends on memory that nobody wrote */
    VERDICT_NONDETERMINISTIC, /* two runs, or two thread orders, differ */
    VERDICT_GUARD_MISSED,     /* the guard let an illegal case or a short buffer pass */
    VERDICT_GUARD_FALSE,      /* the guard refused a legal case, or for the wrong reason */
    VERDICT_VACUOUS,          /* passed, but could not have failed */
    VERDICT_DEADLOCK,         /* threads of a block wait for threads that never come */
    VERDICT_TIMEOUT,
    VERDICT_FAULT, /* a crash that belongs to no tensor: wild address, trap, worker lost */
    VERDICT_ERROR, /* the harness itself failed */
    VERDICT_KINDS
};

enum detector {
    DETECTOR_NONE,
    DETECTOR_GUARD_PAGE,
    DETECTOR_CANARY,
    DETECTOR_POISON,
    DETECTOR_READ_ONLY,  /* the read-only mapping of an input */
    DETECTOR_COMPARE,    /* against the reference */
    DETECTOR_WANT,       /* against the literals of the case */
    DETECTOR_SIZE,       /* a size against its contract */
    DETECTOR_RERUN,      /* against a second run in another order */
    DETECTOR_HOST_GUARD, /* guard against contract or expectation */
    DETECTOR_VACUITY,
    DETECTOR_BARRIER, /* the executor's barrier bookkeeping */
    DETECTOR_TIMER,
    DETECTOR_TRAP,       /* signals that carry no tensor address */
    DETECTOR_LDS,        /* guard zones and poison of the block's local memory */
    DETECTOR_SUPERVISOR, /* the worker died or hung */
    DETECTOR_LAUNCH,     /* the runtime refused a launch, a memset or a graph */
    DETECTORS
};

enum { VERDICT_TEXT = 3072 };

struct verdict {
    enum verdict_kind kind;
    enum detector detector;
    char tensor[32];         /* empty when it concerns none */
    int64_t offset;          /* bytes from the tensor's start; valid when `tensor` is set */
    char signature[96];      /* what makes two findings the same bug, beside op, kind and tensor */
    char summary[384];       /* one line */
    char text[VERDICT_TEXT]; /* details, several lines: elements, map, metrics, bound */
    char object[512];        /* where the code was: file of the binary, offset in it; or empty */
    uint64_t object_offset;
    double cosine, relative; /* of the worst output; 1 and 0 when all bits are equal */
    double ms;               /* wall time of the whole case */
};

const char *verdict_name(enum verdict_kind); /* "pass", "oob", "guard-missed"... */
const char *detector_name(enum detector);
bool verdict_passed(enum verdict_kind); /* pass, or refused as expected */

/* Sets what is counted by; returns false, so that a failed check ends in one line. */
bool verdict_set(struct verdict *, enum verdict_kind, enum detector, const char *signature);

/* 0, 1, 3, 4 or 6; see the exit table of the manual. */
int verdict_exit(enum verdict_kind);

/* The more serious of two exit codes, in the order 6, 3, 4, 1, 5, 0. */
int exit_worse(int a, int b);

#endif
