#include "kernels/group_quant_fill.h"

#include <math.h>

#include "harness/case/philox.h"
#include "refs/formats.h"
#include "refs/group_quant.h"

enum { CHUNK = 32 };

/* Streams of random words; those from 0 on are the general generator's, one per tensor. */
enum { STREAM_ELEMENT = 64, STREAM_CHUNK, STREAM_ROW, STREAM_SCALE };

/* One row being made. */
struct row {
    const struct kase *kase;
    uint64_t number, chunks; /* of the row; in a row */
    uint32_t random;         /* a word of the row */
    uint16_t *out;
};

static uint16_t encode(const struct kase *kase, double x)
{
    if (kase->value[GQ_INPUT] == GQ_F16)
        return f16_from_double(fmax(fmin(x, 65504), -65504));
    return bf16_from_double(x, BF16_RNE);
}

/* A random sign and mantissa at the exponent. */
static double at_exponent(uint32_t random, int exponent)
{
    const uint64_t sign = random >> 31, mantissa = random & 0xFFFFFF;

    return format_double_of(sign << 63 | (uint64_t)(exponent + 1023) << 52 | mantissa << 28);
}

static uint32_t chunk_random(const struct row *row, uint64_t chunk)
{
    return philox_u32(row->kase->seed, STREAM_CHUNK, row->number * row->chunks + chunk);
}

/* Of eight rows, one is zero and one is almost zero; elsewhere the same of chunks, and some are
 * tiny (about the floor of a group's amax) or huge. */
static void spread_chunk(const struct row *row, uint64_t chunk, const uint32_t *random, size_t n,
                         uint16_t *out)
{
    static const struct {
        int low, high;
    } ranges[8] = {{0, 0}, {-120, -60}, {-40, -28}, {90, 120}, {-8, 4}, {-8, 4}, {-2, 2}, {0, 9}};
    const uint32_t own = chunk_random(row, chunk), of_row = row->random % 8;
    const uint32_t kind = of_row < 2 ? of_row : own % 8;
    const int top = (int)philox_range(own, ranges[kind].low, ranges[kind].high);

    for (size_t i = 0; i < n; i++) {
        const int exponent = top - (int)(random[i] >> 24) % 12;

        out[i] = kind ? encode(row->kase, at_exponent(random[i] << 8, exponent)) : 0;
    }
}

/* The value halfway between two codes of the output (i8: where the code changes). */
static double boundary(enum gq_output output, uint32_t random)
{
    const enum fp8_kind kind = output == GQ_FNUZ ? FP8_FNUZ : FP8_FN;
    const uint8_t code = (uint8_t)(random % 126), code4 = (uint8_t)(random % 7);

    if (output == GQ_I8)
        return code;
    if (output == GQ_FP4)
        return ((double)e2m1_decode(code4) + e2m1_decode(code4 + 1)) / 2;
    return ((double)fp8_decode(kind, code) + fp8_decode(kind, code + 1)) / 2;
}

/* The row's scale is a power of two: one element of each chunk is the type's largest value. */
static void ties_chunk(const struct row *row, uint64_t chunk, const uint32_t *random, size_t n,
                       uint16_t *out)
{
    static const double largest[] = {[GQ_FN] = 448, [GQ_FNUZ] = 240, [GQ_FP4] = 6, [GQ_I8] = 127};
    const enum gq_output output = (enum gq_output)row->kase->value[GQ_OUTPUT];
    const double scale = ldexp(1, (int)(row->random % 5) - 4);
    const size_t top = chunk_random(row, chunk) % n;

    for (size_t i = 0; i < n; i++) {
        const double x = i == top ? largest[output] : boundary(output, random[i] >> 1);

        out[i] = encode(row->kase, (random[i] & 1 ? -x : x) * scale);
    }
}

/* Any finite pattern; one in 16 is a zero of either sign. */
static void bits_chunk(const struct row *row, const uint32_t *random, size_t n, uint16_t *out)
{
    const uint16_t exponent = row->kase->value[GQ_INPUT] == GQ_F16 ? 0x7C00 : 0x7F80;

    for (size_t i = 0; i < n; i++) {
        const uint16_t mask = (random[i] >> 16) % 16 ? 0xFFFF : 0x8000;
        const uint16_t x = (uint16_t)random[i] & mask;

        out[i] = (x & exponent) == exponent ? x & (uint16_t)~0x4000 : x;
    }
}

static void fill_chunk(const struct row *row, uint64_t chunk, const uint32_t *random, size_t n)
{
    uint16_t *out = row->out + chunk * CHUNK;

    switch ((enum gq_fill)row->kase->value[GQ_FILL]) {
    case GQ_FILL_RAMP:
        for (size_t i = 0; i < n; i++)
            out[i] = encode(row->kase, (double)((chunk * CHUNK + i) % 128 + 1));
        break;
    case GQ_FILL_RAMP4:
        for (size_t i = 0; i < n; i++)
            out[i] = encode(row->kase, ((double)i - 15) / 4);
        break;
    case GQ_FILL_SPREAD:
        spread_chunk(row, chunk, random, n, out);
        break;
    case GQ_FILL_TIES:
        ties_chunk(row, chunk, random, n, out);
        break;
    case GQ_FILL_BITS:
        bits_chunk(row, random, n, out);
        break;
    case GQ_FILL_REAL:
    case GQ_FILL_ZEROS:
        break;
    }
}

static void fill_input(const struct kase *kase, const struct tensor *t, uint16_t *host)
{
    uint32_t random[CHUNK];
    struct row row = {.kase = kase, .chunks = (t->cols + CHUNK - 1) / CHUNK};

    for (row.number = 0; row.number < t->rows; row.number++) {
        row.out = host + row.number * t->stride;
        row.random = philox_u32(kase->seed, STREAM_ROW, row.number);
        for (uint64_t chunk = 0; chunk < row.chunks; chunk++) {
            const size_t left = t->cols - chunk * CHUNK, n = left < CHUNK ? left : CHUNK;

            philox_fill(kase->seed, STREAM_ELEMENT, (row.number * row.chunks + chunk) * CHUNK,
                        random, CHUNK);
            fill_chunk(&row, chunk, random, n);
        }
    }
}

/* Between 2^-3 and 2^4; a power of two where codes are to be ties. */
static float static_scale(const struct kase *kase)
{
    const uint32_t random = philox_u32(kase->seed, STREAM_SCALE, 0);
    const int exponent = (int)philox_range(random, -3, 3);

    if (kase->value[GQ_FILL] == GQ_FILL_TIES)
        return ldexpf(1, exponent);
    return fabsf((float)at_exponent(random << 8, exponent));
}

void group_quant_fill(const struct kase *kase, const struct tensor *tensor, void *const host[])
{
    if (tensor[GQ_T_NUM_ROWS].rows)
        *(int32_t *)host[GQ_T_NUM_ROWS] = (int32_t)kase->value[GQ_NUM_ROWS];
    if (tensor[GQ_T_STATIC_SCALE].rows)
        *(float *)host[GQ_T_STATIC_SCALE] = static_scale(kase);
    if (tensor[GQ_T_INPUT].fill.kind == FILL_CUSTOM)
        fill_input(kase, &tensor[GQ_T_INPUT], (uint16_t *)host[GQ_T_INPUT]);
}
