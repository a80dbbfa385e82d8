/*
 * Filling, poisoning and checking tensors where they lie: on a GPU, or on the CPU executor, by the
 * same kernels and the same plans. What has to come back is 40 or 72 bytes for each output, and 16
 * for each range of bytes.
 *
 * Every check is a table of entries, one for each tensor or range of bytes, that the caller builds
 * here, copies to the device and keeps there until the plan has run; one launch serves them all:
 *
 *     struct check_region region[2];
 *     check_region_range(&region[0], behind, 256);
 *     check_region_pattern(&region[0], canary, 4096);
 *     check_region_rows(&region[1], &tensor, device);
 *     check_region_poison(&region[1], dtype_poison(tensor.dtype, 0), dtype_bytes(tensor.dtype));
 *     ... copy `region` to the device address `table` ...
 *     check_poison_plan(&plan, region, 2, table);     writes both
 *     ... the kernel under test ...
 *     check_scan_plan(&plan, region, 2, table, results);
 *     ... copy `results` back ...
 *     if (!check_scan_clean(&result[0], &found)) ...
 *
 * Pointers in entries and arguments called `device` or `table` are the kernels' and are not
 * followed here. A plan's argument `host` is the same table, which tells how many blocks to launch.
 * Tables and results must be aligned to 16 bytes. Results need not be set before. An entry may be
 * empty. All results are the same for every wave size, order of threads and device, sums of doubles
 * included.
 */
#ifndef HARNESS_GPU_CHECK_H
#define HARNESS_GPU_CHECK_H

#include "harness/check/compare.h"
#include "harness/gpu/check_kernels.h"
#include "harness/op/op.h"

/* --- Inputs --- */

/* The values of fill_tensor(), which for FILL_CUSTOM are none. */
void check_fill_entry(struct check_fill *, const struct tensor *, uint64_t seed, uint32_t stream,
                      void *device);
void check_fill_plan(struct plan *, const struct check_fill *host, size_t n, const void *table);

/* --- Bytes --- */

/* The elements in use of a tensor, row by row; a dense tensor is one row. */
void check_region_rows(struct check_region *, const struct tensor *, void *device);

/* What lies between and behind those rows, up to the tensor's end: its gaps and its unused rows.
 * How many entries that took: 0 to 2. */
size_t check_region_gaps(struct check_region[2], const struct tensor *, void *device);

/* Bytes in a row. */
void check_region_range(struct check_region *, void *device, size_t bytes);

/* What should stand there: an element over and over, or the bytes of a pattern in device memory,
 * from its start on. `period` is a power of two, at most CHECK_PERIOD_MAX. */
void check_region_poison(struct check_region *, uint32_t bits, size_t size);
void check_region_pattern(struct check_region *, const void *device, uint32_t period);

/* For a checksum: elements that show poison 1 count as poison 0, so that what neither of two runs
 * wrote counts as equal. */
void check_region_fold(struct check_region *, enum dtype);

/* Writes the patterns. */
void check_poison_plan(struct plan *, const struct check_region *host, size_t n, const void *table);

/* Looks for bytes that are not as check_poison_plan() left them. Results: struct check_scan. */
void check_scan_plan(struct plan *, const struct check_region *host, size_t n, const void *table,
                     void *results);

struct check_found {
    uint64_t count;  /* bytes that differ */
    uint64_t offset; /* of the first, from the region's start, gaps of the pitch included */
    uint8_t expected, found;
};

/* True when nothing differed; else `found` says what. */
bool check_scan_clean(const struct check_scan *, struct check_found *);

/* Sums content and places of the regions' bytes; equal rows of bytes give equal sums, in whatever
 * place and pitch. Results: one uint64_t for each. */
void check_checksum_plan(struct plan *, const struct check_region *host, size_t n,
                         const void *table, void *results);

/* --- Outputs --- */

/* Bytes of device memory that an entry needs as its workspace. */
size_t check_workspace(const struct tensor *);

struct check_outputs {
    const void *first, *second; /* results of both runs; second may be NULL */
    size_t first_stride, second_stride;
    const void *reference; /* dense: doubles under POLICY_BOUND, else elements of the dtype */
    void *workspace;       /* aligned to 16 bytes */
};

/* The rules of harness/check/compare.h, but for what is the operator's own: POLICY_CODE counts as
 * wrong what op->accept might explain, and elements that nobody cares about are judged as all
 * others. All are device pointers; strides count elements. */
void check_compare_entry(struct check_compare *, const struct tensor *,
                         const struct check_outputs *);

/* Results: one for each entry, check_results_bytes() in all. Entries whose references are doubles
 * come first. */
void check_compare_plan(struct plan *, const struct check_compare *host, size_t n,
                        const void *table, void *results);
size_t check_results_bytes(const struct check_compare *host, size_t n);

/* That of entry `host[i]`. */
const struct check_result *check_result(const void *results, const struct check_compare *host,
                                        size_t i);

/* For the report of a failure, behind check_compare_plan(): writes host[i].detail. */
void check_detail_plan(struct plan *, const struct check_compare *host, size_t i,
                       const void *table);

/* Whether the comparison of that entry has come to its end; what was there before is no result. */
bool check_done(const struct check_result *, const struct check_compare *);

/* The first element that is wrong in any way; false: there is none. */
bool check_first(const struct check_result *, uint64_t *element, enum check_count *kind);

/* That one and the next ones: index i of at most CHECK_FIRST; false behind the last. */
bool check_place(const struct check_detail *, size_t i, uint64_t *element, enum check_count *kind);

/* Cosine and relative error as compare_output() gives them, those of a right result under another
 * policy than POLICY_BOUND; worst row and column are left open. */
void check_metrics(const struct check_result *, const struct check_compare *,
                   struct compare_metrics *);

/* All metrics as compare_output() gives them. */
void check_detail_metrics(const struct check_detail *, struct compare_metrics *);

#endif
