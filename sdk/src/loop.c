/* SPDX-License-Identifier: MIT */
/*
 * loop.c - host-driven export: one descriptor for all processors
 *
 * Tests: tests/unit/test_processors.c, tests/guest/test_host_loop.c
 */
#include <errno.h>
#include <limits.h>

#include "core.h"
#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/fork.h"
#include "tote/internal/os.h"

static struct core_config *config_of(const tote_sdk *sdk) {
    return sdk ? atomic_load(&((tote_sdk *)sdk)->config) : NULL;
}

/* Open a group that watches all processors. Returns false if none needs it, or on failure. */
static bool open_group(const struct core_config *config, struct tote__os_event *group) {
    bool is_open = false;

    for (size_t i = 0; i < config->processor_count; i++) {
        const tote_span_processor *processor = tote__innermost(config->processors[i]);
        if (!processor->loop) {
            continue;
        }
        bool may_watch = is_open || tote__os_group_open(group);
        if (!may_watch || !processor->loop->watch(processor->self, group)) {
            tote_diagnostics_report(
                TOTE_LEVEL_ERROR, "sdk",
                "no descriptor for the host event loop is available: raise the limit of open "
                "files; until then call tote_sdk_poll() regularly");
            if (may_watch) {
                tote__os_event_close(group);
            }
            return false;
        }
        is_open = true;
    }
    return is_open;
}

/*
 * Return whether the descriptor is of this process and still open. A host may close descriptors
 * that it does not know, and reuse their numbers.
 */
static bool has_group(const struct core_config *config) {
    const struct core_loop *loop = &config->loop;
    bool is_whole = atomic_load(&loop->generation) == tote__generation();

    for (size_t i = 0; i < config->processor_count && is_whole; i++) {
        const tote_span_processor *processor = tote__innermost(config->processors[i]);
        is_whole = !processor->loop || processor->loop->is_watched(processor->self, &loop->group);
    }
    return is_whole;
}

int tote_sdk_get_poll_fd(const tote_sdk *sdk) {
    struct core_config *config = config_of(sdk);
    struct core_loop *loop = config ? &config->loop : NULL;
    int error = errno;

    if (!loop) {
        return -1;
    }
    int cancel = tote__cancel_disable();
    tote__lock_take(&loop->lock);
    if (!has_group(config)) {
        if (atomic_load(&loop->generation) != tote__generation()) {
            tote__os_event_init(&loop->group); /* the numbers of a parent are not used again */
        }
        bool is_open = open_group(config, &loop->group);
        atomic_store(&loop->generation, is_open ? tote__generation() : 0);
    }
    int descriptor = atomic_load(&loop->generation) ? tote__os_event_descriptor(&loop->group) : -1;
    tote__lock_drop(&loop->lock);
    tote__cancel_restore(cancel);
    errno = error;
    return descriptor;
}

/* A parent's descriptor stays open: its number may be a file of the host by now. */
void tote__core_loop_close(struct core_config *config) {
    if (has_group(config)) {
        tote__os_event_close(&config->loop.group);
    }
}

int tote_sdk_get_poll_timeout_ms(const tote_sdk *sdk) {
    struct core_config *config = config_of(sdk);
    uint64_t due = TOTE__NEVER;

    for (size_t i = 0; config && i < config->processor_count; i++) {
        const tote_span_processor *processor = tote__innermost(config->processors[i]);
        uint64_t its = processor->loop ? processor->loop->get_due(processor->self) : TOTE__NEVER;
        due = its < due ? its : due;
    }
    return due == TOTE__NEVER ? -1 : (int)tote__ms_until(due, INT_MAX);
}

void tote_sdk_poll(tote_sdk *sdk) {
    struct core_config *config = config_of(sdk);
    int cancel = tote__cancel_disable();

    if (config && atomic_load(&config->loop.generation) == tote__generation()) {
        tote__os_group_drain(&config->loop.group);
    }
    for (size_t i = 0; config && i < config->processor_count; i++) {
        const tote_span_processor *processor = tote__innermost(config->processors[i]);
        if (processor->loop) {
            processor->loop->poll(processor->self);
        }
    }
    tote__cancel_restore(cancel);
}
