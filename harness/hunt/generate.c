#include "harness/hunt/generate.h"

#include <stdlib.h>
#include <string.h>

#include "harness/case/philox.h"
#include "harness/cpu/arena.h"
#include "harness/run/bind.h"

enum {
    TRIES = 64,           /* to find a legal case within the cost limit */
    ILLEGAL_PERCENT = 20, /* draws that may be kept although the contract refuses them */
};

/* Random words for one draw. */
struct dice {
    uint64_t seed;
    uint64_t at;
};

static uint32_t roll(struct dice *d)
{
    return philox_u32(d->seed, 0x66757A7A, d->at++);
}

/* Uniform in [low, high]. */
static int64_t between(struct dice *d, int64_t low, int64_t high)
{
    uint64_t range = (uint64_t)high - (uint64_t)low + 1;
    uint64_t wide = (uint64_t)roll(d) << 32;
    wide |= roll(d);
    return range ? (int64_t)((uint64_t)low + wide % range) : (int64_t)wide;
}

static bool chance(struct dice *d, uint32_t percent)
{
    return roll(d) % 100 < percent;
}

uint64_t text_hash(const char *text)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001B3u;
    return hash;
}

static int64_t highest(const struct param *p)
{
    return p->fuzz_max ? p->fuzz_max : p->max;
}

static int64_t clamp(const struct param *p, int64_t value)
{
    return value < p->min ? p->min : value > p->max ? p->max : value;
}

static size_t list_length(const int64_t *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

/* Log-uniform distance from the lower end. */
static int64_t log_uniform(struct dice *d, int64_t low, int64_t high)
{
    uint64_t span = (uint64_t)high - (uint64_t)low + 1;
    unsigned bits = span ? 64 - (unsigned)__builtin_clzll(span) : 64;
    unsigned take = (unsigned)between(d, 0, bits);
    uint64_t top = take >= 64 ? UINT64_MAX : ((uint64_t)1 << take) - 1;
    return low + between(d, 0, (int64_t)(top < span ? top : span - 1));
}

static int64_t tile_neighbour(struct dice *d, const struct param *p)
{
    size_t n = list_length(p->tiles);
    int64_t tile = p->tiles[between(d, 0, (int64_t)n - 1)];
    int64_t count = highest(p) / tile;
    int64_t k = log_uniform(d, count > 0 ? 1 : 0, count > 0 ? count : 0);
    return k * tile + between(d, -1, 1);
}

static int64_t prime(struct dice *d)
{
    static const int64_t primes[] = {2,   3,   5,   7,   11,   13,   17,   31,   61,  127,
                                     251, 257, 509, 521, 1021, 1031, 2053, 4099, 8191};
    return primes[between(d, 0, (int64_t)(sizeof(primes) / sizeof(primes[0])) - 1)];
}

static int64_t biased(struct dice *d, const struct param *p)
{
    size_t specials = list_length(p->special);
    switch (between(d, 0, 7)) {
    case 0:
    case 1:
        if (p->tiles)
            return clamp(p, tile_neighbour(d, p));
        return log_uniform(d, p->min, highest(p));
    case 2:
        if (specials)
            return clamp(p, p->special[between(d, 0, (int64_t)specials - 1)]);
        return log_uniform(d, p->min, highest(p));
    case 3:
        return clamp(p, ((int64_t)1 << between(d, 0, 20)) + between(d, -1, 1));
    case 4:
        return clamp(p, prime(d));
    case 5: /* ends and small numbers; the far end of the legal side too */
        return clamp(p, chance(d, 80)   ? p->min + between(d, 0, 8)
                        : chance(d, 50) ? highest(p)
                                        : p->max - between(d, 0, 1));
    default:
        return log_uniform(d, p->min, highest(p));
    }
}

static int64_t draw_value(struct dice *d, const struct param *p, bool uniform)
{
    if (p->names)
        return chance(d, 35) ? p->preset : between(d, p->min, p->max);
    if (uniform)
        return between(d, p->min, highest(p));
    return chance(d, 35) ? p->preset : biased(d, p);
}

static void draw_fresh(struct generator *g, struct dice *d, struct kase *kase, bool uniform)
{
    for (size_t i = 0; i < g->op->n_params; i++)
        kase->value[i] = draw_value(d, &g->op->params[i], uniform);
}

static void vary(struct generator *g, struct dice *d, struct kase *kase)
{
    uint64_t known = g->pooled < GENERATE_POOL ? g->pooled : GENERATE_POOL;
    *kase = g->pool[between(d, 0, (int64_t)known - 1)];
    for (int64_t n = between(d, 1, 2); n; n--) {
        size_t i = (size_t)between(d, 0, (int64_t)g->op->n_params - 1);
        kase->value[i] = draw_value(d, &g->op->params[i], false);
    }
}

/* True when the key was not seen before. A full table remembers no more. */
static bool remember(struct generator *g, uint64_t key)
{
    key |= 1;
    for (uint64_t at = key >> 16, n = 0; n < 64; at++, n++) {
        uint64_t *slot = &g->key[at % GENERATE_KEYS];
        if (*slot == key)
            return false;
        if (!*slot) {
            *slot = key;
            g->keys++;
            return true;
        }
    }
    return false;
}

/* Elements that binding the case touches, beside what the operator itself counts: a few rows far
 * apart, or a tensor that is hardly used, cost memory too. */
static uint64_t memory_cost(const struct kase *kase)
{
    struct tensor t[OP_MAX_TENSORS];
    uint64_t sum = 0;
    size_t count = kase->op->tensors(kase, t), bytes;
    for (size_t i = 0; i < count; i++) {
        if (!tensor_bytes(&t[i], &bytes) || bytes > ARENA_MAX_BYTES)
            return UINT64_MAX;
        size_t used = t[i].rows - t[i].unused_rows;
        if (bytes > ARENA_RESIDENT_BYTES && t[i].role != TENSOR_WORKSPACE)
            bytes = used * (t[i].cols * dtype_bytes(t[i].dtype) + (size_t)2 * BIND_GAP_WINDOW);
        sum += bytes / 4;
    }
    return sum;
}

/* Sets the expected refusal; false when the draw is to be thrown away. */
static bool settle(struct generator *g, struct kase *kase, bool may_be_illegal, uint64_t limit)
{
    const char *reason = g->op->contract(kase);
    kase->refuse[0] = '\0';
    if (!reason)
        return g->op->cost(kase) <= limit && memory_cost(kase) <= GENERATE_MAX_COST;
    size_t size = strlen(reason) < sizeof(kase->refuse) ? strlen(reason) + 1 : 0;
    memcpy(kase->refuse, reason, size);
    return may_be_illegal;
}

struct generator *generator_create(const struct op *op, uint64_t seed, struct error *err)
{
    struct generator *g = calloc(1, sizeof(*g));
    uint64_t *key = calloc(GENERATE_KEYS, sizeof(*key));
    if (!g || !key) {
        free(g);
        free(key);
        error_set(err, ERROR_INTERNAL, "no memory for the case generator");
        return NULL;
    }
    g->op = op;
    g->seed = seed ^ text_hash(op->name);
    g->key = key;
    return g;
}

void generator_destroy(struct generator *g)
{
    if (!g)
        return;
    free(g->key);
    free(g);
}

void generator_next(struct generator *g, struct kase *kase)
{
    struct dice d = {.seed = g->seed, .at = g->drawn << 20};
    bool uniform = chance(&d, 30);
    bool varied = !uniform && g->pooled && chance(&d, 35);
    bool may_be_illegal = chance(&d, ILLEGAL_PERCENT);
    uint64_t limit = (uint64_t)log_uniform(&d, GENERATE_MIN_COST, GENERATE_MAX_COST);
    char key[128];
    kase_init(kase, g->op);
    for (int tries = 0;; tries++) {
        if (varied)
            vary(g, &d, kase);
        else
            draw_fresh(g, &d, kase, uniform && tries < TRIES);
        if (tries >= TRIES)
            limit = GENERATE_MAX_COST;
        if (settle(g, kase, may_be_illegal, limit) || tries >= 4 * TRIES)
            break;
    }
    kase->seed = roll(&d);
    g->drawn++;
    g->uniform += uniform;
    g->op->dispatch_key(kase, key, sizeof(key));
    if (!kase->refuse[0] && remember(g, text_hash(key)))
        g->pool[g->pooled++ % GENERATE_POOL] = *kase;
}
