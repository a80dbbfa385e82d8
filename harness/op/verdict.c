#include "harness/op/verdict.h"

#include <stdio.h>

static const struct {
    const char *name;
    int exit_code;
} verdicts[VERDICT_KINDS] = {
    [VERDICT_PASS] = {"pass", 0},
    [VERDICT_REFUSED] = {"refused-as-expected", 0},
    [VERDICT_WRONG] = {"wrong", 1},
    [VERDICT_OOB] = {"oob", 3},
    [VERDICT_UNWRITTEN] = {"unwritten", 1},
    [VERDICT_STRAY_WRITE] = {"stray-write", 1},
    [VERDICT_INPUT_MODIFIED] = {"input-modified", 3},
    [VERDICT_POISON] = {"poison-dependent", 1},
    [VERDICT_NONDETERMINISTIC] = {"nondeterministic", 1},
    [VERDICT_GUARD_MISSED] = {"guard-missed", 1},
    [VERDICT_GUARD_FALSE] = {"guard-false", 1},
    [VERDICT_VACUOUS] = {"vacuous", 1},
    [VERDICT_DEADLOCK] = {"deadlock", 4},
    [VERDICT_TIMEOUT] = {"timeout", 4},
    [VERDICT_FAULT] = {"fault", 3},
    [VERDICT_ERROR] = {"error", 6},
};

static const char *const detectors[DETECTORS] = {
    [DETECTOR_NONE] = "none",
    [DETECTOR_GUARD_PAGE] = "guard-page",
    [DETECTOR_CANARY] = "canary",
    [DETECTOR_POISON] = "poison",
    [DETECTOR_READ_ONLY] = "read-only",
    [DETECTOR_COMPARE] = "compare",
    [DETECTOR_WANT] = "want",
    [DETECTOR_SIZE] = "size",
    [DETECTOR_RERUN] = "rerun",
    [DETECTOR_HOST_GUARD] = "host-guard",
    [DETECTOR_VACUITY] = "vacuity",
    [DETECTOR_BARRIER] = "barrier",
    [DETECTOR_TIMER] = "timer",
    [DETECTOR_TRAP] = "trap",
    [DETECTOR_LDS] = "lds",
    [DETECTOR_SUPERVISOR] = "supervisor",
    [DETECTOR_LAUNCH] = "launch",
};

const char *verdict_name(enum verdict_kind kind)
{
    return verdicts[kind].name;
}

const char *detector_name(enum detector detector)
{
    return detectors[detector];
}

bool verdict_passed(enum verdict_kind kind)
{
    return kind == VERDICT_PASS || kind == VERDICT_REFUSED;
}

bool verdict_set(struct verdict *v, enum verdict_kind kind, enum detector detector,
                 const char *signature)
{
    v->kind = kind;
    v->detector = detector;
    snprintf(v->signature, sizeof(v->signature), "%s", signature);
    return false;
}

int verdict_exit(enum verdict_kind kind)
{
    return verdicts[kind].exit_code;
}

int exit_worse(int a, int b)
{
    static const int order[] = {6, 3, 4, 1, 5, 0};
    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return a;
}
