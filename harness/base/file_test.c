#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "harness/base/file.h"
#include "harness/base/temp_folder.h"

static struct temp_folder folder;

static int make_folder(void **state)
{
    (void)state;
    temp_folder_make(&folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temp_folder_remove(&folder);
    return 0;
}

static bool ends_with(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && !strcmp(text + strlen(text) - strlen(end), end);
}

/* Reading `path` fails with a text that begins with the path and ends as given. */
static void cannot_read(const char *path, size_t max, const char *end)
{
    char *data = (char *)1;
    size_t size = 4711;
    struct error err;
    assert_false(file_read_text(path, max, &data, &size, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
    if (!ends_with(err.text, end))
        fail_msg("'%s' does not end with '%s'", err.text, end);
    assert_ptr_equal(data, (char *)1);
    assert_int_equal(size, 4711);
}

static void holds(const char *path, const char *text)
{
    char *data;
    size_t size;
    struct error err;
    assert_true(file_read(path, 1 << 20, &data, &size, &err));
    assert_int_equal(size, strlen(text));
    assert_string_equal(data, text);
    free(data);
}

static void test_read(void **state)
{
    (void)state;
    char path[TEMP_PATH];
    temp_folder_puts(&folder, "a", "hello\n");
    holds(temp_folder_path(&folder, "a", path), "hello\n");
    temp_folder_puts(&folder, "a", "");
    holds(path, "");
    char *data;
    size_t size;
    struct error err;
    temp_folder_puts(&folder, "a", "123456");
    assert_true(file_read(path, 6, &data, &size, &err));
    free(data);
    cannot_read(path, 5, "a: too large; at most 5 bytes are read");
}

static void test_read_errors(void **state)
{
    (void)state;
    char path[TEMP_PATH];
    cannot_read(temp_folder_path(&folder, "missing", path), 9, ": No such file or directory");
    cannot_read(folder.path, 9, ": is a folder, not a file");
    temp_folder_puts(&folder, "file", "x");
    cannot_read(temp_folder_path(&folder, "file/x", path), 9, ": Not a directory");
    temp_folder_put(&folder, "binary", "ab\0c", 4);
    cannot_read(temp_folder_path(&folder, "binary", path), 9,
                ": a binary file, not text (byte 2 is 0)");
    char *data;
    size_t size;
    struct error err;
    assert_true(file_read(path, 9, &data, &size, &err));
    assert_memory_equal(data, "ab\0c", 5);
    assert_int_equal(size, 4);
    free(data);
}

/* What has no size is read to its end, and no further than allowed. */
static void test_read_endless(void **state)
{
    (void)state;
    char *data;
    size_t size;
    struct error err;
    assert_false(file_read("/dev/zero", 1000, &data, &size, &err));
    assert_string_equal(err.text, "/dev/zero: too large; at most 1000 bytes are read");
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "piped", 5), 5);
    close(ends[1]);
    char path[32];
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    holds(path, "piped");
    close(ends[0]);
}

static void test_write(void **state)
{
    (void)state;
    char path[TEMP_PATH];
    struct error err;
    temp_folder_path(&folder, "out", path);
    assert_true(file_write(path, "first", 5, &err));
    holds(path, "first");
    assert_true(file_write(path, "2nd", 3, &err));
    holds(path, "2nd");
    assert_true(file_write(path, NULL, 0, &err));
    holds(path, "");
    assert_int_equal(temp_folder_count(&folder), 1);
    struct stat info;
    mode_t mask = umask(022);
    umask(mask);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0666 & ~mask);
}

static void test_write_here(void **state)
{
    (void)state;
    char before[4096];
    struct error err;
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(folder.path), 0);
    bool ok = file_write("plain-name", "x", 1, &err);
    assert_int_equal(chdir(before), 0);
    assert_true(ok);
    char path[TEMP_PATH];
    holds(temp_folder_path(&folder, "plain-name", path), "x");
}

/* A process that was killed may leave its temporary file behind, under our process id. */
static void test_write_beside_leftovers(void **state)
{
    (void)state;
    char name[64], path[TEMP_PATH];
    struct error err;
    snprintf(name, sizeof(name), ".harness-%ld-0.tmp", (long)getpid());
    temp_folder_puts(&folder, name, "left behind");
    assert_true(file_write(temp_folder_path(&folder, "out", path), "new", 3, &err));
    holds(path, "new");
    holds(temp_folder_path(&folder, name, path), "left behind");
    assert_int_equal(temp_folder_count(&folder), 2);
}

static void cannot_write(const char *path, enum error_class kind, const char *end)
{
    struct error err;
    static char data[5000];
    size_t before = temp_folder_count(&folder);
    assert_false(file_write(path, data, sizeof(data), &err));
    assert_int_equal(err.kind, kind);
    assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
    if (!ends_with(err.text, end))
        fail_msg("'%s' does not end with '%s'", err.text, end);
    assert_int_equal(temp_folder_count(&folder), before);
}

static void test_write_errors(void **state)
{
    (void)state;
    char path[TEMP_PATH];
    cannot_write(temp_folder_path(&folder, "no/file", path), ERROR_INPUT,
                 ": cannot be written: No such file or directory");
    temp_folder_puts(&folder, "file", "old");
    cannot_write(temp_folder_path(&folder, "file/x", path), ERROR_INPUT,
                 ": cannot be written: Not a directory");
    assert_int_equal(mkdir(temp_folder_path(&folder, "folder", path), 0777), 0);
    cannot_write(path, ERROR_INPUT, ": cannot be written: Is a directory");
    char *longest = malloc(5001);
    assert_non_null(longest);
    memset(longest, 'a', 5000);
    longest[5000] = '\0';
    longest[4500] = '/';
    struct error err;
    assert_false(file_write(longest, "", 0, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    free(longest);
}

/* The file size limit stands in for a full disk: a write that stops in the middle. */
static void test_write_stops_halfway(void **state)
{
    (void)state;
    char path[TEMP_PATH];
    temp_folder_puts(&folder, "file", "old");
    temp_folder_path(&folder, "file", path);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    cannot_write(path, ERROR_INTERNAL, ": cannot be written: File too large");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    holds(path, "old");
}

static void test_disk_full(void **state)
{
    (void)state;
    struct error err;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        skip();
    assert_false(file_write_all(fd, "x", 1, "out.json", &err));
    assert_string_equal(err.text, "out.json: cannot be written: No space left on device");
    assert_int_equal(err.kind, ERROR_INTERNAL);
    close(fd);
}

#define FOLDER_TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_read),
        FOLDER_TEST(test_read_errors),
        cmocka_unit_test(test_read_endless),
        FOLDER_TEST(test_write),
        FOLDER_TEST(test_write_here),
        FOLDER_TEST(test_write_beside_leftovers),
        FOLDER_TEST(test_write_errors),
        FOLDER_TEST(test_write_stops_halfway),
        cmocka_unit_test(test_disk_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
