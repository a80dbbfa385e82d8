/*
 * Tensors of a case on disk, for numpy and torch to check this program with: `--dump DIR`.
 *
 * A case gets the folder DIR/OPERATOR-HASH (the hash of its canonical line) with
 *     NAME.npy       an input as the kernel saw it, or an output as the device gave it
 *     NAME.ref.npy   the reference's output: float64 where the comparison is against a bound
 *     plan.json      what is launched, with which arguments: see dump_plan.h
 *     manifest.json  the case, its parameters, and for each file the tensor, its role, dtype,
 *                    layout and shape
 * Rows of a tensor that no kernel may touch (unused_rows) are left out.
 * Types that numpy lacks are stored as the unsigned integers of their bits; the manifest's dtype
 * says what they are. The manifest is written last and at once: a folder without one is unfinished.
 */
#ifndef HARNESS_REPORT_DUMP_H
#define HARNESS_REPORT_DUMP_H

#include "harness/op/op.h"

/* Writes the `n` tensors of a case. `in_host[i]` has the tensor's strides, `device_out[i]` and
 * `ref->out[i]` are dense; NULL pointers (or no `ref`) mean that there is nothing to write. DIR is
 * created when its parent exists. */
bool dump_case(const char *dir, const struct kase *, const struct tensor *, size_t n,
               const void *const in_host[], void *const device_out[], const struct ref_io *ref,
               struct error *) MUST_CHECK;

#endif
