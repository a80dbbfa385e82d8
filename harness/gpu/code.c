#include "harness/gpu/code.h"

#include <dlfcn.h>
#include <elf.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/file.h"

struct gpu_module {
    char *path;
    void *module;
    char *image; /* kept: AMD's symbols are looked up in it */
    size_t size;
};

struct gpu_loaded {
    const struct kernel *kernel;
    void *function;
};

void gpu_code_init(struct gpu_code *code, const struct gpu_api *api)
{
    *code = (struct gpu_code){.api = api};
}

void gpu_code_release(struct gpu_code *code)
{
    for (size_t i = 0; i < code->n_modules; i++) {
        free(code->module[i].path);
        free(code->module[i].image);
    }
    free(code->module);
    free(code->loaded);
    *code = (struct gpu_code){.api = code->api};
}

/* --- Where the files are --- */

static const char *extension_of(const char *arch)
{
    return !strncmp(arch, "sm_", 3) ? "fatbin" : "co";
}

/* The folder of the running program. */
static bool program_dir(char *out, size_t size, struct error *err)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n < 0)
        return error_errno(err, ERROR_INTERNAL, "/proc/self/exe");
    out[n] = '\0';
    *strrchr(out, '/') = '\0';
    return true;
}

/* The folder with the code of the object file, program or mutant, that holds `kernel`. */
static bool code_dir(const struct kernel *kernel, const char *arch, char *out, size_t size,
                     struct error *err)
{
    Dl_info info, program;
    char dir[PATH_MAX];
    int n;
    if (dladdr(kernel, &info) && dladdr((void *)gpu_code_init, &program) &&
        info.dli_fbase != program.dli_fbase) {
        const char *dot = strrchr(info.dli_fname, '.');
        size_t stem = dot ? (size_t)(dot - info.dli_fname) : strlen(info.dli_fname);
        n = snprintf(out, size, "%.*s.%s", (int)stem, info.dli_fname, arch);
    } else {
        if (!program_dir(dir, sizeof(dir), err))
            return false;
        n = snprintf(out, size, "%s/code/%s", dir, arch);
    }
    return n < (int)size || error_set(err, ERROR_INPUT, "%s: the name is too long", out);
}

static bool code_path(const struct kernel *kernel, const char *arch, char *out, size_t size,
                      struct error *err)
{
    char dir[PATH_MAX];
    if (!code_dir(kernel, arch, dir, sizeof(dir), err))
        return false;
    const char *base = strrchr(kernel->file, '/');
    base = base ? base + 1 : kernel->file;
    int stem = (int)strcspn(base, ".");
    return snprintf(out, size, "%s/%.*s.%s", dir, stem, base, extension_of(arch)) < (int)size ||
           error_set(err, ERROR_INPUT, "%s: the name is too long", dir);
}

static uint64_t fnv(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *byte = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

bool gpu_code_hash(const char *arch, uint64_t *hash, size_t *files, struct error *err)
{
    char dir[PATH_MAX], pattern[PATH_MAX + 128];
    glob_t found;
    if (!program_dir(dir, sizeof(dir), err))
        return false;
    snprintf(pattern, sizeof(pattern), "%s/code/%s/*.%s", dir, arch, extension_of(arch));
    *hash = 0xcbf29ce484222325u;
    *files = 0;
    if (glob(pattern, 0, NULL, &found))
        return error_set(err, ERROR_NO_DEVICE,
                         "no kernels for %s: %s/code/%s has none (build the target 'code')", arch,
                         dir, arch);
    bool good = true;
    for (; good && *files < found.gl_pathc; ++*files) {
        const char *path = found.gl_pathv[*files];
        char *data;
        size_t size;
        good = file_read(path, CODE_MAX_BYTES, &data, &size, err);
        if (!good)
            break;
        *hash = fnv(*hash, strrchr(path, '/'), strlen(strrchr(path, '/')));
        *hash = fnv(*hash, data, size);
        free(data);
    }
    globfree(&found);
    return good;
}

/* --- What is in them --- */

bool gpu_code_names(const char *symbol, const char *name)
{
    char *end;
    size_t length = strlen(name);
    if (!strcmp(symbol, name))
        return true;
    if (strncmp(symbol, "_Z", 2) != 0 || symbol[2] < '1' || symbol[2] > '9')
        return false;
    unsigned long digits = strtoul(symbol + 2, &end, 10);
    /* A kernel has parameters, whose types stand behind its name; data would end here. */
    return digits == length && !strncmp(end, name, length) && end[length] && end[length] != '.';
}

/* The header of section `i`, NULL when the file has none. */
static const Elf64_Shdr *section(const unsigned char *elf, size_t size, size_t i)
{
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)elf;
    size_t offset;
    if (i >= head->e_shnum || head->e_shentsize != sizeof(Elf64_Shdr) || head->e_shoff % 8 ||
        __builtin_add_overflow(head->e_shoff, i * sizeof(Elf64_Shdr), &offset) || offset > size ||
        size - offset < sizeof(Elf64_Shdr))
        return NULL;
    return (const Elf64_Shdr *)(elf + offset);
}

static bool inside(const Elf64_Shdr *s, size_t size)
{
    return s && s->sh_offset <= size && s->sh_size <= size - s->sh_offset;
}

static bool find_in_table(const unsigned char *elf, const Elf64_Shdr *table,
                          const Elf64_Shdr *strings, const char *name, char *out, size_t out_size)
{
    const char *text = (const char *)elf + strings->sh_offset;
    for (size_t at = 0; table->sh_size - at >= sizeof(Elf64_Sym); at += sizeof(Elf64_Sym)) {
        Elf64_Sym symbol;
        memcpy(&symbol, elf + table->sh_offset + at, sizeof(symbol));
        if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_name >= strings->sh_size ||
            !memchr(text + symbol.st_name, 0, strings->sh_size - symbol.st_name) ||
            !gpu_code_names(text + symbol.st_name, name))
            continue;
        return snprintf(out, out_size, "%s", text + symbol.st_name) < (int)out_size;
    }
    return false;
}

bool gpu_code_elf_symbol(const void *elf, size_t size, const char *name, char *out, size_t out_size)
{
    const Elf64_Ehdr *head = elf;
    if (size < sizeof(*head) || memcmp(elf, ELFMAG, SELFMAG) != 0 ||
        head->e_ident[EI_CLASS] != ELFCLASS64)
        return false;
    for (size_t i = 0; i < head->e_shnum; i++) {
        const Elf64_Shdr *table = section(elf, size, i);
        if (!inside(table, size) || (table->sh_type != SHT_SYMTAB && table->sh_type != SHT_DYNSYM))
            continue;
        const Elf64_Shdr *strings = section(elf, size, table->sh_link);
        if (inside(strings, size) && find_in_table(elf, table, strings, name, out, out_size))
            return true;
    }
    return false;
}

/* --- Loading --- */

/* An array one longer; NULL without memory, the old one is kept then. */
static bool grow(void **array, size_t count, size_t size, struct error *err)
{
    void *more = reallocarray(*array, count + 1, size);
    if (!more)
        return error_set(err, ERROR_INTERNAL, "no memory for loaded kernels");
    *array = more;
    return true;
}

static bool load_module(struct gpu_code *code, const char *path, struct gpu_module *m,
                        struct error *err)
{
    if (access(path, R_OK))
        return error_errno(err, ERROR_NO_DEVICE, "no kernels for %s: %s", code->api->arch, path);
    if (!file_read(path, CODE_MAX_BYTES, &m->image, &m->size, err))
        return false;
    int result = code->api->module_load(&m->module, m->image);
    if (result != GPU_SUCCESS) {
        free(m->image);
        return error_set(err, ERROR_NO_DEVICE, "%s is not accepted by %s (%s): %s", path,
                         code->api->name, code->api->arch, gpu_error_name(code->api, result));
    }
    m->path = strdup(path);
    return true;
}

static struct gpu_module *module_of(struct gpu_code *code, const struct kernel *kernel,
                                    struct error *err)
{
    char path[PATH_MAX];
    struct gpu_module loaded;
    if (!code_path(kernel, code->api->arch, path, sizeof(path), err))
        return NULL;
    for (size_t i = 0; i < code->n_modules; i++)
        if (code->module[i].path && !strcmp(code->module[i].path, path))
            return &code->module[i];
    if (!grow((void **)&code->module, code->n_modules, sizeof(*code->module), err) ||
        !load_module(code, path, &loaded, err))
        return NULL;
    code->module[code->n_modules] = loaded;
    return &code->module[code->n_modules++];
}

/* Looks through the functions of a CUDA module. */
static int cuda_function(const struct gpu_api *api, void *module, const char *name, void **out)
{
    unsigned count;
    int result = api->cuda_function_count(&count, module);
    void **functions = result == GPU_SUCCESS ? calloc(count + 1, sizeof(*functions)) : NULL;
    if (!functions)
        return result == GPU_SUCCESS ? GPU_NO_MEMORY : result;
    result = api->cuda_functions(functions, count, module);
    bool found = false;
    for (unsigned i = 0; result == GPU_SUCCESS && !found && i < count; i++) {
        const char *symbol;
        result = api->cuda_function_name(&symbol, functions[i]);
        found = result == GPU_SUCCESS && gpu_code_names(symbol, name);
        if (found)
            *out = functions[i];
    }
    free(functions);
    return result == GPU_SUCCESS && !found ? GPU_NOT_FOUND : result;
}

static int hip_function(const struct gpu_api *api, const struct gpu_module *m, const char *name,
                        void **out)
{
    char symbol[512];
    if (!gpu_code_elf_symbol(m->image, m->size, name, symbol, sizeof(symbol)))
        return GPU_NOT_FOUND;
    return api->module_function(out, m->module, symbol);
}

bool gpu_code_loaded(const struct gpu_code *code, const struct kernel *kernel)
{
    for (size_t i = 0; i < code->n_loaded; i++)
        if (code->loaded[i].kernel == kernel)
            return true;
    return false;
}

bool gpu_code_function(struct gpu_code *code, const struct kernel *kernel, void **function,
                       struct error *err)
{
    const struct gpu_api *api = code->api;
    for (size_t i = 0; i < code->n_loaded; i++)
        if (code->loaded[i].kernel == kernel) {
            *function = code->loaded[i].function;
            return true;
        }
    const struct gpu_module *m = module_of(code, kernel, err);
    if (!m || !grow((void **)&code->loaded, code->n_loaded, sizeof(*code->loaded), err))
        return false;
    int result = api->vendor == GPU_CUDA ? cuda_function(api, m->module, kernel->name, function)
                                         : hip_function(api, m, kernel->name, function);
    if (result != GPU_SUCCESS)
        return error_set(err, ERROR_INTERNAL, "no kernel %s in %s: %s", kernel->name, m->path,
                         gpu_error_name(api, result));
    code->loaded[code->n_loaded++] = (struct gpu_loaded){kernel, *function};
    return true;
}
