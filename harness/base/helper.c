#include "harness/base/helper.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { QUEUE = 8 };

struct work {
    void (*call)(void *);
    void *context;
};

struct helper {
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below; `done` may be read without */
    pthread_cond_t changed;
    struct work queue[QUEUE]; /* work n at n % QUEUE */
    uint64_t added;
    _Atomic uint64_t done;
    bool ends;
};

static void *run(void *argument)
{
    struct helper *h = argument;
    pthread_mutex_lock(&h->mutex);
    for (;;) {
        while (h->done == h->added && !h->ends)
            pthread_cond_wait(&h->changed, &h->mutex);
        if (h->done == h->added)
            break;
        const struct work work = h->queue[(h->done + 1) % QUEUE];
        pthread_mutex_unlock(&h->mutex);
        work.call(work.context);
        pthread_mutex_lock(&h->mutex);
        h->done++;
        pthread_cond_broadcast(&h->changed);
    }
    pthread_mutex_unlock(&h->mutex);
    return NULL;
}

struct helper *helper_create(struct error *err)
{
    struct helper *h = calloc(1, sizeof(*h));
    if (h) {
        pthread_mutex_init(&h->mutex, NULL);
        pthread_cond_init(&h->changed, NULL);
        if (!pthread_create(&h->thread, NULL, run, h))
            return h;
    }
    free(h);
    error_set(err, ERROR_INTERNAL, "no memory for a thread");
    return NULL;
}

void helper_destroy(struct helper *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->mutex);
    h->ends = true;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->mutex);
    pthread_join(h->thread, NULL);
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->mutex);
    free(h);
}

uint64_t helper_add(struct helper *h, void (*work)(void *), void *context)
{
    pthread_mutex_lock(&h->mutex);
    while (h->added - h->done == QUEUE)
        pthread_cond_wait(&h->changed, &h->mutex);
    const uint64_t number = ++h->added;
    h->queue[number % QUEUE] = (struct work){work, context};
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->mutex);
    return number;
}

bool helper_done(const struct helper *h, uint64_t number)
{
    return h->done >= number;
}

void helper_wait(struct helper *h, uint64_t number)
{
    if (helper_done(h, number))
        return;
    pthread_mutex_lock(&h->mutex);
    while (h->done < number)
        pthread_cond_wait(&h->changed, &h->mutex);
    pthread_mutex_unlock(&h->mutex);
}
