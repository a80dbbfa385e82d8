/*
 * What the measures of checks share: one check on one large tensor. Behind the timed runs it is
 * shown right data and data with one byte changed, and must tell the two apart.
 */
#ifndef HARNESS_GPU_BENCH_CHECK_H
#define HARNESS_GPU_BENCH_CHECK_H

#include "harness/gpu/bench.h"
#include "harness/gpu/check.h"

struct bench_check {
    struct gpu_bench *bench;
    const char *what;
    struct tensor tensor;
    size_t offset; /* elements from an aligned address to the tensor */
    size_t bytes;  /* from the first element to behind the last */
    size_t in_use; /* bytes of its elements */
    uint64_t traffic;
    unsigned char *at;
    void *table, *result; /* of the plan, on the device */
    struct plan plan;
};

struct bench_kind {
    enum gpu_measure measure;
    /* Makes memory, plan, its table and `traffic`. */
    bool (*prepare)(struct bench_check *, struct error *);
    /* Whether what the timed runs have left is right, and what is wrong is seen. */
    bool (*verify)(struct bench_check *, struct error *);
};

extern const struct bench_kind bench_fill, bench_poison, bench_scan, bench_checksum, bench_compare;

/* Says that the check is `what`; returns false. */
bool bench_check_wrong(const struct bench_check *, const char *what, struct error *);

/* Memory for a tensor of that shape, placed as the shape wants it. */
bool bench_check_place(struct bench_check *, unsigned slot, unsigned char **at,
                       struct error *) MUST_CHECK;

/* The first BENCH_CHECK_ROWS rows as fill_tensor() fills them, in the tensor's own layout or dense.
 * For free(). */
enum { BENCH_CHECK_ROWS = 64, BENCH_CHECK_SEED = 3, BENCH_CHECK_STREAM = 1 };
void *bench_check_piece(const struct bench_check *, bool dense, size_t *bytes, struct error *);

/* Fills a tensor with that piece over and over. */
bool bench_check_fill(struct bench_check *, unsigned char *at, struct error *) MUST_CHECK;

/* Runs the plan once more. */
bool bench_check_again(struct bench_check *, void *result, size_t size, struct error *) MUST_CHECK;

/* What the timed runs have left; then what the check says with the last byte inverted: the sign
 * and more of the last element. */
bool bench_check_spoil(struct bench_check *, void *right, void *spoilt, size_t size,
                       struct error *) MUST_CHECK;

#endif
