#include "harness/case/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/case/product.h"
#include "harness/case/table_build.h"

static const char *const tag_names[] = {
    [TAG_SMOKE] = "smoke", [TAG_CI] = "ci", [TAG_NIGHTLY] = "nightly"};

const char *table_tag_name(enum table_tag tag)
{
    return tag_names[tag];
}

bool table_tag_parse(const char *name, enum table_tag *tag)
{
    for (enum table_tag t = TAG_SMOKE; t <= TAG_NIGHTLY; t++)
        if (!strcmp(name, tag_names[t])) {
            *tag = t;
            return true;
        }
    return false;
}

void table_init(struct table *table)
{
    *table = (struct table){0};
}

static size_t literal_bytes(const struct kase *kase)
{
    return kase->literals ? strlen(kase->literals) : 0;
}

void table_truncate(struct table *table, size_t cases, size_t sources)
{
    while (table->count > cases) {
        struct kase *last = &table->entry[--table->count].kase;
        table->literal_bytes -= literal_bytes(last);
        kase_release(last);
    }
    while (table->n_sources > sources)
        free(table->source[--table->n_sources]);
}

void table_release(struct table *table)
{
    table_truncate(table, 0, 0);
    free(table->entry);
    free(table->source);
    table_init(table);
}

static bool no_memory(const char *where, struct error *err)
{
    return error_set(err, ERROR_INTERNAL, "%s: no memory for the table", where);
}

bool table_add_source(struct table *table, const char *name, uint32_t *index, struct error *err)
{
    char **source = realloc(table->source, (table->n_sources + 1) * sizeof(*source));
    if (!source)
        return no_memory(name, err);
    table->source = source;
    *index = (uint32_t)table->n_sources;
    source[*index] = strdup(name);
    if (!source[*index])
        return no_memory(name, err);
    table->n_sources++;
    return true;
}

static bool reserve(struct table *table, size_t more, const char *where, struct error *err)
{
    size_t need = table->count + more; /* at most TABLE_MAX_CASES */
    if (need <= table->capacity)
        return true;
    size_t capacity = table->capacity * 2 > need ? table->capacity * 2 : need;
    struct table_entry *entry = realloc(table->entry, capacity * sizeof(*entry));
    if (!entry)
        return no_memory(where, err);
    table->entry = entry;
    table->capacity = capacity;
    return true;
}

/* A long line of many cases takes memory for each. */
static bool literals_fit(const struct table *table, const struct product *product,
                         const char *where, struct error *err)
{
    size_t each = literal_bytes(&product->base);
    if (each <= (TABLE_MAX_LITERAL_BYTES - table->literal_bytes) / product->count)
        return true;
    return error_set(
        err, ERROR_INPUT,
        "%s: too many literals: %zu cases of %zu bytes; a table holds at most %d bytes", where,
        product->count, each, TABLE_MAX_LITERAL_BYTES);
}

static bool append_product(struct table *table, const struct product *product, uint32_t source,
                           uint32_t line, const char *where, struct error *err)
{
    if (!literals_fit(table, product, where, err) || !reserve(table, product->count, where, err))
        return false;
    for (size_t i = 0; i < product->count; i++) {
        struct table_entry *entry = &table->entry[table->count];
        kase_init(&entry->kase, NULL);
        if (!kase_copy(&entry->kase, &product->base, err))
            return false;
        product_select(product, i, &entry->kase);
        entry->tag = product->tag;
        entry->source = source;
        entry->line = line;
        table->literal_bytes += literal_bytes(&product->base);
        table->count++;
    }
    return true;
}

bool table_expand(struct table *table, struct span text, uint32_t source, uint32_t line,
                  const char *where, struct error *err)
{
    struct product product;
    if (!product_parse(&product, text, where, TABLE_MAX_CASES - table->count, err))
        return false;
    bool ok = append_product(table, &product, source, line, where, err);
    product_release(&product);
    return ok;
}

bool table_add_line(struct table *table, const char *line, const char *where, struct error *err)
{
    size_t cases = table->count, sources = table->n_sources;
    struct span text = {line, strnlen(line, KASE_MAX_LINE)};
    uint32_t index = 0;
    if (table_add_source(table, where, &index, err) &&
        table_expand(table, text, index, 0, where, err))
        return true;
    table_truncate(table, cases, sources);
    return false;
}
