/* SPDX-License-Identifier: MIT */
/*
 * emit.c - spans of the commands: into the disk queue, and from there to the receiver
 *
 * Tests: tests/cli/test_span.sh
 */
#include "emit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "configuration.h"
#include "deliver.h"
#include "queue_path.h"
#include "recorder.h"
#include "sender.h"
#include "tote/diagnostics.h"
#include "tote/internal/disk_queue.h"
#include "tote/internal/env.h"
#include "tote/internal/folder.h"
#include "tote/internal/memory.h"
#include "tote/internal/propagators.h"
#include "tote/internal/span.h"

struct emit {
    struct emit_options options;
    struct recorder recorder;
    tote_sdk *sdk;
    struct tote__disk_queue *queue; /* open after the first span */
    unsigned saved;                 /* spans */
    bool has_failed;
    char path[PATH_MAX];
};

/* Report diagnostics of the SDK in one line each, up to the first failure. */
static void report_diagnostic(tote_level level, const char *component, const char *message,
                              void *user_data) {
    const struct emit *emit = user_data;

    (void)level;
    if (!emit->options.is_quiet && !emit->has_failed) {
        fprintf(stderr, "tote: %s: %s: %s\n", emit->options.command, component, message);
    }
}

/* Store the absolute path of the queue. */
static bool find_queue(struct emit *emit) {
    char given[PATH_MAX];
    const char *queue = emit->options.queue       ? emit->options.queue
                        : queue_path(true, given) ? given
                                                  : NULL;
    char *path = queue ? tote__absolute_path(queue) : NULL;
    size_t length = path ? strlen(path) : 0;
    bool fits = path && length < sizeof emit->path;

    if (fits) {
        memcpy(emit->path, path, length + 1);
    }
    tote__release(path, length + 1);
    return fits;
}

struct tote__disk_queue *emit_queue(struct emit *emit) {

    if (!emit || emit->queue) {
        return emit ? emit->queue : NULL;
    }
    if (!find_queue(emit)) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "disk queue",
                                "the span is not saved: set OTEL_C_DISK_QUEUE_DIRECTORY or HOME");
        return NULL;
    }
    emit->queue = tote__disk_queue_open_to_put(emit->path, &sender_limits); /* a sender trims it */
    if (emit->queue) { /* a script should not wait for the disk */
        tote__disk_queue_set_sync(emit->queue, false);
    }
    return emit->queue;
}

const char *emit_queue_path(const struct emit *emit) {
    return emit->path;
}

void emit_note(struct emit *emit, bool is_saved) {
    if (emit) {
        emit->saved += is_saved;
        emit->has_failed |= !is_saved;
    }
}

static bool save(void *self, struct tote__slice request) {
    struct emit *emit = self;
    const struct tote__batch batch = {.message = request, .span_count = 1, .is_own = true};
    struct tote__disk_queue *queue = emit_queue(emit);
    bool is_saved = queue && tote__disk_queue_put(queue, &batch);

    emit_note(emit, is_saved);
    return is_saved;
}

void emit_divert(struct emit *emit, bool (*take)(void *self, struct tote__slice request),
                 void *self) {
    if (emit) {
        emit->recorder.take = take;
        emit->recorder.self = self;
    }
}

static tote_sdk *start_sdk(struct recorder *recorder, const char *service) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    struct tote__configuration configuration;

    options.service_name = service;
    options.skip_process_context = true;
    options.resource_detectors = tote__env("OTEL_C_RESOURCE_DETECTORS") ? NULL : "host";
    tote__configuration_resolve(&options, NULL, &configuration);
    configuration.is_disabled |= !configuration.exporter_count;
    tote_propagator *propagator =
        tote__propagator_from_names("OTEL_PROPAGATORS", configuration.propagators);
    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
    return recorder_start(recorder, tote__sdk_settings_of(&options, &configuration));
}

struct emit *emit_begin(const struct emit_options *options) {
    tote_level level = TOTE_LEVEL_WARN;
    struct emit *emit = calloc(1, sizeof *emit);

    if (!emit) {
        return NULL;
    }
    emit->options = *options;
    emit->options.waits |= getpid() == 1;
    emit->recorder = (struct recorder){save, emit, options->trace_id, options->span_id,
                                       !tote__trace_id_is_valid(&options->trace_id)};
    tote__environment_log_level(&level);
    tote_diagnostics_set_handler(report_diagnostic, level, emit);
    emit->sdk = start_sdk(&emit->recorder, options->service);
    emit->has_failed = !emit->sdk;
    return emit;
}

tote_tracer *emit_tracer(const struct emit *emit) {
    (void)emit;
    return tote_get_tracer("tote", TOTE_VERSION);
}

static void deliver_saved(struct emit *emit) {
    const struct deliver deliver = {
        .command = emit->options.command,
        .path = emit->path,
        .queue = emit->queue,
        .is_quiet = emit->options.is_quiet,
        .timeout_ms = emit->options.timeout
                          ? (uint32_t)(emit->options.timeout / 1000000)
                          : tote__environment_number("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
                                                     "OTEL_EXPORTER_OTLP_TIMEOUT", 0, 10000),
    };

    if (emit->options.waits) {
        emit->has_failed |= !deliver_wait(&deliver);
    } else {
        deliver_start(&deliver);
    }
}

int emit_end(struct emit *emit) {
    if (!emit) {
        return 0;
    }
    tote_sdk_close(&emit->sdk, 0);
    if (emit->saved) {
        deliver_saved(emit);
    }
    int status = emit->has_failed && emit->options.is_strict ? EXIT_FAILURE : 0;
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE, NULL);
    tote__disk_queue_close(emit->queue);
    free(emit);
    return status;
}
