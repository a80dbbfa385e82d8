#include "harness/case/product.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/case/line.h"
#include "harness/op/op.h"

/* "FIRST..LAST" or "FIRST..LAST..STEP", or one value: LAST == FIRST */
struct range {
    int64_t first, last, step;
};

static bool cut_dots(struct span *rest, struct span *piece)
{
    const char *dots = memmem(rest->data, rest->length, "..", 2);
    if (!dots)
        return false;
    size_t length = (size_t)(dots - rest->data);
    *piece = (struct span){rest->data, length};
    *rest = (struct span){dots + 2, rest->length - length - 2};
    return true;
}

static bool parse_step(const struct line *line, const struct field *field, struct span piece,
                       struct span text, int64_t *step, struct error *err)
{
    enum number result = number_i64(text, step);
    if (result == NUMBER_MALFORMED)
        return line_error(line, field, piece, "the step of a range is not a number", NULL, err);
    if (result == NUMBER_TOO_LARGE || *step < 1)
        return line_error(line, field, piece, "the step of a range lies in 1..2^63-1", NULL, err);
    return true;
}

static bool parse_range(const struct line *line, const struct field *field, struct span piece,
                        struct range *range, struct error *err)
{
    struct span rest = piece, first, last;
    bool named = line->op->params[field->key - KEY_PARAM].names;
    range->step = 1;
    if (named || !cut_dots(&rest, &first)) {
        if (!line_value(line, field, piece, &range->first, err))
            return false;
        range->last = range->first;
        return true;
    }
    bool has_step = cut_dots(&rest, &last);
    if (!line_value(line, field, first, &range->first, err) ||
        !line_value(line, field, has_step ? last : rest, &range->last, err) ||
        (has_step && !parse_step(line, field, piece, rest, &range->step, err)))
        return false;
    if (range->first > range->last)
        return line_error(line, field, piece, "the range runs backwards", NULL, err);
    return true;
}

static bool append_range(const struct line *line, const struct field *field, struct span piece,
                         const struct range *range, struct axis *axis, size_t max,
                         struct error *err)
{
    uint64_t steps = ((uint64_t)range->last - (uint64_t)range->first) / (uint64_t)range->step;
    if (axis->count >= max || steps >= max - axis->count) {
        char problem[96];
        snprintf(problem, sizeof(problem), "too many cases; a table holds at most %d",
                 TABLE_MAX_CASES);
        return line_error(line, field, piece, problem, NULL, err);
    }
    size_t count = (size_t)steps + 1;
    int64_t *value = realloc(axis->value, (axis->count + count) * sizeof(*value));
    if (!value)
        return error_set(err, ERROR_INTERNAL, "%s: no memory for %zu values", line->where, count);
    axis->value = value;
    for (size_t i = 0; i < count; i++)
        value[axis->count + i] = (int64_t)((uint64_t)range->first + i * (uint64_t)range->step);
    axis->count += count;
    return true;
}

/* The list of one parameter; at most `max` values. */
static bool parse_axis(const struct line *line, const struct field *field, struct axis *axis,
                       size_t max, struct error *err)
{
    *axis = (struct axis){.param = field->key - KEY_PARAM};
    for (struct span rest = field->value, piece; span_split(&rest, ',', &piece);) {
        struct range range;
        if (!parse_range(line, field, piece, &range, err) ||
            !append_range(line, field, piece, &range, axis, max, err))
            return false;
    }
    return true;
}

static bool parse_tag(const struct line *line, const struct field *field, enum table_tag *tag,
                      struct error *err)
{
    for (enum table_tag t = TAG_SMOKE; t <= TAG_NIGHTLY; t++)
        if (span_equals(field->value, table_tag_name(t))) {
            *tag = t;
            return true;
        }
    return line_error(line, field, field->value, "unknown tag", NULL, err);
}

static bool parse_field(struct product *product, struct line *line, const struct field *field,
                        size_t max, struct error *err)
{
    if (field->key == KEY_TAG)
        return parse_tag(line, field, &product->tag, err);
    if (field->key < KEY_PARAM)
        return line_single(line, field, &product->base, err);
    struct axis *axis = &product->axis[product->n_axes++];
    if (!parse_axis(line, field, axis, max / product->count, err))
        return false;
    product->count *= axis->count;
    return true;
}

bool product_parse(struct product *product, struct span text, const char *where, size_t max,
                   struct error *err)
{
    struct line line;
    product->n_axes = 0;
    product->count = 1;
    product->tag = TAG_CI;
    bool ok = line_begin(&line, text, where, true, err);
    kase_init(&product->base, ok ? line.op : NULL);
    struct field field;
    for (bool more = ok; ok && more;) {
        ok = line_next(&line, &field, &more, err);
        if (ok && more)
            ok = parse_field(product, &line, &field, max, err);
    }
    if (ok && product->count > max)
        ok = error_set(err, ERROR_INPUT, "%s: too many cases; a table holds at most %d", where,
                       TABLE_MAX_CASES);
    if (ok)
        product->base.literals = text_take(&line.literals);
    else
        product_release(product);
    line_release(&line);
    return ok;
}

void product_release(struct product *product)
{
    for (size_t i = 0; i < product->n_axes; i++)
        free(product->axis[i].value);
    product->n_axes = 0;
    kase_release(&product->base);
}

void product_select(const struct product *product, size_t index, struct kase *kase)
{
    for (size_t i = product->n_axes; i-- > 0;) {
        const struct axis *axis = &product->axis[i];
        kase->value[axis->param] = axis->value[index % axis->count];
        index /= axis->count;
    }
}
