#include "refs/dequant.h"

#include "refs/formats.h"

enum { COLS_LIMIT = 1 << 20, CHUNK = 128 };

/* Columns and rows that share a scale; 0: all of a row, all rows of an expert. */
static const struct {
    size_t width, height;
} groups[] = {
    [DQ_E8M0] = {32, 1},           [DQ_E8M0_SHUFFLED] = {32, 1}, [DQ_F32_1X128] = {128, 1},
    [DQ_F32_128X128] = {128, 128}, [DQ_F32_TOKEN] = {0, 1},      [DQ_F32_TENSOR] = {0, 0},
};

/* A case, spelled out. */
struct job {
    enum dq_codes codes;
    enum dq_scale scale;
    enum dq_out out;
    bool truncate, exact;
    size_t experts, rows, cols;
    size_t skip_rows, skip_cols; /* of the first group, which belong to nobody here */
    size_t scale_rows, scale_cols, scale_stride;
    size_t code_stride;
    const uint8_t *code;
    const void *scales;
    void *result;
};

static bool is_e8m0(int64_t scale)
{
    return scale == DQ_E8M0 || scale == DQ_E8M0_SHUFFLED;
}

/* What is legal, in the order in which a reason is given. */

static const char *contract_of_shape(const struct kase *kase)
{
    const int64_t *v = kase->value;

    if (v[DQ_EXPERTS] < 1)
        return "bad_experts";
    if (v[DQ_ROWS] < 0)
        return "bad_rows";
    if (v[DQ_COLS] < 1 || v[DQ_COLS] > COLS_LIMIT)
        return "bad_cols";
    if (v[DQ_FIRST_ROW] < 0 || v[DQ_FIRST_COL] < 0)
        return "bad_first";
    if (v[DQ_IN_PAD] < 0 || v[DQ_OUT_PAD] < 0 || v[DQ_SCALE_PAD] < 0)
        return "stride_below_cols";
    return NULL;
}

static const char *contract_of_types(const struct kase *kase)
{
    const int64_t *v = kase->value;

    if (v[DQ_CODES] == DQ_FP4 && !is_e8m0(v[DQ_SCALE]))
        return "fp4_needs_e8m0_scale";
    if (v[DQ_CODES] == DQ_FP4 && v[DQ_COLS] % 2 != 0)
        return "fp4_needs_even_cols";
    if (v[DQ_SCALE] == DQ_E8M0_SHUFFLED && v[DQ_SCALE_PAD] != 0)
        return "shuffled_scale_is_dense";
    return NULL;
}

static size_t ceil_div(size_t n, size_t by)
{
    return (n + by - 1) / by;
}

static size_t round_up(size_t n, size_t multiple)
{
    return ceil_div(n, multiple) * multiple;
}

static struct job job_of(const struct kase *kase)
{
    const int64_t *v = kase->value;
    const size_t width = groups[v[DQ_SCALE]].width, height = groups[v[DQ_SCALE]].height;
    struct job job = {
        .codes = (enum dq_codes)v[DQ_CODES],
        .scale = (enum dq_scale)v[DQ_SCALE],
        .out = (enum dq_out)v[DQ_OUT],
        .truncate = v[DQ_BF16] == DQ_TRUNCATE,
        .exact = is_e8m0(v[DQ_SCALE]) || v[DQ_OUT] == DQ_OUT_F32 || v[DQ_FILL] == DQ_FILL_POWERS,
        .experts = (size_t)v[DQ_EXPERTS],
        .rows = (size_t)v[DQ_ROWS],
        .cols = (size_t)v[DQ_COLS],
        .skip_rows = height ? (size_t)v[DQ_FIRST_ROW] % height : 0,
        .skip_cols = width ? (size_t)v[DQ_FIRST_COL] % width : 0,
    };

    job.scale_cols = width ? ceil_div(job.skip_cols + job.cols, width) : 1;
    job.scale_rows = height ? ceil_div(job.skip_rows + job.rows, height) : 1;
    job.scale_stride = job.scale_cols + (size_t)v[DQ_SCALE_PAD];
    job.code_stride = (job.codes == DQ_FP4 ? job.cols / 2 : job.cols) + (size_t)v[DQ_IN_PAD];
    return job;
}

/* Whether (rows - 1) * stride + cols elements take more than 2^33 bytes. */
static bool too_large(double rows, double cols, double stride, double size)
{
    return rows > 0 && ((rows - 1) * stride + cols) * size > 0x1p33;
}

static const char *contract_of_size(const struct kase *kase)
{
    const struct job job = job_of(kase);
    const double rows = (double)job.experts * (double)job.rows;
    const double cols = (double)job.cols, bytes = job.out == DQ_OUT_F32 ? 4 : 2;
    const double scale_bytes = is_e8m0(job.scale) ? 1 : 4;
    double scale_rows = (double)job.experts * (double)job.scale_rows;

    if (rows > 0x1p31)
        return "too_large";
    if (job.scale == DQ_E8M0_SHUFFLED)
        scale_rows = (double)round_up((size_t)scale_rows, 256);
    if (too_large(rows, job.codes == DQ_FP4 ? cols / 2 : cols, (double)job.code_stride, 1) ||
        too_large(rows, cols, cols + (double)kase->value[DQ_OUT_PAD], bytes) ||
        too_large(scale_rows, (double)job.scale_cols,
                  job.scale == DQ_E8M0_SHUFFLED ? (double)round_up(job.scale_cols, 8)
                                                : (double)job.scale_stride,
                  scale_bytes))
        return "too_large";
    return NULL;
}

const char *dequant_contract(const struct kase *kase)
{
    const char *reason = contract_of_shape(kase);

    if (!reason)
        reason = contract_of_types(kase);
    return reason ? reason : contract_of_size(kase);
}

size_t dequant_ref_elements(const struct kase *kase, size_t i)
{
    const struct job job = job_of(kase);

    if (i == DQ_T_OUT)
        return job.experts * job.rows * job.cols;
    return i == DQ_T_NAN_COUNT && job.codes == DQ_FN_AS_FNUZ;
}

size_t dequant_shuffled(size_t x, size_t y, size_t padded)
{
    const size_t tile = x / 32 * 32 * padded + y / 8 * 256;

    return tile + y % 4 * 64 + x % 16 * 4 + y % 8 / 4 * 2 + x % 32 / 16;
}

static double scale_of(const struct job *job, size_t expert, size_t row, size_t y)
{
    const size_t height = groups[job->scale].height;
    const size_t x = expert * job->scale_rows + (height ? (job->skip_rows + row) / height : 0);

    if (job->scale == DQ_E8M0_SHUFFLED)
        return e8m0_decode(
            ((const uint8_t *)job->scales)[dequant_shuffled(x, y, round_up(job->scale_cols, 8))]);
    if (job->scale == DQ_E8M0)
        return e8m0_decode(((const uint8_t *)job->scales)[x * job->scale_stride + y]);
    return ((const float *)job->scales)[x * job->scale_stride + y];
}

/* Values of columns [c, c + n) of a row of codes. */
static void decode(const struct job *job, const uint8_t *row, size_t c, size_t n,
                   double *restrict out)
{
    uint8_t fnuz;

    for (size_t i = 0; i < n; i++) {
        switch (job->codes) {
        case DQ_FN:
            out[i] = fp8_decode(FP8_FN, row[c + i]);
            break;
        case DQ_FNUZ:
            out[i] = fp8_decode(FP8_FNUZ, row[c + i]);
            break;
        case DQ_FN_AS_FNUZ:
            fnuz = row[c + i];
            (void)fp8_fn_to_fnuz(row[c + i], &fnuz); /* a NaN byte stays as it is */
            out[i] = 2 * fp8_decode(FP8_FNUZ, fnuz);
            break;
        case DQ_FP4:
            out[i] = e2m1_decode(fp4x2_get(row, c + i));
            break;
        }
    }
}

/* Elements [at, at + n) of the output. */
static void store(const struct job *job, size_t at, const double *restrict x, size_t n)
{
    const enum bf16_round round = job->truncate ? BF16_TRUNCATE : BF16_RNE;
    double *wide = (double *)job->result + at;

    if (!job->exact) {
        const bool cut = job->out == DQ_OUT_BF16 && job->truncate;

        for (size_t i = 0; i < n; i++)
            wide[i] = cut ? bf16_middle_of_cut(x[i]) : x[i];
    } else if (job->out == DQ_OUT_F32) {
        for (size_t i = 0; i < n; i++)
            ((float *)job->result)[at + i] = (float)x[i];
    } else if (job->out == DQ_OUT_BF16) {
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)job->result)[at + i] = bf16_from_double(x[i], round);
    } else {
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)job->result)[at + i] = f16_from_double(x[i]);
    }
}

static void reference_row(const struct job *job, size_t expert, size_t row)
{
    const size_t number = expert * job->rows + row, width = groups[job->scale].width;
    double x[CHUNK];

    for (size_t c = 0, n; c < job->cols; c += n) {
        /* Up to the end of the scale's group, or a chunk of what has one scale alone. */
        const size_t in_group = width ? width - (job->skip_cols + c) % width : CHUNK;
        const size_t left = job->cols - c, y = width ? (job->skip_cols + c) / width : 0;
        const double s = scale_of(job, expert, row, y);

        n = in_group < left ? in_group : left;
        decode(job, job->code + number * job->code_stride, c, n, x);
        for (size_t i = 0; i < n; i++)
            x[i] *= s;
        store(job, number * job->cols + c, x, n);
    }
}

/* Bytes that no e4m3fnuz byte stands for. */
static int32_t count_nan(const struct job *job)
{
    int32_t count = 0;

    for (size_t r = 0; r < job->experts * job->rows; r++)
        for (size_t c = 0; c < job->cols; c++) {
            const uint8_t code = job->code[r * job->code_stride + c];

            count += code == 0x7F || code == 0xFF;
        }
    return count;
}

void dequant_reference(const struct kase *kase, const struct ref_io *io)
{
    struct job job = job_of(kase);

    job.code = io->in[DQ_T_CODES];
    job.scales = io->in[DQ_T_SCALE];
    job.result = io->out[DQ_T_OUT];
    for (size_t expert = 0; expert < job.experts; expert++)
        for (size_t row = 0; row < job.rows; row++)
            reference_row(&job, expert, row);
    if (job.codes == DQ_FN_AS_FNUZ)
        *(int32_t *)io->out[DQ_T_NAN_COUNT] = count_nan(&job);
}
