/*
 * dequant: out = code * scale, rounded once to the output's type.
 *
 * `experts` matrices of `rows` x `cols` codes, one behind the other; rows may be strided, in the
 * codes, in the output and in the scales. codes:
 *
 *     fn, fnuz     fp8 e4m3; NaN codes give NaN
 *     fn_as_fnuz   e4m3fn bytes loaded on hardware that knows e4m3fnuz: 0x80 becomes 0x00 and every
 *                  value counts twice, so results are those of fn; but 0x7F and 0xFF, NaN there,
 *                  come out as +-480 times the scale, and `nan_count` says how many there were
 *     fp4          e2m1, two columns to a byte, the even one in the low nibble; scales are e8m0
 *
 * scale:
 *
 *     e8m0, e8m0_shuffled   one byte per row and 32 columns; 0xFF gives NaN. Shuffled: tiles of
 *                           32 x 8 bytes, over all experts' rows, padded to 256 rows and 8 columns
 *     f32_1x128             one per row and 128 columns
 *     f32_128x128           one per block, ceil(rows / 128) x ceil(cols / 128) of each expert
 *     f32_token             one per row
 *     f32_tensor            one per expert
 *
 * first_row and first_col: the matrices are cut out of larger ones, from there on. Groups and
 * blocks are those of the larger ones, and the scales begin with the group that holds the first
 * row and column, of which a part may be missing.
 */
#ifndef HARNESS_REFS_DEQUANT_H
#define HARNESS_REFS_DEQUANT_H

#include "harness/op/op.h"

enum dequant_param {
    DQ_EXPERTS,
    DQ_ROWS, /* of each expert */
    DQ_COLS,
    DQ_FIRST_ROW,
    DQ_FIRST_COL,
    DQ_IN_PAD,    /* bytes between rows of codes */
    DQ_OUT_PAD,   /* elements between rows of the output */
    DQ_SCALE_PAD, /* elements between rows of the scale */
    DQ_CODES,     /* enum dq_codes */
    DQ_SCALE,     /* enum dq_scale */
    DQ_OUT,       /* enum dq_out */
    DQ_BF16,      /* enum dq_bf16 */
    DQ_FILL,      /* enum dq_fill */
    DQ_PARAMS
};

enum dq_codes { DQ_FN, DQ_FNUZ, DQ_FN_AS_FNUZ, DQ_FP4 };
enum dq_scale {
    DQ_E8M0,
    DQ_E8M0_SHUFFLED,
    DQ_F32_1X128,
    DQ_F32_128X128,
    DQ_F32_TOKEN,
    DQ_F32_TENSOR
};
enum dq_out { DQ_OUT_BF16, DQ_OUT_F16, DQ_OUT_F32 };
enum dq_bf16 { DQ_RNE, DQ_TRUNCATE };
enum dq_fill {
    DQ_FILL_ORDINARY, /* all codes but NaN, scales of about 2^-10 to 2^3 */
    DQ_FILL_POWERS,   /* the same, scales are powers of two: results are exact */
    DQ_FILL_EXTREME,  /* all codes; scales at the ends of their type, NaN and Inf among them */
    DQ_FILL_RAMP,     /* codes 0, 1, ... 255 along a row, scale 1 */
};

/* Tensors, in this order. */
enum dequant_tensor { DQ_T_CODES, DQ_T_SCALE, DQ_T_OUT, DQ_T_NAN_COUNT, DQ_TENSORS };

/* The judge's half of `op_dequant`; see op.h. The output is doubles where the operator declares
 * POLICY_BOUND: a 16-bit type and a scale that need not be a power of two. */
const char *dequant_contract(const struct kase *);
size_t dequant_ref_elements(const struct kase *, size_t i);
void dequant_reference(const struct kase *, const struct ref_io *);

/* Byte of the scale of row x, group y in the shuffled layout, whose rows have `padded` bytes (a
 * multiple of 8). */
size_t dequant_shuffled(size_t x, size_t y, size_t padded);

#endif
