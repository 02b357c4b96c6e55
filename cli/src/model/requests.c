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

#include "decode.h"
#include "foreign.h"
#include "gunzip.h"
#include "json.h"

enum {
    PORTION = 1 << 16,
    FIXED_LENGTH_BYTES = 4,
    MOST_FAILURES = 16, /* each one costs a pass over the rest */
    FILE_MOST = 1 << 30 /* memory of a JSON value; a file may be one, and is not from a network */
};

/* Return the text after its byte order mark, if it has one. */
static const char *skip_mark(const void *text, size_t *size) {
    static const char mark[] = "\xEF\xBB\xBF";
    const size_t length = sizeof mark - 1;
    const bool has_mark = *size >= length && memcmp(text, mark, length) == 0;

    if (!has_mark) {
        return text;
    }
    *size -= length;
    return (const char *)text + length;
}

struct receipt requests_from_json(const void *json, size_t size, requests_take *take, void *arg) {
    const char *text = skip_mark(json, &size);
    char *repaired = json_repair(text, size, &size);
    struct json_request request = json_to_request(repaired ? repaired : text, size);
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
    const char *no_array; /* brackets before it are not the begin of an array of Zipkin */
    unsigned failures;    /* arrays of Zipkin that were not taken as a whole */
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

/* Where the requests of a file go. */
struct reading {
    requests_take *take;
    void *arg;
    struct receipt *sum;
};

/* Convert spans of another format. Returns how many there are. */
static size_t take_foreign(const struct reading *reading, const json_t *root,
                           void (*convert)(struct foreign *foreign, const json_t *root),
                           enum outcome *outcome) {
    struct foreign foreign = {.take = reading->take, .arg = reading->arg};

    convert(&foreign, root);
    receipt_add(reading->sum, &foreign.receipt);
    *outcome = foreign.receipt.outcome;
    return foreign.span_count;
}

static bool take_otlp(const struct reading *reading, const json_t *root, enum outcome *outcome) {
    struct json_request request = json_convert(root);
    struct receipt receipt = request.receipt;

    if (receipt.outcome == TAKEN && request.has_traces) {
        receipt = reading->take(reading->arg, request.protobuf.at, request.protobuf.size);
        receipt_add(&receipt, &request.receipt);
        receipt_add(reading->sum, &receipt);
    }
    bytes_clear(&request.protobuf);
    *outcome = receipt.outcome;
    return receipt.outcome == TAKEN && request.has_traces;
}

/* Handle a value of any known format. Returns whether it contains traces. */
static bool take_root(const struct reading *reading, const json_t *root, enum outcome *outcome) {
    if (zipkin_is(root)) {
        return take_foreign(reading, root, zipkin_convert, outcome) > 0;
    }
    if (jaeger_is(root)) {
        return take_foreign(reading, root, jaeger_convert, outcome) > 0;
    }
    return take_otlp(reading, root, outcome);
}

/* Handle the value that begins here, or skip it. */
static void take_value(struct text *text, const struct reading *reading) {
    struct json_text value = json_read(text->at, (size_t)(text->end - text->at), false, FILE_MOST);
    enum outcome outcome = value.outcome;
    bool is_taken = value.root && take_root(reading, value.root, &outcome);

    json_decref(value.root);
    text->is_damaged |= outcome != TAKEN;
    if (is_taken) {
        text->requests++;
        text->at += value.length;
    } else if (value.length) {
        skip(text, value.length);
    } else {
        skip_line(text);
    }
}

/*
 * Handle an array of Zipkin as a whole: its spans belong together. Others are handled item by item,
 * and so is one that is damaged or too large.
 */
static bool take_array(struct text *text, const struct reading *reading) {
    if (text->at < text->no_array || text->failures == MOST_FAILURES) {
        return false;
    }
    const char *item = text->at;
    while (item < text->end && *item && strchr(" \t\r\n[", *item)) {
        item++;
    }
    text->no_array = item;
    struct json_text first = item < text->end && *item == '{'
                                 ? json_read(item, (size_t)(text->end - item), false, FILE_MOST)
                                 : (struct json_text){.root = NULL};
    bool is_zipkin = zipkin_is(first.root);
    enum outcome outcome;

    json_decref(first.root);
    if (!is_zipkin) {
        return false;
    }
    struct json_text array = json_read(text->at, (size_t)(text->end - text->at), false, FILE_MOST);
    bool is_taken = array.root && take_root(reading, array.root, &outcome);
    json_decref(array.root);
    text->failures += !is_taken;
    text->requests += is_taken;
    text->at += is_taken ? array.length : 0;
    return is_taken;
}

static void report_text(const char *name, const struct text *text) {
    if (!text->requests) {
        fprintf(stderr,
                "tote: %s contains no traces, neither in OTLP nor in Jaeger or Zipkin JSON\n",
                name);
    } else if (text->skipped) {
        fprintf(stderr, "tote: %s: %zu line%s skipped, not a trace in JSON: line %zu%s\n", name,
                text->skipped, text->skipped == 1 ? "" : "s", text->first_skipped,
                text->skipped == 1 ? "" : " is the first");
    }
}

/* Spec: protocol/file-exporter.md: one request per line. Indented ones and arrays are read too. */
static bool take_text(const char *name, const char *bytes, size_t size,
                      const struct reading *reading) {
    struct text text = {
        .at = bytes, .end = bytes + size, .counted = bytes, .no_array = bytes, .line = 1};

    while (text.at < text.end) {
        if (*text.at == '[' && take_array(&text, reading)) {
            continue;
        }
        if (strchr(" \t\r\n,[]", *text.at) && *text.at) {
            text.at++;
        } else if (*text.at == '{') {
            take_value(&text, reading);
        } else {
            skip_line(&text);
        }
    }
    if (name) {
        report_text(name, &text);
    }
    return text.requests && !text.is_damaged;
}

/* How the length of a message is encoded before it. */
typedef bool read_length(struct tote__slice *rest, uint64_t *length);

/* Four bytes, the highest first: the collector's file exporter. */
static bool read_fixed(struct tote__slice *rest, uint64_t *length) {
    *length = 0;
    if (rest->size < FIXED_LENGTH_BYTES) {
        return false;
    }
    for (unsigned i = 0; i < FIXED_LENGTH_BYTES; i++) {
        *length = *length << 8 | *rest->at++;
    }
    rest->size -= FIXED_LENGTH_BYTES;
    return true;
}

/* A varint: what protobuf libraries write for a sequence of messages. */
static bool read_varint(struct tote__slice *rest, uint64_t *length) {
    return decode_varint(rest, length, 5);
}

/* Handle a sequence of requests. Returns false if the bytes are not one. */
static bool take_sequence(const struct reading *reading, struct tote__slice rest, read_length *read,
                          bool is_trial) {
    uint64_t length;

    while (rest.size > 0) {
        if (!read(&rest, &length) || length > rest.size) {
            return false;
        }
        if (!is_trial) {
            struct receipt receipt = reading->take(reading->arg, rest.at, (size_t)length);
            if (receipt.outcome != TAKEN) {
                return false;
            }
            receipt_add(reading->sum, &receipt);
        }
        rest.at += length;
        rest.size -= (size_t)length;
    }
    return true;
}

/* Handle protobuf: one request, or a sequence. Returns false if it is something else. */
static bool take_protobuf(const struct reading *reading, const uint8_t *bytes, size_t size) {
    static read_length *const lengths[] = {read_fixed, read_varint};
    const struct tote__slice all = {bytes, size};
    struct receipt receipt = reading->take(reading->arg, bytes, size);

    if (receipt.outcome == TAKEN && size) {
        receipt_add(reading->sum, &receipt);
        return true;
    }
    for (size_t i = 0; size && i < sizeof lengths / sizeof *lengths; i++) {
        if (take_sequence(reading, all, lengths[i], true)) {
            return take_sequence(reading, all, lengths[i], false);
        }
    }
    return false;
}

/* Protobuf may look like text, for example "\n{", but text is never a whole request in protobuf. */
static bool take_content(const char *name, const uint8_t *bytes, size_t size,
                         const struct reading *reading) {
    if (take_protobuf(reading, bytes, size)) {
        return true;
    }
    const char *text = skip_mark(bytes, &size);
    char *repaired = json_repair(text, size, &size);
    bool is_taken = take_text(name, repaired ? repaired : text, size, reading);
    free(repaired);
    return is_taken;
}

static bool is_gzip(const uint8_t *bytes, size_t size) {
    return size > 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;
}

bool requests_from_content(const char *name, const uint8_t *bytes, size_t size, requests_take *take,
                           void *arg, struct receipt *sum) {
    const struct reading reading = {take, arg, sum};
    struct bytes plain = {.at = NULL};
    bool is_taken = false;

    if (!is_gzip(bytes, size)) {
        return take_content(name, bytes, size, &reading);
    }
    if (size > BYTES_MOST || gunzip(bytes, size, &plain) != TAKEN) {
        fprintf(stderr, "tote: %s: the gzip data is damaged or larger than %d MiB\n",
                name ? name : "input", BYTES_MOST >> 20);
    } else {
        is_taken = take_content(name, plain.at, plain.size, &reading);
    }
    bytes_clear(&plain);
    return is_taken;
}

bool requests_from_file(const char *path, requests_take *take, void *arg, struct receipt *sum) {
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "rb");
    size_t size = 0;
    uint8_t *bytes = file ? read_all(file, &size) : NULL;
    bool is_taken = false;

    if (bytes) {
        is_taken = requests_from_content(path, bytes, size, take, arg, sum);
    } else {
        fprintf(stderr, "tote: %s cannot be read: %s\n", path, strerror(errno));
    }
    if (file && !is_input) {
        fclose(file);
    }
    free(bytes);
    return is_taken;
}
