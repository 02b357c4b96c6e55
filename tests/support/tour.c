/* SPDX-License-Identifier: MIT */
/*
 * tour.c - a tour of the public API
 */
#include "tour.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tote/propagator_ops.h"
#include "tote/thread.h"
#include "tote/tote.h"

/* Call, and record a change of errno. */
#define KEEP(call)                                                                                 \
    do {                                                                                           \
        errno = EXDEV;                                                                             \
        (call);                                                                                    \
        if (errno != EXDEV && !tour->errno_call) {                                                 \
            tour->errno_call = #call;                                                              \
        }                                                                                          \
    } while (0)

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition) && !tour->surprise) {                                                     \
            tour->surprise = #condition;                                                           \
        }                                                                                          \
    } while (0)

static void visit_values(struct tour *tour) {
    tote_value items[] = {tote_int(-1), tote_double(0.5), tote_bool(true), tote_string("x")};
    tote_attribute fields[] = {{"list", tote_array(items, TOTE_COUNT_OF(items))},
                               {"raw", tote_bytes("\x01\x02", 2)}};
    tote_value map = tote_map(fields, TOTE_COUNT_OF(fields));
    char text[128] = "";
    size_t length = 0;
    bool is_equal = false;

    KEEP(length = tote_value_to_text(map, text, sizeof text));
    EXPECT(length > 0 && strlen(text) == length);
    KEEP(is_equal = tote_value_equals(map, map));
    EXPECT(is_equal);
    KEEP(tote_value_to_text(tote_double(1.0 / 3), text, sizeof text));
    EXPECT(strchr(text, '.') != NULL);
    KEEP((void)tote_version());
}

static void read_store(struct tour *tour, const tote_store *store) {
    tote_entries *all = NULL;
    const tote_entry *entry = NULL;
    char text[64] = "";
    ptrdiff_t length = 0;

    KEEP(length = tote_store_get(store, "number", text, sizeof text));
    EXPECT(length == 2 && strcmp(text, "42") == 0);
    KEEP(length = tote_store_get(store, "absent", text, sizeof text));
    EXPECT(length == -1);
    KEEP(all = tote_store_get_all(store));
    EXPECT(tote_entries_get_count(all) == 3);
    KEEP(entry = tote_entries_find(all, "number"));
    EXPECT(entry && entry->value.type == TOTE_VALUE_TYPE_INT);
    KEEP(tote_entries_free(all));
}

static void visit_stores(struct tour *tour) {
    tote_attribute more[] = {{"a", tote_string("1")}, {"b", tote_bool(false)}};
    tote_store *parent = NULL, *child = NULL;
    bool is_done = false;

    KEEP(parent = tote_store_new(NULL));
    KEEP(child = tote_store_new(parent));
    KEEP(is_done = tote_store_add(parent, "number", tote_int(42)));
    EXPECT(is_done);
    KEEP(tote_store_add_as(parent, "secret", tote_string("s"), TOTE_VISIBILITY_PRIVATE, "meta"));
    KEEP(tote_store_add_all(child, more, TOTE_COUNT_OF(more), TOTE_VISIBILITY_TELEMETRY));
    KEEP(is_done = tote_store_delete(child, "secret"));
    EXPECT(is_done);
    for (int i = 0; i < 100; i++) {
        KEEP(tote_store_add(child, "a", tote_int(i)));
    }
    read_store(tour, child);
    KEEP(tote_store_seal(child));
    KEEP(tote_store_unref(parent));
    KEEP(tote_store_unref(child));
}

static void destroy_value(void *value) {
    free(value);
}

static int add_to_current(void *arg) {
    (void)arg;
    tote_store_add(tote_store_current(), "ran", tote_bool(true));
    return 0;
}

static void visit_contexts(struct tour *tour) {
    static const tote_context_key key = {"tour", destroy_value};
    tote_store *store = tote_store_new(tote_store_root());
    tote_context *with_store = NULL, *with_value = NULL, *with_baggage = NULL;
    tote_context_token token = 0, mark = 0;
    char text[16] = "";
    bool is_detached = false;

    KEEP(with_store = tote_context_with_store(tote_context_current(), store));
    KEEP(with_value = tote_context_with_value(with_store, &key, malloc(1)));
    EXPECT(tote_context_get_value(with_value, &key) != NULL);
    KEEP(with_baggage = tote_context_with_baggage(with_value, "who", tote_string("me"), NULL));
    KEEP(tote_context_get_baggage(with_baggage, "who", text, sizeof text));
    EXPECT(strcmp(text, "me") == 0);
    KEEP(token = tote_context_attach(with_value));
    KEEP(mark = tote_context_mark());
    KEEP(tote_context_run(with_value, add_to_current, NULL));
    KEEP(tote_context_unwind(mark, TOTE_STATUS_CODE_UNSET, NULL));
    KEEP(is_detached = tote_context_detach(token));
    EXPECT(is_detached);
    EXPECT(tote_context_current() == tote_context_root());
    KEEP(tote_context_unref(with_baggage));
    KEEP(tote_context_unref(with_value));
    KEEP(tote_context_unref(with_store));
    tote_store_unref(store);
}

static void fill_span(struct tour *tour, tote_span *span) {
    tote_attribute attributes[] = {{"k", tote_string("v")}, {"n", tote_double(2.5)}};

    KEEP(tote_span_set_attribute(span, "answer", tote_int(42)));
    KEEP(tote_span_set_attributes(span, attributes, TOTE_COUNT_OF(attributes)));
    KEEP(tote_span_add_event(span, "event", attributes, TOTE_COUNT_OF(attributes), 0));
    KEEP(tote_span_add_link(span, tote_span_get_context(span), attributes, 1));
    KEEP(tote_span_record_exception(span, "E", "message", NULL, 0));
    KEEP(tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, "went wrong"));
    KEEP(tote_span_update_name(span, "another name"));
    for (int i = 0; i < 40; i++) {
        char name[8] = {'k', (char)('A' + i), '\0'};
        KEEP(tote_span_set_attribute(span, name, tote_string("some text that takes room")));
    }
}

static void visit_spans(struct tour *tour) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    tote_attribute attributes[] = {{"at.start", tote_string("yes")}};
    tote_tracer *tracer = NULL;
    tote_span *span = NULL, *child = NULL;
    tote_context *context = NULL;

    options.attributes = attributes;
    options.attribute_count = TOTE_COUNT_OF(attributes);
    options.kind = TOTE_SPAN_KIND_SERVER;
    KEEP(tracer = tote_get_tracer("tour", "1.0"));
    KEEP((void)tote_tracer_is_enabled(tracer, &options));
    KEEP(span = tote_tracer_start_span(tracer, "parent", &options));
    EXPECT(tote_span_is_recording(span) == tour->has_sdk);
    KEEP(context = tote_context_with_span(tote_context_current(), span));
    options.parent = context;
    KEEP(child = tote_tracer_start_span(tracer, "child", &options));
    EXPECT(tote_span_context_is_valid(tote_span_get_context(child)) == tour->has_sdk);
    fill_span(tour, child);
    KEEP(tote_span_end(child, 0));
    KEEP(tote_span_unref(child));
    KEEP(tote_context_unref(context));
    KEEP(tote_span_close(&span));
}

static void visit_scopes(struct tour *tour) {
    tote_tracer *tracer = tote_get_tracer("tour", NULL);
    tote_scope *scope = NULL;
    char fields[256] = "";
    bool is_done = false;
    int result = -1;

    KEEP(scope = tote_scope_open(tracer, "scope", NULL));
    KEEP(tote_store_add(tote_store_current(), "user.id", tote_string("u_1")));
    KEEP(tote_log_fields(tote_context_current(), TOTE_LOG_FORMAT_JSON, fields, sizeof fields));
    EXPECT(strstr(fields, "u_1") != NULL);
    KEEP(is_done = tote_scope_suspend(scope));
    EXPECT(is_done);
    KEEP(is_done = tote_scope_resume(scope));
    EXPECT(is_done);
    KEEP(result = tote_run_scoped(tracer, "inner", NULL, add_to_current, NULL));
    EXPECT(result == 0);
    KEEP(tote_scope_close(&scope));
    EXPECT(scope == NULL && tote_context_current() == tote_context_root());
}

static void *run_thread(void *arg) {
    char text[8];

    *(bool *)arg = tote_store_get(tote_store_current(), "nothing", text, sizeof text) == -1;
    tote_run_scoped(tote_get_tracer("tour", NULL), "thread", NULL, add_to_current, NULL);
    return NULL;
}

static void visit_threads(struct tour *tour) {
    pthread_t thread;
    bool has_run = false;
    int error = -1;

    KEEP(error = tote_thread_create(&thread, NULL, run_thread, &has_run));
    if (!error) {
        pthread_join(thread, NULL);
    }
    EXPECT(has_run);
}

static void visit_injection(struct tour *tour) {
    tote_propagator *propagator = NULL;
    tote_scope *scope = tote_scope_open(tote_get_tracer("tour", NULL), "out", NULL);
    tote_header headers[8];
    char *buffer = calloc(1, TOTE_INJECT_BUFFER_BYTES);
    size_t count = 0;

    tote_store_add(tote_store_current(), "tenant", tote_string("t 1"));
    KEEP(count = tote_inject_headers(tote_context_current(), headers, TOTE_COUNT_OF(headers),
                                     buffer, TOTE_INJECT_BUFFER_BYTES));
    EXPECT(count >= (tour->has_sdk ? 2 : 0));
    for (size_t i = 0; i < count; i++) {
        EXPECT(strlen(headers[i].name) == headers[i].name_length);
        EXPECT(strlen(headers[i].value) == headers[i].value_length);
    }
    KEEP(propagator = tote_propagator_from_names("baggage,tracecontext"));
    EXPECT(tote_propagator_get_field(propagator, 0) != NULL);
    KEEP(tote_propagator_unref(propagator));
    tote_scope_close(&scope);
    free(buffer);
}

static void visit_extraction(struct tour *tour) {
    static const tote_header headers[] = {
        {"traceparent", 11, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 55},
        {"tracestate", 10, "vendor=value,other=more", 23},
        {"baggage", 7, "user.id=u_1,tenant=t%201;meta", 29},
    };
    tote_propagator *propagator = NULL;
    tote_context *context = NULL;
    char text[16] = "";

    KEEP(propagator = tote_propagator_from_names("tracecontext,baggage"));
    tote_propagator *before = tote_propagator_ref_global();
    KEEP(tote_propagator_set_global(propagator));
    KEEP(context = tote_extract_headers(tote_context_root(), headers, TOTE_COUNT_OF(headers)));
    EXPECT(tote_span_context_is_remote(tote_span_get_context(tote_context_get_span(context))));
    KEEP(tote_context_get_baggage(context, "tenant", text, sizeof text));
    EXPECT(strcmp(text, "t 1") == 0);
    KEEP(tote_context_unref(context));
    KEEP(tote_propagator_set_global(before));
    tote_propagator_unref(before);
    KEEP(tote_propagator_unref(propagator));
}

const struct tour_stop tour_stops[] = {
    {"values", visit_values},       {"stores", visit_stores},         {"contexts", visit_contexts},
    {"spans", visit_spans},         {"scopes", visit_scopes},         {"threads", visit_threads},
    {"injection", visit_injection}, {"extraction", visit_extraction},
};
const size_t tour_stop_count = TOTE_COUNT_OF(tour_stops);

void tour_all(struct tour *tour) {
    for (size_t i = 0; i < tour_stop_count; i++) {
        tour_stops[i].visit(tour);
    }
}
