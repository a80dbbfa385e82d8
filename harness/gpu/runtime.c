#include "harness/gpu/runtime.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* CUDA's numbers of device attributes. */
enum { CUDA_WARP_SIZE = 10, CUDA_CAPABILITY_MAJOR = 75, CUDA_CAPABILITY_MINOR = 76 };

struct symbol {
    const char *name;
    size_t member; /* offset in struct gpu_api */
};

#define CUDA_COMMON(member, cuda, hip, parameters) {#cuda, offsetof(struct gpu_api, member)},
#define ONE_VENDOR(member, symbol, parameters)     {#symbol, offsetof(struct gpu_api, member)},

static const struct symbol cuda_symbols[] = {GPU_API_COMMON(CUDA_COMMON)
                                                 GPU_API_CUDA(ONE_VENDOR){NULL, 0}};

#if !defined(HARNESS_LINK_HIP)
#define HIP_COMMON(member, cuda, hip, parameters) {#hip, offsetof(struct gpu_api, member)},

static const struct symbol hip_symbols[] = {GPU_API_COMMON(HIP_COMMON)
                                                GPU_API_HIP(ONE_VENDOR){NULL, 0}};
#endif

static const char *vendor_name(enum gpu_vendor vendor)
{
    return vendor == GPU_CUDA ? "cuda" : "hip";
}

static void *open_library(const char *const *names, const char *what, struct error *err)
{
    for (size_t i = 0; names[i]; i++) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (library)
            return library;
    }
    const char *why = dlerror();
    error_set(err, ERROR_NO_DEVICE, "%s cannot be loaded: %s", what, why ? why : "unknown reason");
    return NULL;
}

/* Fills the table from a library, which stays loaded: a GPU runtime does not survive unloading. */
static bool load(struct gpu_api *api, const char *const *names, const struct symbol *symbols,
                 const char *what, struct error *err)
{
    void *library = open_library(names, what, err);
    if (!library)
        return false;
    for (const struct symbol *s = symbols; s->name; s++) {
        void *function = dlsym(library, s->name);
        if (!function)
            return error_set(err, ERROR_NO_DEVICE, "%s is too old: it has no %s", what, s->name);
        memcpy((char *)api + s->member, &function, sizeof(function));
    }
    return true;
}

static bool load_cuda(struct gpu_api *api, struct error *err)
{
    static const char *const names[] = {"libcuda.so.1", NULL};
    return load(api, names, cuda_symbols, "the NVIDIA driver's libcuda.so.1", err);
}

#if defined(HARNESS_LINK_HIP)
/* The linker has found them; see signatures_hip.c for the types. */
#define DECLARE(member, cuda, hip, parameters) extern int hip parameters;
GPU_API_COMMON(DECLARE)
#undef DECLARE
#define DECLARE(member, symbol, parameters) extern int symbol parameters;
GPU_API_HIP(DECLARE)

static bool load_hip(struct gpu_api *api, struct error *err)
{
    (void)err;
#define TAKE(member_, cuda, hip, parameters) api->member_ = hip;
    GPU_API_COMMON(TAKE)
#undef TAKE
#define TAKE(member_, symbol, parameters) api->member_ = symbol;
    GPU_API_HIP(TAKE)
#undef TAKE
    return true;
}
#else
static bool load_hip(struct gpu_api *api, struct error *err)
{
    static const char *const names[] = {"libamdhip64.so", "libamdhip64.so.7", "libamdhip64.so.6",
                                        NULL};
    return load(api, names, hip_symbols, "ROCm's libamdhip64.so", err);
}
#endif

const char *gpu_error_name(const struct gpu_api *api, int result)
{
    const char *name = NULL;
    if (api->error_name(result, &name) != GPU_SUCCESS || !name)
        return "an unknown error";
    return name;
}

bool gpu_good(const struct gpu_api *api, int result, const char *what, struct error *err)
{
    if (result == GPU_SUCCESS)
        return true;
    return error_set(err, ERROR_INTERNAL, "%s:%d: cannot %s: %s (%d)", vendor_name(api->vendor),
                     api->device, what, gpu_error_name(api, result), result);
}

static bool use_cuda(struct gpu_api *api, struct error *err)
{
    int device, major, minor, wave;
    void *context;
    if (!gpu_good(api, api->device_get(&device, api->device), "find the device", err) ||
        !gpu_good(api, api->cuda_retain(&context, device), "create a context", err) ||
        !gpu_good(api, api->cuda_set_current(context), "use the context", err) ||
        !gpu_good(api, api->cuda_attribute(&major, CUDA_CAPABILITY_MAJOR, device),
                  "ask for the architecture", err) ||
        !gpu_good(api, api->cuda_attribute(&minor, CUDA_CAPABILITY_MINOR, device),
                  "ask for the architecture", err) ||
        !gpu_good(api, api->cuda_attribute(&wave, CUDA_WARP_SIZE, device), "ask for the wave size",
                  err))
        return false;
    snprintf(api->arch, sizeof(api->arch), "sm_%d%d", major, minor);
    api->wave = (unsigned)wave;
    return gpu_good(api, api->device_name(api->name, sizeof(api->name), device), "ask for the name",
                    err);
}

static bool use_hip(struct gpu_api *api, struct error *err)
{
    union gpu_hip_properties properties;
    int device, wave;
    memset(&properties, 0, sizeof(properties));
    if (!gpu_good(api, api->device_get(&device, api->device), "find the device", err) ||
        !gpu_good(api, api->hip_set_device(device), "use the device", err) ||
        !gpu_good(api, api->hip_properties(&properties, device), "ask for the architecture", err) ||
        !gpu_good(api, api->device_name(api->name, sizeof(api->name), device), "ask for the name",
                  err))
        return false;
    memcpy(&wave, properties.byte + GPU_HIP_WARP_SIZE, sizeof(wave));
    api->wave = (unsigned)wave;
    /* "gfx942:sramecc+:xnack-": the features decide nothing here. */
    snprintf(api->arch, sizeof(api->arch), "%.63s", (char *)properties.byte + GPU_HIP_ARCH);
    api->arch[strcspn(api->arch, ":")] = '\0';
    return true;
}

/* Fills the table and starts the runtime. */
static bool start(struct gpu_api *api, int *count, struct error *err)
{
    *count = 0;
    if (!(api->vendor == GPU_CUDA ? load_cuda(api, err) : load_hip(api, err)))
        return false;
    int result = api->init(0);
    if (result == GPU_SUCCESS)
        result = api->device_count(count);
    return result == GPU_SUCCESS ||
           error_set(err, ERROR_NO_DEVICE, "%s: no device here: %s", vendor_name(api->vendor),
                     gpu_error_name(api, result));
}

bool gpu_count(enum gpu_vendor vendor, int *count, struct error *err)
{
    struct gpu_api api = {.vendor = vendor};
    return start(&api, count, err) &&
           (*count > 0 ||
            error_set(err, ERROR_NO_DEVICE, "%s: no device here", vendor_name(vendor)));
}

bool gpu_open(struct gpu_api *api, enum gpu_vendor vendor, unsigned index, struct error *err)
{
    int count;
    *api = (struct gpu_api){.vendor = vendor, .device = (int)index};
    if (!start(api, &count, err))
        return false;
    if (index >= (unsigned)count)
        return error_set(err, ERROR_NO_DEVICE, "%s:%u: no such device, there %s %d",
                         vendor_name(vendor), index, count == 1 ? "is" : "are", count);
    return vendor == GPU_CUDA ? use_cuda(api, err) : use_hip(api, err);
}
