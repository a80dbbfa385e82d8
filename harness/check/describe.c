#include "harness/check/describe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 4 * VERDICT_TEXT };

static const char *policy_name(enum policy_kind kind)
{
    static const char *const names[] = {
        [POLICY_EXACT] = "exact",
        [POLICY_ULP] = "ulp",
        [POLICY_BOUND] = "bound",
        [POLICY_CODE] = "code",
    };
    return names[kind];
}

void describe_bits(enum dtype type, uint32_t bits, struct text *out)
{
    const int digits = 2 * (int)dtype_bytes(type);

    if (type == DTYPE_I32)
        text_printf(out, "%d", (int)(int32_t)bits);
    else if (type == DTYPE_E2M1X2)
        text_printf(out, "0x%02x (%g, %g)", bits, dtype_value(type, bits & 15),
                    dtype_value(type, bits >> 4));
    else
        text_printf(out, "%.9g (0x%0*x)", dtype_value(type, bits), digits, bits);
}

static void describe_policy(const struct tensor *t, struct text *out)
{
    const struct policy *p = &t->policy;

    text_printf(out, "policy %s: ", policy_name(p->kind));
    switch (p->kind) {
    case POLICY_EXACT:
        text_puts(out, "equal bits");
        break;
    case POLICY_ULP:
        text_printf(out, "at most %g values of %s apart", p->ulp, dtype_name(t->dtype));
        break;
    case POLICY_BOUND:
        text_printf(out, "|got - e| <= ulp(%s, e)/2 + %.6g * |e| + %.6g", dtype_name(t->dtype),
                    p->relative, p->absolute);
        break;
    case POLICY_CODE:
        text_puts(out, "equal codes, or a neighbour at a rounding boundary");
        break;
    }
    if (p->reason)
        text_printf(out, " (%s)", p->reason);
    text_puts(out, "\n");
}

static void describe_expected(const struct cells *c, size_t at, struct text *out)
{
    if (c->exact)
        text_printf(out, "%.9g", c->exact[at]);
    else
        describe_bits(c->tensor->dtype, dtype_load(c->tensor->dtype, c->reference, at), out);
}

/* Difference and bound of a wrong element, where they are numbers. */
static void describe_error(const struct cells *c, size_t at, struct text *out)
{
    const enum dtype type = c->tensor->dtype;
    const uint32_t got = dtype_load(type, c->first, at);
    const double error = dtype_value(type, got) - cells_expected(c, at);

    if (type == DTYPE_E2M1X2 || !isfinite(error))
        return;
    text_printf(out, " difference %.4g", error);
    if (c->exact)
        text_printf(out, " bound %.4g", cells_bound(c, at));
    else if (cells_steps(type, got, dtype_load(type, c->reference, at)) >= 0)
        text_printf(out, " steps %lld",
                    (long long)cells_steps(type, got, dtype_load(type, c->reference, at)));
}

static void describe_runs(const struct cells *c, size_t at, struct text *out)
{
    const enum dtype type = c->tensor->dtype;

    describe_bits(type, dtype_load(type, c->first, at), out);
    if (!c->second)
        return;
    text_puts(out, ", in the second run ");
    describe_bits(type, dtype_load(type, c->second, at), out);
}

static void describe_element(const struct difference *d, size_t at, struct text *out)
{
    const struct cells *c = d->cells;

    text_printf(out, "[%zu, %zu] ", at / c->tensor->cols, at % c->tensor->cols);
    switch (d->kind) {
    case CELL_UNWRITTEN:
        text_puts(out, "never written, expected ");
        describe_expected(c, at, out);
        break;
    case CELL_STRAY:
        text_puts(out, "must stay untouched, got ");
        describe_runs(c, at, out);
        break;
    case CELL_DIFFERS:
        text_puts(out, "expected ");
        describe_expected(c, at, out);
        text_puts(out, " got ");
        describe_runs(c, at, out);
        break;
    default:
        text_puts(out, "expected ");
        describe_expected(c, at, out);
        text_puts(out, " got ");
        describe_bits(c->tensor->dtype, dtype_load(c->tensor->dtype, c->first, at), out);
        describe_error(c, at, out);
        break;
    }
}

static const char *kind_words(enum cell kind)
{
    static const char *const words[CELL_KINDS] = {
        [CELL_WRONG] = "wrong",
        [CELL_STRAY] = "written that must stay untouched",
        [CELL_UNWRITTEN] = "never written",
        [CELL_DIFFERS] = "different in the second run",
    };
    return words[kind];
}

static void describe_counts(const struct difference *d, struct text *out)
{
    text_printf(out, "%zu of %zu elements %s", d->where.count, d->cells->count,
                kind_words(d->kind));
    for (enum cell k = CELL_WRONG; k < CELL_KINDS; k++)
        if (k != d->kind && d->count[k])
            text_printf(out, ", %zu %s", d->count[k], kind_words(k));
}

static void describe_map(const struct difference *d, struct text *out)
{
    const struct where *w = &d->where;

    text_printf(out, "map (a character is %zu x %zu elements):\n", w->tile_rows, w->tile_cols);
    where_map(w, out);
}

static void describe_metrics(const struct compare_metrics *m, struct text *out)
{
    text_printf(out,
                "cosine %.9g, relative error %.4g (worst row %zu: %.4g, worst column %zu: %.4g)\n",
                m->cosine, m->relative, m->worst_row, m->worst_row_relative, m->worst_col,
                m->worst_col_relative);
}

static const char *content(const struct text *t)
{
    return t->data ? t->data : "";
}

/* Sets the signature and adds the pattern's sentence. Values are the better sign, as places depend
 * on the shape. */
static void describe_pattern(const struct difference *d, struct verdict *v, struct text *out)
{
    static const char *const kinds[CELL_KINDS] = {
        [CELL_STRAY] = "stray", [CELL_UNWRITTEN] = "unwritten", [CELL_DIFFERS] = "runs"};
    enum guess guess = GUESS_NONE;
    struct text places;

    text_init(&places, sizeof v->summary);
    const enum where_place place = where_describe(&d->where, d->everything, &places);
    if (d->kind == CELL_WRONG)
        guess = guess_values(d->cells, d->sample, d->sampled, out);
    if (guess != GUESS_NONE && places.length)
        text_puts(out, "; ");
    text_puts(out, content(&places));
    text_release(&places);
    snprintf(v->signature, sizeof v->signature, "%s:%s",
             d->kind == CELL_WRONG ? policy_name(d->cells->tensor->policy.kind) : kinds[d->kind],
             guess != GUESS_NONE ? guess_name(guess) : where_place_name(place));
}

/* Copies as many whole lines as fit. */
static void copy_lines(char *to, size_t size, const struct text *from)
{
    size_t length = from->length;

    if (length >= size) {
        const char *end = memrchr(from->data, '\n', size - 1);
        length = end ? (size_t)(end - from->data) + 1 : size - 1;
    }
    memcpy(to, content(from), length);
    to[length] = '\0';
}

static void fill_text(const struct difference *d, const struct compare_metrics *m,
                      const char *pattern, struct verdict *v)
{
    struct text out;

    text_init(&out, TEXT_MAX);
    describe_counts(d, &out);
    text_puts(&out, "\n");
    describe_policy(d->cells->tensor, &out);
    if (*pattern)
        text_printf(&out, "pattern: %s\n", pattern);
    describe_metrics(m, &out);
    for (size_t i = 0; i < d->sampled && i < COMPARE_SHOWN; i++) {
        text_puts(&out, "  ");
        describe_element(d, d->sample[i], &out);
        text_puts(&out, "\n");
    }
    describe_map(d, &out);
    copy_lines(v->text, sizeof v->text, &out);
    text_release(&out);
}

static void fill_summary(const struct difference *d, const char *pattern, struct verdict *v)
{
    struct text out;

    text_init(&out, TEXT_MAX);
    text_puts(&out, d->cells->tensor->name);
    describe_element(d, d->sample[0], &out);
    text_puts(&out, "; ");
    describe_counts(d, &out);
    if (*pattern)
        text_printf(&out, "; %s", pattern);
    snprintf(v->summary, sizeof v->summary, "%s", content(&out));
    text_release(&out);
}

void describe_difference(const struct difference *d, const struct compare_metrics *m,
                         struct verdict *v)
{
    const struct tensor *t = d->cells->tensor;
    const size_t at = d->sample[0];
    struct text pattern;

    snprintf(v->tensor, sizeof v->tensor, "%s", t->name);
    v->offset = (int64_t)((at / t->cols * t->stride + at % t->cols) * dtype_bytes(t->dtype));
    text_init(&pattern, sizeof v->summary);
    describe_pattern(d, v, &pattern);
    fill_text(d, m, content(&pattern), v);
    fill_summary(d, content(&pattern), v);
    text_release(&pattern);
}
