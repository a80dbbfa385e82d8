#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/hunt/generate.h"
#include "harness/run/mini_op.h"

const struct op *const op_list[] = {&mini_op, NULL};

enum { DRAWS = 5000 };

static struct generator *make(uint64_t seed)
{
    struct error err;
    struct generator *g = generator_create(&mini_op, seed, &err);
    assert_non_null(g);
    return g;
}

static void same_seed_same_cases(void **state)
{
    struct generator *a = make(5), *b = make(5), *other = make(6);
    size_t different = 0;
    (void)state;
    for (int i = 0; i < 500; i++) {
        struct kase x, y, z;
        generator_next(a, &x);
        generator_next(b, &y);
        generator_next(other, &z);
        assert_memory_equal(x.value, y.value, sizeof(x.value));
        assert_int_equal(x.seed, y.seed);
        different += memcmp(x.value, z.value, sizeof(x.value)) != 0;
    }
    assert_true(different > 400);
    generator_destroy(a);
    generator_destroy(b);
    generator_destroy(other);
}

static void draws_stay_in_the_domain_and_the_budget(void **state)
{
    struct generator *g = make(1);
    size_t refused = 0, tile = 0;
    (void)state;
    for (int i = 0; i < DRAWS; i++) {
        struct kase k;
        generator_next(g, &k);
        for (size_t p = 0; p < mini_op.n_params; p++)
            assert_in_range(k.value[p], mini_params[p].min, mini_params[p].max);
        const char *reason = mini_contract(&k);
        assert_string_equal(k.refuse, reason ? reason : "");
        refused += reason != NULL;
        if (!reason)
            assert_true(mini_op.cost(&k) <= GENERATE_MAX_COST);
        int64_t rest = k.value[MINI_ROWS] % 32;
        tile += rest == 0 || rest == 1 || rest == 31;
    }
    assert_true(refused > DRAWS / 50 && refused < DRAWS / 4);
    assert_true(tile > DRAWS / 4); /* uniform rows alone would give 3 of 32 */
    assert_true(g->uniform * 4 >= g->drawn);
    generator_destroy(g);
}

static void remembers_new_paths(void **state)
{
    struct generator *g = make(1);
    struct kase k;
    (void)state;
    for (int i = 0; i < DRAWS; i++)
        generator_next(g, &k);
    assert_true(g->keys > 32 && g->keys <= 64); /* 32 remainders times two column classes */
    assert_true(g->pooled == g->keys);
    generator_destroy(g);
}

static void hash_is_fnv1a(void **state)
{
    (void)state;
    assert_true(text_hash("") == 0xCBF29CE484222325u);
    assert_true(text_hash("a") == 0xAF63DC4C8601EC8Cu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_cases),
        cmocka_unit_test(draws_stay_in_the_domain_and_the_budget),
        cmocka_unit_test(remembers_new_paths),
        cmocka_unit_test(hash_is_fnv1a),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
