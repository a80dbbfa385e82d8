#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/isa/msgpack.h"

#define DOCUMENT(...)                                                                              \
    (struct msgpack)                                                                               \
    {                                                                                              \
        (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                     \
    }

/* One item of each form; bytes behind it are left alone. */
static void test_items(void **state)
{
    (void)state;
    const struct {
        struct msgpack document;
        enum msgpack_kind kind;
        uint64_t number;
    } items[] = {
        {DOCUMENT(0x00, 9), MSGPACK_UINT, 0},
        {DOCUMENT(0x7f, 9), MSGPACK_UINT, 127},
        {DOCUMENT(0xcc, 0xff, 9), MSGPACK_UINT, 255},
        {DOCUMENT(0xcd, 1, 2, 9), MSGPACK_UINT, 0x102},
        {DOCUMENT(0xce, 1, 2, 3, 4, 9), MSGPACK_UINT, 0x1020304},
        {DOCUMENT(0xcf, 1, 2, 3, 4, 5, 6, 7, 8, 9), MSGPACK_UINT, 0x102030405060708},
        {DOCUMENT(0xd0, 0x7f, 9), MSGPACK_UINT, 127},
        {DOCUMENT(0xd1, 0x7f, 0xff, 9), MSGPACK_UINT, 0x7fff},
        {DOCUMENT(0xd3, 0x7f, 0, 0, 0, 0, 0, 0, 1, 9), MSGPACK_UINT, 0x7f00000000000001},
        {DOCUMENT(0xe0, 9), MSGPACK_NEGATIVE, 0},
        {DOCUMENT(0xd0, 0x80, 9), MSGPACK_NEGATIVE, 0x80},
        {DOCUMENT(0xd2, 0xff, 0, 0, 0, 9), MSGPACK_NEGATIVE, 0xff000000},
        {DOCUMENT(0xc0, 9), MSGPACK_NIL, 0},
        {DOCUMENT(0xc2, 9), MSGPACK_BOOL, 0},
        {DOCUMENT(0xc3, 9), MSGPACK_BOOL, 1},
        {DOCUMENT(0xa2, 'h', 'i', 9), MSGPACK_STRING, 2},
        {DOCUMENT(0xd9, 2, 'h', 'i', 9), MSGPACK_STRING, 2},
        {DOCUMENT(0xda, 0, 2, 'h', 'i', 9), MSGPACK_STRING, 2},
        {DOCUMENT(0xdb, 0, 0, 0, 2, 'h', 'i', 9), MSGPACK_STRING, 2},
        {DOCUMENT(0xca, 1, 2, 3, 4, 9), MSGPACK_OTHER, 0},
        {DOCUMENT(0xcb, 1, 2, 3, 4, 5, 6, 7, 8, 9), MSGPACK_OTHER, 0},
        {DOCUMENT(0xc4, 1, 7, 9), MSGPACK_OTHER, 1},
        {DOCUMENT(0xc5, 0, 1, 7, 9), MSGPACK_OTHER, 1},
        {DOCUMENT(0xc7, 1, 5, 7, 9), MSGPACK_OTHER, 1},
        {DOCUMENT(0xd4, 5, 7, 9), MSGPACK_OTHER, 0},
        {DOCUMENT(0xd5, 5, 7, 7, 9), MSGPACK_OTHER, 0},
    };
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        struct msgpack m = items[i].document, skipped = items[i].document;
        struct msgpack_item item;
        assert_true(msgpack_next(&m, &item));
        assert_int_equal(item.kind, items[i].kind);
        assert_int_equal(item.number, items[i].number);
        assert_int_equal(m.left, 1);
        assert_int_equal(*m.at, 9);
        if (item.kind == MSGPACK_STRING)
            assert_true(span_equals(item.text, "hi"));
        assert_true(msgpack_skip(&skipped));
        assert_int_equal(skipped.left, 1);
        /* Cut anywhere, it is no item. */
        for (size_t left = 0; left + 1 < items[i].document.left; left++) {
            m = (struct msgpack){items[i].document.at, left};
            assert_false(msgpack_next(&m, &item));
        }
    }
}

static void test_heads(void **state)
{
    (void)state;
    struct msgpack map = DOCUMENT(0x82, 1, 2, 3, 4), array = DOCUMENT(0xdc, 0, 3, 1, 2, 3);
    struct msgpack_item item;
    assert_true(msgpack_next(&map, &item));
    assert_int_equal(item.kind, MSGPACK_MAP);
    assert_int_equal(item.number, 2);
    assert_int_equal(map.left, 4);
    assert_true(msgpack_next(&array, &item));
    assert_int_equal(item.kind, MSGPACK_ARRAY);
    assert_int_equal(item.number, 3);
    assert_int_equal(array.left, 3);
}

static void test_skip_nested(void **state)
{
    (void)state;
    /* {"a": [1, {2: [[]]}], 3: "bc"} and one more */
    struct msgpack m =
        DOCUMENT(0x82, 0xa1, 'a', 0x92, 1, 0x81, 2, 0x91, 0x90, 3, 0xa2, 'b', 'c', 0x2a);
    assert_true(msgpack_skip(&m));
    assert_int_equal(m.left, 1);
    for (size_t left = 0; left < 13; left++) {
        struct msgpack cut =
            DOCUMENT(0x82, 0xa1, 'a', 0x92, 1, 0x81, 2, 0x91, 0x90, 3, 0xa2, 'b', 'c');
        cut.left = left;
        assert_false(msgpack_skip(&cut));
    }
}

/* As deep as a document can be: this takes no stack. */
static void test_skip_deep(void **state)
{
    (void)state;
    static uint8_t deep[1 << 20];
    memset(deep, 0x91, sizeof(deep));
    struct msgpack m = {deep, sizeof(deep)};
    assert_false(msgpack_skip(&m));
    deep[sizeof(deep) - 1] = 0;
    m = (struct msgpack){deep, sizeof(deep)};
    assert_true(msgpack_skip(&m));
    assert_int_equal(m.left, 0);
}

static void test_malformed(void **state)
{
    (void)state;
    struct msgpack documents[] = {
        DOCUMENT(0xc1),                                /* no form */
        DOCUMENT(0x93, 1, 2),                          /* three promised, two there */
        DOCUMENT(0x82, 1, 2, 3),                       /* half a pair */
        DOCUMENT(0xdf, 0xff, 0xff, 0xff, 0xff, 1, 2),  /* 4 Gi pairs */
        DOCUMENT(0xdd, 0xff, 0xff, 0xff, 0xff, 1),     /* 4 Gi elements */
        DOCUMENT(0xdb, 0xff, 0xff, 0xff, 0xff, 'x'),   /* 4 GiB of text */
        DOCUMENT(0xc6, 0xff, 0xff, 0xff, 0xff, 'x'),   /* of binary */
        DOCUMENT(0xc9, 0xff, 0xff, 0xff, 0xff, 1, 'x') /* of an extension */
    };
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        struct msgpack m = documents[i];
        struct msgpack_item item;
        assert_false(msgpack_next(&m, &item));
        assert_false(msgpack_skip(&documents[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items),       cmocka_unit_test(test_heads),
        cmocka_unit_test(test_skip_nested), cmocka_unit_test(test_skip_deep),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
