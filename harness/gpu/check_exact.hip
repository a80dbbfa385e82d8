/*
 * Every element of an output judged against exact values, by the rules of harness/check/cell.c.
 */
#include "kernels/kernel.h"

#include "harness/gpu/check_judge.h"

/* Half a unit in the last place of a finite number: powers of two all, of which only the upper
 * words count. */
static __device__ inline double judge_half_ulp(const struct check_compare *c, double x)
{
    const uint32_t least = (uint32_t)(check_bits(c->min_normal) >> 32);
    const uint32_t binade = (uint32_t)(check_bits(x) >> 32) & 0x7ff00000u;
    const uint32_t shift = 0x3ff00000u - (uint32_t)(check_bits(c->half_unit) >> 32);
    return check_double((uint64_t)((binade > least ? binade : least) - shift) << 32);
}

static __device__ inline bool judge_bound(const struct check_compare *c, double got, double e)
{
    if (check_is_nan(e) || check_is_nan(got))
        return check_is_nan(e) && check_is_nan(got);
    if (check_is_inf(e))
        return got == e;
    const double half = judge_half_ulp(c, e), magnitude = check_magnitude(e);
    const double bound = half + c->relative * magnitude + c->absolute;
    if (check_is_inf(got))
        return check_bits(got) >> 63 == check_bits(e) >> 63 &&
               magnitude + (bound - half) >= c->inf_from;
    return check_magnitude(got - e) <= bound;
}

static __device__ inline uint32_t judge_kind(const struct check_compare *c, uint32_t d1,
                                             uint32_t d2, double e)
{
    const bool untouched = d1 == c->poison[0] && (!c->second || d2 == c->poison[1]);
    if (check_bits(e) == c->reference_poison)
        return untouched ? CHECK_LEFT_ALONE : CHECK_STRAY;
    if (untouched)
        return CHECK_UNWRITTEN;
    if (d1 != d2)
        return CHECK_DIFFERS;
    return judge_bound(c, check_value(c->dtype, d1), e) ? JUDGE_RIGHT : CHECK_WRONG;
}

/* The value of a code, of which only numbers count: a NaN is one, whatever its bits. */
static __device__ inline double judge_number(uint32_t dtype, uint32_t code)
{
#if defined(__CUDACC__)
    float number;
    if (dtype == DTYPE_F16) {
        asm("cvt.f32.f16 %0, %1;" : "=f"(number) : "h"((uint16_t)code));
        return number;
    }
#endif
    return check_value(dtype, code);
}

/* Whether an element needs a closer look. Most are within half an ulp of a finite reference, and so
 * no poison, which is a NaN in every type that has a bound. */
static __device__ __forceinline__ bool judge_exact(const struct check_compare *c,
                                                   struct judge_tally *t, double got, double e)
{
    if (!check_is_finite(e) || !check_is_finite(got)) {
        const bool left = check_bits(e) == c->reference_poison;
        t->seen -= left;
        t->nonzero += !left && check_magnitude(e) != 0;
        return true;
    }
    const double off = check_magnitude(got - e), half = judge_half_ulp(c, e);
    t->nonzero += check_bits(e) << 1 != 0;
    check_sums(t->sum, got, e);
    return !(off <= half) && !(off <= half + c->relative * check_magnitude(e) + c->absolute);
}

/* Some elements of a row, `lanes` apart. */
struct judge_run {
    const unsigned char *first, *second;
    const double *reference;
    uint64_t index; /* of the first one */
    uint32_t left;  /* columns from the first one to the end of the row, or more than there are */
};

static __device__ inline struct judge_run judge_run(const struct check_compare *c,
                                                    struct check_at at)
{
    const uint64_t col = at.unit * (CHECK_EXACT * c->lanes) + threadIdx.x % c->lanes;
    struct judge_run r;
    r.index = at.row * c->walk_cols + col;
    r.first = c->first + at.row * c->first_pitch + col * c->size;
    r.second = c->second ? c->second + at.row * c->second_pitch + col * c->size : r.first;
    r.reference = (const double *)c->reference + r.index;
    r.left = 0;
    if (at.row < c->walk.rows && col < c->walk_cols)
        r.left = c->walk_cols - col < CHECK_EXACT * CHECK_THREADS ? (uint32_t)(c->walk_cols - col)
                                                                  : CHECK_EXACT * CHECK_THREADS;
    return r;
}

/* Judges elements. Bit k of the result: the one k * lanes behind the first needs a closer look. An
 * element behind the end of the row is zero and counts for nothing. `dtype`, here and below, is a
 * constant in each call. */
static __device__ __forceinline__ uint32_t judge_few(const struct check_compare *c,
                                                     struct judge_tally *t, uint32_t dtype,
                                                     uint32_t size, const struct judge_run *r)
{
    uint32_t first[CHECK_EXACT], second[CHECK_EXACT], odd = 0;
    double e[CHECK_EXACT];
    CHECK_UNROLL
    for (uint32_t k = 0; k < CHECK_EXACT; k++) {
        const uint32_t behind = k * c->lanes;
        first[k] = second[k] = 0;
        e[k] = 0;
        if (behind >= r->left)
            continue;
        e[k] = r->reference[behind];
        first[k] = check_read(r->first + behind * size, size);
        second[k] = check_read(r->second + behind * size, size);
        t->seen++;
    }
    CHECK_UNROLL
    for (uint32_t k = 0; k < CHECK_EXACT; k++) {
        const bool far = judge_exact(c, t, judge_number(dtype, first[k]), e[k]);
        odd |= (uint32_t)(far || first[k] != second[k]) << k;
    }
    return odd;
}

static __device__ __forceinline__ void judge_all(const struct check_compare *c, struct judge *j,
                                                 struct judge_tally *t, uint32_t dtype,
                                                 uint32_t size)
{
    for (struct check_at at = check_begin(&c->walk, check_thread() / c->lanes);
         at.row < c->walk.rows; check_next(&c->walk, &at)) {
        const struct judge_run r = judge_run(c, at);
        uint32_t odd = judge_few(c, t, dtype, size, &r);
        for (uint32_t behind = 0; odd; odd >>= 1, behind += c->lanes)
            if (odd & 1)
                judge_count(j,
                            judge_kind(c, check_read(r.first + behind * size, size),
                                       check_read(r.second + behind * size, size),
                                       r.reference[behind]),
                            r.index + behind);
    }
}

/* Leaves the block's part of the sums. */
static __device__ inline void judge_sums(const struct check_compare *c, struct judge_tally *t,
                                         double *lds)
{
    check_tree(lds, CHECK_THREADS, t->sum);
    for (uint32_t i = 0; i < CHECK_SUMS && threadIdx.x == 0; i++)
        c->partial[blockIdx.x].sum[i] = t->sum[i];
}

/* Four blocks to a multiprocessor: it waits for loads more than it computes. */
__global__ void __launch_bounds__(CHECK_THREADS, 4) check_judge_exact(struct check_args a)
{
    HIP_DYNAMIC_SHARED(double, lds)
    const struct check_compare c = ((const struct check_compare *)a.table)[blockIdx.y];
    struct judge_tally t = judge_tally();
    struct judge j = judge_begin();
    if (blockIdx.x >= c.walk.blocks)
        return;
    if (c.dtype == DTYPE_F32)
        judge_all(&c, &j, &t, DTYPE_F32, 4);
    else if (c.dtype == DTYPE_BF16)
        judge_all(&c, &j, &t, DTYPE_BF16, 2);
    else if (c.dtype == DTYPE_F16)
        judge_all(&c, &j, &t, DTYPE_F16, 2);
    else
        judge_all(&c, &j, &t, c.dtype, 1);
    judge_sums(&c, &t, lds);
    struct check_exact_result *exact = (struct check_exact_result *)a.result + blockIdx.y;
    if (judge_end(&c, &j, &t, lds, &exact->result))
        check_total(&c, lds, exact->sum);
}
EXPORT_KERNEL(check_judge_exact, struct check_args);
