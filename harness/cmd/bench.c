#include "harness/cmd/commands.h"
int cmd_bench(const struct options *o) { (void)o; return 5; }
