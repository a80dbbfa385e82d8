/*
 * Holds a kernel's machine code against its policy. What does not fit is a finding, a value; the
 * caller decides what becomes of it.
 */
#ifndef HARNESS_ISA_GATE_H
#define HARNESS_ISA_GATE_H

#include "harness/isa/code_object.h"
#include "harness/isa/policy.h"

enum isa_rule {
    ISA_RULE_DESCRIPTION, /* descriptor and note agree */
    ISA_RULE_ARGS,
    ISA_RULE_LDS,
    ISA_RULE_SRD,
    ISA_RULE_NOSCRATCH,
    ISA_RULE_WAVES,
    ISA_RULE_NEEDS,
    ISA_RULES
};

/* "srd". */
const char *isa_rule_name(enum isa_rule);

struct isa_finding {
    enum isa_rule rule;
    char text[200];
};

/* Waves per SIMD that the kernel's vector registers leave room for: 1..8. */
unsigned isa_waves(const struct isa_kernel *);

/* Writes at most one finding per rule, in the order of the rules, and returns how many. */
size_t isa_gate(const struct isa_kernel *, const struct isa_counts *, enum isa_arch,
                const struct isa_policy *, struct isa_finding out[ISA_RULES]);

#endif
