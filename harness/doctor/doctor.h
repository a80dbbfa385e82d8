/*
 * The doctor's operator: sums of neighbours with one planted defect per case, so that every
 * detector is seen to work through the very path that real cases take. It is in no operator list:
 * `harness doctor` runs it, and tables cannot name it.
 *
 * Tensors: input f32 [n], workspace f32 [threads], output f32 [n] with out[i] = 2 * in[i], and
 * strided f32 [2, 3] with a gap between its rows. For an offset that int32 cannot hold, the input
 * has a second row, 2.4 GiB behind the first.
 */
#ifndef HARNESS_DOCTOR_DOCTOR_H
#define HARNESS_DOCTOR_DOCTOR_H

#include "harness/op/op.h"
#include "harness/op/verdict.h"

/* In elements: a row of the input, and from one row of `strided` to the next. */
enum { DOCTOR_ELEMENTS = 1000, DOCTOR_PITCH = 9 };

/* From the input's first row to its second: 2.4 GiB. */
#define DOCTOR_FAR (((size_t)12 << 30) / 5 / sizeof(float))

extern const struct op doctor_op;

/* Where a defect can be found. A GPU does not schedule threads by a seed and watches no barrier; a
 * processor does not mind a misaligned access. */
enum defect_where { DEFECT_ANYWHERE, DEFECT_CPU, DEFECT_GPU };

#define DEFECT_SOMEWHERE INT64_MIN /* an offset that depends on the order of threads */

/* A planted defect and what must be made of it. */
struct defect {
    const char *name, *text;
    enum verdict_kind kind;
    enum detector detector;
    const char *tensor;    /* that the verdict names, or NULL: none */
    int64_t offset;        /* in it, where the defect touches it first */
    const char *signature; /* of an access, or NULL: any */
    enum defect_where where;
    const char *literals; /* of the case, or NULL */
    const char *refuse;   /* the refusal that the case expects, or NULL */
};

/* By the value of the operator's parameter `defect`; entry 0 has none and must pass. */
extern const struct defect defects[];
extern const size_t n_defects;

/* The case with that defect. It borrows its literals and is never released. */
struct kase doctor_case(size_t number);

/* Whether the verdict says what was planted, and where. Of a fault on a GPU the page alone is known
 * and of one on AMD's not whether it was a read. */
bool defect_reported(const struct defect *, const struct verdict *, bool gpu);

#endif
