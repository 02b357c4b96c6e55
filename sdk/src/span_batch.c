/* SPDX-License-Identifier: MIT */
/*
 * span_batch.c - a batch of spans, and its encoded request
 *
 * Tests: tests/unit/test_delivery_exporter.c, tests/unit/test_retry.c
 */
#include "tote/internal/request.h"

size_t tote_span_batch_get_count(const tote_span_batch *batch) {
    return batch ? batch->count : 0;
}

const tote_span_data *const *tote_span_batch_get_spans(const tote_span_batch *batch) {
    tote_span_batch *own = (tote_span_batch *)batch;
    size_t count = 0;

    if (own && !own->spans && !own->read) {
        own->read = tote__request_read(own->request);
        own->spans = own->read ? tote__request_spans_get(own->read, &count) : NULL;
        own->spans = count == own->count ? own->spans : NULL;
    }
    return own ? own->spans : NULL;
}

const void *tote_span_batch_get_request(const tote_span_batch *batch, size_t *size) {
    tote_span_batch *own = (tote_span_batch *)batch;

    if (own && !own->request.size &&
        tote__request_of_spans(&own->encoded, own->spans, own->count)) {
        own->request = tote__buffer_slice(&own->encoded);
    }
    if (size) {
        *size = own ? own->request.size : 0;
    }
    return own ? own->request.at : NULL;
}

void tote__span_batch_clear(tote_span_batch *batch) {
    tote__request_spans_free(batch->read);
    tote__buffer_clear(&batch->encoded);
    *batch = (tote_span_batch){.count = 0};
}
