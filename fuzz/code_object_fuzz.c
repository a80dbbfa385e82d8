/* Code objects: any bytes are read or refused with one line, and what is read lies inside them. */
#include <stdlib.h>
#include <string.h>

#include "harness/isa/gate.h"
#include "harness/op/op.h"

const struct op *const op_list[] = {NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_kernel(const struct code_object *co, const struct isa_kernel *k,
                         const uint8_t *data, size_t size)
{
    static const struct kernel host = {.name = "any", .args_size = 24};
    const struct isa_policy policy = {.kernel = &host, .srd = true, .noscratch = true};
    struct isa_finding finding[ISA_RULES];
    struct isa_counts counts;
    size_t bad;
    check(k->code >= data && k->code_size <= (size_t)(data + size - k->code));
    check(k->name.length > 0 && k->name.length <= k->symbol.length);
    if (isa_count(k->code, k->code_size, &counts, &bad))
        check(isa_gate(k, &counts, co->arch, &policy, finding) <= ISA_RULES);
    else
        check(bad < k->code_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct code_object co;
    struct error err;
    if (!code_object_read(&co, data, size, "fuzz", &err)) {
        check(err.kind == ERROR_INPUT && !strchr(err.text, '\n'));
        return 0;
    }
    for (size_t i = 0; i < co.n_kernels; i++)
        check_kernel(&co, &co.kernel[i], data, size);
    return 0;
}
