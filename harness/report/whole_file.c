#include "harness/report/whole_file.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/file.h"

static bool in_place(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

static bool write_in_place(const char *path, const void *data, size_t size, struct error *err)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return error_errno(err, ERROR_INPUT, "%s: cannot be written", path);
    bool ok = file_write_all(fd, data, size, path, err);
    if (close(fd) != 0 && ok)
        ok = error_errno(err, ERROR_INTERNAL, "%s: cannot be written", path);
    return ok;
}

bool whole_file_write(const char *path, const void *data, size_t size, struct error *err)
{
    if (!strcmp(path, "-"))
        return file_write_all(STDOUT_FILENO, data, size, "standard output", err);
    return in_place(path) ? write_in_place(path, data, size, err)
                          : file_write(path, data, size, err);
}

bool whole_file_writable(const char *path, struct error *err)
{
    char copy[PATH_MAX];
    struct stat info;
    if (!strcmp(path, "-"))
        return true;
    if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
        return error_set(err, ERROR_INPUT, "%s: path too long", path);
    bool there = stat(path, &info) == 0;
    if (there && S_ISDIR(info.st_mode))
        return error_set(err, ERROR_INPUT, "%s: is a folder, not a file", path);
    bool ok =
        there && in_place(path) ? access(path, W_OK) == 0 : access(dirname(copy), W_OK | X_OK) == 0;
    return ok || error_errno(err, ERROR_INPUT, "%s: cannot be written", path);
}
