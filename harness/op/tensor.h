/*
 * A tensor as an operator declares it for one case: what the kernel's caller would allocate.
 *
 * Every tensor is a two-dimensional view: element (r, c) lies r * stride + c elements from the
 * start. A dense tensor of any rank has stride == cols; a strided view (rows of a wider tensor)
 * has stride > cols, and the bytes between its rows belong to nobody: they are poisoned, and a
 * kernel may neither use nor change them. The allocation ends with the last row's last element:
 * ((rows - 1) * stride + cols) * dtype_bytes, and not one byte more.
 */
#ifndef HARNESS_OP_TENSOR_H
#define HARNESS_OP_TENSOR_H

#include "harness/op/dtype.h"

enum tensor_role {
    TENSOR_INPUT,     /* mapped read-only for the kernel */
    TENSOR_OUTPUT,    /* poisoned before each run, compared with the reference */
    TENSOR_WORKSPACE, /* poisoned before each run, its content is nobody's business */
};

enum fill_kind {
    FILL_ZERO,
    FILL_REAL,   /* random sign, magnitude log-uniform in [2^low, 2^high); float dtypes */
    FILL_EXACT,  /* whole numbers in [low, high], so that sums stay exact; any dtype */
    FILL_CODES,  /* raw bit patterns, uniform in [low, high]; NaN codes of fp8 are left out */
    FILL_CUSTOM, /* written by op->fill */
};

struct fill {
    enum fill_kind kind;
    int low, high;
};

enum policy_kind {
    POLICY_EXACT, /* equal bits */
    POLICY_ULP,   /* float: at most `ulp` units in the last place of the dtype */
    POLICY_BOUND, /* float: |got - exact| <= half an ulp of the dtype at `exact`
                     + relative * |exact| + absolute. The reference gives doubles. */
    POLICY_CODE,  /* equal codes, or a difference that op->accept explains */
};

/* How an output is compared. `reason` says in one line where the tolerance comes from; it is
 * printed with every failure. */
struct policy {
    enum policy_kind kind;
    double ulp;
    double relative, absolute;
    const char *reason;
    double min_nonzero; /* share of non-zero reference values below which the case is vacuous */
};

struct tensor {
    const char *name;
    const char *layout; /* for people and for dumps: "[rows, cols]", "[rows, cols/32] shuffled" */
    enum tensor_role role;
    enum dtype dtype;
    size_t rows, cols, stride; /* in elements */
    size_t unused_rows;        /* rows at the end that no kernel may touch: they only make the
                                  tensor large, and are watched instead of compared */
    size_t align;              /* bytes that the kernel's widest access needs; 0 = dtype_bytes */
    struct fill fill;          /* inputs */
    struct policy policy;      /* outputs */
};

/* Sets rows, cols and stride of a dense tensor. */
static inline void tensor_dense(struct tensor *t, size_t rows, size_t cols)
{
    t->rows = rows;
    t->cols = cols;
    t->stride = cols;
}

/* Bytes from the first element to behind the last; false on overflow. */
bool tensor_bytes(const struct tensor *, size_t *bytes);

/* Elements that are filled and compared. */
static inline size_t tensor_elements(const struct tensor *t)
{
    return (t->rows - t->unused_rows) * t->cols;
}

#endif
