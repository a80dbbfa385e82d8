#include "harness/cmd/isa_report.h"

#include <jansson.h>
#include <string.h>

static void policy_text(const struct isa_policy *p, struct text *out)
{
    text_puts(out, "args");
    text_puts(out, p->srd ? ", srd" : "");
    text_puts(out, p->noscratch ? ", noscratch" : "");
    text_printf(out, ", lds <= %u", p->lds_max);
    if (p->min_waves)
        text_printf(out, ", waves >= %u", p->min_waves);
    for (int c = 0; c < ISA_CLASSES; c++)
        if (p->needs & ISA_BIT(c))
            text_printf(out, ", needs %s", isa_class_name((enum isa_class)c));
}

static bool put_line(const struct isa_report *r, json_t *object, struct error *err)
{
    bool good = object && !json_dumpf(object, r->json, JSON_COMPACT) && fputc('\n', r->json) != EOF;
    json_decref(object);
    return good || error_errno(err, ERROR_INTERNAL, "--json=%s", r->json_name);
}

static json_t *json_counts(const struct isa_counts *counts)
{
    json_t *object = json_object();
    for (int c = 0; c < ISA_CLASSES; c++)
        if (counts->of[c])
            json_object_set_new(object, isa_class_name((enum isa_class)c),
                                json_integer((json_int_t)counts->of[c]));
    return object;
}

static json_t *json_findings(const struct isa_looked *l)
{
    json_t *array = json_array();
    for (size_t i = 0; i < l->n_findings; i++)
        json_array_append_new(array,
                              json_pack("{s:s, s:s}", "rule", isa_rule_name(l->finding[i].rule),
                                        "text", l->finding[i].text));
    return array;
}

static bool json_kernel(const struct isa_report *r, const struct isa_looked *l, struct error *err)
{
    const struct isa_kernel *k = l->kernel;
    return put_line(
        r,
        json_pack("{s:s, s:s, s:s, s:s%, s:s%, s:b, s:b, s:I, s:I, s:i, s:i, s:i, s:i, s:i, s:i, "
                  "s:o, s:o}",
                  "type", "isa", "file", l->path, "arch", isa_arch_name(l->arch), "kernel",
                  k->name.data, k->name.length, "symbol", k->symbol.data, k->symbol.length,
                  "declared", l->policy != NULL, "passed", l->policy && !l->n_findings, "bytes",
                  (json_int_t)k->code_size, "instructions", (json_int_t)l->counts.instructions,
                  "vgprs", (int)k->vgprs, "waves", (int)isa_waves(k), "lds", (int)k->lds, "scratch",
                  (int)k->scratch, "spills", (int)(k->meta.vgpr_spills + k->meta.sgpr_spills),
                  "args", (int)k->meta.arg_size, "classes", json_counts(&l->counts), "findings",
                  json_findings(l)),
        err);
}

bool isa_report_file(const struct isa_report *r, const struct code_object *co, const char *path,
                     struct error *err)
{
    struct isa_counts counts;
    size_t bad;
    if (!isa_count(co->text, co->text_size, &counts, &bad))
        return error_set(err, ERROR_INPUT, "%s: no instruction at byte 0x%zx of the code", path,
                         bad);
    return !r->json ||
           put_line(r,
                    json_pack("{s:s, s:s, s:s, s:i, s:I, s:I, s:o}", "type", "isa-file", "file",
                              path, "arch", isa_arch_name(co->arch), "kernels", (int)co->n_kernels,
                              "bytes", (json_int_t)co->text_size, "instructions",
                              (json_int_t)counts.instructions, "classes", json_counts(&counts)),
                    err);
}

static void show_kernel(const struct isa_report *r, const struct isa_looked *l)
{
    const struct isa_kernel *k = l->kernel;
    struct text policy;
    text_init(&policy, 1024);
    if (l->policy)
        policy_text(l->policy, &policy);
    else
        text_puts(&policy, l->must_declare ? "its operator must declare it (struct op, isa)"
                                           : "no operator declares it");
    const char *state = !l->policy ? "unchecked" : l->n_findings ? "VIOLATED" : "ok";
    fprintf(r->people, "%-9s %s %-22.*s %s\n", state, isa_arch_name(l->arch), (int)k->name.length,
            k->name.data, policy.data ? policy.data : "");
    text_release(&policy);
    for (size_t i = 0; i < l->n_findings; i++)
        fprintf(r->people, "          %s: %s (%s)\n", isa_rule_name(l->finding[i].rule),
                l->finding[i].text, l->path);
    if (r->verbose)
        fprintf(r->people, "          %zu instructions, %u vgprs, %u waves, lds %u, scratch %u\n",
                l->counts.instructions, k->vgprs, isa_waves(k), k->lds, k->scratch);
}

bool isa_report_kernel(const struct isa_report *r, const struct isa_looked *l, struct error *err)
{
    show_kernel(r, l);
    return !r->json || json_kernel(r, l, err);
}
