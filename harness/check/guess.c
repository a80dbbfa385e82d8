#include "harness/check/guess.h"

#include <math.h>

const char *guess_name(enum guess guess)
{
    static const char *const names[] = {
        [GUESS_NONE] = "other",        [GUESS_ZERO] = "zero",       [GUESS_NAN] = "nan",
        [GUESS_CONSTANT] = "constant", [GUESS_NEGATED] = "negated", [GUESS_SCALED] = "scaled",
        [GUESS_SWAPPED] = "swapped",   [GUESS_SHIFTED] = "shifted", [GUESS_ADJACENT] = "adjacent",
    };
    return names[guess];
}

static uint32_t got_bits(const struct cells *c, size_t at)
{
    return dtype_load(c->tensor->dtype, c->first, at);
}

static double got_value(const struct cells *c, size_t at)
{
    return dtype_value(c->tensor->dtype, got_bits(c, at));
}

static bool is_zero(enum dtype type, uint32_t bits)
{
    if (type == DTYPE_E2M1X2)
        return !(bits & 0x77);
    return dtype_value(type, bits) == 0;
}

static bool all_zero(const struct cells *c)
{
    for (size_t at = 0; at < c->count; at++)
        if (!is_zero(c->tensor->dtype, got_bits(c, at)))
            return false;
    return true;
}

static bool all_nan(const struct cells *c, const size_t *at, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isnan(got_value(c, at[i])))
            return false;
    return true;
}

static bool constant(const struct cells *c, const size_t *at, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (got_bits(c, at[i]) != got_bits(c, at[0]))
            return false;
    return true;
}

/* Relative width of the rounding of a type: what a multiple of the reference may be off by. */
static double coarseness(enum dtype type)
{
    switch (type) {
    case DTYPE_F32:
    case DTYPE_I32:
        return 0x1p-16;
    case DTYPE_BF16:
        return 0x1p-7;
    case DTYPE_F16:
        return 0x1p-9;
    case DTYPE_E5M2:
        return 0x1p-2;
    default:
        return 0x1p-3;
    }
}

/* The factor between expected and got values, by least squares, snapped to a power of two that is
 * within rounding; 0 when there is none. Values of the wrong elements are weighed by 1/expected, so
 * that small ones count as much as large ones. */
static double factor(const struct cells *c, const size_t *at, size_t count)
{
    const double width = coarseness(c->tensor->dtype);
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        const double ratio = got_value(c, at[i]) / cells_expected(c, at[i]);
        if (!isfinite(ratio) || ratio == 0)
            return 0;
        sum += ratio;
    }
    const double mean = sum / (double)count;
    const double power = copysign(exp2(round(log2(fabs(mean)))), mean);
    const double k = fabs(mean - power) <= width * fabs(power) ? power : mean;
    for (size_t i = 0; i < count; i++) {
        const double ratio = got_value(c, at[i]) / cells_expected(c, at[i]);
        if (fabs(ratio - k) > width * fabs(k))
            return 0;
    }
    return fabs(k - 1) > width ? k : 0;
}

static bool swapped(const struct cells *c, const size_t *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t e = dtype_load(c->tensor->dtype, c->reference, at[i]);
        if (got_bits(c, at[i]) != ((e >> 4 | e << 4) & 0xFF))
            return false;
    }
    return true;
}

/* Whether wrong elements hold what belongs `rows` rows and `cols` columns further on. At least half
 * of them must have such a neighbour. */
static bool shifted(const struct cells *c, const size_t *at, size_t count, int64_t rows,
                    int64_t cols)
{
    const struct tensor *t = c->tensor;
    size_t seen = 0;

    for (size_t i = 0; i < count; i++) {
        const int64_t row = (int64_t)(at[i] / t->cols) + rows;
        const int64_t col = (int64_t)(at[i] % t->cols) + cols;
        if (row < 0 || col < 0 || row >= (int64_t)t->rows || col >= (int64_t)t->cols)
            continue;
        const size_t there = (size_t)row * t->cols + (size_t)col;
        if (cells_poisoned(c, there) || !cells_agree(c, got_bits(c, at[i]), there))
            return false;
        seen++;
    }
    return seen >= GUESS_LEAST && 2 * seen >= count;
}

static bool find_shift(const struct cells *c, const size_t *at, size_t count, struct text *out)
{
    for (int64_t distance = 1; distance <= 128; distance *= 2) {
        for (int64_t k = distance; k >= -distance; k -= 2 * distance) {
            if (shifted(c, at, count, 0, k)) {
                text_printf(out, "got equals expected of the neighbour column (shift by %+d)",
                            (int)k);
                return true;
            }
            if (shifted(c, at, count, k, 0)) {
                text_printf(out, "got equals expected of the neighbour row (shift by %+d)", (int)k);
                return true;
            }
        }
    }
    return false;
}

static bool adjacent(const struct cells *c, const size_t *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t got = got_bits(c, at[i]);
        if (c->exact) {
            const double error = fabs(dtype_value(c->tensor->dtype, got) - c->exact[at[i]]);
            if (!(error <= 2 * cells_bound(c, at[i])))
                return false;
        } else if (cells_steps(c->tensor->dtype, got,
                               dtype_load(c->tensor->dtype, c->reference, at[i])) != 1) {
            return false;
        }
    }
    return true;
}

static enum guess guess_scale(const struct cells *c, const size_t *at, size_t count,
                              struct text *out)
{
    const double k = factor(c, at, count);

    if (k == -1) {
        text_puts(out, "sign flipped");
        return GUESS_NEGATED;
    }
    if (k == 0)
        return GUESS_NONE;
    text_printf(out, "got is %gx expected in every wrong element", k);
    return GUESS_SCALED;
}

/* Guesses that need several wrong elements: one would fit by chance. */
static enum guess guess_many(const struct cells *c, const size_t *at, size_t count,
                             struct text *out)
{
    if (all_nan(c, at, count)) {
        text_puts(out, "every wrong element is NaN");
        return GUESS_NAN;
    }
    if (constant(c, at, count)) {
        text_printf(out, "every wrong element is %.9g", got_value(c, at[0]));
        return GUESS_CONSTANT;
    }
    if (adjacent(c, at, count)) {
        text_puts(out, c->exact ? "every wrong element is within twice its bound"
                                : "every wrong element is one code off");
        return GUESS_ADJACENT;
    }
    if (find_shift(c, at, count, out))
        return GUESS_SHIFTED;
    if (c->tensor->dtype != DTYPE_E2M1X2)
        return guess_scale(c, at, count, out);
    if (!swapped(c, at, count))
        return GUESS_NONE;
    text_puts(out, "the two codes of every wrong byte are swapped");
    return GUESS_SWAPPED;
}

enum guess guess_values(const struct cells *c, const size_t *at, size_t count, struct text *out)
{
    if (all_zero(c)) {
        text_puts(out, "output all zero");
        return GUESS_ZERO;
    }
    return count >= GUESS_LEAST ? guess_many(c, at, count, out) : GUESS_NONE;
}
