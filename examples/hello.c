/* SPDX-License-Identifier: MIT */
/*
 * hello.c - one span, sent to a collector
 *
 *   tote view & ./hello
 */
#include <tote/tote.h>

int main(void) {
    tote_sdk *sdk = tote_sdk_start(NULL); /* the OTEL_* variables apply */

    tote_span *span = tote_tracer_start_span(tote_get_tracer("example", "1.0"), "hello", NULL);
    tote_span_set_attribute(span, "answer", tote_int(42));
    tote_span_close(&span);

    /* Send queued spans. If the program exits without this call, they are silently lost. */
    return tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS ? 0 : 1;
}
