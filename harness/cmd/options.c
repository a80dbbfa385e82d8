#include "harness/cmd/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Worker processes that share a GPU by default. A GPU takes turns between processes: on small cases
 * one is twice as fast as two; only cases that the host has long to judge gain by more. */
enum { GPU_JOBS = 1 };

enum command_bit {
    RUN = 1,
    LIST = 2,
    REPLAY = 4,
    FUZZ = 8,
    MINIMIZE = 16,
    DOCTOR = 32,
    MUTANTS = 64,
    BENCH = 128,
    ISA = 256,
};

static const struct {
    const char *name, *arguments, *summary;
    enum command_bit bit;
} commands[] = {
    {"run", "[TABLE|CASE]...", "run tables of cases and judge every result", RUN},
    {"fuzz", "[OPERATOR]...", "hunt for faults and wrong results, minimise and save them", FUZZ},
    {"replay", "FILE...", "run saved case files again", REPLAY},
    {"minimize", "FILE...", "find the smallest case that fails like a saved one", MINIMIZE},
    {"list", "[TABLE|CASE]...", "show operators, or the cases of tables", LIST},
    {"doctor", "", "plant a defect for every detector and see that it is found", DOCTOR},
    {"mutants", "[OPERATOR[.ID]]...", "see that tables and fuzzing find every known bug", MUTANTS},
    {"bench", "[NAME]...", "measure the harness itself, as ratios", BENCH},
    {"isa", "[FILE.co|FOLDER]...", "hold AMD code objects against the policies of their kernels",
     ISA},
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

enum flag {
    FLAG_DEVICE = 256,
    FLAG_LAUNCH,
    FLAG_TAG,
    FLAG_FILTER,
    FLAG_SHARD,
    FLAG_SEED,
    FLAG_JOBS,
    FLAG_WAVE,
    FLAG_TIMEOUT,
    FLAG_REPEAT,
    FLAG_MAX_FAIL,
    FLAG_SECONDS,
    FLAG_CASES,
    FLAG_JSON,
    FLAG_JUNIT,
    FLAG_HTML,
    FLAG_DUMP,
    FLAG_OUT,
    FLAG_MUTANT,
    FLAG_MUTANTS_DIR,
    FLAG_QUIET,
    FLAG_VERBOSE,
    FLAG_HELP,
};

static const struct {
    const char *name, *argument, *help;
    enum flag flag;
    unsigned commands;
    char letter;
} flags[] = {
    {"device", "NAME",
     "where to run: cpu (default), cuda:N, hip:N; several, as cuda:0,cuda:1; or all (GPUs)",
     FLAG_DEVICE, RUN | FUZZ | REPLAY | MINIMIZE | DOCTOR | MUTANTS | BENCH, 0},
    {"launch", "HOW", "on a GPU: eager (default), or graph: captured, and replayed twice",
     FLAG_LAUNCH, RUN | FUZZ | REPLAY | MINIMIZE, 0},
    {"tag", "LEVEL", "smoke, ci (smoke too, default) or nightly (all)", FLAG_TAG,
     RUN | LIST | MUTANTS, 0},
    {"filter", "GLOB", "only cases whose line matches; !GLOB leaves them out; repeatable",
     FLAG_FILTER, RUN | LIST | MUTANTS, 0},
    {"shard", "I/N", "only the I-th of N parts of the cases, I from 1", FLAG_SHARD, RUN | LIST, 0},
    {"seed", "N", "run: the seed of every case; fuzz: what the hunt starts from", FLAG_SEED,
     RUN | LIST | FUZZ | MUTANTS, 0},
    {"jobs", "N", "worker processes (default: one for each processor; on a GPU one)", FLAG_JOBS,
     RUN | FUZZ | REPLAY | MINIMIZE | MUTANTS, 'j'},
    {"wave", "N", "lanes of a wave on the cpu device: 64 (default) or 32", FLAG_WAVE,
     RUN | FUZZ | REPLAY | MINIMIZE | DOCTOR, 0},
    {"timeout", "SECONDS", "limit for one launch (default 10)", FLAG_TIMEOUT,
     RUN | FUZZ | REPLAY | MINIMIZE | MUTANTS, 0},
    {"repeat", "N", "run every case N times", FLAG_REPEAT, RUN | REPLAY, 0},
    {"max-fail", "N", "stop behind the N-th failure", FLAG_MAX_FAIL, RUN | FUZZ, 0},
    {"seconds", "N", "how long to hunt (default 60, unless --cases is given)", FLAG_SECONDS, FUZZ,
     0},
    {"cases", "N", "how many cases to draw; mutants: at most, per mutant (20000)", FLAG_CASES,
     FUZZ | MUTANTS, 0},
    {"json", "FILE", "one JSON object per case and line; - is the standard output", FLAG_JSON,
     RUN | FUZZ | REPLAY | DOCTOR | MUTANTS | LIST | ISA, 0},
    {"junit", "FILE", "a JUnit report; - is the standard output", FLAG_JUNIT, RUN | REPLAY, 0},
    {"html", "FILE", "one page for people", FLAG_HTML, RUN | REPLAY | FUZZ, 0},
    {"dump", "DIR", "write every tensor of every case as .npy", FLAG_DUMP, RUN | REPLAY, 0},
    {"out", "DIR", "where findings are saved, and read first (default findings)", FLAG_OUT, FUZZ,
     0},
    {"mutant", "ID", "run the defective variant OPERATOR.ID instead of the correct operator",
     FLAG_MUTANT, RUN | FUZZ | REPLAY | MINIMIZE, 0},
    {"mutants-dir", "DIR", "where the mutants are (default: beside the program)", FLAG_MUTANTS_DIR,
     RUN | FUZZ | REPLAY | MINIMIZE | MUTANTS, 0},
    {"quiet", NULL, "failures and the summary only", FLAG_QUIET,
     RUN | FUZZ | REPLAY | MINIMIZE | MUTANTS, 'q'},
    {"verbose", NULL, "a line for every case; isa: sizes and registers of every kernel",
     FLAG_VERBOSE, RUN | FUZZ | REPLAY | MINIMIZE | MUTANTS | ISA, 'v'},
    {"help", NULL, "this text", FLAG_HELP,
     RUN | LIST | REPLAY | FUZZ | MINIMIZE | DOCTOR | MUTANTS | BENCH | ISA, 'h'},
};

enum { N_FLAGS = sizeof(flags) / sizeof(flags[0]) };

static int command_index(const char *name)
{
    for (int i = 0; i < N_COMMANDS; i++)
        if (name && !strcmp(commands[i].name, name))
            return i;
    return -1;
}

static void help_flags(enum command_bit bit)
{
    for (int i = 0; i < N_FLAGS; i++) {
        char left[40];
        if (!(flags[i].commands & bit))
            continue;
        snprintf(left, sizeof(left), "--%s%s%s", flags[i].name, flags[i].argument ? " " : "",
                 flags[i].argument ? flags[i].argument : "");
        printf("  %c%c %-20s %s\n", flags[i].letter ? '-' : ' ',
               flags[i].letter ? flags[i].letter : ' ', left, flags[i].help);
    }
}

void options_help(const char *command)
{
    int index = command_index(command);
    if (index >= 0) {
        printf("usage: harness %s [FLAG]... %s\n\n%s\n\n", commands[index].name,
               commands[index].arguments, commands[index].summary);
        help_flags(commands[index].bit);
        return;
    }
    printf("usage: harness COMMAND [FLAG]... [ARGUMENT]...\n\ncommands:\n");
    for (int i = 0; i < N_COMMANDS; i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    printf("\nharness COMMAND --help tells the flags of a command.\n"
           "exit: 0 all passed, 1 wrong result or guard, 2 bad usage or input, 3 out of bounds or "
           "fault,\n      4 timeout or deadlock, 5 nothing ran, 6 error in the harness, 130 "
           "interrupted\n");
}

/* A whole number in [min, max], decimal or hexadecimal. */
static bool number(const char *flag, const char *text, uint64_t min, uint64_t max, uint64_t *out,
                   struct error *err)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 0);
    if (errno || end == text || *end || strchr(text, '-') || *out < min || *out > max)
        return error_set(err, ERROR_INPUT, "--%s=%s: takes a whole number in %llu..%llu", flag,
                         text, (unsigned long long)min, (unsigned long long)max);
    return true;
}

static bool small(const char *flag, const char *text, unsigned min, unsigned max, unsigned *out,
                  struct error *err)
{
    uint64_t wide;
    if (!number(flag, text, min, max, &wide, err))
        return false;
    *out = (unsigned)wide;
    return true;
}

static bool duration(const char *flag, const char *text, double *out, struct error *err)
{
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end || !isfinite(*out) || *out <= 0 || *out > 1e9)
        return error_set(err, ERROR_INPUT, "--%s=%s: takes a positive number of seconds", flag,
                         text);
    return true;
}

static bool shard(struct options *o, const char *text, struct error *err)
{
    int used = 0;
    if (sscanf(text, "%5u/%5u%n", &o->shard, &o->shards, &used) == 2 && !text[used] &&
        o->shard >= 1 && o->shard <= o->shards)
        return true;
    return error_set(err, ERROR_INPUT, "--shard=%s: takes I/N with 1 <= I <= N", text);
}

static bool filter(struct options *o, const char *text, struct error *err)
{
    if (o->n_filters == OPTIONS_MAX_FILTERS)
        return error_set(err, ERROR_INPUT, "--filter: at most %d", OPTIONS_MAX_FILTERS);
    o->filter[o->n_filters++] = text;
    return true;
}

static bool set_flag(struct options *o, enum flag flag, const char *text, struct error *err)
{
    switch (flag) {
    case FLAG_DEVICE:
        o->device = text;
        return device_parse(text, &o->devices, err);
    case FLAG_LAUNCH:
        o->graph = !strcmp(text, "graph");
        return o->graph || !strcmp(text, "eager") ||
               error_set(err, ERROR_INPUT, "--launch=%s: takes eager or graph", text);
    case FLAG_TAG:
        return table_tag_parse(text, &o->tag) ||
               error_set(err, ERROR_INPUT, "--tag=%s: takes smoke, ci or nightly", text);
    case FLAG_FILTER:
        return filter(o, text, err);
    case FLAG_SHARD:
        return shard(o, text, err);
    case FLAG_SEED:
        o->seed_given = true;
        return number("seed", text, 0, UINT64_MAX, &o->seed, err);
    case FLAG_JOBS:
        o->jobs_given = true;
        return small("jobs", text, 1, 256, &o->jobs, err);
    case FLAG_WAVE:
        return (small("wave", text, 32, 64, &o->wave, err) && (o->wave == 32 || o->wave == 64)) ||
               error_set(err, ERROR_INPUT, "--wave=%s: takes 32 or 64", text);
    case FLAG_TIMEOUT:
        return duration("timeout", text, &o->timeout_s, err);
    case FLAG_REPEAT:
        return small("repeat", text, 1, 1000000, &o->repeat, err);
    case FLAG_MAX_FAIL:
        return small("max-fail", text, 1, 1000000, &o->max_fail, err);
    case FLAG_SECONDS:
        return duration("seconds", text, &o->seconds, err);
    case FLAG_CASES:
        return number("cases", text, 1, UINT64_MAX / 2, &o->cases, err);
    case FLAG_JSON:
        o->json = text;
        return true;
    case FLAG_JUNIT:
        o->junit = text;
        return true;
    case FLAG_HTML:
        o->html = text;
        return true;
    case FLAG_DUMP:
        o->dump = text;
        return true;
    case FLAG_OUT:
        o->out = text;
        return true;
    case FLAG_MUTANT:
        o->mutant = text;
        return true;
    case FLAG_MUTANTS_DIR:
        o->mutants_dir = text;
        return true;
    case FLAG_QUIET:
        o->quiet = true;
        return true;
    case FLAG_VERBOSE:
        o->verbose = true;
        return true;
    case FLAG_HELP:
        o->help = true;
        return true;
    }
    return error_set(err, ERROR_INTERNAL, "flag %d has no meaning", (int)flag);
}

static void defaults(struct options *o)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    *o = (struct options){
        .device = "cpu", .devices.count = 1, .tag = TAG_CI, .wave = 64, .timeout_s = 10};
    o->jobs = processors < 1 ? 1 : processors > 256 ? 256 : (unsigned)processors;
    o->shard = o->shards = o->repeat = 1;
    o->out = "findings";
}

/* The flags of one command, as getopt_long wants them. */
static void getopt_table(enum command_bit bit, struct option *longs, char *shorts)
{
    *shorts++ = ':';
    for (int i = 0; i < N_FLAGS; i++) {
        if (!(flags[i].commands & bit))
            continue;
        *longs++ = (struct option){
            .name = flags[i].name, .has_arg = flags[i].argument != NULL, .val = (int)flags[i].flag};
        if (flags[i].letter) {
            *shorts++ = flags[i].letter;
            if (flags[i].argument)
                *shorts++ = ':';
        }
    }
    *longs = (struct option){0};
    *shorts = '\0';
}

static int flag_of_letter(int letter)
{
    for (int i = 0; i < N_FLAGS; i++)
        if (flags[i].letter && flags[i].letter == letter)
            return (int)flags[i].flag;
    return letter;
}

/* What flags mean together. */
static bool settle(struct options *o, struct error *err)
{
    if (!o->devices.count) {
        if (!device_find_all(&o->devices, err))
            return false;
        device_format(&o->devices, o->found, sizeof(o->found));
        o->device = o->found; /* what reports name */
    }
    bool cpu = o->devices.id[0].kind == DEVICE_CPU;
    if (o->graph && cpu)
        return error_set(err, ERROR_INPUT, "--launch=graph: takes a GPU, --device=cuda:N or hip:N");
    if (!cpu && !o->jobs_given)
        o->jobs = GPU_JOBS * o->devices.count;
    return true;
}

struct session_options options_session(const struct options *o)
{
    return (struct session_options){.device = o->devices.id[0],
                                    .devices = o->devices,
                                    .wave = o->wave,
                                    .graph = o->graph,
                                    .timeout_s = o->timeout_s,
                                    .dump_dir = o->dump};
}

bool options_parse(struct options *o, int argc, char **argv, struct error *err)
{
    struct option longs[N_FLAGS + 1];
    char shorts[2 * N_FLAGS + 2];
    defaults(o);
    int index = argc > 1 ? command_index(argv[1]) : -1;
    if (index < 0)
        return error_set(err, ERROR_INPUT,
                         "%s%s: takes run, fuzz, replay, minimize, list, doctor, mutants, bench or "
                         "isa (harness --help)",
                         argc > 1 ? "command " : "no command", argc > 1 ? argv[1] : "");
    o->command = commands[index].name;
    getopt_table(commands[index].bit, longs, shorts);
    opterr = 0;
    optind = 2;
    for (int c; (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        const char *word = argv[optind - 1];
        if (c == '?')
            return error_set(err, ERROR_INPUT,
                             "%s: no flag of harness %s (harness %s --help lists them)", word,
                             o->command, o->command);
        if (c == ':')
            return error_set(err, ERROR_INPUT, "%s: wants a value", word);
        if (!set_flag(o, (enum flag)flag_of_letter(c), optarg, err))
            return false;
    }
    o->input = argv + optind;
    o->n_inputs = (size_t)(argc - optind);
    return o->help || settle(o, err);
}
