/*
 * moe_sorting, host side: see refs/moe_sorting.h for what it computes.
 *
 * variant=single is one kernel, whose first workgroup sorts in LDS; variant=multi has two kernels
 * when tokens are few and three when they are many (kernels/moe_sorting_multi.hip), and a
 * workspace; variant=auto takes the single workgroup when all tokens fit its LDS at once.
 */
#include "kernels/moe_sorting.h"

#include <stdio.h>

#include "harness/isa/policy.h"
#include "harness/op/op.h"
#include "kernels/moe_sorting_fill.h"
#include "kernels/mutant.h"
#include "refs/moe_sorting.h"

extern const struct kernel kernel_moe_sorting_single, kernel_moe_sorting_gather;
extern const struct kernel kernel_moe_sorting_mesh, kernel_moe_sorting_count;
extern const struct kernel kernel_moe_sorting_write, kernel_moe_sorting_local_ids;

enum {
    MAX_TOKENS = (1 << MOE_SORTING_SLOT_SHIFT) - 1,
    MAX_TOPK = 255,
    MAX_MESH_TOPK = 254, /* slot + 1 in a byte */
    MAX_EXPERTS = MOE_SORTING_LDS_INTS - 1,
    LDS_ROWS = 2, /* of experts + 1 integers, beside those of the tile */
    TILE_STEP = 8,
    LARGE = 1 << 20, /* elements from which on unused ones are not worth filling and comparing */
};

/* --- Parameters --- */

static const char *const mask_names[] = {"none",   "owned", "even",     "first",  "last",
                                         "random", "one",   "all_zero", "values", NULL};
static const char *const dtype_names[] = {"bf16", "f16", "f32", NULL};
static const char *const variant_names[] = {"auto", "single", "multi", NULL};
static const char *const switch_names[] = {"off", "on", NULL};
static const char *const fill_names[] = {
    "random",  "same",       "blocks_exact", "blocks_over", "blocks_under", "skewed", "ramp",
    "ep_fake", "duplicates", "invalid",      NULL};
static const char *const ids_names[] = {"i32", "i64", NULL};
static const char *const weights_names[] = {"f32", "bf16", NULL};

static const int64_t token_tiles[] = {32, 64, 256, 0};
static const int64_t token_values[] = {
    1, MOE_SORTING_WIDE_TOKENS, MOE_SORTING_FEW_TOKENS, 1 << 23, MAX_TOKENS, MAX_TOKENS + 1, 0};
static const int64_t topk_values[] = {8, 127, 128, 254, 255, 256, 0};
static const int64_t expert_values[] = {32,  64,  128, 160, 256, 257,  288,  384,
                                        385, 512, 513, 818, 819, 8191, 8192, 0};
static const int64_t expert_tiles[] = {8, 64, 256, 0};
static const int64_t block_values[] = {1, 4, 16, 32, 64, 80, 128, 256, 0};
static const int64_t dim_values[] = {1, 7, 2048, 3072, 4096, 5120, 6144, 7168, 0};
static const int64_t dim_tiles[] = {8, 0};
static const int64_t pad_values[] = {1, 8, (int64_t)1 << 29, (int64_t)1 << 30, (int64_t)1 << 31, 0};

static const struct param params[MS_PARAMS] = {
    [MS_TOKENS] = {"tokens", "rows of topk_ids", NULL, 0, (int64_t)1 << 25, 4096, 64, token_tiles,
                   token_values},
    [MS_TOPK] = {"topk", "experts of a token", NULL, 0, 300, 0, 8, NULL, topk_values},
    [MS_EXPERTS] = {"experts", "experts of all ranks", NULL, 0, 20000, 1024, 32, expert_tiles,
                    expert_values},
    [MS_BLOCK_M] = {"block_m", "rows of a block of one expert", NULL, 0, (int64_t)1 << 31, 512, 32,
                    NULL, block_values},
    [MS_EP_MASK] = {"ep_mask", "experts that this rank owns", mask_names, 0, MS_MASK_VALUES, 0,
                    MS_MASK_NONE, NULL, NULL},
    [MS_LOCAL_TOKENS] = {"local_tokens", "token count in device memory; -1: none", NULL, -2,
                         (int64_t)1 << 25, 4096, -1, token_tiles, NULL},
    [MS_MODEL_DIM] = {"model_dim", "columns of moe_buf; 0: none", NULL, 0, 1 << 16, 8192, 0,
                      dim_tiles, dim_values},
    [MS_BUF_DTYPE] = {"buf_dtype", "type of moe_buf", dtype_names, 0, MS_BUF_F32, 0, MS_BUF_BF16,
                      NULL, NULL},
    [MS_BUF_PAD] = {"buf_pad", "moe_buf elements between rows", NULL, 0, (int64_t)1 << 32,
                    (int64_t)1 << 31, 0, dim_tiles, pad_values},
    [MS_VARIANT] = {"variant", "one workgroup or many", variant_names, 0, MS_MULTI, 0, MS_AUTO,
                    NULL, NULL},
    [MS_LOCAL_IDS] = {"local_ids", "whether local_topk_ids is asked for", switch_names, 0, 1, 0, 0,
                      NULL, NULL},
    [MS_FILL] = {"fill", "how tokens choose experts", fill_names, 0, MS_FILL_INVALID, 0,
                 MS_FILL_RANDOM, NULL, NULL},
    [MS_IDS_DTYPE] = {"ids_dtype", "type of topk_ids", ids_names, 0, MS_IDS_I64, 0, MS_IDS_I32,
                      NULL, NULL},
    [MS_WEIGHTS_DTYPE] = {"weights_dtype", "type of topk_weights", weights_names, 0,
                          MS_WEIGHTS_BF16, 0, MS_WEIGHTS_F32, NULL, NULL},
};

static uint64_t param(const struct kase *kase, enum moe_sorting_param which)
{
    return (uint64_t)kase->value[which];
}

static uint64_t round_up(uint64_t n, uint64_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

/* T. */
static uint64_t tokens_at_run_time(const struct kase *kase)
{
    const int64_t rows = kase->value[MS_TOKENS], given = kase->value[MS_LOCAL_TOKENS];

    if (given == -1)
        return (uint64_t)rows;
    return (uint64_t)(given < 0 ? 0 : given < rows ? given : rows);
}

/* --- Dispatch --- */

enum path { PATH_SINGLE, PATH_GATHER, PATH_MESH };

static const char *const path_names[] = {"single", "gather", "mesh"};

/* Tokens that the single workgroup has in LDS at a time; 0: the experts are too many. */
static uint64_t tile_tokens(uint64_t experts)
{
    const uint64_t rows = MOE_SORTING_LDS_INTS / (experts + 1);

    return rows < LDS_ROWS + TILE_STEP ? 0 : (rows - LDS_ROWS) / TILE_STEP * TILE_STEP;
}

static enum path path_of(const struct kase *kase)
{
    const uint64_t tokens = param(kase, MS_TOKENS), tile = tile_tokens(param(kase, MS_EXPERTS));
    const bool fits = tile > 0 && tokens <= tile;
    const bool listed = !MUTANT(B46) || param(kase, MS_EXPERTS) == 256;

    if (kase->value[MS_VARIANT] == MS_SINGLE)
        return PATH_SINGLE;
    if (kase->value[MS_VARIANT] == MS_AUTO && fits && listed)
        return PATH_SINGLE;
    return tokens < MOE_SORTING_FEW_TOKENS ? PATH_GATHER : PATH_MESH;
}

/* --- Guard --- */

/* In the order in which they are given. */
static const char *const reasons[] = {"ids_not_i32",
                                      "weights_not_f32",
                                      "tokens_over_24_bits",
                                      "topk_zero",
                                      "topk_over_8_bits",
                                      "experts_zero",
                                      "topk_over_experts",
                                      "block_m_zero",
                                      "sorted_size_over_31_bits",
                                      "experts_over_lds",
                                      "topk_over_mesh",
                                      "short_topk_ids",
                                      "short_topk_weights",
                                      "short_expert_mask",
                                      "short_num_local_tokens",
                                      "short_sorted_ids",
                                      "short_sorted_weights",
                                      "short_sorted_expert_ids",
                                      "short_num_valid",
                                      "short_local_topk_ids",
                                      "short_moe_buf",
                                      "short_workspace",
                                      NULL};

/* Of the tensors, which follow in their order. */
static const char *const *const short_reasons = &reasons[11];

/* Entries of sorted_ids. Within the limits on its factors no product leaves 64 bits. */
static uint64_t sorted_size(const struct kase *kase)
{
    const uint64_t pairs = param(kase, MS_TOKENS) * param(kase, MS_TOPK);

    if (MUTANT(B06))
        return pairs;
    if (MUTANT(L07))
        return (uint64_t)(int32_t)(uint32_t)(pairs +
                                             param(kase, MS_EXPERTS) * param(kase, MS_BLOCK_M) -
                                             param(kase, MS_TOPK));
    return pairs + param(kase, MS_EXPERTS) * param(kase, MS_BLOCK_M) - param(kase, MS_TOPK);
}

static const char *check_shape(const struct kase *kase)
{
    const int64_t topk = kase->value[MS_TOPK], experts = kase->value[MS_EXPERTS];

    if (kase->value[MS_TOKENS] > MAX_TOKENS + MUTANT(TOKENS_LIMIT))
        return "tokens_over_24_bits";
    if (topk == 0 && !MUTANT(TOPK_ZERO))
        return "topk_zero";
    if (topk > MAX_TOPK && !MUTANT(TOPK_LIMIT))
        return "topk_over_8_bits";
    if (experts == 0 && !MUTANT(EXPERTS_ZERO))
        return "experts_zero";
    if (topk > experts && !MUTANT(TOPK_EXPERTS))
        return "topk_over_experts";
    if (kase->value[MS_BLOCK_M] == 0 && !MUTANT(L10))
        return "block_m_zero";
    if ((int64_t)sorted_size(kase) > INT32_MAX)
        return "sorted_size_over_31_bits";
    return NULL;
}

static const char *check(const struct kase *kase)
{
    const uint64_t experts = param(kase, MS_EXPERTS);
    const char *reason;

    if (kase->value[MS_IDS_DTYPE] != MS_IDS_I32 && !MUTANT(L06))
        return "ids_not_i32";
    if (kase->value[MS_WEIGHTS_DTYPE] != MS_WEIGHTS_F32 && !MUTANT(B44))
        return "weights_not_f32";
    reason = check_shape(kase);
    if (reason)
        return reason;
    if (experts > MAX_EXPERTS || (path_of(kase) == PATH_SINGLE && tile_tokens(experts) == 0))
        return MUTANT(L06b) ? NULL : "experts_over_lds";
    if (path_of(kase) != PATH_SINGLE && param(kase, MS_TOKENS) >= MOE_SORTING_WIDE_TOKENS &&
        param(kase, MS_TOPK) > MAX_MESH_TOPK)
        return MUTANT(L06c) ? NULL : "topk_over_mesh";
    return NULL;
}

static size_t tensors(const struct kase *, struct tensor[OP_MAX_TENSORS]);

static const char *guard(const struct kase *kase, const size_t *bytes)
{
    struct tensor tensor[OP_MAX_TENSORS];
    const char *reason = check(kase);

    if (reason || !bytes)
        return reason;
    tensors(kase, tensor);
    for (size_t i = 0; i < MS_TENSORS; i++) {
        size_t needed;

        if (MUTANT(B45) && i == MS_T_SORTED_IDS)
            continue;
        if (!tensor_bytes(&tensor[i], &needed) || bytes[i] < needed)
            return short_reasons[i];
    }
    return NULL;
}

/* --- Tensors --- */

static struct tensor integers(const char *name, const char *layout, enum tensor_role role,
                              size_t rows, size_t cols)
{
    struct tensor t = {.name = name,
                       .layout = layout,
                       .role = role,
                       .dtype = DTYPE_I32,
                       .fill = {.kind = FILL_CUSTOM},
                       .policy = {.kind = POLICY_EXACT, .reason = "integers"}};

    tensor_dense(&t, rows, cols);
    return t;
}

/* [tokens, topk]. Rows from T on are filled too, and compared, as long as that costs little. */
static struct tensor by_slot(const struct kase *kase, const char *name, enum tensor_role role)
{
    const size_t tokens = (size_t)param(kase, MS_TOKENS), topk = (size_t)param(kase, MS_TOPK);
    const size_t used = (size_t)tokens_at_run_time(kase);
    struct tensor t = integers(name, "[tokens, topk]", role, tokens, topk);

    if (tokens * topk > LARGE && used < tokens / 4)
        t.unused_rows = tokens - used;
    return t;
}

static struct tensor weights_tensor(const struct kase *kase)
{
    struct tensor t = by_slot(kase, "topk_weights", TENSOR_INPUT);

    t.dtype = DTYPE_F32;
    t.fill = (struct fill){FILL_REAL, -8, 1};
    return t;
}

/* What a list of `size` items is, of which at most `used` can ever be written: a row, or, where
 * most of a large one stays untouched, a column. */
static struct tensor list_tensor(const char *name, uint64_t size, uint64_t used)
{
    const bool column = size > LARGE && used < size / 4;
    struct tensor t = integers(name, "[entries]", TENSOR_OUTPUT, column ? (size_t)size : 1,
                               column ? 1 : (size_t)size);

    t.unused_rows = column ? (size_t)(size - used) : 0;
    return t;
}

/* The most entries that T tokens can make. */
static uint64_t entries_at_most(const struct kase *kase)
{
    const uint64_t pairs = tokens_at_run_time(kase) * param(kase, MS_TOPK);
    const uint64_t experts = param(kase, MS_EXPERTS);

    return pairs + (pairs < experts ? pairs : experts) * (param(kase, MS_BLOCK_M) - 1);
}

static void sorted_tensors(const struct kase *kase, struct tensor out[OP_MAX_TENSORS])
{
    const uint64_t block_m = param(kase, MS_BLOCK_M), used = entries_at_most(kase);
    const uint64_t size = sorted_size(kase);
    const uint64_t blocks = MUTANT(B43) ? size / block_m : round_up(size, block_m) / block_m;

    out[MS_T_SORTED_IDS] = list_tensor("sorted_ids", size, used);
    out[MS_T_SORTED_WEIGHTS] = list_tensor("sorted_weights", size, used);
    out[MS_T_SORTED_WEIGHTS].dtype = DTYPE_F32;
    out[MS_T_SORTED_WEIGHTS].policy.reason = "copied";
    out[MS_T_SORTED_EXPERT_IDS] = list_tensor("sorted_expert_ids", blocks, used / block_m);
}

static struct tensor buf_tensor(const struct kase *kase)
{
    static const enum dtype types[] = {
        [MS_BUF_BF16] = DTYPE_BF16, [MS_BUF_F16] = DTYPE_F16, [MS_BUF_F32] = DTYPE_F32};
    const size_t dim = (size_t)param(kase, MS_MODEL_DIM);
    struct tensor t = {.name = "moe_buf",
                       .layout = "[tokens, model_dim], strided",
                       .role = TENSOR_OUTPUT,
                       .dtype = types[kase->value[MS_BUF_DTYPE]],
                       .align = 16,
                       .policy = {.kind = POLICY_EXACT, .reason = "cleared"}};

    tensor_dense(&t, dim ? (size_t)param(kase, MS_TOKENS) : 0, dim);
    t.stride += (size_t)param(kase, MS_BUF_PAD);
    if (dim)
        t.unused_rows = t.rows - (size_t)tokens_at_run_time(kase);
    return t;
}

/* Bytes of a mesh cell. */
static uint32_t mesh_width(const struct kase *kase)
{
    return param(kase, MS_TOKENS) < MOE_SORTING_WIDE_TOKENS ? sizeof(uint32_t) : 1;
}

static uint64_t mesh_pitch(const struct kase *kase)
{
    const uint64_t rows = MUTANT(MESH_ROWS) ? tokens_at_run_time(kase) : param(kase, MS_TOKENS);

    return round_up(rows, MOE_SORTING_MESH_ALIGN);
}

/* The workspace is the mesh, a count or offset per expert and one more, and the tail. */
static uint64_t mesh_bytes(const struct kase *kase)
{
    return param(kase, MS_EXPERTS) * mesh_pitch(kase) * (MUTANT(B28) ? 1 : mesh_width(kase));
}

static uint64_t offsets_bytes(const struct kase *kase)
{
    return round_up(param(kase, MS_EXPERTS) + 1, MOE_SORTING_MESH_ALIGN) * sizeof(int32_t);
}

static struct tensor workspace_tensor(const struct kase *kase)
{
    struct tensor t = {.name = "workspace",
                       .layout = "mesh, offsets, counter",
                       .role = TENSOR_WORKSPACE,
                       .dtype = DTYPE_U8,
                       .align = 16};
    const uint64_t bytes = mesh_bytes(kase) + offsets_bytes(kase) + MOE_SORTING_TAIL_BYTES;
    const uint64_t given = MUTANT(WORKSPACE_16) ? bytes / 16 : bytes - MUTANT(WORKSPACE_1);

    tensor_dense(&t, 1, path_of(kase) == PATH_SINGLE ? 0 : (size_t)given);
    return t;
}

static size_t tensors(const struct kase *kase, struct tensor out[OP_MAX_TENSORS])
{
    const size_t experts = (size_t)param(kase, MS_EXPERTS);
    const bool masked = kase->value[MS_EP_MASK] != MS_MASK_NONE;

    out[MS_T_TOPK_IDS] = by_slot(kase, "topk_ids", TENSOR_INPUT);
    out[MS_T_TOPK_WEIGHTS] = weights_tensor(kase);
    out[MS_T_EXPERT_MASK] =
        integers("expert_mask", "[experts]", TENSOR_INPUT, masked, masked ? experts : 0);
    out[MS_T_NUM_LOCAL_TOKENS] =
        integers("num_local_tokens", "[1]", TENSOR_INPUT, 1, kase->value[MS_LOCAL_TOKENS] != -1);
    sorted_tensors(kase, out);
    out[MS_T_NUM_VALID] = integers("num_valid", "[2]", TENSOR_OUTPUT, 1, 2);
    out[MS_T_LOCAL_TOPK_IDS] = by_slot(kase, "local_topk_ids", TENSOR_OUTPUT);
    if (!kase->value[MS_LOCAL_IDS])
        out[MS_T_LOCAL_TOPK_IDS].rows = out[MS_T_LOCAL_TOPK_IDS].unused_rows = 0;
    out[MS_T_MOE_BUF] = buf_tensor(kase);
    out[MS_T_WORKSPACE] = workspace_tensor(kase);
    return MS_TENSORS;
}

/* --- Plan --- */

static struct moe_sorting_args arguments(const struct kase *kase, const struct tensor *tensor,
                                         void *const device[])
{
    const struct tensor *buf = &tensor[MS_T_MOE_BUF];
    const bool given = kase->value[MS_LOCAL_TOKENS] != -1;
    const bool masked = kase->value[MS_EP_MASK] != MS_MASK_NONE;
    unsigned char *const workspace = device[MS_T_WORKSPACE];
    const bool many = path_of(kase) != PATH_SINGLE;

    return (struct moe_sorting_args){
        .topk_ids = device[MS_T_TOPK_IDS],
        .topk_weights = device[MS_T_TOPK_WEIGHTS],
        .expert_mask = masked ? device[MS_T_EXPERT_MASK] : NULL,
        .num_local_tokens = given ? device[MS_T_NUM_LOCAL_TOKENS] : NULL,
        .sorted_ids = device[MS_T_SORTED_IDS],
        .sorted_weights = device[MS_T_SORTED_WEIGHTS],
        .sorted_expert_ids = device[MS_T_SORTED_EXPERT_IDS],
        .num_valid = device[MS_T_NUM_VALID],
        .moe_buf = buf->cols ? device[MS_T_MOE_BUF] : NULL,
        .local_topk_ids = kase->value[MS_LOCAL_IDS] ? device[MS_T_LOCAL_TOPK_IDS] : NULL,
        .mesh = many ? workspace : NULL,
        .offsets = many ? (int32_t *)(void *)(workspace + mesh_bytes(kase)) : NULL,
        .arrived =
            many ? (uint32_t *)(void *)(workspace + mesh_bytes(kase) + offsets_bytes(kase)) : NULL,
        .row_bytes = buf->cols * dtype_bytes(buf->dtype),
        .pitch_bytes = buf->stride * dtype_bytes(buf->dtype),
        .tokens = (uint32_t)param(kase, MS_TOKENS),
        .topk = (uint32_t)param(kase, MS_TOPK),
        .experts = (uint32_t)param(kase, MS_EXPERTS),
        .block_m = (uint32_t)param(kase, MS_BLOCK_M),
        .mesh_pitch = (uint32_t)mesh_pitch(kase),
        .mesh_width = mesh_width(kase),
        .tile_tokens = (uint32_t)tile_tokens(param(kase, MS_EXPERTS)),
    };
}

/* Workgroups for `items` of work of which one does `each`. */
static uint32_t some_blocks(uint64_t items, uint64_t each)
{
    const uint64_t blocks = items / each + (items % each != 0);

    return blocks < MOE_SORTING_MAX_BLOCKS ? (uint32_t)blocks : MOE_SORTING_MAX_BLOCKS;
}

/* Workgroups that clear moe_buf, beside those that sort. */
static uint32_t clear_blocks(const struct moe_sorting_args *a)
{
    if (!a->moe_buf)
        return 0;
    if (a->row_bytes == a->pitch_bytes)
        return some_blocks(a->tokens * a->row_bytes, MOE_SORTING_CLEAR_BYTES);
    return some_blocks(a->tokens, 1);
}

static void plan_single(struct moe_sorting_args *a, struct plan *plan)
{
    const uint32_t needed = a->tokens > TILE_STEP ? a->tokens : TILE_STEP;

    if (needed < a->tile_tokens)
        a->tile_tokens = (uint32_t)round_up(needed, TILE_STEP);
    const size_t ints =
        (size_t)(LDS_ROWS + a->tile_tokens) * (a->experts + 1) + MOE_SORTING_SCAN_INTS;
    plan_kernel(plan, &kernel_moe_sorting_single, 1 + clear_blocks(a), MOE_SORTING_BLOCK,
                ints * sizeof(int32_t), a, sizeof(*a));
}

static void plan_multi(const struct moe_sorting_args *a, enum path path, struct plan *plan)
{
    const uint32_t threads = path == PATH_GATHER ? MOE_SORTING_SMALL_BLOCK : MOE_SORTING_BLOCK;
    const size_t scan = MOE_SORTING_SCAN_INTS * sizeof(uint32_t);
    const size_t size = sizeof(*a), deliver = scan + sizeof(uint32_t);

    if (!MUTANT(ARRIVED_CLEAR))
        plan_memset(plan, a->arrived, 0, MOE_SORTING_TAIL_BYTES);
    if (path == PATH_GATHER) {
        plan_kernel(plan, &kernel_moe_sorting_gather, a->experts, threads, deliver, a, size);
    } else {
        plan_kernel(plan, &kernel_moe_sorting_mesh, some_blocks(a->tokens, MOE_SORTING_BLOCK),
                    MOE_SORTING_BLOCK, 0, a, size);
        plan_kernel(plan, &kernel_moe_sorting_count, a->experts, threads, deliver, a, size);
    }
    plan_kernel(plan, &kernel_moe_sorting_write,
                a->experts + (MUTANT(CLEAR_MULTI) ? 0 : clear_blocks(a)), threads, scan, a, size);
    if (a->local_topk_ids && a->tokens)
        plan_kernel(plan, &kernel_moe_sorting_local_ids,
                    some_blocks((uint64_t)a->tokens * a->topk, MOE_SORTING_BLOCK),
                    MOE_SORTING_BLOCK, scan + a->experts * sizeof(int32_t), a, size);
}

static void plan(const struct kase *kase, const struct tensor *tensor, void *const device[],
                 struct plan *out)
{
    struct moe_sorting_args a = arguments(kase, tensor, device);
    const enum path path = path_of(kase);

    if (MUTANT(L08) && a.tokens == 0)
        return;
    if (path == PATH_SINGLE)
        plan_single(&a, out);
    else
        plan_multi(&a, path, out);
}

/* --- For the generator --- */

/* Bytes of moe_buf that cost something: those of rows in use, and those of the rest as long as it
 * is watched byte by byte. */
static double buf_cost(const struct kase *kase)
{
    const double dim = (double)param(kase, MS_MODEL_DIM), rows = (double)param(kase, MS_TOKENS);
    const double all = dim ? rows * (dim + (double)param(kase, MS_BUF_PAD)) : 0;
    const double used = (double)tokens_at_run_time(kase) * dim;

    if (all * 4 > 0x1p33)
        return 0x1p63; /* more than a device should be asked for */
    return all < 0x1p22 ? all : used + 0x1p16;
}

static double work(const struct kase *kase)
{
    const double tokens = (double)tokens_at_run_time(kase);
    const double experts = (double)param(kase, MS_EXPERTS);

    switch (path_of(kase)) {
    case PATH_SINGLE:
        return tokens * experts * 2;
    case PATH_GATHER:
        return experts * (tokens * (double)param(kase, MS_TOPK) / 4 + 128);
    case PATH_MESH:
        return experts * (tokens * 2 + 512);
    }
    return 0;
}

static uint64_t cost(const struct kase *kase)
{
    if (moe_sorting_contract(kase))
        return 0;
    struct tensor tensor[OP_MAX_TENSORS];
    double sum = buf_cost(kase) + work(kase) + (double)entries_at_most(kase) * 2;

    tensors(kase, tensor);
    if ((double)tensor[MS_T_WORKSPACE].cols > 0x1p33)
        return UINT64_MAX;
    for (size_t i = 0; i < MS_T_MOE_BUF; i++)
        sum += (double)tensor_elements(&tensor[i]);
    return sum < 0x1p62 ? (uint64_t)sum : UINT64_MAX;
}

static const char *count_class(const struct kase *kase)
{
    const int64_t given = kase->value[MS_LOCAL_TOKENS], rows = kase->value[MS_TOKENS];

    if (given == -1)
        return "all";
    return given <= 0 ? "none" : given < rows ? "part" : given == rows ? "equal" : "over";
}

static void dispatch_key(const struct kase *kase, char *out, size_t size)
{
    const uint64_t tile = tile_tokens(param(kase, MS_EXPERTS)), tokens = tokens_at_run_time(kase);
    const uint64_t row =
        param(kase, MS_MODEL_DIM) * (kase->value[MS_BUF_DTYPE] == MS_BUF_F32 ? 4 : 2);
    const bool small = param(kase, MS_TOKENS) < MOE_SORTING_WIDE_TOKENS;

    snprintf(out, size, "%s/%s tiles%d wide%d tail%d shares%d %s mask%d local%d %s buf%d/%d/%d",
             path_names[path_of(kase)], variant_names[kase->value[MS_VARIANT]],
             tile ? tokens > tile : 2, small, tokens % 64 != 0,
             param(kase, MS_EXPERTS) > MOE_SORTING_BLOCK, count_class(kase),
             kase->value[MS_EP_MASK] != MS_MASK_NONE, kase->value[MS_LOCAL_IDS] != 0,
             fill_names[kase->value[MS_FILL]], row != 0, row * tokens % 16 != 0,
             kase->value[MS_BUF_PAD] != 0);
}

/* --- Machine code --- */

/* All LDS is dynamic, sized by the launcher. The single workgroup is alone; the others hide their
 * loads behind each other. */
static const struct isa_policy isa[] = {
    {.kernel = &kernel_moe_sorting_single, .noscratch = true, .min_waves = 4},
    {.kernel = &kernel_moe_sorting_gather, .noscratch = true, .min_waves = 8},
    {.kernel = &kernel_moe_sorting_mesh, .noscratch = true, .min_waves = 8},
    {.kernel = &kernel_moe_sorting_count, .noscratch = true, .min_waves = 8},
    {.kernel = &kernel_moe_sorting_write, .noscratch = true, .min_waves = 8},
    {.kernel = &kernel_moe_sorting_local_ids, .noscratch = true, .min_waves = 8},
    {0},
};

extern const struct op op_moe_sorting;

const struct op op_moe_sorting = {
    .name = "moe_sorting",
    .summary = "groups the (token, slot) pairs of a routing decision by expert, in blocks",
    .params = params,
    .n_params = MS_PARAMS,
    .reasons = reasons,
    .guard = guard,
    .tensors = tensors,
    .plan = plan,
    .fill = moe_sorting_fill,
    .isa = isa,
    .contract = moe_sorting_contract,
    .ref_elements = moe_sorting_ref_elements,
    .reference = moe_sorting_reference,
    .cost = cost,
    .dispatch_key = dispatch_key,
};
