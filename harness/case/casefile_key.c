#include "harness/case/casefile_key.h"

#include <ctype.h>
#include <string.h>

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
const struct casefile_key casefile_keys[CASEFILE_KEYS] = {
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

void casefile_key_takes(const struct casefile_key *key, struct text *list)
{
    size_t count = key->read == read_verdict ? VERDICT_KINDS : DETECTORS;
    for (size_t i = 0; !key->takes && i < count; i++)
        text_printf(list, "%s%s", i ? ", " : "",
                    key->read == read_verdict ? verdict_name((enum verdict_kind)i)
                                              : detector_name((enum detector)i));
    if (key->takes)
        text_puts(list, key->takes);
}
