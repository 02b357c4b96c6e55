/* SPDX-License-Identifier: MIT */
/*
 * fuzz_database.c - query text: no literal is recorded, a comment with the context is read again
 *
 * The input is used twice: as text, and as a program that writes text from pieces. Each piece is
 * read in one way by the server, and values in it are the word SECRET.
 */
#include "fuzz.h"
#include "parent.h"
#include "tote/instrumentation/database.h"
#include "tote/propagators.h"
#include "tote/span.h"

#define SECRET "zqsecretqz"

enum dialect { POSTGRESQL = 1, SQLITE = 2, MYSQL = 4, OTHER = 8, ALL = 15 };

static const struct {
    const char *name;
    enum dialect dialect;
} systems[] = {{"postgresql", POSTGRESQL}, {"sqlite", SQLITE}, {"mysql", MYSQL}, {NULL, OTHER}};

/* Complete pieces. After each of them the server is outside of literals and comments. */
static const struct {
    const char *text;
    unsigned dialects;
} pieces[] = {
    {"SELECT ", ALL},
    {"INSERT INTO ", ALL},
    {"UPDATE ", ALL},
    {"DELETE FROM ", ALL},
    {"CREATE TABLE ", ALL},
    {"WITH a AS ", ALL},
    {" FROM ", ALL},
    {" JOIN ", ALL},
    {" IN (", ALL},
    {" AS ", ALL},
    {" USING ", ALL},
    {" IS DISTINCT FROM ", ALL},
    {" (", ALL},
    {") ", ALL},
    {", ", ALL},
    {"; ", ALL},
    {"t", ALL},
    {"s.t ", ALL},
    {" e", ALL},
    {" nq", POSTGRESQL | SQLITE | MYSQL},
    {".", ALL},
    {"-", SQLITE},
    {" - ", ALL},
    {" / ", ALL},
    {" * ", ALL},
    {" ? ", ALL},
    {" $1 ", POSTGRESQL},
    {" :a ", ALL},
    {" \\ ", ALL},
    {"12", ALL},
    {"1.5e", ALL},
    {"\n", ALL},
    {" '" SECRET "'", ALL},
    {" '" SECRET "''" SECRET "'", ALL},
    {" '''" SECRET "--" SECRET "'", ALL},
    {" '/*" SECRET "'", ALL},
    {" '\"" SECRET "`" SECRET "['", ALL},
    {" '\\\\" SECRET "\\\\'", ALL},
    {" x'" SECRET "'", ALL},
    {" '" SECRET "\\'", SQLITE},
    {" E'" SECRET "\\'" SECRET "'", POSTGRESQL},
    {" e'\\\\''" SECRET "'", POSTGRESQL},
    {" $$" SECRET "'$$ ", POSTGRESQL},
    {" $q$" SECRET "$$" SECRET "$q $Q$ $q$ ", POSTGRESQL},
    {" \"" SECRET "'\"\"\\\\\" ", MYSQL | OTHER},
    {" \"it's \\\" ", POSTGRESQL},
    {" `it's \\` ", SQLITE | MYSQL},
    {" [it's] ", SQLITE},
    {" /*" SECRET "' \" $$*/ ", ALL},
    {" /*/*" SECRET "*/" SECRET "'*/ ", POSTGRESQL},
    {" /*/*" SECRET "'*/ ", SQLITE | MYSQL},
    {" --" SECRET "' \" /*\n", POSTGRESQL | SQLITE},
    {" -- " SECRET "' \" /*\n", ALL},
    {" --" SECRET "'\r", POSTGRESQL},
    {" #" SECRET "' /*\n", MYSQL},
    {" #> ", POSTGRESQL},
    {" --1", MYSQL},
};

/* The last piece: not terminated, or read in a way that depends on settings. */
static const struct {
    const char *text;
    unsigned dialects;
} endings[] = {
    {"", ALL},
    {" '" SECRET, ALL},
    {" '" SECRET "''", ALL},
    {" '\\', " SECRET ", '", POSTGRESQL | MYSQL | OTHER},
    {" E'\\', " SECRET, ALL & ~SQLITE},
    {" /*" SECRET, ALL},
    {" -- " SECRET, ALL},
    {" x'" SECRET, ALL},
    {" '\xff\\', " SECRET ", '", ALL},
    {" /*! '*/', " SECRET, ALL},
    {" \" \\\", " SECRET, OTHER | MYSQL},
    {" $q$ " SECRET "$q", POSTGRESQL},
    {" $a(') " SECRET "'", SQLITE},
};

struct text {
    char bytes[8192];
    size_t length;
};

static void append(struct text *text, const char *piece) {
    size_t length = strlen(piece);

    if (length < sizeof text->bytes - text->length) {
        memcpy(text->bytes + text->length, piece, length);
        text->length += length;
    }
}

/* Allocate exactly this size, so that an access past its end is found. */
static char *allocate(size_t size) {
    char *memory = malloc(size);

    MUST(memory);
    return memory;
}

static bool contains(const char *text, size_t length) {
    return memmem(text, length, SECRET, strlen(SECRET)) != NULL;
}

/* Check what holds for any text. Returns whether the results contain the secret. */
static bool check_text(const char *system, const char *text, size_t length, size_t size) {
    char *result = allocate(size);
    char *again = allocate(size);
    char summary[TOTE_DATABASE_SUMMARY_BYTES];

    size_t written = tote_database_sanitize(result, size, system, text, length);
    MUST(written < size && result[written] == '\0');
    bool is_found = contains(result, written);
    size_t repeated = tote_database_sanitize(again, size, system, result, written);
    MUST(repeated <= written);
    written = tote_database_summarize(summary, sizeof summary, system, text, length);
    MUST(written < sizeof summary && summary[written] == '\0');
    /* SQLite reads a string as a table where a table stands. */
    is_found =
        is_found || (contains(summary, written) && !(system && strcmp(system, "sqlite") == 0));
    free(result);
    free(again);
    return is_found;
}

/* A query with a comment is the same query for the sanitizer, and the comment is read again. */
static void check_comment(const char *system, const char *text, size_t length) {
    static tote_context *context;
    size_t size = length + TOTE_DATABASE_COMMENT_BYTES;
    char *result = allocate(size);

    if (!context) {
        tote_propagator *propagator = tote_propagator_from_names("tracecontext");
        tote_propagator_set_global(propagator);
        tote_propagator_unref(propagator);
        context = with_parent(&(tote_trace_id){{1}}, &(tote_span_id){{2}}, 1, "", true);
    }
    tote_context *found = tote_database_extract_comment(context, system, text, length);
    tote_context_unref(found);
    size_t written = tote_database_inject_comment(result, size, system, text, length, context);
    if (written) {
        char before[1024];
        char after[1024];
        MUST(written > length && written < size && result[written] == '\0');
        found = tote_database_extract_comment(tote_context_root(), system, result, written);
        MUST(tote_span_context_is_remote(tote_span_get_context(tote_context_get_span(found))));
        tote_context_unref(found);
        tote_database_summarize(before, sizeof before, system, text, length);
        tote_database_summarize(after, sizeof after, system, result, written);
        MUST(strcmp(before, after) == 0);
        MUST(!tote_database_inject_comment(result, 0, system, text, length, context));
    }
    free(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) {
        return 0;
    }
    size_t room = 1 + (size_t)data[0] * 8;
    size_t ending = data[1] % TOTE_COUNT_OF(endings);
    char *raw = allocate(size - 2);

    memcpy(raw, data + 2, size - 2);
    for (size_t i = 0; i < TOTE_COUNT_OF(systems); i++) {
        check_text(systems[i].name, raw, size - 2, room);
        check_comment(systems[i].name, raw, size - 2);
        struct text text = {.length = 0};
        for (size_t at = 2; at < size; at++) {
            size_t piece = data[at] % TOTE_COUNT_OF(pieces);
            if (pieces[piece].dialects & systems[i].dialect) {
                append(&text, pieces[piece].text);
            }
        }
        if (endings[ending].dialects & systems[i].dialect) {
            append(&text, endings[ending].text);
        }
        MUST(!check_text(systems[i].name, text.bytes, text.length, room));
        check_comment(systems[i].name, text.bytes, text.length);
    }
    free(raw);
    return 0;
}
