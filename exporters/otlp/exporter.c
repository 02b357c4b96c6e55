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
enum { MOST_KEPT = 64, MOST_KEPT_BYTES = 8 << 20, IDLE_BUFFERS = 2, LONGEST_WAIT_MS = 60000 };

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
    bool is_sending;             /* the first of the outbox, by steps, ... */
    uint64_t deadline;           /* ... until then at most */
    uint32_t generation;         /* of the process that these three are of */
    _Atomic(uint32_t) exporting; /* the generation in which export runs; 0: in none */
    atomic_bool is_shut_down;
};

/* What becomes of the spans of one call. */
struct export {
    struct exporter *exporter;
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

static void count_answer(struct export *export, const struct tote__answer *answer, size_t count) {
    if (answer->outcome != TOTE__ANSWERED) {
        count_loss(export, answer, count);
    } else if (answer->status >= 200 && answer->status < 300) {
        count_success(export, answer, count);
    } else {
        count_refusal(export, answer, count);
    }
}

/*
 * Encode as many of the first spans as one request may hold, at least one. Returns: how many; 0 when memory is out. The
 * request is empty for one that no request can hold, which is in the report then.
 */
static size_t encode(const struct exporter *exporter, struct tote__otlp_buffer *request,
                     const tote_span_data *const *spans, size_t count, tote_export_report *report) {
    size_t most = exporter->settings.max_request_bytes;

    for (;;) {
        request->size = 0;
        if (!tote__otlp_encode(request, spans, count)) {
            return 0;
        }
        if (request->size <= most) {
            return count;
        }
        if (count == 1) {
            tote_diagnose(
                TOTE_LEVEL_WARN, "otlp",
                "a span makes a request of %zu bytes and is lost; max_request_bytes is %zu",
                request->size, most);
            report->too_large++;
            request->size = 0;
            return count;
        }
        size_t guess = (size_t)((double)count * (double)most / (double)request->size);
        count = guess < count ? guess : count - 1;
        count += count == 0;
    }
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
        exporter->is_sending = false;
        exporter->generation = generation;
    }
}

/* Returns: false after a shutdown: the spans are counted, and the exporter is as it was before. */
static bool may_export(struct exporter *exporter, size_t count, tote_export_report *report) {
    begin_export(exporter);
    if (!atomic_load(&exporter->is_shut_down)) { /* asked after the line above: see shutdown */
        return true;
    }
    atomic_store(&exporter->exporting, 0);
    tote_diagnose(TOTE_LEVEL_WARN, "otlp", "%zu spans after shutdown are lost", count);
    report->shut_down += count;
    return false;
}

static uint64_t deadline_of(const struct exporter *exporter, uint32_t timeout_ms) {
    uint32_t own_ms = exporter->settings.timeout_ms;

    return tote__deadline_in(timeout_ms < own_ms ? timeout_ms : own_ms);
}

static tote_result result_of(struct export *export) {
    export->report->delivered += export->delivered;
    if (export->loss != TOTE_SUCCESS) {
        return export->loss;
    }
    return export->delivered ? TOTE_SUCCESS : TOTE_FAILURE;
}

/* One call of export_spans. */
struct spans {
    struct export export;
    const tote_span_data *const *spans;
    size_t count;
    uint64_t deadline;
};

/* Nothing more is sent after a loss. */
static int send_spans(void *arg) {
    struct spans *all = arg;
    struct export *export = &all->export;
    struct exporter *exporter = export->exporter;
    const struct tote__otlp_buffer *request = &exporter->buffer;
    size_t done = 0;

    while (done < all->count && export->loss == TOTE_SUCCESS) {
        size_t count = encode(exporter, &exporter->buffer, all->spans + done, all->count - done,
                              export->report);
        if (!count) {
            tote_diagnose(TOTE_LEVEL_ERROR, "otlp", "memory is out, %zu spans are lost",
                          all->count - done);
            export->loss = TOTE_FAILURE;
        } else if (request->size) {
            struct tote__answer answer;
            tote__transport_send(exporter->transport, request->bytes, request->size, all->deadline,
                                 &answer);
            count_answer(export, &answer, count);
        }
        done += count;
    }
    return 0;
}

static tote_result otlp_export_spans(void *self, const tote_span_data *const *spans, size_t count,
                                     uint32_t timeout_ms, tote_export_report *report) {
    struct exporter *exporter = self;
    tote_export_report unread = {.rejected = 0};
    int error = errno;

    report = report ? report : &unread;
    if (!spans || !count) {
        return TOTE_SUCCESS;
    }
    if (!may_export(exporter, count, report)) {
        return TOTE_FAILURE;
    }
    struct spans all = {
        {exporter, report, 0, TOTE_SUCCESS}, spans, count, deadline_of(exporter, timeout_ms)};
    tote_context_run(exporter->context, send_spans, &all);
    atomic_store(&exporter->exporting, 0);
    errno = error;
    return result_of(&all.export);
}

static bool otlp_has_room(void *self) {
    const struct outbox *outbox = &((const struct exporter *)self)->outbox;

    return outbox->count < MOST_KEPT && outbox->bytes < MOST_KEPT_BYTES;
}

static size_t otlp_keep(void *self, const tote_span_data *const *spans, size_t count,
                        tote_export_report *report) {
    struct exporter *exporter = self;
    struct outbox *outbox = &exporter->outbox;
    size_t taken = 0;

    begin_export(exporter);
    if (outbox->count < MOST_KEPT) {
        struct kept *kept = &outbox->kept[(outbox->first + outbox->count) % MOST_KEPT];
        taken = encode(exporter, &kept->request, spans, count, report);
        kept->count = taken;
        outbox->bytes += taken ? kept->request.size : 0;
        outbox->count += taken && kept->request.size;
    }
    atomic_store(&exporter->exporting, 0);
    return taken;
}

/* Nothing is kept any more. */
static void empty_outbox(struct outbox *outbox) {
    for (size_t i = IDLE_BUFFERS; i < MOST_KEPT; i++) {
        tote__otlp_buffer_clear(&outbox->kept[i].request);
    }
    outbox->first = outbox->count = outbox->bytes = 0;
}

/* One call of send. */
struct step {
    struct exporter *exporter;
    uint32_t timeout_ms;
    bool may_wait;
    bool is_over;
    struct tote__answer answer;
};

static int run_step(void *arg) {
    struct step *step = arg;
    struct exporter *exporter = step->exporter;
    const struct kept *kept = &exporter->outbox.kept[exporter->outbox.first];

    if (!exporter->is_sending) {
        exporter->deadline = deadline_of(exporter, step->timeout_ms);
        exporter->is_sending =
            tote__transport_begin(exporter->transport, kept->request.bytes, kept->request.size,
                                  exporter->deadline, &step->answer);
        step->is_over = !exporter->is_sending;
    }
    while (!step->is_over) {
        uint32_t wait_ms = step->may_wait ? tote__ms_until(exporter->deadline, LONGEST_WAIT_MS) : 0;
        step->is_over = tote__transport_step(exporter->transport, wait_ms, &step->answer);
        if (!step->may_wait) {
            break;
        }
    }
    exporter->is_sending = !step->is_over;
    return 0;
}

static void drop_first(struct outbox *outbox) {
    outbox->bytes -= outbox->kept[outbox->first].request.size;
    outbox->first = (outbox->first + 1) % MOST_KEPT;
    if (--outbox->count == 0) {
        empty_outbox(outbox);
    }
}

static size_t otlp_send(void *self, uint32_t timeout_ms, bool may_wait, tote_result *result,
                        tote_export_report *report) {
    struct exporter *exporter = self;
    size_t count = exporter->outbox.kept[exporter->outbox.first].count;
    int error = errno;

    *result = TOTE_FAILURE;
    if (may_export(exporter, count, report)) {
        struct step step = {.exporter = exporter, .timeout_ms = timeout_ms, .may_wait = may_wait};
        tote_context_run(exporter->context, run_step, &step);
        atomic_store(&exporter->exporting, 0);
        if (!step.is_over) {
            errno = error;
            return 0;
        }
        struct export export = {exporter, report, 0, TOTE_SUCCESS};
        count_answer(&export, &step.answer, count);
        *result = result_of(&export);
    } else {
        tote__transport_cancel(exporter->transport);
        exporter->is_sending = false;
    }
    drop_first(&exporter->outbox);
    errno = error;
    return count;
}

static void otlp_drop(void *self) {
    struct exporter *exporter = self;

    tote__transport_cancel(exporter->transport);
    exporter->is_sending = false;
    empty_outbox(&exporter->outbox);
}

static int otlp_get_descriptor(void *self) {
    return tote__transport_descriptor(((struct exporter *)self)->transport);
}

static uint64_t otlp_get_due(void *self) {
    return tote__transport_due(((struct exporter *)self)->transport);
}

static tote_result otlp_prepare(void *self, uint32_t timeout_ms, bool may_make_thread) {
    return tote__transport_prepare(((struct exporter *)self)->transport,
                                   tote__deadline_in(timeout_ms), may_make_thread);
}

static void otlp_hush(void *self) {
    tote__transport_hush(((struct exporter *)self)->transport);
}

static const struct tote__ahead_ops otlp_ahead = {
    .has_room = otlp_has_room,
    .keep = otlp_keep,
    .send = otlp_send,
    .drop = otlp_drop,
    .prepare = otlp_prepare,
    .get_descriptor = otlp_get_descriptor,
    .get_due = otlp_get_due,
    .hush = otlp_hush,
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
