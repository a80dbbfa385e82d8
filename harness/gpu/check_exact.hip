/*
 * Every element of an output judged against exact values, by the rules of harness/check/cell.c.
 */
#include "kernels/kernel.h"

#include "harness/gpu/check_judge.h"

enum { JUDGE_WIDE = 2 }; /* units in flight for each thread */

static __device__ inline double judge_half_ulp(const struct check_compare *c, double x)
{
    const double binade = check_double(check_bits(x) & 0x7ff0000000000000u);
    return (binade > c->min_normal ? binade : c->min_normal) * c->half_unit;
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

static __device__ inline double judge_number(uint32_t dtype, uint32_t size, uint32_t bits)
{
    if (size == 4)
        return num_float(bits);
    if (size == 2)
        return dtype == DTYPE_BF16 ? num_bf16_decode((uint16_t)bits)
                                   : num_f16_decode((uint16_t)bits);
    return check_value(dtype, bits);
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

/* What every element adds to. Apart from struct judge, which a rarely taken call has the address of
 * and which is memory for that reason: this is to be registers, and so must be all functions that
 * take it inline. */
struct judge_tally {
    double sum[CHECK_SUMS];
    uint32_t seen, nonzero;
};

/* Whether an element needs a closer look. Most are near a finite reference, and so no poison, which
 * is a NaN in every type that has a bound. */
static __device__ __forceinline__ bool judge_exact(const struct check_compare *c,
                                                   struct judge_tally *t, double got, double e)
{
    const double bound = judge_half_ulp(c, e) + c->relative * check_magnitude(e) + c->absolute;
    if (!check_is_finite(e) || !check_is_finite(got)) {
        const uint32_t seen = check_bits(e) != c->reference_poison;
        t->seen += seen;
        t->nonzero += seen && check_magnitude(e) != 0;
        return true;
    }
    t->seen++;
    t->nonzero += e != 0;
    check_sums(t->sum, got, e);
    return !(check_magnitude(got - e) <= bound);
}

/* Elements [col, col + count) of a row of the walk. */
struct judge_run {
    const unsigned char *first, *second;
    const double *reference;
    uint64_t index;
    uint32_t count;
};

static __device__ inline struct judge_run judge_run(const struct check_compare *c,
                                                    struct check_at at)
{
    const uint64_t col = at.unit * CHECK_EXACT, left = c->walk_cols - col;
    struct judge_run r;
    r.index = at.row * c->walk_cols + col;
    r.first = c->first + at.row * c->first_pitch + col * c->size;
    r.second = c->second ? c->second + at.row * c->second_pitch + col * c->size : r.first;
    r.reference = (const double *)c->reference + r.index;
    r.count = left < CHECK_EXACT ? (uint32_t)left : CHECK_EXACT;
    if (at.row >= c->walk.rows)
        r.count = 0;
    return r;
}

static __device__ inline void judge_look(const struct check_compare *c, struct judge *j,
                                         const struct judge_run *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        judge_count(j,
                    judge_kind(c, check_read(r->first + i * c->size, c->size),
                               check_read(r->second + i * c->size, c->size), r->reference[i]),
                    r->index + i);
}

/* A unit as it is loaded. */
struct judge_raw {
    struct check_16 low, high; /* of the reference */
    uint32_t first[CHECK_EXACT], second[CHECK_EXACT];
};

/* `size`, here and below, is a constant in each call. */
static __device__ inline void judge_load_codes(const unsigned char *at, uint32_t size,
                                               uint32_t word[CHECK_EXACT])
{
    if (size == 4) {
        const struct check_16 v = check_load(at);
        CHECK_UNROLL
        for (uint32_t i = 0; i < CHECK_EXACT; i++)
            word[i] = v.word[i];
    } else if (size == 2) {
        const uint2 v = *(const uint2 *)at;
        word[0] = v.x;
        word[1] = v.y;
    } else {
        word[0] = *(const uint32_t *)at;
    }
}

static __device__ inline uint32_t judge_raw_code(const uint32_t word[CHECK_EXACT], uint32_t size,
                                                 uint32_t i)
{
    if (size == 4)
        return word[i];
    return size == 2 ? (word[i / 2] >> (16 * (i % 2))) & 0xffff : (word[0] >> (8 * i)) & 255;
}

static __device__ inline double judge_raw_double(const struct judge_raw *raw, uint32_t i)
{
    const struct check_16 *v = i < 2 ? &raw->low : &raw->high;
    return check_double((uint64_t)v->word[i % 2 * 2 + 1] << 32 | v->word[i % 2 * 2]);
}

/* Units at addresses that are multiples of their size. Bit k of the result: unit k needs a look at
 * its elements, or has fewer than it should and was not summed. Moves on. */
static __device__ __forceinline__ uint32_t judge_wide(const struct check_compare *c,
                                                      struct judge_tally *t, uint32_t size,
                                                      struct check_at *at)
{
    struct judge_raw raw[JUDGE_WIDE];
    uint32_t count[JUDGE_WIDE], odd = 0;
    CHECK_UNROLL
    for (uint32_t k = 0; k < JUDGE_WIDE; k++) {
        const struct judge_run r = judge_run(c, *at);
        count[k] = r.count;
        if (r.count == CHECK_EXACT) {
            raw[k].low = check_load((const unsigned char *)r.reference);
            raw[k].high = check_load((const unsigned char *)(r.reference + 2));
            judge_load_codes(r.first, size, raw[k].first);
            judge_load_codes(r.second, size, raw[k].second);
        }
        check_next(&c->walk, at);
    }
    CHECK_UNROLL
    for (uint32_t k = 0; k < JUDGE_WIDE; k++) {
        if (count[k] < CHECK_EXACT) {
            odd |= (uint32_t)(count[k] > 0) << k;
            continue;
        }
        CHECK_UNROLL
        for (uint32_t i = 0; i < CHECK_EXACT; i++) {
            const uint32_t d1 = judge_raw_code(raw[k].first, size, i);
            const double got = judge_number(c->dtype, size, d1);
            const bool far = judge_exact(c, t, got, judge_raw_double(&raw[k], i));
            odd |= (uint32_t)(far || d1 != judge_raw_code(raw[k].second, size, i)) << k;
        }
    }
    return odd;
}

/* The elements of a unit one by one. */
static __device__ __forceinline__ void judge_narrow(const struct check_compare *c, struct judge *j,
                                                    struct judge_tally *t,
                                                    const struct judge_run *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        const uint32_t d1 = check_read(r->first + i * c->size, c->size);
        judge_exact(c, t, check_value(c->dtype, d1), r->reference[i]);
    }
    judge_look(c, j, r);
}

static __device__ __forceinline__ void judge_anyhow(const struct check_compare *c, struct judge *j,
                                                    struct judge_tally *t)
{
    for (struct check_at at = check_begin(&c->walk); at.row < c->walk.rows;
         check_next(&c->walk, &at)) {
        const struct judge_run r = judge_run(c, at);
        judge_narrow(c, j, t, &r);
    }
}

static __device__ __forceinline__ void judge_all(const struct check_compare *c, struct judge *j,
                                                 struct judge_tally *t, uint32_t size)
{
    for (struct check_at at = check_begin(&c->walk), look = at; at.row < c->walk.rows; look = at) {
        for (uint32_t odd = judge_wide(c, t, size, &at); odd; odd >>= 1) {
            const struct judge_run r = judge_run(c, look);
            if (odd & 1 && r.count == CHECK_EXACT)
                judge_look(c, j, &r);
            else if (odd & 1)
                judge_narrow(c, j, t, &r);
            check_next(&c->walk, &look);
        }
    }
}

__global__ void __launch_bounds__(CHECK_THREADS) check_judge_exact(struct check_args a)
{
    HIP_DYNAMIC_SHARED(double, lds)
    const struct check_compare c = ((const struct check_compare *)a.table)[blockIdx.y];
    struct judge_tally t = {{0, 0, 0, 0}, 0, 0};
    struct judge j = judge_begin();
    if (blockIdx.x >= c.walk.blocks)
        return;
    if (!c.aligned)
        judge_anyhow(&c, &j, &t);
    else if (c.size == 4)
        judge_all(&c, &j, &t, 4);
    else if (c.size == 2)
        judge_all(&c, &j, &t, 2);
    else
        judge_all(&c, &j, &t, 1);
    j.count[CHECK_SEEN] = c.survey ? t.seen : 0;
    j.count[CHECK_NONZERO] = c.survey ? t.nonzero : 0;
    for (uint32_t i = 0; i < CHECK_SUMS; i++)
        j.sum[i] = t.sum[i];
    judge_end(&c, &j, lds, (struct check_result *)a.result + blockIdx.y);
}
EXPORT_KERNEL(check_judge_exact, struct check_args);
