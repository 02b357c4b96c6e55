/* SPDX-License-Identifier: MIT */
/*
 * exporter.c - spans to a collector: encode, send, read the answer
 *
 * Each span of a call ends up in one count of the report, or in the result.
 * One request is on its way at a time, and none is sent twice. Spec: protocol/exporter.md
 */
#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#include "encode.h"
#include "options.h"
#include "response.h"
#include "tote/context.h"
#include "tote/diagnostics.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/clock.h"
#include "tote/internal/fork.h"
#include "tote/internal/sdk.h"
#include "transport.h"

/* A request that is ready, of so many spans. */
struct kept {
    struct tote__otlp_buffer request;
    size_t count;
};

/*
 * What is kept while another request is on its way: as much as the spans of a burst, so that they need
 * not wait in the queue. The first buffers stay for the next time.
 */
enum { MOST_KEPT = 64, MOST_KEPT_BYTES = 8 << 20, IDLE_BUFFERS = 2 };

struct outbox {
    struct kept kept[MOST_KEPT]; /* a ring */
    size_t first;
    size_t count;
    size_t bytes;
};

struct exporter {
    struct tote__otlp_settings settings;
    struct tote__transport *transport;
    tote_context *context; /* in which curl's own calls are not traced */
    struct tote__otlp_buffer buffer;
    struct outbox outbox;
    uint32_t generation;         /* of the process that the outbox is of */
    _Atomic(uint32_t) exporting; /* the generation in which export runs; 0: in none */
    atomic_bool is_shut_down;
};

/* One call of export. */
struct export {
    struct exporter *exporter;
    const tote_span_data *const *spans;
    const struct kept *kept; /* instead of the spans, or NULL */
    size_t count;
    uint64_t deadline;
    tote_export_report *report;
    size_t delivered;
    tote_result loss; /* of the spans that are neither delivered nor in the report */
};

static void count_success(struct export *export, const struct tote__answer *answer, size_t count) {
    const char *url = export->exporter->settings.shown_url;
    struct tote__response response;

    if (!tote__otlp_read_response(answer->body, answer->content_type, &response)) {
        tote_diagnose(TOTE_LEVEL_WARN, "otlp",
                      "%s answered %ld with a body that cannot be read; taken as success", url,
                      answer->status);
    } else if (response.rejected) {
        tote_diagnose(TOTE_LEVEL_WARN, "otlp", "%s rejected %llu of %zu spans: %s", url,
                      (unsigned long long)response.rejected, count,
                      *response.remark ? response.remark : "it does not say why");
    } else if (*response.remark) {
        tote_diagnose(TOTE_LEVEL_WARN, "otlp", "%s took the spans and says: %s", url,
                      response.remark);
    }
    size_t rejected = response.rejected < count ? (size_t)response.rejected : count;
    export->report->rejected += rejected;
    export->delivered += count - rejected;
}

static void count_refusal(struct export *export, const struct tote__answer *answer, size_t count) {
    struct tote__response response;

    tote__otlp_read_error(answer->body, answer->content_type, &response);
    tote_diagnose(TOTE_LEVEL_ERROR, "otlp",
                  "%s answered %ld, %zu spans are lost%s%s; check endpoint and headers, and the "
                  "log of the receiver",
                  export->exporter->settings.shown_url, answer->status, count,
                  *response.remark ? ": " : "", response.remark);
    export->report->rejected += count;
}

static const char *explain(enum tote__outcome outcome) {
    static const char *const texts[] = {
        [TOTE__NOT_CONNECTED] = "no connection",
        [TOTE__NO_ANSWER] = "the connection was closed without an answer",
        [TOTE__TIMED_OUT] = "no answer in time",
        [TOTE__INTERRUPTED] = "interrupted by shutdown",
        [TOTE__TLS_FAILED] = "TLS failed",
        [TOTE__ANSWER_TOO_LARGE] = "the answer is larger than max_response_bytes",
        [TOTE__NOT_SENT] = "the request could not be made",
    };
    size_t index = (size_t)outcome;

    return index < TOTE_COUNT_OF(texts) && texts[index] ? texts[index] : "";
}

/* What to do about it; "" when the reason says that. */
static const char *advise(enum tote__outcome outcome) {
    static const char *const texts[] = {
        [TOTE__NOT_CONNECTED] = "; start a collector there, or set OTEL_EXPORTER_OTLP_ENDPOINT to "
                                "where one is, or OTEL_TRACES_EXPORTER=none",
        [TOTE__NO_ANSWER] = "; see whether that endpoint speaks OTLP over HTTP",
        [TOTE__TIMED_OUT] = "; see to the receiver and the network, or raise "
                            "OTEL_EXPORTER_OTLP_TIMEOUT",
        [TOTE__TLS_FAILED] = "; check the endpoint's scheme and OTEL_EXPORTER_OTLP_CERTIFICATE",
    };
    size_t index = (size_t)outcome;

    return index < TOTE_COUNT_OF(texts) && texts[index] ? texts[index] : "";
}

static void count_loss(struct export *export, const struct tote__answer *answer, size_t count) {
    tote_diagnose(TOTE_LEVEL_ERROR, "otlp", "%zu spans did not get to %s: %s%s%s%s%s", count,
                  export->exporter->settings.shown_url, explain(answer->outcome),
                  *answer->error ? " (" : "", answer->error, *answer->error ? ")" : "",
                  advise(answer->outcome));
    if (answer->outcome == TOTE__INTERRUPTED) {
        export->report->shut_down += count;
        return;
    }
    export->loss = answer->outcome == TOTE__TIMED_OUT ? TOTE_TIMED_OUT : TOTE_FAILURE;
}

static void send_request(struct export *export, const struct tote__otlp_buffer *request,
                         size_t count) {
    struct tote__answer answer;

    tote__transport_send(export->exporter->transport, request->bytes, request->size,
                         export->deadline, &answer);
    if (answer.outcome != TOTE__ANSWERED) {
        count_loss(export, &answer, count);
        return;
    }
    if (answer.status >= 200 && answer.status < 300) {
        count_success(export, &answer, count);
        return;
    }
    count_refusal(export, &answer, count);
}

/* Send these spans, in halves when they are too large. Nothing more is sent after a loss. */
static void export_part(struct export *export, const tote_span_data *const *spans, size_t count) {
    struct exporter *exporter = export->exporter;

    if (!count || export->loss != TOTE_SUCCESS) {
        return;
    }
    exporter->buffer.size = 0;
    if (!tote__otlp_encode(&exporter->buffer, spans, count)) {
        tote_diagnose(TOTE_LEVEL_ERROR, "otlp", "memory is out, %zu spans are lost", count);
        export->loss = TOTE_FAILURE;
        return;
    }
    if (exporter->buffer.size <= exporter->settings.max_request_bytes) {
        send_request(export, &exporter->buffer, count);
        return;
    }
    if (count == 1) {
        tote_diagnose(TOTE_LEVEL_WARN, "otlp",
                      "a span makes a request of %zu bytes and is lost; max_request_bytes is %zu",
                      exporter->buffer.size, exporter->settings.max_request_bytes);
        export->report->too_large++;
        return;
    }
    export_part(export, spans, count / 2);
    export_part(export, spans + count / 2, count - count / 2);
}

static int run_export(void *arg) {
    struct export *export = arg;

    if (export->kept) {
        send_request(export, &export->kept->request, export->kept->count);
    } else {
        export_part(export, export->spans, export->count);
    }
    return 0;
}

/*
 * What a child inherits while its parent exports may be half written: it gets a
 * buffer of its own, and the old one is left where it is.
 */
static void begin_export(struct exporter *exporter) {
    uint32_t generation = tote__generation();
    uint32_t before = atomic_exchange(&exporter->exporting, generation);

    if (before && before != generation) {
        exporter->buffer = (struct tote__otlp_buffer){.bytes = NULL};
    }
    if (exporter->generation != generation) { /* and what its parent kept is its parent's */
        exporter->outbox = (struct outbox){.first = 0};
        exporter->generation = generation;
    }
}

/* Of the spans, or of what was kept of them. */
static tote_result run(struct exporter *exporter, const tote_span_data *const *spans,
                       const struct kept *kept, size_t count, uint32_t timeout_ms,
                       tote_export_report *report) {
    int error = errno;

    begin_export(exporter);
    if (atomic_load(&exporter->is_shut_down)) { /* asked after the line above: see shutdown */
        atomic_store(&exporter->exporting, 0);
        tote_diagnose(TOTE_LEVEL_WARN, "otlp", "%zu spans after shutdown are lost", count);
        report->shut_down += count;
        return TOTE_FAILURE;
    }
    uint32_t own_timeout_ms = exporter->settings.timeout_ms;
    struct export export = {
        .exporter = exporter,
        .spans = spans,
        .kept = kept,
        .count = count,
        .deadline = tote__deadline_in(timeout_ms < own_timeout_ms ? timeout_ms : own_timeout_ms),
        .report = report,
        .loss = TOTE_SUCCESS,
    };
    tote_context_run(exporter->context, run_export, &export);
    atomic_store(&exporter->exporting, 0);
    errno = error;
    report->delivered += export.delivered;
    if (export.loss != TOTE_SUCCESS) {
        return export.loss;
    }
    return export.delivered ? TOTE_SUCCESS : TOTE_FAILURE;
}

static tote_result otlp_export_spans(void *self, const tote_span_data *const *spans, size_t count,
                                     uint32_t timeout_ms, tote_export_report *report) {
    tote_export_report unread = {.rejected = 0};

    if (!spans || !count) {
        return TOTE_SUCCESS;
    }
    return run(self, spans, NULL, count, timeout_ms, report ? report : &unread);
}

static bool otlp_has_room(void *self) {
    const struct outbox *outbox = &((const struct exporter *)self)->outbox;

    return outbox->count < MOST_KEPT && outbox->bytes < MOST_KEPT_BYTES;
}

static bool otlp_keep(void *self, const tote_span_data *const *spans, size_t count) {
    struct exporter *exporter = self;
    struct outbox *outbox = &exporter->outbox;

    begin_export(exporter);
    bool is_kept = outbox->count < MOST_KEPT;
    if (is_kept) {
        struct kept *kept = &outbox->kept[(outbox->first + outbox->count) % MOST_KEPT];
        kept->request.size = 0;
        kept->count = count;
        is_kept = tote__otlp_encode(&kept->request, spans, count) &&
                  kept->request.size <= exporter->settings.max_request_bytes;
        outbox->bytes += is_kept ? kept->request.size : 0;
        outbox->count += is_kept;
    }
    atomic_store(&exporter->exporting, 0);
    return is_kept;
}

/* Nothing is kept any more. */
static void empty_outbox(struct outbox *outbox) {
    for (size_t i = IDLE_BUFFERS; i < MOST_KEPT; i++) {
        tote__otlp_buffer_clear(&outbox->kept[i].request);
    }
    outbox->first = outbox->count = outbox->bytes = 0;
}

static size_t otlp_send(void *self, uint32_t timeout_ms, tote_result *result,
                        tote_export_report *report) {
    struct exporter *exporter = self;
    struct outbox *outbox = &exporter->outbox;
    const struct kept *kept = &outbox->kept[outbox->first];
    size_t count = kept->count;

    *result = run(exporter, NULL, kept, count, timeout_ms, report);
    outbox->bytes -= kept->request.size;
    outbox->first = (outbox->first + 1) % MOST_KEPT;
    if (--outbox->count == 0) {
        empty_outbox(outbox);
    }
    return count;
}

static void otlp_drop(void *self) {
    empty_outbox(&((struct exporter *)self)->outbox);
}

static tote_result otlp_prepare(void *self, uint32_t timeout_ms) {
    return tote__transport_prepare(((struct exporter *)self)->transport,
                                   tote__deadline_in(timeout_ms));
}

static const struct tote__ahead_ops otlp_ahead = {
    .has_room = otlp_has_room,
    .keep = otlp_keep,
    .send = otlp_send,
    .drop = otlp_drop,
    .prepare = otlp_prepare,
};

static bool is_exporting(struct exporter *exporter) {
    return atomic_load(&exporter->exporting) == tote__generation();
}

/* A running export may go on until the deadline; there is nothing else to wait for. */
static tote_result otlp_shutdown(void *self, uint32_t timeout_ms) {
    struct exporter *exporter = self;
    uint64_t deadline = tote__deadline_in(timeout_ms);
    int error = errno;

    atomic_store(&exporter->is_shut_down, true);
    while (is_exporting(exporter) && tote__clock_monotonic() < deadline) {
        const struct timespec moment = {.tv_nsec = 1000000};
        nanosleep(&moment, NULL);
    }
    bool is_late = is_exporting(exporter);
    tote__transport_interrupt(exporter->transport);
    errno = error;
    return is_late ? TOTE_TIMED_OUT : TOTE_SUCCESS;
}

static void otlp_destroy(void *self) {
    struct exporter *exporter = self;
    uint32_t exporting = atomic_load(&exporter->exporting);

    if (!exporting) { /* else this is a child, and its parent was at it */
        tote__otlp_buffer_clear(&exporter->buffer);
        for (size_t i = 0; i < MOST_KEPT; i++) {
            tote__otlp_buffer_clear(&exporter->outbox.kept[i].request);
        }
    }
    tote__transport_free(exporter->transport);
    tote_context_unref(exporter->context);
    tote__otlp_settings_clear(&exporter->settings);
    tote__release(exporter, sizeof *exporter);
}

static const tote_span_exporter_ops otlp_ops = {
    .struct_size = sizeof otlp_ops,
    .export_spans = otlp_export_spans,
    .shutdown = otlp_shutdown,
    .destroy = otlp_destroy,
};

tote_span_exporter *tote_otlp_exporter_new(const tote_otlp_options *options) {
    struct exporter *exporter = tote__allocate(sizeof *exporter);

    if (!exporter) {
        tote_diagnose(TOTE_LEVEL_ERROR, "otlp", "memory is out, no exporter is made");
        return NULL;
    }
    *exporter = (struct exporter){.transport = NULL};
    if (!tote__otlp_settings_resolve(&exporter->settings, options)) {
        tote__release(exporter, sizeof *exporter);
        return NULL;
    }
    exporter->context = tote_context_with_suppression(tote_context_root());
    exporter->transport = tote__transport_new(&exporter->settings);
    if (!exporter->transport) {
        tote_diagnose(TOTE_LEVEL_ERROR, "otlp", "memory is out, no exporter is made");
        otlp_destroy(exporter);
        return NULL;
    }
    tote_diagnose(TOTE_LEVEL_DEBUG, "otlp", "exports to %s as http/protobuf, %s, within %u ms",
                  exporter->settings.shown_url,
                  exporter->settings.is_gzip ? "with gzip" : "not compressed",
                  exporter->settings.timeout_ms);
    return tote__span_exporter_set_ahead(tote_span_exporter_new(&otlp_ops, exporter), &otlp_ahead);
}
