/*
 * Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random
 * numbers: as easy as 1, 2, 3", 2011). A value depends on (seed, stream, index) and on nothing
 * else: not on the device, the number of threads, or what was drawn before.
 */
#ifndef HARNESS_CASE_PHILOX_H
#define HARNESS_CASE_PHILOX_H

#include <stddef.h>
#include <stdint.h>

/* The block function: ten rounds over a 128-bit counter under a 64-bit key. */
void philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* 32 random bits: word index % 4 of the block with counter {index / 4 (64 bits), stream, 0} under
 * the key `seed`. */
uint32_t philox_u32(uint64_t seed, uint32_t stream, uint64_t index);

/* Words [first, first + count) of the same sequence. `first` must be a multiple of 4. */
void philox_fill(uint64_t seed, uint32_t stream, uint64_t first, uint32_t *out, size_t count);

/* A whole number uniform in [low, high] from one word (bias below 2^-32 * range, which must fit
 * 32 bits). */
static inline int64_t philox_range(uint32_t word, int64_t low, int64_t high)
{
    return low + (int64_t)(((uint64_t)word * ((uint64_t)(high - low) + 1)) >> 32);
}

#endif
