#include "refs/formats.h"

const struct format formats[FORMAT_COUNT] = {
    [FORMAT_F32] = {"f32", 32, 8, 23, 127, 0x1.fffffep127, 0x1p-126, 0x1p-149, 0x1p128},
    [FORMAT_BF16] = {"bf16", 16, 8, 7, 127, 0x1.fep127, 0x1p-126, 0x1p-133, 0x1p128},
    [FORMAT_F16] = {"f16", 16, 5, 10, 15, 65504, 0x1p-14, 0x1p-24, 65536},
    [FORMAT_FP8_FN] = {"e4m3fn", 8, 4, 3, 7, 448, 0x1p-6, 0x1p-9, 448},
    [FORMAT_FP8_FNUZ] = {"e4m3fnuz", 8, 4, 3, 8, 240, 0x1p-7, 0x1p-10, 240},
    [FORMAT_E5M2] = {"e5m2", 8, 5, 2, 15, 57344, 0x1p-14, 0x1p-16, 65536},
    [FORMAT_E2M1] = {"e2m1", 4, 2, 1, 1, 6, 1, 0.5, 6},
};

/* A table row per high nibble of the code; `value` is a constant expression of the code. */
#define ROW(value, c)                                                                              \
    value(c + 0), value(c + 1), value(c + 2), value(c + 3), value(c + 4), value(c + 5),            \
        value(c + 6), value(c + 7), value(c + 8), value(c + 9), value(c + 10), value(c + 11),      \
        value(c + 12), value(c + 13), value(c + 14), value(c + 15)
#define TABLE(value)                                                                               \
    {                                                                                              \
        ROW(value, 0x00), ROW(value, 0x10), ROW(value, 0x20), ROW(value, 0x30), ROW(value, 0x40),  \
            ROW(value, 0x50), ROW(value, 0x60), ROW(value, 0x70), ROW(value, 0x80),                \
            ROW(value, 0x90), ROW(value, 0xA0), ROW(value, 0xB0), ROW(value, 0xC0),                \
            ROW(value, 0xD0), ROW(value, 0xE0), ROW(value, 0xF0)                                   \
    }

#define SIGN(c) (((c)&0x80) ? -1.0f : 1.0f)

/* Exponent in bits 6..3, mantissa in bits 2..0, bias 7: (8 + m) 2^(e-10), or m 2^-9 when e is 0. */
#define E4M3_EXPONENT(c) (((c) >> 3) & 15)
#define E4M3_MANTISSA(c) ((c)&7)
#define E4M3(c)                                                                                    \
    (E4M3_EXPONENT(c) ? (float)((8 + E4M3_MANTISSA(c)) << E4M3_EXPONENT(c)) * 0x1p-10f             \
                      : (float)E4M3_MANTISSA(c) * 0x1p-9f)
#define FN(c)   (((c)&0x7F) == 0x7F ? NAN : SIGN(c) * E4M3(c))
#define FNUZ(c) ((c) == 0x80 ? NAN : SIGN(c) * E4M3(c) * 0.5f)

const float fp8_values[2][256] = {[FP8_FN] = TABLE(FN), [FP8_FNUZ] = TABLE(FNUZ)};

/* Exponent in bits 6..2, mantissa in bits 1..0, bias 15: (4 + m) 2^(e-17), or m 2^-16. */
#define E5M2_EXPONENT(c) (((c) >> 2) & 31)
#define E5M2_MANTISSA(c) ((c)&3)
#define E5M2_SPECIAL(c)  (E5M2_MANTISSA(c) ? NAN : SIGN(c) * INFINITY)
#define E5M2_FINITE(c)                                                                             \
    (E5M2_EXPONENT(c) ? (float)((uint64_t)(4 + E5M2_MANTISSA(c)) << E5M2_EXPONENT(c)) * 0x1p-17f   \
                      : (float)E5M2_MANTISSA(c) * 0x1p-16f)
#define E5M2(c) (E5M2_EXPONENT(c) == 31 ? E5M2_SPECIAL(c) : SIGN(c) * E5M2_FINITE(c))

const float e5m2_values[256] = TABLE(E5M2);

const float e2m1_values[16] = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                               -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

bool fp8_fn_to_fnuz(uint8_t code, uint8_t *out)
{
    if ((code & 0x7F) == 0x7F)
        return false;
    *out = code == 0x80 ? 0x00 : code;
    return true;
}

bool fp8_fnuz_to_fn(uint8_t code, uint8_t *out)
{
    if ((code & 0x7F) == 0x7F)
        return false;
    *out = code == 0x80 ? 0x7F : code;
    return true;
}

/* What a group's largest magnitude is divided by. `carry` is half a unit of the element's last
 * mantissa place, as bits of an fp32 mantissa: adding it and cutting the mantissa off gives the
 * power of two that amax would round into. */
static const struct {
    float power; /* largest power of two the element type holds */
    float max;   /* its largest value */
    uint32_t carry;
} scale_rules[] = {
    [E8M0_FP4] = {4, 6, 0x200000},
    [E8M0_FP8_FN] = {256, 448, 0x080000},
    [E8M0_FP8_FNUZ] = {128, 240, 0x080000},
};

static uint32_t exponent_field(float x)
{
    return (format_float_bits(x) >> 23) & 255;
}

static uint8_t exponent_up(float x)
{
    const uint32_t exponent = exponent_field(x);
    const bool between = (format_float_bits(x) & 0x7FFFFF) != 0;

    return (uint8_t)(exponent + (between && exponent < 255));
}

uint8_t e8m0_scale(enum e8m0_elem elem, enum e8m0_round round, float amax)
{
    const float power = scale_rules[elem].power;
    const uint32_t carried = (format_float_bits(amax) + scale_rules[elem].carry) & 0xFF800000;

    if (!isfinite(amax))
        return 255;
    switch (round) {
    case E8M0_ROUND_DOWN:
        return (uint8_t)exponent_field(amax / power);
    case E8M0_ROUND_UP:
        return exponent_up(amax / scale_rules[elem].max);
    case E8M0_EVEN:
        return (uint8_t)exponent_field(format_float_of(carried) / power);
    case E8M0_CEIL:
        break;
    }
    return exponent_up(amax / power);
}
