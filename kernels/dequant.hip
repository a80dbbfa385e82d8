/*
 * out = code * scale; see refs/dequant.h. A block has DEQUANT_BLOCK / lanes rows, so the last one
 * has threads without a row. A chunk of 16 columns lies in one scale group or in two.
 */
#include "kernels/dequant.h"
#include "kernels/kernel.h"
#include "kernels/mutant.h"
#include "kernels/numeric.h"

/* --- Codes --- */

/* Codes of a chunk: 16 bytes, of which fp4 uses the first 8. */
struct dequant_chunk {
    uint8_t byte[DEQUANT_CHUNK];
};

/* `count` columns from `in` on; what is behind them is 0. Here and below indices are constants, so
 * that a GPU keeps a chunk in registers. */
static __device__ inline struct dequant_chunk dequant_load(const struct dequant_args *a,
                                                           const uint8_t *in, uint32_t count)
{
    const bool fp4 = a->code_kind == DEQUANT_FP4;
    const uint32_t present = MUTANT(B01c) ? DEQUANT_CHUNK : count;
    const uint32_t bytes = fp4 ? present / 2 : present;
    struct dequant_chunk chunk = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};

    if (a->wide && count == DEQUANT_CHUNK) {
        if (fp4) {
            const uint2 v = *(const uint2 *)in;

            __builtin_memcpy(chunk.byte, &v, sizeof v);
        } else {
            const uint4 v = *(const uint4 *)in;

            __builtin_memcpy(chunk.byte, &v, sizeof v);
        }
    } else {
        for (uint32_t i = 0; i < DEQUANT_CHUNK; i++)
            if (i < bytes)
                chunk.byte[i] = in[i];
    }
    return chunk;
}

/* An e4m3fn byte read as e4m3fnuz is half its value; minus zero would be a NaN there. */
static __device__ inline float dequant_as_fnuz(uint8_t code)
{
    const uint8_t byte = code == 0x80 && !MUTANT(NEGATIVE_ZERO) ? 0 : code;

    return (MUTANT(SCALE_DOUBLED) ? 1.0f : 2.0f) * num_fp8_decode(byte, 1);
}

static __device__ inline float dequant_fp4(const struct dequant_chunk *chunk, int i)
{
    const int shift = (MUTANT(NIBBLES) ? 1 - i % 2 : i % 2) * 4;

    return num_e2m1_decode((uint8_t)(chunk->byte[i / 2] >> shift));
}

/* Of e4m3. */
static __device__ inline float dequant_fp8(uint8_t code, int fnuz)
{
    if (MUTANT(NAN_NUMBER) && !fnuz && (code & 0x7F) == 0x7F)
        return code & 0x80 ? -480.0f : 480.0f;
    return num_fp8_decode(code, MUTANT(B52) ? !fnuz : fnuz);
}

static __device__ inline void dequant_decode(const struct dequant_args *a,
                                             const struct dequant_chunk *chunk, float *x)
{
    switch (a->code_kind) {
    case DEQUANT_FN:
        for (int i = 0; i < DEQUANT_CHUNK; i++)
            x[i] = dequant_fp8(chunk->byte[i], 0);
        break;
    case DEQUANT_FNUZ:
        for (int i = 0; i < DEQUANT_CHUNK; i++)
            x[i] = dequant_fp8(chunk->byte[i], 1);
        break;
    case DEQUANT_FN_AS_FNUZ:
        for (int i = 0; i < DEQUANT_CHUNK; i++)
            x[i] = dequant_as_fnuz(chunk->byte[i]);
        break;
    default:
        for (int i = 0; i < DEQUANT_CHUNK; i++)
            x[i] = dequant_fp4(chunk, i);
        break;
    }
}

/* Counts the bytes that are NaN in e4m3fn, which e4m3fnuz reads as 240. */
static __device__ inline void dequant_count(const struct dequant_args *a,
                                            const struct dequant_chunk *chunk)
{
    int32_t count = 0;

    if (a->nan_count == NULL)
        return;
    for (int i = 0; i < DEQUANT_CHUNK; i++)
        count += (chunk->byte[i] & (MUTANT(COUNT_POSITIVE) ? 0xFF : 0x7F)) == 0x7F;
    if (MUTANT(COUNT_LAST) && count)
        *a->nan_count = count;
    else if (count)
        atomicAdd(a->nan_count, count);
}

/* --- Scales --- */

/* Byte of the scale of row x, group y: tiles of 32 x 8 scales, in which the rows 16 apart and the
 * groups 4 apart that one matrix instruction needs share a word. */
static __device__ inline uint64_t dequant_shuffled(uint64_t x, uint32_t y, uint64_t pitch)
{
    return x / 32 * 32 * pitch + y / 8 * 256 + y % 4 * 64 + x % 16 * 4 + y % 8 / 4 * 2 +
           x % 32 / 16;
}

static __device__ inline float dequant_e8m0(uint8_t code)
{
    if (MUTANT(E8M0_ZERO) && code == 0)
        return 0.0f;
    if (MUTANT(E8M0_NAN) && code == 255)
        return num_float(0x7F800000u);
    return num_e8m0_decode(code);
}

static __device__ inline float dequant_scale_at(const struct dequant_args *a, uint64_t row,
                                                uint32_t col)
{
    const uint64_t at = a->scale_kind == DEQUANT_SCALE_SHUFFLED && !MUTANT(B33)
                            ? dequant_shuffled(row, col, a->scale_stride)
                            : row * a->scale_stride + col;

    if (a->scale_kind == DEQUANT_SCALE_F32)
        return ((const float *)a->scale)[MUTANT(SCALE_32) ? (uint32_t)at : at];
    return dequant_e8m0(((const uint8_t *)a->scale)[MUTANT(SCALE_32) ? (uint32_t)at : at]);
}

static __device__ inline uint64_t dequant_scale_row(const struct dequant_args *a, uint64_t row)
{
    const uint64_t expert = row / a->expert_rows, n = row % a->expert_rows;

    if (MUTANT(BLOCKS_RUN_ON) && a->scale_height > 1)
        return (a->first_row + row) / a->scale_height;
    return expert * a->scale_rows + (a->first_row + n) / a->scale_height;
}

/* --- Output --- */

static __device__ inline uint32_t dequant_out_bytes(const struct dequant_args *a)
{
    return a->out_type == DEQUANT_OUT_F32 ? 4 : 2;
}

/* A chunk of results: 64 bytes, of which a 16-bit type uses half. */
struct dequant_result {
    uint32_t word[DEQUANT_CHUNK];
};

/* Inf where it is too large. */
static __device__ inline uint16_t dequant_f16(float x)
{
    if (MUTANT(F16_SATURATES))
        return num_f16_encode(x > 65504.0f ? 65504.0f : x < -65504.0f ? -65504.0f : x);
    return num_f16_encode(MUTANT(F16_BY_BF16) ? num_bf16_decode(num_bf16_encode(x, 0)) : x);
}

static __device__ inline struct dequant_result dequant_encode(const struct dequant_args *a,
                                                              const float *x)
{
    const int truncate = MUTANT(ROUND_CUT) || (a->truncate && !MUTANT(ROUND_NEAREST));
    struct dequant_result r;
    uint16_t half[2 * DEQUANT_CHUNK] = {0};

    if (a->out_type == DEQUANT_OUT_F32) {
        __builtin_memcpy(r.word, x, sizeof r.word);
        return r;
    }
    for (int i = 0; i < DEQUANT_CHUNK; i++)
        half[i] =
            a->out_type == DEQUANT_OUT_BF16 ? num_bf16_encode(x[i], truncate) : dequant_f16(x[i]);
    __builtin_memcpy(r.word, half, sizeof half);
    return r;
}

static __device__ inline void dequant_store(const struct dequant_args *a, char *out, uint32_t count,
                                            const struct dequant_result *r)
{
    const uint32_t bytes = dequant_out_bytes(a);

    if (a->wide && count == DEQUANT_CHUNK) {
        for (uint32_t i = 0; i < 4; i++) {
            uint4 v;

            __builtin_memcpy(&v, r->word + 4 * i, sizeof v);
            if (i < bytes)
                ((uint4 *)out)[i] = v;
        }
    } else if (bytes == 4) {
        for (uint32_t i = 0; i < DEQUANT_CHUNK; i++)
            if (i < count)
                ((uint32_t *)out)[i] = r->word[i];
    } else {
        for (uint32_t i = 0; i < DEQUANT_CHUNK; i++)
            if (i < count)
                ((uint16_t *)out)[i] = (uint16_t)(r->word[i / 2] >> (i % 2 * 16));
    }
}

/* --- Kernel --- */

/* Where a row is. */
struct dequant_row {
    const uint8_t *codes;
    char *out;
    uint64_t scale_row;
};

static __device__ inline struct dequant_row dequant_row_of(const struct dequant_args *a,
                                                           uint64_t row)
{
    struct dequant_row r;
    const uint64_t from = row * a->code_stride;
    const uint64_t to = row * a->out_stride * dequant_out_bytes(a);

    r.codes = a->codes + (MUTANT(B40a)   ? (uint64_t)(int64_t)(int32_t)from
                          : MUTANT(B40b) ? (uint32_t)from
                                         : from);
    r.out = a->out + (MUTANT(B40c) ? (uint32_t)to : to);
    r.scale_row = dequant_scale_row(a, row);
    return r;
}

static __device__ inline float dequant_product(float x, float scale)
{
    const float y = x * (MUTANT(SCALE_BF16) ? num_bf16_decode(num_bf16_encode(scale, 0)) : scale);

    return MUTANT(FLUSH) && y > -0x1p-126f && y < 0x1p-126f ? 0.0f * y : y;
}

/* Columns [col, col + 16), as many as there are. */
static __device__ inline void dequant_columns(const struct dequant_args *a,
                                              const struct dequant_row *row, uint32_t col)
{
    const uint32_t left = a->cols - col;
    const uint32_t count = left < DEQUANT_CHUNK ? left : DEQUANT_CHUNK;
    const struct dequant_chunk chunk =
        dequant_load(a, row->codes + (a->code_kind == DEQUANT_FP4 ? col / 2 : col), count);
    const uint32_t group = (a->first_col + col) / a->scale_width;
    const uint32_t last = (a->first_col + col + count - 1) / a->scale_width;
    const uint32_t next_from = (group + 1) * a->scale_width - (a->first_col + col);
    const float scale = dequant_scale_at(a, row->scale_row, group);
    const float next =
        last > group && !MUTANT(SPLIT) ? dequant_scale_at(a, row->scale_row, last) : scale;
    struct dequant_result r;
    float x[DEQUANT_CHUNK];

    dequant_count(a, &chunk);
    dequant_decode(a, &chunk, x);
    for (uint32_t i = 0; i < DEQUANT_CHUNK; i++)
        x[i] = dequant_product(x[i], i < next_from + MUTANT(SPLIT_LATE) ? scale : next);
    r = dequant_encode(a, x);
    dequant_store(a, row->out + (uint64_t)col * dequant_out_bytes(a),
                  MUTANT(TAIL_LONG) ? DEQUANT_CHUNK : count, &r);
}

/* Columns that count. */
static __device__ inline uint32_t dequant_cols(const struct dequant_args *a)
{
    if (MUTANT(B41) && a->scale_width == 32)
        return a->cols / 32 * 32;
    return MUTANT(TAIL) ? a->cols / DEQUANT_CHUNK * DEQUANT_CHUNK : a->cols;
}

#if MUTANT(B01a) || MUTANT(B01b)
static __device__ inline void dequant_touch(const struct dequant_args *a, uint64_t row,
                                            uint32_t col)
{
    const uint32_t byte = a->code_kind == DEQUANT_FP4 ? col / 2 : col;

    (void)*(const volatile uint8_t *)(a->codes + row * a->code_stride + byte);
}
#endif

__global__ void dequant(struct dequant_args a)
{
    const uint32_t per_block = blockDim.x / a.lanes;
    const uint64_t row = (uint64_t)blockIdx.x * per_block + threadIdx.x / a.lanes;
    const uint32_t step = a.lanes * DEQUANT_CHUNK;
    const uint32_t cols = dequant_cols(&a);
    struct dequant_row r;

#if MUTANT(B01a)
    dequant_touch(&a, row, 0);
#endif
    if (row >= a.rows + MUTANT(ROW_END))
        return;
    r = dequant_row_of(&a, row);
    for (uint32_t col = threadIdx.x % a.lanes * DEQUANT_CHUNK; col < cols; col += step) {
#if MUTANT(B01b)
        dequant_touch(&a, row, col + step);
#endif
        dequant_columns(&a, &r, col);
        if (MUTANT(ONE_STEP))
            break;
    }
}
EXPORT_KERNEL_NO_SYNC(dequant, struct dequant_args);
