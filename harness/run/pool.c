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
#include "harness/run/message.h"

enum { MAX_WORKERS = 256 };

/* A worker times its own launches; the supervisor only steps in when that fails too. */
#define SUPERVISOR_PATIENCE(timeout) (4 * (timeout) + 1)

struct worker {
    pid_t pid;
    int to, from;
    bool busy;
    uint64_t ticket;
    double deadline;
};

struct pool {
    struct pool_options options;
    struct worker *worker;
    unsigned count;
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
    if (!session) {
        error_report(&err);
        _exit(6);
    }
    while (message_receive_case(from, &ticket, &kase)) {
        session_run(session, &kase, &verdict);
        kase_release(&kase);
        if (!message_send_verdict(to, ticket, &verdict))
            break;
    }
    _exit(0);
}

/* --- The supervisor's side --- */

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static bool worker_start(struct pool *pool, struct worker *w, struct error *err)
{
    int request[2] = {-1, -1}, reply[2] = {-1, -1};
    pid_t parent = getpid();
    *w = (struct worker){.pid = -1, .to = -1, .from = -1};
    if (pipe2(request, O_CLOEXEC) || pipe2(reply, O_CLOEXEC))
        goto failed;
    fflush(NULL); /* a child must not print what is still in our buffers */
    w->pid = fork();
    if (w->pid < 0)
        goto failed;
    if (!w->pid) {
        for (unsigned i = 0; i < pool->count; i++) { /* else a dead pipe would look alive */
            close_fd(pool->worker[i].to);
            close_fd(pool->worker[i].from);
        }
        close(request[1]);
        close(reply[0]);
        worker_main(&pool->options.session, request[0], reply[1], parent);
    }
    close(request[0]);
    close(reply[1]);
    w->to = request[1];
    w->from = reply[0];
    return true;
failed:
    error_errno(err, ERROR_INTERNAL, "cannot start a worker process");
    for (int i = 0; i < 2; i++) {
        close_fd(request[i]);
        close_fd(reply[i]);
    }
    return false;
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
    close_fd(w->to);
    close_fd(w->from);
    *w = (struct worker){.pid = -1, .to = -1, .from = -1};
    return status;
}

struct pool *pool_create(const struct pool_options *options, struct error *err)
{
    struct pool *pool = calloc(1, sizeof(*pool));
    unsigned count = options->workers;
    if (!count || count > MAX_WORKERS) {
        free(pool);
        error_set(err, ERROR_INPUT, "-j %u: takes 1..%d", count, MAX_WORKERS);
        return NULL;
    }
    if (pool)
        pool->worker = calloc(count, sizeof(*pool->worker));
    if (!pool || !pool->worker) {
        free(pool);
        error_set(err, ERROR_INTERNAL, "no memory for %u workers", count);
        return NULL;
    }
    pool->options = *options;
    for (unsigned i = 0; i < count; i++) {
        if (!worker_start(pool, &pool->worker[i], err)) {
            pool_destroy(pool);
            return NULL;
        }
        pool->count++;
    }
    return pool;
}

void pool_destroy(struct pool *pool)
{
    if (!pool)
        return;
    for (unsigned i = 0; i < pool->count; i++)
        worker_end(&pool->worker[i]);
    free(pool->worker);
    free(pool);
}

bool pool_has_room(const struct pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (!pool->worker[i].busy)
            return true;
    return false;
}

bool pool_busy(const struct pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->worker[i].busy)
            return true;
    return false;
}

int pool_worker_pid(const struct pool *pool, unsigned i)
{
    return (int)pool->worker[i].pid;
}

bool pool_submit(struct pool *pool, uint64_t ticket, const struct kase *kase, struct error *err)
{
    for (unsigned i = 0; i < pool->count; i++) {
        struct worker *w = &pool->worker[i];
        if (w->busy)
            continue;
        /* A worker may have died idle; a fresh one gets the case then. */
        for (int tries = 0; tries < 2; tries++) {
            if (w->pid > 0 && message_send_case(w->to, ticket, kase)) {
                w->busy = true;
                w->ticket = ticket;
                w->deadline =
                    clock_seconds() + SUPERVISOR_PATIENCE(pool->options.session.timeout_s);
                return true;
            }
            worker_end(w);
            if (!worker_start(pool, w, err))
                return false;
        }
        return error_set(err, ERROR_INTERNAL, "a worker process dies as soon as it starts");
    }
    return error_set(err, ERROR_INTERNAL, "no idle worker");
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
    *ticket = w->ticket;
    verdict_lost(v, worker_end(w), hung);
    return worker_start(pool, w, err) ? POOL_VERDICT : POOL_FAILED;
}

static double earliest_deadline(const struct pool *pool, double latest)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->worker[i].busy && pool->worker[i].deadline < latest)
            latest = pool->worker[i].deadline;
    return latest;
}

enum pool_event pool_wait(struct pool *pool, double seconds, uint64_t *ticket, struct verdict *v,
                          struct error *err)
{
    struct pollfd fds[MAX_WORKERS];
    double start = clock_seconds();
    double wait = earliest_deadline(pool, start + seconds) - start;
    struct timespec left = {0};
    if (wait > 0) {
        left.tv_sec = (time_t)wait;
        left.tv_nsec = (long)((wait - (double)left.tv_sec) * 1e9);
    }
    if (interrupted)
        return POOL_INTERRUPTED;
    for (unsigned i = 0; i < pool->count; i++)
        fds[i] = (struct pollfd){.fd = pool->worker[i].busy ? pool->worker[i].from : -1,
                                 .events = POLLIN};
    int ready = ppoll(fds, pool->count, &left, NULL);
    if (ready < 0 && errno != EINTR) {
        error_errno(err, ERROR_INTERNAL, "poll");
        return POOL_FAILED;
    }
    for (unsigned i = 0; i < pool->count && ready > 0; i++) {
        struct worker *w = &pool->worker[i];
        if (!w->busy || !fds[i].revents)
            continue;
        w->busy = false;
        if (message_receive_verdict(w->from, ticket, v) && *ticket == w->ticket)
            return POOL_VERDICT;
        return worker_lost(pool, w, false, ticket, v, err);
    }
    double time = clock_seconds();
    for (unsigned i = 0; i < pool->count; i++) {
        struct worker *w = &pool->worker[i];
        if (w->busy && time >= w->deadline) {
            w->busy = false;
            return worker_lost(pool, w, true, ticket, v, err);
        }
    }
    return interrupted ? POOL_INTERRUPTED : POOL_NOTHING;
}
