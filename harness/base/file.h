/*
 * Whole files: read with a hard maximum, written atomically. Every error names the path.
 */
#ifndef HARNESS_BASE_FILE_H
#define HARNESS_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"

/* Reads a file, pipe or device of at most `max` bytes into memory that the caller frees; a NUL that
 * `*size` does not count stands behind it. Nothing is set on an error. */
bool file_read(const char *path, size_t max, char **data, size_t *size, struct error *) MUST_CHECK;

/* The same for text: a byte of value 0 means that it is none, an error. */
bool file_read_text(const char *path, size_t max, char **data, size_t *size,
                    struct error *) MUST_CHECK;

/* Writes a file so that a reader, or a restart after a crash, sees the old content or the new one:
 * under a temporary name in the same folder, synced, renamed, folder synced. On an error the old
 * file is untouched and the temporary one is gone. A path that cannot be written to is
 * ERROR_INPUT; a full disk is ERROR_INTERNAL. A symbolic link is replaced, not followed. */
bool file_write(const char *path, const void *data, size_t size, struct error *) MUST_CHECK;

/* Writes all bytes to an open file; `path` is for the error's text. */
bool file_write_all(int fd, const void *data, size_t size, const char *path,
                    struct error *) MUST_CHECK;

#endif
