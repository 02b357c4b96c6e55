/* SPDX-License-Identifier: MIT */
/*
 * statements.c - the texts of the prepared statements of a connection
 *
 * The list is sorted by use. A name that is prepared again has the new text, whether or not the
 * server accepts it: if not, the text is almost always the same.
 *
 * Tests: tests/unit/test_pq_statements.c
 */
#include "pq_parts.h"
#include "tote/internal/memory.h"
#include "tote/internal/text.h"

enum { MAX_STATEMENTS = 256, MAX_BYTES = 256 * 1024, MAX_NAME = 1024 };

static size_t size_of(const struct tote__pq_statement *statement) {
    return sizeof *statement + statement->name_length + 1 + statement->text_length + 1;
}

static const char *text_of(const struct tote__pq_statement *statement) {
    return statement->name + statement->name_length + 1;
}

/* Take the statement out of the list. */
static void take(struct tote__pq_statements *statements, struct tote__pq_statement **at) {
    struct tote__pq_statement *taken = *at;

    *at = taken->next;
    statements->count--;
    statements->bytes -= size_of(taken);
}

static void insert(struct tote__pq_statements *statements, struct tote__pq_statement *statement) {
    statement->next = statements->first;
    statements->first = statement;
    statements->count++;
    statements->bytes += size_of(statement);
}

static struct tote__pq_statement *take_named(struct tote__pq_statements *statements,
                                             const char *name) {
    size_t length = strlen(name);
    uint64_t hash = tote__scan(name, length).hash;

    for (struct tote__pq_statement **at = &statements->first; *at; at = &(*at)->next) {
        struct tote__pq_statement *statement = *at;
        if (statement->hash == hash && strcmp(statement->name, name) == 0) {
            take(statements, at);
            return statement;
        }
    }
    return NULL;
}

static void release(struct tote__pq_statement *statement) {
    if (statement) {
        tote__release(statement, size_of(statement));
    }
}

static void remove_last(struct tote__pq_statements *statements) {
    struct tote__pq_statement **at = &statements->first;

    while ((*at)->next) {
        at = &(*at)->next;
    }
    struct tote__pq_statement *last = *at;
    take(statements, at);
    release(last);
}

void tote__pq_statement_add(struct tote__pq_statements *statements, const char *name,
                            const char *text) {
    release(take_named(statements, name));
    struct tote__pq_statement common = {
        .name_length = strlen(name),
        .text_length = strnlen(text, TOTE_DATABASE_MAX_TEXT + 1),
    };
    struct tote__pq_statement *added = NULL;
    if (common.name_length <= MAX_NAME && common.text_length <= TOTE_DATABASE_MAX_TEXT) {
        added = tote__allocate(size_of(&common));
    }
    if (!added) {
        return;
    }
    common.hash = tote__scan(name, common.name_length).hash;
    *added = common;
    memcpy(added->name, name, common.name_length + 1);
    memcpy(added->name + common.name_length + 1, text, common.text_length + 1);
    insert(statements, added);
    while (statements->count > MAX_STATEMENTS || statements->bytes > MAX_BYTES) {
        remove_last(statements);
    }
}

const char *tote__pq_statement_text(struct tote__pq_statements *statements, const char *name) {
    struct tote__pq_statement *found = take_named(statements, name);

    if (!found) {
        return NULL;
    }
    insert(statements, found);
    return text_of(found);
}

void tote__pq_statements_clear(struct tote__pq_statements *statements) {
    while (statements->first) {
        struct tote__pq_statement *first = statements->first;
        take(statements, &statements->first);
        release(first);
    }
}
