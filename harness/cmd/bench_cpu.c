/*
 * harness bench --device cpu: the executor, guarded memory, and whole cases on one core.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "harness/base/clock.h"
#include "harness/cmd/bench.h"
#include "harness/cpu/arena_bench.h"
#include "harness/cpu/exec_bench.h"
#include "harness/hunt/generate.h"
#include "harness/run/session.h"

#define SECONDS 3.0

static const struct session_options session_options = {.wave = 64, .timeout_s = 60};

bool bench_executor(struct error *err)
{
    struct exec_bench b;
    if (!exec_bench_run(&b, err))
        return false;
    bench_ratio("256 threads, 10 barriers: executor / loop fission", b.barriers_to_fission,
                "<= 16");
    bench_ratio("                          swapcontext / executor", b.swapcontext_to_barriers,
                "> 1");
    bench_ratio("no barriers: kernel / native loop", b.kernel_to_native, "<= 2");
    bench_ratio("wave maximum: six shuffles / one collective", b.shuffles_to_reduce, ">= 5");
    bench_ratio("fault to finding, microseconds", b.fault_us, "<= 5");
    return true;
}

bool bench_placement(struct error *err)
{
    struct arena_bench b;
    if (!arena_bench_placement(&b, err))
        return false;
    bench_ratio("five guarded tensors: mmap each / arena", b.ratio, ">= 500");
    bench_ratio("five guarded tensors in the arena, microseconds", b.arena_ns * 1e-3, "~ 0.2");
    return true;
}

/* Cases a second of one operator, as the fuzzer draws them, on this one thread. */
static bool bench_op(struct session *session, const struct op *op, struct error *err)
{
    struct generator *g = generator_create(op, 1, err);
    uint64_t cases = 0, failed = 0;
    double elements = 0, start = clock_seconds(), spent;
    if (!g)
        return false;
    do {
        struct kase kase;
        struct verdict v;
        generator_next(g, &kase);
        session_run(session, &kase, &v);
        failed += !verdict_passed(v.kind);
        elements += kase.refuse[0] ? 0 : (double)op->cost(&kase);
        cases++;
    } while ((spent = clock_seconds() - start) < SECONDS);
    generator_destroy(g);
    printf("    %-16s %10.0f cases/s, %8.0f elements on average%s\n", op->name,
           (double)cases / spent, elements / (double)cases, failed ? ", WITH FAILURES" : "");
    return true;
}

bool bench_ops(struct error *err)
{
    struct session *session = session_create(&session_options, err);
    bool good = session != NULL;
    for (const struct op *const *op = op_list; good && *op; op++)
        good = bench_op(session, *op, err);
    session_destroy(session);
    return good;
}

/* A case the size of a decode step, and what a numpy user would write for the same work. */
static const char *const peer_case = "group_quant rows=128 cols=4224 lanes=whole";
static const char *const peer_command =
    "python3 ci/peers/group_quant.py --rows 128 --cols 4224 --group 128 --seconds 3";

static bool peer_rate(double *rate, struct error *err)
{
    char line[256];
    FILE *peer = popen(peer_command, "r");
    *rate = 0;
    while (peer && fgets(line, sizeof(line), peer))
        sscanf(line, "%lf cases/s", rate);
    if (!peer || pclose(peer) || *rate <= 0)
        return error_set(err, ERROR_INPUT, "%s: failed (python3 with numpy, from the repository)",
                         peer_command);
    return true;
}

bool bench_peer(struct error *err)
{
    struct kase kase = {0};
    struct verdict v;
    double rate, spent = 0;
    if (!kase_parse(&kase, peer_case, "bench", err))
        return false;
    struct session *session = session_create(&session_options, err);
    if (!session)
        return false;
    session_run(session, &kase, &v); /* maps its memory */
    double start = clock_seconds();
    uint64_t cases = 0;
    do {
        kase.seed = ++cases;
        session_run(session, &kase, &v);
    } while (verdict_passed(v.kind) && (spent = clock_seconds() - start) < SECONDS);
    session_destroy(session);
    kase_release(&kase);
    if (!verdict_passed(v.kind))
        return error_set(err, ERROR_INTERNAL, "%s: %.300s", peer_case, v.summary);
    printf("    %-16s %10.0f cases/s (%s)\n", "harness", (double)cases / spent, peer_case);
    if (!peer_rate(&rate, err))
        return false;
    printf("    %-16s %10.0f cases/s\n", "numpy", rate);
    bench_ratio("harness / numpy", (double)cases / spent / rate, ">= 12");
    return true;
}

static long resident_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* The process is its own, and its peak of memory is the case's. */
bool bench_large(struct error *err)
{
    static const char *const line = "group_quant rows=3 cols=1280 row_pad=1073741824";
    struct kase kase = {0};
    struct verdict v;
    struct session *session = session_create(&session_options, err);
    if (!session || !kase_parse(&kase, line, "bench", err))
        return false;
    long before = resident_kib();
    session_run(session, &kase, &v);
    if (!verdict_passed(v.kind))
        return error_set(err, ERROR_INTERNAL, "%s: %.300s", line, v.summary);
    bench_ratio("case over 4 GiB, milliseconds", v.ms, "<= 50");
    bench_ratio("              , MiB resident", (double)(resident_kib() - before) / 1024, "<= 32");
    return true;
}
