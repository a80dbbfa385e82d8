#include "refs/group_quant.h"

#include <stdlib.h>

#include "refs/formats.h"

enum { CHUNK = 128 }; /* columns that are worked on at a time; every group fits */

/* A case, spelled out. */
struct job {
    enum gq_group group;
    enum gq_input input;
    enum gq_output output;
    enum gq_scale layout;
    size_t rows, counted; /* rows of the input; those that are quantised */
    size_t cols, stride;
    size_t width;  /* columns that share a scale: 32, 64, 128, or all */
    size_t groups; /* scales of a row */
    const uint16_t *x;
    uint8_t *codes;
    void *scale;
};

/* The largest value of each output type. */
static const float largest[] = {[GQ_FN] = 448, [GQ_FNUZ] = 240, [GQ_FP4] = 6, [GQ_I8] = 127};

static const size_t widths[] = {[GQ_G32] = 32, [GQ_G64] = 64, [GQ_G128] = 128};

static bool has_groups(int64_t group)
{
    return group == GQ_G32 || group == GQ_G64 || group == GQ_G128;
}

static size_t round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

/* What is legal, in the order in which a reason is given. */

static const char *contract_of_shape(const struct kase *kase)
{
    const int64_t rows = kase->value[GQ_ROWS], cols = kase->value[GQ_COLS];
    const int64_t pad = kase->value[GQ_ROW_PAD];

    if (rows < 0)
        return "bad_rows";
    if (cols < 1)
        return "bad_cols";
    if (pad < 0)
        return "stride_below_cols";
    /* 2^33 bytes of 2-byte elements, from the first to the last that is read. */
    if (rows > 0 && (double)(rows - 1) * ((double)cols + (double)pad) + (double)cols > 0x1p32)
        return "input_too_large";
    if (kase->value[GQ_ROW_FACTOR] < 1)
        return "bad_row_factor";
    return NULL;
}

const char *group_quant_contract(const struct kase *kase)
{
    const int64_t group = kase->value[GQ_GROUP], layout = kase->value[GQ_SCALE];
    const int64_t output = kase->value[GQ_OUTPUT];
    const bool e8m0 = layout == GQ_E8M0 || layout == GQ_E8M0_SHUFFLED;
    const char *reason = contract_of_shape(kase);

    if (reason)
        return reason;
    if (group == GQ_G16)
        return "bad_group";
    if (e8m0 && !has_groups(group))
        return "e8m0_needs_groups";
    if (e8m0 && output == GQ_I8)
        return "i8_needs_f32_scale";
    if (!e8m0 && output == GQ_FP4)
        return "fp4_needs_e8m0_scale";
    if (output == GQ_FP4 && kase->value[GQ_COLS] % 2 != 0)
        return "fp4_needs_even_cols";
    return NULL;
}

static struct job job_of(const struct kase *kase)
{
    struct job job = {
        .group = (enum gq_group)kase->value[GQ_GROUP],
        .input = (enum gq_input)kase->value[GQ_INPUT],
        .output = (enum gq_output)kase->value[GQ_OUTPUT],
        .layout = (enum gq_scale)kase->value[GQ_SCALE],
        .rows = (size_t)kase->value[GQ_ROWS],
        .cols = (size_t)kase->value[GQ_COLS],
        .stride = (size_t)(kase->value[GQ_COLS] + kase->value[GQ_ROW_PAD]),
    };

    job.counted = job.rows;
    job.width = has_groups(job.group) ? widths[job.group] : job.cols;
    job.groups = (job.cols + job.width - 1) / job.width;
    return job;
}

size_t group_quant_ref_elements(const struct kase *kase, size_t i)
{
    const struct job job = job_of(kase);

    switch (i) {
    case GQ_T_CODES:
        return job.rows * (job.output == GQ_FP4 ? job.cols / 2 : job.cols);
    case GQ_T_SCALE:
        if (job.group == GQ_STATIC)
            return 0;
        if (job.group == GQ_TENSOR)
            return job.rows > 0;
        if (job.layout == GQ_E8M0_SHUFFLED)
            return round_up(job.rows, 256) * round_up(job.groups, 8);
        return job.rows * job.groups;
    case GQ_T_AMAX:
        return job.group == GQ_TENSOR;
    default:
        return 0;
    }
}

size_t group_quant_shuffled(size_t x, size_t y, size_t padded)
{
    const size_t tile = x / 32 * 32 * padded + y / 8 * 256;

    return tile + y % 4 * 64 + x % 16 * 4 + y % 8 / 4 * 2 + x % 32 / 16;
}

/* Index of the scale of row r, group y. */
static size_t scale_index(const struct job *job, size_t r, size_t y)
{
    switch (job->layout) {
    case GQ_F32_TRANSPOSED:
        return y * job->counted + r;
    case GQ_E8M0_SHUFFLED:
        return group_quant_shuffled(r, y, round_up(job->groups, 8));
    case GQ_F32:
    case GQ_E8M0:
        break;
    }
    return r * job->groups + y;
}

/* At most CHUNK elements as fp32. */
static void decode(const struct job *job, const uint16_t *restrict x, size_t n, float *restrict out)
{
    if (job->input == GQ_BF16)
        for (size_t i = 0; i < n; i++)
            out[i] = bf16_decode(x[i]);
    else
        for (size_t i = 0; i < n; i++)
            out[i] = f16_decode(x[i]);
}

/* The largest magnitude of columns [from, from + n) of a row. Magnitudes order like their bits. */
static float amax_of(const struct job *job, size_t r, size_t from, size_t n)
{
    uint32_t most = 0;
    float x[CHUNK];

    for (size_t c = 0; c < n; c += CHUNK) {
        const size_t count = n - c < CHUNK ? n - c : CHUNK;

        decode(job, job->x + r * job->stride + from + c, count, x);
        for (size_t i = 0; i < count; i++) {
            const uint32_t magnitude = format_float_bits(x[i]) & 0x7FFFFFFF;

            most = magnitude > most ? magnitude : most;
        }
    }
    return format_float_of(most);
}

static int8_t i8_of(float q)
{
    const float most = q > -127 ? q : -127;

    return (int8_t)(most < 127 ? most : 127);
}

/* Codes of n columns from x, to nearest even; fp4 packs two to a byte. The product is rounded to
 * fp32, as the formula has it. */
static void encode(const struct job *job, const float *restrict x, size_t n, float inverse,
                   uint8_t *restrict out)
{
    const enum fp8_kind kind = job->output == GQ_FNUZ ? FP8_FNUZ : FP8_FN;

    switch (job->output) {
    case GQ_FN:
    case GQ_FNUZ:
        for (size_t i = 0; i < n; i++)
            out[i] = fp8_encode(kind, x[i] * inverse);
        break;
    case GQ_FP4:
        for (size_t i = 0; i < n; i += 2)
            out[i / 2] = fp4x2_pack(e2m1_encode(x[i] * inverse, E2M1_RNE),
                                    e2m1_encode(x[i + 1] * inverse, E2M1_RNE));
        break;
    case GQ_I8:
        for (size_t i = 0; i < n; i++)
            out[i] = (uint8_t)i8_of(x[i] * inverse);
        break;
    }
}

/* Quantises columns [from, from + n) of a row by the scale s. */
static void quantise(const struct job *job, size_t r, size_t from, size_t n, float s)
{
    const size_t per_byte = job->output == GQ_FP4 ? 2 : 1;
    float x[CHUNK];

    for (size_t c = 0; c < n; c += CHUNK) {
        const size_t count = n - c < CHUNK ? n - c : CHUNK;

        decode(job, job->x + r * job->stride + from + c, count, x);
        encode(job, x, count, 1 / s, job->codes + (r * job->cols + from + c) / per_byte);
    }
}

static enum e8m0_elem e8m0_elem_of(enum gq_output output)
{
    return output == GQ_FP4 ? E8M0_FP4 : output == GQ_FNUZ ? E8M0_FP8_FNUZ : E8M0_FP8_FN;
}

/* The scale of a group, and what of it is stored. */
static float group_scale(const struct job *job, float amax, size_t at)
{
    const float floored = amax > 1e-10f ? amax : 1e-10f;

    if (job->layout == GQ_E8M0 || job->layout == GQ_E8M0_SHUFFLED) {
        const uint8_t byte = e8m0_scale(e8m0_elem_of(job->output), E8M0_ROUND_UP, floored);

        ((uint8_t *)job->scale)[at] = byte;
        return (float)e8m0_decode(byte);
    }
    return ((float *)job->scale)[at] = floored * (1 / largest[job->output]);
}

static void reference_groups(const struct job *job)
{
    for (size_t r = 0; r < job->counted; r++) {
        for (size_t y = 0; y < job->groups; y++) {
            const size_t from = y * job->width, left = job->cols - from;
            const size_t n = left < job->width ? left : job->width;
            const float amax = amax_of(job, r, from, n);

            quantise(job, r, from, n, group_scale(job, amax, scale_index(job, r, y)));
        }
    }
}

/* The scale of a row or a tensor. */
static float whole_scale(const struct job *job, float amax)
{
    return amax < 0x1p-100f ? 1 : amax * (1 / largest[job->output]);
}

static void reference_tokens(const struct job *job)
{
    for (size_t r = 0; r < job->counted; r++) {
        const float s = whole_scale(job, amax_of(job, r, 0, job->cols));

        ((float *)job->scale)[r] = s;
        quantise(job, r, 0, job->cols, s);
    }
}

static void reference_tensor(const struct job *job)
{
    float amax = 0, s;

    if (job->rows == 0)
        return;
    for (size_t r = 0; r < job->counted; r++) {
        const float row = amax_of(job, r, 0, job->cols);

        amax = row > amax ? row : amax;
    }
    s = whole_scale(job, amax);
    *(float *)job->scale = s;
    for (size_t r = 0; r < job->counted; r++)
        quantise(job, r, 0, job->cols, s);
}

static size_t counted_rows(const struct kase *kase, const struct ref_io *io, size_t rows)
{
    int64_t count;

    if (kase->value[GQ_NUM_ROWS] < 0)
        return rows;
    count = *(const int32_t *)io->in[GQ_T_NUM_ROWS] * kase->value[GQ_ROW_FACTOR];
    return (size_t)count < rows ? (size_t)count : rows;
}

void group_quant_reference(const struct kase *kase, const struct ref_io *io)
{
    struct job job = job_of(kase);

    job.counted = counted_rows(kase, io, job.rows);
    job.x = io->in[GQ_T_INPUT];
    job.codes = io->out[GQ_T_CODES];
    job.scale = io->out[GQ_T_SCALE];
    if (job.group == GQ_TOKEN) {
        reference_tokens(&job);
    } else if (job.group == GQ_TENSOR) {
        reference_tensor(&job);
    } else if (job.group == GQ_STATIC) {
        for (size_t r = 0; r < job.counted; r++)
            quantise(&job, r, 0, job.cols, *(const float *)io->in[GQ_T_STATIC_SCALE]);
    } else {
        reference_groups(&job);
    }
}

/* A code as a whole number; codes of neighbouring values differ by 1. A code that no value has is
 * far from all others. */
static int code_order(enum gq_output output, uint32_t code)
{
    if (code == 0x80 && output != GQ_FN)
        return 1000; /* NaN; i8: beyond -127 */
    if (output == GQ_I8)
        return (int8_t)(uint8_t)code;
    return code & 0x80 ? -(int)(code & 0x7F) : (int)code;
}

/* The magnitude at which the code changes from `low` to the next. */
static double boundary_above(enum gq_output output, uint32_t low)
{
    const enum fp8_kind kind = output == GQ_FNUZ ? FP8_FNUZ : FP8_FN;

    if (output == GQ_I8)
        return low + 1.0; /* truncation: the integers */
    return ((double)fp8_decode(kind, (uint8_t)low) + fp8_decode(kind, (uint8_t)(low + 1))) / 2;
}

/* The scale that the device itself used for an element. */
static float device_scale(const struct job *job, const struct ref_io *io, void *const device_out[],
                          size_t row, size_t col)
{
    const float *scale = device_out[GQ_T_SCALE];

    if (job->group == GQ_STATIC)
        return *(const float *)io->in[GQ_T_STATIC_SCALE];
    if (job->group == GQ_TENSOR)
        return scale[0];
    return scale[job->group == GQ_TOKEN ? row : scale_index(job, row, col / job->width)];
}

/* A neighbouring code is right when x / s is as near to the boundary between the two as the fp32
 * roundings of 1/s and of the product can move it. By a power of two they are exact, so e8m0
 * scales and ties leave no choice. */
bool group_quant_accept(const struct kase *kase, const struct ref_io *io, void *const device_out[],
                        size_t i, size_t row, size_t col, uint32_t got)
{
    struct job job = job_of(kase);
    int want, have, low;
    double quotient;
    float x, s;

    if (i != GQ_T_CODES || job.layout == GQ_E8M0 || job.layout == GQ_E8M0_SHUFFLED)
        return false;
    job.counted = counted_rows(kase, io, job.rows);
    s = device_scale(&job, io, device_out, row, col);
    if (!(s > 0) || (format_float_bits(s) & 0x7FFFFF) == 0)
        return false;
    decode(&job, (const uint16_t *)io->in[GQ_T_INPUT] + row * job.stride + col, 1, &x);
    quotient = fabs((double)x / s);
    want = code_order(job.output, ((const uint8_t *)io->out[i])[row * job.cols + col]);
    have = code_order(job.output, got);
    low = abs(want) < abs(have) ? abs(want) : abs(have);
    return abs(want - have) == 1 &&
           fabs(quotient - boundary_above(job.output, (uint32_t)low)) <= 0x1p-20 * quotient;
}
