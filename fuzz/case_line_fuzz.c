/* Case lines: what is accepted has a canonical line that reads as the same case, and its literals
 * can be walked to their ends. */
#include <stdlib.h>
#include <string.h>

#include "harness/case/fake_op.h"

const struct op *const op_list[] = {FAKE_OPS, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_round_trip(const struct kase *kase)
{
    static char line[KASE_MAX_LINE], again[KASE_MAX_LINE];
    struct kase read = {0};
    struct error err;
    check(kase_format(kase, line, sizeof(line), &err));
    check(kase_parse(&read, line, "canonical", &err));
    check(kase_equal(kase, &read));
    check(kase_format(&read, again, sizeof(again), &err));
    check(!strcmp(line, again));
    kase_release(&read);
}

static void check_literals(const struct kase *kase)
{
    const char *cursor = kase->literals;
    struct literal literal;
    char value[64];
    size_t repeat;
    while (literal_next(&cursor, &literal)) {
        const char *next = literal.values, *end = next + literal.values_length;
        while (literal_value(&next, end, value, &repeat))
            check(repeat > 0 && strlen(value) < sizeof(value));
        check(next == end);
    }
    check(!cursor || !*cursor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size + 1);
    check(line);
    if (size)
        memcpy(line, data, size);
    line[size] = '\0';
    struct kase kase = {0};
    struct error err;
    if (kase_parse(&kase, line, "line", &err)) {
        check_round_trip(&kase);
        check_literals(&kase);
    } else {
        check(err.kind == ERROR_INPUT && !strchr(err.text, '\n'));
    }
    kase_release(&kase);
    free(line);
    return 0;
}
