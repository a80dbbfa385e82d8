/*
 * Names the place in the source that an address in an object file belongs to, from the debug
 * information in that file alone: no process, no network, no other file is asked.
 *
 *     char where[SYMBOL_SIZE];
 *     if (symbol_resolve(verdict.object, verdict.object_offset, where, sizeof(where)))
 *         puts(where); // "load_row at kernels/buffer.h:41, called in kernels/group_quant.hip:88"
 */
#ifndef HARNESS_REPORT_SYMBOL_H
#define HARNESS_REPORT_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SYMBOL_SIZE = 512 };

/*
 * `object` is a program or shared object, `offset` the address of the instruction relative to where
 * the object is loaded (dladdr's dli_fbase). A name without a slash is this program, which dladdr
 * calls by its argv[0]. Writes "FUNCTION at FILE:LINE"; inlined code belongs to the innermost
 * function. What lies in a header is followed by the line outside of headers that called it. Files
 * of this source tree are named from its root. Text that does not fit is cut.
 *
 * False when the file is none, has no debug information, or none for this address. Keeps objects
 * open; not for several threads at once.
 */
bool symbol_resolve(const char *object, uint64_t offset, char *out, size_t size);

/* Closes the objects that symbol_resolve opened. */
void symbol_release(void);

#endif
