/* The code objects of testdata/, for tests; they run in the root of the checkout. */
#ifndef HARNESS_ISA_TESTDATA_H
#define HARNESS_ISA_TESTDATA_H

#include <stdlib.h>
#include <string.h>

#include "harness/base/file.h"
#include "harness/isa/code_object.h"

#define TESTDATA_PLANTED "harness/isa/testdata/planted.co" /* gfx942, see planted.hip */
#define TESTDATA_SMALL   "harness/isa/testdata/small.co"   /* gfx950, one kernel `bounded` */

struct testdata {
    char *data;
    size_t size;
};

static inline struct testdata testdata_load(const char *path)
{
    struct testdata file;
    if (!file_read(path, CODE_OBJECT_MAX, &file.data, &file.size, NULL))
        abort();
    return file;
}

/* The kernel of this name, which is there. */
static inline const struct isa_kernel *testdata_kernel(const struct code_object *co,
                                                       const char *name)
{
    for (size_t i = 0; i < co->n_kernels; i++)
        if (span_equals(co->kernel[i].name, name))
            return &co->kernel[i];
    abort();
}

#endif
