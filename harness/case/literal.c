#include "harness/case/literal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_SIZE = 64 }; /* of the text of one value, its NUL included */

static bool is_name(struct span text)
{
    if (text.length == 0 || !isalpha((unsigned char)text.data[0]))
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (!isalnum((unsigned char)text.data[i]) && text.data[i] != '_')
            return false;
    return true;
}

static bool cut_prefix(struct span *text, const char *prefix)
{
    size_t length = strlen(prefix);
    if (text->length < length || memcmp(text->data, prefix, length) != 0)
        return false;
    *text = (struct span){text->data + length, text->length - length};
    return true;
}

/* "in.x" or "want.x[3]" */
static const char *parse_name(struct span name, struct literal *literal)
{
    literal->is_input = cut_prefix(&name, "in.");
    if (!literal->is_input && !cut_prefix(&name, "want."))
        return "a literal is called in.TENSOR or want.TENSOR";
    literal->first = 0;
    const char *bracket = name.length ? memchr(name.data, '[', name.length) : NULL;
    if (bracket) {
        if (name.data[name.length - 1] != ']')
            return "the first index is written as [FIRST]";
        struct span index = {bracket + 1, (size_t)(name.data + name.length - 2 - bracket)};
        uint64_t first;
        if (number_u64(index, &first) != NUMBER_OK || first > SIZE_MAX)
            return "the first index must be a whole number from 0 on";
        literal->first = first;
        name.length = (size_t)(bracket - name.data);
    }
    if (!is_name(name))
        return "a tensor's name is made of letters, digits and _";
    if (name.length >= sizeof(literal->tensor))
        return "a tensor's name has at most 31 letters";
    memcpy(literal->tensor, name.data, name.length);
    literal->tensor[name.length] = '\0';
    return NULL;
}

/* What strtod reads (raw bits 0x... among it), without the blanks and brackets that it also takes.
 */
static bool is_value(struct span text)
{
    char copy[VALUE_SIZE];
    if (text.length == 0 || text.length >= sizeof(copy))
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (!isalnum((unsigned char)text.data[i]) && !strchr("+-.", text.data[i]))
            return false;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    char *end;
    strtod(copy, &end);
    return *end == '\0';
}

/* "V" or "V*N" */
static const char *parse_value(struct span piece, struct span *value, size_t *repeat)
{
    const char *star = piece.length ? memchr(piece.data, '*', piece.length) : NULL;
    uint64_t times = 1;
    *value = piece;
    if (star) {
        value->length = (size_t)(star - piece.data);
        struct span count = {star + 1, piece.length - value->length - 1};
        if (number_u64(count, &times) != NUMBER_OK || times == 0 || times > SIZE_MAX)
            return "V*N repeats V a whole number of times, from 1 on";
    }
    *repeat = times;
    return is_value(*value) ? NULL : "a value is a number, or raw bits as 0x...";
}

const char *literal_parse(struct span name, struct span values, struct literal *literal,
                          size_t *count)
{
    const char *problem = parse_name(name, literal);
    if (problem)
        return problem;
    literal->values = values.data;
    literal->values_length = values.length;
    *count = 0;
    size_t end = literal->first;
    for (struct span piece, value; span_split(&values, ',', &piece);) {
        size_t repeat;
        problem = parse_value(piece, &value, &repeat);
        if (problem)
            return problem;
        if (__builtin_add_overflow(end, repeat, &end))
            return "the last index does not fit 64 bits";
        *count += repeat;
    }
    return NULL;
}

bool literal_next(const char **cursor, struct literal *literal)
{
    if (!*cursor)
        return false;
    struct span rest = span_of(*cursor), word, name;
    if (!span_word(&rest, &word))
        return false;
    *cursor = rest.data;
    span_split(&word, '=', &name);
    if (!word.data || parse_name(name, literal))
        return false;
    literal->values = word.data;
    literal->values_length = word.length;
    return true;
}

bool literal_value(const char **values, const char *end, char text[64], size_t *repeat)
{
    struct span rest = {*values, (size_t)(end - *values)}, piece, value;
    if (rest.length == 0)
        return false;
    span_split(&rest, ',', &piece);
    *values = rest.data ? rest.data : end;
    if (parse_value(piece, &value, repeat))
        return false;
    memcpy(text, value.data, value.length);
    text[value.length] = '\0';
    return true;
}
