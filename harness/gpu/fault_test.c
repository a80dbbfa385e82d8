#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/base/clock.h"
#include "harness/gpu/fault.h"

/* As driver 580 writes them, with the header of the kernel log. */
static const char write_line[] =
    "3,812,24161119,-;NVRM: Xid (PCI:0000:00:06): 31, pid=434, name=harness, channel 0x00000010, "
    "intr 00000000. MMU Fault: ENGINE GRAPHICS GPC1 GPCCLIENT_T1_8 faulted @ 0x37_02200000. Fault "
    "is of type FAULT_PDE ACCESS_TYPE_VIRT_WRITE";
static const char read_only_line[] =
    "NVRM: Xid (PCI:0000:00:06): 31, pid='438', name=harness, MMU Fault: ENGINE GRAPHICS faulted @ "
    "0x13_021ff000. Fault is of type FAULT_RO_VIOLATION ACCESS_TYPE_VIRT_WRITE";

static void reads_nvidia_faults(void **state)
{
    struct gpu_fault f;
    (void)state;
    assert_true(gpu_fault_parse_nvidia(write_line, &f));
    assert_int_equal(f.address, 0x3702200000);
    assert_true(f.is_write && f.direction_known && !f.read_only);
    assert_int_equal(f.pid, 434);

    assert_true(gpu_fault_parse_nvidia(read_only_line, &f));
    assert_int_equal(f.address, 0x13021ff000);
    assert_true(f.is_write && f.read_only);
    assert_int_equal(f.pid, 438);

    assert_true(
        gpu_fault_parse_nvidia("Xid 31 faulted @ 0x7f_00000000. ACCESS_TYPE_VIRT_READ", &f));
    assert_true(f.direction_known && !f.is_write);
    assert_int_equal(f.pid, 0);
    assert_true(gpu_fault_parse_nvidia(
        "NVRM: Xid (PCI:0000:00:06): 13, pid=460, name=harness, Graphics SM Warp Exception on (GPC "
        "1, TPC 4, SM 0): Out Of Range Address",
        &f));
    assert_true(f.local && f.pid == 460);
    assert_true(gpu_fault_parse_nvidia("Xid 31 faulted @ 0x1000.", &f));
    assert_false(f.local);
    assert_false(f.direction_known);
}

static void knows_what_is_no_fault(void **state)
{
    static const char *const lines[] = {
        "",
        "faulted @ 0x1000",
        "NVRM: Xid (PCI:0000:00:06): 43, pid=446, name=harness, channel 0x0000000b",
        "NVRM: Xid (PCI:0000:00:06): 13, pid=460, Graphics SM Warp Exception: Misaligned Address",
        "NVRM: Xid 31 faulted @ 0x",
        "NVRM: Xid 31 faulted @ 0xyz",
        "NVRM: Xid 31 faulted @ 0x12345678_123456789", /* more than an address holds */
    };
    struct gpu_fault f;
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_false(gpu_fault_parse_nvidia(lines[i], &f));
    assert_false(gpu_fault_parse_rocm(write_line, &f));
}

static void reads_rocm_faults(void **state)
{
    struct gpu_fault f;
    (void)state;
    assert_true(gpu_fault_parse_rocm(
        "warning: something\nMemory access fault by GPU node-1 (Agent handle: 0x55d0c8) on address "
        "0x7f2b00200000. Reason: Page not present or supervisor privilege.",
        &f));
    assert_int_equal(f.address, 0x7f2b00200000);
    assert_false(f.direction_known || f.read_only);
    assert_true(gpu_fault_parse_rocm("Memory access fault by GPU node-1 on address 0x1000. Reason: "
                                     "Write access to a read-only page.",
                                     &f));
    assert_true(f.read_only && f.is_write && f.direction_known);
    assert_false(gpu_fault_parse_rocm("Memory access fault by GPU node-1", &f));
}

static void reads_rocm_queue_errors(void **state)
{
    char status[64], few[8];
    (void)state;
    assert_true(gpu_fault_parse_rocm_queue(
        ":0:rocdevice.cpp :3587: 12d us:  Callback: Queue 0x7f1 aborting with error : "
        "HSA_STATUS_ERROR_EXCEPTION: An HSAIL operation resulted in a hardware exception. code: "
        "0x1016\n",
        status, sizeof(status)));
    assert_string_equal(status, "HSA_STATUS_ERROR_EXCEPTION");
    assert_false(gpu_fault_parse_rocm_queue("aborting with error : HSA_STATUS_ERROR", few, 8));
    assert_false(gpu_fault_parse_rocm_queue("aborting with error : 7", status, sizeof(status)));
    assert_false(gpu_fault_parse_rocm_queue("all is well", status, sizeof(status)));
}

/* A file in place of the kernel log. */
static int make_log(char path[32])
{
    snprintf(path, 32, "/tmp/kernel-log-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    dprintf(file, "NVRM: Xid 31, pid=%d, faulted @ 0xdead000.\n", (int)getpid()); /* older */
    setenv("HARNESS_KERNEL_LOG", path, 1);
    return file;
}

static void finds_its_own_fault(void **state)
{
    char path[32];
    struct gpu_fault f;
    int file = make_log(path), log = gpu_fault_log_open();
    (void)state;
    assert_true(log >= 0);
    dprintf(file, "something else\nNVRM: Xid 31, pid=%d, faulted @ 0x1000.\n", (int)getpid());
    dprintf(file, "NVRM: Xid 31, pid=1, faulted @ 0x2000.\n");
    assert_true(gpu_fault_log_find(log, &f));
    assert_int_equal(f.address, 0x1000);

    dprintf(file, "NVRM: Xid 31, pid=1, faulted @ 0x3000.\n"); /* in a container pids differ */
    assert_true(gpu_fault_log_find(log, &f));
    assert_int_equal(f.address, 0x3000);

    double start = clock_seconds();
    assert_false(gpu_fault_log_find(log, &f));
    assert_true(clock_seconds() - start < 5);
    close(log);
    close(file);
    unlink(path);
    unsetenv("HARNESS_KERNEL_LOG");
}

static void lives_without_a_log(void **state)
{
    struct gpu_fault f;
    (void)state;
    setenv("HARNESS_KERNEL_LOG", "/nonexistent/log", 1);
    assert_int_equal(gpu_fault_log_open(), -1);
    assert_false(gpu_fault_log_find(-1, &f));
    unsetenv("HARNESS_KERNEL_LOG");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_nvidia_faults), cmocka_unit_test(knows_what_is_no_fault),
        cmocka_unit_test(reads_rocm_faults),   cmocka_unit_test(reads_rocm_queue_errors),
        cmocka_unit_test(finds_its_own_fault), cmocka_unit_test(lives_without_a_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
