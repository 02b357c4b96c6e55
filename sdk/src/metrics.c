/* SPDX-License-Identifier: MIT */
/*
 * metrics.c - reads the metrics of an SDK about itself
 *
 * The figures of all components are copied first: no lock is held while they are visited. Spec:
 * semantic-conventions docs/otel/sdk-metrics.md
 *
 * Tests: tests/unit/test_metrics.c
 */
#include <stdio.h>

#include "core.h"
#include "tote/internal/cancel.h"
#include "tote/internal/fork.h"
#include "tote/internal/memory.h"
#include "tote/internal/metrics.h"

enum metric {
    SPAN_LIVE,
    SPAN_STARTED,
    QUEUE_SIZE,
    QUEUE_CAPACITY,
    PROCESSED,
    IN_FLIGHT,
    EXPORTED,
    OPERATION_DURATION,
    METRICS
};

static const struct {
    const char *name;
    const char *unit;
    const char *description;
    tote_metric_kind kind;
} metrics[] = {
    [SPAN_LIVE] = {"otel.sdk.span.live", "{span}", "Recording spans that have not ended.",
                   TOTE_METRIC_KIND_UP_DOWN_COUNTER},
    [SPAN_STARTED] = {"otel.sdk.span.started", "{span}", "Started spans, recording or not.",
                      TOTE_METRIC_KIND_COUNTER},
    [QUEUE_SIZE] = {"otel.sdk.processor.span.queue.size", "{span}",
                    "Spans in the queue of a processor.", TOTE_METRIC_KIND_UP_DOWN_COUNTER},
    [QUEUE_CAPACITY] = {"otel.sdk.processor.span.queue.capacity", "{span}",
                        "Spans that the queue of a processor can contain.",
                        TOTE_METRIC_KIND_UP_DOWN_COUNTER},
    [PROCESSED] = {"otel.sdk.processor.span.processed", "{span}",
                   "Spans that a processor has passed to its exporter, or dropped.",
                   TOTE_METRIC_KIND_COUNTER},
    [IN_FLIGHT] = {"otel.sdk.exporter.span.inflight", "{span}",
                   "Spans that an exporter has received and not finished.",
                   TOTE_METRIC_KIND_UP_DOWN_COUNTER},
    [EXPORTED] = {"otel.sdk.exporter.span.exported", "{span}",
                  "Spans whose export has finished, by result.", TOTE_METRIC_KIND_COUNTER},
    [OPERATION_DURATION] = {"otel.sdk.exporter.operation.duration", "s",
                            "Duration of exports of a batch, with all retries.",
                            TOTE_METRIC_KIND_HISTOGRAM},
};

static const char *const processed_errors[] = {
    [TOTE__PROCESSED] = "",
    [TOTE__PROCESSED_QUEUE_FULL] = "queue_full",
    [TOTE__PROCESSED_TOO_LARGE] = "too_large",
    [TOTE__PROCESSED_ALREADY_SHUTDOWN] = "already_shutdown",
    [TOTE__PROCESSED_SHUTDOWN_TIMEOUT] = "shutdown_timeout",
    [TOTE__PROCESSED_OUT_OF_MEMORY] = "out_of_memory",
    [TOTE__PROCESSED_INSIDE_EXPORT] = "inside_export",
};

enum { NAME_BYTES = 64, MOST_ATTRIBUTES = 8 };

/* A processor with its exporter. */
struct component {
    char processor_name[NAME_BYTES];
    char exporter_name[NAME_BYTES];
    struct tote__exporter_identity exporter;
    struct tote__processor_metrics figures;
};

struct reading {
    void (*visit)(void *data, const tote_metric_point *point);
    void *data;
    tote_metric_point point;
    tote_attribute attributes[MOST_ATTRIBUTES];
    struct counter_sums spans;
    struct component *components;
    size_t count;
};

static uint64_t read_count(const _Atomic(uint64_t) *count) {
    return atomic_load_explicit(count, memory_order_relaxed);
}

void tote__core_sum_counters(uint32_t slot, uint32_t run, struct counter_sums *sums) {
    *sums = (struct counter_sums){.late = 0};
    for (struct thread_state *state = tote__thread_states(); state;
         state = tote__thread_state_next(state)) {
        const struct span_counters *counters = &state->counters[slot];
        if (atomic_load_explicit(&counters->run, memory_order_acquire) != run) {
            continue;
        }
        for (size_t sampled = 0; sampled < 2; sampled++) { /* first: no more ends than starts */
            sums->finished[sampled] += read_count(&counters->finished[sampled]);
            sums->never_ended[sampled] += read_count(&counters->never_ended[sampled]);
        }
        for (size_t i = 0; i < PARENT_ORIGINS * SAMPLING_DECISIONS; i++) {
            (&sums->started[0][0])[i] += read_count(&counters->started[0][0] + i);
        }
        sums->late += read_count(&counters->late);
        sums->lost_to_memory += read_count(&counters->lost_to_memory);
    }
}

static void begin_point(struct reading *reading, enum metric metric) {
    tote_metric_point *point = &reading->point;

    point->name = metrics[metric].name;
    point->unit = metrics[metric].unit;
    point->description = metrics[metric].description;
    point->kind = metrics[metric].kind;
    point->attribute_count = 0;
    point->sum = point->min = point->max = 0;
}

static void add(struct reading *reading, const char *key, tote_value value) {
    reading->attributes[reading->point.attribute_count++] = (tote_attribute){key, value};
}

/* Add a text, unless it is "" or NULL. */
static void add_text(struct reading *reading, const char *key, const char *text) {
    if (text && *text) {
        add(reading, key, tote_string(text));
    }
}

static void end_point(struct reading *reading, uint64_t value) {
    reading->point.value = value;
    reading->visit(reading->data, &reading->point);
}

static void visit_live(struct reading *reading, tote_sampling_decision decision,
                       const char *result) {
    const struct counter_sums *spans = &reading->spans;
    bool is_sampled = decision == TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE;
    uint64_t started = 0;
    uint64_t done = spans->finished[is_sampled] + spans->never_ended[is_sampled];

    for (size_t origin = 0; origin < PARENT_ORIGINS; origin++) {
        started += spans->started[origin][decision];
    }
    begin_point(reading, SPAN_LIVE);
    add_text(reading, "otel.span.sampling_result", result);
    end_point(reading, started > done ? started - done : 0);
}

static void visit_spans(struct reading *reading) {
    static const char *const origins[] = {
        [PARENT_NONE] = "none", [PARENT_LOCAL] = "local", [PARENT_REMOTE] = "remote"};
    static const char *const results[] = {[TOTE_SAMPLING_DECISION_DROP] = "DROP",
                                          [TOTE_SAMPLING_DECISION_RECORD_ONLY] = "RECORD_ONLY",
                                          [TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE] =
                                              "RECORD_AND_SAMPLE"};

    for (unsigned result = TOTE_SAMPLING_DECISION_RECORD_ONLY; result < SAMPLING_DECISIONS;
         result++) {
        visit_live(reading, (tote_sampling_decision)result, results[result]);
    }
    for (size_t origin = 0; origin < PARENT_ORIGINS; origin++) {
        for (size_t result = 0; result < SAMPLING_DECISIONS; result++) {
            begin_point(reading, SPAN_STARTED);
            add_text(reading, "otel.span.parent.origin", origins[origin]);
            add_text(reading, "otel.span.sampling_result", results[result]);
            end_point(reading, reading->spans.started[origin][result]);
        }
    }
}

/* Begin a point of a component. */
static void begin_component(struct reading *reading, enum metric metric,
                            const struct component *component) {
    bool is_exporter = metric >= IN_FLIGHT;

    begin_point(reading, metric);
    add_text(reading, "otel.component.type",
             is_exporter ? component->exporter.type : component->figures.type);
    add_text(reading, "otel.component.name",
             is_exporter ? component->exporter_name : component->processor_name);
    if (is_exporter) {
        add_text(reading, "server.address", component->exporter.server_address);
    }
    if (is_exporter && component->exporter.server_port) {
        add(reading, "server.port", tote_int(component->exporter.server_port));
    }
}

static void visit_number(struct reading *reading, enum metric metric,
                         const struct component *component, const char *error_type,
                         uint64_t value) {
    begin_component(reading, metric, component);
    add_text(reading, "error.type", error_type);
    end_point(reading, value);
}

static void visit_processed(struct reading *reading, const struct component *component) {
    const uint64_t *processed = component->figures.processed;

    for (size_t i = 0; i < TOTE__PROCESSED_KINDS; i++) {
        bool is_usual = i == TOTE__PROCESSED || i == TOTE__PROCESSED_QUEUE_FULL;
        if (processed[i] || is_usual) { /* these two are also visible before they first occur */
            visit_number(reading, PROCESSED, component, processed_errors[i], processed[i]);
        }
    }
}

static void visit_exported(struct reading *reading, const struct component *component) {
    const struct tote__exporter_metrics *exporter = &component->figures.exporter;

    for (size_t i = 0; i < exporter->exported_count; i++) {
        visit_number(reading, EXPORTED, component, exporter->exported[i].error_type,
                     exporter->exported[i].count);
    }
}

static void visit_durations(struct reading *reading, const struct component *component) {
    const struct tote__exporter_metrics *exporter = &component->figures.exporter;

    for (size_t i = 0; i < exporter->operation_count; i++) {
        const struct tote__operations *operations = &exporter->operations[i];
        begin_component(reading, OPERATION_DURATION, component);
        add_text(reading, "error.type", operations->error_type);
        add_text(reading, "rpc.status_code", operations->rpc_status_code);
        if (operations->http_status_code && !operations->rpc_status_code) {
            add(reading, "http.response.status_code", tote_int(operations->http_status_code));
        }
        reading->point.sum = operations->sum;
        reading->point.min = operations->min;
        reading->point.max = operations->max;
        end_point(reading, operations->count);
    }
}

static void visit_component(struct reading *reading, enum metric metric,
                            const struct component *component) {
    const struct tote__processor_metrics *figures = &component->figures;

    if (!figures->type) {
        return;
    }
    switch (metric) {
    case QUEUE_SIZE:
    case QUEUE_CAPACITY:
        if (figures->has_queue) {
            visit_number(reading, metric, component, "",
                         metric == QUEUE_SIZE ? figures->queue_size : figures->queue_capacity);
        }
        break;
    case PROCESSED:
        visit_processed(reading, component);
        break;
    case IN_FLIGHT:
        visit_number(reading, metric, component, "", figures->exporter.in_flight);
        break;
    case EXPORTED:
        visit_exported(reading, component);
        break;
    default:
        visit_durations(reading, component);
        break;
    }
}

/* Write "TYPE/N", where N counts the components of this type from 0. */
static void name_component(char *name, const char *type, size_t number) {
    snprintf(name, NAME_BYTES, "%.48s/%zu", type, number);
}

static void name_components(struct component *components, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t processor_number = 0;
        size_t exporter_number = 0;
        struct component *component = &components[i];
        for (size_t k = 0; k < i && component->figures.type; k++) {
            const struct component *other = &components[k];
            if (other->figures.type) {
                processor_number += strcmp(other->figures.type, component->figures.type) == 0;
                exporter_number += strcmp(other->exporter.type, component->exporter.type) == 0;
            }
        }
        if (component->figures.type) {
            name_component(component->processor_name, component->figures.type, processor_number);
            name_component(component->exporter_name, component->exporter.type, exporter_number);
        }
    }
}

static void read_component(const tote_span_processor *processor, struct component *component) {
    const tote_span_exporter *exporter = processor->exporter;

    if (!processor->read_metrics || !exporter) {
        return;
    }
    processor->read_metrics(processor->self, &component->figures);
    component->exporter.type = "tote_span_exporter";
    if (exporter->extras && exporter->extras->identify) {
        exporter->extras->identify(exporter->self, &component->exporter);
    }
}

static bool begin_reading(struct reading *reading, const tote_sdk *sdk,
                          struct core_config *config) {
    reading->components =
        tote__allocate_zeroed(config->processor_count * sizeof *reading->components);
    if (!reading->components) {
        return false;
    }
    if (atomic_load_explicit(&config->resource_generation, memory_order_acquire) !=
        tote__generation()) { /* no span has started in this child */
        tote__core_renew_resource(config);
    }
    reading->count = config->processor_count;
    reading->point.start_time_unix_nano = read_count(&config->counts_since);
    reading->point.time_unix_nano = tote__core_clock(config);
    tote__core_sum_counters(sdk->slot, config->origin.run, &reading->spans);
    for (size_t i = 0; i < reading->count; i++) {
        read_component(tote__innermost(config->processors[i]), &reading->components[i]);
    }
    name_components(reading->components, reading->count);
    return true;
}

static tote_result read_metrics(const tote_sdk *sdk, struct core_config *config,
                                void (*visit)(void *data, const tote_metric_point *point),
                                void *data) {
    struct reading reading = {.visit = visit, .data = data};

    if (config->is_disabled) {
        return TOTE_RESULT_SUCCESS;
    }
    reading.point.struct_size = sizeof reading.point;
    reading.point.attributes = reading.attributes;
    if (!begin_reading(&reading, sdk, config)) {
        return TOTE_RESULT_FAILURE;
    }
    visit_spans(&reading);
    for (unsigned metric = QUEUE_SIZE; metric < METRICS; metric++) {
        for (size_t i = 0; i < reading.count; i++) {
            visit_component(&reading, (enum metric)metric, &reading.components[i]);
        }
    }
    tote__release(reading.components, reading.count * sizeof *reading.components);
    return TOTE_RESULT_SUCCESS;
}

bool tote__sdk_read_metrics(tote_sdk *sdk, uint32_t run,
                            void (*visit)(void *data, const tote_metric_point *point), void *data,
                            uint32_t *resource) {
    struct thread_state *state = tote__thread_state();
    bool is_read = false;

    if (!state) {
        return false;
    }
    struct core_config *config = tote__core_enter(sdk, state);
    if (config && config->origin.run == run) {
        is_read = read_metrics(sdk, config, visit, data) == TOTE_RESULT_SUCCESS;
        *resource = config->origin.resource;
    }
    tote__core_leave(state);
    return is_read;
}

tote_result tote_sdk_read_metrics(tote_sdk *sdk,
                                  void (*visit)(void *data, const tote_metric_point *point),
                                  void *data) {
    struct core_config *config = sdk ? atomic_load(&sdk->config) : NULL;

    if (!visit) {
        return TOTE_RESULT_FAILURE;
    }
    int cancel = tote__cancel_disable();
    tote_result result = config ? read_metrics(sdk, config, visit, data) : TOTE_RESULT_SUCCESS;
    tote__cancel_restore(cancel);
    return result;
}
