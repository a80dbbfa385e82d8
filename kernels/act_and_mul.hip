/*
 * out = f(gate) * up with clamps and a bias; see refs/act_and_mul.h. Every access of a row goes
 * through a descriptor of exactly that row (or half of it), in words of 32 bits: the lanes and the
 * vector parts behind the end of a row read zeros and store nothing.
 */
#include "kernels/act_and_mul.h"
#include "kernels/kernel.h"
#include "kernels/math.h"
#include "kernels/mutant.h"
#include "kernels/numeric.h"

struct act_vec {
    float x[ACT_VEC];
};

/* --- Load and store --- */

static __device__ inline uint32_t act_bytes(uint32_t type)
{
    return type == ACT_F32 ? 4 : 2;
}

/* Words of 32 bits. Indices into them are constants, so that a GPU keeps them in registers. */
struct act_words {
    uint32_t word[ACT_VEC];
};

static __device__ inline struct act_words act_load_words(struct buffer b, uint32_t offset,
                                                         uint32_t count)
{
    struct act_words w = {{0, 0, 0, 0, 0, 0, 0, 0}};

    if (count == 1) {
        w.word[0] = buffer_load_u32(b, offset);
    } else if (count == 2) {
        const uint2 v = buffer_load_u32x2(b, offset);

        __builtin_memcpy(w.word, &v, sizeof v);
    } else {
        const uint4 v = buffer_load_u32x4(b, offset);

        __builtin_memcpy(w.word, &v, sizeof v);
        if (count == 8) {
            const uint4 more = buffer_load_u32x4(b, offset + 16);

            __builtin_memcpy(w.word + 4, &more, sizeof more);
        }
    }
    return w;
}

static __device__ inline void act_store_words(struct buffer b, uint32_t offset, uint32_t count,
                                              const struct act_words *w)
{
    if (count == 1) {
        buffer_store_u32(b, offset, w->word[0]);
    } else if (count == 2) {
        uint2 v;

        __builtin_memcpy(&v, w->word, sizeof v);
        buffer_store_u32x2(b, offset, v);
    } else {
        uint4 v;

        __builtin_memcpy(&v, w->word, sizeof v);
        buffer_store_u32x4(b, offset, v);
        if (count == 8) {
            __builtin_memcpy(&v, w->word + 4, sizeof v);
            buffer_store_u32x4(b, offset + 16, v);
        }
    }
}

static __device__ inline struct act_vec act_decode(uint32_t type, const struct act_words *w)
{
    uint16_t half[2 * ACT_VEC];
    struct act_vec v;

    if (type == ACT_F32) {
        __builtin_memcpy(v.x, w->word, sizeof v.x);
        return v;
    }
    __builtin_memcpy(half, w->word, sizeof half);
    for (int i = 0; i < ACT_VEC; i++)
        v.x[i] = type == ACT_BF16 ? num_bf16_decode(half[i]) : num_f16_decode(half[i]);
    return v;
}

static __device__ inline struct act_words act_encode(uint32_t type, int truncate,
                                                     const struct act_vec *v)
{
    uint16_t half[2 * ACT_VEC] = {0};
    struct act_words w;

    if (type == ACT_F32) {
        __builtin_memcpy(w.word, v->x, sizeof w.word);
        return w;
    }
    for (int i = 0; i < ACT_VEC; i++)
        half[i] = type == ACT_BF16 ? num_bf16_encode(v->x[i], truncate) : num_f16_encode(v->x[i]);
    __builtin_memcpy(w.word, half, sizeof half);
    return w;
}

/* --- Activations --- */

static __device__ inline float act_min(float a, float b)
{
    return a < b ? a : b;
}

static __device__ inline float act_clamp(float x, float limit)
{
    return act_min(x < -limit ? -limit : x, limit);
}

static __device__ inline float act_silu(float x)
{
    if (MUTANT(EXP_OVERFLOW)) {
        const float e = 1.0f / math_exp_minus(x);

        return x * (e / (1.0f + e));
    }
    return x * math_sigmoid(x);
}

/* A clamped gate as its 16-bit input type holds it. */
static __device__ inline float act_to_input(const struct act_args *a, float x)
{
    if (MUTANT(GATE_16))
        return x;
    if (a->in_type == ACT_BF16)
        return num_bf16_decode(num_bf16_encode(x, a->truncate));
    return a->in_type == ACT_F16 ? num_f16_decode(num_f16_encode(x)) : x;
}

static __device__ inline float act_gelu_tanh(float x)
{
    /* (1 + tanh z) / 2 = 1 / (1 + exp(-2 z)), 2 z = sqrt(8 / pi) (x + 0.044715 x^3) */
    return x * math_sigmoid(0x1.988454p+0f * x * (1.0f + 0x1.6e4e26p-5f * (x * x)));
}

/* The gate has no lower clamp. */
static __device__ inline float act_swiglu(const struct act_args *a, float g, float u)
{
    const float gate = MUTANT(GATE_LOW) ? act_clamp(g, a->limit) : act_min(g, a->limit);
    const float up = MUTANT(UP_LOW) ? act_min(u, a->limit) : act_clamp(u, a->limit);

    return gate * math_sigmoid((MUTANT(ALPHA) ? 1.0f : 1.702f) * gate) *
           (MUTANT(PLUS_1) ? up : up + 1.0f);
}

/* The gate is clamped behind silu. */
static __device__ inline float act_swiglu_step(float g, float u)
{
    const float gate = MUTANT(STEP_EARLY) ? act_silu(act_min(g, 7.0f)) : act_min(act_silu(g), 7.0f);

    return gate * (MUTANT(STEP_UP) ? u : act_clamp(u, 7.0f));
}

static __device__ inline float act_gelu(float g)
{
    if (MUTANT(GELU_TANH))
        return act_gelu_tanh(g);
    if (MUTANT(ERF_CANCELS))
        return 0.5f * g * (1.0f + (2.0f * math_normal_below(g) - 1.0f));
    return g * math_normal_below(g);
}

static __device__ inline float act_silu_limit(const struct act_args *a, float g, float u)
{
    if (MUTANT(LIMIT_LATE))
        return act_min(act_silu(g), a->limit) * act_clamp(u, a->limit);
    return act_silu(act_to_input(a, act_min(g, a->limit))) * act_clamp(u, a->limit);
}

static __device__ inline struct act_vec act_apply(const struct act_args *a, const struct act_vec *g,
                                                  const struct act_vec *u)
{
    struct act_vec r;

    switch (a->act) {
    case ACT_KERNEL_SILU:
        for (int i = 0; i < ACT_VEC; i++)
            r.x[i] = act_silu(g->x[i]) * u->x[i];
        break;
    case ACT_KERNEL_SILU_LIMIT:
        for (int i = 0; i < ACT_VEC; i++)
            r.x[i] = act_silu_limit(a, g->x[i], u->x[i]);
        break;
    case ACT_KERNEL_GELU:
        for (int i = 0; i < ACT_VEC; i++)
            r.x[i] = act_gelu(g->x[i]) * u->x[i];
        break;
    case ACT_KERNEL_GELU_TANH:
        for (int i = 0; i < ACT_VEC; i++)
            r.x[i] = act_gelu_tanh(g->x[i]) * u->x[i];
        break;
    case ACT_KERNEL_SWIGLU:
        for (int i = 0; i < ACT_VEC; i++)
            r.x[i] = act_swiglu(a, g->x[i], u->x[i]);
        break;
    default:
        for (int i = 0; i < ACT_VEC; i++)
            r.x[i] = act_swiglu_step(g->x[i], u->x[i]);
        break;
    }
    return r;
}

/* --- Rows --- */

/* The descriptors of a row. */
struct act_row {
    struct buffer gate, up, bias_gate, bias_up, out;
};

/* Bytes from the input's start to a row. */
static __device__ inline uint64_t act_input_offset(const struct act_args *a, uint32_t row)
{
    const uint64_t bytes = row * a->in_stride * act_bytes(a->in_type);

    if (MUTANT(B40a))
        return (uint64_t)(int64_t)(int32_t)bytes;
    return MUTANT(B40b) ? (uint32_t)bytes : bytes;
}

/* Of a row of the output. */
static __device__ inline uint64_t act_out_bytes(const struct act_args *a)
{
    const uint64_t bytes = (uint64_t)a->d * act_bytes(a->out_type);

    if (MUTANT(OUT_SHORT))
        return a->d * 2;
    return MUTANT(OUT_LONG) ? (bytes + 15) / 16 * 16 : bytes;
}

#if MUTANT(B01a) || MUTANT(B01b) || MUTANT(B01c)
/* Reads the ups from column `col` on, wherever they are. */
static __device__ inline void act_touch(const struct act_args *a, uint32_t row, uint32_t col)
{
    const uint64_t at = act_input_offset(a, row) + ((uint64_t)a->d + col) * act_bytes(a->in_type);

    (void)*(const volatile uint16_t *)(a->input + at);
}
#endif

/* Interleaved, both halves are the whole row, and columns tell them apart. */
static __device__ inline struct act_row act_row_of(const struct act_args *a, uint32_t row,
                                                   int32_t expert)
{
    const uint64_t half = (uint64_t)a->d * act_bytes(a->in_type);
    const uint64_t from = act_input_offset(a, row);
    const char *const in = a->input + from;
    const uint64_t at = row / a->topk * a->out_token_stride + row % a->topk * a->out_stride;
    const uint64_t to = at * act_bytes(a->out_type);
    const uint64_t out_bytes = act_out_bytes(a);
    struct act_row r;

    r.gate = buffer_make(in, a->interleaved ? 2 * half : half);
    r.up = a->interleaved ? r.gate : buffer_make(in + half, half);
    r.out = buffer_make(a->out + (MUTANT(B40c) ? (uint32_t)to : to), out_bytes);
    r.bias_gate = buffer_make(a->bias, 0);
    r.bias_up = r.bias_gate;
    if (a->bias != NULL) {
        const float *const bias = a->bias + (uint64_t)expert * 2 * a->d;

        r.bias_gate = buffer_make(bias, (uint64_t)a->d * sizeof(float));
        r.bias_up =
            buffer_make(MUTANT(BIAS_UP) ? bias : bias + a->d, (uint64_t)a->d * sizeof(float));
    }
    return r;
}

static __device__ inline struct act_vec act_load(const struct act_args *a, struct buffer b,
                                                 uint32_t type, uint32_t element)
{
    const struct act_words w =
        act_load_words(b, element * act_bytes(type), a->vec * act_bytes(type) / 4);

    return act_decode(type, &w);
}

static __device__ inline void act_add_bias(const struct act_args *a, struct buffer bias,
                                           uint32_t col, struct act_vec *v)
{
    const struct act_vec b = act_load(a, bias, ACT_F32, col);

    for (int i = 0; i < ACT_VEC; i++)
        v->x[i] += b.x[i];
}

static __device__ inline void act_store(const struct act_args *a, const struct act_row *row,
                                        uint32_t col, const struct act_vec *v)
{
    const int truncate = MUTANT(ROUND_CUT) || (a->truncate && !MUTANT(ROUND_NEAREST));
    const struct act_words w = act_encode(a->out_type, truncate, v);
    const uint32_t bytes = act_bytes(a->out_type);

    act_store_words(row->out, col * bytes, a->vec * bytes / 4, &w);
}

/* Columns [col, col + vec). A vector never crosses a block of 16. */
static __device__ inline void act_columns(const struct act_args *a, const struct act_row *row,
                                          uint32_t col)
{
    const uint32_t width = MUTANT(BLOCK_8) ? 8 : ACT_BLOCK;
    const uint32_t gate_at = a->interleaved ? col / width * 2 * width + col % width : col;
    const uint32_t up_at = a->interleaved ? gate_at + width : col;
    struct act_vec g = act_load(a, MUTANT(SWAPPED) ? row->up : row->gate, a->in_type, gate_at);
    struct act_vec u = act_load(a, MUTANT(SWAPPED) ? row->gate : row->up, a->in_type, up_at);
    struct act_vec r;

    if (a->bias != NULL) {
        act_add_bias(a, row->bias_gate, col, &g);
        act_add_bias(a, row->bias_up, col, &u);
    }
    r = act_apply(a, &g, &u);
    act_store(a, row, col, &r);
}

__global__ void act_and_mul(struct act_args a)
{
    const uint32_t row = blockIdx.x;
    const int32_t expert = a.bias != NULL ? a.expert_id[row] : 0;
    const bool known = expert >= 0 && (uint32_t)expert < a.experts + MUTANT(EXPERT_END);
    const struct act_row r = act_row_of(&a, row, known ? expert : 0);
    const uint32_t step = blockDim.x * a.vec;

#if MUTANT(B01a)
    act_touch(&a, row, threadIdx.x * a.vec);
#endif
    if (a.bias != NULL && !known) {
        const struct act_vec zero = {{0, 0, 0, 0, 0, 0, 0, 0}};

        for (uint32_t col = threadIdx.x * a.vec; col < a.d && !MUTANT(NO_ZEROS); col += step)
            act_store(&a, &r, col, &zero);
        return;
    }
    for (uint32_t col = threadIdx.x * a.vec; col < a.d; col += step) {
#if MUTANT(B01b)
        act_touch(&a, row, col + step);
#elif MUTANT(B01c)
        act_touch(&a, row, col + a.vec - 1);
#endif
        act_columns(&a, &r, col);
        if (MUTANT(ONE_STEP))
            break;
    }
}
EXPORT_KERNEL_NO_SYNC(act_and_mul, struct act_args);
