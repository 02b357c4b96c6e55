/* SPDX-License-Identifier: MIT */
/*
 * service_map.c - which services call which
 *
 * A span whose parent belongs to another service is a call of its service by that one. A client or
 * producer span that nothing received is a call of the peer that its attributes name.
 *
 * Tests: tests/unit/test_analysis.c
 */
#include <stdlib.h>
#include <string.h>

#include "analysis.h"
#include "decode.h"
#include "model.h"
#include "tote/internal/buffer.h"
#include "tote/internal/text.h"

enum { LONGEST_PEER = 256 };

/* A service or an edge while the map is built. Both have calls. */
struct row {
    struct table_entry entry;
    size_t index;
    struct row *from; /* of an edge; NULL: this is a service */
    struct row *to;
    struct map_service service;
    struct map_edge edge;
};

/* The duration of a call. Rows are numbered, services and edges in one sequence. */
struct sample {
    size_t row;
    uint64_t duration;
};

struct mapping {
    struct tote__arena *arena;
    struct tote__arena rows;
    struct table services;
    struct table edges;
    struct tote__buffer samples;
    size_t row_count;
    uint64_t start;
    uint64_t end;
    bool is_cut;
    bool is_failed;
};

static void *fail(struct mapping *mapping) {
    mapping->is_failed = true;
    return NULL;
}

/* NULL: over the limit, or out of memory. */
static struct row *add_row(struct mapping *mapping, struct table *table, uint64_t hash,
                           size_t most) {
    if (table->count == most) {
        mapping->is_cut = true;
        return NULL;
    }
    struct row *row = tote__arena_allocate(&mapping->rows, sizeof *row);
    if (!row) {
        return fail(mapping);
    }
    *row = (struct row){.index = mapping->row_count++};
    return table_add(table, &row->entry, hash) ? row : fail(mapping);
}

static struct row *find_service(struct mapping *mapping, const char *name, bool is_peer) {
    uint64_t hash = tote__mix_last(is_peer, tote__hash(name, strlen(name)));
    struct row *row = TABLE_OF(table_find(&mapping->services, hash), struct row, entry);

    while (row && (row->service.is_peer != is_peer || strcmp(row->service.name, name) != 0)) {
        row = TABLE_OF(table_next(&row->entry), struct row, entry);
    }
    if (row) {
        return row;
    }
    row = add_row(mapping, &mapping->services, hash, MAP_MOST_SERVICES);
    if (row) {
        row->service.name = tote__arena_text(mapping->arena, name, strlen(name));
        row->service.is_peer = is_peer;
        if (!row->service.name) {
            row->service.name = "";
            return fail(mapping);
        }
    }
    return row;
}

static struct row *find_edge(struct mapping *mapping, struct row *from, struct row *to) {
    uint64_t hash = tote__mix_last(tote__mix(0, from->index), to->index);
    struct row *row = TABLE_OF(table_find(&mapping->edges, hash), struct row, entry);

    while (row && (row->from != from || row->to != to)) {
        row = TABLE_OF(table_next(&row->entry), struct row, entry);
    }
    if (!row) {
        row = add_row(mapping, &mapping->edges, hash, MAP_MOST_EDGES);
        if (row) {
            row->from = from;
            row->to = to;
        }
    }
    return row;
}

static void add_sample(struct mapping *mapping, const struct row *row,
                       const struct trace_span *span) {
    const struct sample sample = {row->index, span_duration(span)};
    const struct tote__slice bytes = {(const uint8_t *)&sample, sizeof sample};

    mapping->is_failed |= !tote__buffer_append(&mapping->samples, bytes);
}

static void add_call(struct mapping *mapping, struct row *service, const struct trace_span *span) {
    if (service) {
        service->service.call_count++;
        service->service.error_count += span->is_error;
        add_sample(mapping, service, span);
    }
}

static void add_edge(struct mapping *mapping, struct row *from, struct row *to,
                     const struct trace_span *span) {
    struct row *edge = from && to ? find_edge(mapping, from, to) : NULL;

    if (edge) {
        edge->edge.call_count++;
        edge->edge.error_count += span->is_error;
        add_sample(mapping, edge, span);
    }
}

/* Return the value of the first of these attributes; size 0: none. */
static struct tote__slice first_text(struct tote__slice message, const char *const *names,
                                     size_t count) {
    struct tote__slice text = {NULL, 0};

    for (size_t i = 0; i < count && !text.size; i++) {
        text = decode_text(message, TOTE__TAG_SPAN_ATTRIBUTE, names[i]);
    }
    return text;
}

/*
 * Write the name of the peer of a client or producer: its service, or its system and address.
 * Returns false if there is none. Spec: OpenTelemetry semantic conventions, server.address,
 * db.system.name, messaging.system, and their earlier names
 */
static bool name_peer(const struct trace_span *span, char name[LONGEST_PEER]) {
    static const char *const services[] = {"service.peer.name", "peer.service"};
    static const char *const systems[] = {"db.system.name", "db.system", "messaging.system",
                                          "rpc.system.name", "rpc.system"};
    static const char *const addresses[] = {"server.address",       "messaging.destination.name",
                                            "net.peer.name",        "peer.hostname",
                                            "network.peer.address", "peer.address"};
    struct tote__slice parts[2] = {first_text(span->message, services, TOTE_COUNT_OF(services)),
                                   {NULL, 0}};
    size_t length = 0;

    if (!parts[0].size) {
        parts[0] = first_text(span->message, systems, TOTE_COUNT_OF(systems));
        parts[1] = first_text(span->message, addresses, TOTE_COUNT_OF(addresses));
    }
    for (size_t i = 0; i < TOTE_COUNT_OF(parts); i++) {
        const char *text = (const char *)parts[i].at;
        if (parts[i].size) {
            name[length] = ' ';
            length += length > 0;
            size_t fitting = tote__utf8_cut(text, parts[i].size, LONGEST_PEER / 2 - 2);
            memcpy(name + length, text, fitting);
            length += fitting;
        }
    }
    length = tote__replace_controls(name, length);
    name[length] = '\0';
    return length > 0;
}

static bool is_known(const struct trace_span *parent) {
    return parent && !parent->is_missing;
}

/* Whether a span enters its service. */
static bool is_entry(const struct trace_span *span) {
    return !is_known(span->parent) || span->parent->service != span->service;
}

/* Mark the spans that another service received, by their index. */
static void mark_received(const struct trace *trace) {
    for (struct trace_span *span = trace->spans; span; span = span->next) {
        span->index = 0;
    }
    for (struct trace_span *span = trace->spans; span; span = span->next) {
        if (is_known(span->parent) && is_entry(span)) {
            span->parent->index = 1;
        }
    }
}

static void map_span(struct mapping *mapping, const struct trace_span *span) {
    bool is_caller = span->kind == TOTE_SPAN_KIND_CLIENT || span->kind == TOTE_SPAN_KIND_PRODUCER;
    struct row *service = find_service(mapping, span->service, false);
    char name[LONGEST_PEER];

    if (!service) {
        return;
    }
    service->service.span_count++;
    if (is_entry(span)) {
        add_call(mapping, service, span);
        if (is_known(span->parent)) {
            struct row *caller = find_service(mapping, span->parent->service, false);
            add_edge(mapping, caller, service, span);
        }
    }
    if (is_caller && !span->index && name_peer(span, name)) {
        struct row *peer = find_service(mapping, name, true);
        add_call(mapping, peer, span);
        add_edge(mapping, service, peer, span);
    }
}

static void map_trace(struct mapping *mapping, const struct trace *trace) {
    mark_received(trace);
    for (const struct trace_span *span = trace->spans; span && !mapping->is_failed;
         span = span->next) {
        map_span(mapping, span);
    }
    if (trace->start_unix_nano < mapping->start) {
        mapping->start = trace->start_unix_nano;
    }
    if (trace->end_unix_nano > mapping->end) {
        mapping->end = trace->end_unix_nano;
    }
}

static int compare_samples(const void *a, const void *b) {
    const struct sample *x = a;
    const struct sample *y = b;

    if (x->row != y->row) {
        return x->row < y->row ? -1 : 1;
    }
    return x->duration < y->duration ? -1 : x->duration > y->duration;
}

static int compare_services(const void *a, const void *b) {
    const struct row *x = *(struct row *const *)a;
    const struct row *y = *(struct row *const *)b;
    int order = strcmp(x->service.name, y->service.name);

    return order ? order : x->service.is_peer - y->service.is_peer;
}

static int compare_edges(const void *a, const void *b) {
    const struct map_edge *x = a;
    const struct map_edge *y = b;

    if (x->from != y->from) {
        return x->from < y->from ? -1 : 1;
    }
    return x->to < y->to ? -1 : x->to > y->to;
}

/* Return the nearest-rank percentile of sorted samples. */
static uint64_t percentile(const struct sample *samples, size_t count, size_t percent) {
    size_t rank = (count * percent + 99) / 100;

    return samples[rank ? rank - 1 : 0].duration;
}

/* Set the percentiles of all rows. `rows`: by their number. */
static void set_percentiles(struct mapping *mapping, struct row **rows) {
    struct sample *samples = (struct sample *)(void *)mapping->samples.bytes;
    size_t count = mapping->samples.size / sizeof *samples;
    size_t end;

    if (count) {
        qsort(samples, count, sizeof *samples, compare_samples);
    }
    for (size_t start = 0; start < count; start = end) {
        struct row *row = rows[samples[start].row];
        for (end = start; end < count && samples[end].row == samples[start].row;) {
            end++;
        }
        row->service.p50_ns = row->edge.p50_ns = percentile(samples + start, end - start, 50);
        row->service.p99_ns = row->edge.p99_ns = percentile(samples + start, end - start, 99);
    }
}

static void list_rows(const struct table *table, struct row **rows) {
    for (size_t i = 0; i < table->bucket_count; i++) {
        for (struct table_entry *entry = table->buckets[i]; entry; entry = entry->next) {
            struct row *row = TABLE_OF(entry, struct row, entry);
            rows[row->index] = row;
        }
    }
}

/* Copy the rows into the map, in the order of the names. */
static void fill_map(struct mapping *mapping, struct row **rows, struct service_map *map) {
    double seconds = (double)map->duration_ns / 1e9;
    size_t services = 0;

    for (size_t i = 0; i < mapping->row_count; i++) { /* services first */
        if (!rows[i]->from) {
            struct row *service = rows[i];
            rows[i] = rows[services];
            rows[services++] = service;
        }
    }
    qsort(rows, services, sizeof *rows, compare_services);
    for (size_t i = 0; i < services; i++) {
        struct map_service *service = &map->services[map->service_count++];
        *service = rows[i]->service;
        service->rate = seconds > 0 ? (double)service->call_count / seconds : 0;
        rows[i]->index = i;
    }
    for (size_t i = services; i < mapping->row_count; i++) {
        struct map_edge *edge = &map->edges[map->edge_count++];
        *edge = rows[i]->edge;
        edge->from = rows[i]->from->index;
        edge->to = rows[i]->to->index;
    }
    if (map->edge_count) {
        qsort(map->edges, map->edge_count, sizeof *map->edges, compare_edges);
    }
}

static struct service_map finish(struct mapping *mapping) {
    size_t rows_size = mapping->row_count * sizeof(struct row *);
    struct row **rows = mapping->is_failed ? NULL : tote__allocate(rows_size);
    struct service_map map = {
        .duration_ns = mapping->end > mapping->start ? mapping->end - mapping->start : 0,
        .is_cut = mapping->is_cut,
    };

    map.services =
        tote__arena_allocate(mapping->arena, mapping->services.count * sizeof *map.services);
    map.edges = tote__arena_allocate(mapping->arena, mapping->edges.count * sizeof *map.edges);
    if (rows && map.services && map.edges && mapping->row_count) {
        list_rows(&mapping->services, rows);
        list_rows(&mapping->edges, rows);
        set_percentiles(mapping, rows);
        fill_map(mapping, rows, &map);
    }
    tote__release(rows, rows_size);
    return map;
}

struct service_map service_map(const struct model *model, const struct trace *trace,
                               struct tote__arena *arena) {
    struct mapping mapping = {.arena = arena, .start = UINT64_MAX};

    if (trace) {
        map_trace(&mapping, trace);
    } else {
        for (trace = model_newest(model); trace && !mapping.is_failed; trace = trace->older) {
            map_trace(&mapping, trace);
        }
    }
    struct service_map map = finish(&mapping);
    tote__buffer_clear(&mapping.samples);
    table_clear(&mapping.services);
    table_clear(&mapping.edges);
    tote__arena_clear(&mapping.rows);
    return map;
}
