/*
 * A GPU as a device: opened, its memory, closed. What the kernels see is the GPU's memory alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/gpu/fault.h"
#include "harness/gpu/state.h"

#define SETTLE_SECONDS 1.0

static size_t resident(const struct device *device)
{
    const struct device_gpu *gpu = (const struct device_gpu *)device;
    return gpu_arena_resident(&gpu->arena) + gpu_arena_resident(&gpu->pads);
}

static void *pad(struct device *device, enum device_pad which, size_t bytes, struct error *err)
{
    const struct gpu_placement p = {.bytes = bytes ? bytes : 1, .side = ARENA_LEFT};
    uint64_t address;
    if (!gpu_arena_place(&gpu_of(device)->pads, which, &p, &address, err))
        return NULL;
    return (void *)(uintptr_t)address; /* NOLINT: device memory */
}

static void trim(struct device *device, size_t limit)
{
    struct device_gpu *gpu = gpu_of(device);
    if (resident(device) <= limit)
        return;
    gpu_arena_trim(&gpu->arena);
    gpu_arena_trim(&gpu->pads);
}

/* What other processes had may come back behind their end: waits until no more does. */
static bool give_back(struct device *device, struct device_memory *memory, struct error *err)
{
    struct device_gpu *gpu = gpu_of(device);
    size_t left = 0, all, before;
    double end = clock_seconds() + SETTLE_SECONDS;
    gpu_drop_graph(gpu);
    gpu_arena_release(&gpu->arena);
    gpu_arena_release(&gpu->pads);
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
    gpu_drop_graph(gpu);
    gpu_arena_release(&gpu->arena);
    gpu_arena_release(&gpu->pads);
    gpu_code_release(&gpu->code);
    if (gpu->log >= 0)
        close(gpu->log);
    gpu->api.host_free(gpu->inbox);
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
        "HIP_SKIP_ABORT_ON_GPU_ERROR",
        "ROCP_TOOL_LIB",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
}

static const struct device_driver driver = {.place = gpu_place,
                                            .send = gpu_send,
                                            .launch = gpu_run,
                                            .fetch = gpu_fetch,
                                            .finish = gpu_finish,
                                            .spot = gpu_spot,
                                            .pad = pad,
                                            .write = gpu_write,
                                            .read = gpu_read,
                                            .enqueue = gpu_enqueue,
                                            .start = gpu_start,
                                            .await = gpu_await,
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
        gpu_good(&gpu->api, gpu->api.host_alloc((void **)&gpu->inbox, GPU_INBOX + GPU_OUTBOX, 0),
                 "allocate pinned memory", err) &&
        gpu_arena_init(&gpu->arena, &gpu->api, err) && gpu_arena_init(&gpu->pads, &gpu->api, err) &&
        describe(gpu, err)) {
        gpu->outbox = gpu->inbox + GPU_INBOX;
        return &gpu->device;
    }
    if (gpu->log >= 0)
        close(gpu->log);
    free(gpu);
    return NULL;
}
