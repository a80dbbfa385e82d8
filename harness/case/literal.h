/*
 * Literal elements of a case line, `in.TENSOR[FIRST]=V,V*N,...`: their syntax. Whether the tensor
 * exists and the values fit its type is known only when the operator declares its tensors.
 * Walking them is declared in kase.h.
 */
#ifndef HARNESS_CASE_LITERAL_H
#define HARNESS_CASE_LITERAL_H

#include "harness/base/text.h"
#include "harness/case/kase.h"

/* Takes "in.x[3]" and "1,2*4" apart; `*count` is the number of elements, repeats included. Returns
 * NULL, or what is wrong with the text. */
const char *literal_parse(struct span name, struct span values, struct literal *, size_t *count);

#endif
