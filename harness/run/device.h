/*
 * A device that runs plans: the processor, or a GPU. Tensors live in the host's guarded arena
 * (harness/cpu/arena.h), where inputs are written, poison is spread and results are compared. The
 * CPU device's kernels work on that very memory. A GPU has its own guarded memory with the same
 * layout; the bytes of a tensor, slack and red zones included, are sent before a launch and fetched
 * behind it. A case that passes needs neither: the GPU fills and checks its tensors itself, see
 * harness/run/inspect.h.
 *
 * The order for one run of a case:
 *     arena_place  place  (host writes)  arena_arm  send  launch  fetch  finish  (host reads)
 *
 * A GPU is opened in a worker process only, and a fault there is its end: `lost` says so.
 */
#ifndef HARNESS_RUN_DEVICE_H
#define HARNESS_RUN_DEVICE_H

#include "harness/cpu/arena.h"
#include "harness/op/op.h"
#include "harness/op/verdict.h"

enum device_kind { DEVICE_CPU, DEVICE_CUDA, DEVICE_HIP };

struct device_id {
    enum device_kind kind;
    unsigned index;
};

enum { DEVICE_MAX = 16 };

/* Devices that share the cases of a run, all of one kind. */
struct device_set {
    struct device_id id[DEVICE_MAX];
    unsigned count; /* 0: every GPU there is, see device_find_all() */
};

/* Reads "cpu", "cuda:0", "hip:3", "cuda:0,cuda:1", "all"; the number may be left out. ERROR_INPUT
 * for anything else. */
bool device_parse(const char *text, struct device_set *, struct error *) MUST_CHECK;

/* Every GPU of this machine: CUDA's, or if there is none, HIP's. A child process asks the runtimes,
 * since a process that has touched one must not fork workers. ERROR_NO_DEVICE when there is none.
 */
bool device_find_all(struct device_set *, struct error *) MUST_CHECK;

/* "cuda:0,cuda:1", as device_parse() reads it; cut when it does not fit. */
void device_format(const struct device_set *, char *text, size_t size);

struct device_options {
    struct device_id id;
    unsigned wave; /* of the CPU device; a GPU has its own */
    double timeout_s;
    struct crash_note *note; /* takes where tensors are before each launch, or NULL */
};

/* How a plan is enqueued. */
enum device_launch {
    LAUNCH_EAGER,
    LAUNCH_CAPTURE, /* recorded into a graph first, which is then launched */
    LAUNCH_REPLAY,  /* the graph of the last LAUNCH_CAPTURE again; the plan is not looked at */
};

struct device_run {
    const struct plan *plan;
    enum device_launch launch;
    uint64_t order; /* of threads and blocks, where the device has a choice; 0 is natural */
};

/* Device memory of the harness's own, beside the tensors. */
enum device_pad { PAD_TABLES, PAD_REFERENCE, PAD_WORK };

/* Sets of tensors that lie side by side on a device: those of each run of several cases. */
enum { DEVICE_SETS = 8 };

/* A tensor that only the device has: where it is to be, and where it is. */
struct device_place {
    size_t bytes, align;
    enum arena_side side;
    enum arena_access access;
};

struct device_spot {
    void *kernel;          /* what the kernel under test gets */
    unsigned char *at;     /* the same bytes, for our own kernels: always writable */
    size_t before, behind; /* bytes of canary */
};

/* What went wrong in a launch. */
struct device_finding {
    enum verdict_kind kind;
    enum detector detector;
    char signature[64];
    char text[512];
    bool in_tensor; /* `at` says in which, and `granule` bytes from there were touched or not */
    struct arena_location at;
    size_t granule;
    bool is_write, direction_known;
    uintptr_t ip; /* in this program; 0 when unknown */
    bool lost;    /* the device is of no more use to this process */
};

/* Memory of a GPU when a process has given back all it can, in bytes. */
struct device_memory {
    uint64_t free;   /* on the device, whoever has the rest */
    uint64_t driver; /* what the driver has taken for this process's kernels, and does not return */
};

/* Beside that, a driver keeps page tables and pools of its own. */
#define DEVICE_MEMORY_ALLOWANCE ((uint64_t)64 << 20)

struct device;

/* Functions that return false set the error, which is the harness's own; `launch`, `start` and
 * `await` judge. */
struct device_driver {
    /* Gives the tensor that the host's arena holds in `slot` its place; sets buffer->device. */
    bool (*place)(struct device *, unsigned slot, const struct device_place *,
                  struct arena_buffer *, struct error *);
    /* Makes the kernel's view of the tensor what the host wrote, canaries included. */
    bool (*send)(struct device *, unsigned slot, struct error *);
    /* Runs the plan to its end. */
    bool (*launch)(struct device *, const struct device_run *, struct device_finding *);
    /* Makes the host's canaries, and with `content` the tensor too, what the kernels left; when
     * `finish` has returned. */
    bool (*fetch)(struct device *, unsigned slot, bool content, struct error *);
    bool (*finish)(struct device *, struct error *);

    /* For checks where the tensors are; NULL in a driver whose tensors are the host's. `write`,
     * `read` and `enqueue` do not wait for the device. */

    /* Places tensor `slot` of a set; nothing may run. */
    bool (*spot)(struct device *, unsigned set, unsigned slot, const struct device_place *,
                 struct device_spot *, struct error *);
    /* At least `bytes` of device memory, aligned to 256; what was there before may be lost. Nothing
     * may run. NULL for an error. */
    void *(*pad)(struct device *, enum device_pad, size_t bytes, struct error *);
    /* `from` may change as soon as this returns. */
    bool (*write)(struct device *, void *to, const void *from, size_t bytes, struct error *);
    /* What was read is there when `finish` has returned. */
    bool (*read)(struct device *, void *to, const void *from, size_t bytes, struct error *);
    /* Of kernels whose failure is nobody's in particular: our own, or those of several cases. */
    bool (*enqueue)(struct device *, const struct plan *, struct error *);
    /* The two halves of an eager launch: up to the launch of its last step, and the wait for all.
     * What was enqueued in between, another launch too, fails with it. */
    bool (*start)(struct device *, const struct plan *, struct device_finding *);
    bool (*await)(struct device *, struct device_finding *);

    /* Bytes of memory held beside the host's arena, and a way to hold less: gives back what large
     * tensors had, when all together is more than `limit`. Nothing may run. */
    size_t (*resident)(const struct device *);
    void (*trim)(struct device *, size_t limit);
    /* Gives back all memory, tensors included, and looks what is free then; NULL where there is
     * none but the host's. */
    bool (*give_back)(struct device *, struct device_memory *, struct error *);
    void (*close)(struct device *); /* frees the device, not the arena */
};

struct device {
    const struct device_driver *driver;
    struct arena *arena; /* the host's, of the case that runs; not owned */
    char text[256];      /* what it is, for people and reports */
};

/* NULL: ERROR_NO_DEVICE when there is no such device. */
struct device *device_open(const struct device_options *, struct arena *, struct error *);

void device_close(struct device *);

/* The drivers. */
struct device *device_cpu_open(const struct device_options *, struct arena *, struct error *);
struct device *device_gpu_open(const struct device_options *, struct arena *, struct error *);

#endif
