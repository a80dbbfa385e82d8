#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/isa/decode.h"
#include "harness/isa/testdata.h"

static struct code_object co;
static struct error err;

static void test_small(void **state)
{
    (void)state;
    struct testdata file = testdata_load(TESTDATA_SMALL);
    assert_true(code_object_read(&co, file.data, file.size, "small.co", &err));
    assert_int_equal(co.arch, ISA_GFX950);
    assert_int_equal(co.n_kernels, 1);
    const struct isa_kernel *k = &co.kernel[0];
    assert_true(span_equals(k->symbol, "_Z7bounded4args"));
    assert_true(span_equals(k->name, "bounded"));
    assert_int_equal(k->address, 0x500);
    assert_ptr_equal(k->code, file.data + 0x500);
    assert_int_equal(k->code_size, 88);
    assert_ptr_equal(co.text, file.data + 0x500);
    assert_int_equal(co.text_size, 0x480);
    assert_int_equal(k->vgprs, 8);
    assert_int_equal(k->meta.vgprs, 2);
    assert_int_equal(k->meta.sgprs, 14);
    assert_int_equal(k->kernarg, 24);
    assert_int_equal(k->meta.kernarg, 24);
    assert_int_equal(k->meta.n_args, 1);
    assert_int_equal(k->meta.arg_offset, 0);
    assert_int_equal(k->meta.arg_size, 24);
    assert_true(k->meta.arg_by_value);
    assert_false(k->meta.dynamic_stack);
    assert_int_equal(k->lds + k->scratch + k->meta.lds + k->meta.scratch, 0);
    free(file.data);
}

static void test_planted(void **state)
{
    (void)state;
    struct testdata file = testdata_load(TESTDATA_PLANTED);
    assert_true(code_object_read(&co, file.data, file.size, "planted.co", &err));
    assert_int_equal(co.arch, ISA_GFX942);
    assert_int_equal(co.n_kernels, 6);
    for (size_t i = 0; i < co.n_kernels; i++) {
        const struct isa_kernel *k = &co.kernel[i];
        struct isa_counts counts;
        size_t bad;
        assert_true(isa_count(k->code, k->code_size, &counts, &bad));
        assert_int_equal(k->lds, k->meta.lds);
        assert_int_equal(k->scratch, k->meta.scratch);
    }
    assert_int_equal(testdata_kernel(&co, "matrix")->lds, 16384);
    assert_int_equal(testdata_kernel(&co, "crowded")->scratch, 80);
    assert_int_equal(testdata_kernel(&co, "crowded")->vgprs, 200);
    assert_int_equal(testdata_kernel(&co, "two_args")->meta.n_args, 2);
    assert_false(testdata_kernel(&co, "two_args")->meta.arg_by_value);
    free(file.data);
}

/* A copy of exactly `size` bytes, so that a sanitizer sees a read behind it. */
static bool read_copy(const char *data, size_t size)
{
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    err.kind = ERROR_NONE;
    bool good = code_object_read(&co, copy, size, "copy.co", &err);
    for (size_t i = 0; good && i < co.n_kernels; i++) {
        struct isa_counts counts;
        size_t bad;
        (void)!isa_count(co.kernel[i].code, co.kernel[i].code_size, &counts, &bad);
    }
    if (!good) {
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_null(strchr(err.text, '\n'));
        assert_int_equal(strncmp(err.text, "copy.co: ", 9), 0);
    }
    free(copy);
    return good;
}

/* The section table is the end of the file: without its last byte nothing is accepted. */
static void test_cut(void **state)
{
    (void)state;
    struct testdata file = testdata_load(TESTDATA_SMALL);
    for (size_t size = 0; size < file.size; size++)
        assert_false(read_copy(file.data, size));
    assert_true(read_copy(file.data, file.size));
    free(file.data);
}

/* Any byte changed, in three ways: accepted or refused, and never more than the file is read. */
static void test_changed(void **state)
{
    (void)state;
    static const char masks[] = {1, (char)0x80, (char)0xff};
    struct testdata file = testdata_load(TESTDATA_SMALL);
    size_t refused = 0;
    for (size_t i = 0; i < file.size; i++)
        for (size_t m = 0; m < sizeof(masks); m++) {
            file.data[i] ^= masks[m];
            refused += !read_copy(file.data, file.size);
            file.data[i] ^= masks[m];
        }
    assert_in_range(refused, 500, 3 * file.size - 500);
    free(file.data);
}

/* What an error says. `size` bytes of `value` go to `offset`. */
static void refused(size_t offset, uint64_t value, size_t size, const char *text)
{
    struct testdata file = testdata_load(TESTDATA_SMALL);
    memcpy(file.data + offset, &value, size);
    assert_false(read_copy(file.data, file.size));
    if (!strstr(err.text, text))
        fail_msg("offset %zu: '%s' instead of '%s'", offset, err.text, text);
    free(file.data);
}

/* The place of the symbol table, the notes and so on in small.co. */
enum { NOTES = 0x158, MESSAGE = NOTES + 12 + 8, SYMBOLS = 0x328, DESCRIPTOR = 0x440 };
enum { SYMBOL_BYTES = 24, SECTION_BYTES = 64 };

static void test_errors(void **state)
{
    (void)state;
    struct testdata file = testdata_load(TESTDATA_SMALL);
    Elf64_Ehdr h;
    memcpy(&h, file.data, sizeof(h));
    free(file.data);
    const size_t dynsym = h.e_shoff + 2 * SECTION_BYTES;
    refused(0, 0, 1, "is no ELF file");
    refused(offsetof(Elf64_Ehdr, e_machine), 62, 2, "is no ELF file for AMD GPUs");
    refused(offsetof(Elf64_Ehdr, e_flags), 0x3f, 4, "another GPU than gfx942 and gfx950");
    refused(offsetof(Elf64_Ehdr, e_type), ET_REL, 2, "is not linked");
    refused(offsetof(Elf64_Ehdr, e_shoff), UINT64_MAX - 8, 8, "the section table lies outside");
    refused(dynsym + offsetof(Elf64_Shdr, sh_type), SHT_NULL, 4, "has no symbols");
    refused(dynsym + offsetof(Elf64_Shdr, sh_offset), UINT64_MAX, 8, "a section lies outside");
    refused(dynsym + offsetof(Elf64_Shdr, sh_entsize), 16, 8, "the symbol table is malformed");
    refused(dynsym + offsetof(Elf64_Shdr, sh_link), 99, 4, "a section that is not there");
    refused(dynsym + offsetof(Elf64_Shdr, sh_link), 1, 4, "the symbols have no names");
    refused(SYMBOLS + SYMBOL_BYTES, 0xffff, 4, "a symbol's name lies outside");
    refused(SYMBOLS + SYMBOL_BYTES + 16, UINT64_MAX, 8, "a symbol lies outside its section");
    refused(SYMBOLS + SYMBOL_BYTES + 16, 0, 8, "there is no code of _Z7bounded4args");
    refused(SYMBOLS + SYMBOL_BYTES + 8, 0x504, 8, "there is no code of _Z7bounded4args");
    refused(SYMBOLS + 2 * SYMBOL_BYTES + 16, 63, 8, "descriptor is malformed");
    refused(DESCRIPTOR + 16, 0, 8, "there is no code of _Z7bounded4args");
    refused(NOTES + 4, UINT32_MAX, 4, "a note lies outside");
    refused(NOTES + 8, 1, 4, "has no AMDGPU note");
    refused(MESSAGE, 0x90, 1, "is no map");
    refused(MESSAGE, 0xc1, 1, "is no map");
    refused(MESSAGE + 1, 0, 1, "is malformed");
    refused(MESSAGE, 0x80, 1, "does not describe _Z7bounded4args");
}

/* Changes the first `from` behind the note's beginning. */
static void refused_note(const char *from, const char *to, const char *text)
{
    struct testdata file = testdata_load(TESTDATA_SMALL);
    char *at = memmem(file.data + MESSAGE, SYMBOLS - MESSAGE, from, strlen(from));
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    assert_false(read_copy(file.data, file.size));
    if (!strstr(err.text, text))
        fail_msg("'%s' instead of '%s'", err.text, text);
    free(file.data);
}

static void test_note_errors(void **state)
{
    (void)state;
    refused_note(".vgpr_count", ".vgpr_what?", "leaves out sizes or registers");
    refused_note("_Z7bounded4args.kd", "_Z7bounded4argz.kd", "a kernel that is not there");
    refused_note(".value_kind", ".value_type", "is malformed");
    refused_note(".vgpr_count\x02", ".vgpr_count\xa0", "is malformed"); /* a string */
    refused_note(".vgpr_count\x02", ".vgpr_count\xe0", "is malformed"); /* below 0 */
    refused_note(".uses_dynamic_stack\xc2", ".uses_dynamic_stack\x01", "is malformed");
    refused_note("amdhsa.kernels\x91", "amdhsa.kernels\x81", "is malformed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),  cmocka_unit_test(test_planted),
        cmocka_unit_test(test_cut),    cmocka_unit_test(test_changed),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_note_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
