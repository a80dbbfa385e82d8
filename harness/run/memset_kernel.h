/* STEP_MEMSET on the CPU device: a kernel, so that a memset outside its tensor is a finding like
 * any other store. */
#ifndef HARNESS_RUN_MEMSET_KERNEL_H
#define HARNESS_RUN_MEMSET_KERNEL_H

#include <stdint.h>

struct memset_bytes {
    unsigned char *target;
    uint64_t bytes;
    int32_t value;
};

#endif
