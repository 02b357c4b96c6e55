/* SPDX-License-Identifier: MIT */
/*
 * requests.c - the requests that a body or a file contains
 *
 * Tests: tests/unit/test_view_requests.c
 */
#include "requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gunzip.h"
#include "json.h"

enum { PORTION = 1 << 16 };

static const char byte_order_mark[] = "\xEF\xBB\xBF";

struct receipt requests_from_json(const void *json, size_t size, requests_take *take, void *arg) {
    size_t mark = sizeof byte_order_mark - 1;

    if (size >= mark && memcmp(json, byte_order_mark, mark) == 0) {
        json = (const char *)json + mark;
        size -= mark;
    }
    char *repaired = json_repair(json, size, &size);
    struct json_request request = json_to_request(repaired ? repaired : json, size, true);
    struct receipt receipt = request.receipt;
    if (receipt.outcome == TAKEN) {
        receipt = take(arg, request.protobuf.at, request.protobuf.size);
        receipt_add(&receipt, &request.receipt);
    }
    bytes_clear(&request.protobuf);
    free(repaired);
    return receipt;
}

/* Read to the end. The caller frees the result. On failure: NULL, and errno is set. */
static uint8_t *read_all(FILE *file, size_t *size) {
    uint8_t *bytes = NULL;
    size_t capacity = PORTION;
    size_t count;

    *size = 0;
    do {
        uint8_t *larger = bytes && *size < capacity ? bytes : realloc(bytes, capacity *= 2);
        if (!larger) {
            free(bytes);
            return NULL;
        }
        bytes = larger;
        count = fread(bytes + *size, 1, capacity - *size, file);
        *size += count;
    } while (count);
    if (ferror(file)) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

/* A JSON file that is being read. */
struct text {
    const char *at;
    const char *end;
    const char *counted; /* lines up to here are counted */
    size_t line;
    size_t requests;
    size_t skipped;       /* lines, or values that are not requests */
    size_t first_skipped; /* the line of the first one */
    bool is_damaged;      /* a line that looked like a request was skipped */
};

static void skip(struct text *text, size_t length) {
    for (; text->counted < text->at; text->counted++) {
        text->line += *text->counted == '\n';
    }
    if (!text->skipped++) {
        text->first_skipped = text->line;
    }
    text->at += length;
}

static void skip_line(struct text *text) {
    const char *end = memchr(text->at, '\n', (size_t)(text->end - text->at));

    skip(text, (size_t)((end ? end : text->end) - text->at));
}

/* Handle the value that begins here, or skip it. */
static void take_value(struct text *text, requests_take *take, void *arg, struct receipt *sum) {
    struct json_request request = json_to_request(text->at, (size_t)(text->end - text->at), false);
    struct receipt receipt = request.receipt;

    if (receipt.outcome == TAKEN && request.has_traces) {
        receipt = take(arg, request.protobuf.at, request.protobuf.size);
        receipt_add(&receipt, &request.receipt);
        receipt_add(sum, &receipt);
    }
    bytes_clear(&request.protobuf);
    if (receipt.outcome != TAKEN) {
        text->is_damaged = true;
    }
    if (receipt.outcome == TAKEN && request.has_traces) {
        text->requests++;
        text->at += request.length;
    } else if (request.length) {
        skip(text, request.length);
    } else {
        skip_line(text);
    }
}

/* Spec: protocol/file-exporter.md: one request per line. Indented ones and arrays are read too. */
static bool take_text(const char *path, const char *bytes, size_t size, requests_take *take,
                      void *arg, struct receipt *sum) {
    struct text text = {.at = bytes, .end = bytes + size, .counted = bytes, .line = 1};

    while (text.at < text.end) {
        if (strchr(" \t\r\n,[]", *text.at) && *text.at) {
            text.at++;
        } else if (*text.at == '{') {
            take_value(&text, take, arg, sum);
        } else {
            skip_line(&text);
        }
    }
    if (!text.requests) {
        fprintf(stderr, "tote: %s contains no trace request, neither in OTLP/JSON nor protobuf\n",
                path);
    } else if (text.skipped) {
        fprintf(stderr,
                "tote: %s: %zu line%s skipped, not a trace request in OTLP/JSON: line %zu%s\n",
                path, text.skipped, text.skipped == 1 ? "" : "s", text.first_skipped,
                text.skipped == 1 ? "" : " is the first");
    }
    return text.requests && !text.is_damaged;
}

/* Protobuf may look like text, for example "\n{", but text is never a whole request in protobuf. */
static bool take_content(const char *path, const uint8_t *bytes, size_t size, requests_take *take,
                         void *arg, struct receipt *sum) {
    size_t mark = sizeof byte_order_mark - 1;
    struct receipt receipt = take(arg, bytes, size);

    if (receipt.outcome == TAKEN && size) {
        receipt_add(sum, &receipt);
        return true;
    }
    if (size >= mark && memcmp(bytes, byte_order_mark, mark) == 0) {
        bytes += mark;
        size -= mark;
    }
    char *repaired = json_repair((const char *)bytes, size, &size);
    bool is_taken =
        take_text(path, repaired ? repaired : (const char *)bytes, size, take, arg, sum);
    free(repaired);
    return is_taken;
}

static bool is_gzip(const uint8_t *bytes, size_t size) {
    return size > 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;
}

bool requests_from_file(const char *path, requests_take *take, void *arg, struct receipt *sum) {
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "rb");
    size_t size = 0;
    uint8_t *bytes = file ? read_all(file, &size) : NULL;
    struct bytes plain = {.at = NULL};
    bool is_taken = false;

    if (!bytes) {
        fprintf(stderr, "tote: %s cannot be read: %s\n", path, strerror(errno));
    } else if (!is_gzip(bytes, size)) {
        is_taken = take_content(path, bytes, size, take, arg, sum);
    } else if (size > BYTES_MOST || gunzip(bytes, size, &plain) != TAKEN) {
        fprintf(stderr, "tote: %s: the gzip data is damaged or larger than %d MiB\n", path,
                BYTES_MOST >> 20);
    } else {
        is_taken = take_content(path, plain.at, plain.size, take, arg, sum);
    }
    bytes_clear(&plain);
    if (file && !is_input) {
        fclose(file);
    }
    free(bytes);
    return is_taken;
}
