/* SPDX-License-Identifier: MIT */
/*
 * diagnostics.c - reports to the host, not too many of them
 *
 * A report is known by its component and format. `lock` guards the handler and the table of
 * when each was last given; it is never held while a handler runs.
 */
#include "tote/diagnostics.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tote/internal/clock.h"
#include "tote/internal/context.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/lock.h"
#include "tote/internal/text.h"

enum { MESSAGE_BYTES = 1024, REPORT_SLOTS = 64, MOST_NESTED = 8 };

static const uint64_t once_per_ns = 60 * 1000000000ULL;

static struct {
    struct tote__lock lock;
    tote_diagnostics_handler handler; /* NULL: stderr */
    void *user_data;
    struct {
        uint64_t id;
        uint64_t time; /* monotonic */
        unsigned suppressed;
    } reports[REPORT_SLOTS];
} state;

static _Atomic(int) current_level = TOTE_LEVEL_INFO;

static void write_to_stderr(tote_level level, const char *component, const char *message) {
    static const char *const names[] = {"", "error", "warning", "info", "debug"};
    char line[MESSAGE_BYTES + 128];
    int length =
        snprintf(line, sizeof line, "tote: %s: %s: %s\n", names[level], component, message);
    size_t size = length < 0 ? 0 : tote__min((size_t)length, sizeof line - 1);

    if (size) {
        line[size - 1] = '\n';
    }
    if (write(STDERR_FILENO, line, size) < 0) {
        return; /* nobody is left to tell */
    }
}

/*
 * Whether this report is due, and how many of its kind were held back since the last. Two
 * kinds that share a slot take turns: then more gets out, never less.
 */
static bool is_due(uint64_t id, unsigned *suppressed) {
    uint64_t now = tote__clock_monotonic();
    size_t slot = id % REPORT_SLOTS;

    if (state.reports[slot].id == id && now - state.reports[slot].time < once_per_ns) {
        state.reports[slot].suppressed++;
        return false;
    }
    *suppressed = state.reports[slot].id == id ? state.reports[slot].suppressed : 0;
    state.reports[slot].id = id;
    state.reports[slot].time = now;
    state.reports[slot].suppressed = 0;
    return true;
}

static void format_message(char *message, unsigned suppressed, const char *format,
                           va_list arguments) {
    int length = vsnprintf(message, MESSAGE_BYTES, format, arguments);
    size_t size = length < 0 ? 0 : tote__min((size_t)length, MESSAGE_BYTES - 1);

    if ((size_t)length > size) {
        size = tote__utf8_valid_prefix(message, size); /* vsnprintf() may have cut a code point */
    }
    if (suppressed) {
        char note[64];
        int note_length = snprintf(note, sizeof note, " (and %u more like it)", suppressed);
        size = tote__utf8_cut(message, size, MESSAGE_BYTES - 1 - (size_t)note_length);
        memcpy(message + size, note, (size_t)note_length);
        size += (size_t)note_length;
    }
    message[size] = '\0';
}

void tote_diagnose(tote_level level, const char *component, const char *format, ...) {
    char message[MESSAGE_BYTES];
    unsigned suppressed = 0;
    va_list arguments;

    if (!component || !format || level <= TOTE_LEVEL_NONE || level > TOTE_LEVEL_DEBUG ||
        (int)level > atomic_load_explicit(&current_level, memory_order_relaxed) ||
        tote__thread.handlers == MOST_NESTED) {
        return; /* a handler whose own calls are reported would go on without an end */
    }
    int error = errno;
    uint64_t id = tote__hash(component, strlen(component)) + tote__hash(format, strlen(format));
    tote__lock_take(&state.lock);
    bool due = is_due(id, &suppressed);
    tote_diagnostics_handler handler = state.handler;
    void *user_data = state.user_data;
    tote__lock_drop(&state.lock);

    if (due) {
        va_start(arguments, format);
        format_message(message, suppressed, format, arguments);
        va_end(arguments);
        if (handler) {
            tote__thread.handlers++;
            handler(level, component, message, user_data);
            tote__thread.handlers--;
        } else {
            write_to_stderr(level, component, message);
        }
    }
    errno = error;
}

void tote_set_diagnostics(tote_diagnostics_handler handler, tote_level level, void *user_data) {
    tote__lock_take(&state.lock);
    state.handler = handler;
    state.user_data = user_data;
    memset(state.reports, 0, sizeof state.reports);
    tote__lock_drop(&state.lock);
    tote__set_diagnostics_level(level);
}

void tote__set_diagnostics_level(tote_level level) {
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}
