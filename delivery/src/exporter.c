/* SPDX-License-Identifier: MIT */
/*
 * exporter.c - retry, disk queue and crash-safe mode around an exporter
 *
 * Each span is in one count of an outcome.
 *
 * Tests: tests/unit/test_delivery_exporter.c, tests/unit/test_delivery.c
 */
#include <errno.h>
#include <stdatomic.h>

#include "outbox.h"
#include "tote/diagnostics.h"
#include "tote/internal/cancel.h"
#include "tote/internal/claim.h"
#include "tote/internal/clock.h"
#include "tote/internal/crash_file.h"
#include "tote/internal/fork.h"
#include "tote/internal/os.h"
#include "tote/internal/tracer.h"

static const char *const component = "delivery";

struct exporter {
    struct tote__delivery_settings settings;
    struct tote__arena memory; /* of the settings' texts, if this exporter owns them */
    tote_span_exporter *receiver;
    struct tote__outbox outbox;
    struct tote__claim claim;             /* claim on the directory of the disk queue */
    struct tote__crash_file *crash_file;  /* of this process; NULL: none */
    struct tote__crash_file *crash_files; /* also those of parent processes */
    uid_t user;          /* effective user when the disk queue was opened, or could not be opened */
    uint32_t renewals;   /* renewals of the directory that the crash-safe file knows */
    uint32_t generation; /* the process that the fields above belong to */
    _Atomic(uint32_t) exporting; /* the process that has a request; 0: none */
    _Atomic(uint64_t) stop_at;   /* when a shutdown interrupts the request; 0: not shut down */
    _Atomic(bool) was_cut_short; /* a shutdown interrupted a request */
};

/* Return whether the effective user has changed. Not relevant without a disk queue. */
static bool has_new_user(const struct exporter *exporter) {
    return TOTE_HAS_DISK_QUEUE && exporter->settings.disk_queue_directory &&
           tote__os_user_id() != exporter->user;
}

/*
 * The process that holds the lock sends all batches of a directory. Two exporters with different
 * receivers would send each other's spans.
 */
static struct tote__claims directories;

static bool claim_directory(struct exporter *exporter, const struct tote__disk_queue *disk_queue) {
    struct tote__folder folder;

    return !tote__folder_borrow(tote__disk_queue_descriptor(disk_queue), &folder) ||
           tote__claim_take(&directories, &exporter->claim, folder.device, folder.inode);
}

/*
 * Claim the directory for this exporter. Returns NULL, with a diagnostic, and closes the disk
 * queue, if another exporter of this process uses it.
 */
static struct tote__disk_queue *claim_disk_queue(struct exporter *exporter,
                                                 struct tote__disk_queue *disk_queue) {
    if (!disk_queue || claim_directory(exporter, disk_queue)) {
        return disk_queue;
    }
    tote_diagnostics_report(
        TOTE_LEVEL_ERROR, "disk queue",
        "the disk queue %s is not used for %s: another exporter of this process uses the "
        "directory, and its receiver would get these spans; give each destination a "
        "directory of its own (disk_queue_directory, OTEL_C_DISK_QUEUE_DIRECTORY)",
        exporter->settings.disk_queue_directory, exporter->settings.destination);
    tote__disk_queue_close(disk_queue);
    return NULL;
}

/* A server that starts as root may have its disk queue in a directory of the user it changes to. */
static void follow_user(struct exporter *exporter) {
    if (!has_new_user(exporter)) {
        return;
    }
    exporter->user = tote__os_user_id();
    if (!exporter->outbox.disk_queue) {
        const struct tote__delivery_settings *settings = &exporter->settings;
        struct tote__disk_queue *disk_queue =
            tote__disk_queue_open(settings->disk_queue_directory, &settings->disk_queue_limits);
        tote__outbox_set_disk_queue(&exporter->outbox, claim_disk_queue(exporter, disk_queue));
    }
}

/*
 * A child may inherit inconsistent state, because its parent was in a call: it starts with an empty
 * outbox. Requests of the parent belong to the parent.
 */
static void enter(struct exporter *exporter) {
    uint32_t generation = tote__generation();

    atomic_store(&exporter->exporting, generation);
    if (exporter->generation != generation) {
        struct tote__disk_queue *disk_queue = exporter->outbox.disk_queue;
        struct tote__disk_queue *own =
            tote__outbox_has_disk_queue(&exporter->outbox)
                ? tote__disk_queue_reopen(disk_queue, exporter->settings.disk_queue_directory)
                : NULL;
        tote__outbox_begin(&exporter->outbox, &exporter->settings, exporter->receiver,
                           claim_disk_queue(exporter, own));
        exporter->generation = generation;
        exporter->user =
            disk_queue ? tote__os_user_id() : exporter->user; /* the failure is already reported */
    }
    follow_user(exporter);
}

static void leave(struct exporter *exporter) {
    bool has_request = tote__outbox_has_request(&exporter->outbox);

    atomic_store(&exporter->exporting, has_request ? exporter->generation : 0);
}

/*
 * Encode as many of the first spans as a request may contain, at least one. Returns their number.
 * Returns 0 if out of memory, and for a span that is too large, which is then in the outcome.
 */
static size_t encode(const struct exporter *exporter, struct tote__buffer *request,
                     const tote_span_data *const *spans, size_t count,
                     tote_export_outcome *outcome) {
    size_t most = tote__outbox_most_bytes(&exporter->outbox);

    for (;;) {
        request->size = 0;
        if (!tote__request_of_spans(request, spans, count)) {
            return 0;
        }
        if (request->size <= most ||
            (count == 1 && request->size <= exporter->settings.max_request_bytes)) {
            return count; /* a single larger span may be accepted */
        }
        if (count == 1) {
            tote_diagnostics_report(TOTE_LEVEL_WARN, component,
                                    "a span in a request of %zu bytes is lost: max_request_bytes "
                                    "is %zu; raise it, or set span limits",
                                    request->size, exporter->settings.max_request_bytes);
            outcome->span_count = outcome->too_large = 1;
            return 0;
        }
        size_t guess = (size_t)((double)count * (double)most / (double)request->size);
        count = guess < count ? guess : count - 1;
        count += count == 0;
    }
}

static size_t delivery_deliver(void *self, const tote_span_batch *batch,
                               tote_export_outcome *outcome) {
    struct exporter *exporter = self;
    const tote_span_data *const *spans = tote_span_batch_get_spans(batch);
    size_t taken = 0;
    int error = errno;

    enter(exporter);
    struct tote__kept *kept = spans ? tote__outbox_next(&exporter->outbox) : NULL;
    if (kept) {
        taken = encode(exporter, &kept->request, spans, batch->count, outcome);
        kept->count = taken;
        kept->request.size = taken ? kept->request.size : 0;
        tote__outbox_add(&exporter->outbox);
    }
    leave(exporter);
    errno = error;
    return taken;
}

/* Renew the crash-safe file if the directory was created again. */
static void renew_crash_file(struct exporter *exporter) {
    const struct tote__disk_queue *disk_queue = exporter->outbox.disk_queue;
    uint32_t renewals = disk_queue ? tote__disk_queue_renewals(disk_queue) : 0;

    if (renewals != exporter->renewals) {
        claim_directory(exporter, disk_queue);
    }
    if (disk_queue && exporter->crash_file &&
        (renewals != exporter->renewals || !tote__crash_file_is_open(exporter->crash_file))) {
        tote__crash_file_renew(exporter->crash_file, exporter->settings.crash_safe_directory,
                               tote__disk_queue_descriptor(disk_queue));
    }
    exporter->renewals = renewals;
}

/* After a shutdown no request is started. */
static tote_export_state end_after_shutdown(struct exporter *exporter,
                                            tote_export_outcome *outcome) {
    if (!tote__outbox_end_first(&exporter->outbox, outcome)) {
        return TOTE_EXPORT_STATE_IDLE;
    }
    if (outcome->shut_down) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, component, "%zu spans after shutdown are lost",
                                outcome->shut_down);
    }
    return TOTE_EXPORT_STATE_COMPLETED;
}

static tote_export_state delivery_step(void *self, const tote_export_step *step,
                                       tote_export_outcome *outcome) {
    struct exporter *exporter = self;
    struct tote__outbox *outbox = &exporter->outbox;
    tote_export_step own = *step;
    tote_export_state state;
    int error = errno;

    enter(exporter);
    uint64_t stop_at =
        atomic_load(&exporter->stop_at); /* must be read after enter(): see delivery_shutdown() */
    if (stop_at && (!outbox->retry.in_flight || tote__clock_monotonic() >= stop_at)) {
        state = end_after_shutdown(exporter, outcome);
    } else {
        own.deadline_ns = stop_at && stop_at < own.deadline_ns ? stop_at : own.deadline_ns;
        own.drain_only |= stop_at != 0;
        if (step->retry_now) {
            tote__retry_now(&outbox->retry);
        }
        state = tote__outbox_step(outbox, &own, outcome);
        if (TOTE_HAS_DISK_QUEUE) {
            renew_crash_file(exporter);
        }
    }
    if (stop_at && outcome->shut_down) {
        atomic_store(&exporter->was_cut_short, true);
    }
    leave(exporter);
    errno = error;
    return state;
}

static uint64_t delivery_due(void *self) {
    return tote__outbox_due(&((const struct exporter *)self)->outbox);
}

static int delivery_descriptor(void *self) {
    const tote_span_exporter *receiver = ((const struct exporter *)self)->receiver;

    return receiver->ops.descriptor(receiver->self);
}

static size_t delivery_save(void *self) {
    struct exporter *exporter = self;
    int error = errno;

    enter(exporter);
    size_t count = tote__outbox_spill(&exporter->outbox);
    tote__outbox_drop(&exporter->outbox);
    leave(exporter);
    errno = error;
    return count;
}

/*
 * Create the crash-safe file. The directory of the disk queue is opened again if the host has
 * closed the inherited descriptor, or if the process has changed its user.
 */
static struct tote__crash_file *make_crash_file(const struct exporter *exporter) {
    const struct tote__delivery_settings *settings = &exporter->settings;
    int inherited = exporter->outbox.disk_queue && !has_new_user(exporter)
                        ? tote__disk_queue_descriptor(exporter->outbox.disk_queue)
                        : -1;
    char problem[TOTE__FOLDER_PROBLEM_BYTES];
    struct tote__folder opened = {.descriptor = -1};

    if (inherited < 0 && !settings->crash_safe_directory &&
        !tote__folder_open(settings->disk_queue_directory, tote__os_user_id(), true, &opened,
                           problem)) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "disk queue",
                                "spans are not crash-safe: the disk queue %s cannot be used: %s",
                                settings->disk_queue_directory, problem);
        return NULL;
    }
    struct tote__crash_file *crash_file = tote__crash_file_new(
        settings->crash_safe_directory, inherited < 0 ? opened.descriptor : inherited,
        settings->crash_safe_bytes, exporter->crash_files);
    tote__folder_close(&opened);
    return crash_file;
}

static const struct tote__crash_safe_memory *delivery_begin_crash_safe(void *self) {
    struct exporter *exporter = self;
    bool may_have_disk_queue = exporter->outbox.disk_queue || has_new_user(exporter);
    int error = errno;

    if (!exporter->settings.is_crash_safe) {
        return NULL;
    }
    exporter->crash_file = may_have_disk_queue ? make_crash_file(exporter) : NULL;
    exporter->crash_files = exporter->crash_file ? exporter->crash_file : exporter->crash_files;
    errno = error;
    return exporter->crash_file ? tote__crash_file_memory(exporter->crash_file) : NULL;
}

static void delivery_add_counts(void *self, struct tote__saved_counts *counts) {
    const struct exporter *exporter = self;
    const struct tote__outbox *outbox = &exporter->outbox;

    counts->not_crash_safe += TOTE_HAS_DISK_QUEUE && exporter->crash_file
                                  ? tote__crash_file_not_saved(exporter->crash_file)
                                  : 0;
    if (exporter->generation == tote__generation()) {
        counts->delivered += atomic_load_explicit(&outbox->delivered, memory_order_relaxed);
        counts->rejected += atomic_load_explicit(&outbox->rejected, memory_order_relaxed);
        counts->lost += atomic_load_explicit(&outbox->lost, memory_order_relaxed);
        counts->recovered += atomic_load_explicit(&outbox->recovered, memory_order_relaxed);
    }
}

/*
 * The receiver is prepared even if there is a disk queue: the caller may have other reasons, for
 * example chroot().
 */
static tote_result delivery_prepare(void *self, uint32_t timeout_ms, bool may_make_thread) {
    const struct exporter *exporter = self;
    const tote_span_exporter *receiver = exporter->receiver;
    tote_result result = TOTE_RESULT_SUCCESS;

    if (receiver->extras && receiver->extras->prepare) {
        result = receiver->extras->prepare(receiver->self, timeout_ms, may_make_thread);
    }
    if (TOTE_HAS_DISK_QUEUE && exporter->settings.disk_queue_directory) { /* also if not open */
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, component,
            "not prepared: the disk queue %s opens files for each request that it saves or sends, "
            "and a forked child opens its crash-safe file; a process that may not open files needs "
            "an exporter without disk_queue_directory",
            exporter->settings.disk_queue_directory);
        return TOTE_RESULT_FAILURE;
    }
    return result;
}

static void delivery_identify(void *self, struct tote__exporter_identity *identity) {
    const tote_span_exporter *receiver = ((const struct exporter *)self)->receiver;

    if (receiver->extras && receiver->extras->identify) {
        receiver->extras->identify(receiver->self, identity);
    }
}

static uint64_t delivery_duration(void *self) {
    return ((const struct exporter *)self)->outbox.duration_ns;
}

static bool delivery_may_start(void *self) {
    return tote__outbox_may_start(&((const struct exporter *)self)->outbox);
}

static struct tote__metric_sender delivery_metric_sender(void *self) {
    return tote__metric_sender_of(((const struct exporter *)self)->receiver);
}

static const struct tote__exporter_extras delivery_extras = {
    .prepare = delivery_prepare,
    .add_counts = delivery_add_counts,
    .begin_crash_safe = TOTE_HAS_DISK_QUEUE ? delivery_begin_crash_safe : NULL,
    .identify = delivery_identify,
    .duration = delivery_duration,
    .may_start = delivery_may_start,
    .metric_sender = delivery_metric_sender,
};

static bool is_exporting(struct exporter *exporter) {
    return atomic_load(&exporter->exporting) == tote__generation();
}

static tote_result delivery_force_flush(void *self, uint32_t timeout_ms) {
    return tote_span_exporter_force_flush(((const struct exporter *)self)->receiver, timeout_ms);
}

/* An export in progress may continue until the deadline. */
static tote_result delivery_shutdown(void *self, uint32_t timeout_ms) {
    struct exporter *exporter = self;
    uint64_t deadline = tote__deadline_in(timeout_ms);
    int error = errno;

    bool is_late = is_exporting(exporter); /* read before the following lines end it */
    atomic_store(&exporter->stop_at, deadline ? deadline : 1);
    if (TOTE_HAS_DISK_QUEUE) { /* before batches are saved: the next exporter sends them */
        tote__claim_drop(&directories, &exporter->claim);
    }
    while (is_late && tote__clock_monotonic() < deadline) {
        tote__os_wait_readable(NULL, 0, 1);
        is_late = is_exporting(exporter);
    }
    tote_result result =
        tote_span_exporter_shutdown(exporter->receiver, tote__ms_until(deadline, UINT32_MAX));
    errno = error;
    return is_late || atomic_load(&exporter->was_cut_short) ? TOTE_RESULT_TIMEOUT : result;
}

static void delivery_destroy(void *self) {
    struct exporter *exporter = self;
    uint32_t exporting = atomic_load(&exporter->exporting);
    int error = errno;

    if (!exporting || exporting == tote__generation()) { /* otherwise the parent was in a call */
        tote__outbox_clear(&exporter->outbox);
    }
    if (TOTE_HAS_DISK_QUEUE) {
        tote__claim_drop(&directories, &exporter->claim);
        tote__crash_file_free(exporter->crash_files);
    }
    tote_span_exporter_free(exporter->receiver);
    tote__arena_clear(&exporter->memory);
    tote__release(exporter, sizeof *exporter);
    errno = error;
}

static const tote_span_exporter_ops delivery_ops = {
    .struct_size = sizeof delivery_ops,
    .force_flush = delivery_force_flush,
    .shutdown = delivery_shutdown,
    .destroy = delivery_destroy,
    .deliver = delivery_deliver,
    .step = delivery_step,
    .due = delivery_due,
    .descriptor = delivery_descriptor,
    .save = delivery_save,
};

/*
 * Returns false if a disk queue is required and not available. For root, the directory of another
 * user may become available later.
 */
static bool open_disk_queue(struct exporter *exporter) {
    const struct tote__delivery_settings *settings = &exporter->settings;

    if (!settings->disk_queue_directory) {
        return true;
    }
    if (!TOTE_HAS_DISK_QUEUE) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "disk queue", "no exporter is created: %s",
                                TOTE__LEFT_OUT("disk queue", "TOTE_WITH_DISK_QUEUE"));
        return false;
    }
    int error = errno;
    int cancel = tote__cancel_disable();
    struct tote__disk_queue *opened =
        tote__disk_queue_open(settings->disk_queue_directory, &settings->disk_queue_limits);
    struct tote__disk_queue *disk_queue = claim_disk_queue(exporter, opened);
    tote__cancel_restore(cancel);
    errno = error;
    tote__outbox_set_disk_queue(&exporter->outbox, disk_queue);
    bool can_follow = tote__os_user_id() == 0;
    exporter->settings.is_crash_safe &= disk_queue || can_follow;
    return disk_queue || !settings->needs_disk_queue ||
           (!opened && can_follow &&
            tote__folder_is_of_another_user(settings->disk_queue_directory));
}

tote_span_exporter *tote__delivery_exporter_new(tote_span_exporter *receiver,
                                                const struct tote__delivery_settings *settings) {
    struct exporter *exporter = receiver ? tote__allocate_zeroed(sizeof *exporter) : NULL;

    if (!exporter) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component, "no exporter is created: %s",
                                receiver ? "out of memory" : "the exporter to wrap is NULL");
        tote_span_exporter_free(receiver);
        return NULL;
    }
    exporter->receiver = receiver;
    exporter->settings = *settings;
    exporter->user = tote__os_user_id();
    exporter->generation = tote__generation();
    tote__outbox_begin(&exporter->outbox, &exporter->settings, receiver, NULL);
    if (!open_disk_queue(exporter)) {
        delivery_destroy(exporter);
        return NULL;
    }
    tote_span_exporter_ops ops = delivery_ops;
    if (!receiver->ops.descriptor) {
        ops.descriptor = NULL;
    }
    tote_span_exporter *made =
        tote__span_exporter_set_extras(tote_span_exporter_new(&ops, exporter), &delivery_extras);
    if (made) {
        made->most_requests = settings->max_concurrent_requests + 1;
    }
    return made;
}

static uint32_t or_default(uint32_t given, uint32_t otherwise) {
    return given ? given : otherwise;
}

static size_t size_or_default(size_t given, size_t otherwise) {
    return given ? given : otherwise;
}

bool tote__delivery_resolve(const tote_delivery_options *options, struct tote__arena *memory,
                            struct tote__delivery_settings *settings) {
    const char *disk_queue = options->disk_queue_directory;
    const char *crash_file = options->crash_safe_directory;
    const char *destination = options->destination;

    *settings = (struct tote__delivery_settings){
        .destination = destination ? tote__arena_text(memory, destination, strlen(destination))
                                   : "the exporter",
        .timeout_ms =
            options->timeout_ms == TOTE_OPTION_ZERO ? 0 : or_default(options->timeout_ms, 10000),
        .initial_backoff_ms = or_default(options->initial_backoff_ms, 1000),
        .max_backoff_ms = or_default(options->max_backoff_ms, 30000),
        .max_retry_after_ms = or_default(options->max_retry_after_ms, 300000),
        .max_request_bytes = size_or_default(options->max_request_bytes, 64 << 20),
        .max_concurrent_requests = 1,
        .disk_queue_directory = disk_queue ? tote__keep_path(memory, disk_queue) : NULL,
        .needs_disk_queue = true,
        .is_crash_safe = options->crash_safe,
        .disk_queue_no_sync = options->disk_queue_no_sync,
        .crash_safe_directory = crash_file ? tote__keep_path(memory, crash_file) : NULL,
        .crash_safe_bytes = size_or_default(options->crash_safe_bytes, 14 << 20),
        .disk_queue_limits = {.max_bytes =
                                  size_or_default(options->disk_queue_max_bytes, 256 << 20),
                              .max_files = or_default(options->disk_queue_max_files, 4096),
                              .max_age_s = or_default(options->disk_queue_max_age_s, 86400)},
    };
    return settings->destination && (!disk_queue || settings->disk_queue_directory) &&
           (!crash_file || settings->crash_safe_directory);
}

/* Returns false, with a diagnostic, if out of memory or if options contradict each other. */
static bool resolve(const tote_delivery_options *given, struct tote__arena *memory,
                    struct tote__delivery_settings *settings) {
    tote_delivery_options own = TOTE_DELIVERY_OPTIONS_INIT;

    TOTE__COPY_OPTIONS(tote_delivery_options, &own, given);
    bool is_complete = tote__delivery_resolve(&own, memory, settings);
    bool is_possible = !settings->is_crash_safe || settings->disk_queue_directory;
    if (!is_complete || !is_possible) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component, "no exporter is created: %s",
                                is_complete ? "crash_safe needs a disk_queue_directory"
                                            : "out of memory");
    }
    return is_complete && is_possible;
}

tote_span_exporter *tote_span_exporter_delivery_new(tote_span_exporter *receiver,
                                                    const tote_delivery_options *options) {
    struct tote__delivery_settings settings;
    struct tote__arena memory = {.chunks = NULL};
    tote_span_exporter *made = NULL;

    if (resolve(options, &memory, &settings)) {
        made = tote__delivery_exporter_new(receiver, &settings);
    } else {
        tote_span_exporter_free(receiver);
    }
    if (made) {
        ((struct exporter *)made->self)->memory = memory;
    } else {
        tote__arena_clear(&memory);
    }
    return made;
}

tote_result tote_disk_queue_send(tote_span_exporter *receiver, const tote_delivery_options *options,
                                 uint32_t timeout_ms, tote_disk_queue_report *report) {
    struct tote__delivery_settings settings;
    struct tote__arena memory = {.chunks = NULL};
    tote_result result = TOTE_RESULT_FAILURE;

    if (receiver && resolve(options, &memory, &settings)) {
        result = tote__delivery_send(receiver, &settings, timeout_ms, NULL, report);
    } else {
        tote_span_exporter_free(receiver);
    }
    tote__arena_clear(&memory);
    return result;
}
