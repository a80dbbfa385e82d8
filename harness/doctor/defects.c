#include <stdio.h>
#include <string.h>

#include "harness/doctor/doctor.h"
#include "harness/doctor/doctor_kernels.h"
#include "harness/gpu/fault.h"

/* Offsets in bytes: behind the end and of the last element of input and output, of an element of
 * `strided`, and of the input's far row as int32 has it. */
#define SIZE         ((int64_t)sizeof(float))
#define END          (DOCTOR_ELEMENTS * SIZE)
#define LAST         (END - SIZE)
#define AT(row, col) (((row)*DOCTOR_PITCH + (col)) * SIZE)
#define WRAPPED      ((int32_t)(uint32_t)(DOCTOR_FAR * SIZE))

#define READ_BEHIND  "read behind the end"
#define READ_BEFORE  "read before the start"
#define WRITE_BEHIND "write behind the end"
#define WRITE_BEFORE "write before the start"

const struct defect defects[] = {
    [DOCTOR_NONE] = {"none", "a correct kernel passes", VERDICT_PASS, DETECTOR_NONE,
                     .where = DEFECT_ANYWHERE},
    [DOCTOR_READ_BEHIND] = {"read_behind", "a read one element behind the end of an input",
                            VERDICT_OOB, DETECTOR_GUARD_PAGE, "input", END, READ_BEHIND,
                            .where = DEFECT_ANYWHERE},
    [DOCTOR_READ_BYTE] = {"read_byte", "a read of one byte behind the end of an input", VERDICT_OOB,
                          DETECTOR_GUARD_PAGE, "input", END, READ_BEHIND, .where = DEFECT_ANYWHERE},
    [DOCTOR_READ_BEFORE] = {"read_before", "a read one element before the start of an input",
                            VERDICT_OOB, DETECTOR_GUARD_PAGE, "input", -SIZE, READ_BEFORE,
                            .where = DEFECT_ANYWHERE},
    [DOCTOR_INT32_WRAP] = {"int32_wrap",
                           "a read at a byte offset of 2.4 GiB that int32 cannot hold", VERDICT_OOB,
                           DETECTOR_GUARD_PAGE, "input", WRAPPED, READ_BEFORE,
                           .where = DEFECT_ANYWHERE},
    [DOCTOR_DEAD_READ] = {"dead_read", "a read behind the end of an input, its value never used",
                          VERDICT_OOB, DETECTOR_GUARD_PAGE, "input", END, READ_BEHIND,
                          .where = DEFECT_ANYWHERE},
    [DOCTOR_DEAD_ROW] = {"dead_row", "a read of the row behind the last, its value never used",
                         VERDICT_OOB, DETECTOR_GUARD_PAGE, "strided", AT(2, 0), READ_BEHIND,
                         .where = DEFECT_ANYWHERE},
    [DOCTOR_WRITE_BEHIND] = {"write_behind", "a write one element behind the end of an output",
                             VERDICT_OOB, DETECTOR_GUARD_PAGE, "output", END, WRITE_BEHIND,
                             .where = DEFECT_ANYWHERE},
    [DOCTOR_ONE_IN_A_MILLION] = {"one_in_a_million",
                                 "a write behind the end by one thread of a million", VERDICT_OOB,
                                 DETECTOR_GUARD_PAGE, "output", END, WRITE_BEHIND,
                                 .where = DEFECT_ANYWHERE},
    [DOCTOR_WRITE_BEFORE] = {"write_before", "a write one element before the start of an output",
                             VERDICT_OOB, DETECTOR_CANARY, "output", -SIZE, WRITE_BEFORE,
                             .where = DEFECT_CPU},
    /* A GPU looks at canaries behind the second run, which faults. */
    [DOCTOR_WRITE_BEFORE_GPU] = {"write_before_gpu",
                                 "a write one element before the start of an output", VERDICT_OOB,
                                 DETECTOR_GUARD_PAGE, "output", -SIZE, WRITE_BEFORE,
                                 .where = DEFECT_GPU},
    [DOCTOR_WRITE_SLACK] = {"write_slack", "one byte written between the end and the guard page",
                            VERDICT_OOB, DETECTOR_CANARY, "strided", AT(1, 3), WRITE_BEHIND,
                            .where = DEFECT_ANYWHERE},
    [DOCTOR_WRITE_GAP] = {"write_gap", "a write between the rows of a strided output",
                          VERDICT_STRAY_WRITE, DETECTOR_CANARY, "strided", AT(0, 3),
                          "write between rows", .where = DEFECT_ANYWHERE},
    [DOCTOR_STORE_INPUT] = {"store_input", "a store to an input", VERDICT_INPUT_MODIFIED,
                            DETECTOR_READ_ONLY, "input", 0, "store to an input",
                            .where = DEFECT_ANYWHERE},
    [DOCTOR_SHORT_WORKSPACE] = {"short_workspace", "a workspace one element too small", VERDICT_OOB,
                                DETECTOR_GUARD_PAGE, "workspace", (DOCTOR_THREADS - 1) * SIZE,
                                WRITE_BEHIND, .where = DEFECT_ANYWHERE},
    [DOCTOR_UNWRITTEN] = {"unwritten", "an output element that is never written", VERDICT_UNWRITTEN,
                          DETECTOR_POISON, "output", LAST, .where = DEFECT_ANYWHERE},
    [DOCTOR_STRAY] = {"stray", "a write to an element that must stay untouched",
                      VERDICT_STRAY_WRITE, DETECTOR_POISON, "strided", AT(0, 2),
                      .where = DEFECT_ANYWHERE},
    [DOCTOR_UNINITIALISED] = {"uninitialised", "a result made of workspace nobody wrote",
                              VERDICT_POISON, DETECTOR_POISON, "output", 0,
                              .where = DEFECT_ANYWHERE},
    [DOCTOR_RACE] = {"race", "a missing barrier", VERDICT_NONDETERMINISTIC, DETECTOR_RERUN,
                     "output", DEFECT_SOMEWHERE, .where = DEFECT_CPU},
    [DOCTOR_UNSTEADY] = {"unsteady", "a result that differs in every run", VERDICT_NONDETERMINISTIC,
                         DETECTOR_RERUN, "output", 0, .where = DEFECT_ANYWHERE},
    [DOCTOR_PLACEMENT] = {"placement", "a result that depends on where a tensor lies", VERDICT_OOB,
                          DETECTOR_RERUN, "output", 0, .where = DEFECT_ANYWHERE},
    [DOCTOR_WRONG] = {"wrong", "one wrong value in a thousand", VERDICT_WRONG, DETECTOR_COMPARE,
                      "output", LAST, .where = DEFECT_ANYWHERE},
    [DOCTOR_WANT] = {"want", "a literal expectation that does not hold", VERDICT_WRONG,
                     DETECTOR_WANT, "output", 0, .where = DEFECT_ANYWHERE,
                     .literals = "in.input=1 want.output=3"},
    [DOCTOR_SIZE] = {"size", "an output larger than its contract", VERDICT_WRONG, DETECTOR_SIZE,
                     "output", 0, .where = DEFECT_ANYWHERE},
    [DOCTOR_GUARD_MISSED] = {"guard_missed", "a guard that lets an illegal case pass",
                             VERDICT_GUARD_MISSED, DETECTOR_HOST_GUARD, .where = DEFECT_ANYWHERE,
                             .refuse = "illegal"},
    [DOCTOR_GUARD_FALSE] = {"guard_false", "a guard that refuses a legal case", VERDICT_GUARD_FALSE,
                            DETECTOR_HOST_GUARD, .where = DEFECT_ANYWHERE},
    [DOCTOR_GUARD_SHORT] = {"guard_short", "a guard that accepts a buffer one byte short",
                            VERDICT_GUARD_MISSED, DETECTOR_HOST_GUARD, "input", 0,
                            .where = DEFECT_ANYWHERE},
    [DOCTOR_VACUOUS] = {"vacuous", "inputs that could not show a difference", VERDICT_VACUOUS,
                        DETECTOR_VACUITY, "output", 0, .where = DEFECT_ANYWHERE},
    [DOCTOR_DIVERGED] = {"diverged", "half a block at a barrier that the rest never reaches",
                         VERDICT_DEADLOCK, DETECTOR_BARRIER, .where = DEFECT_CPU},
    [DOCTOR_LEFT_EARLY] = {"left_early", "threads that leave before a barrier", VERDICT_DEADLOCK,
                           DETECTOR_BARRIER, .where = DEFECT_CPU},
    [DOCTOR_HALF_WAVE] = {"half_wave", "half a wave in a collective", VERDICT_DEADLOCK,
                          DETECTOR_BARRIER, .where = DEFECT_CPU},
    [DOCTOR_ENDLESS] = {"endless", "an endless loop", VERDICT_TIMEOUT, DETECTOR_TIMER,
                        .where = DEFECT_ANYWHERE},
    [DOCTOR_TRAP] = {"trap", "a trap; on the CPU, a division by zero", VERDICT_FAULT, DETECTOR_TRAP,
                     .where = DEFECT_ANYWHERE},
    [DOCTOR_WILD] = {"wild", "a store to a wild address", VERDICT_FAULT, DETECTOR_TRAP,
                     .where = DEFECT_ANYWHERE},
    [DOCTOR_LDS] = {"lds", "a write behind the end of LDS", VERDICT_OOB, DETECTOR_LDS,
                    .where = DEFECT_ANYWHERE},
    [DOCTOR_KILLED] = {"killed", "a worker process that dies", VERDICT_FAULT, DETECTOR_SUPERVISOR,
                       .where = DEFECT_ANYWHERE},
    [DOCTOR_HUNG] = {"hung", "a worker process that hangs", VERDICT_TIMEOUT, DETECTOR_SUPERVISOR,
                     .where = DEFECT_ANYWHERE},
    [DOCTOR_MISALIGNED] = {"misaligned", "a store to an odd address", VERDICT_FAULT, DETECTOR_TRAP,
                           .where = DEFECT_GPU},
    [DOCTOR_REFUSED_LAUNCH] = {"refused_launch", "a block larger than any device takes",
                               VERDICT_FAULT, DETECTOR_LAUNCH, .where = DEFECT_GPU},
};

const size_t n_defects = sizeof(defects) / sizeof(defects[0]);

struct kase doctor_case(size_t number)
{
    struct kase kase;
    kase_init(&kase, &doctor_op);
    kase.value[0] = (int64_t)number;
    kase.seed = number;
    kase.literals = (char *)defects[number].literals;
    if (defects[number].refuse)
        snprintf(kase.refuse, sizeof(kase.refuse), "%s", defects[number].refuse);
    return kase;
}

static bool place_reported(const struct defect *d, const struct verdict *v, bool gpu)
{
    bool by_fault = d->detector == DETECTOR_GUARD_PAGE || d->detector == DETECTOR_READ_ONLY;
    int64_t granule = gpu && by_fault ? GPU_FAULT_PAGE : 1;
    if (strcmp(v->tensor, d->tensor ? d->tensor : "") != 0)
        return false;
    return !d->tensor || d->offset == DEFECT_SOMEWHERE ||
           (v->offset <= d->offset && d->offset - v->offset < granule);
}

static bool signature_reported(const struct defect *d, const struct verdict *v)
{
    static const char unknown[] = "access "; /* a read or a write: the runtime did not say */
    if (!d->signature || !strcmp(v->signature, d->signature))
        return true;
    return !strncmp(v->signature, unknown, strlen(unknown)) &&
           !strcmp(v->signature + strlen(unknown), strchr(d->signature, ' ') + 1);
}

bool defect_reported(const struct defect *d, const struct verdict *v, bool gpu)
{
    return v->kind == d->kind && v->detector == d->detector && place_reported(d, v, gpu) &&
           signature_reported(d, v);
}
