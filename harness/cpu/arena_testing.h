/*
 * What the tests of the arena share: placing without ceremony, and accesses that may fault.
 */
#ifndef HARNESS_CPU_ARENA_TESTING_H
#define HARNESS_CPU_ARENA_TESTING_H

#include "harness/cpu/arena.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

/* For cmocka's table: a test that gets an arena of its own as its state. */
#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, make_arena, drop_arena)

static inline int make_arena(void **state)
{
    struct error err;
    *state = arena_create(&err);
    return *state ? 0 : -1;
}

static inline int drop_arena(void **state)
{
    arena_destroy(*state);
    return 0;
}

static sigjmp_buf fault_return;
static volatile uintptr_t fault_address;

static inline void on_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    fault_address = (uintptr_t)info->si_addr;
    siglongjmp(fault_return, 1);
}

enum kind { LOAD, STORE };

/* One access of one byte, at base + offset computed as an address, for the offsets are wild. True
 * if it faulted, with the address in fault_address. cmocka has a handler of its own in each test.
 */
static inline bool faults(const void *base, int64_t offset, enum kind kind)
{
    volatile uint8_t *at = (volatile uint8_t *)((uintptr_t)base + (uintptr_t)offset);
    const struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    struct sigaction old;
    sigaction(SIGSEGV, &action, &old);
    volatile bool faulted = true;
    if (sigsetjmp(fault_return, 1) == 0) {
        if (kind == STORE)
            *at = 0xa5;
        else
            (void)*at;
        faulted = false;
    }
    sigaction(SIGSEGV, &old, NULL);
    return faulted;
}

static inline struct arena_buffer place(struct arena *arena, unsigned slot, size_t bytes,
                                        size_t align, enum arena_side side,
                                        enum arena_access access)
{
    struct arena_buffer buffer = {0};
    struct error err;
    if (!arena_place(arena, slot, bytes, align, side, access, &buffer, &err))
        fail_msg("%s", err.text);
    assert_int_equal(buffer.bytes, bytes);
    assert_int_equal(buffer.slot, slot);
    assert_int_equal((uintptr_t)buffer.device % align, 0);
    arena_arm(arena, slot);
    return buffer;
}

/* The access faults, and the arena names the tensor and the offset. */
static inline void check_fault(const struct arena *arena, const struct arena_buffer *buffer,
                               int64_t offset, enum kind kind)
{
    struct arena_location where;
    if (!faults(buffer->device, offset, kind))
        fail_msg("access at %lld of %zu bytes did not fault", (long long)offset, buffer->bytes);
    assert_int_equal(fault_address, (uintptr_t)buffer->device + (uintptr_t)offset);
    assert_true(arena_locate(arena, fault_address, &where));
    assert_int_equal(where.slot, buffer->slot);
    assert_int_equal(where.offset, offset);
    assert_int_equal(where.readonly_store, offset >= 0 && offset < (int64_t)buffer->bytes);
}

/* A store to one canary byte is found, at its offset with both values, and arming heals it. */
static inline void check_canary(struct arena *arena, const struct arena_buffer *buffer,
                                int64_t offset)
{
    struct arena_canary canary;
    unsigned char *at = (unsigned char *)((uintptr_t)buffer->host + (uintptr_t)offset);
    assert_true(arena_check(arena, buffer->slot, &canary));
    unsigned char before = *at;
    *at ^= 0x40;
    assert_false(arena_check(arena, buffer->slot, &canary));
    assert_int_equal(canary.offset, offset);
    assert_int_equal(canary.changed, 1);
    assert_int_equal(canary.before, before);
    assert_int_equal(canary.after, before ^ 0x40);
    arena_arm(arena, buffer->slot);
    assert_true(arena_check(arena, buffer->slot, &canary));
}

#endif
