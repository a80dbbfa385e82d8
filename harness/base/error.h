/*
 * Errors are values. A function that can fail returns false (or NULL) and says why in a
 * `struct error` that the caller owns: a class, which decides the exit code, and one line of text
 * that is complete by itself (file, line, key, accepted values). Nothing but main prints or exits.
 *
 *     struct error err;
 *     if (!table_read(&table, path, &err))
 *         return error_report(&err);
 */
#ifndef HARNESS_BASE_ERROR_H
#define HARNESS_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

enum error_class {
    ERROR_NONE = 0,
    ERROR_INPUT,     /* the user's: flag, case, table, file, environment; exit 2 */
    ERROR_NO_DEVICE, /* the device asked for is not here; exit 5 */
    ERROR_INTERNAL,  /* ours or the system's: memory, disk, a bug; exit 6 */
};

struct error {
    enum error_class kind;
    char text[512];
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Sets `err` (which may be NULL) and returns false, so that a failing function ends in one line:
 * `return error_set(err, ERROR_INPUT, "%s:%u: unknown key '%s'", path, line, key);`.
 * Text that does not fit is cut. */
bool error_set(struct error *err, enum error_class kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": <strerror(errno)>" behind it. */
bool error_errno(struct error *err, enum error_class kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints "harness: <text>" on stderr and returns the exit code of the class. */
int error_report(const struct error *err);

#endif
