/* SPDX-License-Identifier: MIT */
/*
 * keys.h - keys of attributes that many spans have
 *
 * An attribute whose key points into this table is added to a span faster: the length of the key is
 * known, it is ASCII, and it is copied as a whole entry. A key may also be any other text.
 */
#ifndef TOTE_INTERNAL_KEYS_H
#define TOTE_INTERNAL_KEYS_H

#include "tote/internal/shared.h"

/* Spec: semantic-conventions, http-spans.md, database-spans.md */
#define TOTE__KEYS(KEY)                                                                            \
    KEY(CLIENT_ADDRESS, "client.address")                                                          \
    KEY(DB_COLLECTION_NAME, "db.collection.name")                                                  \
    KEY(DB_NAMESPACE, "db.namespace")                                                              \
    KEY(DB_OPERATION_BATCH_SIZE, "db.operation.batch.size")                                        \
    KEY(DB_OPERATION_NAME, "db.operation.name")                                                    \
    KEY(DB_QUERY_SUMMARY, "db.query.summary")                                                      \
    KEY(DB_QUERY_TEXT, "db.query.text")                                                            \
    KEY(DB_RESPONSE_STATUS_CODE, "db.response.status_code")                                        \
    KEY(DB_STORED_PROCEDURE_NAME, "db.stored_procedure.name")                                      \
    KEY(DB_SYSTEM_NAME, "db.system.name")                                                          \
    KEY(ERROR_TYPE, "error.type")                                                                  \
    KEY(HTTP_REQUEST_METHOD, "http.request.method")                                                \
    KEY(HTTP_REQUEST_METHOD_ORIGINAL, "http.request.method_original")                              \
    KEY(HTTP_REQUEST_RESEND_COUNT, "http.request.resend_count")                                    \
    KEY(HTTP_RESPONSE_STATUS_CODE, "http.response.status_code")                                    \
    KEY(HTTP_ROUTE, "http.route")                                                                  \
    KEY(NETWORK_PEER_ADDRESS, "network.peer.address")                                              \
    KEY(NETWORK_PEER_PORT, "network.peer.port")                                                    \
    KEY(NETWORK_PROTOCOL_VERSION, "network.protocol.version")                                      \
    KEY(SERVER_ADDRESS, "server.address")                                                          \
    KEY(SERVER_PORT, "server.port")                                                                \
    KEY(URL_FULL, "url.full")                                                                      \
    KEY(URL_PATH, "url.path")                                                                      \
    KEY(URL_QUERY, "url.query")                                                                    \
    KEY(URL_SCHEME, "url.scheme")                                                                  \
    KEY(URL_TEMPLATE, "url.template")                                                              \
    KEY(USER_AGENT_ORIGINAL, "user_agent.original")

enum { TOTE__KEY_BITS = 5, TOTE__KEY_BYTES = 1 << TOTE__KEY_BITS };

struct tote__key {
    char text[TOTE__KEY_BYTES - 1]; /* and NULs */
    uint8_t length;
};

enum {
#define TOTE__KEY_NUMBER(name, text) TOTE__KEY_##name,
    TOTE__KEYS(TOTE__KEY_NUMBER)
#undef TOTE__KEY_NUMBER
        TOTE__KEY_COUNT
};

extern TOTE_SHARED const struct tote__key tote__keys[TOTE__KEY_COUNT];

/* The text of a key: TOTE__KEY(URL_PATH). */
#define TOTE__KEY(name) (tote__keys[TOTE__KEY_##name].text)

/* Return the number of a key that points into the table; TOTE__KEY_COUNT and above: it does not. */
tote__always_inline size_t tote__key_number(const char *key) {
    size_t offset = (uintptr_t)key - (uintptr_t)tote__keys;

    /* Rotated: the rest of a pointer into a key becomes part of a large number. */
    return offset / TOTE__KEY_BYTES | offset << (sizeof offset * 8 - TOTE__KEY_BITS);
}

#endif
