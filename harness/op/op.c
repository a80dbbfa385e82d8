#include "harness/op/op.h"

#include <stdlib.h>
#include <string.h>

const struct op *op_find(const char *name)
{
    for (const struct op *const *op = op_list; *op; op++)
        if (!strcmp((*op)->name, name))
            return *op;
    return NULL;
}

int op_param(const struct op *op, const char *name)
{
    for (size_t i = 0; i < op->n_params; i++)
        if (!strcmp(op->params[i].name, name))
            return (int)i;
    return -1;
}

static struct step *plan_step(struct plan *plan, enum step_kind kind)
{
    if (plan->count == OP_MAX_STEPS)
        abort();
    struct step *step = &plan->step[plan->count++];
    memset(step, 0, sizeof(*step));
    step->kind = kind;
    return step;
}

struct step *plan_kernel(struct plan *plan, const struct kernel *kernel, uint32_t grid,
                         uint32_t block, size_t dynamic_lds, const void *args, size_t size)
{
    struct step *step = plan_step(plan, STEP_KERNEL);
    if (size > sizeof(step->args))
        abort();
    step->kernel = kernel;
    step->grid[0] = grid;
    step->block[0] = block;
    step->grid[1] = step->grid[2] = step->block[1] = step->block[2] = 1;
    step->dynamic_lds = dynamic_lds;
    memcpy(step->args, args, size);
    return step;
}

void plan_memset(struct plan *plan, void *target, int value, size_t bytes)
{
    struct step *step = plan_step(plan, STEP_MEMSET);
    step->target = target;
    step->value = value;
    step->bytes = bytes;
}
