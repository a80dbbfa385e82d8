#include "harness/doctor/doctor.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/doctor/doctor_kernels.h"

extern const struct kernel kernel_doctor_sum, kernel_doctor_million;

enum { MILLION = 1 << 20, MILLION_BLOCK = 256 };

enum { T_INPUT, T_WORKSPACE, T_OUTPUT, T_STRIDED, T_COUNT };

static const struct param params[] = {
    {.name = "defect", .help = "number of the planted defect", .max = DOCTOR_WRITE_BEFORE_GPU},
};

static const char *const reasons[] = {
    "illegal", "legal", "short_input", "short_workspace", "short_output", "short_strided", NULL};

static size_t input_rows(int64_t defect)
{
    return 1 + (defect == DOCTOR_INT32_WRAP);
}

static size_t workspace_elements(int64_t defect)
{
    return DOCTOR_THREADS - (defect == DOCTOR_SHORT_WORKSPACE);
}

static size_t output_elements(int64_t defect)
{
    return DOCTOR_ELEMENTS + (defect == DOCTOR_SIZE);
}

static const char *guard(const struct kase *kase, const size_t *bytes)
{
    int64_t defect = kase->value[0];
    const size_t needed[T_COUNT] = {(input_rows(defect) - 1) * DOCTOR_FAR + DOCTOR_ELEMENTS,
                                    workspace_elements(defect), output_elements(defect),
                                    DOCTOR_PITCH + 3};
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
                                     .stride = DOCTOR_PITCH,
                                     .align = 64};
    tensor_dense(&out[T_INPUT], input_rows(defect), DOCTOR_ELEMENTS);
    if (defect == DOCTOR_INT32_WRAP)
        out[T_INPUT].stride = DOCTOR_FAR;
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

/* A grid whose threads all write what is in the output already, but one. */
static void plan_million(void *const device[], struct plan *out)
{
    struct doctor_million args = {.input = device[T_INPUT],
                                  .output = device[T_OUTPUT],
                                  .n = DOCTOR_ELEMENTS,
                                  .culprit = MILLION * 2 / 3};
    plan_kernel(out, &kernel_doctor_million, MILLION / MILLION_BLOCK, MILLION_BLOCK, 0, &args,
                sizeof(args));
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
    args.n = DOCTOR_ELEMENTS;
    args.pitch = DOCTOR_PITCH;
    args.far = DOCTOR_FAR;
    args.defect = (int32_t)kase->value[0];
    if (args.defect == DOCTOR_UNSTEADY)
        args.salt = ++runs;
    uint32_t threads = args.defect == DOCTOR_REFUSED_LAUNCH ? 1 << 20 : DOCTOR_THREADS;
    plan_kernel(out, &kernel_doctor_sum, 1, threads, DOCTOR_THREADS * sizeof(float), &args,
                sizeof(args));
    if (args.defect == DOCTOR_ONE_IN_A_MILLION)
        plan_million(device, out);
}

static size_t ref_elements(const struct kase *kase, size_t i)
{
    (void)kase;
    static const size_t elements[] = {0, DOCTOR_THREADS, DOCTOR_ELEMENTS, 6};
    return elements[i];
}

static void reference(const struct kase *kase, const struct ref_io *io)
{
    const float *input = io->in[T_INPUT];
    float *output = io->out[T_OUTPUT], *strided = io->out[T_STRIDED];
    (void)kase;
    for (size_t i = 0; i < DOCTOR_ELEMENTS; i++)
        output[i] = 2 * input[i];
    for (size_t row = 0; row < 2; row++) {
        strided[row * 3] = 1;
        strided[row * 3 + 1] = 2;
    }
}

static uint64_t cost(const struct kase *kase)
{
    (void)kase;
    return DOCTOR_ELEMENTS;
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
