/*
 * The command line. Every command takes the flags that concern it and refuses the others; the
 * table in options.c is the one place that knows which, and prints the help.
 */
#ifndef HARNESS_CMD_OPTIONS_H
#define HARNESS_CMD_OPTIONS_H

#include <stdint.h>

#include "harness/base/error.h"
#include "harness/case/table.h"
#include "harness/run/session.h"

enum { OPTIONS_MAX_FILTERS = 64 };

struct options {
    const char *command;
    char **input; /* tables, case files or case lines */
    size_t n_inputs;

    const char *device, *mutant, *mutants_dir;
    struct device_set devices;   /* of `device` */
    char found[16 * DEVICE_MAX]; /* --device=all spelled out */
    bool graph, jobs_given;
    const char *filter[OPTIONS_MAX_FILTERS];
    size_t n_filters;
    enum table_tag tag;
    uint64_t seed;
    bool seed_given;
    unsigned jobs, wave, shard, shards, max_fail, repeat;
    double timeout_s, seconds;
    uint64_t cases;
    const char *json, *junit, *html, *dump, *out;
    bool quiet, verbose, help;
};

/* Reads argv[1..]. `options->command` is argv[1]. */
bool options_parse(struct options *, int argc, char **argv, struct error *) MUST_CHECK;

/* What the flags say about sessions. */
struct session_options options_session(const struct options *);

/* The manual page of one command, or of the program when `command` is NULL. */
void options_help(const char *command);

#endif
