/*
 * MessagePack, as far as it is needed to find one's way through a document in place: one item after
 * the other, nothing allocated, every byte checked before it is read.
 *
 *     struct msgpack m = {note, size};
 *     struct msgpack_item map;
 *     if (!msgpack_next(&m, &map) || map.kind != MSGPACK_MAP)
 *         return false;
 *     for (uint64_t i = 0; i < map.number; i++)
 *         if (!msgpack_next(&m, &key) || !msgpack_skip(&m))
 *             return false;
 *
 * Nesting needs no limit, because nothing here recurses.
 */
#ifndef HARNESS_ISA_MSGPACK_H
#define HARNESS_ISA_MSGPACK_H

#include "harness/base/text.h"

struct msgpack {
    const uint8_t *at;
    size_t left; /* bytes */
};

enum msgpack_kind {
    MSGPACK_INVALID,
    MSGPACK_NIL,
    MSGPACK_BOOL,
    MSGPACK_UINT,
    MSGPACK_NEGATIVE, /* a number below 0 */
    MSGPACK_STRING,
    MSGPACK_ARRAY,
    MSGPACK_MAP,
    MSGPACK_OTHER, /* float, binary, extension: stepped over */
};

struct msgpack_item {
    enum msgpack_kind kind;
    uint64_t number;  /* UINT: value; BOOL: 0 or 1; ARRAY: elements that follow; MAP: pairs */
    struct span text; /* STRING: inside the document */
};

/* Reads one item; of an array or a map only its head. False: the document is cut or malformed, and
 * the place in it is undefined. An array or map that promises more items than bytes are left is
 * malformed. */
bool msgpack_next(struct msgpack *, struct msgpack_item *) MUST_CHECK;

/* Steps over one item with all that is in it. */
bool msgpack_skip(struct msgpack *) MUST_CHECK;

#endif
