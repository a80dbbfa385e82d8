/* Arguments and defect numbers of the doctor's kernels. */
#ifndef HARNESS_DOCTOR_DOCTOR_KERNELS_H
#define HARNESS_DOCTOR_DOCTOR_KERNELS_H

#include <stdint.h>

#define DOCTOR_THREADS 128

enum doctor_defect {
    DOCTOR_NONE,
    DOCTOR_READ_BEHIND,
    DOCTOR_READ_BYTE,
    DOCTOR_READ_BEFORE,
    DOCTOR_INT32_WRAP,
    DOCTOR_DEAD_READ,
    DOCTOR_DEAD_ROW,
    DOCTOR_WRITE_BEHIND,
    DOCTOR_ONE_IN_A_MILLION,
    DOCTOR_WRITE_BEFORE,
    DOCTOR_WRITE_SLACK,
    DOCTOR_WRITE_GAP,
    DOCTOR_STORE_INPUT,
    DOCTOR_SHORT_WORKSPACE,
    DOCTOR_UNWRITTEN,
    DOCTOR_STRAY,
    DOCTOR_UNINITIALISED,
    DOCTOR_RACE,
    DOCTOR_UNSTEADY,
    DOCTOR_PLACEMENT,
    DOCTOR_WRONG,
    DOCTOR_WANT,
    DOCTOR_SIZE,
    DOCTOR_GUARD_MISSED,
    DOCTOR_GUARD_FALSE,
    DOCTOR_GUARD_SHORT,
    DOCTOR_VACUOUS,
    DOCTOR_DIVERGED,
    DOCTOR_LEFT_EARLY,
    DOCTOR_HALF_WAVE,
    DOCTOR_ENDLESS,
    DOCTOR_TRAP,
    DOCTOR_WILD,
    DOCTOR_LDS,
    DOCTOR_KILLED,
    DOCTOR_HUNG,
    DOCTOR_MISALIGNED,
    DOCTOR_REFUSED_LAUNCH,
    DOCTOR_WRITE_BEFORE_GPU,
};

struct doctor_sum {
    const float *input;     /* [n] */
    float *workspace;       /* [DOCTOR_THREADS] */
    float *output;          /* [n] */
    float *wild;            /* an address that no tensor owns */
    float *strided;         /* 2 rows of 3 elements, `pitch` apart */
    uint32_t n, pitch, far; /* `far`: from the input's first row to its second, if it has one */
    int32_t defect;         /* enum doctor_defect */
    float salt;
};

/* Thread i writes output[i % n], but one thread writes behind the end. */
struct doctor_million {
    const float *input; /* [n] */
    float *output;      /* [n] */
    uint32_t n, culprit;
};

#endif
