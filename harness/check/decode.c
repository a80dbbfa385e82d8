#include "harness/check/decode.h"

#include <string.h>

static void decode_f32(const float in[DECODE_BLOCK], double out[DECODE_BLOCK])
{
    for (size_t i = 0; i < DECODE_BLOCK; i++)
        out[i] = in[i];
}

static void decode_bf16(const uint16_t in[DECODE_BLOCK], double out[DECODE_BLOCK])
{
    uint32_t bits[DECODE_BLOCK];
    float wide[DECODE_BLOCK];

    for (size_t i = 0; i < DECODE_BLOCK; i++)
        bits[i] = (uint32_t)in[i] << 16;
    memcpy(wide, bits, sizeof wide);
    decode_f32(wide, out);
}

/* A normal number is moved to fp32's exponent (a larger step for Inf and NaN); a subnormal one is
 * a small integer times 2^-24, which avoids the processor's slow path for subnormal floats. */
static void decode_f16(const uint16_t in[DECODE_BLOCK], double out[DECODE_BLOCK])
{
    uint32_t bits[DECODE_BLOCK];
    float wide[DECODE_BLOCK];

    for (size_t i = 0; i < DECODE_BLOCK; i++) {
        const uint32_t magnitude = in[i] & 0x7FFFu;
        const uint32_t step = (112u << 23) << (magnitude >= 0x7C00u);
        const float tiny = (float)(int32_t)magnitude * 0x1p-24f;
        uint32_t tiny_bits;
        memcpy(&tiny_bits, &tiny, sizeof tiny);
        const uint32_t is_tiny = 0u - (uint32_t)(magnitude < 0x0400u);
        bits[i] = (((magnitude << 13) + step) & ~is_tiny) | (tiny_bits & is_tiny) |
                  (in[i] & 0x8000u) << 16;
    }
    memcpy(wide, bits, sizeof wide);
    decode_f32(wide, out);
}

/* The values of a byte type's codes, computed once. */
static const double *byte_values(enum dtype type)
{
    static double values[DTYPE_COUNT][256];
    static bool ready[DTYPE_COUNT];

    for (uint32_t code = 0; code < 256 && !ready[type]; code++)
        values[type][code] = dtype_value(type, code);
    ready[type] = true;
    return values[type];
}

static void decode_bytes(enum dtype type, const uint8_t *in, size_t count, unsigned shift,
                         double *out)
{
    const double *values = byte_values(type);

    for (size_t i = 0; i < count; i++)
        out[i] = values[in[i] >> shift];
}

void decode_block(enum dtype type, const void *data, size_t begin, size_t count, bool high,
                  double out[DECODE_BLOCK])
{
    union {
        float f32[DECODE_BLOCK];
        uint16_t u16[DECODE_BLOCK];
    } raw;

    if (type == DTYPE_F32 || type == DTYPE_BF16 || type == DTYPE_F16) {
        const size_t size = dtype_bytes(type);
        memcpy(&raw, (const char *)data + begin * size, count * size);
        memset((char *)&raw + count * size, 0, (DECODE_BLOCK - count) * size);
        if (type == DTYPE_F32)
            decode_f32(raw.f32, out);
        else if (type == DTYPE_BF16)
            decode_bf16(raw.u16, out);
        else
            decode_f16(raw.u16, out);
        return;
    }
    if (dtype_bytes(type) == 1)
        decode_bytes(type, (const uint8_t *)data + begin, count, high ? 4 : 0, out);
    else
        for (size_t i = 0; i < count; i++)
            out[i] = dtype_value(type, dtype_load(type, data, begin + i));
    for (size_t i = count; i < DECODE_BLOCK; i++)
        out[i] = 0;
}
