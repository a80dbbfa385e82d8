#include "harness/check/where.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct shape {
    size_t rows, cols;
};

typedef bool predicate(struct shape, size_t row, size_t col);

/* Plants every element for which `wrong` holds and compares sentence and place. */
static void expect(size_t rows, size_t cols, predicate *wrong, const char *sentence,
                   enum where_place place)
{
    const struct shape shape = {rows, cols};
    struct where w;
    struct text out;

    assert_true(where_init(&w, rows, cols, NULL));
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            if (wrong(shape, r, c))
                where_add(&w, r, c);
    text_init(&out, 1024);
    const enum where_place got = where_describe(&w, w.count == rows * cols, &out);
    assert_string_equal(out.data ? out.data : "", sentence);
    assert_int_equal(got, place);
    text_release(&out);
    where_release(&w);
}

static bool all(struct shape s, size_t r, size_t c)
{
    (void)s, (void)r, (void)c;
    return true;
}

static bool one(struct shape s, size_t r, size_t c)
{
    (void)s;
    return r == 3 && c == 5;
}

static bool rows_from_76(struct shape s, size_t r, size_t c)
{
    (void)s, (void)c;
    return r >= 76;
}

/* Every third element of the rows looks right by chance. */
static bool rows_from_76_with_holes(struct shape s, size_t r, size_t c)
{
    return r >= 76 && (r * s.cols + c) % 3 != 0;
}

static bool row_7(struct shape s, size_t r, size_t c)
{
    (void)s, (void)c;
    return r == 7;
}

static bool first_rows(struct shape s, size_t r, size_t c)
{
    (void)s, (void)c;
    return r < 4;
}

static bool rows_3_mod_5(struct shape s, size_t r, size_t c)
{
    (void)s, (void)c;
    return r % 5 == 3;
}

static bool odd_rows(struct shape s, size_t r, size_t c)
{
    (void)s, (void)c;
    return r % 2;
}

static bool some_rows(struct shape s, size_t r, size_t c)
{
    (void)s, (void)c;
    return r == 2 || r == 21 || r == 49;
}

static bool half_of_128(struct shape s, size_t r, size_t c)
{
    (void)s, (void)r;
    return c % 128 >= 64;
}

static bool part_of_96(struct shape s, size_t r, size_t c)
{
    (void)s, (void)r;
    return c % 96 >= 7 && c % 96 <= 31;
}

static bool every_16th(struct shape s, size_t r, size_t c)
{
    (void)s, (void)r;
    return c % 16 == 15;
}

static bool last_cols(struct shape s, size_t r, size_t c)
{
    (void)r;
    return c + 5 >= s.cols;
}

static bool middle_cols(struct shape s, size_t r, size_t c)
{
    (void)s, (void)r;
    return c >= 16 && c < 32;
}

static bool corner(struct shape s, size_t r, size_t c)
{
    return r + 2 >= s.rows && last_cols(s, r, c);
}

static bool piece_of_a_row(struct shape s, size_t r, size_t c)
{
    (void)s;
    return r == 2 && c >= 16 && c < 32;
}

static bool memory_tail(struct shape s, size_t r, size_t c)
{
    return r * s.cols + c >= 1000;
}

static bool random_places(struct shape s, size_t r, size_t c)
{
    (void)s;
    return (uint32_t)((r * 7919 + c * 104729) * 2654435761u) >> 27 == 0;
}

static void sentences(void **state)
{
    (void)state;
    expect(8, 8, all, "everything is wrong", WHERE_EVERYTHING);
    expect(1, 1, all, "everything is wrong", WHERE_EVERYTHING);
    expect(8, 8, one, "one isolated element", WHERE_ISOLATED);
    expect(80, 33, rows_from_76, "all wrong rows are >= 76 (the last 4)", WHERE_ROWS);
    expect(99, 32, rows_from_76_with_holes, "all wrong rows are >= 76 (the last 23)", WHERE_ROWS);
    expect(80, 33, row_7, "only row 7", WHERE_ROWS);
    expect(80, 33, first_rows, "all wrong rows are <= 3 (the first 4)", WHERE_ROWS);
    expect(80, 33, rows_3_mod_5, "rows congruent 3 mod 5", WHERE_ROWS);
    expect(80, 33, odd_rows, "every 2nd row, from row 1 on", WHERE_ROWS);
    expect(80, 33, some_rows, "only rows 2, 21, 49", WHERE_ROWS);
    expect(5, 512, half_of_128, "columns 64..127 of every 128", WHERE_COLUMNS);
    expect(5, 500, half_of_128, "columns 64..127 of every 128", WHERE_COLUMNS);
    expect(5, 480, part_of_96, "columns 7..31 of every 96", WHERE_COLUMNS);
    expect(5, 400, every_16th, "every 16th column, from column 15 on", WHERE_COLUMNS);
    expect(5, 160, last_cols, "all wrong columns are >= 155 (the last 5)", WHERE_COLUMNS);
    expect(5, 160, middle_cols, "columns 16..31", WHERE_COLUMNS);
    expect(80, 160, corner,
           "all wrong rows are >= 78 (the last 2); all wrong columns are >= 155 (the last 5)",
           WHERE_BLOCK);
    expect(5, 160, piece_of_a_row, "only row 2; columns 16..31", WHERE_BLOCK);
    expect(60, 33, memory_tail, "elements 1000..1979 in memory order", WHERE_RUN);
    expect(60, 63, random_places, "", WHERE_SCATTERED);
}

static void assert_map(const struct where *w, const char *want)
{
    struct text out;

    text_init(&out, 4096);
    where_map(w, &out);
    assert_string_equal(out.data, want);
    text_release(&out);
}

static void small_map(void **state)
{
    struct where w;
    (void)state;

    assert_true(where_init(&w, 2, 3, NULL));
    where_add(&w, 0, 2);
    where_add(&w, 1, 0);
    assert_map(&w, "  ..x\n  x..\n");
    where_release(&w);
}

/* 20 rows make tiles of 2 rows, 100 columns tiles of 2 columns. */
static void map_of_tiles(void **state)
{
    struct where w;
    struct text out;
    (void)state;

    assert_true(where_init(&w, 20, 100, NULL));
    where_add(&w, 0, 0);
    where_add(&w, 0, 2);
    where_add(&w, 0, 3);
    where_add(&w, 1, 2);
    where_add(&w, 1, 3);
    where_add(&w, 19, 99);
    text_init(&out, 4096);
    where_map(&w, &out);
    assert_int_equal(out.length, 10 * (2 + 50 + 1));
    assert_memory_equal(out.data, "  2x...", 7);
    assert_memory_equal(out.data + 9 * 53, "  ....", 6);
    assert_int_equal(out.data[10 * 53 - 2], '2');
    text_release(&out);
    where_release(&w);
}

/* A single wrong element of a big tile still shows. */
static void map_of_large_tiles(void **state)
{
    struct where w;
    struct text out;
    (void)state;

    assert_true(where_init(&w, 1000, 1000, NULL));
    where_add(&w, 999, 999);
    text_init(&out, 4096);
    where_map(&w, &out);
    assert_non_null(strstr(out.data, ".1\n"));
    assert_true(out.length <= WHERE_MAP_ROWS * (WHERE_MAP_COLS + 3));
    text_release(&out);
    where_release(&w);
}

/* Lets the address sanitizer answer a request that is too large as the C library does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void no_memory_is_an_error(void **state)
{
    struct where w;
    struct error err;
    (void)state;

    assert_false(where_init(&w, SIZE_MAX / 16, 1, &err));
    assert_int_equal(err.kind, ERROR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences),
        cmocka_unit_test(small_map),
        cmocka_unit_test(map_of_tiles),
        cmocka_unit_test(map_of_large_tiles),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
