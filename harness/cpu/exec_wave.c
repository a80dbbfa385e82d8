/* What the last lane to arrive at a collective computes for all of them. */
#include <string.h>

#include "harness/cpu/kernel.h"

void cpu_work_ballot(struct cpu_wave *wave)
{
    const uint32_t *votes = wave->narrow[wave->turn];
    uint64_t bits = 0;
    for (uint32_t i = 0; i < wave->lanes; i++)
        bits |= (uint64_t)votes[i] << i;
    wave->result[wave->turn] = bits;
}

/* Halving in place of the butterfly: at every distance both partners hold the same result, so one
 * of them is enough. */
#define HALVING(TYPE, COMBINED)                                                                    \
    TYPE v[CPU_MAX_LANES];                                                                         \
    memcpy(v, wave->narrow[wave->turn], sizeof(v));                                                \
    for (uint32_t half = wave->size / 2; half > 0; half /= 2) {                                    \
        for (uint32_t i = 0; i < half; i++) {                                                      \
            const TYPE a = v[i], b = v[i + half];                                                  \
            v[i] = (COMBINED);                                                                     \
        }                                                                                          \
    }                                                                                              \
    memcpy(&wave->result[wave->turn], v, sizeof(*v))

void cpu_work_add_f32(struct cpu_wave *wave)
{
    HALVING(float, a + b);
}

/* fmaxf by hand, so that it vectorises: a NaN loses against a number. */
void cpu_work_max_f32(struct cpu_wave *wave)
{
    HALVING(float, a < b || a != a ? b : a);
}

void cpu_work_add_u32(struct cpu_wave *wave)
{
    HALVING(uint32_t, a + b);
}

void cpu_work_max_u32(struct cpu_wave *wave)
{
    HALVING(uint32_t, a < b ? b : a);
}

void cpu_work_scan_u32(struct cpu_wave *wave)
{
    uint32_t *v = wave->narrow[wave->turn], sum = 0;
    for (uint32_t i = 0; i < wave->lanes; i++)
        v[i] = sum += v[i];
}
