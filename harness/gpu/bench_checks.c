/*
 * The checks of harness/gpu/check.h on large tensors. Behind the timed runs each is shown right
 * data and data with one byte changed, and must tell the two apart.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/case/fill.h"
#include "harness/gpu/bench.h"
#include "harness/gpu/check.h"

enum { SEED = 3, STREAM = 1, PIECE_ROWS = 64, STALE = 0xC3 };

/* --- What is measured --- */

enum check_kind { KIND_FILL, KIND_POISON, KIND_SCAN, KIND_CHECKSUM, KIND_COMPARE };

#define REAL  FILL_REAL, -8, 5
#define EXACT FILL_EXACT, -8, 8
#define CODES FILL_CODES, 0, 255

static const struct measured {
    const char *what;
    enum check_kind kind;
    enum dtype dtype;
    struct fill fill;
    enum policy_kind policy;
} measured[] = {
    {"fill f32 real", KIND_FILL, DTYPE_F32, {REAL}, 0},
    {"fill f32 exact", KIND_FILL, DTYPE_F32, {EXACT}, 0},
    {"fill bf16 real", KIND_FILL, DTYPE_BF16, {REAL}, 0},
    {"fill bf16 exact", KIND_FILL, DTYPE_BF16, {EXACT}, 0},
    {"fill f16 real", KIND_FILL, DTYPE_F16, {REAL}, 0},
    {"fill f16 exact", KIND_FILL, DTYPE_F16, {EXACT}, 0},
    {"fill e4m3fn codes", KIND_FILL, DTYPE_E4M3FN, {CODES}, 0},
    {"fill e4m3fnuz codes", KIND_FILL, DTYPE_E4M3FNUZ, {CODES}, 0},
    {"fill e2m1x2 codes", KIND_FILL, DTYPE_E2M1X2, {CODES}, 0},
    {"fill e8m0 codes", KIND_FILL, DTYPE_E8M0, {FILL_CODES, 117, 132}, 0},
    {"fill i8 exact", KIND_FILL, DTYPE_I8, {EXACT}, 0},
    {"fill i32 exact", KIND_FILL, DTYPE_I32, {EXACT}, 0},
    {"poison f32", KIND_POISON, DTYPE_F32, {REAL}, 0},
    {"poison e4m3fn", KIND_POISON, DTYPE_E4M3FN, {CODES}, 0},
    {"scan f32", KIND_SCAN, DTYPE_F32, {REAL}, 0},
    {"scan e4m3fn", KIND_SCAN, DTYPE_E4M3FN, {CODES}, 0},
    {"checksum f32", KIND_CHECKSUM, DTYPE_F32, {REAL}, 0},
    {"checksum bf16", KIND_CHECKSUM, DTYPE_BF16, {REAL}, 0},
    {"checksum e4m3fn", KIND_CHECKSUM, DTYPE_E4M3FN, {CODES}, 0},
    {"compare e4m3fn codes", KIND_COMPARE, DTYPE_E4M3FN, {CODES}, POLICY_CODE},
    {"compare bf16 bits", KIND_COMPARE, DTYPE_BF16, {REAL}, POLICY_EXACT},
    {"compare f32 bits", KIND_COMPARE, DTYPE_F32, {REAL}, POLICY_EXACT},
    {"compare f32 ulp", KIND_COMPARE, DTYPE_F32, {REAL}, POLICY_ULP},
    {"compare bf16 bound", KIND_COMPARE, DTYPE_BF16, {REAL}, POLICY_BOUND},
    {"compare f32 bound", KIND_COMPARE, DTYPE_F32, {REAL}, POLICY_BOUND},
};

/* Dense and aligned, or of odd rows with gaps between them, from the second element of an aligned
 * address on. */
static const struct shape {
    const char *name;
    size_t cols, gap, offset; /* in elements */
} shapes[] = {{"dense", 4096, 0, 0}, {"strided", 4093, 10, 1}};

enum {
    N_MEASURED = sizeof(measured) / sizeof(measured[0]),
    N_SHAPES = sizeof(shapes) / sizeof(shapes[0])
};

size_t gpu_bench_checks(void)
{
    return N_MEASURED * N_SHAPES;
}

/* --- A measure under way --- */

struct trial {
    struct gpu_bench *b;
    const struct measured *m;
    struct tensor t;
    size_t bytes;  /* from the first element to behind the last */
    size_t in_use; /* of them in elements */
    uint64_t traffic;
    unsigned char *at, *second;
    void *table, *result;
    struct plan plan;
};

static bool wrong(const struct trial *t, const char *what, struct error *err)
{
    return error_set(err, ERROR_INTERNAL, "bench of %s: %s", t->m->what, what);
}

/* Memory for a tensor like that of the trial, where its shape wants it. */
static bool place(struct trial *t, unsigned slot, unsigned char **at, struct error *err)
{
    const size_t shift = t->t.align * dtype_bytes(t->t.dtype);
    void *kernel;
    if (!gpu_bench_place(t->b, slot, shift + t->bytes, ARENA_READ_WRITE, &kernel, err))
        return false;
    *at = (unsigned char *)kernel + shift;
    return true;
}

static bool start(struct trial *t, struct gpu_bench *b, const struct measured *m,
                  const struct shape *shape, struct error *err)
{
    const size_t row = shape->cols * dtype_bytes(m->dtype);
    const size_t rows = b->size.bytes > row ? b->size.bytes / row : 1;
    const size_t result = sizeof(struct check_result); /* the largest */
    *t = (struct trial){.b = b, .m = m};
    t->t = (struct tensor){.dtype = m->dtype,
                           .rows = rows,
                           .cols = shape->cols,
                           .stride = shape->cols + shape->gap,
                           .align = shape->offset,
                           .fill = m->fill,
                           .policy = {.kind = m->policy, .ulp = 2, .min_nonzero = 0.1}};
    t->in_use = rows * row;
    return tensor_bytes(&t->t, &t->bytes) && place(t, BENCH_FIRST, &t->at, err) &&
           gpu_bench_place(b, BENCH_TABLE, 4096, ARENA_READ_WRITE, &t->table, err) &&
           gpu_bench_place(b, BENCH_RESULTS, result, ARENA_READ_WRITE, &t->result, err);
}

static bool put_table(struct trial *t, const void *entry, size_t size, struct error *err)
{
    return gpu_bench_put(t->b, t->table, entry, size, err);
}

/* Inverts the last byte of the tensor: the sign and more of its last element. */
static bool spoil(struct trial *t, struct error *err)
{
    unsigned char byte, *last = t->at + t->bytes - 1;
    if (!gpu_bench_get(t->b, &byte, last, 1, err))
        return false;
    byte = (unsigned char)~byte;
    return gpu_bench_put(t->b, last, &byte, 1, err);
}

static bool look(struct trial *t, void *result, size_t size, struct error *err)
{
    return gpu_bench_get(t->b, result, t->result, size, err);
}

static bool look_again(struct trial *t, void *result, size_t size, struct error *err)
{
    return gpu_bench_run(t->b, &t->plan, err) && look(t, result, size, err);
}

/* The first rows as the host fills them, over and over. */
static bool fill_by_host(struct trial *t, unsigned char *at, struct error *err)
{
    struct tensor piece = t->t;
    size_t period = PIECE_ROWS * t->t.stride * dtype_bytes(t->t.dtype);
    unsigned char *host = calloc(1, period);
    piece.rows = PIECE_ROWS;
    if (!host)
        return error_set(err, ERROR_INTERNAL, "no memory for a piece of a tensor");
    fill_tensor(&piece, SEED, STREAM, host);
    bool good = gpu_bench_repeat(t->b, at, host, period, t->bytes, err);
    free(host);
    return good;
}

/* --- Bytes --- */

static bool region_plan(struct trial *t, struct check_region *r, uint32_t bits, size_t size,
                        void (*plan)(struct trial *, const struct check_region *),
                        struct error *err)
{
    check_region_rows(r, &t->t, t->at);
    check_region_poison(r, bits, size);
    t->plan.count = 0;
    plan(t, r);
    return put_table(t, r, sizeof(*r), err);
}

static void plan_poison(struct trial *t, const struct check_region *r)
{
    check_poison_plan(&t->plan, r, 1, t->table);
}

static void plan_scan(struct trial *t, const struct check_region *r)
{
    check_scan_plan(&t->plan, r, 1, t->table, t->result);
}

static void plan_checksum(struct trial *t, const struct check_region *r)
{
    check_checksum_plan(&t->plan, r, 1, t->table, t->result);
}

static uint32_t poison_of(const struct trial *t)
{
    return dtype_poison(t->t.dtype, 0);
}

static bool prepare_poison(struct trial *t, struct error *err)
{
    struct check_region r;
    t->traffic = t->in_use;
    return gpu_bench_set(t->b, t->at, STALE, t->bytes, err) &&
           region_plan(t, &r, poison_of(t), dtype_bytes(t->t.dtype), plan_poison, err);
}

static bool prepare_scan(struct trial *t, struct error *err)
{
    struct check_region r;
    if (!prepare_poison(t, err) || !gpu_bench_run(t->b, &t->plan, err))
        return false;
    return region_plan(t, &r, poison_of(t), dtype_bytes(t->t.dtype), plan_scan, err);
}

static bool verify_scan(struct trial *t, struct error *err)
{
    struct check_scan clean, spoilt;
    struct check_found found;
    if (!look(t, &clean, sizeof(clean), err) || !spoil(t, err) ||
        !look_again(t, &spoilt, sizeof(spoilt), err))
        return false;
    if (!check_scan_clean(&clean, &found))
        return wrong(t, "finds what is not there", err);
    if (!check_scan_clean(&spoilt, &found) && found.count == 1 && found.offset == t->bytes - 1)
        return true;
    return wrong(t, "does not find a changed byte", err);
}

/* By a scan that is itself seen to work. */
static bool verify_poison(struct trial *t, struct error *err)
{
    struct check_region r;
    return region_plan(t, &r, poison_of(t), dtype_bytes(t->t.dtype), plan_scan, err) &&
           gpu_bench_run(t->b, &t->plan, err) && verify_scan(t, err);
}

static bool prepare_checksum(struct trial *t, struct error *err)
{
    struct check_region r;
    t->traffic = t->in_use;
    if (!fill_by_host(t, t->at, err))
        return false;
    check_region_rows(&r, &t->t, t->at);
    check_region_fold(&r, t->t.dtype);
    t->plan.count = 0;
    plan_checksum(t, &r);
    return put_table(t, &r, sizeof(r), err);
}

static bool verify_checksum(struct trial *t, struct error *err)
{
    uint64_t timed, again, spoilt;
    if (!look(t, &timed, sizeof(timed), err) || !look_again(t, &again, sizeof(again), err) ||
        !spoil(t, err) || !look_again(t, &spoilt, sizeof(spoilt), err))
        return false;
    if (timed != again)
        return wrong(t, "differs when repeated", err);
    return timed != spoilt || wrong(t, "does not see a changed byte", err);
}

/* --- Inputs --- */

static bool prepare_fill(struct trial *t, struct error *err)
{
    struct check_fill f;
    t->traffic = t->in_use;
    check_fill_entry(&f, &t->t, SEED, STREAM, t->at);
    check_fill_plan(&t->plan, &f, 1, t->table);
    return gpu_bench_set(t->b, t->at, STALE, t->bytes, err) && put_table(t, &f, sizeof(f), err);
}

/* The first rows are the host's. */
static bool fills_as_the_host(struct trial *t, struct error *err)
{
    struct tensor piece = t->t;
    size_t bytes = 0;
    piece.rows = t->t.rows < PIECE_ROWS ? t->t.rows : PIECE_ROWS;
    bool good = tensor_bytes(&piece, &bytes);
    unsigned char *want = malloc(bytes), *got = malloc(bytes);
    if (!good || !want || !got)
        good = error_set(err, ERROR_INTERNAL, "no memory for a piece of a tensor");
    if (good) {
        memset(want, STALE, bytes);
        fill_tensor(&piece, SEED, STREAM, want);
        good = gpu_bench_get(t->b, got, t->at, bytes, err) &&
               (!memcmp(want, got, bytes) || wrong(t, "is not what the host fills", err));
    }
    free(want);
    free(got);
    return good;
}

/* And of the others nearly every byte was written: one in 256 may be what stood there before. */
static bool verify_fill(struct trial *t, struct error *err)
{
    struct check_region r;
    struct check_scan result;
    struct check_found found;
    if (!fills_as_the_host(t, err) || !region_plan(t, &r, STALE, 1, plan_scan, err) ||
        !look_again(t, &result, sizeof(result), err))
        return false;
    check_scan_clean(&result, &found);
    return found.count >= t->in_use / 100 * 98 || wrong(t, "leaves bytes as they were", err);
}

/* --- Outputs --- */

/* The dense reference of the rows that fill_by_host() repeats. */
static bool put_reference(struct trial *t, void *at, size_t size, struct error *err)
{
    const bool wide = size == sizeof(double);
    struct tensor piece = t->t;
    const size_t n = PIECE_ROWS * t->t.cols;
    tensor_dense(&piece, PIECE_ROWS, t->t.cols);
    unsigned char *host = malloc(n * dtype_bytes(t->t.dtype));
    double *number = wide ? malloc(n * sizeof(double)) : NULL;
    if (!host || (wide && !number)) {
        free(host);
        return error_set(err, ERROR_INTERNAL, "no memory for a piece of a reference");
    }
    fill_tensor(&piece, SEED, STREAM, host);
    for (size_t i = 0; wide && i < n; i++)
        number[i] = dtype_value(t->t.dtype, dtype_load(t->t.dtype, host, i));
    bool good = gpu_bench_repeat(t->b, at, wide ? (void *)number : (void *)host, n * size,
                                 tensor_elements(&t->t) * size, err);
    free(host);
    free(number);
    return good;
}

static bool prepare_compare(struct trial *t, struct error *err)
{
    const bool wide = t->m->policy == POLICY_BOUND;
    const size_t size = wide ? sizeof(double) : dtype_bytes(t->t.dtype);
    const size_t reference = tensor_elements(&t->t) * size;
    struct check_outputs o = {.first = t->at, .first_stride = t->t.stride};
    struct check_compare c;
    void *at;
    t->traffic = 2 * t->in_use + reference;
    if (!place(t, BENCH_SECOND, &t->second, err) ||
        !gpu_bench_place(t->b, BENCH_REFERENCE, reference, ARENA_READ_WRITE, &at, err) ||
        !gpu_bench_place(t->b, BENCH_WORKSPACE, check_workspace(&t->t), ARENA_READ_WRITE,
                         &o.workspace, err) ||
        !fill_by_host(t, t->at, err) || !fill_by_host(t, t->second, err) ||
        !put_reference(t, at, size, err))
        return false;
    o.second = t->second;
    o.second_stride = t->t.stride;
    o.reference = at;
    check_compare_entry(&c, &t->t, &o);
    check_compare_plan(&t->plan, &c, 1, t->table, t->result);
    return put_table(t, &c, sizeof(c), err);
}

static bool verify_compare(struct trial *t, struct error *err)
{
    struct check_result right, spoilt;
    if (!look(t, &right, sizeof(right), err) || !spoil(t, err) ||
        !look_again(t, &spoilt, sizeof(spoilt), err))
        return false;
    if (check_wrong(&right))
        return wrong(t, "finds what is not there", err);
    if (right.count[CHECK_SEEN] != tensor_elements(&t->t))
        return wrong(t, "has not seen every element", err);
    return check_wrong(&spoilt) == 1 || wrong(t, "does not find a changed byte", err);
}

/* --- All of them --- */

static const struct {
    enum gpu_measure measure;
    bool (*prepare)(struct trial *, struct error *);
    bool (*verify)(struct trial *, struct error *);
} kinds[] = {
    [KIND_FILL] = {GPU_BY_TIME, prepare_fill, verify_fill},
    [KIND_POISON] = {GPU_BY_TIME, prepare_poison, verify_poison},
    [KIND_SCAN] = {GPU_BY_TIME, prepare_scan, verify_scan},
    [KIND_CHECKSUM] = {GPU_BY_TIME, prepare_checksum, verify_checksum},
    [KIND_COMPARE] = {GPU_BY_TRAFFIC, prepare_compare, verify_compare},
};

bool gpu_bench_check(struct gpu_bench *b, size_t i, struct gpu_figure *f, struct error *err)
{
    const struct measured *m = &measured[i / N_SHAPES];
    const struct shape *shape = &shapes[i % N_SHAPES];
    struct trial t;
    snprintf(f->what, sizeof(f->what), "%s, %s", m->what, shape->name);
    f->measure = kinds[m->kind].measure;
    if (!start(&t, b, m, shape, err) || !kinds[m->kind].prepare(&t, err) ||
        !gpu_bench_time(b, &t.plan, &f->seconds, err) || !kinds[m->kind].verify(&t, err))
        return false;
    f->traffic = t.traffic;
    gpu_bench_figure(b, f, t.in_use);
    return true;
}
