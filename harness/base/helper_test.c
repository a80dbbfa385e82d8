/* Work done by a helper is there when it has been waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "harness/base/helper.h"

static void add_slowly(void *context)
{
    int *sum = context, before = *sum;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    *sum = before + 1;
}

static void waits_for_its_work(void **state)
{
    struct error err;
    struct helper *helper = helper_create(&err);
    int sum = 0;
    (void)state;
    assert_non_null(helper);
    helper_wait(helper, 0); /* nothing */
    for (int i = 1; i <= 20; i++) {
        assert_int_equal(helper_add(helper, add_slowly, &sum), i);
        helper_wait(helper, (uint64_t)i);
        assert_int_equal(sum, i);
    }
    for (int i = 21; i <= 40; i++) /* more than it takes at once */
        helper_add(helper, add_slowly, &sum);
    helper_wait(helper, 30);
    helper_wait(helper, 25);
    helper_destroy(helper); /* waits too */
    assert_int_equal(sum, 40);
    helper_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(waits_for_its_work)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
