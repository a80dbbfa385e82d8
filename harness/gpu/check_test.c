/* Fills, patterns and sums against the host's own functions. */
#include "harness/gpu/check_testing.h"

#include <limits.h>
#include <sys/mman.h>

#include "harness/case/fill.h"
#include "harness/cpu/arena.h"

/* --- Inputs --- */

static const struct {
    size_t rows, cols, stride, unused;
} shapes[] = {{1, 1, 1, 0},   {1, 7, 7, 0},       {3, 5, 9, 0},         {5, 16, 16, 0},
              {4, 33, 40, 0}, {4, 33, 37, 1},     {6, 64, 64, 2},       {9, 32, 48, 0},
              {3, 15, 31, 0}, {2, 4099, 4104, 0}, {1, 70001, 70001, 0}, {700, 17, 24, 3},
              {0, 8, 8, 0},   {3, 0, 8, 0},       {2, 3, 4, 2},         {60, 1021, 1033, 0}};

static const struct fill fills[] = {
    {FILL_ZERO, 0, 0},      {FILL_REAL, -8, 8},           {FILL_REAL, -14, 3},
    {FILL_EXACT, -8, 8},    {FILL_EXACT, -100000, 70000}, {FILL_EXACT, INT_MIN, INT_MAX},
    {FILL_CODES, 0, 255},   {FILL_CODES, 3, 200},         {FILL_CODES, 0, 127},
    {FILL_EXACT, -300, 300}};

static void fill_both(const struct tensor *t, size_t odd, uint64_t seed,
                      const struct check_way *way)
{
    size_t bytes;
    assert_true(tensor_bytes(t, &bytes));
    struct check_memory want = check_memory(bytes, odd), got = check_memory(bytes, odd);
    struct check_fill entry[2];
    struct plan plan = {.count = 0};
    struct tensor none = *t;
    none.fill.kind = FILL_CUSTOM;
    fill_tensor(t, seed, 3, want.at);
    check_fill_entry(&entry[0], t, seed, 3, got.at);
    check_fill_entry(&entry[1], &none, seed, 3, NULL);
    check_fill_plan(&plan, entry, 2, entry);
    check_run(&plan, way);
    if (memcmp(want.whole, got.whole, want.total) != 0)
        fail_msg("%s, fill %d [%d, %d], %zu x %zu stride %zu, %zu bytes off", dtype_name(t->dtype),
                 (int)t->fill.kind, t->fill.low, t->fill.high, t->rows, t->cols, t->stride, odd);
    check_memory_free(&want);
    check_memory_free(&got);
}

static void test_fills_equal_the_hosts(void **state)
{
    (void)state;
    for (enum dtype type = 0; type < DTYPE_COUNT; type++)
        for (size_t f = 0; f < sizeof(fills) / sizeof(fills[0]); f++)
            for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
                const size_t odd = (5 * s + 3 * f) % 16 / dtype_bytes(type) * dtype_bytes(type);
                const struct tensor t = {.dtype = type,
                                         .rows = shapes[s].rows,
                                         .cols = shapes[s].cols,
                                         .stride = shapes[s].stride,
                                         .unused_rows = shapes[s].unused,
                                         .fill = fills[f]};
                fill_both(&t, odd, 0x123456789abcdefu + f, &check_ways[(s + type) % CHECK_WAYS]);
            }
}

/* Two rows, 5 GiB apart. */
static void test_fill_beyond_4_gib(void **state)
{
    (void)state;
    const size_t stride = (size_t)5 << 30, bytes = stride + 4096;
    unsigned char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(at != MAP_FAILED);
    unsigned char want[2][100];
    const struct tensor t = {
        .dtype = DTYPE_U8, .rows = 2, .cols = 100, .stride = stride, .fill = {FILL_CODES, 0, 255}};
    const struct tensor dense = {
        .dtype = DTYPE_U8, .rows = 2, .cols = 100, .stride = 100, .fill = {FILL_CODES, 0, 255}};
    struct check_fill entry;
    struct plan plan = {.count = 0};
    fill_tensor(&dense, 9, 0, want);
    check_fill_entry(&entry, &t, 9, 0, at);
    check_fill_plan(&plan, &entry, 1, &entry);
    check_run(&plan, &check_ways[0]);
    assert_memory_equal(at, want[0], 100);
    assert_memory_equal(at + stride, want[1], 100);

    struct check_region region;
    struct check_scan scan;
    struct check_found found;
    check_region_rows(&region, &t, at);
    check_region_poison(&region, 0x77, 1);
    plan.count = 0;
    check_poison_plan(&plan, &region, 1, &region);
    check_run(&plan, &check_ways[0]);
    at[stride + 41] = 0x12;
    plan.count = 0;
    check_scan_plan(&plan, &region, 1, &region, &scan);
    check_run(&plan, &check_ways[0]);
    assert_false(check_scan_clean(&scan, &found));
    assert_int_equal(found.count, 1);
    assert_int_equal(found.offset, stride + 41);
    munmap(at, bytes);
}

/* --- Patterns --- */

/* Byte i of a row as the region wants it. */
static unsigned char pattern_byte(const struct check_region *r, size_t i)
{
    return r->pattern ? r->pattern[i % r->period] : (unsigned char)(r->word >> 8 * (i % 4));
}

static void test_poison_and_scan(void **state)
{
    (void)state;
    unsigned char pattern[256];
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (unsigned char)(i * 7 + 1);
    for (uint64_t round = 0, seed = 0; round < 300; round++) {
        const struct check_way *way = &check_ways[round % CHECK_WAYS];
        const enum dtype type = (enum dtype)(round % DTYPE_COUNT);
        const size_t size = dtype_bytes(type);
        struct tensor t = {.dtype = type};
        t.rows = (size_t)check_draw(&seed, 1, 9);
        t.cols = (size_t)check_draw(&seed, 1, round % 3 ? 40 : 3000);
        t.stride = t.cols + (size_t)(round % 4 ? check_draw(&seed, 0, 40) : 0);
        size_t bytes;
        assert_true(tensor_bytes(&t, &bytes));
        struct check_memory m = check_memory(bytes, (size_t)check_draw(&seed, 0, 15) / size * size);
        struct check_memory want = m;
        want.whole = malloc(m.total);
        want.at = want.whole + (m.at - m.whole);
        memcpy(want.whole, m.whole, m.total);

        struct check_region region;
        struct check_scan scan;
        struct check_found found;
        struct plan write = {.count = 0}, look = {.count = 0};
        check_region_rows(&region, &t, m.at);
        if (round % 5 == 0)
            check_region_pattern(&region, pattern, sizeof(pattern));
        else
            check_region_poison(&region, dtype_poison(type, round % 2), size);
        const size_t rows = t.stride == t.cols ? 1 : t.rows;
        for (size_t r = 0; r < rows; r++)
            for (size_t i = 0; i < region.row_bytes; i++)
                want.at[r * t.stride * size + i] = pattern_byte(&region, i);
        if (!region.pattern)
            assert_int_equal(dtype_load(type, want.at, (t.rows - 1) * t.stride),
                             dtype_poison(type, round % 2));
        check_poison_plan(&write, &region, 1, &region);
        check_run(&write, way);
        assert_memory_equal(m.whole, want.whole, m.total);
        check_scan_plan(&look, &region, 1, &region, &scan);
        check_run(&look, way);
        assert_true(check_scan_clean(&scan, &found));

        const size_t row = (size_t)check_draw(&seed, 0, (int64_t)rows - 1);
        const size_t a = (size_t)check_draw(&seed, 0, (int64_t)region.row_bytes - 1);
        const size_t offset = row * region.pitch + a;
        m.at[offset] ^= 0x10;
        const size_t last = (rows - 1) * region.pitch + region.row_bytes - 1;
        m.at[last] ^= (unsigned char)(last != offset);
        check_run(&look, way);
        assert_false(check_scan_clean(&scan, &found));
        assert_int_equal(found.count, last == offset ? 1 : 2);
        assert_int_equal(found.offset, offset);
        assert_int_equal(found.expected, want.at[offset]);
        assert_int_equal(found.found, m.at[offset]);
        check_memory_free(&m);
        check_memory_free(&want);
    }
}

/* Gaps and rows together are the tensor, each byte once. */
static void test_gaps_are_the_rest(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
        const struct tensor t = {.dtype = DTYPE_BF16,
                                 .rows = shapes[s].rows,
                                 .cols = shapes[s].cols,
                                 .stride = shapes[s].stride,
                                 .unused_rows = shapes[s].unused};
        size_t bytes;
        assert_true(tensor_bytes(&t, &bytes));
        struct check_memory m = check_memory(bytes, 6);
        struct check_region region[3];
        struct plan plan = {.count = 0};
        check_region_rows(&region[0], &t, m.at);
        check_region_poison(&region[0], 0x1111, 2);
        const size_t n = 1 + check_region_gaps(region + 1, &t, m.at);
        for (size_t i = 1; i < n; i++)
            check_region_poison(&region[i], 0x2222, 2);
        check_poison_plan(&plan, region, n, region);
        check_run(&plan, &check_ways[s % CHECK_WAYS]);
        size_t used = 0, gaps = 0;
        for (size_t i = 0; i < bytes; i++) {
            used += m.at[i] == 0x11;
            gaps += m.at[i] == 0x22;
        }
        assert_int_equal(used, tensor_elements(&t) * 2);
        assert_int_equal(used + gaps, bytes);
        assert_int_equal(m.at[-1], CHECK_STALE);
        assert_int_equal(m.at[bytes], CHECK_STALE);
        check_memory_free(&m);
    }
}

/* Canaries written here are as the arena wants them, and what the arena finds is found here. */
static void test_canaries_are_the_arenas(void **state)
{
    (void)state;
    struct error err;
    struct arena *arena = arena_create(&err);
    assert_non_null(arena);
    for (enum arena_side side = ARENA_RIGHT; side <= ARENA_LEFT; side++) {
        static unsigned char pattern[2][ARENA_MAX_ALIGN];
        struct arena_buffer b;
        struct arena_canary canary;
        struct check_region region[2];
        struct check_scan scan[2];
        struct check_found found;
        struct plan write = {.count = 0}, look = {.count = 0};
        size_t zone[2];
        assert_true(arena_place(arena, 0, 5000, 4096, side, ARENA_READ_WRITE, &b, &err));
        arena_zones(5000, 4096, side, &zone[0], &zone[1]);
        unsigned char *at[2] = {(unsigned char *)b.host - zone[0], (unsigned char *)b.host + 5000};
        arena_arm(arena, 0);
        for (size_t i = 0; i < 2; i++) {
            if (zone[i])
                memcpy(pattern[i], at[i], zone[i]);
            check_region_range(&region[i], at[i], zone[i]);
            check_region_pattern(&region[i], pattern[i], sizeof(pattern[i]));
            if (zone[i])
                memset(at[i], 0, zone[i]);
        }
        check_poison_plan(&write, region, 2, region);
        check_scan_plan(&look, region, 2, region, scan);
        check_run(&write, &check_ways[1]);
        assert_true(arena_check(arena, 0, &canary));
        at[1][zone[1] / 2] ^= 1;
        at[1][zone[1] - 1] ^= 1;
        check_run(&look, &check_ways[2]);
        assert_false(arena_check(arena, 0, &canary));
        assert_true(check_scan_clean(&scan[0], &found));
        assert_false(check_scan_clean(&scan[1], &found));
        assert_int_equal(found.count, canary.changed);
        assert_int_equal((int64_t)found.offset + 5000, canary.offset);
        assert_int_equal(found.expected, canary.before);
        assert_int_equal(found.found, canary.after);
    }
    arena_destroy(arena);
}

/* --- Sums --- */

static uint64_t checksum(const struct check_region *region, const struct check_way *way)
{
    uint64_t sum;
    struct plan plan = {.count = 0};
    check_checksum_plan(&plan, region, 1, region, &sum);
    check_run(&plan, way);
    return sum;
}

static void put_rows(const struct tensor *t, const unsigned char *dense, struct check_memory *m)
{
    const size_t row_bytes = t->cols * dtype_bytes(t->dtype);
    for (size_t r = 0; r < t->rows; r++)
        memcpy(m->at + r * t->stride * dtype_bytes(t->dtype), dense + r * row_bytes, row_bytes);
}

/* The same in every placement; different for every changed bit and for every trade of places. */
static void test_checksum(void **state)
{
    (void)state;
    enum { ROWS = 5, COLS = 37, SIZE = ROWS * COLS * 2 };
    unsigned char data[SIZE];
    struct tensor t = {.dtype = DTYPE_BF16, .rows = ROWS, .cols = COLS, .stride = 43};
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (unsigned char)philox_u32(1, 1, i);
    uint64_t want = 0;
    for (size_t odd = 0; odd < 16; odd += 2) {
        struct check_memory m = check_memory(t.rows * (t.stride + odd) * 2, odd);
        struct check_region region;
        struct tensor placed = t;
        placed.stride += odd;
        put_rows(&placed, data, &m);
        check_region_rows(&region, &placed, m.at);
        const uint64_t sum = checksum(&region, &check_ways[odd / 2 % CHECK_WAYS]);
        if (odd)
            assert_int_equal(sum, want);
        want = sum;
        check_memory_free(&m);
    }
    struct check_memory m = check_memory(SIZE, 2);
    struct check_region region;
    memcpy(m.at, data, SIZE);
    check_region_range(&region, m.at, SIZE);
    want = checksum(&region, &check_ways[0]);
    for (size_t bit = 0; bit < 8 * (size_t)SIZE; bit++) {
        m.at[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_not_equal(checksum(&region, &check_ways[0]), want);
        m.at[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    for (size_t i = 0, j = SIZE - 4; i + 8 < j; i += 2, j -= 2) {
        unsigned char saved[SIZE];
        memcpy(saved, m.at, SIZE);
        memcpy(m.at + i, saved + j, 4);
        memcpy(m.at + j, saved + i, 4);
        assert_int_not_equal(checksum(&region, &check_ways[0]), want);
        memcpy(m.at, saved, SIZE);
    }
    check_memory_free(&m);
}

/* What neither of two runs wrote counts as equal. */
static void test_checksum_folds_poison(void **state)
{
    (void)state;
    for (enum dtype type = 0; type < DTYPE_COUNT; type++) {
        const struct tensor t = {.dtype = type, .rows = 3, .cols = 21, .stride = 25};
        uint64_t sum[2];
        for (unsigned run = 0; run < 2; run++) {
            struct check_memory m = check_memory(3 * 25 * 4, 4 * run);
            struct check_region region;
            for (size_t r = 0; r < 3; r++)
                for (size_t c = 0; c < 21; c++)
                    dtype_store(type, m.at, r * 25 + c,
                                (r + c) % 4 ? (uint32_t)(r * 21 + c) : dtype_poison(type, run));
            check_region_rows(&region, &t, m.at);
            check_region_fold(&region, type);
            sum[run] = checksum(&region, &check_ways[run]);
            check_memory_free(&m);
        }
        assert_int_equal(sum[0], sum[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills_equal_the_hosts),   cmocka_unit_test(test_fill_beyond_4_gib),
        cmocka_unit_test(test_poison_and_scan),         cmocka_unit_test(test_gaps_are_the_rest),
        cmocka_unit_test(test_canaries_are_the_arenas), cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_checksum_folds_poison),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
