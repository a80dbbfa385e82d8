#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "harness/hunt/finding.h"
#include "harness/hunt/minimize.h"
#include "harness/run/mini_op.h"

const struct op *const op_list[] = {&mini_op, NULL};

static const struct finding_origin origin = {.device = "cpu", .wave = 64};

static int enter_folder(void **state)
{
    char *dir = strdup("/tmp/harness-test-XXXXXX");
    *state = dir;
    return mkdtemp(dir) ? 0 : -1;
}

static int leave_folder(void **state)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
    free(*state);
    return system(command);
}

static struct verdict verdict_of(enum verdict_kind kind, const char *signature)
{
    struct verdict v = {.kind = kind, .detector = DETECTOR_COMPARE, .offset = 12, .cosine = 1};
    snprintf(v.tensor, sizeof(v.tensor), "out");
    snprintf(v.signature, sizeof(v.signature), "%s", signature);
    return v;
}

static void findings_are_on_disk_at_once(void **state)
{
    struct findings f, again;
    struct error err;
    struct kase kase = mini_case(40, 9, MINI_FINE), smaller = mini_case(37, 5, MINI_FINE);
    struct verdict v = verdict_of(VERDICT_WRONG, "one element"),
                   other = verdict_of(VERDICT_WRONG, "everything");
    assert_true(findings_open(&f, *state, &err));
    struct finding *finding = findings_add(&f, &kase, &v, &origin, &err);
    assert_non_null(finding);
    assert_ptr_equal(findings_match(&f, &kase, &v), finding);
    assert_null(findings_match(&f, &kase, &other));

    assert_true(findings_open(&again, *state, &err));
    assert_int_equal(again.count, 1);
    assert_int_equal(again.list[0].file.kase.value[MINI_COLS], 9);
    findings_release(&again);

    assert_true(finding_replace(finding, &smaller, &v, &err));
    assert_true(findings_open(&again, *state, &err));
    assert_int_equal(again.count, 1);
    assert_int_equal(again.list[0].file.kase.value[MINI_COLS], 5);
    assert_true(again.list[0].from_earlier);
    assert_true(same_finding(&again.list[0].file.verdict, &v));
    findings_release(&again);
    findings_release(&f);
}

static void many_findings(void **state)
{
    struct findings f;
    struct error err;
    struct kase kase = mini_case(1, 1, MINI_FINE);
    assert_true(findings_open(&f, *state, &err));
    for (int i = 0; i < 40; i++) {
        char signature[32];
        snprintf(signature, sizeof(signature), "bug %d", i);
        struct verdict v = verdict_of(VERDICT_OOB, signature);
        assert_non_null(findings_add(&f, &kase, &v, &origin, &err));
    }
    findings_release(&f);
    assert_true(findings_open(&f, *state, &err));
    assert_int_equal(f.count, 40);
    findings_release(&f);
}

static void bad_folders_are_errors(void **state)
{
    struct findings f;
    struct error err;
    char path[128];
    FILE *file;
    assert_false(findings_open(&f, "/proc/nowhere", &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    snprintf(path, sizeof(path), "%s/broken.case", (char *)*state);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("not a case\n", file);
    fclose(file);
    assert_false(findings_open(&f, *state, &err));
    assert_non_null(strstr(err.text, "broken.case"));
    unlink(path);
}

/* The reference differs from 37 rows and 5 columns on; nothing smaller fails. */
static void minimises_to_the_boundary(void **state)
{
    struct error err;
    struct verdict v = {.kind = VERDICT_PASS};
    struct kase kase = mini_case(931, 611, MINI_FINE);
    struct pool_options options = {.workers = 1, .session = {.wave = 64, .timeout_s = 1}};
    struct pool *pool = pool_create(&options, &err);
    struct minimize m = {.pool = pool, .max_tries = 1000, .max_seconds = 30};
    uint64_t ticket;
    (void)state;
    assert_non_null(pool);
    kase.seed = 99;
    assert_true(pool_submit(pool, 0, &kase, &err));
    while (pool_wait(pool, 1, &ticket, &v, &err) == POOL_NOTHING)
        ;
    assert_int_equal(v.kind, VERDICT_WRONG);
    assert_true(minimize_case(&m, &kase, &v, &err));
    assert_int_equal(kase.value[MINI_ROWS], 37);
    assert_int_equal(kase.value[MINI_COLS], 5);
    assert_int_equal(kase.seed, 0);
    assert_int_equal(v.kind, VERDICT_WRONG);
    assert_true(m.tries < 200);

    kase = mini_case(931, 611, MINI_FINE);
    m.max_tries = 3; /* a budget is kept */
    assert_true(minimize_case(&m, &kase, &v, &err));
    assert_int_equal(m.tries, 3);
    pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(findings_are_on_disk_at_once, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(many_findings, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(bad_folders_are_errors, enter_folder, leave_folder),
        cmocka_unit_test(minimises_to_the_boundary),
    };
    pool_catch_signals();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
