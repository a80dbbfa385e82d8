/* The inputs of moe_sorting cases are what their fills promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kernels/moe_sorting_fill.h"
#include "refs/moe_sorting.h"

enum { TOKENS = 96, TOPK = 5, EXPERTS = 64, BLOCK_M = 8 };

extern const struct op op_moe_sorting;

struct inputs {
    struct kase kase;
    int32_t ids[TOKENS * TOPK], mask[EXPERTS], local_tokens;
    unsigned count[EXPERTS];
};

static void fill(struct inputs *in, enum ms_fill kind, enum ms_mask mask, uint64_t seed)
{
    struct tensor tensor[OP_MAX_TENSORS];
    void *const host[OP_MAX_TENSORS] = {[MS_T_TOPK_IDS] = in->ids,
                                        [MS_T_EXPERT_MASK] = in->mask,
                                        [MS_T_NUM_LOCAL_TOKENS] = &in->local_tokens};

    memset(in, 0, sizeof(*in));
    kase_init(&in->kase, &op_moe_sorting);
    in->kase.seed = seed;
    in->kase.value[MS_TOKENS] = TOKENS;
    in->kase.value[MS_TOPK] = TOPK;
    in->kase.value[MS_EXPERTS] = EXPERTS;
    in->kase.value[MS_BLOCK_M] = BLOCK_M;
    in->kase.value[MS_EP_MASK] = mask;
    in->kase.value[MS_FILL] = kind;
    in->kase.value[MS_LOCAL_TOKENS] = 17;
    op_moe_sorting.tensors(&in->kase, tensor);
    moe_sorting_fill(&in->kase, tensor, host);
    for (size_t i = 0; i < TOKENS * TOPK; i++)
        if (in->ids[i] >= 0 && in->ids[i] < EXPERTS)
            in->count[in->ids[i]]++;
}

/* Slots of a token that name the expert of an earlier one. */
static size_t duplicates(const struct inputs *in)
{
    size_t found = 0;

    for (size_t t = 0; t < TOKENS; t++)
        for (size_t k = 0; k < TOPK; k++)
            for (size_t earlier = 0; earlier < k; earlier++)
                if (in->ids[t * TOPK + k] == in->ids[t * TOPK + earlier]) {
                    found++;
                    break;
                }
    return found;
}

static size_t invalid(const struct inputs *in)
{
    size_t found = 0;

    for (size_t i = 0; i < TOKENS * TOPK; i++)
        found += in->ids[i] < 0 || in->ids[i] >= EXPERTS;
    return found;
}

static void test_fills_without_duplicates(void **state)
{
    static const enum ms_fill kinds[] = {
        MS_FILL_RANDOM,       MS_FILL_SAME,   MS_FILL_BLOCKS_EXACT, MS_FILL_BLOCKS_OVER,
        MS_FILL_BLOCKS_UNDER, MS_FILL_SKEWED, MS_FILL_RAMP};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            struct inputs in;

            fill(&in, kinds[i], MS_MASK_NONE, seed);
            assert_int_equal(duplicates(&in), 0);
            assert_int_equal(invalid(&in), 0);
        }
}

static void test_fills_with_irregularities(void **state)
{
    struct inputs in;

    (void)state;
    fill(&in, MS_FILL_DUPLICATES, MS_MASK_NONE, 1);
    assert_true(duplicates(&in) > TOKENS / 2);
    assert_int_equal(invalid(&in), 0);
    fill(&in, MS_FILL_EP_FAKE, MS_MASK_NONE, 1);
    assert_true(in.count[EXPERTS - 1] > TOKENS * TOPK / 3);
    assert_int_equal(invalid(&in), 0);
    fill(&in, MS_FILL_INVALID, MS_MASK_NONE, 1);
    assert_in_range(invalid(&in), TOKENS * TOPK / 6, TOKENS * TOPK / 2);
}

static void test_blocks(void **state)
{
    static const struct {
        enum ms_fill kind;
        unsigned tokens;
    } cases[] = {{MS_FILL_BLOCKS_EXACT, BLOCK_M},
                 {MS_FILL_BLOCKS_OVER, BLOCK_M + 1},
                 {MS_FILL_BLOCKS_UNDER, BLOCK_M - 1}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct inputs in;
        size_t whole = 0;

        fill(&in, cases[i].kind, MS_MASK_NONE, 0);
        for (size_t e = 0; e < EXPERTS; e++)
            whole += in.count[e] == cases[i].tokens;
        assert_true(whole >= EXPERTS * 3 / 4);
    }
}

static void test_shares_of_experts(void **state)
{
    struct inputs in;

    (void)state;
    fill(&in, MS_FILL_SAME, MS_MASK_NONE, 3);
    for (size_t e = 0; e < EXPERTS; e++)
        assert_true(in.count[e] == 0 || in.count[e] == TOKENS);
    fill(&in, MS_FILL_SKEWED, MS_MASK_NONE, 3);
    assert_true(in.count[0] > 3 * TOKENS * TOPK / EXPERTS);
    fill(&in, MS_FILL_RANDOM, MS_MASK_NONE, 3);
    assert_in_range(in.count[0], 1, 4 * TOKENS * TOPK / EXPERTS);
    fill(&in, MS_FILL_RAMP, MS_MASK_NONE, 3);
    for (int32_t i = 0; i < TOKENS * TOPK; i++)
        assert_int_equal(in.ids[i], i % EXPERTS);
}

static size_t owned(enum ms_mask kind, struct inputs *in)
{
    size_t sum = 0;

    fill(in, MS_FILL_RANDOM, kind, 5);
    assert_int_equal(in->local_tokens, 17);
    for (size_t e = 0; e < EXPERTS; e++)
        sum += in->mask[e] != 0;
    return sum;
}

static void test_masks(void **state)
{
    struct inputs in;

    (void)state;
    assert_int_equal(owned(MS_MASK_OWNED, &in), EXPERTS);
    assert_int_equal(owned(MS_MASK_ZERO, &in), 0);
    assert_int_equal(owned(MS_MASK_ONE, &in), 1);
    assert_int_equal(owned(MS_MASK_EVEN, &in), EXPERTS / 2);
    assert_int_equal(in.mask[0], 1);
    assert_int_equal(owned(MS_MASK_FIRST, &in), EXPERTS / 2);
    assert_int_equal(in.mask[EXPERTS / 2 - 1], 1);
    assert_int_equal(owned(MS_MASK_LAST, &in), EXPERTS / 2);
    assert_int_equal(in.mask[EXPERTS / 2], 1);
    assert_in_range(owned(MS_MASK_RANDOM, &in), EXPERTS / 4, EXPERTS * 3 / 4);
    assert_in_range(owned(MS_MASK_VALUES, &in), EXPERTS / 4, EXPERTS * 7 / 8);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills_without_duplicates),
        cmocka_unit_test(test_fills_with_irregularities),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_shares_of_experts),
        cmocka_unit_test(test_masks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
