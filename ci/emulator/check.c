/*
 * check DIR: runs the plans of harness/gpu/check.h on the CPU device and writes them, with the
 * memory before and after, as folders for ci/emulate: DIR/fill-N, DIR/bytes-N, DIR/CODES-N.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/case/fill.h"
#include "harness/case/philox.h"
#include "harness/cpu/exec.h"
#include "harness/gpu/check.h"
#include "harness/report/npy.h"
#include "harness/run/memset_kernel.h"

extern const struct kernel kernel_memset_bytes;

enum { MAX_BUFFERS = 24, MAX_ENTRIES = 4, PATH = 4096 };

/* What a kernel sees of memory. Pointers that lie in a table are moved by ci/emulate. */
struct buffer {
    char name[32];
    const char *role;
    unsigned char *data, *before;
    size_t bytes;
};

struct scene {
    struct buffer buffer[MAX_BUFFERS];
    size_t count;
    struct plan plan;
};

static void die(const char *what)
{
    fprintf(stderr, "check: %s\n", what);
    exit(1);
}

/* The kernels load whole units of 16 bytes at aligned addresses, of which a buffer may own a part:
 * a unit never crosses into a page that is not there. */
static void *add(struct scene *s, const char *name, size_t i, const char *role, size_t size)
{
    struct buffer *b = &s->buffer[s->count++];
    const size_t bytes = (size + 15) / 16 * 16;

    if (s->count > MAX_BUFFERS)
        die("too many buffers");
    snprintf(b->name, sizeof b->name, "%s%zu", name, i);
    b->role = role;
    b->bytes = bytes;
    b->data = aligned_alloc(64, (bytes + 64) / 64 * 64);
    b->before = malloc(bytes + 1);
    if (!b->data || !b->before)
        die("no memory");
    memset(b->data, 0xA5, bytes);
    return b->data;
}

static const struct buffer *find(const struct scene *s, uint64_t address)
{
    for (size_t i = 0; i < s->count; i++) {
        const uint64_t at = (uint64_t)(uintptr_t)s->buffer[i].data;

        if (address >= at && address <= at + s->buffer[i].bytes)
            return &s->buffer[i];
    }
    return NULL;
}

/* The pointers among `size` bytes, in JSON. */
static void write_pointers(FILE *f, const struct scene *s, const void *data, size_t size)
{
    const char *comma = "";

    for (size_t at = 0; at + 8 <= size; at += 8) {
        uint64_t word;

        memcpy(&word, (const char *)data + at, sizeof word);
        const struct buffer *b = find(s, word);
        if (!b)
            continue;
        fprintf(f, "%s{\"at\": %zu, \"tensor\": %td, \"offset\": %" PRIu64 "}", comma, at,
                b - s->buffer, word - (uint64_t)(uintptr_t)b->data);
        comma = ", ";
    }
}

static void write_step(FILE *f, const struct scene *s, const struct step *step)
{
    if (step->kind == STEP_MEMSET) {
        const struct buffer *b = find(s, (uint64_t)(uintptr_t)step->target);

        if (!b)
            die("a memset outside");
        fprintf(f,
                "{\"memset\": %d, \"target\": {\"tensor\": %td, \"offset\": %td}, \"bytes\": %zu}",
                step->value, b - s->buffer, (unsigned char *)step->target - b->data, step->bytes);
        return;
    }
    fprintf(
        f,
        "{\"kernel\": \"%s\", \"source\": \"%s\", \"grid\": [%u, %u, %u], \"block\": [%u, 1, 1], "
        "\"dynamic_lds\": %zu, \"args\": \"",
        step->kernel->name, step->kernel->file, step->grid[0], step->grid[1], step->grid[2],
        step->block[0], step->dynamic_lds);
    for (size_t i = 0; i < step->kernel->args_size; i++)
        fprintf(f, "%02x", step->args[i]);
    fprintf(f, "\", \"pointers\": [");
    write_pointers(f, s, step->args, step->kernel->args_size);
    fprintf(f, "]}");
}

static void write_bytes(const char *dir, const char *name, const char *suffix, const void *data,
                        size_t bytes)
{
    const struct npy m = {"|u1", 1, 1, bytes, bytes, data};
    char path[PATH];
    struct error err;

    snprintf(path, sizeof path, "%s/%s%s.npy", dir, name, suffix);
    if (!npy_write(path, &m, &err))
        die(err.text);
}

static void write_scene(const char *dir, const char *title, const struct scene *s)
{
    char path[PATH];

    snprintf(path, sizeof path, "%s/plan.json", dir);
    FILE *f = fopen(path, "w");
    if (!f)
        die(path);
    fprintf(f, "{\"version\": 1, \"case\": \"%s\", \"tensors\": [", title);
    for (size_t i = 0; i < s->count; i++) {
        const struct buffer *b = &s->buffer[i];

        fprintf(
            f,
            "%s{\"name\": \"%s\", \"role\": \"%s\", \"dtype\": \"u8\", \"item\": 1, \"rows\": 1, "
            "\"cols\": %zu, \"stride\": %zu, \"unused_rows\": 0, \"poison\": 165, "
            "\"before\": \"%s.before.npy\", \"pointers\": [",
            i ? ", " : "", b->name, b->role, b->bytes, b->bytes, b->name);
        if (!strncmp(b->name, "table", 5))
            write_pointers(f, s, b->before, b->bytes);
        fprintf(f, "]}");
        write_bytes(dir, b->name, ".before", b->before, b->bytes);
        write_bytes(dir, b->name, "", b->data, b->bytes);
    }
    fprintf(f, "], \"steps\": [");
    for (size_t i = 0; i < s->plan.count; i++) {
        fprintf(f, "%s", i ? ", " : "");
        write_step(f, s, &s->plan.step[i]);
    }
    fprintf(f, "]}\n");
    if (fclose(f))
        die(path);
}

static void run(const struct scene *s)
{
    for (size_t i = 0; i < s->plan.count; i++) {
        const struct step *step = &s->plan.step[i];
        struct cpu_finding finding;
        const struct cpu_launch launch = {.kernel = step->kernel,
                                          .args = step->args,
                                          .grid = {step->grid[0], step->grid[1], step->grid[2]},
                                          .block = {step->block[0], step->block[1], step->block[2]},
                                          .dynamic_lds = step->dynamic_lds,
                                          .time_limit_s = 20};

        if (step->kind == STEP_MEMSET)
            memset(step->target, step->value, step->bytes);
        else if (cpu_run(&launch, &finding) != CPU_DONE)
            die(finding.text);
    }
}

/* Runs the plan on the CPU device, writes the folder, and forgets the scene. */
static void finish(struct scene *s, const char *root, const char *kind, size_t number)
{
    char dir[PATH - 64], title[128];

    snprintf(dir, sizeof dir, "%s/%s-%zu", root, kind, number);
    snprintf(title, sizeof title, "check %s, shape %zu", kind, number);
    mkdir(dir, 0777);
    for (size_t i = 0; i < s->count; i++)
        memcpy(s->buffer[i].before, s->buffer[i].data, s->buffer[i].bytes);
    run(s);
    write_scene(dir, title, s);
    for (size_t i = 0; i < s->count; i++) {
        free(s->buffer[i].data);
        free(s->buffer[i].before);
    }
}

static const struct shape {
    size_t rows, cols, stride;
} shapes[] = {{1, 1, 1}, {5, 37, 41}, {19, 300, 300}, {70, 24, 32}};

static struct tensor make_tensor(const struct shape *shape, enum dtype dtype, enum fill_kind kind,
                                 int low, int high)
{
    const struct tensor t = {.name = "t",
                             .role = TENSOR_OUTPUT,
                             .dtype = dtype,
                             .rows = shape->rows,
                             .cols = shape->cols,
                             .stride = shape->stride,
                             .fill = {kind, low, high}};
    return t;
}

static size_t bytes_of(const struct tensor *t)
{
    size_t bytes;

    if (!tensor_bytes(t, &bytes))
        die("too large");
    return bytes;
}

static void fill(const char *root, size_t number)
{
    const struct tensor t[MAX_ENTRIES] = {
        make_tensor(&shapes[number], DTYPE_F32, FILL_REAL, -8, 5),
        make_tensor(&shapes[number], DTYPE_BF16, FILL_EXACT, -100, 100),
        make_tensor(&shapes[number], DTYPE_E4M3FN, FILL_CODES, 0, 255),
        make_tensor(&shapes[number], DTYPE_F16, FILL_ZERO, 0, 0)};
    struct scene s = {.count = 0};
    struct check_fill *table = add(&s, "table", 0, "input", MAX_ENTRIES * sizeof *table);

    for (size_t i = 0; i < MAX_ENTRIES; i++)
        check_fill_entry(&table[i], &t[i], 0x123456789ABCDEF + i, (uint32_t)i,
                         add(&s, "filled", i, "output", bytes_of(&t[i])));
    check_fill_plan(&s.plan, table, MAX_ENTRIES, table);
    finish(&s, root, "fill", number);
}

/* Poisons rows, gaps and a range with a pattern, changes some bytes, scans and sums. */
static void bytes(const char *root, size_t number)
{
    const struct tensor t = make_tensor(&shapes[number], DTYPE_BF16, FILL_ZERO, 0, 0);
    const size_t range = 4096 + 37 * number;
    struct scene s = {.count = 0};
    struct check_region *table = add(&s, "table", 0, "input", 4 * sizeof *table);
    unsigned char *data = add(&s, "data", 0, "output", bytes_of(&t));
    unsigned char *zone = add(&s, "zone", 0, "output", range);
    unsigned char *pattern = add(&s, "pattern", 0, "input", 256);
    struct check_scan *scan = add(&s, "scan", 0, "output", 4 * sizeof *scan);
    uint64_t *sums = add(&s, "sums", 0, "output", 4 * sizeof *sums);

    for (size_t i = 0; i < 256; i++)
        pattern[i] = (unsigned char)(i * 151 + 7);
    check_region_rows(&table[0], &t, data);
    const size_t n = 2 + check_region_gaps(&table[1], &t, data);
    check_region_range(&table[n - 1], zone, range);
    for (size_t i = 0; i + 1 < n; i++)
        check_region_poison(&table[i], dtype_poison(DTYPE_BF16, 0), 2);
    check_region_pattern(&table[n - 1], pattern, 256);
    check_poison_plan(&s.plan, table, n, table);
    plan_memset(&s.plan, data + bytes_of(&t) - 1, 0x11, 1);
    const struct memset_bytes change = {zone + range / 2, 1 + 37 * number, 0x22};
    plan_kernel(&s.plan, &kernel_memset_bytes, 1, 1, 0, &change, sizeof change);
    check_scan_plan(&s.plan, table, n, table, scan);
    check_checksum_plan(&s.plan, table, n, table, sums);
    finish(&s, root, "bytes", number);
}

/* Elements that mostly agree: random ones, of which every 13th is changed in the second run. */
static void make_results(const struct tensor *t, unsigned char *first, unsigned char *second,
                         void *reference)
{
    for (size_t i = 0; i < t->rows * t->cols; i++) {
        const uint32_t random = (uint32_t)i * 2654435761u;
        const float x = (float)(int32_t)random * 0x1p-28f;
        uint32_t bits;

        memcpy(&bits, &x, sizeof bits);
        bits = t->dtype == DTYPE_F32 ? bits : t->dtype == DTYPE_BF16 ? bits >> 16 : random >> 24;
        const size_t at = i / t->cols * t->stride + i % t->cols;
        dtype_store(t->dtype, first, at, bits);
        dtype_store(t->dtype, second, at, bits ^ (i % 13 == 12));
        if (t->policy.kind == POLICY_BOUND)
            ((double *)reference)[i] = (double)x * (i % 11 == 10 ? 1.01 : 1);
        else
            dtype_store(t->dtype, reference, i, bits + (i % 7 == 6) * 3);
    }
}

static void compare(const char *root, const char *kind, const struct tensor *t, size_t n,
                    size_t number)
{
    struct scene s = {.count = 0};
    struct check_compare *table = add(&s, "table", 0, "input", n * sizeof *table);

    for (size_t i = 0; i < n; i++) {
        const size_t item = t[i].policy.kind == POLICY_BOUND ? 8 : dtype_bytes(t[i].dtype);
        unsigned char *first = add(&s, "first", i, "input", bytes_of(&t[i]));
        unsigned char *second = add(&s, "second", i, "input", bytes_of(&t[i]));
        void *reference = add(&s, "reference", i, "input", t[i].rows * t[i].cols * item);

        make_results(&t[i], first, second, reference);
        check_compare_entry(
            &table[i], &t[i],
            &(struct check_outputs){first, second, t[i].stride, t[i].stride, reference,
                                    add(&s, "space", i, "workspace", check_workspace(&t[i]))});
    }
    table[n - 1].detail = add(&s, "detail", n - 1, "output", sizeof(struct check_detail));
    check_compare_plan(&s.plan, table, n, table,
                       add(&s, "results", 0, "output", check_results_bytes(table, n)));
    check_detail_plan(&s.plan, table, n - 1, table);
    finish(&s, root, kind, number);
}

static void judge(const char *root, size_t number)
{
    struct tensor exact[] = {make_tensor(&shapes[number], DTYPE_I32, FILL_ZERO, 0, 0),
                             make_tensor(&shapes[number], DTYPE_F32, FILL_ZERO, 0, 0)};
    struct tensor bound[] = {make_tensor(&shapes[number], DTYPE_BF16, FILL_ZERO, 0, 0)};

    exact[0].policy.kind = POLICY_EXACT;
    exact[1].policy = (struct policy){.kind = POLICY_ULP, .ulp = 2, .min_nonzero = 0.1};
    bound[0].policy = (struct policy){.kind = POLICY_BOUND, .relative = 0.001};
    compare(root, "codes", exact, 2, number);
    compare(root, "bound", bound, 1, number);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        die("usage: check DIR");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        fill(argv[1], i);
        bytes(argv[1], i);
        judge(argv[1], i);
    }
    return 0;
}
