#include "harness/cpu/arena_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int open_files(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

/* Mappings of this process that belong to tensors. */
static int tensor_mappings(void)
{
    char line[512];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps))
        count += strstr(line, "memfd:tensor") != NULL;
    fclose(maps);
    return count;
}

/* In a tensor of 5 GiB a uint32 offset wraps into the tensor: no guard sees it, but the pages do.
 */
static void stray_store_in_sparse_tensor_is_found(void **state)
{
    for (int side = ARENA_RIGHT; side <= ARENA_LEFT; side++) {
        size_t bytes = 5 * GIB + 4096 + 48, begin, end;
        struct arena_buffer out = place(*state, 8, bytes, 16, side, ARENA_READ_WRITE);
        size_t intended = 5 * GIB - 40000;
        out.host[(uint32_t)intended] = 1;
        bool found = false;
        for (size_t at = 0; arena_touched(*state, 8, at, &begin, &at);) {
            assert_true(begin < at && at <= bytes);
            assert_false(begin <= intended && intended < at);
            found |= begin <= (uint32_t)intended && (uint32_t)intended < at;
        }
        assert_true(found);
        assert_true(arena_touched(*state, 8, (uint32_t)intended, &begin, &end));
        assert_int_equal(begin, (uint32_t)intended);
        assert_true(end - begin <= (size_t)sysconf(_SC_PAGESIZE));
        assert_false(arena_touched(*state, 8, bytes, &begin, &end));
    }
}

static void sparse_tensor_holds_touched_pages_only(void **state)
{
    struct arena_canary canary;
    size_t row = 8192, rows = 5 * GIB / row;
    struct arena_buffer buffer = place(*state, 9, 5 * GIB, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    memset(buffer.host, 1, row);
    memset(buffer.host + (rows - 1) * row, 2, row);
    assert_true(arena_resident(*state) >= 2 * row);
    assert_true(arena_resident(*state) < MIB);
    check_fault(*state, &buffer, (int64_t)(5 * GIB), LOAD);
    assert_true(arena_check(*state, 9, &canary));
    assert_int_equal(buffer.host[3 * GIB], 0);

    buffer = place(*state, 9, 5 * GIB, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    assert_int_equal(buffer.host[0], 0);
    assert_int_equal(buffer.host[5 * GIB - 1], 0);
    buffer = place(*state, 9, ARENA_MAX_BYTES, 4096, ARENA_LEFT, ARENA_READ_ONLY);
    buffer.host[ARENA_MAX_BYTES - 1] = 7;
    assert_int_equal(((unsigned char *)buffer.device)[ARENA_MAX_BYTES - 1], 7);
    place(*state, 9, 100, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    assert_true(arena_resident(*state) < 64 * KIB);
}

/* What one kind of tensor left behind neither counts as touched nor stays in memory. */
static void sparse_and_resident_share_no_pages(void **state)
{
    size_t begin, end;
    struct arena_buffer buffer = place(*state, 9, 20 * MIB, 16, ARENA_LEFT, ARENA_READ_WRITE);
    memset(buffer.host, 1, buffer.bytes);
    buffer = place(*state, 9, 5 * GIB, 16, ARENA_LEFT, ARENA_READ_WRITE);
    assert_false(arena_touched(*state, 9, 0, &begin, &end));
    memset(buffer.host + GIB, 1, 20 * MIB);
    assert_true(arena_resident(*state) >= 20 * MIB);
    place(*state, 9, 100 * MIB, 16, ARENA_LEFT, ARENA_READ_WRITE);
    assert_true(arena_resident(*state) < MIB);
}

static void resident_tensor_counts_as_touched(void **state)
{
    size_t begin, end;
    place(*state, 9, 10000, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    assert_true(arena_touched(*state, 9, 70, &begin, &end));
    assert_int_equal(begin, 70);
    assert_int_equal(end, 10000);
    assert_false(arena_touched(*state, 9, 10000, &begin, &end));
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* Every slot over and over, in random sizes with the far ends touched: no tensor disturbs another,
 * and the guards hold after each growth and shrinkage. */
static void replacement_keeps_tensors_apart(void **state)
{
    uint64_t random = 42;
    struct arena_buffer buffers[ARENA_SLOTS];
    struct arena_canary canary;
    for (int round = 0; round < 600; round++) {
        for (unsigned i = 0; i < ARENA_SLOTS; i++) {
            size_t bytes =
                1 + next_random(&random) % ((size_t)1 << (1 + next_random(&random) % 29));
            size_t align = (size_t)1 << next_random(&random) % 13;
            enum arena_side side = next_random(&random) % 2;
            buffers[i] = place(*state, i, bytes, align, side, next_random(&random) % 2);
            buffers[i].host[0] = buffers[i].host[bytes - 1] = (unsigned char)(i + 1);
            int64_t past = (int64_t)((bytes + align - 1) & ~(align - 1));
            check_fault(*state, &buffers[i], side == ARENA_LEFT ? -1 : past, LOAD);
        }
        for (unsigned i = 0; i < ARENA_SLOTS; i++) {
            const unsigned char *device = buffers[i].device;
            assert_int_equal(device[0], i + 1);
            assert_int_equal(device[buffers[i].bytes - 1], i + 1);
            assert_true(arena_check(*state, i, &canary));
        }
    }
    assert_true(tensor_mappings() <= 2 * ARENA_SLOTS);
}

/* The reason for the arena: once a size was there, placing it and smaller ones maps nothing. */
static void small_tensors_reuse_the_mapping(void **state)
{
    place(*state, 0, 3 * MIB, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    struct arena_buffer first = place(*state, 0, 100, 4, ARENA_LEFT, ARENA_READ_WRITE);
    first.host[0] = 0x77;
    place(*state, 0, MIB, 16, ARENA_RIGHT, ARENA_READ_ONLY);
    struct arena_buffer again = place(*state, 0, 200, 4, ARENA_LEFT, ARENA_READ_WRITE);
    assert_ptr_equal(again.device, first.device);
    assert_int_equal(again.host[0], 0x77);
}

static void big_slots_give_memory_back(void **state)
{
    struct arena_buffer buffer = place(*state, 0, 100 * MIB, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    memset(buffer.host, 1, buffer.bytes);
    assert_true(arena_resident(*state) >= 100 * MIB);
    buffer = place(*state, 0, 64, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    assert_true(arena_resident(*state) < 2 * MIB);

    struct arena_buffer small = place(*state, 1, 64, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    buffer = place(*state, 0, 100 * MIB, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    memset(buffer.host, 1, buffer.bytes);
    small.host[0] = 9;
    arena_trim(*state);
    assert_true(arena_resident(*state) < 2 * MIB);
    assert_int_equal(small.host[0], 9);
    struct arena_location where;
    assert_true(faults(buffer.host, 0, LOAD));
    assert_false(arena_locate(*state, fault_address, &where));
    place(*state, 0, 64, 16, ARENA_RIGHT, ARENA_READ_WRITE);
}

static void refuse(struct arena *arena, unsigned slot, size_t bytes, size_t align,
                   enum error_class kind, const char *text)
{
    struct arena_buffer buffer;
    struct error err = {0};
    assert_false(
        arena_place(arena, slot, bytes, align, ARENA_RIGHT, ARENA_READ_WRITE, &buffer, &err));
    assert_int_equal(err.kind, kind);
    if (!strstr(err.text, text) || strchr(err.text, '\n'))
        fail_msg("'%s' lacks '%s' or is not one line", err.text, text);
}

static void absurd_requests_are_refused(void **state)
{
    struct arena_buffer buffer = place(*state, 0, 64, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    refuse(*state, 0, ARENA_MAX_BYTES + 1, 16, ERROR_INPUT, "12884901889 bytes");
    refuse(*state, 0, SIZE_MAX, 1, ERROR_INPUT, "too large");
    refuse(*state, 0, SIZE_MAX - 4000, 4096, ERROR_INPUT, "too large");
    refuse(*state, ARENA_SLOTS, 64, 16, ERROR_INTERNAL, "slot 16");
    refuse(*state, 0, 64, 0, ERROR_INTERNAL, "aligned to 0");
    refuse(*state, 0, 64, 24, ERROR_INTERNAL, "aligned to 24");
    refuse(*state, 0, 64, 8192, ERROR_INTERNAL, "aligned to 8192");
    check_fault(*state, &buffer, 64, STORE);
}

/* RLIMIT_FSIZE makes the file refuse to grow and RLIMIT_NOFILE makes it refuse to exist. */
static void refusing_system_leaves_a_usable_slot(void **state)
{
    struct rlimit files, size, limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &size), 0);
    limit = (struct rlimit){0, files.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    refuse(*state, 0, 64, 16, ERROR_INTERNAL, strerror(EMFILE));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    struct arena_buffer buffer = place(*state, 0, 64, 16, ARENA_RIGHT, ARENA_READ_WRITE);

    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    limit = (struct rlimit){4 * MIB, size.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    refuse(*state, 0, 5 * MIB, 16, ERROR_INTERNAL, strerror(EFBIG));
    refuse(*state, 1, 5 * GIB, 16, ERROR_INTERNAL, strerror(EFBIG));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &size), 0);
    signal(SIGXFSZ, old);

    assert_int_equal(tensor_mappings(), 0);
    assert_int_equal(arena_resident(*state), 0);
    struct arena_location where;
    assert_true(faults(buffer.device, 0, LOAD));
    assert_false(arena_locate(*state, fault_address, &where));
    buffer = place(*state, 0, 5 * MIB, 16, ARENA_RIGHT, ARENA_READ_WRITE);
    check_fault(*state, &buffer, 5 * MIB, STORE);
}

static void address_space_limit_is_one_line(void **state)
{
    (void)state;
    struct error err = {0};
    struct rlimit old, limit;
    assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
    limit = (struct rlimit){64 * GIB, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    struct arena *arena = arena_create(&err);
    assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
    assert_null(arena);
    assert_int_equal(err.kind, ERROR_INTERNAL);
    assert_non_null(strstr(err.text, "GiB of address space"));
    assert_null(strchr(err.text, '\n'));
}

static void arenas_leave_nothing_behind(void **state)
{
    (void)state;
    int files = open_files(), mappings = tensor_mappings();
    for (int i = 0; i < 20; i++) {
        struct error err;
        struct arena *arena = arena_create(&err);
        assert_non_null(arena);
        for (unsigned slot = 0; slot < ARENA_SLOTS; slot++)
            place(arena, slot, slot * 4 * MIB, 16, ARENA_RIGHT, ARENA_READ_ONLY);
        place(arena, 0, 5 * GIB, 16, ARENA_LEFT, ARENA_READ_ONLY);
        arena_destroy(arena);
    }
    arena_destroy(NULL);
    assert_int_equal(open_files(), files);
    assert_int_equal(tensor_mappings(), mappings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ARENA(stray_store_in_sparse_tensor_is_found),
        WITH_ARENA(sparse_tensor_holds_touched_pages_only),
        WITH_ARENA(sparse_and_resident_share_no_pages),
        WITH_ARENA(resident_tensor_counts_as_touched),
        WITH_ARENA(replacement_keeps_tensors_apart),
        WITH_ARENA(small_tensors_reuse_the_mapping),
        WITH_ARENA(big_slots_give_memory_back),
        WITH_ARENA(absurd_requests_are_refused),
        WITH_ARENA(refusing_system_leaves_a_usable_slot),
        cmocka_unit_test(address_space_limit_is_one_line),
        cmocka_unit_test(arenas_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
