/*
 * What the parts of an inspection share: inspect.c talks to the device, inspect_table.c says what
 * is where on it and what is to be done with it.
 */
#ifndef HARNESS_RUN_INSPECT_STATE_H
#define HARNESS_RUN_INSPECT_STATE_H

#include "harness/gpu/check.h"
#include "harness/run/inspect.h"

/* Tensors of all runs of all cases. */
enum { MAX_TENSORS = INSPECT_CASES * INSPECT_RUNS * OP_MAX_TENSORS };

/* Canaries before and behind each tensor, its rows, and the gaps between and behind them. */
enum { MAX_REGIONS = 5 * MAX_TENSORS };

enum { MAX_SUBJECTS = INSPECT_CASES * OP_MAX_TENSORS };

/* Parts of device memory begin at multiples of this, parts of a parcel at multiples of ROOM. */
enum { PART = 256, ROOM = 16 };

/* Tables, small inputs and room for answers, which are sent in one piece. */
enum { PARCEL = 384 << 10 };

/* References up to this size, all together, are sent in one piece. */
enum { GATHER = 512 << 10 };

/* Bytes that come back at most. */
enum {
    ANSWERS =
        MAX_REGIONS * sizeof(struct check_scan) + MAX_SUBJECTS * sizeof(struct check_exact_result)
};

/* A case, and where its tensors are. */
struct inspected {
    const struct binding *bind;
    struct device_spot spot[INSPECT_RUNS][OP_MAX_TENSORS];
    void *tensor[INSPECT_RUNS][OP_MAX_TENSORS]; /* the kernels' pointers */
};

/* Whose a region outside the tensors is: `begin` bytes from a tensor's start. */
struct owner {
    size_t kase, tensor;
    int64_t begin;
    bool gap;
};

/* An output. */
struct subject {
    size_t kase, index;   /* of the tensor */
    struct tensor tensor; /* as it is compared */
    void *reference, *work;
};

struct inspection {
    struct device *device;
    struct inspected kase[INSPECT_CASES];
    size_t cases;

    unsigned char *canaries; /* device memory: the patterns before and behind */
    bool canaries_sent;

    struct check_fill fill[MAX_TENSORS];
    struct check_region region[MAX_REGIONS]; /* those outside the tensors first */
    struct check_compare compare[MAX_SUBJECTS];
    struct owner owner[MAX_REGIONS];
    size_t fills, regions, outside;
    const void *device_fill, *device_region, *device_compare; /* those in the parcel */

    struct subject subject[MAX_SUBJECTS]; /* those with a reference of doubles first */
    size_t subjects;
    unsigned char *device_reference; /* of the first; those of the others follow */
    size_t reference_bytes;
    _Alignas(ROOM) unsigned char gather[GATHER];

    _Alignas(ROOM) unsigned char parcel[PARCEL];
    unsigned char *device_parcel;
    size_t packed;

    /* What comes back: a scan of each region outside, and behind them the results. */
    _Alignas(ROOM) unsigned char answer[ANSWERS];
    unsigned char *device_answer;
};

static inline bool inspect_is_exact(const struct tensor *t)
{
    return t->policy.kind == POLICY_BOUND;
}

/* A small input that the host fills goes with the tables, as a pattern that its bytes are. */
static inline bool inspect_is_small_custom(const struct binding *b, size_t i)
{
    const struct tensor *t = &b->tensor[i];
    return bind_is_custom(b, i) && b->bytes[i] <= CHECK_PERIOD_MAX && t->stride == t->cols &&
           !t->unused_rows;
}

/* Where in the answers the results begin, and where they end. */
static inline size_t inspect_results_at(const struct inspection *in)
{
    return in->outside * sizeof(struct check_scan);
}

static inline size_t inspect_answers_end(const struct inspection *in)
{
    return inspect_results_at(in) + check_results_bytes(in->compare, in->subjects);
}

/* Fills the parcel: all tables for the tensors that have been placed. */
void inspect_pack_tables(struct inspection *);

#endif
