/* SPDX-License-Identifier: MIT */
/*
 * fuzz_crash_file.c - spans recovered from a truncated or corrupted crash-safe file
 *
 * The input is the definitions and the chunks of a file. Its first byte selects what is corrected:
 * with valid checksums and a valid head the reader reaches the data behind them.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "src/crash_file_format.h"
#include "tote/diagnostics.h"
#include "tote/internal/crash_file.h"
#include "tote/internal/recovery.h"

enum {
    CHUNKS = 2,
    FILE_BYTES = TOTE__CRASH_FILE_CHUNKS_AT + CHUNKS * TOTE__SAFE_CHUNK_BYTES,
    RIGHT_HEAD = 1 << 0,
    RIGHT_CHECKSUMS = 1 << 1,
    KNOWN_INDEXES = 1 << 2,
    MOST_STEPS = 1000
};

static char directory[] = "/tmp/tote-fuzz-XXXXXX";
static char crash_files[64];
static uint8_t file[FILE_BYTES];

static void write_file(const char *path) {
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    MUST(write(out, file, sizeof file) == (ssize_t)sizeof file);
    close(out);
}

/* Give the records of a run, where they are some, valid checksums. */
static void put_right(uint8_t *run, size_t size, unsigned flags, bool are_definitions) {
    const size_t head = sizeof(struct tote__record);

    for (size_t at = 0; size - at >= head;) {
        struct tote__record *record = (struct tote__record *)(void *)(run + at);
        record->size %= 600;
        if (record->size > size - at - head) {
            break;
        }
        uint32_t state = record->state;
        record->state = state % 4 == 0   ? TOTE__RECORD_EMPTY
                        : state % 4 == 1 ? TOTE__RECORD_SETTLED
                                         : TOTE__RECORD_LIVE;
        if (flags & KNOWN_INDEXES) {
            record->resource = are_definitions && state & 4 ? TOTE__NO_INDEX : state & 8;
            record->scope = are_definitions && !(state & 4) ? TOTE__NO_INDEX : state & 16;
        }
        record->checksum = tote__record_checksum(record);
        at += tote__record_size(record->size);
    }
}

static void make_file(const uint8_t *data, size_t size) {
    unsigned flags = size ? data[0] : 0;
    size_t half = size / 2;
    struct tote__crash_file_head *head = (struct tote__crash_file_head *)(void *)file;

    memset(file, 0, sizeof file);
    if (flags & RIGHT_HEAD) {
        memcpy(head->magic, TOTE__CRASH_FILE_MAGIC, sizeof head->magic);
        head->byte_order = 1;
        head->chunk_count = CHUNKS;
        head->checksum = tote__crash_file_head_checksum(head);
    } else {
        memcpy(file, data, size < sizeof *head ? size : sizeof *head);
    }
    if (size > 1) {
        memcpy(file + TOTE__CRASH_FILE_HEAD_BYTES, data + 1, half);
        memcpy(file + TOTE__CRASH_FILE_CHUNKS_AT, data + 1 + half, size - 1 - half);
    }
    if (flags & RIGHT_CHECKSUMS) {
        put_right(file + TOTE__CRASH_FILE_HEAD_BYTES, TOTE__CRASH_FILE_DEFINITION_BYTES, flags,
                  true);
        put_right(file + TOTE__CRASH_FILE_CHUNKS_AT, TOTE__SAFE_CHUNK_BYTES, flags, false);
    }
}

static void remove_files(const char *folder) {
    DIR *listing = opendir(folder);
    struct dirent *item;

    while ((item = readdir(listing))) {
        unlinkat(dirfd(listing), item->d_name, 0);
    }
    closedir(listing);
}

static void clean_up(void) {
    remove_files(crash_files);
    rmdir(crash_files);
    remove_files(directory);
    rmdir(directory);
}

static void begin(void) {
    MUST(mkdtemp(directory));
    snprintf(crash_files, sizeof crash_files, "%s/crash_safe_files", directory);
    MUST(mkdir(crash_files, 0700) == 0);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE, NULL);
    atexit(clean_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct tote__disk_queue_limits limits = {1 << 30, 100000, 1000000};
    char path[80];
    int steps = 0;

    if (!*crash_files) {
        begin();
    }
    snprintf(path, sizeof path, "%s/1-1.crash-safe", crash_files);
    make_file(data, size);
    write_file(path);
    struct tote__disk_queue *disk_queue = tote__disk_queue_open(directory, &limits);
    struct tote__recovery *recovery = tote__recovery_new(crash_files, 1 << 20);
    MUST(disk_queue && recovery);
    tote__disk_queue_set_sync(disk_queue, false); /* faster */
    while (tote__recovery_step(recovery, disk_queue)) {
        MUST(++steps < MOST_STEPS);
    }
    MUST(access(path, F_OK) != 0); /* delivered, or set aside */
    tote__recovery_free(recovery);
    tote__disk_queue_close(disk_queue);
    remove_files(crash_files);
    remove_files(directory);
    return 0;
}
