#include "harness/gpu/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/clock.h"

#define LOG_PATIENCE 0.05 /* seconds; the line is there before the error code comes back */

/* A hexadecimal number behind `before`, in which the driver groups digits by '_'. */
static bool number_behind(const char *line, const char *before, uint64_t *out)
{
    const char *at = strstr(line, before);
    if (!at)
        return false;
    at += strlen(before);
    unsigned digits = 0;
    for (*out = 0; *at; at++) {
        int value;
        if (*at >= '0' && *at <= '9')
            value = *at - '0';
        else if (*at >= 'a' && *at <= 'f')
            value = *at - 'a' + 10;
        else if (*at == '_')
            continue;
        else
            break;
        *out = *out << 4 | (unsigned)value;
        digits++;
    }
    return digits > 0 && digits <= 16;
}

bool gpu_fault_parse_nvidia(const char *line, struct gpu_fault *out)
{
    *out = (struct gpu_fault){0};
    const char *exception = strstr(line, "SM Warp Exception");
    out->local = exception && strstr(exception, "Out Of Range") && strstr(exception, "Address");
    if (!strstr(line, "Xid") ||
        (!out->local && !number_behind(line, "faulted @ 0x", &out->address)))
        return false;
    out->direction_known = strstr(line, "ACCESS_TYPE") != NULL;
    out->is_write = strstr(line, "_WRITE") || strstr(line, "_ATOMIC");
    out->read_only = strstr(line, "RO_VIOLATION") != NULL;
    const char *pid = strstr(line, "pid=");
    if (pid) {
        pid += strlen("pid=");
        out->pid = (int)strtol(pid + (*pid == '\''), NULL, 10);
    }
    return true;
}

bool gpu_fault_parse_rocm(const char *text, struct gpu_fault *out)
{
    *out = (struct gpu_fault){0};
    const char *fault = strstr(text, "Memory access fault by GPU");
    if (!fault || !number_behind(fault, "on address 0x", &out->address))
        return false;
    out->read_only = strstr(fault, "read-only") != NULL;
    out->is_write = out->direction_known = out->read_only;
    return true;
}

bool gpu_fault_parse_rocm_queue(const char *text, char *status, size_t size)
{
    static const char before[] = "aborting with error :", prefix[] = "HSA_STATUS_";
    const char *error = strstr(text, before);
    if (!error)
        return false;
    error += strlen(before);
    error += strspn(error, " ");
    size_t length = strspn(error, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (strncmp(error, prefix, strlen(prefix)) != 0 || length >= size)
        return false;
    memcpy(status, error, length);
    status[length] = '\0';
    return true;
}

int gpu_fault_log_open(void)
{
    const char *path = getenv("HARNESS_KERNEL_LOG");
    int log = open(path ? path : "/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (log >= 0 && lseek(log, 0, SEEK_END) < 0) {
        close(log);
        return -1;
    }
    return log;
}

/* Takes every line that is there. True when one is surely ours. */
static bool scan(int log, struct gpu_fault *out, bool *found)
{
    char lines[8192];
    for (;;) {
        ssize_t n = read(log, lines, sizeof(lines) - 1);
        if (n < 0 && (errno == EINTR || errno == EPIPE)) /* EPIPE: records were overwritten */
            continue;
        if (n <= 0)
            return false;
        lines[n] = '\0';
        for (char *rest, *line = strtok_r(lines, "\n", &rest); line;
             line = strtok_r(NULL, "\n", &rest)) {
            struct gpu_fault fault;
            if (!gpu_fault_parse_nvidia(line, &fault))
                continue;
            *out = fault;
            *found = true;
            if (fault.pid == (int)getpid())
                return true;
        }
    }
}

bool gpu_fault_log_find(int log, struct gpu_fault *out)
{
    bool found = false;
    double end = clock_seconds() + LOG_PATIENCE;
    if (log < 0)
        return false;
    while (!scan(log, out, &found) && !found && clock_seconds() < end) {
        struct pollfd fd = {.fd = log, .events = POLLIN};
        poll(&fd, 1, 10);
    }
    return found;
}
