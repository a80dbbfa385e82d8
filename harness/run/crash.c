#include "harness/run/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/gpu/fault.h"

bool crash_open(struct crash *crash, bool logs, struct error *err)
{
    *crash = (struct crash){.log = logs ? memfd_create("worker's stderr", MFD_CLOEXEC) : -1};
    if (!logs || (crash->log >= 0 && fcntl(crash->log, F_SETFL, O_APPEND) == 0)) {
        void *shared = mmap(NULL, sizeof(*crash->note), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        crash->note = shared == MAP_FAILED ? NULL : shared;
    }
    if (crash->note)
        return true;
    error_errno(err, ERROR_INTERNAL, "cannot keep what a worker leaves");
    crash_close(crash);
    return false;
}

void crash_close(struct crash *crash)
{
    if (crash->log >= 0)
        close(crash->log);
    if (crash->note)
        munmap(crash->note, sizeof(*crash->note));
    *crash = (struct crash){.log = -1};
}

void crash_redirect(const struct crash *crash)
{
    dup2(crash->log, STDERR_FILENO);
}

static void write_all(const char *text, size_t size)
{
    while (size) {
        ssize_t n = write(STDERR_FILENO, text, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        size -= (size_t)n;
    }
}

void crash_pass_on(struct crash *crash)
{
    char text[4096];
    ssize_t n;
    if (crash->log < 0)
        return;
    while ((n = pread(crash->log, text, sizeof(text), crash->passed)) > 0) {
        write_all(text, (size_t)n);
        crash->passed += n;
    }
}

void crash_in_tensor(struct verdict *v, const char *tensor, size_t bytes,
                     const struct device_finding *f)
{
    int64_t size = (int64_t)bytes, offset = f->at.offset;
    bool inside = offset < size && offset + (int64_t)f->granule > 0;
    const char *access = !f->direction_known ? "access" : f->is_write ? "write" : "read";
    char where[96];
    if (f->granule > 1)
        snprintf(where, sizeof(where), "within %zu bytes from byte %" PRId64, f->granule, offset);
    else
        snprintf(where, sizeof(where), "at byte %" PRId64, offset);
    snprintf(v->tensor, sizeof(v->tensor), "%s", tensor);
    v->offset = offset;
    if (f->at.readonly_store && inside) {
        v->kind = VERDICT_INPUT_MODIFIED;
        v->detector = DETECTOR_READ_ONLY;
        snprintf(v->signature, sizeof(v->signature), "store to an input");
        snprintf(v->summary, sizeof(v->summary), "store to input %s %s of %" PRId64, tensor, where,
                 size);
        return;
    }
    v->kind = VERDICT_OOB;
    v->detector = DETECTOR_GUARD_PAGE;
    snprintf(v->signature, sizeof(v->signature), "%s %s", access,
             offset < 0 ? "before the start" : "behind the end");
    snprintf(v->summary, sizeof(v->summary), "%s of %s %s; the tensor has %" PRId64 " bytes",
             access, tensor, where, size);
}

/* The last of the log, a string. The fault stands at its end: the runtime aborts behind it. It may
 * have been passed on, with the verdict of the case before. */
static void read_tail(const struct crash *crash, char *text, size_t size)
{
    off_t end = lseek(crash->log, 0, SEEK_END);
    off_t from = end > (off_t)size - 1 ? end - ((off_t)size - 1) : 0;
    ssize_t n = pread(crash->log, text, size - 1, from);
    text[n > 0 ? n : 0] = '\0';
}

/* Quotes in the verdict's text the line of the log that begins with or has `what`. */
static void quote(struct verdict *v, const char *text, const char *what)
{
    const char *line = strstr(text, what);
    while (line > text && line[-1] != '\n')
        line--;
    snprintf(v->text, sizeof(v->text), "the runtime: %.*s", (int)strcspn(line, "\n"), line);
}

/* A fault without an address: the runtime gave the queue up. */
static bool judge_queue(const char *text, struct verdict *v)
{
    static const struct {
        const char *status, *signature;
    } causes[] = {
        {"HSA_STATUS_ERROR_EXCEPTION", "trap"},
        {"HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION", "illegal instruction"},
        {"HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION", "wild address"},
        {"HSA_STATUS_ERROR_MEMORY_FAULT", "wild address"},
    };
    const char *signature = "device error";
    char status[64];
    if (!gpu_fault_parse_rocm_queue(text, status, sizeof(status)))
        return false;
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
        if (!strcmp(causes[i].status, status))
            signature = causes[i].signature;
    memset(v, 0, sizeof(*v));
    quote(v, text, status);
    snprintf(v->summary, sizeof(v->summary), "%s, reported as %s", signature, status);
    verdict_set(v, VERDICT_FAULT, DETECTOR_TRAP, signature);
    return true;
}

bool crash_judge(const struct crash *crash, struct verdict *v)
{
    char text[8192];
    struct gpu_fault fault;
    struct device_finding f = {.granule = GPU_FAULT_PAGE};
    if (crash->log < 0)
        return false;
    read_tail(crash, text, sizeof(text));
    if (!gpu_fault_parse_rocm(text, &fault))
        return judge_queue(text, v);
    memset(v, 0, sizeof(*v));
    quote(v, text, "Memory access fault");
    f.is_write = fault.is_write;
    f.direction_known = fault.direction_known;
    const struct crash_note *note = crash->note;
    if (gpu_arena_locate(&note->arena, fault.address, &f.at) && f.at.slot < note->count) {
        crash_in_tensor(v, note->tensor[f.at.slot].name, note->tensor[f.at.slot].bytes, &f);
        return true;
    }
    snprintf(v->summary, sizeof(v->summary), "access in the page at 0x%" PRIx64, fault.address);
    verdict_set(v, VERDICT_FAULT, DETECTOR_TRAP, "wild address");
    return true;
}

bool crash_doubtful(const struct crash *crash, bool of_run)
{
    const struct crash_note *note = crash->note;
    bool prepared = false;
    for (size_t i = 0; note && i < SESSION_HELPERS; i++)
        prepared |= note->prepared[i] > note->run;
    return (note && note->together > 1) || (prepared && !of_run);
}
