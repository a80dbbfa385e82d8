/*
 * Element types of tensors. A dtype says how many bytes an element has, how its bits read as a
 * number, and which bit patterns poison it before a run.
 */
#ifndef HARNESS_OP_DTYPE_H
#define HARNESS_OP_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
    DTYPE_F32,
    DTYPE_BF16,
    DTYPE_F16,
    DTYPE_E4M3FN,
    DTYPE_E4M3FNUZ,
    DTYPE_E5M2,
    DTYPE_E8M0,
    DTYPE_E2M1X2, /* a byte of two fp4 codes, the even element in the low nibble */
    DTYPE_I8,
    DTYPE_U8,
    DTYPE_I32,
    DTYPE_COUNT
};

const char *dtype_name(enum dtype);

/* The numpy name of the storage type ("<f4", "<u2", "|u1"...), as a .npy header wants it. */
const char *dtype_numpy(enum dtype);

size_t dtype_bytes(enum dtype);

bool dtype_is_float(enum dtype);

/* Element `index` of `data` as raw bits, zero-extended, and the inverse. */
uint32_t dtype_load(enum dtype, const void *data, size_t index);
void dtype_store(enum dtype, void *data, size_t index, uint32_t bits);

/* The number that `bits` stand for. E2M1X2 reads as the value of the low code only. */
double dtype_value(enum dtype, uint32_t bits);

/* Reads one literal of a case line: a decimal or hexadecimal floating number or integer, or raw
 * bits written as 0x.... False when `text` is none of them or does not fit the type. */
bool dtype_parse(enum dtype, const char *text, uint32_t *bits);

/* Two bit patterns that no correct result of the type is likely to hold (NaNs where the type has
 * them). An output element that shows pattern 0 after the first run and pattern 1 after the second
 * was never written. */
uint32_t dtype_poison(enum dtype, unsigned which);

#endif
