/* SPDX-License-Identifier: MIT */
/*
 * log.c - log lines with the ids of the trace and the entries of the store
 */
#include <stdarg.h>
#include <stdio.h>
#include <tote/log.h>
#include <tote/tote.h>

/*
 * Log one line: the message, then trace_id, span_id, trace_flags and the exported entries of the
 * store.
 */
static void log_line(const char *format, ...) {
    char fields[2048];
    va_list arguments;

    tote_log_fields(tote_context_current(), TOTE_LOG_FORMAT_LOGFMT, fields, sizeof fields);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf(*fields ? " %s\n" : "%s\n", fields);
}

static int charge(void *arg) {
    (void)arg;
    tote_store_add(tote_store_current(), "attempt", tote_int(1)); /* removed when this returns */
    log_line("charging");
    return 0;
}

static int handle(void *arg) {
    tote_store *store = tote_store_current();

    (void)arg;
    tote_store_add(store, "user.id", tote_string("u_123"));
    tote_store_add_as(store, "session", tote_string("secret"), TOTE_VISIBILITY_PRIVATE,
                      NULL); /* not logged */
    log_line("request received");
    int result = tote_run_scoped(tote_get_tracer("log", NULL), "charge", NULL, charge, NULL);
    log_line("request done");
    return result;
}

int main(void) {
    tote_sdk *sdk = tote_sdk_start(NULL);

    tote_store_add(tote_store_root(), "region", tote_string("eu-west-1"));
    log_line("started");
    int result = tote_run_scoped(tote_get_tracer("log", NULL), "request", NULL, handle, NULL);
    tote_sdk_close(&sdk, 5000);
    return result;
}
