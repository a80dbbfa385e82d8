/*
 * The doctor's operator: sums of neighbours with one planted defect per case, so that every
 * detector is seen to work through the very path that real cases take. It is in no operator list:
 * `harness doctor` runs it, and tables cannot name it.
 *
 * Tensors: input f32 [n], workspace f32 [threads], output f32 [n] with out[i] = 2 * in[i], and
 * strided f32 [2, n] with a gap between its rows.
 */
#ifndef HARNESS_DOCTOR_DOCTOR_H
#define HARNESS_DOCTOR_DOCTOR_H

#include "harness/op/op.h"
#include "harness/op/verdict.h"

extern const struct op doctor_op;

/* Where a defect can be found. A GPU does not schedule threads by a seed and watches no barrier; a
 * processor does not mind a misaligned access. */
enum defect_where { DEFECT_ANYWHERE, DEFECT_CPU, DEFECT_GPU };

/* A planted defect and what must be made of it. */
struct defect {
    const char *name, *text;
    enum verdict_kind kind;
    enum detector detector;
    const char *literals; /* of the case, or NULL */
    const char *refuse;   /* the refusal that the case expects, or NULL */
    enum defect_where where;
};

/* By the value of the operator's parameter `defect`; entry 0 has none and must pass. */
extern const struct defect defects[];
extern const size_t n_defects;

#endif
