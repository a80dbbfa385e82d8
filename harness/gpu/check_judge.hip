/*
 * Every element of an output judged against a reference of its own dtype, by the rules of
 * harness/check/cell.c.
 */
#include "kernels/kernel.h"

#include "harness/gpu/check_judge.h"

enum { JUDGE_ALIGNED = 4 }; /* units in flight for each thread */

/* Codes of the dtype without sign, from Inf on; 0 when the type has none. */
static __device__ inline uint32_t judge_inf(uint32_t dtype)
{
    switch (dtype) {
    case DTYPE_F32:
        return 0x7F800000u;
    case DTYPE_BF16:
        return 0x7F80u;
    case DTYPE_F16:
        return 0x7C00u;
    case DTYPE_E5M2:
        return 0x7Cu;
    default:
        return 0;
    }
}

static __device__ inline uint32_t judge_sign(uint32_t size)
{
    return 1u << (8 * size - 1);
}

static __device__ inline bool judge_is_nan(const struct check_compare *c, uint32_t bits)
{
    const uint32_t magnitude = bits & (judge_sign(c->size) - 1), inf = judge_inf(c->dtype);
    if (inf)
        return magnitude > inf;
    if (c->dtype == DTYPE_E4M3FN)
        return magnitude == 0x7F;
    return (c->dtype == DTYPE_E4M3FNUZ && bits == 0x80) || (c->dtype == DTYPE_E8M0 && bits == 0xFF);
}

static __device__ inline int64_t judge_ordinal(const struct check_compare *c, uint32_t bits)
{
    const uint32_t sign = judge_sign(c->size);
    const int64_t magnitude = bits & (sign - 1);
    if (c->dtype == DTYPE_E8M0)
        return bits;
    return bits & sign ? -magnitude : magnitude;
}

static __device__ inline bool judge_near(const struct check_compare *c, uint32_t got, uint32_t want)
{
    const uint32_t inf = judge_inf(c->dtype), mask = judge_sign(c->size) - 1;
    const int64_t steps = judge_ordinal(c, got) - judge_ordinal(c, want);
    if (c->policy != POLICY_ULP || c->dtype >= DTYPE_E2M1X2 || judge_is_nan(c, got) ||
        judge_is_nan(c, want) || (inf && ((got & mask) == inf) != ((want & mask) == inf)))
        return false;
    return (double)(steps < 0 ? -steps : steps) <= c->ulp;
}

/* Of a code and its reference. The poison of a byte type is also a value that it may mean. */
static __device__ inline uint32_t judge_code(const struct check_compare *c, uint32_t d1,
                                             uint32_t d2, uint32_t e)
{
    const bool untouched = d1 == c->poison[0] && (!c->second || d2 == c->poison[1]);
    const bool nan = judge_is_nan(c, d1);
    if (e == c->poison[0]) {
        const bool meant = d1 == e || (c->size == 1 && nan && judge_is_nan(c, e));
        if (untouched)
            return CHECK_LEFT_ALONE;
        return meant && d1 == d2 ? JUDGE_RIGHT : CHECK_STRAY;
    }
    if (untouched)
        return CHECK_UNWRITTEN;
    if (d1 != d2)
        return CHECK_DIFFERS;
    return d1 == e || (nan && judge_is_nan(c, e)) || judge_near(c, d1, e) ? JUDGE_RIGHT
                                                                          : CHECK_WRONG;
}

/* Counts what 16 bytes have, all of which are right, `bytes` of them in the row. The others are
 * zero, which is no poison. */
static __device__ inline void judge_survey(const struct check_compare *c, struct judge_tally *t,
                                           const struct check_16 *e, uint32_t bytes)
{
    const uint32_t poison = check_repeat(c->poison[0], c->size);
    const uint32_t mask = check_repeat(c->zero_mask, c->size);
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t seen = check_nonzero(e->word[i] ^ poison, c->size);
        t->seen += (uint32_t)__popc(seen);
        t->nonzero += (uint32_t)__popc(seen & check_nonzero(e->word[i] & mask, c->size));
    }
    t->seen -= (16 - bytes) >> (c->size >> 1);
}

/* Whether some of 16 bytes are an element of poison. */
static __device__ inline bool judge_poison(const struct check_compare *c, const struct check_16 *v)
{
    const uint32_t poison = check_repeat(c->poison[0], c->size);
    uint32_t all = 0xffffffffu;
    for (uint32_t i = 0; i < 4; i++)
        all &= check_nonzero(v->word[i] ^ poison, c->size);
    return all != check_nonzero(0xffffffffu, c->size);
}

/* Whether all elements of a unit are right: the same thrice, and not left alone, which two equal
 * runs cannot be. */
static __device__ inline bool judge_right(const struct check_compare *c, struct judge_tally *t,
                                          const struct check_16 v[3], uint32_t bytes)
{
    if (!check_same(&v[0], &v[2]) || !check_same(&v[1], &v[2]) ||
        (!c->second && judge_poison(c, &v[2])))
        return false;
    if (c->survey)
        judge_survey(c, t, &v[2], bytes);
    return true;
}

/* Where the 16 bytes of a unit are, of which [begin, end) are in the row. Those of the first run
 * lie at an aligned address. */
struct judge_place {
    const unsigned char *at[3]; /* [1] is not read where there is no second run */
    uint64_t index;             /* of the element at `begin` */
    uint32_t begin, end;
};

static __device__ inline struct judge_place judge_place(const struct check_compare *c,
                                                        struct check_at at)
{
    const uint64_t row_bytes = c->walk_cols * c->size;
    const struct check_piece piece =
        check_piece((unsigned char *)c->first + at.row * c->first_pitch, row_bytes, at.unit, 16);
    struct judge_place p;
    p.at[0] = piece.unit;
    p.at[1] = c->second ? c->second + at.row * c->second_pitch + piece.offset : p.at[0];
    p.at[2] = c->reference + at.row * row_bytes + piece.offset;
    p.begin = piece.begin;
    p.end = at.row < c->walk.rows ? piece.end : piece.begin;
    p.index = at.row * c->walk_cols + ((piece.offset + piece.begin) >> (c->size >> 1));
    return p;
}

/* Judges a unit element by element. */
static __device__ inline void judge_unit(const struct check_compare *c, struct judge *j,
                                         struct judge_tally *t, struct check_at at)
{
    const struct judge_place p = judge_place(c, at);
    uint64_t index = p.index;
    for (uint32_t k = p.begin; k < p.end; k += c->size) {
        const uint32_t d1 = check_read(p.at[0] + k, c->size);
        const uint32_t d2 = check_read(p.at[1] + k, c->size);
        const uint32_t e = check_read(p.at[2] + k, c->size);
        judge_count(j, judge_code(c, d1, d2, e), index++);
        if (c->survey && e != c->poison[0]) {
            t->seen++;
            t->nonzero += (e & c->zero_mask) != 0;
        }
    }
}

/* Judges a few units at once and moves on. Bit k of the result: unit k needs a look at its
 * elements, because they differ or it is no whole unit. */
static __device__ inline uint32_t judge_aligned(const struct check_compare *c,
                                                struct judge_tally *t, struct check_at *at)
{
    struct check_16 v[JUDGE_ALIGNED][3];
    uint32_t bytes[JUDGE_ALIGNED], odd = 0;
    for (uint32_t k = 0; k < JUDGE_ALIGNED; k++) {
        const struct judge_place p = judge_place(c, *at);
        bytes[k] = p.end - p.begin;
        if (bytes[k] == 16)
            for (uint32_t i = 0; i < 3; i++)
                v[k][i] = check_load(p.at[i]);
        check_next(&c->walk, at);
    }
    for (uint32_t k = 0; k < JUDGE_ALIGNED; k++)
        if (bytes[k] && (bytes[k] < 16 || !judge_right(c, t, v[k], 16)))
            odd |= 1u << k;
    return odd;
}

/* Whether a unit that lies anyhow needs a look at its elements. */
static __device__ inline bool judge_shifted(const struct check_compare *c, struct judge_tally *t,
                                            struct check_at at)
{
    const struct judge_place p = judge_place(c, at);
    struct check_pair second, reference;
    struct check_16 v[3];
    if (p.begin == p.end)
        return false;
    v[0] = check_load(p.at[0]);
    if (c->together)
        v[1] = check_load(p.at[1]);
    else
        second = check_load_pair(p.at[1], p.begin, p.end);
    reference = check_load_pair(p.at[2], p.begin, p.end);
    if (!c->together)
        v[1] = check_join(&second, (uint32_t)(uintptr_t)p.at[1] & 15);
    v[2] = check_join(&reference, (uint32_t)(uintptr_t)p.at[2] & 15);
    for (uint32_t i = 0; i < 3 && p.end - p.begin < 16; i++)
        check_keep(&v[i], p.begin, p.end);
    return !judge_right(c, t, v, p.end - p.begin);
}

__global__ void __launch_bounds__(CHECK_THREADS) check_judge_codes(struct check_args a)
{
    HIP_DYNAMIC_SHARED(double, lds)
    const struct check_compare c = ((const struct check_compare *)a.table)[blockIdx.y];
    struct judge_tally t = judge_tally();
    struct judge j = judge_begin();
    if (blockIdx.x >= c.walk.blocks)
        return;
    for (struct check_at at = check_begin(&c.walk, check_thread()), look = at; at.row < c.walk.rows;
         look = at)
        for (uint32_t odd = judge_aligned(&c, &t, &at); odd; odd >>= 1) {
            if (odd & 1)
                judge_unit(&c, &j, &t, look);
            check_next(&c.walk, &look);
        }
    judge_end(&c, &j, &t, lds, (struct check_result *)a.result + blockIdx.y);
}
EXPORT_KERNEL(check_judge_codes, struct check_args);

/* Three blocks to a multiprocessor: it waits for loads more than it computes. */
__global__ void __launch_bounds__(CHECK_THREADS, 3) check_judge_shifted(struct check_args a)
{
    HIP_DYNAMIC_SHARED(double, lds)
    const struct check_compare c = ((const struct check_compare *)a.table)[blockIdx.y];
    struct judge_tally t = judge_tally();
    struct judge j = judge_begin();
    if (blockIdx.x >= c.walk.blocks)
        return;
    for (struct check_at at = check_begin(&c.walk, check_thread()); at.row < c.walk.rows;
         check_next(&c.walk, &at))
        if (judge_shifted(&c, &t, at))
            judge_unit(&c, &j, &t, at);
    judge_end(&c, &j, &t, lds, (struct check_result *)a.result + blockIdx.y);
}
EXPORT_KERNEL(check_judge_shifted, struct check_args);
