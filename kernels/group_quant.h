/*
 * What the launcher hands to the kernels of group_quant. Counts are in elements unless they say
 * bytes. A scale group is cut into chunks of 32 columns; the last chunk of a row may be short.
 */
#ifndef HARNESS_KERNELS_GROUP_QUANT_H
#define HARNESS_KERNELS_GROUP_QUANT_H

#include <stdint.h>

enum { GROUP_QUANT_CHUNK = 32, GROUP_QUANT_BLOCK = 64, GROUP_QUANT_ROW_BLOCK = 256 };

enum group_quant_type { GROUP_QUANT_FN, GROUP_QUANT_FNUZ, GROUP_QUANT_FP4, GROUP_QUANT_I8 };
enum group_quant_layout {
    GROUP_QUANT_F32,
    GROUP_QUANT_F32_TRANSPOSED,
    GROUP_QUANT_E8M0,
    GROUP_QUANT_E8M0_SHUFFLED
};

struct group_quant_args {
    const uint16_t *input;
    const int32_t *num_rows;   /* NULL: all rows count */
    const float *static_scale; /* NULL: computed */
    uint8_t *codes;            /* [rows, cols], dense; fp4: two columns to a byte */
    void *scale;
    uint32_t *amax; /* group=tensor: the largest magnitude, as fp32 bits; else NULL */
    uint64_t rows, cols, stride;
    uint64_t input_bytes;  /* from the first element to behind the last */
    uint32_t groups;       /* scales of a row */
    uint32_t pitch;        /* scales of a row with padding */
    uint32_t group_chunks; /* chunks of a group: 1, 2, 4 */
    uint32_t row_chunks;   /* chunks of a row */
    uint32_t row_factor;   /* rows per unit of *num_rows */
    uint32_t type, layout;
    uint8_t f16;         /* the input is fp16, else bf16 */
    uint8_t wide;        /* chunks are whole and aligned to 16 bytes */
    uint32_t row_blocks; /* blocks of a row; 0: rows follow each other without a gap */
};

#endif
