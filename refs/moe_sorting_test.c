/* The reference of moe_sorting against known answers and cases worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "refs/moe_sorting.h"

enum { MAX = 128, UNTOUCHED = 0x5A5A5A5A };

extern const struct op op_moe_sorting;

/* A case with its inputs, and what the reference makes of it. */
struct trial {
    struct kase kase;
    int32_t ids[MAX], mask[MAX], local_tokens;
    float weights[MAX];
    int32_t sorted_ids[MAX], experts[MAX], num_valid[2], local_ids[MAX];
    float sorted_weights[MAX];
    uint16_t buf[MAX];
};

static void trial_init(struct trial *t, int64_t tokens, int64_t topk, int64_t experts,
                       int64_t block_m)
{
    memset(t, 0, sizeof(*t));
    kase_init(&t->kase, &op_moe_sorting);
    t->kase.value[MS_TOKENS] = tokens;
    t->kase.value[MS_TOPK] = topk;
    t->kase.value[MS_EXPERTS] = experts;
    t->kase.value[MS_BLOCK_M] = block_m;
    for (int i = 0; i < MAX; i++) {
        t->weights[i] = (float)i + 0.5f;
        t->sorted_ids[i] = t->experts[i] = t->local_ids[i] = UNTOUCHED;
        t->sorted_weights[i] = -1;
        t->buf[i] = 0x5A5A;
    }
}

static void give_mask(struct trial *t, const int32_t *mask, size_t experts)
{
    t->kase.value[MS_EP_MASK] = MS_MASK_OWNED;
    memcpy(t->mask, mask, experts * sizeof(*mask));
}

static void run(struct trial *t)
{
    struct tensor tensor[OP_MAX_TENSORS];
    const void *const in[OP_MAX_TENSORS] = {[MS_T_TOPK_IDS] = t->ids,
                                            [MS_T_TOPK_WEIGHTS] = t->weights,
                                            [MS_T_EXPERT_MASK] = t->mask,
                                            [MS_T_NUM_LOCAL_TOKENS] = &t->local_tokens};
    void *const out[OP_MAX_TENSORS] = {
        [MS_T_SORTED_IDS] = t->sorted_ids,     [MS_T_SORTED_WEIGHTS] = t->sorted_weights,
        [MS_T_SORTED_EXPERT_IDS] = t->experts, [MS_T_NUM_VALID] = t->num_valid,
        [MS_T_LOCAL_TOPK_IDS] = t->local_ids,  [MS_T_MOE_BUF] = t->buf};
    const struct ref_io io = {.tensor = tensor, .in = in, .out = out};

    t->local_tokens = (int32_t)t->kase.value[MS_LOCAL_TOKENS];
    assert_null(moe_sorting_contract(&t->kase));
    op_moe_sorting.tensors(&t->kase, tensor);
    moe_sorting_reference(&t->kase, &io);
}

/* The list is `want`, its weights fit it, and nothing behind it was touched. */
static void expect_list(const struct trial *t, const int32_t *want, int32_t count)
{
    const int32_t topk = (int32_t)t->kase.value[MS_TOPK];

    assert_int_equal(t->num_valid[0], count);
    for (int32_t i = 0; i < count; i++) {
        const int32_t token = want[i] & 0xFFFFFF, slot = want[i] >> 24;

        assert_int_equal(t->sorted_ids[i], want[i]);
        assert_true(t->sorted_weights[i] == (slot == topk ? 0 : t->weights[token * topk + slot]));
    }
    assert_int_equal(t->sorted_ids[count], UNTOUCHED);
    assert_true(t->sorted_weights[count] == -1);
}

static void expect_experts(const struct trial *t, const int32_t *want, int32_t blocks)
{
    assert_memory_equal(t->experts, want, (size_t)blocks * sizeof(*want));
    assert_int_equal(t->experts[blocks], UNTOUCHED);
}

#define PAD5 0x03000005

static const int32_t kat_ids[] = {0, 3, 5, 2, 3, 5, 1, 3, 5, 1, 2, 3, 1, 3, 5};
static const int32_t kat_first[] = {0, PAD5, PAD5, PAD5};
static const int32_t kat_second[] = {2, 3, 4, PAD5};
static const int32_t kat_rest[] = {
    0x00000001, 0x01000003, PAD5, PAD5, 0x01000000, 0x01000001, 0x01000002, 0x02000003,
    0x01000004, PAD5,       PAD5, PAD5, 0x02000000, 0x02000001, 0x02000002, 0x02000004};

static void test_known_answer(void **state)
{
    static const int32_t experts[] = {0, 1, 2, 3, 3, 5};
    int32_t want[24];
    struct trial t;

    (void)state;
    memcpy(want, kat_first, sizeof(kat_first));
    memcpy(want + 4, kat_second, sizeof(kat_second));
    memcpy(want + 8, kat_rest, sizeof(kat_rest));
    trial_init(&t, 5, 3, 6, 4);
    memcpy(t.ids, kat_ids, sizeof(kat_ids));
    run(&t);
    expect_list(&t, want, 24);
    expect_experts(&t, experts, 6);
    assert_int_equal(t.num_valid[1], 5);
    assert_int_equal(moe_sorting_ref_elements(&t.kase, MS_T_SORTED_IDS), 36);
    assert_int_equal(moe_sorting_ref_elements(&t.kase, MS_T_SORTED_EXPERT_IDS), 9);
}

static void test_known_answer_with_a_mask(void **state)
{
    static const int32_t mask[] = {1, 0, 1, 1, 0, 1}, experts[] = {0, 1, 2, 2, 3};
    int32_t want[20];
    struct trial t;

    (void)state;
    memcpy(want, kat_first, sizeof(kat_first));
    memcpy(want + 4, kat_rest, sizeof(kat_rest));
    trial_init(&t, 5, 3, 6, 4);
    memcpy(t.ids, kat_ids, sizeof(kat_ids));
    give_mask(&t, mask, 6);
    run(&t);
    expect_list(&t, want, 20);
    expect_experts(&t, experts, 5);
}

static void test_known_local_ids(void **state)
{
    static const int32_t ids[] = {0, 1, 5, 2, 4, 3, 5, 0, 2}, mask[] = {0, 1, 1, 0, 1, 0};
    static const int32_t want[] = {-1, 0, -1, 1, 2, -1, -1, -1, 1};
    struct trial t;

    (void)state;
    trial_init(&t, 3, 3, 6, 4);
    memcpy(t.ids, ids, sizeof(ids));
    give_mask(&t, mask, 6);
    t.kase.value[MS_LOCAL_IDS] = 1;
    run(&t);
    assert_memory_equal(t.local_ids, want, sizeof(want));
    assert_int_equal(t.local_ids[9], UNTOUCHED);
}

/* Mask values other than 0 and 1 count once each. */
static void test_mask_values_are_truth_values(void **state)
{
    static const int32_t ids[] = {3, 1}, mask[] = {7, -1, 0, 256}, experts[] = {1, 2};
    static const int32_t want[] = {1, 0};
    struct trial t;

    (void)state;
    trial_init(&t, 2, 1, 4, 1);
    memcpy(t.ids, ids, sizeof(ids));
    give_mask(&t, mask, 4);
    run(&t);
    expect_list(&t, want, 2);
    expect_experts(&t, experts, 2);
}

static void test_tokens_at_run_time(void **state)
{
    static const struct {
        int64_t given;
        int32_t tokens;
    } cases[] = {{-2, 0}, {0, 0}, {1, 1}, {2, 2}, {3, 3}, {4, 3}, {1 << 24, 3}, {-1, 3}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int32_t n = cases[i].tokens, pad = 1 << 24 | n;
        int32_t want[4] = {pad, pad, pad, pad};
        struct trial t;

        for (int32_t token = 0; token < n; token++)
            want[token] = token;
        trial_init(&t, 3, 1, 1, 4);
        t.kase.value[MS_LOCAL_TOKENS] = cases[i].given;
        t.kase.value[MS_LOCAL_IDS] = 1;
        t.kase.value[MS_MODEL_DIM] = 5;
        run(&t);
        expect_list(&t, want, n ? 4 : 0);
        assert_int_equal(t.num_valid[1], n);
        assert_int_equal(t.local_ids[n], UNTOUCHED);
        for (int32_t at = 0; at < 20; at++)
            assert_int_equal(t.buf[at], at < 5 * n ? 0 : 0x5A5A);
    }
}

static void test_the_last_of_equal_slots_counts(void **state)
{
    static const int32_t ids[] = {1, 1, 2, 3, 1, 3}, experts[] = {1, 2, 3};
    static const int32_t want[] = {0x01000000, 0x01000001, 0x02000000,
                                   0x03000002, 0x02000001, 0x03000002};
    struct trial t;

    (void)state;
    trial_init(&t, 2, 3, 4, 2);
    memcpy(t.ids, ids, sizeof(ids));
    run(&t);
    expect_list(&t, want, 6);
    expect_experts(&t, experts, 3);
}

static void test_ids_that_are_no_expert_are_left_out(void **state)
{
    static const int32_t ids[] = {-1, 4, 2, INT32_MAX, INT32_MIN, 3};
    static const int32_t want[] = {0x02000000, 0x03000002, 0x02000001, 0x03000002};
    static const int32_t local[] = {-1, -1, 2, -1, -1, 3};
    struct trial t;

    (void)state;
    trial_init(&t, 2, 3, 4, 2);
    memcpy(t.ids, ids, sizeof(ids));
    t.kase.value[MS_LOCAL_IDS] = 1;
    run(&t);
    expect_list(&t, want, 4);
    assert_memory_equal(t.local_ids, local, sizeof(local));
}

static void test_slots_use_all_eight_bits(void **state)
{
    struct trial t;
    int32_t ids[255];
    uint32_t sorted[510], bits[510];
    int32_t experts[510], num_valid[2];
    const void *in[OP_MAX_TENSORS] = {[MS_T_TOPK_IDS] = ids, [MS_T_TOPK_WEIGHTS] = bits};
    void *out[OP_MAX_TENSORS] = {[MS_T_SORTED_IDS] = sorted,
                                 [MS_T_SORTED_WEIGHTS] = sorted + 255,
                                 [MS_T_SORTED_EXPERT_IDS] = experts,
                                 [MS_T_NUM_VALID] = num_valid};

    (void)state;
    trial_init(&t, 1, 255, 255, 1);
    for (int32_t k = 0; k < 255; k++) {
        ids[k] = 254 - k;
        bits[k] = 0x7FC00000u + (uint32_t)k; /* NaNs, which must be copied bit for bit */
    }
    moe_sorting_reference(&t.kase, &(struct ref_io){.in = in, .out = out});
    assert_int_equal(num_valid[0], 255);
    for (uint32_t k = 0; k < 255; k++) {
        assert_int_equal(sorted[k], (254 - k) << 24);
        assert_int_equal(sorted[255 + k], bits[254 - k]);
    }
}

static void expect_workspace(int64_t tokens, int64_t topk, int64_t experts, int64_t variant,
                             size_t want)
{
    struct trial t;

    trial_init(&t, tokens, topk, experts, 32);
    t.kase.value[MS_VARIANT] = variant;
    assert_int_equal(moe_sorting_ref_elements(&t.kase, MS_T_WORKSPACE), want);
}

static void test_workspace_sizes(void **state)
{
    (void)state;
    expect_workspace(1, 8, 256, MS_MULTI, 256 * 32 * 4 + 288 * 4 + 128);
    expect_workspace(511, 8, 255, MS_MULTI, 255 * 512 * 4 + 256 * 4 + 128);
    expect_workspace(512, 8, 255, MS_MULTI, 255 * 512 + 256 * 4 + 128);
    expect_workspace(0, 1, 31, MS_MULTI, 32 * 4 + 128);
    expect_workspace(1 << 20, 8, 256, MS_SINGLE, 0);
    expect_workspace(24, 8, 256, MS_AUTO, 0); /* 8192 / 257 = 31 rows, 2 of them taken */
    expect_workspace(25, 8, 256, MS_AUTO, 256 * 32 * 4 + 288 * 4 + 128);
    expect_workspace((1 << 24) - 1, 8, 8191, MS_MULTI,
                     (size_t)8191 * (1 << 24) + (size_t)8192 * 4 + 128);
}

static void expect_reason(struct trial *t, const char *want)
{
    const char *reasons[] = {moe_sorting_contract(&t->kase), op_moe_sorting.guard(&t->kase, NULL)};

    for (size_t i = 0; i < 2; i++) {
        if (want)
            assert_string_equal(reasons[i], want);
        else
            assert_null(reasons[i]);
    }
}

static void expect_shape(int64_t tokens, int64_t topk, int64_t experts, int64_t block_m,
                         int64_t variant, const char *want)
{
    struct trial t;

    trial_init(&t, tokens, topk, experts, block_m);
    t.kase.value[MS_VARIANT] = variant;
    expect_reason(&t, want);
}

static void test_limits(void **state)
{
    const int64_t most = (1 << 24) - 1;

    (void)state;
    expect_shape(most, 1, 1, 1, MS_AUTO, NULL);
    expect_shape(most + 1, 1, 1, 1, MS_AUTO, "tokens_over_24_bits");
    expect_shape(most, 128, 255, 1, MS_SINGLE, NULL); /* 2^31 - 1 entries */
    expect_shape(most, 128, 256, 1, MS_SINGLE, "sorted_size_over_31_bits");
    expect_shape(most, 255, 255, 1, MS_SINGLE, "sorted_size_over_31_bits"); /* 2^32 and less */
    expect_shape(0, 1, 1, (int64_t)1 << 31, MS_AUTO, NULL);
    expect_shape(1, 1, 1, (int64_t)1 << 31, MS_AUTO, "sorted_size_over_31_bits");
    expect_shape(511, 255, 255, 1, MS_MULTI, NULL);
    expect_shape(512, 255, 255, 1, MS_MULTI, "topk_over_mesh");
    expect_shape(512, 254, 255, 1, MS_MULTI, NULL);
    expect_shape(512, 255, 255, 1, MS_SINGLE, NULL);
    expect_shape(8, 256, 300, 1, MS_AUTO, "topk_over_8_bits");
    expect_shape(8, 8, 818, 1, MS_SINGLE, NULL);
    expect_shape(8, 8, 819, 1, MS_SINGLE, "experts_over_lds");
    expect_shape(8, 8, 819, 1, MS_AUTO, NULL);
    expect_shape(8, 8, 8191, 1, MS_AUTO, NULL);
    expect_shape(8, 8, 8192, 1, MS_AUTO, "experts_over_lds");
    expect_shape(8, 0, 8, 1, MS_AUTO, "topk_zero");
    expect_shape(8, 1, 0, 1, MS_AUTO, "experts_zero");
    expect_shape(8, 9, 8, 1, MS_AUTO, "topk_over_experts");
    expect_shape(8, 8, 8, 0, MS_AUTO, "block_m_zero");
}

static void test_types(void **state)
{
    struct trial t;

    (void)state;
    trial_init(&t, 8, 2, 8, 16);
    t.kase.value[MS_WEIGHTS_DTYPE] = MS_WEIGHTS_BF16;
    expect_reason(&t, "weights_not_f32");
    t.kase.value[MS_IDS_DTYPE] = MS_IDS_I64;
    expect_reason(&t, "ids_not_i32");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answer),
        cmocka_unit_test(test_known_answer_with_a_mask),
        cmocka_unit_test(test_known_local_ids),
        cmocka_unit_test(test_mask_values_are_truth_values),
        cmocka_unit_test(test_tokens_at_run_time),
        cmocka_unit_test(test_the_last_of_equal_slots_counts),
        cmocka_unit_test(test_ids_that_are_no_expert_are_left_out),
        cmocka_unit_test(test_slots_use_all_eight_bits),
        cmocka_unit_test(test_workspace_sizes),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
