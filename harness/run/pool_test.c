#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/run/campaign.h"
#include "harness/run/message.h"
#include "harness/run/mini_op.h"

const struct op *const op_list[] = {&mini_op, NULL};

static struct pool *make_pool(unsigned workers)
{
    struct error err;
    struct pool_options options = {.workers = workers, .session = {.wave = 64, .timeout_s = 0.2}};
    struct pool *pool = pool_create(&options, &err);
    assert_non_null(pool);
    return pool;
}

static enum pool_event wait_long(struct pool *pool, uint64_t *ticket, struct verdict *v)
{
    struct error err;
    enum pool_event event = POOL_NOTHING;
    for (int i = 0; event == POOL_NOTHING && i < 20; i++)
        event = pool_wait(pool, 1, ticket, v, &err);
    return event;
}

static struct verdict judge(struct pool *pool, struct kase kase)
{
    struct error err;
    struct verdict v;
    uint64_t ticket;
    assert_true(pool_submit(pool, 7, &kase, &err));
    assert_int_equal(wait_long(pool, &ticket, &v), POOL_VERDICT);
    assert_int_equal(ticket, 7);
    return v;
}

static void judges(void **state)
{
    struct pool *pool = make_pool(1);
    (void)state;
    assert_int_equal(judge(pool, mini_case(3, 3, MINI_FINE)).kind, VERDICT_PASS);
    assert_int_equal(judge(pool, mini_case(40, 5, MINI_FINE)).kind, VERDICT_WRONG);
    pool_destroy(pool);
}

static void survives_a_dying_worker(void **state)
{
    struct pool *pool = make_pool(1);
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct verdict v = judge(pool, mini_case(1, 1, MINI_KILLED));
        assert_int_equal(v.kind, VERDICT_FAULT);
        assert_int_equal(v.detector, DETECTOR_SUPERVISOR);
        assert_non_null(strstr(v.summary, "signal 9"));
        assert_int_equal(judge(pool, mini_case(1, 1, MINI_FINE)).kind, VERDICT_PASS);
    }
    pool_destroy(pool);
}

static void kills_a_hung_worker(void **state)
{
    struct pool *pool = make_pool(1);
    (void)state;
    struct verdict v = judge(pool, mini_case(1, 1, MINI_HUNG));
    assert_int_equal(v.kind, VERDICT_TIMEOUT);
    assert_int_equal(v.detector, DETECTOR_SUPERVISOR);
    assert_int_equal(judge(pool, mini_case(1, 1, MINI_FINE)).kind, VERDICT_PASS);
    pool_destroy(pool);
}

static void replaces_a_worker_killed_idle(void **state)
{
    struct pool *pool = make_pool(1);
    (void)state;
    judge(pool, mini_case(1, 1, MINI_FINE));
    kill(pool_worker_pid(pool, 0), SIGKILL);
    usleep(20000);
    assert_int_equal(judge(pool, mini_case(1, 1, MINI_FINE)).kind, VERDICT_PASS);
    pool_destroy(pool);
}

/* A worker that is lost had the next case ahead, by its pipe or, with literals, not yet: another
 * judges that. It counts as work until then, so that nobody takes the run for done. */
static void loses_no_case_with_a_worker(void **state)
{
    static const int behave[] = {MINI_KILLED, MINI_HUNG};
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct pool *pool = make_pool(1);
        struct kase first = mini_case(1, 1, behave[i % 2]), last = mini_case(1, 1, MINI_FINE);
        struct verdict v;
        struct error err;
        uint64_t ticket;
        last.literals = i < 2 ? NULL : (char *)"want.out=0"; /* borrowed */
        assert_true(pool_has_room(pool) && pool_submit(pool, 1, &first, &err));
        assert_true(pool_has_room(pool) && pool_submit(pool, 2, &last, &err));
        assert_false(pool_has_room(pool));
        assert_int_equal(wait_long(pool, &ticket, &v), POOL_VERDICT);
        assert_int_equal(ticket, 1);
        assert_int_equal(v.detector, DETECTOR_SUPERVISOR);
        assert_true(pool_busy(pool));
        assert_int_equal(wait_long(pool, &ticket, &v), POOL_VERDICT);
        assert_int_equal(ticket, 2);
        assert_int_equal(v.kind, VERDICT_PASS);
        assert_false(pool_busy(pool));
        pool_destroy(pool);
    }
}

static void refuses_a_silly_number_of_workers(void **state)
{
    struct error err;
    struct pool_options options = {.workers = 0};
    (void)state;
    assert_null(pool_create(&options, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    options.workers = 100000;
    assert_null(pool_create(&options, &err));
}

/* --- Campaigns --- */

struct script {
    struct kase kase[400];
    size_t count, stop_at;
    uint64_t delivered;
    enum verdict_kind kind[400];
    unsigned ticks;
};

static const struct kase *next(void *context, uint64_t index)
{
    struct script *s = context;
    return index < s->count ? &s->kase[index] : NULL;
}

static bool deliver(void *context, uint64_t index, const struct kase *kase, const struct verdict *v)
{
    struct script *s = context;
    assert_int_equal(index, s->delivered);
    assert_ptr_equal(kase, &s->kase[index]);
    s->kind[s->delivered++] = v->kind;
    return s->delivered != s->stop_at;
}

static void tick(void *context, uint64_t done)
{
    struct script *s = context;
    assert_int_equal(done, s->delivered);
    s->ticks++;
}

static enum campaign_end run_script(struct script *s, struct pool *pool)
{
    struct error err;
    struct campaign c = {
        .pool = pool, .context = s, .next = next, .deliver = deliver, .tick = tick};
    return campaign_run(&c, &err);
}

static void keeps_the_order(void **state)
{
    static struct script s;
    struct pool *pool = make_pool(3);
    (void)state;
    s.count = 400;
    for (size_t i = 0; i < s.count; i++)
        s.kase[i] = mini_case(i % 7 == 0 ? 40 : 3, 5, i == 0 ? MINI_SLOW : MINI_FINE);
    s.kase[100] = mini_case(1, 1, MINI_KILLED);
    assert_int_equal(run_script(&s, pool), CAMPAIGN_DONE);
    assert_int_equal(s.delivered, 400);
    for (size_t i = 0; i < s.count; i++)
        assert_int_equal(s.kind[i], i == 100     ? VERDICT_FAULT
                                    : i % 7 == 0 ? VERDICT_WRONG
                                                 : VERDICT_PASS);
    pool_destroy(pool);
}

static void stops_when_told_and_can_go_on(void **state)
{
    static struct script s;
    struct pool *pool = make_pool(2);
    (void)state;
    s.count = 50;
    s.stop_at = 5;
    for (size_t i = 0; i < s.count; i++)
        s.kase[i] = mini_case(3, 5, MINI_SLOW);
    assert_int_equal(run_script(&s, pool), CAMPAIGN_STOPPED);
    assert_int_equal(s.delivered, 5);
    assert_false(pool_busy(pool));
    s.delivered = 0;
    s.stop_at = 0;
    s.count = 20;
    assert_int_equal(run_script(&s, pool), CAMPAIGN_DONE);
    assert_int_equal(s.delivered, 20);
    assert_true(s.ticks > 0);
    pool_destroy(pool);
}

/* --- Messages --- */

static void messages_are_checked(void **state)
{
    struct kase kase = mini_case(3, 4, MINI_FINE), back;
    struct verdict v;
    uint64_t ticket;
    unsigned suspects;
    int fd[2];
    (void)state;
    kase.literals = (char *)"want.out=0";
    assert_int_equal(pipe(fd), 0);
    assert_true(message_send_case(fd[1], 9, &kase));
    assert_true(message_receive_case(fd[0], &ticket, &back));
    assert_int_equal(ticket, 9);
    assert_string_equal(back.literals, "want.out=0");
    assert_int_equal(back.value[MINI_COLS], 4);
    kase_release(&back);

    assert_true(message_send_case(fd[1], 9, &kase)); /* a case is no verdict */
    assert_false(message_receive_verdict(fd[0], &ticket, &v, &suspects));
    close(fd[0]);
    close(fd[1]);

    assert_int_equal(pipe(fd), 0);
    assert_int_equal(write(fd[1], "HRNK torn", 9), 9);
    close(fd[1]);
    assert_false(message_receive_case(fd[0], &ticket, &back));
    close(fd[0]);
    assert_false(message_send_verdict(fd[0], 1, &v, 0)); /* closed: an error value, no signal */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges),
        cmocka_unit_test(survives_a_dying_worker),
        cmocka_unit_test(kills_a_hung_worker),
        cmocka_unit_test(replaces_a_worker_killed_idle),
        cmocka_unit_test(loses_no_case_with_a_worker),
        cmocka_unit_test(refuses_a_silly_number_of_workers),
        cmocka_unit_test(keeps_the_order),
        cmocka_unit_test(stops_when_told_and_can_go_on),
        cmocka_unit_test(messages_are_checked),
    };
    pool_catch_signals();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
