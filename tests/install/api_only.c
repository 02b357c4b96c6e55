/* SPDX-License-Identifier: MIT */
/* An instrumented program without an SDK: contexts, stores and baggage work, spans do nothing. */
#include <pthread.h>
#include <string.h>

#include "tote/api.h"
#include "tote/baggage.h"
#include "tote/log.h"

static int work(void *arg) {
    char text[8];

    tote_store_add(tote_store_current(), "key", tote_double(0.5));
    return tote_store_get(tote_store_current(), "key", text, sizeof text) == 3 &&
                   strcmp(text, "0.5") == 0
               ? *(const int *)arg
               : 1;
}

static void *run(void *arg) {
    int *result = arg;

    *result = tote_run_scoped(tote_get_tracer("api only", NULL), "work", NULL, work, result);
    return NULL;
}

int main(void) {
    char line[64];
    int result = 0;
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, &result) != 0 || pthread_join(thread, NULL) != 0) {
        return 2;
    }
    tote_context *context =
        tote_context_with_baggage(tote_context_current(), "user", tote_string("u_1"), NULL);
    tote_log_fields(context, TOTE_LOG_FORMAT_LOGFMT, line, sizeof line);
    tote_context_unref(context);
    return result || strcmp(line, "user=u_1") != 0;
}
