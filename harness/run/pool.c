#include "harness/run/pool_state.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

void pool_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a dead worker is an error value of write */
}

bool pool_interrupted(void)
{
    return interrupted != 0;
}

void pool_bury(struct pool *pool, bool wait)
{
    unsigned left = 0;
    for (unsigned i = 0; i < pool->n_dying; i++) {
        pid_t gone;
        do
            gone = waitpid(pool->dying[i], NULL, wait ? 0 : WNOHANG);
        while (gone < 0 && errno == EINTR);
        if (gone == 0)
            pool->dying[left++] = pool->dying[i];
    }
    pool->n_dying = left;
}

void pool_kill(struct pool *pool, struct worker *w)
{
    pool_bury(pool, pool->n_dying == MAX_DYING);
    kill(w->pid, SIGKILL);
    pool->dying[pool->n_dying++] = w->pid;
    worker_close(w);
}

bool pool_start_worker(struct pool *pool, struct worker *w, struct error *err)
{
    return worker_start(w, &pool->options.session, pool->worker, pool->started, err);
}

bool pool_replace(struct pool *pool, struct worker *w, struct error *err)
{
    for (unsigned i = pool->count; i < pool->all; i++) {
        struct worker *spare = &pool->worker[i];
        if (spare->device != w->device || spare->state == WORKER_NONE)
            continue;
        *w = *spare;
        worker_forget(spare);
        return pool_start_worker(pool, spare, err);
    }
    return pool_start_worker(pool, w, err);
}

bool pool_greet(struct pool *pool, struct worker *w, struct error *err)
{
    struct hello hello;
    bool heard = message_receive_hello(w->from, &hello);
    if (heard && hello.error.kind == ERROR_NONE) {
        w->state = WORKER_IDLE;
        memcpy(pool->device, hello.device, sizeof(pool->device));
        return true;
    }
    worker_end(w);
    if (!heard)
        return error_set(err, ERROR_INTERNAL, "a worker process died while it started");
    *err = hello.error;
    return false;
}

bool pool_await_start(struct pool *pool, unsigned first, unsigned end, struct error *err)
{
    struct pollfd fds[MAX_WORKERS + DEVICE_MAX];
    unsigned n = 0;
    for (unsigned i = first; i < end; i++)
        if (pool->worker[i].state == WORKER_STARTING)
            fds[n++] = (struct pollfd){.fd = pool->worker[i].from, .events = POLLIN};
    int ready = n ? poll(fds, n, (int)(WORKER_START_PATIENCE * 1e3)) : 0;
    if (ready < 0 && errno == EINTR)
        return error_set(err, ERROR_INTERNAL, "interrupted");
    for (unsigned i = first, k = 0; ready > 0 && i < end; i++)
        if (pool->worker[i].state == WORKER_STARTING && fds[k++].revents)
            return pool_greet(pool, &pool->worker[i], err);
    return error_set(err, ERROR_INTERNAL, "no worker process has started within %g s",
                     WORKER_START_PATIENCE);
}

unsigned pool_devices(const struct pool *pool)
{
    unsigned count = pool->options.session.devices.count;
    return count ? count : 1;
}

static bool start_all(struct pool *pool, struct error *err)
{
    while (pool->started < pool->all) {
        struct worker *w = &pool->worker[pool->started];
        unsigned turn = pool->started < pool->count ? pool->started : pool->started - pool->count;
        w->device = turn % pool_devices(pool);
        if (!pool_start_worker(pool, w, err))
            return false;
        pool->started++;
    }
    return pool_await_start(pool, 0, pool->count, err);
}

/* A GPU in use has one; a worker of the CPU device is there again in a millisecond. */
static unsigned spares_of(const struct session_options *session, unsigned workers)
{
    unsigned devices = session->devices.count ? session->devices.count : 1;
    if (session->device.kind == DEVICE_CPU)
        return 0;
    return devices < workers ? devices : workers;
}

struct pool *pool_create(const struct pool_options *options, struct error *err)
{
    unsigned count = options->workers;
    if (!count || count > MAX_WORKERS) {
        error_set(err, ERROR_INPUT, "-j %u: takes 1..%d", count, MAX_WORKERS);
        return NULL;
    }
    struct pool *pool = calloc(1, sizeof(*pool));
    unsigned all = count + spares_of(&options->session, count);
    if (pool)
        pool->worker = calloc(all, sizeof(*pool->worker));
    if (!pool || !pool->worker) {
        free(pool);
        error_set(err, ERROR_INTERNAL, "no memory for %u workers", count);
        return NULL;
    }
    pool->options = *options;
    pool->count = count;
    pool->all = all;
    pool->ahead = options->session.device.kind == DEVICE_CPU ? 1 : WORKER_AHEAD;
    if (start_all(pool, err))
        return pool;
    pool_destroy(pool);
    return NULL;
}

void pool_destroy(struct pool *pool)
{
    if (!pool)
        return;
    for (unsigned i = 0; i < pool->started; i++)
        if (pool->worker[i].pid > 0)
            kill(pool->worker[i].pid, SIGKILL); /* all at once, they die side by side */
    for (unsigned i = 0; i < pool->started; i++) {
        doubt_settle(&pool->worker[i].now, true, NULL);
        worker_end(&pool->worker[i]);
    }
    pool_bury(pool, true);
    for (unsigned i = 0; i < pool->n_orphans; i++)
        doubt_settle(&pool->orphan[i], true, NULL);
    free(pool->worker);
    free(pool);
}

const char *pool_device(const struct pool *pool)
{
    return pool->device;
}

bool pool_settled(const struct pool *pool)
{
    for (unsigned i = 0; i < pool->all; i++)
        if (pool->worker[i].state != WORKER_IDLE)
            return false;
    return true;
}

int pool_worker_pid(const struct pool *pool, unsigned i)
{
    return (int)pool->worker[i].pid;
}
