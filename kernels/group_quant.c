/*
 * group_quant, host side: see refs/group_quant.h for what it computes.
 *
 * Kernels: group_quant_split (a lane per 32 columns) and group_quant_whole (a lane per group) for
 * groups of columns; group_quant_token, or group_quant_amax and group_quant_apply, for the rest.
 */
#include "kernels/group_quant.h"

#include <stdio.h>

#include "harness/isa/policy.h"
#include "harness/op/op.h"
#include "kernels/group_quant_fill.h"
#include "refs/group_quant.h"

extern const struct kernel kernel_group_quant_split, kernel_group_quant_whole;
extern const struct kernel kernel_group_quant_token, kernel_group_quant_amax;
extern const struct kernel kernel_group_quant_apply;

#define INPUT_LIMIT ((uint64_t)8 << 30) /* bytes */

/* --- Parameters --- */

static const char *const group_names[] = {"32",     "64",     "128", "token",
                                          "tensor", "static", "16",  NULL};
static const char *const input_names[] = {"bf16", "f16", NULL};
static const char *const output_names[] = {"fn", "fnuz", "fp4", "i8", NULL};
static const char *const scale_names[] = {"f32", "f32_transposed", "e8m0", "e8m0_shuffled", NULL};
static const char *const lanes_names[] = {"split", "whole", NULL};
static const char *const fill_names[] = {"real",   "zeros", "ramp", "ramp4",
                                         "spread", "ties",  "bits", NULL};

static const int64_t row_tiles[] = {4, 16, 32, 256, 0};
static const int64_t row_values[] = {1, 2, 3, 44, 76, 88, 128, 512, 0};
static const int64_t col_tiles[] = {32, 64, 128, 256, 1024, 0};
static const int64_t col_values[] = {160,  192,  256,  320,  384,  640,  1280, 2048,
                                     4096, 5120, 6144, 6400, 7168, 8192, 0};
static const int64_t pad_tiles[] = {8, 128, 0};
static const int64_t pad_values[] = {(int64_t)1 << 29, (int64_t)1 << 30, (int64_t)1 << 31, 0};
static const int64_t count_values[] = {1, 44, 76, 1 << 30, INT32_MAX, 0};

static const struct param params[GQ_PARAMS] = {
    [GQ_ROWS] = {"rows", "rows of the input", NULL, -1, 1 << 24, 2048, 4, row_tiles, row_values},
    [GQ_COLS] = {"cols", "columns", NULL, 0, 1 << 20, 16384, 128, col_tiles, col_values},
    [GQ_ROW_PAD] = {"row_pad", "input elements between rows", NULL, -2, (int64_t)1 << 33, 4096, 0,
                    pad_tiles, pad_values},
    [GQ_GROUP] = {"group", "columns, or rows, that share a scale", group_names, 0, GQ_G16, 0,
                  GQ_G128, NULL, NULL},
    [GQ_INPUT] = {"input", "type of the input", input_names, 0, GQ_F16, 0, GQ_BF16, NULL, NULL},
    [GQ_OUTPUT] = {"output", "type of the codes", output_names, 0, GQ_I8, 0, GQ_FN, NULL, NULL},
    [GQ_SCALE] = {"scale", "type and layout of the scales", scale_names, 0, GQ_E8M0_SHUFFLED, 0,
                  GQ_F32, NULL, NULL},
    [GQ_NUM_ROWS] = {"num_rows", "row count in device memory; -1: none", NULL, -1, INT32_MAX, 4096,
                     -1, row_tiles, count_values},
    [GQ_ROW_FACTOR] = {"row_factor", "rows per unit of num_rows", NULL, 0, 64, 16, 1, NULL, NULL},
    [GQ_LANES] = {"lanes", "whether the lanes of a wave share a group", lanes_names, 0, GQ_WHOLE, 0,
                  GQ_SPLIT, NULL, NULL},
    [GQ_FILL] = {"fill", "values of the input", fill_names, 0, GQ_FILL_BITS, 0, GQ_FILL_REAL, NULL,
                 NULL},
};

static const uint32_t group_chunks[] = {[GQ_G32] = 1, [GQ_G64] = 2, [GQ_G128] = 4};

static bool by_columns(const struct kase *kase)
{
    return kase->value[GQ_GROUP] <= GQ_G128;
}

static bool is_e8m0(const struct kase *kase)
{
    return kase->value[GQ_SCALE] >= GQ_E8M0;
}

static uint64_t ceil_div(uint64_t n, uint64_t by)
{
    return (n + by - 1) / by;
}

/* --- Guard --- */

static const char *const reasons[] = {"bad_rows",
                                      "bad_cols",
                                      "stride_below_cols",
                                      "input_too_large",
                                      "bad_row_factor",
                                      "bad_group",
                                      "e8m0_needs_groups",
                                      "i8_needs_f32_scale",
                                      "fp4_needs_e8m0_scale",
                                      "fp4_needs_even_cols",
                                      "short_input",
                                      "short_num_rows",
                                      "short_static_scale",
                                      "short_codes",
                                      "short_scale",
                                      "short_amax",
                                      NULL};

static const char *const short_reasons[GQ_TENSORS] = {"short_input",        "short_num_rows",
                                                      "short_static_scale", "short_codes",
                                                      "short_scale",        "short_amax"};

/* Bytes from the first element of the input to behind the last; false on overflow. */
static bool input_bytes(const struct kase *kase, uint64_t *bytes)
{
    const uint64_t rows = (uint64_t)kase->value[GQ_ROWS], cols = (uint64_t)kase->value[GQ_COLS];
    const uint64_t stride = cols + (uint64_t)kase->value[GQ_ROW_PAD];

#ifdef MUTANT_B40
    *bytes = rows ? (uint32_t)(((rows - 1) * stride + cols) * sizeof(uint16_t)) : 0;
    return true;
#endif
    *bytes = 0;
    return rows == 0 || (!__builtin_mul_overflow(rows - 1, stride, bytes) &&
                         !__builtin_add_overflow(*bytes, cols, bytes) &&
                         !__builtin_mul_overflow(*bytes, sizeof(uint16_t), bytes));
}

static const char *check_shape(const struct kase *kase)
{
    uint64_t bytes;

    if (kase->value[GQ_ROWS] < 0)
        return "bad_rows";
    if (kase->value[GQ_COLS] <= 0)
        return "bad_cols";
#ifndef MUTANT_G03
    if (kase->value[GQ_ROW_PAD] < 0)
        return "stride_below_cols";
#endif
    if (!input_bytes(kase, &bytes) || bytes > INPUT_LIMIT)
        return "input_too_large";
#ifndef MUTANT_L10
    if (kase->value[GQ_ROW_FACTOR] < 1)
        return "bad_row_factor";
#endif
#ifdef MUTANT_B05
    if (by_columns(kase) && kase->value[GQ_ROWS] * kase->value[GQ_COLS] %
                                    (GROUP_QUANT_CHUNK * group_chunks[kase->value[GQ_GROUP]]) !=
                                0)
        return "bad_cols";
#endif
#ifdef MUTANT_B29
    if (kase->value[GQ_SCALE] == GQ_E8M0_SHUFFLED && by_columns(kase) &&
        ceil_div((uint64_t)kase->value[GQ_COLS],
                 GROUP_QUANT_CHUNK * group_chunks[kase->value[GQ_GROUP]]) %
            4)
        return "bad_cols";
#endif
    return NULL;
}

static const char *check_types(const struct kase *kase)
{
    if (kase->value[GQ_GROUP] == GQ_G16)
        return "bad_group";
    if (is_e8m0(kase) && !by_columns(kase))
        return "e8m0_needs_groups";
    if (is_e8m0(kase) && kase->value[GQ_OUTPUT] == GQ_I8)
        return "i8_needs_f32_scale";
    if (kase->value[GQ_OUTPUT] != GQ_FP4)
        return NULL;
    if (!is_e8m0(kase))
        return "fp4_needs_e8m0_scale";
#ifdef MUTANT_G04
    return NULL;
#else
    return kase->value[GQ_COLS] % 2 == 0 ? NULL : "fp4_needs_even_cols";
#endif
}

static size_t tensors(const struct kase *, struct tensor[OP_MAX_TENSORS]);

static const char *guard(const struct kase *kase, const size_t *bytes)
{
    struct tensor tensor[OP_MAX_TENSORS];
    const char *reason = check_shape(kase);

    if (!reason)
        reason = check_types(kase);
    if (reason || !bytes)
        return reason;
    tensors(kase, tensor);
    for (size_t i = 0; i < GQ_TENSORS; i++) {
        size_t needed;

#ifdef MUTANT_B45a
        if (i == GQ_T_CODES)
            continue;
#endif
#ifdef MUTANT_B45b
        if (i == GQ_T_SCALE)
            continue;
#endif
        if (!tensor_bytes(&tensor[i], &needed) || bytes[i] < needed)
            return short_reasons[i];
    }
    return NULL;
}

/* --- Tensors --- */

static uint64_t groups_of_row(const struct kase *kase)
{
    const uint64_t cols = (uint64_t)kase->value[GQ_COLS];

    if (!by_columns(kase))
        return 1;
    return ceil_div(cols, GROUP_QUANT_CHUNK * group_chunks[kase->value[GQ_GROUP]]);
}

/* Scales that are allocated for a row. */
static uint64_t scales_of_row(const struct kase *kase)
{
#ifdef MUTANT_B03
    if (by_columns(kase))
        return (uint64_t)kase->value[GQ_COLS] /
               (GROUP_QUANT_CHUNK * group_chunks[kase->value[GQ_GROUP]]);
#endif
    return groups_of_row(kase);
}

/* Whether all chunks are whole and aligned to 16 bytes. */
static bool is_wide(const struct kase *kase)
{
#ifdef MUTANT_W01
    return kase->value[GQ_COLS] % 8 == 0 && kase->value[GQ_ROW_PAD] % 8 == 0;
#else
    return kase->value[GQ_COLS] % GROUP_QUANT_CHUNK == 0 && kase->value[GQ_ROW_PAD] % 8 == 0;
#endif
}

static struct tensor input_tensor(const struct kase *kase)
{
    const int64_t fill = kase->value[GQ_FILL];
    struct tensor t = {
        .name = "input",
        .layout = "[rows, cols], strided",
        .role = TENSOR_INPUT,
        .dtype = kase->value[GQ_INPUT] == GQ_F16 ? DTYPE_F16 : DTYPE_BF16,
        .align = is_wide(kase) ? 16 : 0,
        .fill = {fill == GQ_FILL_REAL    ? FILL_REAL
                 : fill == GQ_FILL_ZEROS ? FILL_ZERO
                                         : FILL_CUSTOM,
                 -8, 5},
    };

    tensor_dense(&t, (size_t)kase->value[GQ_ROWS], (size_t)kase->value[GQ_COLS]);
    t.stride += (size_t)kase->value[GQ_ROW_PAD];
    return t;
}

static struct tensor codes_tensor(const struct kase *kase)
{
    static const enum dtype types[] = {[GQ_FN] = DTYPE_E4M3FN,
                                       [GQ_FNUZ] = DTYPE_E4M3FNUZ,
                                       [GQ_FP4] = DTYPE_E2M1X2,
                                       [GQ_I8] = DTYPE_I8};
    const bool fp4 = kase->value[GQ_OUTPUT] == GQ_FP4;
    const bool telling = kase->value[GQ_FILL] == GQ_FILL_REAL && kase->value[GQ_NUM_ROWS] < 0 &&
                         kase->value[GQ_GROUP] != GQ_STATIC;
    struct tensor t = {
        .name = "codes",
        .layout = fp4 ? "[rows, cols/2]" : "[rows, cols]",
        .role = TENSOR_OUTPUT,
        .dtype = types[kase->value[GQ_OUTPUT]],
        .align = is_wide(kase) ? 16 : 0,
        .policy = {.kind = POLICY_CODE,
                   .reason = "the next code only where x / s lies within 2^-20 of the boundary "
                             "between the two, which 1/s and the product, rounded to fp32, can "
                             "cross; never where s is a power of two",
                   .min_nonzero = telling ? 0.1 : 0},
    };

    tensor_dense(&t, (size_t)kase->value[GQ_ROWS], (size_t)kase->value[GQ_COLS] / (fp4 ? 2 : 1));
    return t;
}

static struct tensor scale_tensor(const struct kase *kase)
{
    static const char *const layouts[] = {
        "[rows, ceil(cols/group)]", "[ceil(cols/group), counted rows], without gaps",
        "[rows, ceil(cols/group)]", "[rows up to 256s, groups up to 8s], shuffled"};
    const size_t rows = (size_t)kase->value[GQ_ROWS], groups = (size_t)scales_of_row(kase);
#ifdef MUTANT_S02
    const size_t tile_rows = 32;
#else
    const size_t tile_rows = 256;
#endif
#ifdef MUTANT_B32
    const size_t tile_groups = 1;
#else
    const size_t tile_groups = 8;
#endif
    struct tensor t = {
        .name = "scale",
        .layout = layouts[kase->value[GQ_SCALE]],
        .role = TENSOR_OUTPUT,
        .dtype = is_e8m0(kase) ? DTYPE_E8M0 : DTYPE_F32,
        .policy = {.kind = is_e8m0(kase) ? POLICY_EXACT : POLICY_ULP,
                   .ulp = 2,
                   .reason = is_e8m0(kase) ? "a power of two"
                                           : "amax (1/M) and 1/M are each rounded to fp32"},
    };

    if (kase->value[GQ_GROUP] == GQ_STATIC)
        tensor_dense(&t, 0, 1);
    else if (kase->value[GQ_GROUP] == GQ_TENSOR)
        tensor_dense(&t, rows ? 1 : 0, 1);
    else if (kase->value[GQ_SCALE] == GQ_F32_TRANSPOSED)
        tensor_dense(&t, groups, rows);
    else if (kase->value[GQ_SCALE] == GQ_E8M0_SHUFFLED)
        tensor_dense(&t, (size_t)ceil_div(rows, tile_rows) * tile_rows,
                     (size_t)ceil_div(groups, tile_groups) * tile_groups);
    else
        tensor_dense(&t, rows, groups);
    return t;
}

static struct tensor word_tensor(const char *name, enum tensor_role role, enum dtype type,
                                 bool present)
{
    struct tensor t = {
        .name = name, .layout = "[1]", .role = role, .dtype = type, .fill = {.kind = FILL_CUSTOM}};

    tensor_dense(&t, present, 1);
    return t;
}

static size_t tensors(const struct kase *kase, struct tensor out[OP_MAX_TENSORS])
{
    const int64_t group = kase->value[GQ_GROUP];

    out[GQ_T_INPUT] = input_tensor(kase);
    out[GQ_T_NUM_ROWS] =
        word_tensor("num_rows", TENSOR_INPUT, DTYPE_I32, kase->value[GQ_NUM_ROWS] >= 0);
    out[GQ_T_STATIC_SCALE] =
        word_tensor("static_scale", TENSOR_INPUT, DTYPE_F32, group == GQ_STATIC);
    out[GQ_T_CODES] = codes_tensor(kase);
    out[GQ_T_SCALE] = scale_tensor(kase);
    out[GQ_T_AMAX] = word_tensor("amax", TENSOR_WORKSPACE, DTYPE_F32, group == GQ_TENSOR);
    return GQ_TENSORS;
}

/* --- Plan --- */

#ifdef MUTANT_B04
/* The input seen as rows of one group each whenever its number of elements allows it. */
static void view_as_groups(struct group_quant_args *a)
{
    const uint64_t width = (uint64_t)GROUP_QUANT_CHUNK * a->group_chunks;

    if (width == 0 || a->cols < width || a->rows * a->cols % width != 0)
        return;
    a->groups = (uint32_t)(a->cols / width);
    a->rows = a->rows * a->cols / width / a->groups;
    a->cols = a->groups * width;
    a->pitch = a->layout == GROUP_QUANT_E8M0_SHUFFLED ? (a->groups + 7) / 8 * 8 : a->groups;
    a->wide = a->wide && a->stride % 8 == 0;
}
#endif

static struct group_quant_args arguments(const struct kase *kase, void *const device[])
{
    static const uint32_t types[] = {[GQ_FN] = GROUP_QUANT_FN,
                                     [GQ_FNUZ] = GROUP_QUANT_FNUZ,
                                     [GQ_FP4] = GROUP_QUANT_FP4,
                                     [GQ_I8] = GROUP_QUANT_I8};
    static const uint32_t layouts[] = {[GQ_F32] = GROUP_QUANT_F32,
                                       [GQ_F32_TRANSPOSED] = GROUP_QUANT_F32_TRANSPOSED,
                                       [GQ_E8M0] = GROUP_QUANT_E8M0,
                                       [GQ_E8M0_SHUFFLED] = GROUP_QUANT_E8M0_SHUFFLED};
    struct group_quant_args a = {
        .input = device[GQ_T_INPUT],
        .num_rows = kase->value[GQ_NUM_ROWS] < 0 ? NULL : device[GQ_T_NUM_ROWS],
        .static_scale = kase->value[GQ_GROUP] == GQ_STATIC ? device[GQ_T_STATIC_SCALE] : NULL,
        .codes = device[GQ_T_CODES],
        .scale = device[GQ_T_SCALE],
        .amax = kase->value[GQ_GROUP] == GQ_TENSOR ? device[GQ_T_AMAX] : NULL,
        .rows = (uint64_t)kase->value[GQ_ROWS],
        .cols = (uint64_t)kase->value[GQ_COLS],
        .stride = (uint64_t)(kase->value[GQ_COLS] + kase->value[GQ_ROW_PAD]),
        .groups = (uint32_t)groups_of_row(kase),
        .group_chunks = by_columns(kase) ? group_chunks[kase->value[GQ_GROUP]] : 0,
        .row_chunks = (uint32_t)ceil_div((uint64_t)kase->value[GQ_COLS], GROUP_QUANT_CHUNK),
        .row_factor = (uint32_t)kase->value[GQ_ROW_FACTOR],
        .type = types[kase->value[GQ_OUTPUT]],
        .layout = layouts[kase->value[GQ_SCALE]],
        .f16 = kase->value[GQ_INPUT] == GQ_F16,
        .wide = is_wide(kase),
    };

    input_bytes(kase, &a.input_bytes);
    a.pitch = a.groups;
    if (kase->value[GQ_SCALE] == GQ_E8M0_SHUFFLED)
#ifdef MUTANT_S03
        a.pitch = a.groups / 8 * 8 + 8;
#else
        a.pitch = (uint32_t)ceil_div(a.groups, 8) * 8;
#endif
#ifdef MUTANT_B02
    a.input_bytes = a.rows * a.cols * sizeof(uint16_t);
#endif
#ifdef MUTANT_B51
    a.stride = a.cols;
#endif
#ifdef MUTANT_B04
    view_as_groups(&a);
#endif
    return a;
}

static void plan_groups(const struct kase *kase, struct group_quant_args *a, struct plan *plan)
{
    const bool whole = kase->value[GQ_LANES] == GQ_WHOLE;
    const uint64_t row_lanes = (uint64_t)a->pitch * (whole ? 1 : a->group_chunks);
#ifdef MUTANT_G05
    uint64_t blocks = a->rows * row_lanes / GROUP_QUANT_BLOCK + (a->rows * row_lanes < 64);
#else
    uint64_t blocks = ceil_div(a->rows * row_lanes, GROUP_QUANT_BLOCK);
#endif
#ifdef MUTANT_B39b
    const uint64_t reach = UINT64_MAX;
#else
    const uint64_t reach = UINT32_MAX; /* bytes of one descriptor */
#endif
#ifdef MUTANT_B01f
    const size_t lds = GROUP_QUANT_BLOCK * sizeof(uint16_t);
#else
    const size_t lds = 0;
#endif

    if (a->input_bytes > reach) {
        a->row_blocks = (uint32_t)ceil_div(row_lanes, GROUP_QUANT_BLOCK);
        blocks = a->rows * a->row_blocks;
    }
    plan_kernel(plan, whole ? &kernel_group_quant_whole : &kernel_group_quant_split,
                (uint32_t)blocks, GROUP_QUANT_BLOCK, lds, a, sizeof(*a));
}

/* A block per row; `lds` has a word for each wave of 32. */
static void plan_rows(const struct kernel *kernel, struct group_quant_args *a, struct plan *plan)
{
    const uint32_t lanes = (uint32_t)ceil_div(a->row_chunks, 64) * 64;
    const uint32_t block = lanes < GROUP_QUANT_ROW_BLOCK ? lanes : GROUP_QUANT_ROW_BLOCK;

    a->row_blocks = 1;
#ifdef MUTANT_M04
    plan_kernel(plan, kernel, (uint32_t)a->rows, block, block / 128 * sizeof(uint32_t), a,
                sizeof(*a));
#else
    plan_kernel(plan, kernel, (uint32_t)a->rows, block, block / 32 * sizeof(uint32_t), a,
                sizeof(*a));
#endif
}

static void plan_apply(struct group_quant_args *a, struct plan *plan)
{
    a->row_blocks = (uint32_t)ceil_div(a->row_chunks, GROUP_QUANT_BLOCK);
    plan_kernel(plan, &kernel_group_quant_apply, (uint32_t)a->rows * a->row_blocks,
                GROUP_QUANT_BLOCK, 0, a, sizeof(*a));
}

static void plan(const struct kase *kase, const struct tensor *tensor, void *const device[],
                 struct plan *out)
{
    struct group_quant_args a = arguments(kase, device);

    (void)tensor;
#ifndef MUTANT_E01
    if (a.rows == 0)
        return;
#endif
    switch (kase->value[GQ_GROUP]) {
    case GQ_TOKEN:
        plan_rows(&kernel_group_quant_token, &a, out);
        break;
    case GQ_TENSOR:
#ifndef MUTANT_M01
        plan_memset(out, a.amax, 0, sizeof(*a.amax));
#endif
        plan_rows(&kernel_group_quant_amax, &a, out);
        plan_apply(&a, out);
        break;
    case GQ_STATIC:
        plan_apply(&a, out);
        break;
    default:
        plan_groups(kase, &a, out);
        break;
    }
}

/* --- For the generator --- */

/* A block per row costs the CPU as much as about 2048 elements, however few columns there are. */
static uint64_t cost(const struct kase *kase)
{
    const int64_t rows = kase->value[GQ_ROWS], cols = kase->value[GQ_COLS];
    const bool block_per_row =
        kase->value[GQ_GROUP] == GQ_TOKEN || kase->value[GQ_GROUP] == GQ_TENSOR;
    const uint64_t least = block_per_row ? 2048 : 0;
    uint64_t elements;

    if (rows <= 0 || cols <= 0)
        return 0;
    elements = 2 * (uint64_t)cols;
    if (__builtin_mul_overflow((uint64_t)rows, elements > least ? elements : least, &elements))
        return UINT64_MAX;
    return elements;
}

static const char *count_class(const struct kase *kase)
{
    const int64_t count = kase->value[GQ_NUM_ROWS], factor = kase->value[GQ_ROW_FACTOR];

    if (count < 0)
        return "all";
    return count == 0 ? "none" : count * factor < kase->value[GQ_ROWS] ? "part" : "over";
}

static void dispatch_key(const struct kase *kase, char *out, size_t size)
{
    const uint64_t cols = (uint64_t)kase->value[GQ_COLS], rows = (uint64_t)kase->value[GQ_ROWS];
    const uint64_t groups = rows * groups_of_row(kase);
    const uint64_t width =
        by_columns(kase) ? GROUP_QUANT_CHUNK * group_chunks[kase->value[GQ_GROUP]] : 64;
    uint64_t bytes;

    input_bytes(kase, &bytes);
    snprintf(out, size, "%s/%s/%s/%s/%s/%s tail%d blocktail%d pad%d %s %s",
             group_names[kase->value[GQ_GROUP]], lanes_names[kase->value[GQ_LANES]],
             input_names[kase->value[GQ_INPUT]], output_names[kase->value[GQ_OUTPUT]],
             scale_names[kase->value[GQ_SCALE]], is_wide(kase) ? "wide" : "narrow",
             cols % width != 0, groups % 16 != 0, kase->value[GQ_ROW_PAD] != 0, count_class(kase),
             bytes > UINT32_MAX  ? "over4g"
             : bytes > INT32_MAX ? "over2g"
                                 : "near");
}

/* --- Machine code --- */

/* Inputs are read through descriptors only: a load that the compiler moves ahead of a guard must
 * find nothing to fault on. */
static const struct isa_policy isa[] = {
    {.kernel = &kernel_group_quant_split, .srd = true, .noscratch = true, .min_waves = 4},
    {.kernel = &kernel_group_quant_whole, .srd = true, .noscratch = true, .min_waves = 3},
    {.kernel = &kernel_group_quant_token, .srd = true, .noscratch = true, .min_waves = 4},
    {.kernel = &kernel_group_quant_amax, .srd = true, .noscratch = true, .min_waves = 8},
    {.kernel = &kernel_group_quant_apply, .srd = true, .noscratch = true, .min_waves = 4},
    {0},
};

extern const struct op op_group_quant;

const struct op op_group_quant = {
    .name = "group_quant",
    .summary = "quantisation to fp8, fp4 or i8 with a scale per group, row or tensor",
    .params = params,
    .n_params = GQ_PARAMS,
    .reasons = reasons,
    .guard = guard,
    .tensors = tensors,
    .plan = plan,
    .isa = isa,
    .fill = group_quant_fill,
    .contract = group_quant_contract,
    .ref_elements = group_quant_ref_elements,
    .reference = group_quant_reference,
    .accept = group_quant_accept,
    .cost = cost,
    .dispatch_key = dispatch_key,
};
