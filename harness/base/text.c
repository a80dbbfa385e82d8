#include "harness/base/text.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_init(struct text *text, size_t max)
{
    *text = (struct text){.max = max};
}

void text_release(struct text *text)
{
    free(text->data);
    text_init(text, text->max);
}

/* Room for `more` bytes and the final NUL. */
static bool text_reserve(struct text *text, size_t more)
{
    size_t need;
    if (text->failed || __builtin_add_overflow(text->length, more, &need) || need >= text->max)
        return false;
    if (need < text->capacity)
        return true;
    size_t capacity = text->capacity ? text->capacity : 128;
    while (capacity <= need)
        capacity = capacity > text->max / 2 ? text->max : capacity * 2;
    char *data = realloc(text->data, capacity);
    text->no_memory = !data;
    if (!data)
        return false;
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_append(struct text *text, const void *data, size_t size)
{
    if (!text_reserve(text, size)) {
        text->failed = true;
        return;
    }
    if (size)
        memcpy(text->data + text->length, data, size);
    text->length += size;
    text->data[text->length] = '\0';
}

void text_puts(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

void text_printf(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    if (size < 0 || !text_reserve(text, (size_t)size)) {
        text->failed = true;
    } else {
        vsnprintf(text->data + text->length, (size_t)size + 1, format, again);
        text->length += (size_t)size;
    }
    va_end(again);
    va_end(args);
}

bool text_check(const struct text *text, const char *what, struct error *err)
{
    if (!text->failed)
        return true;
    if (text->no_memory)
        return error_set(err, ERROR_INTERNAL, "%s: no memory", what);
    return error_set(err, ERROR_INTERNAL, "%s: longer than %zu bytes", what, text->max - 1);
}

char *text_take(struct text *text)
{
    char *data = text->data;
    text_init(text, text->max);
    return data;
}

struct span span_of(const char *string)
{
    return (struct span){string, strlen(string)};
}

bool span_equals(struct span span, const char *string)
{
    return strlen(string) == span.length && memcmp(span.data, string, span.length) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span span)
{
    while (span.length && is_blank(span.data[0])) {
        span.data++;
        span.length--;
    }
    while (span.length && is_blank(span.data[span.length - 1]))
        span.length--;
    return span;
}

bool span_word(struct span *rest, struct span *word)
{
    const char *p = rest->data, *end = p + rest->length;
    while (p < end && is_blank(*p))
        p++;
    word->data = p;
    while (p < end && !is_blank(*p))
        p++;
    word->length = (size_t)(p - word->data);
    *rest = (struct span){p, (size_t)(end - p)};
    return word->length > 0;
}

bool span_split(struct span *rest, char separator, struct span *piece)
{
    if (!rest->data)
        return false;
    const char *at = rest->length ? memchr(rest->data, separator, rest->length) : NULL;
    if (!at) {
        *piece = *rest;
        *rest = (struct span){NULL, 0};
        return true;
    }
    size_t length = (size_t)(at - rest->data);
    *piece = (struct span){rest->data, length};
    *rest = (struct span){at + 1, rest->length - length - 1};
    return true;
}

bool span_line(struct span *rest, struct span *line)
{
    if (rest->length == 0)
        return false;
    const char *end = memchr(rest->data, '\n', rest->length);
    size_t length = end ? (size_t)(end - rest->data) : rest->length;
    *line = (struct span){rest->data, length};
    rest->data += length + (end != NULL);
    rest->length -= length + (end != NULL);
    if (line->length && line->data[line->length - 1] == '\r')
        line->length--;
    return true;
}

/* 0 to 15, or 16 for what is no digit. */
static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 16;
}

enum number number_u64(struct span text, uint64_t *value)
{
    unsigned base = 10;
    if (text.length > 2 && text.data[0] == '0' && (text.data[1] == 'x' || text.data[1] == 'X')) {
        base = 16;
        text = (struct span){text.data + 2, text.length - 2};
    }
    if (text.length == 0)
        return NUMBER_MALFORMED;
    uint64_t sum = 0;
    bool too_large = false;
    for (size_t i = 0; i < text.length; i++) {
        unsigned digit = digit_value(text.data[i]);
        if (digit >= base)
            return NUMBER_MALFORMED;
        too_large |= __builtin_mul_overflow(sum, (uint64_t)base, &sum);
        too_large |= __builtin_add_overflow(sum, (uint64_t)digit, &sum);
    }
    if (too_large)
        return NUMBER_TOO_LARGE;
    *value = sum;
    return NUMBER_OK;
}

enum number number_i64(struct span text, int64_t *value)
{
    bool negative = text.length > 0 && text.data[0] == '-';
    if (negative)
        text = (struct span){text.data + 1, text.length - 1};
    uint64_t magnitude;
    enum number result = number_u64(text, &magnitude);
    if (result != NUMBER_OK)
        return result;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return NUMBER_TOO_LARGE;
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return NUMBER_OK;
}

bool glob_match(const char *pattern, const char *text)
{
    return fnmatch(pattern, text, 0) == 0;
}

const char *text_show(struct span text, char out[TEXT_SHOWN])
{
    size_t length = text.length < TEXT_SHOWN ? text.length : TEXT_SHOWN - 4;
    for (size_t i = 0; i < length; i++)
        out[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?';
    snprintf(out + length, TEXT_SHOWN - length, "%s", length < text.length ? "..." : "");
    return out;
}

void nearest_init(struct nearest *nearest, struct span word)
{
    *nearest = (struct nearest){.word = word, .distance = SIZE_MAX};
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum { NEAREST_LENGTH = 48 }; /* longer words are typing errors of nobody */

/* Edit distance with swaps of neighbours, over three rows of the usual matrix. */
static size_t edit_distance(struct span a, struct span b)
{
    size_t rows[3][NEAREST_LENGTH + 1];
    size_t *above = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.length; j++)
        last[j] = above[j] = j;
    for (size_t i = 1; i <= a.length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.length; j++) {
            char x = a.data[i - 1], y = b.data[j - 1];
            row[j] = min_size(last[j - 1] + (x != y), min_size(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == b.data[j - 2] && y == a.data[i - 2])
                row[j] = min_size(row[j], above[j - 2] + 1);
        }
        size_t *spare = above;
        above = last;
        last = row;
        row = spare;
    }
    return last[b.length];
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
    struct span name = span_of(candidate);
    if (nearest->word.length > NEAREST_LENGTH || name.length > NEAREST_LENGTH)
        return;
    size_t distance = edit_distance(nearest->word, name);
    if (distance <= (name.length + 2) / 3 && distance < nearest->distance) {
        nearest->best = candidate;
        nearest->distance = distance;
    }
}
