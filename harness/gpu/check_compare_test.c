/* Comparison where the tensors lie against the host's own. */
#include "harness/gpu/check_testing.h"

#include <math.h>

#include "harness/check/cell.h"
#include "harness/check/metrics.h"

/* One output with two runs and a reference, in dense copies for the host and in place. */
struct scene {
    struct tensor tensor;
    struct op op;
    struct kase kase;
    size_t count, size;
    bool two, alike;                           /* both runs lie as far behind a multiple of 16 */
    unsigned char *first, *second, *reference; /* dense, owned */
    struct check_memory placed[2], placed_reference, workspace;
    struct check_compare entry;
    struct check_exact_result answer; /* of which another policy has only the start */
};

static struct check_result *result_of(struct scene *s)
{
    return &s->answer.result;
}

static struct compare_input scene_input(struct scene *s, struct ref_io *ref, void **out)
{
    out[0] = s->reference;
    *ref = (struct ref_io){.tensor = &s->tensor, .out = out};
    s->kase.op = &s->op;
    return (struct compare_input){.kase = &s->kase,
                                  .tensor = &s->tensor,
                                  .first = s->first,
                                  .second = s->two ? s->second : NULL,
                                  .ref = ref};
}

static void scene_open(struct scene *s, enum dtype type, struct policy policy, size_t rows,
                       size_t cols)
{
    memset(s, 0, sizeof(*s));
    s->tensor = (struct tensor){.name = "y", .dtype = type, .policy = policy};
    tensor_dense(&s->tensor, rows, cols);
    s->count = rows * cols;
    s->size = dtype_bytes(type);
    s->two = true;
    s->first = malloc(s->count * s->size + 1);
    s->second = malloc(s->count * s->size + 1);
    s->reference = malloc(s->count * 8 + 1);
}

static void scene_close(struct scene *s)
{
    free(s->first);
    free(s->second);
    free(s->reference);
}

static void scene_expect(struct scene *s, size_t at, uint32_t bits)
{
    if (s->tensor.policy.kind == POLICY_BOUND)
        ((double *)(void *)s->reference)[at] = dtype_value(s->tensor.dtype, bits);
    else
        dtype_store(s->tensor.dtype, s->reference, at, bits);
}

static void scene_put(struct scene *s, size_t at, uint32_t first, uint32_t second)
{
    dtype_store(s->tensor.dtype, s->first, at, first);
    dtype_store(s->tensor.dtype, s->second, at, s->two ? second : first);
}

static void scene_leave(struct scene *s, size_t at)
{
    if (s->tensor.policy.kind == POLICY_BOUND)
        ((double *)(void *)s->reference)[at] = ref_poison();
    else
        dtype_store(s->tensor.dtype, s->reference, at, dtype_poison(s->tensor.dtype, 0));
}

/* Codes whose values are near each other, all right. */
static void scene_fill(struct scene *s, uint64_t *seed)
{
    static const uint32_t base[DTYPE_COUNT] = {
        [DTYPE_F32] = 0x3F800000u, [DTYPE_BF16] = 0x3F80u,   [DTYPE_F16] = 0x3C00u,
        [DTYPE_E4M3FN] = 0x38u,    [DTYPE_E4M3FNUZ] = 0x40u, [DTYPE_E5M2] = 0x3Cu,
        [DTYPE_E8M0] = 0x7Fu};
    const enum dtype type = s->tensor.dtype;
    const int64_t span = s->size == 1 ? 15 : s->size == 2 ? 255 : 0xffffff;
    for (size_t at = 0; at < s->count; at++) {
        uint32_t bits = base[type] + (uint32_t)check_draw(seed, 0, span);
        if (check_draw(seed, 0, 20) == 0)
            bits = 0;
        else if (check_draw(seed, 0, 1) && type != DTYPE_E8M0)
            bits |= 1u << (8 * s->size - 1);
        scene_put(s, at, bits, bits);
        scene_expect(s, at, bits);
    }
}

/* Spoils some elements, in one of all the ways there are; some of them are no defects. */
static void scene_spoil(struct scene *s, size_t defects, uint64_t *seed)
{
    const enum dtype type = s->tensor.dtype;
    const uint32_t p0 = dtype_poison(type, 0), p1 = dtype_poison(type, 1);
    for (size_t i = 0; i < defects; i++) {
        const size_t at = (size_t)check_draw(seed, 0, (int64_t)s->count - 1);
        const uint32_t bits = dtype_load(type, s->first, at);
        const uint32_t random = philox_u32(3, 9, (*seed)++);
        switch (check_draw(seed, 0, 9)) {
        case 0:
            scene_put(s, at, bits + 1, bits + 1);
            break;
        case 1:
            scene_put(s, at, random, random);
            break;
        case 2:
            scene_put(s, at, bits, bits ^ 1);
            break;
        case 3:
            scene_put(s, at, p0, p1);
            break;
        case 4:
            scene_leave(s, at);
            break;
        case 5:
            scene_leave(s, at);
            scene_put(s, at, p0, p1);
            break;
        case 6:
            scene_put(s, at, p0, p0);
            break;
        case 7:
            scene_leave(s, at);
            scene_put(s, at, p0, p0);
            break;
        case 8:
            scene_expect(s, at, random);
            scene_put(s, at, random, random);
            break;
        default: /* Inf or NaN, where the type has them */
            scene_put(s, at, s->size == 4 ? 0x7F800000u : s->size == 2 ? 0x7F80u : 0x7Cu, bits);
            scene_put(s, at, dtype_load(type, s->first, at), dtype_load(type, s->first, at));
            break;
        }
    }
}

/* --- In place --- */

static struct check_memory place(const struct scene *s, const unsigned char *dense, size_t stride,
                                 size_t odd)
{
    const struct tensor *t = &s->tensor;
    struct check_memory m = check_memory(t->rows * stride * s->size, odd * s->size);
    for (size_t r = 0; r < t->rows; r++)
        memcpy(m.at + r * stride * s->size, dense + r * t->cols * s->size, t->cols * s->size);
    return m;
}

static void scene_place(struct scene *s, size_t gap, size_t odd)
{
    struct tensor *t = &s->tensor;
    const size_t reference_size = s->tensor.policy.kind == POLICY_BOUND ? 8 : s->size;
    const size_t second_gap = s->alike ? gap + 16 : 2 * gap;
    s->placed[0] = place(s, s->first, t->cols + gap, odd);
    s->placed[1] = place(s, s->second, t->cols + second_gap, s->alike ? odd : 0);
    s->placed_reference = check_memory(s->count * reference_size, odd * reference_size);
    memcpy(s->placed_reference.at, s->reference, s->count * reference_size);
    s->workspace = check_memory(check_workspace(t), 0);
    const struct check_outputs outputs = {.first = s->placed[0].at,
                                          .second = s->two ? s->placed[1].at : NULL,
                                          .first_stride = t->cols + gap,
                                          .second_stride = t->cols + second_gap,
                                          .reference = s->placed_reference.at,
                                          .workspace = s->workspace.at};
    check_compare_entry(&s->entry, t, &outputs);
}

static void scene_remove(struct scene *s)
{
    check_memory_free(&s->placed[0]);
    check_memory_free(&s->placed[1]);
    check_memory_free(&s->placed_reference);
    check_memory_free(&s->workspace);
}

static void scene_check(struct scene *s, bool detail, const struct check_way *way)
{
    struct plan plan = {.count = 0};
    check_compare_plan(&plan, &s->entry, 1, &s->entry, &s->answer);
    check_run(&plan, way);
    plan.count = 0;
    if (detail)
        check_detail_plan(&plan, &s->entry, 0, &s->entry);
    check_run(&plan, way);
}

/* --- What the host says --- */

/* Without a detail. */
static void expect_result(struct scene *s, uint64_t wrong, const uint64_t first[2],
                          const size_t survey[2])
{
    uint64_t element;
    enum check_count kind;
    assert_true(check_done(result_of(s), &s->entry));
    assert_int_equal(result_of(s)->wrong, wrong);
    assert_int_equal(check_first(result_of(s), &element, &kind), wrong > 0);
    if (wrong) {
        assert_int_equal(element, first[0]);
        assert_int_equal(kind, first[1]);
    }
    assert_int_equal(result_of(s)->nonzero, survey[0]);
    assert_int_equal(result_of(s)->seen, survey[1]);
}

static void expect_counts(struct scene *s)
{
    static const enum check_count counted[CELL_KINDS] = {[CELL_LEFT_ALONE] = CHECK_LEFT_ALONE,
                                                         [CELL_WRONG] = CHECK_WRONG,
                                                         [CELL_STRAY] = CHECK_STRAY,
                                                         [CELL_UNWRITTEN] = CHECK_UNWRITTEN,
                                                         [CELL_DIFFERS] = CHECK_DIFFERS};
    struct ref_io ref;
    void *out[1];
    const struct compare_input in = scene_input(s, &ref, out);
    struct cells cells;
    size_t want[CHECK_COUNTS] = {0}, listed = 0, nonzero = 0, seen = 0;
    uint64_t element, first[2] = {0};
    enum check_count kind;
    cells_init(&cells, &in);
    for (size_t at = 0; at < s->count; at++) {
        const enum cell cell = cells_judge(&cells, at);
        if (cell == CELL_RIGHT)
            continue;
        want[counted[cell]]++;
        if (cell == CELL_LEFT_ALONE || listed == CHECK_FIRST)
            continue;
        assert_true(check_place(s->entry.detail, listed, &element, &kind));
        assert_int_equal(element, at);
        assert_int_equal(kind, counted[cell]);
        if (!listed++) {
            first[0] = at;
            first[1] = counted[cell];
        }
    }
    assert_int_equal(check_place(s->entry.detail, listed, &element, &kind), false);
    for (size_t at = 0; at < s->count; at += DECODE_BLOCK)
        cells_survey(&cells, at, s->count - at < DECODE_BLOCK ? s->count - at : DECODE_BLOCK,
                     &nonzero, &seen);
    if (s->tensor.policy.min_nonzero > 0) {
        want[CHECK_NONZERO] = nonzero;
        want[CHECK_SEEN] = seen;
    }
    for (size_t i = 0; i < CHECK_COUNTS; i++)
        if (s->entry.detail->count[i] != want[i])
            fail_msg("%s, policy %d: count %zu is %llu, not %zu", dtype_name(s->tensor.dtype),
                     (int)s->tensor.policy.kind, i, s->entry.detail->count[i], want[i]);
    expect_result(
        s, want[CHECK_WRONG] + want[CHECK_STRAY] + want[CHECK_UNWRITTEN] + want[CHECK_DIFFERS],
        first, &want[CHECK_NONZERO]);
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * fmax(1, fabs(want))))
        fail_msg("%.17g is not %.17g", got, want);
}

static void expect_metrics(struct scene *s)
{
    struct ref_io ref;
    void *out[1];
    const struct compare_input in = scene_input(s, &ref, out);
    struct compare_metrics want, got;
    struct verdict verdict;
    compare_output(&in, &want, &verdict);
    check_metrics(result_of(s), &s->entry, &got);
    near(got.cosine, s->entry.exact ? want.cosine : 1);
    near(got.relative, s->entry.exact ? want.relative : 0);
    check_detail_metrics(s->entry.detail, &got);
    near(got.cosine, want.cosine);
    near(got.relative, want.relative);
    near(got.worst_row_relative, want.worst_row_relative);
    near(got.worst_col_relative, want.worst_col_relative);
    assert_int_equal(got.worst_row, want.worst_row);
    assert_int_equal(got.worst_col, want.worst_col);
}

static const size_t shapes[][2] = {{1, 1},   {1, 9},    {7, 5},    {33, 16},
                                   {5, 300}, {1, 9000}, {6000, 1}, {40, 257}};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static void one_scene(enum dtype type, enum policy_kind kind, size_t shape, size_t round)
{
    const struct policy policy = {.kind = kind,
                                  .ulp = 2,
                                  .relative = 1e-3,
                                  .absolute = 1e-6,
                                  .min_nonzero = round % 2 ? 0.1 : 0};
    uint64_t seed = round * 100000 + shape * 977 + type;
    struct scene s;
    scene_open(&s, type, policy, shapes[shape][0], shapes[shape][1]);
    s.two = round % 3 != 2;
    s.alike = round % 2;
    scene_fill(&s, &seed);
    scene_spoil(&s, round % 4 * (size_t)check_draw(&seed, 1, 8), &seed);
    scene_place(&s, round % 5, (round + shape) % 4);
    scene_check(&s, true, &check_ways[0]);
    const struct check_exact_result before = s.answer;
    const struct check_detail detail = *s.entry.detail;
    scene_check(&s, true, &check_ways[1 + round % (CHECK_WAYS - 1)]);
    assert_memory_equal(&s.answer, &before, sizeof(before));
    assert_memory_equal(s.entry.detail, &detail, sizeof(detail));
    expect_counts(&s);
    expect_metrics(&s);
    scene_remove(&s);
    scene_close(&s);
}

static void test_as_the_host(void **state)
{
    (void)state;
    for (enum dtype type = 0; type < DTYPE_COUNT; type++)
        for (enum policy_kind kind = POLICY_EXACT; kind <= POLICY_CODE; kind++)
            for (size_t i = 0; i < 5 * SHAPES; i++)
                if (kind != POLICY_BOUND || type <= DTYPE_E5M2)
                    one_scene(type, kind, i % SHAPES, i);
}

/* Every place of a small output, in a whole unit and in the tail. */
static void test_each_place_is_found(void **state)
{
    (void)state;
    for (enum policy_kind kind = POLICY_EXACT; kind <= POLICY_BOUND; kind++) {
        struct scene s;
        uint64_t seed = 1;
        scene_open(&s, DTYPE_BF16, (struct policy){.kind = kind}, 5, 43);
        scene_fill(&s, &seed);
        for (size_t at = 0; at < s.count; at++) {
            const uint32_t bits = dtype_load(DTYPE_BF16, s.first, at);
            scene_put(&s, at, bits ^ 0x40, bits ^ 0x40);
            scene_place(&s, at % 2, at % 8);
            scene_check(&s, false, &check_ways[at % CHECK_WAYS]);
            expect_result(&s, 1, (const uint64_t[2]){at, CHECK_WRONG}, (const size_t[2]){0, 0});
            scene_remove(&s);
            scene_put(&s, at, bits, bits);
        }
        scene_close(&s);
    }
}

/* All wrong: the first ones come in order, out of many blocks; one column is worst. */
static void test_many_blocks(void **state)
{
    (void)state;
    struct scene s;
    uint64_t seed = 1, element;
    enum check_count what;
    scene_open(&s, DTYPE_F32, (struct policy){.kind = POLICY_ULP, .ulp = 1}, 900, 301);
    scene_fill(&s, &seed);
    for (size_t at = 77; at < s.count; at++)
        scene_put(&s, at, 0, 0);
    scene_place(&s, 0, 0);
    assert_true(s.entry.walk.blocks > 50);
    scene_check(&s, true, &check_ways[1]);
    expect_counts(&s);
    expect_metrics(&s);
    for (size_t i = 0; i < CHECK_FIRST; i++)
        assert_true(check_place(s.entry.detail, i, &element, &what) && element >= 77);
    scene_remove(&s);
    scene_close(&s);
}

/* Several outputs in one launch do not disturb each other; an empty one is right. */
static void test_table(void **state)
{
    (void)state;
    enum { N = 6, LARGE = 4 };
    static const size_t rows[N] = {3, 400, 5, 0, 700, 1};
    static const enum policy_kind kind[N] = {POLICY_BOUND, POLICY_BOUND}; /* then POLICY_EXACT */
    struct scene s[N];
    struct check_compare table[N];
    struct check_exact_result results[N];
    struct plan plan = {.count = 0};
    for (size_t i = 0; i < N; i++) {
        uint64_t seed = i;
        scene_open(&s[i], DTYPE_E4M3FN, (struct policy){.kind = kind[i]}, rows[i], 131);
        scene_fill(&s[i], &seed);
        if (s[i].count)
            scene_spoil(&s[i], i * 3, &seed);
        scene_place(&s[i], 1, i);
        table[i] = s[i].entry;
    }
    assert_true(check_results_bytes(table, N) <= 400);
    check_compare_plan(&plan, table, N, table, results);
    check_run(&plan, &check_ways[2]);
    plan.count = 0;
    check_detail_plan(&plan, table, LARGE, table);
    check_run(&plan, &check_ways[3]);
    const struct check_detail detail = *table[LARGE].detail;
    for (size_t i = 0; i < N; i++) {
        scene_check(&s[i], true, &check_ways[0]);
        assert_memory_equal(&s[i].answer, check_result(results, table, i),
                            check_results_bytes(&table[i], 1));
        expect_counts(&s[i]);
    }
    assert_memory_equal(table[LARGE].detail, &detail, sizeof(detail));
    for (size_t i = 0; i < N; i++) {
        scene_remove(&s[i]);
        scene_close(&s[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_host),
        cmocka_unit_test(test_each_place_is_found),
        cmocka_unit_test(test_many_blocks),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
