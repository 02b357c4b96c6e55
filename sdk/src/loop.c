/* SPDX-License-Identifier: MIT */
/*
 * loop.c - the host's own loop in the place of workers
 */
#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core.h"
#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/fork.h"
#include "tote/internal/os.h"

static struct core_config *config_of(const tote_sdk *sdk) {
    return sdk ? atomic_load(&((tote_sdk *)sdk)->config) : NULL;
}

/*
 * Returns: the epoll instance in which everything is watched; -1 when nothing needs the loop, or it
 * cannot be had.
 */
static int make_epoll(const struct core_config *config) {
    int epoll = -1;

    for (size_t i = 0; i < config->processor_count; i++) {
        const tote_span_processor *processor = config->processors[i];
        if (!processor->loop) {
            continue;
        }
        epoll = epoll < 0 ? tote__os_above_stdio(epoll_create1(EPOLL_CLOEXEC)) : epoll;
        if (epoll < 0 || !processor->loop->watch(processor->self, epoll)) {
            tote_diagnose(TOTE_LEVEL_ERROR, "sdk",
                          "no descriptor for the host's loop can be had: raise the limit of open "
                          "files; call tote_sdk_poll() at times meanwhile");
            if (epoll >= 0) {
                close(epoll);
            }
            return -1;
        }
    }
    return epoll;
}

int tote_sdk_get_poll_fd(const tote_sdk *sdk) {
    struct core_config *config = config_of(sdk);
    struct core_loop *loop = config ? &config->loop : NULL;
    int error = errno;

    if (!loop) {
        return -1;
    }
    if (atomic_load(&loop->generation) != tote__generation()) {
        int cancel = tote__cancel_disable();
        tote__lock_take(&loop->lock);
        if (atomic_load(&loop->generation) != tote__generation()) {
            loop->epoll = make_epoll(config);
            if (loop->epoll >= 0) {
                atomic_store(&loop->generation, tote__generation());
            }
        }
        tote__lock_drop(&loop->lock);
        tote__cancel_restore(cancel);
    }
    errno = error;
    return atomic_load(&loop->generation) == tote__generation() ? loop->epoll : -1;
}

/* A parent's is left open: by now the host may have another file under its number. */
void tote__core_loop_close(struct core_loop *loop) {
    if (atomic_load(&loop->generation) == tote__generation()) {
        close(loop->epoll);
    }
}

int tote_sdk_get_poll_timeout_ms(const tote_sdk *sdk) {
    struct core_config *config = config_of(sdk);
    uint64_t due = TOTE__NEVER;

    for (size_t i = 0; config && i < config->processor_count; i++) {
        const tote_span_processor *processor = config->processors[i];
        uint64_t its = processor->loop ? processor->loop->get_due(processor->self) : TOTE__NEVER;
        due = its < due ? its : due;
    }
    return due == TOTE__NEVER ? -1 : (int)tote__ms_until(due, INT_MAX);
}

void tote_sdk_poll(tote_sdk *sdk) {
    struct core_config *config = config_of(sdk);
    int cancel = tote__cancel_disable();

    for (size_t i = 0; config && i < config->processor_count; i++) {
        const tote_span_processor *processor = config->processors[i];
        if (processor->loop) {
            processor->loop->poll(processor->self);
        }
    }
    tote__cancel_restore(cancel);
}
