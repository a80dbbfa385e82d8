#include "harness/report/symbol.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An object file that was asked for; `dwfl` is NULL when it cannot be read. */
struct object {
    struct object *next;
    char *path;
    Dwfl *dwfl;
    Dwfl_Module *module;
};

static struct object *objects;

/* A place in the source. */
struct place {
    const char *file;
    int line; /* 0: unknown */
};

/* --- Objects --- */

/* Debug information in other files is not looked for: libdw would ask servers for it. */
static int find_nothing(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
                        const char *file, const char *link, GElf_Word checksum, char **found)
{
    (void)module, (void)user, (void)name, (void)base;
    (void)file, (void)link, (void)checksum, (void)found;
    return -1;
}

static void object_open(struct object *object)
{
    static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_build_id_find_elf,
                                             .find_debuginfo = find_nothing,
                                             .section_address = dwfl_offline_section_address};
    object->dwfl = dwfl_begin(&callbacks);
    if (!object->dwfl)
        return;
    object->module = dwfl_report_offline(object->dwfl, object->path, object->path, -1);
    dwfl_report_end(object->dwfl, NULL, NULL);
}

static const struct object *object_find(const char *path)
{
    for (struct object *o = objects; o; o = o->next)
        if (!strcmp(o->path, path))
            return o;
    struct object *object = calloc(1, sizeof(*object));
    if (!object)
        return NULL;
    object->path = strdup(path);
    if (!object->path) {
        free(object);
        return NULL;
    }
    object_open(object);
    object->next = objects;
    objects = object;
    return object;
}

void symbol_release(void)
{
    while (objects) {
        struct object *next = objects->next;
        if (objects->dwfl)
            dwfl_end(objects->dwfl);
        free(objects->path);
        free(objects);
        objects = next;
    }
}

/* --- Places --- */

/* Without what lies in front of the root of this source tree, wherever it was compiled. The last
 * folder of such a name counts: the tree itself may lie in one. */
static const char *from_root(const char *path)
{
    static const char *const folders[] = {"kernels/", "harness/", "refs/"};
    const char *best = path;
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
            if (!strncmp(at, folders[i], strlen(folders[i])))
                best = at;
    }
    return best;
}

static bool is_header(const char *file)
{
    size_t length = strlen(file);
    return length >= 2 && !strcmp(file + length - 2, ".h");
}

/* The unit that holds an address. Not every compiler writes the table that libdw's own search
 * needs, so the ranges of the units themselves are asked. */
static Dwarf_Die *unit_of(Dwfl_Module *module, Dwarf_Addr address, Dwarf_Addr *bias)
{
    Dwarf_Die *unit = NULL;
    while ((unit = dwfl_module_nextcu(module, unit, bias)))
        if (dwarf_haspc(unit, address - *bias) > 0)
            return unit;
    return NULL;
}

static bool line_of(Dwarf_Die *unit, Dwarf_Addr pc, struct place *place)
{
    Dwarf_Line *line = dwarf_getsrc_die(unit, pc);
    *place = (struct place){.file = line ? dwarf_linesrc(line, NULL, NULL) : NULL};
    return place->file && dwarf_lineno(line, &place->line) == 0;
}

/* Where the function that was inlined as `die` was called. */
static bool call_of(Dwarf_Die *unit, Dwarf_Die *die, struct place *place)
{
    Dwarf_Attribute attribute;
    Dwarf_Word file, line;
    Dwarf_Files *files;
    size_t count;
    if (dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &file) != 0 ||
        dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &line) != 0 ||
        dwarf_getsrcfiles(unit, &files, &count) != 0 || file >= count)
        return false;
    *place = (struct place){.file = dwarf_filesrc(files, file, NULL, NULL), .line = (int)line};
    return place->file != NULL;
}

/* The scopes around an address, innermost first, as they lie in each other in the code; the caller
 * frees them. 0 when there are none. */
static int scopes_of(Dwarf_Die *unit, Dwarf_Addr pc, Dwarf_Die **scopes)
{
    Dwarf_Die *lexical = NULL;
    int count = dwarf_getscopes(unit, pc, &lexical);
    *scopes = NULL;
    if (count > 0)
        count = dwarf_getscopes_die(&lexical[0], scopes);
    free(lexical);
    return count > 0 ? count : 0;
}

/* The name of the innermost function and, when `place` is in a header, its call outside. */
static const char *function_of(Dwarf_Die *unit, Dwarf_Addr pc, const struct place *place,
                               struct place *caller)
{
    Dwarf_Die *scopes;
    const char *name = NULL;
    struct place call;
    int count = scopes_of(unit, pc, &scopes);
    bool wanted = is_header(place->file);
    for (int i = 0; i < count; i++) {
        int tag = dwarf_tag(&scopes[i]);
        bool inlined = tag == DW_TAG_inlined_subroutine;
        if ((inlined || tag == DW_TAG_subprogram) && !name)
            name = dwarf_diename(&scopes[i]);
        if (inlined && wanted && call_of(unit, &scopes[i], &call) && !is_header(call.file)) {
            *caller = call;
            wanted = false;
        }
    }
    free(scopes);
    return name;
}

/* --- Text --- */

/* Appends ", called in " and the like, and FILE:LINE. */
static void append(char *out, size_t size, const char *between, const struct place *place)
{
    size_t used = strlen(out);
    if (place->line > 0)
        snprintf(out + used, size - used, "%s%s:%d", between, from_root(place->file), place->line);
    else
        snprintf(out + used, size - used, "%s%s", between, from_root(place->file));
}

bool symbol_resolve(const char *path, uint64_t offset, char *out, size_t size)
{
    const struct object *object = object_find(strchr(path, '/') ? path : "/proc/self/exe");
    if (!object || !object->module || size == 0)
        return false;
    Dwarf_Addr start, bias;
    dwfl_module_info(object->module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
    Dwarf_Addr address = start + offset; /* one that wraps around belongs to no unit */
    Dwarf_Die *unit = unit_of(object->module, address, &bias);
    struct place place, caller = {.file = NULL};
    if (!unit || !line_of(unit, address - bias, &place))
        return false;
    const char *function = function_of(unit, address - bias, &place, &caller);
    if (!function) /* assembler */
        function = dwfl_module_addrname(object->module, address);
    snprintf(out, size, "%s", function ? function : "code");
    append(out, size, " at ", &place);
    if (caller.file)
        append(out, size, ", called in ", &caller);
    return true;
}
