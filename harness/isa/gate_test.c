/* Every rule: a kernel that keeps it, and a kernel that was compiled to break it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/isa/gate.h"
#include "harness/isa/testdata.h"

static struct code_object co;
static struct testdata file;
static struct isa_finding finding[ISA_RULES];
static const struct kernel host = {.name = "any", .args_size = 24};

static int load_planted(void **state)
{
    (void)state;
    file = testdata_load(TESTDATA_PLANTED);
    return !code_object_read(&co, file.data, file.size, "planted.co", NULL);
}

static int unload(void **state)
{
    (void)state;
    free(file.data);
    return 0;
}

static size_t judge(const struct isa_kernel *k, const struct isa_policy *policy)
{
    struct isa_counts counts;
    size_t bad;
    assert_true(isa_count(k->code, k->code_size, &counts, &bad));
    return isa_gate(k, &counts, co.arch, policy, finding);
}

static void passes(const char *kernel, struct isa_policy policy)
{
    policy.kernel = &host;
    if (judge(testdata_kernel(&co, kernel), &policy))
        fail_msg("%s: %s: %s", kernel, isa_rule_name(finding[0].rule), finding[0].text);
}

/* Breaks this rule and no other. */
static void expect_broken(const struct isa_kernel *k, struct isa_policy policy, enum isa_rule rule,
                          const char *text)
{
    policy.kernel = &host;
    assert_int_equal(judge(k, &policy), 1);
    assert_int_equal(finding[0].rule, rule);
    assert_string_equal(finding[0].text, text);
}

static void breaks(const char *kernel, struct isa_policy policy, enum isa_rule rule,
                   const char *text)
{
    expect_broken(testdata_kernel(&co, kernel), policy, rule, text);
}

static void test_bounded(void **state)
{
    (void)state;
    passes("bounded",
           (struct isa_policy){
               .srd = true, .noscratch = true, .min_waves = 8, .needs = ISA_BIT(ISA_BUFFER_LOAD)});
}

static void test_srd(void **state)
{
    (void)state;
    const struct isa_policy srd = {.srd = true, .lds_max = 16384};
    passes("matrix", srd);
    breaks("global_load", srd, ISA_RULE_SRD,
           "1 of class global_load, the first at byte 0x44 of the kernel");
    breaks("calls", srd, ISA_RULE_SRD, "1 of class call, the first at byte 0x50 of the kernel");
    passes("global_load", (struct isa_policy){0});
    passes("calls", (struct isa_policy){0});
}

/* A kernel without any load keeps no promise about them. */
static void test_srd_empty(void **state)
{
    (void)state;
    static const uint8_t end[] = {0, 0, 0x81, 0xbf}; /* s_endpgm */
    struct isa_kernel k = *testdata_kernel(&co, "bounded");
    k.code = end;
    k.code_size = sizeof(end);
    expect_broken(&k, (struct isa_policy){.srd = true}, ISA_RULE_SRD, "no buffer load at all");
}

static void test_noscratch(void **state)
{
    (void)state;
    const struct isa_policy noscratch = {.noscratch = true};
    passes("global_load", noscratch);
    breaks("crowded", noscratch, ISA_RULE_NOSCRATCH, "80 bytes of scratch per lane, 0 accesses");
    passes("crowded", (struct isa_policy){0});
    struct isa_kernel k = *testdata_kernel(&co, "bounded");
    k.meta.dynamic_stack = true;
    expect_broken(&k, noscratch, ISA_RULE_NOSCRATCH,
                  "0 bytes of scratch per lane and a dynamic stack, 0 accesses");
    k.meta.dynamic_stack = false;
    k.meta.sgpr_spills = 3;
    expect_broken(&k, noscratch, ISA_RULE_NOSCRATCH, "0 vector and 3 scalar registers are spilled");
    k.meta.sgpr_spills = 0;
    k.meta.vgpr_spills = 1;
    expect_broken(&k, noscratch, ISA_RULE_NOSCRATCH, "1 vector and 0 scalar registers are spilled");
    static const uint8_t load[] = {0, 0x40, 0x50, 0xdc, 0, 0, 0, 0}; /* scratch_load_dword */
    k.meta.vgpr_spills = 0;
    k.code = load;
    k.code_size = sizeof(load);
    expect_broken(&k, noscratch, ISA_RULE_NOSCRATCH, "0 bytes of scratch per lane, 1 accesses");
}

static void test_lds(void **state)
{
    (void)state;
    passes("matrix", (struct isa_policy){.lds_max = 16384});
    breaks("matrix", (struct isa_policy){.lds_max = 16383}, ISA_RULE_LDS,
           "16384 bytes of static LDS; at most 16383 are allowed");
    /* Whatever the policy says, there is no more than the architecture has. */
    struct isa_kernel k = *testdata_kernel(&co, "bounded");
    k.lds = k.meta.lds = 65537;
    expect_broken(&k, (struct isa_policy){.lds_max = 1 << 20}, ISA_RULE_LDS,
                  "65537 bytes of static LDS; at most 65536 are allowed");
    co.arch = ISA_GFX950;
    const struct isa_policy policy = {.kernel = &host, .lds_max = 1 << 20};
    assert_int_equal(judge(&k, &policy), 0);
    co.arch = ISA_GFX942;
}

static void test_waves(void **state)
{
    (void)state;
    passes("crowded", (struct isa_policy){.min_waves = 2});
    breaks("crowded", (struct isa_policy){.min_waves = 3}, ISA_RULE_WAVES,
           "200 vector registers leave room for 2 waves, not 3");
    static const struct {
        uint32_t vgprs;
        unsigned waves;
    } rooms[] = {{8, 8}, {64, 8}, {72, 7}, {128, 4}, {136, 3}, {256, 2}, {264, 1}, {512, 1}};
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        const struct isa_kernel k = {.vgprs = rooms[i].vgprs};
        assert_int_equal(isa_waves(&k), rooms[i].waves);
    }
}

static void test_args(void **state)
{
    (void)state;
    breaks("two_args", (struct isa_policy){0}, ISA_RULE_ARGS,
           "takes 2 arguments; the launcher passes one struct");
    const struct kernel larger = {.name = "any", .args_size = 32};
    const struct isa_policy policy = {.kernel = &larger};
    assert_int_equal(judge(testdata_kernel(&co, "bounded"), &policy), 1);
    assert_int_equal(finding[0].rule, ISA_RULE_ARGS);
    assert_string_equal(finding[0].text,
                        "takes 24 bytes at 0, of 24 in all; the launcher passes 32 by value at 0");
    struct isa_kernel k = *testdata_kernel(&co, "bounded");
    k.meta.arg_by_value = false;
    expect_broken(&k, (struct isa_policy){0}, ISA_RULE_ARGS,
                  "takes 24 bytes at 0, not by value, of 24 in all; the launcher passes 24 by "
                  "value at 0");
    k.meta.arg_by_value = true;
    k.meta.arg_offset = 8;
    expect_broken(&k, (struct isa_policy){0}, ISA_RULE_ARGS,
                  "takes 24 bytes at 8, of 24 in all; the launcher passes 24 by value at 0");
}

static void test_needs(void **state)
{
    (void)state;
    const struct isa_policy mfma = {.needs = ISA_BIT(ISA_MFMA), .lds_max = 16384};
    passes("matrix", mfma);
    breaks("bounded", mfma, ISA_RULE_NEEDS, "nothing of class mfma");
}

static void test_description(void **state)
{
    (void)state;
    struct isa_kernel k = *testdata_kernel(&co, "bounded");
    k.meta.lds = 8;
    expect_broken(&k, (struct isa_policy){0}, ISA_RULE_DESCRIPTION,
                  "the descriptor says lds 0, scratch 0, arguments 24, and the note 8, 0, 24");
    k.meta.lds = 0;
    k.meta.vgprs = 9;
    expect_broken(&k, (struct isa_policy){0}, ISA_RULE_DESCRIPTION,
                  "the note says 9 vector registers; 8 are allocated");
}

/* Several at once come in the order of the rules. */
static void test_several(void **state)
{
    (void)state;
    const struct isa_policy strict = {
        .kernel = &host, .noscratch = true, .min_waves = 8, .needs = ISA_BIT(ISA_MFMA)};
    assert_int_equal(judge(testdata_kernel(&co, "crowded"), &strict), 3);
    assert_string_equal(isa_rule_name(finding[0].rule), "noscratch");
    assert_string_equal(isa_rule_name(finding[1].rule), "waves");
    assert_string_equal(isa_rule_name(finding[2].rule), "needs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounded),     cmocka_unit_test(test_srd),
        cmocka_unit_test(test_srd_empty),   cmocka_unit_test(test_noscratch),
        cmocka_unit_test(test_lds),         cmocka_unit_test(test_waves),
        cmocka_unit_test(test_args),        cmocka_unit_test(test_needs),
        cmocka_unit_test(test_description), cmocka_unit_test(test_several),
    };
    return cmocka_run_group_tests(tests, load_planted, unload);
}
