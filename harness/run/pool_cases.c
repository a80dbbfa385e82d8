#include "harness/run/pool_state.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "harness/base/clock.h"

/* A worker times its own launches; the supervisor only steps in when that fails too. */
#define SUPERVISOR_PATIENCE(timeout) (4 * (timeout) + 1)

/* --- Giving --- */

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

/* Of the workers in that state which have room ahead, one that has least; or NULL. */
static struct worker *free_worker(struct pool *pool, enum worker_state state)
{
    struct worker *free = NULL;
    for (unsigned i = 0; i < pool->count; i++) {
        struct worker *w = &pool->worker[i];
        if (w->state == state && w->n_ahead < (free ? free->n_ahead : pool->ahead))
            free = w;
    }
    return free;
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
        if (!pool_replace(pool, w, err))
            return false;
    }
    return error_set(err, ERROR_INTERNAL, "worker processes die as soon as they start");
}

bool pool_submit(struct pool *pool, uint64_t ticket, const struct kase *kase, struct error *err)
{
    const struct worker_case c = {.kase = kase, .ticket = ticket};
    for (;;) {
        bool given;
        if (!give_idle(pool, c, &given, err))
            return false;
        struct worker *busy = given ? NULL : free_worker(pool, WORKER_BUSY);
        if (busy)
            give_ahead(busy, c);
        if (given || busy)
            return true;
        if (!pool_await_start(pool, 0, pool->count, err))
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

/* --- Waiting --- */

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

/* What a worker that is gone had ahead is another's to judge. */
static void orphan(struct pool *pool, const struct worker *gone)
{
    for (unsigned i = gone->n_ahead; i > 0; i--)
        pool->orphan[pool->n_orphans++] = gone->ahead[i - 1];
}

/* Any of the worker's cases may be what `seen` is about: all are to be judged again, each by a
 * worker that has no other, because behind an orphan no case is given ahead until the last of them
 * is given out. */
static bool orphan_all(struct pool *pool, const struct worker *gone, const struct verdict *seen,
                       struct error *err)
{
    const unsigned first = pool->n_orphans;
    struct doubt *doubt = doubt_create(seen);
    if (!doubt)
        return error_set(err, ERROR_INTERNAL, "no memory for a verdict");
    orphan(pool, gone);
    pool->orphan[pool->n_orphans++] = gone->now;
    for (unsigned i = first; i < pool->n_orphans; i++)
        doubt_add(doubt, &pool->orphan[i]);
    return true;
}

/* Behind the end of worker `w`, which was as `gone` says, with a verdict for the case that it ran,
 * or when that is doubtful, for any that it had. */
static enum pool_event bequeath(struct pool *pool, struct worker *w, struct worker *gone,
                                bool doubtful, struct verdict *v, struct error *err)
{
    if (!doubtful) {
        orphan(pool, gone);
        doubt_settle(&gone->now, true, v);
    } else if (!orphan_all(pool, gone, v, err)) {
        return POOL_FAILED;
    }
    if (!pool_replace(pool, w, err))
        return POOL_FAILED;
    return doubtful ? POOL_NOTHING : POOL_VERDICT;
}

static enum pool_event worker_lost(struct pool *pool, struct worker *w, bool hung, uint64_t *ticket,
                                   struct verdict *v, struct error *err)
{
    int status = 0;
    struct worker gone = *w;
    *ticket = w->now.ticket;
    const bool told = !hung && crash_judge(&w->crash, v);
    const bool doubtful = crash_doubtful(&w->crash, told || hung);
    if (hung)
        pool_kill(pool, w);
    else
        status = worker_end(w);
    if (!told)
        verdict_lost(v, status, hung);
    return bequeath(pool, w, &gone, doubtful, v, err);
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
    unsigned suspects;
    if (!message_receive_verdict(w->from, ticket, v, &suspects) || *ticket != w->now.ticket)
        return worker_lost(pool, w, false, ticket, v, err);
    crash_pass_on(&w->crash);
    if (!suspects)
        doubt_settle(&w->now, false, v);
    if (!suspects && go_on(pool, w))
        return POOL_VERDICT;
    struct worker gone = *w;
    pool_kill(pool, w);
    return bequeath(pool, w, &gone, suspects > 1, v, err);
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
    return pool_interrupted() ? POOL_INTERRUPTED : POOL_NOTHING;
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
    if (pool_interrupted())
        return POOL_INTERRUPTED;
    pool_bury(pool, false);
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
        return pool_greet(pool, w, err) ? POOL_NOTHING : POOL_FAILED;
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
