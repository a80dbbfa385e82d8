/*
 * Which activation a caller of act_and_mul means. Callers name it or number it, and their numbers
 * differ from library to library and from the kernel's; so every number is looked up, none is
 * computed, and what is not found is refused.
 */
#ifndef HARNESS_KERNELS_ACT_AND_MUL_BIND_H
#define HARNESS_KERNELS_ACT_AND_MUL_BIND_H

#include <string.h>
#include <strings.h>

#include "harness/case/kase.h"
#include "kernels/act_and_mul.h"
#include "kernels/mutant.h"
#include "refs/act_and_mul.h"

/* What a caller may say; by enum am_act. */
static const char *const act_names[] = {
    "silu",    "Silu",       "SILU",          "gelu",       "Gelu",        "gelu_tanh", "swiglu",
    "Swiglu",  "swiglustep", "SwigluStep",    "SWIGLUSTEP", "number0",     "number1",   "number2",
    "number3", "number4",    "number_minus1", "no",         "swiglu_step", "geglu",     NULL};
static const char *const parse_names[] = {
    [ACT_KERNEL_GELU] = "gelu",
    [ACT_KERNEL_SILU] = "silu",
    [ACT_KERNEL_SWIGLU_STEP] = "swiglustep",
    [ACT_KERNEL_SWIGLU] = "swiglu",
    [ACT_KERNEL_GELU_TANH] = "gelu_tanh",
    [ACT_KERNEL_SILU_LIMIT] = NULL, /* has no name */
    [ACT_KERNEL_NONE] = "no",
};

static bool act_same_name(const char *text, const char *name)
{
    if (MUTANT(B14))
        return !strcmp(text, name);
    if (MUTANT(NAME_PREFIX))
        return !strncasecmp(text, name, strlen(name));
    return !strcasecmp(text, name);
}

/* The whole name, in any case of letters. */
static enum act_kernel act_parse(const char *text)
{
    for (int i = 0; i < ACT_KERNEL_UNKNOWN; i++)
        if (parse_names[i] && act_same_name(text, parse_names[i]))
            return (enum act_kernel)i;
    return MUTANT(NAME_ELSE_SILU) ? ACT_KERNEL_SILU : ACT_KERNEL_UNKNOWN;
}

/* A number means what the library that it comes from means by it. */
static enum act_kernel act_of_number(int64_t number, int64_t numbering)
{
    if (MUTANT(B12))
        return (enum act_kernel) !number;
    switch (number) {
    case -1:
        return ACT_KERNEL_NONE;
    case 0:
        return ACT_KERNEL_SILU;
    case 1:
        return ACT_KERNEL_GELU;
    case 2:
        return ACT_KERNEL_SWIGLU;
    case 3:
        return numbering == AM_EP || MUTANT(NUMBERING) ? ACT_KERNEL_SWIGLU_STEP
                                                       : ACT_KERNEL_UNKNOWN;
    default:
        return ACT_KERNEL_UNKNOWN;
    }
}

static enum act_kernel act_look_up(const struct kase *kase)
{
    const int64_t act = kase->value[AM_ACT];

    if (act == AM_ACT_MINUS1)
        return act_of_number(-1, kase->value[AM_NUMBERING]);
    if (act >= AM_ACT_NUMBER0 && act <= AM_ACT_NUMBER4)
        return act_of_number(act - AM_ACT_NUMBER0, kase->value[AM_NUMBERING]);
    return act_parse(act_names[act]);
}

static enum act_kernel act_of(const struct kase *kase)
{
    const enum act_kernel act = act_look_up(kase);

    if (MUTANT(B15) && act == ACT_KERNEL_SWIGLU)
        return ACT_KERNEL_UNKNOWN;
    return MUTANT(NONE_ELSE_GELU) && act == ACT_KERNEL_NONE ? ACT_KERNEL_GELU : act;
}

#endif
