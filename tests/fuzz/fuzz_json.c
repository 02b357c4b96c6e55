/* SPDX-License-Identifier: MIT */
/*
 * fuzz_json.c - what claims to be OTLP/JSON, for tote view
 */
#include "fuzz.h"

#include "json.h"
#include "otlp/request.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t request_size = 0;
    uint8_t *bytes = json_to_request(data, size, &request_size);

    if (bytes) { /* then it is a request */
        Tote__Otlp__ExportTraceServiceRequest *request =
            tote__otlp__export_trace_service_request__unpack(NULL, request_size, bytes);
        MUST(request);
        tote__otlp__export_trace_service_request__free_unpacked(request, NULL);
    }
    free(bytes);
    return 0;
}
