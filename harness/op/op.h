/*
 * An operator under test: one row of the operator table, in one file `kernels/NAME.c`.
 *
 * The left half of the row is what is tested: `guard`, `tensors` (allocation sizes included),
 * `plan` (dispatch and launch arguments) and the kernels. The right half judges it and lives in
 * `refs/NAME.c`: `contract`, `ref_elements`, `reference`, `accept`. The two halves share number
 * formats and parameter indices, nothing else: a mistake must be made twice to pass.
 *
 * All functions are pure: they depend on their arguments alone and keep no state.
 */
#ifndef HARNESS_OP_OP_H
#define HARNESS_OP_OP_H

#include "harness/case/kase.h"
#include "harness/cpu/kernel.h"
#include "harness/op/tensor.h"

enum { OP_MAX_TENSORS = 16, OP_MAX_STEPS = 8, OP_MAX_ARGS = 256 };

/*
 * A parameter. Whole numbers lie in [min, max], which is wider than what the guard lets pass, so
 * that the guard has something to refuse. A parameter with `names` is an index into them.
 * `tiles` are block sizes whose multiples are boundaries for this parameter, `special` are values
 * of their own interest (model dimensions, limits); both end with 0 and may be NULL. The generator
 * draws from [min, fuzz_max] (fuzz_max 0: max).
 */
struct param {
    const char *name, *help;
    const char *const *names;           /* ends with NULL */
    int64_t min, max, fuzz_max, preset; /* preset: the value when a line leaves it out */
    const int64_t *tiles, *special;
};

enum step_kind { STEP_KERNEL, STEP_MEMSET };

/* One thing that the host enqueues, in order. */
struct step {
    enum step_kind kind;
    const struct kernel *kernel;
    uint32_t grid[3], block[3];                   /* blocks, threads; none may be 0 */
    size_t dynamic_lds;                           /* bytes */
    _Alignas(16) unsigned char args[OP_MAX_ARGS]; /* the kernel's one argument struct */
    void *target; /* STEP_MEMSET: device address, value of each byte, count */
    int value;
    size_t bytes;
};

struct plan {
    struct step step[OP_MAX_STEPS];
    size_t count;
};

/* Appends a kernel launch; `args` of `size` bytes are copied. A plan with too many steps or too
 * large arguments is a bug of the operator and aborts. Returns the step. */
struct step *plan_kernel(struct plan *, const struct kernel *, uint32_t grid, uint32_t block,
                         size_t dynamic_lds, const void *args, size_t size);
void plan_memset(struct plan *, void *target, int value, size_t bytes);

/* What a reference reads and writes. Inputs have the tensor's own strides. Outputs are dense,
 * element (r, c) at r * cols + c: doubles under POLICY_BOUND, else the tensor's dtype. They come
 * filled with poison; an element that the reference leaves alone must be left alone by the kernel
 * too. */
struct ref_io {
    const struct tensor *tensor; /* as declared by op->tensors */
    const void *const *in;       /* by tensor index; NULL for what is no input */
    void *const *out;            /* by tensor index; NULL for what is no output */
};

struct isa_policy; /* harness/isa/policy.h */

struct op {
    const char *name, *summary;
    const struct param *params;
    size_t n_params;
    const char *const *reasons; /* every reason the guard may give; ends with NULL */

    /* Under test. */

    /* NULL when the case is legal, else one of `reasons`. `bytes` holds the size of every tensor
     * as the caller passes it (NULL: check the parameters only); a tensor shorter than it must be
     * is refused as "short_NAME". Called before anything else; all other functions may rely on
     * what it refuses. */
    const char *(*guard)(const struct kase *, const size_t *bytes);
    /* Declares the tensors of the case and returns how many there are. */
    size_t (*tensors)(const struct kase *, struct tensor out[OP_MAX_TENSORS]);
    /* What is launched; `device[i]` is the kernel's pointer to tensor i. */
    void (*plan)(const struct kase *, const struct tensor *, void *const device[], struct plan *);
    /* Writes FILL_CUSTOM inputs (`host[i]`, the tensor's strides); may be NULL. Uses
     * harness/case/philox.h with kase->seed only. */
    void (*fill)(const struct kase *, const struct tensor *, void *const host[]);

    /* What the machine code of its kernels must fulfil: all of them, ended by a row without a
     * kernel. NULL in tests only. */
    const struct isa_policy *isa;

    /* The judge. */

    /* What the guard ought to say about the parameters. */
    const char *(*contract)(const struct kase *);
    /* rows * cols that tensor `i` ought to have (outputs and workspaces; 0 for inputs). */
    size_t (*ref_elements)(const struct kase *, size_t i);
    void (*reference)(const struct kase *, const struct ref_io *);
    /* POLICY_CODE: whether `got` in place of the reference's element is within the rule of the
     * format (adjacent code at a rounding boundary); may be NULL. `device_out[i]` are the dense
     * device results (so that a rule may use the scale that the kernel itself returned). */
    bool (*accept)(const struct kase *, const struct ref_io *, void *const device_out[], size_t i,
                   size_t row, size_t col, uint32_t got);
    /* Whether element (row, col) of output `i` may hold anything (padding of a layout); may be
     * NULL: nothing may. */
    bool (*dont_care)(const struct kase *, const struct tensor *, size_t i, size_t row, size_t col);

    /* For the generator. */

    /* Elements read plus written, about; saturates. The generator keeps it under a budget. */
    uint64_t (*cost)(const struct kase *);
    /* Names the path a case takes (kernel, tails, layout) in at most `size` bytes; two cases with
     * the same key are alike for the fuzzer. */
    void (*dispatch_key)(const struct kase *, char *out, size_t size);
};

/* Every operator of this build, ended by NULL; generated from the files in kernels/. */
extern const struct op *const op_list[];

const struct op *op_find(const char *name);

/* Index of the parameter called `name`, or -1. */
int op_param(const struct op *, const char *name);

/* A deliberately wrong variant of one operator, built from the same sources with one defect
 * switched on, loaded from mutants/OPERATOR.ID.so. */
struct mutant {
    size_t layout;         /* MUTANT_LAYOUT of the build: a stale mutant must not be run */
    const char *id, *text; /* "B01a", "surplus lanes load" */
    const struct op *op;   /* same name as the correct operator */
};

#define MUTANT_LAYOUT                                                                              \
    ((sizeof(struct op) * 4096 + sizeof(struct tensor)) * 4096 + sizeof(struct step) +             \
     sizeof(struct kase))

#endif
