/*
 * What the parts of the GPU device share: transfer.c moves tensors, run.c launches plans, device.c
 * opens and closes. Everybody else knows struct device alone.
 */
#ifndef HARNESS_GPU_STATE_H
#define HARNESS_GPU_STATE_H

#include "harness/gpu/arena.h"
#include "harness/gpu/code.h"
#include "harness/run/device.h"

/* Bytes of pinned memory, one part for each direction; large tensors pass through the halves of the
 * first. */
enum { GPU_INBOX = 16 << 20, GPU_OUTBOX = 4 << 20 };

enum { GPU_MAX_PENDING = 3 * ARENA_SLOTS };

/* A tensor as the host's arena holds it. */
struct gpu_held {
    unsigned char *host;
    size_t bytes, before, behind;
    bool sparse, input;
};

/* A copy from the device that has been enqueued: it goes to the inbox first, because copies to
 * pinned memory do not wait for each other. */
struct gpu_pending {
    void *to;
    size_t at, bytes; /* in the inbox */
};

struct device_gpu {
    struct device device;
    struct gpu_api api;
    struct gpu_arena arena;
    struct gpu_arena pads; /* slot: enum device_pad */
    struct gpu_code code;
    struct gpu_held held[ARENA_SLOTS];
    void *stream, *graph;
    const char *running; /* the step that was launched last and not waited for, or NULL */
    unsigned char *inbox, *outbox;
    struct gpu_pending pending[GPU_MAX_PENDING];
    size_t n_pending, received, sent; /* bytes of inbox and outbox in use */
    double timeout_s;
    struct crash_note *note;
    uint64_t driver_memory; /* see struct device_memory */
    int log;                /* the kernel's, or -1 */
};

static inline struct device_gpu *gpu_of(struct device *device)
{
    return (struct device_gpu *)device;
}

/* transfer.c: functions of struct device_driver. */
bool gpu_place(struct device *, unsigned slot, const struct device_place *, struct arena_buffer *,
               struct error *);
bool gpu_send(struct device *, unsigned slot, struct error *);
bool gpu_fetch(struct device *, unsigned slot, bool content, struct error *);
bool gpu_finish(struct device *, struct error *);
bool gpu_spot(struct device *, unsigned set, unsigned slot, const struct device_place *,
              struct device_spot *, struct error *);
bool gpu_write(struct device *, void *to, const void *from, size_t bytes, struct error *);
bool gpu_read(struct device *, void *to, const void *from, size_t bytes, struct error *);

/* The result of all that was enqueued; GPU_NOT_READY when the time is up. */
int gpu_wait(struct device_gpu *);

/* run.c: likewise. */
bool gpu_run(struct device *, const struct device_run *, struct device_finding *);
bool gpu_enqueue(struct device *, const struct plan *, struct error *);
bool gpu_start(struct device *, const struct plan *, struct device_finding *);
bool gpu_await(struct device *, struct device_finding *);
void gpu_drop_graph(struct device_gpu *);

#endif
