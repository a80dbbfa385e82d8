#include "harness/run/pool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/run/message.h"
#include "harness/run/worker.h"

enum { MAX_WORKERS = 256, MAX_DYING = 64 };

/* A worker times its own launches; the supervisor only steps in when that fails too. */
#define SUPERVISOR_PATIENCE(timeout) (4 * (timeout) + 1)

/* For a worker to give its memory back. */
#define FINISH_PATIENCE 10.0

struct pool {
    struct pool_options options;
    struct worker
        *worker; /* `count` that take cases, then a spare for each device that wants one */
    unsigned count, all, started;
    unsigned ahead; /* cases a worker is given beside the one it has */
    struct worker_case orphan[MAX_WORKERS * (1 + WORKER_AHEAD)]; /* see orphan(); given out first */
    unsigned n_orphans;
    pid_t dying[MAX_DYING]; /* killed, not yet gone: a GPU's context takes its time */
    unsigned n_dying;
    char device[sizeof(((struct hello *)0)->device)];
};

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

/* Collects what has died of the killed workers; with `wait`, all of them. */
static void bury(struct pool *pool, bool wait)
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

/* Ends a worker without waiting for it. */
static void worker_kill(struct pool *pool, struct worker *w)
{
    bury(pool, pool->n_dying == MAX_DYING);
    kill(w->pid, SIGKILL);
    pool->dying[pool->n_dying++] = w->pid;
    worker_close(w);
}

static bool start_worker(struct pool *pool, struct worker *w, struct error *err)
{
    return worker_start(w, &pool->options.session, pool->worker, pool->started, err);
}

/* Puts another worker in the place of one that is gone: the spare at once, if there is one. */
static bool worker_replace(struct pool *pool, struct worker *w, struct error *err)
{
    for (unsigned i = pool->count; i < pool->all; i++) {
        struct worker *spare = &pool->worker[i];
        if (spare->device != w->device || spare->state == WORKER_NONE)
            continue;
        *w = *spare;
        worker_forget(spare);
        return start_worker(pool, spare, err);
    }
    return start_worker(pool, w, err);
}

/* A worker that was starting has something to say. False when it has no device. */
static bool worker_ready(struct pool *pool, struct worker *w, struct error *err)
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

/* Waits until one of the starting workers [first, end) is ready. */
static bool await_start(struct pool *pool, unsigned first, unsigned end, struct error *err)
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
            return worker_ready(pool, &pool->worker[i], err);
    return error_set(err, ERROR_INTERNAL, "no worker process has started within %g s",
                     WORKER_START_PATIENCE);
}

static unsigned devices_of(const struct pool *pool)
{
    unsigned count = pool->options.session.devices.count;
    return count ? count : 1;
}

static bool start_all(struct pool *pool, struct error *err)
{
    while (pool->started < pool->all) {
        struct worker *w = &pool->worker[pool->started];
        unsigned turn = pool->started < pool->count ? pool->started : pool->started - pool->count;
        w->device = turn % devices_of(pool);
        if (!start_worker(pool, w, err))
            return false;
        pool->started++;
    }
    return await_start(pool, 0, pool->count, err);
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
    for (unsigned i = 0; i < pool->started; i++)
        worker_end(&pool->worker[i]);
    bury(pool, true);
    free(pool->worker);
    free(pool);
}

/* --- Memory of GPUs behind a run --- */

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
    if (!worker_leaves(w, &after) || !start_worker(pool, w, &err) ||
        !message_waits(w->from, WORKER_START_PATIENCE) || !worker_ready(pool, w, &err) ||
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
    unsigned devices = devices_of(pool);
    if (session->device.kind == DEVICE_CPU)
        return 0;
    bury(pool, true);
    for (unsigned i = 0; i < devices; i++) {
        out[i] = (struct pool_memory){.id = session->devices.count ? session->devices.id[i]
                                                                   : session->device};
        struct worker *w = last_of_device(pool, i);
        if ((out[i].asked = w != NULL))
            check_memory(pool, w, &out[i]);
    }
    return devices;
}

const char *pool_device(const struct pool *pool)
{
    return pool->device;
}

bool pool_has_room(const struct pool *pool)
{
    for (unsigned i = 0; i < pool->count && !pool->n_orphans; i++) {
        const struct worker *w = &pool->worker[i];
        if (w->state == WORKER_IDLE || (w->state == WORKER_BUSY && w->n_ahead < pool->ahead))
            return true;
    }
    return false;
}

bool pool_busy(const struct pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->worker[i].state == WORKER_BUSY)
            return true;
    return pool->n_orphans > 0;
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

static void begin(struct pool *pool, struct worker *w, struct worker_case c)
{
    w->state = WORKER_BUSY;
    w->now = c;
    w->deadline = clock_seconds() + SUPERVISOR_PATIENCE(pool->options.session.timeout_s);
}

static bool give(struct pool *pool, struct worker *w, struct worker_case c)
{
    if (!message_send_case(w->to, c.ticket, c.kase))
        return false;
    begin(pool, w, c);
    return true;
}

/* The first worker in that state which has room ahead, or NULL. */
static struct worker *free_worker(struct pool *pool, enum worker_state state)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->worker[i].state == state && pool->worker[i].n_ahead < pool->ahead)
            return &pool->worker[i];
    return NULL;
}

/* Gives a case to a busy worker, so that it need not wait for the next. What a pipe may not hold at
 * once is sent when the worker reads again, else its supervisor would wait for it. */
static void give_ahead(struct worker *w, struct worker_case c)
{
    if (w->n_sent == w->n_ahead && !c.kase->literals && message_send_case(w->to, c.ticket, c.kase))
        w->n_sent++;
    w->ahead[w->n_ahead++] = c;
}

/* Gives the case to an idle worker, if there is one; one that has died meanwhile is replaced first.
 * False when no worker is to be had any more. */
static bool give_idle(struct pool *pool, struct worker_case c, bool *given, struct error *err)
{
    *given = false;
    for (unsigned tries = 0; tries < pool->count + 2; tries++) {
        struct worker *w = free_worker(pool, WORKER_IDLE);
        if (!w)
            return true;
        if ((*given = give(pool, w, c)))
            return true;
        worker_end(w);
        if (!worker_replace(pool, w, err))
            return false;
    }
    return error_set(err, ERROR_INTERNAL, "worker processes die as soon as they start");
}

bool pool_submit(struct pool *pool, uint64_t ticket, const struct kase *kase, struct error *err)
{
    const struct worker_case c = {kase, ticket};
    for (;;) {
        bool given;
        if (!give_idle(pool, c, &given, err))
            return false;
        struct worker *busy = given ? NULL : free_worker(pool, WORKER_BUSY);
        if (busy)
            give_ahead(busy, c);
        if (given || busy)
            return true;
        if (!await_start(pool, 0, pool->count, err))
            return false;
    }
}

/* Gives orphans out, as far as workers are idle. */
static bool adopt_orphans(struct pool *pool, struct error *err)
{
    while (pool->n_orphans) {
        bool given;
        if (!give_idle(pool, pool->orphan[pool->n_orphans - 1], &given, err))
            return false;
        if (!given)
            break;
        pool->n_orphans--;
    }
    return true;
}

/* A worker is being lost: what it had ahead is another's to judge. So is what it had, where the
 * case that it prepared may have killed it: an orphan has nothing ahead until the last is given. */
static void orphan(struct pool *pool, struct worker *w, bool all)
{
    while (w->n_ahead)
        pool->orphan[pool->n_orphans++] = w->ahead[--w->n_ahead];
    if (all)
        pool->orphan[pool->n_orphans++] = w->now;
}

/* The verdict for a case whose worker is gone. */
static void verdict_lost(struct verdict *v, int status, bool hung)
{
    memset(v, 0, sizeof(*v));
    v->detector = DETECTOR_SUPERVISOR;
    v->kind = hung ? VERDICT_TIMEOUT : VERDICT_FAULT;
    if (hung) {
        snprintf(v->summary, sizeof(v->summary), "the worker process hung and was killed");
        snprintf(v->signature, sizeof(v->signature), "worker hung");
    } else if (WIFSIGNALED(status)) {
        snprintf(v->summary, sizeof(v->summary), "the worker process died of signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
        snprintf(v->signature, sizeof(v->signature), "worker signal %d", WTERMSIG(status));
    } else {
        snprintf(v->summary, sizeof(v->summary), "the worker process ended with status %d",
                 WEXITSTATUS(status));
        snprintf(v->signature, sizeof(v->signature), "worker exit");
    }
}

static enum pool_event worker_lost(struct pool *pool, struct worker *w, bool hung, uint64_t *ticket,
                                   struct verdict *v, struct error *err)
{
    int status = 0;
    *ticket = w->now.ticket;
    bool told = !hung && crash_judge(&w->crash, v);
    bool doubtful = !hung && !told && crash_doubtful(&w->crash);
    orphan(pool, w, doubtful);
    if (hung)
        worker_kill(pool, w);
    else
        status = worker_end(w);
    if (!told)
        verdict_lost(v, status, hung);
    if (!worker_replace(pool, w, err))
        return POOL_FAILED;
    return doubtful ? POOL_NOTHING : POOL_VERDICT;
}

/* Behind a verdict: on to what the worker has ahead. False when it is dead. */
static bool go_on(struct pool *pool, struct worker *w)
{
    const struct worker_case next = w->ahead[0];
    w->state = WORKER_IDLE;
    if (!w->n_ahead)
        return true;
    if (w->n_sent) {
        w->n_sent--;
        begin(pool, w, next);
    } else if (!give(pool, w, next)) {
        return false;
    }
    w->n_ahead--;
    memmove(w->ahead, w->ahead + 1, w->n_ahead * sizeof(w->ahead[0]));
    return true;
}

/* A busy worker has something to say: its verdict, or that it is gone. */
static enum pool_event worker_done(struct pool *pool, struct worker *w, uint64_t *ticket,
                                   struct verdict *v, struct error *err)
{
    bool last;
    if (!message_receive_verdict(w->from, ticket, v, &last) || *ticket != w->now.ticket)
        return worker_lost(pool, w, false, ticket, v, err);
    crash_pass_on(&w->crash);
    if (!last && go_on(pool, w))
        return POOL_VERDICT;
    orphan(pool, w, false);
    worker_kill(pool, w);
    return worker_replace(pool, w, err) ? POOL_VERDICT : POOL_FAILED;
}

static bool waited_for(const struct worker *w)
{
    return w->state == WORKER_BUSY || w->state == WORKER_STARTING;
}

static double earliest_deadline(const struct pool *pool, double latest)
{
    for (unsigned i = 0; i < pool->all; i++)
        if (waited_for(&pool->worker[i]) && pool->worker[i].deadline < latest)
            latest = pool->worker[i].deadline;
    return latest;
}

/* What the workers that are over their time come to. */
static enum pool_event overdue(struct pool *pool, uint64_t *ticket, struct verdict *v,
                               struct error *err)
{
    double time = clock_seconds();
    for (unsigned i = 0; i < pool->all; i++) {
        struct worker *w = &pool->worker[i];
        if (!waited_for(w) || time < w->deadline)
            continue;
        if (w->state == WORKER_BUSY)
            return worker_lost(pool, w, true, ticket, v, err);
        error_set(err, ERROR_INTERNAL, "a worker process has not started within %g s",
                  WORKER_START_PATIENCE);
        return POOL_FAILED;
    }
    return interrupted ? POOL_INTERRUPTED : POOL_NOTHING;
}

enum pool_event pool_wait(struct pool *pool, double seconds, uint64_t *ticket, struct verdict *v,
                          struct error *err)
{
    struct pollfd fds[MAX_WORKERS + DEVICE_MAX];
    double start = clock_seconds();
    double wait = earliest_deadline(pool, start + seconds) - start;
    struct timespec left = {0};
    if (wait > 0) {
        left.tv_sec = (time_t)wait;
        left.tv_nsec = (long)((wait - (double)left.tv_sec) * 1e9);
    }
    if (interrupted)
        return POOL_INTERRUPTED;
    bury(pool, false);
    if (!adopt_orphans(pool, err))
        return POOL_FAILED;
    for (unsigned i = 0; i < pool->all; i++)
        fds[i] = (struct pollfd){.fd = waited_for(&pool->worker[i]) ? pool->worker[i].from : -1,
                                 .events = POLLIN};
    int ready = ppoll(fds, pool->all, &left, NULL);
    if (ready < 0 && errno != EINTR) {
        error_errno(err, ERROR_INTERNAL, "poll");
        return POOL_FAILED;
    }
    for (unsigned i = 0; i < pool->all && ready > 0; i++) {
        struct worker *w = &pool->worker[i];
        if (!waited_for(w) || !fds[i].revents)
            continue;
        if (w->state == WORKER_BUSY)
            return worker_done(pool, w, ticket, v, err);
        return worker_ready(pool, w, err) ? POOL_NOTHING : POOL_FAILED;
    }
    return overdue(pool, ticket, v, err);
}

bool pool_judge(struct pool *pool, const struct kase *kase, struct verdict *v, struct error *err)
{
    uint64_t ticket;
    if (!pool_submit(pool, 0, kase, err))
        return false;
    for (;;) {
        switch (pool_wait(pool, 1, &ticket, v, err)) {
        case POOL_VERDICT:
            return true;
        case POOL_NOTHING:
            break;
        case POOL_INTERRUPTED:
            return error_set(err, ERROR_INTERNAL, "interrupted");
        case POOL_FAILED:
            return false;
        }
    }
}

void pool_confirm(const struct pool_options *options, const struct kase *kase, struct verdict *v)
{
    struct pool_options one = *options;
    struct verdict again;
    struct error err;
    one.workers = 1;
    struct pool *pool = pool_create(&one, &err);
    if (pool && pool_judge(pool, kase, &again, &err) && !verdict_passed(again.kind))
        *v = again;
    pool_destroy(pool);
}
