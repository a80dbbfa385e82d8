/*
 * Kernels of operators on large tensors. The first rows of a case are filled and referenced by the
 * host as those of any case; the tensors repeat them. A kernel that treats rows alike must then
 * repeat its result, which is compared as a whole on the device.
 */
#include <stdio.h>
#include <stdlib.h>

#include "harness/case/fill.h"
#include "harness/case/kase.h"
#include "harness/check/compare.h"
#include "harness/gpu/bench.h"
#include "harness/gpu/check.h"

enum { PIECE_ROWS = 128 }; /* a multiple of the rows of every block of scales */

/* Shapes of experts' weights and activations. Rows are added; what they have in common is that no
 * row depends on those before it but by blocks of PIECE_ROWS. */
static const char *const lines[] = {
    "dequant cols=7168 codes=fn scale=f32_128x128 out=bf16",
    "dequant cols=7168 codes=fn scale=f32_1x128 out=bf16",
    "dequant cols=4096 codes=fn scale=f32_token out=bf16",
    "dequant cols=4096 codes=fnuz scale=f32_tensor out=f16",
    "dequant cols=7168 codes=fp4 scale=e8m0 out=bf16",
    "dequant cols=7168 codes=fn scale=e8m0 out=f32",
    "group_quant cols=7168 group=128 output=fn scale=f32",
    "group_quant cols=7168 group=128 output=fnuz lanes=whole",
    "group_quant cols=7168 group=32 output=fn scale=e8m0",
    "group_quant cols=4096 group=32 output=fp4 scale=e8m0",
    "group_quant cols=7168 group=token output=fn",
    "group_quant cols=5120 group=token output=i8",
};

size_t gpu_bench_kernels(void)
{
    return sizeof(lines) / sizeof(lines[0]);
}

/* A case, and its first rows as a case of their own. */
struct trial {
    struct gpu_bench *b;
    struct kase whole, piece;
    size_t count;
    struct tensor tensor[OP_MAX_TENSORS], piece_tensor[OP_MAX_TENSORS];
    size_t bytes[OP_MAX_TENSORS], piece_bytes[OP_MAX_TENSORS];
    void *device[OP_MAX_TENSORS];
    /* Of the piece, on the host. */
    void *in[OP_MAX_TENSORS], *first[OP_MAX_TENSORS], *reference[OP_MAX_TENSORS];
    struct plan plan;
};

static bool wrong(const struct trial *t, const char *what, struct error *err)
{
    return error_set(err, ERROR_INTERNAL, "bench of %s: %s", t->whole.op->name, what);
}

/* --- The case --- */

static size_t declare(const struct kase *kase, struct tensor tensor[OP_MAX_TENSORS],
                      size_t bytes[OP_MAX_TENSORS], size_t *most)
{
    const size_t count = kase->op->tensors(kase, tensor);
    *most = 0;
    for (size_t i = 0; i < count; i++) {
        if (!tensor_bytes(&tensor[i], &bytes[i]))
            return 0;
        *most = bytes[i] > *most ? bytes[i] : *most;
    }
    return count;
}

/* As many rows as make the largest tensor as large as wanted, by whole pieces where there are. */
static bool choose_rows(struct trial *t, const char *line, struct error *err)
{
    struct kase *whole = &t->whole, *piece = &t->piece;
    size_t most;
    if (!kase_parse(whole, line, "bench", err) || !kase_copy(piece, whole, err))
        return false;
    const int rows = op_param(whole->op, "rows");
    piece->value[rows] = PIECE_ROWS;
    declare(piece, t->piece_tensor, t->piece_bytes, &most);
    const size_t pieces = t->b->size.bytes / most;
    const size_t some = t->b->size.bytes * PIECE_ROWS / most + 1;
    whole->value[rows] = (int64_t)(pieces ? pieces * PIECE_ROWS : some);
    if (!pieces)
        piece->value[rows] = whole->value[rows];
    declare(piece, t->piece_tensor, t->piece_bytes, &most);
    t->count = declare(whole, t->tensor, t->bytes, &most);
    if (!t->count || t->count > BENCH_SECOND || whole->op->guard(whole, t->bytes))
        return wrong(t, "the case is refused", err);
    return true;
}

/* --- Its tensors --- */

static void poison(const struct tensor *t, void *out, size_t elements)
{
    for (size_t i = 0; i < elements; i++)
        dtype_store(t->dtype, out, i, dtype_poison(t->dtype, 0));
}

static bool allocate(struct trial *t, struct error *err)
{
    bool good = true;
    for (size_t i = 0; i < t->count; i++) {
        const struct tensor *piece = &t->piece_tensor[i];
        const size_t bytes = t->piece_bytes[i] + 1; /* never none */
        if (piece->role == TENSOR_INPUT)
            good &= (t->in[i] = calloc(1, bytes)) != NULL;
        if (piece->role != TENSOR_OUTPUT)
            continue;
        t->first[i] = malloc(bytes);
        t->reference[i] = malloc(tensor_elements(piece) * ref_element_bytes(piece) + 1);
        good &= t->first[i] && t->reference[i];
    }
    return good || error_set(err, ERROR_INTERNAL, "no memory for a piece of a case");
}

static bool place(struct trial *t, struct error *err)
{
    for (size_t i = 0; i < t->count; i++)
        if (!gpu_bench_place(t->b, (unsigned)i, t->bytes[i],
                             t->tensor[i].role == TENSOR_INPUT ? ARENA_READ_ONLY : ARENA_READ_WRITE,
                             &t->device[i], err))
            return false;
    return true;
}

static void *writable(const struct trial *t, size_t i)
{
    return (void *)(uintptr_t)gpu_arena_address(&t->b->arena, (unsigned)i); /* NOLINT: device's */
}

/* Inputs hold the piece over and over, outputs hold poison. */
static bool write_all(struct trial *t, struct error *err)
{
    const struct op *op = t->piece.op;
    for (size_t i = 0; i < t->count; i++)
        if (t->in[i])
            fill_tensor(&t->piece_tensor[i], t->piece.seed, (uint32_t)i, t->in[i]);
    if (op->fill)
        op->fill(&t->piece, t->piece_tensor, t->in);
    for (size_t i = 0; i < t->count; i++) {
        const void *from = t->in[i];
        if (t->first[i])
            poison(&t->piece_tensor[i], t->first[i], tensor_elements(&t->piece_tensor[i]));
        from = from ? from : t->first[i];
        if (from &&
            !gpu_bench_repeat(t->b, writable(t, i), from, t->piece_bytes[i], t->bytes[i], err))
            return false;
    }
    return true;
}

/* --- Its result --- */

static void run_reference(const struct trial *t, struct ref_io *io)
{
    *io = (struct ref_io){
        .tensor = t->piece_tensor, .in = (const void *const *)t->in, .out = t->reference};
    for (size_t i = 0; i < t->count; i++) {
        const struct tensor *piece = &t->piece_tensor[i];
        if (t->reference[i])
            ref_start(piece, t->reference[i], tensor_elements(piece));
    }
    t->piece.op->reference(&t->piece, io);
}

/* The first rows of every output by the operator's reference. */
static bool piece_right(struct trial *t, struct error *err)
{
    struct ref_io io;
    run_reference(t, &io);
    for (size_t i = 0; i < t->count; i++)
        if (t->first[i] &&
            !gpu_bench_get(t->b, t->first[i], writable(t, i), t->piece_bytes[i], err))
            return false;
    for (size_t i = 0; i < t->count; i++) {
        const struct compare_input input = {.kase = &t->piece,
                                            .tensor = t->piece_tensor,
                                            .index = i,
                                            .first = t->first[i],
                                            .ref = &io,
                                            .device_out = t->first};
        struct compare_metrics metrics;
        struct verdict v = {.kind = VERDICT_PASS};
        if (t->first[i] && compare_output(&input, &metrics, &v) != COMPARE_EQUAL)
            return error_set(err, ERROR_INTERNAL, "bench of %s: %.300s", t->piece.op->name,
                             v.summary);
    }
    return true;
}

/* All other rows of an output by those. */
static bool repeats(struct trial *t, size_t i, struct error *err)
{
    struct tensor tensor = t->tensor[i];
    struct check_outputs o = {.first = writable(t, i), .first_stride = tensor.stride};
    struct check_compare c;
    struct check_result result;
    struct plan plan = {.count = 0};
    void *at, *table, *results;
    if (!t->bytes[i])
        return true;
    tensor.policy = (struct policy){.kind = POLICY_EXACT};
    if (!gpu_bench_place(t->b, BENCH_REFERENCE, t->bytes[i], ARENA_READ_WRITE, &at, err) ||
        !gpu_bench_place(t->b, BENCH_WORKSPACE, check_workspace(&tensor), ARENA_READ_WRITE,
                         &o.workspace, err) ||
        !gpu_bench_place(t->b, BENCH_TABLE, sizeof(c), ARENA_READ_WRITE, &table, err) ||
        !gpu_bench_place(t->b, BENCH_RESULTS, sizeof(result), ARENA_READ_WRITE, &results, err) ||
        !gpu_bench_repeat(t->b, at, t->first[i], t->piece_bytes[i], t->bytes[i], err))
        return false;
    o.reference = at;
    check_compare_entry(&c, &tensor, &o);
    check_compare_plan(&plan, &c, 1, table, results);
    if (!gpu_bench_put(t->b, table, &c, sizeof(c), err) || !gpu_bench_run(t->b, &plan, err) ||
        !gpu_bench_get(t->b, &result, results, sizeof(result), err))
        return false;
    return !result.wrong || wrong(t, "rows alike have results that differ", err);
}

static bool verify(struct trial *t, struct error *err)
{
    if (!piece_right(t, err))
        return false;
    for (size_t i = 0; i < t->count; i++)
        if (t->first[i] && !repeats(t, i, err))
            return false;
    return true;
}

/* --- A figure --- */

static bool measure(struct trial *t, struct gpu_figure *f, struct error *err)
{
    f->measure = GPU_BY_TRAFFIC;
    f->traffic = 0;
    for (size_t i = 0; i < t->count; i++)
        f->traffic += t->tensor[i].role == TENSOR_WORKSPACE ? 0 : t->bytes[i];
    t->whole.op->plan(&t->whole, t->tensor, t->device, &t->plan);
    if (!gpu_bench_time(t->b, &t->plan, &f->seconds, err))
        return false;
    gpu_bench_figure(t->b, f, t->b->size.bytes);
    return true;
}

static void release(struct trial *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->in[i]);
        free(t->first[i]);
        free(t->reference[i]);
    }
    kase_release(&t->whole);
    kase_release(&t->piece);
}

bool gpu_bench_kernel(struct gpu_bench *b, size_t i, struct gpu_figure *f, struct error *err)
{
    struct trial t = {.b = b};
    snprintf(f->what, sizeof(f->what), "%s", lines[i]);
    bool good = choose_rows(&t, lines[i], err) && allocate(&t, err) && place(&t, err) &&
                write_all(&t, err) && measure(&t, f, err) && verify(&t, err);
    release(&t);
    return good;
}
