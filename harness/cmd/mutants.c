/*
 * harness mutants: runs the tables and, apart from that, the fuzzer against every deliberately
 * wrong variant of every operator. Each must be found by both; a survivor fails the run. The share
 * that is found is the mutation score.
 */
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/cmd/commands.h"
#include "harness/cmd/select.h"
#include "harness/hunt/generate.h"
#include "harness/report/human.h"
#include "harness/run/campaign.h"
#include "harness/run/mutant_load.h"

enum { DEFAULT_CASES = 20000, IN_FLIGHT = 512 };

/* How one way of looking fared against one mutant. */
struct kill {
    bool killed;
    uint64_t cases; /* run until then, or in all */
    enum verdict_kind kind;
    enum detector detector;
};

struct attack {
    const struct mutant *mutant;
    const struct selection *tables; /* by tables, or */
    size_t *entry, count;
    struct generator *generator; /* by fuzzing */
    uint64_t limit;
    struct kase kase[IN_FLIGHT];
    struct kill result;
    bool harness_error;
    struct error *err;
};

struct score {
    uint64_t mutants, by_tables, by_fuzz;
    uint64_t detector[2][DETECTORS]; /* tables, fuzz */
};

static const struct kase *next(void *context, uint64_t index)
{
    struct attack *a = context;
    struct kase *kase = &a->kase[index % IN_FLIGHT];
    if (a->generator) {
        if (index >= a->limit)
            return NULL;
        generator_next(a->generator, kase);
        return kase;
    }
    if (index >= a->count)
        return NULL;
    *kase = a->tables->table.entry[a->entry[index]].kase; /* literals are borrowed */
    kase->op = a->mutant->op;
    return kase;
}

static bool deliver(void *context, uint64_t index, const struct kase *kase, const struct verdict *v)
{
    struct attack *a = context;
    (void)kase;
    a->result.cases = index + 1;
    if (verdict_passed(v->kind))
        return true;
    a->result.kind = v->kind;
    a->result.detector = v->detector;
    a->result.killed = v->kind != VERDICT_ERROR; /* our own failure is no detection */
    if (!a->result.killed) {
        error_set(a->err, ERROR_INTERNAL, "%s.%s: %.380s", a->mutant->op->name, a->mutant->id,
                  v->summary);
        a->harness_error = true;
    }
    return false;
}

static bool attack(struct attack *a, struct pool *pool, struct error *err)
{
    struct campaign campaign = {.pool = pool, .context = a, .next = next, .deliver = deliver};
    a->err = err;
    enum campaign_end end = campaign_run(&campaign, err);
    if (end == CAMPAIGN_INTERRUPTED)
        return error_set(err, ERROR_INTERNAL, "interrupted");
    return end != CAMPAIGN_FAILED && !a->harness_error;
}

static bool by_tables(struct attack *a, const struct selection *s, struct pool *pool,
                      struct error *err)
{
    a->tables = s;
    a->entry = calloc(s->count + 1, sizeof(*a->entry));
    if (!a->entry)
        return error_set(err, ERROR_INTERNAL, "no memory for %zu cases", s->count);
    for (size_t i = 0; i < s->count; i++) {
        const struct kase *kase = &s->table.entry[s->entry[i]].kase;
        if (!strcmp(kase->op->name, a->mutant->op->name))
            a->entry[a->count++] = s->entry[i];
    }
    bool good = attack(a, pool, err);
    free(a->entry);
    a->entry = NULL;
    return good;
}

static bool by_fuzz(struct attack *a, const struct options *o, struct pool *pool, struct error *err)
{
    a->limit = o->cases ? o->cases : DEFAULT_CASES;
    a->generator = generator_create(a->mutant->op, o->seed, err);
    bool good = a->generator && attack(a, pool, err);
    generator_destroy(a->generator);
    return good;
}

static void kill_text(const struct kill *kill, char *out, size_t size)
{
    if (kill->killed)
        snprintf(out, size, "%s by %s in %llu", verdict_name(kill->kind),
                 detector_name(kill->detector), (unsigned long long)kill->cases);
    else
        snprintf(out, size, "SURVIVED %llu", (unsigned long long)kill->cases);
}

static bool write_json(FILE *json, const struct mutant *m, const struct kill kills[2])
{
    static const char *const way[] = {"tables", "fuzz"};
    fprintf(json, "{\"type\":\"mutant\",\"op\":\"%s\",\"id\":\"%s\"", m->op->name, m->id);
    for (int i = 0; i < 2; i++)
        fprintf(json,
                ",\"%s\":{\"killed\":%s,\"cases\":%llu,\"verdict\":\"%s\",\"detector\":\"%s\"}",
                way[i], kills[i].killed ? "true" : "false", (unsigned long long)kills[i].cases,
                verdict_name(kills[i].kind), detector_name(kills[i].detector));
    return fputs("}\n", json) != EOF && !fflush(json);
}

static void count(struct score *score, const struct kill kills[2])
{
    score->mutants++;
    score->by_tables += kills[0].killed;
    score->by_fuzz += kills[1].killed;
    for (int i = 0; i < 2; i++)
        if (kills[i].killed)
            score->detector[i][kills[i].detector]++;
}

/* By tables and by fuzzing, in the same workers, which know the mutant. */
static bool attack_twice(const struct mutant *mutant, const struct selection *s,
                         const struct options *o, struct kill kills[2], struct error *err)
{
    const struct pool_options options = {.workers = o->jobs, .session = options_session(o)};
    struct attack *a = calloc(2, sizeof(*a));
    if (!a)
        return error_set(err, ERROR_INTERNAL, "no memory for an attack");
    struct pool *pool = pool_create(&options, err);
    a[0].mutant = a[1].mutant = mutant;
    bool good = pool && by_tables(&a[0], s, pool, err) && by_fuzz(&a[1], o, pool, err);
    kills[0] = a[0].result;
    kills[1] = a[1].result;
    pool_destroy(pool);
    free(a);
    return good;
}

static bool try_mutant(const char *dir, const char *name, const struct selection *s,
                       const struct options *o, FILE *json, struct score *score, struct error *err)
{
    char texts[2][96];
    struct kill kills[2];
    const struct mutant *mutant = mutant_load(dir, name, err);
    if (!mutant || !attack_twice(mutant, s, o, kills, err))
        return false;
    kill_text(&kills[0], texts[0], sizeof(texts[0]));
    kill_text(&kills[1], texts[1], sizeof(texts[1]));
    fprintf(stderr, "%-24s tables: %-36s fuzz: %-36s %s\n", name, texts[0], texts[1], mutant->text);
    count(score, kills);
    if (json && !write_json(json, mutant, kills))
        return error_errno(err, ERROR_INTERNAL, "--json=%s", o->json);
    return true;
}

static bool chosen(const struct options *o, const char *name)
{
    char whole[256];
    for (size_t i = 0; i < o->n_inputs; i++) {
        snprintf(whole, sizeof(whole), "%s.*", o->input[i]);
        if (!fnmatch(o->input[i], name, 0) || !fnmatch(whole, name, 0))
            return true;
    }
    return !o->n_inputs;
}

static void print_score(const struct score *s)
{
    double all = s->mutants ? (double)s->mutants : 1;
    fprintf(stderr, "mutation score: tables %llu of %llu (%.0f%%), fuzz alone %llu (%.0f%%)\n",
            (unsigned long long)s->by_tables, (unsigned long long)s->mutants,
            100 * (double)s->by_tables / all, (unsigned long long)s->by_fuzz,
            100 * (double)s->by_fuzz / all);
    for (int d = 0; d < DETECTORS; d++)
        if (s->detector[0][d] || s->detector[1][d])
            fprintf(stderr, "    %-12s tables %llu, fuzz %llu\n", detector_name((enum detector)d),
                    (unsigned long long)s->detector[0][d], (unsigned long long)s->detector[1][d]);
}

static bool try_all(const struct options *o, const char *dir, const struct selection *s, FILE *json,
                    struct score *score, struct error *err)
{
    char **names;
    size_t n;
    if (!mutant_names(dir, &names, &n, err))
        return false;
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        if (good && chosen(o, names[i]))
            good = try_mutant(dir, names[i], s, o, json, score, err);
        free(names[i]);
    }
    free(names);
    return good;
}

/* The tables are those of ./cases; the arguments of this command name mutants. */
static bool select_tables(const struct options *o, struct selection *s, struct error *err)
{
    struct options tables = *o;
    tables.n_inputs = 0;
    tables.seed_given = false;
    tables.mutant = NULL;
    return select_cases(s, &tables, err);
}

int cmd_mutants(const struct options *o)
{
    struct error err;
    struct selection s;
    struct score score = {0};
    char dir[PATH_MAX];
    FILE *json = NULL;
    if (!mutant_dir(o->mutants_dir, dir, sizeof(dir), &err) || !select_tables(o, &s, &err))
        return error_report(&err);
    bool good = true;
    if (o->json && !(json = strcmp(o->json, "-") != 0 ? fopen(o->json, "w") : stdout))
        good = error_errno(&err, ERROR_INPUT, "--json=%s", o->json);
    good = good && try_all(o, dir, &s, json, &score, &err);
    if (json && json != stdout && fclose(json) && good)
        good = error_errno(&err, ERROR_INTERNAL, "--json=%s", o->json);
    selection_release(&s);
    print_score(&score);
    if (!good)
        return pool_interrupted() ? 130 : error_report(&err);
    if (!score.mutants)
        return 5;
    return score.by_tables == score.mutants && score.by_fuzz == score.mutants ? 0 : 1;
}
