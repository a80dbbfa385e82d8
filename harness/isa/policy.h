/*
 * What the machine code of a kernel must fulfil on every AMD architecture. An operator lists its
 * kernels in one table, op->isa; `harness isa` holds their code objects against it:
 *
 *     static const struct isa_policy isa[] = {
 *         {.kernel = &kernel_scale_rows, .srd = true, .noscratch = true, .min_waves = 4},
 *         {0},
 *     };
 *
 * Whatever else a row says, the kernel takes one argument by value, of the size
 * that its launcher copies; static LDS fits the architecture; the two descriptions that a code
 * object holds of a kernel agree.
 */
#ifndef HARNESS_ISA_POLICY_H
#define HARNESS_ISA_POLICY_H

#include "harness/cpu/kernel.h"
#include "harness/isa/decode.h"

#define ISA_BIT(class) (1u << (class))

struct isa_policy {
    const struct kernel *kernel; /* NULL ends the table */
    /* Vector loads go through bounded buffer descriptors: there are some, no global and no flat
     * load, and no call or computed jump to code that would have to be looked at too. Scalar loads
     * fetch arguments and what is the same for a whole block; nothing is said about them. */
    bool srd;
    bool noscratch;     /* no private memory, no spilled registers */
    uint32_t lds_max;   /* bytes of static LDS at most; dynamic LDS is the launcher's */
    unsigned min_waves; /* waves per SIMD that the registers leave room for, at least; 0..8 */
    unsigned needs;     /* ISA_BIT of each class that must occur */
};

#endif
