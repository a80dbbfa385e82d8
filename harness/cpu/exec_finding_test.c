/* The executor: each kernel that is wrong gives its finding, with the right threads, and never
 * harms the next launch. */
#include "harness/cpu/exec.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/cpu/exec_test_kernels.h"

#define N 4096
static float in[N], out[N];
static uint32_t counts[N];
static struct cpu_finding finding;

#define KERNEL(name) extern const struct kernel kernel_##name;
KERNEL(good_block_sum)
KERNEL(bug_two_barriers)
KERNEL(bug_early_exit)
KERNEL(bug_half_wave)
KERNEL(bug_two_collectives)
KERNEL(bug_endless)
KERNEL(bug_endless_barriers)
KERNEL(bug_missing_barrier)
KERNEL(bug_uninitialised_lds)
KERNEL(bug_lds_overrun)
KERNEL(bug_lds_underrun)
KERNEL(bug_read)
KERNEL(bug_write_after_barrier)
KERNEL(bug_trap)
KERNEL(bug_division)
KERNEL(bug_recursion)
KERNEL(bug_sync_in_no_sync)

static struct test_args args(uint32_t n)
{
    for (size_t i = 0; i < N; i++)
        in[i] = (float)(i % 1000);
    memset(out, 0, sizeof(out));
    memset(counts, 0, sizeof(counts));
    return (struct test_args){in, out, counts, n};
}

static struct cpu_launch launch(const struct kernel *kernel, const struct test_args *a,
                                uint32_t blocks, uint32_t threads)
{
    return (struct cpu_launch){.kernel = kernel,
                               .args = a,
                               .grid = {blocks, 1, 1},
                               .block = {threads, 1, 1},
                               .dynamic_lds = 4 * (size_t)threads,
                               .time_limit_s = 20};
}

static void run_well(const struct cpu_launch *l)
{
    if (cpu_run(l, &finding) != CPU_DONE)
        fail_msg("%s", finding.text);
    assert_int_equal(finding.outcome, CPU_DONE);
}

/* After each planted bug: the executor is as good as before. */
static void still_works(void)
{
    struct test_args a = args(0);
    struct cpu_launch l = launch(&kernel_good_block_sum, &a, 4, 1024);
    run_well(&l);
    for (size_t block = 0; block < 4; block++) {
        float sum = 0;
        for (size_t i = 0; i < 1024; i++)
            sum += in[1024 * block + i];
        assert_true(out[block] == sum);
    }
}

static void expect(const struct cpu_launch *l, enum cpu_outcome outcome, const char *text)
{
    assert_int_equal(cpu_run(l, &finding), outcome);
    assert_int_equal(finding.outcome, outcome);
    if (strstr(finding.text, text) == NULL)
        fail_msg("\"%s\" does not hold \"%s\"", finding.text, text);
}

static void test_barrier_findings(void **state)
{
    (void)state;
    struct test_args a = args(40);
    struct cpu_launch l = launch(&kernel_bug_two_barriers, &a, 1, 128);
    expect(&l, CPU_DEADLOCK, "bug_two_barriers block (0,0,0): threads 0..31 wait at ");
    assert_non_null(strstr(finding.text, "; threads 32..127 wait at "));
    assert_non_null(strstr(finding.file, "exec_finding_test_kernels.hip"));
    assert_true(finding.line > 0);
    still_works();
    a = args(40);
    l = launch(&kernel_bug_early_exit, &a, 1, 128);
    expect(&l, CPU_EARLY_EXIT, "(__syncthreads); threads 40..127 left the kernel");
    still_works();
}

static void test_wave_findings(void **state)
{
    (void)state;
    struct test_args a = args(0);
    struct cpu_launch l = launch(&kernel_bug_half_wave, &a, 2, 128);
    expect(&l, CPU_SPLIT_WAVE, "wave 0 is split: threads 0..31 wait at ");
    assert_non_null(strstr(finding.text, "(__shfl_xor); threads 32..63 wait at "));
    l.order_seed = 5;
    expect(&l, CPU_SPLIT_WAVE, "is split: threads ");
    still_works();
    l = launch(&kernel_bug_two_collectives, &a, 1, 64);
    expect(&l, CPU_SPLIT_WAVE, "(__shfl_xor); threads 32..63 wait at ");
    still_works();
}

static void test_time_limit(void **state)
{
    (void)state;
    struct test_args a = args(77);
    struct cpu_launch l = launch(&kernel_bug_endless, &a, 4, 64);
    l.time_limit_s = 0.05;
    expect(&l, CPU_TIMEOUT, "block (1,0,0) thread (13,0,0): still running after 0.05 s");
    still_works();
    a = args(0);
    l = launch(&kernel_bug_endless_barriers, &a, 4, 64);
    l.time_limit_s = 0.05;
    expect(&l, CPU_TIMEOUT, "bug_endless_barriers block (0,0,0)");
    still_works();
}

static void test_missing_barrier(void **state)
{
    (void)state;
    unsigned seen = 0;
    for (uint64_t seed = 0; seed <= 8; seed++) {
        struct test_args a = args(0);
        struct cpu_launch l = launch(&kernel_bug_missing_barrier, &a, 1, 128);
        bool wrong = false;
        l.order_seed = seed;
        run_well(&l);
        for (size_t t = 0; t < 128; t++)
            wrong |= out[t] != in[t / 2];
        assert_false(seed == 0 && wrong);
        seen += wrong;
    }
    assert_int_equal(seen, 8);
}

static void test_lds_poison(void **state)
{
    (void)state;
    uint32_t before = 0;
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct test_args a = args(0);
        struct cpu_launch l = launch(&kernel_bug_uninitialised_lds, &a, 2, 64);
        uint32_t bits;
        l.order_seed = seed;
        run_well(&l);
        memcpy(&bits, &out[7], sizeof(bits));
        assert_true(isnan(out[7]) && out[6] == 1);
        assert_true(bits != before);
        before = bits;
    }
}

static void test_lds_bounds(void **state)
{
    (void)state;
    struct test_args a = args(64);
    struct cpu_launch l = launch(&kernel_bug_lds_overrun, &a, 1, 32);
    l.dynamic_lds = 96;
    run_well(&l);
    l.dynamic_lds = 80;
    expect(&l, CPU_FAULT, "thread (16,0,0): LDS overrun: write at byte 80 of 80");
    assert_true(finding.is_write && finding.in_lds);
    l.dynamic_lds = 83; /* 13 bytes of slack up to the guard page: the change is found afterwards */
    l.block[0] = 20;
    expect(&l, CPU_FAULT, "LDS overrun: write at byte 83 of 83");
    still_works();
    a = args(9);
    l = launch(&kernel_bug_lds_underrun, &a, 1, 32);
    expect(&l, CPU_FAULT, "LDS underrun: write 9 bytes before its start");
    a = args(CPU_MAX_LDS + 4096);
    expect(&l, CPU_FAULT, "LDS underrun: write 266240 bytes before its start");
    still_works();
}

static void test_faults(void **state)
{
    (void)state;
    unsigned char *page =
        mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(mprotect(page + 4096, 4096, PROT_READ), 0);
    assert_int_equal(mprotect(page + 8192, 4096, PROT_NONE), 0);
    struct test_args a = args(0);
    a.in = (const float *)(page + 8192 - 4 * 100);
    struct cpu_launch l = launch(&kernel_bug_read, &a, 4, 64);
    expect(&l, CPU_FAULT, "bug_read block (1,0,0) thread (36,0,0): read at address 0x");
    assert_true(finding.address == (uintptr_t)page + 8192 && !finding.is_write);
    assert_true(finding.thread_known && finding.ip != 0 && !finding.in_lds);
    l.order_seed = 9;
    expect(&l, CPU_FAULT, ": read at address 0x");
    assert_true(finding.address >= (uintptr_t)page + 8192);
    assert_int_equal((finding.address - (uintptr_t)a.in) / 4,
                     64 * finding.block[0] + finding.thread[0]);
    a = args(0);
    a.out = (float *)(page + 4096 - 4 * 200);
    l = launch(&kernel_bug_write_after_barrier, &a, 4, 64);
    expect(&l, CPU_FAULT, "block (3,0,0) thread (8,0,0): write at address 0x");
    assert_true(finding.address == (uintptr_t)page + 4096 && finding.is_write);
#if defined(__x86_64__)
    a.out = (float *)((uintptr_t)1 << 62);
    expect(&l, CPU_FAULT, "access through an impossible pointer");
#endif
    a.out = (float *)16;
    expect(&l, CPU_FAULT, "block (0,0,0) thread (0,0,0): write at address 0x10 (null pointer)");
    munmap(page, 12288);
    still_works();
}

static void test_traps(void **state)
{
    (void)state;
    struct test_args a = args(33);
    struct cpu_launch l = launch(&kernel_bug_trap, &a, 1, 64);
    expect(&l, CPU_TRAP, "thread (33,0,0): ");
    still_works();
#if defined(__x86_64__)
    l = launch(&kernel_bug_division, &a, 1, 64);
    a = args(33);
    expect(&l, CPU_TRAP, "thread (5,0,0): integer division by zero or overflow");
    still_works();
#endif
}

static void test_stack_overflow(void **state)
{
    (void)state;
    struct test_args a = args(20);
    struct cpu_launch l = launch(&kernel_bug_recursion, &a, 1, 128);
    run_well(&l);
    a.n = 1000000;
    expect(&l, CPU_STACK_OVERFLOW, "thread (70,0,0): a thread needs more than 128 KiB");
    still_works();
}

static void test_misuse(void **state)
{
    (void)state;
    struct test_args a = args(0);
    struct cpu_launch l = launch(&kernel_bug_sync_in_no_sync, &a, 1, 64);
    expect(&l, CPU_MISUSE, "__syncthreads at ");
    l = launch(&kernel_good_block_sum, &a, 1, 1025);
    expect(&l, CPU_MISUSE, "block 1025x1x1 is not 1 to 1024 threads");
    l = launch(&kernel_good_block_sum, &a, 1, 64);
    l.block[1] = 0;
    expect(&l, CPU_MISUSE, "block 64x0x1");
    l = launch(&kernel_good_block_sum, &a, 0, 64);
    expect(&l, CPU_MISUSE, "grid 0x1x1 is empty");
    l = launch(&kernel_good_block_sum, &a, UINT32_MAX, 64);
    l.grid[1] = l.grid[2] = UINT32_MAX;
    expect(&l, CPU_MISUSE, "or too large");
    l = launch(&kernel_good_block_sum, &a, 1, 64);
    l.dynamic_lds = CPU_MAX_LDS + 1;
    expect(&l, CPU_MISUSE, "262145 bytes of LDS");
    l.dynamic_lds = CPU_MAX_LDS;
    l.wave_size = 16;
    expect(&l, CPU_MISUSE, "wave size 16");
    l.wave_size = 0;
    run_well(&l);
    still_works();
}

static void test_outcome_names(void **state)
{
    (void)state;
    for (int i = CPU_DONE; i <= CPU_MISUSE; i++)
        assert_true(strlen(cpu_outcome_name((enum cpu_outcome)i)) > 3);
}

/* In a child: what the parent's machine left must not be used blindly, and a fault outside of a
 * kernel must still kill. */
static int child(void (*what)(void))
{
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(20); /* a time limit that does not work must not hang the test */
        what();
        _exit(0);
    }
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return status;
}

static void endless_in_child(void)
{
    struct test_args a = args(5);
    struct cpu_launch l = launch(&kernel_bug_endless, &a, 1, 64);
    l.time_limit_s = 0.05;
    if (cpu_run(&l, &finding) != CPU_TIMEOUT)
        _exit(1);
}

static void fault_in_child(void)
{
    static volatile int *volatile nowhere = (volatile int *)64;
    signal(SIGSEGV, SIG_DFL); /* ASan's report would be printed otherwise */
    cpu_release();
    if (!cpu_init())
        _exit(1);
    *nowhere = 1;
}

static void test_processes(void **state)
{
    (void)state;
    assert_true(cpu_init());
    int status = child(endless_in_child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = child(fault_in_child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    cpu_release();
    still_works();
}

static void test_os_threads(void **state)
{
    (void)state;
    struct test_args a = args(0);
    struct cpu_launch l = launch(&kernel_bug_trap, &a, 64, 64);
    l.threads = 3;
    expect(&l, CPU_TRAP, "thread (0,0,0)");
    still_works();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_barrier_findings), cmocka_unit_test(test_wave_findings),
        cmocka_unit_test(test_time_limit),       cmocka_unit_test(test_missing_barrier),
        cmocka_unit_test(test_lds_poison),       cmocka_unit_test(test_lds_bounds),
        cmocka_unit_test(test_faults),           cmocka_unit_test(test_traps),
        cmocka_unit_test(test_stack_overflow),   cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_outcome_names),    cmocka_unit_test(test_processes),
        cmocka_unit_test(test_os_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
