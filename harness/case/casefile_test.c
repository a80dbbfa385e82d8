#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/base/temp_folder.h"
#include "harness/case/casefile.h"
#include "harness/case/fake_op.h"

const struct op *const op_list[] = {FAKE_OPS, NULL};

#define CASE "case fake_sort tokens=5 topk=2 mode=plain shift=-3 seed=0x1b in.x=1\n"

static const char full[] = "harness-case 1\n"
                           "device cuda:3\n"
                           "wave 32\n"
                           "mutant B01a\n"
                           "kernel-hash 9f2c\n"
                           "verdict oob\n"
                           "detector guard-page\n"
                           "tensor input\n"
                           "offset -1280\n"
                           "signature read behind the end # of input\n"
                           "found 2026-11-21T10:00:00Z\n" CASE;

static void parse(struct casefile *file, const char *text)
{
    struct error err;
    if (!casefile_parse(file, text, strlen(text), "f.case", &err))
        fail_msg("%s", err.text);
}

/* `text` reads as a case file that is written as `wanted`. */
static void formats(const char *text, const char *wanted)
{
    struct casefile file;
    struct text out;
    struct error err;
    casefile_init(&file);
    parse(&file, text);
    text_init(&out, CASEFILE_MAX);
    assert_true(casefile_format(&file, &out, &err));
    assert_string_equal(out.data, wanted);
    text_release(&out);
    casefile_release(&file);
}

static void test_all_keys(void **state)
{
    (void)state;
    struct casefile file;
    casefile_init(&file);
    parse(&file, full);
    assert_string_equal(file.device, "cuda:3");
    assert_int_equal(file.wave, 32);
    assert_string_equal(file.mutant, "B01a");
    assert_string_equal(file.kernel_hash, "9f2c");
    assert_int_equal(file.verdict.kind, VERDICT_OOB);
    assert_int_equal(file.verdict.detector, DETECTOR_GUARD_PAGE);
    assert_string_equal(file.verdict.tensor, "input");
    assert_int_equal(file.verdict.offset, -1280);
    assert_string_equal(file.verdict.signature, "read behind the end # of input");
    assert_string_equal(file.found, "2026-11-21T10:00:00Z");
    assert_ptr_equal(file.kase.op, &fake_sort);
    assert_int_equal(file.kase.value[0], 5);
    assert_string_equal(file.kase.literals, "in.x=1");
    casefile_release(&file);
    formats(full, full);
}

static void test_defaults(void **state)
{
    (void)state;
    struct casefile file;
    casefile_init(&file);
    parse(&file, "harness-case 1\r\n\r\n # comment\r\n\tcase  fake_wide n=7"); /* no line end */
    assert_string_equal(file.device, "cpu");
    assert_int_equal(file.wave, 64);
    assert_int_equal(file.verdict.kind, VERDICT_PASS);
    assert_int_equal(file.verdict.detector, DETECTOR_NONE);
    assert_string_equal(file.verdict.signature, "");
    casefile_release(&file);
    formats("harness-case 1\ncase fake_wide n=7\n",
            "harness-case 1\ndevice cpu\nwave 64\nverdict pass\ncase fake_wide n=7 seed=0x0\n");
    formats("harness-case 1\ndetector none\nwave 0x40\ntensor x\n" CASE,
            "harness-case 1\ndevice cpu\nwave 64\nverdict pass\ntensor x\noffset 0\n" CASE);
}

static void test_every_verdict_and_detector(void **state)
{
    (void)state;
    struct casefile file;
    char text[256];
    casefile_init(&file);
    for (enum verdict_kind kind = 0; kind < VERDICT_KINDS; kind++) {
        snprintf(text, sizeof(text), "harness-case 1\nverdict %s\n" CASE, verdict_name(kind));
        parse(&file, text);
        assert_int_equal(file.verdict.kind, kind);
    }
    for (enum detector detector = 0; detector < DETECTORS; detector++) {
        snprintf(text, sizeof(text), "harness-case 1\ndetector %s\n" CASE, detector_name(detector));
        parse(&file, text);
        assert_int_equal(file.verdict.detector, detector);
    }
    casefile_release(&file);
}

/* The text is refused with exactly this error, and the case file keeps what it held. */
static void refused(const char *text, const char *wanted)
{
    struct casefile file;
    struct error err;
    casefile_init(&file);
    parse(&file, full);
    assert_false(casefile_parse(&file, text, strlen(text), "f.case", &err));
    assert_string_equal(err.text, wanted);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_string_equal(file.device, "cuda:3");
    assert_string_equal(file.kase.literals, "in.x=1");
    casefile_release(&file);
}

#define HEAD "harness-case 1\n"

static void test_version_errors(void **state)
{
    (void)state;
    static const char *const not_ours[] = {"",
                                           "\n" CASE,
                                           CASE,
                                           "harness-case\n" CASE,
                                           "harness-case 0\n" CASE,
                                           "harness-case one\n" CASE,
                                           "harness-case 1 2\n" CASE,
                                           "harness-case1\n" CASE};
    for (size_t i = 0; i < sizeof(not_ours) / sizeof(not_ours[0]); i++)
        refused(not_ours[i], "f.case:1: not a case file; its first line is 'harness-case 1'");
    refused("harness-case 2\nanything",
            "f.case:1: written by a newer harness (format 2); this one reads format 1");
}

static void test_key_errors(void **state)
{
    (void)state;
    refused(HEAD "\nveridct oob\n" CASE,
            "f.case:3: veridct: unknown key (did you mean verdict?); a case file has device, wave, "
            "mutant, kernel-hash, verdict, detector, tensor, offset, signature, found, case");
    refused(HEAD "device=cpu\n" CASE,
            "f.case:2: device=cpu: unknown key; a case file has device, wave, "
            "mutant, kernel-hash, verdict, detector, tensor, offset, signature, found, case");
    refused(HEAD CASE "wave 32\nwave 32\n", "f.case:4: wave: the key is given twice");
    refused(HEAD CASE CASE, "f.case:3: case: the key is given twice");
    refused(HEAD "wave 32\n", "f.case: case: missing; a case file has one line 'case ...'");
    refused(HEAD "offset 5\n" CASE, "f.case: offset: there is no tensor that it counts from");
}

static void test_value_errors(void **state)
{
    (void)state;
    static const struct {
        const char *key, *takes, *values[8];
    } bad[] = {
        {"device", "cpu, hip:N or cuda:N", {"gpu", "hip", "hip:", "hip:x", "cpu:0", "cuda:256"}},
        {"wave", "32 or 64", {"", "0", "16", "-32", "64x"}},
        {"mutant",
         "up to 31 letters, digits, '_', '-' and '.'",
         {"", "a b", "a/b", "0123456789012345678901234567890x"}},
        {"kernel-hash", "up to 71 letters and digits", {"", "9f:2c"}},
        {"tensor",
         "a tensor's name of up to 31 letters, digits and '_'",
         {"", "a.b", "0123456789012345678901234567890x"}},
        {"offset", "a number of bytes", {"", "1k", "9223372036854775808"}},
        {"signature", "up to 95 bytes of text", {""}},
        {"found",
         "a time as 2026-11-21T10:00:00Z",
         {"", "today", "2026-11-21T10:00:00", "2026-11-21 10:00:00Z", "2026-11-21T10:00:00ZZ",
          "2026-11-21T1x:00:00Z"}},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        for (size_t j = 0; bad[i].values[j]; j++) {
            char text[512], wanted[512];
            snprintf(text, sizeof(text), HEAD "%s %s\n" CASE, bad[i].key, bad[i].values[j]);
            snprintf(wanted, sizeof(wanted), "f.case:2: %s %s: not accepted; %s takes %s",
                     bad[i].key, bad[i].values[j], bad[i].key, bad[i].takes);
            refused(text, wanted);
        }
    refused(HEAD "signature a\tb\n" CASE, "f.case:2: signature a?b: not accepted; "
                                          "signature takes up to 95 bytes of text");
    refused(HEAD "verdict bad\n" CASE,
            "f.case:2: verdict bad: not accepted; verdict takes pass, refused-as-expected, wrong, "
            "oob, unwritten, stray-write, input-modified, poison-dependent, nondeterministic, "
            "guard-missed, guard-false, vacuous, deadlock, timeout, fault, error");
    refused(HEAD "detector x\n" CASE,
            "f.case:2: detector x: not accepted; detector takes none, guard-page, canary, poison, "
            "read-only, compare, want, size, rerun, host-guard, vacuity, barrier, timer, trap, "
            "lds, supervisor, launch");
    refused(HEAD "case fake_sort tokens=x\n",
            "f.case:2: tokens=x: not a number; tokens takes 0..16777216");
    refused(HEAD "case\n", "f.case:2: : no operator; a line begins with one of fake_sort, "
                           "fake_wide");
}

static void test_binary(void **state)
{
    (void)state;
    struct casefile file;
    struct error err;
    casefile_init(&file);
    assert_false(casefile_parse(&file, HEAD "\0", sizeof(HEAD), "f.case", &err));
    assert_string_equal(err.text, "f.case: binary data, not a case file");
    casefile_release(&file);
}

/* A finding is saved whatever its texts hold. */
static void test_odd_bytes_are_saved(void **state)
{
    (void)state;
    struct casefile file;
    struct text out;
    struct error err;
    casefile_init(&file);
    kase_init(&file.kase, &fake_wide);
    snprintf(file.verdict.signature, sizeof(file.verdict.signature), "  a\nb\x1b \t");
    snprintf(file.mutant, sizeof(file.mutant), "   ");
    text_init(&out, CASEFILE_MAX);
    assert_true(casefile_format(&file, &out, &err));
    assert_string_equal(out.data, "harness-case 1\ndevice cpu\nwave 64\nverdict pass\n"
                                  "signature a?b? ?\ncase fake_wide n=0 seed=0x0\n");
    parse(&file, out.data);
    text_release(&out);
    casefile_release(&file);
}

static void test_files(void **state)
{
    (void)state;
    struct temp_folder folder;
    struct casefile file, again;
    struct error err;
    char path[TEMP_PATH], missing[TEMP_PATH];
    temp_folder_make(&folder);
    casefile_init(&file);
    casefile_init(&again);
    parse(&file, full);
    assert_true(casefile_write(&file, temp_folder_path(&folder, "x.case", path), &err));
    assert_true(casefile_read(&again, path, &err));
    assert_string_equal(again.verdict.signature, file.verdict.signature);
    assert_true(kase_equal(&again.kase, &file.kase));
    assert_false(casefile_write(&file, temp_folder_path(&folder, "no/x.case", missing), &err));
    assert_int_equal(err.kind, ERROR_INPUT);

    /* What cannot be written leaves the old file as it was. */
    file.kase.value[0] = -1;
    assert_false(casefile_write(&file, path, &err));
    assert_int_equal(err.kind, ERROR_INTERNAL);
    assert_true(casefile_read(&again, path, &err));
    assert_int_equal(temp_folder_count(&folder), 1);

    assert_int_equal(truncate(path, CASEFILE_MAX + 1), 0);
    assert_false(casefile_read(&again, path, &err));
    assert_non_null(strstr(err.text, "x.case: too large; at most 131072 bytes are read"));
    assert_int_equal(again.verdict.kind, VERDICT_OOB);
    casefile_release(&file);
    casefile_release(&again);
    temp_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_keys),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_verdict_and_detector),
        cmocka_unit_test(test_version_errors),
        cmocka_unit_test(test_key_errors),
        cmocka_unit_test(test_value_errors),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_odd_bytes_are_saved),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
