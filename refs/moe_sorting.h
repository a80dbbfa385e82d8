/*
 * moe_sorting: groups the (token, slot) pairs of a routing decision by expert, in blocks.
 *
 * Let T be the tokens at run time: the value behind num_local_tokens cut to [0, tokens], or tokens
 * without it. Of the pairs (t, k), t < T, those count whose id names an expert that this rank owns
 * (mask not 0) and is not named again by a later slot of the token. Experts follow each other in
 * increasing order, each with its pairs in the order of tokens, then sentinels up to a multiple of
 * block_m. An expert without pairs has no entries.
 *
 *     sorted_ids[p]         slot << 24 | token; the sentinel is topk << 24 | T
 *     sorted_weights[p]     topk_weights[token, slot]; of a sentinel 0
 *     sorted_expert_ids[b]  local number of the expert of entries [b block_m, (b + 1) block_m): how
 *                           many experts with a mask that is not 0 come before it
 *     num_valid             V, the number of entries with sentinels, and T
 *     local_topk_ids        of every slot of tokens below T: the local number of its expert, or -1
 *                           when the id is masked or no expert
 *     moe_buf               rows below T are zero
 *
 * Entries from V on, blocks from V / block_m on and rows from T on stay untouched.
 */
#ifndef HARNESS_REFS_MOE_SORTING_H
#define HARNESS_REFS_MOE_SORTING_H

#include "harness/op/op.h"

enum moe_sorting_param {
    MS_TOKENS,
    MS_TOPK,
    MS_EXPERTS,
    MS_BLOCK_M,
    MS_EP_MASK,       /* enum ms_mask */
    MS_LOCAL_TOKENS,  /* -1: num_local_tokens is not given; else what it points to */
    MS_MODEL_DIM,     /* columns of moe_buf; 0: none */
    MS_BUF_DTYPE,     /* enum ms_buf_dtype */
    MS_BUF_PAD,       /* stride of moe_buf - model_dim */
    MS_VARIANT,       /* enum ms_variant */
    MS_LOCAL_IDS,     /* whether local_topk_ids is asked for */
    MS_FILL,          /* enum ms_fill */
    MS_IDS_DTYPE,     /* enum ms_ids_dtype */
    MS_WEIGHTS_DTYPE, /* enum ms_weights_dtype */
    MS_PARAMS
};

enum ms_mask {
    MS_MASK_NONE,
    MS_MASK_OWNED, /* all of them */
    MS_MASK_EVEN,
    MS_MASK_FIRST, /* the first half, rounded up */
    MS_MASK_LAST,  /* the rest */
    MS_MASK_RANDOM,
    MS_MASK_ONE,
    MS_MASK_ZERO,
    MS_MASK_VALUES, /* 0, 1 and numbers that are neither */
};

enum ms_fill {
    MS_FILL_RANDOM,       /* distinct experts */
    MS_FILL_SAME,         /* every token has the same */
    MS_FILL_BLOCKS_EXACT, /* experts get block_m tokens each, */
    MS_FILL_BLOCKS_OVER,  /* or one more, */
    MS_FILL_BLOCKS_UNDER, /* or one less, as far as they go */
    MS_FILL_SKEWED,       /* a few experts have most tokens */
    MS_FILL_RAMP,         /* 0, 1, 2, ... over all slots, modulo experts */
    MS_FILL_EP_FAKE,      /* slots of other ranks all name the last expert */
    MS_FILL_DUPLICATES,   /* an expert may come several times in a token */
    MS_FILL_INVALID,      /* some ids are no expert */
};

enum ms_variant { MS_AUTO, MS_SINGLE, MS_MULTI };
enum ms_buf_dtype { MS_BUF_BF16, MS_BUF_F16, MS_BUF_F32 };
enum ms_ids_dtype { MS_IDS_I32, MS_IDS_I64 };
enum ms_weights_dtype { MS_WEIGHTS_F32, MS_WEIGHTS_BF16 };

/* Tensors, in this order. One that a case has no use for is empty. */
enum moe_sorting_tensor {
    MS_T_TOPK_IDS,
    MS_T_TOPK_WEIGHTS,
    MS_T_EXPERT_MASK,
    MS_T_NUM_LOCAL_TOKENS,
    MS_T_SORTED_IDS,
    MS_T_SORTED_WEIGHTS,
    MS_T_SORTED_EXPERT_IDS,
    MS_T_NUM_VALID,
    MS_T_LOCAL_TOPK_IDS,
    MS_T_MOE_BUF,
    MS_T_WORKSPACE,
    MS_TENSORS
};

/* The judge's half of `op_moe_sorting`; see op.h. */
const char *moe_sorting_contract(const struct kase *);
size_t moe_sorting_ref_elements(const struct kase *, size_t i);
void moe_sorting_reference(const struct kase *, const struct ref_io *);

#endif
