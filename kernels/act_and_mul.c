/*
 * act_and_mul, host side: see refs/act_and_mul.h for what it computes.
 *
 * One kernel: a block per row, 2 to 8 columns per thread.
 */
#include "kernels/act_and_mul.h"

#include <stdio.h>

#include "harness/isa/policy.h"
#include "harness/op/op.h"
#include "kernels/act_and_mul_bind.h"
#include "kernels/act_and_mul_fill.h"
#include "kernels/mutant.h"
#include "refs/act_and_mul.h"

extern const struct kernel kernel_act_and_mul;

#define SIZE_LIMIT ((uint64_t)8 << 30) /* bytes of a tensor */

enum { MAX_D = 1 << 20 };

/* --- Parameters --- */

static const char *const numbering_names[] = {"ep", "main", NULL};
static const char *const layout_names[] = {"separated", "interleaved16", NULL};
static const char *const in_names[] = {"f32", "bf16", "f16", NULL};
static const char *const out_names[] = {"same", "f32", "bf16", "f16", NULL};
static const char *const bf16_names[] = {"rne", "truncate", NULL};
static const char *const fill_names[] = {"real", "wide", "edge", "known", "huge", NULL};

static const int64_t token_values[] = {1, 2, 8, 32, 64, 128, 256, 512, 0};
static const int64_t topk_values[] = {1, 4, 5, 8, 9, 0};
static const int64_t d_tiles[] = {16, 64, 128, 512, 1024, 0};
static const int64_t d_values[] = {1,   2,    3,    160,  192,  256,  320,  384,  512,  640,
                                   768, 1280, 1536, 2048, 3072, 4096, 5120, 6160, 8192, 0};
static const int64_t pad_tiles[] = {2, 32, 0};
static const int64_t pad_values[] = {32, 130, INT64_C(1) << 29, INT64_C(1) << 30, INT64_C(1) << 31,
                                     0};
static const int64_t limit_values[] = {7000, 7005, 7030, 1000, 10, 0};
static const int64_t expert_values[] = {1, 2, 8, 0};

static const struct param params[AM_PARAMS] = {
    [AM_TOKENS] = {"tokens", "first dimension of the output", NULL, -1, INT64_C(1) << 33, 16, 4,
                   NULL, token_values},
    [AM_TOPK] = {"topk", "second dimension of the output", NULL, 0, 1024, 4, 1, NULL, topk_values},
    [AM_D] = {"d", "columns of the output", NULL, 0, MAX_D + 16, 2048, 128, d_tiles, d_values},
    [AM_SURPLUS_ROWS] = {"surplus_rows", "input rows behind the last that counts", NULL, -1,
                         1 << 20, 8, 0, NULL, NULL},
    [AM_IN_PAD] = {"in_pad", "input elements between rows", NULL, -1, INT64_C(1) << 33, 2, 0,
                   pad_tiles, pad_values},
    [AM_OUT_PAD] = {"out_pad", "output elements between rows", NULL, -1, INT64_C(1) << 33, 2, 0,
                    pad_tiles, pad_values},
    [AM_ACT] = {"act", "activation, as the caller names or numbers it", act_names, 0, AM_ACTS - 1,
                0, AM_ACT_SILU, NULL, NULL},
    [AM_NUMBERING] = {"numbering", "library whose numbers the caller uses", numbering_names, 0,
                      AM_MAIN, 0, AM_EP, NULL, NULL},
    [AM_LIMIT] = {"limit", "clamp in thousandths; 0: none, or 7 for swiglu", NULL, -1, 1000000, 1,
                  0, NULL, limit_values},
    [AM_LAYOUT] = {"layout", "where gates and ups are", layout_names, 0, AM_INTERLEAVED16, 0,
                   AM_SEPARATED, NULL, NULL},
    [AM_IN] = {"in", "type of the input", in_names, 0, AM_IN_F16, 0, AM_IN_BF16, NULL, NULL},
    [AM_OUT] = {"out", "type of the output", out_names, 0, AM_OUT_F16, 0, AM_OUT_SAME, NULL, NULL},
    [AM_BF16] = {"bf16", "rounding to bf16", bf16_names, 0, AM_TRUNCATE, 0, AM_RNE, NULL, NULL},
    [AM_EXPERTS] = {"experts", "rows of the bias; 0: no bias", NULL, -1, INT32_MAX, 8, 0, NULL,
                    expert_values},
    [AM_FILL] = {"fill", "values of the input", fill_names, 0, AM_FILL_HUGE, 0, AM_FILL_REAL, NULL,
                 NULL},
};

/* --- Types --- */

static enum act_type in_type(const struct kase *kase)
{
    static const enum act_type types[] = {
        [AM_IN_F32] = ACT_F32, [AM_IN_BF16] = ACT_BF16, [AM_IN_F16] = ACT_F16};

    return types[kase->value[AM_IN]];
}

static enum act_type out_type(const struct kase *kase)
{
    static const enum act_type types[] = {
        [AM_OUT_F32] = ACT_F32, [AM_OUT_BF16] = ACT_BF16, [AM_OUT_F16] = ACT_F16};

    return kase->value[AM_OUT] == AM_OUT_SAME ? in_type(kase) : types[kase->value[AM_OUT]];
}

/* --- Guard --- */

static const char *const reasons[] = {
    "bad_tokens",        "bad_topk",          "bad_d",         "bad_surplus_rows",
    "stride_below_cols", "bad_experts",       "no_activation", "unknown_activation",
    "bad_limit",         "limit_without_use", "output_type",   "odd_d",
    "odd_stride",        "d_not_in_blocks",   "too_large",     "short_input",
    "short_bias",        "short_expert_id",   "short_out",     NULL};

static const char *const short_reasons[AM_TENSORS] = {"short_input", "short_bias",
                                                      "short_expert_id", "short_out"};

static const char *check_shape(const struct kase *kase)
{
    if (kase->value[AM_TOKENS] < 0)
        return "bad_tokens";
    if (kase->value[AM_TOPK] <= 0)
        return "bad_topk";
    if (kase->value[AM_D] <= 0 || kase->value[AM_D] > MAX_D)
        return "bad_d";
    if (kase->value[AM_SURPLUS_ROWS] < 0)
        return "bad_surplus_rows";
    if (kase->value[AM_IN_PAD] < 0 || kase->value[AM_OUT_PAD] < 0)
        return "stride_below_cols";
    return kase->value[AM_EXPERTS] < 0 ? "bad_experts" : NULL;
}

static const char *check_activation(const struct kase *kase)
{
    const enum act_kernel act = act_of(kase);
    const bool takes_limit =
        act == ACT_KERNEL_SILU || act == ACT_KERNEL_SWIGLU || MUTANT(LIMIT_IGNORED);

    if (act == ACT_KERNEL_NONE)
        return "no_activation";
    if (act == ACT_KERNEL_UNKNOWN)
        return "unknown_activation";
    if (kase->value[AM_LIMIT] < 0)
        return "bad_limit";
    return kase->value[AM_LIMIT] > 0 && !takes_limit ? "limit_without_use" : NULL;
}

/* Rows of 16-bit elements must be whole words: the kernel loads and stores words. */
static const char *check_types(const struct kase *kase)
{
    const bool in16 = in_type(kase) != ACT_F32, out16 = out_type(kase) != ACT_F32;

    if (in16 && out_type(kase) != in_type(kase) && !MUTANT(OUT_TYPE))
        return "output_type";
    if ((in16 || out16) && kase->value[AM_D] & 1 && !MUTANT(L21))
        return "odd_d";
    if ((in16 && kase->value[AM_IN_PAD] & 1 && !MUTANT(ODD_STRIDE)) ||
        (out16 && kase->value[AM_OUT_PAD] & 1))
        return "odd_stride";
    if (MUTANT(BLOCKS))
        return NULL;
    if (kase->value[AM_LAYOUT] == AM_INTERLEAVED16 && kase->value[AM_D] % ACT_BLOCK)
        return "d_not_in_blocks";
    return NULL;
}

static size_t tensors(const struct kase *, struct tensor[OP_MAX_TENSORS]);

static const char *check_sizes(const struct kase *kase, const size_t *bytes)
{
    struct tensor tensor[OP_MAX_TENSORS];

    tensors(kase, tensor);
    for (size_t i = 0; i < AM_TENSORS; i++) {
        size_t needed;

        if (!tensor_bytes(&tensor[i], &needed) ||
            (MUTANT(SIZE32) ? (uint32_t)needed : needed) > SIZE_LIMIT)
            return "too_large";
    }
    for (size_t i = 0; bytes && i < AM_TENSORS; i++) {
        size_t needed;

        if ((MUTANT(B45) && i == AM_T_OUT) || (MUTANT(SHORT_ID) && i == AM_T_EXPERT_ID))
            continue;
        if (!tensor_bytes(&tensor[i], &needed) || bytes[i] < needed)
            return short_reasons[i];
    }
    return NULL;
}

static const char *guard(const struct kase *kase, const size_t *bytes)
{
    const char *reason = check_shape(kase);

    if (!reason)
        reason = check_activation(kase);
    if (!reason)
        reason = check_types(kase);
    return reason ? reason : check_sizes(kase, bytes);
}

/* --- Tensors --- */

/* tokens * topk; both are below 2^34. */
static size_t rows_of(const struct kase *kase)
{
    return (size_t)kase->value[AM_TOKENS] * (size_t)kase->value[AM_TOPK];
}

static enum dtype dtype_of(enum act_type type)
{
    static const enum dtype types[] = {
        [ACT_F32] = DTYPE_F32, [ACT_BF16] = DTYPE_BF16, [ACT_F16] = DTYPE_F16};

    return types[type];
}

/* Magnitudes of `wide` and `huge` as far as fp16 reaches. */
static struct fill input_fill(const struct kase *kase)
{
    const bool f16 = in_type(kase) == ACT_F16;

    switch (kase->value[AM_FILL]) {
    case AM_FILL_REAL:
        return (struct fill){FILL_REAL, -6, 4};
    case AM_FILL_WIDE:
        return (struct fill){FILL_REAL, f16 ? -14 : -20, 16};
    case AM_FILL_HUGE:
        return (struct fill){FILL_REAL, f16 ? 10 : 40, f16 ? 15 : 60};
    default:
        return (struct fill){.kind = FILL_CUSTOM};
    }
}

static struct tensor input_tensor(const struct kase *kase)
{
    struct tensor t = {
        .name = "input",
        .layout = kase->value[AM_LAYOUT] == AM_INTERLEAVED16
                      ? "[tokens * topk + surplus_rows, d/16, gate and up, 16], strided"
                      : "[tokens * topk + surplus_rows, gate and up, d], strided",
        .role = TENSOR_INPUT,
        .dtype = dtype_of(in_type(kase)),
        .align = sizeof(uint32_t),
        .fill = input_fill(kase),
    };

    tensor_dense(&t, rows_of(kase) + (size_t)kase->value[AM_SURPLUS_ROWS],
                 2 * (size_t)kase->value[AM_D]);
    t.stride += (size_t)kase->value[AM_IN_PAD];
    return t;
}

/* Relative error of the fp32 chain and its reason. Below 2^-126 exp loses its relative error;
 * times a gate and an up of less than 2^16 that stays below the absolute 2^-100. */
static struct policy out_policy(const struct kase *kase)
{
    struct policy p = {.kind = POLICY_BOUND, .absolute = 0x1p-100};

    switch (act_of(kase)) {
    case ACT_KERNEL_GELU:
        p.relative = 0x1p-20;
        p.reason = "fp32: the normal distribution within 9 units of 2^-24 without cancellation, "
                   "two products";
        break;
    case ACT_KERNEL_GELU_TANH:
        p.relative = 0x1p-14;
        p.reason = "fp32: six roundings of 2^-24 in 2z, which exp multiplies by |2z| <= 104, and "
                   "the logistic function's own 6; (1 + tanh z) / 2 does not cancel in that form";
        break;
    case ACT_KERNEL_SWIGLU:
        p.relative = 0x1p-16;
        p.reason = "fp32: 1.5 units of 2^-24 in 1.702 g, which exp multiplies by at most 104, the "
                   "logistic function's own 6, two products and u + 1, which is exact when it "
                   "cancels";
        break;
    default:
        p.relative = 0x1p-20;
        p.reason = "fp32: the logistic function within 6 units of 2^-24, two products";
        break;
    }
    if (kase->value[AM_FILL] == AM_FILL_REAL && kase->value[AM_EXPERTS] == 0)
        p.min_nonzero = 0.5;
    return p;
}

static struct tensor out_tensor(const struct kase *kase)
{
    struct tensor t = {.name = "out",
                       .layout = "[tokens, topk, d], strided rows",
                       .role = TENSOR_OUTPUT,
                       .dtype = dtype_of(out_type(kase)),
                       .align = sizeof(uint32_t),
                       .policy = out_policy(kase)};

    tensor_dense(&t, rows_of(kase), (size_t)kase->value[AM_D]);
    t.stride += (size_t)kase->value[AM_OUT_PAD];
    return t;
}

static size_t tensors(const struct kase *kase, struct tensor out[OP_MAX_TENSORS])
{
    const size_t experts = (size_t)kase->value[AM_EXPERTS];

    out[AM_T_INPUT] = input_tensor(kase);
    out[AM_T_BIAS] = (struct tensor){.name = "bias",
                                     .layout = "[experts, gate and up, d]",
                                     .role = TENSOR_INPUT,
                                     .dtype = DTYPE_F32,
                                     .fill = {FILL_REAL, -4, 3}};
    tensor_dense(&out[AM_T_BIAS], experts, 2 * (size_t)kase->value[AM_D]);
    out[AM_T_EXPERT_ID] = (struct tensor){.name = "expert_id",
                                          .layout = "[tokens * topk]",
                                          .role = TENSOR_INPUT,
                                          .dtype = DTYPE_I32,
                                          .fill = {.kind = FILL_CUSTOM}};
    tensor_dense(&out[AM_T_EXPERT_ID], experts ? rows_of(kase) : 0, 1);
    out[AM_T_OUT] = out_tensor(kase);
    return AM_TENSORS;
}

/* --- Plan --- */

/* The power of two at or above n, in [low, high]. */
static uint32_t power_of_two(uint32_t n, uint32_t low, uint32_t high)
{
    uint32_t p = low;

    while (p < n && p < high)
        p *= 2;
    return p;
}

/* Columns per thread: enough that a wave's row takes few steps, few enough that it has work. */
static uint32_t vec_of(const struct kase *kase)
{
    return power_of_two((uint32_t)kase->value[AM_D] / ACT_WAVE, 2, ACT_VEC);
}

static uint32_t waves_of(const struct kase *kase)
{
    return power_of_two((uint32_t)kase->value[AM_D] / ACT_WAVE / vec_of(kase), 1, 8);
}

static enum act_kernel kernel_act(const struct kase *kase)
{
    const enum act_kernel act = act_of(kase);

    if (MUTANT(B13) && act != ACT_KERNEL_SILU)
        return ACT_KERNEL_GELU;
    if (MUTANT(L18) && act == ACT_KERNEL_SWIGLU_STEP && kase->value[AM_LAYOUT] == AM_INTERLEAVED16)
        return ACT_KERNEL_SILU;
    return act == ACT_KERNEL_SILU && kase->value[AM_LIMIT] > 0 ? ACT_KERNEL_SILU_LIMIT : act;
}

static float limit_of(const struct kase *kase)
{
    const int64_t thousandths = kase->value[AM_LIMIT];

    if (thousandths == 0 && act_of(kase) == ACT_KERNEL_SWIGLU)
        return MUTANT(LIMIT_0) ? 0x1p127f : 7;
    return (float)((double)thousandths / 1000);
}

static void plan(const struct kase *kase, const struct tensor *tensor, void *const device[],
                 struct plan *out)
{
    const bool bias = kase->value[AM_EXPERTS] > 0;
    const size_t rows = rows_of(kase) + (MUTANT(B10) ? (size_t)kase->value[AM_SURPLUS_ROWS] : 0);
    const struct act_args a = {
        .input = device[AM_T_INPUT],
        .out = device[AM_T_OUT],
        .bias = bias ? device[AM_T_BIAS] : NULL,
        .expert_id = bias ? device[AM_T_EXPERT_ID] : NULL,
        .in_stride = MUTANT(B51) ? tensor[AM_T_INPUT].cols : tensor[AM_T_INPUT].stride,
        .out_stride = MUTANT(B51b) ? tensor[AM_T_OUT].cols : tensor[AM_T_OUT].stride,
        .out_token_stride =
            tensor[AM_T_OUT].stride * (MUTANT(B11) ? 1 : (uint64_t)kase->value[AM_TOPK]),
        .d = (uint32_t)kase->value[AM_D],
        .topk = (uint32_t)kase->value[AM_TOPK],
        .experts = (uint32_t)kase->value[AM_EXPERTS],
        .vec = vec_of(kase),
        .act = kernel_act(kase),
        .in_type = in_type(kase),
        .out_type = out_type(kase),
        .limit = limit_of(kase),
        .interleaved = kase->value[AM_LAYOUT] == AM_INTERLEAVED16,
        .truncate = kase->value[AM_BF16] == AM_TRUNCATE,
    };

    if (rows)
        plan_kernel(out, &kernel_act_and_mul, (uint32_t)rows, waves_of(kase) * ACT_WAVE, 0, &a,
                    sizeof(a));
}

/* --- For the generator --- */

static uint64_t not_negative(int64_t n)
{
    return n > 0 ? (uint64_t)n : 0;
}

static uint64_t cost(const struct kase *kase)
{
    const uint64_t tokens = not_negative(kase->value[AM_TOKENS]);
    const uint64_t topk = not_negative(kase->value[AM_TOPK]);
    const uint64_t d = not_negative(kase->value[AM_D]);
    const uint64_t others =
        not_negative(kase->value[AM_SURPLUS_ROWS]) + not_negative(kase->value[AM_EXPERTS]);
    uint64_t rows, elements;

    if (__builtin_mul_overflow(tokens, topk, &rows) ||
        __builtin_add_overflow(rows, others, &rows) ||
        __builtin_mul_overflow(rows, 3 * d, &elements))
        return UINT64_MAX;
    return elements;
}

static const char *reach(const struct kase *kase)
{
    struct tensor tensor[OP_MAX_TENSORS];
    size_t bytes = 0, most = 0;

    tensors(kase, tensor);
    for (size_t i = 0; i < AM_TENSORS; i++)
        if (tensor_bytes(&tensor[i], &bytes) && bytes > most)
            most = bytes;
    return most > UINT32_MAX ? "over4g" : most > INT32_MAX ? "over2g" : "near";
}

static void dispatch_key(const struct kase *kase, char *out, size_t size)
{
    const uint32_t d = (uint32_t)kase->value[AM_D], vec = vec_of(kase), waves = waves_of(kase);

    snprintf(out, size,
             "act%d/%s/in%d/out%d/%s vec%u waves%u tail%d steps%d pad%d bias%d rows%d %s",
             (int)kernel_act(kase), layout_names[kase->value[AM_LAYOUT]], (int)in_type(kase),
             (int)out_type(kase), bf16_names[kase->value[AM_BF16]], vec, waves, d % vec != 0,
             d > vec * waves * ACT_WAVE,
             2 * (kase->value[AM_IN_PAD] != 0) + (kase->value[AM_OUT_PAD] != 0),
             kase->value[AM_EXPERTS] != 0,
             (kase->value[AM_TOKENS] > 1) + (kase->value[AM_TOPK] > 1), reach(kase));
}

/* --- Machine code --- */

/* Rows and biases are read through descriptors only, and a thread's vectors stay in registers. */
static const struct isa_policy isa[] = {
    {.kernel = &kernel_act_and_mul, .srd = true, .noscratch = true, .min_waves = 8},
    {0},
};

extern const struct op op_act_and_mul;

const struct op op_act_and_mul = {
    .name = "act_and_mul",
    .summary = "gated activation: silu, gelu, gelu_tanh, swiglu, swiglustep",
    .params = params,
    .n_params = AM_PARAMS,
    .reasons = reasons,
    .guard = guard,
    .tensors = tensors,
    .plan = plan,
    .fill = act_and_mul_fill,
    .isa = isa,
    .contract = act_and_mul_contract,
    .ref_elements = act_and_mul_ref_elements,
    .reference = act_and_mul_reference,
    .cost = cost,
    .dispatch_key = dispatch_key,
};
