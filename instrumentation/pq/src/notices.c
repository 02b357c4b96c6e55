/* SPDX-License-Identifier: MIT */
/*
 * notices.c - notices of the server become events
 *
 * A notice receiver gets no connection, and results keep the receiver after their connection is
 * gone. So the receiver has no data: it finds the connection by the call of this thread, and then
 * calls the default receiver, which needs no data either.
 *
 * A receiver of the program is not replaced, because libpq does not return its argument.
 *
 * Tests: tests/hosts/postgresql/test_libpq.sh
 */
#include "pq_parts.h"

enum { MAX_NOTICES = 32 };

static _Thread_local struct tote__pq_connection *current __attribute__((tls_model("initial-exec")));

/*
 * The libpq whose notices become events, with its default receiver. Connections of another libpq in
 * the process keep their receiver.
 */
static _Atomic(struct tote__pq *) owner;
static _Atomic(PQnoticeReceiver) default_receiver;

struct tote__pq_connection *tote__pq_notices_enter(struct tote__pq_connection *connection) {
    struct tote__pq_connection *outer = current;

    current = connection;
    return outer;
}

void tote__pq_notices_leave(struct tote__pq_connection *outer) {
    current = outer;
}

static void add_event(struct tote__pq_connection *connection, const PGresult *notice) {
    static const struct {
        int field;
        const char *key;
    } fields[] = {
        {PG_DIAG_SEVERITY_NONLOCALIZED, "postgresql.notice.severity"},
        {PG_DIAG_SQLSTATE, "postgresql.notice.code"},
    };
    struct tote__pq_operation *operation = connection->syncs ? NULL : connection->first;
    tote_attribute attributes[TOTE_COUNT_OF(fields) + 1];
    char message[TOTE_DATABASE_MESSAGE_BYTES];
    size_t count = 0;

    if (!operation || operation->notices == MAX_NOTICES ||
        !tote_span_is_recording(operation->span)) {
        return;
    }
    operation->notices++;
    for (size_t i = 0; i < TOTE_COUNT_OF(fields); i++) {
        const char *text = connection->pq->result_error_field(notice, fields[i].field);
        if (text) {
            attributes[count++] = (tote_attribute){fields[i].key, tote_string(text)};
        }
    }
    size_t length =
        tote_database_message(message, sizeof message,
                              connection->pq->result_error_field(notice, PG_DIAG_MESSAGE_PRIMARY));
    if (length) {
        attributes[count++] = (tote_attribute){"postgresql.notice.message", tote_string(message)};
    }
    tote_span_add_event(operation->span, "postgresql.notice", attributes, count, 0);
}

static void receive(void *arg, const PGresult *notice) {
    if (current) {
        add_event(current, notice);
    }
    atomic_load (&default_receiver)(arg, notice);
}

/* Find the default receiver: that of a connection which failed before it did anything. */
static void find_default(struct tote__pq *pq) {
    struct tote__pq *none = NULL;
    PGconn *conn = pq->connect_start("=");

    if (conn) {
        atomic_store(&default_receiver, pq->set_notice_receiver(conn, NULL, NULL));
        pq->finish(conn);
        atomic_compare_exchange_strong(&owner, &none, pq);
    }
}

void tote__pq_notices_attach(struct tote__pq *pq, PGconn *conn) {
    if (!atomic_load(&owner)) {
        find_default(pq);
    }
    if (atomic_load(&owner) == pq &&
        pq->set_notice_receiver(conn, NULL, NULL) == atomic_load(&default_receiver)) {
        pq->set_notice_receiver(conn, receive, NULL);
    }
}
