/*
 * The keys of a case file, but for `case`: how a value is read into the struct and written back.
 */
#ifndef HARNESS_CASE_CASEFILE_KEY_H
#define HARNESS_CASE_CASEFILE_KEY_H

#include "harness/case/casefile.h"

struct casefile_key {
    const char *name;
    const char *takes;                                          /* NULL: the names of an enum */
    bool (*read)(struct casefile *, struct span value);         /* false: not accepted */
    void (*write)(const struct casefile *, struct text *value); /* adds nothing: not written */
};

enum { CASEFILE_KEYS = 10 };

/* In the order in which a file is written. */
extern const struct casefile_key casefile_keys[CASEFILE_KEYS];

/* Adds the values that the key accepts, for people. */
void casefile_key_takes(const struct casefile_key *, struct text *list);

#endif
