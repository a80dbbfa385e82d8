/*
 * Reports: what became of each case, for machines. A report has any number of sinks; each takes
 * the same results, in the order of the cases.
 *
 * JSON: one object per line, schema in docs/result.schema.json; the first line is a header with
 * the version of the schema and of the program, the last a summary. JUnit: one testsuite per
 * operator, one testcase per case, for CI systems; dialect in docs/junit.xsd.
 *
 *     struct sink *sink = json_open("results.jsonl", "run", &err);
 *     bool ok = sink != NULL;
 *     while (ok && next(&result))
 *         ok = sink_result(sink, &result, &err);
 *     if (sink && !sink_close(sink, &summary, &err))
 *         ...
 */
#ifndef HARNESS_REPORT_REPORT_H
#define HARNESS_REPORT_REPORT_H

#include "harness/base/text.h"
#include "harness/op/op.h"
#include "harness/op/verdict.h"

#define HARNESS_VERSION "0.1.0"

enum { REPORT_JSON_VERSION = 1 };

/* One judged case. Strings are borrowed for the call; they may hold any bytes. */
struct result {
    const struct kase *kase;
    const char *line;   /* canonical */
    const char *source; /* "cases/x.cases:12", "argument 1", ... */
    const char *device; /* "cpu" */
    const char *mutant; /* "B01a", or NULL for the correct operator */
    const char *where;  /* "function at file:line" of a fault, or NULL */
    unsigned repeat;    /* which repetition, from 0 */
    const struct verdict *verdict;
};

/* The command that repeats a result: "harness run 'LINE'". */
void result_repro(const struct result *, struct text *out);

/* Whether a GPU had its memory back; bytes. */
struct summary_memory {
    char device[16]; /* "cuda:0" */
    bool checked, returned;
    uint64_t baseline, after, driver; /* when checked; see struct pool_memory */
};

enum { SUMMARY_DEVICES = 16 };

/* `cases` is the sum of the three behind it; the failed are all that verdict_passed denies. */
struct summary {
    uint64_t cases, passed, refused, failed;
    uint64_t by_kind[VERDICT_KINDS];
    double seconds;
    int exit_code;
    bool interrupted;
    char device[256]; /* what the device was, or empty */
    struct summary_memory memory[SUMMARY_DEVICES];
    unsigned n_memory; /* 0 on the CPU device */
};

/* Counts a verdict; `exit_code` becomes that of the worst so far. */
void summary_count(struct summary *, const struct verdict *);

struct sink;

/*
 * Both open FILE ("-": standard output). A file that cannot be written to is an error at once, so
 * that nobody learns of it when hours have passed. A sink that has failed once stays failed: later
 * calls write nothing and give the first error again.
 *
 * JSON lines are written one by one, each at once and whole: a run that is killed leaves a file of
 * complete lines, and so does a disk that runs full. `command` is the name of the command ("run"),
 * without arguments, so that equal runs give equal reports but for their times.
 *
 * JUnit is kept in memory and written when the sink is closed. A new or plain file is replaced
 * atomically; a pipe, a device or what a link leads to is written in place.
 */
struct sink *json_open(const char *path, const char *command, struct error *);
struct sink *junit_open(const char *path, struct error *);
struct sink *html_open(const char *path, struct error *);

bool sink_result(struct sink *, const struct result *, struct error *) MUST_CHECK;

/* Writes the summary and closes. The file is complete when this returns true; a JUnit file appears
 * under its name only then. `sink` is gone either way. */
bool sink_close(struct sink *, const struct summary *, struct error *) MUST_CHECK;

#endif
