/*
 * The messages between a supervisor and its workers: a fixed header, then `length` bytes. Both
 * ends are one program, so payloads are structs as they lie in memory; version and length are
 * checked all the same, since a message torn by a dying process must not be taken for a verdict.
 */
#ifndef HARNESS_RUN_MESSAGE_H
#define HARNESS_RUN_MESSAGE_H

#include "harness/case/kase.h"
#include "harness/op/verdict.h"

/* Sends a case; false when the other end is gone. */
bool message_send_case(int fd, uint64_t ticket, const struct kase *) MUST_CHECK;

/* Receives one; false at the end of the stream or on a malformed message. The caller releases the
 * case. */
bool message_receive_case(int fd, uint64_t *ticket, struct kase *) MUST_CHECK;

bool message_send_verdict(int fd, uint64_t ticket, const struct verdict *) MUST_CHECK;
bool message_receive_verdict(int fd, uint64_t *ticket, struct verdict *) MUST_CHECK;

#endif
