#include "harness/run/session.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/run/crash.h"
#include "harness/run/trial.h"

/* Tensor memory above this is given back behind the case that needed it. */
#define RESIDENT_LIMIT ((size_t)64 << 20)

/* The same on a device. */
#define DEVICE_LIMIT ((size_t)4 << 30)

/* Cases of more elements wait for their turn: of several at once, the host might have no room. */
#define AHEAD_LIMIT ((uint64_t)1 << 22)

static void drop(struct scratch *scratch)
{
    free(scratch->data);
    *scratch = (struct scratch){0};
}

static void drop_all(struct scratch scratch[OP_MAX_TENSORS])
{
    for (size_t i = 0; i < OP_MAX_TENSORS; i++)
        drop(&scratch[i]);
}

static size_t bytes_of(const struct scratch scratch[OP_MAX_TENSORS])
{
    size_t sum = 0;
    for (size_t i = 0; i < OP_MAX_TENSORS; i++)
        sum += scratch[i].capacity;
    return sum;
}

static bool prepare_inspection(struct session *s, struct error *err)
{
    s->inspection = inspect_create(s->device);
    if (!s->inspection)
        return error_set(err, ERROR_INTERNAL, "no memory for checks on the device");
    for (size_t i = 1; i < SESSION_TRIALS; i++)
        if (!(s->desk[i].arena = arena_create(err)))
            return false;
    for (size_t i = 0; i < SESSION_HELPERS; i++)
        if (!(s->helper[i] = helper_create(err)))
            return false;
    return true;
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
    s->desk[0].arena = arena_create(err);
    if (s->desk[0].arena)
        s->device = device_open(&device, s->desk[0].arena, err);
    if (s->device && (!inspect_possible(s->device) || prepare_inspection(s, err)))
        return s;
    session_destroy(s);
    return NULL;
}

void session_destroy(struct session *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < SESSION_HELPERS; i++)
        helper_destroy(s->helper[i]);
    inspect_destroy(s->inspection);
    device_close(s->device);
    for (size_t i = 0; i < SESSION_TRIALS; i++) {
        drop_all(s->desk[i].ref);
        arena_destroy(s->desk[i].arena);
    }
    drop_all(s->first);
    drop_all(s->second);
    free(s);
}

size_t session_resident(const struct session *s)
{
    size_t sum = s->device->driver->resident(s->device) + bytes_of(s->first) + bytes_of(s->second);
    for (size_t i = 0; i < SESSION_TRIALS; i++)
        if (s->desk[i].arena)
            sum += arena_resident(s->desk[i].arena) + bytes_of(s->desk[i].ref);
    return sum;
}

const char *session_device(const struct session *s)
{
    return s->device->text;
}

bool session_lost(const struct session *s)
{
    return s->lost;
}

unsigned session_suspects(const struct session *s)
{
    return s->lost && !s->suspects ? 1 : s->suspects;
}

bool session_give_back(struct session *s, struct device_memory *memory)
{
    const struct device_driver *driver = s->device->driver;
    return !s->lost && driver->give_back && driver->give_back(s->device, memory, NULL);
}

/* Behind a trial; those on other desks may be under way. */
static void session_trim(struct session *s, struct desk *desk)
{
    if (bytes_of(s->first) + bytes_of(s->second) + bytes_of(desk->ref) > RESIDENT_LIMIT) {
        drop_all(s->first);
        drop_all(s->second);
        drop_all(desk->ref);
    }
    if (arena_resident(desk->arena) > RESIDENT_LIMIT)
        arena_trim(desk->arena);
    if (!s->lost)
        s->device->driver->trim(s->device, DEVICE_LIMIT);
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

/* The one that is to be run says so before its work begins: what dies then dies of it. */
static void note_run(const struct session *s, uint64_t number)
{
    if (s->options.note)
        s->options.note->run = number;
}

static void begin(struct session *s, const struct kase *kase)
{
    const uint64_t number = ++s->begun;
    if (number == s->run + 1)
        note_run(s, number);
    trial_begin(&s->trial[number % SESSION_TRIALS], s, kase, number);
}

bool session_begin(struct session *s, const struct kase *kase)
{
    if (!s->helper[0] || session_begun(s) == SESSION_TRIALS ||
        (session_begun(s) && kase->op->cost(kase) > AHEAD_LIMIT))
        return false;
    begin(s, kase);
    return true;
}

unsigned session_begun(const struct session *s)
{
    return (unsigned)(s->begun - s->run);
}

/* Has the device run the next cases that it judges by itself. */
static void inspect_next(struct session *s)
{
    struct trial *t[INSPECT_CASES];
    const double start = clock_seconds();
    const size_t n = trial_gather(s, t);
    if (n)
        trial_inspect(t, n);
    for (size_t i = 0; i < n; i++)
        t[i]->ms = (clock_seconds() - start) * 1e3 / (double)n;
}

void session_run(struct session *s, const struct kase *kase, struct verdict *v)
{
    if (!session_begun(s))
        begin(s, kase);
    struct trial *t = &s->trial[(s->run + 1) % SESSION_TRIALS];
    note_run(s, s->run + 1);
    s->device->arena = t->desk->arena;
    if (s->inspection && !t->inspected)
        inspect_next(s);
    const double start = clock_seconds();
    trial_judge(t);
    session_trim(s, t->desk);
    s->run++;
    s->calm = verdict_passed(t->verdict.kind) ? s->calm + 1 : 0;
    *v = t->verdict;
    v->ms = t->ms + (clock_seconds() - start) * 1e3;
}
