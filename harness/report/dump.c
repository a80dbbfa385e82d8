#include "harness/report/dump.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "harness/report/dump_plan.h"
#include "harness/report/npy.h"

enum { DUMP_PATH = 4096, DUMP_VERSION = 1 };

struct dump {
    char folder[DUMP_PATH];
    json_t *files; /* owned; the manifest's entries */
};

static uint64_t fnv1a(const char *text)
{
    uint64_t hash = 0xCBF29CE484222325u;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001B3u;
    return hash;
}

static bool make_folder(const char *path, struct error *err)
{
    struct stat st;

    if (!mkdir(path, 0777))
        return true;
    if (errno != EEXIST || stat(path, &st))
        return error_errno(err, ERROR_INPUT, "%s", path);
    return S_ISDIR(st.st_mode) || error_set(err, ERROR_INPUT, "%s: not a folder", path);
}

/* Opens the case's folder; a manifest of an earlier dump goes first, as it will not be true soon.
 */
static bool open_folder(struct dump *d, const char *dir, const struct kase *k, const char *line,
                        struct error *err)
{
    char manifest[DUMP_PATH + 32];
    const int length =
        snprintf(d->folder, sizeof d->folder, "%s/%s-%016" PRIx64, dir, k->op->name, fnv1a(line));

    if (length < 0 || (size_t)length >= sizeof d->folder)
        return error_set(err, ERROR_INPUT, "%.64s...: path too long", dir);
    if (!make_folder(dir, err) || !make_folder(d->folder, err))
        return false;
    snprintf(manifest, sizeof manifest, "%s/manifest.json", d->folder);
    return !unlink(manifest) || errno == ENOENT || error_errno(err, ERROR_INPUT, "%s", manifest);
}

static bool no_memory(struct error *err)
{
    return error_set(err, ERROR_INTERNAL, "no memory for the manifest of a dump");
}

static bool add_file(struct dump *d, const struct tensor *t, const char *role, const char *suffix,
                     const struct npy *m, struct error *err)
{
    char name[64], path[DUMP_PATH + 80];
    const char *dtype = m->item == sizeof(double) ? "f64" : dtype_name(t->dtype);

    snprintf(name, sizeof name, "%.32s%s", t->name, suffix);
    snprintf(path, sizeof path, "%s/%s", d->folder, name);
    if (!npy_write(path, m, err))
        return false;
    json_t *entry = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[I, I]}", "file", name, "tensor",
                              t->name, "role", role, "dtype", dtype, "numpy", m->type, "layout",
                              t->layout ? t->layout : "[rows, cols]", "shape", (json_int_t)m->rows,
                              (json_int_t)m->cols);
    return !json_array_append_new(d->files, entry) || no_memory(err);
}

static struct npy array_of(const struct tensor *t, size_t stride, const void *data)
{
    return (struct npy){
        .type = dtype_numpy(t->dtype),
        .item = dtype_bytes(t->dtype),
        .rows = t->rows - t->unused_rows,
        .cols = t->cols,
        .stride = stride,
        .data = data,
    };
}

static bool add_output(struct dump *d, const struct tensor *t, const void *device,
                       const void *reference, struct error *err)
{
    struct npy m = array_of(t, t->cols, device);

    if (device && !add_file(d, t, "output", ".npy", &m, err))
        return false;
    if (!reference)
        return true;
    m.data = reference;
    if (t->policy.kind == POLICY_BOUND) {
        m.type = "<f8";
        m.item = sizeof(double);
    }
    return add_file(d, t, "reference", ".ref.npy", &m, err);
}

static json_t *parameters(const struct kase *k)
{
    json_t *all = json_object();

    for (size_t i = 0; all && i < k->op->n_params; i++) {
        const struct param *p = &k->op->params[i];
        json_t *value =
            p->names ? json_string(p->names[k->value[i]]) : json_integer((json_int_t)k->value[i]);
        if (json_object_set_new(all, p->name, value)) {
            json_decref(all);
            all = NULL;
        }
    }
    return all;
}

static bool write_manifest(struct dump *d, const struct kase *k, const char *line,
                           struct error *err)
{
    char path[DUMP_PATH + 32], seed[32];

    snprintf(path, sizeof path, "%s/manifest.json", d->folder);
    snprintf(seed, sizeof seed, "0x%" PRIx64, k->seed); /* JSON integers end at 63 bits */
    json_t *root =
        json_pack("{s:i, s:s, s:s, s:s, s:o, s:O}", "version", DUMP_VERSION, "op", k->op->name,
                  "case", line, "seed", seed, "parameters", parameters(k), "files", d->files);
    char *json = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (!json)
        return no_memory(err);
    const size_t length = strlen(json);
    json[length] = '\n'; /* a line's end in place of the string's */
    const bool ok = file_write(path, json, length + 1, err);
    free(json);
    return ok;
}

static bool write_case(struct dump *d, const char *line, const struct kase *k,
                       const struct tensor *t, size_t n, const void *const in_host[],
                       void *const device_out[], const struct ref_io *ref, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct npy input = array_of(&t[i], t[i].stride, in_host[i]);
        if (t[i].role == TENSOR_INPUT && in_host[i] &&
            !add_file(d, &t[i], "input", ".npy", &input, err))
            return false;
        if (t[i].role == TENSOR_OUTPUT &&
            !add_output(d, &t[i], device_out[i], ref ? ref->out[i] : NULL, err))
            return false;
    }
    return dump_plan(d->folder, line, k, t, n, err) && write_manifest(d, k, line, err);
}

bool dump_case(const char *dir, const struct kase *k, const struct tensor *t, size_t n,
               const void *const in_host[], void *const device_out[], const struct ref_io *ref,
               struct error *err)
{
    struct dump d = {.files = json_array()};
    char *line = malloc(KASE_MAX_LINE);
    const bool ok = d.files && line
                        ? kase_format(k, line, KASE_MAX_LINE, err) &&
                              open_folder(&d, dir, k, line, err) &&
                              write_case(&d, line, k, t, n, in_host, device_out, ref, err)
                        : no_memory(err);
    json_decref(d.files);
    free(line);
    return ok;
}
