/* SPDX-License-Identifier: MIT */
/*
 * library.c - an instrumented library, and a program that does not use Tote itself
 *
 * Only libtote-api is linked. Without an SDK the calls do nothing. In a program that starts an SDK
 * the same calls create spans.
 */
#include <stdio.h>
#include <string.h>
#include <tote/api.h>

/* Cheap: returns the same tracer each time. */
static tote_tracer *tracer(void) {
    return tote_get_tracer("example.wordcount", "1.2.0");
}

static size_t count_words(const char *text) {
    size_t words = 0;
    tote_span *span = tote_tracer_start_span(tracer(), "count words", NULL);

    for (const char *at = text; *at; words++) {
        at += strspn(at, " ");
        if (!*at) {
            break;
        }
        at += strcspn(at, " ");
    }
    if (tote_span_is_recording(span)) { /* check before computing expensive attributes */
        tote_span_set_attribute(span, "text.length", tote_uint(strlen(text)));
    }
    tote_span_set_attribute(span, "words", tote_uint(words));
    tote_span_close(&span);
    return words;
}

int main(void) {
    printf("%zu words\n", count_words("to tote is to carry"));
    return 0;
}
