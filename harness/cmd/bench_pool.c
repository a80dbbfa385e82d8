/*
 * harness bench --device cuda:N, hip:N: cases a second, and recovery from faults, through a pool
 * with one worker.
 */
#include <stdio.h>
#include <stdlib.h>

#include "harness/cmd/bench.h"
#include "harness/doctor/doctor.h"
#include "harness/doctor/doctor_kernels.h"
#include "harness/hunt/generate.h"
#include "harness/run/pool_bench.h"

static struct pool *make_pool(const struct device_id *id, double timeout_s, struct error *err)
{
    const struct pool_options options = {
        .workers = 1, .session = {.device = *id, .wave = 64, .timeout_s = timeout_s}};
    return pool_create(&options, err);
}

/* --- Recovery --- */

#define TIME_LIMIT 1.0
#define GOAL_MS    500

enum { ROUNDS = 3, TIMEOUTS = 3 };

/* What ends a worker's context, each in its own way. */
static const enum doctor_defect faults[] = {DOCTOR_READ_BEHIND, DOCTOR_STORE_INPUT, DOCTOR_TRAP,
                                            DOCTOR_WILD};

enum { N_FAULTS = sizeof(faults) / sizeof(faults[0]) };

static bool measure_recovery(struct pool *pool, struct error *err)
{
    const struct kase good = doctor_case(DOCTOR_NONE);
    struct kase fault[N_FAULTS];
    struct pool_recovery r;
    for (size_t i = 0; i < N_FAULTS; i++)
        fault[i] = doctor_case(faults[i]);
    if (!pool_bench_recovery(pool, fault, N_FAULTS, ROUNDS, &good, &r, err))
        return false;
    printf("    a spare ready; %d faults of %d kinds\n", N_FAULTS * ROUNDS, N_FAULTS);
    bench_below("fault's verdict to the next verdict, milliseconds, median", r.median_s * 1e3,
                GOAL_MS);
    bench_below("                                                 , worst", r.worst_s * 1e3,
                GOAL_MS);
    return true;
}

static bool measure_timeout(struct pool *pool, struct error *err)
{
    const struct kase endless = doctor_case(DOCTOR_ENDLESS);
    double worst = 0;
    for (int i = 0; i < TIMEOUTS; i++) {
        struct verdict v;
        double seconds;
        if (!pool_bench_verdict(pool, &endless, &v, &seconds, err))
            return false;
        if (v.kind != VERDICT_TIMEOUT)
            return error_set(err, ERROR_INTERNAL, "an endless loop: %.300s", v.summary);
        worst = seconds > worst ? seconds : worst;
    }
    bench_below("endless loop to its verdict, beyond the limit, worst of 3",
                (worst - TIME_LIMIT) * 1e3, GOAL_MS);
    return true;
}

bool bench_recovery(const struct device_id *id, struct error *err)
{
    struct pool *pool = make_pool(id, TIME_LIMIT, err);
    bool good = pool && measure_recovery(pool, err) && measure_timeout(pool, err);
    pool_destroy(pool);
    return good;
}

/* --- Rate --- */

#define RATE_GOAL    1e4
#define RATE_LIMIT   10.0
#define RATE_SECONDS 3.0
#define WARM_SECONDS 0.5

enum { DRAWN = 1024, MAX_ELEMENTS = 64 << 10 };

/* With its gaps, which are filled and checked too: a few elements may lie gibibytes apart. */
static bool is_small(const struct kase *kase)
{
    struct tensor tensor[OP_MAX_TENSORS];
    size_t bytes;
    if (kase->refuse[0]) /* never launched */
        return false;
    for (size_t i = kase->op->tensors(kase, tensor); i > 0; i--)
        if (!tensor_bytes(&tensor[i - 1], &bytes) ||
            bytes / dtype_bytes(tensor[i - 1].dtype) > MAX_ELEMENTS)
            return false;
    return true;
}

/* Every `step`th of the cases. */
static bool draw(const struct op *op, struct kase *out, size_t step, struct error *err)
{
    struct generator *g = generator_create(op, 1, err);
    if (!g)
        return false;
    for (size_t i = 0; i < DRAWN; i++)
        do
            generator_next(g, &out[i * step]);
        while (!is_small(&out[i * step]));
    generator_destroy(g);
    return true;
}

static double average_cost(const struct kase *kase, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)kase[i].op->cost(&kase[i]);
    return sum / (double)n;
}

static bool measure_rate(struct pool *pool, const char *name, const struct kase *kase, size_t n,
                         struct error *err)
{
    struct pool_rate rate;
    char what[128];
    /* The first launch of a kernel loads it. */
    if (!pool_bench_rate(pool, kase, n, WARM_SECONDS, &rate, err) ||
        !pool_bench_rate(pool, kase, n, RATE_SECONDS, &rate, err))
        return false;
    snprintf(what, sizeof(what), "%s, cases/s of %.0f elements%s", name, average_cost(kase, n),
             rate.failed ? ", WITH FAILURES" : "");
    bench_at_least(what, (double)rate.cases / rate.seconds, RATE_GOAL);
    if (rate.failed)
        fprintf(stderr, "%s: %llu of %llu cases failed, the last: %s\n", name,
                (unsigned long long)rate.failed, (unsigned long long)rate.cases,
                rate.failure.summary);
    return true;
}

/* One operator after the other, then their cases in turn. */
static bool measure_drawn(struct pool *pool, struct kase *kase, size_t ops, struct error *err)
{
    for (size_t i = 0; i < ops; i++)
        if (!draw(op_list[i], kase, 1, err) ||
            !measure_rate(pool, op_list[i]->name, kase, DRAWN, err))
            return false;
    for (size_t i = 0; i < ops; i++)
        if (!draw(op_list[i], kase + i, ops, err))
            return false;
    return measure_rate(pool, "all operators", kase, ops * DRAWN, err);
}

/* The largest shape of the size that is drawn. */
static bool measure_fixed(struct pool *pool, struct error *err)
{
    struct kase kase = {0};
    bool good = kase_parse(&kase, "group_quant rows=16 cols=4096", "bench", err) &&
                measure_rate(pool, "group_quant 16 x 4096", &kase, 1, err);
    kase_release(&kase);
    return good;
}

bool bench_rate(const struct device_id *id, struct error *err)
{
    size_t ops = 0;
    while (op_list[ops])
        ops++;
    struct kase *kase = calloc(ops * DRAWN, sizeof(*kase));
    if (!kase)
        return error_set(err, ERROR_INTERNAL, "no memory for cases");
    printf(
        "    one worker; %d cases of each operator, tensors up to 64 Ki elements with their gaps\n",
        DRAWN);
    struct pool *pool = make_pool(id, RATE_LIMIT, err);
    bool good = pool && measure_drawn(pool, kase, ops, err) && measure_fixed(pool, err);
    pool_destroy(pool);
    free(kase);
    return good;
}
