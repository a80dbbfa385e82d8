/*
 * harness doctor: an unarmed guard is worse than none. Runs one planted defect for every detector
 * through the path of real cases, and a correct case behind each, and says which detectors are
 * armed.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "harness/cmd/commands.h"
#include "harness/doctor/doctor.h"
#include "harness/run/pool.h"

/* Short limits: two of the defects are found by waiting. */
#define DOCTOR_TIMEOUT 0.2

struct count {
    size_t all, unarmed;
};

static bool run_case(struct pool *pool, size_t number, struct verdict *v, struct error *err)
{
    struct kase kase;
    uint64_t ticket;
    kase_init(&kase, &doctor_op);
    kase.value[0] = (int64_t)number;
    kase.seed = number;
    kase.literals = (char *)defects[number].literals; /* borrowed: the case is never released */
    if (defects[number].refuse)
        snprintf(kase.refuse, sizeof(kase.refuse), "%s", defects[number].refuse);
    if (!pool_submit(pool, number, &kase, err))
        return false;
    for (;;) {
        enum pool_event event = pool_wait(pool, 1, &ticket, v, err);
        if (event == POOL_VERDICT)
            return true;
        if (event == POOL_INTERRUPTED)
            return error_set(err, ERROR_INTERNAL, "interrupted");
        if (event == POOL_FAILED)
            return false;
    }
}

static bool write_json(FILE *json, const struct defect *d, const struct verdict *v, bool armed)
{
    json_t *object = json_pack("{s:s, s:s, s:b, s:s, s:s, s:s}", "type", "doctor", "defect",
                               d->name, "armed", armed, "verdict", verdict_name(v->kind),
                               "detector", detector_name(v->detector), "summary", v->summary);
    bool good = object && !json_dumpf(object, json, JSON_COMPACT) && fputc('\n', json) != EOF &&
                !fflush(json);
    json_decref(object);
    return good;
}

/* A GPU's guard page that was hit where the kernel log, which has the address, cannot be read. */
static bool blind_guard(const struct defect *d, const struct verdict *v)
{
    return (d->detector == DETECTOR_GUARD_PAGE || d->detector == DETECTOR_READ_ONLY ||
            d->detector == DETECTOR_TRAP) &&
           v->kind == VERDICT_FAULT && v->detector == DETECTOR_GUARD_PAGE;
}

static bool applies(const struct defect *d, const struct options *o)
{
    bool cpu = o->devices.id[0].kind == DEVICE_CPU;
    return d->where == DEFECT_ANYWHERE || (d->where == DEFECT_CPU) == cpu;
}

/* One defect, then a correct case: the process must be as good as before. */
static bool examine(struct pool *pool, size_t number, FILE *json, struct count *count,
                    struct error *err)
{
    const struct defect *d = &defects[number];
    struct verdict v, after;
    if (!run_case(pool, number, &v, err) || !run_case(pool, 0, &after, err))
        return false;
    bool blind = blind_guard(d, &v);
    bool seen = blind || (v.kind == d->kind && v.detector == d->detector);
    bool armed = seen && after.kind == VERDICT_PASS;
    printf("%-9s %-12s %s\n", armed ? "armed" : "NOT ARMED", detector_name(d->detector), d->text);
    if (blind)
        printf("          seen, but its tensor not named: %s\n", v.summary);
    if (!seen)
        printf("          found %s by %s instead of %s: %s\n", verdict_name(v.kind),
               detector_name(v.detector), verdict_name(d->kind), v.summary);
    else if (!armed)
        printf("          the next, correct case was judged %s: %s\n", verdict_name(after.kind),
               after.summary);
    count->all++;
    count->unarmed += !armed;
    return !json || write_json(json, d, &v, armed) || error_errno(err, ERROR_INTERNAL, "--json");
}

int cmd_doctor(const struct options *o)
{
    struct error err;
    struct pool_options options = {.workers = 1, .session = options_session(o)};
    FILE *json = NULL;
    struct count count = {0};
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
        if (applies(&defects[i], o))
            good = examine(pool, i, json, &count, &err);
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
