/*
 * What the kernels of harness/gpu/check.h are told, and what they answer. Each launch works on a
 * table in device memory, one entry for each blockIdx.y, so that one launch serves all tensors of a
 * case. Entries are made by check.c.
 *
 * All sizes and indices have 64 bits. Addresses need no alignment beyond that of an element, but
 * those that are multiples of 16 bytes are served fastest.
 */
#ifndef HARNESS_GPU_CHECK_KERNELS_H
#define HARNESS_GPU_CHECK_KERNELS_H

#include <stdint.h>

enum {
    CHECK_THREADS = 256,
    CHECK_MAX_BLOCKS = 2112, /* for one entry */
    CHECK_FILL_BYTES = 64,   /* of a unit of a fill of rows, by two threads */
    CHECK_FILL_LANES = 32,   /* threads of which all but the last two fill units */
    CHECK_FILL_WALKERS = CHECK_THREADS / 2 - CHECK_THREADS / CHECK_FILL_LANES,
    CHECK_EXACT = 4,                   /* elements of a thread in an exact comparison */
    CHECK_FIRST = 8,                   /* places of wrong elements that a detail has */
    CHECK_COLUMN_SUMS = 1 << 17,       /* columns * slabs of rows, at most, unless slabs == 1 */
    CHECK_PERIOD_MAX = 4096,           /* bytes of a pattern in memory */
    CHECK_LDS = CHECK_THREADS * 4 * 8, /* bytes: four doubles for each thread */
};

/* The argument of every kernel. */
struct check_args {
    const void *table; /* entries */
    void *result;      /* one for each entry; fill and poison have none */
};

/* How the walkers of an entry, which are threads or some threads together, walk over `rows` rows of
 * `per_row` units: walker i starts at unit i, and goes on by the number of all walkers, which is
 * step_rows rows and step_units units. */
struct check_walk {
    uint64_t rows, per_row;
    uint64_t step_rows, step_units;
    uint32_t blocks; /* blocks.x beyond have nothing to do */
};

/* Values of harness/case/fill.h. A unit is CHECK_FILL_BYTES at an aligned address, of which the row
 * has all or some. */
struct check_fill {
    struct check_walk walk; /* of CHECK_FILL_WALKERS in each block */
    unsigned char *out;
    uint64_t row_bytes, pitch;
    uint64_t seed;
    uint64_t range; /* FILL_EXACT and codes: high - low + 1 */
    uint32_t stream;
    int32_t low, high;
    uint32_t dtype, kind; /* enum dtype, enum fill_kind */
    uint32_t straight;    /* one row at an aligned address, as the random bits are drawn */
};

/* Bytes: `rows` times row_bytes, `pitch` bytes apart. A unit is 16 bytes at an aligned address
 * (checksum: from the row's start), of which the row has all or some. What should stand in byte i
 * of a row: byte i % period of `pattern`, or, without one, of `word`. A checksum takes elements of
 * fold_size bytes that equal fold_from for fold_to (size 0: none). */
struct check_region {
    struct check_walk walk;
    unsigned char *at;
    uint64_t row_bytes, pitch;
    const unsigned char *pattern; /* device memory or NULL */
    uint32_t period;              /* a power of two, at most CHECK_PERIOD_MAX */
    uint32_t word;                /* period 4 */
    uint32_t fold_size, fold_from, fold_to;
};

/* Of a scan. All zero: nothing differs. `first` is the complement of the smallest
 * offset << 16 | expected << 8 | found. */
struct check_scan {
    unsigned long long count, first;
};

enum check_count {
    CHECK_LEFT_ALONE, /* right: neither the reference nor the kernel wrote it */
    CHECK_WRONG,
    CHECK_STRAY,
    CHECK_UNWRITTEN,
    CHECK_DIFFERS, /* between the two runs */
    CHECK_NONZERO, /* reference values other than zero, of those that it wrote */
    CHECK_SEEN,    /* reference values that it wrote */
    CHECK_COUNTS
};

enum check_sum { CHECK_DOT, CHECK_GOT2, CHECK_WANT2, CHECK_DIFF2, CHECK_SUMS };

/* Of an output that is not right, or of a block's part of it. Block by block it is written with the
 * result, but for what comes of rows and columns. */
struct check_detail {
    unsigned long long count[CHECK_COUNTS];
    /* The first elements that are wrong in any way, ascending: index << 3 | enum check_count;
     * CHECK_NOWHERE behind the last. */
    unsigned long long first[CHECK_FIRST];
    double sum[CHECK_SUMS];
    double worst_row, worst_col; /* squared relative errors */
    unsigned long long row, col;
};

#define CHECK_NOWHERE (~0ull)

/* An output and its reference, as harness/check/compare.h sees them. The reference is dense. */
struct check_compare {
    struct check_walk walk;              /* of the judge: units of 16 bytes; exact: see `lanes` */
    const unsigned char *first, *second; /* second may be NULL */
    const unsigned char *reference;      /* doubles when `exact`, else elements of the dtype */
    uint64_t first_pitch, second_pitch;  /* bytes */
    uint64_t walk_cols;                  /* elements of a row of the walk */
    uint64_t rows, cols;
    uint32_t dtype, size, policy, exact;
    uint32_t aligned;  /* all rows start at multiples of 16 bytes */
    uint32_t together; /* the rows of both runs start as far behind one */
    uint32_t poison[2];
    uint64_t reference_poison; /* exact: its bits */
    uint32_t zero_mask;        /* the bits that make a value differ from zero */
    uint32_t survey;           /* count CHECK_NONZERO and CHECK_SEEN */
    uint32_t row_lanes;        /* threads that share a row's sums, a power of two */
    uint32_t lanes;            /* exact: threads that share a unit of CHECK_EXACT elements each */
    uint64_t slabs, slab_rows;
    double ulp, relative, absolute;
    double min_normal, half_unit, inf_from; /* POLICY_BOUND */
    struct check_detail *partial;           /* workspace: one for each block */
    double *column;                         /* workspace: (want2, diff2) by slab and column */
    struct check_detail *detail;            /* workspace */
};

/* What tells whether an output is right, and comes back of every one. */
struct check_result {
    unsigned long long wrong;         /* elements that are wrong in any way */
    unsigned long long first;         /* the complement of the first of check_detail.first */
    unsigned long long nonzero, seen; /* of a survey */
    unsigned long long done;          /* blocks; an entry has walk.blocks of them */
};

/* Of an `exact` entry. */
struct check_exact_result {
    struct check_result result;
    double sum[CHECK_SUMS];
};

#endif
