#include "kernels/kernel.h"

#include "harness/run/memset_kernel.h"

/* Launched with a single thread. */
__global__ void memset_bytes(struct memset_bytes a)
{
    __builtin_memset(a.target, a.value, a.bytes);
}
EXPORT_KERNEL_NO_SYNC(memset_bytes, struct memset_bytes);
