#include "harness/run/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/run/crash.h"
#include "harness/run/message.h"

enum { MAX_WORKERS = 256, MAX_DYING = 64 };

/* A worker times its own launches; the supervisor only steps in when that fails too. */
#define SUPERVISOR_PATIENCE(timeout) (4 * (timeout) + 1)

/* For a worker to open its device. */
#define START_PATIENCE 60.0

/* For a worker to give its memory back. */
#define FINISH_PATIENCE 10.0

enum worker_state { WORKER_NONE, WORKER_STARTING, WORKER_IDLE, WORKER_BUSY };

struct worker {
    enum worker_state state;
    pid_t pid;
    int to, from;
    uint64_t ticket;
    double deadline;
    unsigned device; /* which of the devices it has */
    struct crash crash;
};

struct pool {
    struct pool_options options;
    struct worker
        *worker; /* `count` that take cases, then a spare for each device that wants one */
    unsigned count, all, started;
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

/* --- The worker's side --- */

static bool say_hello(int to, const struct session *session, const struct error *err)
{
    struct hello hello;
    memset(&hello, 0, sizeof(hello));
    if (session)
        snprintf(hello.device, sizeof(hello.device), "%s", session_device(session));
    else
        hello.error = *err;
    return message_send_hello(to, &hello);
}

static void worker_main(const struct session_options *options, int from, int to, pid_t parent)
{
    struct error err;
    struct kase kase;
    struct verdict verdict;
    uint64_t ticket;
    signal(SIGINT, SIG_IGN); /* the terminal's ^C is the supervisor's to handle */
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    struct session *session = session_create(options, &err);
    if (!say_hello(to, session, &err) || !session)
        _exit(6);
    while (!session_lost(session) && message_receive_case(from, &ticket, &kase)) {
        session_run(session, &kase, &verdict);
        kase_release(&kase);
        if (!message_send_verdict(to, ticket, &verdict, session_lost(session)))
            break;
    }
    struct device_memory memory;
    if (session_give_back(session, &memory) && !message_send_memory(to, &memory))
        _exit(6);
    _exit(0);
}

/* --- The supervisor's side --- */

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* A worker that is not there; its place stays that of the same device. */
static void worker_forget(struct worker *w)
{
    *w = (struct worker){.state = WORKER_NONE,
                         .pid = -1,
                         .to = -1,
                         .from = -1,
                         .device = w->device,
                         .crash = {.log = -1}};
}

static bool worker_start(struct pool *pool, struct worker *w, struct error *err)
{
    int request[2] = {-1, -1}, reply[2] = {-1, -1};
    pid_t parent = getpid();
    struct session_options session = pool->options.session;
    if (session.devices.count)
        session.device = session.devices.id[w->device];
    worker_forget(w);
    if (session.device.kind == DEVICE_HIP && !crash_open(&w->crash, err))
        return false;
    session.note = w->crash.note;
    if (pipe2(request, O_CLOEXEC) || pipe2(reply, O_CLOEXEC))
        goto failed;
    fflush(NULL); /* a child must not print what is still in our buffers */
    w->pid = fork();
    if (w->pid < 0)
        goto failed;
    if (!w->pid) {
        for (unsigned i = 0; i < pool->started; i++) { /* else a dead pipe would look alive */
            close_fd(pool->worker[i].to);
            close_fd(pool->worker[i].from);
        }
        close(request[1]);
        close(reply[0]);
        if (w->crash.log >= 0)
            crash_redirect(&w->crash);
        worker_main(&session, request[0], reply[1], parent);
    }
    close(request[0]);
    close(reply[1]);
    w->to = request[1];
    w->from = reply[0];
    w->state = WORKER_STARTING;
    w->deadline = clock_seconds() + START_PATIENCE;
    return true;
failed:
    error_errno(err, ERROR_INTERNAL, "cannot start a worker process");
    for (int i = 0; i < 2; i++) {
        close_fd(request[i]);
        close_fd(reply[i]);
    }
    crash_close(&w->crash);
    return false;
}

static void worker_close(struct worker *w)
{
    close_fd(w->to);
    close_fd(w->from);
    crash_pass_on(&w->crash);
    crash_close(&w->crash);
    worker_forget(w);
}

/* Ends a worker and returns its wait status: its own if it was dead already. */
static int worker_end(struct worker *w)
{
    int status = 0;
    if (w->pid > 0) {
        kill(w->pid, SIGKILL);
        while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    worker_close(w);
    return status;
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

/* Puts another worker in the place of one that is gone: the spare at once, if there is one. */
static bool worker_replace(struct pool *pool, struct worker *w, struct error *err)
{
    for (unsigned i = pool->count; i < pool->all; i++) {
        struct worker *spare = &pool->worker[i];
        if (spare->device != w->device || spare->state == WORKER_NONE)
            continue;
        *w = *spare;
        worker_forget(spare);
        return worker_start(pool, spare, err);
    }
    return worker_start(pool, w, err);
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
    int ready = n ? poll(fds, n, (int)(START_PATIENCE * 1e3)) : 0;
    if (ready < 0 && errno == EINTR)
        return error_set(err, ERROR_INTERNAL, "interrupted");
    for (unsigned i = first, k = 0; ready > 0 && i < end; i++)
        if (pool->worker[i].state == WORKER_STARTING && fds[k++].revents)
            return worker_ready(pool, &pool->worker[i], err);
    return error_set(err, ERROR_INTERNAL, "no worker process has started within %g s",
                     START_PATIENCE);
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
        if (!worker_start(pool, w, err))
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

static bool readable(int fd, double seconds)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, (int)(seconds * 1e3)) > 0;
}

/* Has a worker give its memory back, and ends it. */
static bool worker_leaves(struct worker *w, struct device_memory *memory)
{
    bool heard = message_send_end(w->to) && readable(w->from, FINISH_PATIENCE) &&
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
    if (!worker_leaves(w, &after) || !worker_start(pool, w, &err) ||
        !readable(w->from, START_PATIENCE) || !worker_ready(pool, w, &err) ||
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
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->worker[i].state == WORKER_IDLE)
            return true;
    return false;
}

bool pool_busy(const struct pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->worker[i].state == WORKER_BUSY)
            return true;
    return false;
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

static bool give(struct pool *pool, struct worker *w, uint64_t ticket, const struct kase *kase)
{
    if (!message_send_case(w->to, ticket, kase))
        return false;
    w->state = WORKER_BUSY;
    w->ticket = ticket;
    w->deadline = clock_seconds() + SUPERVISOR_PATIENCE(pool->options.session.timeout_s);
    return true;
}

/* An idle worker, or NULL. */
static struct worker *idle_worker(struct pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->worker[i].state == WORKER_IDLE)
            return &pool->worker[i];
    return NULL;
}

bool pool_submit(struct pool *pool, uint64_t ticket, const struct kase *kase, struct error *err)
{
    /* A worker may have died idle; its successor gets the case then. */
    for (unsigned tries = 0; tries < pool->count + 2; tries++) {
        struct worker *w = idle_worker(pool);
        if (!w) {
            if (!await_start(pool, 0, pool->count, err))
                return false;
            continue;
        }
        if (give(pool, w, ticket, kase))
            return true;
        worker_end(w);
        if (!worker_replace(pool, w, err))
            return false;
    }
    return error_set(err, ERROR_INTERNAL, "worker processes die as soon as they start");
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
    *ticket = w->ticket;
    bool told = !hung && crash_judge(&w->crash, v);
    if (hung)
        worker_kill(pool, w);
    else
        status = worker_end(w);
    if (!told)
        verdict_lost(v, status, hung);
    return worker_replace(pool, w, err) ? POOL_VERDICT : POOL_FAILED;
}

/* A busy worker has something to say: its verdict, or that it is gone. */
static enum pool_event worker_done(struct pool *pool, struct worker *w, uint64_t *ticket,
                                   struct verdict *v, struct error *err)
{
    bool last;
    if (!message_receive_verdict(w->from, ticket, v, &last) || *ticket != w->ticket)
        return worker_lost(pool, w, false, ticket, v, err);
    w->state = WORKER_IDLE;
    crash_pass_on(&w->crash);
    if (!last)
        return POOL_VERDICT;
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
                  START_PATIENCE);
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
