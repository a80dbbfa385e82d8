#include "harness/case/kase.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/case/line.h"
#include "harness/op/op.h"

void kase_init(struct kase *kase, const struct op *op)
{
    *kase = (struct kase){.op = op};
    for (size_t i = 0; op && i < op->n_params; i++)
        kase->value[i] = op->params[i].preset;
}

void kase_release(struct kase *kase)
{
    free(kase->literals);
    kase->literals = NULL;
}

bool kase_copy(struct kase *to, const struct kase *from, struct error *err)
{
    char *literals = from->literals ? strdup(from->literals) : NULL;
    if (from->literals && !literals)
        return error_set(err, ERROR_INTERNAL, "no memory for the literals of a case");
    kase_release(to);
    *to = *from;
    to->literals = literals;
    return true;
}

bool kase_equal(const struct kase *a, const struct kase *b)
{
    if (a->op != b->op || a->seed != b->seed || strcmp(a->refuse, b->refuse) != 0)
        return false;
    if (a->op && memcmp(a->value, b->value, a->op->n_params * sizeof(a->value[0])) != 0)
        return false;
    return strcmp(a->literals ? a->literals : "", b->literals ? b->literals : "") == 0;
}

static bool read_fields(struct line *line, struct kase *kase, struct error *err)
{
    struct field field;
    for (bool more;;) {
        if (!line_next(line, &field, &more, err))
            return false;
        if (!more)
            return true;
        bool ok = field.key >= KEY_PARAM ? line_value(line, &field, field.value,
                                                      &kase->value[field.key - KEY_PARAM], err)
                                         : line_single(line, &field, kase, err);
        if (!ok)
            return false;
    }
}

bool kase_parse(struct kase *kase, const char *text, const char *where, struct error *err)
{
    struct line line;
    struct kase read;
    bool ok =
        line_begin(&line, (struct span){text, strnlen(text, KASE_MAX_LINE)}, where, false, err);
    if (ok) {
        kase_init(&read, line.op);
        ok = read_fields(&line, &read, err);
    }
    if (ok) {
        kase_release(kase);
        *kase = read;
        kase->literals = text_take(&line.literals);
    }
    line_release(&line);
    return ok;
}

/* A fixed buffer that is written from the front; `used` reaches `size` when it is too small. */
struct output {
    char *data;
    size_t size, used;
};

static void put(struct output *out, const char *text)
{
    size_t length = strlen(text);
    if (length >= out->size - out->used) {
        out->used = out->size;
        return;
    }
    memcpy(out->data + out->used, text, length + 1);
    out->used += length;
}

static void put_value(struct output *out, const struct param *param, int64_t value)
{
    char number[24];
    snprintf(number, sizeof(number), "%" PRId64, value);
    put(out, " ");
    put(out, param->name);
    put(out, "=");
    put(out, param->names ? param->names[value] : number);
}

static bool in_domain(const struct param *param, int64_t value)
{
    if (!param->names)
        return value >= param->min && value <= param->max;
    int64_t count = 0;
    while (param->names[count])
        count++;
    return value >= 0 && value < count;
}

bool kase_format(const struct kase *kase, char *text, size_t size, struct error *err)
{
    struct output out = {text, size, 0};
    if (size)
        text[0] = '\0';
    put(&out, kase->op->name);
    for (size_t i = 0; i < kase->op->n_params; i++) {
        const struct param *param = &kase->op->params[i];
        if (!in_domain(param, kase->value[i])) {
            if (size)
                text[0] = '\0';
            return error_set(err, ERROR_INTERNAL, "%s: %s=%" PRId64 " lies outside its domain",
                             kase->op->name, param->name, kase->value[i]);
        }
        put_value(&out, param, kase->value[i]);
    }
    char seed[32];
    snprintf(seed, sizeof(seed), " seed=0x%" PRIx64, kase->seed);
    put(&out, seed);
    if (kase->refuse[0]) {
        put(&out, " expect=refuse:");
        put(&out, kase->refuse);
    }
    if (kase->literals) {
        put(&out, " ");
        put(&out, kase->literals);
    }
    if (out.used < size)
        return true;
    if (size)
        text[0] = '\0';
    return error_set(err, ERROR_INTERNAL, "%s: the case line does not fit %zu bytes",
                     kase->op->name, size);
}
