/*
 * numeric DIR: writes the inputs of ci/emulator/numeric.hip and what the references' formats make
 * of them, as folders for ci/emulate: DIR/encode and DIR/decode.
 *
 * The inputs of the encoders are all patterns with the low 12 bits zero and their neighbours, which
 * have all bf16 and f16 values, all ties of all formats, subnormals, Inf and NaN among them.
 */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define __device__
#include "ci/emulator/numeric.h"
#include "harness/report/npy.h"
#include "kernels/numeric.h"
#include "refs/formats.h"

enum { ENCODE_COUNT = 3 << 20, DECODE_COUNT = 1 << 16 };

struct array {
    const char *name, *dtype, *numpy;
    size_t item, pointer_at; /* of its pointer in the argument struct */
    void *data;
};

static void die(const char *what)
{
    fprintf(stderr, "numeric: %s\n", what);
    exit(1);
}

static void *zeros(size_t count, size_t size)
{
    void *p = calloc(count, size);

    if (!p)
        die("no memory");
    return p;
}

static void write_tensors(FILE *f, const char *dir, const struct array *a, size_t n, size_t rows)
{
    for (size_t i = 0; i < n; i++) {
        const struct npy m = {a[i].numpy, a[i].item, rows, 1, 1, a[i].data};
        char path[4096];
        struct error err;

        snprintf(path, sizeof path, "%s/%s.npy", dir, a[i].name);
        if (!npy_write(path, &m, &err))
            die(err.text);
        fprintf(f,
                "%s{\"name\": \"%s\", \"role\": \"%s\", \"dtype\": \"%s\", \"item\": %zu, "
                "\"rows\": %zu, \"cols\": 1, \"stride\": 1, \"unused_rows\": 0, \"poison\": 90}",
                i ? ", " : "", a[i].name, i ? "output" : "input", a[i].dtype, a[i].item, rows);
    }
}

/* A plan of one launch, with the element count behind the pointers. */
static void write_case(const char *dir, const char *kernel, const struct array *a, size_t n,
                       size_t rows)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/plan.json", dir);
    FILE *f = fopen(path, "w");
    if (!f)
        die(path);
    fprintf(f, "{\"version\": 1, \"case\": \"%s of %zu\", \"tensors\": [", kernel, rows);
    write_tensors(f, dir, a, n, rows);
    fprintf(f,
            "], \"steps\": [{\"kernel\": \"%s\", \"source\": \"numeric.hip\", \"grid\": [4, 1, 1], "
            "\"block\": [256, 1, 1], \"dynamic_lds\": 0, \"args\": \"%0*d",
            kernel, (int)(16 * n), 0);
    for (int shift = 0; shift < 64; shift += 8)
        fprintf(f, "%02x", (unsigned)((uint64_t)rows >> shift & 255));
    fprintf(f, "\", \"pointers\": [");
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%s{\"at\": %zu, \"tensor\": %zu, \"offset\": 0}", i ? ", " : "",
                a[i].pointer_at, i);
    fprintf(f, "]}]}\n");
    if (fclose(f))
        die(path);
}

static void encode(const char *dir)
{
#define AT(field) offsetof(struct numeric_encode_args, field)
    struct array a[] = {{"bits", "i32", "<i4", 4, AT(bits), NULL},
                        {"fn", "e4m3fn", "|u1", 1, AT(fn), NULL},
                        {"fnuz", "e4m3fnuz", "|u1", 1, AT(fnuz), NULL},
                        {"bf16", "bf16", "<u2", 2, AT(bf16), NULL},
                        {"bf16_cut", "bf16", "<u2", 2, AT(bf16_cut), NULL},
                        {"f16", "f16", "<u2", 2, AT(f16), NULL},
                        {"e2m1", "e2m1x2", "|u1", 1, AT(e2m1), NULL}};
    const size_t n = sizeof a / sizeof *a;

#undef AT
    for (size_t i = 0; i < n; i++)
        a[i].data = zeros(ENCODE_COUNT, a[i].item);
    for (uint32_t i = 0; i < ENCODE_COUNT; i++) {
        const uint32_t bits = (i / 3 << 12) + i % 3 - 1;
        const float x = num_float(bits);

        ((uint32_t *)a[0].data)[i] = bits;
        ((uint8_t *)a[1].data)[i] = fp8_encode(FP8_FN, x);
        ((uint8_t *)a[2].data)[i] = fp8_encode(FP8_FNUZ, x);
        ((uint16_t *)a[3].data)[i] = bf16_encode(x, BF16_RNE);
        ((uint16_t *)a[4].data)[i] = bf16_encode(x, BF16_TRUNCATE);
        ((uint16_t *)a[5].data)[i] = f16_encode(x);
        ((uint8_t *)a[6].data)[i] =
            fp4x2_pack(e2m1_encode(x, E2M1_RNE), e2m1_encode(x, E2M1_TIES_AWAY));
    }
    write_case(dir, "numeric_encode", a, n, ENCODE_COUNT);
    for (size_t i = 0; i < n; i++)
        free(a[i].data);
}

/* The kernel gives every NaN of a narrow format as this one, but bf16's, whose bits it shifts. */
static uint32_t bits_of(float x)
{
    return isnan(x) ? 0x7FC00000u : num_bits(x);
}

static void decode(const char *dir)
{
#define AT(field) offsetof(struct numeric_decode_args, field)
    struct array a[] = {{"codes", "i32", "<i4", 4, AT(codes), NULL},
                        {"fn", "f32", "<i4", 4, AT(fn), NULL},
                        {"fnuz", "f32", "<i4", 4, AT(fnuz), NULL},
                        {"bf16", "f32", "<i4", 4, AT(bf16), NULL},
                        {"f16", "f32", "<i4", 4, AT(f16), NULL}};
    const size_t n = sizeof a / sizeof *a;

#undef AT
    for (size_t i = 0; i < n; i++)
        a[i].data = zeros(DECODE_COUNT, 4);
    for (uint32_t i = 0; i < DECODE_COUNT; i++) {
        const uint8_t byte = (uint8_t)i;
        const uint16_t half = (uint16_t)i;

        ((uint32_t *)a[0].data)[i] = i;
        ((uint32_t *)a[1].data)[i] = bits_of(fp8_decode(FP8_FN, byte));
        ((uint32_t *)a[2].data)[i] = bits_of(fp8_decode(FP8_FNUZ, byte));
        ((uint32_t *)a[3].data)[i] = i << 16;
        ((uint32_t *)a[4].data)[i] = bits_of(f16_decode(half));
    }
    write_case(dir, "numeric_decode", a, n, DECODE_COUNT);
    for (size_t i = 0; i < n; i++)
        free(a[i].data);
}

int main(int argc, char **argv)
{
    char dir[2048];

    if (argc != 2)
        die("usage: numeric DIR (with folders encode and decode in it)");
    snprintf(dir, sizeof dir, "%s/encode", argv[1]);
    encode(dir);
    snprintf(dir, sizeof dir, "%s/decode", argv[1]);
    decode(dir);
    return 0;
}
