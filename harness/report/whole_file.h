/*
 * Reports that are written when everything is known: JUnit and HTML. A plain file is replaced
 * atomically; a pipe, a device or a link stays what it is and is written into; "-" is the standard
 * output.
 */
#ifndef HARNESS_REPORT_WHOLE_FILE_H
#define HARNESS_REPORT_WHOLE_FILE_H

#include <stddef.h>

#include "harness/base/error.h"

/* Whether a report could be written there now: a run must not end with an unwritable report. */
bool whole_file_writable(const char *path, struct error *err) MUST_CHECK;

bool whole_file_write(const char *path, const void *data, size_t size,
                      struct error *err) MUST_CHECK;

#endif
