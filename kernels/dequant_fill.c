#include "kernels/dequant_fill.h"

#include <math.h>

#include "harness/case/philox.h"
#include "refs/dequant.h"
#include "refs/formats.h"

/* Streams of random words; those from 0 on are the general generator's, one per tensor. */
enum { STREAM_CODE = 64, STREAM_SCALE };

/* Zero, both ends of the subnormal and of the normal numbers, and what is no number. */
static const float extremes[] = {
    0,        0x1p-149f,       0x1.8p-140f, 0x1p-126f, 0x1.99999ap-30f, 1, 0x1.99999ap20f, 0x1p110f,
    0x1p127f, 0x1.fffffep127f, INFINITY,    NAN};

enum { N_EXTREMES = sizeof extremes / sizeof *extremes };

static uint8_t code_of(const struct kase *kase, size_t row, size_t cols, size_t col)
{
    if (kase->value[DQ_FILL] == DQ_FILL_RAMP)
        return (uint8_t)col;
    return (uint8_t)philox_u32(kase->seed, STREAM_CODE, row * cols + col);
}

/* One byte in four at the ends, 0 and 255 among them. */
static uint8_t e8m0_of(const struct kase *kase, uint32_t random)
{
    static const uint8_t ends[] = {0, 1, 254, 255};

    if (kase->value[DQ_FILL] == DQ_FILL_RAMP)
        return 127;
    return random % 4 == 0 ? ends[random / 4 % 4] : (uint8_t)(random >> 8);
}

static float f32_of(const struct kase *kase, uint32_t random)
{
    switch (kase->value[DQ_FILL]) {
    case DQ_FILL_RAMP:
        return 1;
    case DQ_FILL_POWERS:
        return ldexpf(random & 1 ? -1 : 1, (int)philox_range(random, -10, 5));
    default:
        return random & 1 ? -extremes[random / 2 % N_EXTREMES] : extremes[random / 2 % N_EXTREMES];
    }
}

static void fill_scale(const struct kase *kase, const struct tensor *t, void *host)
{
    for (size_t r = 0; r < t->rows; r++)
        for (size_t c = 0; c < t->cols; c++) {
            const uint32_t random = philox_u32(kase->seed, STREAM_SCALE, r * t->cols + c);

            if (t->dtype == DTYPE_E8M0)
                ((uint8_t *)host)[r * t->stride + c] = e8m0_of(kase, random);
            else
                ((float *)host)[r * t->stride + c] = f32_of(kase, random);
        }
}

void dequant_fill(const struct kase *kase, const struct tensor *tensor, void *const host[])
{
    const struct tensor *codes = &tensor[DQ_T_CODES];

    if (codes->fill.kind == FILL_CUSTOM)
        for (size_t r = 0; r < codes->rows; r++)
            for (size_t c = 0; c < codes->cols; c++)
                ((uint8_t *)host[DQ_T_CODES])[r * codes->stride + c] =
                    code_of(kase, r, codes->cols, c);
    if (tensor[DQ_T_SCALE].fill.kind == FILL_CUSTOM)
        fill_scale(kase, &tensor[DQ_T_SCALE], host[DQ_T_SCALE]);
}
