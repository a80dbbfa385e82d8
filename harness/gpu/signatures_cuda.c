/*
 * Where CUDA's header is installed, the compiler proves here that the function table of runtime.h
 * calls the driver as the driver wants it. Nothing of this ends up in the program.
 */
#if __has_include(<cuda.h>)

#include <cuda.h>

#include <stddef.h>
#include <stdint.h>

#include "harness/gpu/runtime.h"

/* Each type of the table stands for the vendor's in the registers and the stack of a call. */
_Static_assert(sizeof(CUresult) == sizeof(GPU_RESULT) && sizeof(CUdevice) == sizeof(GPU_DEVICE),
               "");
_Static_assert(sizeof(CUdeviceptr) == sizeof(GPU_ADDRESS), "");
_Static_assert(sizeof(CUmemGenericAllocationHandle) == sizeof(GPU_HANDLE), "");
_Static_assert(sizeof(CUmemAllocationProp) == sizeof(struct gpu_prop), "");
_Static_assert(offsetof(CUmemAllocationProp, type) == offsetof(struct gpu_prop, type), "");
_Static_assert(offsetof(CUmemAllocationProp, requestedHandleTypes) ==
                   offsetof(struct gpu_prop, handle_types),
               "");
_Static_assert(offsetof(CUmemAllocationProp, location.type) == offsetof(struct gpu_prop, location),
               "");
_Static_assert(offsetof(CUmemAllocationProp, location.id) == offsetof(struct gpu_prop, device), "");
_Static_assert(offsetof(CUmemAllocationProp, allocFlags) == offsetof(struct gpu_prop, flags), "");
_Static_assert(sizeof(CUmemAccessDesc) == sizeof(struct gpu_access), "");
_Static_assert(offsetof(CUmemAccessDesc, location.type) == offsetof(struct gpu_access, location),
               "");
_Static_assert(offsetof(CUmemAccessDesc, location.id) == offsetof(struct gpu_access, device), "");
_Static_assert(offsetof(CUmemAccessDesc, flags) == offsetof(struct gpu_access, flags), "");

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #theirs)
SAME(GPU_MEMORY_PINNED, CU_MEM_ALLOCATION_TYPE_PINNED);
SAME(GPU_LOCATION_DEVICE, CU_MEM_LOCATION_TYPE_DEVICE);
SAME(GPU_ACCESS_READ, CU_MEM_ACCESS_FLAGS_PROT_READ);
SAME(GPU_ACCESS_READ_WRITE, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
SAME(GPU_GRANULARITY_MINIMUM, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
SAME(GPU_CAPTURE_RELAXED, CU_STREAM_CAPTURE_MODE_RELAXED);
SAME(GPU_INVALID_VALUE, CUDA_ERROR_INVALID_VALUE);
SAME(GPU_NO_MEMORY, CUDA_ERROR_OUT_OF_MEMORY);
SAME(GPU_NOT_FOUND, CUDA_ERROR_NOT_FOUND);
SAME(GPU_NOT_READY, CUDA_ERROR_NOT_READY);
SAME(GPU_ILLEGAL_ADDRESS, CUDA_ERROR_ILLEGAL_ADDRESS);
SAME(GPU_LAUNCH_RESOURCES, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
SAME(GPU_ASSERT, CUDA_ERROR_ASSERT);
SAME(GPU_HARDWARE_STACK, CUDA_ERROR_HARDWARE_STACK_ERROR);
SAME(GPU_ILLEGAL_INSTRUCTION, CUDA_ERROR_ILLEGAL_INSTRUCTION);
SAME(GPU_MISALIGNED, CUDA_ERROR_MISALIGNED_ADDRESS);
SAME(GPU_INVALID_ADDRESS_SPACE, CUDA_ERROR_INVALID_ADDRESS_SPACE);
SAME(GPU_INVALID_PC, CUDA_ERROR_INVALID_PC);
SAME(GPU_LAUNCH_FAILED, CUDA_ERROR_LAUNCH_FAILED);

#include "harness/gpu/untype.h"

#define GPU_RESULT             CUresult
#define GPU_DEVICE             CUdevice
#define GPU_CONTEXT            CUcontext
#define GPU_MODULE             CUmodule
#define GPU_FUNCTION           CUfunction
#define GPU_STREAM             CUstream
#define GPU_GRAPH              CUgraph
#define GPU_GRAPH_EXEC         CUgraphExec
#define GPU_ADDRESS            CUdeviceptr
#define GPU_SOURCE             const void *
#define GPU_HANDLE             CUmemGenericAllocationHandle
#define GPU_PROP               CUmemAllocationProp
#define GPU_ACCESS             CUmemAccessDesc
#define GPU_GRANULARITY        CUmemAllocationGranularity_flags
#define GPU_CAPTURE_MODE       CUstreamCaptureMode
#define GPU_ATTRIBUTE          CUdevice_attribute
#define GPU_FUNCTION_ATTRIBUTE CUfunction_attribute

#define PROVE(member, symbol, parameters)                                                          \
    _Static_assert(                                                                                \
        __builtin_types_compatible_p(__typeof__(&symbol), CUresult(CUDAAPI *) parameters),         \
        #symbol " has another signature");
#define PROVE_COMMON(member, cuda, hip, parameters) PROVE(member, cuda, parameters)

/* clang-format off */
GPU_API_COMMON(PROVE_COMMON)
GPU_API_CUDA(PROVE)
/* clang-format on */

#else
typedef int no_cuda_header_here;
#endif
