/* SPDX-License-Identifier: MIT */
/*
 * call.c - client spans of database calls. Spec: database-spans.md
 *
 * Tests: tests/unit/test_database.c
 */
#include <stdio.h>

#include "database_parts.h"
#include "tote/internal/memory.h"
#include "tote/internal/tracer.h"

enum { MOST_ATTRIBUTES = 13, MOST_NAME = 512, MOST_READ = 4 * TOTE_DATABASE_MAX_TEXT };

static const char unknown_name[] = "database";

/* What a span is started with. Allocated, because stacks may be small. */
struct start {
    const tote_database_call *call;
    tote_attribute attributes[MOST_ATTRIBUTES];
    size_t count;
    char name[MOST_NAME];
    char summary[TOTE_DATABASE_SUMMARY_BYTES];
    char text[TOTE_DATABASE_MAX_TEXT + 1];
};

static void add(struct start *start, const char *key, tote_value value) {
    start->attributes[start->count++] = (tote_attribute){key, value};
}

static void add_text(struct start *start, const char *key, const char *text) {
    if (text && *text) {
        add(start, key, tote_string(text));
    }
}

static bool is_default_port(const char *system, uint16_t port) {
    static const struct {
        const char *system;
        uint16_t port;
    } known[] = {{"postgresql", 5432},
                 {"mysql", 3306},
                 {"mariadb", 3306},
                 {"redis", 6379},
                 {"cockroachdb", 26257}};

    for (size_t i = 0; system && i < TOTE_COUNT_OF(known); i++) {
        if (strcmp(system, known[i].system) == 0) {
            return port == known[i].port;
        }
    }
    return false;
}

size_t tote_database_text(char *buffer, size_t size, const tote_database_call *given) {
    tote_database_call call = TOTE_DATABASE_CALL_INIT;
    enum tote__database_text config = tote__database_config()->text;

    TOTE__COPY_OPTIONS(tote_database_call, &call, given);
    if (!buffer || !size) {
        return 0;
    }
    buffer[0] = '\0';
    if (!call.query || config == TOTE__DATABASE_TEXT_NONE) {
        return 0;
    }
    if (!call.is_parameterized && config == TOTE__DATABASE_TEXT_SANITIZED) {
        return tote_database_sanitize(buffer, size, call.system, call.query,
                                      tote__min(call.query_length, MOST_READ));
    }
    return tote__utf8_copy(buffer, size, call.query, call.query_length);
}

size_t tote_database_summary(char *buffer, size_t size, const tote_database_call *given) {
    tote_database_call call = TOTE_DATABASE_CALL_INIT;
    size_t prefix = 0;

    TOTE__COPY_OPTIONS(tote_database_call, &call, given);
    if (!buffer || !size) {
        return 0;
    }
    buffer[0] = '\0';
    size = tote__min(size, TOTE_DATABASE_SUMMARY_BYTES);
    if (call.summary) {
        return tote__utf8_copy(buffer, size, call.summary, strlen(call.summary));
    }
    if (!call.query) {
        return 0;
    }
    if (call.summary_prefix && *call.summary_prefix) {
        prefix = strlen(call.summary_prefix) + 1;
        if (prefix >= size) {
            return 0;
        }
    }
    size_t length = tote_database_summarize(buffer + prefix, size - prefix, call.system, call.query,
                                            tote__min(call.query_length, MOST_READ));
    if (!length) {
        buffer[0] = '\0';
        return 0;
    }
    if (prefix) {
        memcpy(buffer, call.summary_prefix, prefix - 1);
        buffer[prefix - 1] = ' ';
    }
    return prefix + length;
}

/* Add the text of the query and its summary. */
static void add_query(struct start *start) {
    const tote_database_call *call = start->call;

    tote_database_summary(start->summary, sizeof start->summary, call);
    add_text(start, "db.query.summary", start->summary);
    size_t length = tote_database_text(start->text, sizeof start->text, call);
    if (length) {
        add(start, "db.query.text", tote_string_of(start->text, length));
    }
}

static void add_addresses(struct start *start) {
    const tote_database_call *call = start->call;

    add_text(start, "server.address", call->server_address);
    if (call->server_address && call->server_port &&
        !is_default_port(call->system, call->server_port)) {
        add(start, "server.port", tote_int(call->server_port));
    }
    add_text(start, "network.peer.address", call->peer_address);
    if (call->peer_address && call->peer_port) {
        add(start, "network.peer.port", tote_int(call->peer_port));
    }
}

/* The index of a database of Redis is no part of a name. Spec: redis.md */
static const char *target_of(const tote_database_call *call, char *buffer, size_t size) {
    bool is_redis = call->system && strcmp(call->system, "redis") == 0;
    const char *const targets[] = {call->collection, call->stored_procedure,
                                   is_redis ? NULL : call->db_namespace};

    for (size_t i = 0; i < TOTE_COUNT_OF(targets); i++) {
        if (targets[i] && *targets[i]) {
            return targets[i];
        }
    }
    if (call->server_address && *call->server_address && call->server_port) {
        snprintf(buffer, size, "%s:%u", call->server_address, (unsigned)call->server_port);
        return buffer;
    }
    return NULL;
}

/* Return the name of the span. Spec: database-spans.md#name */
static const char *name_of(struct start *start) {
    const tote_database_call *call = start->call;
    char address[MOST_NAME / 2];

    if (*start->summary) {
        return start->summary;
    }
    const char *target = target_of(call, address, sizeof address);
    if (call->operation && *call->operation) {
        snprintf(start->name, sizeof start->name, target ? "%s %s" : "%s", call->operation, target);
    } else if (target) {
        snprintf(start->name, sizeof start->name, "%s", target);
    } else {
        return call->system && *call->system ? call->system : "database";
    }
    return start->name;
}

/* Add all attributes. */
static void describe(struct start *start, const tote_database_call *call) {
    start->call = call;
    start->count = 0;
    add_text(start, "db.system.name", call->system);
    add_text(start, "db.namespace", call->db_namespace);
    add_text(start, "db.collection.name", call->collection);
    add_text(start, "db.stored_procedure.name", call->stored_procedure);
    add_text(start, "db.operation.name", call->operation);
    if (call->batch_size > 1) {
        add(start, "db.operation.batch.size", tote_uint(call->batch_size));
    }
    add_query(start);
    add_addresses(start);
}

/* Start the span with its attributes, for samplers and processors that look at them. */
static tote_span *start_described(tote_tracer *tracer, tote_span_options *options,
                                  const tote_database_call *call) {
    struct start *start = tote__allocate(sizeof *start);
    const char *name = unknown_name;

    if (start) {
        describe(start, call);
        name = name_of(start);
        options->attributes = start->attributes;
        options->attribute_count = start->count;
    }
    tote_span *span = tote_tracer_start_span(tracer, name, options);
    tote__release(start, sizeof *start);
    return span;
}

/* Start the span, and set its name and attributes if it is recording. */
static tote_span *start_undescribed(tote_tracer *tracer, const tote_span_options *options,
                                    const tote_database_call *call) {
    tote_span *span = tote_tracer_start_span(tracer, unknown_name, options);
    struct start *start = tote_span_is_recording(span) ? tote__allocate(sizeof *start) : NULL;

    if (start) {
        describe(start, call);
        tote_span_update_name(span, name_of(start));
        tote_span_set_attributes(span, start->attributes, start->count);
    }
    tote__release(start, sizeof *start);
    return span;
}

tote_span *tote_database_start(tote_tracer *tracer, const tote_context *parent,
                               const tote_database_call *given) {
    tote_database_call call = TOTE_DATABASE_CALL_INIT;
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    TOTE__COPY_OPTIONS(tote_database_call, &call, given);
    options.parent = parent;
    options.kind = TOTE_SPAN_KIND_CLIENT;
    if (tote__tracer_shows_attributes(tracer) && tote_tracer_is_enabled(tracer, &options)) {
        return start_described(tracer, &options, &call);
    }
    return start_undescribed(tracer, &options, &call);
}

size_t tote_database_message(char *buffer, size_t size, const char *message) {
    enum tote__database_text config = tote__database_config()->text;
    size_t length = message ? strlen(message) : 0;

    if (!buffer || !size) {
        return 0;
    }
    buffer[0] = '\0';
    if (!length || config == TOTE__DATABASE_TEXT_NONE) {
        return 0;
    }
    if (config == TOTE__DATABASE_TEXT_SANITIZED) {
        return tote__sql_sanitize(buffer, size, TOTE__SQL_PROSE, message, length);
    }
    return tote__utf8_copy(buffer, size, message, length);
}

void tote_database_set_error(tote_span *span, const char *code, const char *error_type,
                             const char *description) {
    char text[TOTE_DATABASE_MESSAGE_BYTES];
    bool has_code = code && *code;

    if (has_code) {
        tote_span_set_attribute(span, "db.response.status_code", tote_string(code));
    }
    if (!error_type || !*error_type) {
        error_type = has_code ? code : "_OTHER";
    }
    tote_span_set_attribute(span, "error.type", tote_string(error_type));
    size_t length = tote_database_message(text, sizeof text, description);
    tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, length ? text : NULL);
}

void tote_database_set_rows(tote_span *span, uint64_t rows) {
    if (tote_database_wants_rows()) {
        tote_span_set_attribute(span, "db.response.returned_rows", tote_uint(rows));
    }
}
