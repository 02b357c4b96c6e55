/* SPDX-License-Identifier: MIT */
/* fuzz_request.c - any bytes are read as a request of the disk queue, and split */
#include "read_span.h"
#include "tote/internal/request.h"

/* Each span is kept longer than the others, with its resource and its scope. */
static void read_spans(tote_span_batch *batch) {
    const tote_span_data *const *spans = tote_span_batch_get_spans(batch);
    size_t count = spans ? batch->count : 0;
    tote_span_data *kept = count ? tote_span_data_copy(spans[count - 1]) : NULL;

    for (size_t i = 0; i < count; i++) {
        const tote_resource *resource = tote_span_data_get_resource(spans[i]);
        read_all(spans[i]);
        read_attributes(resource->attributes, resource->attribute_count);
    }
    tote__span_batch_clear(batch);
    if (kept) {
        const tote_instrumentation_scope *scope = tote_span_data_get_instrumentation_scope(kept);
        MUST(strlen(scope->name) + strlen(scope->version) + strlen(scope->schema_url) < SIZE_MAX);
        read_all(kept);
        tote_span_data_free(kept);
    }
}

static size_t count_spans(struct tote__slice request) {
    struct tote__request_spans *spans = tote__request_read(request);
    size_t count = 0;

    if (spans) {
        tote__request_spans_get(spans, &count);
        tote__request_spans_free(spans);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct tote__slice request = {data, size};
    size_t count = count_spans(request);
    tote_span_batch batch = tote__batch_of_request(request, count);
    struct tote__buffer part = {NULL, 0, 0};

    read_spans(&batch);
    if (count && tote__request_cut(request, (struct tote__range){count / 2, count}, &part)) {
        MUST(part.size <= size + 16);
    }
    tote__buffer_clear(&part);
    return 0;
}
