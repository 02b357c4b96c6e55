/* SPDX-License-Identifier: MIT */
/*
 * fuzz_open_record.c - the parts of an open record
 *
 * The input is a file, or, if its first byte is odd, messages with a length of two bytes each: they
 * get valid heads, so that the reader reaches them.
 */
#include "fuzz.h"

#include <string.h>

#include "disk_queue_file.h"
#include "open_record.h"
#include "tote/diagnostics.h"
#include "tote/internal/request.h"

static uint64_t complete(void *self, tote_span *span, uint64_t last) {
    (void)self;
    tote_span_set_attribute(span, "complete", tote_bool(true));
    return last;
}

/* Add a part for each message. */
static void add_parts(struct tote__buffer *file, const uint8_t *data, size_t size) {
    while (size >= 2) {
        size_t length = data[0] | (size_t)data[1] << 8;
        length = length < size - 2 ? length : size - 2;
        const struct tote__batch part = {.message = {data + 2, length}};
        MUST(tote__buffer_reserve(file, TOTE__DISK_QUEUE_HEAD_BYTES));
        tote__disk_queue_put_head(file->bytes + file->size, &part, (struct tote__boot_time){0, 0});
        file->size += TOTE__DISK_QUEUE_HEAD_BYTES;
        MUST(tote__buffer_append(file, part.message));
        data += 2 + length;
        size -= 2 + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct open_record_end end = {complete, NULL};
    struct tote__buffer file = {NULL, 0, 0};
    struct tote__buffer request = {NULL, 0, 0};

    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE, NULL);
    if (size && data[0] % 2) {
        add_parts(&file, data + 1, size - 1);
    } else if (size) {
        MUST(tote__buffer_append(&file, (struct tote__slice){data + 1, size - 1}));
    }
    if (open_record_merge(tote__buffer_slice(&file), &end, &request)) {
        struct tote__request_spans *spans = tote__request_read(tote__buffer_slice(&request));
        size_t count = 0;
        MUST(spans);
        tote__request_spans_get(spans, &count);
        MUST(count == 1);
        tote__request_spans_free(spans);
    }
    tote__buffer_clear(&request);
    tote__buffer_clear(&file);
    return 0;
}
