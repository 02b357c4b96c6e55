/* SPDX-License-Identifier: MIT */
#include "metric_lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TOTE_PRINTF(2, 3) static void add(struct metric_lines *lines, const char *format, ...) {
    va_list list;

    va_start(list, format);
    lines->size += (size_t)vsnprintf(lines->text + lines->size, sizeof lines->text - lines->size,
                                     format, list);
    va_end(list);
    assert_true(lines->size < sizeof lines->text);
}

void metric_lines_add(void *self, const tote_metric_point *point) {
    struct metric_lines *lines = self;
    const char *separator = "{";

    add(lines, "\n%s", point->name);
    for (size_t i = 0; i < point->attribute_count; i++, separator = ",") {
        const tote_attribute *attribute = &point->attributes[i];
        if (attribute->value.type == TOTE_VALUE_TYPE_INT) {
            add(lines, "%s%s=%lld", separator, attribute->key,
                (long long)attribute->value.as.integer);
        } else {
            add(lines, "%s%s=%.*s", separator, attribute->key, (int)attribute->value.size,
                attribute->value.as.string);
        }
    }
    add(lines, "} %llu", (unsigned long long)point->value);
    lines->longest = point->max > lines->longest ? point->max : lines->longest;
    lines->start = point->start_time_unix_nano;
    lines->time = point->time_unix_nano;
}

void metric_lines_read(struct metric_lines *lines, tote_sdk *sdk) {
    lines->size = 0;
    lines->text[0] = '\0';
    lines->longest = 0;
    assert_int_equal(tote_sdk_read_metrics(sdk, metric_lines_add, lines), TOTE_RESULT_SUCCESS);
}

long long metric_lines_get(const struct metric_lines *lines, const char *name_and_attributes) {
    char line[512];

    snprintf(line, sizeof line, "\n%s ", name_and_attributes);
    const char *found = strstr(lines->text, line);
    assert_true(!found || !strstr(found + 1, line));
    return found ? atoll(found + strlen(line)) : -1;
}

long long metric_of(tote_sdk *sdk, const char *name_and_attributes) {
    static struct metric_lines lines;

    metric_lines_read(&lines, sdk);
    return metric_lines_get(&lines, name_and_attributes);
}
