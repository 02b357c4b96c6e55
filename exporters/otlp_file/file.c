/* SPDX-License-Identifier: MIT */
/*
 * file.c - OTLP file exporter: one request per line
 *
 * A partial line, after an error, is removed from the file if possible.
 *
 * Tests: tests/unit/test_otlp_file.c
 */
#include "tote/exporters/otlp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "otlp/encode/encode.h"
#include "tote/diagnostics.h"
#include "tote/internal/folder.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

enum { DEFAULT_MAX_FILES = 4, SUFFIX_BYTES = 16 };

static const char *const component = "otlp_file";

struct exporter {
    char *path; /* absolute, because the host may change its working directory; NULL: stdout */
    size_t path_size;
    uint64_t max_bytes; /* 0: no limit */
    uint32_t max_files;
    int fd;
    dev_t device; /* identifies the opened file */
    ino_t inode;
    struct tote__buffer buffer;
    atomic_bool is_shut_down;
    atomic_bool is_prepared; /* no file may be opened any more */
};

/* Opening a FIFO without a reader fails with ENXIO instead of blocking. */
static bool open_file(struct exporter *exporter) {
    struct stat status;
    int fd =
        tote__os_open(AT_FDCWD, exporter->path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0666);

    if (fd < 0 || !tote__os_status(fd, &status)) {
        tote__os_close(fd);
        return false;
    }
    tote__os_set_waiting(fd, O_APPEND);
    exporter->fd = fd;
    exporter->device = status.st_dev;
    exporter->inode = status.st_ino;
    return true;
}

/* The host may have closed the descriptor, and its number may be reused. */
static bool is_open(const struct exporter *exporter) {
    return tote__os_is_same_file(exporter->fd, exporter->device, exporter->inode);
}

static const char *name_of(const struct exporter *exporter) {
    return exporter->path ? exporter->path : "stdout";
}

/* Return whether the path still refers to the open file. */
static bool is_in_place(const struct exporter *exporter, const struct stat *file) {
    struct stat status;

    return tote__os_path_status(exporter->path, &status) && status.st_ino == file->st_ino &&
           status.st_dev == file->st_dev;
}

static void reopen(struct exporter *exporter) {
    const struct exporter before = {
        .fd = exporter->fd, .device = exporter->device, .inode = exporter->inode};

    if (open_file(exporter)) { /* otherwise continue with the open file */
        tote__os_close_same_file(before.fd, before.device, before.inode);
    }
}

static void format_name(const struct exporter *exporter, char *name, size_t size, uint32_t number) {
    snprintf(name, size, number ? "%s.%u" : "%s", exporter->path, number);
}

/* Rename PATH to PATH.1, PATH.1 to PATH.2, and so on. The last file is replaced. */
static void rotate(struct exporter *exporter) {
    struct tote__arena arena = {.chunks = NULL};
    size_t size = exporter->path_size + SUFFIX_BYTES;
    char *from = tote__arena_allocate(&arena, size);
    char *to = tote__arena_allocate(&arena, size);

    for (uint32_t i = exporter->max_files; from && to && i > 0; i--) {
        format_name(exporter, to, size, i);
        format_name(exporter, from, size, i - 1);
        if (!tote__os_rename(from, to) && errno != ENOENT) {
            tote_diagnostics_report(TOTE_LEVEL_WARN, component, "%s cannot be renamed: %s", from,
                                    tote__os_error(errno).text);
        }
    }
    tote__arena_clear(&arena);
    reopen(exporter);
}

/* Open the right file before a write of `more` bytes. Returns its size; -1 if it has none. */
static off_t prepare(struct exporter *exporter, size_t more) {
    struct stat status;

    if (!exporter->path || !tote__os_status(exporter->fd, &status) || !S_ISREG(status.st_mode)) {
        return -1;
    }
    if (atomic_load(&exporter->is_prepared)) {
        return status.st_size;
    }
    if (!is_in_place(exporter, &status)) {
        reopen(exporter);
    } else if (exporter->max_bytes && status.st_size &&
               (uint64_t)status.st_size + more > exporter->max_bytes) {
        rotate(exporter);
    }
    return tote__os_status(exporter->fd, &status) ? status.st_size : -1;
}

/* Remove a partial line, unless other processes wrote behind it. */
static void take_back(struct exporter *exporter, off_t start, size_t written) {
    struct stat status;

    if (start < 0 || !tote__os_status(exporter->fd, &status) ||
        status.st_size != start + (off_t)written ||
        !tote__os_truncate(exporter->fd, (uint64_t)start)) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, component,
                                "a partial line remains in %s; remove it", name_of(exporter));
    }
}

/* Returns 0 or an errno. */
static int write_line(struct exporter *exporter, const struct tote__buffer *line) {
    if (exporter->path && !is_open(exporter) &&
        (atomic_load(&exporter->is_prepared) || !open_file(exporter))) {
        return atomic_load(&exporter->is_prepared) ? EBADF : errno;
    }
    off_t start = prepare(exporter, line->size);
    size_t written = tote__os_write(exporter->fd, line->bytes, line->size);

    if (written == line->size) {
        return 0;
    }
    int error = errno;
    if (written) {
        take_back(exporter, start, written);
    }
    return error;
}

static bool encode(struct exporter *exporter, const tote_span_data *const *spans, size_t count) {
    struct tote__buffer *line = &exporter->buffer;

    line->size = 0;
    if (!tote__otlp_encode_json(line, spans, count) || !tote__buffer_reserve(line, 1)) {
        return false;
    }
    line->bytes[line->size++] = '\n';
    return true;
}

static tote_result file_export_spans(void *self, const tote_span_data *const *spans, size_t count,
                                     uint32_t timeout_ms, tote_export_outcome *report) {
    struct exporter *exporter = self;
    int before = errno;
    int error = ENOMEM;

    (void)timeout_ms;
    if (!spans || !count) {
        return TOTE_RESULT_SUCCESS;
    }
    if (atomic_load(&exporter->is_shut_down)) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, component, "%zu spans after shutdown are lost",
                                count);
        if (report) {
            report->shut_down += count;
        }
        return TOTE_RESULT_FAILURE;
    }
    if (encode(exporter, spans, count)) {
        error = write_line(exporter, &exporter->buffer);
    }
    if (error) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component, "%zu spans were not written to %s: %s",
                                count, name_of(exporter), tote__os_error(error).text);
    }
    errno = before;
    return error ? TOTE_RESULT_FAILURE : TOTE_RESULT_SUCCESS;
}

/* From now on the open file is used, even if it is renamed. */
static tote_result file_prepare(void *self, uint32_t timeout_ms, bool may_make_thread) {
    struct exporter *exporter = self;

    (void)timeout_ms, (void)may_make_thread;
    if (exporter->path && exporter->max_bytes) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "not prepared: %s is rotated; a process that may not open files "
                                "needs an exporter without max_bytes",
                                exporter->path);
        return TOTE_RESULT_FAILURE;
    }
    atomic_store(&exporter->is_prepared, true);
    return TOTE_RESULT_SUCCESS;
}

static const struct tote__exporter_extras file_extras = {.prepare = file_prepare};

static tote_result file_shutdown(void *self, uint32_t timeout_ms) {
    struct exporter *exporter = self;

    (void)timeout_ms;
    atomic_store(&exporter->is_shut_down, true);
    return TOTE_RESULT_SUCCESS;
}

static void file_destroy(void *self) {
    struct exporter *exporter = self;
    int error = errno;

    if (exporter->path) {
        tote__os_close_same_file(exporter->fd, exporter->device, exporter->inode);
    }
    tote__buffer_clear(&exporter->buffer);
    tote__release(exporter->path, exporter->path_size);
    tote__release(exporter, sizeof *exporter);
    errno = error;
}

static const tote_span_exporter_ops file_ops = {
    .struct_size = sizeof file_ops,
    .export_spans = file_export_spans,
    .shutdown = file_shutdown,
    .destroy = file_destroy,
};

/* Returns false if the file cannot be opened. */
static bool take_path(struct exporter *exporter, const char *path) {
    exporter->fd = path ? -1 : STDOUT_FILENO;
    if (!path) {
        return true;
    }
    exporter->path = tote__absolute_path(path);
    exporter->path_size = exporter->path ? strlen(exporter->path) + 1 : 0;
    return exporter->path && open_file(exporter);
}

tote_span_exporter *tote_span_exporter_otlp_file_new(const tote_otlp_file_options *options) {
    tote_otlp_file_options own = TOTE_OTLP_FILE_OPTIONS_INIT;
    struct exporter *exporter = tote__allocate_zeroed(sizeof *exporter);
    int error = errno;

    TOTE__COPY_OPTIONS(tote_otlp_file_options, &own, options);
    if (!exporter || !take_path(exporter, own.path)) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "%s cannot be written to, no exporter is created: %s",
                                own.path ? own.path : "stdout", tote__os_error(errno).text);
        if (exporter) {
            file_destroy(exporter);
        }
        errno = error;
        return NULL;
    }
    exporter->max_bytes = own.max_bytes;
    exporter->max_files = own.max_files ? own.max_files : DEFAULT_MAX_FILES;
    errno = error;
    tote_span_exporter *made = tote_span_exporter_new(&file_ops, exporter);
    if (made) {
        made->extras = &file_extras;
    }
    return made;
}
