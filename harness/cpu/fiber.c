#include "harness/cpu/fiber.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

#if FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if !FIBER_PORTABLE

/* Only what a function must preserve is saved. The return address is popped and jumped to: a `ret`
 * would mispredict at every switch, since it is not the address that the call before it pushed. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl fiber_swap, fiber_start\n"
        ".hidden fiber_swap, fiber_start\n"
        ".type fiber_swap, @function\n"
        "fiber_swap:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq (%rsi), %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"

        "    popq %rcx\n"
        "    jmp *%rcx\n"
        ".size fiber_swap, .-fiber_swap\n"
        ".p2align 4\n"
        ".type fiber_start, @function\n"
        "fiber_start:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined rip\n" /* the end of every backtrace */
        "    movq %r12, %rdi\n"
        "    callq *%r13\n"
        "    ud2\n"
        "    .cfi_endproc\n"
        ".size fiber_start, .-fiber_start\n");

void fiber_start(void);

static void prepare(struct fiber *f, void *stack, size_t size, void (*entry)(void *), void *arg)
{
    /* r15 r14 r13 r12 rbx rbp, then where to go; the stack is 16-byte aligned in fiber_start. */
    void **top = (void **)(((uintptr_t)stack + size) & ~(uintptr_t)15);
    void **sp = top - 9;
    memset(sp, 0, 9 * sizeof(*sp));
    memcpy(&sp[2], &entry, sizeof(entry));
    sp[3] = arg;
    void (*start)(void) = fiber_start;
    memcpy(&sp[6], &start, sizeof(start));
    f->sp = sp;
}

#else

void fiber_swap(struct fiber *from, struct fiber *to)
{
    swapcontext(&from->context, &to->context);
}

/* makecontext passes ints. */
static void start(unsigned high, unsigned low)
{
    const struct fiber *f = (const struct fiber *)((uintptr_t)high << 16 << 16 | low);
    f->entry(f->arg);
}

static void prepare(struct fiber *f, void *stack, size_t size, void (*entry)(void *), void *arg)
{
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = stack;
    f->context.uc_stack.ss_size = size;
    f->context.uc_link = NULL;
    f->entry = entry;
    f->arg = arg;
    const uintptr_t self = (uintptr_t)f;
    makecontext(&f->context, (void (*)(void))start, 2, (unsigned)(self >> 16 >> 16),
                (unsigned)self);
}

#endif

void fiber_make(struct fiber *f, void *stack, size_t size, void (*entry)(void *), void *arg)
{
#if FIBER_ASAN
    f->stack = stack;
    f->stack_size = size;
    f->fake_stack = NULL;
#endif
    prepare(f, stack, size, entry, arg);
}

void fiber_reclaim(void *stack, size_t size)
{
#if FIBER_ASAN
    __asan_unpoison_memory_region(stack, size);
#else
    (void)stack;
    (void)size;
#endif
}

void fiber_thread(struct fiber *f)
{
    memset(f, 0, sizeof(*f));
#if FIBER_ASAN
    pthread_attr_t attr;
    void *low;
    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return;
    pthread_attr_getstack(&attr, &low, &f->stack_size);
    pthread_attr_destroy(&attr);
    f->stack = low;
#endif
}

#if FIBER_ASAN
static __thread volatile sig_atomic_t switching;

void fiber_annotate_start(struct fiber *from, const struct fiber *to)
{
    switching = 1;
    __sanitizer_start_switch_fiber(from == NULL ? NULL : &from->fake_stack, to->stack,
                                   to->stack_size);
}

void fiber_annotate_end(const struct fiber *from)
{
    __sanitizer_finish_switch_fiber(from == NULL ? NULL : from->fake_stack, NULL, NULL);
    switching = 0;
}

bool fiber_busy(void)
{
    return switching != 0;
}
#else
bool fiber_busy(void)
{
    return false;
}
#endif

void fiber_leave(struct fiber *from, struct fiber *to)
{
#if FIBER_ASAN
    fiber_annotate_start(NULL, to);
#endif
    fiber_swap(from, to);
}

void fiber_entered(void)
{
#if FIBER_ASAN
    fiber_annotate_end(NULL);
#endif
}
