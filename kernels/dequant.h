/*
 * What the launcher hands to the kernel of dequant. Strides are in elements, those of the codes in
 * bytes. `lanes` neighbouring threads share a row, each with DEQUANT_CHUNK columns at a time.
 */
#ifndef HARNESS_KERNELS_DEQUANT_H
#define HARNESS_KERNELS_DEQUANT_H

#include <stdint.h>

enum { DEQUANT_CHUNK = 16, DEQUANT_BLOCK = 256 };

enum dequant_codes { DEQUANT_FN, DEQUANT_FNUZ, DEQUANT_FN_AS_FNUZ, DEQUANT_FP4 };
enum dequant_scale { DEQUANT_SCALE_F32, DEQUANT_SCALE_E8M0, DEQUANT_SCALE_SHUFFLED };
enum dequant_out { DEQUANT_OUT_F32, DEQUANT_OUT_BF16, DEQUANT_OUT_F16 };

struct dequant_args {
    const uint8_t *codes;
    const void *scale;
    char *out;
    int32_t *nan_count; /* DEQUANT_FN_AS_FNUZ: of bytes that have no counterpart; else NULL */
    uint64_t code_stride, out_stride, scale_stride;
    uint64_t rows;        /* of all experts */
    uint32_t expert_rows; /* of each */
    uint32_t cols;
    uint32_t lanes; /* a power of two, at most DEQUANT_BLOCK */
    /* Row n of an expert belongs to its scale row (first_row + n) / scale_height, of scale_rows;
     * column c to scale column (first_col + c) / scale_width. */
    uint32_t scale_rows, scale_height, first_row;
    uint32_t scale_width, first_col;
    uint32_t code_kind, scale_kind, out_type;
    uint8_t truncate; /* to bf16 by cutting */
    uint8_t wide;     /* whole chunks are aligned to 16 bytes (fp4 codes to 8) */
};

#endif
