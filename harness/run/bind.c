#include "harness/run/bind.h"

#include <stdio.h>
#include <string.h>

#include "harness/case/fill.h"

bool bind_tensors(struct binding *b, const struct kase *kase, struct device *runner,
                  struct arena *arena, struct error *err)
{
    memset(b, 0, sizeof(*b));
    b->kase = kase;
    b->runner = runner;
    b->arena = arena;
    b->count = kase->op->tensors(kase, b->tensor);
    for (size_t i = 0; i < b->count; i++)
        if (!tensor_bytes(&b->tensor[i], &b->bytes[i]))
            return error_set(err, ERROR_INPUT, "%s: the size of tensor %s overflows 64 bits",
                             kase->op->name, b->tensor[i].name);
    return true;
}

/* A workspace has its own: an output that shows it was computed from uninitialised memory, and must
 * not be taken for an output that was never written. */
uint32_t bind_poison(const struct tensor *t, unsigned which)
{
    return dtype_poison(t->dtype, which) ^ (t->role == TENSOR_WORKSPACE);
}

/* Repeats one element's poison over `bytes` bytes, which must be whole elements. */
static void poison_bytes(const struct tensor *t, unsigned which, unsigned char *at, size_t bytes)
{
    uint32_t bits = bind_poison(t, which);
    size_t size = dtype_bytes(t->dtype);
    if (size == 1) {
        memset(at, (int)(bits & 255), bytes);
        return;
    }
    uint32_t pair = size == 2 ? bits | bits << 16 : bits;
    size_t done = 0;
    for (; bytes - done >= 4; done += 4)
        memcpy(at + done, &pair, 4);
    memcpy(at + done, &pair, bytes - done);
}

static bool is_poison(const struct tensor *t, unsigned which, const unsigned char *at, size_t bytes,
                      size_t *wrong)
{
    uint32_t bits = bind_poison(t, which);
    unsigned char pattern[4];
    size_t size = dtype_bytes(t->dtype);
    memcpy(pattern, &bits, 4);
    for (size_t i = 0; i < bytes; i++)
        if (at[i] != pattern[i % size]) {
            *wrong = i;
            return false;
        }
    return true;
}

/* Bytes that belong to no element in use: [begin, begin + bytes) from the tensor's start. */
struct gap {
    size_t begin, bytes;
};

static size_t used_rows(const struct tensor *t)
{
    return t->rows - t->unused_rows;
}

static size_t gap_count(const struct tensor *t)
{
    if (t->unused_rows == t->rows)
        return t->rows ? 1 : 0;
    return t->stride > t->cols || t->unused_rows ? used_rows(t) : 0;
}

/* The watched parts of gap `row`, the one behind that row (of a tensor without rows in use, the
 * whole tensor): all of it, but only its two ends when the tensor is sparse and the gap large. */
static size_t gap_parts(const struct binding *b, size_t i, size_t row, struct gap out[2])
{
    const struct tensor *t = &b->tensor[i];
    size_t size = dtype_bytes(t->dtype);
    size_t begin = used_rows(t) ? (row * t->stride + t->cols) * size : 0;
    size_t end = row + 1 < used_rows(t) ? (row + 1) * t->stride * size : b->bytes[i];
    out[0] = (struct gap){begin, end - begin};
    if (!b->buffer[i].sparse || end - begin <= 2 * BIND_GAP_WINDOW)
        return end > begin;
    out[0].bytes = BIND_GAP_WINDOW;
    out[1] = (struct gap){end - BIND_GAP_WINDOW, BIND_GAP_WINDOW};
    return 2;
}

static void poison_gaps(const struct binding *b, size_t i, unsigned poison)
{
    const struct tensor *t = &b->tensor[i];
    struct gap gap[2];
    for (size_t row = 0, rows = gap_count(t); row < rows; row++) {
        size_t n = gap_parts(b, i, row, gap);
        for (size_t g = 0; g < n; g++)
            poison_bytes(t, poison, b->buffer[i].host + gap[g].begin, gap[g].bytes);
    }
}

/* The tensor that a literal names: in. an input, want. an output. */
static bool literal_tensor(const struct binding *b, const struct literal *l, size_t *i,
                           struct error *err)
{
    enum tensor_role role = l->is_input ? TENSOR_INPUT : TENSOR_OUTPUT;
    for (*i = 0; *i < b->count; ++*i)
        if (!strcmp(b->tensor[*i].name, l->tensor) && b->tensor[*i].role == role)
            return true;
    return error_set(err, ERROR_INPUT, "%s%s: %s has no such %s in this case",
                     l->is_input ? "in." : "want.", l->tensor, b->kase->op->name,
                     l->is_input ? "input" : "output");
}

static bool apply_literal(const struct binding *b, const struct literal *l, struct error *err)
{
    size_t i;
    if (!literal_tensor(b, l, &i, err))
        return false;
    if (!l->is_input)
        return true; /* compared later */
    const struct tensor *t = &b->tensor[i];
    const char *cursor = l->values, *end = l->values + l->values_length;
    size_t at = l->first, repeat;
    char text[64];
    while (literal_value(&cursor, end, text, &repeat)) {
        uint32_t bits;
        if (!dtype_parse(t->dtype, text, &bits))
            return error_set(err, ERROR_INPUT, "in.%s: '%s' is no value of type %s", l->tensor,
                             text, dtype_name(t->dtype));
        if (at > tensor_elements(t) || repeat > tensor_elements(t) - at)
            return error_set(err, ERROR_INPUT, "in.%s: more values than its %zu elements",
                             l->tensor, tensor_elements(t));
        for (; repeat; repeat--, at++)
            dtype_store(t->dtype, b->buffer[i].host, at / t->cols * t->stride + at % t->cols, bits);
    }
    return true;
}

static bool fill_inputs(struct binding *b, struct error *err)
{
    void *host[OP_MAX_TENSORS];
    for (size_t i = 0; i < b->count; i++) {
        host[i] = b->buffer[i].host;
        if (b->tensor[i].role == TENSOR_INPUT)
            fill_tensor(&b->tensor[i], b->kase->seed, (uint32_t)i, host[i]);
    }
    if (b->kase->op->fill)
        b->kase->op->fill(b->kase, b->tensor, host);
    const char *cursor = b->kase->literals;
    struct literal literal;
    while (literal_next(&cursor, &literal))
        if (!apply_literal(b, &literal, err))
            return false;
    return true;
}

/* Poisons what the kernel is to write, and what it must leave alone in between. */
static void poison_output(const struct binding *b, size_t i, unsigned poison)
{
    const struct tensor *t = &b->tensor[i];
    size_t size = dtype_bytes(t->dtype);
    if (t->role == TENSOR_WORKSPACE && b->buffer[i].sparse) { /* gigabytes: its two ends only */
        poison_bytes(t, poison, b->buffer[i].host, BIND_GAP_WINDOW);
        poison_bytes(t, poison, b->buffer[i].host + b->bytes[i] - BIND_GAP_WINDOW, BIND_GAP_WINDOW);
        return;
    }
    if (!gap_count(t)) {
        poison_bytes(t, poison, b->buffer[i].host, b->bytes[i]);
        return;
    }
    for (size_t row = 0; row < used_rows(t); row++)
        poison_bytes(t, poison, b->buffer[i].host + row * t->stride * size, t->cols * size);
    poison_gaps(b, i, poison);
}

static bool has_literal(const struct binding *b, size_t i)
{
    const char *cursor = b->kase->literals;
    struct literal literal;
    while (literal_next(&cursor, &literal))
        if (literal.is_input && !strcmp(literal.tensor, b->tensor[i].name))
            return true;
    return false;
}

bool bind_is_custom(const struct binding *b, size_t i)
{
    const struct tensor *t = &b->tensor[i];
    return t->role == TENSOR_INPUT && b->bytes[i] &&
           (t->fill.kind == FILL_CUSTOM || has_literal(b, i));
}

bool bind_has_custom(const struct binding *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (bind_is_custom(b, i))
            return true;
    return false;
}

struct device_place bind_where(const struct binding *b, size_t i, enum arena_side side)
{
    const struct tensor *t = &b->tensor[i];
    return (struct device_place){.bytes = b->bytes[i],
                                 .align = t->align ? t->align : dtype_bytes(t->dtype),
                                 .side = side,
                                 .access =
                                     t->role == TENSOR_INPUT ? ARENA_READ_ONLY : ARENA_READ_WRITE};
}

bool bind_host(struct binding *b, enum arena_side side, struct error *err)
{
    bool refill = !b->filled;
    for (size_t i = 0; i < b->count; i++) {
        const struct device_place where = bind_where(b, i, side);
        const unsigned char *old = b->buffer[i].host;
        if (!arena_place(b->arena, (unsigned)i, where.bytes, where.align, side, where.access,
                         &b->buffer[i], err))
            return false;
        if (b->tensor[i].role != TENSOR_INPUT)
            continue;
        if (b->buffer[i].sparse)
            refill = true;
        else if (!refill && b->bytes[i]) /* the slot still holds the first placement's bytes */
            memmove(b->buffer[i].host, old, b->bytes[i]);
    }
    if (refill && !fill_inputs(b, err))
        return false;
    b->filled = true;
    return true;
}

bool bind_place(struct binding *b, enum arena_side side, unsigned poison, struct error *err)
{
    if (!bind_host(b, side, err))
        return false;
    for (size_t i = 0; i < b->count; i++) {
        const struct device_place where = bind_where(b, i, side);
        if (!b->runner->driver->place(b->runner, (unsigned)i, &where, &b->buffer[i], err))
            return false;
        b->device[i] = b->buffer[i].device;
        if (b->tensor[i].role == TENSOR_INPUT)
            poison_gaps(b, i, poison);
        else
            poison_output(b, i, poison);
        arena_arm(b->arena, (unsigned)i);
        if (!b->runner->driver->send(b->runner, (unsigned)i, err))
            return false;
    }
    return true;
}

bool bind_fetch(struct binding *b, struct error *err)
{
    const struct device_driver *driver = b->runner->driver;
    for (size_t i = 0; i < b->count; i++) {
        enum tensor_role role = b->tensor[i].role;
        if (role != TENSOR_INPUT &&
            !driver->fetch(b->runner, (unsigned)i, role == TENSOR_OUTPUT, err))
            return false;
    }
    return driver->finish(b->runner, err);
}

static void found(struct verdict *v, const struct tensor *t, enum verdict_kind kind,
                  enum detector detector, size_t offset)
{
    v->kind = kind;
    v->detector = detector;
    v->offset = (int64_t)offset;
    snprintf(v->tensor, sizeof(v->tensor), "%s", t->name);
}

void bind_canary_changed(const struct binding *b, size_t i, const struct arena_canary *canary,
                         struct verdict *v)
{
    const struct tensor *t = &b->tensor[i];
    bool before = canary->offset < 0;
    found(v, t, VERDICT_OOB, DETECTOR_CANARY, 0);
    v->offset = canary->offset;
    snprintf(v->signature, sizeof(v->signature), "write %s",
             before ? "before the start" : "behind the end");
    snprintf(
        v->summary, sizeof(v->summary),
        "%s: %zu bytes outside the tensor (%zu bytes long) were overwritten, the first %llu "
        "bytes %s it: 0x%02x became 0x%02x",
        t->name, canary->changed, b->bytes[i],
        (unsigned long long)(before ? -canary->offset : canary->offset - (int64_t)b->bytes[i] + 1),
        before ? "before" : "behind", canary->before, canary->after);
}

void bind_gap_changed(const struct binding *b, size_t i, size_t at, struct verdict *v)
{
    const struct tensor *t = &b->tensor[i];
    size_t row = used_rows(t) ? at / (t->stride * dtype_bytes(t->dtype)) : 0;
    if (row && row >= used_rows(t))
        row = used_rows(t) - 1;
    found(v, t, VERDICT_STRAY_WRITE, DETECTOR_CANARY, at);
    snprintf(v->signature, sizeof(v->signature), "write between rows");
    snprintf(v->summary, sizeof(v->summary),
             "%s: byte %zu, which belongs to no row in use, was overwritten (behind row %zu)",
             t->name, at, row);
}

static bool canary_intact(const struct binding *b, size_t i, struct verdict *v)
{
    struct arena_canary canary;
    if (arena_check(b->arena, (unsigned)i, &canary))
        return true;
    bind_canary_changed(b, i, &canary, v);
    return false;
}

static bool gaps_intact(const struct binding *b, size_t i, unsigned poison, struct verdict *v)
{
    const struct tensor *t = &b->tensor[i];
    struct gap gap[2];
    for (size_t row = 0, rows = gap_count(t); row < rows; row++) {
        size_t n = gap_parts(b, i, row, gap), at;
        for (size_t g = 0; g < n; g++) {
            if (is_poison(t, poison, b->buffer[i].host + gap[g].begin, gap[g].bytes, &at))
                continue;
            bind_gap_changed(b, i, gap[g].begin + at, v);
            return false;
        }
    }
    return true;
}

enum { PAGE = 4096, MARGIN = BIND_GAP_WINDOW + PAGE };

/* Whether the page at byte `at` is one that a row in use or a watched part of a gap reaches. */
static bool near_row(const struct binding *b, size_t i, size_t at)
{
    const struct tensor *t = &b->tensor[i];
    size_t size = dtype_bytes(t->dtype), pitch = t->stride * size, rows = used_rows(t);
    size_t row = (at + MARGIN) / pitch; /* the last row that begins before the page's end */
    if (at < MARGIN || at + MARGIN >= b->bytes[i])
        return true;
    if (row >= rows)
        row = rows - 1;
    return rows && at < row * pitch + t->cols * size + MARGIN;
}

/* Every touched page of a sparse output must be near a row in use or an end of the tensor. */
static bool pages_intact(const struct binding *b, size_t i, struct verdict *v)
{
    const struct tensor *t = &b->tensor[i];
    size_t begin, end = 0;
    if (!b->buffer[i].sparse || !gap_count(t))
        return true;
    while (arena_touched(b->arena, (unsigned)i, end, &begin, &end)) {
        for (size_t at = begin; at < end; at += PAGE) {
            if (near_row(b, i, at))
                continue;
            found(v, t, VERDICT_STRAY_WRITE, DETECTOR_CANARY, at);
            snprintf(v->signature, sizeof(v->signature), "access between rows");
            snprintf(v->summary, sizeof(v->summary),
                     "%s: the page at byte %zu, far from any row, was touched", t->name, at);
            return false;
        }
    }
    return true;
}

bool bind_intact(const struct binding *b, unsigned poison, struct verdict *v)
{
    for (size_t i = 0; i < b->count; i++) {
        if (!canary_intact(b, i, v))
            return false;
        if (b->tensor[i].role == TENSOR_OUTPUT &&
            (!gaps_intact(b, i, poison, v) || !pages_intact(b, i, v)))
            return false;
    }
    return true;
}

const void *bind_dense(const struct binding *b, size_t i, void *scratch)
{
    const struct tensor *t = &b->tensor[i];
    size_t row_bytes = t->cols * dtype_bytes(t->dtype);
    if (t->stride == t->cols)
        return b->buffer[i].host;
    for (size_t row = 0; row < used_rows(t); row++)
        memcpy((unsigned char *)scratch + row * row_bytes,
               b->buffer[i].host + row * t->stride * dtype_bytes(t->dtype), row_bytes);
    return scratch;
}
