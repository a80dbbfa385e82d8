#include "harness/case/fill.h"

#include <string.h>

#include "harness/case/philox.h"
#include "refs/formats.h"

/* Words are drawn in pieces that stay in the first-level cache. */
enum { PIECE_WORDS = 2048 };

/* An exponent uniform in [low, high) from `bits` random bits, as a biased field. */
static inline uint32_t exponent(uint32_t random, unsigned bits, const struct fill *fill, int bias)
{
    uint32_t span = (uint32_t)(fill->high - fill->low);
    return (uint32_t)(fill->low + bias) + ((random * span) >> bits);
}

static void real_f32(const struct fill *fill, const uint32_t *random, uint32_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t r = random[i];
        out[i] = (r & 0x807FFFFFu) | exponent((r >> 23) & 255, 8, fill, 127) << 23;
    }
}

static void real_bf16(const struct fill *fill, const uint16_t *random, uint16_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t r = random[i];
        out[i] = (uint16_t)((r & 0x807Fu) | exponent((r >> 7) & 255, 8, fill, 127) << 7);
    }
}

static void real_f16(const struct fill *fill, const uint16_t *random, uint16_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t r = random[i];
        out[i] = (uint16_t)((r & 0x83FFu) | exponent((r >> 10) & 31, 5, fill, 15) << 10);
    }
}

/* Whole numbers in [low, high] from 8, 16 or 32 random bits. */
static inline int32_t whole(uint32_t random, unsigned bits, const struct fill *fill)
{
    uint64_t range = (uint64_t)((int64_t)fill->high - fill->low) + 1;
    return (int32_t)(fill->low + (int64_t)((random * range) >> bits));
}

/* The NaN codes of the fp8 kinds become their neighbours. */
static inline uint8_t no_nan(enum dtype type, uint8_t code)
{
    if (type == DTYPE_E4M3FN && (code & 0x7F) == 0x7F)
        return code ^ 1;
    if (type == DTYPE_E4M3FNUZ && code == 0x80)
        return 0;
    return code;
}

static void codes_u8(const struct tensor *t, const uint8_t *random, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = no_nan(t->dtype, (uint8_t)whole(random[i], 8, &t->fill));
}

static void exact_u8(const struct tensor *t, const uint8_t *random, uint8_t *out, size_t n)
{
    enum fp8_kind kind = t->dtype == DTYPE_E4M3FNUZ ? FP8_FNUZ : FP8_FN;
    bool is_fp8 = t->dtype == DTYPE_E4M3FN || t->dtype == DTYPE_E4M3FNUZ;
    for (size_t i = 0; i < n; i++) {
        int32_t value = whole(random[i], 8, &t->fill);
        out[i] = is_fp8 ? fp8_encode(kind, (float)value) : (uint8_t)value;
    }
}

static void exact_u16(const struct tensor *t, const uint16_t *random, uint16_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float value = (float)whole(random[i], 16, &t->fill);
        out[i] = t->dtype == DTYPE_BF16 ? bf16_encode(value, BF16_RNE) : f16_encode(value);
    }
}

static void exact_u32(const struct tensor *t, const uint32_t *random, uint32_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int32_t value = whole(random[i], 32, &t->fill);
        out[i] = t->dtype == DTYPE_I32 ? (uint32_t)value : format_float_bits((float)value);
    }
}

/* Converts `n` elements; `random` holds the tensor's element size each. */
static void convert(const struct tensor *t, const void *random, void *out, size_t n)
{
    bool exact = t->fill.kind == FILL_EXACT;
    switch (t->dtype) {
    case DTYPE_F32:
        if (exact)
            exact_u32(t, random, out, n);
        else
            real_f32(&t->fill, random, out, n);
        break;
    case DTYPE_BF16:
    case DTYPE_F16:
        if (exact)
            exact_u16(t, random, out, n);
        else if (t->dtype == DTYPE_BF16)
            real_bf16(&t->fill, random, out, n);
        else
            real_f16(&t->fill, random, out, n);
        break;
    case DTYPE_I32:
        exact_u32(t, random, out, n);
        break;
    default:
        if (exact)
            exact_u8(t, random, out, n);
        else
            codes_u8(t, random, out, n);
        break;
    }
}

/* Elements [first, first + count) of the random sequence, to `out`. A piece starts at a multiple
 * of four words; the elements before `first` are drawn and skipped. */
static void fill_run(const struct tensor *t, uint64_t seed, uint32_t stream, uint64_t first,
                     unsigned char *out, size_t count)
{
    uint32_t words[PIECE_WORDS];
    size_t size = dtype_bytes(t->dtype), per_block = 16 / size;
    while (count) {
        uint64_t block = first / per_block;
        size_t skip = (size_t)(first % per_block);
        size_t room = sizeof(words) / size - skip;
        size_t n = count < room ? count : room;
        size_t blocks = (skip + n + per_block - 1) / per_block;
        philox_fill(seed, stream, block * 4, words, blocks * 4);
        convert(t, (const unsigned char *)words + skip * size, out, n);
        first += n;
        out += n * size;
        count -= n;
    }
}

void fill_tensor(const struct tensor *t, uint64_t seed, uint32_t stream, void *host)
{
    size_t size = dtype_bytes(t->dtype);
    if (t->fill.kind == FILL_CUSTOM)
        return;
    bool dense = t->stride == t->cols;
    size_t rows = dense ? 1 : t->rows - t->unused_rows;
    size_t cols = dense ? tensor_elements(t) : t->cols;
    for (size_t r = 0; r < rows; r++) {
        unsigned char *row = (unsigned char *)host + r * t->stride * size;
        if (t->fill.kind == FILL_ZERO)
            memset(row, 0, cols * size);
        else
            fill_run(t, seed, stream, r * cols, row, cols);
    }
}
