#include "refs/moe_sorting.h"

#include <string.h>

enum { MAX_EXPERTS = 8191 }; /* a table of them with one integer more fills 32 KiB of LDS */

/* What is legal, in the order in which a reason is given. */

/* The most tokens whose rows of experts + 1 integers fit 32 KiB of LDS beside two rows of
 * bookkeeping, in eights; 0 when not even eight do. */
static int64_t tokens_in_lds(int64_t experts)
{
    return (8192 / (experts + 1) - 2) / 8 * 8;
}

static bool is_single(const struct kase *kase)
{
    const int64_t fit = tokens_in_lds(kase->value[MS_EXPERTS]);

    if (kase->value[MS_VARIANT] != MS_AUTO)
        return kase->value[MS_VARIANT] == MS_SINGLE;
    return fit > 0 && kase->value[MS_TOKENS] <= fit;
}

static int64_t sorted_size(const struct kase *kase)
{
    return kase->value[MS_TOKENS] * kase->value[MS_TOPK] +
           kase->value[MS_EXPERTS] * kase->value[MS_BLOCK_M] - kase->value[MS_TOPK];
}

static const char *contract_of_shape(const struct kase *kase)
{
    if (kase->value[MS_TOKENS] >= 1 << 24)
        return "tokens_over_24_bits";
    if (kase->value[MS_TOPK] == 0)
        return "topk_zero";
    if (kase->value[MS_TOPK] >= 1 << 8)
        return "topk_over_8_bits";
    if (kase->value[MS_EXPERTS] == 0)
        return "experts_zero";
    if (kase->value[MS_TOPK] > kase->value[MS_EXPERTS])
        return "topk_over_experts";
    if (kase->value[MS_BLOCK_M] == 0)
        return "block_m_zero";
    if (sorted_size(kase) > INT32_MAX) /* num_valid could not hold it */
        return "sorted_size_over_31_bits";
    return NULL;
}

const char *moe_sorting_contract(const struct kase *kase)
{
    const int64_t experts = kase->value[MS_EXPERTS];

    if (kase->value[MS_IDS_DTYPE] != MS_IDS_I32)
        return "ids_not_i32";
    if (kase->value[MS_WEIGHTS_DTYPE] != MS_WEIGHTS_F32)
        return "weights_not_f32";
    const char *reason = contract_of_shape(kase);
    if (reason)
        return reason;
    if (experts > MAX_EXPERTS || (is_single(kase) && tokens_in_lds(experts) <= 0))
        return "experts_over_lds";
    if (!is_single(kase) && kase->value[MS_TOKENS] >= 512 && kase->value[MS_TOPK] == 255)
        return "topk_over_mesh";
    return NULL;
}

static size_t workspace_bytes(const struct kase *kase)
{
    const size_t tokens = (size_t)kase->value[MS_TOKENS];
    const size_t experts = (size_t)kase->value[MS_EXPERTS];
    const size_t cell = tokens < 512 ? 4 : 1;

    if (is_single(kase))
        return 0;
    return experts * ((tokens + 31) / 32 * 32) * cell + (experts + 1 + 31) / 32 * 32 * 4 + 128;
}

size_t moe_sorting_ref_elements(const struct kase *kase, size_t i)
{
    const size_t tokens = (size_t)kase->value[MS_TOKENS];
    const size_t block_m = (size_t)kase->value[MS_BLOCK_M];
    const size_t sorted = (size_t)sorted_size(kase);

    switch (i) {
    case MS_T_SORTED_IDS:
    case MS_T_SORTED_WEIGHTS:
        return sorted;
    case MS_T_SORTED_EXPERT_IDS:
        return sorted / block_m + (sorted % block_m != 0);
    case MS_T_NUM_VALID:
        return 2;
    case MS_T_LOCAL_TOPK_IDS:
        return kase->value[MS_LOCAL_IDS] ? tokens * (size_t)kase->value[MS_TOPK] : 0;
    case MS_T_MOE_BUF:
        return tokens * (size_t)kase->value[MS_MODEL_DIM];
    case MS_T_WORKSPACE:
        return workspace_bytes(kase);
    default:
        return 0;
    }
}

/* A case, spelled out. */
struct job {
    size_t tokens; /* T */
    size_t topk, experts, block_m;
    const int32_t *ids, *mask;
    const uint32_t *weights;      /* bits */
    int32_t local[MAX_EXPERTS];   /* -1: not owned */
    uint32_t count[MAX_EXPERTS];  /* pairs */
    uint32_t next[MAX_EXPERTS];   /* where the next pair goes */
    uint16_t winner[MAX_EXPERTS]; /* in the token at hand, the last slot that names the expert */
};

static void job_init(struct job *job, const struct kase *kase, const struct ref_io *io)
{
    const int64_t rows = kase->value[MS_TOKENS], given = kase->value[MS_LOCAL_TOKENS];
    const int32_t *at_run_time = io->in[MS_T_NUM_LOCAL_TOKENS];
    const int64_t tokens = given == -1 ? rows : *at_run_time;
    int32_t owned = 0;

    job->tokens = (size_t)(tokens < 0 ? 0 : tokens > rows ? rows : tokens);
    job->topk = (size_t)kase->value[MS_TOPK];
    job->experts = (size_t)kase->value[MS_EXPERTS];
    job->block_m = (size_t)kase->value[MS_BLOCK_M];
    job->ids = io->in[MS_T_TOPK_IDS];
    job->weights = io->in[MS_T_TOPK_WEIGHTS];
    job->mask = kase->value[MS_EP_MASK] == MS_MASK_NONE ? NULL : io->in[MS_T_EXPERT_MASK];
    for (size_t e = 0; e < job->experts; e++)
        job->local[e] = job->mask && !job->mask[e] ? -1 : owned++;
    memset(job->count, 0, sizeof(job->count));
}

/* The local number of an id, or -1. */
static int32_t local_of(const struct job *job, int32_t id)
{
    return id >= 0 && (size_t)id < job->experts ? job->local[id] : -1;
}

static void note_winners(struct job *job, size_t token)
{
    const int32_t *ids = job->ids + token * job->topk;

    for (size_t k = 0; k < job->topk; k++)
        if (local_of(job, ids[k]) >= 0)
            job->winner[ids[k]] = (uint16_t)k;
}

static bool pair_counts(const struct job *job, size_t token, size_t slot)
{
    const int32_t id = job->ids[token * job->topk + slot];

    return local_of(job, id) >= 0 && job->winner[id] == slot;
}

static void count_pairs(struct job *job)
{
    for (size_t t = 0; t < job->tokens; t++) {
        note_winners(job, t);
        for (size_t k = 0; k < job->topk; k++)
            if (pair_counts(job, t, k))
                job->count[job->ids[t * job->topk + k]]++;
    }
}

/* Lays the lists out: experts of blocks, and sentinels all over them. Returns V. */
static size_t lay_out(struct job *job, const struct ref_io *io)
{
    const uint32_t sentinel = (uint32_t)job->topk << 24 | (uint32_t)job->tokens;
    uint32_t *ids = io->out[MS_T_SORTED_IDS], *weights = io->out[MS_T_SORTED_WEIGHTS];
    int32_t *expert_of_block = io->out[MS_T_SORTED_EXPERT_IDS];
    size_t end = 0;

    for (size_t e = 0; e < job->experts; e++) {
        job->next[e] = (uint32_t)end;
        for (size_t left = job->count[e]; left > 0;
             left -= left < job->block_m ? left : job->block_m) {
            expert_of_block[end / job->block_m] = job->local[e];
            for (size_t i = 0; i < job->block_m; i++, end++) {
                ids[end] = sentinel;
                weights[end] = 0;
            }
        }
    }
    return end;
}

static void place_pairs(struct job *job, const struct ref_io *io)
{
    uint32_t *ids = io->out[MS_T_SORTED_IDS], *weights = io->out[MS_T_SORTED_WEIGHTS];

    for (size_t t = 0; t < job->tokens; t++) {
        note_winners(job, t);
        for (size_t k = 0; k < job->topk; k++) {
            if (!pair_counts(job, t, k))
                continue;
            const uint32_t at = job->next[job->ids[t * job->topk + k]]++;
            ids[at] = (uint32_t)k << 24 | (uint32_t)t;
            weights[at] = job->weights[t * job->topk + k];
        }
    }
}

void moe_sorting_reference(const struct kase *kase, const struct ref_io *io)
{
    struct job job;
    int32_t *num_valid = io->out[MS_T_NUM_VALID];

    job_init(&job, kase, io);
    count_pairs(&job);
    num_valid[0] = (int32_t)lay_out(&job, io);
    num_valid[1] = (int32_t)job.tokens;
    place_pairs(&job, io);
    if (kase->value[MS_LOCAL_IDS]) {
        int32_t *local = io->out[MS_T_LOCAL_TOPK_IDS];
        for (size_t i = 0; i < job.tokens * job.topk; i++)
            local[i] = local_of(&job, job.ids[i]);
    }
    const size_t cols = (size_t)kase->value[MS_MODEL_DIM];
    if (cols)
        memset(io->out[MS_T_MOE_BUF], 0,
               job.tokens * cols * dtype_bytes(io->tensor[MS_T_MOE_BUF].dtype));
}
