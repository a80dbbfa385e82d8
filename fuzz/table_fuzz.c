/* Tables: every case of an accepted table has a canonical line that, as a table line, stands for
 * just that case; a table that is refused changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "harness/case/fake_op.h"
#include "harness/case/table.h"

const struct op *const op_list[] = {FAKE_OPS, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHECKED_CASES = 100 }; /* of one table, spread over it */

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_entry(const struct table *table, const struct table_entry *entry)
{
    static char line[KASE_MAX_LINE];
    struct table one;
    struct error err;
    table_init(&one);
    /* Source 0 is the single line added first, which has no number. */
    check(entry->source < table->n_sources && (entry->line > 0) == (entry->source > 0));
    check(kase_format(&entry->kase, line, sizeof(line), &err));
    check(table_add_line(&one, line, "canonical", &err));
    check(one.count == 1 && kase_equal(&one.entry[0].kase, &entry->kase));
    table_release(&one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct table table;
    struct error err;
    table_init(&table);
    check(table_add_line(&table, "fake_sort in.x=1", "before", &err));
    if (table_read_memory(&table, (const char *)data, size, "fuzz", &err)) {
        check(table.count <= TABLE_MAX_CASES);
        size_t step = table.count / CHECKED_CASES + 1;
        for (size_t i = 0; i < table.count; i += step)
            check_entry(&table, &table.entry[i]);
    } else {
        check(err.kind == ERROR_INPUT && !strchr(err.text, '\n'));
        check(table.count == 1 && table.n_sources == 1 && table.literal_bytes == 6);
    }
    table_release(&table);
    return 0;
}
