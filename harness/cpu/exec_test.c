/* The executor: right kernels give right results. What wrong ones give: exec_finding_test.c. */
#include "harness/cpu/exec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
