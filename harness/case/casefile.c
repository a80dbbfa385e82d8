#include "harness/case/casefile.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/file.h"
#include "harness/case/casefile_key.h"

static const char magic[] = "harness-case";

/* `case` comes behind all others and is read by kase_parse. */
enum { CASE_KEY = CASEFILE_KEYS };

void casefile_init(struct casefile *file)
{
    *file = (struct casefile){.device = "cpu", .wave = 64};
}

void casefile_release(struct casefile *file)
{
    kase_release(&file->kase);
}

static const char *key_name(size_t i)
{
    return i == CASE_KEY ? "case" : casefile_keys[i].name;
}

static bool value_error(const struct casefile_key *key, struct span value, const char *where,
                        struct error *err)
{
    struct text list;
    text_init(&list, sizeof(err->text));
    casefile_key_takes(key, &list);
    char shown[TEXT_SHOWN];
    error_set(err, ERROR_INPUT, "%s: %s %s: not accepted; %s takes %s", where, key->name,
              text_show(value, shown), key->name, list.data ? list.data : "");
    text_release(&list);
    return false;
}

static bool key_error(struct span name, const char *where, struct error *err)
{
    struct nearest nearest;
    nearest_init(&nearest, name);
    struct text list;
    text_init(&list, sizeof(err->text));
    for (size_t i = 0; i <= CASE_KEY; i++) {
        nearest_offer(&nearest, key_name(i));
        text_printf(&list, "%s%s", i ? ", " : "", key_name(i));
    }
    char shown[TEXT_SHOWN];
    const char *best = nearest.best;
    error_set(err, ERROR_INPUT, "%s: %s: unknown key%s%s%s; a case file has %s", where,
              text_show(name, shown), best ? " (did you mean " : "", best ? best : "",
              best ? "?)" : "", list.data ? list.data : "");
    text_release(&list);
    return false;
}

static bool read_case(struct casefile *file, struct span value, const char *where,
                      struct error *err)
{
    char *line = strndup(value.data, value.length);
    if (!line)
        return error_set(err, ERROR_INTERNAL, "%s: no memory for the case", where);
    bool ok = kase_parse(&file->kase, line, where, err);
    free(line);
    return ok;
}

static bool read_line(struct casefile *file, unsigned *seen, struct span line, const char *where,
                      struct error *err)
{
    struct span value = line, name;
    if (!span_word(&value, &name) || name.data[0] == '#')
        return true;
    value = span_trim(value);
    size_t i = 0;
    while (i <= CASE_KEY && !span_equals(name, key_name(i)))
        i++;
    if (i > CASE_KEY)
        return key_error(name, where, err);
    if (*seen & 1u << i)
        return error_set(err, ERROR_INPUT, "%s: %s: the key is given twice", where, key_name(i));
    *seen |= 1u << i;
    if (i == CASE_KEY)
        return read_case(file, value, where, err);
    return casefile_keys[i].read(file, value) || value_error(&casefile_keys[i], value, where, err);
}

static bool read_version(struct span *rest, const char *name, struct error *err)
{
    struct span line, word, number;
    uint64_t version = 0;
    bool is_ours = span_line(rest, &line) && span_word(&line, &word) && span_equals(word, magic) &&
                   span_word(&line, &number) && !span_trim(line).length &&
                   number_u64(number, &version) == NUMBER_OK && version > 0;
    if (!is_ours)
        return error_set(err, ERROR_INPUT, "%s:1: not a case file; its first line is '%s %d'", name,
                         magic, CASEFILE_VERSION);
    if (version > CASEFILE_VERSION)
        return error_set(err, ERROR_INPUT,
                         "%s:1: written by a newer harness (format %llu); this one reads format %d",
                         name, (unsigned long long)version, CASEFILE_VERSION);
    return true;
}

static bool read_lines(struct casefile *file, struct span rest, const char *name, struct error *err)
{
    char where[sizeof(err->text)];
    unsigned seen = 0;
    struct span line;
    for (unsigned number = 2; span_line(&rest, &line); number++) {
        snprintf(where, sizeof(where), "%s:%u", name, number);
        if (!read_line(file, &seen, line, where, err))
            return false;
    }
    if (!(seen & 1u << CASE_KEY))
        return error_set(err, ERROR_INPUT, "%s: case: missing; a case file has one line 'case ...'",
                         name);
    if (!file->verdict.tensor[0] && file->verdict.offset)
        return error_set(err, ERROR_INPUT, "%s: offset: there is no tensor that it counts from",
                         name);
    return true;
}

bool casefile_parse(struct casefile *file, const char *text, size_t size, const char *name,
                    struct error *err)
{
    struct span rest = {text, size};
    struct casefile read;
    casefile_init(&read);
    if (size && memchr(text, '\0', size))
        return error_set(err, ERROR_INPUT, "%s: binary data, not a case file", name);
    if (!read_version(&rest, name, err) || !read_lines(&read, rest, name, err)) {
        casefile_release(&read);
        return false;
    }
    casefile_release(file);
    *file = read;
    return true;
}

bool casefile_read(struct casefile *file, const char *path, struct error *err)
{
    char *text;
    size_t size;
    if (!file_read_text(path, CASEFILE_MAX, &text, &size, err))
        return false;
    bool ok = casefile_parse(file, text, size, path, err);
    free(text);
    return ok;
}

/* "KEY VALUE\n", with the value made fit for a line; nothing when there is none. */
static void put_line(struct text *out, const char *key, struct text *value)
{
    for (size_t i = 0; i < value->length; i++)
        if (iscntrl((unsigned char)value->data[i]))
            value->data[i] = '?';
    struct span trimmed = span_trim((struct span){value->data, value->length});
    if (trimmed.length)
        text_printf(out, "%s %.*s\n", key, (int)trimmed.length, trimmed.data);
}

static bool format_key(const struct casefile *file, const struct casefile_key *key,
                       struct text *out, struct error *err)
{
    struct text value;
    text_init(&value, KASE_MAX_LINE);
    key->write(file, &value);
    bool ok = text_check(&value, key->name, err);
    if (ok)
        put_line(out, key->name, &value);
    text_release(&value);
    return ok;
}

static bool format_case(const struct casefile *file, struct text *out, struct error *err)
{
    char *line = malloc(KASE_MAX_LINE);
    if (!line)
        return error_set(err, ERROR_INTERNAL, "case file: no memory for the case");
    bool ok = kase_format(&file->kase, line, KASE_MAX_LINE, err);
    if (ok)
        text_printf(out, "case %s\n", line);
    free(line);
    return ok;
}

bool casefile_format(const struct casefile *file, struct text *out, struct error *err)
{
    text_printf(out, "%s %d\n", magic, CASEFILE_VERSION);
    for (size_t i = 0; i < CASEFILE_KEYS; i++)
        if (!format_key(file, &casefile_keys[i], out, err))
            return false;
    return format_case(file, out, err) && text_check(out, "case file", err);
}

bool casefile_write(const struct casefile *file, const char *path, struct error *err)
{
    struct text text;
    text_init(&text, CASEFILE_MAX);
    bool ok = casefile_format(file, &text, err) && file_write(path, text.data, text.length, err);
    text_release(&text);
    return ok;
}
