/* SPDX-License-Identifier: MIT */
/*
 * no_disk_queue.c - replaces the disk queue and crash-safe mode in a build without them
 *
 * Only tote__delivery_send() is called. Without optimization, callers that are never reached refer
 * to the other functions.
 *
 * Tests: tests/unit/test_parts.c
 */
#include "tote/diagnostics.h"
#include "tote/internal/crash_file.h"
#include "tote/internal/delivery.h"
#include "tote/internal/recovery.h"

tote_result tote__delivery_send(tote_span_exporter *receiver,
                                const struct tote__delivery_settings *settings, uint32_t timeout_ms,
                                const volatile sig_atomic_t *stop, tote_disk_queue_report *report) {
    (void)settings, (void)timeout_ms, (void)stop, (void)report;
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "disk queue", "nothing is sent: %s",
                            TOTE__LEFT_OUT("disk queue", "TOTE_WITH_DISK_QUEUE"));
    tote_span_exporter_free(receiver);
    return TOTE_RESULT_FAILURE;
}

struct tote__disk_queue *tote__disk_queue_open(const char *directory,
                                               const struct tote__disk_queue_limits *limits) {
    (void)directory, (void)limits;
    return NULL;
}

struct tote__disk_queue *tote__disk_queue_reopen(const struct tote__disk_queue *inherited,
                                                 const char *path) {
    (void)inherited, (void)path;
    return NULL;
}

void tote__disk_queue_close(struct tote__disk_queue *disk_queue) {
    (void)disk_queue;
}

int tote__disk_queue_descriptor(const struct tote__disk_queue *disk_queue) {
    (void)disk_queue;
    return -1;
}

uint32_t tote__disk_queue_renewals(const struct tote__disk_queue *disk_queue) {
    (void)disk_queue;
    return 0;
}

bool tote__disk_queue_may_send(struct tote__disk_queue *disk_queue) {
    (void)disk_queue;
    return false;
}

void tote__disk_queue_set_sync(struct tote__disk_queue *disk_queue, bool does_sync) {
    (void)disk_queue, (void)does_sync;
}

bool tote__disk_queue_put(struct tote__disk_queue *disk_queue, const struct tote__batch *batch) {
    (void)disk_queue, (void)batch;
    return false;
}

uint64_t tote__disk_queue_lost(const struct tote__disk_queue *disk_queue) {
    (void)disk_queue;
    return 0;
}

bool tote__disk_queue_take(struct tote__disk_queue *disk_queue, struct tote__batch *batch) {
    (void)disk_queue, (void)batch;
    return false;
}

void tote__disk_queue_remove(struct tote__disk_queue *disk_queue) {
    (void)disk_queue;
}

void tote__disk_queue_skip(struct tote__disk_queue *disk_queue) {
    (void)disk_queue;
}

bool tote__disk_queue_split(struct tote__disk_queue *disk_queue,
                            const struct tote__batch halves[2]) {
    (void)disk_queue, (void)halves;
    return false;
}

uint64_t tote__disk_queue_next_look(const struct tote__disk_queue *disk_queue) {
    (void)disk_queue;
    return UINT64_MAX;
}

struct tote__recovery *tote__recovery_new(const char *directory, size_t most_bytes) {
    (void)directory, (void)most_bytes;
    return NULL;
}

void tote__recovery_free(struct tote__recovery *recovery) {
    (void)recovery;
}

bool tote__recovery_step(struct tote__recovery *recovery, struct tote__disk_queue *disk_queue) {
    (void)recovery, (void)disk_queue;
    return false;
}

struct tote__crash_file *tote__crash_file_new(const char *directory, int disk_queue, size_t bytes,
                                              struct tote__crash_file *older) {
    (void)directory, (void)disk_queue, (void)bytes, (void)older;
    return NULL;
}

bool tote__crash_file_is_open(const struct tote__crash_file *crash_file) {
    (void)crash_file;
    return false;
}

void tote__crash_file_renew(struct tote__crash_file *crash_file, const char *directory,
                            int disk_queue) {
    (void)crash_file, (void)directory, (void)disk_queue;
}

void tote__crash_file_free(struct tote__crash_file *crash_file) {
    (void)crash_file;
}

const struct tote__crash_safe_memory *
tote__crash_file_memory(const struct tote__crash_file *crash_file) {
    (void)crash_file;
    return NULL;
}

uint64_t tote__crash_file_not_saved(const struct tote__crash_file *crash_file) {
    (void)crash_file;
    return 0;
}
