/*
 * A GPU as a device. Tensors are written and judged on the host: each goes to the GPU's guarded
 * memory whole, canaries included, and comes back. What the kernels see is the GPU's memory alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/gpu/arena.h"
#include "harness/gpu/code.h"
#include "harness/gpu/fault.h"
#include "harness/gpu/launch.h"
#include "harness/run/crash.h"
#include "harness/run/device.h"

/* STAGING bytes of pinned memory; large tensors pass through its halves. */
enum { PAGE = 4096, STAGING = 16 << 20, CHUNK = STAGING / 2 };

enum { MAX_PENDING = 3 * ARENA_SLOTS };

/* Untouched pages of a large output, on the GPU; the host's arena has zeros there. */
enum { UNTOUCHED = 0xa5 };

/* Device memory above this is given back behind the case that needed it. */
#define RESIDENT_LIMIT ((size_t)4 << 30)

#define SPIN_SECONDS   200e-6
#define SETTLE_SECONDS 1.0

/* A tensor as the host's arena holds it. */
struct held {
    unsigned char *host;
    size_t bytes, before, behind;
    bool sparse, input;
};

/* A copy from the device that has been enqueued: it goes to the staging memory first, because
 * copies to pinned memory do not wait for each other. */
struct pending {
    void *to;
    size_t at, bytes; /* in the staging memory */
};

struct device_gpu {
    struct device device;
    struct gpu_api api;
    struct gpu_arena arena;
    struct gpu_code code;
    struct held held[ARENA_SLOTS];
    void *stream, *graph;
    unsigned char *staging;
    struct pending pending[MAX_PENDING];
    size_t n_pending, staged;
    double timeout_s;
    struct crash_note *note;
    uint64_t driver_memory; /* see struct device_memory */
    int log;                /* the kernel's, or -1 */
};

static struct device_gpu *gpu_of(struct device *device)
{
    return (struct device_gpu *)device;
}

/* --- Waiting --- */

/* The result of all that was enqueued; GPU_NOT_READY when the time is up. A launch that never ends
 * blocks every call that waits inside the runtime, so this one asks again and again. */
static int wait_for(struct device_gpu *gpu, double seconds)
{
    const double start = clock_seconds();
    for (;;) {
        int result = gpu->api.stream_query(gpu->stream);
        double waited = clock_seconds() - start;
        if (result != GPU_NOT_READY || waited > seconds)
            return result;
        if (waited > SPIN_SECONDS)
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
}

/* --- Tensors --- */

static bool place(struct device *device, unsigned slot, enum arena_side side,
                  enum arena_access access, struct arena_buffer *buffer, struct error *err)
{
    struct device_gpu *gpu = gpu_of(device);
    struct held *held = &gpu->held[slot];
    struct gpu_placement p = {.bytes = buffer->bytes, .side = side, .access = access};
    uint64_t address;
    arena_zones(device->arena, slot, &p.before, &p.behind);
    *held = (struct held){.host = buffer->host,
                          .bytes = p.bytes,
                          .before = p.before,
                          .behind = p.behind,
                          .sparse = buffer->sparse,
                          .input = access == ARENA_READ_ONLY};
    if (!gpu_arena_place(&gpu->arena, slot, &p, &address, err))
        return false;
    buffer->device = (void *)(uintptr_t)address; /* NOLINT: the kernel's pointer */
    return true;
}

static bool copy_in(struct device_gpu *gpu, uint64_t to, const void *from, size_t bytes,
                    struct error *err)
{
    return !bytes || gpu_good(&gpu->api, gpu->api.copy_in(to, from, bytes, gpu->stream),
                              "copy to the device", err);
}

static bool start_copy(struct device_gpu *gpu, void *to, uint64_t from, size_t bytes,
                       struct error *err)
{
    return gpu_good(&gpu->api, gpu->api.copy_out(to, from, bytes, gpu->stream),
                    "copy from the device", err);
}

static bool end_copies(struct device_gpu *gpu, struct error *err)
{
    return gpu_good(&gpu->api, wait_for(gpu, gpu->timeout_s), "copy from the device", err);
}

static bool finish(struct device *device, struct error *err)
{
    struct device_gpu *gpu = gpu_of(device);
    size_t n = gpu->n_pending;
    gpu->n_pending = gpu->staged = 0;
    if (!end_copies(gpu, err))
        return false;
    for (size_t i = 0; i < n; i++)
        memcpy(gpu->pending[i].to, gpu->staging + gpu->pending[i].at, gpu->pending[i].bytes);
    return true;
}

/* Enqueues a copy to the host, which is there when finish() has returned. */
static bool copy_out(struct device_gpu *gpu, void *to, uint64_t from, size_t bytes,
                     struct error *err)
{
    if (!bytes)
        return true;
    if (bytes > STAGING)
        return start_copy(gpu, to, from, bytes, err);
    if ((bytes > STAGING - gpu->staged || gpu->n_pending == MAX_PENDING) &&
        !finish(&gpu->device, err))
        return false;
    gpu->pending[gpu->n_pending++] = (struct pending){to, gpu->staged, bytes};
    gpu->staged += bytes;
    return start_copy(gpu, gpu->staging + gpu->staged - bytes, from, bytes, err);
}

/* Sends the pages that the host has touched, over a fill for all the others. */
static bool send_sparse(struct device_gpu *gpu, unsigned slot, struct error *err)
{
    const struct held *held = &gpu->held[slot];
    uint64_t to = gpu_arena_address(&gpu->arena, slot);
    size_t begin, end = 0;
    unsigned char fill = held->input ? 0 : UNTOUCHED;
    if (!gpu_good(&gpu->api, gpu->api.memset8(to, fill, held->bytes, gpu->stream),
                  "fill device memory", err))
        return false;
    while (arena_touched(gpu->device.arena, slot, end, &begin, &end))
        if (!copy_in(gpu, to + begin, held->host + begin, end - begin, err))
            return false;
    return copy_in(gpu, to - held->before, held->host - held->before, held->before, err) &&
           copy_in(gpu, to + held->bytes, held->host + held->bytes, held->behind, err);
}

static bool send(struct device *device, unsigned slot, struct error *err)
{
    struct device_gpu *gpu = gpu_of(device);
    const struct held *held = &gpu->held[slot];
    if (!held->bytes)
        return true;
    if (held->sparse)
        return send_sparse(gpu, slot, err);
    return copy_in(gpu, gpu_arena_address(&gpu->arena, slot) - held->before,
                   held->host - held->before, held->before + held->bytes + held->behind, err);
}

/* Whether a piece of a page is as send_sparse() left what the host had not touched. */
static bool untouched(const unsigned char *at, size_t bytes)
{
    return at[0] == UNTOUCHED && !memcmp(at, at + 1, bytes - 1);
}

/* Copies to the host what was touched there before or on the GPU, so that the host's arena knows
 * every page that either has. The `chunk` bytes from byte `at` of the tensor lie at `staged`. */
static void take_chunk(struct device_gpu *gpu, unsigned slot, const unsigned char *staged,
                       size_t at, size_t chunk)
{
    const struct held *held = &gpu->held[slot];
    size_t begin = 0, end = 0, piece;
    bool more = true;
    for (size_t done = 0; done < chunk; done += piece) {
        size_t in_page = (uintptr_t)(held->host + at + done) % PAGE;
        piece = PAGE - in_page < chunk - done ? PAGE - in_page : chunk - done;
        while (more && end <= at + done)
            more = arena_touched(gpu->device.arena, slot, at + done, &begin, &end);
        bool known = more && begin < at + done + piece;
        if (known || !untouched(staged + done, piece))
            memcpy(held->host + at + done, staged + done, piece);
    }
}

/* Copies one half of the staging memory full while the other is looked through. */
static bool fetch_sparse(struct device_gpu *gpu, unsigned slot, struct error *err)
{
    const struct held *held = &gpu->held[slot];
    uint64_t from = gpu_arena_address(&gpu->arena, slot);
    unsigned char *half[2] = {gpu->staging, gpu->staging + CHUNK};
    size_t before = 0;
    if (!finish(&gpu->device, err))
        return false;
    for (size_t at = 0, turn = 0; before < held->bytes; turn ^= 1) {
        size_t chunk = held->bytes - at < CHUNK ? held->bytes - at : CHUNK;
        if (!end_copies(gpu, err) || (chunk && !start_copy(gpu, half[turn], from + at, chunk, err)))
            return false;
        if (at > before)
            take_chunk(gpu, slot, half[turn ^ 1], before, at - before);
        before = at;
        at += chunk;
        if (!chunk)
            break;
    }
    return true;
}

static bool fetch(struct device *device, unsigned slot, bool content, struct error *err)
{
    struct device_gpu *gpu = gpu_of(device);
    const struct held *held = &gpu->held[slot];
    uint64_t from = gpu_arena_address(&gpu->arena, slot);
    if (!held->bytes)
        return true;
    if (content && !held->sparse)
        return copy_out(gpu, held->host - held->before, from - held->before,
                        held->before + held->bytes + held->behind, err);
    return (!content || fetch_sparse(gpu, slot, err)) &&
           copy_out(gpu, held->host - held->before, from - held->before, held->before, err) &&
           copy_out(gpu, held->host + held->bytes, from + held->bytes, held->behind, err);
}

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
                           void *function[OP_MAX_STEPS], struct device_finding *out)
{
    struct error err;
    for (size_t i = 0; i < plan->count; i++)
        if (plan->step[i].kind == STEP_KERNEL &&
            !gpu_code_function(&gpu->code, plan->step[i].kernel, &function[i], &err))
            return harness_error(out, &err);
    return true;
}

static const char *step_name(const struct step *step)
{
    return step->kind == STEP_KERNEL ? step->kernel->name : "memset";
}

/* Waits behind every step, so that a failure is that step's. */
static bool launch_eager(struct device_gpu *gpu, const struct plan *plan,
                         struct device_finding *out)
{
    void *function[OP_MAX_STEPS] = {NULL};
    if (!find_functions(gpu, plan, function, out))
        return false;
    int result = wait_for(gpu, gpu->timeout_s); /* the copies before it */
    if (result != GPU_SUCCESS)
        return launch_failed(gpu, "copy to the device", result, out);
    for (size_t i = 0; i < plan->count; i++) {
        result = gpu_launch_step(&gpu->api, &plan->step[i], function[i], gpu->stream);
        if (result != GPU_SUCCESS)
            return refused(gpu, &plan->step[i], result, out);
        result = wait_for(gpu, gpu->timeout_s);
        if (result != GPU_SUCCESS)
            return launch_failed(gpu, step_name(&plan->step[i]), result, out);
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

static void drop_graph(struct device_gpu *gpu)
{
    if (gpu->graph)
        gpu->api.graph_exec_destroy(gpu->graph);
    gpu->graph = NULL;
}

static bool capture(struct device_gpu *gpu, const struct plan *plan, struct device_finding *out)
{
    void *function[OP_MAX_STEPS] = {NULL}, *graph = NULL;
    const char *what = "the plan";
    drop_graph(gpu);
    if (!find_functions(gpu, plan, function, out))
        return false;
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
    result = wait_for(gpu, gpu->timeout_s);
    return result == GPU_SUCCESS || launch_failed(gpu, "the captured graph", result, out);
}

static bool launch_as(struct device_gpu *gpu, const struct device_run *run,
                      struct device_finding *out)
{
    switch (run->launch) {
    case LAUNCH_EAGER:
        return launch_eager(gpu, run->plan, out);
    case LAUNCH_CAPTURE:
        return capture(gpu, run->plan, out) && replay(gpu, out);
    case LAUNCH_REPLAY:
        return replay(gpu, out);
    }
    return false;
}

/* 0 when the device does not say. */
static uint64_t free_memory(struct device_gpu *gpu)
{
    size_t left, all;
    return gpu->api.mem_info(&left, &all) == GPU_SUCCESS ? left : 0;
}

static bool has_new_kernel(const struct device_gpu *gpu, const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->step[i].kind == STEP_KERNEL && !gpu_code_loaded(&gpu->code, plan->step[i].kernel))
            return true;
    return false;
}

/* Loading a kernel and launching it for the first time makes the driver allocate for its code and
 * the private memory of its threads; tensors are placed before and stay. */
static bool launch(struct device *device, const struct device_run *run, struct device_finding *out)
{
    struct device_gpu *gpu = gpu_of(device);
    *out = (struct device_finding){.granule = 1};
    if (gpu->note)
        gpu->note->arena = gpu->arena;
    if (run->launch == LAUNCH_REPLAY || !has_new_kernel(gpu, run->plan))
        return launch_as(gpu, run, out);
    uint64_t before = free_memory(gpu);
    if (!launch_as(gpu, run, out))
        return false;
    uint64_t after = free_memory(gpu);
    if (after < before)
        gpu->driver_memory += before - after;
    return true;
}

/* --- Opening and closing --- */

static size_t resident(const struct device *device)
{
    return gpu_arena_resident(&((const struct device_gpu *)device)->arena);
}

static void trim(struct device *device)
{
    struct device_gpu *gpu = gpu_of(device);
    if (gpu_arena_resident(&gpu->arena) > RESIDENT_LIMIT)
        gpu_arena_trim(&gpu->arena);
}

/* What other processes had may come back behind their end: waits until no more does. */
static bool give_back(struct device *device, struct device_memory *memory, struct error *err)
{
    struct device_gpu *gpu = gpu_of(device);
    size_t left = 0, all, before;
    double end = clock_seconds() + SETTLE_SECONDS;
    drop_graph(gpu);
    gpu_arena_release(&gpu->arena);
    do {
        before = left;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        if (!gpu_good(&gpu->api, gpu->api.mem_info(&left, &all), "ask for free memory", err))
            return false;
    } while (left > before && clock_seconds() < end);
    *memory = (struct device_memory){.free = left, .driver = gpu->driver_memory};
    return true;
}

static void close_gpu(struct device *device)
{
    struct device_gpu *gpu = gpu_of(device);
    drop_graph(gpu);
    gpu_arena_release(&gpu->arena);
    gpu_code_release(&gpu->code);
    if (gpu->log >= 0)
        close(gpu->log);
    gpu->api.host_free(gpu->staging);
    free(gpu);
}

/* Settings that make a runtime hide, delay or swallow a fault, or load foreign code into the
 * process. */
static void scrub_environment(void)
{
    static const char *const names[] = {
        "CUDA_ENABLE_COREDUMP_ON_EXCEPTION",
        "CUDA_ENABLE_LIGHTWEIGHT_COREDUMP",
        "CUDA_ENABLE_CPU_COREDUMP_ON_EXCEPTION",
        "CUDA_ENABLE_USER_TRIGGERED_COREDUMP",
        "CUDA_COREDUMP_FILE",
        "CUDA_COREDUMP_PIPE",
        "CUDA_COREDUMP_GENERATION_FLAGS",
        "CUDA_DEVICE_WAITS_ON_EXCEPTION",
        "CUDA_INJECTION64_PATH",
        "NVTX_INJECTION64_PATH",
        "HSA_ENABLE_DEBUG",
        "HSA_TOOLS_LIB",
        "HSA_XNACK",
        "HIP_LAUNCH_BLOCKING",
        "ROCP_TOOL_LIB",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
}

static const struct device_driver driver = {.place = place,
                                            .send = send,
                                            .launch = launch,
                                            .fetch = fetch,
                                            .finish = finish,
                                            .resident = resident,
                                            .trim = trim,
                                            .give_back = give_back,
                                            .close = close_gpu};

static bool describe(struct device_gpu *gpu, struct error *err)
{
    uint64_t hash;
    size_t files, free_bytes, all_bytes;
    if (!gpu_code_hash(gpu->api.arch, &hash, &files, err) ||
        !gpu_good(&gpu->api, gpu->api.mem_info(&free_bytes, &all_bytes), "ask for its memory", err))
        return false;
    snprintf(gpu->device.text, sizeof(gpu->device.text),
             "%.90s, %.30s, %.1f GiB, waves of %u lanes, code %016" PRIx64
             " (%zu objects), fault addresses %s",
             gpu->api.name, gpu->api.arch, (double)all_bytes / (1 << 30), gpu->api.wave, hash,
             files,
             gpu->api.vendor == GPU_HIP ? "from the runtime"
             : gpu->log >= 0            ? "from the kernel log"
                                        : "unknown: no kernel log");
    return true;
}

struct device *device_gpu_open(const struct device_options *options, struct arena *arena,
                               struct error *err)
{
    struct device_gpu *gpu = calloc(1, sizeof(*gpu));
    if (!gpu) {
        error_set(err, ERROR_INTERNAL, "no memory for a device");
        return NULL;
    }
    gpu->device = (struct device){.driver = &driver, .arena = arena};
    gpu->timeout_s = options->timeout_s;
    gpu->note = options->note;
    scrub_environment();
    gpu->log = gpu_fault_log_open();
    gpu_code_init(&gpu->code, &gpu->api);
    if (gpu_open(&gpu->api, options->id.kind == DEVICE_CUDA ? GPU_CUDA : GPU_HIP, options->id.index,
                 err) &&
        gpu_good(&gpu->api, gpu->api.stream_create(&gpu->stream, 0), "create a stream", err) &&
        gpu_good(&gpu->api, gpu->api.host_alloc((void **)&gpu->staging, STAGING, 0),
                 "allocate pinned memory", err) &&
        gpu_arena_init(&gpu->arena, &gpu->api, err) && describe(gpu, err))
        return &gpu->device;
    if (gpu->log >= 0)
        close(gpu->log);
    free(gpu);
    return NULL;
}
