#include "harness/run/message.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum message_type {
    MESSAGE_CASE = 1,
    MESSAGE_VERDICT = 2,
    MESSAGE_HELLO = 3,
    MESSAGE_MEMORY = 4,
    MESSAGE_END = 5
};

enum { MESSAGE_MAGIC = 0x4B4E5248, MESSAGE_VERSION = 4 };

struct header {
    uint32_t magic;
    uint16_t version, type;
    uint32_t length, suspects;
    uint64_t ticket;
};

static bool read_all(int fd, void *data, size_t size)
{
    unsigned char *at = data;
    while (size) {
        ssize_t n = read(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static bool write_all(int fd, struct iovec *part, int count)
{
    while (count) {
        ssize_t n = writev(fd, part, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        for (; count && (size_t)n >= part->iov_len; part++, count--)
            n -= (ssize_t)part->iov_len;
        if (count) {
            part->iov_base = (char *)part->iov_base + n;
            part->iov_len -= (size_t)n;
        }
    }
    return true;
}

static struct header header_of(enum message_type type, uint64_t ticket, size_t length)
{
    return (struct header){.magic = MESSAGE_MAGIC,
                           .version = MESSAGE_VERSION,
                           .type = (uint16_t)type,
                           .length = (uint32_t)length,
                           .ticket = ticket};
}

static bool receive_header(int fd, enum message_type type, size_t min, size_t max, struct header *h)
{
    return read_all(fd, h, sizeof(*h)) && h->magic == MESSAGE_MAGIC &&
           h->version == MESSAGE_VERSION && h->type == type && h->length >= min && h->length <= max;
}

bool message_waits(int fd, double seconds)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, (int)(seconds * 1e3)) > 0;
}

bool message_send_case(int fd, uint64_t ticket, const struct kase *kase)
{
    size_t text = kase->literals ? strlen(kase->literals) : 0;
    struct header h = header_of(MESSAGE_CASE, ticket, sizeof(*kase) + text);
    struct kase flat = *kase;
    flat.literals = NULL;
    struct iovec parts[] = {{&h, sizeof(h)}, {&flat, sizeof(flat)}, {kase->literals, text}};
    return write_all(fd, parts, 3);
}

bool message_receive_case(int fd, uint64_t *ticket, struct kase *kase)
{
    struct header h;
    if (!receive_header(fd, MESSAGE_CASE, sizeof(*kase), sizeof(*kase) + KASE_MAX_LINE, &h) ||
        !read_all(fd, kase, sizeof(*kase)))
        return false;
    size_t text = h.length - sizeof(*kase);
    *ticket = h.ticket;
    kase->literals = NULL;
    if (!text)
        return true;
    kase->literals = malloc(text + 1);
    if (!kase->literals || !read_all(fd, kase->literals, text)) {
        free(kase->literals);
        return false;
    }
    kase->literals[text] = '\0';
    return true;
}

bool message_send_verdict(int fd, uint64_t ticket, const struct verdict *v, unsigned suspects)
{
    struct header h = header_of(MESSAGE_VERDICT, ticket, sizeof(*v));
    struct verdict copy = *v;
    struct iovec parts[] = {{&h, sizeof(h)}, {&copy, sizeof(copy)}};
    h.suspects = suspects;
    return write_all(fd, parts, 2);
}

bool message_receive_verdict(int fd, uint64_t *ticket, struct verdict *v, unsigned *suspects)
{
    struct header h;
    if (!receive_header(fd, MESSAGE_VERDICT, sizeof(*v), sizeof(*v), &h) ||
        !read_all(fd, v, sizeof(*v)))
        return false;
    *ticket = h.ticket;
    *suspects = h.suspects;
    return true;
}

bool message_send_hello(int fd, const struct hello *hello)
{
    struct header h = header_of(MESSAGE_HELLO, 0, sizeof(*hello));
    struct hello copy = *hello;
    struct iovec parts[] = {{&h, sizeof(h)}, {&copy, sizeof(copy)}};
    return write_all(fd, parts, 2);
}

bool message_receive_hello(int fd, struct hello *hello)
{
    struct header h;
    return receive_header(fd, MESSAGE_HELLO, sizeof(*hello), sizeof(*hello), &h) &&
           read_all(fd, hello, sizeof(*hello));
}

bool message_send_end(int fd)
{
    struct header h = header_of(MESSAGE_END, 0, 0);
    struct iovec part = {&h, sizeof(h)};
    return write_all(fd, &part, 1);
}

bool message_send_memory(int fd, const struct device_memory *memory)
{
    struct header h = header_of(MESSAGE_MEMORY, 0, sizeof(*memory));
    struct device_memory copy = *memory;
    struct iovec parts[] = {{&h, sizeof(h)}, {&copy, sizeof(copy)}};
    return write_all(fd, parts, 2);
}

bool message_receive_memory(int fd, struct device_memory *memory)
{
    struct header h;
    return receive_header(fd, MESSAGE_MEMORY, sizeof(*memory), sizeof(*memory), &h) &&
           read_all(fd, memory, sizeof(*memory));
}
