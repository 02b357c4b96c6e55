/* SPDX-License-Identifier: MIT */
/*
 * span.c - what a recording span does
 *
 * A span records in the process that started it, until it ends; in a forked child it is a valid
 * parent and nothing more. Ending fixes the time first, then shuts other threads out, then adds
 * what the store says, and hands the frozen span on.
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

/* The name, which ends with NUL; for the only thread that may write to the span. */
static const char *name_of(const struct span *span) {
    return span->name.size ? (const char *)tote__span_at(span, &span->name) : "";
}

/* Whether this thread may write to the span now. */
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

/* The lock is held. Drop it if nobody, or another thread, may write to the span. */
tote__apart static bool stay_if_writable(struct span *span) {
    bool may_stay = is_writable(span);

    if (!may_stay) {
        tote__span_lock_drop(&span->lock);
    }
    return may_stay;
}

/* Take the lock if the span can be written to. */
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
 * Once for each span. Drop the lock, and report. The name is copied before: from then on other
 * threads may change it. Spec: trace/sdk.md#span-limits
 */
tote__rarely_called static void report_drops_and_unlock(struct span *span) {
    const uint32_t counts[] = {span->facts.dropped_attribute_count, span->facts.dropped_event_count,
                               span->facts.dropped_link_count};
    unsigned causes = span->loss_causes;
    char name[TOTE__FEW_NAMES_BYTES];

    snprintf(name, sizeof name, "%s", name_of(span));
    span->drop_reported = true;
    tote__span_lock_drop(&span->lock);
    tote_diagnostics_report(TOTE_LEVEL_WARN, "span",
                            "span \"%s\": %u attributes, %u events and %u links were "
                            "dropped:%s%s%s; later ones are only counted",
                            name, counts[0], counts[1], counts[2],
                            causes & LOST_TO_LIMIT ? " over its limits (see tote_span_limits)" : "",
                            causes & LOST_TO_KEY ? " without a usable key" : "",
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

/* Enter the core of the span's SDK, if it is still there: NULL, also to be left, if it is not. */
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

/* The time that the program gives. */
static uint64_t programs_now(const struct span *span) {
    struct thread_state *thread = tote__thread_state();
    const struct core_config *config = enter_core(span, thread);
    uint64_t now = config && config->now_unix_nano ? config->now_unix_nano(config->clock) : 0;

    leave_core(thread);
    return now ? now : tote__clock_realtime();
}

/*
 * The anchor's real time and what has passed since, for events and the end: a clock that is set
 * changes no duration.
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
        return; /* UNSET says nothing */
    }
    if (span->facts.status_code == TOTE_STATUS_CODE_OK) {
        return; /* final */
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

/* What of the store goes on a span. */
struct store_export {
    struct span *span;
    const struct core_config *config;
    struct tote__export_budget budget;
    uint32_t left_out;
    char first_key[TOTE__FEW_NAMES_BYTES]; /* of those that are left out */
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

    if (!tote__store_visit(span->store, TOTE_VISIBILITY_EXPORT, export_entry, &export)) {
        /* how many is not known */
        tote__span_lose(span, &span->facts.dropped_attribute_count, LOST_TO_MEMORY);
    }
    if (export.left_out) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "span",
            "span \"%.64s\" takes at most %d store entries and %d bytes (remote: %d and %d): %u "
            "more, the first is '%s', are dropped and counted",
            name_of(span), TOTE__MOST_ENTRIES, TOTE__MOST_ENTRY_BYTES, TOTE__MOST_REMOTE_ENTRIES,
            TOTE__MOST_REMOTE_BYTES, export.left_out, export.first_key);
    }
}

/* Add what the store says as the span ends. Nobody else writes to the span any more. */
static inline void add_store_attributes(struct span *span, const struct core_config *config) {
    span->store_attributes_start = span->attributes.size;
    if (span->store && !tote__store_is_bare(span->store)) {
        visit_store(span, config);
    }
}

/* Another thread may read the attributes meanwhile. */
tote__rarely_called static void clear_index(struct span *span) {
    tote__span_lock_take(&span->lock, tote__generation());
    tote__clear_index(span);
    tote__span_lock_drop(&span->lock);
}

/*
 * Nothing changes from here on; the view is dropped before, for from then on a reader keeps the
 * next one.
 */
static inline void freeze(struct span *span) {
    if (tote__unlikely(span->index)) {
        clear_index(span);
    }
    if (span->view) {
        tote__span_drop_view(span);
    }
    atomic_store_explicit(&span->state, SPAN_ENDED, memory_order_release);
}

/* After the shutdown only the SDK's own processors are called, which count what ends then. */
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

/* Hand the span on, if its SDK is still there: the counts of one that has gone cannot be read. */
static void finish(struct span *span, struct thread_state *thread) {
    const struct core_config *config = enter_core(span, thread);
    const tote_store *not_counted = config ? config->root_store : NULL;

    if (config) {
        tote__count(&tote__core_counters(thread, span->origin.slot, span->origin.run)->finished);
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
        end_time_unix_nano = span_now(span); /* before the lock: waiting for it is not work */
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

/* Whether an ended span has more than its block and the overflow. */
static bool has_parts(const struct span *span) {
    return (uintptr_t)span->view | (uintptr_t)span->store | (uintptr_t)span->index |
           (uintptr_t)span->base.context.trace_state | (uintptr_t)span->facts.parent.trace_state;
}

/* What goes with a span in any case, before its block can be used again. */
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

/* The last reference to a span that has not ended is gone: nothing exports it. */
tote__rarely_called static void abandon(struct span *span) {
    struct thread_state *thread = tote__thread_state();

    tote__span_lock_take(&span->lock, tote__generation()); /* a shutdown may be reading the name */
    atomic_store_explicit(&span->state, SPAN_ENDED, memory_order_release);
    tote__span_lock_drop(&span->lock);
    if (enter_core(span, thread)) {
        tote__count(&tote__core_counters(thread, span->origin.slot, span->origin.run)->never_ended);
    }
    leave_core(thread);
    tote_diagnostics_report(TOTE_LEVEL_WARN, "span",
                            "span \"%.64s\" was released without an end: it is not exported; call "
                            "tote_span_end() or tote_span_close()",
                            name_of(span));
}

/* Returns: whether the block may go home. */
static bool retire(struct span *span) {
    if (span->generation != tote__generation()) {
        return false; /* inherited: the pool is the parent's, and so are the references */
    }
    if (tote__unlikely(atomic_load_explicit(&span->state, memory_order_relaxed) == SPAN_OPEN)) {
        abandon(span);
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

/* While another thread ends the span, that may move the name. */
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
    .destroy = span_destroy,
    .get_name = span_get_name,
};
