/* SPDX-License-Identifier: MIT */
/*
 * span.c - the functions of a recording span
 *
 * A span records only in the process that started it, until it ends; in a forked child it is only a
 * valid parent. Ending fixes the end time, excludes other threads, adds the store's attributes, and
 * passes the frozen span to the processors.
 */
#include "span.h"

#include <stdio.h>
#include <string.h>

#include "attribute_index.h"
#include "core.h"
#include "span_attributes.h"
#include "span_buffer.h"
#include "tote/internal/clock.h"
#include "tote/internal/context.h"
#include "tote/internal/export_rules.h"
#include "tote/internal/store.h"
#include "tote/internal/text.h"

static struct span *self(const tote_span *base) {
    return (struct span *)base;
}

/* Return the name, which ends with NUL. Only for the thread that may write to the span. */
static const char *name_of(const struct span *span) {
    return span->name.size ? (const char *)tote__span_at(span, &span->name) : "";
}

/* Return whether this thread may write to the span. */
static bool is_writable(const struct span *span) {
    uint32_t state = atomic_load_explicit(&span->state, memory_order_acquire); /* for `ender` */

    if (span->generation != tote__generation()) {
        return false;
    }
    return state == SPAN_OPEN || (state == SPAN_ENDING && span->ender == &tote__thread);
}

static bool span_is_recording(const tote_span *base) {
    return is_writable(self(base));
}

/* Drop the lock, which is held, if this thread may not write to the span. */
tote__apart static bool stay_if_writable(struct span *span) {
    bool may_stay = is_writable(span);

    if (!may_stay) {
        tote__span_lock_drop(&span->lock);
    }
    return may_stay;
}

/* Take the lock if this thread may write to the span. */
static inline bool open_for_writing(struct span *span) {
    uint32_t generation = tote__generation();

    if (span->generation != generation) {
        return false;
    }
    tote__span_lock_take(&span->lock, generation);
    return atomic_load_explicit(&span->state, memory_order_relaxed) == SPAN_OPEN ||
           stay_if_writable(span);
}

/*
 * Drop the lock, and report dropped items once per span. The name is copied while the lock is held.
 * Spec: trace/sdk.md#span-limits
 */
tote__rarely_called static void report_drops_and_unlock(struct span *span) {
    const uint32_t counts[] = {span->facts.dropped_attribute_count, span->facts.dropped_event_count,
                               span->facts.dropped_link_count};
    unsigned causes = span->loss_causes;
    char name[TOTE__FEW_NAMES_BYTES];

    snprintf(name, sizeof name, "%s", name_of(span));
    span->drop_reported = true;
    tote__span_lock_drop(&span->lock);
    tote_diagnostics_report(
        TOTE_LEVEL_WARN, "span",
        "span \"%s\": %u attributes, %u events and %u links were "
        "dropped:%s%s%s%s; later ones are only counted",
        name, counts[0], counts[1], counts[2],
        causes & LOST_TO_LIMIT ? " over its limits (tote_span_limits, or limits in a file)" : "",
        causes & LOST_TO_KEY ? " without a usable key" : "",
        causes & LOST_EMPTY_LINK ? " without a span context" : "",
        causes & LOST_TO_MEMORY ? " out of memory" : "");
}

static inline void close_for_writing(struct span *span) {
    if (tote__unlikely(span->loss_causes && !span->drop_reported)) {
        report_drops_and_unlock(span);
    } else {
        tote__span_lock_drop(&span->lock);
    }
}

static void span_set_attributes(tote_span *base, const tote_attribute *attributes,
                                size_t attribute_count) {
    struct span *span = self(base);

    if (!attributes || !open_for_writing(span)) {
        return;
    }
    tote__span_put_attributes(span, attributes, attribute_count);
    close_for_writing(span);
}

/*
 * Enter the core of the span's SDK. Returns NULL if that SDK is released. Leave the core in both
 * cases.
 */
static inline struct core_config *enter_core(const struct span *span, struct thread_state *thread) {
    struct core_config *config =
        thread ? tote__core_enter(&tote__cores[span->origin.slot], thread) : NULL;

    return config && config->origin.run == span->origin.run ? config : NULL;
}

static inline void leave_core(struct thread_state *thread) {
    if (thread) {
        tote__core_leave(thread);
    }
}

/* Return the time of the program's clock. */
static uint64_t programs_now(const struct span *span) {
    struct thread_state *thread = tote__thread_state();
    const struct core_config *config = enter_core(span, thread);
    uint64_t now =
        config && config->now_unix_nano ? tote__core_now(config) : tote__clock_realtime();

    leave_core(thread);
    return now;
}

/*
 * Return the anchor's real time plus the monotonic time since then, for events and the end. Setting
 * the clock does not change durations.
 */
static inline uint64_t span_now(const struct span *span) {
    if (span->anchor_monotonic) {
        return span->anchor_realtime + (tote__clock_monotonic() - span->anchor_monotonic);
    }
    return programs_now(span);
}

static void span_add_event(tote_span *base, const char *name, const tote_attribute *attributes,
                           size_t attribute_count, uint64_t time_unix_nano) {
    struct span *span = self(base);

    if (!is_writable(span)) {
        return;
    }
    if (!time_unix_nano) {
        time_unix_nano = span_now(span);
    }
    if (open_for_writing(span)) {
        tote__span_put_event(span, name, attributes, attribute_count, time_unix_nano);
        close_for_writing(span);
    }
}

static void span_add_link(tote_span *base, const tote_span_context *context,
                          const tote_attribute *attributes, size_t attribute_count) {
    struct span *span = self(base);

    if (open_for_writing(span)) {
        tote__span_put_link(span, context, attributes, attribute_count);
        close_for_writing(span);
    }
}

/* Spec: trace/api.md#set-status */
static void put_status(struct span *span, tote_status_code code, const char *description) {
    if (code != TOTE_STATUS_CODE_OK && code != TOTE_STATUS_CODE_ERROR) {
        return; /* UNSET is ignored */
    }
    if (span->facts.status_code == TOTE_STATUS_CODE_OK) {
        return; /* OK is final */
    }
    span->facts.status_code = (uint8_t)code;
    span->description.size = 0;
    if (code == TOTE_STATUS_CODE_ERROR && description && *description) {
        tote__span_set_text(span, &span->description, description);
    }
}

static void span_set_status(tote_span *base, tote_status_code code, const char *description) {
    struct span *span = self(base);

    if (open_for_writing(span)) {
        put_status(span, code, description);
        close_for_writing(span);
    }
}

static void span_fail(tote_span *base, int code) {
    struct span *span = self(base);
    char number[16];

    if (!open_for_writing(span)) {
        return;
    }
    if (span->facts.status_code == TOTE_STATUS_CODE_UNSET) {
        snprintf(number, sizeof number, "%d", code);
        const tote_attribute type = {"error.type", tote_string(number)};
        span->facts.status_code = TOTE_STATUS_CODE_ERROR;
        tote__span_put_attributes(span, &type, 1);
    }
    close_for_writing(span);
}

static void span_update_name(tote_span *base, const char *name) {
    struct span *span = self(base);

    if (open_for_writing(span)) {
        tote__span_set_text(span, &span->name, name ? name : "");
        close_for_writing(span);
    }
}

/* State of the export of the store's entries. */
struct store_export {
    struct span *span;
    const struct core_config *config;
    struct tote__export_budget budget;
    uint32_t left_out;
    char first_key[TOTE__FEW_NAMES_BYTES]; /* the first entry that is dropped */
};

static bool export_entry(void *arg, const struct tote__entry *entry) {
    struct store_export *export = arg;

    if (tote__export_is_reserved(entry) || !tote__core_exports(export->config, entry)) {
        return true;
    }
    if (!tote__export_take(&export->budget, entry)) {
        if (!export->left_out++) {
            snprintf(export->first_key, sizeof export->first_key, "%s", entry->key);
        }
        tote__span_lose(export->span, &export->span->facts.dropped_attribute_count, LOST_TO_LIMIT);
        return true;
    }
    tote__span_put_store_entry(export->span, entry);
    return true;
}

tote__apart static void visit_store(struct span *span, const struct core_config *config) {
    struct store_export export = {.span = span, .config = config};

    if (!tote__store_visit(span->store, TOTE_VISIBILITY_TELEMETRY, export_entry, &export)) {
        /* their number is unknown */
        tote__span_lose(span, &span->facts.dropped_attribute_count, LOST_TO_MEMORY);
    }
    if (export.left_out) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "span",
            "span \"%.64s\" takes at most %d store entries and %d bytes (remote: %d and %d): %u "
            "more, the first is '%s', are dropped and counted",
            name_of(span), TOTE__MOST_ENTRIES, TOTE__MOST_ENTRY_BYTES, TOTE__MOST_REMOTE_ENTRIES,
            TOTE__MOST_REMOTE_BYTES, export.left_out, export.first_key);
    } else if (span->loss_causes && !span->drop_reported) {
        tote__span_lock_take(&span->lock, tote__generation());
        report_drops_and_unlock(span);
    }
}

/* Add the store's attributes when the span ends. No other thread writes to the span any more. */
static inline void add_store_attributes(struct span *span, const struct core_config *config) {
    span->store_attributes_start = span->attributes.size;
    if (span->store && !tote__store_is_bare(span->store)) {
        visit_store(span, config);
    }
}

/* The lock is needed because another thread may read the attributes. */
tote__rarely_called static void clear_index(struct span *span) {
    tote__span_lock_take(&span->lock, tote__generation());
    tote__clear_index(span);
    tote__span_lock_drop(&span->lock);
}

/* Freeze the span. The view is dropped first: later views are kept. */
static inline void freeze(struct span *span) {
    if (tote__unlikely(span->index)) {
        clear_index(span);
    }
    if (span->view) {
        tote__span_drop_view(span);
    }
    atomic_store_explicit(&span->state, SPAN_ENDED, memory_order_release);
}

/* After a shutdown only the SDK's own processors are called: they count the span. */
static bool is_called(const struct core_config *config, const tote_span_processor *processor) {
    return processor->add_stats ||
           !atomic_load_explicit(&config->is_shut_down, memory_order_relaxed);
}

static void run_processors(struct span *span, const struct core_config *config) {
    for (size_t i = 0; config->has_on_ending && i < config->processor_count; i++) {
        tote_span_processor *processor = TOTE__PROCESSOR_WITH(config->processors[i], on_ending);
        if (processor && is_called(config, processor)) {
            processor->ops.on_ending(processor->self, &span->base);
        }
    }
    freeze(span);
    for (size_t i = 0; i < config->processor_count; i++) {
        tote_span_processor *processor = TOTE__PROCESSOR_WITH(config->processors[i], on_end);
        if (processor && is_called(config, processor)) {
            processor->ops.on_end(processor->self, (const tote_span_data *)span);
        }
    }
}

/* Pass the span to the processors. If its SDK is released, it is not counted. */
static void finish(struct span *span, struct thread_state *thread) {
    const struct core_config *config = enter_core(span, thread);
    const tote_store *not_counted = config ? config->root_store : NULL;

    if (config) {
        struct span_counters *counters =
            tote__core_counters(thread, span->origin.slot, span->origin.run);
        tote__count(&counters->finished[tote__span_is_sampled(span)]);
        add_store_attributes(span, config);
        run_processors(span, config);
    } else {
        freeze(span);
    }
    leave_core(thread);
    if (span->store && span->store != not_counted) {
        tote_store_unref(span->store);
    }
    span->store = NULL;
}

tote__rarely_called static void report_early_end(const struct span *span, uint64_t early_by) {
    tote_diagnostics_report(TOTE_LEVEL_WARN, "span",
                            "span \"%.64s\" ended %llu ns before its start: its end is set to its "
                            "start; check the given times, or the clock",
                            name_of(span), (unsigned long long)early_by);
}

static void span_end(tote_span *base, uint64_t end_time_unix_nano) {
    struct span *span = self(base);
    uint32_t generation = tote__generation();

    if (atomic_load_explicit(&span->state, memory_order_relaxed) != SPAN_OPEN ||
        span->generation != generation) {
        return;
    }
    if (!end_time_unix_nano) {
        end_time_unix_nano = span_now(
            span); /* before taking the lock, because waiting for it is not part of the span */
    }
    uint64_t start = span->facts.start_time_unix_nano;
    tote__span_lock_take(&span->lock, generation);
    bool is_first = atomic_load_explicit(&span->state, memory_order_relaxed) == SPAN_OPEN;
    if (is_first) {
        span->facts.end_time_unix_nano = end_time_unix_nano < start ? start : end_time_unix_nano;
        span->ender = &tote__thread;
        atomic_store_explicit(&span->state, SPAN_ENDING, memory_order_release);
    }
    tote__span_lock_drop(&span->lock);
    if (is_first && tote__unlikely(end_time_unix_nano < start)) {
        report_early_end(span, start - end_time_unix_nano);
    }
    if (is_first) {
        finish(span, tote__thread_state());
    }
}

/* Return whether an ended span owns more than its block and overflow. */
static bool has_parts(const struct span *span) {
    return (uintptr_t)span->view | (uintptr_t)span->store | (uintptr_t)span->index |
           (uintptr_t)span->base.context.trace_state | (uintptr_t)span->facts.parent.trace_state;
}

/* Release everything that is not kept with the block. */
static void release_parts(struct span *span) {
    tote__span_drop_view(span);
    tote__clear_index(span);
    tote_store_unref(span->store);
    span->store = NULL;
    tote_trace_state_unref(span->base.context.trace_state);
    span->base.context.trace_state = NULL;
    tote_trace_state_unref(span->facts.parent.trace_state);
    span->facts.parent.trace_state = NULL;
}

/* Close an open span without exporting it. */
tote__rarely_called static void abandon(struct span *span) {
    struct thread_state *thread = tote__thread_state();

    tote__span_lock_take(&span->lock, tote__generation()); /* a shutdown may read the name */
    atomic_store_explicit(&span->state, SPAN_ENDED, memory_order_release);
    tote__span_lock_drop(&span->lock);
    if (enter_core(span, thread)) {
        struct span_counters *counters =
            tote__core_counters(thread, span->origin.slot, span->origin.run);
        tote__count(&counters->never_ended[tote__span_is_sampled(span)]);
    }
    leave_core(thread);
}

static void span_discard(tote_span *base) {
    struct span *span = self(base);

    if (atomic_load_explicit(&span->state, memory_order_relaxed) == SPAN_OPEN &&
        span->generation == tote__generation()) {
        abandon(span);
    }
}

/* Prepare a span's block for reuse. Returns false if it must not be reused. */
static bool retire(struct span *span) {
    if (span->generation != tote__generation()) {
        return false; /* inherited: the pool and the references belong to the parent */
    }
    if (tote__unlikely(atomic_load_explicit(&span->state, memory_order_relaxed) == SPAN_OPEN)) {
        abandon(span);
        tote_diagnostics_report(TOTE_LEVEL_WARN, "span",
                                "span \"%.64s\" was released without an end: it is not exported; "
                                "call tote_span_end() or tote_span_close()",
                                name_of(span));
    }
    if (has_parts(span)) {
        release_parts(span);
    }
    tote__span_trim_buffer(span);
    atomic_store_explicit(&span->state, SPAN_FREE, memory_order_release);
    return true;
}

static void span_destroy(tote_span *base) {
    if (retire(self(base))) {
        tote__pool_put(&tote__span_pool, base);
    }
}

/* Copy the name under the lock: the thread that ends the span may move it. */
static bool span_get_name(const tote_span *base, char *name, size_t size) {
    struct span *span = self(base);

    if (span->generation != tote__generation()) {
        return false;
    }
    tote__span_lock_to_read(span);
    bool is_known =
        is_writable(span) || atomic_load_explicit(&span->state, memory_order_acquire) == SPAN_ENDED;
    if (is_known) {
        const char *text = name_of(span);
        size_t length = tote__utf8_valid_prefix(text, tote__min(strlen(text), size - 1));
        memcpy(name, text, length);
        name[length] = '\0';
    }
    tote__span_lock_drop(&span->lock);
    return is_known;
}

const struct tote__span_ops tote__recording_ops = {
    .is_recording = span_is_recording,
    .set_attributes = span_set_attributes,
    .add_event = span_add_event,
    .add_link = span_add_link,
    .set_status = span_set_status,
    .update_name = span_update_name,
    .fail = span_fail,
    .end = span_end,
    .discard = span_discard,
    .destroy = span_destroy,
    .get_name = span_get_name,
};
