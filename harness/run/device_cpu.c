/* The CPU device: kernels work on the host's arena itself, so there is nothing to send or fetch. */
#include <stdio.h>
#include <stdlib.h>

#include "harness/cpu/exec.h"
#include "harness/run/device.h"
#include "harness/run/memset_kernel.h"

extern const struct kernel kernel_memset_bytes;

struct device_cpu {
    struct device device;
    unsigned wave;
    double timeout_s;
};

static bool place(struct device *device, unsigned slot, const struct device_place *where,
                  struct arena_buffer *buffer, struct error *err)
{
    (void)device, (void)slot, (void)where, (void)buffer, (void)err;
    return true; /* the arena has set buffer->device already */
}

static bool send(struct device *device, unsigned slot, struct error *err)
{
    (void)device, (void)slot, (void)err;
    return true;
}

static bool fetch(struct device *device, unsigned slot, bool content, struct error *err)
{
    (void)device, (void)slot, (void)content, (void)err;
    return true;
}

static bool finish(struct device *device, struct error *err)
{
    (void)device, (void)err;
    return true;
}

static void describe(const struct device *device, const struct kernel *kernel,
                     const struct cpu_finding *f, struct device_finding *out)
{
    static const struct {
        enum verdict_kind kind;
        enum detector detector;
    } verdict_of[] = {
        [CPU_FAULT] = {VERDICT_FAULT, DETECTOR_TRAP},
        [CPU_DEADLOCK] = {VERDICT_DEADLOCK, DETECTOR_BARRIER},
        [CPU_EARLY_EXIT] = {VERDICT_DEADLOCK, DETECTOR_BARRIER},
        [CPU_SPLIT_WAVE] = {VERDICT_DEADLOCK, DETECTOR_BARRIER},
        [CPU_TIMEOUT] = {VERDICT_TIMEOUT, DETECTOR_TIMER},
        [CPU_STACK_OVERFLOW] = {VERDICT_FAULT, DETECTOR_TRAP},
        [CPU_TRAP] = {VERDICT_FAULT, DETECTOR_TRAP},
        [CPU_MISUSE] = {VERDICT_WRONG, DETECTOR_BARRIER},
    };
    *out = (struct device_finding){.kind = verdict_of[f->outcome].kind,
                                   .detector = verdict_of[f->outcome].detector,
                                   .granule = 1,
                                   .is_write = f->is_write,
                                   .direction_known = true,
                                   .ip = f->ip};
    snprintf(out->text, sizeof(out->text), "%s: %.400s", kernel->name, f->text);
    snprintf(out->signature, sizeof(out->signature), "%s", cpu_outcome_name(f->outcome));
    out->in_tensor = f->outcome == CPU_FAULT && arena_locate(device->arena, f->address, &out->at);
    if (!f->in_lds)
        return;
    out->kind = VERDICT_OOB;
    out->detector = DETECTOR_LDS;
    snprintf(out->signature, sizeof(out->signature), "%s",
             f->is_write ? "write to LDS" : "read of LDS");
}

/* A step as the executor takes it; `memset` holds the arguments of one that is no kernel. */
static struct cpu_launch launch_of(const struct step *step, struct memset_bytes *memset)
{
    if (step->kind == STEP_MEMSET) {
        *memset = (struct memset_bytes){step->target, step->bytes, step->value};
        return (struct cpu_launch){
            .kernel = &kernel_memset_bytes, .args = memset, .grid = {1, 1, 1}, .block = {1, 1, 1}};
    }
    return (struct cpu_launch){.kernel = step->kernel,
                               .args = step->args,
                               .grid = {step->grid[0], step->grid[1], step->grid[2]},
                               .block = {step->block[0], step->block[1], step->block[2]},
                               .dynamic_lds = step->dynamic_lds};
}

static bool launch(struct device *device, const struct device_run *run, struct device_finding *out)
{
    const struct device_cpu *cpu = (struct device_cpu *)device;
    for (size_t i = 0; i < run->plan->count; i++) {
        struct memset_bytes memset;
        struct cpu_finding finding;
        struct cpu_launch launch = launch_of(&run->plan->step[i], &memset);
        launch.wave_size = cpu->wave;
        launch.order_seed = run->order;
        launch.time_limit_s = cpu->timeout_s;
        if (cpu_run(&launch, &finding) != CPU_DONE) {
            describe(device, launch.kernel, &finding, out);
            return false;
        }
    }
    return true;
}

static size_t resident(const struct device *device)
{
    (void)device;
    return 0;
}

static void trim(struct device *device, size_t limit)
{
    (void)device, (void)limit;
}

static void close_cpu(struct device *device)
{
    free(device);
}

static const struct device_driver driver = {.place = place,
                                            .send = send,
                                            .launch = launch,
                                            .fetch = fetch,
                                            .finish = finish,
                                            .resident = resident,
                                            .trim = trim,
                                            .close = close_cpu};

struct device *device_cpu_open(const struct device_options *options, struct arena *arena,
                               struct error *err)
{
    struct device_cpu *cpu = calloc(1, sizeof(*cpu));
    if (!cpu || !cpu_init()) {
        free(cpu);
        error_set(err, ERROR_INTERNAL, "no memory for the stacks of the CPU device");
        return NULL;
    }
    cpu->device = (struct device){.driver = &driver, .arena = arena};
    cpu->wave = options->wave;
    cpu->timeout_s = options->timeout_s;
    snprintf(cpu->device.text, sizeof(cpu->device.text), "the CPU device, waves of %u lanes",
             cpu->wave);
    return &cpu->device;
}
