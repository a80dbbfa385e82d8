/*
 * Where the instructions of gfx942 and gfx950 end and what they do, as far as the first dword of
 * each tells: enough to count loads, stores, calls and matrix instructions, without a disassembler.
 */
#ifndef HARNESS_ISA_DECODE_H
#define HARNESS_ISA_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"

enum isa_class {
    ISA_SALU, /* scalar arithmetic, branches, waits, barriers */
    ISA_CALL,
    ISA_JUMP, /* to an address in registers: a return or a far branch */
    ISA_VALU,
    ISA_MFMA,
    ISA_SMEM,
    ISA_DS, /* LDS, and shuffles through its crossbar */
    ISA_FLAT_LOAD,
    ISA_FLAT_STORE,
    ISA_FLAT_ATOMIC,
    ISA_SCRATCH_LOAD,
    ISA_SCRATCH_STORE,
    ISA_GLOBAL_LOAD,
    ISA_GLOBAL_STORE,
    ISA_GLOBAL_ATOMIC,
    ISA_BUFFER_LOAD,
    ISA_BUFFER_STORE,
    ISA_BUFFER_ATOMIC,
    ISA_CACHE, /* write back, invalidate */
    ISA_OTHER, /* typed buffers, images, exports: no compiler emits them for a kernel */
    ISA_CLASSES
};

/* "global_load". */
const char *isa_class_name(enum isa_class);

struct isa_instruction {
    enum isa_class class;
    unsigned bytes; /* 4, 8 or 16 */
};

/* False: no instruction begins here, or it does not end within `size` bytes. */
bool isa_decode(const uint8_t *code, size_t size, struct isa_instruction *) MUST_CHECK;

struct isa_counts {
    size_t instructions;
    size_t of[ISA_CLASSES];
    size_t first[ISA_CLASSES]; /* byte offset of the first of a class that there is */
};

/* Counts what `code` holds from its first byte to its last. False: it cannot be decoded at byte
 * `*bad`. */
bool isa_count(const uint8_t *code, size_t size, struct isa_counts *, size_t *bad) MUST_CHECK;

#endif
