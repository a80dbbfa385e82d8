/*
 * Fibers: stacks that one OS thread switches between.
 *
 *     struct fiber here, there;
 *     fiber_thread(&here);                            // this OS thread's own stack
 *     fiber_make(&there, stack, size, entry, arg);    // nothing runs yet
 *     fiber_switch(&here, &there);                    // runs entry(arg) on `stack`
 *
 * fiber_switch returns when somebody switches back to `from`. An entry function must never return.
 * A fiber that nobody switches to again is simply forgotten: switch away with fiber_leave, and its
 * stack is free for another one.
 *
 * On x86-64 a switch is a few instructions; elsewhere (or with HARNESS_PORTABLE_FIBERS) it is
 * swapcontext. AddressSanitizer is told about every switch.
 */
#ifndef HARNESS_CPU_FIBER_H
#define HARNESS_CPU_FIBER_H

#include <stdbool.h>
#include <stddef.h>

#if !defined(__x86_64__) || defined(HARNESS_PORTABLE_FIBERS)
#define FIBER_PORTABLE 1
#include <ucontext.h>
#else
#define FIBER_PORTABLE 0
#endif

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#ifndef FIBER_ASAN
#define FIBER_ASAN 0
#endif

struct fiber {
#if FIBER_PORTABLE
    ucontext_t context;
    void (*entry)(void *);
    void *arg;
#else
    void *sp; /* while it does not run: its registers are saved there */
#endif
#if FIBER_ASAN
    const void *stack;
    size_t stack_size;
    void *fake_stack;
#endif
};

void fiber_thread(struct fiber *f);
void fiber_make(struct fiber *f, void *stack, size_t size, void (*entry)(void *), void *arg);
static inline void fiber_switch(struct fiber *from, struct fiber *to);

/* Switches for good. It never returns, but is not declared so: AddressSanitizer would clean the
 * whole stack before each call. */
void fiber_leave(struct fiber *from, struct fiber *to);

/* To be called on a stack that was left in the middle of functions, before it is used again. */
void fiber_reclaim(void *stack, size_t size);

/* A signal handler must not leave now: it interrupted a switch that AddressSanitizer is half told
 * about. Elsewhere it may leave at any time. */
bool fiber_busy(void);

/* Must be the first thing that an entry function calls. */
void fiber_entered(void);

/* Says that a switch to `f` comes soon: the stacks of a block do not fit the fastest cache. */
static inline void fiber_prefetch(const struct fiber *f)
{
#if !FIBER_PORTABLE
    __builtin_prefetch(f->sp);
    __builtin_prefetch((const char *)f->sp + 64);
#else
    (void)f;
#endif
}

void fiber_swap(struct fiber *from, struct fiber *to); /* not for callers */
#if FIBER_ASAN
void fiber_annotate_start(struct fiber *from, const struct fiber *to);
void fiber_annotate_end(const struct fiber *from);
#endif

static inline void fiber_switch(struct fiber *from, struct fiber *to)
{
#if FIBER_ASAN
    fiber_annotate_start(from, to);
#endif
    fiber_swap(from, to);
#if FIBER_ASAN
    fiber_annotate_end(from);
#endif
}

#endif
