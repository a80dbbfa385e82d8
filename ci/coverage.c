/*
 * Part of the coverage build alone. A program's line counts are written when it exits, and a worker
 * process never does: it ends by _exit, or its supervisor kills it. Both are made to write first.
 * Linked with --wrap=_exit,--wrap=kill.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

void __gcov_dump(void);
void __wrap__exit(int code) __attribute__((noreturn));
void __real__exit(int code) __attribute__((noreturn));
int __wrap_kill(pid_t pid, int number);
int __real_kill(pid_t pid, int number);

enum { PATIENCE_MS = 2000 };

void __wrap__exit(int code)
{
    __gcov_dump();
    __real__exit(code);
}

static void write_and_end(int number)
{
    __wrap__exit(128 + number);
}

static __attribute__((constructor)) void listen_for_the_end(void)
{
    struct sigaction action = {.sa_handler = write_and_end, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR2, &action, NULL);
}

/* Asks a child that is to be killed to write, and waits for it, before it is killed indeed. */
int __wrap_kill(pid_t pid, int number)
{
    siginfo_t info = {0};
    if (number == SIGKILL && !waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) &&
        !info.si_pid && !__real_kill(pid, SIGUSR2))
        for (int ms = 0; ms < PATIENCE_MS && !info.si_pid; ms++) {
            usleep(1000);
            if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG))
                break;
        }
    return __real_kill(pid, number);
}
