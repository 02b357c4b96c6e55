/* SPDX-License-Identifier: MIT */
/*
 * queue_path.c - the disk queue of the program `tote`
 *
 * Spec: XDG Base Directory Specification, XDG_STATE_HOME
 *
 * Tests: tests/cli/test_span.sh
 */
#include "queue_path.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tote/internal/env.h"

/* Create the directories above the last one. Opening the queue reports what cannot be created. */
static void make_parents(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, S_IRWXU);
        *slash = '/';
    }
}

/*
 * Return a number that differs for receivers with another endpoint, protocol or header. It is
 * FNV-1a, which is the same in every version.
 */
static uint32_t hash_receiver(void) {
    static const char *const names[] = {"ENDPOINT", "PROTOCOL", "HEADERS"};
    uint32_t hash = 2166136261;

    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        char name[64];
        snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_TRACES_%s", names[i]);
        const char *own = tote__env(name);
        snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_%s", names[i]);
        const char *value = own ? own : tote__env(name);
        hash = (hash ^ (own ? 't' : 'g')) * 16777619; /* the endpoint for traces is a whole URL */
        for (; value && *value; value++) {
            hash = (hash ^ (unsigned char)*value) * 16777619;
        }
    }
    return hash;
}

bool queue_path(bool may_make, char path[PATH_MAX]) {
    const char *given = tote__env("OTEL_C_DISK_QUEUE_DIRECTORY");
    const char *state = tote__env("XDG_STATE_HOME");
    const char *home = tote__env("HOME");
    int length = -1;

    if (given) {
        length = snprintf(path, PATH_MAX, "%s", given);
    } else if (state && *state == '/') {
        length = snprintf(path, PATH_MAX, "%s/tote/queue/%08x", state, hash_receiver());
    } else if (home) {
        length = snprintf(path, PATH_MAX, "%s/.local/state/tote/queue/%08x", home, hash_receiver());
    }
    if (length < 0 || length >= PATH_MAX) {
        return false;
    }
    if (!given && may_make) {
        make_parents(path);
    }
    return true;
}
