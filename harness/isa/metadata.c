/* The AMDGPU note of a code object: a MessagePack map. */
#include <string.h>

#include "harness/isa/code_object.h"
#include "harness/isa/msgpack.h"

/* The counts that are taken over, by their keys. */
static const struct {
    const char *key;
    size_t offset; /* in struct isa_metadata, of a uint32_t */
} counts[] = {
    {".group_segment_fixed_size", offsetof(struct isa_metadata, lds)},
    {".private_segment_fixed_size", offsetof(struct isa_metadata, scratch)},
    {".kernarg_segment_size", offsetof(struct isa_metadata, kernarg)},
    {".vgpr_count", offsetof(struct isa_metadata, vgprs)},
    {".agpr_count", offsetof(struct isa_metadata, agprs)},
    {".sgpr_count", offsetof(struct isa_metadata, sgprs)},
    {".vgpr_spill_count", offsetof(struct isa_metadata, vgpr_spills)},
    {".sgpr_spill_count", offsetof(struct isa_metadata, sgpr_spills)},
};

enum { N_COUNTS = sizeof(counts) / sizeof(counts[0]) };

static bool head(struct msgpack *m, enum msgpack_kind kind, struct msgpack_item *item)
{
    return msgpack_next(m, item) && item->kind == kind;
}

static bool read_u32(struct msgpack *m, uint32_t *out)
{
    struct msgpack_item item;
    if (!head(m, MSGPACK_UINT, &item) || item.number > UINT32_MAX)
        return false;
    *out = (uint32_t)item.number;
    return true;
}

static bool begins_with(struct span text, const char *start)
{
    const size_t length = strlen(start);
    return text.length >= length && !memcmp(text.data, start, length);
}

static bool read_arg(struct msgpack *m, struct isa_metadata *meta)
{
    struct msgpack_item map, key, kind = {.kind = MSGPACK_INVALID};
    uint32_t offset = 0, size = 0;
    if (!head(m, MSGPACK_MAP, &map))
        return false;
    for (uint64_t i = 0; i < map.number; i++) {
        bool good = head(m, MSGPACK_STRING, &key);
        if (good && span_equals(key.text, ".offset"))
            good = read_u32(m, &offset);
        else if (good && span_equals(key.text, ".size"))
            good = read_u32(m, &size);
        else if (good && span_equals(key.text, ".value_kind"))
            good = head(m, MSGPACK_STRING, &kind);
        else
            good = good && msgpack_skip(m);
        if (!good)
            return false;
    }
    if (kind.kind != MSGPACK_STRING)
        return false;
    if (begins_with(kind.text, "hidden_"))
        return true;
    if (!meta->n_args++) {
        meta->arg_offset = offset;
        meta->arg_size = size;
        meta->arg_by_value = span_equals(kind.text, "by_value");
    }
    return true;
}

static bool read_args(struct msgpack *m, struct isa_metadata *meta)
{
    struct msgpack_item array;
    if (!head(m, MSGPACK_ARRAY, &array))
        return false;
    for (uint64_t i = 0; i < array.number; i++)
        if (!read_arg(m, meta))
            return false;
    return true;
}

/* The value behind `key`; `*found` gets the bit of each count that has been read. */
static bool read_value(struct msgpack *m, struct span key, struct isa_metadata *meta,
                       struct span *symbol, unsigned *found)
{
    struct msgpack_item item;
    if (span_equals(key, ".args"))
        return read_args(m, meta);
    if (span_equals(key, ".symbol")) {
        if (!head(m, MSGPACK_STRING, &item))
            return false;
        *symbol = item.text;
        return true;
    }
    if (span_equals(key, ".uses_dynamic_stack")) {
        if (!head(m, MSGPACK_BOOL, &item))
            return false;
        meta->dynamic_stack = item.number;
        return true;
    }
    for (unsigned i = 0; i < N_COUNTS; i++)
        if (span_equals(key, counts[i].key)) {
            *found |= 1u << i;
            return read_u32(m, (uint32_t *)((char *)meta + counts[i].offset));
        }
    return msgpack_skip(m);
}

/* The kernel whose descriptor is called `symbol`. */
static size_t kernel_index(const struct code_object *co, struct span symbol)
{
    for (size_t i = 0; i < co->n_kernels; i++) {
        const struct span own = co->kernel[i].symbol;
        if (symbol.length == own.length + 3 && !memcmp(symbol.data, own.data, own.length) &&
            !memcmp(symbol.data + own.length, ".kd", 3))
            return i;
    }
    return co->n_kernels;
}

static bool malformed(const char *path, const char *what, struct error *err)
{
    return error_set(err, ERROR_INPUT, "%s: the AMDGPU note %s", path, what);
}

static bool read_kernel(struct code_object *co, struct msgpack *m, bool *described,
                        const char *path, struct error *err)
{
    struct msgpack_item map, key;
    struct isa_metadata meta = {0};
    struct span symbol = {"", 0};
    unsigned found = 0;
    bool good = head(m, MSGPACK_MAP, &map);
    for (uint64_t i = 0; good && i < map.number; i++)
        good = head(m, MSGPACK_STRING, &key) && read_value(m, key.text, &meta, &symbol, &found);
    if (!good)
        return malformed(path, "is malformed", err);
    if (found != (1u << N_COUNTS) - 1)
        return malformed(path, "leaves out sizes or registers of a kernel", err);
    const size_t index = kernel_index(co, symbol);
    if (index == co->n_kernels || described[index])
        return malformed(path, "describes a kernel that is not there, or one twice", err);
    described[index] = true;
    co->kernel[index].meta = meta;
    return true;
}

static bool read_kernels(struct code_object *co, struct msgpack *m, bool *described,
                         const char *path, struct error *err)
{
    struct msgpack_item array;
    if (!head(m, MSGPACK_ARRAY, &array))
        return malformed(path, "is malformed", err);
    for (uint64_t i = 0; i < array.number; i++)
        if (!read_kernel(co, m, described, path, err))
            return false;
    return true;
}

bool code_object_metadata(struct code_object *co, const uint8_t *note, size_t size,
                          const char *path, struct error *err)
{
    struct msgpack m = {note, size};
    struct msgpack_item map, key;
    bool described[CODE_OBJECT_MAX_KERNELS] = {false};
    if (!head(&m, MSGPACK_MAP, &map))
        return malformed(path, "is no map", err);
    for (uint64_t i = 0; i < map.number; i++) {
        if (!head(&m, MSGPACK_STRING, &key))
            return malformed(path, "is malformed", err);
        if (!span_equals(key.text, "amdhsa.kernels")) {
            if (!msgpack_skip(&m))
                return malformed(path, "is malformed", err);
        } else if (!read_kernels(co, &m, described, path, err)) {
            return false;
        }
    }
    for (size_t i = 0; i < co->n_kernels; i++)
        if (!described[i])
            return error_set(err, ERROR_INPUT, "%s: the AMDGPU note does not describe %.*s", path,
                             (int)co->kernel[i].symbol.length, co->kernel[i].symbol.data);
    return true;
}
