/* What `harness isa` says of code objects and their kernels, to people and as JSON lines. */
#ifndef HARNESS_CMD_ISA_REPORT_H
#define HARNESS_CMD_ISA_REPORT_H

#include <stdio.h>

#include "harness/isa/gate.h"

struct isa_report {
    FILE *json, *people;   /* json may be NULL */
    const char *json_name; /* for error texts */
    bool verbose;
};

/* One kernel, looked at. */
struct isa_looked {
    const char *path;
    enum isa_arch arch;
    const struct isa_kernel *kernel;
    struct isa_counts counts;
    const struct isa_policy *policy; /* NULL: nobody declares it */
    bool must_declare;               /* then: an operator ought to */
    struct isa_finding finding[ISA_RULES];
    size_t n_findings;
};

/* Also refuses code that cannot be decoded, between kernels too. */
bool isa_report_file(const struct isa_report *, const struct code_object *, const char *path,
                     struct error *) MUST_CHECK;
bool isa_report_kernel(const struct isa_report *, const struct isa_looked *,
                       struct error *) MUST_CHECK;

#endif
