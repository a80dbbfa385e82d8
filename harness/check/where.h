/*
 * Where the wrong elements of a matrix are: counts per row, per column and per tile of a small
 * map, and from them one sentence when they form a pattern ("columns 64..127 of every 128").
 */
#ifndef HARNESS_CHECK_WHERE_H
#define HARNESS_CHECK_WHERE_H

#include "harness/base/text.h"

enum { WHERE_MAP_ROWS = 16, WHERE_MAP_COLS = 64 };

struct where {
    size_t rows, cols, count;
    size_t first, last;          /* dense index of the first and the last element */
    size_t *in_row, *in_col;     /* owned: elements per row, per column */
    size_t tile_rows, tile_cols; /* elements of a full tile of the map */
    size_t tile[WHERE_MAP_ROWS][WHERE_MAP_COLS];
};

/* The kind of place, told apart no further than a different shape would tell it. */
enum where_place {
    WHERE_SCATTERED,
    WHERE_EVERYTHING,
    WHERE_ROWS,    /* a pattern of whole rows */
    WHERE_COLUMNS, /* a pattern of whole columns */
    WHERE_BLOCK,   /* a pattern of both */
    WHERE_RUN,     /* one piece of memory */
    WHERE_ISOLATED,
};

const char *where_place_name(enum where_place);

bool where_init(struct where *, size_t rows, size_t cols, struct error *) MUST_CHECK;
void where_release(struct where *);

/* Marks an element; elements come in ascending order of row * cols + col. */
void where_add(struct where *, size_t row, size_t col);

/* A line per row of tiles: '.' nothing, a digit for tenths of the tile, 'x' all of it. */
void where_map(const struct where *, struct text *out);

/* Adds the sentence (nothing when there is no pattern). `everything`: no element was right. */
enum where_place where_describe(const struct where *, bool everything, struct text *out);

#endif
