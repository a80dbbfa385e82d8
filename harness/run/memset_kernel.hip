#include "kernels/kernel.h"

#include "harness/run/memset_kernel.h"

/* Launched with a single thread: compilers turn the loop into one call of memset. */
__global__ void memset_bytes(struct memset_bytes a)
{
    for (uint64_t i = 0; i < a.bytes; i++)
        a.target[i] = (unsigned char)a.value;
}
EXPORT_KERNEL_NO_SYNC(memset_bytes, struct memset_bytes);
