#include <string.h>

#include "harness/run/inspect_state.h"

/* Adds to the parcel; where that is on the device. */
static unsigned char *pack(struct inspection *in, const void *from, size_t bytes)
{
    const size_t at = in->packed;
    in->packed += (bytes + ROOM - 1) / ROOM * ROOM;
    memcpy(in->parcel + at, from, bytes);
    return in->device_parcel + at;
}

static void add_fills(struct inspection *in, const struct inspected *c)
{
    const struct binding *b = c->bind;
    for (unsigned run = 0; run < INSPECT_RUNS; run++)
        for (size_t i = 0; i < b->count; i++)
            if (b->tensor[i].role == TENSOR_INPUT && !bind_is_custom(b, i))
                check_fill_entry(&in->fill[in->fills++], &b->tensor[i], b->kase->seed, (uint32_t)i,
                                 c->spot[run][i].at);
}

/* The next region outside the tensors, and whose it is. */
static struct check_region *add_owned(struct inspection *in, size_t kase, size_t tensor,
                                      int64_t begin, bool gap)
{
    in->owner[in->regions] = (struct owner){kase, tensor, begin, gap};
    return &in->region[in->regions++];
}

/* What no kernel may write: the canaries of a tensor, and its gaps. */
static void add_outside(struct inspection *in, size_t kase, unsigned run, size_t i)
{
    const struct inspected *c = &in->kase[kase];
    const struct tensor *t = &c->bind->tensor[i];
    const struct device_spot *spot = &c->spot[run][i];
    const int64_t bytes = (int64_t)c->bind->bytes[i], before = (int64_t)spot->before;
    struct check_region *r, gap[2];
    if (spot->before) {
        r = add_owned(in, kase, i, -before, false);
        check_region_range(r, spot->at - spot->before, spot->before);
        check_region_pattern(r, in->canaries, ARENA_RED_ZONE);
    }
    if (spot->behind) {
        r = add_owned(in, kase, i, bytes, false);
        check_region_range(r, spot->at + bytes, spot->behind);
        check_region_pattern(r, in->canaries + ARENA_RED_ZONE, ARENA_MAX_ALIGN);
    }
    for (size_t k = 0, gaps = check_region_gaps(gap, t, spot->at); k < gaps; k++) {
        r = add_owned(in, kase, i, gap[k].at - spot->at, true);
        *r = gap[k];
        check_region_poison(r, bind_poison(t, run), dtype_bytes(t->dtype));
    }
}

/* Into both runs' inputs. */
static void add_small_custom(struct inspection *in, const struct inspected *c, size_t i)
{
    const size_t bytes = c->bind->bytes[i];
    const unsigned char *packed = pack(in, c->bind->buffer[i].host, bytes);
    uint32_t period = 1;
    while (period < bytes)
        period *= 2;
    for (unsigned run = 0; run < INSPECT_RUNS; run++) {
        struct check_region *r = &in->region[in->regions++];
        check_region_range(r, c->spot[run][i].at, bytes);
        check_region_pattern(r, packed, period);
    }
}

/* What is to be written only: the poison of what kernels write, and small inputs. */
static void add_contents(struct inspection *in, const struct inspected *c)
{
    const struct binding *b = c->bind;
    for (size_t i = 0; i < b->count; i++) {
        const struct tensor *t = &b->tensor[i];
        if (inspect_is_small_custom(b, i))
            add_small_custom(in, c, i);
        for (unsigned run = 0; run < INSPECT_RUNS && t->role != TENSOR_INPUT; run++) {
            struct check_region *r = &in->region[in->regions++];
            check_region_rows(r, t, c->spot[run][i].at);
            check_region_poison(r, bind_poison(t, run), dtype_bytes(t->dtype));
        }
    }
}

/* Those outside the tensors first. */
static void add_regions(struct inspection *in)
{
    in->regions = 0;
    for (size_t k = 0; k < in->cases; k++)
        for (unsigned run = 0; run < INSPECT_RUNS; run++)
            for (size_t i = 0; i < in->kase[k].bind->count; i++)
                add_outside(in, k, run, i);
    in->outside = in->regions;
    for (size_t k = 0; k < in->cases; k++)
        add_contents(in, &in->kase[k]);
}

static void add_compares(struct inspection *in)
{
    for (size_t i = 0; i < in->subjects; i++) {
        const struct subject *s = &in->subject[i];
        const struct inspected *c = &in->kase[s->kase];
        const struct check_outputs outputs = {.first = c->spot[0][s->index].at,
                                              .second = c->spot[1][s->index].at,
                                              .first_stride = s->tensor.stride,
                                              .second_stride = s->tensor.stride,
                                              .reference = s->reference,
                                              .workspace = s->work};
        check_compare_entry(&in->compare[i], &s->tensor, &outputs);
    }
}

/* An upper limit of what pack() is asked for. */
_Static_assert(sizeof(((struct inspection *)0)->fill) + sizeof(((struct inspection *)0)->region) +
                       sizeof(((struct inspection *)0)->compare) +
                       INSPECT_CASES * OP_MAX_TENSORS * CHECK_PERIOD_MAX + ANSWERS + 4 * ROOM <=
                   PARCEL,
               "a parcel has room for all tables");

/* What is sent where answers are to be, so that those of the case before are none. */
static void spoil_answers(struct inspection *in)
{
    memset(in->answer, 0xff, inspect_answers_end(in));
    in->device_answer = pack(in, in->answer, inspect_answers_end(in));
}

void inspect_pack_tables(struct inspection *in)
{
    in->packed = in->fills = 0;
    for (size_t k = 0; k < in->cases; k++)
        add_fills(in, &in->kase[k]);
    add_regions(in);
    add_compares(in);
    in->device_fill = pack(in, in->fill, in->fills * sizeof(in->fill[0]));
    in->device_region = pack(in, in->region, in->regions * sizeof(in->region[0]));
    in->device_compare = pack(in, in->compare, in->subjects * sizeof(in->compare[0]));
    spoil_answers(in);
}
