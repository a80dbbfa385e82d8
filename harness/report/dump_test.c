#include "harness/report/dump.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "harness/base/file.h"
#include "harness/base/temp_folder.h"
#include "harness/check/compare.h"
#include "harness/report/npy.h"

enum { ROWS = 3, COLS = 5, STRIDE = 7 };

static const char *const modes[] = {"plain", "shuffled", NULL};
static const struct param params[] = {
    {.name = "rows", .min = 0, .max = 100, .preset = ROWS},
    {.name = "mode", .names = modes, .preset = 1},
};
static void plan(const struct kase *, const struct tensor *, void *const[], struct plan *);
static const struct op made_up = {.name = "made_up", .params = params, .n_params = 2, .plan = plan};
const struct op *const op_list[] = {&made_up, NULL};

static struct temp_folder folder;

/* The dumped case: a strided bf16 input, a bf16 output against a bound, exact bytes, a workspace.
 */
static struct tensor tensors[4];
static uint16_t x[ROWS * STRIDE], y[ROWS * COLS];
static double y_ref[ROWS * COLS];
static uint8_t codes[ROWS], codes_ref[ROWS];

struct made_up_args {
    uint32_t n;
    float scale;
    const uint16_t *x;
    uint16_t *none;
    uint8_t *last_code;
};

/* Clears the codes but the first, then launches a kernel that no test runs. */
static void plan(const struct kase *k, const struct tensor *t, void *const device[],
                 struct plan *out)
{
    static const struct kernel kernel = {
        .name = "make_up", .file = "kernels/made_up.hip", .args_size = sizeof(struct made_up_args)};
    uint8_t *const all = device[2];
    const struct made_up_args a = {.n = (uint32_t)k->value[0],
                                   .scale = 1.0f,
                                   .x = device[0],
                                   .last_code = all + t[2].rows - 1};

    plan_memset(out, all + 1, 0xAB, 2);
    plan_kernel(out, &kernel, 3, 64, 48, &a, sizeof a);
}

static void make_tensors(void)
{
    /* Two rows of the input are no part of the case. */
    tensors[0] = (struct tensor){.name = "x",
                                 .layout = "[rows, 5]",
                                 .role = TENSOR_INPUT,
                                 .dtype = DTYPE_BF16,
                                 .rows = ROWS + 2,
                                 .cols = COLS,
                                 .stride = STRIDE,
                                 .unused_rows = 2};
    tensors[1] = (struct tensor){.name = "y",
                                 .role = TENSOR_OUTPUT,
                                 .dtype = DTYPE_BF16,
                                 .rows = ROWS,
                                 .cols = COLS,
                                 .stride = COLS,
                                 .policy = {.kind = POLICY_BOUND}};
    tensors[2] = (struct tensor){.name = "codes",
                                 .layout = "[rows] shuffled",
                                 .role = TENSOR_OUTPUT,
                                 .dtype = DTYPE_E2M1X2,
                                 .rows = ROWS,
                                 .cols = 1,
                                 .stride = 1};
    tensors[3] = (struct tensor){.name = "scratch",
                                 .role = TENSOR_WORKSPACE,
                                 .dtype = DTYPE_U8,
                                 .rows = 1,
                                 .cols = 1,
                                 .stride = 1};
    for (size_t i = 0; i < ROWS * STRIDE; i++)
        x[i] = i % STRIDE < COLS ? (uint16_t)(0x3F80 + i) : 0xDEAD;
    for (size_t i = 0; i < ROWS * COLS; i++) {
        y[i] = (uint16_t)(0x4000 + i);
        y_ref[i] = 2 + (double)i / 64;
    }
    for (size_t i = 0; i < ROWS; i++)
        codes[i] = codes_ref[i] = (uint8_t)(0x10 + i);
}

static bool dump(const char *dir, bool with_reference, struct error *err)
{
    const void *const in[4] = {x};
    void *const out[4] = {NULL, y, codes, NULL};
    void *const ref_out[4] = {NULL, y_ref, codes_ref, NULL};
    const struct ref_io ref = {.tensor = tensors, .in = in, .out = ref_out};
    struct kase k;

    kase_init(&k, &made_up);
    k.seed = UINT64_MAX;
    return dump_case(dir, &k, tensors, 4, in, out, with_reference ? &ref : NULL, err);
}

static int make_folder(void **state)
{
    (void)state;
    temp_folder_make(&folder);
    make_tensors();
    return 0;
}

/* The path of the one folder of a dump, or "". */
static void case_folder(char path[TEMP_PATH])
{
    DIR *dir = opendir(folder.path);

    assert_non_null(dir);
    path[0] = '\0';
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && !path[0])
            temp_folder_path(&folder, entry->d_name, path);
    closedir(dir);
}

static int remove_folder(void **state)
{
    struct temp_folder inner;
    char path[TEMP_PATH];
    (void)state;

    case_folder(path);
    if (path[0]) {
        snprintf(inner.path, sizeof inner.path, "%.*s", (int)sizeof inner.path - 1, path);
        temp_folder_remove(&inner);
    }
    temp_folder_remove(&folder);
    return 0;
}

/* Reads a .npy file by its format; returns its text header and where the data begin. */
static char *read_npy(const char *path, char header[256], size_t *data, size_t *size)
{
    char *bytes;
    struct error err;

    if (!file_read(path, 1 << 20, &bytes, size, &err))
        fail_msg("%s", err.text);
    assert_true(*size >= 10);
    assert_memory_equal(bytes, "\x93NUMPY\x01\x00", 8);
    const size_t length = (unsigned char)bytes[8] | (size_t)(unsigned char)bytes[9] << 8;
    *data = 10 + length;
    assert_int_equal(*data % 64, 0);
    assert_true(*data <= *size && length < 256);
    memcpy(header, bytes + 10, length);
    assert_int_equal(header[length - 1], '\n');
    header[length - 1] = '\0';
    for (size_t end = length - 1; end && header[end - 1] == ' '; end--)
        header[end - 1] = '\0';
    return bytes;
}

static void assert_npy(const char *name, const char *header, const void *data, size_t size)
{
    char path[TEMP_PATH], file[2 * TEMP_PATH], text[256];
    size_t at, total;

    case_folder(path);
    snprintf(file, sizeof file, "%s/%s", path, name);
    char *bytes = read_npy(file, text, &at, &total);
    assert_string_equal(text, header);
    assert_int_equal(total - at, size);
    assert_memory_equal(bytes + at, data, size);
    free(bytes);
}

static void files_hold_the_tensors(void **state)
{
    uint16_t dense[ROWS * COLS];
    struct error err;
    (void)state;

    for (size_t i = 0; i < ROWS * COLS; i++)
        dense[i] = x[i / COLS * STRIDE + i % COLS];
    assert_true(dump(folder.path, true, &err));
    assert_npy("x.npy", "{'descr': '<u2', 'fortran_order': False, 'shape': (3, 5), }", dense,
               sizeof dense);
    assert_npy("y.npy", "{'descr': '<u2', 'fortran_order': False, 'shape': (3, 5), }", y, sizeof y);
    assert_npy("y.ref.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 5), }", y_ref,
               sizeof y_ref);
    assert_npy("codes.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 1), }", codes,
               sizeof codes);
    assert_npy("codes.ref.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 1), }",
               codes_ref, sizeof codes_ref);
}

static const char *string_of(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    if (!value)
        fail_msg("no string '%s'", key);
    return value;
}

static void assert_entry(const json_t *entry, const char *file, const char *tensor,
                         const char *role, const char *dtype, const char *layout, int cols)
{
    const json_t *shape = json_object_get(entry, "shape");

    assert_string_equal(string_of(entry, "file"), file);
    assert_string_equal(string_of(entry, "tensor"), tensor);
    assert_string_equal(string_of(entry, "role"), role);
    assert_string_equal(string_of(entry, "dtype"), dtype);
    assert_string_equal(string_of(entry, "layout"), layout);
    assert_int_equal(json_integer_value(json_array_get(shape, 0)), ROWS);
    assert_int_equal(json_integer_value(json_array_get(shape, 1)), cols);
}

static void manifest_names_everything(void **state)
{
    char path[TEMP_PATH], file[2 * TEMP_PATH], line[256];
    struct error err;
    struct kase k;
    (void)state;

    assert_true(dump(folder.path, true, &err));
    case_folder(path);
    snprintf(file, sizeof file, "%s/manifest.json", path);
    json_t *root = json_load_file(file, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_integer_value(json_object_get(root, "version")), 1);
    assert_string_equal(string_of(root, "op"), "made_up");
    assert_string_equal(string_of(root, "seed"), "0xffffffffffffffff");
    kase_init(&k, &made_up);
    k.seed = UINT64_MAX;
    assert_true(kase_format(&k, line, sizeof line, &err));
    assert_string_equal(string_of(root, "case"), line);
    const json_t *values = json_object_get(root, "parameters");
    assert_int_equal(json_integer_value(json_object_get(values, "rows")), ROWS);
    assert_string_equal(string_of(values, "mode"), "shuffled");
    const json_t *files = json_object_get(root, "files");
    assert_int_equal(json_array_size(files), 5);
    assert_entry(json_array_get(files, 0), "x.npy", "x", "input", "bf16", "[rows, 5]", COLS);
    assert_entry(json_array_get(files, 1), "y.npy", "y", "output", "bf16", "[rows, cols]", COLS);
    assert_entry(json_array_get(files, 2), "y.ref.npy", "y", "reference", "f64", "[rows, cols]",
                 COLS);
    assert_entry(json_array_get(files, 3), "codes.npy", "codes", "output", "e2m1x2",
                 "[rows] shuffled", 1);
    assert_entry(json_array_get(files, 4), "codes.ref.npy", "codes", "reference", "e2m1x2",
                 "[rows] shuffled", 1);
    json_decref(root);
}

static json_int_t number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value))
        fail_msg("no number '%s'", key);
    return json_integer_value(value);
}

static json_t *load_plan(void)
{
    char path[TEMP_PATH], file[2 * TEMP_PATH];
    struct error err;

    assert_true(dump(folder.path, true, &err));
    case_folder(path);
    snprintf(file, sizeof file, "%s/plan.json", path);
    json_t *root = json_load_file(file, 0, NULL);
    assert_non_null(root);
    return root;
}

static void plan_has_the_tensors(void **state)
{
    (void)state;
    json_t *root = load_plan();
    const json_t *all = json_object_get(root, "tensors"), *in = json_array_get(all, 0);
    const json_t *out = json_array_get(all, 2);

    assert_int_equal(json_array_size(all), 4);
    assert_string_equal(string_of(in, "name"), "x");
    assert_string_equal(string_of(in, "role"), "input");
    assert_int_equal(number_of(in, "item"), 2);
    assert_int_equal(number_of(in, "rows"), ROWS + 2);
    assert_int_equal(number_of(in, "cols"), COLS);
    assert_int_equal(number_of(in, "stride"), STRIDE);
    assert_int_equal(number_of(in, "unused_rows"), 2);
    assert_string_equal(string_of(out, "dtype"), "e2m1x2");
    assert_int_equal(number_of(out, "poison"), dtype_poison(DTYPE_E2M1X2, 0));
    assert_string_equal(string_of(json_array_get(all, 3), "role"), "workspace");
    json_decref(root);
}

static void plan_tells_pointers_from_numbers(void **state)
{
    (void)state;
    json_t *root = load_plan();
    const json_t *steps = json_object_get(root, "steps"), *clear = json_array_get(steps, 0);
    const json_t *target = json_object_get(clear, "target"), *launch = json_array_get(steps, 1);
    const json_t *pointers = json_object_get(launch, "pointers");

    assert_int_equal(json_array_size(steps), 2);
    assert_int_equal(number_of(clear, "memset"), 0xAB);
    assert_int_equal(number_of(clear, "bytes"), 2);
    assert_int_equal(number_of(target, "tensor"), 2);
    assert_int_equal(number_of(target, "offset"), 1);
    assert_string_equal(string_of(launch, "kernel"), "make_up");
    assert_string_equal(string_of(launch, "source"), "kernels/made_up.hip");
    assert_int_equal(number_of(launch, "dynamic_lds"), 48);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(launch, "grid"), 0)), 3);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(launch, "block"), 0)), 64);
    assert_string_equal(string_of(launch, "args"),
                        "030000000000803f" /* n, scale */
                        "000000000000000000000000000000000000000000000000");
    assert_int_equal(json_array_size(pointers), 2); /* NULL is none */
    assert_int_equal(number_of(json_array_get(pointers, 0), "at"), 8);
    assert_int_equal(number_of(json_array_get(pointers, 0), "tensor"), 0);
    assert_int_equal(number_of(json_array_get(pointers, 0), "offset"), 0);
    assert_int_equal(number_of(json_array_get(pointers, 1), "at"), 24);
    assert_int_equal(number_of(json_array_get(pointers, 1), "tensor"), 2);
    assert_int_equal(number_of(json_array_get(pointers, 1), "offset"), ROWS - 1);
    json_decref(root);
}

static void a_case_has_one_folder(void **state)
{
    char path[TEMP_PATH];
    struct error err;
    struct temp_folder inner;
    (void)state;

    assert_true(dump(folder.path, false, &err));
    case_folder(path);
    snprintf(inner.path, sizeof inner.path, "%.*s", (int)sizeof inner.path - 1, path);
    assert_non_null(strstr(path, "/made_up-"));
    assert_int_equal(strlen(strstr(path, "/made_up-")), strlen("/made_up-") + 16);
    assert_int_equal(temp_folder_count(&inner), 5); /* x, y, codes, plan, manifest */
    assert_true(dump(folder.path, true, &err));
    assert_int_equal(temp_folder_count(&folder), 1);
    assert_int_equal(temp_folder_count(&inner), 7);
}

/* What cannot be written leaves no manifest, not even that of an earlier dump. */
static void failure_leaves_no_manifest(void **state)
{
    char path[TEMP_PATH], blocked[2 * TEMP_PATH], manifest[2 * TEMP_PATH];
    struct error err;
    (void)state;

    assert_true(dump(folder.path, false, &err));
    case_folder(path);
    snprintf(blocked, sizeof blocked, "%s/y.ref.npy", path);
    snprintf(manifest, sizeof manifest, "%s/manifest.json", path);
    assert_int_equal(access(manifest, F_OK), 0);
    assert_int_equal(mkdir(blocked, 0777), 0);
    assert_false(dump(folder.path, true, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "y.ref.npy: Is a directory"));
    assert_int_equal(access(manifest, F_OK), -1);
}

static void bad_folders_are_errors(void **state)
{
    char path[TEMP_PATH], *long_path = malloc(8000);
    struct error err;
    (void)state;

    assert_false(dump(temp_folder_path(&folder, "none/none", path), true, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "none/none: No such file"));
    temp_folder_puts(&folder, "file", "");
    assert_false(dump(temp_folder_path(&folder, "file", path), true, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "file: not a folder"));
    assert_int_equal(remove(path), 0);
    memset(long_path, 'd', 7999);
    long_path[7999] = '\0';
    assert_false(dump(long_path, true, &err));
    assert_non_null(strstr(err.text, "path too long"));
    free(long_path);
}

static void a_full_disk_is_an_error(void **state)
{
    const struct npy matrix = {
        .type = "<u2", .item = 2, .rows = 1, .cols = 5, .stride = 5, .data = y};
    struct error err;
    struct stat full;
    (void)state;

    if (stat("/dev/full", &full) || !S_ISCHR(full.st_mode))
        skip();
    char path[TEMP_PATH];
    temp_folder_path(&folder, "full.npy", path);
    assert_int_equal(symlink("/dev/full", path), 0);
    assert_false(npy_write(path, &matrix, &err));
    assert_int_equal(err.kind, ERROR_INTERNAL);
    assert_non_null(strstr(err.text, "No space left"));
    assert_int_equal(access(path, F_OK), -1); /* nothing half-written stays */
}

/* Many rows, so that rows are put together piece by piece; and no rows at all. */
static void strided_and_empty(void **state)
{
    enum { MANY = 50000 };
    char path[TEMP_PATH], header[256];
    uint32_t *wide = malloc(MANY * 3 * sizeof *wide);
    size_t at, size;
    struct error err;
    (void)state;

    for (uint32_t i = 0; i < MANY * 3; i++)
        wide[i] = i;
    struct npy m = {.type = "<i4", .item = 4, .rows = MANY, .cols = 2, .stride = 3, .data = wide};
    temp_folder_path(&folder, "many.npy", path);
    assert_true(npy_write(path, &m, &err));
    char *bytes = read_npy(path, header, &at, &size);
    assert_int_equal(size - at, MANY * 2 * 4);
    for (uint32_t i = 0; i < MANY * 2; i++) {
        uint32_t value;
        memcpy(&value, bytes + at + 4 * (size_t)i, 4);
        if (value != i / 2 * 3 + i % 2)
            fail_msg("element %u is %u", i, value);
    }
    free(bytes);
    m.rows = 0;
    m.data = NULL;
    assert_true(npy_write(path, &m, &err));
    bytes = read_npy(path, header, &at, &size);
    assert_string_equal(header, "{'descr': '<i4', 'fortran_order': False, 'shape': (0, 2), }");
    assert_int_equal(size, at);
    free(bytes);
    free(wide);
    assert_int_equal(remove(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_hold_the_tensors, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(manifest_names_everything, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(plan_has_the_tensors, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(plan_tells_pointers_from_numbers, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_case_has_one_folder, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(failure_leaves_no_manifest, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(bad_folders_are_errors, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_full_disk_is_an_error, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(strided_and_empty, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
