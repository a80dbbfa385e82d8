#include "harness/op/dtype.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/op/tensor.h"
#include "refs/formats.h"

static const struct {
    const char *name, *numpy;
    uint8_t bytes;
    bool is_float;
    uint32_t poison[2];
} types[DTYPE_COUNT] = {
    [DTYPE_F32] = {"f32", "<f4", 4, true, {0x7FC0DEADu, 0xFFC0BEEFu}},
    [DTYPE_BF16] = {"bf16", "<u2", 2, true, {0x7FDEu, 0xFFBEu}},
    [DTYPE_F16] = {"f16", "<f2", 2, true, {0x7EDEu, 0xFEBEu}},
    [DTYPE_E4M3FN] = {"e4m3fn", "|u1", 1, true, {0x7Fu, 0xFFu}},
    [DTYPE_E4M3FNUZ] = {"e4m3fnuz", "|u1", 1, true, {0x80u, 0x7Fu}},
    [DTYPE_E5M2] = {"e5m2", "|u1", 1, true, {0x7Fu, 0xFEu}},
    [DTYPE_E8M0] = {"e8m0", "|u1", 1, true, {0xFFu, 0x01u}},
    [DTYPE_E2M1X2] = {"e2m1x2", "|u1", 1, true, {0xA5u, 0x5Au}},
    [DTYPE_I8] = {"i8", "|i1", 1, false, {0x80u, 0x81u}},
    [DTYPE_U8] = {"u8", "|u1", 1, false, {0xA5u, 0x5Au}},
    [DTYPE_I32] = {"i32", "<i4", 4, false, {0xA5A5A5A5u, 0xDADADADAu}},
};

const char *dtype_name(enum dtype type)
{
    return types[type].name;
}

const char *dtype_numpy(enum dtype type)
{
    return types[type].numpy;
}

size_t dtype_bytes(enum dtype type)
{
    return types[type].bytes;
}

bool dtype_is_float(enum dtype type)
{
    return types[type].is_float;
}

uint32_t dtype_poison(enum dtype type, unsigned which)
{
    return types[type].poison[which & 1];
}

uint32_t dtype_load(enum dtype type, const void *data, size_t index)
{
    const unsigned char *at = (const unsigned char *)data + index * types[type].bytes;
    uint32_t bits = 0;
    memcpy(&bits, at, types[type].bytes); /* little endian hosts only, as every GPU host is */
    return bits;
}

void dtype_store(enum dtype type, void *data, size_t index, uint32_t bits)
{
    unsigned char *at = (unsigned char *)data + index * types[type].bytes;
    memcpy(at, &bits, types[type].bytes);
}

double dtype_value(enum dtype type, uint32_t bits)
{
    switch (type) {
    case DTYPE_F32:
        return format_float_of(bits);
    case DTYPE_BF16:
        return bf16_decode((uint16_t)bits);
    case DTYPE_F16:
        return f16_decode((uint16_t)bits);
    case DTYPE_E4M3FN:
        return fp8_decode(FP8_FN, (uint8_t)bits);
    case DTYPE_E4M3FNUZ:
        return fp8_decode(FP8_FNUZ, (uint8_t)bits);
    case DTYPE_E5M2:
        return e5m2_decode((uint8_t)bits);
    case DTYPE_E8M0:
        return e8m0_decode((uint8_t)bits);
    case DTYPE_E2M1X2:
        return e2m1_decode(bits & 15);
    case DTYPE_I8:
        return (int8_t)bits;
    case DTYPE_U8:
        return bits;
    case DTYPE_I32:
        return (int32_t)bits;
    case DTYPE_COUNT:
        break;
    }
    abort();
}

/* A whole number in [low, high], which is looked at before it is converted. */
static bool whole_bits(double value, double low, double high, uint32_t mask, uint32_t *bits)
{
    if (!(value >= low && value <= high) || value != floor(value))
        return false;
    *bits = (uint32_t)(int64_t)value & mask;
    return true;
}

/* A number as the bits of the type; false when the type cannot hold it exactly enough. */
static bool number_bits(enum dtype type, double value, uint32_t *bits)
{
    switch (type) {
    case DTYPE_F32:
        *bits = format_float_bits((float)value);
        return true;
    case DTYPE_BF16:
        *bits = bf16_from_double(value, BF16_RNE);
        return true;
    case DTYPE_F16:
        *bits = f16_from_double(value);
        return true;
    case DTYPE_E4M3FN:
        *bits = fp8_from_double(FP8_FN, value);
        return !isnan(value);
    case DTYPE_E4M3FNUZ:
        *bits = fp8_from_double(FP8_FNUZ, value);
        return !isnan(value);
    case DTYPE_I8:
        return whole_bits(value, INT8_MIN, INT8_MAX, 0xFF, bits);
    case DTYPE_E5M2: /* the other byte types are written as the codes that they are */
    case DTYPE_E8M0:
    case DTYPE_E2M1X2:
    case DTYPE_U8:
        return whole_bits(value, 0, UINT8_MAX, 0xFF, bits);
    case DTYPE_I32:
        return whole_bits(value, INT32_MIN, INT32_MAX, UINT32_MAX, bits);
    case DTYPE_COUNT:
        break;
    }
    abort();
}

bool dtype_parse(enum dtype type, const char *text, uint32_t *bits)
{
    char *end;
    errno = 0;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && !strpbrk(text, ".pP")) {
        unsigned long long raw = strtoull(text, &end, 16);
        *bits = (uint32_t)raw;
        return !errno && end != text + 2 && !*end && raw >> (8 * types[type].bytes - 1) <= 1;
    }
    double value = strtod(text, &end);
    if (end == text || *end || (errno && isinf(value)))
        return false;
    return number_bits(type, value, bits);
}

bool tensor_bytes(const struct tensor *t, size_t *bytes)
{
    size_t elements;
    if (!t->rows || !t->cols) {
        *bytes = 0;
        return true;
    }
    return !__builtin_mul_overflow(t->rows - 1, t->stride, &elements) &&
           !__builtin_add_overflow(elements, t->cols, &elements) &&
           !__builtin_mul_overflow(elements, dtype_bytes(t->dtype), bytes);
}
