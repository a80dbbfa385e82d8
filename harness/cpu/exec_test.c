/* The executor: right kernels give right results, wrong ones give precise findings, and a wrong one
 * never harms the next launch. */
#include "harness/cpu/exec.h"

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

#define __device__ __attribute__((unused))
#include "kernels/include/hip/special.h"

#include <math.h>

#define N 4096
static float in[N], out[N];
static uint32_t counts[N];
static struct cpu_finding finding;

#define KERNEL(name) extern const struct kernel kernel_##name;
KERNEL(test_scale)
KERNEL(test_scale_sync)
KERNEL(test_indices)
KERNEL(test_block_sum)
KERNEL(test_shuffles)
KERNEL(test_votes)
KERNEL(test_waves)
KERNEL(test_atomics)
KERNEL(test_buffers)
KERNEL(absent_lanes)
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
    struct cpu_launch l = launch(&kernel_test_block_sum, &a, 4, 1024);
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

static void test_plain(void **state)
{
    const struct kernel *kernels[] = {&kernel_test_scale, &kernel_test_scale_sync};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct test_args a = args(4000);
            struct cpu_launch l = launch(kernels[k], &a, 17, 241);
            l.order_seed = seed;
            l.dynamic_lds = 0;
            run_well(&l);
            for (size_t i = 0; i < N; i++)
                assert_true(out[i] == (i < 4000 ? 2 * in[i] + 1 : 0));
        }
    }
}

static void test_three_dimensions(void **state)
{
    (void)state;
    for (unsigned wave_size = 32; wave_size <= 64; wave_size += 32) {
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct test_args a = args(0);
            struct cpu_launch l = {.kernel = &kernel_test_indices,
                                   .args = &a,
                                   .grid = {3, 2, 4},
                                   .block = {5, 7, 3},
                                   .wave_size = wave_size,
                                   .order_seed = seed};
            run_well(&l);
            for (size_t i = 0; i < N; i++)
                assert_int_equal(counts[i], i < 24 * 105 ? 1 + i % 105 % wave_size : 0);
        }
    }
}

static void test_os_threads(void **state)
{
    (void)state;
    struct test_args a = args(0);
    struct cpu_launch l = launch(&kernel_test_block_sum, &a, 64, 64);
    l.threads = 3;
    for (int repeat = 0; repeat < 20; repeat++) {
        memset(out, 0, sizeof(out));
        run_well(&l);
        for (size_t block = 0; block < 64; block++) {
            float sum = 0;
            for (size_t i = 0; i < 64; i++)
                sum += in[64 * block + i];
            assert_true(out[block] == sum);
        }
    }
    l = launch(&kernel_bug_trap, &a, 64, 64);
    l.threads = 3;
    expect(&l, CPU_TRAP, "thread (0,0,0)");
    still_works();
}

/* Written from HIP's description, not from the macros: lanes of a segment of `width`. */
static size_t shuffled(int form, size_t lane)
{
    const size_t in_16 = lane & 15, in_32 = lane & 31;
    switch (form) {
    case 0:
        return 3;
    case 1:
        return lane - in_16 + 5;
    case 2:
        return in_16 < 3 ? lane : lane - 3;
    case 3:
        return in_32 + 5 > 31 ? lane : lane + 5;
    case 4:
        return lane ^ 17;
    case 5: /* the partner lies beyond the segment for the lower half of each pair */
        return (lane & 16) != 0 ? lane ^ 17 : lane;
    case 6:
        return lane ^ 1;
    case 7:
        return lane ^ 2;
    default:
        return lane ^ 4;
    }
}

static void test_shuffle_forms(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct test_args a = args(0);
        struct cpu_launch l = launch(&kernel_test_shuffles, &a, 1, 192);
        l.order_seed = seed;
        run_well(&l);
        for (int form = 0; form < 9; form++)
            for (size_t t = 0; t < 192; t++)
                assert_true(out[form * 192 + (int)t] == in[(t & ~63u) + shuffled(form, t & 63)]);
    }
}

static void test_ballots(void **state)
{
    (void)state;
    for (unsigned wave_size = 32; wave_size <= 64; wave_size += 32) {
        struct test_args a = args(0);
        struct cpu_launch l = launch(&kernel_test_votes, &a, 1, 96);
        l.wave_size = wave_size;
        run_well(&l);
        for (uint32_t t = 0; t < 96; t++) {
            const bool half = wave_size == 32 || t >= 64; /* of 64 lanes, or only 32 exist */
            assert_int_equal(counts[4 * t], 0xaaaaaaaa);
            assert_int_equal(counts[4 * t + 1], half ? 0 : 0xaaaaaaaa);
            assert_int_equal(counts[4 * t + 2], t / wave_size == 0);
            assert_int_equal(counts[4 * t + 3], t < 64);
        }
    }
}

static void test_wave_operations(void **state)
{
    (void)state;
    for (unsigned wave_size = 32; wave_size <= 64; wave_size += 32) {
        struct test_args a = args(0);
        for (size_t i = 0; i < 128; i++)
            in[i] = (float)sin((double)i) * 1e3f; /* sums depend on their order */
        in[3] = NAN;
        struct cpu_launch l = launch(&kernel_test_waves, &a, 1, 128);
        l.wave_size = wave_size;
        run_well(&l);
        for (uint32_t t = 0; t < 128; t++) {
            const uint32_t first = t & ~(wave_size - 1), n = t - first + 1;
            assert_memory_equal(&out[t], &out[128 + t], 4);
            assert_memory_equal(&out[256 + t], &out[384 + t], 4);
            assert_int_equal(isnan(out[128 + t]), first == 0);
            assert_false(isnan(out[384 + t]));
            assert_int_equal(counts[t], wave_size * first + wave_size * (wave_size - 1) / 2);
            assert_int_equal(counts[128 + t], first + wave_size - 1);
            assert_int_equal(counts[256 + t], n * first + n * (n - 1) / 2);
        }
    }
}

static void test_atomic_operations(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct test_args a = args(0);
        struct cpu_launch l = launch(&kernel_test_atomics, &a, 16, 256);
        counts[2] = UINT32_MAX;
        counts[5] = 0x5ffff;
        l.threads = threads;
        run_well(&l);
        assert_int_equal(counts[0], 4096 * 4095 / 2);
        assert_int_equal(counts[1], 4095);
        assert_int_equal(counts[2], 7);
        assert_int_equal(counts[3], UINT32_MAX);
        assert_int_equal(counts[4], (uint32_t)-4096);
        assert_int_equal(counts[5], 0x50000);
        assert_int_equal(counts[6], 0);
        assert_int_not_equal(counts[7], 0);
        assert_int_equal(counts[8], counts[7]);
        assert_int_equal((int)counts[9], -4095);
        assert_true(out[0] == 4096);
        assert_true(out[1] == 4095);
    }
}

/* The buffer ends within the last dword of a page, and the page behind it is not there. */
static void test_bounded_buffers(void **state)
{
    (void)state;
    struct test_args a = args(102);
    unsigned char *page =
        mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(mprotect(page + 4096, 4096, PROT_NONE), 0);
    unsigned char *base = page + 4096 - 104;
    const unsigned char zeros[4] = {0};
    for (unsigned i = 0; i < 104; i++)
        base[i] = (unsigned char)(i + 1);
    a.in = (const float *)base;
    struct cpu_launch l = launch(&kernel_test_buffers, &a, 1, 256);
    run_well(&l);
    for (uint32_t t = 0; t < 256; t++) {
        for (uint32_t k = 0; k < 4; k++) {
            uint32_t word = 0;
            if (4 * (t + k) + 4 <= 102)
                memcpy(&word, base + 4 * (t + k), 4);
            assert_int_equal(counts[8 * t + k], word);
        }
        assert_int_equal(counts[8 * t + 4],
                         2 * t + 2 <= 102 ? base[2 * t] | base[2 * t + 1] << 8 : 0);
        assert_int_equal(counts[8 * t + 5], t < 102 ? base[t] : 0);
        assert_int_equal(counts[8 * t + 6], t == 0 ? 0x04030201 : 0);
        assert_int_equal(counts[8 * t + 7], counts[8 * t + 1]);
    }
    for (size_t i = 0; i < 1024; i++) /* 25 whole dwords were stored */
        assert_memory_equal(&out[i], i < 25 ? base + 4 * (i / 4 + i % 4) : zeros, 4);
    munmap(page, 8192);
}

static void test_special_functions(void **state)
{
    (void)state;
    for (int i = -60000; i <= 60000; i++) {
        const float x = (float)i * 1e-4f;
        const double e = erf((double)x), t = tanh((double)x);
        assert_true(fabs((double)hip_erf(x) - e) <= 4 * 0x1p-23 * fabs(e));
        assert_true(fabs((double)hip_tanh(x) - t) <= 4 * 0x1p-23 * fabs(t));
    }
    assert_true(hip_erf(INFINITY) == 1 && hip_erf(-INFINITY) == -1 && isnan(hip_erf(NAN)));
    assert_true(hip_tanh(INFINITY) == 1 && hip_tanh(-INFINITY) == -1 && isnan(hip_tanh(NAN)));
    assert_true(signbit(hip_erf(-0.0f)) && signbit(hip_tanh(-0.0f)));
}

static void test_absent_lanes(void **state)
{
    (void)state;
    struct test_args a = args(0);
    struct cpu_launch l = launch(&kernel_absent_lanes, &a, 1, 72);
    run_well(&l);
    for (size_t t = 0; t < 72; t++) {
        if (t < 48)
            assert_true(out[t] == in[t + 16]);
        else if (t < 64)
            assert_true(out[t] == in[t]);
        else
            assert_true(isnan(out[t])); /* lanes 16 to 23 of a wave that has 8 */
    }
}

static void test_barrier_findings(void **state)
{
    (void)state;
    struct test_args a = args(40);
    struct cpu_launch l = launch(&kernel_bug_two_barriers, &a, 1, 128);
    expect(&l, CPU_DEADLOCK, "bug_two_barriers block (0,0,0): threads 0..31 wait at ");
    assert_non_null(strstr(finding.text, "; threads 32..127 wait at "));
    assert_non_null(strstr(finding.file, "exec_test_kernels.hip"));
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
    assert_true(finding.is_write);
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
    assert_true(finding.thread_known && finding.ip != 0);
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
    l = launch(&kernel_test_scale, &a, 1, 1025);
    expect(&l, CPU_MISUSE, "block 1025x1x1 is not 1 to 1024 threads");
    l = launch(&kernel_test_scale, &a, 1, 64);
    l.block[1] = 0;
    expect(&l, CPU_MISUSE, "block 64x0x1");
    l = launch(&kernel_test_scale, &a, 0, 64);
    expect(&l, CPU_MISUSE, "grid 0x1x1 is empty");
    l = launch(&kernel_test_scale, &a, UINT32_MAX, 64);
    l.grid[1] = l.grid[2] = UINT32_MAX;
    expect(&l, CPU_MISUSE, "or too large");
    l = launch(&kernel_test_scale, &a, 1, 64);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_three_dimensions),
        cmocka_unit_test(test_os_threads),
        cmocka_unit_test(test_shuffle_forms),
        cmocka_unit_test(test_ballots),
        cmocka_unit_test(test_wave_operations),
        cmocka_unit_test(test_atomic_operations),
        cmocka_unit_test(test_bounded_buffers),
        cmocka_unit_test(test_special_functions),
        cmocka_unit_test(test_absent_lanes),
        cmocka_unit_test(test_barrier_findings),
        cmocka_unit_test(test_wave_findings),
        cmocka_unit_test(test_time_limit),
        cmocka_unit_test(test_missing_barrier),
        cmocka_unit_test(test_lds_poison),
        cmocka_unit_test(test_lds_bounds),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_traps),
        cmocka_unit_test(test_stack_overflow),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_outcome_names),
        cmocka_unit_test(test_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
