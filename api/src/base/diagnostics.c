/* SPDX-License-Identifier: MIT */
/*
 * diagnostics.c - rate-limited diagnostics for the host
 *
 * The kind of a message is its component and format or, for a configuration, its component and
 * text. Each different text of a kind is reported once per minute, up to MOST_TEXTS texts. A second
 * mistake is therefore not hidden by the first, and untrusted input cannot flood the log. Texts
 * that differ only in digits are equal. `lock` guards the handler and the table of reports. It is
 * never held while a handler runs.
 */
#include "tote/diagnostics.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/context.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/fork.h"
#include "tote/internal/lock.h"
#include "tote/internal/text.h"
#include "tote/internal/write_signals.h"

enum { MESSAGE_BYTES = 1024, REPORT_SLOTS = 64, MOST_TEXTS = 8, MOST_NESTED = 8 };
enum { COMPONENT_BYTES = 48, BEGINNING_BYTES = 80 };

static const uint64_t once_per_ns = 60 * 1000000000ULL;

/* One kind of message in the minute that began at `time`. */
struct report {
    uint64_t id;
    uint64_t time;              /* monotonic, in nanoseconds */
    uint64_t texts[MOST_TEXTS]; /* identities of the reported texts, see identify() */
    unsigned text_count;
    unsigned suppressed; /* number of messages suppressed in this minute */
    tote_level level;
    char component[COMPONENT_BYTES];
    char beginning[BEGINNING_BYTES]; /* of the last reported text */
};

static struct {
    struct tote__lock lock;
    tote_diagnostics_handler handler; /* NULL: stderr */
    void *user_data;
    uint32_t generation; /* of the process that `suppressed` belongs to */
    struct report reports[REPORT_SLOTS];
} reporting;

static _Atomic(int) current_level = TOTE_LEVEL_INFO;

static struct iovec part_of(const char *text) {
    return (struct iovec){(char *)(uintptr_t)text, strlen(text)};
}

/* Write the line with one call, so that lines of several threads do not mix. */
static void write_to_stderr(tote_level level, const char *component, const char *message) {
    static const char *const names[] = {"", "error: ", "warning: ", "info: ", "debug: "};
    const struct iovec line[] = {part_of("tote: "), part_of(names[level]), part_of(component),
                                 part_of(": "),     part_of(message),      part_of("\n")};
    struct tote__held_signals signals;

    tote__hold_write_signals(&signals);
    ssize_t written = writev(STDERR_FILENO, line, TOTE_COUNT_OF(line));
    (void)written; /* there is no other place to report it */
    tote__release_write_signals(&signals);
}

/* Reset the counts after a fork: the parent reports its own. The lock must be held. */
static void forget_inherited(void) {
    for (size_t i = 0; reporting.generation != tote__generation() && i < REPORT_SLOTS; i++) {
        reporting.reports[i].suppressed = 0;
    }
    reporting.generation = tote__generation();
}

/* Return the report of this kind, or the oldest one to reuse if there is none. */
static struct report *find_report(uint64_t id) {
    struct report *oldest = &reporting.reports[0];

    for (size_t i = 0; i < REPORT_SLOTS; i++) {
        struct report *report = &reporting.reports[i];
        if (report->id == id) {
            return report;
        }
        oldest = report->time < oldest->time ? report : oldest;
    }
    return oldest;
}

static bool is_wanted(tote_level level, const char *component, const char *format) {
    return component && format && level > TOTE_LEVEL_NONE && level <= TOTE_LEVEL_DEBUG &&
           (int)level <= atomic_load_explicit(&current_level, memory_order_relaxed) &&
           tote__thread.handlers <
               MOST_NESTED; /* prevents infinite recursion of a handler that reports */
}

/* Return the identity of a text: a hash of everything except digits. */
static uint64_t identify(const char *message) {
    static const char figures[] = "0123456789";
    uint64_t id = 0;

    for (const char *at = message; *at; at += strspn(at, figures)) {
        size_t length = strcspn(at, figures);
        id = id * 31 + tote__hash(at, length);
        at += length;
    }
    return id;
}

static bool was_given(const struct report *report, uint64_t text) {
    for (unsigned i = 0; i < report->text_count; i++) {
        if (report->texts[i] == text) {
            return true;
        }
    }
    return report->text_count == MOST_TEXTS;
}

/*
 * Return whether to report this message, and record it if so. Sets `suppressed` to the number of
 * messages of its kind that were suppressed in the previous minute of that kind.
 */
static bool is_due(uint64_t id, tote_level level, const char *component, const char *message,
                   unsigned *suppressed) {
    uint64_t now = tote__clock_monotonic();
    uint64_t text = identify(message);

    tote__lock_take(&reporting.lock);
    forget_inherited();
    struct report *report = find_report(id);
    bool is_known = report->id == id;
    if (!is_known || now - report->time >= once_per_ns) {
        *suppressed = is_known ? report->suppressed : 0;
        *report = (struct report){.id = id, .time = now};
    }
    bool is_due = !was_given(report, text);
    if (is_due) {
        report->texts[report->text_count++] = text;
        report->level = level;
        tote__utf8_copy(report->component, sizeof report->component, component, strlen(component));
        tote__utf8_copy(report->beginning, sizeof report->beginning, message, strlen(message));
    } else {
        report->suppressed++;
    }
    tote__lock_drop(&reporting.lock);
    return is_due;
}

static void give(tote_level level, const char *component, const char *message) {
    tote__lock_take(&reporting.lock);
    tote_diagnostics_handler handler = reporting.handler;
    void *user_data = reporting.user_data;
    tote__lock_drop(&reporting.lock);

    int cancel = tote__cancel_disable();
    if (handler) {
        tote__thread.handlers++;
        handler(level, component, message, user_data);
        tote__thread.handlers--;
    } else {
        write_to_stderr(level, component, message);
    }
    tote__cancel_restore(cancel);
}

static void format_message(char *message, const char *format, va_list arguments) {
    int length = vsnprintf(message, MESSAGE_BYTES, format, arguments);
    size_t size = length < 0 ? 0 : tote__min((size_t)length, MESSAGE_BYTES - 1);

    if ((size_t)length > size) {
        size = tote__utf8_valid_prefix(message, size); /* vsnprintf() may have cut a code point */
    }
    size = tote__replace_controls(message, size); /* it may quote untrusted input */
    message[size] = '\0';
}

static void note_suppressed(char *message, unsigned suppressed) {
    char note[64];

    if (suppressed) {
        int length = snprintf(note, sizeof note, " (and %u more like it)", suppressed);
        size_t size = tote__utf8_cut(message, strlen(message), MESSAGE_BYTES - 1 - (size_t)length);
        memcpy(message + size, note, (size_t)length + 1);
    }
}

/*
 * Report a message unless the rate limit of its kind is reached. `is_each`: the kind is the text,
 * not the format.
 */
static void diagnose(tote_level level, const char *component, const char *format, bool is_each,
                     va_list arguments) {
    char message[MESSAGE_BYTES];
    unsigned suppressed = 0;

    if (!is_wanted(level, component, format)) {
        return;
    }
    int error = errno;
    format_message(message, format, arguments);
    const char *kind = is_each ? message : format;
    uint64_t id = tote__hash(component, strlen(component)) + tote__hash(kind, strlen(kind));
    if (level == TOTE_LEVEL_DEBUG || is_due(id, level, component, message, &suppressed)) {
        note_suppressed(message, suppressed);
        give(level, component, message);
    }
    errno = error;
}

void tote_diagnostics_report(tote_level level, const char *component, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    diagnose(level, component, format, false, arguments);
    va_end(arguments);
}

void tote__diagnose_each(tote_level level, const char *component, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    diagnose(level, component, format, true, arguments);
    va_end(arguments);
}

/* Take and reset the suppressed count of one kind. Returns whether there is one to report. */
static bool take_suppressed(size_t index, struct report *taken) {
    tote__lock_take(&reporting.lock);
    forget_inherited();
    *taken = reporting.reports[index];
    reporting.reports[index].suppressed = 0;
    tote__lock_drop(&reporting.lock);
    return taken->suppressed > 0 && is_wanted(taken->level, taken->component, "");
}

void tote__report_suppressed(void) {
    int error = errno;

    for (size_t i = 0; i < REPORT_SLOTS; i++) {
        char message[MESSAGE_BYTES];
        struct report report;
        if (take_suppressed(i, &report)) {
            snprintf(message, sizeof message, "held back %u more like this: %s ...",
                     report.suppressed, report.beginning);
            give(report.level, report.component, message);
        }
    }
    errno = error;
}

void tote_diagnostics_set_handler(tote_diagnostics_handler handler, tote_level level,
                                  void *user_data) {
    tote__lock_take(&reporting.lock);
    reporting.handler = handler;
    reporting.user_data = user_data;
    memset(reporting.reports, 0, sizeof reporting.reports);
    tote__lock_drop(&reporting.lock);
    tote__set_diagnostics_level(level);
}

void tote__set_diagnostics_level(tote_level level) {
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}
