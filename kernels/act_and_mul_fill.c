#include "kernels/act_and_mul_fill.h"

#include "harness/case/philox.h"
#include "refs/act_and_mul.h"
#include "refs/formats.h"

/* Streams of random words; those from 0 on are the general generator's, one per tensor. */
enum { STREAM_ELEMENT = 64, STREAM_EXPERT };

enum { WORDS = 64 }; /* drawn at once */

/* Gate and up of the known answers. */
static const float known[][2] = {{0, 1}, {1, 1},   {-1, 2},   {2, -3},   {7, 7},    {7.005f, 1},
                                 {8, 9}, {10, 10}, {-10, 10}, {20, -20}, {-20, -20}};

/* Both ends of the clamps, of exp and of what a 16-bit type keeps. */
static const float edges[] = {0,      -0.0f,   1,     -1,    0.5f,     -1.2784f,  7,      -7,
                              7.005f, 7.0063f, 6.97f, 7.03f, -7.03f,   8,         -8,     10,
                              -10,    20,      -20,   50,    -50,      87,        -87,    88.5f,
                              -88.5f, -90,     104,   -104,  0x1p-14f, -0x1p-20f, 0.001f, 3};

enum {
    N_KNOWN = sizeof known / sizeof *known,
    N_EDGES = sizeof edges / sizeof *edges,
    N_NEAR = 4,
    N_CODES = N_EDGES + N_NEAR,
};

static uint32_t encode(enum dtype type, float x)
{
    return type == DTYPE_F32    ? format_float_bits(x)
           : type == DTYPE_BF16 ? bf16_encode(x, BF16_RNE)
                                : f16_encode(x);
}

/* The values of the list, and some close to the case's limit, as codes. */
static void encode_edges(const struct kase *kase, enum dtype type, uint32_t codes[N_CODES])
{
    const float limit = (float)kase->value[AM_LIMIT] / 1000;
    const float near[N_NEAR] = {limit, -limit, limit * 1.01f, limit * 0.99f};

    for (size_t i = 0; i < N_CODES; i++)
        codes[i] = encode(type, i < N_EDGES ? edges[i] : near[i - N_EDGES]);
}

/* The pair whose gate or up stands in this column of the input. */
static float known_at(const struct kase *kase, size_t col)
{
    const size_t d = (size_t)kase->value[AM_D];
    const bool interleaved = kase->value[AM_LAYOUT] == AM_INTERLEAVED16;
    const size_t half = interleaved ? col / 16 % 2 : col / d;
    const size_t c = interleaved ? col / 32 * 16 + col % 16 : col % d;

    return known[c % N_KNOWN][half];
}

static void fill_known(const struct kase *kase, const struct tensor *t, void *host)
{
    for (size_t r = 0; r < t->rows; r++)
        for (size_t c = 0; c < t->cols; c++)
            dtype_store(t->dtype, host, r * t->stride + c, encode(t->dtype, known_at(kase, c)));
}

static void fill_edges(const struct kase *kase, const struct tensor *t, void *host)
{
    uint32_t random[WORDS], codes[N_CODES];
    size_t r = 0, c = 0;

    encode_edges(kase, t->dtype, codes);
    for (size_t at = 0, all = t->rows * t->cols; at < all; at += WORDS) {
        const size_t n = all - at < WORDS ? all - at : WORDS;

        philox_fill(kase->seed, STREAM_ELEMENT, at, random, n);
        for (size_t i = 0; i < n; i++) {
            dtype_store(t->dtype, host, r * t->stride + c, codes[random[i] % N_CODES]);
            if (++c == t->cols) {
                c = 0;
                r++;
            }
        }
    }
}

/* One row in four has no expert: the neighbours of the legal numbers, and the extremes. */
static void fill_experts(const struct kase *kase, const struct tensor *t, int32_t *host)
{
    const int64_t experts = kase->value[AM_EXPERTS];
    const int32_t none[] = {-1, (int32_t)experts, INT32_MIN, INT32_MAX};

    for (size_t r = 0; r < t->rows; r++) {
        const uint32_t random = philox_u32(kase->seed, STREAM_EXPERT, r);

        host[r] =
            random % 4 == 0 ? none[random / 4 % 4] : (int32_t)philox_range(random, 0, experts - 1);
    }
}

void act_and_mul_fill(const struct kase *kase, const struct tensor *tensor, void *const host[])
{
    const struct tensor *input = &tensor[AM_T_INPUT];

    if (kase->value[AM_FILL] == AM_FILL_KNOWN)
        fill_known(kase, input, host[AM_T_INPUT]);
    else if (input->fill.kind == FILL_CUSTOM)
        fill_edges(kase, input, host[AM_T_INPUT]);
    if (tensor[AM_T_EXPERT_ID].rows)
        fill_experts(kase, &tensor[AM_T_EXPERT_ID], (int32_t *)host[AM_T_EXPERT_ID]);
}
