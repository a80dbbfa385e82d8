/* The addresses are those of this program and of shared objects that the test compiles. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/report/symbol.h"

static uintptr_t seen;

/* The address behind the call: inside of the caller, or of whom the caller was inlined into. */
static __attribute__((noinline)) void see(void)
{
    seen = (uintptr_t)__builtin_return_address(0);
}

static inline __attribute__((always_inline)) void innermost(int *calls)
{
    see(); /* line INNERMOST */
    ++*calls;
}
enum { INNERMOST = __LINE__ - 3 };

enum { OUTERMOST = __LINE__ + 2 };
static __attribute__((noinline)) int outermost(void)
{
    volatile int calls = 0;
    int count = 0;
    innermost(&count);
    calls = calls + count;
    return calls;
}

static bool resolve(uintptr_t address, char out[SYMBOL_SIZE])
{
    Dl_info info;
    assert_true(dladdr((void *)address, &info)); /* NOLINT: an address is a number */
    return symbol_resolve(info.dli_fname, address - (uintptr_t)info.dli_fbase, out, SYMBOL_SIZE);
}

static void test_own_function(void **state)
{
    (void)state;
    char out[SYMBOL_SIZE], want[SYMBOL_SIZE];
    assert_int_equal(outermost(), 1);
    assert_true(resolve(seen - 1, out)); /* the call itself, not what follows it */
    snprintf(want, sizeof(want), "innermost at harness/report/symbol_test.c:%d", INNERMOST);
    assert_string_equal(out, want);
    assert_true(resolve((uintptr_t)&outermost, out));
    snprintf(want, sizeof(want), "outermost at harness/report/symbol_test.c:%d", OUTERMOST);
    assert_string_equal(out, want);
}

/* argv[0] of a program that was found by PATH. */
static void test_name_without_folder(void **state)
{
    (void)state;
    Dl_info info;
    char out[SYMBOL_SIZE];
    assert_true(dladdr((void *)(uintptr_t)&outermost, &info)); /* NOLINT */
    uint64_t offset = (uintptr_t)&outermost - (uintptr_t)info.dli_fbase;
    assert_true(symbol_resolve("symbol_test", offset, out, sizeof(out)));
    assert_non_null(strstr(out, "outermost at harness/report/symbol_test.c:"));
}

static void test_cut(void **state)
{
    (void)state;
    Dl_info info;
    char out[12];
    assert_true(dladdr((void *)(uintptr_t)&outermost, &info)); /* NOLINT */
    uint64_t offset = (uintptr_t)&outermost - (uintptr_t)info.dli_fbase;
    assert_true(symbol_resolve(info.dli_fname, offset, out, sizeof(out)));
    assert_string_equal(out, "outermost a");
    assert_false(symbol_resolve(info.dli_fname, offset, out, 0));
}

static void test_nothing_known(void **state)
{
    (void)state;
    char out[SYMBOL_SIZE];
    Dl_info info;
    assert_true(dladdr((void *)(uintptr_t)&outermost, &info));         /* NOLINT */
    assert_false(symbol_resolve(info.dli_fname, 0, out, sizeof(out))); /* the ELF header */
    assert_false(symbol_resolve(info.dli_fname, 1u << 30, out, sizeof(out)));
    assert_false(symbol_resolve(info.dli_fname, UINT64_MAX, out, sizeof(out)));
    assert_false(symbol_resolve("/nowhere/at/all.so", 64, out, sizeof(out)));
    assert_false(symbol_resolve("/nowhere/at/all.so", 64, out, sizeof(out))); /* kept as such */
    assert_false(symbol_resolve("/dev/null", 64, out, sizeof(out)));
    assert_false(symbol_resolve("./CMakeLists.txt", 64, out, sizeof(out)));
}

/* --- Shared objects, compiled in a folder that looks like a checkout --- */

static char folder[] = "/tmp/symbol-test-XXXXXX";

static void shell(const char *command)
{
    char line[2048];
    int length = snprintf(line, sizeof(line), "cd %s && %s", folder, command);
    assert_in_range(length, 1, sizeof(line) - 1);
    assert_int_equal(system(line), 0); /* NOLINT: fixed text */
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    shell("mkdir -p harness/kernels");
    shell("printf '#line 7\\nstatic inline __attribute__((always_inline)) int load(int *p)\\n"
          "{\\n    return *(volatile int *)p;\\n}\\n"
          "static inline __attribute__((always_inline)) int load_twice(int *p)\\n"
          "{\\n    return load(p);\\n}\\n' >harness/kernels/buffer.h");
    shell("printf '#include \"buffer.h\"\\nint row(int *p);\\nint row(int *p)\\n"
          "{\\n    return load_twice(p);\\n}\\n' >harness/kernels/row.hip");
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    shell("rm -rf harness *.so");
    symbol_release();
    return rmdir(folder);
}

/* Loads the object and names the first address of `row` whose text holds `part`. */
static bool find_in_object(const char *name, const char *part, char out[SYMBOL_SIZE])
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    void *library = dlopen(path, RTLD_NOW);
    assert_non_null(library);
    uintptr_t row = (uintptr_t)dlsym(library, "row");
    bool found = false;
    for (unsigned i = 0; i < 64 && !found; i++)
        found = resolve(row + i, out) && strstr(out, part);
    dlclose(library);
    return found;
}

static void test_header(void **state)
{
    (void)state;
    char out[SYMBOL_SIZE];
    shell("${CC:-cc} -x c -g -O2 -shared -fPIC -o row.so $PWD/harness/kernels/row.hip");
    assert_true(find_in_object("row.so", "load at", out));
    assert_string_equal(out, "load at kernels/buffer.h:9, called in kernels/row.hip:5");
}

/* Relative names, of a compiler that ran in the tree, and unoptimised code without inlining but
 * for what must be. */
static void test_relative(void **state)
{
    (void)state;
    char out[SYMBOL_SIZE];
    shell("cd harness && ${CC:-cc} -x c -g -O0 -shared -fPIC -o ../rel.so kernels/row.hip");
    assert_true(find_in_object("rel.so", "load at", out));
    assert_string_equal(out, "load at kernels/buffer.h:9, called in kernels/row.hip:5");
    assert_true(find_in_object("rel.so", "row at", out));
    assert_non_null(strstr(out, "row at kernels/row.hip:"));
}

static void test_without_debug_information(void **state)
{
    (void)state;
    char out[SYMBOL_SIZE];
    shell("${CC:-cc} -x c -g0 -O2 -shared -fPIC -o bare.so harness/kernels/row.hip");
    assert_false(find_in_object("bare.so", "", out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_function),
        cmocka_unit_test(test_name_without_folder),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_nothing_known),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_relative),
        cmocka_unit_test(test_without_debug_information),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
