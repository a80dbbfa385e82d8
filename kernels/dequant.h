/*
 * What the launcher hands to the kernel of dequant. Strides are in elements, those of the codes in
 * bytes. 1 << lanes_shift neighbouring threads share a row, each with a chunk of it at a time.
 */
#ifndef HARNESS_KERNELS_DEQUANT_H
#define HARNESS_KERNELS_DEQUANT_H

#include <stdint.h>

/* Columns of a chunk. In fp32 they are what one store writes, so that the stores of neighbouring
 * threads are without gaps: those of 32 bytes and more each were slow on an H200. */
enum { DEQUANT_CHUNK = 16, DEQUANT_CHUNK_F32 = 4 };

/* Chunks whose loads a thread does not wait for one by one. */
enum { DEQUANT_AHEAD = 2, DEQUANT_AHEAD_F32 = 4 };

enum { DEQUANT_BLOCK = 256, DEQUANT_LANES = 64 /* of a row, at most */ };

enum dequant_codes { DEQUANT_FN, DEQUANT_FNUZ, DEQUANT_FN_AS_FNUZ, DEQUANT_FP4 };
enum dequant_scale { DEQUANT_SCALE_F32, DEQUANT_SCALE_E8M0, DEQUANT_SCALE_SHUFFLED };
enum dequant_out { DEQUANT_OUT_F32, DEQUANT_OUT_BF16, DEQUANT_OUT_F16 };

struct dequant_args {
    const uint8_t *codes;
    const void *scale;
    char *out;
    int32_t *nan_count; /* DEQUANT_FN_AS_FNUZ: of bytes that have no counterpart; else NULL */
    uint64_t code_stride, out_stride, scale_stride;
    uint32_t rows;        /* of all experts */
    uint32_t expert_rows; /* of each */
    uint32_t cols;
    uint32_t lanes_shift; /* DEQUANT_LANES at most */
    /* Row n of an expert belongs to its scale row (first_row + n) >> scale_rows_shift, of
     * scale_rows; column c to scale column (first_col + c) >> scale_cols_shift. */
    uint32_t scale_rows, scale_rows_shift, first_row;
    uint32_t scale_cols_shift, first_col;
    uint32_t code_kind, scale_kind, out_type;
    uint8_t truncate; /* to bf16 by cutting */
    uint8_t wide;     /* whole chunks are aligned to 16 bytes (fp4 codes to 8) */
};

#endif
