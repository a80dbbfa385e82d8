#include "harness/run/device.h"

#include <string.h>

static const struct {
    const char *name;
    enum device_kind kind;
} kinds[] = {{"cpu", DEVICE_CPU}, {"cuda", DEVICE_CUDA}, {"hip", DEVICE_HIP}};

enum { MAX_INDEX = 999 };

/* "" or ":N"; the CPU device has no number. */
static bool parse_index(const char *text, struct device_id *id)
{
    id->index = 0;
    if (!*text)
        return true;
    if (id->kind == DEVICE_CPU || *text++ != ':' || !*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        id->index = id->index * 10 + (unsigned)(*text - '0');
        if (id->index > MAX_INDEX)
            return false;
    }
    return true;
}

bool device_parse(const char *text, struct device_id *id, struct error *err)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t length = strlen(kinds[i].name);
        id->kind = kinds[i].kind;
        if (!strncmp(text, kinds[i].name, length) && parse_index(text + length, id))
            return true;
    }
    return error_set(err, ERROR_INPUT, "--device=%s: takes cpu, cuda:N or hip:N", text);
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
