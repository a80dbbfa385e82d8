/*
 * act_and_mul: a gated activation, out[r, c] = f(gate, up) for c < d.
 *
 * With s(x) = x / (1 + exp(-x)), all in fp32 and rounded once at the store:
 *
 *     silu                s(g) u
 *     silu, limit L > 0   s(min(g, L)) clamp(u, -L, L); of a 16-bit input the clamped gate is
 *                         rounded back to its type before s
 *     gelu                g (1 + erf(g / sqrt 2)) / 2 u
 *     gelu_tanh           g (1 + tanh(sqrt(2/pi) (g + 0.044715 g^3))) / 2 u
 *     swiglu              with g' = min(g, L): g' / (1 + exp(-1.702 g')) (clamp(u, -L, L) + 1);
 *                         L = 7 when no limit is given
 *     swiglustep          min(s(g), 7) clamp(u, -7, 7): the gate is clamped behind s
 *
 * A caller names the activation, in any case of letters, or gives the number that it has in the
 * library that the caller was written for: `ep` numbers silu 0, gelu 1, swiglu 2, swiglustep 3;
 * `main` has something else under 3. -1 means none. Everything that is not known is refused.
 *
 * Input: tokens * topk + surplus_rows rows of 2 d elements, of which the surplus ones are nobody's
 * business. separated: d gates, then d ups. interleaved16: 16 gates, 16 ups, and so on.
 * Output: [tokens, topk, d], rows in the input's order.
 * experts > 0: row r belongs to expert_id[r], and bias[expert] (d gates, then d ups, fp32) is added
 * to it first; a row whose expert is not in [0, experts) is written as zeros.
 */
#ifndef HARNESS_REFS_ACT_AND_MUL_H
#define HARNESS_REFS_ACT_AND_MUL_H

#include "harness/op/op.h"

enum act_and_mul_param {
    AM_TOKENS,
    AM_TOPK,
    AM_D,
    AM_SURPLUS_ROWS,
    AM_IN_PAD,    /* stride of the input - 2 d */
    AM_OUT_PAD,   /* stride of the output - d */
    AM_ACT,       /* enum am_act */
    AM_NUMBERING, /* enum am_numbering */
    AM_LIMIT,     /* thousandths */
    AM_LAYOUT,    /* enum am_layout */
    AM_IN,        /* enum am_in */
    AM_OUT,       /* enum am_out */
    AM_BF16,      /* enum am_bf16: rounding of every conversion to bf16 */
    AM_EXPERTS,   /* 0: no bias */
    AM_FILL,      /* enum am_fill */
    AM_PARAMS
};

/* What a caller may say; see act_names in kernels/act_and_mul.c. */
enum am_act {
    AM_ACT_SILU,
    AM_ACT_SILU_TITLE,
    AM_ACT_SILU_UPPER,
    AM_ACT_GELU,
    AM_ACT_GELU_TITLE,
    AM_ACT_GELU_TANH,
    AM_ACT_SWIGLU,
    AM_ACT_SWIGLU_TITLE,
    AM_ACT_STEP,
    AM_ACT_STEP_CAMEL,
    AM_ACT_STEP_UPPER,
    AM_ACT_NUMBER0,
    AM_ACT_NUMBER1,
    AM_ACT_NUMBER2,
    AM_ACT_NUMBER3,
    AM_ACT_NUMBER4,
    AM_ACT_MINUS1,
    AM_ACT_NO,
    AM_ACT_SWIGLU_STEP, /* not a name: an underscore too many */
    AM_ACT_GEGLU,       /* not a name here */
    AM_ACTS
};

enum am_numbering { AM_EP, AM_MAIN };
enum am_layout { AM_SEPARATED, AM_INTERLEAVED16 };
enum am_in { AM_IN_F32, AM_IN_BF16, AM_IN_F16 };
enum am_out { AM_OUT_SAME, AM_OUT_F32, AM_OUT_BF16, AM_OUT_F16 };
enum am_bf16 { AM_RNE, AM_TRUNCATE };
enum am_fill {
    AM_FILL_REAL,
    AM_FILL_WIDE,
    AM_FILL_EDGE,  /* zeros, the clamps and their neighbours, where exp ends */
    AM_FILL_KNOWN, /* the known answers' pairs of gate and up, again and again along a row */
    AM_FILL_HUGE,
};

/* Tensors, in this order. One that a case has no use for is empty. */
enum act_and_mul_tensor { AM_T_INPUT, AM_T_BIAS, AM_T_EXPERT_ID, AM_T_OUT, AM_TENSORS };

/* The judge's half of `op_act_and_mul`; see op.h. Under bf16=truncate the reference gives the
 * middle of the interval that is cut to the same code, so that half an ulp is the tolerance there
 * too. */
const char *act_and_mul_contract(const struct kase *);
size_t act_and_mul_ref_elements(const struct kase *, size_t i);
void act_and_mul_reference(const struct kase *, const struct ref_io *);

#endif
