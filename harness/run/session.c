#include "harness/run/session.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/run/trial.h"

/* Tensor memory above this is given back behind the case that needed it. */
#define RESIDENT_LIMIT ((size_t)256 << 20)

static bool prepare_inspection(struct session *s, struct error *err)
{
    s->inspection = inspect_create();
    if (!s->inspection)
        return error_set(err, ERROR_INTERNAL, "no memory for checks on the device");
    s->helper = helper_create(err);
    return s->helper != NULL;
}

struct session *session_create(const struct session_options *options, struct error *err)
{
    struct session *s = calloc(1, sizeof(*s));
    if (!s) {
        error_set(err, ERROR_INTERNAL, "no memory for a session");
        return NULL;
    }
    s->options = *options;
    struct device_options device = {.id = options->device,
                                    .wave = options->wave,
                                    .timeout_s = options->timeout_s,
                                    .note = options->note};
    s->arena = arena_create(err);
    if (s->arena)
        s->device = device_open(&device, s->arena, err);
    if (s->device && (!inspect_possible(s->device) || prepare_inspection(s, err)))
        return s;
    session_destroy(s);
    return NULL;
}

void session_destroy(struct session *s)
{
    if (!s)
        return;
    helper_destroy(s->helper);
    inspect_destroy(s->inspection);
    device_close(s->device);
    arena_destroy(s->arena);
    for (size_t i = 0; i < OP_MAX_TENSORS; i++) {
        free(s->first[i].data);
        free(s->second[i].data);
        free(s->ref[i].data);
    }
    free(s);
}

static size_t scratch_bytes(const struct session *s)
{
    size_t sum = 0;
    for (size_t i = 0; i < OP_MAX_TENSORS; i++)
        sum += s->first[i].capacity + s->second[i].capacity + s->ref[i].capacity;
    return sum;
}

size_t session_resident(const struct session *s)
{
    return arena_resident(s->arena) + s->device->driver->resident(s->device) + scratch_bytes(s);
}

const char *session_device(const struct session *s)
{
    return s->device->text;
}

bool session_lost(const struct session *s)
{
    return s->lost;
}

bool session_give_back(struct session *s, struct device_memory *memory)
{
    const struct device_driver *driver = s->device->driver;
    return !s->lost && driver->give_back && driver->give_back(s->device, memory, NULL);
}

static void drop(struct scratch *scratch)
{
    free(scratch->data);
    *scratch = (struct scratch){0};
}

static void session_trim(struct session *s)
{
    if (scratch_bytes(s) > RESIDENT_LIMIT)
        for (size_t i = 0; i < OP_MAX_TENSORS; i++) {
            drop(&s->first[i]);
            drop(&s->second[i]);
            drop(&s->ref[i]);
        }
    if (arena_resident(s->arena) > RESIDENT_LIMIT)
        arena_trim(s->arena);
    if (!s->lost)
        s->device->driver->trim(s->device);
}

void *scratch_get(struct scratch *scratch, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    if (bytes < 64)
        bytes = 64;
    if (bytes > scratch->capacity) {
        size_t rounded = bytes + bytes / 4;
        drop(scratch);
        scratch->data = malloc(rounded);
        scratch->capacity = scratch->data ? rounded : 0;
    }
    return scratch->data;
}

void session_run(struct session *s, const struct kase *kase, struct verdict *v)
{
    struct trial trial = {.session = s, .kase = kase, .verdict = v};
    memset(v, 0, sizeof(*v));
    v->cosine = 1;
    double begin = clock_seconds();
    trial_judge(&trial);
    session_trim(s);
    v->ms = (clock_seconds() - begin) * 1e3;
}
