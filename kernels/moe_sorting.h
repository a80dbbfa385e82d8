/*
 * MoE sorting: what its kernels and their launcher agree on.
 *
 * Sorts the (token, slot) pairs of a routing decision by expert, so that a grouped GEMM can work on
 * blocks of `block_m` rows of one expert each. Every expert's list is padded with sentinels to a
 * multiple of block_m; an expert without pairs emits nothing.
 *
 * An entry is slot << 24 | token; the sentinel is topk << 24 | T, with weight 0, where T is the
 * number of tokens at run time: *num_local_tokens, cut to [0, tokens], or tokens without it. Rows
 * from T on are neither read nor written.
 *
 * What the inputs may hold, and what becomes of it:
 *   - an id outside [0, experts): the slot is left out; its local id is -1;
 *   - an expert twice in one token: the last of its slots counts, the others are left out;
 *   - any mask value but 0: this rank owns the expert. Experts with 0 are left out; local ids
 * number the owned ones from 0, tokens or not.
 */
#ifndef HARNESS_KERNELS_MOE_SORTING_H
#define HARNESS_KERNELS_MOE_SORTING_H

#include <stdint.h>

enum {
    MOE_SORTING_SLOT_SHIFT = 24,     /* bits of a token in an entry */
    MOE_SORTING_BLOCK = 256,         /* threads, unless said otherwise */
    MOE_SORTING_SMALL_BLOCK = 64,    /* threads of one expert when tokens are few */
    MOE_SORTING_SCAN_INTS = 8,       /* LDS of a scan: waves of 32 lanes in a block */
    MOE_SORTING_FEW_TOKENS = 2048,   /* below: the mesh is made by experts, else by tokens */
    MOE_SORTING_WIDE_TOKENS = 512,   /* below: 4 bytes per mesh cell, else 1 */
    MOE_SORTING_MESH_ALIGN = 32,     /* tokens of a mesh row are rounded up to this */
    MOE_SORTING_TAIL_BYTES = 128,    /* of the workspace; its first word counts workgroups */
    MOE_SORTING_LDS_INTS = 8192,     /* what rows of experts + 1 integers may take of the LDS */
    MOE_SORTING_CLEAR_BYTES = 65536, /* of moe_buf that a workgroup clears at a time */
    MOE_SORTING_MAX_BLOCKS = 512,    /* of the parts whose work is not one workgroup per expert */
};

/* Pointers may be NULL where the input or output is optional. */
struct moe_sorting_args {
    const int32_t *topk_ids;         /* [tokens, topk] */
    const float *topk_weights;       /* [tokens, topk] */
    const int32_t *expert_mask;      /* [experts], optional */
    const int32_t *num_local_tokens; /* [1], optional */
    int32_t *sorted_ids;             /* [tokens * topk + experts * block_m - topk] */
    float *sorted_weights;           /* as many */
    int32_t *sorted_expert_ids;      /* one per block of sorted_ids, the last may be partial */
    int32_t *num_valid;              /* [2]: entries of sorted_ids in use, T */
    unsigned char *moe_buf;          /* rows to clear, optional */
    int32_t *local_topk_ids;         /* [tokens, topk], optional */
    /* Of the variant with several workgroups: the mesh, [experts][mesh_pitch] cells of mesh_width
     * bytes that hold slot + 1 or 0; counts, later offsets, by expert; a counter. */
    unsigned char *mesh;
    int32_t *offsets;
    uint32_t *arrived;
    uint64_t row_bytes, pitch_bytes; /* of moe_buf */
    uint32_t tokens, topk, experts, block_m;
    uint32_t mesh_pitch, mesh_width; /* cells, bytes */
    uint32_t tile_tokens;            /* of the single workgroup: tokens in LDS at a time */
};

#endif
