/* SPDX-License-Identifier: MIT */
/*
 * fake_provider.h - a provider whose spans only count, an allocator that can fail, and a count of
 * diagnostics: for tests of the API without an SDK
 */
#ifndef TOTE_TESTS_FAKE_PROVIDER_H
#define TOTE_TESTS_FAKE_PROVIDER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/allocator.h"
#include "tote/diagnostics.h"
#include "tote/internal/context.h"
#include "tote/internal/pool.h"
#include "tote/internal/span.h"
#include "tote/internal/tracer.h"

struct fake_span {
    tote_span base;
    char name[32];
    tote_store *store;          /* not referenced */
    const tote_context *parent; /* not referenced */
    _Atomic(unsigned) ends;
    tote_status_code status;
    char description[32];
    int failure;
    size_t attributes;
    size_t events;
    size_t links;
    char event_name[32];
    char event_text[256]; /* key=value; of each attribute */
};

static struct {
    tote_tracer_provider base;
    _Atomic(int) references;
    _Atomic(unsigned) started, ended, destroyed;
    bool is_enabled;
    tote_span_options options; /* of the last start */
    const tote_tracer *tracer;
} fake;

static struct fake_span *fake_span_of(const tote_span *span) {
    return (struct fake_span *)(uintptr_t)span;
}

static bool fake_is_recording(const tote_span *span) {
    return fake_span_of(span)->ends == 0;
}

static void fake_set_attributes(tote_span *span, const tote_attribute *attributes, size_t count) {
    (void)attributes;
    fake_span_of(span)->attributes += count;
}

static void fake_add_event(tote_span *base, const char *name, const tote_attribute *attributes,
                           size_t count, uint64_t time_unix_nano) {
    struct fake_span *span = fake_span_of(base);

    (void)time_unix_nano;
    span->events++;
    strncpy(span->event_name, name, sizeof span->event_name - 1);
    span->event_text[0] = '\0';
    for (size_t i = 0; i < count && attributes[i].value.type == TOTE_VALUE_TYPE_STRING; i++) {
        char *text = span->event_text;
        strncat(text, attributes[i].key, sizeof span->event_text - 1 - strlen(text));
        strncat(text, "=", sizeof span->event_text - 1 - strlen(text));
        strncat(text, attributes[i].value.as.string, sizeof span->event_text - 1 - strlen(text));
        strncat(text, ";", sizeof span->event_text - 1 - strlen(text));
    }
}

static void fake_add_link(tote_span *span, const tote_span_context *context,
                          const tote_attribute *attributes, size_t count) {
    (void)attributes, (void)count;
    fake_span_of(span)->links += context != NULL;
}

static void fake_set_status(tote_span *base, tote_status_code code, const char *description) {
    struct fake_span *span = fake_span_of(base);

    span->status = code;
    strncpy(span->description, description ? description : "", sizeof span->description - 1);
}

static void fake_update_name(tote_span *span, const char *name) {
    strncpy(fake_span_of(span)->name, name, sizeof fake_span_of(span)->name - 1);
}

static void fake_end(tote_span *span, uint64_t time_unix_nano) {
    (void)time_unix_nano;
    if (fake_span_of(span)->ends++ == 0) {
        fake.ended++;
    }
}

static void fake_destroy(tote_span *span) {
    fake.destroyed++;
    free(span);
}

static void fake_fail(tote_span *span, int code) {
    fake_span_of(span)->failure = code;
}

static bool fake_get_name(const tote_span *span, char *name, size_t size) {
    snprintf(name, size, "%s", fake_span_of(span)->name);
    return true;
}

static const struct tote__span_ops fake_span_ops = {
    .is_recording = fake_is_recording,
    .set_attributes = fake_set_attributes,
    .add_event = fake_add_event,
    .add_link = fake_add_link,
    .set_status = fake_set_status,
    .update_name = fake_update_name,
    .end = fake_end,
    .destroy = fake_destroy,
    .fail = fake_fail,
    .get_name = fake_get_name,
};

static tote_span *fake_start_span(tote_tracer_provider *provider, tote_tracer *tracer,
                                  const char *name, const tote_span_options *options,
                                  const tote_context *parent, tote_store *store) {
    struct fake_span *span = calloc(1, sizeof *span);
    unsigned number = ++fake.started;

    (void)provider, (void)options, (void)tracer;
    if (!span) {
        return &tote__invalid_span;
    }
    span->base.ops = &fake_span_ops;
    span->base.references = 1;
    span->base.context.trace_id.bytes[15] = 7;
    span->base.context.trace_flags = TOTE_TRACE_FLAG_SAMPLED;
    memcpy(span->base.context.span_id.bytes, &number, sizeof number);
    strncpy(span->name, name, sizeof span->name - 1);
    span->store = store;
    span->parent = parent;
    return &span->base;
}

/* Also keeps its arguments; not for tests with threads. */
static tote_span *fake_start_span_and_note(tote_tracer_provider *provider, tote_tracer *tracer,
                                           const char *name, const tote_span_options *options,
                                           const tote_context *parent, tote_store *store) {
    fake.options = *options;
    fake.tracer = tracer;
    return fake_start_span(provider, tracer, name, options, parent, store);
}

static bool fake_is_enabled(tote_tracer_provider *provider, tote_tracer *tracer,
                            const tote_span_options *options) {
    (void)provider, (void)tracer;
    return fake.is_enabled && options != NULL;
}

static void fake_ref(tote_tracer_provider *provider) {
    (void)provider;
    fake.references++;
}

static void fake_unref(tote_tracer_provider *provider) {
    (void)provider;
    fake.references--;
}

static const struct tote__provider_ops fake_provider_ops = {
    .start_span = fake_start_span,
    .is_enabled = fake_is_enabled,
    .ref = fake_ref,
    .unref = fake_unref,
};
static const struct tote__provider_ops fake_noting_ops = {
    .start_span = fake_start_span_and_note,
    .is_enabled = fake_is_enabled,
    .ref = fake_ref,
    .unref = fake_unref,
};

/* The fake provider, reset. */
static inline tote_tracer_provider *fake_provider(void) {
    fake.base.ops = &fake_provider_ops;
    fake.started = fake.ended = fake.destroyed = 0;
    fake.is_enabled = true;
    (void)fake_noting_ops;
    return &fake.base;
}

static _Atomic(unsigned) diagnostics;
static char last_diagnostic[512];
static pthread_mutex_t diagnostic_lock = PTHREAD_MUTEX_INITIALIZER;

/* Whether the last diagnostic contains this text. */
static inline bool was_reported(const char *text) {
    return strstr(last_diagnostic, text) != NULL;
}

static void count_diagnostic(tote_level level, const char *component, const char *message,
                             void *user_data) {
    (void)level, (void)user_data;
    diagnostics++;
    pthread_mutex_lock(&diagnostic_lock);
    snprintf(last_diagnostic, sizeof last_diagnostic, "%s: %s", component, message);
    pthread_mutex_unlock(&diagnostic_lock);
}

/* Start counting from 0; each kind is reported once. */
static inline void count_diagnostics(void) {
    tote_diagnostics_set_handler(count_diagnostic, TOTE_LEVEL_INFO, NULL);
    diagnostics = 0;
}

static _Atomic(bool) is_memory_out;

static void *fake_allocate(void *self, size_t size) {
    (void)self;
    return is_memory_out ? NULL : malloc(size);
}

static void *fake_reallocate(void *self, void *memory, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    return is_memory_out ? NULL : realloc(memory, size);
}

static void fake_release(void *self, void *memory, size_t size) {
    (void)self, (void)size;
    free(memory);
}

/* Call it first in main. */
static inline void use_fake_allocator(void) {
    static const tote_allocator allocator = {sizeof allocator, fake_allocate, fake_reallocate,
                                             fake_release, NULL};
    tote_allocator_set(&allocator);
    tote__pools_keep = false;
}

#endif
