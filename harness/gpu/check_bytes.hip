/*
 * Patterns: written, looked for, and summed.
 */
#include "kernels/kernel.h"

#include "harness/gpu/check_device.h"

enum { BYTES_UNROLL = 4 }; /* loads in flight for each thread */

/* The bytes of a row that a unit has: at most 16, at an address that is a multiple of 16 when it
 * has all of them. */
struct bytes_piece {
    unsigned char *at;
    uint64_t offset; /* from the row's start */
    uint32_t bytes;
};

static __device__ inline struct bytes_piece bytes_piece(const struct check_region *r,
                                                        struct check_at at)
{
    unsigned char *row = r->at + at.row * r->pitch;
    const uint32_t odd = (uint32_t)((uintptr_t)row & 15);
    const uint64_t begin = at.unit ? at.unit * 16 - odd : 0;
    const uint64_t end = at.unit * 16 + 16 - odd;
    struct bytes_piece piece;
    piece.at = row + begin;
    piece.offset = begin;
    piece.bytes = 0;
    if (at.row < r->walk.rows && begin < r->row_bytes)
        piece.bytes = (uint32_t)((end < r->row_bytes ? end : r->row_bytes) - begin);
    return piece;
}

static __device__ inline uint32_t bytes_expected(const struct check_region *r, uint64_t offset)
{
    if (r->pattern)
        return r->pattern[offset & (r->period - 1)];
    return (r->word >> (8 * (offset & 3))) & 255;
}

/* 16 bytes of the repeated word. */
static __device__ inline struct check_16 bytes_repeat(const struct check_region *r, uint64_t offset)
{
    const uint32_t shift = 8 * (uint32_t)(offset & 3);
    const uint32_t word = (uint32_t)(((uint64_t)r->word << 32 | r->word) >> shift);
    struct check_16 v;
    for (uint32_t i = 0; i < 4; i++)
        v.word[i] = word;
    return v;
}

__global__ void __launch_bounds__(CHECK_THREADS) check_poison(struct check_args a)
{
    const struct check_region r = ((const struct check_region *)a.table)[blockIdx.y];
    if (blockIdx.x >= r.walk.blocks)
        return;
    for (struct check_at at = check_begin(&r.walk); at.row < r.walk.rows;
         check_next(&r.walk, &at)) {
        const struct bytes_piece p = bytes_piece(&r, at);
        const struct check_16 v = bytes_repeat(&r, p.offset);
        if (p.bytes == 16 && !r.pattern)
            check_store(p.at, &v);
        else
            for (uint32_t i = 0; i < p.bytes; i++)
                p.at[i] = (unsigned char)bytes_expected(&r, p.offset + i);
    }
}
EXPORT_KERNEL_NO_SYNC(check_poison, struct check_args);

/* Counts the bytes of a piece that differ, and keeps the first. */
static __device__ inline void bytes_differ(const struct check_region *r, struct check_at at,
                                           struct check_scan *found)
{
    const struct bytes_piece p = bytes_piece(r, at);
    for (uint32_t i = 0; i < p.bytes; i++) {
        const uint32_t want = bytes_expected(r, p.offset + i), got = p.at[i];
        const uint64_t offset = at.row * r->pitch + p.offset + i;
        const unsigned long long place = ~(offset << 16 | want << 8 | got);
        found->count += want != got;
        if (want != got && place > found->first)
            found->first = place;
    }
}

/* Whether a few units from `at` on need a look at their bytes: some differ, or they are no whole
 * units, or the pattern is not one word. Moves on. */
static __device__ inline uint32_t bytes_odd(const struct check_region *r, struct check_at *at)
{
    struct bytes_piece piece[BYTES_UNROLL];
    struct check_16 seen[BYTES_UNROLL];
    uint32_t odd = r->pattern != NULL;
    for (uint32_t k = 0; k < BYTES_UNROLL; k++) {
        piece[k] = bytes_piece(r, *at);
        seen[k] = bytes_repeat(r, piece[k].offset);
        if (piece[k].bytes == 16)
            seen[k] = check_load(piece[k].at);
        check_next(&r->walk, at);
    }
    for (uint32_t k = 0; k < BYTES_UNROLL; k++) {
        const struct check_16 want = bytes_repeat(r, piece[k].offset);
        odd |= !check_same(&seen[k], &want) || (piece[k].bytes & 15);
    }
    return odd;
}

__global__ void __launch_bounds__(CHECK_THREADS) check_scan(struct check_args a)
{
    const struct check_region r = ((const struct check_region *)a.table)[blockIdx.y];
    struct check_scan *result = (struct check_scan *)a.result + blockIdx.y;
    struct check_scan found = {0, 0};
    if (blockIdx.x >= r.walk.blocks)
        return;
    for (struct check_at at = check_begin(&r.walk), look = at; at.row < r.walk.rows; look = at)
        if (bytes_odd(&r, &at))
            for (uint32_t k = 0; k < BYTES_UNROLL; k++) {
                bytes_differ(&r, look, &found);
                check_next(&r.walk, &look);
            }
    if (found.count) {
        atomicAdd(&result->count, found.count);
        atomicMax(&result->first, found.first);
    }
}
EXPORT_KERNEL_NO_SYNC(check_scan, struct check_args);

/* A word whose elements equal to fold_from became fold_to. */
static __device__ inline uint32_t bytes_fold(const struct check_region *r, uint32_t word)
{
    const uint32_t bits = 8 * r->fold_size;
    uint32_t folded = 0;
    if (bits == 0)
        return word;
    if (bits == 32)
        return word == r->fold_from ? r->fold_to : word;
    for (uint32_t i = 0; i < 32; i += bits) {
        const uint32_t element = (word >> i) & ((1u << bits) - 1);
        folded |= (element == r->fold_from ? r->fold_to : element) << i;
    }
    return folded;
}

/* Products of words with keys that depend on their place: a change of one word changes the sum by a
 * multiple of its neighbour, and words that trade places change it too. */
static __device__ inline unsigned long long bytes_mix(struct check_16 v, uint64_t unit)
{
    const uint32_t key = (uint32_t)unit * 0x9E3779B1u + (uint32_t)(unit >> 32) + 0x85EBCA77u;
    const uint64_t p = (uint64_t)(v.word[0] + key) * (v.word[1] + (key ^ 0x27D4EB2Fu));
    const uint64_t q =
        (uint64_t)(v.word[2] + (key ^ 0x165667B1u)) * (v.word[3] + (key ^ 0xC2B2AE3Du));
    return p ^ (q << 32 | q >> 32);
}

/* Four blocks to a multiprocessor: it waits for loads more than it computes. */
__global__ void __launch_bounds__(CHECK_THREADS, 4) check_checksum(struct check_args a)
{
    HIP_DYNAMIC_SHARED(unsigned long long, lds)
    const struct check_region r = ((const struct check_region *)a.table)[blockIdx.y];
    const bool aligned = (((uintptr_t)r.at | r.pitch) & 15) == 0;
    const uint32_t t = threadIdx.x;
    unsigned long long sum = 0;
    if (blockIdx.x >= r.walk.blocks)
        return;
    for (struct check_at at = check_begin(&r.walk); at.row < r.walk.rows;) {
        const unsigned char *from[BYTES_UNROLL];
        struct check_pair pair[BYTES_UNROLL];
        uint64_t unit[BYTES_UNROLL];
        uint32_t bytes[BYTES_UNROLL];
        for (uint32_t k = 0; k < BYTES_UNROLL; k++) {
            const uint64_t done = at.unit * 16, left = r.row_bytes - done;
            unit[k] = at.row * r.walk.per_row + at.unit;
            from[k] = r.at + at.row * r.pitch + done;
            bytes[k] = left < 16 ? (uint32_t)left : 16;
            if (at.row >= r.walk.rows || done >= r.row_bytes)
                bytes[k] = 0;
            if (bytes[k] && aligned)
                pair[k].low = check_load(from[k]);
            else if (bytes[k])
                pair[k] = check_load_pair(from[k], bytes[k]);
            check_next(&r.walk, &at);
        }
        for (uint32_t k = 0; k < BYTES_UNROLL; k++) {
            if (bytes[k] == 0)
                continue;
            struct check_16 v = pair[k].low;
            if (!aligned || bytes[k] < 16)
                v = check_join(&pair[k], from[k], bytes[k]);
            for (uint32_t i = 0; i < 4; i++)
                v.word[i] = bytes_fold(&r, v.word[i]);
            sum += bytes_mix(v, unit[k]);
        }
    }
    lds[t] = sum;
    for (uint32_t distance = CHECK_THREADS / 2; distance; distance /= 2) {
        __syncthreads();
        if (t < distance)
            lds[t] += lds[t + distance];
    }
    if (t == 0)
        atomicAdd((unsigned long long *)a.result + blockIdx.y, lds[0]);
}
EXPORT_KERNEL(check_checksum, struct check_args);
