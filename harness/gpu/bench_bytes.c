/*
 * Measures of what writes a tensor, or reads it once: fills, poison, scans and checksums. Each
 * moves the tensor's bytes once.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/gpu/bench_check.h"

/* What stands where nothing has been written yet; rare in what is. */
enum { STALE = 0xC3 };

typedef void make_plan(struct plan *, const struct check_region *, void *table, void *result);

static void plan_poison(struct plan *plan, const struct check_region *r, void *table, void *result)
{
    (void)result;
    check_poison_plan(plan, r, 1, table);
}

static void plan_scan(struct plan *plan, const struct check_region *r, void *table, void *result)
{
    check_scan_plan(plan, r, 1, table, result);
}

/* The plan for the tensor's bytes, each element of which is, or becomes, `bits`. */
static bool region(struct bench_check *c, make_plan *plan, uint32_t bits, size_t size,
                   struct error *err)
{
    struct check_region r;
    check_region_rows(&r, &c->tensor, c->at);
    check_region_poison(&r, bits, size);
    c->plan.count = 0;
    plan(&c->plan, &r, c->table, c->result);
    return gpu_bench_put(c->bench, c->table, &r, sizeof(r), err);
}

static bool poisoned(struct bench_check *c, make_plan *plan, struct error *err)
{
    const enum dtype type = c->tensor.dtype;
    return region(c, plan, dtype_poison(type, 0), dtype_bytes(type), err);
}

/* --- Scans --- */

static bool prepare_scan(struct bench_check *c, struct error *err)
{
    c->traffic = c->in_use;
    return poisoned(c, plan_poison, err) && gpu_bench_run(c->bench, &c->plan, err) &&
           poisoned(c, plan_scan, err);
}

static bool verify_scan(struct bench_check *c, struct error *err)
{
    struct check_scan right, spoilt;
    struct check_found found;
    if (!bench_check_spoil(c, &right, &spoilt, sizeof(right), err))
        return false;
    if (!check_scan_clean(&right, &found))
        return bench_check_wrong(c, "bytes are not as they were written", err);
    if (!check_scan_clean(&spoilt, &found) && found.count == 1 && found.offset == c->bytes - 1)
        return true;
    return bench_check_wrong(c, "a changed byte is not found", err);
}

const struct bench_kind bench_scan = {GPU_BY_TIME, prepare_scan, verify_scan};

/* --- Poison --- */

static bool prepare_poison(struct bench_check *c, struct error *err)
{
    c->traffic = c->in_use;
    return gpu_bench_set(c->bench, c->at, STALE, c->bytes, err) && poisoned(c, plan_poison, err);
}

/* By a scan that is seen to work. */
static bool verify_poison(struct bench_check *c, struct error *err)
{
    return poisoned(c, plan_scan, err) && gpu_bench_run(c->bench, &c->plan, err) &&
           verify_scan(c, err);
}

const struct bench_kind bench_poison = {GPU_BY_TIME, prepare_poison, verify_poison};

/* --- Checksums --- */

static bool prepare_checksum(struct bench_check *c, struct error *err)
{
    struct check_region r;
    c->traffic = c->in_use;
    check_region_rows(&r, &c->tensor, c->at);
    check_region_fold(&r, c->tensor.dtype);
    check_checksum_plan(&c->plan, &r, 1, c->table, c->result);
    return bench_check_fill(c, c->at, err) && gpu_bench_put(c->bench, c->table, &r, sizeof(r), err);
}

static bool verify_checksum(struct bench_check *c, struct error *err)
{
    uint64_t right, spoilt, again;
    if (!bench_check_again(c, &again, sizeof(again), err) ||
        !bench_check_spoil(c, &right, &spoilt, sizeof(right), err))
        return false;
    if (right != again)
        return bench_check_wrong(c, "the sum differs when it is taken again", err);
    return right != spoilt || bench_check_wrong(c, "a changed byte leaves the sum", err);
}

const struct bench_kind bench_checksum = {GPU_BY_TIME, prepare_checksum, verify_checksum};

/* --- Fills --- */

static bool prepare_fill(struct bench_check *c, struct error *err)
{
    struct check_fill f;
    c->traffic = c->in_use;
    check_fill_entry(&f, &c->tensor, BENCH_CHECK_SEED, BENCH_CHECK_STREAM, c->at);
    check_fill_plan(&c->plan, &f, 1, c->table);
    return gpu_bench_set(c->bench, c->at, STALE, c->bytes, err) &&
           gpu_bench_put(c->bench, c->table, &f, sizeof(f), err);
}

/* The first rows are the host's. */
static bool as_the_host(struct bench_check *c, struct error *err)
{
    const size_t row = c->tensor.cols * dtype_bytes(c->tensor.dtype);
    const size_t pitch = c->tensor.stride * dtype_bytes(c->tensor.dtype);
    size_t bytes;
    unsigned char *want = bench_check_piece(c, false, &bytes, err);
    unsigned char *got = want ? malloc(bytes) : NULL;
    if (want && !got)
        error_set(err, ERROR_INTERNAL, "no memory for a piece of a tensor");
    const size_t there = bytes < c->bytes ? bytes : c->bytes;
    bool good = want && got && gpu_bench_get(c->bench, got, c->at, there, err);
    for (size_t at = 0; good && at < there; at += pitch)
        good = !memcmp(want + at, got + at, row) ||
               bench_check_wrong(c, "the values are not the host's", err);
    free(want);
    free(got);
    return good;
}

/* And of all others nearly every byte was written: one in 256 may be what stood there before. */
static bool verify_fill(struct bench_check *c, struct error *err)
{
    struct check_scan result;
    struct check_found found;
    if (!as_the_host(c, err) || !region(c, plan_scan, STALE, 1, err) ||
        !bench_check_again(c, &result, sizeof(result), err))
        return false;
    check_scan_clean(&result, &found);
    return found.count >= c->in_use / 100 * 98 ||
           bench_check_wrong(c, "bytes are left as they were", err);
}

const struct bench_kind bench_fill = {GPU_BY_TIME, prepare_fill, verify_fill};
