/*
 * Operators for tests of the case language: parameters and reasons, nothing that could run. A test
 * defines its own `op_list`, which is linked instead of the program's:
 *
 *     const struct op *const op_list[] = {FAKE_OPS, NULL};
 */
#ifndef HARNESS_CASE_FAKE_OP_H
#define HARNESS_CASE_FAKE_OP_H

#include "harness/op/op.h"

static const char *const fake_modes[] = {"plain", "shuffled", "transposed", NULL};

static const char *const fake_reasons[] = {"rows_limit", "short_input", NULL};

/* An ordinary operator. */
static const struct param fake_sort_params[] = {
    {.name = "tokens", .min = 0, .max = 16777216, .preset = 4},
    {.name = "topk", .min = 1, .max = 64, .preset = 2},
    {.name = "mode", .names = fake_modes, .preset = 1},
    {.name = "shift", .min = -100, .max = 100, .preset = -3},
};

static const struct op fake_sort = {
    .name = "fake_sort",
    .params = fake_sort_params,
    .n_params = 4,
    .reasons = fake_reasons,
};

/* A parameter at the limits of its type, and no reasons to refuse. */
static const struct param fake_wide_params[] = {
    {.name = "n", .min = INT64_MIN, .max = INT64_MAX, .preset = 0},
};

static const struct op fake_wide = {
    .name = "fake_wide",
    .params = fake_wide_params,
    .n_params = 1,
};

#define FAKE_OPS &fake_sort, &fake_wide

#endif
