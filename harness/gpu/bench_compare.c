/*
 * The measure of comparisons: two results and their reference.
 */
#include <stdlib.h>

#include "harness/gpu/bench_check.h"

static bool is_bound(const struct bench_check *c)
{
    return c->tensor.policy.kind == POLICY_BOUND;
}

/* The reference of the rows that bench_check_fill() repeats. */
static void *reference_piece(const struct bench_check *c, size_t *bytes, struct error *err)
{
    void *host = bench_check_piece(c, true, bytes, err);
    if (!host || !is_bound(c))
        return host;
    const size_t n = *bytes / dtype_bytes(c->tensor.dtype);
    *bytes = n * sizeof(double);
    double *number = malloc(*bytes);
    if (!number)
        error_set(err, ERROR_INTERNAL, "no memory for a piece of a reference");
    for (size_t i = 0; number && i < n; i++)
        number[i] = dtype_value(c->tensor.dtype, dtype_load(c->tensor.dtype, host, i));
    free(host);
    return number;
}

static bool make_reference(struct bench_check *c, const void **at, struct error *err)
{
    const size_t whole = tensor_elements(&c->tensor) * ref_element_bytes(&c->tensor);
    size_t bytes;
    void *device, *piece = reference_piece(c, &bytes, err);
    bool good = piece &&
                gpu_bench_place(c->bench, BENCH_REFERENCE, whole, ARENA_READ_WRITE, &device, err) &&
                gpu_bench_repeat(c->bench, device, piece, bytes, whole, err);
    if (good)
        *at = device;
    free(piece);
    return good;
}

static bool prepare_compare(struct bench_check *c, struct error *err)
{
    struct check_outputs o = {
        .first = c->at, .first_stride = c->tensor.stride, .second_stride = c->tensor.stride};
    struct check_compare entry;
    unsigned char *second;
    c->traffic = 2 * c->in_use + tensor_elements(&c->tensor) * ref_element_bytes(&c->tensor);
    if (!bench_check_place(c, BENCH_SECOND, &second, err) || !bench_check_fill(c, c->at, err) ||
        !bench_check_fill(c, second, err) || !make_reference(c, &o.reference, err) ||
        !gpu_bench_place(c->bench, BENCH_WORKSPACE, check_workspace(&c->tensor), ARENA_READ_WRITE,
                         &o.workspace, err))
        return false;
    o.second = second;
    check_compare_entry(&entry, &c->tensor, &o);
    check_compare_plan(&c->plan, &entry, 1, c->table, c->result);
    return gpu_bench_put(c->bench, c->table, &entry, sizeof(entry), err);
}

static bool verify_compare(struct bench_check *c, struct error *err)
{
    struct check_result right, spoilt; /* that of an exact entry begins with one */
    if (!bench_check_spoil(c, &right, &spoilt, sizeof(right), err))
        return false;
    if (right.wrong)
        return bench_check_wrong(c, "what is equal is called wrong", err);
    if (right.seen != tensor_elements(&c->tensor))
        return bench_check_wrong(c, "not every element was compared", err);
    return spoilt.wrong == 1 || bench_check_wrong(c, "a changed byte is not found", err);
}

const struct bench_kind bench_compare = {GPU_BY_TRAFFIC, prepare_compare, verify_compare};
