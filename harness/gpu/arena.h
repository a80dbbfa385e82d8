/*
 * Guarded memory on a GPU, made of the runtime's virtual memory management; the counterpart of
 * harness/cpu/arena.h, whose layout it has:
 *
 *     | guard 16 GiB | mapping ........ rest of the 16 GiB window | guard 16 GiB |
 *
 * Each slot owns two such ranges of device address space that show the same physical memory: one
 * that may be read and written, one that may only be read, for inputs. A mapping is a multiple of
 * the device's granularity (2 MiB), is kept between cases and made anew when a tensor does not fit;
 * the tensor lies against one end of it, so that the first byte beyond is unmapped. What stands in
 * slack and red zone comes from the host's arena with the tensor's own bytes.
 */
#ifndef HARNESS_GPU_ARENA_H
#define HARNESS_GPU_ARENA_H

#include "harness/cpu/arena.h"
#include "harness/gpu/runtime.h"
#include "harness/run/device.h"

/* Sets of slots, so that the tensors of several runs can lie side by side: tensor i of set s is in
 * slot s * ARENA_SLOTS + i. */
enum { GPU_SLOTS = DEVICE_SETS * ARENA_SLOTS };

struct gpu_slot {
    uint64_t base;   /* of the reserved range, 0 until the slot is used */
    uint64_t handle; /* of the physical memory, valid when `mapped` */
    size_t mapped;   /* bytes from the start of both windows */
    bool placed, read_only;
    size_t start, bytes;   /* of the tensor, from the window's start */
    size_t before, behind; /* bytes of canary on either side */
};

struct gpu_arena {
    const struct gpu_api *api;
    size_t granularity;
    struct gpu_slot slot[GPU_SLOTS];
};

bool gpu_arena_init(struct gpu_arena *, const struct gpu_api *, struct error *) MUST_CHECK;

/* Gives everything back to the device. Nothing may run there. */
void gpu_arena_release(struct gpu_arena *);

/* A tensor to place: `before` and `behind` are the bytes of canary on its sides, so that its end
 * plus `behind` (ARENA_RIGHT), or its start (ARENA_LEFT), is an end of the mapping. */
struct gpu_placement {
    size_t bytes, before, behind;
    enum arena_side side;
    enum arena_access access;
};

/* Places a tensor; nothing may run on the device. `kernel` is the address for the kernel. An empty
 * tensor gets an address in the midst of a guard. */
bool gpu_arena_place(struct gpu_arena *, unsigned slot, const struct gpu_placement *,
                     uint64_t *kernel, struct error *) MUST_CHECK;

/* The address of the tensor in the slot by which it can be written. */
uint64_t gpu_arena_address(const struct gpu_arena *, unsigned slot);

/* Which tensor a device address belongs to, as arena_locate(); of any set. */
bool gpu_arena_locate(const struct gpu_arena *, uint64_t address,
                      struct arena_location *) MUST_CHECK;

/* Bytes of device memory held. */
size_t gpu_arena_resident(const struct gpu_arena *);

/* Gives back every mapping above 64 MiB, and with it the tensor there. Nothing may run. */
void gpu_arena_trim(struct gpu_arena *);

#endif
