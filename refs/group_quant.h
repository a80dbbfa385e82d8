/*
 * group_quant: quantisation to fp8, fp4 or i8 with one scale per group of columns, row or tensor.
 *
 * With M the largest value of the output type (448, 240, 6, 127), all in fp32:
 *
 *     group=32|64|128  columns [y G, (y+1) G) of a row share a scale; a row that is no multiple of
 *                      G long counts as continued by zeros, so it has ceil(cols / G) scales
 *         scale=f32, f32_transposed   s = max(amax, 1e-10) (1/M)
 *         scale=e8m0, e8m0_shuffled   s = 2^(b-127), the smallest that is >= max(amax, 1e-10) / M
 *     group=token      one scale per row; group=tensor: one for all counted rows
 *                      s = amax (1/M), or 1 when amax < 2^-100: such a row is as good as zero, and
 *                      1/s would leave the range of normal numbers. All its codes are zero.
 *     group=static     s is given
 *
 *     code = convert(clamp(x (1/s), -M, M)), to nearest even; i8 truncates towards zero
 *
 * num_rows >= 0 puts a row count into device memory: only the first num_rows * row_factor rows (at
 * most `rows`) are read, and nothing is written for the others (a tensor without counted rows has
 * the scale 1; one without rows has none). f32_transposed then has the scale
 * of row r, group y at y * R + r, where R is that count.
 */
#ifndef HARNESS_REFS_GROUP_QUANT_H
#define HARNESS_REFS_GROUP_QUANT_H

#include "harness/op/op.h"

enum group_quant_param {
    GQ_ROWS,
    GQ_COLS,
    GQ_ROW_PAD, /* stride of the input - cols */
    GQ_GROUP,   /* enum gq_group */
    GQ_INPUT,   /* enum gq_input */
    GQ_OUTPUT,  /* enum gq_output */
    GQ_SCALE,   /* enum gq_scale */
    GQ_NUM_ROWS,
    GQ_ROW_FACTOR,
    GQ_LANES, /* enum gq_lanes */
    GQ_FILL,  /* enum gq_fill */
    GQ_PARAMS
};

enum gq_group { GQ_G32, GQ_G64, GQ_G128, GQ_TOKEN, GQ_TENSOR, GQ_STATIC, GQ_G16 };
enum gq_input { GQ_BF16, GQ_F16 };
enum gq_output { GQ_FN, GQ_FNUZ, GQ_FP4, GQ_I8 };
enum gq_scale { GQ_F32, GQ_F32_TRANSPOSED, GQ_E8M0, GQ_E8M0_SHUFFLED };
enum gq_lanes { GQ_SPLIT, GQ_WHOLE };
enum gq_fill {
    GQ_FILL_REAL,
    GQ_FILL_ZEROS,
    GQ_FILL_RAMP,   /* 1, 2, ... 128, again */
    GQ_FILL_RAMP4,  /* -15/4, -14/4, ... 16/4, again */
    GQ_FILL_SPREAD, /* rows and 32-column chunks that are zero, tiny, ordinary or huge */
    GQ_FILL_TIES,   /* every 32-column chunk: the largest value, else halfway between codes */
    GQ_FILL_BITS,   /* any finite bit pattern */
};

/* Tensors, in this order. One that a case has no use for is empty. */
enum group_quant_tensor {
    GQ_T_INPUT,
    GQ_T_NUM_ROWS,
    GQ_T_STATIC_SCALE,
    GQ_T_CODES,
    GQ_T_SCALE,
    GQ_T_AMAX,
    GQ_TENSORS
};

/* The judge's half of `op_group_quant`; see op.h. */
const char *group_quant_contract(const struct kase *);
size_t group_quant_ref_elements(const struct kase *, size_t i);
void group_quant_reference(const struct kase *, const struct ref_io *);
bool group_quant_accept(const struct kase *, const struct ref_io *, void *const device_out[],
                        size_t i, size_t row, size_t col, uint32_t got);

/* Byte of the scale of row x, group y in the shuffled layout, whose rows have `padded` bytes (a
 * multiple of 8). */
size_t group_quant_shuffled(size_t x, size_t y, size_t padded);

#endif
