/*
 * Compiled kernels for GPUs. They lie beside the program, one file for each kernel file and
 * architecture, and are found relative to whatever holds the kernel's host half:
 *
 *     DIR/harness               DIR/code/sm_90/NAME.fatbin     DIR/code/gfx942/NAME.co
 *     DIR/mutants/OP.ID.so      DIR/mutants/OP.ID.sm_90/NAME.fatbin
 *                               DIR/mutants/OP.ID.gfx942/NAME.co
 *
 * where NAME is the kernel's file without folder and ".hip". Kernels are C++ functions to a GPU's
 * compiler; they are found as `name` or `_Z<length>name<parameters>`.
 */
#ifndef HARNESS_GPU_CODE_H
#define HARNESS_GPU_CODE_H

#include "harness/cpu/kernel.h"
#include "harness/gpu/runtime.h"

enum { CODE_MAX_BYTES = 256 << 20 };

struct gpu_module;
struct gpu_loaded;

/* What has been loaded onto the device. Loading is lazy: a kernel costs on its first launch. */
struct gpu_code {
    const struct gpu_api *api;
    struct gpu_module *module;
    struct gpu_loaded *loaded;
    size_t n_modules, n_loaded;
};

void gpu_code_init(struct gpu_code *, const struct gpu_api *);

/* Forgets what was loaded; the device's context goes with the process. */
void gpu_code_release(struct gpu_code *);

/* The device's function of a kernel. A file that is missing, or that the device does not accept, is
 * ERROR_NO_DEVICE; a kernel that is not in its file is ERROR_INTERNAL. */
bool gpu_code_function(struct gpu_code *, const struct kernel *, void **function,
                       struct error *) MUST_CHECK;

/* FNV-1a of names and content of all code objects for `arch` beside the program, and how many there
 * are. None is ERROR_NO_DEVICE. */
bool gpu_code_hash(const char *arch, uint64_t *hash, size_t *files, struct error *) MUST_CHECK;

/* Whether symbol `symbol` is that of the kernel `name`. */
bool gpu_code_names(const char *symbol, const char *name);

/* The full symbol of a kernel in an AMD code object, in `out`; false when it is not there. Every
 * offset of the file is checked. */
bool gpu_code_elf_symbol(const void *elf, size_t size, const char *name, char *out,
                         size_t out_size) MUST_CHECK;

/* Whether gpu_code_function() has given out this kernel before. */
bool gpu_code_loaded(const struct gpu_code *, const struct kernel *);

#endif
