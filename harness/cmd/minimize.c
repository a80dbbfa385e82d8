/* harness minimize: shrinks saved cases further, in place of the file or under --out. */
#include <stdio.h>
#include <string.h>

#include "harness/case/casefile.h"
#include "harness/cmd/commands.h"
#include "harness/cmd/select.h"
#include "harness/hunt/minimize.h"

enum { MAX_TRIES = 5000, MAX_SECONDS = 300 };

static bool shrink(struct pool *pool, const struct pool_options *options, struct casefile *file,
                   const char *path, struct error *err)
{
    struct minimize m = {.pool = pool, .max_tries = MAX_TRIES, .max_seconds = MAX_SECONDS};
    struct verdict v;
    if (!pool_judge(pool, &file->kase, &v, err))
        return false;
    if (verdict_passed(v.kind))
        return error_set(err, ERROR_INPUT, "%s: the case passes now; there is nothing to minimise",
                         path);
    bool done = minimize_case(&m, &file->kase, &v, err);
    pool_confirm(options, &file->kase, &v);
    file->verdict = (struct verdict){.kind = v.kind, .detector = v.detector, .offset = v.offset};
    memcpy(file->verdict.tensor, v.tensor, sizeof(v.tensor));
    memcpy(file->verdict.signature, v.signature, sizeof(v.signature));
    if (!casefile_write(file, path, err))
        return false;
    char line[KASE_MAX_LINE];
    if (!kase_format(&file->kase, line, sizeof(line), err))
        return false;
    printf("%s: %s in %u tries: %s\n", path, done ? "minimised" : "cut short", m.tries, line);
    return true;
}

static bool minimize_file(const struct options *o, const char *path, struct error *err)
{
    struct casefile file;
    casefile_init(&file);
    const char *mutant;
    bool good = casefile_read(&file, path, err) && select_variant(o, &file, &mutant, err);
    if (good) {
        struct pool_options options = {.workers = 1, .session = options_session(o)};
        options.session.wave = file.wave;
        struct pool *pool = pool_create(&options, err);
        good = pool && shrink(pool, &options, &file, path, err);
        pool_destroy(pool);
    }
    casefile_release(&file);
    return good;
}

int cmd_minimize(const struct options *o)
{
    struct error err;
    if (!o->n_inputs) {
        error_set(&err, ERROR_INPUT, "minimize: name one or more case files");
        return error_report(&err);
    }
    for (size_t i = 0; i < o->n_inputs; i++)
        if (!minimize_file(o, o->input[i], &err))
            return error_report(&err);
    return 0;
}
