/* SPDX-License-Identifier: MIT */
/*
 * run_environment.c - the environment of a command whose spans go to a viewer
 *
 * Variables for traces are replaced, because the spans are meant for the viewer. Other variables
 * are set only if the user did not set them: they also apply to metrics and logs.
 *
 * Tests: tests/cli/test_run.sh
 */
#include "run_environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_os.h"
#include "helper.h"
#include "program.h"
#include "supervise.h"

enum { ADDRESS_BYTES = 64 };

static const char *value_of(const char *name) {
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static bool set_default(const char *name, const char *value) {
    return value_of(name) || setenv(name, value, 1) == 0;
}

/* Whether OTEL_RESOURCE_ATTRIBUTES contains service.name. */
static bool has_service_name(void) {
    static const char key[] = "service.name=";
    const char *at = value_of("OTEL_RESOURCE_ATTRIBUTES");

    while (at) {
        at += strspn(at, " \t");
        if (strncmp(at, key, sizeof key - 1) == 0) {
            return true;
        }
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
    return false;
}

/* Spec: protocol/exporter.md#configuration-options */
static bool set_exporter(const struct run_viewer *viewer) {
    const char *protocol = value_of("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL");
    char base[ADDRESS_BYTES];
    char traces[ADDRESS_BYTES + 16];

    protocol = protocol ? protocol : value_of("OTEL_EXPORTER_OTLP_PROTOCOL");
    protocol = protocol ? protocol : "http/protobuf";
    bool is_grpc = strcmp(protocol, "grpc") == 0;
    snprintf(base, sizeof base, "http://127.0.0.1:%u", is_grpc ? viewer->grpc_port : viewer->port);
    snprintf(traces, sizeof traces, "%s%s", base, is_grpc ? "" : "/v1/traces");
    if (!value_of("OTEL_EXPORTER_OTLP_ENDPOINT") &&
        !(setenv("OTEL_EXPORTER_OTLP_ENDPOINT", base, 1) == 0 &&
          set_default("OTEL_METRICS_EXPORTER", "none") &&
          set_default("OTEL_LOGS_EXPORTER", "none"))) {
        return false;
    }
    return setenv("OTEL_TRACES_EXPORTER", "otlp", 1) == 0 &&
           setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocol, 1) == 0 &&
           set_default("OTEL_EXPORTER_OTLP_PROTOCOL", protocol) &&
           setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces, 1) == 0;
}

/* The parent of TRACEPARENT is not in the viewer, and its sampling decision is not for it. */
bool run_environment_set(const struct run_viewer *viewer, const char *command) {
    char address[ADDRESS_BYTES];

    snprintf(address, sizeof address, "http://127.0.0.1:%u", viewer->port);
    return unsetenv("TRACEPARENT") == 0 && unsetenv("TRACESTATE") == 0 && set_exporter(viewer) &&
           setenv("TOTE_VIEW_URL", address, 1) == 0 &&
           setenv("OTEL_C_DISK_QUEUE_DIRECTORY", viewer->queue, 1) == 0 &&
           set_default("OTEL_BSP_SCHEDULE_DELAY", "500") &&
           (has_service_name() || set_default("OTEL_SERVICE_NAME", program_base_name(command)));
}

static bool fits(const char *command) {
    char path[PATH_MAX];

    return supervise_find(command, path, sizeof path) && os_loads_alike(path);
}

/* Find an object in the installation or in the build tree. Its path may not contain separators. */
static bool find_object(const char *name, char path[PATH_MAX]) {
    const char *const folders[] = {TOTE_LIBDIR, "instrumentation/"};

    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char part[PATH_MAX];
        snprintf(part, sizeof part, "%s%s/tote-preload-%s.so", folders[i], i ? name : "", name);
        if (helper_beside(part, path) && access(path, R_OK) == 0) {
            return !strpbrk(path, ": ");
        }
    }
    return false;
}

bool run_environment_preload(const char *command) {
    static const char *const objects[] = {"threads", "curl", "hiredis", "pq", "sqlite"};
    static const char name[] = "LD_PRELOAD";

    if (!fits(command)) {
        return true;
    }
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        const char *before = value_of(name);
        char path[PATH_MAX];
        char *list = NULL;
        if (!find_object(objects[i], path)) {
            continue;
        }
        bool is_set =
            asprintf(&list, "%s%s%s", before ? before : "", before ? ":" : "", path) >= 0 &&
            setenv(name, list, 1) == 0;
        free(list);
        if (!is_set) {
            return false;
        }
    }
    return true;
}
