#include "harness/cpu/arena.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB    ((size_t)1 << 20)
#define GIB    ((size_t)1 << 30)
#define GUARD  (16 * GIB)
#define WINDOW (16 * GIB)
#define RANGE  (GUARD + WINDOW + GUARD)

#define CLASS_MIN   MIB                 /* resident mappings are powers of two from here up */
#define KEEP        (32 * MIB)          /* a mapping up to this size is kept for good */
#define SPARSE_UNIT (64 * (size_t)1024) /* a multiple of every page size in use */

/* Where an empty tensor lives, counted from the window's start: 8 GiB and more from any mapping. */
#define NOWHERE (WINDOW + GUARD / 2)

_Static_assert(sizeof(size_t) == 8, "the reservation needs a 64-bit address space");
_Static_assert(ARENA_MAX_BYTES + ARENA_MAX_ALIGN + ARENA_RED_ZONE + SPARSE_UNIT <= WINDOW - GIB,
               "the largest tensor fits its window");

enum view { VIEW_WRITE, VIEW_READ, VIEWS };

struct slot {
    int fd; /* -1 until the slot is used */
    bool placed, sparse;
    enum view view; /* the kernel's */
    size_t mapped;  /* bytes from the window's start; equals the size of the file */
    size_t start;   /* of the tensor, from the window's start */
    size_t bytes;
    size_t before, behind; /* bytes of canary on either side */
};

struct arena {
    unsigned char *base;
    struct slot slots[ARENA_SLOTS];
    unsigned char pattern_before[ARENA_RED_ZONE];
    unsigned char pattern_behind[ARENA_MAX_ALIGN];
};

_Static_assert(ARENA_RED_ZONE <= ARENA_MAX_ALIGN, "pattern_behind serves red zones too");

static unsigned char *window_of(const struct arena *arena, unsigned slot, enum view view)
{
    return arena->base + ((size_t)slot * VIEWS + view) * RANGE + GUARD;
}

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* Neighbouring bytes differ and none is 0x00 or 0xff, the values that stray stores bring most. */
static void make_pattern(unsigned char *pattern, size_t bytes, uint32_t state)
{
    for (size_t i = 0; i < bytes; i++) {
        state = state * 1664525u + 1013904223u;
        pattern[i] = (unsigned char)(1 + (state >> 16) % 254);
    }
}

struct arena *arena_create(struct error *err)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    if (!arena) {
        error_set(err, ERROR_INTERNAL, "no memory for a tensor arena");
        return NULL;
    }
    size_t total = (size_t)ARENA_SLOTS * VIEWS * RANGE;
    arena->base = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena->base == MAP_FAILED) {
        error_errno(err, ERROR_INTERNAL,
                    "cannot reserve %zu GiB of address space for guarded tensors "
                    "(is there a limit, 'ulimit -v'?)",
                    total / GIB);
        free(arena);
        return NULL;
    }
    make_pattern(arena->pattern_before, sizeof(arena->pattern_before), 1);
    make_pattern(arena->pattern_behind, sizeof(arena->pattern_behind), 2);
    for (unsigned i = 0; i < ARENA_SLOTS; i++)
        arena->slots[i].fd = -1;
    return arena;
}

void arena_destroy(struct arena *arena)
{
    if (!arena)
        return;
    munmap(arena->base, (size_t)ARENA_SLOTS * VIEWS * RANGE);
    for (unsigned i = 0; i < ARENA_SLOTS; i++)
        if (arena->slots[i].fd >= 0)
            close(arena->slots[i].fd);
    free(arena);
}

/* Makes [from, to) of both windows guard again. False if the kernel lacks memory for its tables. */
static bool hide(struct arena *arena, unsigned slot, size_t from, size_t to)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    bool hidden = true;
    for (enum view view = 0; view < VIEWS; view++) {
        void *at = window_of(arena, slot, view) + from;
        hidden &= mmap(at, to - from, PROT_NONE, flags, -1, 0) != MAP_FAILED;
    }
    return hidden;
}

static bool show(struct arena *arena, unsigned slot, size_t from, size_t to)
{
    static const int protection[] = {
        [VIEW_WRITE] = PROT_READ | PROT_WRITE, [VIEW_READ] = PROT_READ};
    int flags = MAP_SHARED | MAP_NORESERVE | MAP_FIXED;
    for (enum view view = 0; view < VIEWS; view++) {
        void *at = window_of(arena, slot, view) + from;
        int fd = arena->slots[slot].fd;
        if (mmap(at, to - from, protection[view], flags, fd, (off_t)from) == MAP_FAILED)
            return false;
    }
    return true;
}

/* Back to the state before the first use, except that the file stays open, empty. If a view could
 * not be hidden, the file goes too: the view is then of a file that never grows again, and faults.
 */
static void empty_slot(struct arena *arena, unsigned index)
{
    struct slot *slot = &arena->slots[index];
    bool hidden = slot->mapped == 0 || hide(arena, index, 0, slot->mapped);
    if (slot->fd >= 0 && (ftruncate(slot->fd, 0) != 0 || !hidden)) {
        close(slot->fd);
        slot->fd = -1;
    }
    *slot = (struct slot){.fd = slot->fd};
}

/* Maps exactly `size` bytes. What was mapped already keeps its pages, for their faults were paid.
 */
static bool resize_slot(struct arena *arena, unsigned index, size_t size, struct error *err)
{
    struct slot *slot = &arena->slots[index];
    size_t old = slot->mapped;
    bool done;
    if (slot->fd < 0)
        slot->fd = memfd_create("tensor", MFD_CLOEXEC);
    if (size < old)
        done = hide(arena, index, size, old) && ftruncate(slot->fd, (off_t)size) == 0;
    else
        done =
            slot->fd >= 0 && ftruncate(slot->fd, (off_t)size) == 0 && show(arena, index, old, size);
    if (!done) {
        error_errno(err, ERROR_INTERNAL, "cannot map %zu MiB for tensor slot %u", size / MIB,
                    index);
        slot->mapped = size > old ? size : old;
        empty_slot(arena, index);
        return false;
    }
    slot->mapped = size;
    return true;
}

/* Gives the slot a mapping of at least `need` bytes, of the kind asked for. */
static bool prepare_slot(struct arena *arena, unsigned index, size_t need, bool sparse,
                         struct error *err)
{
    struct slot *slot = &arena->slots[index];
    bool discard = slot->sparse || sparse;
    size_t size = CLASS_MIN;
    while (size < need)
        size *= 2;
    if (sparse)
        size = round_up(need, SPARSE_UNIT);
    else if (!discard && slot->mapped >= size && (slot->mapped <= KEEP || size > KEEP))
        return true;
    if (discard && slot->mapped &&
        fallocate(slot->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)slot->mapped))
        empty_slot(arena, index);
    slot->sparse = sparse;
    return slot->mapped == size || resize_slot(arena, index, size, err);
}

static bool arguments_fit(unsigned slot, size_t bytes, size_t align, struct error *err)
{
    if (slot >= ARENA_SLOTS)
        return error_set(err, ERROR_INTERNAL, "tensor slot %u does not exist, the last is %d", slot,
                         ARENA_SLOTS - 1);
    if (align == 0 || align > ARENA_MAX_ALIGN || (align & (align - 1)))
        return error_set(err, ERROR_INTERNAL,
                         "a tensor cannot be aligned to %zu bytes, only to powers of two up to %d",
                         align, ARENA_MAX_ALIGN);
    if (bytes > ARENA_MAX_BYTES)
        return error_set(err, ERROR_INPUT, "a tensor of %zu bytes is too large, the limit is %zu",
                         bytes, ARENA_MAX_BYTES);
    return true;
}

/* Mappings end at multiples of every `align`. */
void arena_zones(size_t bytes, size_t align, enum arena_side side, size_t *before, size_t *behind)
{
    *before = bytes && side == ARENA_RIGHT ? ARENA_RED_ZONE : 0;
    *behind = bytes && side == ARENA_LEFT ? ARENA_RED_ZONE : -bytes & (align - 1);
}

/* Sets start and canaries of a tensor whose mapping is ready. */
static void put_tensor(struct slot *slot, size_t bytes, size_t align, enum arena_side side)
{
    slot->bytes = bytes;
    arena_zones(bytes, align, side, &slot->before, &slot->behind);
    if (bytes == 0)
        slot->start = NOWHERE;
    else
        slot->start = side == ARENA_LEFT ? 0 : slot->mapped - bytes - slot->behind;
}

bool arena_place(struct arena *arena, unsigned index, size_t bytes, size_t align,
                 enum arena_side side, enum arena_access access, struct arena_buffer *out,
                 struct error *err)
{
    if (!arguments_fit(index, bytes, align, err))
        return false;
    struct slot *slot = &arena->slots[index];
    size_t need = bytes ? bytes + align - 1 + ARENA_RED_ZONE : 0;
    if (!prepare_slot(arena, index, need, bytes > ARENA_RESIDENT_BYTES, err))
        return false;
    put_tensor(slot, bytes, align, side);
    slot->view = access == ARENA_READ_ONLY ? VIEW_READ : VIEW_WRITE;
    slot->placed = true;
    *out = (struct arena_buffer){
        .device = window_of(arena, index, slot->view) + slot->start,
        .host = window_of(arena, index, VIEW_WRITE) + slot->start,
        .bytes = bytes,
        .slot = index,
        .sparse = slot->sparse,
    };
    return true;
}

void arena_patterns(const struct arena *arena, const unsigned char **before,
                    const unsigned char **behind)
{
    *before = arena->pattern_before;
    *behind = arena->pattern_behind;
}

void arena_arm(struct arena *arena, unsigned index)
{
    assert(index < ARENA_SLOTS);
    const struct slot *slot = &arena->slots[index];
    if (!slot->placed)
        return;
    unsigned char *start = window_of(arena, index, VIEW_WRITE) + slot->start;
    memcpy(start - slot->before, arena->pattern_before, slot->before);
    memcpy(start + slot->bytes, arena->pattern_behind, slot->behind);
}

/* An empty zone lies in a guard, where memcmp's masked vector loads cost 150 ns to suppress a
 * fault. */
static bool zone_intact(const unsigned char *zone, const unsigned char *pattern, size_t bytes)
{
    return bytes == 0 || memcmp(zone, pattern, bytes) == 0;
}

/* Adds the differences of one zone, which starts `offset` bytes from the tensor, to `found`. */
static void compare_zone(const unsigned char *zone, const unsigned char *pattern, size_t bytes,
                         int64_t offset, struct arena_canary *found)
{
    for (size_t i = 0; i < bytes; i++) {
        if (zone[i] == pattern[i])
            continue;
        if (found->changed++ == 0) {
            found->offset = offset + (int64_t)i;
            found->before = pattern[i];
            found->after = zone[i];
        }
    }
}

bool arena_check(const struct arena *arena, unsigned index, struct arena_canary *out)
{
    assert(index < ARENA_SLOTS);
    const struct slot *slot = &arena->slots[index];
    *out = (struct arena_canary){0};
    if (!slot->placed)
        return true;
    const unsigned char *start = window_of(arena, index, VIEW_WRITE) + slot->start;
    const unsigned char *end = start + slot->bytes;
    if (zone_intact(start - slot->before, arena->pattern_before, slot->before) &&
        zone_intact(end, arena->pattern_behind, slot->behind))
        return true;
    compare_zone(start - slot->before, arena->pattern_before, slot->before, -(int64_t)slot->before,
                 out);
    compare_zone(end, arena->pattern_behind, slot->behind, (int64_t)slot->bytes, out);
    return false;
}

bool arena_locate(const struct arena *arena, uintptr_t address, struct arena_location *out)
{
    uintptr_t base = (uintptr_t)arena->base;
    if (address < base || address - base >= (size_t)ARENA_SLOTS * VIEWS * RANGE)
        return false;
    size_t range = (address - base) / RANGE;
    unsigned index = (unsigned)(range / VIEWS);
    const struct slot *slot = &arena->slots[index];
    if (!slot->placed)
        return false;
    int64_t in_window = (int64_t)((address - base) % RANGE) - (int64_t)GUARD;
    out->slot = index;
    out->offset = in_window - (int64_t)slot->start;
    out->readonly_store = range % VIEWS == VIEW_READ && (uint64_t)in_window < slot->mapped;
    return true;
}

bool arena_touched(const struct arena *arena, unsigned index, size_t from, size_t *begin,
                   size_t *end)
{
    assert(index < ARENA_SLOTS);
    const struct slot *slot = &arena->slots[index];
    if (!slot->placed || from >= slot->bytes)
        return false;
    size_t first = from, behind = slot->bytes;
    if (slot->sparse) {
        off_t data = lseek(slot->fd, (off_t)(slot->start + from), SEEK_DATA);
        if (data < 0 || (size_t)data >= slot->start + slot->bytes)
            return false;
        first = (size_t)data - slot->start;
        off_t hole = lseek(slot->fd, data, SEEK_HOLE);
        if (hole >= 0 && (size_t)hole < slot->start + slot->bytes)
            behind = (size_t)hole - slot->start;
    }
    *begin = first;
    *end = behind;
    return true;
}

size_t arena_resident(const struct arena *arena)
{
    size_t total = 0;
    for (unsigned i = 0; i < ARENA_SLOTS; i++) {
        struct stat status;
        if (arena->slots[i].fd >= 0 && fstat(arena->slots[i].fd, &status) == 0)
            total += (size_t)status.st_blocks * 512;
    }
    return total;
}

void arena_trim(struct arena *arena)
{
    for (unsigned i = 0; i < ARENA_SLOTS; i++)
        if (arena->slots[i].mapped > KEEP)
            empty_slot(arena, i);
}
