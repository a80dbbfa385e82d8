/* Words for what ended a launch. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/cpu/exec_machine.h"

/* Text that grows by pieces and is cut where it no longer fits. */
struct line {
    char *text;
    size_t used, size;
};

static void add(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct line *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(l->text + l->used, l->size - l->used, format, args);
    va_end(args);
    if (n > 0)
        l->used += (size_t)n < l->size - l->used ? (size_t)n : l->size - l->used - 1;
}

/* The threads of [first, end) that wait at `site`, as ranges: "threads 0..31, 40". */
static void add_threads(struct line *l, const struct machine *m, uint32_t first, uint32_t end,
                        const struct cpu_site *site)
{
    uint32_t ranges = 0;
    for (uint32_t t = first; t < end; t++) {
        if (m->site[t] != site)
            continue;
        uint32_t last = t;
        while (last + 1 < end && m->site[last + 1] == site)
            last++;
        if (ranges == 4) {
            add(l, ", ...");
            return;
        }
        add(l, ranges++ == 0 ? (t == last ? "thread " : "threads ") : ", ");
        add(l, t == last ? "%" PRIu32 : "%" PRIu32 "..%" PRIu32, t, last);
        t = last;
    }
}

static bool seen_before(const struct machine *m, uint32_t first, uint32_t t)
{
    for (uint32_t i = first; i < t; i++)
        if (m->site[i] == m->site[t])
            return true;
    return false;
}

/* Who waits where, one part per place. */
static void add_groups(struct line *l, const struct machine *m, uint32_t first, uint32_t end)
{
    uint32_t groups = 0;
    for (uint32_t t = first; t < end; t++) {
        const struct cpu_site *site = m->site[t];
        if (seen_before(m, first, t))
            continue;
        if (groups++ != 0)
            add(l, "; ");
        add_threads(l, m, first, end, site);
        if (site == NULL)
            add(l, " left the kernel");
        else
            add(l, " wait at %s:%u (%s)", site->file, site->line, site->what);
    }
}

/* The finding's place and thread are those of the first that waits. */
static void set_place(const struct machine *m, struct cpu_finding *f, uint32_t first, uint32_t end)
{
    for (uint32_t t = first; t < end; t++) {
        if (m->site[t] == NULL)
            continue;
        f->file = m->site[t]->file;
        f->line = m->site[t]->line;
        f->thread[0] = m->thread_idx[t].x;
        f->thread[1] = m->thread_idx[t].y;
        f->thread[2] = m->thread_idx[t].z;
        return;
    }
}

static void add_where(struct line *l, const struct machine *m, const struct cpu_finding *f)
{
    add(l, "%s block (%" PRIu32 ",%" PRIu32 ",%" PRIu32 ")", m->launch->kernel->name, f->block[0],
        f->block[1], f->block[2]);
    if (f->thread_known)
        add(l, " thread (%" PRIu32 ",%" PRIu32 ",%" PRIu32 ")", f->thread[0], f->thread[1],
            f->thread[2]);
    add(l, ": ");
}

static void add_fault(struct line *l, const struct machine *m, struct cpu_finding *f)
{
    const char *what = m->fault.is_write ? "write" : "read";
    const uintptr_t arena = (uintptr_t)m->lds_arena, lds = (uintptr_t)m->block.lds;
    f->address = m->fault.address;
    f->is_write = m->fault.is_write;
    f->in_lds = f->address >= arena && f->address < arena + LDS_ARENA_SIZE;
    if (m->fault.no_address)
        add(l, "access through an impossible pointer");
    else if (f->in_lds && f->address >= lds)
        add(l, "LDS overrun: %s at byte %zu of %zu", what, (size_t)(f->address - lds),
            m->launch->dynamic_lds);
    else if (f->in_lds)
        add(l, "LDS underrun: %s %zu bytes before its start", what, (size_t)(lds - f->address));
    else
        add(l, "%s at address 0x%" PRIxPTR "%s", what, f->address,
            f->address < 4096 ? " (null pointer)" : "");
}

static const char *trap_name(int number)
{
    switch (number) {
    case SIGFPE:
        return "integer division by zero or overflow";
    case SIGILL:
        return "illegal instruction or trap";
    default:
        return "trap";
    }
}

static void add_outcome(struct line *l, const struct machine *m, struct cpu_finding *f)
{
    switch (m->outcome) {
    case CPU_FAULT:
        add_fault(l, m, f);
        break;
    case CPU_STACK_OVERFLOW:
        f->address = m->fault.address;
        add(l, "a thread needs more than %zu KiB of private memory", STACK_USABLE / 1024);
        break;
    case CPU_TRAP:
        add(l, "%s", trap_name(m->fault.signal));
        break;
    case CPU_TIMEOUT:
        add(l, "still running after %g s", m->launch->time_limit_s);
        break;
    case CPU_MISUSE:
        f->file = m->forbidden->file;
        f->line = m->forbidden->line;
        add(l, "%s at %s:%u in a kernel that is exported as NO_SYNC", m->forbidden->what, f->file,
            f->line);
        break;
    default:
        break;
    }
}

static void add_deadlock(struct line *l, const struct machine *m, struct cpu_finding *f)
{
    uint32_t first = 0, end = m->block.count;
    if (m->outcome == CPU_SPLIT_WAVE) {
        first = m->split->first;
        end = first + m->split->lanes;
        add(l, "wave %" PRIu32 " is split: ", first / m->split->size);
    }
    set_place(m, f, first, end);
    add_groups(l, m, first, end);
}

void finding_describe(const struct machine *m, struct cpu_finding *f)
{
    const struct cpu_index block = m->block.block_idx, thread = m->thread_idx[m->block.current];
    struct line l = {f->text, 0, sizeof(f->text)};
    *f = (struct cpu_finding){.outcome = m->outcome,
                              .block = {block.x, block.y, block.z},
                              .thread = {thread.x, thread.y, thread.z}};
    if (m->outcome == CPU_DEADLOCK || m->outcome == CPU_EARLY_EXIT ||
        m->outcome == CPU_SPLIT_WAVE) {
        add_where(&l, m, f);
        add_deadlock(&l, m, f);
        f->thread_known = true;
        return;
    }
    f->thread_known = !m->launch->kernel->no_sync || m->one_by_one;
    f->ip = m->outcome == CPU_MISUSE ? 0 : m->fault.ip;
    add_where(&l, m, f);
    add_outcome(&l, m, f);
}

enum cpu_outcome finding_misuse(struct cpu_finding *finding, const char *format, ...)
{
    va_list args;
    memset(finding, 0, sizeof(*finding));
    finding->outcome = CPU_MISUSE;
    va_start(args, format);
    vsnprintf(finding->text, sizeof(finding->text), format, args);
    va_end(args);
    return CPU_MISUSE;
}

const char *cpu_outcome_name(enum cpu_outcome outcome)
{
    static const char *const names[] = {
        [CPU_DONE] = "done",
        [CPU_FAULT] = "memory fault",
        [CPU_DEADLOCK] = "deadlock",
        [CPU_EARLY_EXIT] = "early exit",
        [CPU_SPLIT_WAVE] = "split wave",
        [CPU_TIMEOUT] = "timeout",
        [CPU_STACK_OVERFLOW] = "stack overflow",
        [CPU_TRAP] = "trap",
        [CPU_MISUSE] = "misuse",
    };
    return names[outcome];
}
