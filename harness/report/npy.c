#include "harness/report/npy.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/file.h"

/* Magic, version, length of the text, and the text: a Python literal, padded so that the data
 * begins at a multiple of 64. */
enum { NPY_PREFIX = 10, NPY_HEADER = 192 };

static size_t make_header(const struct npy *m, char header[NPY_HEADER])
{
    static const char prefix[] = "\x93NUMPY\x01";
    char text[NPY_HEADER - NPY_PREFIX];
    const int length = snprintf(text, sizeof text,
                                "{'descr': '%s', 'fortran_order': False, 'shape': (%zu, %zu), }",
                                m->type, m->rows, m->cols);
    const size_t used = NPY_PREFIX + (size_t)length + 1; /* with the newline at the end */
    const size_t total = (used + 63) / 64 * 64;

    memcpy(header, prefix, sizeof prefix); /* its NUL is the minor version */
    header[8] = (char)((total - NPY_PREFIX) & 0xFF);
    header[9] = (char)((total - NPY_PREFIX) >> 8);
    memcpy(header + NPY_PREFIX, text, (size_t)length);
    memset(header + NPY_PREFIX + length, ' ', total - used);
    header[total - 1] = '\n';
    return total;
}

/* Rows of a wider tensor are put together before they are written. */
static bool write_strided(int fd, const struct npy *m, const char *path, struct error *err)
{
    const size_t row = m->cols * m->item, at_once = row < 65536 ? 65536 / row : 1;
    char *buffer = malloc(row * at_once);
    bool ok = buffer || error_set(err, ERROR_INTERNAL, "%s: no memory for a row", path);

    for (size_t r = 0; ok && r < m->rows; r += at_once) {
        const size_t n = m->rows - r < at_once ? m->rows - r : at_once;
        for (size_t i = 0; i < n; i++)
            memcpy(buffer + i * row, (const char *)m->data + (r + i) * m->stride * m->item, row);
        ok = file_write_all(fd, buffer, n * row, path, err);
    }
    free(buffer);
    return ok;
}

static bool write_elements(int fd, const struct npy *m, const char *path, struct error *err)
{
    if (!m->rows || !m->cols)
        return true;
    if (m->stride == m->cols || m->rows == 1)
        return file_write_all(fd, m->data, m->rows * m->cols * m->item, path, err);
    return write_strided(fd, m, path, err);
}

bool npy_write(const char *path, const struct npy *m, struct error *err)
{
    char header[NPY_HEADER];
    const size_t size = make_header(m, header);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (fd < 0)
        return error_errno(err, ERROR_INPUT, "%s", path);
    bool ok = file_write_all(fd, header, size, path, err) && write_elements(fd, m, path, err);
    if (close(fd) && ok)
        ok = error_errno(err, ERROR_INTERNAL, "%s", path);
    if (!ok)
        unlink(path);
    return ok;
}
