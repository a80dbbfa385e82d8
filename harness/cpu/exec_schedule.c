/* Which thread of a block runs next. */
#include <string.h>
#include <sys/mman.h>

#include "harness/cpu/exec_machine.h"

#define PAGE       ((uintptr_t)4096)
#define READY_MASK (2 * CPU_MAX_THREADS - 1)

static void fiber_main(void *arg);

static struct fiber *new_fiber(struct machine *m, void (*entry)(void *))
{
    const uint32_t slot = m->free_slots[--m->free_count];
    unsigned char *low = m->stacks + slot * STACK_STRIDE;
    unsigned char *guard = (unsigned char *)(((uintptr_t)low + PAGE - 1) & ~(PAGE - 1));
    unsigned char *bottom = guard + STACK_GUARD - PAGE;
    if (slot >= m->guarded) {
        mprotect(guard, STACK_GUARD - PAGE, PROT_NONE);
        m->guarded = slot + 1;
    }
    fiber_make(&m->fibers[slot], bottom, (size_t)(low + STACK_STRIDE - bottom), entry, m);
    m->slot = slot;
    return &m->fibers[slot];
}

/* Nobody can go on. A wave in two halves explains barriers that do not fill, so it comes first. */
static enum cpu_outcome stuck(struct machine *m)
{
    const uint32_t waves = (m->block.count - 1) >> m->block.wave_shift;
    for (uint32_t i = 0; i <= waves; i++) {
        if (m->waves[i].arrived != 0) {
            m->split = &m->waves[i];
            return CPU_SPLIT_WAVE;
        }
    }
    return m->block.left != 0 ? CPU_EARLY_EXIT : CPU_DEADLOCK;
}

/* The context to go on with when no thread is ready: a new thread, or the end of the block. */
static struct fiber *next_when_idle(struct machine *m)
{
    if (m->block.next < m->block.count)
        return new_fiber(m, fiber_main);
    if (m->block.left != m->block.count)
        m->outcome = stuck(m);
    m->running = 0;
    return &m->main;
}

static __attribute__((noinline)) void park_idle(struct machine *m, struct fiber *here)
{
    fiber_switch(here, next_when_idle(m));
}

static inline struct fiber *next_ready(struct machine *m)
{
    const uint32_t thread = m->ready[m->ready_head++ & READY_MASK];
    m->block.current = thread;
    m->slot = m->slot_of[thread];
    fiber_prefetch(&m->fibers[m->slot_of[m->ready[(m->ready_head + 1) & READY_MASK]]]);
    return &m->fibers[m->slot];
}

/* Threads that can go on come before new ones, so that a wave that only meets itself ends before
 * the next one takes its stacks. */
static inline void park(struct machine *m, uint32_t thread)
{
    struct fiber *here = &m->fibers[m->slot];
    m->slot_of[thread] = (uint16_t)m->slot;
    if (m->ready_head == m->ready_tail) {
        park_idle(m, here);
        return;
    }
    struct fiber *to = next_ready(m);
    if (to != here)
        fiber_switch(here, to);
}

void schedule_abort(struct machine *m, enum cpu_outcome outcome)
{
    m->outcome = outcome;
    m->running = 0;
    fiber_leave(&m->fibers[m->slot], &m->main);
}

static void run_rows(struct machine *m)
{
    struct cpu_block *b = &m->block;
    if (!m->one_by_one) {
        b->x0 = 0;
        b->x1 = b->block_dim.x;
        for (b->z = 0; b->z < b->block_dim.z; b->z++)
            for (b->y = 0; b->y < b->block_dim.y; b->y++)
                m->launch->kernel->run(b);
        return;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        b->current = b->order[i];
        const struct cpu_index at = b->thread_idx[b->current];
        b->x0 = at.x;
        b->x1 = at.x + 1;
        b->y = at.y;
        b->z = at.z;
        m->launch->kernel->run(b);
    }
}

static void rows_main(void *arg)
{
    struct machine *m = arg;
    fiber_entered();
    while (m->outcome == CPU_DONE && launch_next_block(m)) {
        run_rows(m);
        if (!launch_end_block(m))
            m->outcome = CPU_FAULT;
    }
    m->running = 0;
    fiber_leave(&m->fibers[m->slot], &m->main);
}

static void fiber_main(void *arg)
{
    struct machine *m = arg;
    fiber_entered();
    do { /* a stack whose thread has ended serves for the next one */
        m->launch->kernel->run(&m->block);
    } while (m->ready_head == m->ready_tail && m->block.next < m->block.count);
    struct fiber *here = &m->fibers[m->slot];
    m->free_slots[m->free_count++] = (uint16_t)m->slot;
    fiber_leave(here, m->ready_head != m->ready_tail ? next_ready(m) : next_when_idle(m));
}

/* After an abort: some stacks were left in the middle of a kernel. */
static void clean_up(struct machine *m)
{
    for (uint32_t i = 0; i < CPU_MAX_THREADS; i++)
        m->free_slots[i] = (uint16_t)(CPU_MAX_THREADS - 1 - i);
    for (uint32_t i = 0; i < MAX_WAVES; i++)
        m->waves[i].arrived = 0;
    fiber_reclaim(m->stacks, m->guarded * STACK_STRIDE);
    fiber_reclaim(m->signal_stack, SIGNAL_STACK);
}

static void enter(struct machine *m, struct fiber *first)
{
    m->running = 1;
    fiber_switch(&m->main, first);
    if (m->outcome != CPU_DONE)
        clean_up(m);
}

void schedule_block(struct machine *m)
{
    m->block.next = 0;
    m->block.left = 0;
    m->block.current = m->order[0];
    m->ready_head = m->ready_tail = 0;
    m->waiting = 0;
    m->mixed = false;
    m->reversed = false;
    m->outcome = CPU_DONE;
    m->free_count = CPU_MAX_THREADS;
    struct fiber *first = new_fiber(m, fiber_main);
    enter(m, first);
}

void schedule_rows(struct machine *m)
{
    m->free_count = CPU_MAX_THREADS;
    m->block.current = 0;
    enter(m, new_fiber(m, rows_main));
}

static __attribute__((noinline)) void forbidden(struct machine *m, const struct cpu_site *site)
{
    m->forbidden = site;
    schedule_abort(m, CPU_MISUSE);
}

/* The last thread has arrived. */
static __attribute__((noinline)) void release_barrier(struct machine *m, uint32_t thread)
{
    const uint32_t count = m->block.count;
    if (m->mixed)
        schedule_abort(m, CPU_DEADLOCK);
    m->waiting = 0;
    m->ready_head = 0;
    m->ready_tail = count;
    if (m->launch->order_seed != 0)
        m->reversed = !m->reversed;
    for (uint32_t i = 0; i < count; i++)
        m->ready[i] = m->order[m->reversed ? count - 1 - i : i];
    park(m, thread);
}

void cpu_barrier(struct cpu_block *block, uint32_t thread, const struct cpu_site *site)
{
    struct machine *m = (struct machine *)block;
    if (m->no_sync) {
        forbidden(m, site);
        return;
    }
    m->site[thread] = site;
    if (m->waiting == 0)
        m->barrier = site;
    else if (m->barrier != site)
        m->mixed = true;
    if (++m->waiting == m->block.count)
        release_barrier(m, thread);
    else
        park(m, thread);
}

/* The last lane has arrived, and goes on at once. */
static __attribute__((noinline)) void release_wave(struct machine *m, struct cpu_wave *wave,
                                                   uint32_t last, void (*work)(struct cpu_wave *))
{
    if (wave->mixed) {
        m->split = wave;
        schedule_abort(m, CPU_SPLIT_WAVE);
    }
    if (work != NULL)
        work(wave);
    wave->arrived = 0;
    wave->turn ^= 1;
    for (uint32_t i = 0; i < wave->lanes; i++) {
        const uint32_t thread = wave->first + (m->reversed ? wave->lanes - 1 - i : i);
        if (thread != last)
            m->ready[m->ready_tail++ & READY_MASK] = (uint16_t)thread;
    }
}

void cpu_meet(struct cpu_block *block, uint32_t thread, const struct cpu_site *site,
              void (*work)(struct cpu_wave *))
{
    struct machine *m = (struct machine *)block;
    struct cpu_wave *wave = &m->waves[thread >> m->block.wave_shift];
    if (m->no_sync) {
        forbidden(m, site);
        return;
    }
    m->site[thread] = site;
    if (wave->arrived == 0) {
        wave->site = site;
        wave->mixed = false;
    } else if (wave->site != site) {
        wave->mixed = true;
    }
    if (++wave->arrived == wave->lanes)
        release_wave(m, wave, thread, work);
    else
        park(m, thread);
}
