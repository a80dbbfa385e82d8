#include "harness/hunt/finding.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "harness/hunt/generate.h"
#include "harness/hunt/minimize.h"
#include "harness/op/op.h"

static bool grow(struct findings *f, struct error *err)
{
    if (f->count < f->capacity)
        return true;
    size_t capacity = f->capacity ? 2 * f->capacity : 16;
    struct finding *list = realloc(f->list, capacity * sizeof(*list));
    if (!list)
        return error_set(err, ERROR_INTERNAL, "no memory for %zu findings", capacity);
    f->list = list;
    f->capacity = capacity;
    return true;
}

static bool read_one(struct findings *f, const char *path, struct error *err)
{
    if (!grow(f, err))
        return false;
    struct finding *finding = &f->list[f->count];
    *finding = (struct finding){.from_earlier = true};
    casefile_init(&finding->file);
    if (!casefile_read(&finding->file, path, err))
        return false;
    finding->path = strdup(path);
    f->count++;
    return finding->path || error_set(err, ERROR_INTERNAL, "no memory for %s", path);
}

bool findings_open(struct findings *f, const char *dir, struct error *err)
{
    char pattern[PATH_MAX];
    glob_t found;
    bool good = true;
    memset(f, 0, sizeof(*f));
    if (mkdir(dir, 0777) && errno != EEXIST)
        return error_errno(err, ERROR_INPUT, "--out=%s", dir);
    if (snprintf(pattern, sizeof(pattern), "%s/*.case", dir) >= PATH_MAX)
        return error_set(err, ERROR_INPUT, "--out=%s: the name is too long", dir);
    f->dir = strdup(dir);
    if (!f->dir)
        return error_set(err, ERROR_INTERNAL, "no memory for %s", dir);
    if (glob(pattern, 0, NULL, &found))
        return true;
    for (size_t i = 0; good && i < found.gl_pathc; i++)
        good = read_one(f, found.gl_pathv[i], err);
    globfree(&found);
    if (!good)
        findings_release(f);
    return good;
}

void findings_release(struct findings *f)
{
    for (size_t i = 0; i < f->count; i++) {
        casefile_release(&f->list[i].file);
        free(f->list[i].path);
    }
    free(f->list);
    free(f->dir);
    memset(f, 0, sizeof(*f));
}

struct finding *findings_match(struct findings *f, const struct kase *kase, const struct verdict *v)
{
    for (size_t i = 0; i < f->count; i++) {
        struct casefile *file = &f->list[i].file;
        if (!strcmp(file->kase.op->name, kase->op->name) && same_finding(&file->verdict, v))
            return &f->list[i];
    }
    return NULL;
}

static void stamp(char out[32])
{
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* What a case file keeps of a verdict. */
static void set_verdict(struct casefile *file, const struct verdict *v)
{
    file->verdict = (struct verdict){
        .kind = v->kind, .detector = v->detector, .offset = v->offset, .cosine = 1};
    memcpy(file->verdict.tensor, v->tensor, sizeof(v->tensor));
    memcpy(file->verdict.signature, v->signature, sizeof(v->signature));
}

/* DIR/OP-VERDICT-HASH.case: the same bug always gets the same name. */
static char *path_of(const struct findings *f, const struct kase *kase, const struct verdict *v,
                     const char *mutant)
{
    char key[512], *path = NULL;
    snprintf(key, sizeof(key), "%s %d %d %s %s %s", kase->op->name, (int)v->kind, (int)v->detector,
             v->tensor, v->signature, mutant ? mutant : "");
    if (asprintf(&path, "%s/%s-%s-%08x.case", f->dir, kase->op->name, verdict_name(v->kind),
                 (unsigned)(text_hash(key) >> 32)) < 0)
        return NULL;
    return path;
}

struct finding *findings_add(struct findings *f, const struct kase *kase, const struct verdict *v,
                             const struct finding_origin *origin, struct error *err)
{
    if (!grow(f, err))
        return NULL;
    struct finding *finding = &f->list[f->count];
    *finding = (struct finding){.hits = 1};
    casefile_init(&finding->file);
    struct casefile *file = &finding->file;
    snprintf(file->device, sizeof(file->device), "%s", origin->device);
    snprintf(file->mutant, sizeof(file->mutant), "%s", origin->mutant ? origin->mutant : "");
    file->wave = origin->wave;
    stamp(file->found);
    set_verdict(file, v);
    finding->path = path_of(f, kase, v, origin->mutant);
    if (finding->path && kase_copy(&file->kase, kase, err) &&
        casefile_write(file, finding->path, err)) {
        f->count++;
        return finding;
    }
    if (!finding->path)
        error_set(err, ERROR_INTERNAL, "no memory for a finding");
    casefile_release(file);
    free(finding->path);
    return NULL;
}

bool finding_replace(struct finding *finding, const struct kase *kase, const struct verdict *v,
                     struct error *err)
{
    if (!kase_copy(&finding->file.kase, kase, err))
        return false;
    set_verdict(&finding->file, v);
    return casefile_write(&finding->file, finding->path, err);
}
