/*
 * Plans on a GPU: launched step by step or as a graph, and what is made of a failure.
 */
#include <inttypes.h>
#include <stdio.h>

#include "harness/gpu/fault.h"
#include "harness/gpu/launch.h"
#include "harness/gpu/state.h"
#include "harness/run/crash.h"

/* --- Findings --- */

static bool found(struct device_finding *out, enum verdict_kind kind, enum detector detector,
                  const char *signature)
{
    out->kind = kind;
    out->detector = detector;
    snprintf(out->signature, sizeof(out->signature), "%s", signature);
    return false;
}

static bool harness_error(struct device_finding *out, const struct error *err)
{
    snprintf(out->text, sizeof(out->text), "%s", err->text);
    return found(out, VERDICT_ERROR, DETECTOR_NONE, "error");
}

/* An access where no memory is, or not for this. */
static bool memory_fault(struct device_gpu *gpu, const char *kernel, struct device_finding *out)
{
    struct gpu_fault fault;
    out->granule = GPU_FAULT_PAGE;
    if (!gpu_fault_log_find(gpu->log, &fault)) {
        snprintf(out->text, sizeof(out->text),
                 "%s: access to memory that is not there or not writable; the kernel log cannot be "
                 "read, so nothing tells the address",
                 kernel);
        return found(out, VERDICT_FAULT, DETECTOR_GUARD_PAGE, "illegal address");
    }
    if (fault.local) {
        snprintf(out->text, sizeof(out->text),
                 "%s: access outside the block's LDS or the thread's private memory", kernel);
        return found(out, VERDICT_OOB, DETECTOR_LDS, "access outside LDS");
    }
    out->is_write = fault.is_write;
    out->direction_known = fault.direction_known;
    out->in_tensor = gpu_arena_locate(&gpu->arena, fault.address, &out->at);
    snprintf(out->text, sizeof(out->text), "%s: %s in the page at 0x%" PRIx64 "%s", kernel,
             !fault.direction_known ? "access"
             : fault.is_write       ? "write"
                                    : "read",
             fault.address, fault.read_only ? ", which is mapped for reading" : "");
    return found(out, VERDICT_FAULT, DETECTOR_TRAP, "wild address");
}

/* A launch that came to no good end. Every result but a refusal is the end of the context. */
static bool launch_failed(struct device_gpu *gpu, const char *kernel, int result,
                          struct device_finding *out)
{
    static const struct {
        int result;
        const char *signature;
    } causes[] = {
        {GPU_MISALIGNED, "misaligned address"},
        {GPU_ILLEGAL_INSTRUCTION, "illegal instruction"},
        {GPU_INVALID_ADDRESS_SPACE, "wrong address space"},
        {GPU_INVALID_PC, "jump to nowhere"},
        {GPU_HARDWARE_STACK, "stack error"},
        {GPU_ASSERT, "assertion"},
        {GPU_LAUNCH_FAILED, "trap"},
    };
    out->lost = true;
    if (result == GPU_ILLEGAL_ADDRESS)
        return memory_fault(gpu, kernel, out);
    if (result == GPU_NOT_READY) {
        snprintf(out->text, sizeof(out->text), "%s: still running after %g s", kernel,
                 gpu->timeout_s);
        return found(out, VERDICT_TIMEOUT, DETECTOR_TIMER, "timeout");
    }
    const char *signature = "device error";
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
        if (causes[i].result == result)
            signature = causes[i].signature;
    snprintf(out->text, sizeof(out->text), "%s: %s, reported as %s (%d)", kernel, signature,
             gpu_error_name(&gpu->api, result), result);
    return found(out, VERDICT_FAULT, DETECTOR_TRAP, signature);
}

/* The runtime would not take a step. */
static bool refused(struct device_gpu *gpu, const struct step *step, int result,
                    struct device_finding *out)
{
    if (step->kind == STEP_MEMSET)
        snprintf(out->text, sizeof(out->text), "a memset of %zu bytes is refused: %s", step->bytes,
                 gpu_error_name(&gpu->api, result));
    else
        snprintf(out->text, sizeof(out->text),
                 "%s: the launch of %u x %u x %u blocks of %u x %u x %u threads with %zu bytes of "
                 "dynamic LDS is refused: %s",
                 step->kernel->name, step->grid[0], step->grid[1], step->grid[2], step->block[0],
                 step->block[1], step->block[2], step->dynamic_lds,
                 gpu_error_name(&gpu->api, result));
    return found(out, VERDICT_FAULT, DETECTOR_LAUNCH, "launch refused");
}

/* --- Launching --- */

static bool find_functions(struct device_gpu *gpu, const struct plan *plan,
                           void *function[OP_MAX_STEPS], struct error *err)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->step[i].kind == STEP_KERNEL &&
            !gpu_code_function(&gpu->code, plan->step[i].kernel, &function[i], err))
            return false;
    return true;
}

static const char *step_name(const struct step *step)
{
    return step->kind == STEP_KERNEL ? step->kernel->name : "memset";
}

/* Until all is done that was enqueued; what fails is the step that was launched last, or else any
 * that was enqueued. */
static bool await_running(struct device_gpu *gpu, struct device_finding *out)
{
    const char *running = gpu->running ? gpu->running : "(one of several)";
    int result = gpu_wait(gpu);
    gpu->running = NULL;
    return result == GPU_SUCCESS || launch_failed(gpu, running, result, out);
}

/* Waits between steps, so that a failure is that step's; not behind the last one. */
static bool start_steps(struct device_gpu *gpu, const struct plan *plan,
                        void *const function[OP_MAX_STEPS], struct device_finding *out)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (i && !await_running(gpu, out))
            return false;
        int result = gpu_launch_step(&gpu->api, &plan->step[i], function[i], gpu->stream);
        if (result != GPU_SUCCESS) /* or it is what ran before that has failed */
            return await_running(gpu, out) && refused(gpu, &plan->step[i], result, out);
        gpu->running = step_name(&plan->step[i]);
    }
    return true;
}

static bool capture_refused(struct device_gpu *gpu, const char *what, int result,
                            struct device_finding *out)
{
    snprintf(out->text, sizeof(out->text), "%s cannot be captured into a graph: %s", what,
             gpu_error_name(&gpu->api, result));
    return found(out, VERDICT_FAULT, DETECTOR_LAUNCH, "capture refused");
}

void gpu_drop_graph(struct device_gpu *gpu)
{
    if (gpu->graph)
        gpu->api.graph_exec_destroy(gpu->graph);
    gpu->graph = NULL;
}

static bool capture(struct device_gpu *gpu, const struct plan *plan,
                    void *const function[OP_MAX_STEPS], struct device_finding *out)
{
    void *graph = NULL;
    const char *what = "the plan";
    gpu_drop_graph(gpu);
    int result = gpu->api.capture_begin(gpu->stream, GPU_CAPTURE_RELAXED);
    for (size_t i = 0; result == GPU_SUCCESS && i < plan->count; i++) {
        what = step_name(&plan->step[i]);
        result = gpu_launch_step(&gpu->api, &plan->step[i], function[i], gpu->stream);
    }
    int ended = gpu->api.capture_end(gpu->stream, &graph);
    if (result == GPU_SUCCESS)
        result = ended;
    if (result == GPU_SUCCESS)
        result = gpu->api.graph_instantiate(&gpu->graph, graph, 0);
    if (graph)
        gpu->api.graph_destroy(graph);
    return result == GPU_SUCCESS || capture_refused(gpu, what, result, out);
}

static bool replay(struct device_gpu *gpu, struct device_finding *out)
{
    int result = gpu->api.graph_launch(gpu->graph, gpu->stream);
    if (result != GPU_SUCCESS)
        return capture_refused(gpu, "the launch of the graph", result, out);
    result = gpu_wait(gpu);
    return result == GPU_SUCCESS || launch_failed(gpu, "the captured graph", result, out);
}

static bool launch_as(struct device_gpu *gpu, const struct device_run *run,
                      struct device_finding *out)
{
    void *function[OP_MAX_STEPS] = {NULL};
    struct error err;
    if (run->launch != LAUNCH_REPLAY && !find_functions(gpu, run->plan, function, &err))
        return harness_error(out, &err);
    switch (run->launch) {
    case LAUNCH_EAGER:
        return start_steps(gpu, run->plan, function, out) && await_running(gpu, out);
    case LAUNCH_CAPTURE:
        return capture(gpu, run->plan, function, out) && replay(gpu, out);
    case LAUNCH_REPLAY:
        return replay(gpu, out);
    }
    return false;
}

/* --- Memory of the driver --- */

/* Loading a kernel and launching it for the first time makes the driver allocate for its code and
 * the private memory of its threads; tensors are placed before and stay. What is free before such a
 * launch; 0 when there is nothing new in the plan, or the device does not say. */
static uint64_t memory_before(struct device_gpu *gpu, const struct plan *plan)
{
    size_t left, all;
    bool new = false;
    for (size_t i = 0; i < plan->count; i++)
        new |=
            plan->step[i].kind == STEP_KERNEL && !gpu_code_loaded(&gpu->code, plan->step[i].kernel);
    return new && gpu->api.mem_info(&left, &all) == GPU_SUCCESS ? left : 0;
}

static void memory_behind(struct device_gpu *gpu, uint64_t before)
{
    size_t left, all;
    if (before && gpu->api.mem_info(&left, &all) == GPU_SUCCESS && left < before)
        gpu->driver_memory += before - left;
}

/* --- Functions of the driver --- */

/* What the supervisor must know if this process does not come back. */
static void note_arena(struct device_gpu *gpu)
{
    if (gpu->note)
        gpu->note->arena = gpu->arena;
}

bool gpu_run(struct device *device, const struct device_run *run, struct device_finding *out)
{
    struct device_gpu *gpu = gpu_of(device);
    *out = (struct device_finding){.granule = 1};
    note_arena(gpu);
    uint64_t before = run->launch == LAUNCH_REPLAY ? 0 : memory_before(gpu, run->plan);
    if (!launch_as(gpu, run, out))
        return false;
    memory_behind(gpu, before);
    return true;
}

bool gpu_start(struct device *device, const struct plan *plan, struct device_finding *out)
{
    struct device_gpu *gpu = gpu_of(device);
    void *function[OP_MAX_STEPS] = {NULL};
    struct error err;
    *out = (struct device_finding){.granule = 1};
    note_arena(gpu);
    uint64_t before = memory_before(gpu, plan);
    if (!find_functions(gpu, plan, function, &err))
        return harness_error(out, &err);
    if (!start_steps(gpu, plan, function, out) || (before && !await_running(gpu, out)))
        return false;
    memory_behind(gpu, before);
    return true;
}

bool gpu_await(struct device *device, struct device_finding *out)
{
    *out = (struct device_finding){.granule = 1};
    return await_running(gpu_of(device), out);
}

bool gpu_enqueue(struct device *device, const struct plan *plan, struct error *err)
{
    struct device_gpu *gpu = gpu_of(device);
    void *function[OP_MAX_STEPS] = {NULL};
    uint64_t before = memory_before(gpu, plan);
    if (!find_functions(gpu, plan, function, err))
        return false;
    for (size_t i = 0; i < plan->count; i++)
        if (!gpu_good(&gpu->api,
                      gpu_launch_step(&gpu->api, &plan->step[i], function[i], gpu->stream),
                      step_name(&plan->step[i]), err))
            return false;
    if (before && !gpu_good(&gpu->api, gpu_wait(gpu), "launch a check", err))
        return false;
    memory_behind(gpu, before);
    return true;
}
