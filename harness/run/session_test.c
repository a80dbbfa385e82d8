#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/doctor/doctor.h"
#include "harness/doctor/doctor_kernels.h"
#include "harness/run/mini_op.h"
#include "harness/run/session.h"

const struct op *const op_list[] = {&mini_op, NULL};

static const struct session_options options = {.wave = 64, .timeout_s = 0.2};

static int setup(void **state)
{
    struct error err;
    *state = session_create(&options, &err);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    session_destroy(*state);
    return 0;
}

/* Every planted defect is found by its detector, and the session is as good as before. */
static void finds_planted_defects(void **state)
{
    for (size_t i = 0; i < n_defects; i++) {
        struct verdict v, after;
        struct kase kase = doctor_case(i), correct = doctor_case(DOCTOR_NONE);
        if (defects[i].detector == DETECTOR_SUPERVISOR || defects[i].where == DEFECT_GPU)
            continue; /* they would end this process, or are none on this device */
        session_run(*state, &kase, &v);
        if (!defect_reported(&defects[i], &v, false))
            print_message("%s: %s\n", defects[i].name, v.summary);
        assert_true(defect_reported(&defects[i], &v, false));
        session_run(*state, &correct, &after);
        assert_int_equal(after.kind, VERDICT_PASS);
    }
}

static void names_tensor_and_offset(void **state)
{
    struct verdict v;
    struct kase kase = doctor_case(DOCTOR_READ_BEHIND);
    session_run(*state, &kase, &v);
    assert_string_equal(v.tensor, "input");
    assert_int_equal(v.offset, 4000);
    assert_string_equal(v.signature, "read behind the end");
    assert_true(v.object[0] != '\0');

    kase = doctor_case(DOCTOR_WRITE_BEFORE);
    session_run(*state, &kase, &v);
    assert_string_equal(v.tensor, "output");
    assert_int_equal(v.offset, -4);
}

/* What the doctor takes for a right report of a defect. */
static void knows_a_wrong_report(void **state)
{
    static const int64_t past = 4096;
    const struct defect *wrap = &defects[DOCTOR_INT32_WRAP], *trap = &defects[DOCTOR_TRAP];
    struct verdict right, v;
    struct kase kase = doctor_case(DOCTOR_INT32_WRAP);
    session_run(*state, &kase, &right);
    assert_true(defect_reported(wrap, &right, false) && defect_reported(wrap, &right, true));

    v = right;
    v.offset -= past - 1; /* the same page, perhaps */
    assert_true(!defect_reported(wrap, &v, false) && defect_reported(wrap, &v, true));
    v.offset = right.offset - past;
    assert_false(defect_reported(wrap, &v, true));
    v.offset = right.offset + 1;
    assert_false(defect_reported(wrap, &v, true));

    v = right;
    snprintf(v.tensor, sizeof(v.tensor), "output");
    assert_false(defect_reported(wrap, &v, true));
    v = right;
    snprintf(v.signature, sizeof(v.signature), "access before the start");
    assert_true(defect_reported(wrap, &v, true));
    snprintf(v.signature, sizeof(v.signature), "write before the start");
    assert_false(defect_reported(wrap, &v, true));

    v = (struct verdict){.kind = trap->kind, .detector = trap->detector, .tensor = "input"};
    assert_false(defect_reported(trap, &v, true));
}

static void judges_expectations(void **state)
{
    struct verdict v;
    struct kase kase = mini_case(3, 4, MINI_FINE);
    session_run(*state, &kase, &v);
    assert_int_equal(v.kind, VERDICT_PASS);

    snprintf(kase.refuse, sizeof(kase.refuse), "illegal"); /* it is legal */
    session_run(*state, &kase, &v);
    assert_int_equal(v.kind, VERDICT_WRONG);
    assert_string_equal(v.signature, "expectation");

    kase.value[MINI_ILLEGAL] = 1;
    session_run(*state, &kase, &v);
    assert_int_equal(v.kind, VERDICT_REFUSED);

    kase.refuse[0] = '\0'; /* illegal, but the line expects it to run */
    session_run(*state, &kase, &v);
    assert_int_equal(v.kind, VERDICT_WRONG);
}

static void reports_bad_literals(void **state)
{
    static const char *const bad[] = {"in.nowhere=1",   "in.input=1*2000",
                                      "in.input=1e999", "in.input[999]=1,2",
                                      "want.nowhere=1", "want.output[1000]=1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct verdict v;
        struct kase kase = doctor_case(DOCTOR_NONE);
        kase.literals = (char *)bad[i];
        session_run(*state, &kase, &v);
        assert_int_equal(v.kind, VERDICT_ERROR);
        assert_true(v.summary[0] != '\0');
    }
}

static void literals_reach_the_kernel(void **state)
{
    struct verdict v;
    struct kase kase = doctor_case(DOCTOR_NONE);
    kase.literals = (char *)"in.input[998]=5,0x40c00000 want.output[998]=10,12";
    session_run(*state, &kase, &v);
    assert_int_equal(v.kind, VERDICT_PASS);
}

static void gives_large_memory_back(void **state)
{
    struct verdict v;
    struct kase large = mini_case(100000, 1000, MINI_FINE), small = mini_case(1, 1, MINI_FINE);
    session_run(*state, &large, &v); /* 400 MB, and wrong in its last element */
    assert_int_equal(v.kind, VERDICT_WRONG);
    session_run(*state, &small, &v);
    assert_true(session_resident(*state) < ((size_t)512 << 20));
}

static void counts_time_and_metrics(void **state)
{
    struct verdict v;
    struct kase kase = mini_case(2, 2, MINI_SLOW);
    session_run(*state, &kase, &v);
    assert_int_equal(v.kind, VERDICT_PASS);
    assert_true(v.ms >= 50 && v.ms < 5000);
    assert_true(v.cosine == 1 && v.relative == 0);
}

static void a_memset_is_watched_too(void **state)
{
    struct verdict v;
    struct kase kase = mini_case(3, 4, MINI_LONG);
    session_run(*state, &kase, &v);
    assert_int_equal(v.kind, VERDICT_OOB);
    assert_int_equal(v.detector, DETECTOR_GUARD_PAGE);
    assert_string_equal(v.tensor, "out");
    assert_int_equal(v.offset, 48);
}

static void zero_rows_pass(void **state)
{
    struct verdict v;
    struct kase kase = mini_case(0, 7, MINI_FINE);
    session_run(*state, &kase, &v);
    assert_int_equal(v.kind, VERDICT_PASS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_planted_defects),   cmocka_unit_test(names_tensor_and_offset),
        cmocka_unit_test(knows_a_wrong_report),    cmocka_unit_test(judges_expectations),
        cmocka_unit_test(reports_bad_literals),    cmocka_unit_test(literals_reach_the_kernel),
        cmocka_unit_test(gives_large_memory_back), cmocka_unit_test(counts_time_and_metrics),
        cmocka_unit_test(zero_rows_pass),          cmocka_unit_test(a_memset_is_watched_too),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
