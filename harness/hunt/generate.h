/*
 * Draws cases of one operator: deterministic in (seed, number of the draw), whatever the verdicts
 * are and however many workers run them.
 *
 * A quarter of the draws and more takes every whole-number parameter uniformly; the rest is biased
 * towards what breaks kernels: multiples of tiles and their neighbours, powers of two, primes,
 * small numbers, both ends, the operator's special values, and log-uniform sizes. A draw may also
 * vary one or two parameters of an earlier case whose dispatch key was new. Illegal draws are kept
 * now and then, with the refusal that the contract demands.
 */
#ifndef HARNESS_HUNT_GENERATE_H
#define HARNESS_HUNT_GENERATE_H

#include "harness/op/op.h"

enum {
    GENERATE_POOL = 256,     /* earlier cases that are varied */
    GENERATE_KEYS = 1 << 16, /* dispatch keys remembered (a power of two) */
    GENERATE_MIN_COST = 1 << 8,
    GENERATE_MAX_COST = 1 << 20, /* see op->cost; a draw's own limit is log-uniform in between */
};

struct generator {
    const struct op *op;
    uint64_t seed;
    uint64_t drawn;                  /* cases so far */
    uint64_t uniform;                /* of them, how many took every whole number uniformly */
    uint64_t keys;                   /* distinct dispatch keys seen */
    uint64_t *key;                   /* hash table, 0 = free */
    struct kase pool[GENERATE_POOL]; /* without literals */
    uint64_t pooled;
};

/* NULL when there is no memory. */
struct generator *generator_create(const struct op *, uint64_t seed, struct error *);
void generator_destroy(struct generator *);

/* Draws the next case; it needs no release. */
void generator_next(struct generator *, struct kase *);

/* 64-bit FNV-1a, for keys and names of findings. */
uint64_t text_hash(const char *text);

#endif
