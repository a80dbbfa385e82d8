/* Table files: lines, comments, joined lines, includes. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/base/file.h"
#include "harness/case/table_build.h"

/* What one call of table_read is at. */
struct reader {
    struct table *table;
    struct {
        dev_t device;
        ino_t inode;
    } open[TABLE_MAX_DEPTH]; /* the file being read, behind those that include it */
    size_t depth;
    size_t files; /* read so far */
    bool may_include;
};

/* A file as it is being read. */
struct source {
    const char *name;
    uint32_t index; /* in table->source */
    struct span rest;
    uint32_t lines;            /* read so far */
    uint32_t line;             /* the current one, or its first part when it is joined */
    struct text joined;        /* the current one, when it is joined */
    char where[PATH_MAX + 16]; /* FILE:LINE */
};

static bool read_file(struct reader *, const char *path, const char *where, struct error *);

static struct span cut_comment(struct span line, bool *found)
{
    for (size_t i = 0; i < line.length; i++) {
        bool word_begins = i == 0 || line.data[i - 1] == ' ' || line.data[i - 1] == '\t';
        *found = word_begins && line.data[i] == '#';
        if (*found)
            return (struct span){line.data, i};
    }
    *found = false;
    return line;
}

/* The next line of the file without its comment and the backslash that joins it with another. */
static bool next_part(struct source *source, struct span *part, bool *joins)
{
    if (!span_line(&source->rest, part))
        return false;
    source->lines++;
    bool comment;
    *part = cut_comment(*part, &comment);
    *joins = !comment && part->length && part->data[part->length - 1] == '\\';
    part->length -= *joins;
    return true;
}

static bool join_parts(struct source *source, struct span *line, struct error *err)
{
    text_release(&source->joined);
    text_append(&source->joined, line->data, line->length);
    for (bool joins = true; joins;) {
        struct span part;
        if (!next_part(source, &part, &joins))
            return error_set(err, ERROR_INPUT, "%s: a backslash joins the last line with nothing",
                             source->where);
        text_append(&source->joined, part.data, part.length);
    }
    *line = (struct span){source->joined.data, source->joined.length};
    if (!source->joined.failed || source->joined.no_memory)
        return text_check(&source->joined, source->where, err);
    return error_set(err, ERROR_INPUT, "%s: the joined line is too long; at most %d bytes",
                     source->where, KASE_MAX_LINE - 1);
}

/* The next line with all its parts, until the next call; `*more` is false at the end. */
static bool next_line(struct source *source, struct span *line, bool *more, struct error *err)
{
    bool joins;
    *more = next_part(source, line, &joins);
    if (!*more)
        return true;
    source->line = source->lines;
    snprintf(source->where, sizeof(source->where), "%s:%u", source->name, source->line);
    return !joins || join_parts(source, line, err);
}

static bool read_include(struct reader *reader, const struct source *source, struct span name,
                         struct error *err)
{
    if (!reader->may_include)
        return error_set(err, ERROR_INPUT, "%s: include: only a table file can include another",
                         source->where);
    if (!name.length)
        return error_set(err, ERROR_INPUT, "%s: include: no value; include takes a file's path",
                         source->where);
    const char *slash = strrchr(source->name, '/');
    int folder = slash && name.data[0] != '/' ? (int)(slash + 1 - source->name) : 0;
    char path[PATH_MAX];
    if (name.length >= sizeof(path) - (size_t)folder)
        return error_set(err, ERROR_INPUT, "%s: include: the path is too long", source->where);
    snprintf(path, sizeof(path), "%.*s%.*s", folder, source->name, (int)name.length, name.data);
    return read_file(reader, path, source->where, err);
}

static bool read_line(struct reader *reader, const struct source *source, struct span line,
                      struct error *err)
{
    struct span rest = line, word;
    if (!span_word(&rest, &word))
        return true;
    if (span_equals(word, "include"))
        return read_include(reader, source, span_trim(rest), err);
    return table_expand(reader->table, line, source->index, source->line, source->where, err);
}

static bool read_text(struct reader *reader, const char *text, size_t size, const char *name,
                      struct error *err)
{
    struct source source = {.name = name, .rest = {text, size}};
    if (!table_add_source(reader->table, name, &source.index, err))
        return false;
    text_init(&source.joined, KASE_MAX_LINE);
    struct span line;
    bool ok = true;
    for (bool more = true; ok && more;) {
        ok = next_line(&source, &line, &more, err);
        if (ok && more)
            ok = read_line(reader, &source, line, err);
    }
    text_release(&source.joined);
    return ok;
}

/* Whether the file may be opened now; sets what is wrong in `problem`. */
static bool enter_file(struct reader *reader, const char *path, struct error *problem)
{
    struct stat info;
    if (reader->depth == TABLE_MAX_DEPTH)
        return error_set(problem, ERROR_INPUT, "%s: includes are nested more than %d deep", path,
                         TABLE_MAX_DEPTH);
    if (reader->files == TABLE_MAX_FILES)
        return error_set(problem, ERROR_INPUT, "%s: more than %d files", path, TABLE_MAX_FILES);
    if (stat(path, &info) != 0)
        return error_errno(problem, ERROR_INPUT, "%s", path);
    for (size_t i = 0; i < reader->depth; i++)
        if (reader->open[i].device == info.st_dev && reader->open[i].inode == info.st_ino)
            return error_set(problem, ERROR_INPUT, "%s: a cycle: the file includes itself", path);
    reader->open[reader->depth].device = info.st_dev;
    reader->open[reader->depth++].inode = info.st_ino;
    reader->files++;
    return true;
}

/* `where` is the line that includes the file, NULL for the first one. */
static bool read_file(struct reader *reader, const char *path, const char *where, struct error *err)
{
    struct error problem;
    char *text;
    size_t size;
    if (!enter_file(reader, path, &problem) ||
        !file_read_text(path, TABLE_MAX_FILE, &text, &size, &problem))
        return where ? error_set(err, problem.kind, "%s: include: %s", where, problem.text)
                     : error_set(err, problem.kind, "%s", problem.text);
    bool ok = read_text(reader, text, size, path, err);
    free(text);
    reader->depth--;
    return ok;
}

bool table_read(struct table *table, const char *path, struct error *err)
{
    size_t cases = table->count, sources = table->n_sources;
    struct reader reader = {.table = table, .may_include = true};
    if (read_file(&reader, path, NULL, err))
        return true;
    table_truncate(table, cases, sources);
    return false;
}

bool table_read_memory(struct table *table, const char *text, size_t size, const char *name,
                       struct error *err)
{
    if (size && memchr(text, '\0', size))
        return error_set(err, ERROR_INPUT, "%s: binary data, not text", name);
    size_t cases = table->count, sources = table->n_sources;
    struct reader reader = {.table = table};
    if (read_text(&reader, text, size, name, err))
        return true;
    table_truncate(table, cases, sources);
    return false;
}
