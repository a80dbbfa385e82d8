#include "harness/isa/msgpack.h"

/* What the first byte from 0xc0 to 0xdf means: `width` bytes of a number follow (a value, a length
 * or a count), then `extra` bytes that are not looked at. */
static const struct form {
    enum msgpack_kind kind;
    uint8_t width, extra;
    bool payload, sign; /* the number is the length of what follows; it has a sign */
} forms[0x20] = {
    [0x00] = {MSGPACK_NIL, 0, 0, false, false},   [0x02] = {MSGPACK_BOOL, 0, 0, false, false},
    [0x03] = {MSGPACK_BOOL, 0, 0, false, false},  [0x04] = {MSGPACK_OTHER, 1, 0, true, false},
    [0x05] = {MSGPACK_OTHER, 2, 0, true, false},  [0x06] = {MSGPACK_OTHER, 4, 0, true, false},
    [0x07] = {MSGPACK_OTHER, 1, 1, true, false},  [0x08] = {MSGPACK_OTHER, 2, 1, true, false},
    [0x09] = {MSGPACK_OTHER, 4, 1, true, false},  [0x0a] = {MSGPACK_OTHER, 0, 4, false, false},
    [0x0b] = {MSGPACK_OTHER, 0, 8, false, false}, [0x0c] = {MSGPACK_UINT, 1, 0, false, false},
    [0x0d] = {MSGPACK_UINT, 2, 0, false, false},  [0x0e] = {MSGPACK_UINT, 4, 0, false, false},
    [0x0f] = {MSGPACK_UINT, 8, 0, false, false},  [0x10] = {MSGPACK_UINT, 1, 0, false, true},
    [0x11] = {MSGPACK_UINT, 2, 0, false, true},   [0x12] = {MSGPACK_UINT, 4, 0, false, true},
    [0x13] = {MSGPACK_UINT, 8, 0, false, true},   [0x14] = {MSGPACK_OTHER, 0, 2, false, false},
    [0x15] = {MSGPACK_OTHER, 0, 3, false, false}, [0x16] = {MSGPACK_OTHER, 0, 5, false, false},
    [0x17] = {MSGPACK_OTHER, 0, 9, false, false}, [0x18] = {MSGPACK_OTHER, 0, 17, false, false},
    [0x19] = {MSGPACK_STRING, 1, 0, true, false}, [0x1a] = {MSGPACK_STRING, 2, 0, true, false},
    [0x1b] = {MSGPACK_STRING, 4, 0, true, false}, [0x1c] = {MSGPACK_ARRAY, 2, 0, false, false},
    [0x1d] = {MSGPACK_ARRAY, 4, 0, false, false}, [0x1e] = {MSGPACK_MAP, 2, 0, false, false},
    [0x1f] = {MSGPACK_MAP, 4, 0, false, false},
};

static bool advance(struct msgpack *m, uint64_t bytes)
{
    if (bytes > m->left)
        return false;
    m->at += bytes;
    m->left -= (size_t)bytes;
    return true;
}

/* A number with the most significant byte first. */
static bool number(struct msgpack *m, unsigned width, uint64_t *value)
{
    const uint8_t *bytes = m->at;
    *value = 0;
    if (!advance(m, width))
        return false;
    for (unsigned i = 0; i < width; i++)
        *value = *value << 8 | bytes[i];
    return true;
}

/* The forms whose number is in their first byte. */
static bool short_form(uint8_t first, struct msgpack_item *item)
{
    if (first < 0x80)
        *item = (struct msgpack_item){.kind = MSGPACK_UINT, .number = first};
    else if (first < 0x90)
        *item = (struct msgpack_item){.kind = MSGPACK_MAP, .number = first & 15};
    else if (first < 0xa0)
        *item = (struct msgpack_item){.kind = MSGPACK_ARRAY, .number = first & 15};
    else if (first < 0xc0)
        *item = (struct msgpack_item){.kind = MSGPACK_STRING, .number = first & 31};
    else if (first >= 0xe0)
        *item = (struct msgpack_item){.kind = MSGPACK_NEGATIVE};
    else
        return false;
    return true;
}

static bool long_form(struct msgpack *m, uint8_t first, struct msgpack_item *item)
{
    const struct form *form = &forms[first & 31];
    *item = (struct msgpack_item){.kind = form->kind};
    if (form->kind == MSGPACK_INVALID || !number(m, form->width, &item->number))
        return false;
    if (form->kind == MSGPACK_BOOL)
        item->number = first & 1;
    if (form->sign && item->number >> (8 * form->width - 1))
        item->kind = MSGPACK_NEGATIVE;
    if (form->kind == MSGPACK_OTHER)
        return advance(m, form->extra) && (!form->payload || advance(m, item->number));
    return true;
}

/* Items that follow the head of `item`. */
static uint64_t children(const struct msgpack_item *item)
{
    return item->kind == MSGPACK_MAP     ? 2 * item->number
           : item->kind == MSGPACK_ARRAY ? item->number
                                         : 0;
}

bool msgpack_next(struct msgpack *m, struct msgpack_item *item)
{
    const uint8_t *first = m->at;
    if (!advance(m, 1) || (!short_form(*first, item) && !long_form(m, *first, item)))
        return false;
    if (item->kind == MSGPACK_STRING) {
        item->text = (struct span){(const char *)m->at, (size_t)item->number};
        return advance(m, item->number);
    }
    return children(item) <= m->left; /* an item has at least one byte */
}

bool msgpack_skip(struct msgpack *m)
{
    struct msgpack_item item;
    for (uint64_t open = 1; open; open--) {
        if (open > m->left || !msgpack_next(m, &item))
            return false;
        open += children(&item);
    }
    return true;
}
