#include "harness/cpu/arena_testing.h"

#include <string.h>

static const size_t sizes[] = {1,    3,    15,   16,    17,      255,    256,
                               4095, 4096, 4097, 65536, 1048576, 3000000};
enum { SIZE_COUNT = sizeof(sizes) / sizeof(sizes[0]) };

static void one_byte_behind_faults(void **state)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        for (int access = ARENA_READ_WRITE; access <= ARENA_READ_ONLY; access++) {
            struct arena_buffer buffer = place(*state, 3, sizes[i], 1, ARENA_RIGHT, access);
            int64_t end = (int64_t)sizes[i];
            check_fault(*state, &buffer, end, LOAD);
            check_fault(*state, &buffer, end, STORE);
            assert_false(faults(buffer.device, end - 1, LOAD));
            assert_false(faults(buffer.device, 0, LOAD));
        }
    }
}

static void one_byte_before_faults(void **state)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        for (int access = ARENA_READ_WRITE; access <= ARENA_READ_ONLY; access++) {
            struct arena_buffer buffer = place(*state, 4, sizes[i], 16, ARENA_LEFT, access);
            check_fault(*state, &buffer, -1, LOAD);
            check_fault(*state, &buffer, -1, STORE);
            assert_false(faults(buffer.device, 0, LOAD));
            assert_false(faults(buffer.device, (int64_t)sizes[i] - 1, LOAD));
        }
    }
}

static void slack_is_canary_to_the_byte(void **state)
{
    static const size_t aligns[] = {1, 2, 16, 256, 4096};
    for (size_t a = 0; a < sizeof(aligns) / sizeof(aligns[0]); a++) {
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            size_t align = aligns[a], slack = (align - sizes[i] % align) % align;
            struct arena_buffer buffer =
                place(*state, 0, sizes[i], align, ARENA_RIGHT, ARENA_READ_WRITE);
            for (size_t at = 0; at < slack; at += 1 + slack / 40)
                check_canary(*state, &buffer, (int64_t)(sizes[i] + at));
            if (slack)
                check_canary(*state, &buffer, (int64_t)(sizes[i] + slack - 1));
            check_fault(*state, &buffer, (int64_t)(sizes[i] + slack), STORE);
        }
    }
}

static void red_zone_at_the_far_end_is_canary(void **state)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        struct arena_buffer right = place(*state, 1, sizes[i], 4, ARENA_RIGHT, ARENA_READ_WRITE);
        struct arena_buffer left = place(*state, 2, sizes[i], 4, ARENA_LEFT, ARENA_READ_ONLY);
        for (int64_t at = 0; at < ARENA_RED_ZONE; at++) {
            check_canary(*state, &right, -1 - at);
            check_canary(*state, &left, (int64_t)sizes[i] + at);
        }
    }
}

/* The red zone has room however the tensor's size lies to the mapping's and to the alignment. */
static void every_size_leaves_room_for_the_red_zone(void **state)
{
    struct arena_canary canary;
    for (size_t less = 3 * ARENA_MAX_ALIGN; less > 0; less -= 128) {
        for (int side = ARENA_RIGHT; side <= ARENA_LEFT; side++) {
            place(*state, 1, MIB - less, ARENA_MAX_ALIGN, side, ARENA_READ_WRITE);
            assert_true(arena_check(*state, 1, &canary));
        }
    }
}

/* 135 bytes of zeros over both ends of a 100-byte tensor: the lowest byte is named, all counted. */
static void wide_overwrite_is_counted(void **state)
{
    struct arena_canary canary;
    struct arena_buffer buffer = place(*state, 5, 100, 64, ARENA_RIGHT, ARENA_READ_WRITE);
    memset(buffer.host - 7, 0, 7 + 100 + 28);
    assert_false(arena_check(*state, 5, &canary));
    assert_int_equal(canary.offset, -7);
    assert_int_equal(canary.changed, 7 + 28);
    assert_int_not_equal(canary.before, 0);
    assert_int_equal(canary.after, 0);
}

static void tensor_itself_is_no_canary(void **state)
{
    struct arena_canary canary;
    for (int side = ARENA_RIGHT; side <= ARENA_LEFT; side++) {
        struct arena_buffer buffer = place(*state, 5, 777, 16, side, ARENA_READ_WRITE);
        memset(buffer.host, 0xcd, 777);
        assert_true(arena_check(*state, 5, &canary));
        arena_arm(*state, 5);
        for (size_t i = 0; i < 777; i++)
            assert_int_equal(buffer.host[i], 0xcd);
    }
}

static void read_only_tensor_refuses_stores(void **state)
{
    struct arena_buffer input = place(*state, 6, 5000, 16, ARENA_RIGHT, ARENA_READ_ONLY);
    memset(input.host, 0x11, input.bytes);
    assert_int_equal(((unsigned char *)input.device)[4999], 0x11);
    check_fault(*state, &input, 0, STORE);
    check_fault(*state, &input, 1234, STORE);
    check_fault(*state, &input, 4999, STORE);
    assert_int_equal(((unsigned char *)input.device)[1234], 0x11);

    struct arena_location where;
    assert_true(arena_locate(*state, (uintptr_t)input.host + 10, &where));
    assert_int_equal(where.offset, 10);
    assert_false(where.readonly_store);

    struct arena_buffer output = place(*state, 6, 5000, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    assert_ptr_equal(output.device, output.host);
    assert_false(faults(output.device, 1234, STORE));
    assert_int_equal(output.host[1234], 0xa5);
}

/* The red zone of a read-only tensor is read-only too: a store there is a fault, not a canary. */
static void read_only_red_zone_refuses_stores(void **state)
{
    struct arena_location where;
    struct arena_buffer input = place(*state, 6, 5000, 16, ARENA_LEFT, ARENA_READ_ONLY);
    assert_true(faults(input.device, 5000, STORE));
    assert_true(arena_locate(*state, fault_address, &where));
    assert_int_equal(where.offset, 5000);
    assert_true(where.readonly_store);
}

static void wrapped_offsets_fault(void **state)
{
    static const size_t tensor[] = {100, 5 * GIB};
    for (size_t i = 0; i < 2; i++) {
        for (int side = ARENA_RIGHT; side <= ARENA_LEFT; side++) {
            struct arena_buffer buffer = place(*state, 7, tensor[i], 16, side, ARENA_READ_WRITE);
            assert_int_equal(buffer.sparse, i == 1);
            check_fault(*state, &buffer, (int32_t)(3 * GIB), LOAD);
            check_fault(*state, &buffer, (int32_t)(3 * GIB), STORE);
            check_fault(*state, &buffer, INT32_MIN, STORE);
            check_fault(*state, &buffer, INT32_MIN * INT64_C(8), LOAD);
            check_fault(*state, &buffer, (int64_t)tensor[i] + UINT32_MAX, STORE);
            check_fault(*state, &buffer, UINT32_MAX * INT64_C(4), LOAD);
        }
    }
}

static void empty_tensor_faults_everywhere(void **state)
{
    struct arena_canary canary;
    size_t begin, end;
    for (int side = ARENA_RIGHT; side <= ARENA_LEFT; side++) {
        struct arena_buffer empty = place(*state, 10, 0, 4096, side, ARENA_READ_WRITE);
        static const int64_t offsets[] = {0, -1, 1, 4096, -4096, INT32_MIN, INT32_MAX, UINT32_MAX};
        for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
            check_fault(*state, &empty, offsets[i], LOAD);
            check_fault(*state, &empty, offsets[i], STORE);
        }
        assert_true(arena_check(*state, 10, &canary));
        assert_false(arena_touched(*state, 10, 0, &begin, &end));
    }
}

static void foreign_addresses_are_not_located(void **state)
{
    struct arena_location where;
    struct error err;
    struct arena *other = arena_create(&err);
    assert_non_null(other);
    struct arena_buffer mine = place(*state, 0, 64, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    struct arena_buffer theirs = place(other, 0, 64, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    assert_false(arena_locate(*state, (uintptr_t)theirs.device, &where));
    assert_false(arena_locate(other, (uintptr_t)mine.device, &where));
    assert_false(arena_locate(*state, 0, &where));
    assert_false(arena_locate(*state, UINTPTR_MAX, &where));
    assert_false(arena_locate(*state, (uintptr_t)&where, &where));
    theirs.host[0] = 1;
    mine.host[0] = 2;
    arena_destroy(other);
    assert_int_equal(mine.host[0], 2);
    check_fault(*state, &mine, 64, LOAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ARENA(one_byte_behind_faults),
        WITH_ARENA(one_byte_before_faults),
        WITH_ARENA(slack_is_canary_to_the_byte),
        WITH_ARENA(red_zone_at_the_far_end_is_canary),
        WITH_ARENA(every_size_leaves_room_for_the_red_zone),
        WITH_ARENA(wide_overwrite_is_counted),
        WITH_ARENA(tensor_itself_is_no_canary),
        WITH_ARENA(read_only_tensor_refuses_stores),
        WITH_ARENA(read_only_red_zone_refuses_stores),
        WITH_ARENA(wrapped_offsets_fault),
        WITH_ARENA(empty_tensor_faults_everywhere),
        WITH_ARENA(foreign_addresses_are_not_located),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
