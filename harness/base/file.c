#include "harness/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int close_keeping_errno(int fd)
{
    int saved = errno;
    int result = close(fd);
    if (result == 0)
        errno = saved;
    return result;
}

/* Reads until `limit` bytes are there or the file ends. */
static bool read_up_to(int fd, char *data, size_t limit, size_t *size)
{
    size_t used = 0;
    while (used < limit) {
        ssize_t got = read(fd, data + used, limit - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    *size = used;
    return true;
}

static bool too_large(const char *path, size_t max, struct error *err)
{
    return error_set(err, ERROR_INPUT, "%s: too large; at most %zu bytes are read", path, max);
}

/* The size of a regular file is known before it is read; that of anything else is not. */
static bool read_open_file(int fd, const char *path, size_t max, char **data, size_t *size,
                           struct error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return error_errno(err, ERROR_INPUT, "%s", path);
    if (S_ISDIR(info.st_mode))
        return error_set(err, ERROR_INPUT, "%s: is a folder, not a file", path);
    if (S_ISREG(info.st_mode) && (uintmax_t)info.st_size > max)
        return too_large(path, max, err);
    /* One byte more than there should be, so that growth and excess are seen. */
    size_t limit = (S_ISREG(info.st_mode) && info.st_size > 0 ? (size_t)info.st_size : max) + 1;
    char *buffer = malloc(limit + 1);
    if (!buffer)
        return error_set(err, ERROR_INTERNAL, "%s: no memory for %zu bytes", path, limit);
    size_t used;
    if (!read_up_to(fd, buffer, limit, &used)) {
        error_errno(err, ERROR_INPUT, "%s: read", path);
        free(buffer);
        return false;
    }
    if (used == limit) {
        free(buffer);
        return limit > max ? too_large(path, max, err)
                           : error_set(err, ERROR_INPUT, "%s: grew while it was read", path);
    }
    buffer[used] = '\0';
    *data = buffer;
    *size = used;
    return true;
}

bool file_read(const char *path, size_t max, char **data, size_t *size, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, ERROR_INPUT, "%s", path);
    bool ok = read_open_file(fd, path, max, data, size, err);
    close(fd);
    return ok;
}

bool file_read_text(const char *path, size_t max, char **data, size_t *size, struct error *err)
{
    char *buffer;
    size_t length;
    if (!file_read(path, max, &buffer, &length, err))
        return false;
    const char *nul = memchr(buffer, '\0', length);
    if (nul) {
        size_t at = (size_t)(nul - buffer);
        free(buffer);
        return error_set(err, ERROR_INPUT, "%s: a binary file, not text (byte %zu is 0)", path, at);
    }
    *data = buffer;
    *size = length;
    return true;
}

/* Whose fault a failed write is: the path's, which the user gave, or the system's. */
static enum error_class write_error_class(int code)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case EPERM:
    case EROFS:
    case ENAMETOOLONG:
    case ELOOP:
        return ERROR_INPUT;
    default:
        return ERROR_INTERNAL;
    }
}

static bool write_error(const char *path, struct error *err)
{
    return error_errno(err, write_error_class(errno), "%s: cannot be written", path);
}

bool file_write_all(int fd, const void *data, size_t size, const char *path, struct error *err)
{
    const char *next = data;
    while (size > 0) {
        ssize_t done = write(fd, next, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return write_error(path, err);
        next += done;
        size -= (size_t)done;
    }
    return true;
}

/* Opens a new file in `folder`. The name holds the process id: what a killed process left behind
 * stands in nobody's way. */
static int open_temporary(const char *folder, char name[PATH_MAX])
{
    for (unsigned i = 0; i < 1000; i++) {
        int length = snprintf(name, PATH_MAX, "%s/.harness-%ld-%u.tmp", folder, (long)getpid(), i);
        if (length >= PATH_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* File systems that cannot sync a folder say EINVAL; there is nothing more to be had from them. */
static bool sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP;
    return close_keeping_errno(fd) == 0 && ok;
}

static bool write_temporary(int fd, const char *name, const char *path, const void *data,
                            size_t size, struct error *err)
{
    bool ok = file_write_all(fd, data, size, path, err);
    if (ok && fsync(fd) != 0)
        ok = write_error(path, err);
    if (close_keeping_errno(fd) != 0 && ok)
        ok = write_error(path, err);
    if (ok && rename(name, path) != 0)
        ok = write_error(path, err);
    return ok;
}

bool file_write(const char *path, const void *data, size_t size, struct error *err)
{
    char folder[PATH_MAX], name[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 1;
    if (length >= sizeof(folder))
        return error_set(err, ERROR_INPUT, "%s: path too long", path);
    memcpy(folder, slash ? path : ".", length);
    folder[length] = '\0'; /* "/file" gives "", and "/.harness..." is right */
    int fd = open_temporary(folder, name);
    if (fd < 0)
        return write_error(path, err);
    if (!write_temporary(fd, name, path, data, size, err)) {
        unlink(name);
        return false;
    }
    if (!sync_folder(length ? folder : "/"))
        return write_error(path, err);
    return true;
}
