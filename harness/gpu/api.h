/*
 * The entry points of the GPU runtimes, once for both vendors. HIP's driver-like functions and
 * CUDA's driver API agree in everything that a call depends on: order and size of the arguments,
 * enum values, struct layouts. What differs are the names of the types, which stand here as macros:
 * whoever includes this defines the GPU_* types first. runtime.h does so with plain types to
 * declare the function table; signatures_cuda.c and signatures_hip.c do so with the vendors' own
 * types to prove every line.
 *
 *     X(member of struct gpu_api, CUDA's symbol, HIP's symbol, parameters)
 *
 * All return GPU_RESULT.
 */
#ifndef HARNESS_GPU_API_H
#define HARNESS_GPU_API_H

/* clang-format off */
#define GPU_API_COMMON(X)                                                                          \
    X(init, cuInit, hipInit, (unsigned))                                                           \
    X(device_count, cuDeviceGetCount, hipGetDeviceCount, (int *))                                  \
    X(device_get, cuDeviceGet, hipDeviceGet, (GPU_DEVICE *, int))                                  \
    X(device_name, cuDeviceGetName, hipDeviceGetName, (char *, int, GPU_DEVICE))                   \
    X(error_name, cuGetErrorName, hipDrvGetErrorName, (GPU_RESULT, const char **))                 \
    X(mem_info, cuMemGetInfo_v2, hipMemGetInfo, (size_t *, size_t *))                              \
    X(host_alloc, cuMemHostAlloc, hipHostMalloc, (void **, size_t, unsigned))                      \
    X(host_free, cuMemFreeHost, hipHostFree, (void *))                                             \
    X(module_load, cuModuleLoadData, hipModuleLoadData, (GPU_MODULE *, const void *))              \
    X(module_function, cuModuleGetFunction, hipModuleGetFunction,                                  \
      (GPU_FUNCTION *, GPU_MODULE, const char *))                                                  \
    X(launch, cuLaunchKernel, hipModuleLaunchKernel,                                               \
      (GPU_FUNCTION, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,         \
       GPU_STREAM, void **, void **))                                                              \
    X(copy_in, cuMemcpyHtoDAsync_v2, hipMemcpyHtoDAsync,                                           \
      (GPU_ADDRESS, GPU_SOURCE, size_t, GPU_STREAM))                                               \
    X(copy_out, cuMemcpyDtoHAsync_v2, hipMemcpyDtoHAsync,                                          \
      (void *, GPU_ADDRESS, size_t, GPU_STREAM))                                                   \
    X(copy_within, cuMemcpyDtoDAsync_v2, hipMemcpyDtoDAsync,                                       \
      (GPU_ADDRESS, GPU_ADDRESS, size_t, GPU_STREAM))                                              \
    X(memset8, cuMemsetD8Async, hipMemsetD8Async,                                                  \
      (GPU_ADDRESS, unsigned char, size_t, GPU_STREAM))                                            \
    X(stream_create, cuStreamCreate, hipStreamCreateWithFlags, (GPU_STREAM *, unsigned))           \
    X(stream_query, cuStreamQuery, hipStreamQuery, (GPU_STREAM))                                   \
    X(capture_begin, cuStreamBeginCapture_v2, hipStreamBeginCapture,                               \
      (GPU_STREAM, GPU_CAPTURE_MODE))                                                              \
    X(capture_end, cuStreamEndCapture, hipStreamEndCapture, (GPU_STREAM, GPU_GRAPH *))             \
    X(graph_instantiate, cuGraphInstantiateWithFlags, hipGraphInstantiateWithFlags,                \
      (GPU_GRAPH_EXEC *, GPU_GRAPH, unsigned long long))                                           \
    X(graph_launch, cuGraphLaunch, hipGraphLaunch, (GPU_GRAPH_EXEC, GPU_STREAM))                   \
    X(graph_exec_destroy, cuGraphExecDestroy, hipGraphExecDestroy, (GPU_GRAPH_EXEC))               \
    X(graph_destroy, cuGraphDestroy, hipGraphDestroy, (GPU_GRAPH))                                 \
    X(granularity, cuMemGetAllocationGranularity, hipMemGetAllocationGranularity,                  \
      (size_t *, const GPU_PROP *, GPU_GRANULARITY))                                               \
    X(reserve, cuMemAddressReserve, hipMemAddressReserve,                                          \
      (GPU_ADDRESS *, size_t, size_t, GPU_ADDRESS, unsigned long long))                            \
    X(unreserve, cuMemAddressFree, hipMemAddressFree, (GPU_ADDRESS, size_t))                       \
    X(create, cuMemCreate, hipMemCreate,                                                           \
      (GPU_HANDLE *, size_t, const GPU_PROP *, unsigned long long))                                \
    X(release, cuMemRelease, hipMemRelease, (GPU_HANDLE))                                          \
    X(map, cuMemMap, hipMemMap, (GPU_ADDRESS, size_t, size_t, GPU_HANDLE, unsigned long long))     \
    X(unmap, cuMemUnmap, hipMemUnmap, (GPU_ADDRESS, size_t))                                       \
    X(set_access, cuMemSetAccess, hipMemSetAccess,                                                 \
      (GPU_ADDRESS, size_t, const GPU_ACCESS *, size_t))

/* X(member, symbol, parameters): what only one vendor has. */
#define GPU_API_CUDA(X)                                                                            \
    X(cuda_retain, cuDevicePrimaryCtxRetain, (GPU_CONTEXT *, GPU_DEVICE))                          \
    X(cuda_set_current, cuCtxSetCurrent, (GPU_CONTEXT))                                            \
    X(cuda_attribute, cuDeviceGetAttribute, (int *, GPU_ATTRIBUTE, GPU_DEVICE))                    \
    X(cuda_set_function, cuFuncSetAttribute, (GPU_FUNCTION, GPU_FUNCTION_ATTRIBUTE, int))          \
    X(cuda_function_count, cuModuleGetFunctionCount, (unsigned *, GPU_MODULE))                     \
    X(cuda_functions, cuModuleEnumerateFunctions, (GPU_FUNCTION *, unsigned, GPU_MODULE))          \
    X(cuda_function_name, cuFuncGetName, (const char **, GPU_FUNCTION))

#define GPU_API_HIP(X)                                                                             \
    X(hip_set_device, hipSetDevice, (int))                                                         \
    X(hip_properties, hipGetDevicePropertiesR0600, (GPU_PROPERTIES *, int))
/* clang-format on */

#endif
