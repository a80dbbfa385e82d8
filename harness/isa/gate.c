#include "harness/isa/gate.h"

#include <stdarg.h>
#include <stdio.h>

enum { MAX_WAVES = 8, LANE_VGPRS = 512 };

static const char *const rule_names[ISA_RULES] = {
    [ISA_RULE_DESCRIPTION] = "description",
    [ISA_RULE_ARGS] = "args",
    [ISA_RULE_LDS] = "lds",
    [ISA_RULE_SRD] = "srd",
    [ISA_RULE_NOSCRATCH] = "noscratch",
    [ISA_RULE_WAVES] = "waves",
    [ISA_RULE_NEEDS] = "needs",
};

const char *isa_rule_name(enum isa_rule rule)
{
    return rule_names[rule];
}

unsigned isa_waves(const struct isa_kernel *k)
{
    const unsigned waves = LANE_VGPRS / k->vgprs;
    return waves < MAX_WAVES ? waves : MAX_WAVES;
}

/* What one rule looks at; it returns false and writes `text` when the kernel breaks it. */
struct judged {
    const struct isa_kernel *kernel;
    const struct isa_counts *counts;
    enum isa_arch arch;
    const struct isa_policy *policy;
    char *text;
    size_t size;
};

static bool broken(const struct judged *j, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool broken(const struct judged *j, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(j->text, j->size, format, args);
    va_end(args);
    return false;
}

static bool rule_description(const struct judged *j)
{
    const struct isa_kernel *k = j->kernel;
    if (k->lds != k->meta.lds || k->scratch != k->meta.scratch || k->kernarg != k->meta.kernarg)
        return broken(j,
                      "the descriptor says lds %u, scratch %u, arguments %u, and the note %u, %u, "
                      "%u",
                      k->lds, k->scratch, k->kernarg, k->meta.lds, k->meta.scratch,
                      k->meta.kernarg);
    if (k->meta.vgprs > k->vgprs)
        return broken(j, "the note says %u vector registers; %u are allocated", k->meta.vgprs,
                      k->vgprs);
    return true;
}

static bool rule_args(const struct judged *j)
{
    const struct isa_metadata *m = &j->kernel->meta;
    const size_t want = j->policy->kernel->args_size;
    if (m->n_args != 1)
        return broken(j, "takes %u arguments; the launcher passes one struct", m->n_args);
    if (!m->arg_by_value || m->arg_offset != 0 || m->arg_size != want || m->kernarg < want)
        return broken(
            j, "takes %u bytes at %u%s, of %u in all; the launcher passes %zu by value at 0",
            m->arg_size, m->arg_offset, m->arg_by_value ? "" : ", not by value", m->kernarg, want);
    return true;
}

static bool rule_lds(const struct judged *j)
{
    const uint32_t there = isa_arch_lds(j->arch);
    const uint32_t most = j->policy->lds_max < there ? j->policy->lds_max : there;
    return j->kernel->lds <= most ||
           broken(j, "%u bytes of static LDS; at most %u are allowed", j->kernel->lds, most);
}

static bool rule_srd(const struct judged *j)
{
    static const enum isa_class forbidden[] = {ISA_GLOBAL_LOAD, ISA_FLAT_LOAD, ISA_CALL, ISA_JUMP};
    if (!j->policy->srd)
        return true;
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        const enum isa_class class = forbidden[i];
        if (j->counts->of[class])
            return broken(j, "%zu of class %s, the first at byte 0x%zx of the kernel",
                          j->counts->of[class], isa_class_name(class), j->counts->first[class]);
    }
    return j->counts->of[ISA_BUFFER_LOAD] || broken(j, "no buffer load at all");
}

static bool rule_noscratch(const struct judged *j)
{
    const struct isa_metadata *m = &j->kernel->meta;
    const size_t accesses = j->counts->of[ISA_SCRATCH_LOAD] + j->counts->of[ISA_SCRATCH_STORE];
    if (!j->policy->noscratch)
        return true;
    if (j->kernel->scratch || m->scratch || m->dynamic_stack || accesses)
        return broken(j, "%u bytes of scratch per lane%s, %zu accesses", j->kernel->scratch,
                      m->dynamic_stack ? " and a dynamic stack" : "", accesses);
    return (!m->vgpr_spills && !m->sgpr_spills) ||
           broken(j, "%u vector and %u scalar registers are spilled", m->vgpr_spills,
                  m->sgpr_spills);
}

static bool rule_waves(const struct judged *j)
{
    const unsigned waves = isa_waves(j->kernel);
    return waves >= j->policy->min_waves ||
           broken(j, "%u vector registers leave room for %u waves, not %u", j->kernel->vgprs, waves,
                  j->policy->min_waves);
}

static bool rule_needs(const struct judged *j)
{
    for (int c = 0; c < ISA_CLASSES; c++)
        if ((j->policy->needs & ISA_BIT(c)) && !j->counts->of[c])
            return broken(j, "nothing of class %s", isa_class_name((enum isa_class)c));
    return true;
}

size_t isa_gate(const struct isa_kernel *kernel, const struct isa_counts *counts,
                enum isa_arch arch, const struct isa_policy *policy,
                struct isa_finding out[ISA_RULES])
{
    static bool (*const rules[ISA_RULES])(const struct judged *) = {
        [ISA_RULE_DESCRIPTION] = rule_description,
        [ISA_RULE_ARGS] = rule_args,
        [ISA_RULE_LDS] = rule_lds,
        [ISA_RULE_SRD] = rule_srd,
        [ISA_RULE_NOSCRATCH] = rule_noscratch,
        [ISA_RULE_WAVES] = rule_waves,
        [ISA_RULE_NEEDS] = rule_needs,
    };
    size_t n = 0;
    for (int rule = 0; rule < ISA_RULES; rule++) {
        const struct judged j = {kernel, counts, arch, policy, out[n].text, sizeof(out[n].text)};
        if (!rules[rule](&j))
            out[n++].rule = (enum isa_rule)rule;
    }
    return n;
}
