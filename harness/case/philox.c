#include "harness/case/philox.h"

#include <string.h>

/* Blocks per step of philox_fill(): two vectors of 512 bits per word, or half of one. */
enum { LANES = 16, FEW = 4 };

#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u

void philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c0, p1 = (uint64_t)PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint32_t philox_u32(uint64_t seed, uint32_t stream, uint64_t index)
{
    uint64_t block = index / 4;
    uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), stream, 0};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t out[4];
    philox_block(counter, key, out);
    return out[index % 4];
}

/* `lanes` (a constant, at most LANES) consecutive blocks at once. Each word is kept as 64 bits
 * wide, which is how the widening multiply of a vector unit wants its operands. */
static inline __attribute__((always_inline)) void
philox_lanes(int lanes, uint64_t seed, uint32_t stream, uint64_t block, uint32_t *restrict out)
{
    uint64_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int i = 0; i < lanes; i++) {
        c0[i] = (uint32_t)(block + (uint64_t)i);
        c1[i] = (block + (uint64_t)i) >> 32;
        c2[i] = stream;
        c3[i] = 0;
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < lanes; i++) {
            uint64_t p0 = (uint64_t)PHILOX_M0 * (uint32_t)c0[i];
            uint64_t p1 = (uint64_t)PHILOX_M1 * (uint32_t)c2[i];
            c0[i] = (p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = p1 & 0xFFFFFFFFu;
            c2[i] = (p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = p0 & 0xFFFFFFFFu;
        }
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    for (int i = 0; i < lanes; i++) {
        out[4 * i] = (uint32_t)c0[i];
        out[4 * i + 1] = (uint32_t)c1[i];
        out[4 * i + 2] = (uint32_t)c2[i];
        out[4 * i + 3] = (uint32_t)c3[i];
    }
}

void philox_fill(uint64_t seed, uint32_t stream, uint64_t first, uint32_t *out, size_t count)
{
    size_t done = 0;
    uint32_t rest[4 * FEW];
    for (; count - done >= 4 * LANES; done += 4 * LANES)
        philox_lanes(LANES, seed, stream, (first + done) / 4, out + done);
    for (; count - done >= 4 * FEW; done += 4 * FEW)
        philox_lanes(FEW, seed, stream, (first + done) / 4, out + done);
    if (done == count)
        return;
    philox_lanes(FEW, seed, stream, (first + done) / 4, rest);
    memcpy(out + done, rest, (count - done) * sizeof(*out));
}
