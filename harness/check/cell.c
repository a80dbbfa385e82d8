#include "harness/check/cell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/check/lanes.h"
#include "refs/formats.h"

/* "poison" behind the exponent of a quiet NaN: no arithmetic gives this payload. */
static const uint64_t ref_poison_bits = 0x7FF8706F69736F6Eu;

double ref_poison(void)
{
    return format_double_of(ref_poison_bits);
}

bool ref_is_poison(double x)
{
    return format_double_bits(x) == ref_poison_bits;
}

size_t ref_element_bytes(const struct tensor *t)
{
    return t->policy.kind == POLICY_BOUND ? sizeof(double) : dtype_bytes(t->dtype);
}

void ref_start(const struct tensor *t, void *out, size_t elements)
{
    const double poison = ref_poison();
    const uint32_t bits = dtype_poison(t->dtype, 0);

    if (t->policy.kind == POLICY_BOUND)
        for (size_t i = 0; i < elements; i++)
            memcpy((char *)out + i * sizeof poison, &poison, sizeof poison);
    else if (dtype_bytes(t->dtype) == 1)
        memset(out, (int)bits, elements);
    else
        for (size_t i = 0; i < elements; i++)
            dtype_store(t->dtype, out, i, bits);
}

static const struct format *float_format(enum dtype type)
{
    static const int ids[DTYPE_COUNT] = {
        [DTYPE_F32] = FORMAT_F32,           [DTYPE_BF16] = FORMAT_BF16,
        [DTYPE_F16] = FORMAT_F16,           [DTYPE_E4M3FN] = FORMAT_FP8_FN,
        [DTYPE_E4M3FNUZ] = FORMAT_FP8_FNUZ, [DTYPE_E5M2] = FORMAT_E5M2,
    };
    if (type > DTYPE_E5M2)
        abort(); /* the operator declared a bound for a type that has no such rounding */
    return &formats[ids[type]];
}

void cells_init(struct cells *c, const struct compare_input *in)
{
    const struct tensor *t = &in->tensor[in->index];

    *c = (struct cells){
        .in = in,
        .tensor = t,
        .first = in->first,
        .second = in->second,
        .reference = in->ref->out[in->index],
        .count = tensor_elements(t),
        .poison = {dtype_poison(t->dtype, 0), dtype_poison(t->dtype, 1)},
    };
    if (t->policy.kind != POLICY_BOUND)
        return;
    const struct format *format = float_format(t->dtype);
    c->exact = c->reference;
    c->min_normal = format->min_normal;
    c->half_unit = ldexp(0.5, -format->mantissa_bits);
    c->inf_from = (format->max_finite + format->overflow) / 2;
}

/* The exponent of a double. */
#define BINADE INT64_C(0x7FF0000000000000)

/* The power of two at or below |x|. */
static inline double binade(double x)
{
    return format_double_of(format_double_bits(x) & BINADE);
}

static double half_ulp(const struct cells *c, double x)
{
    return fmax(binade(x), c->min_normal) * c->half_unit;
}

double cells_bound(const struct cells *c, size_t at)
{
    const struct policy *p = &c->tensor->policy;
    const double e = c->exact[at];

    return half_ulp(c, e) + p->relative * fabs(e) + p->absolute;
}

double cells_expected(const struct cells *c, size_t at)
{
    if (c->exact)
        return c->exact[at];
    return dtype_value(c->tensor->dtype, dtype_load(c->tensor->dtype, c->reference, at));
}

bool cells_poisoned(const struct cells *c, size_t at)
{
    if (c->exact)
        return ref_is_poison(c->exact[at]);
    return dtype_load(c->tensor->dtype, c->reference, at) == c->poison[0];
}

/* Position of a code among all values of its type; both zeros are 0. */
static int64_t ordinal(enum dtype type, uint32_t bits)
{
    if (type == DTYPE_E8M0)
        return bits;
    const uint32_t sign = 1u << (8 * dtype_bytes(type) - 1);
    const int64_t magnitude = bits & (sign - 1);
    return bits & sign ? -magnitude : magnitude;
}

static bool is_float_code(enum dtype type)
{
    return dtype_is_float(type) && type != DTYPE_E2M1X2;
}

int64_t cells_steps(enum dtype type, uint32_t a, uint32_t b)
{
    if (!is_float_code(type))
        return -1;
    const double x = dtype_value(type, a), y = dtype_value(type, b);
    if (isnan(x) || isnan(y) || isinf(x) != isinf(y))
        return -1;
    return llabs(ordinal(type, a) - ordinal(type, b));
}

static bool both_nan(enum dtype type, uint32_t a, uint32_t b)
{
    return is_float_code(type) && isnan(dtype_value(type, a)) && isnan(dtype_value(type, b));
}

/* A result past the largest value rounds to infinity, and rightly so where the exact result may
 * have been that large. */
static bool agree_bound(const struct cells *c, double got, size_t at)
{
    const double e = c->exact[at];

    if (isnan(e) || isnan(got))
        return isnan(e) && isnan(got);
    if (isinf(e))
        return got == e;
    const double bound = cells_bound(c, at);
    if (isinf(got))
        return signbit(got) == signbit(e) && fabs(e) + (bound - half_ulp(c, e)) >= c->inf_from;
    return fabs(got - e) <= bound;
}

bool cells_agree(const struct cells *c, uint32_t got, size_t at)
{
    const enum dtype type = c->tensor->dtype;

    if (c->exact)
        return agree_bound(c, dtype_value(type, got), at);
    const uint32_t want = dtype_load(type, c->reference, at);
    if (got == want || both_nan(type, got, want))
        return true;
    if (c->tensor->policy.kind != POLICY_ULP)
        return false;
    const int64_t steps = cells_steps(type, got, want);
    return steps >= 0 && (double)steps <= c->tensor->policy.ulp;
}

static bool accepted(const struct cells *c, uint32_t got, size_t at)
{
    const struct compare_input *in = c->in;
    const struct op *op = in->kase->op;
    const size_t cols = c->tensor->cols;

    return c->tensor->policy.kind == POLICY_CODE && op->accept &&
           op->accept(in->kase, in->ref, in->device_out, in->index, at / cols, at % cols, got);
}

/* The poison of a byte type is also a value that the reference may mean: then the same result in
 * both runs is right too, any NaN for a NaN. */
static bool wrote_the_poison(const struct cells *c, uint32_t got, bool repeats)
{
    const enum dtype type = c->tensor->dtype;

    return repeats && !c->exact &&
           (got == c->poison[0] || (dtype_bytes(type) == 1 && both_nan(type, got, c->poison[0])));
}

enum cell cells_judge(const struct cells *c, size_t at)
{
    const struct compare_input *in = c->in;
    const struct tensor *t = c->tensor;
    const struct op *op = in->kase->op;

    if (op->dont_care && op->dont_care(in->kase, in->tensor, in->index, at / t->cols, at % t->cols))
        return CELL_SKIPPED;
    const uint32_t d1 = dtype_load(t->dtype, c->first, at);
    const uint32_t d2 = c->second ? dtype_load(t->dtype, c->second, at) : d1;
    const bool untouched = d1 == c->poison[0] && (!c->second || d2 == c->poison[1]);
    if (cells_poisoned(c, at)) {
        if (untouched)
            return CELL_LEFT_ALONE;
        return wrote_the_poison(c, d1, d1 == d2) ? CELL_RIGHT : CELL_STRAY;
    }
    if (untouched)
        return CELL_UNWRITTEN;
    if (d1 != d2)
        return CELL_DIFFERS;
    return cells_agree(c, d1, at) || accepted(c, d1, at) ? CELL_RIGHT : CELL_WRONG;
}

/* Whether the runs agree: equal, or each still shows its own poison. One per element size. */
#define DEFINE_REPEATS(NAME, TYPE)                                                                 \
    static bool NAME(const struct cells *c, size_t begin, size_t count)                            \
    {                                                                                              \
        const TYPE p1 = (TYPE)c->poison[0], p2 = (TYPE)c->poison[1];                               \
        TYPE a[DECODE_BLOCK] = {0}, b[DECODE_BLOCK] = {0};                                         \
        TYPE bad = 0;                                                                              \
        memcpy(a, (const TYPE *)c->first + begin, count * sizeof *a);                              \
        memcpy(b, (const TYPE *)c->second + begin, count * sizeof *b);                             \
        for (size_t i = 0; i < DECODE_BLOCK; i++)                                                  \
            bad |= (TYPE)((a[i] != b[i]) & ((a[i] != p1) | (b[i] != p2)));                         \
        return !bad;                                                                               \
    }
DEFINE_REPEATS(repeats_1, uint8_t)
DEFINE_REPEATS(repeats_2, uint16_t)
DEFINE_REPEATS(repeats_4, uint32_t)

static bool repeats(const struct cells *c, size_t begin, size_t count)
{
    const size_t size = dtype_bytes(c->tensor->dtype);

    if (!c->second || !memcmp((const char *)c->first + begin * size,
                              (const char *)c->second + begin * size, count * size))
        return true;
    return size == 1   ? repeats_1(c, begin, count)
           : size == 2 ? repeats_2(c, begin, count)
                       : repeats_4(c, begin, count);
}

/* Elements other than zero, and elements other than poison, of one block. Zeros are codes without a
 * bit of `mask`. */
#define DEFINE_SURVEY(NAME, TYPE)                                                                  \
    static void NAME(const TYPE *from, size_t count, TYPE mask, TYPE poison, size_t *nonzero,      \
                     size_t *seen)                                                                 \
    {                                                                                              \
        TYPE block[DECODE_BLOCK];                                                                  \
        unsigned full = 0, left = 0;                                                               \
        for (size_t i = count; i < DECODE_BLOCK; i++)                                              \
            block[i] = poison;                                                                     \
        memcpy(block, from, count * sizeof *block);                                                \
        for (size_t i = 0; i < DECODE_BLOCK; i++) {                                                \
            full += ((block[i] & mask) != 0) & (block[i] != poison);                               \
            left += block[i] == poison;                                                            \
        }                                                                                          \
        *nonzero += full;                                                                          \
        *seen += DECODE_BLOCK - left;                                                              \
    }
DEFINE_SURVEY(survey_1, uint8_t)
DEFINE_SURVEY(survey_2, uint16_t)
DEFINE_SURVEY(survey_4, uint32_t)
DEFINE_SURVEY(survey_8, uint64_t)

/* The bits that make a value differ from zero: not the sign, where there is a negative zero. */
static uint32_t nonzero_mask(enum dtype type)
{
    switch (type) {
    case DTYPE_F32:
        return 0x7FFFFFFFu;
    case DTYPE_BF16:
    case DTYPE_F16:
        return 0x7FFFu;
    case DTYPE_E4M3FN:
    case DTYPE_E5M2:
        return 0x7Fu;
    case DTYPE_E2M1X2:
        return 0x77u;
    default:
        return UINT32_MAX;
    }
}

void cells_survey(const struct cells *c, size_t begin, size_t count, size_t *nonzero, size_t *seen)
{
    const size_t size = c->exact ? sizeof(double) : dtype_bytes(c->tensor->dtype);
    const void *from = (const char *)c->reference + begin * size;
    const uint32_t mask = nonzero_mask(c->tensor->dtype), poison = c->poison[0];

    if (size == 8)
        survey_8(from, count, INT64_MAX, ref_poison_bits, nonzero, seen);
    else if (size == 4)
        survey_4(from, count, mask, poison, nonzero, seen);
    else if (size == 2)
        survey_2(from, count, (uint16_t)mask, (uint16_t)poison, nonzero, seen);
    else
        survey_1(from, count, (uint8_t)mask, (uint8_t)poison, nonzero, seen);
}

static bool within_bound(const struct cells *c, size_t begin, size_t count)
{
    const lanes relative = lanes_both(c->tensor->policy.relative);
    const lanes absolute = lanes_both(c->tensor->policy.absolute);
    const lanes half_unit = lanes_both(c->half_unit), least = lanes_both(c->min_normal);
    double got[DECODE_BLOCK], want[DECODE_BLOCK];
    lanes missed = {0};

    decode_block(c->tensor->dtype, c->first, begin, count, false, got);
    memcpy(want, c->exact + begin, count * sizeof *want);
    memset(want + count, 0, (DECODE_BLOCK - count) * sizeof *want);
    for (size_t i = 0; i < DECODE_BLOCK; i += 2) {
        const lanes e = lanes_load(want + i);
        const lanes low = (lanes)((lane_bits)e & BINADE);
        const lane_bits normal = (lane_bits)(low > least);
        const lanes unit = (lanes)(((lane_bits)low & normal) | ((lane_bits)least & ~normal));
        const lanes bound = unit * half_unit + relative * lanes_magnitude(e) + absolute;
        const lanes slack = bound - lanes_magnitude(lanes_load(got + i) - e);
        missed += lanes_magnitude(slack) - slack; /* 0 for slack >= 0, else more, or NaN */
    }
    return missed[0] + missed[1] == 0;
}

bool cells_all_right(const struct cells *c, size_t begin, size_t count)
{
    const size_t size = dtype_bytes(c->tensor->dtype);

    if (c->exact)
        return within_bound(c, begin, count) && repeats(c, begin, count);
    return !memcmp((const char *)c->first + begin * size, (const char *)c->reference + begin * size,
                   count * size) &&
           repeats(c, begin, count);
}
