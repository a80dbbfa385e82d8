#include <stdio.h>
#include <string.h>

#include "harness/cmd/commands.h"
#include "harness/run/pool.h"

static const struct {
    const char *name;
    int (*run)(const struct options *);
} commands[] = {
    {"run", cmd_run},           {"fuzz", cmd_fuzz},   {"replay", cmd_replay},
    {"minimize", cmd_minimize}, {"list", cmd_list},   {"doctor", cmd_doctor},
    {"mutants", cmd_mutants},   {"bench", cmd_bench}, {"isa", cmd_isa},
};

/* What was asked for goes to standard output: a full disk or a closed pipe must show. */
static int flushed(int code)
{
    struct error err;
    if (!fflush(stdout) && !ferror(stdout))
        return code;
    error_errno(&err, ERROR_INTERNAL, "standard output");
    return error_report(&err);
}

int main(int argc, char **argv)
{
    struct options options;
    struct error err;
    if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        options_help(NULL);
        return flushed(0);
    }
    if (!options_parse(&options, argc, argv, &err))
        return error_report(&err);
    if (options.help) {
        options_help(options.command);
        return flushed(0);
    }
    pool_catch_signals();
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (!strcmp(commands[i].name, options.command))
            return flushed(commands[i].run(&options));
    return 6;
}
