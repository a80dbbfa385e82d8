#include "harness/report/dump_plan.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/file.h"

enum { PLAN_VERSION = 1, PLAN_PATH = 4096 };

/* The plan is made with addresses that no argument but a pointer will hold, and that say by
 * themselves which tensor they mean. Nobody follows them. */
#define TENSOR_ADDRESS ((uint64_t)0x7A5E00 << 40)
#define TENSOR_SHIFT   40 /* a tensor has 1 TiB */

static const char *const roles[] = {
    [TENSOR_INPUT] = "input", [TENSOR_OUTPUT] = "output", [TENSOR_WORKSPACE] = "workspace"};

static bool points_into(uint64_t address, size_t n, json_int_t *tensor, json_int_t *offset)
{
    const uint64_t distance = address - TENSOR_ADDRESS;

    if (address < TENSOR_ADDRESS || distance >> TENSOR_SHIFT >= n)
        return false;
    *tensor = (json_int_t)(distance >> TENSOR_SHIFT);
    *offset = (json_int_t)(distance & (((uint64_t)1 << TENSOR_SHIFT) - 1));
    return true;
}

static json_t *tensor_list(const struct tensor *t, size_t n)
{
    json_t *all = json_array();

    for (size_t i = 0; all && i < n; i++) {
        json_t *one = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", t[i].name,
                                "role", roles[t[i].role], "dtype", dtype_name(t[i].dtype), "item",
                                (json_int_t)dtype_bytes(t[i].dtype), "rows", (json_int_t)t[i].rows,
                                "cols", (json_int_t)t[i].cols, "stride", (json_int_t)t[i].stride,
                                "unused_rows", (json_int_t)t[i].unused_rows, "poison",
                                (json_int_t)dtype_poison(t[i].dtype, 0));
        if (json_array_append_new(all, one)) {
            json_decref(all);
            all = NULL;
        }
    }
    return all;
}

/* Takes the pointers out of `args`. NULL: no memory. */
static json_t *take_pointers(unsigned char *args, size_t size, size_t n)
{
    json_t *all = json_array();

    for (size_t at = 0; all && at + sizeof(uint64_t) <= size; at += sizeof(uint64_t)) {
        uint64_t word;
        json_int_t tensor, offset;

        memcpy(&word, args + at, sizeof word);
        if (!points_into(word, n, &tensor, &offset))
            continue;
        memset(args + at, 0, sizeof word);
        if (json_array_append_new(all, json_pack("{s:I, s:I, s:I}", "at", (json_int_t)at, "tensor",
                                                 tensor, "offset", offset))) {
            json_decref(all);
            all = NULL;
        }
    }
    return all;
}

static json_t *kernel_step(const struct step *s, size_t n)
{
    const size_t size = s->kernel->args_size;
    unsigned char args[OP_MAX_ARGS];
    char hex[2 * OP_MAX_ARGS + 1] = "";

    memcpy(args, s->args, size);
    json_t *pointers = take_pointers(args, size, n);
    for (size_t i = 0; i < size; i++)
        snprintf(hex + 2 * i, 3, "%02x", args[i]);
    return json_pack("{s:s, s:s, s:[I, I, I], s:[I, I, I], s:I, s:s, s:o}", "kernel",
                     s->kernel->name, "source", s->kernel->file, "grid", (json_int_t)s->grid[0],
                     (json_int_t)s->grid[1], (json_int_t)s->grid[2], "block",
                     (json_int_t)s->block[0], (json_int_t)s->block[1], (json_int_t)s->block[2],
                     "dynamic_lds", (json_int_t)s->dynamic_lds, "args", hex, "pointers", pointers);
}

static json_t *memset_step(const struct step *s, size_t n)
{
    json_int_t tensor = -1, offset = 0;

    points_into((uint64_t)(uintptr_t)s->target, n, &tensor, &offset);
    return json_pack("{s:i, s:{s:I, s:I}, s:I}", "memset", s->value, "target", "tensor", tensor,
                     "offset", offset, "bytes", (json_int_t)s->bytes);
}

static json_t *step_list(const struct plan *plan, size_t n)
{
    json_t *all = json_array();

    for (size_t i = 0; all && i < plan->count; i++) {
        const struct step *s = &plan->step[i];
        json_t *one = s->kind == STEP_MEMSET ? memset_step(s, n) : kernel_step(s, n);

        if (json_array_append_new(all, one)) {
            json_decref(all);
            all = NULL;
        }
    }
    return all;
}

bool dump_plan(const char *folder, const char *line, const struct kase *k, const struct tensor *t,
               size_t n, struct error *err)
{
    void *device[OP_MAX_TENSORS] = {NULL};
    struct plan plan = {.count = 0};
    char path[PLAN_PATH + 32];

    for (size_t i = 0; i < n; i++)
        device[i] =
            (void *)(uintptr_t)(TENSOR_ADDRESS + ((uint64_t)i << TENSOR_SHIFT)); /* NOLINT */
    k->op->plan(k, t, device, &plan);
    snprintf(path, sizeof path, "%s/plan.json", folder);
    json_t *root = json_pack("{s:i, s:s, s:o, s:o}", "version", PLAN_VERSION, "case", line,
                             "tensors", tensor_list(t, n), "steps", step_list(&plan, n));
    char *json = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (!json)
        return error_set(err, ERROR_INTERNAL, "no memory for the plan of a dump");
    const size_t length = strlen(json);
    json[length] = '\n'; /* a line's end in place of the string's */
    const bool ok = file_write(path, json, length + 1, err);
    free(json);
    return ok;
}
