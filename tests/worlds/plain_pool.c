/* SPDX-License-Identifier: MIT */
/*
 * plain_pool.c - a pool whose one thread is created while the first request is served
 *
 *   plain_pool EXPECTED: in how many of the requests the thread is in the context of its creator.
 *   None as it is, the first alone with tote-preload-threads.so.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tote/exporters/in_memory.h>
#include <tote/tote.h>

enum { REQUESTS = 4 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned queued;
    unsigned done;
    bool is_closing;
    char user[16];      /* as the last task saw it */
    bool has_parent;    /* the span of the last task */
    bool is_root_after; /* the current context after all scopes are closed */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void run_task(void) {
    const tote_span_context *context = tote_span_get_context(tote_span_current());
    char user[sizeof pool.user] = "";

    tote_store_get(tote_store_current(), "user", user, sizeof user);
    pool.has_parent = tote_span_context_is_valid(context);
    tote_scope *scope = tote_scope_open(tote_get_tracer("pool", NULL), "task", NULL);
    strcpy(pool.user, user);
    tote_scope_close(&scope);
}

static void *run_pool(void *arg) {
    (void)arg;
    pthread_mutex_lock(&pool.lock);
    while (!pool.is_closing) {
        if (pool.queued > pool.done) {
            run_task();
            pool.done++;
            pthread_cond_broadcast(&pool.changed);
        } else {
            pthread_cond_wait(&pool.changed, &pool.lock);
        }
    }
    pool.is_root_after = tote_context_current() == tote_context_root();
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

/* Returns whether the task was in the context of this request; exits if in that of another one. */
static bool serve(pthread_t *thread, unsigned number) {
    char user[sizeof pool.user];
    tote_scope *scope = tote_scope_open(tote_get_tracer("pool", NULL), "request", NULL);

    snprintf(user, sizeof user, "u_%u", number);
    tote_store_add(tote_store_current(), "user", tote_string(user));
    if (number == 0 && pthread_create(thread, NULL, run_pool, NULL) != 0) {
        exit(1);
    }
    pthread_mutex_lock(&pool.lock);
    pool.queued++;
    pthread_cond_broadcast(&pool.changed);
    while (pool.done < pool.queued) {
        pthread_cond_wait(&pool.changed, &pool.lock);
    }
    bool is_here = strcmp(pool.user, user) == 0;
    bool is_nowhere = !*pool.user && !pool.has_parent;
    pthread_mutex_unlock(&pool.lock);
    tote_scope_close(&scope);
    if (!is_here && !is_nowhere) {
        printf("request %u of %s: its task is in the context of \"%s\"\n", number, user, pool.user);
        exit(1);
    }
    return is_here;
}

int main(int argc, char **argv) {
    unsigned long expected = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, known = 0;
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);
    pthread_t thread;

    for (unsigned i = 0; i < REQUESTS; i++) {
        known += serve(&thread, i);
    }
    pthread_mutex_lock(&pool.lock);
    pool.is_closing = true;
    pthread_cond_broadcast(&pool.changed);
    pthread_mutex_unlock(&pool.lock);
    pthread_join(thread, NULL);
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
    printf("%lu tasks in the context of their requests; %lu expected\n", known, expected);
    return known != expected || !pool.is_root_after;
}
