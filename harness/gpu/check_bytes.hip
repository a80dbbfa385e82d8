/*
 * Patterns: written, looked for, and summed.
 */
#include "kernels/kernel.h"

#include "harness/gpu/check_device.h"

enum { BYTES_UNROLL = 3 }; /* loads in flight for each thread */

static __device__ inline struct check_piece bytes_piece(const struct check_region *r,
                                                        struct check_at at)
{
    struct check_piece p = check_piece(r->at + at.row * r->pitch, r->row_bytes, at.unit, 16);
    if (at.row >= r->walk.rows)
        p.end = p.begin;
    return p;
}

/* 16 bytes of the pattern. */
static __device__ inline struct check_16 bytes_gather(const struct check_region *r, uint64_t offset)
{
    const uint32_t at = (uint32_t)offset & (r->period - 1);
    struct check_16 v = {{0, 0, 0, 0}};
    if (at + 16 <= r->period) {
        const struct check_pair pair = check_load_pair(r->pattern + at, 0, 16);
        return check_join(&pair, (uint32_t)(uintptr_t)(r->pattern + at) & 15);
    }
    for (uint32_t i = 0; i < 16; i++)
        v.word[i / 4] |= (uint32_t)r->pattern[(at + i) & (r->period - 1)] << (8 * (i % 4));
    return v;
}

/* What should stand from some byte of a row on. */
static __device__ inline struct check_16 bytes_expected(const struct check_region *r,
                                                        uint64_t offset)
{
    const uint32_t shift = 8 * (uint32_t)(offset & 3);
    const uint32_t word = (uint32_t)(((uint64_t)r->word << 32 | r->word) >> shift);
    struct check_16 v;
    if (r->pattern)
        return bytes_gather(r, offset);
    for (uint32_t i = 0; i < 4; i++)
        v.word[i] = word;
    return v;
}

__global__ void __launch_bounds__(CHECK_THREADS) check_poison(struct check_args a)
{
    const struct check_region r = ((const struct check_region *)a.table)[blockIdx.y];
    if (blockIdx.x >= r.walk.blocks)
        return;
    for (struct check_at at = check_begin(&r.walk, check_thread()); at.row < r.walk.rows;
         check_next(&r.walk, &at)) {
        const struct check_piece p = bytes_piece(&r, at);
        const struct check_16 v = bytes_expected(&r, p.offset);
        if (p.begin < p.end)
            check_store_part(p.unit, &v, p.begin, p.end);
    }
}
EXPORT_KERNEL_NO_SYNC(check_poison, struct check_args);

/* Counts the bytes of a piece that differ, and keeps the first. */
static __device__ inline void bytes_differ(const struct check_region *r, struct check_at at,
                                           struct check_scan *found)
{
    const struct check_piece p = bytes_piece(r, at);
    const struct check_16 expected = bytes_expected(r, p.offset);
    for (uint32_t i = p.begin; i < p.end; i++) {
        const uint32_t want = check_byte(&expected, i), got = p.unit[i];
        const uint64_t offset = at.row * r->pitch + p.offset + i;
        const unsigned long long place = ~(offset << 16 | want << 8 | got);
        found->count += want != got;
        if (want != got && place > found->first)
            found->first = place;
    }
}

/* Whether bytes differ in a few units from `at` on. Moves on. */
static __device__ inline bool bytes_odd(const struct check_region *r, struct check_at *at)
{
    struct check_piece piece[BYTES_UNROLL];
    struct check_16 seen[BYTES_UNROLL];
    uint32_t odd = 0;
    for (uint32_t k = 0; k < BYTES_UNROLL; k++) {
        piece[k] = bytes_piece(r, *at);
        if (piece[k].begin < piece[k].end)
            seen[k] = check_load(piece[k].unit);
        check_next(&r->walk, at);
    }
    for (uint32_t k = 0; k < BYTES_UNROLL; k++) {
        if (piece[k].begin == piece[k].end)
            continue;
        const struct check_16 want = bytes_expected(r, piece[k].offset);
        for (uint32_t i = 0; i < 4; i++)
            seen[k].word[i] ^= want.word[i];
        if (piece[k].end - piece[k].begin < 16)
            check_keep(&seen[k], piece[k].begin, piece[k].end);
        odd |= seen[k].word[0] | seen[k].word[1] | seen[k].word[2] | seen[k].word[3];
    }
    return odd != 0;
}

__global__ void __launch_bounds__(CHECK_THREADS) check_scan(struct check_args a)
{
    const struct check_region r = ((const struct check_region *)a.table)[blockIdx.y];
    struct check_scan *result = (struct check_scan *)a.result + blockIdx.y;
    struct check_scan found = {0, 0};
    if (blockIdx.x >= r.walk.blocks)
        return;
    if (r.walk.blocks == 1 && threadIdx.x == 0)
        *result = found;
    __syncthreads();
    for (struct check_at at = check_begin(&r.walk, check_thread()), look = at; at.row < r.walk.rows;
         look = at)
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
EXPORT_KERNEL(check_scan, struct check_args);

/* A word whose elements equal to fold_from became fold_to. */
static __device__ inline uint32_t bytes_fold(const struct check_region *r, uint32_t word)
{
    const uint32_t size = r->fold_size;
    if (size == 0)
        return word;
    return word ^ (check_equal(word, check_repeat(r->fold_from, size), size) &
                   check_repeat(r->fold_from ^ r->fold_to, size));
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

/* Three blocks to a multiprocessor: it waits for loads more than it computes. */
__global__ void __launch_bounds__(CHECK_THREADS, 3) check_checksum(struct check_args a)
{
    HIP_DYNAMIC_SHARED(unsigned long long, lds)
    const struct check_region r = ((const struct check_region *)a.table)[blockIdx.y];
    unsigned long long *result = (unsigned long long *)a.result + blockIdx.y;
    const bool aligned = (((uintptr_t)r.at | r.pitch) & 15) == 0;
    const uint32_t t = threadIdx.x;
    unsigned long long sum = 0;
    if (blockIdx.x >= r.walk.blocks)
        return;
    for (struct check_at at = check_begin(&r.walk, check_thread()); at.row < r.walk.rows;) {
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
                pair[k] = check_load_pair(from[k], 0, bytes[k]);
            check_next(&r.walk, &at);
        }
        for (uint32_t k = 0; k < BYTES_UNROLL; k++) {
            if (bytes[k] == 0)
                continue;
            struct check_16 v = pair[k].low;
            if (!aligned)
                v = check_join(&pair[k], (uint32_t)(uintptr_t)from[k] & 15);
            if (bytes[k] < 16)
                check_keep(&v, 0, bytes[k]);
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
    if (t == 0 && r.walk.blocks == 1)
        *result = lds[0];
    else if (t == 0)
        atomicAdd(result, lds[0]);
}
EXPORT_KERNEL(check_checksum, struct check_args);
