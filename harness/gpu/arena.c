#include "harness/gpu/arena.h"

#include <string.h>

#define GIB    ((size_t)1 << 30)
#define GUARD  (16 * GIB)
#define WINDOW (16 * GIB)
#define RANGE  (GUARD + WINDOW + GUARD)

#define KEEP         ((size_t)64 << 20) /* a mapping up to this size is kept for good */
#define POWERS_UP_TO ((size_t)1 << 30)  /* larger mappings are made to measure */

/* Where an empty tensor lives, counted from the window's start. */
#define NOWHERE (WINDOW + GUARD / 2)

enum view { VIEW_WRITE, VIEW_READ, VIEWS };

static uint64_t window_of(const struct gpu_slot *slot, enum view view)
{
    return slot->base + (uint64_t)view * RANGE + GUARD;
}

static struct gpu_prop memory_of(const struct gpu_arena *arena)
{
    return (struct gpu_prop){
        .type = GPU_MEMORY_PINNED, .location = GPU_LOCATION_DEVICE, .device = arena->api->device};
}

bool gpu_arena_init(struct gpu_arena *arena, const struct gpu_api *api, struct error *err)
{
    struct gpu_prop prop;
    memset(arena, 0, sizeof(*arena));
    arena->api = api;
    prop = memory_of(arena);
    return gpu_good(api, api->granularity(&arena->granularity, &prop, GPU_GRANULARITY_MINIMUM),
                    "ask for the granularity of memory", err);
}

/* Back to a slot that has address space and no memory. */
static void empty_slot(struct gpu_arena *arena, struct gpu_slot *slot)
{
    if (slot->mapped) {
        for (enum view view = 0; view < VIEWS; view++)
            arena->api->unmap(window_of(slot, view), slot->mapped);
        arena->api->release(slot->handle);
    }
    *slot = (struct gpu_slot){.base = slot->base};
}

void gpu_arena_release(struct gpu_arena *arena)
{
    for (unsigned i = 0; i < GPU_SLOTS; i++) {
        struct gpu_slot *slot = &arena->slot[i];
        empty_slot(arena, slot);
        if (slot->base)
            arena->api->unreserve(slot->base, VIEWS * RANGE);
        slot->base = 0;
    }
}

static bool show(struct gpu_arena *arena, struct gpu_slot *slot, size_t size, struct error *err)
{
    static const int flags[] = {
        [VIEW_WRITE] = GPU_ACCESS_READ_WRITE, [VIEW_READ] = GPU_ACCESS_READ};
    const struct gpu_api *api = arena->api;
    for (enum view view = 0; view < VIEWS; view++) {
        struct gpu_access access = {GPU_LOCATION_DEVICE, api->device, flags[view]};
        uint64_t at = window_of(slot, view);
        if (gpu_good(api, api->map(at, size, 0, slot->handle, 0), "map memory", err) &&
            gpu_good(api, api->set_access(at, size, &access, 1), "give access to memory", err))
            continue;
        for (enum view undo = 0; undo <= view; undo++)
            api->unmap(window_of(slot, undo), size);
        return false;
    }
    return true;
}

static size_t mapping_size(const struct gpu_arena *arena, size_t need)
{
    size_t size = arena->granularity;
    if (need > POWERS_UP_TO)
        return (need + size - 1) / size * size;
    while (size < need)
        size *= 2;
    return size;
}

/* Gives the slot a mapping of at least `need` bytes. */
static bool prepare_slot(struct gpu_arena *arena, unsigned index, size_t need, struct error *err)
{
    const struct gpu_api *api = arena->api;
    struct gpu_slot *slot = &arena->slot[index];
    if (!slot->base && !gpu_good(api, api->reserve(&slot->base, VIEWS * RANGE, 0, 0, 0),
                                 "reserve address space for guarded tensors", err)) {
        slot->base = 0;
        return false;
    }
    if (slot->mapped >= need)
        return true;
    empty_slot(arena, slot);
    struct gpu_prop prop = memory_of(arena);
    size_t size = mapping_size(arena, need);
    int result = api->create(&slot->handle, size, &prop, 0);
    if (result != GPU_SUCCESS)
        return error_set(err, ERROR_INTERNAL, "cannot allocate %zu MiB of device memory: %s",
                         size >> 20, gpu_error_name(api, result));
    if (!show(arena, slot, size, err)) {
        api->release(slot->handle);
        return false;
    }
    slot->mapped = size;
    return true;
}

bool gpu_arena_place(struct gpu_arena *arena, unsigned index, const struct gpu_placement *p,
                     uint64_t *kernel, struct error *err)
{
    size_t need = p->bytes ? p->before + p->bytes + p->behind : 0;
    if (need > WINDOW)
        return error_set(err, ERROR_INPUT, "a tensor of %zu bytes is too large, the limit is %zu",
                         p->bytes, ARENA_MAX_BYTES);
    if (!prepare_slot(arena, index, need, err))
        return false;
    struct gpu_slot *slot = &arena->slot[index];
    slot->bytes = p->bytes;
    slot->before = p->before;
    slot->behind = p->behind;
    slot->start = p->side == ARENA_LEFT ? 0 : slot->mapped - p->behind - p->bytes;
    if (!p->bytes)
        slot->start = NOWHERE;
    slot->read_only = p->access == ARENA_READ_ONLY;
    slot->placed = true;
    *kernel = window_of(slot, slot->read_only ? VIEW_READ : VIEW_WRITE) + slot->start;
    return true;
}

uint64_t gpu_arena_address(const struct gpu_arena *arena, unsigned index)
{
    const struct gpu_slot *slot = &arena->slot[index];
    return window_of(slot, VIEW_WRITE) + slot->start;
}

bool gpu_arena_locate(const struct gpu_arena *arena, uint64_t address, struct arena_location *out)
{
    for (unsigned i = 0; i < GPU_SLOTS; i++) {
        const struct gpu_slot *slot = &arena->slot[i];
        if (!slot->placed || address < slot->base || address - slot->base >= VIEWS * RANGE)
            continue;
        enum view view = (enum view)((address - slot->base) / RANGE);
        int64_t in_window = (int64_t)((address - slot->base) % RANGE) - (int64_t)GUARD;
        out->slot = i % ARENA_SLOTS;
        out->offset = in_window - (int64_t)slot->start;
        out->readonly_store = view == VIEW_READ && (uint64_t)in_window < slot->mapped;
        return true;
    }
    return false;
}

size_t gpu_arena_resident(const struct gpu_arena *arena)
{
    size_t sum = 0;
    for (unsigned i = 0; i < GPU_SLOTS; i++)
        sum += arena->slot[i].mapped;
    return sum;
}

void gpu_arena_trim(struct gpu_arena *arena)
{
    for (unsigned i = 0; i < GPU_SLOTS; i++)
        if (arena->slot[i].mapped > KEEP)
            empty_slot(arena, &arena->slot[i]);
}
