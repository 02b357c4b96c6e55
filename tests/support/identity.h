/* SPDX-License-Identifier: MIT */
/* identity.h - the certificate and key of a receiver with TLS */
#ifndef TOTE_TESTS_IDENTITY_H
#define TOTE_TESTS_IDENTITY_H

#include <stdbool.h>

/* A self-signed certificate for 127.0.0.1, and its key. */
struct identity {
    char folder[32];
    char certificate_path[64];
    char key_path[64];
    char certificate[4096];
    char key[4096];
};

/* Keeps the file of the certificate. Returns false without the program openssl. */
bool identity_make(struct identity *identity);
void identity_remove(const struct identity *identity);

#endif
