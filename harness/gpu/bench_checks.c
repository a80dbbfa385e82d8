#include <stdio.h>
#include <stdlib.h>

#include "harness/case/fill.h"
#include "harness/gpu/bench_check.h"

/* --- What is measured --- */

#define REAL  FILL_REAL, -8, 5
#define EXACT FILL_EXACT, -8, 8
#define CODES FILL_CODES, 0, 255

static const struct measured {
    const char *what;
    const struct bench_kind *kind;
    enum dtype dtype;
    struct fill fill;
    enum policy_kind policy;
} measured[] = {
    {"fill f32 real", &bench_fill, DTYPE_F32, {REAL}, 0},
    {"fill f32 exact", &bench_fill, DTYPE_F32, {EXACT}, 0},
    {"fill bf16 real", &bench_fill, DTYPE_BF16, {REAL}, 0},
    {"fill bf16 exact", &bench_fill, DTYPE_BF16, {EXACT}, 0},
    {"fill f16 real", &bench_fill, DTYPE_F16, {REAL}, 0},
    {"fill f16 exact", &bench_fill, DTYPE_F16, {EXACT}, 0},
    {"fill e4m3fn codes", &bench_fill, DTYPE_E4M3FN, {CODES}, 0},
    {"fill e4m3fnuz codes", &bench_fill, DTYPE_E4M3FNUZ, {CODES}, 0},
    {"fill e2m1x2 codes", &bench_fill, DTYPE_E2M1X2, {CODES}, 0},
    {"fill e8m0 codes", &bench_fill, DTYPE_E8M0, {FILL_CODES, 117, 132}, 0},
    {"fill i8 exact", &bench_fill, DTYPE_I8, {EXACT}, 0},
    {"fill i32 exact", &bench_fill, DTYPE_I32, {EXACT}, 0},
    {"poison f32", &bench_poison, DTYPE_F32, {REAL}, 0},
    {"poison e4m3fn", &bench_poison, DTYPE_E4M3FN, {CODES}, 0},
    {"scan f32", &bench_scan, DTYPE_F32, {REAL}, 0},
    {"scan e4m3fn", &bench_scan, DTYPE_E4M3FN, {CODES}, 0},
    {"checksum f32", &bench_checksum, DTYPE_F32, {REAL}, 0},
    {"checksum bf16", &bench_checksum, DTYPE_BF16, {REAL}, 0},
    {"checksum e4m3fn", &bench_checksum, DTYPE_E4M3FN, {CODES}, 0},
    {"compare e4m3fn codes", &bench_compare, DTYPE_E4M3FN, {CODES}, POLICY_CODE},
    {"compare bf16 exact", &bench_compare, DTYPE_BF16, {REAL}, POLICY_EXACT},
    {"compare f32 exact", &bench_compare, DTYPE_F32, {REAL}, POLICY_EXACT},
    {"compare f32 ulp", &bench_compare, DTYPE_F32, {REAL}, POLICY_ULP},
    {"compare bf16 bound", &bench_compare, DTYPE_BF16, {REAL}, POLICY_BOUND},
    {"compare f16 bound", &bench_compare, DTYPE_F16, {REAL}, POLICY_BOUND},
    {"compare f32 bound", &bench_compare, DTYPE_F32, {REAL}, POLICY_BOUND},
};

/* Dense and aligned; or odd rows with gaps between them, one element behind an aligned address. */
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

/* --- What a check needs --- */

bool bench_check_wrong(const struct bench_check *c, const char *what, struct error *err)
{
    return error_set(err, ERROR_INTERNAL, "bench of %s: %s", c->what, what);
}

bool bench_check_place(struct bench_check *c, unsigned slot, unsigned char **at, struct error *err)
{
    const size_t shift = c->offset * dtype_bytes(c->tensor.dtype);
    void *kernel;
    if (!gpu_bench_place(c->bench, slot, shift + c->bytes, ARENA_READ_WRITE, &kernel, err))
        return false;
    *at = (unsigned char *)kernel + shift;
    return true;
}

void *bench_check_piece(const struct bench_check *c, bool dense, size_t *bytes, struct error *err)
{
    struct tensor piece = c->tensor;
    piece.rows = BENCH_CHECK_ROWS;
    piece.stride = dense ? piece.cols : piece.stride;
    *bytes = piece.rows * piece.stride * dtype_bytes(piece.dtype);
    void *host = calloc(1, *bytes);
    if (host)
        fill_tensor(&piece, BENCH_CHECK_SEED, BENCH_CHECK_STREAM, host);
    else
        error_set(err, ERROR_INTERNAL, "no memory for a piece of a tensor");
    return host;
}

bool bench_check_fill(struct bench_check *c, unsigned char *at, struct error *err)
{
    size_t bytes;
    void *host = bench_check_piece(c, false, &bytes, err);
    bool good = host && gpu_bench_repeat(c->bench, at, host, bytes, c->bytes, err);
    free(host);
    return good;
}

bool bench_check_again(struct bench_check *c, void *result, size_t size, struct error *err)
{
    return gpu_bench_run(c->bench, &c->plan, err) &&
           gpu_bench_get(c->bench, result, c->result, size, err);
}

bool bench_check_spoil(struct bench_check *c, void *right, void *spoilt, size_t size,
                       struct error *err)
{
    unsigned char byte, *last = c->at + c->bytes - 1;
    if (!gpu_bench_get(c->bench, right, c->result, size, err) ||
        !gpu_bench_get(c->bench, &byte, last, 1, err))
        return false;
    byte = (unsigned char)~byte;
    return gpu_bench_put(c->bench, last, &byte, 1, err) && bench_check_again(c, spoilt, size, err);
}

/* --- A figure --- */

static bool start(struct bench_check *c, const struct measured *m, const struct shape *shape,
                  struct error *err)
{
    const size_t row = shape->cols * dtype_bytes(m->dtype), room = c->bench->size.bytes;
    c->what = m->what;
    c->offset = shape->offset;
    c->tensor = (struct tensor){.dtype = m->dtype,
                                .rows = room > row ? room / row : 1,
                                .cols = shape->cols,
                                .stride = shape->cols + shape->gap,
                                .fill = m->fill,
                                .policy = {.kind = m->policy, .ulp = 2, .min_nonzero = 0.1}};
    c->in_use = c->tensor.rows * row;
    if (!tensor_bytes(&c->tensor, &c->bytes))
        return bench_check_wrong(c, "the tensor is too large", err);
    return bench_check_place(c, BENCH_FIRST, &c->at, err) &&
           gpu_bench_place(c->bench, BENCH_TABLE, sizeof(struct check_compare), ARENA_READ_WRITE,
                           &c->table, err) &&
           gpu_bench_place(c->bench, BENCH_RESULTS, sizeof(struct check_exact_result),
                           ARENA_READ_WRITE, &c->result, err);
}

bool gpu_bench_check(struct gpu_bench *b, size_t i, struct gpu_figure *f, struct error *err)
{
    const struct measured *m = &measured[i / N_SHAPES];
    const struct shape *shape = &shapes[i % N_SHAPES];
    struct bench_check c = {.bench = b};
    snprintf(f->what, sizeof(f->what), "%s, %s", m->what, shape->name);
    f->measure = m->kind->measure;
    if (!start(&c, m, shape, err) || !m->kind->prepare(&c, err) ||
        !gpu_bench_time(b, &c.plan, &f->seconds, err) || !m->kind->verify(&c, err))
        return false;
    f->traffic = c.traffic;
    gpu_bench_figure(b, f, c.in_use);
    return true;
}
