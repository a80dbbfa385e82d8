/* Which thread of a block runs next. */
#include <string.h>
#include <sys/mman.h>

#include "harness/cpu/exec_machine.h"

#define PAGE       ((uintptr_t)4096)
#define READY_MASK (2 * CPU_MAX_THREADS - 1)

static void fiber_main(void *arg);

static struct fiber *fresh_fiber(struct machine *m)
{
    const uint32_t slot = m->free_slots[--m->free_count];
    unsigned char *low = m->stacks + slot * STACK_STRIDE;
    unsigned char *guard = (unsigned char *)(((uintptr_t)low + PAGE - 1) & ~(PAGE - 1));
    unsigned char *bottom = guard + STACK_GUARD - PAGE;
    if (slot >= m->guarded) {
        mprotect(guard, STACK_GUARD - PAGE, PROT_NONE);
        m->guarded = slot + 1;
    }
    fiber_make(&m->fibers[slot], bottom, (size_t)(low + STACK_STRIDE - bottom), fiber_main, m);
    m->slot = slot;
    return &m->fibers[slot];
}

static void make_ready(struct machine *m, uint32_t thread)
{
    m->ready[m->ready_tail++ & READY_MASK] = (uint16_t)thread;
}

/* Nobody can go on. A wave in two halves explains barriers that do not fill, so it comes first. */
static enum cpu_outcome stuck(struct machine *m)
{
    const uint32_t waves = (m->block.count - 1) >> m->wave_shift;
    for (uint32_t i = 0; i <= waves; i++) {
        if (m->waves[i].arrived != 0) {
            m->split = &m->waves[i];
            return CPU_SPLIT_WAVE;
        }
    }
    return m->block.left != 0 ? CPU_EARLY_EXIT : CPU_DEADLOCK;
}

/* The context to go on with. Threads that can go on come before new ones, so that a wave that only
 * meets itself ends before the next one takes its stacks. */
static struct fiber *next_fiber(struct machine *m)
{
    if (m->ready_head != m->ready_tail) {
        const uint32_t thread = m->ready[m->ready_head++ & READY_MASK];
        m->block.current = thread;
        m->slot = m->slot_of[thread];
        return &m->fibers[m->slot];
    }
    if (m->block.next < m->block.count)
        return fresh_fiber(m);
    if (m->block.left != m->block.count)
        m->outcome = stuck(m);
    m->running = 0;
    return &m->main;
}

static void park(struct machine *m, uint32_t thread)
{
    const uint32_t here = m->slot;
    m->slot_of[thread] = (uint16_t)here;
    struct fiber *to = next_fiber(m);
    if (m->slot != here || to == &m->main)
        fiber_switch(&m->fibers[here], to);
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
    if (m->one_by_one) {
        for (uint32_t i = 0; i < b->count; i++) {
            b->current = b->order[i];
            const struct cpu_index at = b->thread_idx[b->current];
            b->x0 = at.x;
            b->x1 = at.x + 1;
            b->y = at.y;
            b->z = at.z;
            m->launch->kernel->run(b);
        }
        return;
    }
    b->x0 = 0;
    b->x1 = b->block_dim.x;
    for (b->z = 0; b->z < b->block_dim.z; b->z++)
        for (b->y = 0; b->y < b->block_dim.y; b->y++)
            m->launch->kernel->run(b);
}

static void fiber_main(void *arg)
{
    struct machine *m = arg;
    fiber_entered();
    if (m->launch->kernel->no_sync) {
        run_rows(m);
        m->running = 0;
        fiber_leave(&m->fibers[m->slot], &m->main);
    }
    do { /* a stack whose thread has ended serves for the next one */
        m->launch->kernel->run(&m->block);
    } while (m->ready_head == m->ready_tail && m->block.next < m->block.count);
    struct fiber *here = &m->fibers[m->slot];
    m->free_slots[m->free_count++] = (uint16_t)m->slot;
    fiber_leave(here, next_fiber(m));
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
    struct fiber *first = fresh_fiber(m);
    m->running = 1;
    fiber_switch(&m->main, first);
    if (m->outcome != CPU_DONE)
        clean_up(m);
}

static void forbid_in_no_sync(struct machine *m, const struct cpu_site *site)
{
    if (m->launch->kernel->no_sync) {
        m->forbidden = site;
        schedule_abort(m, CPU_MISUSE);
    }
}

static void release_barrier(struct machine *m)
{
    const uint32_t count = m->block.count;
    m->waiting = 0;
    m->ready_head = 0;
    m->ready_tail = count;
    if (m->launch->order_seed != 0)
        m->reversed = !m->reversed;
    if (!m->reversed) {
        memcpy(m->ready, m->order, count * sizeof(*m->ready));
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        m->ready[i] = m->order[count - 1 - i];
}

void cpu_barrier(struct cpu_block *block, uint32_t thread, const struct cpu_site *site)
{
    struct machine *m = (struct machine *)block;
    forbid_in_no_sync(m, site);
    m->site[thread] = site;
    if (m->waiting == 0)
        m->barrier = site;
    else if (m->barrier != site)
        m->mixed = true;
    if (++m->waiting == m->block.count) {
        if (m->mixed)
            schedule_abort(m, CPU_DEADLOCK);
        release_barrier(m);
    }
    park(m, thread);
}

static void release_wave(struct machine *m, struct wave *wave, uint32_t but)
{
    wave->arrived = 0;
    wave->turn ^= 1;
    for (uint32_t i = 0; i < wave->lanes; i++) {
        const uint32_t thread = wave->first + (m->reversed ? wave->lanes - 1 - i : i);
        if (thread != but)
            make_ready(m, thread);
    }
}

void schedule_rendezvous(struct machine *m, struct wave *wave, uint32_t thread,
                         const struct cpu_site *site, void (*work)(struct wave *))
{
    forbid_in_no_sync(m, site);
    m->site[thread] = site;
    if (wave->arrived == 0) {
        wave->site = site;
        wave->mixed = false;
    } else if (wave->site != site) {
        wave->mixed = true;
    }
    if (++wave->arrived < wave->lanes) {
        park(m, thread);
        return;
    }
    if (wave->mixed) {
        m->split = wave;
        schedule_abort(m, CPU_SPLIT_WAVE);
    }
    if (work != NULL)
        work(wave);
    release_wave(m, wave, thread);
}
