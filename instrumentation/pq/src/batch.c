/* SPDX-License-Identifier: MIT */
/*
 * batch.c - the commands of a pipeline up to a synchronization point, as one operation
 *
 * The span is started with the first command. The summary and the text of a batch are known at its
 * end. Spec: database-spans.md, db.operation.batch.size and db.query.summary
 *
 * Tests: tests/hosts/postgresql/test_libpq.sh
 */
#include <stdio.h>
#include <string.h>

#include "pq_parts.h"
#include "tote/internal/memory.h"
#include "tote/internal/tracer.h"

struct tote__pq_batch {
    size_t commands;
    bool has_operation;    /* the first command has an operation name */
    bool has_one_summary;  /* all commands have the same summary */
    bool has_one_text;     /* all commands have the same text */
    size_t summary_length; /* of the first command */
    size_t text_length;    /* of all texts, or of the first one if there is one text */
    char summary[TOTE_DATABASE_SUMMARY_BYTES];
    char text[TOTE_DATABASE_MAX_TEXT + 1];
};

/* Append as much as fits. */
static void append(struct tote__pq_batch *batch, const char *text, size_t length) {
    size_t left = sizeof batch->text - 1 - batch->text_length;

    length = length < left ? length : left;
    memcpy(batch->text + batch->text_length, text, length);
    batch->text_length += length;
}

/* Append the text of a further command. */
static void append_text(struct tote__pq_batch *batch, const char *text, size_t length) {
    size_t first = batch->text_length;

    if (batch->has_one_text && length == first && memcmp(batch->text, text, length) == 0) {
        return;
    }
    for (size_t i = 1; batch->has_one_text && i < batch->commands; i++) {
        append(batch, "; ", 2);
        append(batch, batch->text, first);
    }
    batch->has_one_text = false;
    append(batch, "; ", 2);
    append(batch, text, length);
}

static struct tote__pq_batch *new_batch(const tote_database_call *call) {
    struct tote__pq_batch *batch = tote__allocate(sizeof *batch);

    if (batch) {
        batch->commands = 1;
        batch->has_operation = call->operation != NULL;
        batch->has_one_summary = batch->has_one_text = true;
        batch->summary_length = tote_database_summary(batch->summary, sizeof batch->summary, call);
        batch->text_length = tote_database_text(batch->text, sizeof batch->text, call);
    }
    return batch;
}

/* Set what the span of one command was started without. */
static void describe_span(tote_span *span, const struct tote__pq_batch *batch) {
    if (batch->summary_length) {
        tote_span_update_name(span, batch->summary);
        tote_span_set_attribute(span, "db.query.summary", tote_string(batch->summary));
    }
    if (batch->text_length) {
        tote_span_set_attribute(span, "db.query.text",
                                tote_string_of(batch->text, batch->text_length));
    }
}

tote_span *tote__pq_batch_start(struct tote__pq_batch **batch, tote_tracer *tracer,
                                const tote_context *parent, const tote_database_call *call) {
    bool shows_attributes = tote__tracer_shows_attributes(tracer);
    tote_database_call started = *call;

    if (!shows_attributes) { /* so that the text is read once, for the batch */
        started.query = NULL;
        started.summary = "";
    }
    tote_span *span = tote_database_start(tracer, parent, &started);
    *batch = tote_span_is_recording(span) ? new_batch(call) : NULL;
    if (*batch && !shows_attributes) {
        describe_span(span, *batch);
    }
    return span;
}

void tote__pq_batch_add(struct tote__pq_batch *batch, const tote_database_call *call) {
    struct tote__pq_batch *added = batch ? new_batch(call) : NULL;

    if (!added) {
        return;
    }
    batch->has_one_summary = batch->has_one_summary &&
                             batch->summary_length == added->summary_length &&
                             memcmp(batch->summary, added->summary, added->summary_length) == 0;
    append_text(batch, added->text, added->text_length);
    batch->commands++;
    tote__release(added, sizeof *added);
}

void tote__pq_batch_end(struct tote__pq_batch *batch, tote_span *span) {
    char name[sizeof batch->summary + sizeof "BATCH "] = "BATCH";

    if (batch && batch->commands > 1) {
        if (batch->has_one_summary && batch->summary_length) {
            snprintf(name, sizeof name, "BATCH %.*s", (int)batch->summary_length, batch->summary);
        }
        tote_span_update_name(span, name);
        tote_attribute attributes[] = {
            {"db.query.summary", tote_string(name)},
            {"db.operation.batch.size", tote_uint(batch->commands)},
            {batch->text_length ? "db.query.text" : NULL,
             tote_string_of(batch->text, batch->text_length)},
            {batch->has_operation ? "db.operation.name" : NULL, tote_string("BATCH")},
        };
        for (size_t i = 0; i < TOTE_COUNT_OF(attributes); i++) {
            if (attributes[i].key) {
                tote_span_set_attribute(span, attributes[i].key, attributes[i].value);
            }
        }
    }
    tote__release(batch, sizeof *batch);
}
