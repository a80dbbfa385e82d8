#include "harness/cmd/select.h"

#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/run/mutant_load.h"

static const char *const default_folder = "cases";

/* An argument is a case line when its first word names an operator or it holds a '='. */
static bool is_case_line(const char *text)
{
    char word[64];
    size_t n = strcspn(text, " \t");
    if (strchr(text, '='))
        return true;
    if (n >= sizeof(word))
        return false;
    memcpy(word, text, n);
    word[n] = '\0';
    return op_find(word) != NULL;
}

static bool read_folder(struct table *table, const char *folder, struct error *err)
{
    char pattern[PATH_MAX];
    glob_t found;
    if (snprintf(pattern, sizeof(pattern), "%s/*.cases", folder) >= PATH_MAX)
        return error_set(err, ERROR_INPUT, "%s: the name is too long", folder);
    if (glob(pattern, 0, NULL, &found))
        return error_set(err, ERROR_INPUT, "%s: no tables (*.cases) in this folder", folder);
    bool good = true;
    for (size_t i = 0; good && i < found.gl_pathc; i++)
        good = table_read(table, found.gl_pathv[i], err);
    globfree(&found);
    return good;
}

static bool read_input(struct table *table, const char *input, size_t number, struct error *err)
{
    struct stat st;
    if (is_case_line(input)) {
        char where[32];
        snprintf(where, sizeof(where), "argument %zu", number);
        return table_add_line(table, input, where, err);
    }
    if (!stat(input, &st) && S_ISDIR(st.st_mode))
        return read_folder(table, input, err);
    return table_read(table, input, err);
}

static bool read_inputs(struct table *table, const struct options *o, struct error *err)
{
    struct stat st;
    for (size_t i = 0; i < o->n_inputs; i++)
        if (!read_input(table, o->input[i], i + 1, err))
            return false;
    if (o->n_inputs)
        return true;
    if (stat(default_folder, &st))
        return error_set(err, ERROR_INPUT,
                         "nothing to run: name a table, a folder of tables or a case line (there "
                         "is no folder ./cases here)");
    return read_folder(table, default_folder, err);
}

bool select_filter(const struct options *o, const char *line)
{
    bool any_positive = false, matched = false;
    for (size_t i = 0; i < o->n_filters; i++) {
        const char *glob = o->filter[i];
        char anywhere[4096];
        bool negative = glob[0] == '!';
        snprintf(anywhere, sizeof(anywhere), "*%s*", glob + negative);
        bool match = !fnmatch(anywhere, line, 0);
        if (negative && match)
            return false;
        any_positive |= !negative;
        matched |= !negative && match;
    }
    return matched || !any_positive;
}

bool select_mutant(const struct options *o, const struct mutant **mutant, struct error *err)
{
    char dir[PATH_MAX];
    *mutant = NULL;
    if (!o->mutant)
        return true;
    return mutant_dir(o->mutants_dir, dir, sizeof(dir), err) &&
           (*mutant = mutant_load(dir, o->mutant, err)) != NULL;
}

bool select_variant(const struct options *o, struct casefile *file, const char **id,
                    struct error *err)
{
    char dir[PATH_MAX], name[128];
    const struct mutant *mutant;
    *id = NULL;
    if (!select_mutant(o, &mutant, err))
        return false;
    if (!mutant && file->mutant[0]) {
        snprintf(name, sizeof(name), "%s.%s", file->kase.op->name, file->mutant);
        if (!mutant_dir(o->mutants_dir, dir, sizeof(dir), err) ||
            !(mutant = mutant_load(dir, name, err)))
            return false;
    }
    if (!mutant)
        return true;
    if (strcmp(mutant->op->name, file->kase.op->name) != 0)
        return error_set(err, ERROR_INPUT, "--mutant=%s: the case is one of %s", o->mutant,
                         file->kase.op->name);
    file->kase.op = mutant->op;
    *id = mutant->id;
    return true;
}

/* The narrowing that needs the formatted line is last, being the slow one. */
static bool wanted(struct selection *s, const struct options *o, struct table_entry *e, bool *out,
                   struct error *err)
{
    char line[KASE_MAX_LINE];
    *out = e->tag <= o->tag;
    if (s->mutant && *out) {
        *out = !strcmp(e->kase.op->name, s->mutant->op->name);
        e->kase.op = s->mutant->op;
    }
    if (o->seed_given)
        e->kase.seed = o->seed;
    if (!*out || !o->n_filters)
        return true;
    if (!kase_format(&e->kase, line, sizeof(line), err))
        return false;
    *out = select_filter(o, line);
    return true;
}

static bool narrow(struct selection *s, const struct options *o, struct error *err)
{
    size_t seen = 0;
    s->entry = calloc(s->table.count + 1, sizeof(*s->entry));
    if (!s->entry)
        return error_set(err, ERROR_INTERNAL, "no memory for %zu cases", s->table.count);
    for (size_t i = 0; i < s->table.count; i++) {
        bool take;
        if (!wanted(s, o, &s->table.entry[i], &take, err))
            return false;
        if (take && seen++ % o->shards == o->shard - 1)
            s->entry[s->count++] = i;
    }
    return true;
}

bool select_cases(struct selection *s, const struct options *o, struct error *err)
{
    memset(s, 0, sizeof(*s));
    table_init(&s->table);
    if (select_mutant(o, &s->mutant, err) && read_inputs(&s->table, o, err) && narrow(s, o, err))
        return true;
    selection_release(s);
    return false;
}

void selection_release(struct selection *s)
{
    table_release(&s->table);
    free(s->entry);
    memset(s, 0, sizeof(*s));
}

void selection_source(const struct selection *s, size_t i, char *out, size_t size)
{
    const struct table_entry *e = &s->table.entry[s->entry[i]];
    if (e->line)
        snprintf(out, size, "%s:%u", s->table.source[e->source], e->line);
    else
        snprintf(out, size, "%s", s->table.source[e->source]);
}
