#include "harness/isa/decode.h"

#include <string.h>

static const char *const names[ISA_CLASSES] = {
    [ISA_SALU] = "salu",
    [ISA_CALL] = "call",
    [ISA_JUMP] = "jump",
    [ISA_VALU] = "valu",
    [ISA_MFMA] = "mfma",
    [ISA_SMEM] = "smem",
    [ISA_DS] = "ds",
    [ISA_FLAT_LOAD] = "flat_load",
    [ISA_FLAT_STORE] = "flat_store",
    [ISA_FLAT_ATOMIC] = "flat_atomic",
    [ISA_SCRATCH_LOAD] = "scratch_load",
    [ISA_SCRATCH_STORE] = "scratch_store",
    [ISA_GLOBAL_LOAD] = "global_load",
    [ISA_GLOBAL_STORE] = "global_store",
    [ISA_GLOBAL_ATOMIC] = "global_atomic",
    [ISA_BUFFER_LOAD] = "buffer_load",
    [ISA_BUFFER_STORE] = "buffer_store",
    [ISA_BUFFER_ATOMIC] = "buffer_atomic",
    [ISA_CACHE] = "cache",
    [ISA_OTHER] = "other",
};

const char *isa_class_name(enum isa_class class)
{
    return names[class];
}

enum { LITERAL = 255, SDWA = 249, DPP = 250 }; /* source operands that bring another dword */

enum { LOAD, STORE, ATOMIC }; /* distance from a family's load class */

static struct isa_instruction is(enum isa_class class, unsigned bytes)
{
    return (struct isa_instruction){class, bytes};
}

/* VOP1, VOP2, VOPC */
static struct isa_instruction vector(uint32_t w)
{
    const uint32_t source = w & 511, opcode = w >> 25;
    const bool fused = opcode == 23 || opcode == 24 || opcode == 36 || opcode == 37;
    const bool wide = source == LITERAL || source == SDWA || source == DPP || fused;
    return is(ISA_VALU, wide ? 8 : 4);
}

/* SOP1, SOP2, SOPC, SOPK, SOPP: all that begins with the bits 10 */
static struct isa_instruction scalar(uint32_t w)
{
    const uint32_t opcode = w >> 8 & 255;
    const bool literal0 = (w & 255) == LITERAL, literal1 = (w >> 8 & 255) == LITERAL;
    switch (w >> 23) {
    case 0x17f:
        return is(ISA_SALU, 4);
    case 0x17d:
        return is(opcode == 30 ? ISA_CALL : opcode == 29 ? ISA_JUMP : ISA_SALU, literal0 ? 8 : 4);
    case 0x17e:
        return is(ISA_SALU, literal0 || literal1 ? 8 : 4);
    default:
        break;
    }
    if (w >> 28 == 0xb) { /* SOPK: 20 sets a hardware register from a literal, 21 calls */
        const uint32_t k = w >> 23 & 31;
        return is(k == 21 ? ISA_CALL : ISA_SALU, k == 20 ? 8 : 4);
    }
    return is(ISA_SALU, literal0 || literal1 ? 8 : 4);
}

/* VOP3, VOP3P */
static struct isa_instruction vector3(uint32_t w)
{
    const uint32_t opcode = w >> 16 & 127;
    if (w >> 23 != 0x1a7)
        return is(ISA_VALU, 8);
    if (opcode == 0x2c) /* the scales, and the matrix instruction that they belong to */
        return is(ISA_MFMA, 16);
    if (opcode == 0x2d || opcode == 0x2e || (opcode >= 0x34 && opcode != 0x58 && opcode != 0x59))
        return is(ISA_MFMA, 8);
    return is(ISA_VALU, 8);
}

static struct isa_instruction flat(uint32_t w)
{
    static const enum isa_class family[4] = {ISA_FLAT_LOAD, ISA_SCRATCH_LOAD, ISA_GLOBAL_LOAD,
                                             ISA_OTHER};
    const uint32_t opcode = w >> 18 & 127, segment = w >> 14 & 3;
    const bool to_lds = opcode == 125 || opcode == 126; /* gfx950: 12 or 16 bytes into LDS */
    const int kind = opcode >= 24 && opcode <= 31 ? STORE : opcode >= 64 && !to_lds ? ATOMIC : LOAD;
    if (segment == 3 || (segment == 1 && kind == ATOMIC))
        return is(ISA_OTHER, 8);
    return is((enum isa_class)(family[segment] + kind), 8);
}

static struct isa_instruction buffer(uint32_t w)
{
    const uint32_t opcode = w >> 18 & 127;
    const bool store = (opcode >= 4 && opcode <= 7) || (opcode >= 12 && opcode <= 15) ||
                       (opcode >= 24 && opcode <= 31) || opcode == 39 || opcode == 61;
    if (opcode == 40 || opcode == 41)
        return is(ISA_CACHE, 8);
    return is((enum isa_class)(ISA_BUFFER_LOAD + (opcode >= 64 ? ATOMIC
                                                  : store      ? STORE
                                                               : LOAD)),
              8);
}

static uint32_t dword(const uint8_t *code)
{
    return (uint32_t)code[0] | (uint32_t)code[1] << 8 | (uint32_t)code[2] << 16 |
           (uint32_t)code[3] << 24;
}

static struct isa_instruction instruction(uint32_t w)
{
    if (!(w >> 31))
        return vector(w);
    if (w >> 30 == 2)
        return scalar(w);
    switch (w >> 26) {
    case 0x30:
        return is(ISA_SMEM, 8);
    case 0x34:
        return vector3(w);
    case 0x35: /* interpolation */
        return is(ISA_OTHER, 4);
    case 0x36:
        return is(ISA_DS, 8);
    case 0x37:
        return flat(w);
    case 0x38:
        return buffer(w);
    case 0x31:
    case 0x3a:
    case 0x3c:
        return is(ISA_OTHER, 8);
    default:
        return is(ISA_OTHER, 0);
    }
}

bool isa_decode(const uint8_t *code, size_t size, struct isa_instruction *out)
{
    if (size < 4)
        return false;
    *out = instruction(dword(code));
    return out->bytes && out->bytes <= size;
}

bool isa_count(const uint8_t *code, size_t size, struct isa_counts *counts, size_t *bad)
{
    struct isa_instruction next;
    memset(counts, 0, sizeof(*counts));
    for (size_t at = 0; at < size; at += next.bytes) {
        *bad = at;
        if (!isa_decode(code + at, size - at, &next))
            return false;
        if (!counts->of[next.class]++)
            counts->first[next.class] = at;
        counts->instructions++;
    }
    return true;
}
