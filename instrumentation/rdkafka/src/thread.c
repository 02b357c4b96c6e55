/* SPDX-License-Identifier: MIT */
/*
 * thread.c - the threads that send or consume, and the clients
 *
 * Tests: tests/hosts/kafka/test_kcat.sh, tests/hosts/kafka/test_kafka_send.sh
 */
#include <pthread.h>

#include "rdkafka_parts.h"
#include "tote/internal/memory.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

static struct tote__lock list_lock;
static struct rdkafka_thread *first;
static struct rdkafka_client *first_client;

static void end_thread(void *value) {
    struct rdkafka_thread *thread = value;

    tote__lock_take(&list_lock);
    tote__lock_take(&thread->lock);
    rdkafka_end_spans(thread);
    tote__lock_drop(&thread->lock);
    for (struct rdkafka_thread **link = &first; *link; link = &(*link)->next) {
        if (*link == thread) {
            *link = thread->next;
            break;
        }
    }
    tote__lock_drop(&list_lock);
    tote_context_unref(thread->attached);
    tote__release(thread, sizeof *thread);
}

void rdkafka_end_all(void) {
    rdkafka_end_consumed(NULL);
    tote__lock_take(&list_lock);
    for (struct rdkafka_client *client = first_client; client; client = client->next) {
        rdkafka_end_sent(client);
    }
    tote__lock_drop(&list_lock);
}

static void create_key(void) {
    has_key = pthread_key_create(&key, end_thread) == 0;
}

struct rdkafka_thread *rdkafka_thread_here(void) {
    pthread_once(&once, create_key);
    struct rdkafka_thread *thread = has_key ? pthread_getspecific(key) : NULL;
    if (thread || !has_key || !(thread = tote__allocate_zeroed(sizeof *thread))) {
        return thread;
    }
    if (pthread_setspecific(key, thread) != 0) {
        tote__release(thread, sizeof *thread);
        return NULL;
    }
    tote__lock_take(&list_lock);
    thread->next = first;
    first = thread;
    tote__lock_drop(&list_lock);
    return thread;
}

void rdkafka_each_thread(void (*visit)(struct rdkafka_thread *thread, void *arg), void *arg) {
    tote__lock_take(&list_lock);
    for (struct rdkafka_thread *thread = first; thread; thread = thread->next) {
        tote__lock_take(&thread->lock);
        visit(thread, arg);
        tote__lock_drop(&thread->lock);
    }
    tote__lock_drop(&list_lock);
}

void rdkafka_client_add(struct rdkafka_client *client) {
    tote__lock_take(&list_lock);
    client->next = first_client;
    first_client = client;
    tote__lock_drop(&list_lock);
}

void rdkafka_client_remove(struct rdkafka_client *client) {
    tote__lock_take(&list_lock);
    for (struct rdkafka_client **link = &first_client; *link; link = &(*link)->next) {
        if (*link == client) {
            *link = client->next;
            break;
        }
    }
    tote__lock_drop(&list_lock);
}
