/* SPDX-License-Identifier: MIT */
/*
 * in_memory.c - keeps ended spans in memory
 *
 * `lock` protects the list. A longer list is published by one store of its pointer.
 *
 * Tests: tests/unit/test_in_memory_exporter.c
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/exporters/in_memory.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"
#include "tote/internal/references.h"

struct list {
    size_t capacity;
    size_t count;
    tote_span_data *spans[];
};

struct tote_in_memory_spans {
    _Atomic(uint32_t) references;
    struct tote__lock lock;
    _Atomic(struct list *) list; /* NULL: empty */
};

struct exporter {
    tote_in_memory_spans *memory;
    atomic_bool is_shut_down;
};

static size_t list_size(size_t capacity) {
    return sizeof(struct list) + capacity * sizeof(tote_span_data *);
}

static void list_free(struct list *list) {
    if (list) {
        tote__release(list, list_size(list->capacity));
    }
}

/*
 * Make the list long enough for `more` spans; the lock is held. Returns false if out of memory. A
 * list that must be freed is stored in `old`.
 */
static bool make_room(tote_in_memory_spans *memory, size_t more, struct list **old) {
    struct list *list = atomic_load(&memory->list);
    size_t count = list ? list->count : 0;

    if (list && list->capacity - count >= more) {
        return true;
    }
    size_t capacity = 2 * (count + more) + 16;
    struct list *longer = tote__allocate(list_size(capacity));
    if (!longer) {
        return false;
    }
    *longer = (struct list){.capacity = capacity, .count = count};
    if (count) {
        memcpy(longer->spans, list->spans, count * sizeof *list->spans);
    }
    atomic_store_explicit(&memory->list, longer, memory_order_release);
    *old = list;
    return true;
}

static tote_result memory_export_spans(void *self, const tote_span_data *const *spans, size_t count,
                                       uint32_t timeout_ms, tote_export_outcome *report) {
    struct exporter *exporter = self;
    tote_in_memory_spans *memory = exporter->memory;
    struct list *old = NULL;

    (void)timeout_ms;
    if (!spans || !count) {
        return TOTE_RESULT_SUCCESS;
    }
    if (atomic_load(&exporter->is_shut_down)) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "memory exporter",
                                "%zu spans after shutdown are lost", count);
        if (report) {
            report->shut_down += count;
        }
        return TOTE_RESULT_FAILURE;
    }
    tote__lock_take(&memory->lock);
    bool has_room = make_room(memory, count, &old);
    struct list *list = atomic_load(&memory->list);
    size_t lost = has_room ? 0 : count;
    for (size_t i = 0; has_room && i < count; i++) {
        list->spans[list->count] = tote_span_data_copy(spans[i]);
        if (list->spans[list->count]) {
            list->count++;
        } else {
            lost++;
        }
    }
    tote__lock_drop(&memory->lock);
    list_free(old);
    if (lost) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "memory exporter",
                                "out of memory, %zu spans are lost", lost);
        if (report) {
            report->delivered += count - lost;
        }
    }
    return lost ? TOTE_RESULT_FAILURE : TOTE_RESULT_SUCCESS;
}

static tote_result memory_shutdown(void *self, uint32_t timeout_ms) {
    struct exporter *exporter = self;

    (void)timeout_ms;
    atomic_store(&exporter->is_shut_down, true);
    return TOTE_RESULT_SUCCESS;
}

static void memory_destroy(void *self) {
    struct exporter *exporter = self;

    tote_in_memory_spans_unref(exporter->memory);
    tote__release(exporter, sizeof *exporter);
}

static const tote_span_exporter_ops memory_ops = {
    .struct_size = sizeof memory_ops,
    .export_spans = memory_export_spans,
    .shutdown = memory_shutdown,
    .destroy = memory_destroy,
};

tote_in_memory_spans *tote_in_memory_spans_new(void) {
    tote_in_memory_spans *memory = tote__allocate_zeroed(sizeof *memory);

    if (!memory) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "memory exporter",
                                "out of memory: nothing is created");
        return NULL;
    }
    atomic_init(&memory->references, 1);
    return memory;
}

tote_span_exporter *tote_span_exporter_in_memory_new(tote_in_memory_spans *memory) {
    struct exporter *exporter = memory ? tote__allocate_zeroed(sizeof *exporter) : NULL;

    if (!memory) {
        return NULL;
    }
    if (!exporter) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "memory exporter",
                                "out of memory: nothing is created");
        return NULL;
    }
    tote__references_add(&memory->references);
    exporter->memory = memory;
    return tote_span_exporter_new(&memory_ops, exporter);
}

/* Reading does not change visible state, so the public functions take a const pointer. */
static tote_in_memory_spans *locked(const tote_in_memory_spans *memory) {
    tote_in_memory_spans *own = (tote_in_memory_spans *)(uintptr_t)memory;

    tote__lock_take(&own->lock);
    return own;
}

size_t tote_in_memory_spans_get_count(const tote_in_memory_spans *memory) {
    if (!memory) {
        return 0;
    }
    tote_in_memory_spans *own = locked(memory);
    const struct list *list = atomic_load(&own->list);
    size_t count = list ? list->count : 0;
    tote__lock_drop(&own->lock);
    return count;
}

const tote_span_data *tote_in_memory_spans_get_at(const tote_in_memory_spans *memory,
                                                  size_t index) {
    if (!memory) {
        return NULL;
    }
    tote_in_memory_spans *own = locked(memory);
    const struct list *list = atomic_load(&own->list);
    const tote_span_data *span = list && index < list->count ? list->spans[index] : NULL;
    tote__lock_drop(&own->lock);
    return span;
}

const tote_span_data *tote_in_memory_spans_find(const tote_in_memory_spans *memory,
                                                const char *name) {
    const tote_span_data *span = NULL;

    if (!name) {
        return NULL;
    }
    for (size_t i = 0; (span = tote_in_memory_spans_get_at(memory, i)); i++) {
        if (strcmp(tote_span_data_get_name(span), name) == 0) {
            break;
        }
    }
    return span;
}

void tote_in_memory_spans_clear(tote_in_memory_spans *memory) {
    if (!memory) {
        return;
    }
    tote__lock_take(&memory->lock);
    struct list *list = atomic_exchange(&memory->list, NULL);
    tote__lock_drop(&memory->lock);
    for (size_t i = 0; list && i < list->count; i++) {
        tote_span_data_free(list->spans[i]);
    }
    list_free(list);
}

void tote_in_memory_spans_unref(tote_in_memory_spans *memory) {
    if (memory && tote__references_drop(&memory->references)) {
        tote_in_memory_spans_clear(memory);
        tote__release(memory, sizeof *memory);
    }
}
