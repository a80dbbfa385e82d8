/*
 * harness bench: what the harness itself costs, as ratios of figures taken in this one run on this
 * one machine. Figures are for people who change the harness; nothing passes or fails by them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/cmd/commands.h"
#include "harness/cpu/arena_bench.h"
#include "harness/cpu/exec_bench.h"
#include "harness/hunt/generate.h"
#include "harness/run/session.h"

#define SECONDS 3.0

static const struct session_options session_options = {.wave = 64, .timeout_s = 60};

static void print_ratio(const char *what, double value, const char *goal)
{
    printf("    %-58s %9.2f   goal %s\n", what, value, goal);
}

static bool bench_executor(struct error *err)
{
    struct exec_bench b;
    if (!exec_bench_run(&b, err))
        return false;
    print_ratio("256 threads, 10 barriers: executor / loop fission", b.barriers_to_fission,
                "<= 16");
    print_ratio("                          swapcontext / executor", b.swapcontext_to_barriers,
                "> 1");
    print_ratio("no barriers: kernel / native loop", b.kernel_to_native, "<= 2");
    print_ratio("wave maximum: six shuffles / one collective", b.shuffles_to_reduce, ">= 5");
    print_ratio("fault to finding, microseconds", b.fault_us, "<= 5");
    return true;
}

static bool bench_placement(struct error *err)
{
    struct arena_bench b;
    if (!arena_bench_placement(&b, err))
        return false;
    print_ratio("five guarded tensors: mmap each / arena", b.ratio, ">= 500");
    print_ratio("five guarded tensors in the arena, microseconds", b.arena_ns * 1e-3, "~ 0.2");
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

static bool bench_ops(struct error *err)
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

static bool bench_peer(struct error *err)
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
    print_ratio("harness / numpy", (double)cases / spent / rate, ">= 12");
    return true;
}

static long resident_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* In a process of its own, whose peak of memory is the case's. */
static int large_case_process(void)
{
    static const char *const line = "group_quant rows=3 cols=1280 row_pad=1073741824";
    struct kase kase = {0};
    struct verdict v;
    struct error err;
    struct session *session = session_create(&session_options, &err);
    if (!session || !kase_parse(&kase, line, "bench", &err))
        return error_report(&err);
    long before = resident_kib();
    session_run(session, &kase, &v);
    if (!verdict_passed(v.kind)) {
        fprintf(stderr, "%s: %s\n", line, v.summary);
        return 1;
    }
    print_ratio("case over 4 GiB, milliseconds", v.ms, "<= 50");
    print_ratio("              , MiB resident", (double)(resident_kib() - before) / 1024, "<= 32");
    return fflush(stdout) ? 6 : 0;
}

static bool bench_large(struct error *err)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid)
        _exit(large_case_process());
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
        return error_set(err, ERROR_INTERNAL, "the case over 4 GiB failed");
    return true;
}

static const struct {
    const char *name, *title;
    bool (*run)(struct error *);
} benches[] = {
    {"executor", "executor of the cpu device", bench_executor},
    {"placement", "guarded memory", bench_placement},
    {"large", "virtual tensors", bench_large},
    {"ops", "whole cases, log-uniform shapes, one core", bench_ops},
    {"peer", "group_quant beside numpy, one core", bench_peer},
};

enum { N_BENCHES = sizeof(benches) / sizeof(benches[0]) };

static bool chosen(const struct options *o, const char *name)
{
    for (size_t i = 0; i < o->n_inputs; i++)
        if (!strcmp(o->input[i], name))
            return true;
    return !o->n_inputs;
}

static bool names_known(const struct options *o, struct error *err)
{
    for (size_t i = 0; i < o->n_inputs; i++) {
        bool known = false;
        for (int k = 0; k < N_BENCHES; k++)
            known |= !strcmp(o->input[i], benches[k].name);
        if (!known)
            return error_set(err, ERROR_INPUT,
                             "bench %s: takes executor, placement, large, ops or peer",
                             o->input[i]);
    }
    return true;
}

int cmd_bench(const struct options *o)
{
    struct error err;
    if (!names_known(o, &err))
        return error_report(&err);
    for (int i = 0; i < N_BENCHES; i++) {
        if (!chosen(o, benches[i].name))
            continue;
        printf("%s\n", benches[i].title);
        if (!benches[i].run(&err))
            return error_report(&err);
    }
    return 0;
}
