/*
 * A stand-in for libcuda.so.1 (and with FAKE_HIP for libamdhip64.so), so that everything above the
 * driver can be tested without a GPU. It has two devices of architecture sm_00 with waves of 32
 * lanes. Device memory is a memory file mapped as asked for; a kernel is the program's own CPU
 * kernel of that name, run by the CPU device's executor when it is launched. A kernel that faults
 * makes the context useless for good, with the error code that the real driver gives, and the
 * address in a file in place of the kernel log
 * ($HARNESS_KERNEL_LOG). $FAKE_DEVICES is another number of devices to pretend, or "dies";
 * with $FAKE_LEAK, memory that is released is not free again; $FAKE_MEMORY is the MiB that a device
 * has; with $FAKE_BLIND, kernels that scan and compare do nothing; with $FAKE_PLACELESS, those that
 * compare forget where; $FAKE_FLAKY is a file that the next kernel under test takes away, and
 * traps; $FAKE_READS is a file that gets a line for each copy to the host, its bytes.
 *
 * It knows what the function table of harness/gpu/runtime.h uses, and of that only what our calls
 * need. What is out of order is answered by an error, as there.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cpu/exec.h"
#include "harness/gpu/check.h"
#include "harness/gpu/runtime.h"

enum {
    DEVICES = 2,
    WAVE = 32,
    GRANULARITY = 2 << 20,
    MAX_KERNELS = 256,
    MAX_COMMANDS = 32,
    ARGS = 256
};
enum { BAD_DEVICE = 101, BAD_IMAGE = 200, BAD_CONTEXT = 201, CAPTURING = 900 };

static size_t allocated; /* bytes of device memory */
#if defined(FAKE_HIP)
#define FAKE_MAGIC  "\177ELF"
#define FAKE_MUTANT fake_hip_mutant
#else
#define FAKE_MAGIC  "fake "
#define FAKE_MUTANT fake_cuda_mutant
#endif

static int broken; /* the error that every call gives since a kernel failed */

/* A launch, a memset or a copy, as it is enqueued. */
struct command {
    const struct kernel *kernel; /* NULL: a memset */
    uint32_t grid[3], block[3];
    size_t dynamic_lds;
    _Alignas(16) unsigned char args[ARGS];
    uint64_t target;
    unsigned char value;
    size_t bytes;
};

struct graph {
    struct command command[MAX_COMMANDS];
    unsigned count;
};

static struct graph *capturing;

static int init(unsigned flags)
{
    return flags ? GPU_INVALID_VALUE : GPU_SUCCESS;
}

static int device_count(int *count)
{
    const char *wish = getenv("FAKE_DEVICES");
    if (wish && !strcmp(wish, "dies"))
        abort();
    *count = wish ? (int)strtol(wish, NULL, 10) : DEVICES;
    return GPU_SUCCESS;
}

static int device_get(int *device, int ordinal)
{
    *device = ordinal;
    return ordinal < DEVICES ? GPU_SUCCESS : BAD_DEVICE;
}

static int device_name(char *name, int size, int device)
{
    snprintf(name, (size_t)size, "Fake GPU %d", device);
    return GPU_SUCCESS;
}

static int error_name(int result, const char **name)
{
    static char text[40];
    snprintf(text, sizeof(text), "FAKE_ERROR_%d", result);
    *name = text;
    return GPU_SUCCESS;
}

static size_t memory(void)
{
    const char *wish = getenv("FAKE_MEMORY");
    return wish ? strtoul(wish, NULL, 10) << 20 : (size_t)16 << 30;
}

static int mem_info(size_t *free_bytes, size_t *all_bytes)
{
    *all_bytes = memory();
    *free_bytes = *all_bytes - allocated;
    return GPU_SUCCESS;
}

static int host_alloc(void **memory, size_t size, unsigned flags)
{
    *memory = flags ? NULL : malloc(size);
    return *memory ? GPU_SUCCESS : GPU_NO_MEMORY;
}

static int host_free(void *memory)
{
    free(memory);
    return GPU_SUCCESS;
}

static int retain(void **context, int device)
{
    *context = &broken;
    return device < DEVICES ? GPU_SUCCESS : GPU_INVALID_VALUE;
}

static int set_current(void *context)
{
    return context == &broken ? GPU_SUCCESS : BAD_CONTEXT;
}

static int attribute(int *value, int which, int device)
{
    (void)device;
    *value = which == 10 ? WAVE : 0; /* and capability 0.0 */
    return GPU_SUCCESS;
}

/* --- Modules: a code object is the word "fake" and the names of its kernels --- */

static int module_load(void **module, const void *image)
{
    *module = (void *)image; /* NOLINT: a handle */
    return strncmp(image, FAKE_MAGIC, strlen(FAKE_MAGIC)) != 0 ? BAD_IMAGE : GPU_SUCCESS;
}

/* The program's own CPU kernels of those names. */
static unsigned kernels_of(const char *image, void **kernel, unsigned max)
{
    char names[1024];
    unsigned n = 0;
    snprintf(names, sizeof(names), "%s", image);
    for (char *rest, *name = strtok_r(names, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        char symbol[256];
        snprintf(symbol, sizeof(symbol), "kernel_%s", name);
        void *found = dlsym(RTLD_DEFAULT, symbol);
        if (found && n < max)
            kernel[n++] = found;
    }
    return n;
}

static int function_count(unsigned *count, void *module)
{
    void *kernel[MAX_KERNELS];
    *count = kernels_of(module, kernel, MAX_KERNELS);
    return GPU_SUCCESS;
}

static int functions(void **function, unsigned count, void *module)
{
    return kernels_of(module, function, count) == count ? GPU_SUCCESS : GPU_INVALID_VALUE;
}

/* As a C++ compiler names it. */
static int function_name(const char **name, void *function)
{
    static char text[300];
    const struct kernel *kernel = function;
    snprintf(text, sizeof(text), "_Z%zu%s4args", strlen(kernel->name), kernel->name);
    *name = text;
    return GPU_SUCCESS;
}

static int module_function(void **function, void *module, const char *name)
{
    char symbol[256];
    (void)module;
    snprintf(symbol, sizeof(symbol), "kernel_%s", name);
    *function = dlsym(RTLD_DEFAULT, symbol);
    return *function ? GPU_SUCCESS : GPU_NOT_FOUND;
}

static int set_function(void *function, int which, int value)
{
    (void)function, (void)which, (void)value;
    return GPU_SUCCESS;
}

/* --- Running --- */

#if defined(FAKE_HIP)
static int set_device(int device)
{
    return device < DEVICES ? GPU_SUCCESS : BAD_DEVICE;
}

static int properties(union gpu_hip_properties *out, int device)
{
    static const int wave = WAVE;
    memcpy(out->byte + GPU_HIP_WARP_SIZE, &wave, sizeof(wave));
    snprintf((char *)out->byte + GPU_HIP_ARCH, GPU_HIP_ARCH_SIZE, "gfx000:xnack-");
    return set_device(device);
}

/* As ROCm's runtime ends its process. */
static int memory_fault(const struct cpu_finding *f)
{
    fprintf(stderr,
            "Memory access fault by GPU node-1 (Agent handle: 0x1000) on address 0x%" PRIxPTR
            ". Reason: Page not present or supervisor privilege.\n",
            f->address & ~(uintptr_t)0xfff);
    abort();
}

static int exception(void)
{
    fprintf(stderr, ":0:rocdevice.cpp :3587: 1d us:  Callback: Queue 0x1000 aborting with error : "
                    "HSA_STATUS_ERROR_EXCEPTION: An HSAIL operation resulted in a hardware "
                    "exception. code: 0x1016\n");
    abort();
}
#else
static void log_fault(const struct cpu_finding *f)
{
    const char *path = getenv("HARNESS_KERNEL_LOG");
    int log = path ? open(path, O_WRONLY | O_APPEND) : -1;
    if (log < 0)
        return;
    if (f->in_lds)
        dprintf(
            log,
            "3,1,1,-;NVRM: Xid (PCI:0000:00:00): 13, pid=%d, Graphics SM Warp Exception on (GPC "
            "0, TPC 0, SM 0): Out Of Range Address\n",
            (int)getpid());
    else
        dprintf(log,
                "3,1,1,-;NVRM: Xid (PCI:0000:00:00): 31, pid=%d, MMU Fault: faulted @ 0x%" PRIxPTR
                "_%08" PRIxPTR ". Fault is of type FAULT_PDE ACCESS_TYPE_VIRT_%s\n",
                (int)getpid(), f->address >> 32, f->address & 0xfffff000u,
                f->is_write ? "WRITE" : "READ");
    close(log);
}

static int memory_fault(const struct cpu_finding *f)
{
    log_fault(f);
    return broken = GPU_ILLEGAL_ADDRESS;
}

static int exception(void)
{
    return broken = GPU_LAUNCH_FAILED;
}
#endif

/* Zeros in whole pages are holes of the memory file, which cost nothing. */
static void fill(uint64_t target, unsigned char value, size_t bytes)
{
    enum { PAGE = 4096 };
    unsigned char *at = (unsigned char *)(uintptr_t)target; /* NOLINT: device memory */
    size_t before = -target % PAGE, pages;
    if (before > bytes)
        before = bytes;
    pages = (bytes - before) / PAGE * PAGE;
    if (value || madvise(at + before, pages, MADV_REMOVE)) {
        memset(at, value, bytes);
        return;
    }
    memset(at, value, before);
    memset(at + before + pages, value, bytes - before - pages);
}

static void forget_places(const struct command *c)
{
    const struct check_args *args = (const struct check_args *)c->args;
    for (uint32_t i = 0; i < c->grid[1]; i++) {
        unsigned char *at = (unsigned char *)args->result + check_results_bytes(args->table, i);
        ((struct check_result *)at)->first = ~CHECK_NOWHERE;
    }
}

/* Whether the launch is to fail, this once. */
static bool flaky(const struct command *c)
{
    const char *file = getenv("FAKE_FLAKY");
    return file && c->kernel && strncmp(c->kernel->name, "check_", 6) != 0 && !unlink(file);
}

static int run(const struct command *c)
{
    struct cpu_finding finding;
    struct cpu_launch launch = {.kernel = c->kernel,
                                .args = c->args,
                                .grid = {c->grid[0], c->grid[1], c->grid[2]},
                                .block = {c->block[0], c->block[1], c->block[2]},
                                .dynamic_lds = c->dynamic_lds,
                                .wave_size = WAVE,
                                .time_limit_s = 1};
    if (flaky(c))
        return exception();
    if (c->kernel && getenv("FAKE_BLIND") &&
        (strstr(c->kernel->name, "judge") || strstr(c->kernel->name, "scan")))
        return GPU_SUCCESS;
    if (c->kernel && !strncmp(c->kernel->name, "check_", 6))
        launch.time_limit_s = 60; /* gigabytes take a processor some time */
    if (!c->kernel) {
        fill(c->target, c->value, c->bytes);
        return GPU_SUCCESS;
    }
    switch (cpu_run(&launch, &finding)) {
    case CPU_DONE:
        if (getenv("FAKE_PLACELESS") && strstr(c->kernel->name, "judge"))
            forget_places(c);
        return GPU_SUCCESS;
    case CPU_MISUSE:
        return GPU_INVALID_VALUE;
    case CPU_FAULT:
        return memory_fault(&finding);
    case CPU_TIMEOUT:
        return broken = GPU_NOT_READY; /* forever */
    default:
        return exception();
    }
}

/* A kernel's failure shows when somebody waits, unless the launch itself is impossible. */
static int enqueue(const struct command *c)
{
    if (broken)
        return broken;
    if (!capturing) {
        int result = run(c);
        return result == GPU_INVALID_VALUE ? result : GPU_SUCCESS;
    }
    if (capturing->count == MAX_COMMANDS)
        return GPU_NO_MEMORY;
    capturing->command[capturing->count++] = *c;
    return GPU_SUCCESS;
}

static int launch(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                  unsigned bz, unsigned lds, void *stream, void **args, void **extra)
{
    struct command c = {
        .kernel = function, .grid = {gx, gy, gz}, .block = {bx, by, bz}, .dynamic_lds = lds};
    if (!stream || extra || (uint64_t)bx * by * bz > 1024 || c.kernel->args_size > ARGS)
        return GPU_INVALID_VALUE;
    memcpy(c.args, args[0], c.kernel->args_size);
    return enqueue(&c);
}

static int memset8(uint64_t target, unsigned char value, size_t bytes, void *stream)
{
    struct command c = {.target = target, .value = value, .bytes = bytes};
    return stream ? enqueue(&c) : GPU_INVALID_VALUE;
}

static int copy_in(uint64_t to, const void *from, size_t bytes, void *stream)
{
    if (broken || capturing || !stream)
        return broken ? broken : CAPTURING;
    memcpy((void *)(uintptr_t)to, from, bytes); /* NOLINT: device memory */
    return GPU_SUCCESS;
}

static void note_read(size_t bytes)
{
    const char *path = getenv("FAKE_READS");
    FILE *f = path ? fopen(path, "a") : NULL;
    if (!f)
        return;
    fprintf(f, "%zu\n", bytes);
    fclose(f);
}

static int copy_out(void *to, uint64_t from, size_t bytes, void *stream)
{
    if (broken || capturing || !stream)
        return broken ? broken : CAPTURING;
    note_read(bytes);
    memcpy(to, (const void *)(uintptr_t)from, bytes); /* NOLINT: device memory */
    return GPU_SUCCESS;
}

static int copy_within(uint64_t to, uint64_t from, size_t bytes, void *stream)
{
    return copy_in(to, (const void *)(uintptr_t)from, bytes, stream); /* NOLINT: device memory */
}

static int stream_create(void **stream, unsigned flags)
{
    *stream = &broken;
    return flags ? GPU_INVALID_VALUE : GPU_SUCCESS;
}

static int stream_query(void *stream)
{
    return stream ? broken : GPU_INVALID_VALUE;
}

/* --- Graphs --- */

static int capture_begin(void *stream, int mode)
{
    if (!stream || mode != GPU_CAPTURE_RELAXED || capturing)
        return GPU_INVALID_VALUE;
    capturing = calloc(1, sizeof(*capturing));
    return capturing ? GPU_SUCCESS : GPU_NO_MEMORY;
}

static int capture_end(void *stream, void **graph)
{
    if (!stream || !capturing)
        return GPU_INVALID_VALUE;
    *graph = capturing;
    capturing = NULL;
    return GPU_SUCCESS;
}

static int graph_instantiate(void **executable, void *graph, unsigned long long flags)
{
    struct graph *copy = flags ? NULL : malloc(sizeof(*copy));
    if (!copy)
        return GPU_INVALID_VALUE;
    *copy = *(const struct graph *)graph;
    *executable = copy;
    return GPU_SUCCESS;
}

static int graph_launch(void *executable, void *stream)
{
    const struct graph *graph = executable;
    for (unsigned i = 0; stream && i < graph->count; i++) {
        int result = enqueue(&graph->command[i]);
        if (result != GPU_SUCCESS)
            return result;
    }
    return stream ? GPU_SUCCESS : GPU_INVALID_VALUE;
}

static int graph_free(void *graph)
{
    free(graph);
    return GPU_SUCCESS;
}

/* --- Virtual memory: a handle is a file descriptor plus one --- */

static int granularity(size_t *bytes, const struct gpu_prop *prop, int option)
{
    (void)prop, (void)option;
    *bytes = GRANULARITY;
    return GPU_SUCCESS;
}

static void *hide(uint64_t at, size_t size, int more)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | more;
    return mmap((void *)(uintptr_t)at, size, PROT_NONE, flags, -1, 0); /* NOLINT: an address */
}

static int reserve(uint64_t *address, size_t size, size_t align, uint64_t wish,
                   unsigned long long flags)
{
    void *at = align || wish || flags ? MAP_FAILED : hide(0, size, 0);
    *address = (uint64_t)(uintptr_t)at;
    return at == MAP_FAILED ? GPU_NO_MEMORY : GPU_SUCCESS;
}

static int unreserve(uint64_t address, size_t size)
{
    return munmap((void *)(uintptr_t)address, size) ? GPU_INVALID_VALUE : GPU_SUCCESS; /* NOLINT */
}

static int create(uint64_t *handle, size_t size, const struct gpu_prop *prop,
                  unsigned long long flags)
{
    if (size % GRANULARITY || prop->type != GPU_MEMORY_PINNED || flags)
        return GPU_INVALID_VALUE;
    if (size > memory() - allocated)
        return GPU_NO_MEMORY;
    int fd = memfd_create("fake gpu", MFD_CLOEXEC);
    *handle = (uint64_t)(fd + 1);
    allocated += size;
    return fd >= 0 && !ftruncate(fd, (off_t)size) ? GPU_SUCCESS : GPU_NO_MEMORY;
}

static int release(uint64_t handle)
{
    struct stat is;
    if (getenv("FAKE_LEAK") || fstat((int)handle - 1, &is))
        return GPU_SUCCESS;
    allocated -= (size_t)is.st_size;
    return close((int)handle - 1) ? GPU_INVALID_VALUE : GPU_SUCCESS;
}

/* Mapped memory is inaccessible until somebody gives access. */
static int map(uint64_t at, size_t size, size_t offset, uint64_t handle, unsigned long long flags)
{
    void *address = (void *)(uintptr_t)at; /* NOLINT: an address */
    if (offset || flags || size % GRANULARITY || broken)
        return broken ? broken : GPU_INVALID_VALUE;
    return mmap(address, size, PROT_NONE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, (int)handle - 1,
                0) == MAP_FAILED
               ? GPU_NO_MEMORY
               : GPU_SUCCESS;
}

static int unmap(uint64_t at, size_t size)
{
    return hide(at, size, MAP_FIXED) == MAP_FAILED ? GPU_NO_MEMORY : GPU_SUCCESS;
}

static int set_access(uint64_t at, size_t size, const struct gpu_access *access, size_t count)
{
    int protection = access->flags == GPU_ACCESS_READ_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
    void *address = (void *)(uintptr_t)at; /* NOLINT: an address */
    return count != 1 || mprotect(address, size, protection) ? GPU_INVALID_VALUE : GPU_SUCCESS;
}

/* --- The names under which the loader finds all this --- */

#define EXPORT(function, symbol) __typeof__(function) symbol __attribute__((alias(#function)))

#if defined(FAKE_HIP)
EXPORT(init, hipInit);
EXPORT(device_count, hipGetDeviceCount);
EXPORT(device_get, hipDeviceGet);
EXPORT(device_name, hipDeviceGetName);
EXPORT(error_name, hipDrvGetErrorName);
EXPORT(mem_info, hipMemGetInfo);
EXPORT(host_alloc, hipHostMalloc);
EXPORT(host_free, hipHostFree);
EXPORT(module_load, hipModuleLoadData);
EXPORT(module_function, hipModuleGetFunction);
EXPORT(launch, hipModuleLaunchKernel);
EXPORT(copy_in, hipMemcpyHtoDAsync);
EXPORT(copy_out, hipMemcpyDtoHAsync);
EXPORT(copy_within, hipMemcpyDtoDAsync);
EXPORT(memset8, hipMemsetD8Async);
EXPORT(stream_create, hipStreamCreateWithFlags);
EXPORT(stream_query, hipStreamQuery);
EXPORT(capture_begin, hipStreamBeginCapture);
EXPORT(capture_end, hipStreamEndCapture);
EXPORT(graph_instantiate, hipGraphInstantiateWithFlags);
EXPORT(graph_launch, hipGraphLaunch);
EXPORT(graph_free, hipGraphExecDestroy);
EXPORT(graph_free, hipGraphDestroy);
EXPORT(granularity, hipMemGetAllocationGranularity);
EXPORT(reserve, hipMemAddressReserve);
EXPORT(unreserve, hipMemAddressFree);
EXPORT(create, hipMemCreate);
EXPORT(release, hipMemRelease);
EXPORT(map, hipMemMap);
EXPORT(unmap, hipMemUnmap);
EXPORT(set_access, hipMemSetAccess);
EXPORT(set_device, hipSetDevice);
EXPORT(properties, hipGetDevicePropertiesR0600);

/* This file is its own code object: a kernel's symbol is all that is asked of one. */
#define KERNEL(name)                                                                               \
    void name(void)                                                                                \
    {                                                                                              \
    }
KERNEL(doctor_sum)
KERNEL(doctor_million)
KERNEL(check_fill)
KERNEL(check_poison)
KERNEL(check_scan)
KERNEL(check_checksum)
KERNEL(check_judge_codes)
KERNEL(check_judge_shifted)
KERNEL(check_judge_exact)
KERNEL(check_finish)
KERNEL(check_rows)
KERNEL(check_columns)
KERNEL(check_worst_column)
#else
EXPORT(init, cuInit);
EXPORT(device_count, cuDeviceGetCount);
EXPORT(device_get, cuDeviceGet);
EXPORT(device_name, cuDeviceGetName);
EXPORT(error_name, cuGetErrorName);
EXPORT(mem_info, cuMemGetInfo_v2);
EXPORT(host_alloc, cuMemHostAlloc);
EXPORT(host_free, cuMemFreeHost);
EXPORT(module_load, cuModuleLoadData);
EXPORT(module_function, cuModuleGetFunction);
EXPORT(launch, cuLaunchKernel);
EXPORT(copy_in, cuMemcpyHtoDAsync_v2);
EXPORT(copy_out, cuMemcpyDtoHAsync_v2);
EXPORT(copy_within, cuMemcpyDtoDAsync_v2);
EXPORT(memset8, cuMemsetD8Async);
EXPORT(stream_create, cuStreamCreate);
EXPORT(stream_query, cuStreamQuery);
EXPORT(capture_begin, cuStreamBeginCapture_v2);
EXPORT(capture_end, cuStreamEndCapture);
EXPORT(graph_instantiate, cuGraphInstantiateWithFlags);
EXPORT(graph_launch, cuGraphLaunch);
EXPORT(graph_free, cuGraphExecDestroy);
EXPORT(graph_free, cuGraphDestroy);
EXPORT(granularity, cuMemGetAllocationGranularity);
EXPORT(reserve, cuMemAddressReserve);
EXPORT(unreserve, cuMemAddressFree);
EXPORT(create, cuMemCreate);
EXPORT(release, cuMemRelease);
EXPORT(map, cuMemMap);
EXPORT(unmap, cuMemUnmap);
EXPORT(set_access, cuMemSetAccess);
#endif

/* As if this were the shared object of a mutant. */
const struct kernel FAKE_MUTANT = {.name = "doctor_sum", .file = "kernels/fake_mutant.hip"};

/* Of no use, and no harm, in a HIP runtime. */
EXPORT(retain, cuDevicePrimaryCtxRetain);
EXPORT(set_current, cuCtxSetCurrent);
EXPORT(attribute, cuDeviceGetAttribute);
EXPORT(set_function, cuFuncSetAttribute);
EXPORT(function_count, cuModuleGetFunctionCount);
EXPORT(functions, cuModuleEnumerateFunctions);
EXPORT(function_name, cuFuncGetName);
