/* The GPU device from the worker pool down to the driver's functions, over a fake driver. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/doctor/doctor.h"
#include "harness/doctor/doctor_kernels.h"
#include "harness/gpu/code.h"
#include "harness/gpu/device_testing.h"

const struct op *const op_list[] = {&mini_op, NULL};

static void finds_planted_defects(void **state)
{
    struct pool *pool = make_pool(&on_gpu);
    (void)state;
    for (size_t i = 0; i < n_defects; i++) {
        /* A processor behind the fake does not mind what is misaligned, and takes its time to
         * poison gigabytes. */
        if (defects[i].where == DEFECT_CPU || i == DOCTOR_MISALIGNED || i == DOCTOR_INT32_WRAP)
            continue;
        struct verdict v = judge(pool, doctor_case(i));
        if (!defect_reported(&defects[i], &v, true))
            print_message("%s: %s\n", defects[i].name, v.summary);
        assert_true(defect_reported(&defects[i], &v, true));
        assert_int_equal(judge(pool, doctor_case(DOCTOR_NONE)).kind, VERDICT_PASS);
    }
    pool_destroy(pool);
}

static void names_tensor_and_page(void **state)
{
    struct pool *pool = make_pool(&on_gpu);
    (void)state;
    struct verdict v = judge(pool, doctor_case(DOCTOR_READ_BEHIND));
    assert_string_equal(v.tensor, "input");
    assert_int_equal(v.offset, 4000);
    assert_string_equal(v.signature, "read behind the end");

    v = judge(pool, doctor_case(DOCTOR_READ_BEFORE));
    assert_string_equal(v.tensor, "input");
    assert_int_equal(v.offset, -4096);
    assert_string_equal(v.signature, "read before the start");

    v = judge(pool, doctor_case(DOCTOR_STORE_INPUT));
    assert_string_equal(v.tensor, "input");
    assert_string_equal(v.signature, "store to an input");
    pool_destroy(pool);
}

static void says_so_without_a_log(void **state)
{
    (void)state;
    setenv("HARNESS_KERNEL_LOG", "/nonexistent/log", 1);
    struct pool *pool = make_pool(&on_gpu);
    struct verdict v = judge(pool, doctor_case(DOCTOR_READ_BEHIND));
    assert_int_equal(v.kind, VERDICT_FAULT);
    assert_int_equal(v.detector, DETECTOR_GUARD_PAGE);
    assert_non_null(strstr(v.summary, "kernel log"));
    assert_non_null(strstr(pool_device(pool), "no kernel log"));
    pool_destroy(pool);
    setenv("HARNESS_KERNEL_LOG", device_log, 1);
}

static void captures_graphs(void **state)
{
    struct session_options options = on_gpu;
    (void)state;
    options.graph = true;
    struct pool *pool = make_pool(&options);
    assert_int_equal(judge(pool, doctor_case(DOCTOR_NONE)).kind, VERDICT_PASS);
    assert_int_equal(judge(pool, mini_case(9, 9, MINI_FINE)).kind, VERDICT_PASS);
    assert_int_equal(judge(pool, doctor_case(DOCTOR_WRONG)).kind, VERDICT_WRONG);
    struct verdict v = judge(pool, doctor_case(DOCTOR_REFUSED_LAUNCH));
    assert_int_equal(v.detector, DETECTOR_LAUNCH);
    assert_string_equal(v.signature, "capture refused");
    v = judge(pool, doctor_case(DOCTOR_UNSTEADY)); /* the plan differs, a replay does not */
    assert_int_equal(v.kind, VERDICT_NONDETERMINISTIC);
    assert_int_equal(judge(pool, doctor_case(DOCTOR_NONE)).kind, VERDICT_PASS);
    pool_destroy(pool);
}

/* 400 MB: the host keeps the pages it touched, and the last element is wrong by the reference. */
static void handles_large_tensors(void **state)
{
    struct session_options options = on_gpu;
    (void)state;
    options.timeout_s = 10;
    struct pool *pool = make_pool(&options);
    struct verdict v = judge(pool, mini_case(100000, 1000, MINI_FINE));
    assert_int_equal(v.kind, VERDICT_WRONG);
    assert_int_equal(judge(pool, mini_case(0, 7, MINI_FINE)).kind, VERDICT_PASS);
    pool_destroy(pool);
}

static void needs_the_device(void **state)
{
    struct error err;
    struct pool_options options = {.workers = 1, .session = on_gpu};
    (void)state;
    options.session.device.index = 2;
    assert_null(pool_create(&options, &err));
    assert_int_equal(err.kind, ERROR_NO_DEVICE);
    options.session.device = (struct device_id){DEVICE_HIP, 999};
    assert_null(pool_create(&options, &err));
    assert_int_equal(err.kind, ERROR_NO_DEVICE);
}

/* Cases are dealt out to both; a worker that is lost is replaced on its own device. */
static void shares_cases_between_devices(void **state)
{
    struct error err;
    struct pool_options options = {.workers = 2, .session = on_gpu};
    struct verdict v;
    uint64_t ticket;
    struct kase bad = doctor_case(DOCTOR_READ_BEHIND), good = doctor_case(DOCTOR_NONE);
    unsigned lost = 0, passed = 0;
    (void)state;
    assert_true(device_parse("cuda:0,cuda:1", &options.session.devices, &err));
    struct pool *pool = pool_create(&options, &err);
    assert_non_null(pool);
    for (int round = 0; round < 3; round++) {
        assert_true(pool_submit(pool, 1, &bad, &err) && pool_submit(pool, 2, &good, &err));
        while (pool_busy(pool))
            if (pool_wait(pool, 1, &ticket, &v, &err) == POOL_VERDICT) {
                lost += v.kind == VERDICT_OOB && ticket == 1;
                passed += v.kind == VERDICT_PASS && ticket == 2;
            }
    }
    assert_int_equal(lost, 3);
    assert_int_equal(passed, 3);
    assert_non_null(strstr(pool_device(pool), "Fake GPU"));
    pool_destroy(pool);
}

static void finds_all_devices(void **state)
{
    struct error err;
    struct device_set set;
    char text[64];
    (void)state;
    assert_true(device_parse("all", &set, &err));
    assert_int_equal(set.count, 0);
    assert_true(device_find_all(&set, &err));
    device_format(&set, text, sizeof(text));
    assert_string_equal(text, "cuda:0,cuda:1");
    struct pool_options options = {.workers = 2, .session = on_gpu};
    options.session.devices = set;
    struct pool *pool = pool_create(&options, &err);
    assert_non_null(pool);
    assert_int_equal(judge(pool, doctor_case(DOCTOR_NONE)).kind, VERDICT_PASS);
    pool_destroy(pool);

    setenv("FAKE_DEVICES", "0", 1); /* of either kind */
    assert_false(device_find_all(&set, &err));
    assert_int_equal(err.kind, ERROR_NO_DEVICE);
    assert_non_null(strstr(err.text, "no GPU here"));
    setenv("FAKE_DEVICES", "17", 1);
    assert_false(device_find_all(&set, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    setenv("FAKE_DEVICES", "dies", 1);
    assert_false(device_find_all(&set, &err));
    assert_non_null(strstr(err.text, "died or hung"));
    unsetenv("FAKE_DEVICES");
}

/* ROCm's runtime prints the address and aborts: the supervisor reads it, and passes it on. */
static void reads_what_a_dying_worker_printed(void **state)
{
    struct session_options options = on_gpu;
    char printed[1024] = "";
    (void)state;
    options.device.kind = DEVICE_HIP;
    int ours = dup(STDERR_FILENO), file = memfd_create("stderr", MFD_CLOEXEC);
    assert_true(ours >= 0 && file >= 0);
    struct pool *pool = make_pool(&options);
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    struct verdict behind = judge(pool, doctor_case(DOCTOR_READ_BEHIND));
    struct verdict next = judge(pool, doctor_case(DOCTOR_NONE));
    struct verdict before = judge(pool, doctor_case(DOCTOR_READ_BEFORE));
    struct verdict wild = judge(pool, doctor_case(DOCTOR_WILD));
    struct verdict trap = judge(pool, doctor_case(DOCTOR_TRAP));
    pool_destroy(pool);
    dup2(ours, STDERR_FILENO);
    close(ours);
    assert_true(pread(file, printed, sizeof(printed) - 1, 0) > 0);
    close(file);

    assert_int_equal(behind.kind, VERDICT_OOB);
    assert_int_equal(behind.detector, DETECTOR_GUARD_PAGE);
    assert_string_equal(behind.tensor, "input");
    assert_int_equal(behind.offset, 4000);
    assert_string_equal(behind.signature, "access behind the end");
    assert_non_null(strstr(behind.text, "Reason: Page not present"));
    assert_int_equal(next.kind, VERDICT_PASS);
    assert_int_equal(before.kind, VERDICT_OOB);
    assert_string_equal(before.tensor, "input");
    assert_int_equal(before.offset, -4096);
    assert_int_equal(wild.kind, VERDICT_FAULT);
    assert_int_equal(wild.detector, DETECTOR_TRAP);
    assert_true(defect_reported(&defects[DOCTOR_TRAP], &trap, true));
    assert_string_equal(trap.signature, "trap");
    assert_non_null(strstr(trap.text, "the runtime: :0:rocdevice.cpp"));
    const char *first = strstr(printed, "Memory access fault by GPU");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "Memory access fault by GPU"));
}

/* The code of a mutant lies beside its own shared object, not beside the program. */
static void finds_the_code_of_a_mutant(void **state)
{
    static const struct {
        enum gpu_vendor vendor;
        const char *library, *kernel, *code, *image;
    } fake[] = {
        {GPU_CUDA, "libcuda.so.1", "fake_cuda_mutant", "libcuda.so.sm_00/fake_mutant.fatbin",
         "doctor_kernels.fatbin"},
        {GPU_HIP, "libamdhip64.so", "fake_hip_mutant", "libamdhip64.gfx000/fake_mutant.co",
         "doctor_kernels.co"},
    };
    (void)state;
    for (int i = 0; i < 2; i++) {
        char library[FAKE_PATH], path[FAKE_PATH], image[FAKE_PATH], name[128];
        struct gpu_api api;
        struct gpu_code code;
        struct error err;
        void *function;
        assert_true(gpu_open(&api, fake[i].vendor, 0, &err));
        gpu_code_init(&code, &api);
        snprintf(name, sizeof(name), "fake/%s", fake[i].library);
        assert_true(fake_path(library, name));
        snprintf(name, sizeof(name), "fake/%s", fake[i].code);
        assert_true(fake_path(path, name));
        snprintf(name, sizeof(name), "code/%s/%s", api.arch, fake[i].image);
        assert_true(fake_path(image, name));
        const struct kernel *kernel = dlsym(dlopen(library, RTLD_NOW), fake[i].kernel);
        assert_non_null(kernel);
        unlink(path);
        assert_false(gpu_code_function(&code, kernel, &function, &err));
        assert_int_equal(err.kind, ERROR_NO_DEVICE);
        assert_non_null(strstr(err.text, path));

        *strrchr(path, '/') = '\0';
        mkdir(path, 0777);
        path[strlen(path)] = '/';
        assert_int_equal(symlink(image, path), 0);
        assert_true(gpu_code_function(&code, kernel, &function, &err));
        assert_true(gpu_code_loaded(&code, kernel));
        gpu_code_release(&code);
    }
}

/* Also behind a fault, whose worker is gone with all it had. */
static void gives_memory_back(void **state)
{
    struct session_options options = on_gpu;
    struct pool_memory memory[DEVICE_MAX];
    (void)state;
    options.timeout_s = 10;
    for (int leak = 0; leak < 2; leak++) {
        if (leak)
            setenv("FAKE_LEAK", "1", 1);
        struct pool *pool = make_pool(&options);
        assert_int_equal(judge(pool, doctor_case(DOCTOR_READ_BEHIND)).kind, VERDICT_OOB);
        assert_int_equal(judge(pool, mini_case(30000, 1000, MINI_FINE)).kind, VERDICT_WRONG);
        assert_int_equal(pool_finish(pool, memory), 1);
        assert_true(memory[0].checked);
        assert_int_equal(memory[0].baseline, (uint64_t)16 << 30);
        assert_int_equal(memory[0].driver, 0);
        if (leak)
            assert_true(pool_memory_missing(&memory[0]) >= 120 << 20);
        else
            assert_int_equal(pool_memory_missing(&memory[0]), 0);
        pool_destroy(pool);
    }
    unsetenv("FAKE_LEAK");
}

/* What the device has not looked at is not right, be it one block's work or many's; nor is what it
 * said of the case before. */
static void trusts_no_silence(void **state)
{
    struct pool *seeing = make_pool(&on_gpu);
    (void)state;
    assert_int_equal(judge(seeing, mini_case(9, 9, MINI_FINE)).kind, VERDICT_PASS);
    pool_destroy(seeing);
    setenv("FAKE_BLIND", "1", 1);
    struct pool *blind = make_pool(&on_gpu);
    for (int large = 0; large < 2; large++) {
        struct verdict v = judge(blind, mini_case(large ? 30 : 9, large ? 1000 : 9, MINI_FINE));
        assert_int_equal(v.kind, VERDICT_NONDETERMINISTIC);
        assert_string_equal(v.signature, "not seen again");
    }
    pool_destroy(blind);
    unsetenv("FAKE_BLIND");
}

/* Elements that are counted as wrong are wrong, be there a place for them or not. */
static void needs_no_place(void **state)
{
    (void)state;
    setenv("FAKE_PLACELESS", "1", 1);
    struct pool *pool = make_pool(&on_gpu);
    assert_int_equal(judge(pool, doctor_case(DOCTOR_NONE)).kind, VERDICT_PASS);
    assert_int_equal(judge(pool, doctor_case(DOCTOR_WRONG)).kind, VERDICT_WRONG);
    pool_destroy(pool);
    unsetenv("FAKE_PLACELESS");
}

static void reads_device_names(void **state)
{
    struct error err;
    struct device_set set;
    static const char *const bad[] = {
        "",
        "gpu",
        "cuda:",
        "cuda:x",
        "cuda:1000",
        "cpu:0",
        "hip0",
        "cuda,",
        "cpu,cpu",
        "cuda:0,hip:1",
        "all,cuda:0",
        "cuda:0,all",
        "alle",
        ",cuda",
        "cuda:0;1",
        "cudas",
        "hip,hip,hip,hip,hip,hip,hip,hip,hip,hip,hip,hip,hip,hip,hip,hip,hip"};
    (void)state;
    assert_true(device_parse("cpu", &set, &err) && set.id[0].kind == DEVICE_CPU);
    assert_true(device_parse("cuda", &set, &err) && set.id[0].kind == DEVICE_CUDA);
    assert_int_equal(set.id[0].index, 0);
    assert_true(device_parse("hip:12,hip:3", &set, &err) && set.count == 2);
    assert_int_equal(set.id[0].index, 12);
    assert_true(set.id[1].index == 3 && set.id[1].kind == DEVICE_HIP);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(device_parse(bad[i], &set, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_planted_defects),
        cmocka_unit_test(names_tensor_and_page),
        cmocka_unit_test(says_so_without_a_log),
        cmocka_unit_test(captures_graphs),
        cmocka_unit_test(handles_large_tensors),
        cmocka_unit_test(needs_the_device),
        cmocka_unit_test(shares_cases_between_devices),
        cmocka_unit_test(reads_device_names),
        cmocka_unit_test(finds_all_devices),
        cmocka_unit_test(gives_memory_back),
        cmocka_unit_test(reads_what_a_dying_worker_printed),
        cmocka_unit_test(finds_the_code_of_a_mutant),
        cmocka_unit_test(trusts_no_silence),
        cmocka_unit_test(needs_no_place),
    };
    pool_catch_signals();
    return cmocka_run_group_tests(tests, device_setup, NULL);
}
