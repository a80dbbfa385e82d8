#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/gpu/runtime.h"
#include "harness/run/device.h"

/* For a runtime to say what it has; a driver that is stuck must not hold us. */
enum { PATIENCE_MS = 60000 };

/* What the child has to say. */
struct answer {
    int count;
    struct error error;
};

/* True when the child has said all of it. */
static bool receive(int from, struct answer *answer)
{
    struct pollfd fd = {.fd = from, .events = POLLIN};
    int ready;
    do
        ready = poll(&fd, 1, PATIENCE_MS);
    while (ready < 0 && errno == EINTR);
    return ready > 0 && read(from, answer, sizeof(*answer)) == (ssize_t)sizeof(*answer);
}

/* Asks one runtime in a process of its own, which is gone when this returns. */
static bool count_devices(enum gpu_vendor vendor, struct answer *answer, struct error *err)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC))
        return error_errno(err, ERROR_INTERNAL, "cannot ask for devices");
    fflush(NULL); /* a child must not print what is still in our buffers */
    pid_t pid = fork();
    if (!pid) {
        *answer = (struct answer){0};
        if (!gpu_count(vendor, &answer->count, &answer->error))
            answer->count = 0;
        _exit(write(fd[1], answer, sizeof(*answer)) != (ssize_t)sizeof(*answer));
    }
    close(fd[1]);
    bool heard = pid > 0 && receive(fd[0], answer);
    close(fd[0]);
    if (pid < 0)
        return error_errno(err, ERROR_INTERNAL, "cannot ask for devices");
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return heard || error_set(err, ERROR_NO_DEVICE,
                              "--device=all: the process that asked the %s runtime for its devices "
                              "died or hung",
                              vendor == GPU_CUDA ? "CUDA" : "HIP");
}

bool device_find_all(struct device_set *set, struct error *err)
{
    static const enum device_kind kind_of[] = {[GPU_CUDA] = DEVICE_CUDA, [GPU_HIP] = DEVICE_HIP};
    struct answer answer[2];
    for (enum gpu_vendor vendor = GPU_CUDA; vendor <= GPU_HIP; vendor++) {
        if (!count_devices(vendor, &answer[vendor], err))
            return false;
        int count = answer[vendor].count;
        if (count > DEVICE_MAX)
            return error_set(err, ERROR_INPUT,
                             "--device=all: there are %d GPUs, at most %d are taken; name them",
                             count, DEVICE_MAX);
        if (count <= 0)
            continue;
        for (set->count = 0; set->count < (unsigned)count; set->count++)
            set->id[set->count] = (struct device_id){kind_of[vendor], set->count};
        return true;
    }
    return error_set(err, ERROR_NO_DEVICE, "--device=all: no GPU here (%.200s; %.200s)",
                     answer[GPU_CUDA].error.text, answer[GPU_HIP].error.text);
}
