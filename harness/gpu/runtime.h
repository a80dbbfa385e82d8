/*
 * A GPU runtime, opened when it is asked for and not before: libcuda.so.1 or libamdhip64.so through
 * one table of functions. Neither is needed to build or to start the program. Only a worker process
 * opens one; a process that has touched a GPU must not fork.
 *
 *     struct gpu_api api;
 *     if (!gpu_open(&api, GPU_CUDA, 0, &err) ||
 *         !gpu_good(&api, api.stream_create(&stream, 0), "create a stream", &err))
 *         return false;
 *
 * Functions return a result code, 0 for success; the codes that matter have the same values in both
 * runtimes (enum gpu_result).
 */
#ifndef HARNESS_GPU_RUNTIME_H
#define HARNESS_GPU_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"
#include "harness/gpu/api.h"

enum gpu_vendor { GPU_CUDA, GPU_HIP };

enum gpu_result {
    GPU_SUCCESS = 0,
    GPU_INVALID_VALUE = 1,
    GPU_NO_MEMORY = 2,
    GPU_NOT_FOUND = 500,
    GPU_NOT_READY = 600,
    GPU_ILLEGAL_ADDRESS = 700,
    GPU_LAUNCH_RESOURCES = 701,
    GPU_ASSERT = 710,
    GPU_HARDWARE_STACK = 714,
    GPU_ILLEGAL_INSTRUCTION = 715,
    GPU_MISALIGNED = 716,
    GPU_INVALID_ADDRESS_SPACE = 717,
    GPU_INVALID_PC = 718,
    GPU_LAUNCH_FAILED = 719, /* a trap, among others */
};

/* Physical memory on a device; layout of CUmemAllocationProp and hipMemAllocationProp. */
struct gpu_prop {
    int type;         /* GPU_MEMORY_PINNED */
    int handle_types; /* none */
    int location;     /* GPU_LOCATION_DEVICE */
    int device;
    void *windows;
    unsigned char flags[8];
};

/* Who may do what with mapped memory; layout of CUmemAccessDesc and hipMemAccessDesc. */
struct gpu_access {
    int location;
    int device;
    int flags; /* GPU_ACCESS_READ or GPU_ACCESS_READ_WRITE */
};

enum {
    GPU_MEMORY_PINNED = 1,
    GPU_LOCATION_DEVICE = 1,
    GPU_ACCESS_READ = 1,
    GPU_ACCESS_READ_WRITE = 3,
    GPU_GRANULARITY_MINIMUM = 0,
    GPU_CAPTURE_RELAXED = 2,
};

/* What this program reads of hipDeviceProp_tR0600. */
enum { GPU_HIP_WARP_SIZE = 308, GPU_HIP_ARCH = 1160, GPU_HIP_ARCH_SIZE = 256 };

union gpu_hip_properties {
    unsigned char byte[4096]; /* the struct has 1472, later releases may append */
    uint64_t aligned;
};

#define GPU_RESULT             int
#define GPU_DEVICE             int
#define GPU_CONTEXT            void *
#define GPU_MODULE             void *
#define GPU_FUNCTION           void *
#define GPU_STREAM             void *
#define GPU_GRAPH              void *
#define GPU_GRAPH_EXEC         void *
#define GPU_ADDRESS            uint64_t
#define GPU_SOURCE             const void *
#define GPU_HANDLE             uint64_t
#define GPU_PROP               struct gpu_prop
#define GPU_ACCESS             struct gpu_access
#define GPU_GRANULARITY        int
#define GPU_CAPTURE_MODE       int
#define GPU_ATTRIBUTE          int
#define GPU_FUNCTION_ATTRIBUTE int
#define GPU_PROPERTIES         union gpu_hip_properties

struct gpu_api {
    enum gpu_vendor vendor;
    int device;     /* number of the device opened */
    unsigned wave;  /* lanes of its waves */
    char name[128]; /* "NVIDIA H200" */
    char arch[64];  /* "sm_90", "gfx942" */
#define GPU_MEMBER(member, cuda, hip, parameters) int(*member) parameters;
    GPU_API_COMMON(GPU_MEMBER)
#undef GPU_MEMBER
#define GPU_MEMBER(member, symbol, parameters) int(*member) parameters;
    GPU_API_CUDA(GPU_MEMBER) /* NULL on HIP */
    GPU_API_HIP(GPU_MEMBER)  /* NULL on CUDA */
#undef GPU_MEMBER
};

/* Loads the runtime, and makes device `index` the calling thread's. ERROR_NO_DEVICE when there is
 * no such library or device. */
bool gpu_open(struct gpu_api *, enum gpu_vendor, unsigned index, struct error *) MUST_CHECK;

/* How many devices the runtime has. ERROR_NO_DEVICE when there is no such library, or none. */
bool gpu_count(enum gpu_vendor, int *count, struct error *) MUST_CHECK;

/* True for success; else the error says that it could not `what`, and the name of the result. */
bool gpu_good(const struct gpu_api *, int result, const char *what, struct error *) MUST_CHECK;

/* "CUDA_ERROR_ILLEGAL_ADDRESS"; never NULL. */
const char *gpu_error_name(const struct gpu_api *, int result);

#endif
