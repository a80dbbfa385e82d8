/* harness list: operators with their parameters, or the cases that a run would judge. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "harness/cmd/commands.h"
#include "harness/cmd/select.h"

static void param_domain(const struct param *p, char *out, size_t size)
{
    size_t used = 0;
    if (!p->names) {
        snprintf(out, size, "%lld..%lld", (long long)p->min, (long long)p->max);
        return;
    }
    for (size_t i = 0; p->names[i] && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? "|" : "", p->names[i]);
}

static void param_preset(const struct param *p, char *out, size_t size)
{
    if (p->names)
        snprintf(out, size, "%s", p->names[p->preset]);
    else
        snprintf(out, size, "%lld", (long long)p->preset);
}

static void print_op(const struct op *op)
{
    char domain[512], preset[64];
    printf("%s: %s\n", op->name, op->summary);
    for (size_t i = 0; i < op->n_params; i++) {
        const struct param *p = &op->params[i];
        param_domain(p, domain, sizeof(domain));
        param_preset(p, preset, sizeof(preset));
        printf("    %-14s %s (%s)\n                   %s\n", p->name, domain, preset, p->help);
    }
    printf("    refuses:");
    for (const char *const *reason = op->reasons; *reason; reason++)
        printf(" %s", *reason);
    printf("\n\n");
}

static int list_ops(void)
{
    for (const struct op *const *op = op_list; *op; op++)
        print_op(*op);
    return 0;
}

static bool write_json(FILE *file, const char *line, const char *source, enum table_tag tag)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "type", "case", "case", line, "source",
                               source, "tag", table_tag_name(tag));
    bool good = object && !json_dumpf(object, file, JSON_COMPACT) && fputc('\n', file) != EOF;
    json_decref(object);
    return good;
}

static bool list_cases(const struct options *o, const struct selection *s, FILE *json,
                       struct error *err)
{
    char line[KASE_MAX_LINE], source[4200];
    for (size_t i = 0; i < s->count; i++) {
        const struct table_entry *e = &s->table.entry[s->entry[i]];
        selection_source(s, i, source, sizeof(source));
        if (!kase_format(&e->kase, line, sizeof(line), err))
            return false;
        if (!json)
            printf("%s\n", line);
        else if (!write_json(json, line, source, e->tag))
            return error_errno(err, ERROR_INTERNAL, "--json=%s", o->json);
    }
    return true;
}

static FILE *open_json(const struct options *o, struct error *err)
{
    FILE *file = strcmp(o->json, "-") != 0 ? fopen(o->json, "w") : stdout;
    if (!file)
        error_errno(err, ERROR_INPUT, "--json=%s", o->json);
    return file;
}

int cmd_list(const struct options *o)
{
    struct error err;
    struct selection s;
    FILE *json = NULL;
    if (!o->n_inputs && !o->n_filters && !o->json)
        return list_ops();
    if (!select_cases(&s, o, &err))
        return error_report(&err);
    bool good = !o->json || (json = open_json(o, &err)) != NULL;
    good = good && list_cases(o, &s, json, &err);
    if (json && fflush(json) && good)
        good = error_errno(&err, ERROR_INTERNAL, "--json=%s", o->json);
    if (json && json != stdout)
        fclose(json);
    size_t count = s.count;
    selection_release(&s);
    if (!good)
        return error_report(&err);
    return count ? 0 : 5;
}
