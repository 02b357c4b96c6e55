/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tracestate.c - lines of tracestate never affect their traceparent, and what is injected
 * reads back the same
 */
#include "lines.h"

static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct written first, second;
    const tote_header traceparent = {"traceparent", 11, parent, sizeof parent - 1};

    use_propagator("tracecontext");
    tote_context *context = extract_lines(traceparent, "tracestate", data, size);
    write_headers(context, &first);
    tote_context *again = extract_written(&first);
    write_headers(again, &second);

    MUST(first.count >= 1 && strcmp(first.headers[0].value, parent) == 0);
    MUST(first.count == second.count);
    for (size_t i = 0; i < first.count; i++) {
        MUST(strcmp(first.headers[i].value, second.headers[i].value) == 0);
        MUST(strlen(first.headers[i].value) == first.headers[i].value_length);
    }
    tote_context_unref(again);
    tote_context_unref(context);
    return 0;
}
