/* Every row of the operator table is well-formed: what the case language and the commands take for
 * granted about an operator. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/isa/policy.h"
#include "harness/op/op.h"

/* Letters, digits and _, so that it is one word of a line and a part of a file name. */
static bool is_name(const char *text)
{
    if (!islower((unsigned char)*text) || strlen(text) > 31)
        return false;
    while (islower((unsigned char)*text) || isdigit((unsigned char)*text) || *text == '_')
        text++;
    return !*text;
}

/* Names of values may begin with a digit and hold more, but nothing that ends a word. */
static bool is_value_name(const char *text)
{
    return *text && !strpbrk(text, " \t,=#\\") && strlen(text) <= 31;
}

static void check_param(const struct op *op, size_t i)
{
    static const char *const reserved[] = {"seed", "expect", "tag", "include"};
    const struct param *param = &op->params[i];
    assert_true(is_name(param->name));
    assert_int_equal(op_param(op, param->name), i); /* no earlier one of this name */
    for (size_t k = 0; k < sizeof(reserved) / sizeof(reserved[0]); k++)
        assert_string_not_equal(param->name, reserved[k]);
    assert_non_null(param->help);
    assert_true(param->names || param->min <= param->max);
    for (const char *const *name = param->names; name && *name; name++) {
        assert_true(is_value_name(*name));
        for (const char *const *other = param->names; other < name; other++)
            assert_string_not_equal(*name, *other);
    }
}

/* Every kernel that the presets launch has one policy. */
static void check_isa(const struct op *op)
{
    static void *const device[OP_MAX_TENSORS]; /* not looked at */
    struct tensor tensor[OP_MAX_TENSORS] = {0};
    struct plan plan = {0};
    struct kase kase;
    assert_non_null(op->isa);
    kase_init(&kase, op);
    op->tensors(&kase, tensor);
    op->plan(&kase, tensor, device, &plan);
    for (size_t i = 0; i < plan.count; i++) {
        unsigned policies = plan.step[i].kind != STEP_KERNEL;
        for (const struct isa_policy *p = op->isa; p->kernel; p++)
            policies += p->kernel == plan.step[i].kernel;
        assert_int_equal(policies, 1);
    }
}

static void check_op(const struct op *op)
{
    assert_true(is_name(op->name));
    assert_ptr_equal(op_find(op->name), op);
    assert_non_null(op->summary);
    assert_in_range(op->n_params, 1, OP_MAX_PARAMS);
    for (size_t i = 0; i < op->n_params; i++)
        check_param(op, i);
    for (const char *const *reason = op->reasons; *reason; reason++)
        assert_true(is_value_name(*reason) && strlen(*reason) < KASE_REASON_SIZE);
    assert_true(op->guard && op->tensors && op->plan);
    assert_true(op->contract && op->ref_elements && op->reference);
    assert_true(op->cost && op->dispatch_key);
    check_isa(op);
}

static void test_rows(void **state)
{
    (void)state;
    assert_non_null(op_list[0]);
    for (const struct op *const *op = op_list; *op; op++)
        check_op(*op);
}

/* The presets are a legal case whose canonical line reads back. */
static void test_presets(void **state)
{
    (void)state;
    static char line[KASE_MAX_LINE];
    for (const struct op *const *op = op_list; *op; op++) {
        struct kase kase, read = {0};
        struct error err;
        kase_init(&kase, *op);
        if (!kase_format(&kase, line, sizeof(line), &err) ||
            !kase_parse(&read, line, "canonical", &err))
            fail_msg("%s", err.text);
        assert_true(kase_equal(&kase, &read));
        assert_null((*op)->guard(&kase, NULL));
        assert_null((*op)->contract(&kase));
        kase_release(&read);
    }
}

static void test_find(void **state)
{
    (void)state;
    assert_null(op_find("no_such_operator"));
    assert_int_equal(op_param(op_list[0], "no_such_parameter"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_presets),
        cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
