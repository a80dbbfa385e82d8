#include "harness/doctor/doctor.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/doctor/doctor_kernels.h"

extern const struct kernel kernel_doctor_sum;

enum { ELEMENTS = 1000, PITCH = 9 };

enum { T_INPUT, T_WORKSPACE, T_OUTPUT, T_STRIDED, T_COUNT };

const struct defect defects[] = {
    [DOCTOR_NONE] = {"none", "a correct kernel passes", VERDICT_PASS, DETECTOR_NONE, NULL, NULL,
                     DEFECT_ANYWHERE},
    [DOCTOR_READ_BEHIND] = {"read_behind", "a read one element behind the end of an input",
                            VERDICT_OOB, DETECTOR_GUARD_PAGE, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_READ_BEFORE] = {"read_before", "a read one element before the start of an input",
                            VERDICT_OOB, DETECTOR_GUARD_PAGE, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_DEAD_READ] = {"dead_read", "the same behind the end, its value never used", VERDICT_OOB,
                          DETECTOR_GUARD_PAGE, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_WRITE_BEHIND] = {"write_behind", "a write one element behind the end of an output",
                             VERDICT_OOB, DETECTOR_GUARD_PAGE, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_WRITE_BEFORE] = {"write_before", "a write one element before the start of an output",
                             VERDICT_OOB, DETECTOR_CANARY, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_WRITE_SLACK] = {"write_slack", "one byte written between the end and the guard page",
                            VERDICT_OOB, DETECTOR_CANARY, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_WRITE_GAP] = {"write_gap", "a write between the rows of a strided output",
                          VERDICT_STRAY_WRITE, DETECTOR_CANARY, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_STORE_INPUT] = {"store_input", "a store to an input", VERDICT_INPUT_MODIFIED,
                            DETECTOR_READ_ONLY, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_SHORT_WORKSPACE] = {"short_workspace", "a workspace one element too small", VERDICT_OOB,
                                DETECTOR_GUARD_PAGE, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_UNWRITTEN] = {"unwritten", "an output element that is never written", VERDICT_UNWRITTEN,
                          DETECTOR_POISON, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_STRAY] = {"stray", "a write to an element that must stay untouched",
                      VERDICT_STRAY_WRITE, DETECTOR_POISON, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_UNINITIALISED] = {"uninitialised", "a result made of workspace nobody wrote",
                              VERDICT_POISON, DETECTOR_POISON, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_RACE] = {"race", "a missing barrier", VERDICT_NONDETERMINISTIC, DETECTOR_RERUN, NULL,
                     NULL, DEFECT_CPU},
    [DOCTOR_UNSTEADY] = {"unsteady", "a result that differs in every run", VERDICT_NONDETERMINISTIC,
                         DETECTOR_RERUN, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_PLACEMENT] = {"placement", "a result that depends on where a tensor lies", VERDICT_OOB,
                          DETECTOR_RERUN, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_WRONG] = {"wrong", "one wrong value in a thousand", VERDICT_WRONG, DETECTOR_COMPARE,
                      NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_WANT] = {"want", "a literal expectation that does not hold", VERDICT_WRONG,
                     DETECTOR_WANT, "in.input=1 want.output=3", NULL, DEFECT_ANYWHERE},
    [DOCTOR_SIZE] = {"size", "an output larger than its contract", VERDICT_WRONG, DETECTOR_SIZE,
                     NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_GUARD_MISSED] = {"guard_missed", "a guard that lets an illegal case pass",
                             VERDICT_GUARD_MISSED, DETECTOR_HOST_GUARD, NULL, "illegal",
                             DEFECT_ANYWHERE},
    [DOCTOR_GUARD_FALSE] = {"guard_false", "a guard that refuses a legal case", VERDICT_GUARD_FALSE,
                            DETECTOR_HOST_GUARD, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_GUARD_SHORT] = {"guard_short", "a guard that accepts a buffer one byte short",
                            VERDICT_GUARD_MISSED, DETECTOR_HOST_GUARD, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_VACUOUS] = {"vacuous", "inputs that could not show a difference", VERDICT_VACUOUS,
                        DETECTOR_VACUITY, NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_DIVERGED] = {"diverged", "half a block at a barrier that the rest never reaches",
                         VERDICT_DEADLOCK, DETECTOR_BARRIER, NULL, NULL, DEFECT_CPU},
    [DOCTOR_LEFT_EARLY] = {"left_early", "threads that leave before a barrier", VERDICT_DEADLOCK,
                           DETECTOR_BARRIER, NULL, NULL, DEFECT_CPU},
    [DOCTOR_HALF_WAVE] = {"half_wave", "half a wave in a collective", VERDICT_DEADLOCK,
                          DETECTOR_BARRIER, NULL, NULL, DEFECT_CPU},
    [DOCTOR_ENDLESS] = {"endless", "an endless loop", VERDICT_TIMEOUT, DETECTOR_TIMER, NULL, NULL,
                        DEFECT_ANYWHERE},
    [DOCTOR_TRAP] = {"trap", "a trap; on the CPU, a division by zero", VERDICT_FAULT, DETECTOR_TRAP,
                     NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_WILD] = {"wild", "a store to a wild address", VERDICT_FAULT, DETECTOR_TRAP, NULL, NULL,
                     DEFECT_ANYWHERE},
    [DOCTOR_LDS] = {"lds", "a write behind the end of LDS", VERDICT_OOB, DETECTOR_LDS, NULL, NULL,
                    DEFECT_ANYWHERE},
    [DOCTOR_KILLED] = {"killed", "a worker process that dies", VERDICT_FAULT, DETECTOR_SUPERVISOR,
                       NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_HUNG] = {"hung", "a worker process that hangs", VERDICT_TIMEOUT, DETECTOR_SUPERVISOR,
                     NULL, NULL, DEFECT_ANYWHERE},
    [DOCTOR_MISALIGNED] = {"misaligned", "a store to an odd address", VERDICT_FAULT, DETECTOR_TRAP,
                           NULL, NULL, DEFECT_GPU},
    [DOCTOR_REFUSED_LAUNCH] = {"refused_launch", "a block larger than any device takes",
                               VERDICT_FAULT, DETECTOR_LAUNCH, NULL, NULL, DEFECT_GPU},
};

const size_t n_defects = sizeof(defects) / sizeof(defects[0]);

static const struct param params[] = {
    {.name = "defect", .help = "number of the planted defect", .max = DOCTOR_REFUSED_LAUNCH},
};

static const char *const reasons[] = {
    "illegal", "legal", "short_input", "short_workspace", "short_output", "short_strided", NULL};

static size_t workspace_elements(int64_t defect)
{
    return DOCTOR_THREADS - (defect == DOCTOR_SHORT_WORKSPACE);
}

static size_t output_elements(int64_t defect)
{
    return ELEMENTS + (defect == DOCTOR_SIZE);
}

static const char *guard(const struct kase *kase, const size_t *bytes)
{
    int64_t defect = kase->value[0];
    const size_t needed[T_COUNT] = {ELEMENTS, workspace_elements(defect), output_elements(defect),
                                    PITCH + 3};
    if (defect == DOCTOR_GUARD_FALSE)
        return "legal";
    for (int i = 0; bytes && defect != DOCTOR_GUARD_SHORT && i < T_COUNT; i++)
        if (bytes[i] < needed[i] * sizeof(float))
            return reasons[2 + i];
    return NULL;
}

static const char *contract(const struct kase *kase)
{
    return kase->value[0] == DOCTOR_GUARD_MISSED ? "illegal" : NULL;
}

static size_t tensors(const struct kase *kase, struct tensor out[OP_MAX_TENSORS])
{
    int64_t defect = kase->value[0];
    out[T_INPUT] = (struct tensor){.name = "input", .layout = "[n]", .role = TENSOR_INPUT};
    out[T_WORKSPACE] =
        (struct tensor){.name = "workspace", .layout = "[threads]", .role = TENSOR_WORKSPACE};
    out[T_OUTPUT] = (struct tensor){.name = "output", .layout = "[n]", .role = TENSOR_OUTPUT};
    out[T_STRIDED] = (struct tensor){.name = "strided",
                                     .layout = "[2, 3] of pitch 9",
                                     .role = TENSOR_OUTPUT,
                                     .rows = 2,
                                     .cols = 3,
                                     .stride = PITCH,
                                     .align = 64};
    tensor_dense(&out[T_INPUT], 1, ELEMENTS);
    tensor_dense(&out[T_WORKSPACE], 1, workspace_elements(defect));
    tensor_dense(&out[T_OUTPUT], 1, output_elements(defect));
    out[T_INPUT].fill = (struct fill){FILL_EXACT, 1, 1000};
    if (defect == DOCTOR_VACUOUS)
        out[T_INPUT].fill.kind = FILL_ZERO;
    out[T_OUTPUT].policy = (struct policy){
        .kind = POLICY_EXACT, .reason = "sums of whole numbers are exact", .min_nonzero = 0.5};
    out[T_STRIDED].policy = (struct policy){.kind = POLICY_EXACT, .reason = "constants"};
    return T_COUNT;
}

/* Breaks out of the worker, not of the kernel. */
static void break_worker(int64_t defect)
{
    if (defect == DOCTOR_KILLED)
        raise(SIGKILL);
    if (defect == DOCTOR_HUNG)
        for (;;)
            pause();
}

static void plan(const struct kase *kase, const struct tensor *t, void *const device[],
                 struct plan *out)
{
    static float runs; /* the planted defect itself: a plan that depends on what went before */
    struct doctor_sum args;
    memset(&args, 0, sizeof(args));
    (void)t;
    break_worker(kase->value[0]);
    args.input = device[T_INPUT];
    args.workspace = device[T_WORKSPACE];
    args.output = device[T_OUTPUT];
    args.strided = device[T_STRIDED];
    args.wild = (float *)8; /* NOLINT: no pointer of ours */
    args.n = ELEMENTS;
    args.pitch = PITCH;
    args.defect = (int32_t)kase->value[0];
    if (args.defect == DOCTOR_UNSTEADY)
        args.salt = ++runs;
    uint32_t threads = args.defect == DOCTOR_REFUSED_LAUNCH ? 1 << 20 : DOCTOR_THREADS;
    plan_kernel(out, &kernel_doctor_sum, 1, threads, DOCTOR_THREADS * sizeof(float), &args,
                sizeof(args));
}

static size_t ref_elements(const struct kase *kase, size_t i)
{
    (void)kase;
    static const size_t elements[] = {0, DOCTOR_THREADS, ELEMENTS, 6};
    return elements[i];
}

static void reference(const struct kase *kase, const struct ref_io *io)
{
    const float *input = io->in[T_INPUT];
    float *output = io->out[T_OUTPUT], *strided = io->out[T_STRIDED];
    (void)kase;
    for (size_t i = 0; i < ELEMENTS; i++)
        output[i] = 2 * input[i];
    for (size_t row = 0; row < 2; row++) {
        strided[row * 3] = 1;
        strided[row * 3 + 1] = 2;
    }
}

static uint64_t cost(const struct kase *kase)
{
    (void)kase;
    return ELEMENTS;
}

static void dispatch_key(const struct kase *kase, char *out, size_t size)
{
    snprintf(out, size, "%lld", (long long)kase->value[0]);
}

const struct op doctor_op = {
    .name = "doctor",
    .summary = "doubles its input, with a planted defect",
    .params = params,
    .n_params = 1,
    .reasons = reasons,
    .guard = guard,
    .tensors = tensors,
    .plan = plan,
    .contract = contract,
    .ref_elements = ref_elements,
    .reference = reference,
    .cost = cost,
    .dispatch_key = dispatch_key,
};
