/*
 * Pools of workers on a GPU, over the fake driver. For tests that include what cmocka needs.
 */
#ifndef HARNESS_GPU_DEVICE_TESTING_H
#define HARNESS_GPU_DEVICE_TESTING_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "harness/base/file.h"
#include "harness/gpu/fake/fake.h"
#include "harness/run/mini_op.h"
#include "harness/run/pool.h"

static char device_log[FAKE_PATH]; /* the kernel's */

static const struct session_options on_gpu = {
    .device = {.kind = DEVICE_CUDA}, .wave = 64, .timeout_s = 1};

static inline struct pool *make_pool(const struct session_options *session)
{
    struct error err;
    struct pool_options options = {.workers = 1, .session = *session};
    struct pool *pool = pool_create(&options, &err);
    if (!pool)
        print_message("%s\n", err.text);
    assert_non_null(pool);
    return pool;
}

static inline struct verdict judge(struct pool *pool, struct kase kase)
{
    struct error err;
    struct verdict v;
    uint64_t ticket;
    enum pool_event event = POOL_NOTHING;
    assert_true(pool_submit(pool, 7, &kase, &err));
    for (int i = 0; event == POOL_NOTHING && i < 120; i++)
        event = pool_wait(pool, 1, &ticket, &v, &err);
    assert_int_equal(event, POOL_VERDICT);
    return v;
}

/* The fake drivers are the GPU runtimes of this process and its children; a file is the kernel log,
 * not that of a test that runs beside this one. */
static inline int device_setup(void **state)
{
    struct error err;
    char name[64];
    (void)state;
    snprintf(name, sizeof(name), "kernel-log-of-%s", program_invocation_short_name);
    assert_true(fake_driver("libcuda.so.1") && fake_driver("libamdhip64.so"));
    assert_true(fake_path(device_log, name));
    assert_true(file_write(device_log, "", 0, &err));
    return setenv("HARNESS_KERNEL_LOG", device_log, 1);
}

#endif
