/* Collectives of a wave. Each lane leaves its operand; the last one to arrive does the work. */
#include <string.h>

#include "harness/cpu/exec_machine.h"

static struct wave *wave_of(struct machine *m, uint32_t thread)
{
    return &m->waves[thread >> m->wave_shift];
}

uint32_t cpu_shuffle32(struct cpu_block *block, uint32_t thread, uint32_t value, uint32_t source,
                       const struct cpu_site *site)
{
    struct machine *m = (struct machine *)block;
    struct wave *wave = wave_of(m, thread);
    const unsigned turn = wave->turn;
    wave->narrow[turn][thread - wave->first] = value;
    schedule_rendezvous(m, wave, thread, site, NULL);
    return wave->narrow[turn][source & (MAX_LANES - 1)];
}

uint64_t cpu_shuffle64(struct cpu_block *block, uint32_t thread, uint64_t value, uint32_t source,
                       const struct cpu_site *site)
{
    struct machine *m = (struct machine *)block;
    struct wave *wave = wave_of(m, thread);
    const unsigned turn = wave->turn;
    wave->wide[turn][thread - wave->first] = value;
    schedule_rendezvous(m, wave, thread, site, NULL);
    return wave->wide[turn][source & (MAX_LANES - 1)];
}

static void work_ballot(struct wave *wave)
{
    const uint32_t *votes = wave->narrow[wave->turn];
    uint64_t bits = 0;
    for (uint32_t i = 0; i < wave->lanes; i++)
        bits |= (uint64_t)votes[i] << i;
    wave->result[wave->turn] = bits;
}

uint64_t cpu_ballot(struct cpu_block *block, uint32_t thread, bool predicate, uint64_t *lanes,
                    const struct cpu_site *site)
{
    struct machine *m = (struct machine *)block;
    struct wave *wave = wave_of(m, thread);
    const unsigned turn = wave->turn;
    wave->narrow[turn][thread - wave->first] = predicate;
    schedule_rendezvous(m, wave, thread, site, work_ballot);
    *lanes = ~(uint64_t)0 >> (64 - wave->lanes);
    return wave->result[turn];
}

/* Halving in place of the butterfly: at every distance both partners hold the same result, so one
 * of them is enough. Lanes that do not exist take part with their poison, as in shuffles. */
#define HALVING(TYPE, COMBINED)                                                                    \
    TYPE v[MAX_LANES];                                                                             \
    memcpy(v, wave->narrow[wave->turn], sizeof(v));                                                \
    for (uint32_t half = wave->size / 2; half > 0; half /= 2) {                                    \
        for (uint32_t i = 0; i < half; i++) {                                                      \
            const TYPE a = v[i], b = v[i + half];                                                  \
            v[i] = (COMBINED);                                                                     \
        }                                                                                          \
    }                                                                                              \
    memcpy(&wave->result[wave->turn], v, sizeof(*v))

static void work_add_f32(struct wave *wave)
{
    HALVING(float, a + b);
}

/* fmaxf by hand, so that it vectorises: a NaN loses against a number. */
static void work_max_f32(struct wave *wave)
{
    HALVING(float, a < b || a != a ? b : a);
}

static void work_add_u32(struct wave *wave)
{
    HALVING(uint32_t, a + b);
}

static void work_max_u32(struct wave *wave)
{
    HALVING(uint32_t, a < b ? b : a);
}

static void work_scan_u32(struct wave *wave)
{
    uint32_t *v = wave->narrow[wave->turn], sum = 0;
    for (uint32_t i = 0; i < wave->lanes; i++)
        v[i] = sum += v[i];
}

static unsigned meet(struct machine *m, uint32_t thread, const void *value,
                     const struct cpu_site *site, void (*work)(struct wave *))
{
    struct wave *wave = wave_of(m, thread);
    const unsigned turn = wave->turn;
    memcpy(&wave->narrow[turn][thread - wave->first], value, sizeof(uint32_t));
    schedule_rendezvous(m, wave, thread, site, work);
    return turn;
}

#define REDUCTION(TYPE, NAME, WORK)                                                                \
    TYPE NAME(struct cpu_block *block, uint32_t thread, TYPE value, const struct cpu_site *site)   \
    {                                                                                              \
        struct machine *m = (struct machine *)block;                                               \
        const unsigned turn = meet(m, thread, &value, site, WORK);                                 \
        TYPE result;                                                                               \
        memcpy(&result, &wave_of(m, thread)->result[turn], sizeof(result));                        \
        return result;                                                                             \
    }
REDUCTION(float, cpu_wave_add_f32, work_add_f32)
REDUCTION(float, cpu_wave_max_f32, work_max_f32)
REDUCTION(uint32_t, cpu_wave_add_u32, work_add_u32)
REDUCTION(uint32_t, cpu_wave_max_u32, work_max_u32)

uint32_t cpu_wave_scan_u32(struct cpu_block *block, uint32_t thread, uint32_t value,
                           const struct cpu_site *site)
{
    struct machine *m = (struct machine *)block;
    const unsigned turn = meet(m, thread, &value, site, work_scan_u32);
    const struct wave *wave = wave_of(m, thread);
    return wave->narrow[turn][thread - wave->first];
}
