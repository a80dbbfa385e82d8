/*
 * Tensors and bytes between the host and a GPU. A tensor goes whole, canaries included; of a sparse
 * one, only what somebody touched.
 */
#include <string.h>
#include <time.h>

#include "harness/base/clock.h"
#include "harness/gpu/state.h"

enum { PAGE = 4096, CHUNK = GPU_INBOX / 2 };

/* Untouched pages of a large output, on the GPU; the host's arena has zeros there. */
enum { UNTOUCHED = 0xa5 };

#define SPIN_SECONDS 200e-6

/* --- Waiting --- */

/* A launch that never ends blocks every call that waits inside the runtime, so this asks again and
 * again. */
int gpu_wait(struct device_gpu *gpu)
{
    const double start = clock_seconds();
    for (;;) {
        int result = gpu->api.stream_query(gpu->stream);
        double waited = clock_seconds() - start;
        if (result == GPU_SUCCESS)
            gpu->sent = 0;
        if (result != GPU_NOT_READY || waited > gpu->timeout_s)
            return result;
        if (waited > SPIN_SECONDS)
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
}

/* --- Tensors --- */

bool gpu_spot(struct device *device, unsigned set, unsigned slot, const struct device_place *where,
              struct device_spot *out, struct error *err)
{
    struct gpu_arena *arena = &gpu_of(device)->arena;
    struct gpu_placement p = {.bytes = where->bytes, .side = where->side, .access = where->access};
    uint64_t kernel;
    arena_zones(p.bytes, where->align, p.side, &p.before, &p.behind);
    slot += set * ARENA_SLOTS;
    if (!gpu_arena_place(arena, slot, &p, &kernel, err))
        return false;
    out->kernel = (void *)(uintptr_t)kernel;                              /* NOLINT: the device's */
    out->at = (unsigned char *)(uintptr_t)gpu_arena_address(arena, slot); /* NOLINT */
    out->before = p.before;
    out->behind = p.behind;
    return true;
}

bool gpu_place(struct device *device, unsigned slot, const struct device_place *where,
               struct arena_buffer *buffer, struct error *err)
{
    struct device_spot spot;
    if (!gpu_spot(device, 0, slot, where, &spot, err))
        return false;
    gpu_of(device)->held[slot] = (struct gpu_held){.host = buffer->host,
                                                   .bytes = where->bytes,
                                                   .before = spot.before,
                                                   .behind = spot.behind,
                                                   .sparse = buffer->sparse,
                                                   .input = where->access == ARENA_READ_ONLY};
    buffer->device = spot.kernel;
    return true;
}

static bool copy_in(struct device_gpu *gpu, uint64_t to, const void *from, size_t bytes,
                    struct error *err)
{
    return !bytes || gpu_good(&gpu->api, gpu->api.copy_in(to, from, bytes, gpu->stream),
                              "copy to the device", err);
}

static bool start_copy(struct device_gpu *gpu, void *to, uint64_t from, size_t bytes,
                       struct error *err)
{
    return gpu_good(&gpu->api, gpu->api.copy_out(to, from, bytes, gpu->stream),
                    "copy from the device", err);
}

static bool end_copies(struct device_gpu *gpu, struct error *err)
{
    return gpu_good(&gpu->api, gpu_wait(gpu), "copy from the device", err);
}

bool gpu_finish(struct device *device, struct error *err)
{
    struct device_gpu *gpu = gpu_of(device);
    size_t n = gpu->n_pending;
    gpu->n_pending = gpu->received = 0;
    if (!end_copies(gpu, err))
        return false;
    for (size_t i = 0; i < n; i++)
        memcpy(gpu->pending[i].to, gpu->inbox + gpu->pending[i].at, gpu->pending[i].bytes);
    return true;
}

/* Enqueues a copy to the host, which is there when finish() has returned. */
static bool copy_out(struct device_gpu *gpu, void *to, uint64_t from, size_t bytes,
                     struct error *err)
{
    if (!bytes)
        return true;
    if (bytes > GPU_INBOX)
        return start_copy(gpu, to, from, bytes, err);
    if ((bytes > GPU_INBOX - gpu->received || gpu->n_pending == GPU_MAX_PENDING) &&
        !gpu_finish(&gpu->device, err))
        return false;
    gpu->pending[gpu->n_pending++] = (struct gpu_pending){to, gpu->received, bytes};
    gpu->received += bytes;
    return start_copy(gpu, gpu->inbox + gpu->received - bytes, from, bytes, err);
}

/* Sends the pages that the host has touched, over a fill for all the others. */
static bool send_sparse(struct device_gpu *gpu, unsigned slot, struct error *err)
{
    const struct gpu_held *held = &gpu->held[slot];
    uint64_t to = gpu_arena_address(&gpu->arena, slot);
    size_t begin, end = 0;
    unsigned char fill = held->input ? 0 : UNTOUCHED;
    if (!gpu_good(&gpu->api, gpu->api.memset8(to, fill, held->bytes, gpu->stream),
                  "fill device memory", err))
        return false;
    while (arena_touched(gpu->device.arena, slot, end, &begin, &end))
        if (!copy_in(gpu, to + begin, held->host + begin, end - begin, err))
            return false;
    return copy_in(gpu, to - held->before, held->host - held->before, held->before, err) &&
           copy_in(gpu, to + held->bytes, held->host + held->bytes, held->behind, err);
}

bool gpu_send(struct device *device, unsigned slot, struct error *err)
{
    struct device_gpu *gpu = gpu_of(device);
    const struct gpu_held *held = &gpu->held[slot];
    if (!held->bytes)
        return true;
    if (held->sparse)
        return send_sparse(gpu, slot, err);
    return copy_in(gpu, gpu_arena_address(&gpu->arena, slot) - held->before,
                   held->host - held->before, held->before + held->bytes + held->behind, err);
}

/* Whether a piece of a page is as send_sparse() left what the host had not touched. */
static bool untouched(const unsigned char *at, size_t bytes)
{
    return at[0] == UNTOUCHED && !memcmp(at, at + 1, bytes - 1);
}

/* Copies to the host what was touched there before or on the GPU, so that the host's arena knows
 * every page that either has. The `chunk` bytes from byte `at` of the tensor lie at `staged`. */
static void take_chunk(struct device_gpu *gpu, unsigned slot, const unsigned char *staged,
                       size_t at, size_t chunk)
{
    const struct gpu_held *held = &gpu->held[slot];
    size_t begin = 0, end = 0, piece;
    bool more = true;
    for (size_t done = 0; done < chunk; done += piece) {
        size_t in_page = (uintptr_t)(held->host + at + done) % PAGE;
        piece = PAGE - in_page < chunk - done ? PAGE - in_page : chunk - done;
        while (more && end <= at + done)
            more = arena_touched(gpu->device.arena, slot, at + done, &begin, &end);
        bool known = more && begin < at + done + piece;
        if (known || !untouched(staged + done, piece))
            memcpy(held->host + at + done, staged + done, piece);
    }
}

/* Copies one half of the inbox full while the other is looked through. */
static bool fetch_sparse(struct device_gpu *gpu, unsigned slot, struct error *err)
{
    const struct gpu_held *held = &gpu->held[slot];
    uint64_t from = gpu_arena_address(&gpu->arena, slot);
    unsigned char *half[2] = {gpu->inbox, gpu->inbox + CHUNK};
    size_t before = 0;
    if (!gpu_finish(&gpu->device, err))
        return false;
    for (size_t at = 0, turn = 0; before < held->bytes; turn ^= 1) {
        size_t chunk = held->bytes - at < CHUNK ? held->bytes - at : CHUNK;
        if (!end_copies(gpu, err) || (chunk && !start_copy(gpu, half[turn], from + at, chunk, err)))
            return false;
        if (at > before)
            take_chunk(gpu, slot, half[turn ^ 1], before, at - before);
        before = at;
        at += chunk;
        if (!chunk)
            break;
    }
    return true;
}

bool gpu_fetch(struct device *device, unsigned slot, bool content, struct error *err)
{
    struct device_gpu *gpu = gpu_of(device);
    const struct gpu_held *held = &gpu->held[slot];
    uint64_t from = gpu_arena_address(&gpu->arena, slot);
    if (!held->bytes)
        return true;
    if (content && !held->sparse)
        return copy_out(gpu, held->host - held->before, from - held->before,
                        held->before + held->bytes + held->behind, err);
    return (!content || fetch_sparse(gpu, slot, err)) &&
           copy_out(gpu, held->host - held->before, from - held->before, held->before, err) &&
           copy_out(gpu, held->host + held->bytes, from + held->bytes, held->behind, err);
}

/* --- Bytes, for checks on the device --- */

bool gpu_write(struct device *device, void *to, const void *from, size_t bytes, struct error *err)
{
    struct device_gpu *gpu = gpu_of(device);
    if (bytes > GPU_OUTBOX - gpu->sent) /* memory that is not pinned: returns when it is copied */
        return copy_in(gpu, (uintptr_t)to, from, bytes, err);
    unsigned char *parcel = gpu->outbox + gpu->sent;
    gpu->sent += (bytes + 63) / 64 * 64;
    memcpy(parcel, from, bytes);
    return copy_in(gpu, (uintptr_t)to, parcel, bytes, err);
}

bool gpu_read(struct device *device, void *to, const void *from, size_t bytes, struct error *err)
{
    return copy_out(gpu_of(device), to, (uintptr_t)from, bytes, err);
}
