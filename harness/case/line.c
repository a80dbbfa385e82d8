#include "harness/case/line.h"

#include <stdio.h>
#include <string.h>

#include "harness/case/literal.h"
#include "harness/op/op.h"

enum { LIST_MAX = sizeof(((struct error *)0)->text) };

static const char *const single_names[] = {
    [KEY_SEED] = "seed", [KEY_EXPECT] = "expect", [KEY_TAG] = "tag"};

static void list_name(struct text *list, const char *name)
{
    text_printf(list, "%s%s", list->length ? ", " : "", name);
}

/* "WHERE: NAME=VALUE: PROBLEM (did you mean HINT?); WHOSE takes LIST"; the list is cut to fit. */
static bool report(const struct line *line, const char *word, const char *problem, const char *hint,
                   const char *whose, const struct text *list, struct error *err)
{
    return error_set(err, ERROR_INPUT, "%s: %s: %s%s%s%s; %s %s", line->where, word, problem,
                     hint ? " (did you mean " : "", hint ? hint : "", hint ? "?)" : "", whose,
                     list->data ? list->data : "");
}

static bool operator_error(const struct line *line, struct span word, struct error *err)
{
    struct nearest nearest;
    nearest_init(&nearest, word);
    struct text list;
    text_init(&list, LIST_MAX);
    for (const struct op *const *op = op_list; *op; op++) {
        nearest_offer(&nearest, (*op)->name);
        list_name(&list, (*op)->name);
    }
    char shown[TEXT_SHOWN];
    report(line, text_show(word, shown), word.length ? "no such operator" : "no operator",
           nearest.best, "a line begins with one of", &list, err);
    text_release(&list);
    return false;
}

static bool key_error(const struct line *line, struct span word, struct span name,
                      struct error *err)
{
    struct nearest nearest;
    nearest_init(&nearest, name);
    struct text list;
    text_init(&list, LIST_MAX);
    for (size_t i = 0; i < line->op->n_params; i++) {
        nearest_offer(&nearest, line->op->params[i].name);
        list_name(&list, line->op->params[i].name);
    }
    for (unsigned key = KEY_SEED; key < (line->in_table ? KEY_TAG + 1 : KEY_TAG); key++) {
        nearest_offer(&nearest, single_names[key]);
        list_name(&list, single_names[key]);
    }
    list_name(&list, "in.TENSOR, want.TENSOR");
    char shown[TEXT_SHOWN], whose[TEXT_SHOWN + 8];
    const char *problem = name.length == word.length ? "not KEY=VALUE" : "unknown key";
    snprintf(whose, sizeof(whose), "%s takes", line->op->name);
    report(line, text_show(word, shown), problem, nearest.distance ? nearest.best : NULL, whose,
           &list, err);
    text_release(&list);
    return false;
}

static void list_accepted(const struct line *line, const struct field *field, struct text *list)
{
    if (field->key == KEY_SEED) {
        text_puts(list, "0..0xffffffffffffffff");
    } else if (field->key == KEY_EXPECT) {
        for (const char *const *reason = line->op->reasons; reason && *reason; reason++) {
            text_puts(list, list->length ? ", " : "");
            text_printf(list, "refuse:%s", *reason);
        }
        if (!list->length)
            text_puts(list, "nothing here");
    } else if (field->key == KEY_TAG) {
        text_puts(list, "smoke, ci, nightly");
    } else if (field->key == KEY_LITERAL) {
        text_puts(list, "V,V*N,...");
    } else {
        const struct param *param = &line->op->params[field->key - KEY_PARAM];
        for (const char *const *name = param->names; name && *name; name++)
            list_name(list, *name);
        if (!param->names)
            text_printf(list, "%lld..%lld", (long long)param->min, (long long)param->max);
    }
}

bool line_error(const struct line *line, const struct field *field, struct span value,
                const char *problem, const char *hint, struct error *err)
{
    struct text list;
    text_init(&list, LIST_MAX);
    list_accepted(line, field, &list);
    char name[TEXT_SHOWN], shown[TEXT_SHOWN], word[2 * TEXT_SHOWN], whose[TEXT_SHOWN + 8];
    snprintf(word, sizeof(word), "%s=%s", text_show(field->name, name), text_show(value, shown));
    snprintf(whose, sizeof(whose), "%s takes", name);
    report(line, word, problem, hint, whose, &list, err);
    text_release(&list);
    return false;
}

bool line_begin(struct line *line, struct span text, const char *where, bool in_table,
                struct error *err)
{
    line->where = where;
    line->in_table = in_table;
    line->rest = text;
    line->seen = 0;
    line->n_ranges = 0;
    text_init(&line->literals, KASE_MAX_LITERAL_BYTES);
    if (text.length >= KASE_MAX_LINE)
        return error_set(err, ERROR_INPUT,
                         "%s: the line is too long; a case takes at most %d bytes", where,
                         KASE_MAX_LINE - 1);
    struct span word;
    span_word(&line->rest, &word);
    for (const struct op *const *op = op_list; *op; op++) {
        line->op = *op;
        if (span_equals(word, (*op)->name))
            return true;
    }
    return operator_error(line, word, err);
}

void line_release(struct line *line)
{
    text_release(&line->literals);
}

static bool has_prefix(struct span name, const char *prefix)
{
    size_t length = strlen(prefix);
    return name.length >= length && memcmp(name.data, prefix, length) == 0;
}

static bool find_key(const struct line *line, struct span name, unsigned *key)
{
    for (size_t i = 0; i < line->op->n_params; i++)
        if (span_equals(name, line->op->params[i].name)) {
            *key = KEY_PARAM + (unsigned)i;
            return true;
        }
    for (*key = KEY_SEED; *key <= KEY_TAG; ++*key)
        if (span_equals(name, single_names[*key]))
            return *key != KEY_TAG || line->in_table;
    *key = KEY_LITERAL;
    return has_prefix(name, "in.") || has_prefix(name, "want.");
}

bool line_next(struct line *line, struct field *field, bool *more, struct error *err)
{
    struct span word;
    *more = span_word(&line->rest, &word);
    if (!*more)
        return true;
    field->value = word;
    span_split(&field->value, '=', &field->name);
    if (!field->value.data || !find_key(line, field->name, &field->key))
        return key_error(line, word, field->name, err);
    uint64_t bit = UINT64_C(1) << field->key;
    if (line->seen & bit && field->key != KEY_LITERAL)
        return line_error(line, field, field->value, "the key is given twice", NULL, err);
    line->seen |= bit;
    return true;
}

static bool number_error(const struct line *line, const struct field *field, struct span text,
                         struct error *err)
{
    bool many = text.length &&
                (memchr(text.data, ',', text.length) || memmem(text.data, text.length, "..", 2));
    const char *problem = !text.length ? "no value"
                          : many       ? "a list; one value is wanted here"
                                       : "not a number";
    return line_error(line, field, text, problem, NULL, err);
}

static bool read_name(const struct line *line, const struct field *field, const struct param *param,
                      struct span text, int64_t *value, struct error *err)
{
    struct nearest nearest;
    nearest_init(&nearest, text);
    for (size_t i = 0; param->names[i]; i++) {
        if (span_equals(text, param->names[i])) {
            *value = (int64_t)i;
            return true;
        }
        nearest_offer(&nearest, param->names[i]);
    }
    bool many = text.length && memchr(text.data, ',', text.length);
    const char *problem = !text.length ? "no value"
                          : many       ? "a list; one value is wanted here"
                                       : "unknown name";
    return line_error(line, field, text, problem, nearest.best, err);
}

bool line_value(const struct line *line, const struct field *field, struct span text,
                int64_t *value, struct error *err)
{
    const struct param *param = &line->op->params[field->key - KEY_PARAM];
    if (param->names)
        return read_name(line, field, param, text, value, err);
    int64_t number = 0;
    enum number result = number_i64(text, &number);
    if (result == NUMBER_MALFORMED)
        return number_error(line, field, text, err);
    if (result == NUMBER_TOO_LARGE || number < param->min || number > param->max)
        return line_error(line, field, text, "out of range", NULL, err);
    *value = number;
    return true;
}

static bool read_seed(const struct line *line, const struct field *field, struct kase *kase,
                      struct error *err)
{
    enum number result = number_u64(field->value, &kase->seed);
    if (result == NUMBER_MALFORMED)
        return number_error(line, field, field->value, err);
    if (result == NUMBER_TOO_LARGE)
        return line_error(line, field, field->value, "out of range", NULL, err);
    return true;
}

static bool read_expect(const struct line *line, const struct field *field, struct kase *kase,
                        struct error *err)
{
    struct span reason = field->value;
    bool refuse = has_prefix(reason, "refuse:");
    if (refuse)
        reason = (struct span){reason.data + 7, reason.length - 7};
    struct nearest nearest;
    nearest_init(&nearest, reason);
    for (const char *const *known = line->op->reasons; known && *known; known++) {
        nearest_offer(&nearest, *known);
        if (refuse && span_equals(reason, *known) && reason.length < sizeof(kase->refuse)) {
            memset(kase->refuse, 0, sizeof(kase->refuse));
            memcpy(kase->refuse, reason.data, reason.length);
            return true;
        }
    }
    return line_error(line, field, field->value, refuse ? "unknown reason" : "not refuse:REASON",
                      nearest.best, err);
}

static bool overlaps(const struct line *line, struct span tensor, size_t first, size_t last)
{
    for (size_t i = 0; i < line->n_ranges; i++) {
        struct span other = line->range[i].tensor;
        if (other.length == tensor.length && !memcmp(other.data, tensor.data, tensor.length) &&
            first <= line->range[i].last && line->range[i].first <= last)
            return true;
    }
    return false;
}

static bool read_literal(struct line *line, const struct field *field, struct error *err)
{
    struct literal literal;
    size_t count;
    const char *problem = literal_parse(field->name, field->value, &literal, &count);
    if (problem)
        return line_error(line, field, field->value, problem, NULL, err);
    struct span tensor = {field->name.data, strlen(literal.tensor) + (literal.is_input ? 3 : 5)};
    size_t last = literal.first + count - 1;
    if (overlaps(line, tensor, literal.first, last))
        return line_error(line, field, field->value, "elements that the line sets already", NULL,
                          err);
    if (line->n_ranges == KASE_MAX_LITERALS)
        return line_error(line, field, field->value, "more than 64 literals", NULL, err);
    size_t length = (size_t)(field->value.data + field->value.length - field->name.data);
    if (line->literals.length + length + 2 > KASE_MAX_LITERAL_BYTES)
        return line_error(line, field, field->value, "too many literals: over 57344 bytes", NULL,
                          err);
    line->range[line->n_ranges].tensor = tensor;
    line->range[line->n_ranges].first = literal.first;
    line->range[line->n_ranges++].last = last;
    text_puts(&line->literals, line->literals.length ? " " : "");
    text_append(&line->literals, field->name.data, length);
    return text_check(&line->literals, line->where, err);
}

bool line_single(struct line *line, const struct field *field, struct kase *kase, struct error *err)
{
    if (field->key == KEY_SEED)
        return read_seed(line, field, kase, err);
    if (field->key == KEY_EXPECT)
        return read_expect(line, field, kase, err);
    return read_literal(line, field, err);
}
