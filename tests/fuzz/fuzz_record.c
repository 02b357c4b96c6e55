/* SPDX-License-Identifier: MIT */
/*
 * fuzz_record.c - any bytes are read as a span, by accessors and by encoders
 */
#include "read_span.h"
#include "tote/internal/record.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

/* JSON does not encode values that are deeper than those of the API. A list has 4 bytes or more. */
static void encode(tote_otlp_encoding encoding, const tote_span_data *span, size_t size) {
    tote_otlp_buffer buffer = {NULL, 0, 0};
    bool is_encoded = tote_otlp_encode(encoding, &span, 1, &buffer);
    bool may_be_too_deep =
        encoding == TOTE_OTLP_ENCODING_JSON && size > (size_t)4 * TOTE__DEEPEST_VALUE;

    MUST(is_encoded ? buffer.size : may_be_too_deep);
    tote_otlp_buffer_clear(&buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct tote__read_span span;
    const tote_span_data *borrowed = (const tote_span_data *)&span;

    tote__read_span_set(&span, tote__resource_at(0), &tote__tracer_at(UINT32_MAX)->scope,
                        (struct tote__slice){data, size});
    encode(TOTE_OTLP_ENCODING_PROTOBUF, borrowed, size);
    encode(TOTE_OTLP_ENCODING_JSON, borrowed, size);
    size_t parts = read_all(borrowed);
    tote_span_data *copy = tote_span_data_copy(borrowed);
    MUST(copy);
    tote__read_span_clear(&span);
    MUST(read_all(copy) == parts);
    tote_span_data_free(copy);
    return 0;
}
