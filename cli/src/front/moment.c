/* SPDX-License-Identifier: MIT */
/*
 * moment.c - times of a command line
 *
 * Tests: tests/unit/test_command_line.c
 */
#include "moment.h"

#include <stddef.h>
#include <string.h>

#include "program.h"

#define SECOND UINT64_C(1000000000)

enum { DATE_LENGTH = 19 }; /* without fraction and zone */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Read a fraction of a second, if there is one, and skip it. Digits after the ninth are ignored. */
static bool read_fraction(const char **at, uint64_t *ns) {
    uint64_t place = SECOND / 10;

    *ns = 0;
    if (**at != '.' && **at != ',') {
        return true;
    }
    const char *start = ++*at;
    for (; is_digit(**at); ++*at) {
        *ns += place * (uint64_t)(**at - '0');
        place /= 10;
    }
    return *at > start;
}

/* Read a fixed number of digits. Returns false if there are fewer, or if the number is too large.
 */
static bool read_digits(const char *at, size_t count, unsigned most, unsigned *number) {
    *number = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(at[i])) {
            return false;
        }
        *number = *number * 10 + (unsigned)(at[i] - '0');
    }
    return *number <= most;
}

/* Return the days from 1970-01-01 to a date of the Gregorian calendar. */
static int64_t days_to(unsigned year, unsigned month, unsigned day) {
    int64_t shifted = (int64_t)year - (month <= 2);
    int64_t era = shifted / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* Read the offset of a time zone in seconds: Z or +hh:mm. */
static bool read_zone(const char *at, int64_t *seconds) {
    unsigned hours;
    unsigned minutes;

    *seconds = 0;
    if ((*at == 'Z' || *at == 'z') && !at[1]) {
        return true;
    }
    if ((*at != '+' && *at != '-') || strlen(at) != 6 || at[3] != ':' ||
        !read_digits(at + 1, 2, 23, &hours) || !read_digits(at + 4, 2, 59, &minutes)) {
        return false;
    }
    *seconds = (int64_t)(hours * 3600 + minutes * 60) * (*at == '-' ? -1 : 1);
    return true;
}

/* Spec: RFC 3339 section 5.6; a blank may replace the T. */
static bool read_date(const char *text, uint64_t *time) {
    static const char form[] = "....-..-..T..:..:..";
    static const struct {
        unsigned at;
        unsigned count;
        unsigned most;
    } parts[] = {{0, 4, 9999}, {5, 2, 12}, {8, 2, 31}, {11, 2, 23}, {14, 2, 59}, {17, 2, 60}};
    unsigned numbers[6];
    const char *rest = text + DATE_LENGTH;
    uint64_t fraction;
    int64_t zone;

    for (size_t i = 0; i < DATE_LENGTH; i++) {
        bool is_blank = form[i] == 'T' && (text[i] == ' ' || text[i] == 't');
        if (!text[i] || (form[i] != '.' && form[i] != text[i] && !is_blank)) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!read_digits(text + parts[i].at, parts[i].count, parts[i].most, &numbers[i])) {
            return false;
        }
    }
    if (!numbers[1] || !numbers[2] || !read_fraction(&rest, &fraction) || !read_zone(rest, &zone)) {
        return false;
    }
    int64_t seconds = days_to(numbers[0], numbers[1], numbers[2]) * 86400 + numbers[3] * 3600 +
                      numbers[4] * 60 + numbers[5] - zone;
    *time = (uint64_t)seconds * SECOND + fraction;
    return seconds >= 0 && (uint64_t)seconds < INT64_MAX / SECOND;
}

static bool read_number(const char *text, uint64_t *time) {
    static const struct {
        size_t digits;
        uint64_t ns;
    } units[] = {{18, 1}, {15, 1000}, {12, 1000000}, {1, SECOND}};
    size_t digits = strspn(text, "0123456789");
    uint64_t number = 0;
    uint64_t fraction = 0;
    const char *rest = text + digits;
    size_t unit = 0;

    if (!digits || digits > 19) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    while (digits < units[unit].digits) {
        unit++;
    }
    if (units[unit].ns == SECOND && !read_fraction(&rest, &fraction)) {
        return false;
    }
    *time = number * units[unit].ns + fraction;
    return !*rest && number <= INT64_MAX / units[unit].ns;
}

bool moment_read(const char *text, uint64_t now, uint64_t *time) {
    uint64_t distance;

    if (strcmp(text, "now") == 0) {
        *time = now;
        return true;
    }
    if (*text == '-' || *text == '+') {
        if (!program_read_duration(text + 1, &distance) ||
            distance > (*text == '-' ? now : INT64_MAX - now)) {
            return false;
        }
        *time = *text == '-' ? now - distance : now + distance;
        return true;
    }
    return read_number(text, time) || read_date(text, time);
}
