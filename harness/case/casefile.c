#include "harness/case/casefile.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/file.h"

static const char magic[] = "harness-case";

/* One key: how its value is read, and how it is written; an empty value is not written. */
struct key {
    const char *name;
    const char *takes;
    bool (*read)(struct casefile *, struct span value);
    void (*write)(const struct casefile *, struct text *value);
};

static bool is_text(struct span value)
{
    for (size_t i = 0; i < value.length; i++)
        if (iscntrl((unsigned char)value.data[i]))
            return false;
    return value.length > 0;
}

static bool read_text(struct span value, char *out, size_t size)
{
    if (!is_text(value) || value.length >= size)
        return false;
    memcpy(out, value.data, value.length);
    out[value.length] = '\0';
    return true;
}

/* Text in which every character is alphanumeric or one of `others`. */
static bool read_name(struct span value, const char *others, char *out, size_t size)
{
    for (size_t i = 0; i < value.length; i++)
        if (!isalnum((unsigned char)value.data[i]) && !strchr(others, value.data[i]))
            return false;
    return read_text(value, out, size);
}

static bool read_device(struct casefile *file, struct span value)
{
    if (!span_equals(value, "cpu")) {
        struct span number = value, kind;
        uint64_t index;
        span_split(&number, ':', &kind);
        if (!span_equals(kind, "hip") && !span_equals(kind, "cuda"))
            return false;
        if (!number.data || number_u64(number, &index) != NUMBER_OK || index > 255)
            return false;
    }
    return read_text(value, file->device, sizeof(file->device));
}

static void write_device(const struct casefile *file, struct text *value)
{
    text_puts(value, file->device);
}

static bool read_wave(struct casefile *file, struct span value)
{
    uint64_t wave;
    if (number_u64(value, &wave) != NUMBER_OK || (wave != 32 && wave != 64))
        return false;
    file->wave = (unsigned)wave;
    return true;
}

static void write_wave(const struct casefile *file, struct text *value)
{
    text_printf(value, "%u", file->wave);
}

static bool read_mutant(struct casefile *file, struct span value)
{
    return read_name(value, "_-.", file->mutant, sizeof(file->mutant));
}

static void write_mutant(const struct casefile *file, struct text *value)
{
    text_puts(value, file->mutant);
}

static bool read_hash(struct casefile *file, struct span value)
{
    return read_name(value, "", file->kernel_hash, sizeof(file->kernel_hash));
}

static void write_hash(const struct casefile *file, struct text *value)
{
    text_puts(value, file->kernel_hash);
}

static bool read_verdict(struct casefile *file, struct span value)
{
    for (enum verdict_kind kind = 0; kind < VERDICT_KINDS; kind++)
        if (span_equals(value, verdict_name(kind))) {
            file->verdict.kind = kind;
            return true;
        }
    return false;
}

static void write_verdict(const struct casefile *file, struct text *value)
{
    text_puts(value, verdict_name(file->verdict.kind));
}

static bool read_detector(struct casefile *file, struct span value)
{
    for (enum detector detector = 0; detector < DETECTORS; detector++)
        if (span_equals(value, detector_name(detector))) {
            file->verdict.detector = detector;
            return true;
        }
    return false;
}

static void write_detector(const struct casefile *file, struct text *value)
{
    if (file->verdict.detector != DETECTOR_NONE)
        text_puts(value, detector_name(file->verdict.detector));
}

static bool read_tensor(struct casefile *file, struct span value)
{
    return read_name(value, "_", file->verdict.tensor, sizeof(file->verdict.tensor));
}

static void write_tensor(const struct casefile *file, struct text *value)
{
    text_puts(value, file->verdict.tensor);
}

static bool read_offset(struct casefile *file, struct span value)
{
    return number_i64(value, &file->verdict.offset) == NUMBER_OK;
}

/* Without a tensor there is nothing that the offset counts from. */
static void write_offset(const struct casefile *file, struct text *value)
{
    if (file->verdict.tensor[0])
        text_printf(value, "%lld", (long long)file->verdict.offset);
}

static bool read_signature(struct casefile *file, struct span value)
{
    return read_text(value, file->verdict.signature, sizeof(file->verdict.signature));
}

static void write_signature(const struct casefile *file, struct text *value)
{
    text_puts(value, file->verdict.signature);
}

static bool read_found(struct casefile *file, struct span value)
{
    static const char pattern[] = "dddd-dd-ddTdd:dd:ddZ";
    for (size_t i = 0; i < value.length && i < sizeof(pattern) - 1; i++)
        if (pattern[i] == 'd' ? !isdigit((unsigned char)value.data[i])
                              : value.data[i] != pattern[i])
            return false;
    return value.length == sizeof(pattern) - 1 &&
           read_text(value, file->found, sizeof(file->found));
}

static void write_found(const struct casefile *file, struct text *value)
{
    text_puts(value, file->found);
}

/* In the order in which a file is written. The case comes last and is read by kase_parse. */
static const struct key keys[] = {
    {"device", "cpu, hip:N or cuda:N", read_device, write_device},
    {"wave", "32 or 64", read_wave, write_wave},
    {"mutant", "up to 31 letters, digits, '_', '-' and '.'", read_mutant, write_mutant},
    {"kernel-hash", "up to 71 letters and digits", read_hash, write_hash},
    {"verdict", NULL, read_verdict, write_verdict},
    {"detector", NULL, read_detector, write_detector},
    {"tensor", "a tensor's name of up to 31 letters, digits and '_'", read_tensor, write_tensor},
    {"offset", "a number of bytes", read_offset, write_offset},
    {"signature", "up to 95 bytes of text", read_signature, write_signature},
    {"found", "a time as 2026-11-21T10:00:00Z", read_found, write_found},
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]), CASE_KEY = KEYS };

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
    return i == CASE_KEY ? "case" : keys[i].name;
}

static void list_accepted(const struct key *key, struct text *list)
{
    size_t count = key->read == read_verdict ? VERDICT_KINDS : DETECTORS;
    for (size_t i = 0; !key->takes && i < count; i++)
        text_printf(list, "%s%s", i ? ", " : "",
                    key->read == read_verdict ? verdict_name((enum verdict_kind)i)
                                              : detector_name((enum detector)i));
    if (key->takes)
        text_puts(list, key->takes);
}

static bool value_error(const struct key *key, struct span value, const char *where,
                        struct error *err)
{
    struct text list;
    text_init(&list, sizeof(err->text));
    list_accepted(key, &list);
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
    return keys[i].read(file, value) || value_error(&keys[i], value, where, err);
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
    if (!value->length)
        return;
    for (size_t i = 0; i < value->length; i++)
        if (iscntrl((unsigned char)value->data[i]))
            value->data[i] = '?';
    struct span trimmed = span_trim((struct span){value->data, value->length});
    if (trimmed.length)
        text_printf(out, "%s %.*s\n", key, (int)trimmed.length, trimmed.data);
}

bool casefile_format(const struct casefile *file, struct text *out, struct error *err)
{
    text_printf(out, "%s %d\n", magic, CASEFILE_VERSION);
    for (size_t i = 0; i < KEYS; i++) {
        struct text value;
        text_init(&value, KASE_MAX_LINE);
        keys[i].write(file, &value);
        put_line(out, keys[i].name, &value);
        text_release(&value);
    }
    char *line = malloc(KASE_MAX_LINE);
    if (!line)
        return error_set(err, ERROR_INTERNAL, "case file: no memory for the case");
    bool ok = kase_format(&file->kase, line, KASE_MAX_LINE, err);
    if (ok) {
        text_printf(out, "case %s\n", line);
        ok = text_check(out, "case file", err);
    }
    free(line);
    return ok;
}

bool casefile_write(const struct casefile *file, const char *path, struct error *err)
{
    struct text text;
    text_init(&text, CASEFILE_MAX);
    bool ok = casefile_format(file, &text, err) && file_write(path, text.data, text.length, err);
    text_release(&text);
    return ok;
}
