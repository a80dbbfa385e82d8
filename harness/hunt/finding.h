/*
 * Findings of a hunt: one for each bug, however many cases hit it. Two failures are the same bug
 * when operator, verdict, detector, tensor and signature agree. A finding is on disk before it is
 * minimised, and replaced by the smaller case afterwards, so that no moment of a kill loses it.
 */
#ifndef HARNESS_HUNT_FINDING_H
#define HARNESS_HUNT_FINDING_H

#include "harness/case/casefile.h"

struct finding {
    struct casefile file;
    char *path;        /* owned */
    uint64_t hits;     /* cases of this hunt that hit it */
    bool from_earlier; /* was in the folder when the hunt began */
};

struct findings {
    char *dir; /* owned */
    struct finding *list;
    size_t count, capacity;
};

/* Makes the folder if there is none, and reads every *.case in it. A file that cannot be read is an
 * error: a finding must not be passed over silently. */
bool findings_open(struct findings *, const char *dir, struct error *) MUST_CHECK;
void findings_release(struct findings *);

/* The finding that this failure belongs to, or NULL. */
struct finding *findings_match(struct findings *, const struct kase *, const struct verdict *);

/* Where and how a case was run. */
struct finding_origin {
    const char *device, *mutant; /* mutant may be NULL */
    unsigned wave;
};

/* Adds a new one and saves it. NULL when it cannot be saved. */
struct finding *findings_add(struct findings *, const struct kase *, const struct verdict *,
                             const struct finding_origin *, struct error *);

/* Replaces the case of a finding by a smaller one, in memory and on disk. */
bool finding_replace(struct finding *, const struct kase *, const struct verdict *,
                     struct error *) MUST_CHECK;

#endif
