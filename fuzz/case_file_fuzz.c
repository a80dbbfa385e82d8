/* Case files: what is accepted is written as a file that reads as the same finding. */
#include <stdlib.h>
#include <string.h>

#include "harness/case/casefile.h"
#include "harness/case/fake_op.h"

const struct op *const op_list[] = {FAKE_OPS, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool equal(const struct casefile *a, const struct casefile *b)
{
    return !strcmp(a->device, b->device) && a->wave == b->wave && !strcmp(a->mutant, b->mutant) &&
           !strcmp(a->kernel_hash, b->kernel_hash) && a->verdict.kind == b->verdict.kind &&
           a->verdict.detector == b->verdict.detector &&
           !strcmp(a->verdict.tensor, b->verdict.tensor) &&
           a->verdict.offset == b->verdict.offset &&
           !strcmp(a->verdict.signature, b->verdict.signature) && !strcmp(a->found, b->found) &&
           kase_equal(&a->kase, &b->kase);
}

static void check_round_trip(const struct casefile *file)
{
    struct casefile read;
    struct text text, again;
    struct error err;
    casefile_init(&read);
    text_init(&text, CASEFILE_MAX);
    text_init(&again, CASEFILE_MAX);
    check(casefile_format(file, &text, &err));
    check(casefile_parse(&read, text.data, text.length, "written", &err));
    check(equal(file, &read));
    check(casefile_format(&read, &again, &err));
    check(!strcmp(text.data, again.data));
    text_release(&text);
    text_release(&again);
    casefile_release(&read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct casefile file;
    struct error err;
    casefile_init(&file);
    if (casefile_parse(&file, (const char *)data, size, "fuzz", &err))
        check_round_trip(&file);
    else
        check(err.kind == ERROR_INPUT && !strchr(err.text, '\n'));
    casefile_release(&file);
    return 0;
}
