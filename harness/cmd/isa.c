/*
 * harness isa: holds the AMD code objects of a build against the policies that the operators
 * declare for their kernels. Nothing is executed; no GPU and no LLVM is needed.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "harness/cmd/commands.h"
#include "harness/cmd/isa_report.h"
#include "harness/op/op.h"

enum { MAX_DEPTH = 8 }; /* of folders in folders */

struct gate {
    const struct options *options;
    struct isa_report report;
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

/* --- Files and folders --- */

static bool look_at_kernel(struct gate *g, const struct code_object *co, size_t i, const char *path,
                           struct error *err)
{
    struct isa_looked l = {.path = path, .arch = co->arch, .kernel = &co->kernel[i]};
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
    l.must_declare = !l.policy && g->own_build && is_operators(path);
    g->checked += l.policy != NULL;
    g->unchecked += l.policy == NULL;
    g->undeclared += l.must_declare;
    g->violated += l.n_findings > 0;
    return isa_report_kernel(&g->report, &l, err);
}

static bool look_at_file(struct gate *g, const char *path, struct error *err)
{
    char *data;
    size_t size;
    if (!file_read(path, CODE_OBJECT_MAX, &data, &size, err))
        return false;
    struct code_object *co = malloc(sizeof(*co));
    bool good = co != NULL || error_set(err, ERROR_INTERNAL, "%s: no memory", path);
    good = good && code_object_read(co, data, size, path, err) &&
           isa_report_file(&g->report, co, path, err);
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
                fprintf(g->report.people, "missing   %s %s\n", isa_arch_name((enum isa_arch)arch),
                        p->kernel->name);
            }
    return missing;
}

static int conclude(const struct gate *g)
{
    size_t wrong = g->violated + g->undeclared + show_missing(g);
    for (int arch = 0; arch < ISA_ARCHS; arch++)
        fprintf(g->report.people, "%s: %zu code objects\n", isa_arch_name((enum isa_arch)arch),
                g->objects[arch]);
    fprintf(g->report.people, "%s: %zu kernels checked, %zu violate their policy, %zu have none\n",
            wrong        ? "VIOLATED"
            : g->checked ? "all policies hold"
                         : "nothing checked",
            g->checked, g->violated, g->unchecked);
    return wrong ? 1 : g->checked ? 0 : 5;
}

int cmd_isa(const struct options *o)
{
    struct error err;
    struct gate g = {.options = o, .own_build = !o->n_inputs};
    struct isa_report *r = &g.report;
    *r = (struct isa_report){.people = stdout, .json_name = o->json, .verbose = o->verbose};
    if (o->json && !strcmp(o->json, "-")) {
        r->json = stdout;
        r->people = stderr;
    } else if (o->json && !(r->json = fopen(o->json, "w"))) {
        error_errno(&err, ERROR_INPUT, "--json=%s", o->json);
        return error_report(&err);
    }
    g.seen = calloc(policy_count() + 1, sizeof(*g.seen));
    bool good = g.seen != NULL || error_set(&err, ERROR_INTERNAL, "no memory");
    good = good && look_at_all(&g, &err);
    const int code = good ? conclude(&g) : 0;
    free(g.seen);
    if (r->json && r->json != stdout && fclose(r->json) && good)
        good = error_errno(&err, ERROR_INTERNAL, "--json=%s", o->json);
    return good ? code : error_report(&err);
}
