#include "harness/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void set_text(struct error *err, enum error_class kind, const char *format, va_list args)
{
    err->kind = kind;
    vsnprintf(err->text, sizeof(err->text), format, args);
}

bool error_set(struct error *err, enum error_class kind, const char *format, ...)
{
    if (!err)
        return false;
    va_list args;
    va_start(args, format);
    set_text(err, kind, format, args);
    va_end(args);
    return false;
}

bool error_errno(struct error *err, enum error_class kind, const char *format, ...)
{
    int saved = errno;
    if (!err)
        return false;
    va_list args;
    va_start(args, format);
    set_text(err, kind, format, args);
    va_end(args);
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(saved));
    return false;
}

int error_report(const struct error *err)
{
    static const int exit_code[] = {
        [ERROR_NONE] = 6, [ERROR_INPUT] = 2, [ERROR_NO_DEVICE] = 5, [ERROR_INTERNAL] = 6};
    fprintf(stderr, "harness: %s\n", err->text);
    return exit_code[err->kind];
}
