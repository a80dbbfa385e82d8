/*
 * Where ROCm's header is installed, the compiler proves here that the function table of runtime.h
 * calls HIP as HIP wants it. Nothing of this ends up in the program. HIP before version 6 has not
 * all of it; there, opening the runtime says what is missing.
 */
#if __has_include(<hip/hip_version.h>)
#include <hip/hip_version.h>
#endif

#if defined(HIP_VERSION_MAJOR) && HIP_VERSION_MAJOR >= 6

#define __HIP_PLATFORM_AMD__ 1
#include <hip/hip_runtime_api.h>

#include <stddef.h>
#include <stdint.h>

#include "harness/gpu/runtime.h"

/* Each type of the table stands for the vendor's in the registers and the stack of a call. */
_Static_assert(sizeof(hipError_t) == sizeof(GPU_RESULT), "");
_Static_assert(sizeof(hipDevice_t) == sizeof(GPU_DEVICE), "");
_Static_assert(sizeof(hipDeviceptr_t) == sizeof(GPU_ADDRESS), "");
_Static_assert(sizeof(hipMemGenericAllocationHandle_t) == sizeof(GPU_HANDLE), "");
_Static_assert(sizeof(hipMemAllocationProp) == sizeof(struct gpu_prop), "");
_Static_assert(offsetof(hipMemAllocationProp, type) == offsetof(struct gpu_prop, type), "");
_Static_assert(offsetof(hipMemAllocationProp, location.type) == offsetof(struct gpu_prop, location),
               "");
_Static_assert(offsetof(hipMemAllocationProp, location.id) == offsetof(struct gpu_prop, device),
               "");
_Static_assert(offsetof(hipMemAllocationProp, allocFlags) == offsetof(struct gpu_prop, flags), "");
_Static_assert(sizeof(hipMemAccessDesc) == sizeof(struct gpu_access), "");
_Static_assert(offsetof(hipMemAccessDesc, location.type) == offsetof(struct gpu_access, location),
               "");
_Static_assert(offsetof(hipMemAccessDesc, location.id) == offsetof(struct gpu_access, device), "");
_Static_assert(offsetof(hipMemAccessDesc, flags) == offsetof(struct gpu_access, flags), "");
_Static_assert(offsetof(hipDeviceProp_t, warpSize) == GPU_HIP_WARP_SIZE, "");
_Static_assert(offsetof(hipDeviceProp_t, gcnArchName) == GPU_HIP_ARCH, "");
_Static_assert(sizeof(hipDeviceProp_t) <= sizeof(union gpu_hip_properties), "");

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #theirs)
SAME(GPU_MEMORY_PINNED, hipMemAllocationTypePinned);
SAME(GPU_LOCATION_DEVICE, hipMemLocationTypeDevice);
SAME(GPU_ACCESS_READ, hipMemAccessFlagsProtRead);
SAME(GPU_ACCESS_READ_WRITE, hipMemAccessFlagsProtReadWrite);
SAME(GPU_GRANULARITY_MINIMUM, hipMemAllocationGranularityMinimum);
SAME(GPU_CAPTURE_RELAXED, hipStreamCaptureModeRelaxed);
SAME(GPU_INVALID_VALUE, hipErrorInvalidValue);
SAME(GPU_NO_MEMORY, hipErrorOutOfMemory);
SAME(GPU_NOT_FOUND, hipErrorNotFound);
SAME(GPU_NOT_READY, hipErrorNotReady);
SAME(GPU_ILLEGAL_ADDRESS, hipErrorIllegalAddress);
SAME(GPU_LAUNCH_RESOURCES, hipErrorLaunchOutOfResources);
SAME(GPU_ASSERT, hipErrorAssert);
SAME(GPU_LAUNCH_FAILED, hipErrorLaunchFailure);

#include "harness/gpu/untype.h"

#define GPU_RESULT       hipError_t
#define GPU_DEVICE       hipDevice_t
#define GPU_MODULE       hipModule_t
#define GPU_FUNCTION     hipFunction_t
#define GPU_STREAM       hipStream_t
#define GPU_GRAPH        hipGraph_t
#define GPU_GRAPH_EXEC   hipGraphExec_t
#define GPU_ADDRESS      hipDeviceptr_t
#define GPU_HANDLE       hipMemGenericAllocationHandle_t
#define GPU_PROP         hipMemAllocationProp
#define GPU_ACCESS       hipMemAccessDesc
#define GPU_GRANULARITY  hipMemAllocationGranularity_flags
#define GPU_CAPTURE_MODE hipStreamCaptureMode
#define GPU_PROPERTIES   hipDeviceProp_t
#if HIP_VERSION_MAJOR >= 7
#define GPU_SOURCE const void *
#else
#define GPU_SOURCE void *
#endif

/* What a later release calls by another name is still there by this one. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define PROVE(member, symbol, parameters)                                                          \
    _Static_assert(__builtin_types_compatible_p(__typeof__(&symbol), hipError_t(*) parameters),    \
                   #symbol " has another signature");
#define PROVE_COMMON(member, cuda, hip, parameters) PROVE(member, hip, parameters)

/* clang-format off */
GPU_API_COMMON(PROVE_COMMON)
GPU_API_HIP(PROVE)
/* clang-format on */

#else
typedef int no_hip_header_here;
#endif
