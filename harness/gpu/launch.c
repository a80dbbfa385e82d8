#include "harness/gpu/launch.h"

#define LDS_WITHOUT_ASKING      (48 * 1024)
#define CUDA_MAX_DYNAMIC_SHARED 8 /* CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES */

static int launch_kernel(const struct gpu_api *api, const struct step *step, void *function,
                         void *stream)
{
    void *args = (void *)step->args; /* NOLINT: the runtime only reads them */
    if (api->vendor == GPU_CUDA && step->dynamic_lds > LDS_WITHOUT_ASKING) {
        int result =
            api->cuda_set_function(function, CUDA_MAX_DYNAMIC_SHARED, (int)step->dynamic_lds);
        if (result != GPU_SUCCESS)
            return result;
    }
    return api->launch(function, step->grid[0], step->grid[1], step->grid[2], step->block[0],
                       step->block[1], step->block[2], (unsigned)step->dynamic_lds, stream, &args,
                       NULL);
}

int gpu_launch_step(const struct gpu_api *api, const struct step *step, void *function,
                    void *stream)
{
    if (step->kind == STEP_KERNEL)
        return launch_kernel(api, step, function, stream);
    return step->bytes ? api->memset8((uintptr_t)step->target, (unsigned char)step->value,
                                      step->bytes, stream)
                       : GPU_SUCCESS;
}
