/*
 * AMD code objects: what an ELF file for gfx942 or gfx950 says about its kernels. Read without
 * LLVM, from bytes that nobody vouches for: every offset, size and name is checked, and a file that
 * contradicts itself is refused with one line.
 */
#ifndef HARNESS_ISA_CODE_OBJECT_H
#define HARNESS_ISA_CODE_OBJECT_H

#include "harness/base/text.h"

enum { CODE_OBJECT_MAX = 64 << 20, CODE_OBJECT_MAX_KERNELS = 256 };

enum isa_arch { ISA_GFX942, ISA_GFX950, ISA_ARCHS };

/* "gfx942". */
const char *isa_arch_name(enum isa_arch);
/* Bytes of LDS of one compute unit. */
uint32_t isa_arch_lds(enum isa_arch);

/* What the notes say about a kernel. Sizes are in bytes. */
struct isa_metadata {
    uint32_t lds, scratch, kernarg;
    uint32_t vgprs, agprs, sgprs, vgpr_spills, sgpr_spills;
    bool dynamic_stack;
    uint32_t n_args;               /* the user's, without the hidden ones */
    uint32_t arg_offset, arg_size; /* of the first of them */
    bool arg_by_value;
};

struct isa_kernel {
    struct span symbol, name; /* `name` without C++ decoration of a plain function */
    uint64_t address;
    const uint8_t *code;
    size_t code_size;
    /* The descriptor: what the hardware is told. */
    uint32_t lds, scratch, kernarg;
    uint32_t vgprs; /* allocated for a lane, of 512 */
    struct isa_metadata meta;
};

/* Spans and pointers lead into the bytes that were read. */
struct code_object {
    enum isa_arch arch;
    struct isa_kernel kernel[CODE_OBJECT_MAX_KERNELS]; /* in the order of their symbols */
    size_t n_kernels;
    const uint8_t *text; /* the section with the code of all kernels */
    size_t text_size;
};

/* `path` is for error texts; errors are ERROR_INPUT. `data` must outlive the code object. */
bool code_object_read(struct code_object *, const void *data, size_t size, const char *path,
                      struct error *) MUST_CHECK;

/* Reads the message of the note into the kernels, each of which must be described once. */
bool code_object_metadata(struct code_object *, const uint8_t *note, size_t size, const char *path,
                          struct error *) MUST_CHECK;

#endif
