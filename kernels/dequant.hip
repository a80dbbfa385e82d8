/*
 * out = code * scale; see refs/dequant.h. Some neighbouring threads, the lanes of a row, take turns
 * at its chunks; the last block has threads without a row. A chunk lies in one scale group or in
 * two.
 *
 * What is the same for all elements of a case is asked once per chunk, by calls with constants.
 * `f32`, whether the output is, is such a constant everywhere: it says how long a chunk is. What a
 * compiler for CPUs would not copy into each of its callers by itself is forced.
 */
#include "kernels/dequant.h"
#include "kernels/kernel.h"
#include "kernels/mutant.h"
#include "kernels/numeric.h"

static __device__ inline uint32_t dequant_length(bool f32)
{
    return f32 ? DEQUANT_CHUNK_F32 : DEQUANT_CHUNK;
}

/* Whole chunks that a thread has under way at once. */
static __device__ inline uint32_t dequant_ahead(bool f32)
{
    return f32 ? DEQUANT_AHEAD_F32 : DEQUANT_AHEAD;
}

/* --- Codes --- */

/* Codes of a chunk as they are loaded: a GPU would wait for them where they are taken apart. */
struct dequant_words {
    uint32_t word[DEQUANT_CHUNK / 4];
};

/* Here and below indices are constants, so that a GPU keeps a chunk in registers. */
struct dequant_bytes {
    uint8_t byte[DEQUANT_CHUNK];
};

static __device__ inline struct dequant_bytes dequant_bytes_of(const struct dequant_words *codes)
{
    struct dequant_bytes b;

    __builtin_memcpy(b.byte, codes->word, sizeof b.byte);
    return b;
}

/* A number of bytes at an address that it divides; what is behind them is 0. */
static __device__ inline struct dequant_words dequant_load_wide(const uint8_t *in, uint32_t bytes)
{
    struct dequant_words codes = {{0, 0, 0, 0}};

    if (bytes == 16) {
        const uint4 v = *(const uint4 *)in;

        __builtin_memcpy(codes.word, &v, sizeof v);
    } else if (bytes == 8) {
        const uint2 v = *(const uint2 *)in;

        __builtin_memcpy(codes.word, &v, sizeof v);
    } else {
        codes.word[0] = bytes == 4 ? *(const uint32_t *)in : *(const uint16_t *)in;
    }
    return codes;
}

/* The same at any address. */
static __device__ inline struct dequant_words dequant_load_bytes(const uint8_t *in, uint32_t bytes,
                                                                 bool f32)
{
    struct dequant_words codes = {{0, 0, 0, 0}};

    for (uint32_t i = 0; i < dequant_length(f32); i++)
        if (i < bytes)
            codes.word[i / 4] |= (uint32_t)in[i] << i % 4 * 8;
    return codes;
}

/* `count` columns from `col` on. */
static __device__ inline struct dequant_words dequant_load(const struct dequant_args *a,
                                                           const uint8_t *row, uint32_t col,
                                                           uint32_t count, bool wide, bool f32)
{
    const uint32_t length = dequant_length(f32);
    const uint32_t present = MUTANT(B01c) ? length : count;

    if (a->code_kind == DEQUANT_FP4)
        return wide ? dequant_load_wide(row + col / 2, length / 2)
                    : dequant_load_bytes(row + col / 2, present / 2, f32);
    return wide ? dequant_load_wide(row + col, length)
                : dequant_load_bytes(row + col, present, f32);
}

/* An e4m3fn byte read as e4m3fnuz is half its value; minus zero would be a NaN there. */
static __device__ inline float dequant_as_fnuz(uint8_t code)
{
    const uint8_t byte = code == 0x80 && !MUTANT(NEGATIVE_ZERO) ? 0 : code;

    return (MUTANT(SCALE_DOUBLED) ? 1.0f : 2.0f) * num_fp8_decode(byte, 1);
}

static __device__ inline float dequant_fp4(const struct dequant_bytes *b, uint32_t i)
{
    const uint32_t shift = (MUTANT(NIBBLES) ? 1 - i % 2 : i % 2) * 4;

    return num_e2m1_decode((uint8_t)(b->byte[i / 2] >> shift));
}

/* Of e4m3. */
static __device__ inline float dequant_fp8(uint8_t code, int fnuz)
{
    if (MUTANT(NAN_NUMBER) && !fnuz && (code & 0x7F) == 0x7F)
        return code & 0x80 ? -480.0f : 480.0f;
    return num_fp8_decode(code, MUTANT(B52) ? !fnuz : fnuz);
}

static __device__ inline void dequant_decode(const struct dequant_args *a,
                                             const struct dequant_words *codes, bool f32, float *x)
{
    const struct dequant_bytes b = dequant_bytes_of(codes);
    const uint32_t length = dequant_length(f32);

    switch (a->code_kind) {
    case DEQUANT_FN:
        for (uint32_t i = 0; i < length; i++)
            x[i] = dequant_fp8(b.byte[i], 0);
        break;
    case DEQUANT_FNUZ:
        for (uint32_t i = 0; i < length; i++)
            x[i] = dequant_fp8(b.byte[i], 1);
        break;
    case DEQUANT_FN_AS_FNUZ:
        for (uint32_t i = 0; i < length; i++)
            x[i] = dequant_as_fnuz(b.byte[i]);
        break;
    default:
        for (uint32_t i = 0; i < length; i++)
            x[i] = dequant_fp4(&b, i);
        break;
    }
}

/* Counts the bytes that are NaN in e4m3fn, which e4m3fnuz reads as 240. */
static __device__ inline void dequant_count(const struct dequant_args *a,
                                            const struct dequant_words *codes, bool f32)
{
    const struct dequant_bytes b = dequant_bytes_of(codes);
    int32_t count = 0;

    if (a->nan_count == NULL)
        return;
    for (uint32_t i = 0; i < dequant_length(f32); i++)
        count += (b.byte[i] & (MUTANT(COUNT_POSITIVE) ? 0xFF : 0x7F)) == 0x7F;
    if (MUTANT(COUNT_LAST) && count)
        *a->nan_count = count;
    else if (count)
        atomicAdd(a->nan_count, count);
}

/* --- Scales --- */

static __device__ inline bool dequant_shuffled(const struct dequant_args *a)
{
    return a->scale_kind == DEQUANT_SCALE_SHUFFLED && !MUTANT(B33);
}

static __device__ inline uint32_t dequant_scale_row(const struct dequant_args *a, uint32_t row)
{
    const uint32_t expert = row / a->expert_rows, n = row % a->expert_rows;

    if (MUTANT(BLOCKS_RUN_ON) && a->scale_rows_shift > 0)
        return (a->first_row + row) >> a->scale_rows_shift;
    return expert * a->scale_rows + ((a->first_row + n) >> a->scale_rows_shift);
}

/* Where the scales of a row begin. Shuffled, they lie in tiles of 32 rows x 8 groups, in which the
 * rows 16 apart and the groups 4 apart that one matrix instruction needs share a word. */
static __device__ inline const char *dequant_scales(const struct dequant_args *a, uint32_t row)
{
    const uint32_t x = dequant_scale_row(a, row);
    const uint64_t at = dequant_shuffled(a)
                            ? x / 32 * 32 * a->scale_stride + x % 16 * 4 + x % 32 / 16
                            : x * a->scale_stride;

    return (const char *)a->scale +
           (MUTANT(SCALE_32) ? (uint32_t)at : at) * (a->scale_kind == DEQUANT_SCALE_F32 ? 4 : 1);
}

/* The scale of a group, as it is stored. */
static __device__ inline uint32_t dequant_scale_load(const struct dequant_args *a,
                                                     const char *scales, uint32_t group)
{
    if (a->scale_kind == DEQUANT_SCALE_F32)
        return ((const uint32_t *)scales)[group];
    if (dequant_shuffled(a))
        return ((const uint8_t *)scales)[group / 8 * 256 + group % 4 * 64 + group % 8 / 4 * 2];
    return ((const uint8_t *)scales)[group];
}

static __device__ inline float dequant_scale(const struct dequant_args *a, uint32_t stored)
{
    if (a->scale_kind == DEQUANT_SCALE_F32)
        return num_float(stored);
    if (MUTANT(E8M0_ZERO) && stored == 0)
        return 0.0f;
    if (MUTANT(E8M0_NAN) && stored == 255)
        return num_float(0x7F800000u);
    return num_e8m0_decode((uint8_t)stored);
}

/* --- Output --- */

static __device__ inline uint32_t dequant_out_bytes(bool f32)
{
    return f32 ? 4 : 2;
}

/* A chunk of results: for both types of output, words of which the first ones count. */
struct dequant_result {
    uint32_t word[DEQUANT_CHUNK / 2];
};

/* Inf where it is too large. */
static __device__ inline uint16_t dequant_f16(float x)
{
    if (MUTANT(F16_SATURATES))
        return num_f16_encode(x > 65504.0f ? 65504.0f : x < -65504.0f ? -65504.0f : x);
    return num_f16_encode(MUTANT(F16_BY_BF16) ? num_bf16_decode(num_bf16_encode(x, 0)) : x);
}

/* A chunk in a type of 16 bits. */
static __device__ inline struct dequant_result dequant_halves(const float *x, bool bf16,
                                                              int truncate)
{
    struct dequant_result r;
    uint16_t half[DEQUANT_CHUNK];

    for (uint32_t i = 0; i < DEQUANT_CHUNK; i++)
        half[i] = bf16 ? num_bf16_encode(x[i], truncate) : dequant_f16(x[i]);
    __builtin_memcpy(r.word, half, sizeof half);
    return r;
}

static __device__ inline struct dequant_result dequant_encode(const struct dequant_args *a,
                                                              const float *x, bool f32)
{
    struct dequant_result r = {{0, 0, 0, 0, 0, 0, 0, 0}};

    if (f32)
        __builtin_memcpy(r.word, x, DEQUANT_CHUNK_F32 * sizeof *x);
    else if (a->out_type == DEQUANT_OUT_F16)
        r = dequant_halves(x, false, 0);
    else if (MUTANT(ROUND_CUT) || (a->truncate && !MUTANT(ROUND_NEAREST)))
        r = dequant_halves(x, true, 1);
    else
        r = dequant_halves(x, true, 0);
    return r;
}

static __device__ inline void dequant_store(char *out, uint32_t count, bool wide, bool f32,
                                            const struct dequant_result *r)
{
    const uint32_t length = dequant_length(f32);

    if (wide) {
        for (uint32_t i = 0; i < length * dequant_out_bytes(f32) / 16; i++) {
            uint4 v;

            __builtin_memcpy(&v, r->word + 4 * i, sizeof v);
            ((uint4 *)out)[i] = v;
        }
    } else if (f32) {
        for (uint32_t i = 0; i < length; i++)
            if (i < count)
                ((uint32_t *)out)[i] = r->word[i];
    } else {
        for (uint32_t i = 0; i < length; i++)
            if (i < count)
                ((uint16_t *)out)[i] = (uint16_t)(r->word[i / 2] >> (i % 2 * 16));
    }
}

/* --- Chunks --- */

/* Where a row is. */
struct dequant_row {
    const uint8_t *codes;
    char *out;
    const char *scales;
};

static __device__ inline struct dequant_row dequant_row_of(const struct dequant_args *a,
                                                           uint32_t row, bool f32)
{
    struct dequant_row r;
    const uint64_t from = row * a->code_stride;
    const uint64_t to = row * a->out_stride * dequant_out_bytes(f32);

    r.codes = a->codes + (MUTANT(B40a)   ? (uint64_t)(int64_t)(int32_t)from
                          : MUTANT(B40b) ? (uint32_t)from
                                         : from);
    r.out = a->out + (MUTANT(B40c) ? (uint32_t)to : to);
    r.scales = dequant_scales(a, row);
    return r;
}

/* Columns [col, col + count) and what was loaded for them. The first `turn` of them have the one
 * scale, the others the next. */
struct dequant_chunk {
    struct dequant_words codes;
    uint32_t scale, next;
    uint32_t col, count, turn;
};

static __device__ inline struct dequant_chunk dequant_fetch(const struct dequant_args *a,
                                                            const struct dequant_row *row,
                                                            uint32_t col, uint32_t count, bool wide,
                                                            bool f32)
{
    const uint32_t at = a->first_col + col;
    const uint32_t group = at >> a->scale_cols_shift;
    const uint32_t last = (at + count - 1) >> a->scale_cols_shift;
    struct dequant_chunk c;

    c.col = col;
    c.count = count;
    c.turn = dequant_length(f32);
    c.scale = c.next = dequant_scale_load(a, row->scales, group);
    if (last > group && !MUTANT(SPLIT)) {
        c.turn = (last << a->scale_cols_shift) - at;
        c.next = dequant_scale_load(a, row->scales, last);
    }
    c.codes = dequant_load(a, row->codes, col, count, wide, f32);
    return c;
}

static __device__ inline float dequant_product(float x, float scale)
{
    const float y = x * (MUTANT(SCALE_BF16) ? num_bf16_decode(num_bf16_encode(scale, 0)) : scale);

    return MUTANT(FLUSH) && y > -0x1p-126f && y < 0x1p-126f ? 0.0f * y : y;
}

static __device__ __forceinline__ void dequant_finish(const struct dequant_args *a,
                                                      const struct dequant_row *row,
                                                      const struct dequant_chunk *c, bool wide,
                                                      bool f32)
{
    const uint32_t length = dequant_length(f32);
    const float scale = dequant_scale(a, c->scale);
    struct dequant_result r;
    float x[DEQUANT_CHUNK];

    dequant_count(a, &c->codes, f32);
    dequant_decode(a, &c->codes, f32, x);
    if (c->turn == length) {
        for (uint32_t i = 0; i < length; i++)
            x[i] = dequant_product(x[i], scale);
    } else {
        const float next = dequant_scale(a, c->next);

        for (uint32_t i = 0; i < length; i++)
            x[i] = dequant_product(x[i], i < c->turn + MUTANT(SPLIT_LATE) ? scale : next);
    }
    r = dequant_encode(a, x, f32);
    dequant_store(row->out + c->col * dequant_out_bytes(f32), MUTANT(TAIL_LONG) ? length : c->count,
                  wide, f32, &r);
}

/* A chunk at `col`, cut off where the row ends, `left` columns further. */
static __device__ inline void dequant_one(const struct dequant_args *a,
                                          const struct dequant_row *row, uint32_t col,
                                          uint32_t left, bool f32)
{
    const uint32_t length = dequant_length(f32), count = left < length ? left : length;
    const bool wide = a->wide && count == length;
    const struct dequant_chunk c = dequant_fetch(a, row, col, count, wide, f32);

    dequant_finish(a, row, &c, wide, f32);
}

/* Whole chunks, the first at `col`, `step` columns apart: all are fetched before the first is
 * waited for. */
static __device__ inline void dequant_some(const struct dequant_args *a,
                                           const struct dequant_row *row, uint32_t col,
                                           uint32_t step, bool f32)
{
    struct dequant_chunk c[DEQUANT_AHEAD_F32];

    KERNEL_UNROLL
    for (uint32_t i = 0; i < dequant_ahead(f32); i++)
        c[i] = dequant_fetch(a, row, col + i * step, dequant_length(f32), true, f32);
    KERNEL_UNROLL
    for (uint32_t i = 0; i < dequant_ahead(f32); i++)
        dequant_finish(a, row, &c[i], true, f32);
}

/* --- Kernel --- */

/* Columns that count. */
static __device__ inline uint32_t dequant_cols(const struct dequant_args *a, bool f32)
{
    if (MUTANT(B41) && a->scale_cols_shift == 5)
        return a->cols / 32 * 32;
    return MUTANT(TAIL) ? a->cols / dequant_length(f32) * dequant_length(f32) : a->cols;
}

#if MUTANT(B01a) || MUTANT(B01b)
static __device__ inline void dequant_touch(const struct dequant_args *a, const uint8_t *row,
                                            uint32_t col)
{
    (void)*(const volatile uint8_t *)(row + (a->code_kind == DEQUANT_FP4 ? col / 2 : col));
}
#endif

/* The columns of a lane of a row. */
static __device__ __forceinline__ void dequant_lane(const struct dequant_args *a, uint32_t row,
                                                    uint32_t lane, bool f32)
{
    const struct dequant_row r = dequant_row_of(a, row, f32);
    const uint32_t length = dequant_length(f32), step = length << a->lanes_shift;
    const uint32_t some = (dequant_ahead(f32) - 1) * step + length, cols = dequant_cols(a, f32);
    uint32_t col = lane * length;

    while (col < cols) {
        const uint32_t left = cols - col;
        const uint32_t next = a->wide && left >= some ? dequant_ahead(f32) * step : step;

#if MUTANT(B01b)
        dequant_touch(a, r.codes, col + next);
#endif
        if (next > step)
            dequant_some(a, &r, col, step, f32);
        else
            dequant_one(a, &r, col, left, f32);
        if (MUTANT(ONE_STEP))
            break;
        col += next;
    }
}

__global__ void __launch_bounds__(DEQUANT_BLOCK) dequant(struct dequant_args a)
{
    const uint32_t rows = DEQUANT_BLOCK >> a.lanes_shift; /* of a block */
    const uint32_t row = blockIdx.x * rows + (threadIdx.x >> a.lanes_shift);
    const uint32_t lane = threadIdx.x & ((1u << a.lanes_shift) - 1);

#if MUTANT(B01a)
    dequant_touch(&a, a.codes + row * a.code_stride, 0);
#endif
    if (row >= a.rows + MUTANT(ROW_END))
        return;
    if (a.out_type == DEQUANT_OUT_F32)
        dequant_lane(&a, row, lane, true);
    else
        dequant_lane(&a, row, lane, false);
}
EXPORT_KERNEL_NO_SYNC(dequant, struct dequant_args);
