/* The literal results of a case: what its author wants, device and reference alike. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/check/cell.h"
#include "harness/check/describe.h"

/* A want literal being compared. */
struct wanted {
    const struct cells *cells;
    const struct literal *literal;
    struct verdict *verdict;
};

static bool input_error(const struct wanted *w, const char *what)
{
    struct verdict *v = w->verdict;

    v->kind = VERDICT_ERROR;
    v->detector = DETECTOR_WANT;
    v->tensor[0] = '\0';
    snprintf(v->signature, sizeof v->signature, "want:input");
    snprintf(v->summary, sizeof v->summary, "want.%s: %s", w->literal->tensor, what);
    v->text[0] = '\0';
    return false;
}

static bool same(enum dtype type, uint32_t a, uint32_t b)
{
    return a == b || (dtype_is_float(type) && type != DTYPE_E2M1X2 && isnan(dtype_value(type, a)) &&
                      isnan(dtype_value(type, b)));
}

/* The reference of POLICY_BOUND is exact: the literal must be what it rounds to. */
static bool reference_is(const struct cells *c, size_t at, uint32_t want)
{
    const enum dtype type = c->tensor->dtype;

    if (!c->exact)
        return same(type, dtype_load(type, c->reference, at), want);
    struct tensor rounded = *c->tensor;
    struct cells exact = *c;
    rounded.policy.relative = rounded.policy.absolute = 0;
    exact.tensor = &rounded;
    return cells_agree(&exact, want, at);
}

static bool differ(const struct wanted *w, size_t at, uint32_t want, bool device, bool reference)
{
    const struct cells *c = w->cells;
    const struct tensor *t = c->tensor;
    struct verdict *v = w->verdict;
    const char *who = !device && !reference ? "device and reference"
                      : !device             ? "device"
                                            : "reference";
    struct text out;

    v->kind = VERDICT_WRONG;
    v->detector = DETECTOR_WANT;
    snprintf(v->tensor, sizeof v->tensor, "%s", t->name);
    v->offset = (int64_t)((at / t->cols * t->stride + at % t->cols) * dtype_bytes(t->dtype));
    snprintf(v->signature, sizeof v->signature, "want:%s", who);
    text_init(&out, sizeof v->summary);
    text_printf(&out, "%s[%zu, %zu] wanted ", t->name, at / t->cols, at % t->cols);
    describe_bits(t->dtype, want, &out);
    text_puts(&out, ", the device gave ");
    describe_bits(t->dtype, dtype_load(t->dtype, c->first, at), &out);
    if (c->exact) {
        text_printf(&out, ", the reference %.9g", c->exact[at]);
    } else {
        text_puts(&out, ", the reference ");
        describe_bits(t->dtype, dtype_load(t->dtype, c->reference, at), &out);
    }
    text_printf(&out, "; wrong: %s", who);
    snprintf(v->summary, sizeof v->summary, "%s", out.data ? out.data : "");
    text_release(&out);
    v->text[0] = '\0';
    return false;
}

static bool compare_value(const struct wanted *w, size_t at, const char *value)
{
    const struct cells *c = w->cells;
    const enum dtype type = c->tensor->dtype;
    char what[160];
    uint32_t want;

    if (at >= c->count) {
        snprintf(what, sizeof what, "element %zu is outside of %zu rows of %zu elements", at,
                 c->tensor->rows, c->tensor->cols);
        return input_error(w, what);
    }
    if (!dtype_parse(type, value, &want)) {
        snprintf(what, sizeof what, "'%.40s' is no value of %s", value, dtype_name(type));
        return input_error(w, what);
    }
    const bool device = same(type, dtype_load(type, c->first, at), want);
    const bool reference = reference_is(c, at, want);
    return (device && reference) || differ(w, at, want, device, reference);
}

static bool compare_literal(const struct wanted *w)
{
    const char *values = w->literal->values;
    const char *end = values + w->literal->values_length;
    size_t at = w->literal->first, repeat;
    char value[64];

    while (literal_value(&values, end, value, &repeat)) {
        for (; repeat; repeat--)
            if (!compare_value(w, at++, value))
                return false;
    }
    return true;
}

static bool names_output(const struct kase *k, const char *name)
{
    struct tensor all[OP_MAX_TENSORS];
    const size_t count = k->op->tensors(k, all);

    for (size_t i = 0; i < count; i++)
        if (all[i].role == TENSOR_OUTPUT && !strcmp(all[i].name, name))
            return true;
    return false;
}

bool compare_want(const struct compare_input *in, struct verdict *v)
{
    struct literal literal;
    const char *cursor = in->kase->literals;
    struct cells cells;
    const struct wanted w = {.cells = &cells, .literal = &literal, .verdict = v};

    cells_init(&cells, in);
    while (cursor && literal_next(&cursor, &literal)) {
        if (literal.is_input)
            continue;
        if (!strcmp(literal.tensor, cells.tensor->name)) {
            if (!compare_literal(&w))
                return false;
        } else if (!names_output(in->kase, literal.tensor)) {
            return input_error(&w, "the operator has no such output");
        }
    }
    return true;
}
