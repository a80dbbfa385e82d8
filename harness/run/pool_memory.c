#include "harness/run/message.h"
#include "harness/run/pool_state.h"

/* For a worker to give its memory back. */
#define FINISH_PATIENCE 10.0

/* Has a worker give its memory back, and ends it. */
static bool worker_leaves(struct worker *w, struct device_memory *memory)
{
    bool heard = message_send_end(w->to) && message_waits(w->from, FINISH_PATIENCE) &&
                 message_receive_memory(w->from, memory);
    worker_end(w);
    return heard;
}

/* An idle worker of the device, after all others on it have been ended. */
static struct worker *last_of_device(struct pool *pool, unsigned device)
{
    struct worker *last = NULL;
    for (unsigned i = 0; i < pool->started; i++) {
        struct worker *w = &pool->worker[i];
        if (w->device != device)
            continue;
        if (!last && i < pool->count && w->state == WORKER_IDLE)
            last = w;
        else
            worker_end(w);
    }
    return last;
}

static void check_memory(struct pool *pool, struct worker *w, struct pool_memory *out)
{
    struct device_memory after, baseline;
    struct error err;
    if (!worker_leaves(w, &after) || !pool_start_worker(pool, w, &err) ||
        !message_waits(w->from, WORKER_START_PATIENCE) || !pool_greet(pool, w, &err) ||
        !worker_leaves(w, &baseline))
        return;
    out->baseline = baseline.free;
    out->after = after.free;
    out->driver = after.driver;
    out->checked = true;
}

uint64_t pool_memory_missing(const struct pool_memory *m)
{
    uint64_t kept = m->after + m->driver + DEVICE_MEMORY_ALLOWANCE;
    return m->checked && kept < m->baseline ? m->baseline - m->after - m->driver : 0;
}

unsigned pool_finish(struct pool *pool, struct pool_memory out[DEVICE_MAX])
{
    const struct session_options *session = &pool->options.session;
    unsigned devices = pool_devices(pool);
    if (session->device.kind == DEVICE_CPU)
        return 0;
    pool_bury(pool, true);
    for (unsigned i = 0; i < devices; i++) {
        out[i] = (struct pool_memory){.id = session->devices.count ? session->devices.id[i]
                                                                   : session->device};
        struct worker *w = last_of_device(pool, i);
        if ((out[i].asked = w != NULL))
            check_memory(pool, w, &out[i]);
    }
    return devices;
}
