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
#include <unistd.h>

#include "options.h"
#include "otlp/encode/encode.h"
#include "outbox.h"
#include "tote/context.h"
#include "tote/diagnostics.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/folder.h"
#include "tote/internal/fork.h"
#include "tote/internal/journal.h"
#include "tote/internal/sdk.h"
#include "tote/internal/spool_claim.h"
#include "tote/internal/tracer.h"

enum { LONGEST_PAUSE_MS = 60000 };

struct exporter {
    struct tote__otlp_settings settings;
    struct tote__transport *transport;
    tote_context *context; /* in which curl's own calls are not traced */
    struct tote__buffer buffer;
    struct tote__outbox outbox;
    struct tote__spool_claim claim; /* on the directory of the disk queue */
    struct tote__journal *journal;  /* this process's; NULL: none */
    struct tote__journal *journals; /* and those of its parents */
    uid_t user;          /* effective, when the disk queue was opened, or could not be opened */
    uint32_t renewals;   /* of the disk queue's directory, that the journal knows of */
    uint32_t generation; /* of the process that these two are of */
    _Atomic(uint32_t) exporting; /* the generation in which export runs; 0: in none */
    atomic_bool is_shut_down;
};

/* What becomes of the spans of one call. */
struct export {
    struct exporter *exporter;
    tote_export_report *report;
    size_t delivered;
    size_t refused;   /* or too large; they are in the report */
    tote_result loss; /* of the spans that are neither delivered nor in the report */
};

static void count_taken(struct export *export, const struct tote__verdict *verdict, size_t count) {
    const struct tote__response *response = &verdict->response;
    const char *url = export->exporter->settings.shown_url;

    if (!verdict->is_readable) {
        tote_diagnose(TOTE_LEVEL_WARN, "otlp",
                      "%s answered %s with a body that cannot be read; taken as success", url,
                      verdict->reason);
    } else if (response->rejected) {
        tote_diagnose(TOTE_LEVEL_WARN, "otlp", "%s rejected %llu of %zu spans: %s", url,
                      (unsigned long long)response->rejected, count,
                      *response->remark ? response->remark : "it does not say why");
    } else if (*response->remark) {
        tote_diagnose(TOTE_LEVEL_WARN, "otlp", "%s took the spans and says: %s", url,
                      response->remark);
    }
    size_t rejected = response->rejected < count ? (size_t)response->rejected : count;
    export->report->rejected += rejected;
    export->refused += rejected;
    export->delivered += count - rejected;
}

static void count_refused(struct export *export, const struct tote__verdict *verdict,
                          size_t count) {
    const char *remark = verdict->response.remark;

    tote_diagnose(TOTE_LEVEL_ERROR, "otlp", "%s answered %s, %zu spans are lost%s%s%s",
                  export->exporter->settings.shown_url, verdict->reason, count, *remark ? ": " : "",
                  remark, verdict->advice);
    export->report->rejected += count;
}

/* Those that could not be tried again in time, too. */
static void count_lost(struct export *export, const struct tote__verdict *verdict, size_t count) {
    const char *remark = verdict->response.remark;

    tote_diagnose(TOTE_LEVEL_ERROR, "otlp", "%zu spans did not get to %s: %s%s%s%s%s%s%s", count,
                  export->exporter->settings.shown_url, verdict->reason,
                  *verdict->detail ? " (" : "", verdict->detail, *verdict->detail ? ")" : "",
                  *remark ? ": " : "", remark, verdict->advice);
    if (atomic_load(&export->exporter->is_shut_down) || verdict->is_cut_short) {
        export->report->shut_down += count;
        return;
    }
    export->loss = verdict->is_late ? TOTE_TIMED_OUT : TOTE_FAILURE;
}

static void count_verdict(struct export *export, const struct tote__verdict *verdict,
                          size_t count) {
    switch (verdict->fate) {
    case TOTE__TAKEN:
        count_taken(export, verdict, count);
        break;
    case TOTE__REFUSED:
    case TOTE__NOT_HERE:  /* there is no disk queue, or it cannot be written */
    case TOTE__TOO_LARGE: /* for a request of one span */
        count_refused(export, verdict, count);
        break;
    default:
        count_lost(export, verdict, count);
    }
}

/*
 * Encode as many of the first spans as one request may hold, at least one. Returns: how many; 0
 * if out of memory. The request is empty for one that no request can hold, which is in the report
 * then.
 */
static size_t encode(const struct exporter *exporter, struct tote__buffer *request,
                     const tote_span_data *const *spans, size_t count, tote_export_report *report) {
    size_t most = tote__outbox_most_bytes(&exporter->outbox);

    for (;;) {
        request->size = 0;
        if (!tote__otlp_encode_spans(request, spans, count)) {
            return 0;
        }
        if (request->size <= most) {
            return count;
        }
        if (count == 1 && request->size <= exporter->settings.max_request_bytes) {
            return count; /* the receiver may accept it */
        }
        if (count == 1) {
            tote_diagnose(
                TOTE_LEVEL_WARN, "otlp",
                "a span makes a request of %zu bytes and is lost; max_request_bytes is %zu",
                request->size, exporter->settings.max_request_bytes);
            report->too_large++;
            request->size = 0;
            return count;
        }
        size_t guess = (size_t)((double)count * (double)most / (double)request->size);
        count = guess < count ? guess : count - 1;
        count += count == 0;
    }
}

/* The user of the moment; where there is no disk queue, nobody asks. */
static bool has_new_user(const struct exporter *exporter) {
    return exporter->settings.spool_directory && geteuid() != exporter->user;
}

/*
 * Let no other exporter of this process use the directory. Returns NULL, with a diagnostic, and
 * closes the disk queue, if one does already.
 */
static struct tote__spool *claim_spool(struct exporter *exporter, struct tote__spool *spool) {
    if (!spool || tote__spool_claim_take(&exporter->claim, tote__spool_descriptor(spool))) {
        return spool;
    }
    tote_diagnose(TOTE_LEVEL_ERROR, "spool",
                  "the disk queue %s is not used for %s: another exporter of this process uses the "
                  "directory, and its receiver would get these spans; give each destination a "
                  "directory of its own (spool_directory, OTEL_C_SPOOL_DIRECTORY)",
                  exporter->settings.spool_directory, exporter->settings.shown_url);
    tote__spool_close(spool);
    return NULL;
}

/* A server that starts as root may have its disk queue in a directory of the user it changes to. */
static void follow_user(struct exporter *exporter) {
    if (!has_new_user(exporter)) {
        return;
    }
    exporter->user = geteuid();
    if (!exporter->outbox.spool) {
        const struct tote__otlp_settings *settings = &exporter->settings;
        struct tote__spool *spool =
            tote__spool_open(settings->spool_directory, &settings->spool_limits);
        tote__outbox_set_spool(&exporter->outbox, claim_spool(exporter, spool));
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
        exporter->buffer = (struct tote__buffer){.bytes = NULL};
    }
    if (exporter->generation != generation) { /* and what its parent kept is its parent's */
        struct tote__spool *spool = exporter->outbox.spool;
        struct tote__spool *own =
            spool ? tote__spool_reopen(spool, exporter->settings.spool_directory) : NULL;
        tote__outbox_begin(&exporter->outbox, &exporter->settings, exporter->transport,
                           claim_spool(exporter, own));
        exporter->generation = generation;
        exporter->user = spool ? geteuid() : exporter->user; /* a failure is reported already */
    }
    follow_user(exporter);
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

/* A span that was refused is a failure, also if the receiver accepted the others. */
static tote_result result_of(struct export *export) {
    export->report->delivered += export->delivered;
    if (export->loss != TOTE_SUCCESS) {
        return export->loss;
    }
    return export->delivered && !export->refused ? TOTE_SUCCESS : TOTE_FAILURE;
}

/* One call of export_spans. */
struct spans {
    struct export export;
    const tote_span_data *const *spans;
    size_t count;
    uint64_t deadline;
};

/*
 * Send the request until there is a verdict, or save it in the disk queue once an attempt failed or
 * the receiver is away. Returns: true if it is saved; the verdict is not set then.
 */
static bool send_request(struct exporter *exporter, const struct tote__request *request,
                         uint64_t deadline, struct tote__verdict *verdict) {
    struct tote__delivery *delivery = &exporter->outbox.delivery;

    for (;;) {
        const struct tote__manner manner = {
            .timeout_ms = tote__ms_until(deadline, UINT32_MAX),
            .may_wait = true,
            .is_last_chance = true,
        };
        enum tote__progress progress = tote__delivery_step(delivery, request, manner, verdict);
        bool has_failed =
            progress == TOTE__PAUSED || (progress == TOTE__OVER && tote__outbox_may_save(verdict));
        if (has_failed &&
            tote__outbox_spool(&exporter->outbox, &exporter->buffer, request->span_count)) {
            tote__delivery_forget(delivery);
            if (progress == TOTE__OVER && verdict->fate == TOTE__NOT_HERE) {
                tote__delivery_put_off(delivery, verdict, request->span_count);
            }
            return true;
        }
        if (progress == TOTE__OVER) {
            return false;
        }
        if (progress == TOTE__PAUSED) {
            tote__transport_pause(exporter->transport,
                                  tote__ms_until(tote__delivery_due(delivery), LONGEST_PAUSE_MS));
        }
    }
}

/* Nothing more is sent after a loss. */
static int send_spans(void *arg) {
    struct spans *all = arg;
    struct export *export = &all->export;
    struct exporter *exporter = export->exporter;
    const struct tote__buffer *buffer = &exporter->buffer;
    size_t most = all->count; /* spans in one request */
    size_t done = 0;

    while (done < all->count && export->loss == TOTE_SUCCESS) {
        size_t count = encode(exporter, &exporter->buffer, all->spans + done,
                              tote__min(all->count - done, most), export->report);
        if (!count) {
            tote_diagnose(TOTE_LEVEL_ERROR, "otlp", "memory is out, %zu spans are lost",
                          all->count - done);
            export->loss = TOTE_FAILURE;
        } else if (buffer->size) {
            const struct tote__request request = {{buffer->bytes, buffer->size}, count, 0};
            struct tote__verdict verdict;
            if (send_request(exporter, &request, all->deadline, &verdict)) {
                export->report->spooled += count;
            } else if (verdict.fate == TOTE__TOO_LARGE && count > 1) {
                tote__outbox_note_too_large(&exporter->outbox, buffer->size, verdict.reason);
                most = count / 2;
                count = 0; /* the same spans are encoded again */
            } else {
                count_verdict(export, &verdict, count);
            }
        } else {
            export->refused += count;
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
        {exporter, report, 0, 0, TOTE_SUCCESS}, spans, count, tote__deadline_in(timeout_ms)};
    tote_context_run(exporter->context, send_spans, &all);
    atomic_store(&exporter->exporting, 0);
    errno = error;
    return result_of(&all.export);
}

static bool otlp_has_room(void *self) {
    return tote__outbox_has_room(&((const struct exporter *)self)->outbox);
}

static size_t otlp_keep(void *self, const tote_span_data *const *spans, size_t count,
                        tote_export_report *report) {
    struct exporter *exporter = self;
    size_t taken = 0;

    begin_export(exporter);
    struct tote__kept *kept = tote__outbox_next(&exporter->outbox);
    if (kept) {
        taken = encode(exporter, &kept->request, spans, count, report);
        kept->count = taken;
        kept->request.size = taken ? kept->request.size : 0;
        tote__outbox_add(&exporter->outbox);
    }
    atomic_store(&exporter->exporting, 0);
    return taken;
}

/* One call of send. */
struct call {
    struct exporter *exporter;
    struct tote__manner manner;
    struct tote__step step;
};

static int run_step(void *arg) {
    struct call *call = arg;

    tote__outbox_step(&call->exporter->outbox, call->manner, &call->step);
    return 0;
}

static void count_step(struct exporter *exporter, const struct tote__step *step,
                       struct tote__send *send, tote_export_report *report) {
    struct export export = {exporter, report, step->delivered, step->rejected, TOTE_SUCCESS};
    size_t rest = step->count - step->delivered - step->rejected;

    report->rejected += step->rejected;
    if (step->is_spooled) {
        report->spooled += rest;
        send->result = step->rejected ? TOTE_FAILURE : TOTE_SUCCESS;
    } else {
        count_verdict(&export, &step->verdict, rest);
        send->result = result_of(&export);
    }
}

/* The directory may be another one than before. */
static void renew_journal(struct exporter *exporter) {
    const struct tote__spool *spool = exporter->outbox.spool;
    uint32_t renewals = spool ? tote__spool_renewals(spool) : 0;

    if (renewals != exporter->renewals) {
        tote__spool_claim_take(&exporter->claim, tote__spool_descriptor(spool));
    }
    if (spool && exporter->journal &&
        (renewals != exporter->renewals || !tote__journal_is_open(exporter->journal))) {
        tote__journal_renew(exporter->journal, exporter->settings.journal_directory,
                            tote__spool_descriptor(spool));
    }
    exporter->renewals = renewals;
}

static size_t otlp_send(void *self, struct tote__send *send, tote_export_report *report) {
    struct exporter *exporter = self;
    size_t kept = exporter->outbox.count ? exporter->outbox.kept[exporter->outbox.first].count : 0;
    struct call call = {.exporter = exporter,
                        .manner = {.timeout_ms = send->timeout_ms,
                                   .stop_deadline = send->stop_deadline,
                                   .may_wait = send->may_wait,
                                   .is_last_chance = send->is_last_chance,
                                   .begins_nothing = send->begins_nothing}};
    int error = errno;

    send->result = TOTE_FAILURE;
    send->is_paused = exporter->outbox.spool && atomic_load(&exporter->is_shut_down);
    if (send->is_paused) { /* what is kept is to be saved */
        return 0;
    }
    if (!may_export(exporter, kept, report)) {
        tote__outbox_drop_first(&exporter->outbox);
        return kept;
    }
    tote_context_run(exporter->context, run_step, &call);
    renew_journal(exporter);
    atomic_store(&exporter->exporting, 0);
    send->is_paused = call.step.is_paused;
    if (call.step.count) {
        count_step(exporter, &call.step, send, report);
    }
    errno = error;
    return call.step.count;
}

static bool otlp_has_backlog(void *self) {
    return tote__outbox_has_backlog(&((const struct exporter *)self)->outbox);
}

static bool otlp_is_sending(void *self) {
    return ((const struct exporter *)self)->outbox.delivery.is_sending;
}

static void otlp_hurry(void *self) {
    tote__delivery_hurry(&((struct exporter *)self)->outbox.delivery);
}

static bool otlp_saves(void *self) {
    return ((const struct exporter *)self)->outbox.spool;
}

static size_t otlp_save(void *self) {
    struct exporter *exporter = self;

    begin_export(exporter);
    size_t count = tote__outbox_spill(&exporter->outbox);
    atomic_store(&exporter->exporting, 0);
    return count;
}

/*
 * The directory of the disk queue is opened again if the host has closed the inherited descriptor,
 * or if the process has changed its user.
 */
static struct tote__journal *make_journal(const struct exporter *exporter) {
    const struct tote__otlp_settings *settings = &exporter->settings;
    int inherited = exporter->outbox.spool && !has_new_user(exporter)
                        ? tote__spool_descriptor(exporter->outbox.spool)
                        : -1;
    char problem[TOTE__FOLDER_PROBLEM_BYTES];
    struct tote__folder opened = {.descriptor = -1};

    if (inherited < 0 && !settings->journal_directory &&
        !tote__folder_open(settings->spool_directory, geteuid(), true, &opened, problem)) {
        tote_diagnose(TOTE_LEVEL_ERROR, "spool",
                      "spans that end will not outlive this process: the disk queue %s cannot be "
                      "used: %s",
                      settings->spool_directory, problem);
        return NULL;
    }
    struct tote__journal *journal = tote__journal_new(settings->journal_directory,
                                                      inherited < 0 ? opened.descriptor : inherited,
                                                      settings->journal_bytes, exporter->journals);
    tote__folder_close(&opened);
    return journal;
}

static const struct tote__safe_memory *otlp_begin_securing(void *self) {
    struct exporter *exporter = self;
    bool may_have_spool = exporter->outbox.spool || has_new_user(exporter);

    exporter->journal = may_have_spool ? make_journal(exporter) : NULL;
    exporter->journals = exporter->journal ? exporter->journal : exporter->journals;
    return exporter->journal ? tote__journal_memory(exporter->journal) : NULL;
}

static void otlp_drop(void *self) {
    tote__outbox_drop(&((struct exporter *)self)->outbox);
}

static void otlp_add_counts(void *self, struct tote__saved_counts *counts) {
    const struct tote__outbox *outbox = &((const struct exporter *)self)->outbox;
    const struct tote__journal *journal = ((const struct exporter *)self)->journal;

    counts->unsecured += journal ? tote__journal_unsecured(journal) : 0;
    if (((const struct exporter *)self)->generation == tote__generation()) {
        counts->delivered += atomic_load_explicit(&outbox->delivered, memory_order_relaxed);
        counts->rejected += atomic_load_explicit(&outbox->rejected, memory_order_relaxed);
        counts->lost += atomic_load_explicit(&outbox->lost, memory_order_relaxed);
        counts->recovered += atomic_load_explicit(&outbox->recovered, memory_order_relaxed);
    }
}

static int otlp_get_descriptor(void *self) {
    return tote__transport_descriptor(((struct exporter *)self)->transport);
}

static uint64_t otlp_get_due(void *self) {
    return tote__outbox_due(&((const struct exporter *)self)->outbox);
}

/*
 * The rest is prepared with a disk queue, too: a process may have other reasons to ask, as
 * chroot().
 */
static tote_result otlp_prepare(void *self, uint32_t timeout_ms, bool may_make_thread) {
    const struct exporter *exporter = self;
    tote_result result = tote__transport_prepare(exporter->transport, tote__deadline_in(timeout_ms),
                                                 may_make_thread);

    if (exporter->settings.spool_directory) { /* also one that is not open yet */
        tote_diagnose(
            TOTE_LEVEL_ERROR, "otlp",
            "not prepared to open no files: the disk queue %s opens them for each request "
            "that it saves or sends, and a forked child does for its journal; a process "
            "that may not open files needs an exporter without spool_directory",
            exporter->settings.spool_directory);
        return TOTE_FAILURE;
    }
    return result;
}

static void otlp_hush(void *self) {
    tote__transport_hush(((struct exporter *)self)->transport);
}

static const struct tote__ahead_ops otlp_ahead = {
    .has_room = otlp_has_room,
    .keep = otlp_keep,
    .send = otlp_send,
    .has_backlog = otlp_has_backlog,
    .is_sending = otlp_is_sending,
    .hurry = otlp_hurry,
    .saves = otlp_saves,
    .save = otlp_save,
    .begin_securing = otlp_begin_securing,
    .add_counts = otlp_add_counts,
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
    tote__spool_claim_drop(&exporter->claim); /* what is saved now is for the next one to send */
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
        tote__buffer_clear(&exporter->buffer);
        tote__outbox_clear(&exporter->outbox);
    }
    tote__spool_claim_drop(&exporter->claim);
    tote__journal_free(exporter->journals);
    tote__transport_free(exporter->transport);
    if (exporter->settings.transport.destroy) {
        exporter->settings.transport.destroy(exporter->settings.transport.self);
    }
    tote_context_unref(exporter->context);
    tote__otlp_settings_clear(&exporter->settings);
    tote__release(exporter, sizeof *exporter);
}

/* What the options say is taken is taken also on failure. */
static tote_span_exporter *refuse(const tote_otlp_options *options) {
    tote_otlp_transport transport = {.send = NULL};

    if (options && options->struct_size > offsetof(tote_otlp_options, transport)) {
        TOTE__COPY_OPTIONS(tote_otlp_transport, &transport, options->transport);
    }
    if (transport.destroy) {
        transport.destroy(transport.self);
    }
    return NULL;
}

static const tote_span_exporter_ops otlp_ops = {
    .struct_size = sizeof otlp_ops,
    .export_spans = otlp_export_spans,
    .shutdown = otlp_shutdown,
    .destroy = otlp_destroy,
};

/*
 * Returns: false when a spool was asked for by the options and cannot be had. As root the directory
 * of another user can be had later.
 */
static bool open_spool(struct exporter *exporter, struct tote__spool **spool) {
    const struct tote__otlp_settings *settings = &exporter->settings;

    if (!settings->spool_directory) {
        return true;
    }
    int cancel = tote__cancel_disable();
    struct tote__spool *opened =
        tote__spool_open(settings->spool_directory, &settings->spool_limits);
    *spool = claim_spool(exporter, opened);
    tote__cancel_restore(cancel);
    return *spool || !settings->needs_spool ||
           (!opened && geteuid() == 0 &&
            tote__folder_is_of_another_user(settings->spool_directory));
}

tote_span_exporter *tote_otlp_exporter_new(const tote_otlp_options *options) {
    static const char *const protocols[] = {
        [TOTE_OTLP_HTTP_PROTOBUF] = "http/protobuf",
        [TOTE_OTLP_HTTP_JSON] = "http/json",
        [TOTE_OTLP_GRPC] = "grpc",
    };
    struct exporter *exporter = tote__allocate(sizeof *exporter);

    if (!exporter) {
        tote_diagnose(TOTE_LEVEL_ERROR, "otlp", "memory is out, no exporter is made");
        return refuse(options);
    }
    *exporter = (struct exporter){.transport = NULL};
    if (!tote__otlp_settings_resolve(&exporter->settings, options)) {
        tote__release(exporter, sizeof *exporter);
        return refuse(options);
    }
    exporter->context = tote_context_with_suppression(tote_context_root());
    exporter->transport = tote__transport_new(&exporter->settings);
    struct tote__spool *spool = NULL;
    exporter->user = geteuid();
    bool is_spool_open = open_spool(exporter, &spool);
    exporter->generation = tote__generation();
    tote__outbox_begin(&exporter->outbox, &exporter->settings, exporter->transport, spool);
    if (!is_spool_open) {
        otlp_destroy(exporter);
        return NULL;
    }
    if (!exporter->transport) {
        tote_diagnose(TOTE_LEVEL_ERROR, "otlp", "memory is out, no exporter is made");
        otlp_destroy(exporter);
        return NULL;
    }
    tote_diagnose(TOTE_LEVEL_DEBUG, "otlp", "exports to %s by %s, %s, within %u ms",
                  exporter->settings.shown_url, protocols[exporter->settings.protocol],
                  exporter->settings.is_gzip ? "with gzip" : "not compressed",
                  exporter->settings.timeout_ms);
    tote_span_exporter *made =
        tote__span_exporter_set_ahead(tote_span_exporter_new(&otlp_ops, exporter), &otlp_ahead);
    if (made) {
        made->is_securing = (spool || geteuid() == 0) && exporter->settings.spools_before_end;
    }
    return made;
}
