/*
 * Runs plans of checks on the CPU executor, and makes memory for them.
 */
#ifndef HARNESS_GPU_CHECK_TESTING_H
#define HARNESS_GPU_CHECK_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/case/philox.h"
#include "harness/cpu/exec.h"
#include "harness/gpu/check.h"

/* Wave sizes and orders of threads, all of which must give the same. */
static const struct check_way {
    unsigned wave;
    uint64_t order;
} check_ways[] = {{64, 0}, {32, 0}, {64, 5}, {32, 11}};

enum { CHECK_WAYS = sizeof(check_ways) / sizeof(check_ways[0]) };

static inline void check_run(const struct plan *plan, const struct check_way *way)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct step *s = &plan->step[i];
        if (s->kind == STEP_MEMSET) {
            memset(s->target, s->value, s->bytes);
            continue;
        }
        struct cpu_launch launch = {.kernel = s->kernel,
                                    .args = s->args,
                                    .dynamic_lds = s->dynamic_lds,
                                    .wave_size = way->wave,
                                    .order_seed = way->order};
        struct cpu_finding finding;
        memcpy(launch.grid, s->grid, sizeof(launch.grid));
        memcpy(launch.block, s->block, sizeof(launch.block));
        if (cpu_run(&launch, &finding) != CPU_DONE)
            fail_msg("%s", finding.text);
    }
}

/* Bytes with room around them: `at` lies `odd` bytes behind a multiple of 16, and what is outside
 * of it must stay as it is. */
struct check_memory {
    unsigned char *whole, *at;
    size_t total;
};

enum { CHECK_AROUND = 64, CHECK_STALE = 0xC3 };

static inline struct check_memory check_memory(size_t bytes, size_t odd)
{
    struct check_memory m;
    m.total = (bytes + odd + 2 * CHECK_AROUND + 63) / 64 * 64;
    m.whole = aligned_alloc(64, m.total);
    assert_non_null(m.whole);
    memset(m.whole, CHECK_STALE, m.total);
    m.at = m.whole + CHECK_AROUND + odd;
    return m;
}

static inline void check_memory_free(struct check_memory *m)
{
    free(m->whole);
}

/* A whole number in [low, high], another one each time. */
static inline int64_t check_draw(uint64_t *state, int64_t low, int64_t high)
{
    return philox_range(philox_u32(7, 1, (*state)++), low, high);
}

#endif
