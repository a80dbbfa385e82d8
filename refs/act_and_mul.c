#include "refs/act_and_mul.h"

#include <math.h>

#include "refs/formats.h"

enum { CHUNK = 128, BLOCK = 16, D_LIMIT = 1 << 20 };

enum meaning { SILU, GELU, GELU_TANH, SWIGLU, SWIGLU_STEP, NONE, UNKNOWN };

static const enum meaning meanings[AM_ACTS] = {
    [AM_ACT_SILU] = SILU,
    [AM_ACT_SILU_TITLE] = SILU,
    [AM_ACT_SILU_UPPER] = SILU,
    [AM_ACT_GELU] = GELU,
    [AM_ACT_GELU_TITLE] = GELU,
    [AM_ACT_GELU_TANH] = GELU_TANH,
    [AM_ACT_SWIGLU] = SWIGLU,
    [AM_ACT_SWIGLU_TITLE] = SWIGLU,
    [AM_ACT_STEP] = SWIGLU_STEP,
    [AM_ACT_STEP_CAMEL] = SWIGLU_STEP,
    [AM_ACT_STEP_UPPER] = SWIGLU_STEP,
    [AM_ACT_NUMBER0] = SILU,
    [AM_ACT_NUMBER1] = GELU,
    [AM_ACT_NUMBER2] = SWIGLU,
    [AM_ACT_NUMBER3] = SWIGLU_STEP, /* under AM_EP */
    [AM_ACT_NUMBER4] = UNKNOWN,
    [AM_ACT_MINUS1] = NONE,
    [AM_ACT_NO] = NONE,
    [AM_ACT_SWIGLU_STEP] = UNKNOWN,
    [AM_ACT_GEGLU] = UNKNOWN,
};

/* A case, spelled out. */
struct job {
    enum meaning act;
    size_t rows, d, in_stride;
    double limit; /* 0: none */
    bool interleaved, truncate;
    enum format_id in, out;
    size_t experts;
    const void *input;
    const float *bias;
    const int32_t *expert_id;
};

static enum meaning meaning_of(const struct kase *kase)
{
    const int64_t act = kase->value[AM_ACT];

    if (act == AM_ACT_NUMBER3 && kase->value[AM_NUMBERING] == AM_MAIN)
        return UNKNOWN;
    return meanings[act];
}

static enum format_id in_format(const struct kase *kase)
{
    static const enum format_id formats_of[] = {
        [AM_IN_F32] = FORMAT_F32, [AM_IN_BF16] = FORMAT_BF16, [AM_IN_F16] = FORMAT_F16};

    return formats_of[kase->value[AM_IN]];
}

static enum format_id out_format(const struct kase *kase)
{
    switch (kase->value[AM_OUT]) {
    case AM_OUT_F32:
        return FORMAT_F32;
    case AM_OUT_BF16:
        return FORMAT_BF16;
    case AM_OUT_F16:
        return FORMAT_F16;
    default:
        return in_format(kase);
    }
}

/* What is legal, in the order in which a reason is given. */

static const char *contract_of_shape(const struct kase *kase)
{
    const int64_t *v = kase->value;

    if (v[AM_TOKENS] < 0)
        return "bad_tokens";
    if (v[AM_TOPK] < 1)
        return "bad_topk";
    if (v[AM_D] < 1 || v[AM_D] > D_LIMIT)
        return "bad_d";
    if (v[AM_SURPLUS_ROWS] < 0)
        return "bad_surplus_rows";
    if (v[AM_IN_PAD] < 0 || v[AM_OUT_PAD] < 0)
        return "stride_below_cols";
    if (v[AM_EXPERTS] < 0)
        return "bad_experts";
    return NULL;
}

static const char *contract_of_activation(const struct kase *kase)
{
    const enum meaning act = meaning_of(kase);

    if (act == NONE)
        return "no_activation";
    if (act == UNKNOWN)
        return "unknown_activation";
    if (kase->value[AM_LIMIT] < 0)
        return "bad_limit";
    if (kase->value[AM_LIMIT] > 0 && act != SILU && act != SWIGLU)
        return "limit_without_use";
    return NULL;
}

/* 16-bit rows are read and written in words of 32 bits, so they must consist of such. */
static const char *contract_of_types(const struct kase *kase)
{
    const int64_t *v = kase->value;
    const enum format_id in = in_format(kase), out = out_format(kase);

    if (in != FORMAT_F32 && out != in)
        return "output_type";
    if ((in != FORMAT_F32 || out != FORMAT_F32) && v[AM_D] % 2 != 0)
        return "odd_d";
    if ((in != FORMAT_F32 && v[AM_IN_PAD] % 2 != 0) ||
        (out != FORMAT_F32 && v[AM_OUT_PAD] % 2 != 0))
        return "odd_stride";
    if (v[AM_LAYOUT] == AM_INTERLEAVED16 && v[AM_D] % BLOCK != 0)
        return "d_not_in_blocks";
    return NULL;
}

/* Bytes from the first element to behind the last, about: exact where it is not large. */
static double extent(double rows, double cols, double pad, double size)
{
    return rows < 1 ? 0 : ((rows - 1) * (cols + pad) + cols) * size;
}

static const char *contract_of_size(const struct kase *kase)
{
    const double rows = (double)kase->value[AM_TOKENS] * (double)kase->value[AM_TOPK];
    const double d = (double)kase->value[AM_D];
    const double in_size = in_format(kase) == FORMAT_F32 ? 4 : 2;
    const double out_size = out_format(kase) == FORMAT_F32 ? 4 : 2;

    /* 2^33 bytes each. */
    if (extent(rows + (double)kase->value[AM_SURPLUS_ROWS], 2 * d, (double)kase->value[AM_IN_PAD],
               in_size) > 0x1p33 ||
        extent(rows, d, (double)kase->value[AM_OUT_PAD], out_size) > 0x1p33 ||
        extent((double)kase->value[AM_EXPERTS], 2 * d, 0, 4) > 0x1p33)
        return "too_large";
    return NULL;
}

const char *act_and_mul_contract(const struct kase *kase)
{
    const char *reason = contract_of_shape(kase);

    if (!reason)
        reason = contract_of_activation(kase);
    if (!reason)
        reason = contract_of_types(kase);
    return reason ? reason : contract_of_size(kase);
}

size_t act_and_mul_ref_elements(const struct kase *kase, size_t i)
{
    if (i != AM_T_OUT)
        return 0;
    return (size_t)kase->value[AM_TOKENS] * (size_t)kase->value[AM_TOPK] *
           (size_t)kase->value[AM_D];
}

/* The limit that the kernel gets: fp32. */
static double limit_of(const struct kase *kase)
{
    const double limit = (float)((double)kase->value[AM_LIMIT] / 1000);

    return limit <= 0 && meaning_of(kase) == SWIGLU ? 7 : limit;
}

static struct job job_of(const struct kase *kase, const struct ref_io *io)
{
    const int64_t *v = kase->value;

    return (struct job){
        .act = meaning_of(kase),
        .rows = (size_t)(v[AM_TOKENS] * v[AM_TOPK]),
        .d = (size_t)v[AM_D],
        .in_stride = (size_t)(2 * v[AM_D] + v[AM_IN_PAD]),
        .limit = limit_of(kase),
        .interleaved = v[AM_LAYOUT] == AM_INTERLEAVED16,
        .truncate = v[AM_BF16] == AM_TRUNCATE,
        .in = in_format(kase),
        .out = out_format(kase),
        .experts = (size_t)v[AM_EXPERTS],
        .input = io->in[AM_T_INPUT],
        .bias = io->in[AM_T_BIAS],
        .expert_id = io->in[AM_T_EXPERT_ID],
    };
}

static void decode(enum format_id format, const void *input, size_t at, size_t n,
                   float *restrict out)
{
    const float *f32 = input;
    const uint16_t *u16 = input;

    if (format == FORMAT_F32)
        for (size_t i = 0; i < n; i++)
            out[i] = f32[at + i];
    else if (format == FORMAT_BF16)
        for (size_t i = 0; i < n; i++)
            out[i] = bf16_decode(u16[at + i]);
    else
        for (size_t i = 0; i < n; i++)
            out[i] = f16_decode(u16[at + i]);
}

/* Gates (half 0) or ups (half 1) of columns [c, c + n); c is a multiple of CHUNK. */
static void read_half(const struct job *job, size_t row, size_t c, size_t n, size_t half,
                      float *out)
{
    const size_t start = row * job->in_stride;

    if (!job->interleaved) {
        decode(job->in, job->input, start + half * job->d + c, n, out);
        return;
    }
    for (size_t i = 0; i < n; i += BLOCK)
        decode(job->in, job->input, start + 2 * (c + i) + half * BLOCK, BLOCK, out + i);
}

/* One fp32 addition. */
static void add_bias(const float *restrict bias, size_t n, float *restrict x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((double)x[i] + (double)bias[i]);
}

static double clamp(double x, double limit)
{
    return fmin(fmax(x, -limit), limit);
}

static double silu(double x)
{
    return x / (1 + exp(-x));
}

/* Rounds as the case rounds to the input's type. */
static double to_input(const struct job *job, double x)
{
    switch (job->in) {
    case FORMAT_BF16:
        return bf16_decode(bf16_encode((float)x, job->truncate ? BF16_TRUNCATE : BF16_RNE));
    case FORMAT_F16:
        return f16_decode(f16_encode((float)x));
    default:
        return x;
    }
}

static double activate(const struct job *job, double g, double u)
{
    switch (job->act) {
    case SILU:
        if (job->limit > 0)
            return silu(to_input(job, fmin(g, job->limit))) * clamp(u, job->limit);
        return silu(g) * u;
    case GELU:
        return 0.5 * g * erfc(-g * M_SQRT1_2) * u;
    case GELU_TANH: /* (1 + tanh z) / 2 = 1 / (1 + exp(-2 z)), which loses nothing for z < 0 */
        return g / (1 + exp(-2 * sqrt(2 / M_PI) * (g + 0.044715 * g * g * g))) * u;
    case SWIGLU:
        g = fmin(g, job->limit);
        return g / (1 + exp(-1.702 * g)) * (clamp(u, job->limit) + 1);
    case SWIGLU_STEP:
        return fmin(silu(g), 7) * clamp(u, 7);
    case NONE:
    case UNKNOWN:
        break;
    }
    return NAN;
}

static void reference_row(const struct job *job, size_t row, const float *bias, double *out)
{
    float g[CHUNK], u[CHUNK];

    for (size_t c = 0; c < job->d; c += CHUNK) {
        const size_t left = job->d - c, n = left < CHUNK ? left : CHUNK;

        read_half(job, row, c, n, 0, g);
        read_half(job, row, c, n, 1, u);
        if (bias) {
            add_bias(bias + c, n, g);
            add_bias(bias + job->d + c, n, u);
        }
        for (size_t i = 0; i < n; i++)
            out[c + i] = activate(job, g[i], u[i]);
        if (job->truncate && job->out == FORMAT_BF16)
            for (size_t i = 0; i < n; i++)
                out[c + i] = bf16_middle_of_cut(out[c + i]);
    }
}

void act_and_mul_reference(const struct kase *kase, const struct ref_io *io)
{
    const struct job job = job_of(kase, io);

    for (size_t row = 0; row < job.rows; row++) {
        double *out = (double *)io->out[AM_T_OUT] + row * job.d;
        const int64_t expert = job.experts ? job.expert_id[row] : 0;

        if (job.experts && (expert < 0 || (uint64_t)expert >= job.experts))
            for (size_t c = 0; c < job.d; c++)
                out[c] = 0;
        else
            reference_row(&job, row, job.experts ? job.bias + (size_t)expert * 2 * job.d : NULL,
                          out);
    }
}
