/*
 * harness doctor: an unarmed guard is worse than none. Runs one planted defect for every detector
 * through the path of real cases, and a correct case behind each, and says which detectors are
 * armed: found the defect in the tensor and at the byte where it is.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "harness/cmd/commands.h"
#include "harness/doctor/doctor.h"
#include "harness/run/pool.h"

/* Short limits: two of the defects are found by waiting. */
#define DOCTOR_TIMEOUT 0.2

enum { TEXT = 256 };

struct count {
    size_t all, unarmed;
};

static bool run_case(struct pool *pool, size_t number, struct verdict *v, struct error *err)
{
    const struct kase kase = doctor_case(number);
    return pool_judge(pool, &kase, v, err);
}

/* A GPU's guard page that was hit where the kernel log, which has the address, cannot be read. */
static bool blind_guard(const struct defect *d, const struct verdict *v)
{
    return (d->detector == DETECTOR_GUARD_PAGE || d->detector == DETECTOR_READ_ONLY ||
            d->detector == DETECTOR_TRAP) &&
           v->kind == VERDICT_FAULT && v->detector == DETECTOR_GUARD_PAGE;
}

static bool applies(const struct defect *d, bool gpu)
{
    return d->where == DEFECT_ANYWHERE || (d->where == DEFECT_GPU) == gpu;
}

/* "oob by guard-page, read behind the end, input at byte 4000" */
static void describe(enum verdict_kind kind, enum detector detector, const char *signature,
                     const char *tensor, int64_t offset, char text[TEXT])
{
    int n = snprintf(text, TEXT, "%s by %s%s%s", verdict_name(kind), detector_name(detector),
                     signature ? ", " : "", signature ? signature : "");
    if (!tensor || !tensor[0])
        return;
    n += snprintf(text + n, TEXT - (size_t)n, ", %s", tensor);
    if (offset != DEFECT_SOMEWHERE)
        snprintf(text + n, TEXT - (size_t)n, " at byte %" PRId64, offset);
}

/* `expected`: what should have been found instead, or NULL. */
static bool write_json(FILE *json, const struct defect *d, const struct verdict *v, bool armed,
                       const char *expected)
{
    bool in_tensor = v->tensor[0];
    json_t *object = json_pack(
        "{s:s, s:s, s:b, s:s, s:s, s:s*, s:o*, s:s, s:s*}", "type", "doctor", "defect", d->name,
        "armed", armed, "verdict", verdict_name(v->kind), "detector", detector_name(v->detector),
        "tensor", in_tensor ? v->tensor : NULL, "offset",
        in_tensor ? json_integer(v->offset) : NULL, "summary", v->summary, "expected", expected);
    bool good = object && !json_dumpf(object, json, JSON_COMPACT) && fputc('\n', json) != EOF &&
                !fflush(json);
    json_decref(object);
    return good;
}

/* One defect, then a correct case: the process must be as good as before. */
static bool examine(struct pool *pool, size_t number, bool gpu, FILE *json, struct count *count,
                    struct error *err)
{
    const struct defect *d = &defects[number];
    struct verdict v, after;
    char expected[TEXT], found[TEXT];
    if (!run_case(pool, number, &v, err) || !run_case(pool, 0, &after, err))
        return false;
    bool blind = blind_guard(d, &v);
    bool seen = blind || defect_reported(d, &v, gpu);
    bool armed = seen && after.kind == VERDICT_PASS;
    printf("%-9s %-12s %s\n", armed ? "armed" : "NOT ARMED", detector_name(d->detector), d->text);
    if (blind)
        printf("          seen, but its tensor not named: %s\n", v.summary);
    describe(d->kind, d->detector, d->signature, d->tensor, d->offset, expected);
    describe(v.kind, v.detector, v.signature, v.tensor, v.offset, found);
    if (!seen)
        printf("          found: %s\n          expected: %s\n          %s\n", found, expected,
               v.summary);
    else if (!armed)
        printf("          the next, correct case was judged %s: %s\n", verdict_name(after.kind),
               after.summary);
    count->all++;
    count->unarmed += !armed;
    return !json || write_json(json, d, &v, armed, seen ? NULL : expected) ||
           error_errno(err, ERROR_INTERNAL, "--json");
}

int cmd_doctor(const struct options *o)
{
    struct error err;
    struct pool_options options = {.workers = 1, .session = options_session(o)};
    FILE *json = NULL;
    struct count count = {0};
    bool gpu = o->devices.id[0].kind != DEVICE_CPU;
    options.session.timeout_s = DOCTOR_TIMEOUT;
    if (o->json && !(json = strcmp(o->json, "-") != 0 ? fopen(o->json, "w") : stdout)) {
        error_errno(&err, ERROR_INPUT, "--json=%s", o->json);
        return error_report(&err);
    }
    struct pool *pool = pool_create(&options, &err);
    bool good = pool != NULL;
    if (good)
        printf("device %s: %s\n", o->device, pool_device(pool));
    for (size_t i = 0; good && i < n_defects; i++)
        if (applies(&defects[i], gpu))
            good = examine(pool, i, gpu, json, &count, &err);
    pool_destroy(pool);
    if (json && json != stdout && fclose(json) && good)
        good = error_errno(&err, ERROR_INTERNAL, "--json=%s", o->json);
    if (!good)
        return pool_interrupted() ? 130 : error_report(&err);
    printf("%s: %zu of %zu planted defects found by the detector that must find them\n",
           count.unarmed ? "NOT ARMED" : "all detectors armed", count.all - count.unarmed,
           count.all);
    return count.unarmed ? 6 : 0;
}
