/*
 * Where a GPU access faulted. Error codes carry no address. NVIDIA's driver writes it to the kernel
 * log, page by page; ROCm's runtime prints it and ends the process.
 */
#ifndef HARNESS_GPU_FAULT_H
#define HARNESS_GPU_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GPU_FAULT_PAGE = 4096 }; /* an address stands for the page that begins there */

struct gpu_fault {
    uint64_t address;
    bool is_write, direction_known;
    bool read_only; /* a store to memory mapped for reading */
    bool local;     /* outside a block's LDS or a thread's private memory; there is no address */
    int pid;        /* of the process, 0 if the line does not say */
};

/* Reads one line of the kernel log, "... Xid ...: 31, ... faulted @ 0x7f2b_00200000 ... " or
 * "... Xid ...: 13, ... SM Warp Exception ...: Out Of Range Address". False when it is no memory
 * fault. */
bool gpu_fault_parse_nvidia(const char *line, struct gpu_fault *);

/* Reads ROCm's "Memory access fault by GPU node-2 ... on address 0x7f2b00200000. Reason: ...". */
bool gpu_fault_parse_rocm(const char *text, struct gpu_fault *);

/* Reads what it prints of a queue that it gives up, "... aborting with error :
 * HSA_STATUS_ERROR_EXCEPTION: ... code: 0x1016": the name of the status, in `status`. */
bool gpu_fault_parse_rocm_queue(const char *text, char *status, size_t size);

/* Opens the kernel log, /dev/kmsg or the file that $HARNESS_KERNEL_LOG names, behind what stands
 * there now; -1 when it may not be read. */
int gpu_fault_log_open(void);

/* The fault of this process that the log has received since, waiting a moment for it. Of several
 * candidates the one with our process id is taken, else the last. */
bool gpu_fault_log_find(int log, struct gpu_fault *);

#endif
