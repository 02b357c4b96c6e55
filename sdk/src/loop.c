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

/*
 * Create an epoll instance that watches all processors. Returns -1 if no processor needs it, or on
 * failure.
 */
static int make_epoll(const struct core_config *config) {
    int epoll = -1;

    for (size_t i = 0; i < config->processor_count; i++) {
        const tote_span_processor *processor = tote__innermost(config->processors[i]);
        if (!processor->loop) {
            continue;
        }
        epoll = epoll < 0 ? tote__os_epoll() : epoll;
        if (epoll < 0 || !processor->loop->watch(processor->self, epoll)) {
            tote_diagnostics_report(
                TOTE_LEVEL_ERROR, "sdk",
                "no descriptor for the host event loop is available: raise the limit of open "
                "files; until then call tote_sdk_poll() regularly");
            tote__os_close(epoll);
            return -1;
        }
    }
    return epoll;
}

/*
 * Return whether the descriptor is of this process and still open. A host may close descriptors
 * that it does not know, and reuse their numbers.
 */
static bool has_epoll(const struct core_config *config) {
    const struct core_loop *loop = &config->loop;
    bool is_whole = atomic_load(&loop->generation) == tote__generation();

    for (size_t i = 0; i < config->processor_count && is_whole; i++) {
        const tote_span_processor *processor = tote__innermost(config->processors[i]);
        is_whole = !processor->loop || processor->loop->is_watched(processor->self, loop->epoll);
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
    if (!has_epoll(config)) {
        loop->epoll = make_epoll(config);
        atomic_store(&loop->generation, loop->epoll >= 0 ? tote__generation() : 0);
    }
    int epoll = loop->epoll;
    tote__lock_drop(&loop->lock);
    tote__cancel_restore(cancel);
    errno = error;
    return epoll;
}

/* A parent's descriptor stays open: its number may be a file of the host by now. */
void tote__core_loop_close(const struct core_config *config) {
    if (has_epoll(config)) {
        tote__os_close(config->loop.epoll);
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

    for (size_t i = 0; config && i < config->processor_count; i++) {
        const tote_span_processor *processor = tote__innermost(config->processors[i]);
        if (processor->loop) {
            processor->loop->poll(processor->self);
        }
    }
    tote__cancel_restore(cancel);
}
