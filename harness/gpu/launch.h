/*
 * Enqueueing the steps of a plan on a GPU.
 */
#ifndef HARNESS_GPU_LAUNCH_H
#define HARNESS_GPU_LAUNCH_H

#include "harness/gpu/runtime.h"
#include "harness/op/op.h"

/* Enqueues one step; `function` is the device's of its kernel, see gpu_code_function(). What the
 * runtime says to it: a launch that it refuses has not run, one that fails does so later. */
int gpu_launch_step(const struct gpu_api *, const struct step *, void *function, void *stream);

#endif
