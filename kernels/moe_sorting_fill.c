#include "kernels/moe_sorting_fill.h"

#include "harness/case/philox.h"
#include "refs/moe_sorting.h"

enum {
    MAX_TOPK = 256,
    MAX_EXPERTS = 8192,
    WORDS = 64, /* drawn at once */
};

/* One token's row of ids being made. */
struct row {
    const struct kase *kase;
    uint32_t topk, experts;
    uint64_t token;
    uint32_t draws;                /* of a kind: topk rounded up to whole Philox blocks */
    uint32_t random[2 * MAX_TOPK]; /* two kinds of words for this token */
    uint64_t *taken;               /* bits by expert, all 0 between rows */
    int32_t *id;
};

static bool take(struct row *row, uint32_t expert)
{
    const uint64_t bit = (uint64_t)1 << (expert % 64);
    const bool was_free = !(row->taken[expert / 64] & bit);

    row->taken[expert / 64] |= bit;
    return was_free;
}

static void give_all_back(struct row *row)
{
    for (uint32_t k = 0; k < row->topk; k++)
        row->taken[(uint32_t)row->id[k] / 64] = 0;
}

static uint32_t below(uint32_t word, uint32_t limit)
{
    return (uint32_t)philox_range(word, 0, (int64_t)limit - 1);
}

/* A uniform choice of topk of `experts` in uniform order: Floyd's subset, then a shuffle. */
static void fill_random(struct row *row)
{
    for (uint32_t k = 0; k < row->topk; k++) {
        const uint32_t newest = row->experts - row->topk + k;
        const uint32_t drawn = below(row->random[k], newest + 1);
        const uint32_t expert = take(row, drawn) ? drawn : newest;
        take(row, expert);
        row->id[k] = (int32_t)expert;
    }
    give_all_back(row);
    for (uint32_t k = row->topk; k > 1; k--) {
        const uint32_t other = below(row->random[row->draws + k - 1], k);
        const int32_t swapped = row->id[other];
        row->id[other] = row->id[k - 1];
        row->id[k - 1] = swapped;
    }
}

/* The cube of a uniform number; an expert that is taken already passes on to the next. */
static void fill_skewed(struct row *row)
{
    for (uint32_t k = 0; k < row->topk; k++) {
        const double u = row->random[k] * 0x1p-32;
        uint32_t expert = (uint32_t)(u * u * u * row->experts);
        while (!take(row, expert))
            expert = (expert + 1) % row->experts;
        row->id[k] = (int32_t)expert;
    }
    give_all_back(row);
}

/* Consecutive experts from `first` on, which is taken modulo experts. */
static void fill_consecutive(struct row *row, uint64_t first)
{
    for (uint32_t k = 0; k < row->topk; k++)
        row->id[k] = (int32_t)((first + k) % row->experts);
}

/* `tokens` tokens in a row have the same experts, and the next as many the following ones. */
static void fill_blocks(struct row *row, int64_t tokens)
{
    const uint64_t run = tokens > 0 ? (uint64_t)tokens : 1;

    fill_consecutive(row, row->token / run * row->topk);
}

static void fill_duplicates(struct row *row)
{
    const uint32_t few = row->topk < row->experts ? row->topk : row->experts;

    for (uint32_t k = 0; k < row->topk; k++)
        row->id[k] = (int32_t)((row->token + below(row->random[k], few)) % row->experts);
}

static void fill_ep_fake(struct row *row)
{
    fill_random(row);
    for (uint32_t k = 0; k < row->topk; k++)
        if (row->random[row->draws + k] & 1)
            row->id[k] = (int32_t)row->experts - 1;
}

static void fill_invalid(struct row *row)
{
    const int32_t experts = (int32_t)row->experts;
    const int32_t bad[] = {-1, experts,   experts + 1, -experts, 2 * experts + 1,
                           -2, INT32_MAX, INT32_MIN};

    fill_random(row);
    for (uint32_t k = 0; k < row->topk; k++) {
        const uint32_t word = row->random[row->draws + k];
        if (word % 3 == 0)
            row->id[k] = bad[below(word, sizeof(bad) / sizeof(bad[0]))];
    }
}

static void fill_row(struct row *row)
{
    const int64_t block_m = row->kase->value[MS_BLOCK_M];
    const uint64_t token = row->kase->value[MS_FILL] == MS_FILL_SAME ? 0 : row->token;

    philox_fill(row->kase->seed, MS_T_TOPK_IDS, token * 2 * row->draws, row->random,
                2 * row->draws);
    switch ((enum ms_fill)row->kase->value[MS_FILL]) {
    case MS_FILL_RANDOM:
    case MS_FILL_SAME:
        fill_random(row);
        break;
    case MS_FILL_BLOCKS_EXACT:
        fill_blocks(row, block_m);
        break;
    case MS_FILL_BLOCKS_OVER:
        fill_blocks(row, block_m + 1);
        break;
    case MS_FILL_BLOCKS_UNDER:
        fill_blocks(row, block_m - 1);
        break;
    case MS_FILL_SKEWED:
        fill_skewed(row);
        break;
    case MS_FILL_RAMP:
        fill_consecutive(row, row->token * row->topk);
        break;
    case MS_FILL_EP_FAKE:
        fill_ep_fake(row);
        break;
    case MS_FILL_DUPLICATES:
        fill_duplicates(row);
        break;
    case MS_FILL_INVALID:
        fill_invalid(row);
        break;
    }
}

static void fill_ids(const struct kase *kase, const struct tensor *t, int32_t *ids)
{
    uint64_t taken[MAX_EXPERTS / 64] = {0};
    struct row row = {.kase = kase,
                      .topk = (uint32_t)kase->value[MS_TOPK],
                      .experts = (uint32_t)kase->value[MS_EXPERTS],
                      .draws = (uint32_t)(kase->value[MS_TOPK] + 3) / 4 * 4,
                      .taken = taken};

    for (size_t token = 0; token < t->rows - t->unused_rows; token++) {
        row.token = token;
        row.id = ids + token * t->stride;
        fill_row(&row);
    }
}

static int32_t mask_of(const struct kase *kase, uint32_t expert, uint32_t word)
{
    static const int32_t values[] = {0, 1, 0, 2, -1, 256, INT32_MIN, 0};
    const uint32_t experts = (uint32_t)kase->value[MS_EXPERTS];
    const uint32_t half = (experts + 1) / 2;

    switch ((enum ms_mask)kase->value[MS_EP_MASK]) {
    case MS_MASK_OWNED:
        return 1;
    case MS_MASK_EVEN:
        return expert % 2 == 0;
    case MS_MASK_FIRST:
        return expert < half;
    case MS_MASK_LAST:
        return expert >= half;
    case MS_MASK_RANDOM:
        return word & 1;
    case MS_MASK_ONE:
        return expert == below(philox_u32(kase->seed, MS_T_EXPERT_MASK, 0), experts);
    case MS_MASK_VALUES:
        return values[word % 8];
    case MS_MASK_NONE:
    case MS_MASK_ZERO:
        break;
    }
    return 0;
}

static void fill_mask(const struct kase *kase, size_t experts, int32_t *mask)
{
    uint32_t random[WORDS];

    for (size_t at = 0; at < experts; at += WORDS) {
        const size_t n = experts - at < WORDS ? experts - at : WORDS;

        philox_fill(kase->seed, MS_T_EXPERT_MASK, at, random, n);
        for (size_t i = 0; i < n; i++)
            mask[at + i] = mask_of(kase, (uint32_t)(at + i), random[i]);
    }
}

void moe_sorting_fill(const struct kase *kase, const struct tensor *tensor, void *const host[])
{
    int32_t *local_tokens = host[MS_T_NUM_LOCAL_TOKENS];

    fill_ids(kase, &tensor[MS_T_TOPK_IDS], host[MS_T_TOPK_IDS]);
    fill_mask(kase, tensor[MS_T_EXPERT_MASK].cols, host[MS_T_EXPERT_MASK]);
    if (tensor_elements(&tensor[MS_T_NUM_LOCAL_TOKENS]))
        *local_tokens = (int32_t)kase->value[MS_LOCAL_TOKENS];
}
