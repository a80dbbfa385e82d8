#include "harness/isa/code_object.h"

#include <ctype.h>
#include <elf.h>
#include <string.h>

enum {
    MACHINE_AMDGPU = 224,
    NOTE_AMDGPU = 32,
    DESCRIPTOR_BYTES = 64,
    NAME_MAX_BYTES = 1000, /* C++ names are long */
};

static const struct {
    const char *name;
    uint32_t flag, lds;
} archs[ISA_ARCHS] = {
    [ISA_GFX942] = {"gfx942", 0x4c, 64 << 10},
    [ISA_GFX950] = {"gfx950", 0x4f, 160 << 10},
};

const char *isa_arch_name(enum isa_arch arch)
{
    return archs[arch].name;
}

uint32_t isa_arch_lds(enum isa_arch arch)
{
    return archs[arch].lds;
}

/* The file while it is read. */
struct elf {
    const uint8_t *data;
    size_t size;
    const char *path;
    Elf64_Ehdr header;
    Elf64_Shdr symbols, names; /* .dynsym and its strings */
};

static bool bad(const struct elf *elf, const char *what, struct error *err)
{
    return error_set(err, ERROR_INPUT, "%s: %s", elf->path, what);
}

static bool inside(const struct elf *elf, uint64_t offset, uint64_t size)
{
    return offset <= elf->size && size <= elf->size - offset;
}

/* --- Header and sections --- */

static bool read_header(struct elf *elf, enum isa_arch *arch, struct error *err)
{
    Elf64_Ehdr *h = &elf->header;
    if (elf->size < sizeof(*h) || memcmp(elf->data, ELFMAG, SELFMAG) != 0)
        return bad(elf, "is no ELF file", err);
    memcpy(h, elf->data, sizeof(*h));
    if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB ||
        h->e_machine != MACHINE_AMDGPU)
        return bad(elf, "is no ELF file for AMD GPUs", err);
    for (int i = 0; i < ISA_ARCHS; i++)
        if ((h->e_flags & 0xff) == archs[i].flag) {
            *arch = (enum isa_arch)i;
            break;
        } else if (i == ISA_ARCHS - 1) {
            return error_set(err, ERROR_INPUT,
                             "%s: is for another GPU than gfx942 and gfx950 (flags 0x%x)",
                             elf->path, h->e_flags);
        }
    if (h->e_type != ET_DYN)
        return bad(elf, "is not linked", err);
    if (h->e_shentsize != sizeof(Elf64_Shdr) ||
        !inside(elf, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr)))
        return bad(elf, "the section table lies outside", err);
    return true;
}

/* Section `index`, whose content lies inside the file. */
static bool section(const struct elf *elf, size_t index, Elf64_Shdr *out, struct error *err)
{
    if (index >= elf->header.e_shnum)
        return bad(elf, "refers to a section that is not there", err);
    memcpy(out, elf->data + elf->header.e_shoff + index * sizeof(*out), sizeof(*out));
    if (out->sh_type != SHT_NOBITS && !inside(elf, out->sh_offset, out->sh_size))
        return bad(elf, "a section lies outside", err);
    return true;
}

/* Finds the symbols and the code. */
static bool read_sections(struct elf *elf, struct code_object *co, struct error *err)
{
    bool found = false;
    for (size_t i = 0; i < elf->header.e_shnum; i++) {
        Elf64_Shdr s;
        if (!section(elf, i, &s, err))
            return false;
        if (s.sh_type == SHT_DYNSYM) {
            if (found || s.sh_entsize != sizeof(Elf64_Sym) || s.sh_size % sizeof(Elf64_Sym))
                return bad(elf, "the symbol table is malformed", err);
            found = true;
            elf->symbols = s;
            if (!section(elf, s.sh_link, &elf->names, err))
                return false;
            if (elf->names.sh_type != SHT_STRTAB)
                return bad(elf, "the symbols have no names", err);
        } else if (s.sh_type == SHT_PROGBITS && (s.sh_flags & SHF_EXECINSTR) && s.sh_size) {
            if (co->text)
                return bad(elf, "has two sections of code", err);
            co->text = elf->data + s.sh_offset;
            co->text_size = (size_t)s.sh_size;
        }
    }
    return found || bad(elf, "has no symbols", err);
}

/* --- Symbols --- */

struct symbol {
    Elf64_Sym raw;
    struct span name;
    const uint8_t *content; /* NULL: not in this file */
    bool code;              /* in a section of instructions */
};

static size_t symbol_count(const struct elf *elf)
{
    return elf->symbols.sh_size / sizeof(Elf64_Sym);
}

static bool symbol_name(const struct elf *elf, struct symbol *s, struct error *err)
{
    const char *start, *end;
    if (s->raw.st_name >= elf->names.sh_size)
        return bad(elf, "a symbol's name lies outside", err);
    start = (const char *)elf->data + elf->names.sh_offset + s->raw.st_name;
    end = memchr(start, '\0', (size_t)(elf->names.sh_size - s->raw.st_name));
    if (!end)
        return bad(elf, "a symbol's name has no end", err);
    s->name = (struct span){start, (size_t)(end - start)};
    return true;
}

static bool symbol_at(const struct elf *elf, size_t index, struct symbol *s, struct error *err)
{
    Elf64_Shdr home;
    memset(s, 0, sizeof(*s));
    memcpy(&s->raw, elf->data + elf->symbols.sh_offset + index * sizeof(s->raw), sizeof(s->raw));
    if (!symbol_name(elf, s, err))
        return false;
    if (s->raw.st_shndx == SHN_UNDEF || s->raw.st_shndx >= SHN_LORESERVE)
        return true;
    if (!section(elf, s->raw.st_shndx, &home, err))
        return false;
    const uint64_t skipped = s->raw.st_value - home.sh_addr;
    if (s->raw.st_value < home.sh_addr || skipped > home.sh_size ||
        s->raw.st_size > home.sh_size - skipped)
        return bad(elf, "a symbol lies outside its section", err);
    if (home.sh_type == SHT_PROGBITS) {
        s->content = elf->data + home.sh_offset + skipped;
        s->code = home.sh_flags & SHF_EXECINSTR;
    }
    return true;
}

/* Names are printed and compared: letters, digits and what compilers put between them. */
static bool is_name(struct span name)
{
    for (size_t i = 0; i < name.length; i++)
        if (!isalnum((unsigned char)name.data[i]) && !strchr("_.$", name.data[i]))
            return false;
    return name.length > 0 && name.length <= NAME_MAX_BYTES;
}

/* "scale" of "_Z5scale9some_args"; anything else as it is. */
static struct span plain_name(struct span symbol)
{
    size_t digits = 2, length = 0;
    if (symbol.length < 4 || memcmp(symbol.data, "_Z", 2) != 0)
        return symbol;
    for (; digits < symbol.length && isdigit((unsigned char)symbol.data[digits]); digits++)
        if ((length = 10 * length + (size_t)(symbol.data[digits] - '0')) > NAME_MAX_BYTES)
            return symbol;
    if (!length || length > symbol.length - digits)
        return symbol;
    return (struct span){symbol.data + digits, length};
}

/* --- Kernels --- */

static uint32_t u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Finds the function that the descriptor belongs to, which must be where the descriptor says. */
static bool find_code(const struct elf *elf, struct isa_kernel *k, uint64_t entry,
                      struct error *err)
{
    for (size_t i = 0; i < symbol_count(elf); i++) {
        struct symbol s;
        if (!symbol_at(elf, i, &s, err))
            return false;
        if (s.name.length != k->symbol.length ||
            memcmp(s.name.data, k->symbol.data, s.name.length) != 0)
            continue;
        if (!s.code || !s.raw.st_size || s.raw.st_value != entry)
            break;
        k->address = entry;
        k->code = s.content;
        k->code_size = (size_t)s.raw.st_size;
        return true;
    }
    return error_set(err, ERROR_INPUT, "%s: there is no code of %.*s where its descriptor says",
                     elf->path, (int)k->symbol.length, k->symbol.data);
}

static bool read_descriptor(const struct elf *elf, const struct symbol *s, struct isa_kernel *k,
                            struct error *err)
{
    const uint8_t *at = s->content;
    k->symbol = (struct span){s->name.data, s->name.length - 3};
    k->name = plain_name(k->symbol);
    if (!is_name(k->symbol))
        return bad(elf, "a kernel's name is none", err);
    if (!at || s->raw.st_size != DESCRIPTOR_BYTES)
        return bad(elf, "a kernel's descriptor is malformed", err);
    k->lds = u32(at);
    k->scratch = u32(at + 4);
    k->kernarg = u32(at + 8);
    k->vgprs = ((u32(at + 48) & 63) + 1) * 8;
    return find_code(elf, k, s->raw.st_value + (u32(at + 16) | (uint64_t)u32(at + 20) << 32), err);
}

static bool read_kernels(const struct elf *elf, struct code_object *co, struct error *err)
{
    for (size_t i = 0; i < symbol_count(elf); i++) {
        struct symbol s;
        if (!symbol_at(elf, i, &s, err))
            return false;
        if (s.name.length < 3 || memcmp(s.name.data + s.name.length - 3, ".kd", 3) != 0)
            continue;
        if (co->n_kernels == CODE_OBJECT_MAX_KERNELS)
            return error_set(err, ERROR_INPUT, "%s: more than %d kernels", elf->path,
                             CODE_OBJECT_MAX_KERNELS);
        if (!read_descriptor(elf, &s, &co->kernel[co->n_kernels++], err))
            return false;
    }
    return true;
}

/* --- Notes --- */

static uint64_t rounded(uint32_t size)
{
    return ((uint64_t)size + 3) & ~(uint64_t)3;
}

/* Looks for the AMDGPU note in one section of notes; `*found` when it was there. */
static bool read_notes(const struct elf *elf, const Elf64_Shdr *s, struct code_object *co,
                       bool *found, struct error *err)
{
    const uint8_t *at = elf->data + s->sh_offset;
    uint64_t left = s->sh_size;
    while (left >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr n;
        memcpy(&n, at, sizeof(n));
        const uint64_t content = sizeof(n) + rounded(n.n_namesz);
        if (content + rounded(n.n_descsz) > left)
            return bad(elf, "a note lies outside", err);
        if (n.n_type == NOTE_AMDGPU && n.n_namesz == 7 && !memcmp(at + sizeof(n), "AMDGPU", 7)) {
            if (*found)
                return bad(elf, "has two AMDGPU notes", err);
            *found = true;
            if (!code_object_metadata(co, at + content, n.n_descsz, elf->path, err))
                return false;
        }
        at += content + rounded(n.n_descsz);
        left -= content + rounded(n.n_descsz);
    }
    return true;
}

static bool read_metadata(const struct elf *elf, struct code_object *co, struct error *err)
{
    bool found = false;
    for (size_t i = 0; i < elf->header.e_shnum; i++) {
        Elf64_Shdr s;
        if (!section(elf, i, &s, err))
            return false;
        if (s.sh_type == SHT_NOTE && !read_notes(elf, &s, co, &found, err))
            return false;
    }
    return found || bad(elf, "has no AMDGPU note", err);
}

bool code_object_read(struct code_object *co, const void *data, size_t size, const char *path,
                      struct error *err)
{
    struct elf elf = {.data = data, .size = size, .path = path};
    memset(co, 0, sizeof(*co));
    return read_header(&elf, &co->arch, err) && read_sections(&elf, co, err) &&
           read_kernels(&elf, co, err) && read_metadata(&elf, co, err);
}
