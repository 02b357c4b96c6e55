/* SPDX-License-Identifier: MIT */
/* fuzz_input.c - a file of any format that tote view reads, up to its analysis and export */
#include "fuzz.h"

#include "analysis.h"
#include "details.h"
#include "export.h"
#include "model.h"
#include "requests.h"

/* A trace that is exported and read again has the same spans. */
static void export_again(const struct trace *trace) {
    struct tote__buffer json = {.bytes = NULL};
    struct model *again = model_new(NULL);
    struct receipt sum = {.outcome = TAKEN};

    MUST(again && export_otlp_json(trace, &json));
    MUST(requests_from_content(NULL, json.bytes, json.size, model_take_file, again, &sum));
    MUST(sum.invalid_values == 0 && sum.invalid_ids == 0);
    MUST(model_newest(again)->span_count == trace->span_count);
    model_free(again);
    tote__buffer_clear(&json);
}

static void analyse(struct model *model, const struct trace *trace) {
    struct tote__arena arena = {NULL, NULL, 0};
    struct tree tree = tree_make(trace, &arena);
    struct span_details details;
    size_t count;

    MUST(tree.count == trace->span_count);
    MUST(critical_path(&tree, &arena, &count) && count > 0);
    MUST(name_times(&tree, &arena, &count) && count > 0);
    MUST(service_map(model, trace, &arena).service_count > 0);
    for (size_t i = 0; i < tree.count; i++) {
        MUST(span_details_read(tree.nodes[i].span, &arena, &details));
    }
    tote__arena_clear(&arena);
    export_again(trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct model *model = model_new(NULL);
    struct receipt sum = {.outcome = TAKEN};

    MUST(model);
    requests_from_content(NULL, data, size, model_take_file, model, &sum);
    for (const struct trace *trace = model_newest(model); trace; trace = trace->older) {
        analyse(model, trace);
    }
    model_free(model);
    return 0;
}
