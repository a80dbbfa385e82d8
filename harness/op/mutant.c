/* Compiled into each mutant's shared object, beside the operator's sources; see op.h. */
#include "harness/op/op.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)

extern const struct op PASTE(op_, MUTANT_OF);
extern const struct mutant harness_mutant;

__attribute__((visibility("default"))) const struct mutant harness_mutant = {
    .layout = MUTANT_LAYOUT,
    .id = MUTANT_ID,
    .text = MUTANT_TEXT,
    .op = &PASTE(op_, MUTANT_OF),
};
