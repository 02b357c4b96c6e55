/* SPDX-License-Identifier: MIT */
/*
 * merge.c - one request of the parts of an open record
 *
 * An SDK records the span again, so that attributes are unique and limits apply.
 *
 * Tests: tests/unit/test_open_record.c
 */
#include <string.h>

#include "configuration.h"
#include "disk_queue_file.h"
#include "open_record.h"
#include "recorder.h"
#include "tote/internal/context.h"
#include "tote/internal/request.h"
#include "tote/internal/span.h"

/* A span that is recorded again. */
struct merge {
    struct recorder recorder;
    tote_sdk *sdk;
    tote_span *span;
    uint64_t last; /* time of the last event, else the start */
    struct tote__buffer *request;
};

static bool take(void *self, struct tote__slice request) {
    struct merge *merge = self;

    return tote__buffer_append(merge->request, request);
}

/* The resource is that of the first part; the limits are those of the environment. */
static tote_sdk *start_sdk(struct recorder *recorder, const tote_resource *resource) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    struct tote__configuration configuration;
    tote_resource *copy = tote_resource_new(resource->attributes, resource->attribute_count,
                                            resource->schema_url); /* that of a part is freed */

    options.skip_global_registration = true;
    options.resource = copy;
    options.sampler = tote_sampler_always_on_new();
    tote__configuration_resolve(&options, NULL, &configuration);
    configuration.is_disabled = false;
    tote_sdk *sdk = recorder_start(recorder, tote__sdk_settings_of(&options, &configuration));
    tote_resource_unref(copy);
    return sdk;
}

bool open_record_part(void (*fill)(void *self, tote_span *span), void *self,
                      struct tote__buffer *request) {
    struct merge merge = {.recorder = {.take = take, .self = &merge}, .request = request};
    size_t size = request->size;

    merge.sdk = start_sdk(&merge.recorder, &tote__resource_empty.resource);
    tote_tracer_provider *provider = tote_sdk_ref_tracer_provider(merge.sdk);
    tote_span *span =
        tote_tracer_start_span(tote_tracer_provider_get_tracer(provider, "tote", NULL), "part",
                               &(tote_span_options){.struct_size = sizeof(tote_span_options),
                                                    .parent = tote_context_root()});
    tote_tracer_provider_unref(provider);
    fill(self, span);
    tote_span_close(&span);
    tote_sdk_close(&merge.sdk, 0);
    return request->size > size;
}

bool open_record_span_id(struct tote__slice request, tote_span_id *id) {
    struct tote__request_spans *spans = tote__request_read(request);
    size_t count = 0;
    const tote_span_data *const *data = spans ? tote__request_spans_get(spans, &count) : NULL;

    if (count) {
        *id = *tote_span_context_get_span_id(tote_span_data_get_context(data[0]));
    }
    tote__request_spans_free(spans);
    return count;
}

/* Return a context with the parent. It has the flags of the span, because only these are known. */
static tote_context *parent_of(const tote_span_data *data) {
    const tote_span_context *own = tote_span_data_get_context(data);
    const tote_span_context *parent = tote_span_data_get_parent(data);

    if (!tote_span_context_is_valid(parent)) {
        return tote_context_ref(tote_context_root());
    }
    const tote_span_context remote = {
        .trace_id = own->trace_id,
        .span_id = parent->span_id,
        .trace_flags = own->trace_flags,
        .is_remote = true,
        .trace_state = own->trace_state,
    };
    return tote__context_with_remote_span(tote_context_root(), &remote);
}

static void begin(struct merge *merge, const tote_span_data *data) {
    const tote_span_context *own = tote_span_data_get_context(data);
    const tote_instrumentation_scope *scope = tote_span_data_get_instrumentation_scope(data);
    tote_tracer_options tracer_options = TOTE_TRACER_OPTIONS_INIT;
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    merge->recorder = (struct recorder){
        .take = take,
        .self = merge,
        .trace_id = *tote_span_context_get_trace_id(own),
        .span_id = *tote_span_context_get_span_id(own),
        .is_random = tote_span_context_get_trace_flags(own) & TOTE_TRACE_FLAG_RANDOM,
    };
    merge->sdk = start_sdk(&merge->recorder, tote_span_data_get_resource(data));
    tote_tracer_provider *provider = tote_sdk_ref_tracer_provider(merge->sdk);
    tracer_options.version = scope->version;
    tote_context *parent = parent_of(data);
    options.parent = parent;
    options.kind = tote_span_data_get_kind(data);
    options.start_time_unix_nano = tote_span_data_get_start_time_unix_nano(data);
    merge->last = options.start_time_unix_nano;
    merge->span = tote_tracer_start_span(
        tote_tracer_provider_get_tracer(provider, scope->name, &tracer_options),
        tote_span_data_get_name(data), &options);
    tote_context_unref(parent);
    tote_tracer_provider_unref(provider);
}

/* Add what a part has. */
static void add(struct merge *merge, const tote_span_data *data) {
    size_t count = 0;
    const tote_attribute *attributes = tote_span_data_get_attributes(data, &count);

    tote_span_set_attributes(merge->span, attributes, count);
    const tote_event *events = tote_span_data_get_events(data, &count);
    for (size_t i = 0; i < count; i++) {
        const tote_event *event = &events[i];
        merge->last = event->time_unix_nano > merge->last ? event->time_unix_nano : merge->last;
        tote_span_add_event(merge->span, event->name, event->attributes, event->attribute_count,
                            event->time_unix_nano);
    }
    const tote_link *links = tote_span_data_get_links(data, &count);
    for (size_t i = 0; i < count; i++) {
        tote_span_add_link(merge->span, links[i].context, links[i].attributes,
                           links[i].attribute_count);
    }
    if (tote_span_data_get_status_code(data) != TOTE_STATUS_CODE_UNSET) {
        tote_span_set_status(merge->span, tote_span_data_get_status_code(data),
                             tote_span_data_get_status_description(data));
    }
}

/* Add the first span of a part. */
static void add_part(struct merge *merge, struct tote__slice request) {
    struct tote__request_spans *spans = tote__request_read(request);
    size_t count = 0;
    const tote_span_data *const *data = spans ? tote__request_spans_get(spans, &count) : NULL;

    if (count) {
        if (!merge->span) {
            begin(merge, data[0]);
        }
        add(merge, data[0]);
    }
    tote__request_spans_free(spans);
}

bool open_record_merge(struct tote__slice file, const struct open_record_end *end,
                       struct tote__buffer *request) {
    struct merge merge = {.request = request};
    struct tote__batch part;
    size_t size = request->size;

    while (tote__disk_queue_parse_next(&file, &part)) {
        add_part(&merge, part.message);
    }
    if (merge.span) {
        tote_span_end(merge.span, end->complete(end->self, merge.span, merge.last));
    }
    tote_span_unref(merge.span);
    tote_sdk_close(&merge.sdk, 0);
    return request->size > size;
}
