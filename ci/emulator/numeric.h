/* What ci/emulate-numeric hands to its kernels: one result per input in each array. */
#ifndef HARNESS_CI_EMULATOR_NUMERIC_H
#define HARNESS_CI_EMULATOR_NUMERIC_H

#include <stdint.h>

struct numeric_encode_args {
    const uint32_t *bits; /* of an fp32 value */
    uint8_t *fn, *fnuz;
    uint16_t *bf16, *bf16_cut, *f16;
    uint8_t *e2m1; /* to even in the low nibble, away from zero in the high one */
    uint64_t n;
};

struct numeric_decode_args {
    const uint32_t *codes; /* 16 bits; the narrower formats take what they need of them */
    uint32_t *fn, *fnuz, *bf16, *f16;
    uint64_t n;
};

#endif
