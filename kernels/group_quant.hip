/*
 * One scale per 32, 64 or 128 columns. A group of `group_chunks` chunks belongs to as many
 * neighbouring lanes (group_quant_split) or to a single one (group_quant_whole). Groups are
 * numbered row by row, padding groups of the shuffled layout included, so the last block of a grid
 * has surplus lanes, and lanes of padding groups are idle.
 */
#include "kernels/group_quant_span.h"

/* Byte of the scale of row x, group y: tiles of 32 x 8 scales, in which the rows 16 apart and the
 * groups 4 apart that one matrix instruction needs share a word. */
static __device__ inline uint64_t gq_shuffled(uint64_t x, uint32_t y, uint32_t pitch)
{
    const uint64_t tile = x / 32 * 32 * pitch + y / 8 * 256;

#ifdef MUTANT_B33
    return x * pitch + y;
#else
    return tile + (y % 4 * 64 + x % 16 * 4 + y % 8 / 4 * 2 + x % 32 / 16);
#endif
}

static __device__ inline uint64_t gq_scale_index(const struct group_quant_args *a, uint64_t row,
                                                 uint32_t y, uint64_t counted)
{
    switch (a->layout) {
    case GROUP_QUANT_F32_TRANSPOSED:
#ifdef MUTANT_N01
        return y * a->rows + row;
#else
        return y * counted + row;
#endif
    case GROUP_QUANT_E8M0_SHUFFLED:
#ifdef MUTANT_B31
        return gq_shuffled(row, y, a->groups);
#else
        return gq_shuffled(row, y, a->pitch);
#endif
    default:
        return row * a->groups + y;
    }
}

static __device__ inline uint8_t gq_e8m0_byte(const struct group_quant_args *a, float amax)
{
    const int elem = a->type == GROUP_QUANT_FP4    ? NUM_E8M0_FP4
                     : a->type == GROUP_QUANT_FNUZ ? NUM_E8M0_FP8_FNUZ
                                                   : NUM_E8M0_FP8_FN;

#if defined(MUTANT_R01)
    return num_e8m0_scale(amax, elem, NUM_E8M0_ROUND_DOWN);
#elif defined(MUTANT_R02)
    return num_e8m0_scale(amax, elem, NUM_E8M0_CEIL);
#elif defined(MUTANT_B53)
    return elem == NUM_E8M0_FP4
               ? num_e8m0_scale(amax, elem, NUM_E8M0_ROUND_UP)
               : (uint8_t)(num_e8m0_scale(amax, NUM_E8M0_FP4, NUM_E8M0_ROUND_UP) - 7);
#else
    return num_e8m0_scale(amax, elem, NUM_E8M0_ROUND_UP);
#endif
}

/* The inverse of the group's scale; the lane that is the `first` of its group stores the scale. */
static __device__ inline float gq_group_scale(const struct group_quant_args *a, float amax,
                                              uint64_t at, bool first)
{
#ifdef MUTANT_F01
    const float floored = amax;
#else
    const float floored = amax > GQ_GROUP_FLOOR ? amax : GQ_GROUP_FLOOR;
#endif

    if (a->layout == GROUP_QUANT_E8M0 || a->layout == GROUP_QUANT_E8M0_SHUFFLED) {
        const uint8_t byte = gq_e8m0_byte(a, floored);

        if (first)
            ((uint8_t *)a->scale)[at] = byte;
#ifdef MUTANT_B52
        if (a->type != GROUP_QUANT_FP4)
            return num_e8m0_decode(byte);
#endif
        return num_float((254u - byte) << 23);
    } else {
        const float scale = floored * gq_reciprocal(a->type);

        if (first)
            ((float *)a->scale)[at] = scale;
        return 1.0f / scale;
    }
}

/* Which group a lane works on; `lanes` lanes share one. */
struct gq_place {
    uint64_t row;
    uint32_t y;    /* group of the row; >= pitch for a lane behind the last group of a row */
    uint32_t part; /* number among the lanes that share the group */
};

static __device__ inline struct gq_place gq_place_of(const struct group_quant_args *a,
                                                     uint32_t lanes)
{
    const uint32_t share = lanes / 2; /* the logarithm of 1, 2 or 4 */
    struct gq_place place;
    uint32_t lane;

    if (a->row_blocks) {
        place.row = blockIdx.x / a->row_blocks;
        lane = blockIdx.x % a->row_blocks * blockDim.x + threadIdx.x;
        place.y = lane >> share;
    } else {
        lane = blockIdx.x * blockDim.x + threadIdx.x;
        place.row = (lane >> share) / a->pitch;
        place.y = (lane >> share) % a->pitch;
    }
    place.part = lane & (lanes - 1);
    return place;
}

/* The guard: surplus lanes lie behind the last row, idle ones at groups that only pad the layout.
 */
static __device__ inline bool gq_has_group(const struct group_quant_args *a,
                                           const struct gq_place *place, uint64_t counted)
{
#if defined(MUTANT_B01a)
    return true;
#elif defined(MUTANT_G01)
    return place->row <= counted && place->y < a->groups;
#elif defined(MUTANT_G02)
    return place->row < counted;
#else
    return place->row < counted && place->y < a->groups;
#endif
}

/* The largest magnitude of the group, in each of its lanes. */
static __device__ inline uint32_t gq_share_max(const struct group_quant_args *a, uint32_t most)
{
#ifdef MUTANT_S01
    const uint32_t nearest = 2;
#else
    const uint32_t nearest = 1;
#endif

    for (uint32_t distance = nearest; distance < a->group_chunks; distance *= 2) {
        const uint32_t other = __shfl_xor(most, (int)distance);

        most = other > most ? other : most;
    }
    return most;
}

__global__ void __launch_bounds__(GROUP_QUANT_BLOCK) group_quant_split(struct group_quant_args a)
{
    const struct gq_place place = gq_place_of(&a, a.group_chunks);
    const struct gq_input input = gq_input_of(&a);
    const uint64_t counted = gq_counted_rows(&a);
    const uint64_t col = ((uint64_t)place.y * a.group_chunks + place.part) * GQ_CHUNK;
    const bool live = gq_has_group(&a, &place, counted);
    bool loads = live && col < a.cols;
    struct gq_chunk chunk;
    uint32_t most = 0;
    float inverse;

#if defined(MUTANT_B01b)
    loads = true;
#elif defined(MUTANT_B01c)
    if (!live)
        __builtin_unreachable();
#elif defined(MUTANT_B01d)
    loads = __any(loads);
#elif defined(MUTANT_B01e)
    (void)*(const volatile uint16_t *)(a.input + place.row * a.stride + col);
#elif defined(MUTANT_B01f)
    HIP_DYNAMIC_SHARED(uint16_t, staged);
    staged[threadIdx.x] = a.input[place.row * a.stride + col];
    __syncthreads();
    most = staged[threadIdx.x] & 0x7FFF;
#elif defined(MUTANT_B01g)
    if (loads)
        (void)*(const volatile uint16_t *)(a.input + place.row * a.stride + col + GQ_CHUNK);
#endif
    if (loads) {
        chunk = gq_load(&a, &input, place.row, col);
        most = gq_chunk_max(&chunk);
    }
    most = gq_share_max(&a, most);
    if (!live)
        return;
    inverse = gq_group_scale(&a, gq_decode(&a, (uint16_t)most),
                             gq_scale_index(&a, place.row, place.y, counted), place.part == 0);
    if (col < a.cols)
        gq_write(&a, place.row, col, &chunk, inverse);
}
EXPORT_KERNEL(group_quant_split, struct group_quant_args);

__global__ void __launch_bounds__(GROUP_QUANT_BLOCK) group_quant_whole(struct group_quant_args a)
{
    const struct gq_place place = gq_place_of(&a, 1);
    const struct gq_input input = gq_input_of(&a);
    const uint64_t counted = gq_counted_rows(&a);
    const bool live = gq_has_group(&a, &place, counted);
    const struct gq_span span = gq_span_of(&a, place.row, place.y, live);
    struct gq_chunk chunk[GQ_GROUP_CHUNKS];
    uint32_t most = 0;
    float inverse = 0;

#ifdef MUTANT_B01h
    (void)*(const volatile uint16_t *)(a.input + place.row * a.stride + span.first);
#endif
    gq_load_span(&a, &input, &span, chunk);
    KERNEL_UNROLL
    for (uint32_t i = 0; i < GQ_GROUP_CHUNKS; i++)
        if (i < span.chunks) {
            const uint32_t part = gq_chunk_max(&chunk[i]);

            most = part > most ? part : most;
        }
    if (live)
        inverse = gq_group_scale(&a, gq_decode(&a, (uint16_t)most),
                                 gq_scale_index(&a, place.row, place.y, counted), true);
    gq_write_span(&a, &span, chunk, inverse);
}
EXPORT_KERNEL_NO_SYNC(group_quant_whole, struct group_quant_args);
