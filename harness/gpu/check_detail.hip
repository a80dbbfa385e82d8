/*
 * What stands in the report of a failure: relative errors by row and column.
 */
#include "kernels/kernel.h"

#include "harness/gpu/check_device.h"

/* Adds one element. What the reference left alone weighs nothing, nor what is not finite. */
static __device__ inline void detail_add(const struct check_compare *c, uint64_t row, uint64_t col,
                                         double sum[CHECK_SUMS])
{
    const uint32_t got = check_read(c->first + row * c->first_pitch + col * c->size, c->size);
    const uint64_t index = row * c->cols + col;
    const uint32_t codes = c->dtype == DTYPE_E2M1X2 ? 2 : 1;
    uint32_t want = 0;
    if (!c->exact) {
        want = check_read(c->reference + index * c->size, c->size);
        if (want == c->poison[0])
            return;
    }
    for (uint32_t i = 0; i < codes; i++) {
        const double g = check_value(c->dtype, got >> (4 * i));
        const double w = c->exact ? ((const double *)c->reference)[index]
                                  : check_value(c->dtype, want >> (4 * i));
        if (check_is_finite(g) && check_is_finite(w))
            check_sums(sum, g, w);
    }
}

/* A row is summed by row_lanes threads; the first of them keeps the worst of its rows. */
__global__ void __launch_bounds__(CHECK_THREADS) check_rows(struct check_args a)
{
    HIP_DYNAMIC_SHARED(double, lds)
    const struct check_compare *c = (const struct check_compare *)a.table;
    const uint32_t lanes = c->row_lanes, together = CHECK_THREADS / lanes;
    const uint32_t lane = threadIdx.x % lanes;
    struct check_detail *partial = c->partial + blockIdx.x;
    double total[CHECK_SUMS] = {0, 0, 0, 0}, worst = 0;
    unsigned long long worst_row = 0;
    for (uint64_t first = (uint64_t)blockIdx.x * together; first < c->rows;
         first += (uint64_t)c->walk.blocks * together) {
        const uint64_t row = first + threadIdx.x / lanes;
        double sum[CHECK_SUMS] = {0, 0, 0, 0};
        for (uint64_t col = lane; row < c->rows && col < c->cols; col += lanes)
            detail_add(c, row, col, sum);
        check_tree(lds, lanes, sum);
        const double error = check_relative(sum[CHECK_DIFF2], sum[CHECK_WANT2]);
        for (uint32_t i = 0; i < CHECK_SUMS && lane == 0; i++)
            total[i] += sum[i];
        if (lane == 0 && error > worst) {
            worst = error;
            worst_row = row;
        }
    }
    check_tree(lds, CHECK_THREADS, total);
    check_worst(lds, &worst, &worst_row);
    if (threadIdx.x)
        return;
    for (uint32_t i = 0; i < CHECK_SUMS; i++)
        partial->sum[i] = total[i];
    partial->worst_row = worst;
    partial->row = worst_row;
}
EXPORT_KERNEL(check_rows, struct check_args);

static __device__ inline void detail_column(const struct check_compare *c, uint64_t col,
                                            uint64_t slab, double sum[CHECK_SUMS])
{
    const uint64_t begin = slab * c->slab_rows, behind = begin + c->slab_rows;
    for (uint64_t row = begin; row < behind && row < c->rows; row++)
        detail_add(c, row, col, sum);
}

/* Neighbouring threads have neighbouring columns of one slab of rows. */
__global__ void __launch_bounds__(CHECK_THREADS) check_columns(struct check_args a)
{
    const struct check_compare *c = (const struct check_compare *)a.table;
    const uint64_t at = (uint64_t)blockIdx.x * CHECK_THREADS + threadIdx.x;
    if (at < c->slabs * c->cols) {
        double sum[CHECK_SUMS] = {0, 0, 0, 0};
        detail_column(c, at % c->cols, at / c->cols, sum);
        c->column[2 * at] = sum[CHECK_WANT2];
        c->column[2 * at + 1] = sum[CHECK_DIFF2];
    }
}
EXPORT_KERNEL_NO_SYNC(check_columns, struct check_args);

__global__ void __launch_bounds__(CHECK_THREADS) check_worst_column(struct check_args a)
{
    HIP_DYNAMIC_SHARED(double, lds)
    const struct check_compare *c = (const struct check_compare *)a.table;
    double worst = 0;
    unsigned long long worst_col = 0;
    for (uint64_t col = (uint64_t)blockIdx.x * CHECK_THREADS + threadIdx.x; col < c->cols;
         col += (uint64_t)c->walk.blocks * CHECK_THREADS) {
        double sum[CHECK_SUMS] = {0, 0, 0, 0};
        if (c->slabs == 1)
            detail_column(c, col, 0, sum);
        for (uint64_t slab = 0; c->slabs > 1 && slab < c->slabs; slab++) {
            sum[CHECK_WANT2] += c->column[2 * (slab * c->cols + col)];
            sum[CHECK_DIFF2] += c->column[2 * (slab * c->cols + col) + 1];
        }
        const double error = check_relative(sum[CHECK_DIFF2], sum[CHECK_WANT2]);
        if (error > worst) {
            worst = error;
            worst_col = col;
        }
    }
    check_worst(lds, &worst, &worst_col);
    if (threadIdx.x)
        return;
    c->partial[blockIdx.x].worst_col = worst;
    c->partial[blockIdx.x].col = worst_col;
}
EXPORT_KERNEL(check_worst_column, struct check_args);

/* --- One block --- */

static __device__ inline void finish_counts(const struct check_compare *c,
                                            unsigned long long count[CHECK_COUNTS])
{
    unsigned long long sum = 0;
    if (threadIdx.x >= CHECK_COUNTS)
        return;
    for (uint32_t b = 0; b < c->walk.blocks; b++)
        sum += c->partial[b].count[threadIdx.x];
    count[threadIdx.x] = sum;
}

/* The smallest entry of all blocks' lists at or above `from`. */
static __device__ inline unsigned long long
finish_least(const struct check_compare *c, unsigned long long *lds, unsigned long long from)
{
    unsigned long long mine = CHECK_NOWHERE;
    for (uint32_t b = threadIdx.x; b < c->walk.blocks; b += CHECK_THREADS)
        for (uint32_t i = 0; i < CHECK_FIRST; i++) {
            const unsigned long long at = c->partial[b].first[i];
            mine = at >= from && at < mine ? at : mine;
        }
    return check_least(lds, mine);
}

static __device__ inline void finish_first(const struct check_compare *c, unsigned long long *lds,
                                           unsigned long long first[CHECK_FIRST])
{
    for (unsigned long long i = 0, from = 0; i < CHECK_FIRST; i++) {
        const unsigned long long least = finish_least(c, lds, from);
        from = least == CHECK_NOWHERE ? least : least + 1;
        if (threadIdx.x == 0)
            first[i] = least;
    }
}

static __device__ inline void finish_worst(const struct check_compare *c, double *lds,
                                           struct check_detail *detail)
{
    double row_error = 0, col_error = 0;
    unsigned long long row = 0, col = 0;
    for (uint32_t b = threadIdx.x; b < c->walk.blocks; b += CHECK_THREADS) {
        const struct check_detail *p = &c->partial[b];
        if (p->worst_row > row_error || (p->worst_row == row_error && p->row < row)) {
            row_error = p->worst_row;
            row = p->row;
        }
        if (p->worst_col > col_error || (p->worst_col == col_error && p->col < col)) {
            col_error = p->worst_col;
            col = p->col;
        }
    }
    check_worst(lds, &row_error, &row);
    check_worst(lds, &col_error, &col);
    if (threadIdx.x == 0) {
        detail->worst_row = row_error;
        detail->row = row;
        detail->worst_col = col_error;
        detail->col = col;
    }
}

__global__ void __launch_bounds__(CHECK_THREADS) check_finish(struct check_args a)
{
    HIP_DYNAMIC_SHARED(double, lds)
    const struct check_compare *c = (const struct check_compare *)a.table;
    finish_counts(c, c->detail->count);
    finish_first(c, (unsigned long long *)lds, c->detail->first);
    check_total(c, lds, c->detail->sum);
    finish_worst(c, lds, c->detail);
}
EXPORT_KERNEL(check_finish, struct check_args);
