/*
 * Guarded memory for the tensors of the CPU device.
 *
 * An arena has ARENA_SLOTS slots, one per tensor of a case. A slot owns two ranges of address
 * space, both views of one memory file: a read-write one (the host's, and the kernel's for outputs)
 * and a read-only one (the kernel's for inputs). Each range looks like this:
 *
 *     | guard 16 GiB | mapping ........ rest of the 16 GiB window | guard 16 GiB |
 *
 * Everything but the mapping is PROT_NONE, so both ends of the mapping touch unmapped space, and an
 * int32 or uint32 offset that wrapped, in elements of up to 8 or 4 bytes, still faults inside the
 * range of its own tensor. The mapping stays between cases: placing a tensor is arithmetic, and the
 * system is asked only when a tensor does not fit or a big one went away.
 *
 *     ARENA_RIGHT | guard | stale memory | red zone | tensor | slack | guard |
 *     ARENA_LEFT  | guard | tensor | red zone | stale memory         | guard |
 *
 * One placement catches every access past one end, the other past the other end: run a case under
 * both. The far end has a red zone, which sees stores only. Slack (less than `align` bytes) and red
 * zones hold a canary pattern, so that a store there is found byte by byte; a store of the very
 * byte that was there is invisible (one value in 254; 0x00 and 0xff are never canary bytes).
 *
 * Tensors above ARENA_RESIDENT_BYTES are sparse: memory is spent on touched pages only, untouched
 * pages read as zero, and arena_touched() lists the others, so that a stray store in gigabytes is
 * found without reading them.
 *
 * Not thread safe, except that any thread, and a signal handler, may call arena_locate() and
 * arena_check() while nobody places. The memory is shared, not copied, across fork(): create the
 * arena in the process that uses it.
 */
#ifndef HARNESS_CPU_ARENA_H
#define HARNESS_CPU_ARENA_H

#include "harness/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ARENA_SLOTS = 16,
    ARENA_RED_ZONE = 256,   /* bytes */
    ARENA_MAX_ALIGN = 4096, /* bytes */
};

#define ARENA_RESIDENT_BYTES ((size_t)256 << 20) /* larger tensors are sparse */
#define ARENA_MAX_BYTES      ((size_t)12 << 30)  /* larger tensors are refused */

enum arena_side {
    ARENA_RIGHT, /* the tensor's end is at the guard, as near as `align` permits */
    ARENA_LEFT,  /* the tensor's start is at the guard */
};

enum arena_access {
    ARENA_READ_WRITE,
    ARENA_READ_ONLY, /* a store through `device` faults */
};

struct arena;

/* A placed tensor. The arena owns the memory; it is valid until the slot is placed again or
 * trimmed. Its content is undefined: zeros if sparse, otherwise whatever was there before. */
struct arena_buffer {
    void *device;        /* what the kernel gets */
    unsigned char *host; /* the same bytes, always writable; equals `device` if read-write */
    size_t bytes;
    unsigned slot;
    bool sparse;
};

/* The lowest canary byte that changed, and how many did. `offset` counts bytes from the tensor's
 * start: negative is before it, >= bytes is behind it. */
struct arena_canary {
    int64_t offset;
    size_t changed;
    uint8_t before, after;
};

struct arena_location {
    unsigned slot;
    int64_t offset;      /* bytes from the tensor's start; negative before it, >= bytes behind it */
    bool readonly_store; /* loads work there, so a fault was a store to a read-only tensor */
};

/* Reserves 1.5 TiB of address space and no memory. NULL if the system refuses. */
struct arena *arena_create(struct error *err);

/* Unmaps everything; NULL is fine. */
void arena_destroy(struct arena *arena);

/* Places a tensor of `bytes` bytes in a slot, replacing the one that was there. `align` is a power
 * of two, at most ARENA_MAX_ALIGN. An empty tensor gets an aligned address in the midst of a guard:
 * every access within 8 GiB of it faults, on either side.
 * ERROR_INPUT if larger than ARENA_MAX_BYTES, ERROR_INTERNAL otherwise; the slot's previous tensor
 * is gone then, unless the arguments were refused, and the slot can be placed again. */
bool arena_place(struct arena *arena, unsigned slot, size_t bytes, size_t align,
                 enum arena_side side, enum arena_access access, struct arena_buffer *out,
                 struct error *err) MUST_CHECK;

/* Bytes of canary before and behind a tensor of `bytes` bytes placed at that side. */
void arena_zones(size_t bytes, size_t align, enum arena_side side, size_t *before, size_t *behind);

/* The canaries, from a zone's start on: ARENA_RED_ZONE bytes before a tensor, ARENA_MAX_ALIGN
 * behind it, of which a zone has the first ones. */
void arena_patterns(const struct arena *arena, const unsigned char **before,
                    const unsigned char **behind);

/* Writes the canary pattern into the red zone and slack of the tensor in the slot. Call it before
 * every launch. Without a tensor it does nothing. */
void arena_arm(struct arena *arena, unsigned slot);

/* True if the canaries are as arena_arm() left them; else `out` says what changed. */
bool arena_check(const struct arena *arena, unsigned slot, struct arena_canary *out) MUST_CHECK;

/* Which tensor a fault address belongs to: the one in whose range, guards included, it lies. False
 * if in none, or in that of a slot that holds no tensor. A slot holds its tensor until it is placed
 * again, so a caller that places fewer slots than the case before disregards the rest. */
bool arena_locate(const struct arena *arena, uintptr_t address,
                  struct arena_location *out) MUST_CHECK;

/* The first run of touched bytes of the tensor at or after `from`: [*begin, *end), in bytes from
 * its start. Whole pages, cut to the tensor; loads touch pages too, and so do the canaries. Walk
 * with `for (size_t at = 0; arena_touched(a, slot, at, &begin, &at);)`. False if there is none
 * left. A tensor that is not sparse counts as touched throughout. */
bool arena_touched(const struct arena *arena, unsigned slot, size_t from, size_t *begin,
                   size_t *end) MUST_CHECK;

/* Bytes of memory that the slots hold now, touched pages only. */
size_t arena_resident(const struct arena *arena);

/* Gives back all memory of every slot that grew beyond 32 MiB, and with it the tensor there: what
 * stays is at most 512 MiB. Call it between cases. */
void arena_trim(struct arena *arena);

#endif
