#include "harness/run/device.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum device_kind kind;
} kinds[] = {{"cpu", DEVICE_CPU}, {"cuda", DEVICE_CUDA}, {"hip", DEVICE_HIP}};

enum { MAX_INDEX = 999 };

/* Nothing or ":N" in front of `end`; the CPU device has no number. */
static bool parse_index(const char *text, const char *end, struct device_id *id)
{
    id->index = 0;
    if (text == end)
        return true;
    if (id->kind == DEVICE_CPU || *text++ != ':' || text == end)
        return false;
    for (; text < end; text++) {
        if (*text < '0' || *text > '9')
            return false;
        id->index = id->index * 10 + (unsigned)(*text - '0');
        if (id->index > MAX_INDEX)
            return false;
    }
    return true;
}

static bool parse_one(const char *text, const char *end, struct device_id *id)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t length = strlen(kinds[i].name);
        id->kind = kinds[i].kind;
        if (!strncmp(text, kinds[i].name, length) && parse_index(text + length, end, id))
            return true;
    }
    return false;
}

bool device_parse(const char *text, struct device_set *set, struct error *err)
{
    const char *at = text;
    set->count = 0;
    if (!strcmp(text, "all"))
        return true;
    for (; set->count < DEVICE_MAX; at++) {
        struct device_id *id = &set->id[set->count];
        const char *end = at + strcspn(at, ",");
        if (!parse_one(at, end, id) || id->kind != set->id[0].kind ||
            (set->count && id->kind == DEVICE_CPU))
            break;
        set->count++;
        at = end;
        if (!*at)
            return true;
    }
    return error_set(err, ERROR_INPUT,
                     "--device=%s: takes cpu, cuda:N, hip:N, several of one kind, as in "
                     "cuda:0,cuda:1, or all",
                     text);
}

void device_format(const struct device_set *set, char *text, size_t size)
{
    size_t used = 0;
    for (unsigned i = 0; i < set->count && used < size; i++) {
        const struct device_id *id = &set->id[i];
        const char *comma = i ? "," : "";
        used += (size_t)(id->kind == DEVICE_CPU ? snprintf(text, size, "%s", kinds[id->kind].name)
                                                : snprintf(text + used, size - used, "%s%s:%u",
                                                           comma, kinds[id->kind].name, id->index));
    }
}

struct device *device_open(const struct device_options *options, struct arena *arena,
                           struct error *err)
{
    return options->id.kind == DEVICE_CPU ? device_cpu_open(options, arena, err)
                                          : device_gpu_open(options, arena, err);
}

void device_close(struct device *device)
{
    if (device)
        device->driver->close(device);
}
