/* SPDX-License-Identifier: MIT */
/*
 * profiled.c - threads in different spans, for a reader of thread contexts
 *
 * Each thread prints its number and the ids of its current span, or that it has none. Then the
 * process raises SIGTRAP. With API_ONLY it needs only libtote-api: the spans do not record.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tote/api.h"
#ifndef API_ONLY
#include "tote/tote.h"
#endif

enum { THREADS = 5 };

static pthread_barrier_t are_shown, is_read;

/* Print the ids that the public API returns. */
static void show(void) {
    tote_trace_id trace_id;
    tote_span_id span_id;
    uint8_t flags;
    char trace[TOTE_TRACE_ID_HEX_SIZE];
    char span[TOTE_SPAN_ID_HEX_SIZE];

    if (!tote_context_get_current_ids(&trace_id, &span_id, &flags)) {
        printf("thread %ld none\n", syscall(SYS_gettid));
        return;
    }
    tote_trace_id_to_hex(&trace_id, trace);
    tote_span_id_to_hex(&span_id, span);
    printf("thread %ld %s %s %02x\n", syscall(SYS_gettid), trace, span, flags);
}

static tote_span *make_span(size_t number) {
#ifdef API_ONLY
    const tote_trace_id trace_id = {{0xA1, (uint8_t)number}};
    const tote_span_id span_id = {{0xB2, (uint8_t)number}};
    tote_span_context *ids = tote_span_context_new(&trace_id, &span_id, 1, NULL, true);
    tote_span *span = tote_span_non_recording_new(ids);

    tote_span_context_unref(ids);
    return span;
#else
    (void)number;
    return tote_tracer_start_span(tote_get_tracer("profiled", NULL), "work", NULL);
#endif
}

/* Thread 1 has no span. Thread 0 stops the process. */
static void *work(void *number) {
    size_t own = (size_t)(uintptr_t)number;
    tote_span *span = own == 1 ? NULL : make_span(own);
    tote_context *context = tote_context_with_span(NULL, span);
    tote_context_token token = tote_context_attach(context);

    show();
    pthread_barrier_wait(&are_shown);
    if (own == 0) {
        fflush(stdout);
        raise(SIGTRAP);
    }
    pthread_barrier_wait(&is_read);
    tote_context_detach(token);
    tote_context_unref(context);
    tote_span_close(&span);
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
#ifndef API_ONLY
    tote_sdk *sdk = tote_sdk_start(NULL);
#endif

    pthread_barrier_init(&are_shown, NULL, THREADS);
    pthread_barrier_init(&is_read, NULL, THREADS);
    for (size_t i = 1; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i);
    }
    work(NULL);
    for (size_t i = 1; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
#ifndef API_ONLY
    return tote_sdk_close(&sdk, 1000) == TOTE_RESULT_SUCCESS ? 0 : 1;
#else
    return 0;
#endif
}
