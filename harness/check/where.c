#include "harness/check/where.h"

#include <stdlib.h>

#include "harness/check/stripes.h"

const char *where_place_name(enum where_place place)
{
    static const char *const names[] = {
        [WHERE_SCATTERED] = "scattered", [WHERE_EVERYTHING] = "everything", [WHERE_ROWS] = "rows",
        [WHERE_COLUMNS] = "columns",     [WHERE_BLOCK] = "block",           [WHERE_RUN] = "run",
        [WHERE_ISOLATED] = "isolated",
    };
    return names[place];
}

static size_t divide_up(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

bool where_init(struct where *w, size_t rows, size_t cols, struct error *err)
{
    *w = (struct where){.rows = rows, .cols = cols};
    w->tile_rows = rows > WHERE_MAP_ROWS ? divide_up(rows, WHERE_MAP_ROWS) : 1;
    w->tile_cols = cols > WHERE_MAP_COLS ? divide_up(cols, WHERE_MAP_COLS) : 1;
    w->in_row = calloc(rows + 1, sizeof *w->in_row);
    w->in_col = calloc(cols + 1, sizeof *w->in_col);
    if (w->in_row && w->in_col)
        return true;
    where_release(w);
    return error_set(err, ERROR_INTERNAL, "no memory to map %zu rows, %zu columns", rows, cols);
}

void where_release(struct where *w)
{
    free(w->in_row);
    free(w->in_col);
    w->in_row = w->in_col = NULL;
}

void where_add(struct where *w, size_t row, size_t col)
{
    w->last = row * w->cols + col;
    if (!w->count++)
        w->first = w->last;
    w->in_row[row]++;
    w->in_col[col]++;
    w->tile[row / w->tile_rows][col / w->tile_cols]++;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void where_map(const struct where *w, struct text *out)
{
    for (size_t r = 0; r * w->tile_rows < w->rows; r++) {
        char line[WHERE_MAP_COLS];
        size_t c = 0;
        for (; c * w->tile_cols < w->cols; c++) {
            const size_t area = least(w->tile_rows, w->rows - r * w->tile_rows) *
                                least(w->tile_cols, w->cols - c * w->tile_cols);
            const size_t count = w->tile[r][c];
            const int tenths = (int)((double)count * 10 / (double)area);
            line[c] = (char)(!count ? '.' : count == area ? 'x' : tenths == 0 ? '1' : '0' + tenths);
        }
        text_printf(out, "  %.*s\n", (int)c, line);
    }
}

/* One piece of memory over several rows that ends inside a row, such as a tail that a wrapped
 * offset never reached. */
static bool is_run(const struct where *w)
{
    const bool several = w->first / w->cols != w->last / w->cols;
    const bool whole = w->first % w->cols == 0 && (w->last + 1) % w->cols == 0;

    return w->last - w->first + 1 == w->count && several && !whole;
}

static enum where_place describe_stripes(const struct where *w, struct text *out)
{
    const struct stripes rows = stripes_find(w->in_row, w->rows);
    const struct stripes cols = stripes_find(w->in_col, w->cols);
    const bool row_pattern = rows.kind != STRIPES_ALL && rows.kind != STRIPES_NONE;
    const bool col_pattern = cols.kind != STRIPES_ALL && cols.kind != STRIPES_NONE;

    if (is_run(w)) {
        text_printf(out, "elements %zu..%zu in memory order", w->first, w->last);
        return WHERE_RUN;
    }
    if (row_pattern)
        stripes_describe(&rows, "row", out);
    if (row_pattern && col_pattern)
        text_puts(out, "; ");
    if (col_pattern)
        stripes_describe(&cols, "column", out);
    return row_pattern && col_pattern ? WHERE_BLOCK
           : row_pattern              ? WHERE_ROWS
           : col_pattern              ? WHERE_COLUMNS
                                      : WHERE_SCATTERED;
}

enum where_place where_describe(const struct where *w, bool everything, struct text *out)
{
    if (everything) {
        text_puts(out, "everything is wrong");
        return WHERE_EVERYTHING;
    }
    if (w->count == 1) {
        text_puts(out, "one isolated element");
        return WHERE_ISOLATED;
    }
    return describe_stripes(w, out);
}
