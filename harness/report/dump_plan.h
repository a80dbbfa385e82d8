/*
 * The launch plan of a case on disk, plan.json, for running its kernels elsewhere: in an emulator
 * of the GPU's instructions, which has no part of this program (docs/amd.md).
 *
 *     version, case
 *     tensors   name, role, dtype, item (bytes of an element), rows, cols, stride, unused_rows,
 *               poison (the bits of each element of an output or workspace before the run)
 *     steps     {kernel, source, grid, block, dynamic_lds, args, pointers} or
 *               {memset: value, target: {tensor, offset}, bytes}
 *
 * `args` is the argument struct in hexadecimal, with zeros for pointers into tensors; `pointers`
 * says what belongs there: {at, tensor, offset}, all in bytes, the tensor by its number.
 */
#ifndef HARNESS_REPORT_DUMP_PLAN_H
#define HARNESS_REPORT_DUMP_PLAN_H

#include "harness/op/op.h"

/* Writes FOLDER/plan.json. `line` is the canonical line of the case. */
bool dump_plan(const char *folder, const char *line, const struct kase *, const struct tensor *,
               size_t n, struct error *) MUST_CHECK;

#endif
