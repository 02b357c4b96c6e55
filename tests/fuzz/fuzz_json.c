/* SPDX-License-Identifier: MIT */
/* fuzz_json.c - input of tote view that may be OTLP/JSON */
#include "fuzz.h"

#include "json.h"
#include "otlp/request.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t repaired_size = size;
    char *repaired = json_repair((const char *)data, size, &repaired_size);
    const char *text = repaired ? repaired : (const char *)data;
    struct json_text value = json_read(text, repaired_size, false, DECODED_MOST);
    struct json_request request = {.receipt.outcome = value.outcome};

    MUST(value.length <= repaired_size);
    if (value.root) {
        request = json_convert(value.root);
    }
    json_decref(value.root);
    if (repaired) { /* once is enough */
        MUST(!json_repair(repaired, repaired_size, &repaired_size));
    }
    if (request.receipt.outcome == TAKEN) { /* then it is a request */
        Tote__Otlp__ExportTraceServiceRequest *message =
            tote__otlp__export_trace_service_request__unpack(NULL, request.protobuf.size,
                                                             request.protobuf.at);
        MUST(message);
        tote__otlp__export_trace_service_request__free_unpacked(message, NULL);
    }
    bytes_clear(&request.protobuf);
    free(repaired);
    return 0;
}
