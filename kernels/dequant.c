/*
 * dequant, host side: see refs/dequant.h for what it computes.
 *
 * One kernel: some threads per row, as many rows per block as fit.
 */
#include "kernels/dequant.h"

#include <stdio.h>

#include "harness/isa/policy.h"
#include "harness/op/op.h"
#include "kernels/dequant_fill.h"
#include "kernels/mutant.h"
#include "refs/dequant.h"

extern const struct kernel kernel_dequant;

#define SIZE_LIMIT ((uint64_t)8 << 30) /* bytes of a tensor */
#define ROWS_LIMIT ((uint64_t)1 << 31) /* of all experts */

#define EVERYTHING ((uint32_t)1 << 31) /* rows or columns of a group without an end */

enum { MAX_COLS = 1 << 20 };

/* --- Parameters --- */

static const char *const codes_names[] = {"fn", "fnuz", "fn_as_fnuz", "fp4", NULL};
static const char *const scale_names[] = {"e8m0",      "e8m0_shuffled", "f32_1x128", "f32_128x128",
                                          "f32_token", "f32_tensor",    NULL};
static const char *const out_names[] = {"bf16", "f16", "f32", NULL};
static const char *const bf16_names[] = {"rne", "truncate", NULL};
static const char *const fill_names[] = {"ordinary", "powers", "extreme", "ramp", NULL};

static const int64_t expert_values[] = {1, 2, 3, 8, 0};
static const int64_t row_tiles[] = {16, 32, 128, 256, 0};
static const int64_t row_values[] = {1, 2, 3, 44, 76, 128, 160, 320, 0};
static const int64_t col_tiles[] = {16, 32, 128, 256, 0};
static const int64_t col_values[] = {160,  192,  256,  320,  384,  640, 1280,
                                     2048, 4096, 5120, 6144, 7168, 0};
static const int64_t first_tiles[] = {16, 32, 128, 0};
static const int64_t first_values[] = {1, 31, 127, 320, 960, 0};
static const int64_t pad_tiles[] = {16, 0};
static const int64_t pad_values[] = {
    8, INT64_C(1) << 29, INT64_C(1) << 30, INT64_C(1) << 31, (INT64_C(1) << 32) - 256, 0};
static const int64_t scale_pad_values[] = {1, 4, INT64_C(1) << 30, INT64_C(1) << 31, 0};

static const struct param params[DQ_PARAMS] = {
    [DQ_EXPERTS] = {"experts", "matrices", NULL, 0, 1 << 20, 3, 1, NULL, expert_values},
    [DQ_ROWS] = {"rows", "rows of a matrix", NULL, -1, INT64_C(1) << 33, 160, 4, row_tiles,
                 row_values},
    [DQ_COLS] = {"cols", "columns", NULL, 0, MAX_COLS + 16, 512, 128, col_tiles, col_values},
    [DQ_FIRST_ROW] = {"first_row", "where a matrix begins in a larger one", NULL, -1, 1 << 20, 256,
                      0, first_tiles, first_values},
    [DQ_FIRST_COL] = {"first_col", "where a row begins in a larger one", NULL, -1, 1 << 20, 256, 0,
                      first_tiles, first_values},
    [DQ_IN_PAD] = {"in_pad", "bytes between rows of codes", NULL, -1, INT64_C(1) << 33, 32, 0,
                   pad_tiles, pad_values},
    [DQ_OUT_PAD] = {"out_pad", "elements between rows of the output", NULL, -1, INT64_C(1) << 33,
                    32, 0, pad_tiles, pad_values},
    [DQ_SCALE_PAD] = {"scale_pad", "elements between rows of the scale", NULL, -1, INT64_C(1) << 33,
                      8, 0, NULL, scale_pad_values},
    [DQ_CODES] = {"codes", "type of the codes", codes_names, 0, DQ_FP4, 0, DQ_FN, NULL, NULL},
    [DQ_SCALE] = {"scale", "type and grouping of the scales", scale_names, 0, DQ_F32_TENSOR, 0,
                  DQ_F32_1X128, NULL, NULL},
    [DQ_OUT] = {"out", "type of the output", out_names, 0, DQ_OUT_F32, 0, DQ_OUT_BF16, NULL, NULL},
    [DQ_BF16] = {"bf16", "rounding to bf16", bf16_names, 0, DQ_TRUNCATE, 0, DQ_RNE, NULL, NULL},
    [DQ_FILL] = {"fill", "values of codes and scales", fill_names, 0, DQ_FILL_RAMP, 0,
                 DQ_FILL_ORDINARY, NULL, NULL},
};

static bool is_e8m0(const struct kase *kase)
{
    return kase->value[DQ_SCALE] <= DQ_E8M0_SHUFFLED;
}

static uint64_t ceil_div(uint64_t n, uint64_t by)
{
    return (n + by - 1) / by;
}

/* Columns, and rows, that share a scale. */
static uint32_t scale_width(const struct kase *kase)
{
    static const uint32_t widths[] = {32, 32, 128, 128, EVERYTHING, EVERYTHING};

    return widths[kase->value[DQ_SCALE]];
}

static uint32_t scale_height(const struct kase *kase)
{
    static const uint32_t heights[] = {1, 1, 1, 128, 1, EVERYTHING};

    return heights[kase->value[DQ_SCALE]];
}

/* Rows and columns of the first group that are not here. Of a group without an end all are. */
static uint32_t missing_rows(const struct kase *kase)
{
    const uint32_t height = scale_height(kase);

    return height == EVERYTHING || MUTANT(L17) ? 0 : (uint32_t)kase->value[DQ_FIRST_ROW] % height;
}

static uint32_t missing_cols(const struct kase *kase)
{
    const uint32_t width = scale_width(kase);

    return width == EVERYTHING || MUTANT(B38) ? 0 : (uint32_t)kase->value[DQ_FIRST_COL] % width;
}

/* Scale rows of an expert; a tensor without rows keeps its scale. */
static uint64_t scale_rows(const struct kase *kase)
{
    if (scale_height(kase) == EVERYTHING)
        return 1;
    return ceil_div(missing_rows(kase) + (uint64_t)kase->value[DQ_ROWS], scale_height(kase));
}

static uint64_t scale_cols(const struct kase *kase)
{
    const uint64_t end = missing_cols(kase) + (uint64_t)kase->value[DQ_COLS];

    if (MUTANT(B03) && end > scale_width(kase))
        return end / scale_width(kase);
    return ceil_div(end, scale_width(kase));
}

/* --- Guard --- */

static const char *const reasons[] = {"bad_experts",
                                      "bad_rows",
                                      "bad_cols",
                                      "bad_first",
                                      "stride_below_cols",
                                      "fp4_needs_e8m0_scale",
                                      "fp4_needs_even_cols",
                                      "shuffled_scale_is_dense",
                                      "too_large",
                                      "short_codes",
                                      "short_scale",
                                      "short_out",
                                      "short_nan_count",
                                      NULL};

static const char *const short_reasons[DQ_TENSORS] = {"short_codes", "short_scale", "short_out",
                                                      "short_nan_count"};

static const char *check_shape(const struct kase *kase)
{
    if (kase->value[DQ_EXPERTS] <= 0)
        return "bad_experts";
    if (kase->value[DQ_ROWS] < 0)
        return "bad_rows";
    if (kase->value[DQ_COLS] <= 0 || kase->value[DQ_COLS] > MAX_COLS)
        return "bad_cols";
    if (kase->value[DQ_FIRST_ROW] < 0 || kase->value[DQ_FIRST_COL] < 0)
        return "bad_first";
    if (kase->value[DQ_IN_PAD] < 0 || kase->value[DQ_OUT_PAD] < 0 || kase->value[DQ_SCALE_PAD] < 0)
        return "stride_below_cols";
    return NULL;
}

static const char *check_types(const struct kase *kase)
{
    const bool fp4 = kase->value[DQ_CODES] == DQ_FP4;

    if (fp4 && !is_e8m0(kase) && !MUTANT(FP4_SCALE))
        return "fp4_needs_e8m0_scale";
    if (fp4 && kase->value[DQ_COLS] & 1 && !MUTANT(FP4_ODD))
        return "fp4_needs_even_cols";
    if (kase->value[DQ_SCALE] == DQ_E8M0_SHUFFLED && kase->value[DQ_SCALE_PAD] > 0 &&
        !MUTANT(SHUFFLED_STRIDE))
        return "shuffled_scale_is_dense";
    return NULL;
}

static size_t tensors(const struct kase *, struct tensor[OP_MAX_TENSORS]);

/* Rows of all experts; both factors are below 2^34. */
static uint64_t rows_of(const struct kase *kase)
{
    return (uint64_t)kase->value[DQ_EXPERTS] * (uint64_t)kase->value[DQ_ROWS];
}

static const char *check_sizes(const struct kase *kase, const size_t *bytes)
{
    struct tensor tensor[OP_MAX_TENSORS];
    size_t needed;

    if (rows_of(kase) > ROWS_LIMIT)
        return "too_large";
    tensors(kase, tensor);
    for (size_t i = 0; i < DQ_TENSORS; i++)
        if (!tensor_bytes(&tensor[i], &needed) ||
            (MUTANT(SIZE32) ? (uint32_t)needed : needed) > SIZE_LIMIT)
            return "too_large";
    for (size_t i = 0; bytes && i < DQ_TENSORS; i++)
        if (!tensor_bytes(&tensor[i], &needed) ||
            (bytes[i] < needed && !(MUTANT(B45) && i == DQ_T_OUT) &&
             !(MUTANT(SHORT_SCALE) && i == DQ_T_SCALE)))
            return short_reasons[i];
    return NULL;
}

static const char *guard(const struct kase *kase, const size_t *bytes)
{
    const char *reason = check_shape(kase);

    if (!reason)
        reason = check_types(kase);
    return reason ? reason : check_sizes(kase, bytes);
}

/* --- Tensors --- */

static uint64_t row_bytes(const struct kase *kase)
{
    const uint64_t cols = (uint64_t)kase->value[DQ_COLS];

    return kase->value[DQ_CODES] == DQ_FP4 ? cols / 2 : cols;
}

static uint32_t out_bytes(const struct kase *kase)
{
    return kase->value[DQ_OUT] == DQ_OUT_F32 ? 4 : 2;
}

/* Whether every whole chunk of every row can be loaded and stored by vectors. */
static bool is_wide(const struct kase *kase)
{
    const uint64_t code_align = kase->value[DQ_CODES] == DQ_FP4 ? 8 : 16;
    const uint64_t codes = row_bytes(kase) + (uint64_t)kase->value[DQ_IN_PAD];
    const uint64_t out = (uint64_t)kase->value[DQ_COLS] + (uint64_t)kase->value[DQ_OUT_PAD];

    return codes % code_align == 0 && out * out_bytes(kase) % 16 == 0;
}

static struct tensor codes_tensor(const struct kase *kase)
{
    static const enum dtype types[] = {[DQ_FN] = DTYPE_E4M3FN,
                                       [DQ_FNUZ] = DTYPE_E4M3FNUZ,
                                       [DQ_FN_AS_FNUZ] = DTYPE_E4M3FN,
                                       [DQ_FP4] = DTYPE_E2M1X2};
    const bool ordinary = kase->value[DQ_FILL] <= DQ_FILL_POWERS;
    struct tensor t = {
        .name = "codes",
        .layout = "[experts * rows, cols], strided; fp4: two columns to a byte",
        .role = TENSOR_INPUT,
        .dtype = types[kase->value[DQ_CODES]],
        .align = is_wide(kase) ? 16 : 0,
        .fill = {ordinary ? FILL_CODES : FILL_CUSTOM, 0, 255},
    };

    tensor_dense(&t, rows_of(kase), row_bytes(kase));
    t.stride += (size_t)kase->value[DQ_IN_PAD];
    return t;
}

static struct fill scale_fill(const struct kase *kase)
{
    const int64_t fill = kase->value[DQ_FILL];

    if (is_e8m0(kase) && fill <= DQ_FILL_POWERS)
        return (struct fill){FILL_CODES, 117, 132};
    if (fill == DQ_FILL_ORDINARY)
        return (struct fill){FILL_REAL, -10, 3};
    return (struct fill){.kind = FILL_CUSTOM};
}

static struct tensor scale_tensor(const struct kase *kase)
{
    static const char *const layouts[] = {
        "[experts * rows, groups], strided",
        "[experts * rows up to 256s, groups up to 8s], shuffled",
        "[experts * rows, groups], strided",
        "[experts, blocks of rows, blocks of columns], strided",
        "[experts * rows, 1], strided",
        "[experts, 1], strided",
    };
    struct tensor t = {
        .name = "scale",
        .layout = layouts[kase->value[DQ_SCALE]],
        .role = TENSOR_INPUT,
        .dtype = is_e8m0(kase) ? DTYPE_E8M0 : DTYPE_F32,
        .fill = scale_fill(kase),
    };
    const uint64_t rows = (uint64_t)kase->value[DQ_EXPERTS] * scale_rows(kase);
    const uint64_t cols = scale_cols(kase);

    if (kase->value[DQ_SCALE] == DQ_E8M0_SHUFFLED)
        tensor_dense(&t, ceil_div(rows, 256) * 256, MUTANT(B32) ? cols : ceil_div(cols, 8) * 8);
    else
        tensor_dense(&t, rows, cols);
    t.stride += (size_t)kase->value[DQ_SCALE_PAD];
    return t;
}

/* A code has 4 significant bits: its product with a power of two is exact, one with an fp32 number
 * is rounded once to fp32. Only a 16-bit result is rounded twice. */
static struct policy out_policy(const struct kase *kase)
{
    const bool once = is_e8m0(kase) || kase->value[DQ_OUT] == DQ_OUT_F32 ||
                      kase->value[DQ_FILL] == DQ_FILL_POWERS;
    const bool ordinary = kase->value[DQ_FILL] <= DQ_FILL_POWERS;
    const bool many = rows_of(kase) * (uint64_t)kase->value[DQ_COLS] >= 64;
    struct policy p = {.kind = POLICY_EXACT,
                       .reason = "the product is exact, or rounded once as the reference rounds"};

    if (!once)
        p = (struct policy){.kind = POLICY_BOUND,
                            .relative = 0x1p-24,
                            .absolute = 0x1p-149,
                            .reason = "the product is rounded to fp32 before it is rounded to 16 "
                                      "bits: 2^-24, or 2^-150 where fp32 is subnormal"};
    p.min_nonzero = ordinary && many ? 0.25 : 0;
    return p;
}

static struct tensor out_tensor(const struct kase *kase)
{
    static const enum dtype types[] = {
        [DQ_OUT_BF16] = DTYPE_BF16, [DQ_OUT_F16] = DTYPE_F16, [DQ_OUT_F32] = DTYPE_F32};
    struct tensor t = {.name = "out",
                       .layout = "[experts * rows, cols], strided",
                       .role = TENSOR_OUTPUT,
                       .dtype = types[kase->value[DQ_OUT]],
                       .align = is_wide(kase) ? 16 : 0,
                       .policy = out_policy(kase)};

    tensor_dense(&t, rows_of(kase), (size_t)kase->value[DQ_COLS]);
    t.stride += (size_t)kase->value[DQ_OUT_PAD];
    return t;
}

static size_t tensors(const struct kase *kase, struct tensor out[OP_MAX_TENSORS])
{
    out[DQ_T_CODES] = codes_tensor(kase);
    out[DQ_T_SCALE] = scale_tensor(kase);
    out[DQ_T_OUT] = out_tensor(kase);
    out[DQ_T_NAN_COUNT] = (struct tensor){.name = "nan_count",
                                          .layout = "[1]",
                                          .role = TENSOR_OUTPUT,
                                          .dtype = DTYPE_I32,
                                          .policy = {.kind = POLICY_EXACT, .reason = "a count"}};
    tensor_dense(&out[DQ_T_NAN_COUNT], kase->value[DQ_CODES] == DQ_FN_AS_FNUZ, 1);
    return DQ_TENSORS;
}

/* --- Plan --- */

static uint32_t chunk_of(const struct kase *kase)
{
    return kase->value[DQ_OUT] == DQ_OUT_F32 ? DEQUANT_CHUNK_F32 : DEQUANT_CHUNK;
}

/* Threads that share a row, as the exponent of two: at or above its chunks, within limits. */
static uint32_t lanes_shift(const struct kase *kase)
{
    const uint64_t chunks = ceil_div((uint64_t)kase->value[DQ_COLS], chunk_of(kase));
    uint32_t shift = 0;

    while (1u << shift < chunks && 1u << shift < DEQUANT_LANES)
        shift++;
    return shift;
}

/* Whether some thread of a row has chunks ahead. */
static bool goes_ahead(const struct kase *kase)
{
    const uint64_t ahead = kase->value[DQ_OUT] == DQ_OUT_F32 ? DEQUANT_AHEAD_F32 : DEQUANT_AHEAD;
    const uint64_t before = (ahead - 1) << lanes_shift(kase);

    return is_wide(kase) && (uint64_t)kase->value[DQ_COLS] >= (before + 1) * chunk_of(kase);
}

/* The exponent of a power of two. */
static uint32_t shift_of(uint32_t power)
{
    return (uint32_t)__builtin_ctz(power);
}

/* Elements between rows of the scale; of a shuffled one, the bytes of a padded row. */
static uint64_t scale_pitch(const struct kase *kase, const struct tensor *scale)
{
    if (MUTANT(L11))
        return scale->cols;
    if (MUTANT(B30) && kase->value[DQ_SCALE] == DQ_E8M0_SHUFFLED)
        return scale_cols(kase);
    if (MUTANT(B32) && kase->value[DQ_SCALE] == DQ_E8M0_SHUFFLED)
        return ceil_div(scale_cols(kase), 8) * 8;
    return scale->stride;
}

static struct dequant_args arguments(const struct kase *kase, const struct tensor *tensor,
                                     void *const device[])
{
    static const uint32_t codes[] = {[DQ_FN] = DEQUANT_FN,
                                     [DQ_FNUZ] = DEQUANT_FNUZ,
                                     [DQ_FN_AS_FNUZ] = DEQUANT_FN_AS_FNUZ,
                                     [DQ_FP4] = DEQUANT_FP4};
    static const uint32_t outs[] = {[DQ_OUT_BF16] = DEQUANT_OUT_BF16,
                                    [DQ_OUT_F16] = DEQUANT_OUT_F16,
                                    [DQ_OUT_F32] = DEQUANT_OUT_F32};

    return (struct dequant_args){
        .codes = device[DQ_T_CODES],
        .scale = device[DQ_T_SCALE],
        .out = device[DQ_T_OUT],
        .nan_count = kase->value[DQ_CODES] == DQ_FN_AS_FNUZ ? device[DQ_T_NAN_COUNT] : NULL,
        .code_stride = MUTANT(B51) ? tensor[DQ_T_CODES].cols : tensor[DQ_T_CODES].stride,
        .out_stride = MUTANT(B51b) ? tensor[DQ_T_OUT].cols : tensor[DQ_T_OUT].stride,
        .scale_stride = scale_pitch(kase, &tensor[DQ_T_SCALE]),
        .rows = (uint32_t)rows_of(kase),
        .expert_rows = (uint32_t)kase->value[DQ_ROWS],
        .cols = (uint32_t)kase->value[DQ_COLS],
        .lanes_shift = lanes_shift(kase),
        .scale_rows = (uint32_t)scale_rows(kase),
        .scale_rows_shift = MUTANT(TENSOR_BY_ROW) && kase->value[DQ_SCALE] == DQ_F32_TENSOR
                                ? 0
                                : shift_of(scale_height(kase)),
        .first_row = missing_rows(kase),
        .scale_cols_shift = shift_of(scale_width(kase)),
        .first_col = missing_cols(kase),
        .code_kind = MUTANT(B25) && kase->value[DQ_CODES] == DQ_FP4 ? DEQUANT_FN
                                                                    : codes[kase->value[DQ_CODES]],
        .scale_kind = !is_e8m0(kase)                              ? DEQUANT_SCALE_F32
                      : kase->value[DQ_SCALE] == DQ_E8M0_SHUFFLED ? DEQUANT_SCALE_SHUFFLED
                                                                  : DEQUANT_SCALE_E8M0,
        .out_type = outs[kase->value[DQ_OUT]],
        .truncate = kase->value[DQ_BF16] == DQ_TRUNCATE,
        .wide = is_wide(kase),
    };
}

static void plan(const struct kase *kase, const struct tensor *tensor, void *const device[],
                 struct plan *out)
{
    const struct dequant_args a = arguments(kase, tensor, device);
    const uint64_t blocks = ceil_div(a.rows, DEQUANT_BLOCK >> a.lanes_shift);

    if (a.nan_count && !MUTANT(COUNT_DIRTY))
        plan_memset(out, a.nan_count, 0, sizeof(*a.nan_count));
    if (blocks)
        plan_kernel(out, &kernel_dequant, (uint32_t)blocks, DEQUANT_BLOCK, 0, &a, sizeof(a));
}

/* --- For the generator --- */

static uint64_t cost(const struct kase *kase)
{
    const int64_t experts = kase->value[DQ_EXPERTS], rows = kase->value[DQ_ROWS];
    const int64_t cols = kase->value[DQ_COLS];
    uint64_t elements;

    if (experts <= 0 || rows <= 0 || cols <= 0)
        return 0;
    if (__builtin_mul_overflow((uint64_t)experts, (uint64_t)rows, &elements) ||
        __builtin_mul_overflow(elements, 2 * (uint64_t)cols, &elements))
        return UINT64_MAX;
    return elements;
}

static const char *reach(const struct kase *kase)
{
    struct tensor tensor[OP_MAX_TENSORS];
    size_t bytes, most = 0;

    tensors(kase, tensor);
    for (size_t i = 0; i < DQ_TENSORS; i++)
        if (tensor_bytes(&tensor[i], &bytes) && bytes > most)
            most = bytes;
    return most > UINT32_MAX ? "over4g" : most > INT32_MAX ? "over2g" : "near";
}

static void dispatch_key(const struct kase *kase, char *out, size_t size)
{
    const uint64_t cols = (uint64_t)kase->value[DQ_COLS];
    const uint32_t lanes = 1u << lanes_shift(kase), chunk = chunk_of(kase);

    snprintf(out, size,
             "%s/%s/%s/%s/%s lanes%u ahead%d tail%d surplus%d first%d split%d pad%d experts%d %s",
             codes_names[kase->value[DQ_CODES]], scale_names[kase->value[DQ_SCALE]],
             out_names[kase->value[DQ_OUT]], bf16_names[kase->value[DQ_BF16]],
             is_wide(kase) ? "wide" : "narrow", lanes, goes_ahead(kase), cols % chunk != 0,
             rows_of(kase) % (DEQUANT_BLOCK / lanes) != 0, missing_rows(kase) != 0,
             missing_cols(kase) % chunk != 0,
             4 * (kase->value[DQ_IN_PAD] != 0) + 2 * (kase->value[DQ_OUT_PAD] != 0) +
                 (kase->value[DQ_SCALE_PAD] != 0),
             kase->value[DQ_EXPERTS] > 1, reach(kase));
}

/* --- Machine code --- */

/* A thread's chunk stays in registers. */
static const struct isa_policy isa[] = {
    {.kernel = &kernel_dequant, .noscratch = true, .min_waves = 4},
    {0},
};

extern const struct op op_dequant;

const struct op op_dequant = {
    .name = "dequant",
    .summary = "dequantisation of fp8 and fp4 with a scale per group, block, row or tensor",
    .params = params,
    .n_params = DQ_PARAMS,
    .reasons = reasons,
    .guard = guard,
    .tensors = tensors,
    .plan = plan,
    .fill = dequant_fill,
    .isa = isa,
    .contract = dequant_contract,
    .ref_elements = dequant_ref_elements,
    .reference = dequant_reference,
    .cost = cost,
    .dispatch_key = dispatch_key,
};
