/* Cases that a GPU's worker has at the same time: prepared ahead, run together. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/doctor/doctor.h"
#include "harness/doctor/doctor_kernels.h"
#include "harness/gpu/device_testing.h"

const struct op *const op_list[] = {&mini_op, NULL};

/* Gives a worker n cases at once; their verdicts, by their numbers. */
static void judge_all(struct pool *pool, const struct kase *kase, size_t n, struct verdict *out)
{
    struct error err;
    struct verdict v;
    uint64_t ticket;
    size_t judged = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(pool_has_room(pool));
        assert_true(pool_submit(pool, i, &kase[i], &err));
    }
    for (int i = 0; pool_busy(pool) && i < 120; i++)
        if (pool_wait(pool, 1, &ticket, &v, &err) == POOL_VERDICT) {
            out[ticket] = v;
            judged++;
        }
    assert_false(pool_busy(pool));
    assert_int_equal(judged, n);
}

/* While one case is run, those behind it are prepared; each gets its own verdict. */
static void prepares_cases_ahead(void **state)
{
    const struct kase cases[] = {mini_case(3, 3, MINI_SLOW), mini_case(40, 5, MINI_FINE),
                                 mini_case(9, 700, MINI_FINE), mini_case(38, 6, MINI_FINE),
                                 mini_case(1, 1, MINI_FINE)};
    struct pool *pool = make_pool(&on_gpu);
    struct verdict v[5];
    (void)state;
    judge_all(pool, cases, 5, v);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(v[i].kind, i % 2 ? VERDICT_WRONG : VERDICT_PASS);
    pool_destroy(pool);
}

/* A case that kills the worker while another is run is the one to blame. */
static void blames_what_it_prepared(void **state)
{
    const struct kase cases[] = {mini_case(3, 3, MINI_SLOW), mini_case(3, 4, MINI_FINE),
                                 mini_case(3, 5, MINI_DEADLY), mini_case(40, 5, MINI_FINE)};
    struct pool *pool = make_pool(&on_gpu);
    struct verdict v[4];
    (void)state;
    judge_all(pool, cases, 4, v);
    assert_int_equal(v[0].kind, VERDICT_PASS);
    assert_int_equal(v[1].kind, VERDICT_PASS);
    assert_int_equal(v[2].kind, VERDICT_FAULT);
    assert_int_equal(v[2].detector, DETECTOR_SUPERVISOR);
    assert_int_equal(v[3].kind, VERDICT_WRONG);
    pool_destroy(pool);
}

/* Has the worker pass so many cases that it runs the next ones together. */
static void make_calm(struct pool *pool)
{
    for (int i = 0; i < 300; i++)
        assert_int_equal(judge(pool, doctor_case(DOCTOR_NONE)).kind, VERDICT_PASS);
}

static unsigned faults_logged(void)
{
    static char text[1 << 16];
    unsigned n = 0;
    int log = open(device_log, O_RDONLY);
    ssize_t size = read(log, text, sizeof(text) - 1);
    assert_true(log >= 0 && size >= 0);
    close(log);
    text[size] = '\0';
    for (const char *at = text; (at = strstr(at, "Xid")); at++)
        n++;
    return n;
}

/* The first ones keep the worker busy until the others have come and are prepared. */
enum { SLOW, SLOW_TOO, BAD, THIRD, LAST, CASES };

/* What one of several cases does to the device costs the others a worker, and not their verdicts.
 */
static void finds_the_one_to_blame(void **state)
{
    (void)state;
    for (int hip = 0; hip < 2; hip++) {
        const struct kase cases[CASES] = {[SLOW] = mini_case(3, 3, MINI_SLOW),
                                          [SLOW_TOO] = mini_case(3, 3, MINI_SLOW),
                                          [BAD] = doctor_case(DOCTOR_READ_BEHIND),
                                          [THIRD] = mini_case(40, 5, MINI_FINE),
                                          [LAST] = doctor_case(DOCTOR_NONE)};
        struct session_options options = on_gpu;
        struct verdict v[CASES];
        const unsigned before = faults_logged();
        options.device.kind = hip ? DEVICE_HIP : DEVICE_CUDA;
        struct pool *pool = make_pool(&options);
        make_calm(pool);
        judge_all(pool, cases, CASES, v);
        for (int i = 0; i < CASES; i++)
            if (i != BAD && i != THIRD)
                assert_int_equal(v[i].kind, VERDICT_PASS);
        assert_int_equal(v[BAD].kind, VERDICT_OOB);
        assert_string_equal(v[BAD].tensor, "input");
        assert_int_equal(v[BAD].offset, 4000);
        assert_int_equal(v[THIRD].kind, VERDICT_WRONG);
        if (!hip) /* once with the others, once alone */
            assert_int_equal(faults_logged(), before + 2);
        pool_destroy(pool);
    }
}

/* What is wrong with one of several cases, and costs no worker, is that one's alone. */
static void tells_cases_apart(void **state)
{
    static const size_t found[] = {DOCTOR_WRITE_GAP, DOCTOR_WRITE_SLACK, DOCTOR_STRAY,
                                   DOCTOR_UNWRITTEN, DOCTOR_WRONG};
    struct pool *pool = make_pool(&on_gpu);
    (void)state;
    for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
        const struct kase cases[CASES] = {[SLOW] = mini_case(3, 3, MINI_SLOW),
                                          [SLOW_TOO] = mini_case(3, 3, MINI_SLOW),
                                          [BAD] = doctor_case(found[i]),
                                          [THIRD] = doctor_case(DOCTOR_NONE),
                                          [LAST] = doctor_case(DOCTOR_NONE)};
        struct verdict v[CASES];
        make_calm(pool);
        judge_all(pool, cases, CASES, v);
        assert_true(defect_reported(&defects[found[i]], &v[BAD], true));
        for (int k = 0; k < CASES; k++)
            assert_true(k == BAD || v[k].kind == VERDICT_PASS);
    }
    pool_destroy(pool);
}

/* A fault that nobody can be made to repeat is a finding all the same, beside those of others. */
static void reports_what_is_not_seen_again(void **state)
{
    char file[FAKE_PATH];
    struct error err;
    (void)state;
    assert_true(fake_path(file, "flaky"));
    setenv("FAKE_FLAKY", file, 1);
    for (int hip = 0; hip < 2; hip++) {
        struct kase cases[CASES];
        struct session_options options = on_gpu;
        struct verdict v[CASES];
        unsigned found = 0;
        for (int i = 0; i < CASES; i++)
            cases[i] = i <= SLOW_TOO ? mini_case(3, 3, MINI_SLOW) : doctor_case(DOCTOR_NONE);
        cases[THIRD] = mini_case(40, 5, MINI_FINE);
        options.device.kind = hip ? DEVICE_HIP : DEVICE_CUDA;
        struct pool *pool = make_pool(&options);
        make_calm(pool);
        assert_true(file_write(file, "", 0, &err));
        judge_all(pool, cases, CASES, v);
        assert_int_equal(access(file, F_OK), -1);
        assert_int_equal(v[THIRD].kind, VERDICT_WRONG);
        for (int i = 0; i < CASES; i++) {
            if (v[i].kind == VERDICT_PASS || i == THIRD)
                continue;
            found++;
            assert_int_equal(v[i].kind, VERDICT_NONDETERMINISTIC);
            assert_string_equal(v[i].signature, "not seen again");
            assert_non_null(strstr(v[i].summary, "trap, reported as"));
            assert_non_null(strstr(v[i].summary, "a worker had "));
        }
        assert_int_equal(found, 1);
        pool_destroy(pool);
    }
    unsetenv("FAKE_FLAKY");
}

/* 115 MiB: the device has room for two such tensors and the reference, or for one tensor, or none.
 */
static void needs_room_for_one_run(void **state)
{
    static const char *const mib[] = {"600", "200", "100"};
    struct session_options options = on_gpu;
    (void)state;
    options.timeout_s = 10;
    for (int i = 0; i < 3; i++) {
        setenv("FAKE_MEMORY", mib[i], 1);
        struct pool *pool = make_pool(&options);
        struct verdict v = judge(pool, mini_case(30000, 1000, MINI_FINE));
        assert_int_equal(v.kind, i < 2 ? VERDICT_WRONG : VERDICT_ERROR);
        if (i == 2)
            assert_non_null(strstr(v.summary, "cannot allocate 128 MiB of device memory"));
        assert_int_equal(judge(pool, mini_case(9, 9, MINI_FINE)).kind, VERDICT_PASS);
        pool_destroy(pool);
    }
    unsetenv("FAKE_MEMORY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepares_cases_ahead),           cmocka_unit_test(blames_what_it_prepared),
        cmocka_unit_test(finds_the_one_to_blame),         cmocka_unit_test(tells_cases_apart),
        cmocka_unit_test(reports_what_is_not_seen_again), cmocka_unit_test(needs_room_for_one_run),
    };
    pool_catch_signals();
    return cmocka_run_group_tests(tests, device_setup, NULL);
}
