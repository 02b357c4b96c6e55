/* SPDX-License-Identifier: MIT */
/*
 * statement.c - the spans of one statement
 *
 * Tests: tests/hosts/postgresql/test_extension.sh
 */
#include "statement.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "commands/dbcommands.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/elog.h"

#include "tote/instrumentation/database.h"
#include "tote/propagator.h"

static const char *const database_system = "postgresql";

enum { MOST_ATTRIBUTES = 16, TEXT_BYTES = 4096 };

/* Spans that the statement of the client may still have below its own. */
static int nested_left;

/* Return the part of the text that is the statement. */
static struct place part_of(const struct place *place) {
    struct place part = *place;

    if (part.location > 0) {
        part.text += part.location;
    }
    if (part.length <= 0) {
        part.length = (int)strlen(part.text);
    }
    return part;
}

/* Return the name of the database; NULL: not known. It is read once. */
static const char *database_name(void) {
    static NameData name;

    if (!*NameStr(name) && IsTransactionState() && OidIsValid(MyDatabaseId)) {
        char *found = get_database_name(MyDatabaseId);
        namestrcpy(&name, found ? found : "");
    }
    return *NameStr(name) ? NameStr(name) : NULL;
}

/*
 * Return the context of the client: that of a comment in the text, else that of the settings. NULL:
 * none is valid.
 */
static tote_context *client_context(const struct place *place) {
    tote_context *context = NULL;

    if (strstr(place->text, "traceparent")) {
        context = tote_database_extract_comment(tote_context_root(), database_system, place->text,
                                                strlen(place->text));
    }
    if (*tote_traceparent && !tote_context_get_span(context)) {
        const tote_header headers[] = {
            {"traceparent", strlen("traceparent"), tote_traceparent, strlen(tote_traceparent)},
            {"tracestate", strlen("tracestate"), tote_tracestate, strlen(tote_tracestate)},
        };
        tote_context_unref(context);
        context = tote_extract_headers(tote_context_root(), headers, lengthof(headers));
    }
    if (context && !tote_context_get_span(context)) {
        tote_context_unref(context);
        context = NULL;
    }
    return context;
}

/* Start a span with the attributes of a statement. */
static struct statement start_text(const struct place *place, const char *tag,
                                   const tote_context *parent, tote_span_kind kind) {
    const struct place part = part_of(place);
    char summary[TOTE_DATABASE_SUMMARY_BYTES];
    char text[TEXT_BYTES];
    tote_attribute attributes[MOST_ATTRIBUTES];
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    struct statement statement = {.span = NULL};
    size_t count = 0;

    attributes[count++] = (tote_attribute){"db.system.name", tote_string(database_system)};
    attributes[count++] = (tote_attribute){"postgresql.pid", tote_int(MyProcPid)};
    if (database_name()) {
        attributes[count++] = (tote_attribute){"db.namespace", tote_string(database_name())};
    }
    if (tote_database_summarize(summary, sizeof summary, database_system, part.text,
                                (size_t)part.length)) {
        attributes[count++] = (tote_attribute){"db.query.summary", tote_string(summary)};
        tag = summary;
    }
    if (tote_query_text && tote_database_sanitize(text, sizeof text, database_system, part.text,
                                                  (size_t)part.length)) {
        attributes[count++] = (tote_attribute){"db.query.text", tote_string(text)};
    }
    options.parent = parent;
    options.kind = kind;
    options.attributes = attributes;
    options.attribute_count = count;
    statement.span = tote_tracer_start_span(recorder_tracer, tag, &options);
    statement.context = tote_context_with_span(parent, statement.span);
    return statement;
}

/* Return whether a statement of this client, or without a context, is recorded. */
static bool is_sampled(const tote_context *client) {
    return client
               ? tote_span_context_is_sampled(tote_span_get_context(tote_context_get_span(client)))
               : tote_sample_rate > 0 && pg_prng_double(&pg_global_prng_state) < tote_sample_rate;
}

struct statement statement_start(const struct place *place, const char *tag) {
    struct statement statement = {.span = NULL};
    tote_context *client = client_context(place);

    if (is_sampled(client)) {
        nested_left = tote_max_nested_spans;
        statement =
            start_text(place, tag, client ? client : tote_context_root(), TOTE_SPAN_KIND_SERVER);
        statement.is_clients = true;
    }
    tote_context_unref(client);
    return statement;
}

const tote_context *statement_current(void) {
    const tote_context *current = tote_context_current();

    return tote_span_is_recording(tote_context_get_span(current)) ? current : NULL;
}

/* Take a span of the limit. */
static bool may_nest(const tote_context *parent) {
    return parent && nested_left-- > 0;
}

struct statement statement_start_nested(const tote_context *parent, const struct place *place,
                                        const char *tag) {
    return may_nest(parent) ? start_text(place, tag, parent, TOTE_SPAN_KIND_INTERNAL)
                            : (struct statement){.span = NULL};
}

static struct statement start_step(const tote_context *parent, const char *name) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    struct statement statement = {.span = NULL};

    options.parent = parent;
    statement.span = tote_tracer_start_span(recorder_tracer, name, &options);
    statement.context = tote_context_with_span(parent, statement.span);
    return statement;
}

struct statement statement_start_step(const tote_context *parent, const char *name) {
    return may_nest(parent) ? start_step(parent, name) : (struct statement){.span = NULL};
}

/* Return the entry of a process of the server, or NULL. */
static struct leader_context *leader_of(const PGPROC *process) {
    return process && process->pgprocno >= 0 && process->pgprocno < shared->leader_count
               ? &shared->leaders[process->pgprocno]
               : NULL;
}

void statement_lead(const tote_context *context) {
    struct leader_context *own = leader_of(MyProc);
    const tote_span_context *span = tote_span_get_context(tote_context_get_span(context));

    if (!own) {
        return;
    }
    memset(own, 0, sizeof *own);
    if (context) {
        own->trace_id = *tote_span_context_get_trace_id(span);
        own->span_id = *tote_span_context_get_span_id(span);
        own->flags = tote_span_context_get_trace_flags(span);
        size_t length = tote_trace_state_to_header(tote_span_context_get_trace_state(span),
                                                   own->trace_state, sizeof own->trace_state);
        if (length >= sizeof own->trace_state) { /* no part of a member */
            own->trace_state[0] = '\0';
        }
    }
}

struct statement statement_start_parallel(void) {
    const struct leader_context *leader = leader_of(MyProc->lockGroupLeader);
    struct statement statement = {.span = NULL};

    if (!leader || !(leader->flags & TOTE_TRACE_FLAG_SAMPLED)) {
        return statement;
    }
    tote_trace_state *state =
        tote_trace_state_from_header(leader->trace_state, strlen(leader->trace_state));
    tote_span_context *remote =
        tote_span_context_new(&leader->trace_id, &leader->span_id, leader->flags, state, true);
    tote_span *parent = tote_span_non_recording_new(remote);
    tote_context *context = tote_context_with_span(tote_context_root(), parent);
    nested_left = tote_max_nested_spans;
    statement = start_step(context, "parallel worker");
    tote_span_set_attribute(statement.span, "postgresql.pid", tote_int(MyProcPid));
    tote_context_unref(context);
    tote_span_unref(parent);
    tote_span_context_unref(remote);
    tote_trace_state_unref(state);
    return statement;
}

void statement_fail(const struct statement *statement, int sqlstate) {
    tote_database_set_error(statement->span, unpack_sql_state(sqlstate), NULL, NULL);
}

static void set_work(tote_span *span, const struct work *work) {
    const struct {
        const char *key;
        int64 count;
    } counts[] = {
        {"postgresql.rows", (int64)work->rows},
        {"postgresql.shared_blks_hit", work->buffers.shared_blks_hit},
        {"postgresql.shared_blks_read", work->buffers.shared_blks_read},
        {"postgresql.shared_blks_dirtied", work->buffers.shared_blks_dirtied},
        {"postgresql.shared_blks_written", work->buffers.shared_blks_written},
        {"postgresql.temp_blks_read", work->buffers.temp_blks_read},
        {"postgresql.temp_blks_written", work->buffers.temp_blks_written},
        {"postgresql.wal_bytes", (int64)work->wal.wal_bytes},
    };
    tote_attribute attributes[lengthof(counts)];
    size_t count = 0;

    for (size_t i = 0; i < lengthof(counts); i++) {
        if (counts[i].count || i == 0) {
            attributes[count++] = (tote_attribute){counts[i].key, tote_int(counts[i].count)};
        }
    }
    tote_span_set_attributes(span, attributes, count);
}

void statement_end(struct statement *statement, const struct work *work) {
    if (work && tote_span_is_recording(statement->span)) {
        set_work(statement->span, work);
    }
    if (statement->is_clients && nested_left < 0) {
        tote_span_set_attribute(statement->span, "postgresql.dropped_spans",
                                tote_int(-(int64)nested_left));
    }
    tote_span_close(&statement->span);
    tote_context_unref(statement->context);
    statement->context = NULL;
}
