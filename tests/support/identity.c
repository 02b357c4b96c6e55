/* SPDX-License-Identifier: MIT */
/* identity.c - the certificate and key of a receiver with TLS */
#include "identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_whole(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "r");

    if (!file) {
        abort();
    }
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    unlink(path);
}

bool identity_make(struct identity *identity) {
    char command[512];

    strcpy(identity->folder, "/tmp/tote-test-XXXXXX");
    if (!mkdtemp(identity->folder)) {
        abort();
    }
    snprintf(identity->certificate_path, sizeof identity->certificate_path, "%s/cert.pem",
             identity->folder);
    snprintf(identity->key_path, sizeof identity->key_path, "%s/key.pem", identity->folder);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test "
             "-addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s 2>/dev/null",
             identity->key_path, identity->certificate_path);
    if (system(command) != 0) {
        rmdir(identity->folder);
        return false;
    }
    read_whole(identity->key_path, identity->key, sizeof identity->key);
    read_whole(identity->certificate_path, identity->certificate, sizeof identity->certificate);
    FILE *file = fopen(identity->certificate_path, "w");
    if (!file) {
        abort();
    }
    fputs(identity->certificate, file);
    fclose(file);
    return true;
}

void identity_remove(const struct identity *identity) {
    unlink(identity->certificate_path);
    rmdir(identity->folder);
}
