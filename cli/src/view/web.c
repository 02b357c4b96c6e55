/* SPDX-License-Identifier: MIT */
/*
 * web.c - the page of the viewer, and its HTTP API
 *
 * Bodies are built on the daemon's thread. The bodies that are still being sent are limited to
 * MOST_BYTES, so slow readers cannot use more.
 *
 * Streams of events: a stream that has nothing to send is suspended. A thread, which the first
 * stream starts, waits for changes of the model and resumes all streams. `lock` guards the list of
 * streams and `version`. MHD_suspend_connection() and MHD_resume_connection() are called with the
 * lock held, so that no change is missed between the check and the suspension.
 *
 * Tests: tests/cli/test_web.sh, tests/web/test_page.py
 */
#include "web.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis.h"
#include "export.h"
#include "json_member.h"
#include "list.h"
#include "page.h"

enum {
    PAUSE_MS = 100,      /* between two events of a stream */
    WAIT_MS = 250,       /* how long the end of the program may be delayed */
    ALIVE_MS = 15000,    /* between comments, which detect closed connections */
    BLOCK_BYTES = 65536, /* of a response */
    EVENT_BYTES = 64
};

static const size_t MOST_BYTES = (size_t)256 << 20;
static const char json_type[] = "application/json";

struct web {
    struct model *model;
    bool has_page;
    atomic_size_t bytes; /* of bodies that are being sent */
    pthread_mutex_t lock;
    pthread_t thread;
    bool has_thread;
    bool is_stopping;
    uint64_t version;
    uint64_t beat; /* grows by one for each comment */
    struct stream *streams;
    size_t stream_count;
};

/* A connection that receives events. */
struct stream {
    struct stream *next;
    struct stream *previous;
    struct web *web;
    struct MHD_Connection *connection;
    bool is_suspended;
    uint64_t version; /* that was sent */
    uint64_t beat;
    char text[EVENT_BYTES]; /* that is being sent */
    size_t length;
    size_t sent;
};

/* A body that is being sent. */
struct body {
    struct web *web;
    struct tote__buffer buffer;
};

struct web *web_new(struct model *model, bool has_page) {
    struct web *web = calloc(1, sizeof *web);

    if (web) {
        web->model = model;
        web->has_page = has_page;
        pthread_mutex_init(&web->lock, NULL);
    }
    return web;
}

void web_free(struct web *web) {
    if (web) {
        pthread_mutex_destroy(&web->lock);
        free(web);
    }
}

bool web_has_path(const char *path) {
    return strcmp(path, "/") == 0 || strncmp(path, "/api/", 5) == 0;
}

void web_add_headers(struct MHD_Response *response) {
    static const char *const headers[][2] = {
        {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(headers); i++) {
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
    }
}

/* Queue a response, which is NULL if out of memory, and release it. */
static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, const char *type,
                             const char *policy, struct MHD_Response *response) {
    if (!response) {
        return MHD_NO;
    }
    web_add_headers(response);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, "Content-Security-Policy", policy);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static const char no_content[] = "default-src 'none'; frame-ancestors 'none'";

static enum MHD_Result respond_problem(struct MHD_Connection *connection, unsigned status,
                                       const char *message) {
    struct tote__buffer buffer = {NULL, 0, 0};
    struct tote__json json = tote__json_start(&buffer);
    struct MHD_Response *response = NULL;

    json_member_text(&json, "{\"message\":", message);
    tote__json_end(&json, '}');
    if (tote__json_finish(&json)) {
        response =
            MHD_create_response_from_buffer(buffer.size, buffer.bytes, MHD_RESPMEM_MUST_COPY);
    }
    tote__buffer_clear(&buffer);
    return queue(connection, status, json_type, no_content, response);
}

/* ---- bodies */

static ssize_t read_body(void *cls, uint64_t position, char *out, size_t size) {
    const struct body *body = cls;

    if (position >= body->buffer.size) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t left = body->buffer.size - (size_t)position;
    size_t part = left < size ? left : size;
    memcpy(out, body->buffer.bytes + position, part);
    return (ssize_t)part;
}

static void free_body(void *cls) {
    struct body *body = cls;

    atomic_fetch_sub(&body->web->bytes, body->buffer.capacity);
    tote__buffer_clear(&body->buffer);
    free(body);
}

/* Send the bytes of the buffer and free them later, in any case. */
static enum MHD_Result respond_json(struct web *web, struct MHD_Connection *connection,
                                    struct tote__buffer *buffer, const char *tag) {
    size_t capacity = buffer->capacity;
    struct body *body = calloc(1, sizeof *body);

    if (atomic_fetch_add(&web->bytes, capacity) + capacity > MOST_BYTES || !body) {
        atomic_fetch_sub(&web->bytes, capacity);
        tote__buffer_clear(buffer);
        free(body);
        return respond_problem(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                               capacity > MOST_BYTES ? "the response is too large"
                                                     : "too many responses are being sent");
    }
    *body = (struct body){web, *buffer};
    struct MHD_Response *response = MHD_create_response_from_callback(
        body->buffer.size, BLOCK_BYTES, read_body, body, free_body);
    if (!response) {
        free_body(body);
        return MHD_NO;
    }
    if (*tag) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, tag);
    }
    return queue(connection, MHD_HTTP_OK, json_type, no_content, response);
}

static enum MHD_Result respond_out_of_memory(struct MHD_Connection *connection,
                                             struct tote__buffer *buffer) {
    tote__buffer_clear(buffer);
    return respond_problem(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
}

/* ---- paths */

static enum MHD_Result respond_page(struct web *web, struct MHD_Connection *connection,
                                    const char *rest) {
    (void)rest;
    if (!web->has_page) {
        return respond_problem(connection, MHD_HTTP_NOT_FOUND,
                               "the page is off: start `tote view --web`");
    }
    return queue(connection, MHD_HTTP_OK, "text/html; charset=utf-8", page_policy,
                 MHD_create_response_from_buffer(page_html_size, (void *)(uintptr_t)page_html,
                                                 MHD_RESPMEM_PERSISTENT));
}

/* The options of a list, from the query of a URL. */
struct list_query {
    struct list_options options;
    char problem[LIST_PROBLEM_BYTES];
};

static enum MHD_Result set_option(void *cls, enum MHD_ValueKind kind, const char *key,
                                  const char *value) {
    struct list_query *query = cls;

    (void)kind;
    return list_options_set(&query->options, key, value ? value : "", query->problem) ? MHD_YES
                                                                                      : MHD_NO;
}

static enum MHD_Result respond_list(struct web *web, struct MHD_Connection *connection,
                                    const char *rest) {
    struct list_query query = {.options = LIST_OPTIONS_INIT};
    struct tote__buffer buffer = {NULL, 0, 0};

    (void)rest;
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, set_option, &query);
    if (*query.problem) {
        list_options_clear(&query.options);
        return respond_problem(connection, MHD_HTTP_BAD_REQUEST, query.problem);
    }
    model_lock(web->model);
    bool is_done = export_list_json(web->model, &query.options, &buffer);
    model_unlock(web->model);
    list_options_clear(&query.options);
    return is_done ? respond_json(web, connection, &buffer, "")
                   : respond_out_of_memory(connection, &buffer);
}

static bool is_current(struct MHD_Connection *connection, const char *tag) {
    const char *known =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);

    return known && strcmp(known, tag) == 0;
}

static enum MHD_Result respond_trace(struct web *web, struct MHD_Connection *connection,
                                     const char *id) {
    struct tote__buffer buffer = {NULL, 0, 0};
    char tag[32] = "";
    bool is_done = false;

    model_lock(web->model);
    struct trace *trace = model_find_text(web->model, id);
    if (trace) {
        snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)trace->version);
    }
    bool is_known = trace && is_current(connection, tag);
    if (trace && !is_known) {
        is_done = export_otlp_json(trace, &buffer);
    }
    model_unlock(web->model);
    if (is_known) {
        return queue(connection, MHD_HTTP_NOT_MODIFIED, json_type, no_content,
                     MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
    }
    if (!trace) {
        return respond_problem(connection, MHD_HTTP_NOT_FOUND,
                               "the viewer has no trace with this id");
    }
    return is_done ? respond_json(web, connection, &buffer, tag)
                   : respond_out_of_memory(connection, &buffer);
}

static void put_times(struct tote__json *json, size_t calls, size_t errors, uint64_t p50_ns,
                      uint64_t p99_ns) {
    json_member_count(json, "\"calls\":", calls);
    json_member_count(json, "\"errors\":", errors);
    json_member_nanoseconds(json, "\"p50Nano\":", p50_ns);
    json_member_nanoseconds(json, "\"p99Nano\":", p99_ns);
}

static void put_map(struct tote__json *json, const struct service_map *map) {
    tote__json_put(json, "{\"services\":[");
    for (size_t i = 0; i < map->service_count; i++) {
        const struct map_service *service = &map->services[i];
        json_member_text(json, "{\"name\":", service->name);
        tote__json_put(json, service->is_peer ? "\"peer\":true," : "\"peer\":false,");
        json_member_count(json, "\"spans\":", service->span_count);
        tote__json_put(json, "\"rate\":");
        tote__json_double(json, service->rate);
        put_times(json, service->call_count, service->error_count, service->p50_ns,
                  service->p99_ns);
        tote__json_end(json, '}');
    }
    tote__json_end(json, ']');
    tote__json_put(json, "\"calls\":[");
    for (size_t i = 0; i < map->edge_count; i++) {
        const struct map_edge *edge = &map->edges[i];
        json_member_text(json, "{\"from\":", map->services[edge->from].name);
        json_member_text(json, "\"to\":", map->services[edge->to].name);
        put_times(json, edge->call_count, edge->error_count, edge->p50_ns, edge->p99_ns);
        tote__json_end(json, '}');
    }
    tote__json_end(json, ']');
    tote__json_put(json, map->is_cut ? "\"cut\":true," : "\"cut\":false,");
    tote__json_end(json, '}');
}

static enum MHD_Result respond_map(struct web *web, struct MHD_Connection *connection,
                                   const char *rest) {
    struct tote__arena arena = {0};
    struct tote__buffer buffer = {NULL, 0, 0};
    struct tote__json json = tote__json_start(&buffer);

    (void)rest;
    model_lock(web->model);
    struct service_map map = service_map(web->model, NULL, &arena);
    put_map(&json, &map);
    model_unlock(web->model);
    bool is_done = tote__json_finish(&json);
    tote__arena_clear(&arena);
    return is_done ? respond_json(web, connection, &buffer, "")
                   : respond_out_of_memory(connection, &buffer);
}

/* ---- events */

static uint64_t version_of(struct model *model) {
    model_lock(model);
    uint64_t version = model_counts(model).version;
    model_unlock(model);
    return version;
}

/* Needs the lock. */
static void resume_all(struct web *web) {
    for (struct stream *stream = web->streams; stream; stream = stream->next) {
        if (stream->is_suspended) {
            stream->is_suspended = false;
            MHD_resume_connection(stream->connection);
        }
    }
}

static void *wait_for_changes(void *arg) {
    const struct timespec pause = {0, PAUSE_MS * 1000000L};
    struct web *web = arg;
    uint64_t seen = web->version;
    unsigned quiet_ms = 0;
    bool is_stopping = false;

    while (!is_stopping) {
        uint64_t version = model_wait(web->model, seen, WAIT_MS);
        quiet_ms = version == seen ? quiet_ms + WAIT_MS : 0;
        pthread_mutex_lock(&web->lock);
        if (quiet_ms >= ALIVE_MS) {
            quiet_ms = 0;
            web->beat++;
            resume_all(web);
        }
        if (version != seen) {
            web->version = version;
            resume_all(web);
        }
        is_stopping = web->is_stopping;
        pthread_mutex_unlock(&web->lock);
        if (version != seen && !is_stopping) {
            nanosleep(&pause, NULL);
        }
        seen = version;
    }
    return NULL;
}

/* Write the next event of a stream into its text. Returns false if there is none. */
static bool next_event(struct stream *stream) {
    struct web *web = stream->web;
    int length = 0;

    if (stream->version != web->version) {
        length = snprintf(stream->text, sizeof stream->text, "data: {\"version\":%llu}\n\n",
                          (unsigned long long)web->version);
    } else if (stream->beat != web->beat) {
        length = snprintf(stream->text, sizeof stream->text, ":\n\n");
    }
    stream->version = web->version;
    stream->beat = web->beat;
    stream->length = (size_t)length;
    stream->sent = 0;
    return length > 0;
}

static ssize_t read_events(void *cls, uint64_t position, char *out, size_t size) {
    struct stream *stream = cls;
    struct web *web = stream->web;
    ssize_t part = 0;

    (void)position;
    pthread_mutex_lock(&web->lock);
    if (web->is_stopping) {
        part = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (stream->sent < stream->length || next_event(stream)) {
        size_t left = stream->length - stream->sent;
        part = (ssize_t)(left < size ? left : size);
        memcpy(out, stream->text + stream->sent, (size_t)part);
        stream->sent += (size_t)part;
    } else {
        stream->is_suspended = true;
        MHD_suspend_connection(stream->connection);
    }
    pthread_mutex_unlock(&web->lock);
    return part;
}

static void free_stream(void *cls) {
    struct stream *stream = cls;
    struct web *web = stream->web;

    pthread_mutex_lock(&web->lock);
    *(stream->previous ? &stream->previous->next : &web->streams) = stream->next;
    if (stream->next) {
        stream->next->previous = stream->previous;
    }
    web->stream_count--;
    pthread_mutex_unlock(&web->lock);
    free(stream);
}

/* Returns NULL if there are too many streams, or if out of memory. */
static struct stream *add_stream(struct web *web, struct MHD_Connection *connection) {
    struct stream *stream = NULL;
    uint64_t version = version_of(web->model);

    pthread_mutex_lock(&web->lock);
    if (!web->has_thread && !web->is_stopping) {
        web->version = version;
        web->has_thread = pthread_create(&web->thread, NULL, wait_for_changes, web) == 0;
    }
    if (web->has_thread && web->stream_count < WEB_MOST_STREAMS) {
        stream = calloc(1, sizeof *stream);
    }
    if (stream) {
        *stream = (struct stream){.next = web->streams,
                                  .web = web,
                                  .connection = connection,
                                  .version = web->version - 1,
                                  .beat = web->beat};
        if (stream->next) {
            stream->next->previous = stream;
        }
        web->streams = stream;
        web->stream_count++;
    }
    pthread_mutex_unlock(&web->lock);
    return stream;
}

bool web_is_stream(struct web *web, const struct MHD_Connection *connection) {
    pthread_mutex_lock(&web->lock);
    const struct stream *stream = web->streams;
    while (stream && stream->connection != connection) {
        stream = stream->next;
    }
    pthread_mutex_unlock(&web->lock);
    return stream != NULL;
}

static enum MHD_Result respond_events(struct web *web, struct MHD_Connection *connection,
                                      const char *rest) {
    struct stream *stream = add_stream(web, connection);

    (void)rest;
    if (!stream) {
        return respond_problem(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "too many streams");
    }
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, EVENT_BYTES, read_events, stream, free_stream);
    if (!response) {
        free_stream(stream);
        return MHD_NO;
    }
    return queue(connection, MHD_HTTP_OK, "text/event-stream", no_content, response);
}

void web_stop(struct web *web) {
    pthread_mutex_lock(&web->lock);
    web->is_stopping = true;
    resume_all(web);
    pthread_mutex_unlock(&web->lock);
    if (web->has_thread) {
        pthread_join(web->thread, NULL);
    }
}

/* ---- all paths */

static const struct {
    const char *path;
    bool is_prefix; /* the rest of the path is a parameter */
    bool is_public; /* pages of other origins may link to it */
    enum MHD_Result (*respond)(struct web *web, struct MHD_Connection *connection,
                               const char *rest);
} paths[] = {
    {"/", false, true, respond_page},
    {"/api/events", false, false, respond_events},
    {"/api/map", false, false, respond_map},
    {"/api/traces", false, false, respond_list},
    {"/api/traces/", true, false, respond_trace},
};

enum MHD_Result web_respond(struct web *web, struct MHD_Connection *connection, const char *path,
                            const char *method, bool is_foreign) {
    for (size_t i = 0; i < TOTE_COUNT_OF(paths); i++) {
        size_t length = strlen(paths[i].path);

        if (paths[i].is_prefix ? strncmp(path, paths[i].path, length) != 0
                               : strcmp(path, paths[i].path) != 0) {
            continue;
        }
        if (is_foreign && !paths[i].is_public) {
            return respond_problem(connection, MHD_HTTP_FORBIDDEN, WEB_FOREIGN);
        }
        if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
            return respond_problem(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                                   "the methods are GET and HEAD");
        }
        return paths[i].respond(web, connection, path + length);
    }
    return respond_problem(connection, MHD_HTTP_NOT_FOUND,
                           "the paths are /api/traces, /api/traces/ID, /api/map and /api/events");
}
