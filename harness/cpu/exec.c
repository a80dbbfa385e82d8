/* Launches: memory of a machine, the blocks of a grid, the OS threads that share them. */
#include "harness/cpu/exec.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "harness/cpu/exec_machine.h"

#define MAX_OS_THREADS 256

__thread struct machine *machine_here;

/* Blocks of a launch. Each OS thread that is free takes the next few. */
struct share {
    const struct cpu_launch *launch;
    uint64_t blocks, step, start; /* order: (start + i * step) mod blocks */
    uint64_t chunk;
    atomic_uint_fast64_t next;
    atomic_bool stop;
    pthread_mutex_t lock; /* of finding */
    struct cpu_finding *finding;
};

static void *map(size_t size, int protection)
{
    void *p = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void machine_free(struct machine *m)
{
    if (m->stacks != NULL)
        munmap(m->stacks, STACKS_SIZE);
    if (m->lds_arena != NULL)
        munmap(m->lds_arena, LDS_ARENA_SIZE);
    if (m->signal_stack != NULL)
        munmap(m->signal_stack, SIGNAL_STACK);
    free(m);
}

/* Huge pages would make every touched stack cost 2 MiB. */
static bool machine_map(struct machine *m)
{
    m->stacks = map(STACKS_SIZE, PROT_READ | PROT_WRITE);
    m->lds_arena = map(LDS_ARENA_SIZE, PROT_NONE);
    m->signal_stack = map(SIGNAL_STACK, PROT_READ | PROT_WRITE);
    if (m->stacks == NULL || m->lds_arena == NULL || m->signal_stack == NULL)
        return false;
    madvise(m->stacks, STACKS_SIZE, MADV_NOHUGEPAGE);
    return mprotect(m->lds_arena + LDS_GUARD, LDS_END - LDS_GUARD, PROT_READ | PROT_WRITE) == 0;
}

bool cpu_init(void)
{
    if (machine_here != NULL)
        return fault_claim();
    struct machine *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return false;
    if (!machine_map(m) || !fault_install(m)) {
        machine_free(m);
        return false;
    }
    for (uint32_t i = 0; i < CPU_MAX_THREADS; i++)
        m->free_slots[i] = (uint16_t)(CPU_MAX_THREADS - 1 - i);
    fiber_thread(&m->main);
    machine_here = m;
    return true;
}

void cpu_release(void)
{
    struct machine *m = machine_here;
    if (m == NULL)
        return;
    const stack_t none = {.ss_flags = SS_DISABLE};
    fault_timer_release(m);
    machine_here = NULL;
    sigaltstack(&none, NULL);
    machine_free(m);
}

/* splitmix64: a short, full-period mixer is all that an order needs. */
static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* What all blocks of a launch have in common. */
static void machine_prepare(struct machine *m, const struct cpu_launch *launch)
{
    struct cpu_block *b = &m->block;
    const uint32_t *dim = launch->block;
    const uint32_t wave_size = launch->wave_size == 0 ? 64 : launch->wave_size;
    m->launch = launch;
    m->no_sync = launch->kernel->no_sync;
    *b = (struct cpu_block){.args = launch->args,
                            .block_dim = {dim[0], dim[1], dim[2]},
                            .grid_dim = {launch->grid[0], launch->grid[1], launch->grid[2]},
                            .wave_size = wave_size,
                            .wave_shift = wave_size == 64 ? 6 : 5,
                            .waves = m->waves,
                            .order = m->order,
                            .thread_idx = m->thread_idx,
                            .site = m->site,
                            .count = dim[0] * dim[1] * dim[2]};
    if (launch->dynamic_lds != 0)
        b->lds = m->lds_arena + LDS_END - ((launch->dynamic_lds + 15) & ~(size_t)15);
    for (uint32_t t = 0; t < b->count; t++) {
        m->order[t] = (uint16_t)t;
        m->thread_idx[t] = (struct cpu_index){t % dim[0], t / dim[0] % dim[1], t / dim[0] / dim[1]};
    }
    for (uint32_t first = 0; first < b->count; first += wave_size) {
        struct cpu_wave *w = &m->waves[first / wave_size];
        w->first = first;
        w->size = wave_size;
        w->lanes = b->count - first < wave_size ? b->count - first : wave_size;
        memset(w->narrow, 0xff, sizeof(w->narrow)); /* what absent lanes read as, for good */
        memset(w->wide, 0xff, sizeof(w->wide));
    }
}

static void shuffle_threads(struct machine *m, uint64_t block)
{
    uint64_t state = m->launch->order_seed ^ block * 0xd1342543de82ef95u;
    for (uint32_t i = m->block.count - 1; i > 0; i--) {
        const uint32_t j = (uint32_t)(mix(&state) % (i + 1));
        const uint16_t t = m->order[i];
        m->order[i] = m->order[j];
        m->order[j] = t;
    }
}

/* NaN in fp32 and, by default, in bf16 and fp16 too; another NaN for every order_seed, so that a
 * result that depends on it differs between seeds. */
static uint32_t poison_word(uint64_t seed)
{
    return seed == 0 ? 0xffffffffu : 0x7fc00000u | (uint32_t)(mix(&seed) >> 42);
}

static void poison_lds(struct machine *m)
{
    const uint32_t word = poison_word(m->launch->order_seed);
    uint32_t *at = (uint32_t *)((unsigned char *)m->block.lds - LDS_CANARY);
    uint32_t *end = (uint32_t *)(m->lds_arena + LDS_END);
    while (at < end)
        *at++ = word;
}

/* The first byte of [from, end) that is not poison any more, or NULL. */
static const unsigned char *changed_byte(const unsigned char *from, const unsigned char *end,
                                         uint32_t word)
{
    unsigned char expected[4];
    memcpy(expected, &word, sizeof(expected));
    for (; from < end; from++)
        if (*from != expected[(uintptr_t)from & 3])
            return from;
    return NULL;
}

/* The bytes before LDS, and the few between its end and the guard page, that no fault protects. */
static bool lds_intact(struct machine *m)
{
    const uint32_t word = poison_word(m->launch->order_seed);
    const unsigned char *lds = m->block.lds, *end = lds + m->launch->dynamic_lds;
    const uint32_t *before = (const uint32_t *)(lds - LDS_CANARY);
    uint32_t difference = 0;
    for (size_t i = 0; i < LDS_CANARY / sizeof(*before); i++)
        difference |= before[i] ^ word;
    const unsigned char *changed = difference != 0
                                       ? changed_byte(lds - LDS_CANARY, lds, word)
                                       : changed_byte(end, m->lds_arena + LDS_END, word);
    if (changed != NULL)
        m->fault = (struct fault){.address = (uintptr_t)changed, .is_write = true};
    return changed == NULL;
}

static bool take_chunk(struct machine *m)
{
    struct share *s = m->share;
    if (s == NULL || atomic_load_explicit(&s->stop, memory_order_relaxed))
        return false;
    m->chunk_next = atomic_fetch_add_explicit(&s->next, s->chunk, memory_order_relaxed);
    m->chunk_end = m->chunk_next + s->chunk < s->blocks ? m->chunk_next + s->chunk : s->blocks;
    return m->chunk_next < m->chunk_end;
}

/* Divisions cost as much as a small block: in natural order only the last x of a row needs them. */
static void set_block_idx(struct machine *m, uint64_t number)
{
    struct cpu_block *b = &m->block;
    if (number == m->number + 1 && b->block_idx.x + 1 < b->grid_dim.x) {
        b->block_idx.x++;
    } else {
        b->block_idx.x = (uint32_t)(number % b->grid_dim.x);
        b->block_idx.y = (uint32_t)(number / b->grid_dim.x % b->grid_dim.y);
        b->block_idx.z = (uint32_t)(number / b->grid_dim.x / b->grid_dim.y);
    }
    m->number = number;
}

bool launch_next_block(struct machine *m)
{
    if (m->chunk_next >= m->chunk_end && !take_chunk(m))
        return false;
    uint64_t number = m->chunk_next++;
    if (m->launch->order_seed != 0 && m->share != NULL) {
        const struct share *s = m->share;
        number = (uint64_t)((s->start + (unsigned __int128)number * s->step) % s->blocks);
    }
    set_block_idx(m, number);
    if (m->launch->order_seed != 0)
        shuffle_threads(m, number);
    if (m->block.lds != NULL)
        poison_lds(m);
    return true;
}

bool launch_end_block(struct machine *m)
{
    return m->block.lds == NULL || lds_intact(m);
}

static void run_chunks(struct machine *m)
{
    m->expired = 0;
    fault_timer_start(m, m->launch->time_limit_s);
    m->outcome = CPU_DONE;
    if (m->no_sync)
        schedule_rows(m);
    while (m->outcome == CPU_DONE && launch_next_block(m)) {
        schedule_block(m);
        if (m->outcome == CPU_DONE && m->expired) /* the signal came between two blocks */
            m->outcome = CPU_TIMEOUT;
        if (m->outcome == CPU_DONE && !launch_end_block(m))
            m->outcome = CPU_FAULT;
    }
    if (m->launch->time_limit_s > 0)
        fault_timer_start(m, 0);
}

/* A vectorised thread loop does not know which thread faulted. Once more, one thread at a time: it
 * nearly always faults again (unless the kernel changed its own input), and then we know. */
static void locate(struct machine *m, struct cpu_finding *finding)
{
    m->one_by_one = true;
    m->share = NULL;
    m->chunk_next = m->number;
    m->chunk_end = m->number + 1;
    run_chunks(m);
    if (m->outcome != CPU_DONE)
        finding_describe(m, finding);
}

static void run_share(struct machine *m, struct share *s)
{
    struct cpu_finding finding;
    machine_prepare(m, s->launch);
    m->one_by_one = s->launch->order_seed != 0;
    m->share = s;
    m->chunk_next = m->chunk_end = 0;
    m->number = UINT64_MAX - 1;
    run_chunks(m);
    if (m->outcome == CPU_DONE)
        return;
    atomic_store(&s->stop, true);
    finding_describe(m, &finding);
    if (m->no_sync && !m->one_by_one)
        locate(m, &finding);
    pthread_mutex_lock(&s->lock);
    if (s->finding->outcome == CPU_DONE)
        *s->finding = finding;
    pthread_mutex_unlock(&s->lock);
}

static void *os_thread(void *share)
{
    if (!cpu_init())
        return NULL; /* the others do its blocks */
    run_share(machine_here, share);
    cpu_release();
    return NULL;
}

static void order_blocks(struct share *s, uint64_t seed)
{
    s->step = 1;
    if (seed == 0 || s->blocks < 2)
        return;
    s->start = mix(&seed) % s->blocks;
    for (;;) {
        uint64_t a = s->blocks, b = s->step = 1 + mix(&seed) % s->blocks;
        while (b != 0) {
            const uint64_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1)
            return;
    }
}

/* Few enough that all OS threads end together, many enough that taking them costs nothing. */
static uint64_t chunk_of(uint64_t blocks, unsigned threads)
{
    const uint64_t share = blocks / (threads == 0 ? 8 : 8 * (uint64_t)threads);
    return share < 1 ? 1 : share > 256 ? 256 : share;
}

static bool possible(const struct cpu_launch *l, struct cpu_finding *f, uint64_t *blocks)
{
    const char *name = l->kernel->name;
    const uint64_t plane = (uint64_t)l->block[0] * l->block[1];
    *blocks = (uint64_t)l->grid[0] * l->grid[1];
    if (l->block[0] > CPU_MAX_THREADS || plane > CPU_MAX_THREADS || l->block[2] > CPU_MAX_THREADS ||
        plane * l->block[2] > CPU_MAX_THREADS || plane * l->block[2] == 0)
        finding_misuse(f, "%s: block %ux%ux%u is not 1 to %u threads", name, l->block[0],
                       l->block[1], l->block[2], CPU_MAX_THREADS);
    else if (__builtin_mul_overflow(*blocks, l->grid[2], blocks) || *blocks == 0)
        finding_misuse(f, "%s: grid %ux%ux%u is empty or too large", name, l->grid[0], l->grid[1],
                       l->grid[2]);
    else if (l->dynamic_lds > CPU_MAX_LDS)
        finding_misuse(f, "%s: %zu bytes of LDS, at most %d", name, l->dynamic_lds, CPU_MAX_LDS);
    else if (l->wave_size != 0 && l->wave_size != 32 && l->wave_size != 64)
        finding_misuse(f, "%s: wave size %u is not 32 or 64", name, l->wave_size);
    else if (!cpu_init())
        finding_misuse(f, "%s: no memory for the stacks of its threads", name);
    return f->outcome == CPU_DONE;
}

enum cpu_outcome cpu_run(const struct cpu_launch *launch, struct cpu_finding *finding)
{
    struct share share = {.launch = launch, .finding = finding, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t others[MAX_OS_THREADS];
    unsigned started = 0;
    memset(finding, 0, sizeof(*finding));
    if (!possible(launch, finding, &share.blocks))
        return finding->outcome;
    order_blocks(&share, launch->order_seed);
    share.chunk = chunk_of(share.blocks, launch->threads);
    while (started + 1 < launch->threads && started < MAX_OS_THREADS &&
           started + 1 < share.blocks &&
           pthread_create(&others[started], NULL, os_thread, &share) == 0)
        started++;
    run_share(machine_here, &share);
    while (started > 0)
        pthread_join(others[--started], NULL);
    return finding->outcome;
}
