#include "harness/gpu/check.h"

#include <math.h>
#include <string.h>

#include "harness/check/cell.h"
#include "refs/formats.h"

extern const struct kernel kernel_check_fill, kernel_check_poison, kernel_check_scan,
    kernel_check_checksum, kernel_check_judge_codes, kernel_check_judge_shifted,
    kernel_check_judge_exact, kernel_check_finish, kernel_check_rows, kernel_check_columns,
    kernel_check_worst_column;

enum { UNIT = 16, UNITS_EACH = 4 };

/* Of a comparison of codes: three streams at once are read faster by fewer blocks, on an H200. */
enum { CODE_BLOCKS = 792 };

/* --- Launches --- */

/* By `walkers` of each of at most `most` blocks; each walks UNITS_EACH units at least before there
 * is another block. */
static struct check_walk walk_over(uint64_t rows, uint64_t per_row, uint64_t walkers, uint32_t most)
{
    struct check_walk w = {.rows = per_row ? rows : 0, .per_row = per_row ? per_row : 1};
    const uint64_t blocks = w.rows * w.per_row / (walkers * UNITS_EACH) + 1;
    w.blocks = blocks < most ? (uint32_t)blocks : most;
    w.step_rows = w.blocks * walkers / w.per_row;
    w.step_units = w.blocks * walkers % w.per_row;
    return w;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void add_kernel(struct plan *plan, const struct kernel *kernel, uint32_t blocks, size_t n,
                       const void *table, void *result)
{
    const struct check_args args = {.table = table, .result = result};
    struct step *step =
        plan_kernel(plan, kernel, blocks, CHECK_THREADS, CHECK_LDS, &args, sizeof(args));
    step->grid[1] = (uint32_t)n;
}

/* --- Inputs --- */

static bool is_dense(const struct tensor *t)
{
    return t->stride == t->cols;
}

static size_t used_rows(const struct tensor *t)
{
    return t->rows - t->unused_rows;
}

void check_fill_entry(struct check_fill *f, const struct tensor *t, uint64_t seed, uint32_t stream,
                      void *device)
{
    const bool dense = is_dense(t), none = t->fill.kind == FILL_CUSTOM || !tensor_elements(t);
    const size_t size = dtype_bytes(t->dtype);
    *f = (struct check_fill){.out = device,
                             .row_bytes = (dense ? tensor_elements(t) : t->cols) * size,
                             .pitch = t->stride * size,
                             .seed = seed,
                             .range = (uint64_t)((int64_t)t->fill.high - t->fill.low) + 1,
                             .stream = stream,
                             .low = t->fill.low,
                             .high = t->fill.high,
                             .dtype = t->dtype,
                             .kind = t->fill.kind,
                             .straight = dense && !none && (uintptr_t)device % UNIT == 0};
    const uint64_t rows = dense ? 1 : used_rows(t);
    /* A row may start and end within a unit, and the last one may need random bits of another. */
    f->walk = walk_over(none ? 0 : rows, f->row_bytes / CHECK_FILL_BYTES + 2, CHECK_FILL_WALKERS,
                        CHECK_MAX_BLOCKS);
}

void check_fill_plan(struct plan *plan, const struct check_fill *host, size_t n, const void *table)
{
    uint32_t blocks = 1;
    for (size_t i = 0; i < n; i++)
        blocks = larger(blocks, host[i].walk.blocks);
    if (n)
        add_kernel(plan, &kernel_check_fill, blocks, n, table, NULL);
}

/* --- Bytes --- */

/* A row of units at aligned addresses has a partial one at either end. */
static void make_region(struct check_region *r, void *device, size_t rows, size_t row_bytes,
                        size_t pitch)
{
    *r = (struct check_region){
        .at = device, .row_bytes = row_bytes, .pitch = pitch, .period = 4, .word = 0};
    r->walk =
        walk_over(row_bytes ? rows : 0, row_bytes / UNIT + 2, CHECK_THREADS, CHECK_MAX_BLOCKS);
}

void check_region_rows(struct check_region *r, const struct tensor *t, void *device)
{
    const size_t size = dtype_bytes(t->dtype);
    if (is_dense(t))
        make_region(r, device, 1, tensor_elements(t) * size, 0);
    else
        make_region(r, device, used_rows(t), t->cols * size, t->stride * size);
}

size_t check_region_gaps(struct check_region out[2], const struct tensor *t, void *device)
{
    const size_t size = dtype_bytes(t->dtype), used = used_rows(t);
    unsigned char *start = device;
    size_t bytes, n = 0;
    if (!tensor_bytes(t, &bytes) || !bytes)
        return 0;
    if (used > 1 && t->stride > t->cols)
        make_region(&out[n++], start + t->cols * size, used - 1, (t->stride - t->cols) * size,
                    t->stride * size);
    if (t->unused_rows) {
        const size_t end = used ? ((used - 1) * t->stride + t->cols) * size : 0;
        make_region(&out[n++], start + end, 1, bytes - end, 0);
    }
    return n;
}

void check_region_range(struct check_region *r, void *device, size_t bytes)
{
    make_region(r, device, 1, bytes, 0);
}

void check_region_poison(struct check_region *r, uint32_t bits, size_t size)
{
    if (size == 1)
        bits = (bits & 255) * 0x0101u;
    r->word = size < 4 ? (bits & 0xffff) * 0x00010001u : bits;
    r->period = 4;
    r->pattern = NULL;
}

void check_region_pattern(struct check_region *r, const void *device, uint32_t period)
{
    r->pattern = device;
    r->period = period;
}

void check_region_fold(struct check_region *r, enum dtype type)
{
    r->fold_size = (uint32_t)dtype_bytes(type);
    r->fold_from = dtype_poison(type, 1);
    r->fold_to = dtype_poison(type, 0);
}

/* A block that is alone with its entry writes all of the result; several add to it. */
static void clear_results(struct plan *plan, uint32_t blocks, void *results, size_t bytes)
{
    if (blocks > 1)
        plan_memset(plan, results, 0, bytes);
}

static uint32_t region_blocks(const struct check_region *host, size_t n)
{
    uint32_t blocks = 1;
    for (size_t i = 0; i < n; i++)
        blocks = larger(blocks, host[i].walk.blocks);
    return blocks;
}

void check_poison_plan(struct plan *plan, const struct check_region *host, size_t n,
                       const void *table)
{
    if (n)
        add_kernel(plan, &kernel_check_poison, region_blocks(host, n), n, table, NULL);
}

void check_scan_plan(struct plan *plan, const struct check_region *host, size_t n,
                     const void *table, void *results)
{
    const uint32_t blocks = region_blocks(host, n);
    if (!n)
        return;
    clear_results(plan, blocks, results, n * sizeof(struct check_scan));
    add_kernel(plan, &kernel_check_scan, blocks, n, table, results);
}

bool check_scan_clean(const struct check_scan *result, struct check_found *found)
{
    const uint64_t first = ~result->first;
    *found = (struct check_found){.count = result->count};
    if (!result->count)
        return true;
    found->offset = first >> 16;
    found->expected = (uint8_t)(first >> 8);
    found->found = (uint8_t)first;
    return false;
}

void check_checksum_plan(struct plan *plan, const struct check_region *host, size_t n,
                         const void *table, void *results)
{
    const uint32_t blocks = region_blocks(host, n);
    if (!n)
        return;
    clear_results(plan, blocks, results, n * sizeof(uint64_t));
    add_kernel(plan, &kernel_check_checksum, blocks, n, table, results);
}

/* --- Outputs --- */

/* Of all blocks, and of the whole. */
static size_t detail_bytes(void)
{
    return (CHECK_MAX_BLOCKS + 1) * sizeof(struct check_detail);
}

/* Slabs of rows whose columns are summed apart; 1: no sums are kept. */
static uint64_t count_slabs(const struct tensor *t)
{
    const uint64_t rows = used_rows(t), most = t->cols ? CHECK_COLUMN_SUMS / t->cols : 0;
    const uint64_t slabs = rows < most ? rows : most;
    return slabs ? slabs : 1;
}

size_t check_workspace(const struct tensor *t)
{
    const uint64_t slabs = count_slabs(t);
    return detail_bytes() + (slabs > 1 ? slabs * t->cols * 2 * sizeof(double) : 0);
}

/* The bits that make a value differ from zero: not the sign, where there is a negative zero. */
static uint32_t zero_mask(enum dtype type)
{
    static const uint32_t without_sign[DTYPE_COUNT] = {
        [DTYPE_F32] = 0x7FFFFFFFu, [DTYPE_BF16] = 0x7FFFu, [DTYPE_F16] = 0x7FFFu,
        [DTYPE_E4M3FN] = 0x7Fu,    [DTYPE_E5M2] = 0x7Fu,   [DTYPE_E2M1X2] = 0x77u,
    };
    const uint32_t all = dtype_bytes(type) == 4 ? UINT32_MAX : (1u << 8 * dtype_bytes(type)) - 1;
    return without_sign[type] ? without_sign[type] : all;
}

static void set_policy(struct check_compare *c, const struct tensor *t)
{
    void *reference[1] = {NULL};
    const struct ref_io ref = {.tensor = t, .out = reference};
    struct cells cells;
    cells_init(&cells, &(struct compare_input){.tensor = t, .ref = &ref});
    c->policy = t->policy.kind;
    c->exact = t->policy.kind == POLICY_BOUND;
    c->poison[0] = cells.poison[0];
    c->poison[1] = cells.poison[1];
    c->reference_poison = format_double_bits(ref_poison());
    c->zero_mask = zero_mask(t->dtype);
    c->survey = t->policy.min_nonzero > 0;
    c->ulp = t->policy.ulp;
    c->relative = t->policy.relative;
    c->absolute = t->policy.absolute;
    c->min_normal = cells.min_normal;
    c->half_unit = cells.half_unit;
    c->inf_from = cells.inf_from;
}

/* Of the walk's rows. Where there is one row, the pitch is of no matter. */
static bool is_aligned(const struct check_compare *c)
{
    const uint64_t starts = (uintptr_t)c->first | (uintptr_t)c->second | (uintptr_t)c->reference;
    const uint64_t reference_pitch = c->walk_cols * (c->exact ? sizeof(double) : c->size);
    const uint64_t pitches = c->first_pitch | c->second_pitch | reference_pitch;
    return starts % UNIT == 0 && (c->walk.rows <= 1 || pitches % UNIT == 0);
}

static bool are_together(const struct check_compare *c)
{
    return ((uintptr_t)c->first - (uintptr_t)c->second) % UNIT == 0 &&
           (c->walk.rows <= 1 || (c->first_pitch - c->second_pitch) % UNIT == 0);
}

static void set_walk(struct check_compare *c, const struct tensor *t, const struct check_outputs *o)
{
    const bool dense = o->first_stride == t->cols && (!o->second || o->second_stride == t->cols);
    c->walk_cols = dense ? tensor_elements(t) : t->cols;
    while (c->exact && c->lanes < CHECK_THREADS && c->lanes * CHECK_EXACT < c->walk_cols)
        c->lanes *= 2;
    const uint64_t rows = c->walk_cols ? (dense ? 1 : c->rows) : 0;
    const uint64_t together = (uint64_t)c->lanes * CHECK_EXACT;
    const uint64_t per_row =
        c->exact ? (c->walk_cols + together - 1) / together : c->walk_cols * c->size / UNIT + 2;
    c->walk = walk_over(rows, per_row, CHECK_THREADS / c->lanes,
                        c->exact ? CHECK_MAX_BLOCKS : CODE_BLOCKS);
}

void check_compare_entry(struct check_compare *c, const struct tensor *t,
                         const struct check_outputs *o)
{
    const size_t size = dtype_bytes(t->dtype);
    *c = (struct check_compare){.first = o->first,
                                .second = o->second,
                                .reference = o->reference,
                                .first_pitch = o->first_stride * size,
                                .second_pitch = o->second_stride * size,
                                .rows = used_rows(t),
                                .cols = t->cols,
                                .dtype = t->dtype,
                                .size = (uint32_t)size,
                                .row_lanes = 1,
                                .lanes = 1,
                                .slabs = count_slabs(t),
                                .partial = o->workspace};
    c->detail = c->partial + CHECK_MAX_BLOCKS;
    c->column = (double *)((unsigned char *)o->workspace + detail_bytes());
    c->slab_rows = (c->rows + c->slabs - 1) / c->slabs;
    set_policy(c, t);
    while (c->row_lanes < CHECK_THREADS && c->row_lanes * 4 < c->cols)
        c->row_lanes *= 2;
    set_walk(c, t, o);
    c->aligned = is_aligned(c);
    c->together = !c->second || are_together(c);
}

static uint32_t compare_blocks(const struct check_compare *host, size_t n)
{
    uint32_t blocks = 1;
    for (size_t i = 0; i < n; i++)
        blocks = larger(blocks, host[i].walk.blocks);
    return blocks;
}

/* One launch for `n` entries of one kind. */
static void add_judge(struct plan *plan, const struct check_compare *host, size_t n,
                      const struct check_compare *table, void *results)
{
    const struct kernel *judge = &kernel_check_judge_codes;
    if (!n)
        return;
    for (size_t i = 0; i < n; i++)
        if (!host[i].aligned)
            judge = &kernel_check_judge_shifted;
    if (host->exact)
        judge = &kernel_check_judge_exact;
    add_kernel(plan, judge, compare_blocks(host, n), n, table, results);
}

size_t check_results_bytes(const struct check_compare *host, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += host[i].exact ? sizeof(struct check_exact_result) : sizeof(struct check_result);
    return bytes;
}

void check_compare_plan(struct plan *plan, const struct check_compare *host, size_t n,
                        const void *table, void *results)
{
    const struct check_compare *entry = table;
    size_t exact = 0;
    while (exact < n && host[exact].exact)
        exact++;
    clear_results(plan, compare_blocks(host, n), results, check_results_bytes(host, n));
    add_judge(plan, host, exact, entry, results);
    add_judge(plan, host + exact, n - exact, entry + exact,
              (unsigned char *)results + check_results_bytes(host, exact));
}

void check_detail_plan(struct plan *plan, const struct check_compare *host, size_t i,
                       const void *table)
{
    const struct check_compare *c = &host[i];
    const struct check_compare *entry = (const struct check_compare *)table + i;
    add_kernel(plan, &kernel_check_rows, c->walk.blocks, 1, entry, NULL);
    if (c->slabs > 1) {
        const uint64_t blocks = (c->slabs * c->cols + CHECK_THREADS - 1) / CHECK_THREADS;
        add_kernel(plan, &kernel_check_columns, (uint32_t)blocks, 1, entry, NULL);
    }
    add_kernel(plan, &kernel_check_worst_column, c->walk.blocks, 1, entry, NULL);
    add_kernel(plan, &kernel_check_finish, 1, 1, entry, NULL);
}

const struct check_result *check_result(const void *results, const struct check_compare *host,
                                        size_t i)
{
    const unsigned char *at = (const unsigned char *)results + check_results_bytes(host, i);
    return (const struct check_result *)at;
}

bool check_done(const struct check_result *r, const struct check_compare *c)
{
    return r->done == c->walk.blocks;
}

static bool decode_place(unsigned long long place, uint64_t *element, enum check_count *kind)
{
    *element = place >> 3;
    *kind = place & 7;
    return place != CHECK_NOWHERE;
}

bool check_first(const struct check_result *r, uint64_t *element, enum check_count *kind)
{
    return decode_place(~r->first, element, kind);
}

bool check_place(const struct check_detail *d, size_t i, uint64_t *element, enum check_count *kind)
{
    return decode_place(i < CHECK_FIRST ? d->first[i] : CHECK_NOWHERE, element, kind);
}

static void sums_metrics(const double sum[CHECK_SUMS], struct compare_metrics *m)
{
    const double want2 = sum[CHECK_WANT2], diff2 = sum[CHECK_DIFF2];
    /* Two roots: the product of the squares could overflow. */
    const double norms = sqrt(sum[CHECK_GOT2]) * sqrt(want2);
    *m = (struct compare_metrics){.cosine = 1};
    if (diff2 == 0)
        return;
    m->cosine = norms > 0 ? fmax(-1, fmin(1, sum[CHECK_DOT] / norms)) : 0;
    m->relative = want2 > 0 ? sqrt(diff2 / want2) : 1;
}

void check_metrics(const struct check_result *r, const struct check_compare *c,
                   struct compare_metrics *m)
{
    static const double alike[CHECK_SUMS] = {0};
    sums_metrics(c->exact ? ((const struct check_exact_result *)r)->sum : alike, m);
}

void check_detail_metrics(const struct check_detail *d, struct compare_metrics *m)
{
    sums_metrics(d->sum, m);
    m->worst_row_relative = sqrt(d->worst_row);
    m->worst_col_relative = sqrt(d->worst_col);
    m->worst_row = d->row;
    m->worst_col = d->col;
}
