/* SPDX-License-Identifier: MIT */
/*
 * instrumented.c - a program with the instrumentation libraries: each is found, and uses the same
 * state
 */
#include <stdio.h>
#include <string.h>
#include <tote/instrumentation/curl.h>
#include <tote/instrumentation/microhttpd.h>
#include <tote/instrumentation/xray.h>
#include <tote/tote.h>

int main(void) {
    static const char value[] =
        "Root=1-8a3c60f7-d188f8fa79d48a391a778fa6;Parent=53995c3f42cd8ad8;Sampled=1";
    const tote_header header = {"X-Amzn-Trace-Id", 15, value, sizeof value - 1};

    tote_propagator_xray_register();
    tote_propagator *propagator = tote_propagator_from_names("xray,tracecontext");
    tote_propagator_set_global(propagator);
    tote_context *context = tote_extract_headers(tote_context_root(), &header, 1);
    struct curl_slist *list = tote_curl_inject(context, NULL);
    int is_good = tote_microhttpd_getter() && list && list->next && !list->next->next &&
                  strcmp(list->data, "x-amzn-trace-id: Root=1-8a3c60f7-d188f8fa79d48a391a778fa6;"
                                     "Parent=53995c3f42cd8ad8;Sampled=1") == 0;
    for (struct curl_slist *at = list; at; at = at->next) {
        puts(at->data);
    }
    curl_slist_free_all(list);
    tote_context_unref(context);
    tote_propagator_unref(propagator);
    return !is_good;
}
