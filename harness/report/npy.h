/*
 * Matrices as .npy files (format 1.0), which numpy.load reads.
 */
#ifndef HARNESS_REPORT_NPY_H
#define HARNESS_REPORT_NPY_H

#include "harness/base/error.h"

/* Element (r, c) lies (r * stride + c) * item bytes from `data`. */
struct npy {
    const char *type; /* numpy's name of the element type, "<f4" */
    size_t item;      /* bytes of an element */
    size_t rows, cols, stride;
    const void *data;
};

/* Writes the elements densely, in C order. On an error no file is left. */
bool npy_write(const char *path, const struct npy *, struct error *) MUST_CHECK;

#endif
