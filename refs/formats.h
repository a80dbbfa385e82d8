/*
 * Number formats, by definition. Everything a reference knows about bf16, fp16, the fp8 kinds, fp4
 * and e8m0 scales is here; kernels have their own conversions (kernels/numeric.h), and the two are
 * proven against each other.
 *
 *     double sum = ...;                               accumulate in double,
 *     out[i] = bf16_from_double(sum, BF16_RNE);       round once
 *     q[i] = fp8_encode(FP8_FNUZ, x * inverse);       or model a kernel's fp32 value
 *     w = fp8_decode(FP8_FN, code) * e8m0_decode(scale);
 *
 * `*_from_double` rounds the exact double once. `*_encode` takes the fp32 value that a kernel would
 * convert; never hand it a double, which C would round to fp32 first.
 *
 * A magnitude is encoded by one rule for all formats: round to the nearest multiple of the spacing
 * at that magnitude, ties to the even code; formats differ only in their row of `formats`.
 *
 * The float environment must be the default one (round to nearest, subnormals kept), and the code
 * must be built without -ffast-math.
 */
#ifndef HARNESS_REFS_FORMATS_H
#define HARNESS_REFS_FORMATS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum format_id {
    FORMAT_F32,
    FORMAT_BF16,
    FORMAT_F16,
    FORMAT_FP8_FN,   /* e4m3fn, OCP: gfx950 and NVIDIA */
    FORMAT_FP8_FNUZ, /* e4m3fnuz: gfx942 */
    FORMAT_E5M2,
    FORMAT_E2M1,
    FORMAT_COUNT
};

/* The smallest normal is 2^(1-bias), and a code without its sign is an increasing integer from 0.
 */
struct format {
    const char *name;
    int bits; /* sign, exponent and mantissa */
    int exponent_bits;
    int mantissa_bits;
    int bias;
    double max_finite;
    double min_normal;
    double min_subnormal;
    /* What a larger magnitude is encoded as: max_finite in a format that saturates, otherwise the
     * power of two behind max_finite, whose code is Inf's. */
    double overflow;
};

extern const struct format formats[FORMAT_COUNT];

enum fp8_kind { FP8_FN, FP8_FNUZ };
enum bf16_round { BF16_RNE, BF16_TRUNCATE };
enum e2m1_round {
    E2M1_RNE,      /* the Python reference and the gfx950 instruction */
    E2M1_TIES_AWAY /* the software path of targets without that instruction */
};

/* Element types and roundings of an e8m0 scale, numbered as the quantisation library numbers them.
 */
enum e8m0_elem { E8M0_FP4 = 0, E8M0_FP8_FN = 1, E8M0_FP8_FNUZ = 2 };
enum e8m0_round { E8M0_ROUND_DOWN = 0, E8M0_ROUND_UP = 1, E8M0_EVEN = 2, E8M0_CEIL = 3 };

/* Indexed by code; the decode functions below are the way to read them. */
extern const float fp8_values[2][256];
extern const float e5m2_values[256];
extern const float e2m1_values[16];

static inline uint32_t format_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float format_float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint64_t format_double_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double format_double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Exponent, biased as in a double, of the binade whose spacing applies at `magnitude`. */
static inline uint64_t format_binade(const struct format *format, double magnitude)
{
    const uint64_t lowest = (uint64_t)(1024 - format->bias);
    const uint64_t own = format_double_bits(magnitude) >> 52;

    return own < lowest ? lowest : own;
}

/* Distance from |x| to the next larger value of the format: of two spacings at a power of two the
 * larger one, below the smallest normal the smallest subnormal, above the largest finite value
 * (and for NaN) the spacing of the last binade. */
static inline double format_ulp(enum format_id id, double x)
{
    const struct format *format = &formats[id];
    const double magnitude = fabs(x);
    const double inside = magnitude < format->max_finite ? magnitude : format->max_finite;

    return format_double_of((format_binade(format, inside) - (uint64_t)format->mantissa_bits)
                            << 52);
}

/* Code of |x| without a sign; NaN as overflow. Adding the power of two whose own last place is the
 * spacing makes the addition itself round to a multiple of the spacing, ties to even, and leaves
 * the multiple in the low bits of the sum. */
static inline uint32_t format_round(const struct format *format, double x)
{
    const double magnitude = fabs(x);
    const double inside = magnitude < format->overflow ? magnitude : format->overflow;
    const uint64_t lowest = (uint64_t)(1024 - format->bias);
    const uint64_t mantissa = (uint64_t)format->mantissa_bits;
    const uint64_t binade = format_binade(format, inside);
    const double anchor = format_double_of((binade - mantissa + 52) << 52);
    const uint64_t multiple = format_double_bits(inside + anchor) & 0xFFFFFFFFFFFFFu;

    return (uint32_t)(((binade - lowest) << mantissa) + multiple);
}

static inline uint32_t format_sign(double x)
{
    return (uint32_t)(format_double_bits(x) >> 63);
}

/* --- bf16: the upper half of fp32 --- */

static inline float bf16_decode(uint16_t code)
{
    return format_float_of((uint32_t)code << 16);
}

/* Truncation is towards zero, but what fp32 could not hold (2^128 and more) is Inf, as it would
 * have been before the truncation. NaN stays NaN with its sign. */
static inline uint16_t bf16_from_double(double x, enum bf16_round round)
{
    const uint32_t sign = format_sign(x) << 15;
    const uint32_t nearest = format_round(&formats[FORMAT_BF16], x);
    const uint32_t beyond = fabs(x) < 0x1p128 && bf16_decode((uint16_t)nearest) > fabs(x);
    const uint32_t code = nearest - (round == BF16_TRUNCATE ? beyond : 0);

    return (uint16_t)(sign | (x != x ? 0x7FC0 : code));
}

/* A number is cut to the code at or below it, somewhere in [|x| - ulp, |x|]: half an ulp around the
 * middle of that, which is returned, so that truncation can be judged by the bound of rounding.
 * Just above a power of two codes end at that power. NaN and Inf stay what they are. */
static inline double bf16_middle_of_cut(double x)
{
    const struct format *format = &formats[FORMAT_BF16];
    const double a = fabs(x), ulp = format_ulp(FORMAT_BF16, a);
    const double binade = a < format->min_normal ? 0 : ldexp(ulp, format->mantissa_bits);
    const double middle = a - ulp / 2 > binade ? a - ulp / 2 : binade;

    return a < 0x1p128 ? copysign(middle, x) : x;
}

/* Truncation drops 16 bits, so a NaN with a payload in those only becomes Inf. Rounding keeps the
 * upper half of a NaN and sets its last bit where the lower half held payload. */
static inline uint16_t bf16_encode(float x, enum bf16_round round)
{
    const uint32_t bits = format_float_bits(x);
    const uint32_t upper = bits >> 16;
    const uint32_t nan = upper | ((bits & 0xFFFF) != 0);
    const uint32_t nearest = x != x ? nan : bf16_from_double(x, BF16_RNE);

    return (uint16_t)(round == BF16_TRUNCATE ? upper : nearest);
}

/* --- fp16 --- */

static inline float f16_decode(uint16_t code)
{
    const uint32_t sign = (uint32_t)(code & 0x8000) << 16;
    const uint32_t exponent = (code >> 10) & 31;
    const uint32_t mantissa = code & 1023;
    const uint32_t significand = exponent ? mantissa | 1024 : mantissa;
    const uint32_t binade = exponent ? exponent : 1;
    const uint32_t special = mantissa ? 0x7FC00000 : 0x7F800000;
    const uint32_t power = exponent == 31 ? special : (binade - 25 + 127) << 23;
    const float magnitude = (float)(int32_t)significand * format_float_of(power);

    return format_float_of(sign | format_float_bits(magnitude));
}

/* From 65520 on the result is Inf. A NaN becomes quiet and keeps its sign and upper payload. */
static inline uint16_t f16_from_double(double x)
{
    const uint32_t sign = format_sign(x) << 15;
    const uint32_t nan = 0x7E00 | ((uint32_t)(format_double_bits(x) >> 42) & 0x3FF);

    return (uint16_t)(sign | (x != x ? nan : format_round(&formats[FORMAT_F16], x)));
}

static inline uint16_t f16_encode(float x)
{
    return f16_from_double(x);
}

/* --- fp8 e4m3, both kinds --- */

static inline enum format_id fp8_format(enum fp8_kind kind)
{
    return kind == FP8_FNUZ ? FORMAT_FP8_FNUZ : FORMAT_FP8_FN;
}

static inline float fp8_decode(enum fp8_kind kind, uint8_t code)
{
    return fp8_values[kind][code];
}

/* The store path of the quantisers: clamped to the largest finite value, Inf too. fnuz has no
 * negative zero: what rounds to zero is 0x00, never 0x80 (its NaN). A NaN has no defined result on
 * that path; here it is the most negative value, which the hardware's clamp is expected to give. */
static inline uint8_t fp8_from_double(enum fp8_kind kind, double x)
{
    const uint32_t code = format_round(&formats[fp8_format(kind)], x);
    const uint32_t negative = format_sign(x) | (uint32_t)(x != x);
    const uint32_t has_sign = (uint32_t)(kind == FP8_FN) | (uint32_t)(code != 0);

    return (uint8_t)(code | (negative & has_sign) << 7);
}

static inline uint8_t fp8_encode(enum fp8_kind kind, float x)
{
    return fp8_from_double(kind, x);
}

/* The same weight byte in the other kind: an e4m3fn byte stands for twice the value in e4m3fnuz, so
 * the caller doubles the dequantisation scale on the way to fnuz and halves it on the way back.
 * Negative zero becomes zero, the NaN of fnuz becomes 0x7F. False for the bytes 0x7F and 0xFF (NaN
 * in fn, +-240 in fnuz), which have no counterpart; `*out` is then left alone. */
bool fp8_fn_to_fnuz(uint8_t code, uint8_t *out);
bool fp8_fnuz_to_fn(uint8_t code, uint8_t *out);

/* --- bf8 e5m2 (OCP) --- */

static inline float e5m2_decode(uint8_t code)
{
    return e5m2_values[code];
}

/* From 61440 on the result is Inf; a NaN is 0x7F with its sign. */
static inline uint8_t e5m2_from_double(double x)
{
    const uint32_t sign = format_sign(x) << 7;

    return (uint8_t)(sign | (x != x ? 0x7F : format_round(&formats[FORMAT_E5M2], x)));
}

static inline uint8_t e5m2_encode(float x)
{
    return e5m2_from_double(x);
}

/* --- fp4 e2m1: codes 0 to 15, saturating at 6, two to a byte --- */

static inline float e2m1_decode(uint8_t code)
{
    return e2m1_values[code & 15];
}

/* E2M1_RNE keeps the sign of zero; E2M1_TIES_AWAY takes the sign from x < 0, so that -0 is code 0
 * while a small negative is still 8. NaN has no defined result; here its magnitude is 6. */
static inline uint8_t e2m1_from_double(double x, enum e2m1_round round)
{
    const double a = x != x ? 6 : fabs(x);
    const int away =
        (a >= 0.25) + (a >= 0.75) + (a >= 1.25) + (a >= 1.75) + (a >= 2.5) + (a >= 3.5) + (a >= 5);

    if (round == E2M1_TIES_AWAY)
        return (uint8_t)(away | (x < 0) << 3);
    return (uint8_t)(format_round(&formats[FORMAT_E2M1], x) | format_sign(x) << 3);
}

static inline uint8_t e2m1_encode(float x, enum e2m1_round round)
{
    return e2m1_from_double(x, round);
}

/* The element with the even index is in the low nibble. */
static inline uint8_t fp4x2_pack(uint8_t even, uint8_t odd)
{
    return (uint8_t)((even & 15) | odd << 4);
}

/* Code of element `index` of a row that starts at `packed`. */
static inline uint8_t fp4x2_get(const uint8_t *packed, size_t index)
{
    return (packed[index / 2] >> (index % 2 * 4)) & 15;
}

/* --- e8m0 scales: powers of two --- */

/* 2^(code-127); 255 is NaN. There is no zero. */
static inline double e8m0_decode(uint8_t code)
{
    return code == 255 ? (double)NAN : format_double_of((uint64_t)(code + 1023 - 127) << 52);
}

/* Scale byte of a group whose largest magnitude is `amax` (not negative; NaN and Inf give 255),
 * with fp32 divisions. Kernels multiply by a rounded reciprocal and, for E8M0_EVEN, subtract
 * exponents. Over all of fp32 that gives another byte in two places only: E8M0_ROUND_UP where the
 * quotient is 2^-150 exactly (one amax per element type; 0 here, 1 there), and E8M0_EVEN where amax
 * rounds up to 2^128 (255 here, 253, 247 or 248 there for fp4, fn and fnuz). */
uint8_t e8m0_scale(enum e8m0_elem elem, enum e8m0_round round, float amax);

#endif
