/* Arguments and defect numbers of the doctor's kernel. */
#ifndef HARNESS_DOCTOR_DOCTOR_KERNELS_H
#define HARNESS_DOCTOR_DOCTOR_KERNELS_H

#include <stdint.h>

#define DOCTOR_THREADS 128

enum doctor_defect {
    DOCTOR_NONE,
    DOCTOR_READ_BEHIND,
    DOCTOR_READ_BEFORE,
    DOCTOR_DEAD_READ,
    DOCTOR_WRITE_BEHIND,
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
};

struct doctor_sum {
    const float *input; /* [n] */
    float *workspace;   /* [DOCTOR_THREADS] */
    float *output;      /* [n] */
    float *wild;        /* an address that no tensor owns */
    float *strided;     /* 2 rows of 3 elements, `pitch` apart */
    uint32_t n, pitch;
    int32_t defect; /* enum doctor_defect */
    float salt;
};

#endif
