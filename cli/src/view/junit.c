/* SPDX-License-Identifier: MIT */
/*
 * junit.c - results as JUnit XML
 *
 * Tests: tests/cli/test_test.sh
 */
#include "junit.h"

#include <string.h>
#include <time.h>

#include "terminal.h"

/*
 * Write valid UTF-8 without control characters. Spec: XML 1.0 section 2.2: U+FFFE and U+FFFF are
 * not allowed either.
 */
static void put_escaped(FILE *out, const char *text) {
    static const struct {
        const char *text;
        const char *escaped;
    } escapes[] = {
        {"<", "&lt;"},    {">", "&gt;"},        {"&", "&amp;"},
        {"\"", "&quot;"}, {"\uFFFE", "\uFFFD"}, {"\uFFFF", "\uFFFD"},
    };

    while (*text) {
        size_t i = 0;
        while (i < TOTE_COUNT_OF(escapes) &&
               strncmp(text, escapes[i].text, strlen(escapes[i].text)) != 0) {
            i++;
        }
        if (i < TOTE_COUNT_OF(escapes)) {
            fputs(escapes[i].escaped, out);
            text += strlen(escapes[i].text);
        } else {
            fputc(*text++, out);
        }
    }
}

/* Write a line of any bytes. */
static void put_line(FILE *out, const char *text, size_t length) {
    struct tote__arena arena = {.chunks = NULL};

    put_escaped(out, terminal_clean(&arena, text, length));
    tote__arena_clear(&arena);
}

static void put_attribute(FILE *out, const char *name, const char *value) {
    fprintf(out, " %s=\"", name);
    put_line(out, value, strcspn(value, "\n"));
    fputc('"', out);
}

static void put_failure(FILE *out, const char *failure) {
    fputs(">\n      <failure type=\"expectation\"", out);
    put_attribute(out, "message", failure);
    fputc('>', out);
    while (*failure) {
        size_t length = strcspn(failure, "\n");
        put_line(out, failure, length);
        failure += length;
        if (*failure) {
            fputc('\n', out);
            failure++;
        }
    }
    fputs("</failure>\n    </testcase>\n", out);
}

void junit_write(FILE *out, const char *class_name, uint64_t duration_ns,
                 const struct junit_case *cases, size_t count) {
    time_t now = time(NULL);
    struct tm utc = {.tm_year = 0};
    char date[32] = "";
    size_t failed = 0;

    for (size_t i = 0; i < count; i++) {
        failed += cases[i].failure != NULL;
    }
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    unsigned long long seconds = duration_ns / 1000000000;
    unsigned milliseconds = (unsigned)(duration_ns / 1000000 % 1000);
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites tests=\"%zu\" failures=\"%zu\" errors=\"0\" time=\"%llu.%03u\">\n"
            "  <testsuite name=\"tote test\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
            "skipped=\"0\" time=\"%llu.%03u\" timestamp=\"%s\">\n",
            count, failed, seconds, milliseconds, count, failed, seconds, milliseconds, date);
    for (size_t i = 0; i < count; i++) {
        fputs("    <testcase", out);
        put_attribute(out, "classname", class_name);
        put_attribute(out, "name", cases[i].name);
        fprintf(out, " time=\"%llu.%03u\"", i ? 0 : seconds, i ? 0 : milliseconds);
        if (cases[i].failure) {
            put_failure(out, cases[i].failure);
        } else {
            fputs("/>\n", out);
        }
    }
    fputs("  </testsuite>\n</testsuites>\n", out);
}
