#include "harness/run/mutant_load.h"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool mutant_dir(const char *dir, char *out, size_t size, struct error *err)
{
    char program[PATH_MAX];
    if (dir) {
        if (snprintf(out, size, "%s", dir) < (int)size)
            return true;
        return error_set(err, ERROR_INPUT, "--mutants-dir: the name is too long");
    }
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (n < 0)
        return error_errno(err, ERROR_INTERNAL, "/proc/self/exe");
    program[n] = '\0';
    *strrchr(program, '/') = '\0';
    if (snprintf(out, size, "%s/mutants", program) >= (int)size)
        return error_set(err, ERROR_INPUT, "%s: the name is too long", program);
    return true;
}

const struct mutant *mutant_load(const char *dir, const char *name, struct error *err)
{
    char path[PATH_MAX];
    if (strchr(name, '/') || snprintf(path, sizeof(path), "%s/%s.so", dir, name) >= PATH_MAX) {
        error_set(err, ERROR_INPUT, "mutant %s: takes a name OPERATOR.ID", name);
        return NULL;
    }
    if (access(path, R_OK)) {
        error_errno(err, ERROR_INPUT,
                    "mutant %s: %s (harness mutants --help; build them with the target 'mutants')",
                    name, path);
        return NULL;
    }
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct mutant *mutant = library ? dlsym(library, "harness_mutant") : NULL;
    if (!mutant)
        error_set(err, ERROR_INPUT, "mutant %s: %s", name, dlerror());
    else if (mutant->layout != MUTANT_LAYOUT)
        error_set(err, ERROR_INPUT,
                  "mutant %s: built for another version of the program; build the "
                  "target 'mutants' again",
                  name);
    return mutant && mutant->layout == MUTANT_LAYOUT ? mutant : NULL;
}

/* "DIR/OPERATOR.ID.so" as "OPERATOR.ID". */
static char *name_of(const char *path)
{
    const char *base = strrchr(path, '/') + 1;
    return strndup(base, strlen(base) - strlen(".so"));
}

bool mutant_names(const char *dir, char ***names, size_t *count, struct error *err)
{
    char pattern[PATH_MAX];
    glob_t found;
    *count = 0;
    *names = NULL;
    if (snprintf(pattern, sizeof(pattern), "%s/*.*.so", dir) >= PATH_MAX)
        return error_set(err, ERROR_INPUT, "%s: the name is too long", dir);
    if (glob(pattern, 0, NULL, &found))
        return error_set(err, ERROR_INPUT,
                         "%s: no mutants there (build them with the target 'mutants')", dir);
    *names = calloc(found.gl_pathc, sizeof(**names));
    for (size_t i = 0; *names && i < found.gl_pathc; i++)
        if (((*names)[i] = name_of(found.gl_pathv[i])))
            ++*count;
    globfree(&found);
    return *count || error_set(err, ERROR_INTERNAL, "no memory for the names of the mutants");
}
