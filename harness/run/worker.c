#include "harness/run/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/run/message.h"

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

/* The cases that a worker has, the one that it runs first. */
struct queue {
    struct kase kase[1 + SESSION_AHEAD];
    uint64_t ticket[1 + SESSION_AHEAD];
    unsigned first, count;
    bool more; /* are to come */
};

static unsigned place(const struct queue *q, unsigned i)
{
    return (q->first + i) % (1 + SESSION_AHEAD);
}

/* Takes what has come; waits only when there is nothing else to do. */
static void take_cases(struct queue *q, int from)
{
    while (q->more && q->count <= SESSION_AHEAD && (!q->count || message_waits(from, 0))) {
        const unsigned at = place(q, q->count);
        q->more = message_receive_case(from, &q->ticket[at], &q->kase[at]);
        q->count += q->more;
    }
}

static bool judge_first(struct session *session, struct queue *q, int to)
{
    struct verdict verdict;
    const unsigned at = q->first;
    while (session_begun(session) < q->count &&
           session_begin(session, &q->kase[place(q, session_begun(session))]))
        ;
    session_run(session, &q->kase[at], &verdict);
    kase_release(&q->kase[at]);
    q->first = place(q, 1);
    q->count--;
    return message_send_verdict(to, q->ticket[at], &verdict, session_suspects(session));
}

static void judge_cases(struct session *session, int from, int to)
{
    struct queue q = {.more = true};
    do
        take_cases(&q, from);
    while (q.count && judge_first(session, &q, to) && !session_lost(session));
}

static void worker_main(const struct session_options *options, int from, int to, pid_t parent)
{
    struct error err;
    signal(SIGINT, SIG_IGN); /* the terminal's ^C is the supervisor's to handle */
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    struct session *session = session_create(options, &err);
    if (!say_hello(to, session, &err) || !session)
        _exit(6);
    judge_cases(session, from, to);
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

void worker_forget(struct worker *w)
{
    *w = (struct worker){.state = WORKER_NONE,
                         .pid = -1,
                         .to = -1,
                         .from = -1,
                         .device = w->device,
                         .crash = {.log = -1}};
}

bool worker_start(struct worker *w, const struct session_options *options,
                  const struct worker *others, unsigned count, struct error *err)
{
    int request[2] = {-1, -1}, reply[2] = {-1, -1};
    pid_t parent = getpid();
    struct session_options session = *options;
    if (session.devices.count)
        session.device = session.devices.id[w->device];
    worker_forget(w);
    if (session.device.kind != DEVICE_CPU &&
        !crash_open(&w->crash, session.device.kind == DEVICE_HIP, err))
        return false;
    session.note = w->crash.note;
    if (pipe2(request, O_CLOEXEC) || pipe2(reply, O_CLOEXEC))
        goto failed;
    fflush(NULL); /* a child must not print what is still in our buffers */
    w->pid = fork();
    if (w->pid < 0)
        goto failed;
    if (!w->pid) {
        for (unsigned i = 0; i < count; i++) { /* else a dead pipe would look alive */
            close_fd(others[i].to);
            close_fd(others[i].from);
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
    w->deadline = clock_seconds() + WORKER_START_PATIENCE;
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

void worker_close(struct worker *w)
{
    close_fd(w->to);
    close_fd(w->from);
    crash_pass_on(&w->crash);
    crash_close(&w->crash);
    worker_forget(w);
}

int worker_end(struct worker *w)
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
