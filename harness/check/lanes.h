/*
 * Two doubles at a time, native on every 64-bit processor. Written out, so that hot loops do not
 * depend on what a compiler vectorises by itself at some level, and sums are added in one order
 * everywhere. Conditions are sums that are 0 when all is well (x - x is, for finite x): masks of
 * comparisons are taken apart into scalar code by some compilers.
 */
#ifndef HARNESS_CHECK_LANES_H
#define HARNESS_CHECK_LANES_H

#include <stdint.h>
#include <string.h>

typedef double lanes __attribute__((vector_size(16)));
typedef int64_t lane_bits __attribute__((vector_size(16)));

static inline lanes lanes_load(const double *from)
{
    lanes x;
    memcpy(&x, from, sizeof x);
    return x;
}

static inline void lanes_store(double *to, lanes x)
{
    memcpy(to, &x, sizeof x);
}

static inline lanes lanes_magnitude(lanes x)
{
    return (lanes)((lane_bits)x & INT64_MAX);
}

static inline lanes lanes_both(double x)
{
    return (lanes){x, x};
}

#endif
