/*
 * The messages between a supervisor and its workers: a fixed header, then `length` bytes. Both
 * ends are one program, so payloads are structs as they lie in memory; version and length are
 * checked all the same, since a message torn by a dying process must not be taken for a verdict.
 */
#ifndef HARNESS_RUN_MESSAGE_H
#define HARNESS_RUN_MESSAGE_H

#include "harness/base/error.h"
#include "harness/case/kase.h"
#include "harness/op/verdict.h"
#include "harness/run/device.h"

/* Whether within that time something comes to be received, if only the end. */
bool message_waits(int fd, double seconds);

/* Sends a case; false when the other end is gone. */
bool message_send_case(int fd, uint64_t ticket, const struct kase *) MUST_CHECK;

/* Receives one; false at the end of the stream or on a malformed message. The caller releases the
 * case. */
bool message_receive_case(int fd, uint64_t *ticket, struct kase *) MUST_CHECK;

/* `suspects`: 0, or the worker ends behind this verdict, which belongs to one of that many cases
 * from this one on. */
bool message_send_verdict(int fd, uint64_t ticket, const struct verdict *,
                          unsigned suspects) MUST_CHECK;
bool message_receive_verdict(int fd, uint64_t *ticket, struct verdict *,
                             unsigned *suspects) MUST_CHECK;

/* What a worker says first: whether it has its device. */
struct hello {
    struct error error; /* ERROR_NONE: it is ready */
    char device[256];   /* what the device is */
};

/* Tells a worker that there are no more cases: message_receive_case() is false there. */
bool message_send_end(int fd) MUST_CHECK;

/* What a worker on a GPU says last, when it has been told that. */
bool message_send_memory(int fd, const struct device_memory *) MUST_CHECK;
bool message_receive_memory(int fd, struct device_memory *) MUST_CHECK;

bool message_send_hello(int fd, const struct hello *) MUST_CHECK;
bool message_receive_hello(int fd, struct hello *) MUST_CHECK;

#endif
