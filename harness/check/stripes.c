#include "harness/check/stripes.h"

/* What a first look at the set tells. */
struct outline {
    size_t count, low, high;
    size_t common;           /* greatest common divisor of all distances from `low` */
    size_t second_run, runs; /* begin of the second run of neighbours */
};

static size_t divisor(size_t a, size_t b)
{
    while (b) {
        const size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static struct outline outline_of(const size_t *present, size_t size)
{
    struct outline o = {0};

    for (size_t i = 0; i < size; i++) {
        if (!present[i])
            continue;
        if (!o.count++)
            o.low = i;
        o.high = i;
        o.common = divisor(o.common, i - o.low);
        if (i == 0 || !present[i - 1])
            if (++o.runs == 2)
                o.second_run = i;
    }
    return o;
}

/* How many of [0, size) are congruent to low..high modulo period. */
static size_t covered(size_t size, size_t low, size_t high, size_t period)
{
    const size_t rest = size % period, width = high - low + 1;
    const size_t tail = rest > high ? width : rest > low ? rest - low : 0;

    return size / period * width + tail;
}

/* Fits a cycle of the given period: at least two periods are hit and half a period is free. */
static bool fits_cycle(const size_t *present, const struct outline *o, size_t period,
                       struct stripes *s)
{
    size_t low = period, high = 0;

    if (o->low / period == o->high / period)
        return false;
    for (size_t i = o->low; i <= o->high; i++) {
        const size_t r = i % period;
        if (!present[i])
            continue;
        low = r < low ? r : low;
        high = r > high ? r : high;
        if (high - low + 1 > period / 2)
            return false;
    }
    s->kind = STRIPES_CYCLE;
    s->low = low;
    s->high = high;
    s->period = period;
    return 2 * o->count >= covered(s->size, low, high, period);
}

static bool find_cycle(const size_t *present, const struct outline *o, struct stripes *s)
{
    const size_t begins = o->second_run - o->low;

    if (o->runs < 2)
        return false;
    for (size_t period = 4; period <= s->size / 2; period *= 2)
        if (fits_cycle(present, o, period, s))
            return true;
    return begins >= 3 && begins <= s->size / 2 && fits_cycle(present, o, begins, s);
}

static bool find_range(const struct outline *o, struct stripes *s)
{
    if (2 * o->count < o->high - o->low + 1)
        return false;
    s->low = o->low;
    s->high = o->high;
    s->kind = o->low == 0 && o->high + 1 == s->size ? STRIPES_ALL
              : o->low == 0                         ? STRIPES_FIRST
              : o->high + 1 == s->size              ? STRIPES_LAST
                                                    : STRIPES_RANGE;
    return true;
}

static bool find_every(const struct outline *o, struct stripes *s)
{
    if (o->common < 2 || o->count < 3)
        return false;
    s->kind = STRIPES_EVERY;
    s->period = o->common;
    s->low = o->low % o->common;
    return 2 * o->count >= covered(s->size, s->low, s->low, s->period);
}

static bool find_few(const size_t *present, const struct outline *o, struct stripes *s)
{
    if (o->count > STRIPES_LISTED)
        return false;
    for (size_t i = o->low; i <= o->high; i++)
        if (present[i])
            s->listed[s->count++] = i;
    s->kind = STRIPES_FEW;
    return true;
}

struct stripes stripes_find(const size_t *present, size_t size)
{
    const struct outline o = outline_of(present, size);
    struct stripes s = {.kind = STRIPES_NONE, .size = size};

    if (o.count == size) {
        s.kind = STRIPES_ALL;
    } else if (o.count == 1) {
        s.kind = STRIPES_ONE;
        s.low = s.high = o.low;
    } else if (!find_every(&o, &s) && !find_cycle(present, &o, &s) && !find_range(&o, &s) &&
               !find_few(present, &o, &s)) {
        s.kind = STRIPES_NONE;
    }
    return s;
}

static const char *ordinal_suffix(size_t n)
{
    static const char *const suffix[] = {"th", "st", "nd", "rd"};

    return n / 10 % 10 != 1 && n % 10 < 4 ? suffix[n % 10] : "th";
}

static void describe_every(const struct stripes *s, const char *noun, struct text *out)
{
    if (s->low == 0 || s->low == s->period - 1)
        text_printf(out, "every %zu%s %s, from %s %zu on", s->period, ordinal_suffix(s->period),
                    noun, noun, s->low);
    else
        text_printf(out, "%ss congruent %zu mod %zu", noun, s->low, s->period);
}

static void describe_few(const struct stripes *s, const char *noun, struct text *out)
{
    text_printf(out, "only %ss ", noun);
    for (size_t i = 0; i < s->count; i++)
        text_printf(out, "%s%zu", i ? ", " : "", s->listed[i]);
}

void stripes_describe(const struct stripes *s, const char *noun, struct text *out)
{
    switch (s->kind) {
    case STRIPES_ONE:
        text_printf(out, "only %s %zu", noun, s->low);
        break;
    case STRIPES_FIRST:
        text_printf(out, "all wrong %ss are <= %zu (the first %zu)", noun, s->high, s->high + 1);
        break;
    case STRIPES_LAST:
        text_printf(out, "all wrong %ss are >= %zu (the last %zu)", noun, s->low, s->size - s->low);
        break;
    case STRIPES_RANGE:
        text_printf(out, "%ss %zu..%zu", noun, s->low, s->high);
        break;
    case STRIPES_EVERY:
        describe_every(s, noun, out);
        break;
    case STRIPES_CYCLE:
        text_printf(out, "%ss %zu..%zu of every %zu", noun, s->low, s->high, s->period);
        break;
    case STRIPES_FEW:
        describe_few(s, noun, out);
        break;
    case STRIPES_NONE:
    case STRIPES_ALL:
        break;
    }
}
