/* Instructions as LLVM's assembler encodes them for gfx950, with what the disassembler says of
 * their lengths; builds of whole kernels are compared with it by ci/check-isa. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/isa/decode.h"

static const struct {
    uint32_t dword;
    unsigned bytes;
    enum isa_class class;
    const char *text;
} instructions[] = {
    {0x02000501, 4, ISA_VALU, "v_add_f32 v0, v1, v2"},
    {0x7e0002ff, 8, ISA_VALU, "v_mov_b32 v0, literal"},
    {0x7e0002f9, 8, ISA_VALU, "v_mov_b32_sdwa"},
    {0x7e0002fa, 8, ISA_VALU, "v_mov_b32_dpp"},
    {0x2e000501, 8, ISA_VALU, "v_fmamk_f32"},
    {0x30000501, 8, ISA_VALU, "v_fmaak_f32"},
    {0x4a000501, 8, ISA_VALU, "v_madak_f16"},
    {0x7d940300, 4, ISA_VALU, "v_cmp_eq_u32 vcc, v0, v1"},
    {0x7d5a52f9, 8, ISA_VALU, "v_cmp_ne_u16_sdwa"},
    {0xd1000001, 8, ISA_VALU, "v_cndmask_b32_e64"},
    {0xd3d84000, 8, ISA_VALU, "v_accvgpr_read_b32"},
    {0xd3d94000, 8, ISA_VALU, "v_accvgpr_write_b32"},
    {0xd3f30000, 8, ISA_MFMA, "v_mfma_f32_16x16x32_fp8_fp8"},
    {0xd3e20000, 8, ISA_MFMA, "v_smfmac_f32_16x16x32_f16"},
    {0xd3ac0000, 16, ISA_MFMA, "v_mfma_scale_f32_16x16x128_f8f6f4"},
    {0xbf810000, 4, ISA_SALU, "s_endpgm"},
    {0xbf850e21, 4, ISA_SALU, "s_cbranch_scc1"},
    {0xbe8b0080, 4, ISA_SALU, "s_mov_b32 s11, 0"},
    {0xbe8300ff, 8, ISA_SALU, "s_mov_b32 s3, literal"},
    {0xbf06801a, 4, ISA_SALU, "s_cmp_eq_u32 s26, 0"},
    {0xbf06ff00, 8, ISA_SALU, "s_cmp_eq_u32 s0, literal"},
    {0x80000201, 4, ISA_SALU, "s_add_u32 s0, s1, s2"},
    {0x800001ff, 8, ISA_SALU, "s_add_u32 s0, literal, s1"},
    {0x8601ff05, 8, ISA_SALU, "s_and_b32 s1, s5, literal"},
    {0xb0000007, 4, ISA_SALU, "s_movk_i32 s0, 7"},
    {0xba00f801, 8, ISA_SALU, "s_setreg_imm32_b32"},
    {0xbe9e1e00, 4, ISA_CALL, "s_swappc_b64"},
    {0xba9e0008, 4, ISA_CALL, "s_call_b64"},
    {0xbe801d1e, 4, ISA_JUMP, "s_setpc_b64"},
    {0xc0020144, 8, ISA_SMEM, "s_load_dword"},
    {0xc0220000, 8, ISA_SMEM, "s_buffer_load_dword"},
    {0xd86c0000, 8, ISA_DS, "ds_read_b32"},
    {0xdc500000, 8, ISA_FLAT_LOAD, "flat_load_dword"},
    {0xdc700000, 8, ISA_FLAT_STORE, "flat_store_dword"},
    {0xdd080000, 8, ISA_FLAT_ATOMIC, "flat_atomic_add"},
    {0xdc504000, 8, ISA_SCRATCH_LOAD, "scratch_load_dword"},
    {0xdc704000, 8, ISA_SCRATCH_STORE, "scratch_store_dword"},
    {0xdc5c8000, 8, ISA_GLOBAL_LOAD, "global_load_dwordx4"},
    {0xdca88000, 8, ISA_GLOBAL_LOAD, "global_load_lds_dword"},
    {0xddf48000, 8, ISA_GLOBAL_LOAD, "global_load_lds_dwordx4"},
    {0xddf88000, 8, ISA_GLOBAL_LOAD, "global_load_lds_dwordx3"},
    {0xdc648002, 8, ISA_GLOBAL_STORE, "global_store_byte_d16_hi"},
    {0xdd1c8000, 8, ISA_GLOBAL_ATOMIC, "global_atomic_umax"},
    {0xe05c1000, 8, ISA_BUFFER_LOAD, "buffer_load_dwordx4"},
    {0xe0481000, 8, ISA_BUFFER_LOAD, "buffer_load_ushort"},
    {0xe05d1000, 8, ISA_BUFFER_LOAD, "buffer_load_dwordx4 lds"},
    {0xe07c1000, 8, ISA_BUFFER_STORE, "buffer_store_dwordx4"},
    {0xe0148b30, 8, ISA_BUFFER_STORE, "buffer_store_format_xy"},
    {0xe030b3c2, 8, ISA_BUFFER_STORE, "buffer_store_format_d16_x"},
    {0xe1081000, 8, ISA_BUFFER_ATOMIC, "buffer_atomic_add"},
    {0xe0a08000, 8, ISA_CACHE, "buffer_wbl2"},
    {0xe0a48000, 8, ISA_CACHE, "buffer_inv"},
    {0xe8001000, 8, ISA_OTHER, "tbuffer_load_format_x"},
};

enum { N_INSTRUCTIONS = sizeof(instructions) / sizeof(instructions[0]) };

static void put(uint8_t *at, uint32_t dword)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(dword >> 8 * i);
}

static void test_each(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_INSTRUCTIONS; i++) {
        uint8_t code[16] = {0};
        struct isa_instruction got;
        put(code, instructions[i].dword);
        if (!isa_decode(code, sizeof(code), &got) || got.bytes != instructions[i].bytes ||
            got.class != instructions[i].class)
            fail_msg("%s: %u bytes, class %s", instructions[i].text, got.bytes,
                     isa_class_name(got.class));
        assert_true(isa_decode(code, got.bytes, &got));
        assert_false(isa_decode(code, got.bytes - 1, &got));
    }
}

static void test_none(void **state)
{
    (void)state;
    static const uint32_t none[] = {0xc8000000, 0xcc000000, 0xe4000000,
                                    0xec000000, 0xfc000000, 0xffffffff};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        uint8_t code[16] = {0};
        struct isa_instruction got;
        put(code, none[i]);
        assert_false(isa_decode(code, sizeof(code), &got));
    }
}

/* All of them in a row: the count walks by their lengths. */
static void test_count(void **state)
{
    (void)state;
    uint8_t code[16 * N_INSTRUCTIONS + 4] = {0};
    size_t size = 0, of[ISA_CLASSES] = {0}, first[ISA_CLASSES], bad;
    struct isa_counts counts;
    for (size_t i = 0; i < N_INSTRUCTIONS; i++) {
        put(code + size, instructions[i].dword);
        if (!of[instructions[i].class]++)
            first[instructions[i].class] = size;
        size += instructions[i].bytes;
    }
    assert_true(isa_count(code, size, &counts, &bad));
    assert_int_equal(counts.instructions, N_INSTRUCTIONS);
    for (int c = 0; c < ISA_CLASSES; c++) {
        assert_int_equal(counts.of[c], of[c]);
        if (of[c]) /* every class is among them */
            assert_int_equal(counts.first[c], first[c]);
        else
            fail_msg("class %s is not tested", isa_class_name((enum isa_class)c));
    }
    put(code + size, 0xffffffff);
    assert_false(isa_count(code, size + 4, &counts, &bad));
    assert_int_equal(bad, size);
    assert_false(isa_count(code, size + 3, &counts, &bad));
    assert_int_equal(bad, size);
}

static void test_names(void **state)
{
    (void)state;
    for (int a = 0; a < ISA_CLASSES; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(isa_class_name((enum isa_class)a),
                                    isa_class_name((enum isa_class)b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
