#include "harness/base/helper.h"

#include <pthread.h>
#include <stdlib.h>

struct helper {
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t changed;
    void (*work)(void *); /* NULL: idle */
    void *context;
    bool ends;
};

static void *run(void *argument)
{
    struct helper *h = argument;
    pthread_mutex_lock(&h->mutex);
    for (;;) {
        while (!h->work && !h->ends)
            pthread_cond_wait(&h->changed, &h->mutex);
        if (!h->work)
            break;
        pthread_mutex_unlock(&h->mutex);
        h->work(h->context);
        pthread_mutex_lock(&h->mutex);
        h->work = NULL;
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

void helper_start(struct helper *h, void (*work)(void *), void *context)
{
    pthread_mutex_lock(&h->mutex);
    h->work = work;
    h->context = context;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->mutex);
}

void helper_wait(struct helper *h)
{
    pthread_mutex_lock(&h->mutex);
    while (h->work)
        pthread_cond_wait(&h->changed, &h->mutex);
    pthread_mutex_unlock(&h->mutex);
}
