/*
 * harness isa: holds the AMD code objects of a build against the policies that the operators
 * declare for their kernels. Nothing is executed; no GPU and no LLVM is needed.
 */
#include <dirent.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "harness/cmd/commands.h"
#include "harness/isa/gate.h"
#include "harness/op/op.h"

enum { MAX_DEPTH = 8 }; /* of folders in folders */

struct gate {
    const struct options *options;
    FILE *json, *people;
    bool own_build; /* every kernel of every operator must be there and be declared */
    size_t objects[ISA_ARCHS];
    size_t checked, violated, unchecked;
    size_t undeclared;       /* unchecked kernels of operators, in our own build */
    bool (*seen)[ISA_ARCHS]; /* by policy_index */
};

/* --- Policies --- */

static size_t policy_count(void)
{
    size_t n = 0;
    for (const struct op *const *op = op_list; *op; op++)
        for (const struct isa_policy *p = (*op)->isa; p && p->kernel; p++)
            n++;
    return n;
}

/* The index-th policy of all operators. */
static const struct isa_policy *policy_at(size_t index)
{
    for (const struct op *const *op = op_list; *op; op++)
        for (const struct isa_policy *p = (*op)->isa; p && p->kernel; p++)
            if (!index--)
                return p;
    return NULL;
}

/* The index of the policy of a kernel, or policy_count(). */
static size_t policy_index(struct span name)
{
    size_t i = 0;
    for (const struct isa_policy *p; (p = policy_at(i)); i++)
        if (span_equals(name, p->kernel->name))
            break;
    return i;
}

/* Whether a code object is that of NAME.hip or NAME_part.hip of an operator NAME. */
static bool is_operators(const char *path)
{
    const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    for (const struct op *const *op = op_list; *op; op++) {
        const size_t length = strlen((*op)->name);
        if (!strncmp(file, (*op)->name, length) && (file[length] == '.' || file[length] == '_'))
            return true;
    }
    return false;
}

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

/* --- Reports --- */

/* One kernel, looked at. */
struct looked {
    const char *path;
    enum isa_arch arch;
    const struct isa_kernel *kernel;
    struct isa_counts counts;
    const struct isa_policy *policy; /* NULL: nobody declares it */
    struct isa_finding finding[ISA_RULES];
    size_t n_findings;
};

static bool put_line(struct gate *g, json_t *object, struct error *err)
{
    bool good = object && !json_dumpf(object, g->json, JSON_COMPACT) && fputc('\n', g->json) != EOF;
    json_decref(object);
    return good || error_errno(err, ERROR_INTERNAL, "--json=%s", g->options->json);
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

static json_t *json_findings(const struct looked *l)
{
    json_t *array = json_array();
    for (size_t i = 0; i < l->n_findings; i++)
        json_array_append_new(array,
                              json_pack("{s:s, s:s}", "rule", isa_rule_name(l->finding[i].rule),
                                        "text", l->finding[i].text));
    return array;
}

static bool json_kernel(struct gate *g, const struct looked *l, struct error *err)
{
    const struct isa_kernel *k = l->kernel;
    return put_line(
        g,
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

static bool json_object_file(struct gate *g, const struct code_object *co, const char *path,
                             struct error *err)
{
    struct isa_counts counts;
    size_t bad;
    if (!isa_count(co->text, co->text_size, &counts, &bad))
        return error_set(err, ERROR_INPUT, "%s: no instruction at byte 0x%zx of the code", path,
                         bad);
    return !g->json ||
           put_line(g,
                    json_pack("{s:s, s:s, s:s, s:i, s:I, s:I, s:o}", "type", "isa-file", "file",
                              path, "arch", isa_arch_name(co->arch), "kernels", (int)co->n_kernels,
                              "bytes", (json_int_t)co->text_size, "instructions",
                              (json_int_t)counts.instructions, "classes", json_counts(&counts)),
                    err);
}

static void show_kernel(const struct gate *g, const struct looked *l)
{
    const struct isa_kernel *k = l->kernel;
    struct text policy;
    text_init(&policy, 1024);
    if (l->policy)
        policy_text(l->policy, &policy);
    else
        text_puts(&policy, g->own_build && is_operators(l->path)
                               ? "its operator must declare it (struct op, isa)"
                               : "no operator declares it");
    const char *state = !l->policy ? "unchecked" : l->n_findings ? "VIOLATED" : "ok";
    fprintf(g->people, "%-9s %s %-22.*s %s\n", state, isa_arch_name(l->arch), (int)k->name.length,
            k->name.data, policy.data ? policy.data : "");
    text_release(&policy);
    for (size_t i = 0; i < l->n_findings; i++)
        fprintf(g->people, "          %s: %s (%s)\n", isa_rule_name(l->finding[i].rule),
                l->finding[i].text, l->path);
    if (g->options->verbose)
        fprintf(g->people, "          %zu instructions, %u vgprs, %u waves, lds %u, scratch %u\n",
                l->counts.instructions, k->vgprs, isa_waves(k), k->lds, k->scratch);
}

/* --- Files and folders --- */

static bool look_at_kernel(struct gate *g, const struct code_object *co, size_t i, const char *path,
                           struct error *err)
{
    struct looked l = {.path = path, .arch = co->arch, .kernel = &co->kernel[i]};
    const size_t index = policy_index(l.kernel->name);
    size_t bad;
    if (!isa_count(l.kernel->code, l.kernel->code_size, &l.counts, &bad))
        return error_set(err, ERROR_INPUT, "%s: no instruction at byte 0x%zx of %.*s", path, bad,
                         (int)l.kernel->name.length, l.kernel->name.data);
    l.policy = policy_at(index);
    if (l.policy) {
        l.n_findings = isa_gate(l.kernel, &l.counts, l.arch, l.policy, l.finding);
        g->seen[index][l.arch] = true;
    }
    g->checked += l.policy != NULL;
    g->unchecked += l.policy == NULL;
    g->undeclared += l.policy == NULL && g->own_build && is_operators(path);
    g->violated += l.n_findings > 0;
    show_kernel(g, &l);
    return !g->json || json_kernel(g, &l, err);
}

static bool look_at_file(struct gate *g, const char *path, struct error *err)
{
    char *data;
    size_t size;
    if (!file_read(path, CODE_OBJECT_MAX, &data, &size, err))
        return false;
    struct code_object *co = malloc(sizeof(*co));
    bool good = co != NULL || error_set(err, ERROR_INTERNAL, "%s: no memory", path);
    good =
        good && code_object_read(co, data, size, path, err) && json_object_file(g, co, path, err);
    for (size_t i = 0; good && i < co->n_kernels; i++)
        good = look_at_kernel(g, co, i, path, err);
    if (good)
        g->objects[co->arch]++;
    free(co);
    free(data);
    return good;
}

static bool look_at(struct gate *g, const char *path, unsigned depth, struct error *err);

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Code objects and folders in a folder; other files are none of our business. */
static bool look_at_entry(struct gate *g, const char *folder, const char *name, unsigned depth,
                          struct error *err)
{
    char path[PATH_MAX];
    struct stat info;
    const char *dot = strrchr(name, '.');
    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return error_set(err, ERROR_INPUT, "%s/%s: the name is too long", folder, name);
    if (stat(path, &info))
        return error_errno(err, ERROR_INPUT, "%s", path);
    if (!S_ISDIR(info.st_mode) && (!dot || strcmp(dot, ".co") != 0))
        return true;
    return look_at(g, path, depth + 1, err);
}

static bool look_at_folder(struct gate *g, const char *folder, unsigned depth, struct error *err)
{
    struct dirent **entry;
    if (depth > MAX_DEPTH)
        return error_set(err, ERROR_INPUT, "%s: more than %d folders in each other", folder,
                         MAX_DEPTH);
    const int n = scandir(folder, &entry, is_visible, alphasort);
    if (n < 0)
        return error_errno(err, ERROR_INPUT, "%s", folder);
    bool good = true;
    for (int i = 0; i < n; i++) {
        good = good && look_at_entry(g, folder, entry[i]->d_name, depth, err);
        free(entry[i]);
    }
    free(entry);
    return good;
}

static bool look_at(struct gate *g, const char *path, unsigned depth, struct error *err)
{
    struct stat info;
    if (stat(path, &info))
        return error_errno(err, ERROR_INPUT, "%s", path);
    return S_ISDIR(info.st_mode) ? look_at_folder(g, path, depth, err) : look_at_file(g, path, err);
}

/* The code objects that were built with this program. */
static bool own_folder(char *out, size_t size, struct error *err)
{
    char program[PATH_MAX];
    struct stat info;
    const ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (n < 0)
        return error_errno(err, ERROR_INTERNAL, "/proc/self/exe");
    program[n] = '\0';
    *strrchr(program, '/') = '\0';
    if (snprintf(out, size, "%s/code", program) >= (int)size)
        return error_set(err, ERROR_INPUT, "%s: the name is too long", program);
    if (stat(out, &info))
        return error_set(err, ERROR_NO_DEVICE,
                         "%s: no code objects (build them with the target 'amdgpu')", out);
    return true;
}

/* --- The command --- */

static bool look_at_all(struct gate *g, struct error *err)
{
    char folder[PATH_MAX];
    if (g->own_build)
        return own_folder(folder, sizeof(folder), err) && look_at(g, folder, 0, err);
    for (size_t i = 0; i < g->options->n_inputs; i++)
        if (!look_at(g, g->options->input[i], 0, err))
            return false;
    return true;
}

/* Of our own build: what an operator declares and nobody compiled. */
static size_t show_missing(const struct gate *g)
{
    size_t missing = 0;
    const struct isa_policy *p;
    for (int arch = 0; g->own_build && arch < ISA_ARCHS; arch++)
        for (size_t i = 0; g->objects[arch] && (p = policy_at(i)); i++)
            if (!g->seen[i][arch]) {
                missing++;
                fprintf(g->people, "missing   %s %s\n", isa_arch_name((enum isa_arch)arch),
                        p->kernel->name);
            }
    return missing;
}

static int conclude(const struct gate *g)
{
    size_t wrong = g->violated + g->undeclared + show_missing(g);
    for (int arch = 0; arch < ISA_ARCHS; arch++)
        fprintf(g->people, "%s: %zu code objects\n", isa_arch_name((enum isa_arch)arch),
                g->objects[arch]);
    fprintf(g->people, "%s: %zu kernels checked, %zu violate their policy, %zu have none\n",
            wrong        ? "VIOLATED"
            : g->checked ? "all policies hold"
                         : "nothing checked",
            g->checked, g->violated, g->unchecked);
    return wrong ? 1 : g->checked ? 0 : 5;
}

int cmd_isa(const struct options *o)
{
    struct error err;
    struct gate g = {.options = o, .people = stdout, .own_build = !o->n_inputs};
    if (o->json && !strcmp(o->json, "-")) {
        g.json = stdout;
        g.people = stderr;
    } else if (o->json && !(g.json = fopen(o->json, "w"))) {
        error_errno(&err, ERROR_INPUT, "--json=%s", o->json);
        return error_report(&err);
    }
    g.seen = calloc(policy_count() + 1, sizeof(*g.seen));
    bool good = g.seen != NULL || error_set(&err, ERROR_INTERNAL, "no memory");
    good = good && look_at_all(&g, &err);
    const int code = good ? conclude(&g) : 0;
    free(g.seen);
    if (g.json && g.json != stdout && fclose(g.json) && good)
        good = error_errno(&err, ERROR_INTERNAL, "--json=%s", o->json);
    return good ? code : error_report(&err);
}
