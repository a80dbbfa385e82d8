/*
 * harness bench: what the harness itself costs, as ratios of figures taken in this one run on this
 * one machine. Figures are for people who change the harness; nothing passes or fails by them.
 */
#include "harness/cmd/bench.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/cmd/commands.h"

/* A part in a process of its own has its memory, or its GPU, to itself. */
enum process { OURS, OWN };

static const struct part {
    const char *name, *title;
    enum process process;
    bench_on_cpu *on_cpu; /* one of the two */
    bench_on_gpu *on_gpu;
} parts[] = {
    {"executor", "executor of the cpu device", OURS, bench_executor, NULL},
    {"placement", "guarded memory", OURS, bench_placement, NULL},
    {"large", "virtual tensors", OWN, bench_large, NULL},
    {"ops", "whole cases, log-uniform shapes, one core", OURS, bench_ops, NULL},
    {"peer", "group_quant beside numpy, one core", OURS, bench_peer, NULL},
    {"copy", "device memory", OWN, NULL, bench_copy},
    {"checks", "checks of tensors on the device", OWN, NULL, bench_checks},
    {"kernels", "kernels of operators", OWN, NULL, bench_kernels},
    {"recovery", "behind a fault", OURS, NULL, bench_recovery},
    {"rate", "whole cases", OURS, NULL, bench_rate},
};

enum { N_PARTS = sizeof(parts) / sizeof(parts[0]) };

void bench_ratio(const char *what, double value, const char *goal)
{
    printf("    %-58s %9.2f   goal %s\n", what, value, goal);
    fflush(stdout);
}

static void ratio_marked(const char *what, double value, const char *sign, double goal, bool met)
{
    char text[40];
    snprintf(text, sizeof(text), "%s %g%s", sign, goal, met ? "" : "   MISSED");
    bench_ratio(what, value, text);
}

void bench_at_least(const char *what, double value, double goal)
{
    ratio_marked(what, value, ">=", goal, value >= goal);
}

void bench_below(const char *what, double value, double goal)
{
    ratio_marked(what, value, "<", goal, value < goal);
}

static bool run(const struct part *part, const struct options *o, struct error *err)
{
    return part->on_cpu ? part->on_cpu(err) : part->on_gpu(&o->devices.id[0], err);
}

/* Runs a part in a child, which tells its error. */
static bool run_apart(const struct part *part, const struct options *o, struct error *err)
{
    int to_us[2], status;
    fflush(stdout);
    if (pipe(to_us))
        return error_errno(err, ERROR_INTERNAL, "pipe");
    pid_t pid = fork();
    if (!pid) {
        signal(SIGINT, SIG_DFL); /* main only takes a note of them */
        signal(SIGTERM, SIG_DFL);
        bool good = run(part, o, err);
        _exit(good ? fflush(stdout) : write(to_us[1], err, sizeof(*err)) != sizeof(*err));
    }
    close(to_us[1]);
    bool told = read(to_us[0], err, sizeof(*err)) == sizeof(*err);
    close(to_us[0]);
    if (told)
        waitpid(pid, &status, 0);
    else if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
        return error_set(err, ERROR_INTERNAL, "bench %s: its process died", part->name);
    return !told;
}

/* Whether a part is for the device asked for. */
static bool fits(const struct part *part, const struct options *o)
{
    return (o->devices.id[0].kind == DEVICE_CPU) == (part->on_cpu != NULL);
}

static bool chosen(const struct options *o, const struct part *part)
{
    for (size_t i = 0; i < o->n_inputs; i++)
        if (!strcmp(o->input[i], part->name))
            return true;
    return !o->n_inputs;
}

static bool unknown(const struct options *o, const char *name, struct error *err)
{
    char known[128] = "";
    size_t used = 0;
    for (int i = 0; i < N_PARTS && used < sizeof(known); i++)
        if (fits(&parts[i], o))
            used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "",
                                     parts[i].name);
    return error_set(err, ERROR_INPUT, "bench %s: on --device=%s it takes %s", name, o->device,
                     known);
}

static bool names_known(const struct options *o, struct error *err)
{
    for (size_t i = 0; i < o->n_inputs; i++) {
        bool known = false;
        for (int k = 0; k < N_PARTS; k++)
            known |= fits(&parts[k], o) && !strcmp(o->input[i], parts[k].name);
        if (!known)
            return unknown(o, o->input[i], err);
    }
    return o->devices.count == 1 ||
           error_set(err, ERROR_INPUT, "bench: takes one device, not --device=%s", o->device);
}

int cmd_bench(const struct options *o)
{
    struct error err;
    if (!names_known(o, &err))
        return error_report(&err);
    for (const struct part *part = parts; part < parts + N_PARTS; part++) {
        if (!fits(part, o) || !chosen(o, part))
            continue;
        printf("%s\n", part->title);
        if (!(part->process == OWN ? run_apart(part, o, &err) : run(part, o, &err)))
            return error_report(&err);
    }
    return 0;
}
