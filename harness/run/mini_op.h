/*
 * An operator for tests of what lies above kernels: it launches nothing but a memset, and its
 * reference disagrees in cases that a test can aim at.
 *
 *     rows, cols   output i32 [rows, cols], all zero; the reference wants a one in the last element
 *                  when rows >= 37 and cols >= 5
 *     behave       fine | killed (the worker dies) | hung | slow (50 ms) |
 *                  long (a memset too far) | deadly (the reference kills the worker)
 *     illegal      1: refused as "illegal"
 */
#ifndef HARNESS_RUN_MINI_OP_H
#define HARNESS_RUN_MINI_OP_H

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/op/op.h"

enum { MINI_ROWS, MINI_COLS, MINI_BEHAVE, MINI_ILLEGAL, MINI_PARAMS };
enum { MINI_FINE, MINI_KILLED, MINI_HUNG, MINI_SLOW, MINI_LONG, MINI_DEADLY };

static const char *const mini_behaves[] = {"fine", "killed", "hung", "slow",
                                           "long", "deadly", NULL};
static const char *const mini_reasons[] = {"illegal", "short_out", NULL};
static const int64_t mini_tiles[] = {32, 0};

static const struct param mini_params[MINI_PARAMS] = {
    {.name = "rows", .min = 0, .max = 100000, .fuzz_max = 1000, .preset = 1, .tiles = mini_tiles},
    {.name = "cols", .min = 1, .max = 1000, .preset = 1},
    {.name = "behave", .names = mini_behaves, .max = 0}, /* drawn: always fine */
    {.name = "illegal", .min = 0, .max = 1},
};

static const char *mini_contract(const struct kase *kase)
{
    return kase->value[MINI_ILLEGAL] ? "illegal" : NULL;
}

static size_t mini_elements(const struct kase *kase)
{
    return (size_t)(kase->value[MINI_ROWS] * kase->value[MINI_COLS]);
}

static const char *mini_guard(const struct kase *kase, const size_t *bytes)
{
    if (kase->value[MINI_ILLEGAL])
        return "illegal";
    return bytes && bytes[0] < 4 * mini_elements(kase) ? "short_out" : NULL;
}

static size_t mini_tensors(const struct kase *kase, struct tensor out[OP_MAX_TENSORS])
{
    out[0] = (struct tensor){.name = "out",
                             .layout = "[rows, cols]",
                             .role = TENSOR_OUTPUT,
                             .dtype = DTYPE_I32,
                             .policy = {.kind = POLICY_EXACT, .reason = "integers"}};
    tensor_dense(&out[0], (size_t)kase->value[MINI_ROWS], (size_t)kase->value[MINI_COLS]);
    return 1;
}

static void mini_plan(const struct kase *kase, const struct tensor *t, void *const device[],
                      struct plan *plan)
{
    (void)t;
    if (kase->value[MINI_BEHAVE] == MINI_KILLED)
        raise(SIGKILL);
    while (kase->value[MINI_BEHAVE] == MINI_HUNG)
        pause();
    if (kase->value[MINI_BEHAVE] == MINI_SLOW)
        usleep(25000); /* there are two runs */
    plan_memset(plan, device[0], 0,
                4 * mini_elements(kase) + (kase->value[MINI_BEHAVE] == MINI_LONG));
}

static size_t mini_ref_elements(const struct kase *kase, size_t i)
{
    (void)i;
    return mini_elements(kase);
}

static void mini_reference(const struct kase *kase, const struct ref_io *io)
{
    int32_t *out = io->out[0];
    size_t n = mini_elements(kase);
    if (kase->value[MINI_BEHAVE] == MINI_DEADLY)
        raise(SIGKILL);
    for (size_t i = 0; i < n; i++)
        out[i] = 0;
    if (kase->value[MINI_ROWS] >= 37 && kase->value[MINI_COLS] >= 5)
        out[n - 1] = 1;
}

static uint64_t mini_cost(const struct kase *kase)
{
    return mini_elements(kase);
}

static void mini_key(const struct kase *kase, char *out, size_t size)
{
    snprintf(out, size, "%d %d", (int)(kase->value[MINI_ROWS] % 32), kase->value[MINI_COLS] > 4);
}

static const struct op mini_op = {
    .name = "mini",
    .summary = "zeros",
    .params = mini_params,
    .n_params = MINI_PARAMS,
    .reasons = mini_reasons,
    .guard = mini_guard,
    .tensors = mini_tensors,
    .plan = mini_plan,
    .contract = mini_contract,
    .ref_elements = mini_ref_elements,
    .reference = mini_reference,
    .cost = mini_cost,
    .dispatch_key = mini_key,
};

static inline struct kase mini_case(int64_t rows, int64_t cols, int64_t behave)
{
    struct kase kase;
    kase_init(&kase, &mini_op);
    kase.value[MINI_ROWS] = rows;
    kase.value[MINI_COLS] = cols;
    kase.value[MINI_BEHAVE] = behave;
    return kase;
}

#endif
