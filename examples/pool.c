/* SPDX-License-Identifier: MIT */
/*
 * pool.c - a thread pool whose tasks run in the context of their submitter
 *
 * The pool references the current context when a task is queued, and runs the task in it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <tote/tote.h>

struct task {
    struct task *next;
    tote_context *context; /* a reference */
    int (*run)(void *arg);
    void *arg;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct task *first, **last;
    bool is_closed;
} pool = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, &pool.first, false};

static void submit(int (*run)(void *arg), void *arg) {
    struct task *task = malloc(sizeof *task);

    if (!task) {
        abort();
    }
    *task = (struct task){NULL, tote_context_ref(tote_context_current()), run, arg};
    pthread_mutex_lock(&pool.lock);
    *pool.last = task;
    pool.last = &task->next;
    pthread_cond_signal(&pool.changed);
    pthread_mutex_unlock(&pool.lock);
}

/* Return the next task; NULL if the pool is closed and empty. */
static struct task *take(void) {
    pthread_mutex_lock(&pool.lock);
    while (!pool.first && !pool.is_closed) {
        pthread_cond_wait(&pool.changed, &pool.lock);
    }
    struct task *task = pool.first;
    if (task) {
        pool.first = task->next;
        pool.last = pool.first ? pool.last : &pool.first;
    }
    pthread_mutex_unlock(&pool.lock);
    return task;
}

static void *work(void *arg) {
    struct task *task;

    while ((task = take())) {
        tote_context_run(task->context, task->run, task->arg);
        tote_context_unref(task->context);
        free(task);
    }
    return arg;
}

static tote_tracer *tracer;

static int resize(void *arg) {
    char user[64] = "nobody";

    tote_store_get(tote_store_current(), "user.id", user,
                   sizeof user); /* from the store of the request */
    tote_store_add(tote_store_current(), "image", tote_string(arg)); /* only for this task */
    printf("%s is resized for %s\n", (const char *)arg, user);
    return 0;
}

static int resize_in_scope(void *arg) {
    return tote_run_scoped(tracer, "resize", NULL, resize, arg);
}

static int serve(void *user) {
    static char images[][8] = {"a.png", "b.png"};

    tote_store_add(tote_store_current(), "user.id", tote_string(user));
    for (size_t i = 0; i < TOTE_COUNT_OF(images); i++) {
        submit(resize_in_scope, images[i]); /* runs later, in the context of this request */
    }
    return 0;
}

int main(void) {
    tote_sdk *sdk = tote_sdk_start(NULL);
    pthread_t threads[4];

    tracer = tote_get_tracer("pool", "1.0");
    for (size_t i = 0; i < TOTE_COUNT_OF(threads); i++) {
        pthread_create(&threads[i], NULL, work, NULL);
    }
    tote_run_scoped(tracer, "request", NULL, serve, "u_1");
    tote_run_scoped(tracer, "request", NULL, serve, "u_2");

    pthread_mutex_lock(&pool.lock);
    pool.is_closed = true;
    pthread_cond_broadcast(&pool.changed);
    pthread_mutex_unlock(&pool.lock);
    for (size_t i = 0; i < TOTE_COUNT_OF(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    return tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS ? 0 : 1;
}
