/* One function per command: takes the parsed command line, returns the exit code. */
#ifndef HARNESS_CMD_COMMANDS_H
#define HARNESS_CMD_COMMANDS_H

#include "harness/cmd/options.h"

int cmd_run(const struct options *);
int cmd_fuzz(const struct options *);
int cmd_replay(const struct options *);
int cmd_minimize(const struct options *);
int cmd_list(const struct options *);
int cmd_doctor(const struct options *);
int cmd_mutants(const struct options *);
int cmd_bench(const struct options *);
int cmd_isa(const struct options *);

#endif
