/* Signals that end a kernel: faults, traps and the time limit. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "harness/cpu/exec_machine.h"

static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
#define FAULT_SIGNALS (sizeof(fault_signals) / sizeof(*fault_signals))

#define TIMER_AGAIN_NS 5000000 /* when the signal came at a moment that it could not use */

static struct sigaction previous[FAULT_SIGNALS];

#if defined(__x86_64__)
static void decode(struct fault *f, const ucontext_t *context)
{
    f->ip = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
    f->is_write = (context->uc_mcontext.gregs[REG_ERR] & 2) != 0;
}
#elif defined(__aarch64__)
/* The syndrome lies in a chain of records behind the registers. */
static void decode(struct fault *f, const ucontext_t *context)
{
    const unsigned char *at = context->uc_mcontext.__reserved;
    const unsigned char *end = at + sizeof(context->uc_mcontext.__reserved);
    f->ip = (uintptr_t)context->uc_mcontext.pc;
    f->is_write = false;
    while (at + sizeof(struct esr_context) <= end) {
        const struct esr_context *record = (const struct esr_context *)at;
        if (record->head.magic == 0 || record->head.size == 0)
            return;
        if (record->head.magic == ESR_MAGIC) {
            f->is_write = (record->esr & (1 << 6)) != 0;
            return;
        }
        at += record->head.size;
    }
}
#else
static void decode(struct fault *f, const ucontext_t *context)
{
    (void)context;
    f->ip = 0;
    f->is_write = false;
}
#endif

static enum cpu_outcome classify(const struct machine *m, const struct fault *f)
{
    if (f->signal != SIGSEGV && f->signal != SIGBUS)
        return CPU_TRAP;
    const uintptr_t stacks = (uintptr_t)m->stacks;
    if (f->address >= stacks && f->address < stacks + STACKS_SIZE)
        return CPU_STACK_OVERFLOW;
    return CPU_FAULT;
}

/* Not ours: back to whoever was there before; the instruction runs again and faults again. */
static void hand_back(int number)
{
    for (size_t i = 0; i < FAULT_SIGNALS; i++)
        if (fault_signals[i] == number)
            sigaction(number, &previous[i], NULL);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    struct machine *m = machine_here;
    if (m == NULL || !m->running) {
        hand_back(number);
        return;
    }
    m->fault.signal = number;
    m->fault.no_address = info->si_code == SI_KERNEL;
    m->fault.address = (uintptr_t)info->si_addr;
    decode(&m->fault, context);
    schedule_abort(m, classify(m, &m->fault));
}

static void on_timer(int number, siginfo_t *info, void *context)
{
    (void)number;
    struct machine *m = machine_here;
    if (m == NULL || info->si_value.sival_ptr != m)
        return;
    m->expired = 1;
    if (!m->running || fiber_busy()) /* comes again */
        return;
    decode(&m->fault, context);
    schedule_abort(m, CPU_TIMEOUT);
}

static bool claimed(int number)
{
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && now.sa_sigaction == on_fault;
}

/* SA_NODEFER: a handler is left by switching to another context, so nothing would unblock the
 * signal again. */
static bool claim(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    action.sa_sigaction = on_fault;
    for (size_t i = 0; i < FAULT_SIGNALS; i++)
        if (!claimed(fault_signals[i]) && sigaction(fault_signals[i], &action, &previous[i]) != 0)
            return false;
    action.sa_sigaction = on_timer;
    action.sa_flags |= SA_RESTART;
    return sigaction(SIGRTMIN, &action, NULL) == 0;
}

/* One signal speaks for all: whoever replaces handlers (a test framework does before each of its
 * tests) replaces SIGSEGV's. */
bool fault_claim(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    if (claimed(SIGSEGV))
        return true;
    pthread_mutex_lock(&lock);
    const bool ok = claim();
    pthread_mutex_unlock(&lock);
    return ok;
}

bool fault_install(struct machine *m)
{
    const stack_t stack = {.ss_sp = m->signal_stack, .ss_size = SIGNAL_STACK};
    return sigaltstack(&stack, NULL) == 0 && fault_claim();
}

/* Timers do not survive a fork, and belong to one OS thread. */
static bool timer_ready(struct machine *m)
{
    const pid_t self = (pid_t)syscall(SYS_gettid);
    if (m->timer_owner == self)
        return true;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
    event.sigev_value.sival_ptr = m;
#ifdef sigev_notify_thread_id
    event.sigev_notify_thread_id = self;
#else
    event._sigev_un._tid = self;
#endif
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &m->timer) != 0)
        return false;
    m->timer_owner = self;
    return true;
}

void fault_timer_start(struct machine *m, double seconds)
{
    if (seconds <= 0 && m->timer_owner == 0)
        return;
    if (!timer_ready(m))
        return;
    struct itimerspec limit = {{0, 0}, {0, 0}};
    if (seconds > 0) {
        limit.it_value.tv_sec = (time_t)seconds;
        limit.it_value.tv_nsec = (long)((seconds - (double)limit.it_value.tv_sec) * 1e9);
        limit.it_value.tv_nsec += limit.it_value.tv_sec == 0 && limit.it_value.tv_nsec == 0;
        limit.it_interval.tv_nsec = TIMER_AGAIN_NS;
    }
    m->expired = 0;
    timer_settime(m->timer, 0, &limit, NULL);
}

void fault_timer_release(struct machine *m)
{
    if (m->timer_owner == (pid_t)syscall(SYS_gettid))
        timer_delete(m->timer);
    m->timer_owner = 0;
}
