#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/base/file.h"
#include "harness/gpu/code.h"

static void knows_the_names_of_kernels(void **state)
{
    (void)state;
    assert_true(gpu_code_names("sort", "sort"));
    assert_true(gpu_code_names("_Z4sort9sort_args", "sort"));
    assert_true(gpu_code_names("_Z10sort_count9sort_args", "sort_count"));
    assert_false(gpu_code_names("_Z10sort_count9sort_args", "sort"));
    assert_false(gpu_code_names("_Z4sort9sort_args", "sort_count"));
    assert_false(gpu_code_names("_Z4sort", "sort"));    /* data */
    assert_false(gpu_code_names("_Z4sort.kd", "sort")); /* a kernel's descriptor */
    assert_false(gpu_code_names("_Z5sorts4args", "sort"));
    assert_false(gpu_code_names("_ZN4sort3runE", "sort"));
    assert_false(gpu_code_names("", "sort"));
    assert_false(gpu_code_names("_Z", "sort"));
    assert_false(gpu_code_names("_Z99999999999999999999sort4args", "sort"));
}

/* This very program is an ELF file with functions. */
static char *own_image(size_t *size)
{
    struct error err;
    char *image;
    assert_true(file_read("/proc/self/exe", CODE_MAX_BYTES, &image, size, &err));
    return image;
}

static void finds_symbols(void **state)
{
    size_t size;
    char *image = own_image(&size), symbol[64], tiny[4];
    (void)state;
    assert_true(gpu_code_elf_symbol(image, size, "gpu_code_names", symbol, sizeof(symbol)));
    assert_string_equal(symbol, "gpu_code_names");
    assert_false(gpu_code_elf_symbol(image, size, "no_such_kernel", symbol, sizeof(symbol)));
    assert_false(gpu_code_elf_symbol(image, size, "gpu_code_names", tiny, sizeof(tiny)));
    assert_false(gpu_code_elf_symbol("no ELF", 6, "x", symbol, sizeof(symbol)));
    free(image);
}

/* Damaged headers and every kind of cut lead nowhere, and never outside the image. */
static void survives_damaged_files(void **state)
{
    size_t size;
    char *image = own_image(&size), symbol[64];
    uint32_t random = 1;
    (void)state;
    for (size_t cut = 0; cut < size; cut += size / 97 + 1) {
        char *exact = malloc(cut + 1);
        assert_non_null(exact);
        memcpy(exact, image, cut);
        assert_false(gpu_code_elf_symbol(exact, cut, "no_such_kernel", symbol, sizeof(symbol)));
        free(exact);
    }
    for (int round = 0; round < 200; round++) {
        char saved[64];
        memcpy(saved, image, sizeof(saved));
        random = random * 1664525u + 1013904223u;
        image[4 + (random >> 8) % 60] = (char)(random >> 24);
        assert_false(gpu_code_elf_symbol(image, size, "no_such_kernel", symbol, sizeof(symbol)));
        memcpy(image, saved, sizeof(saved));
    }
    free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_names_of_kernels),
        cmocka_unit_test(finds_symbols),
        cmocka_unit_test(survives_damaged_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
