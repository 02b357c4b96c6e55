/* SPDX-License-Identifier: MIT */
/*
 * substitute.c - environment variables in the scalars of a configuration file
 *
 * `$$` splits the text first, so the `$` that it stands for never begins a reference. A reference
 * ends at the next `}` of its part. Values are inserted unchanged: they are not searched for
 * references, and cannot contain YAML structure because the text is a scalar already. Spec:
 * configuration/data-model.md#environment-variable-substitution
 *
 * Tests: tests/unit/test_configuration_file.c
 */
#include <stdio.h>
#include <unistd.h>

#include "file.h"
#include "settings.h"
#include "tote/internal/api_os.h"

static bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t name_length(struct tote__part content) {
    size_t length = 0;

    while (length < content.length &&
           (is_name_start(content.at[length]) ||
            (length && content.at[length] >= '0' && content.at[length] <= '9'))) {
        length++;
    }
    return length;
}

/* Printable characters, space and tab; also those that are not ASCII. */
static bool is_default(struct tote__part text) {
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if ((c < ' ' && c != '\t') || c == 0x7F) {
            return false;
        }
    }
    return true;
}

static struct tote__part without_start(struct tote__part part, size_t length) {
    return (struct tote__part){part.at + length, part.length - length};
}

/* Split `NAME` or `NAME:-default`. Returns false if the content is neither. */
static bool split(struct tote__part content, struct tote__part *name, struct tote__part *fallback) {
    *name = (struct tote__part){content.at, name_length(content)};
    *fallback = without_start(content, name->length);
    if (!name->length || !fallback->length) {
        return name->length > 0;
    }
    if (fallback->length < 2 || memcmp(fallback->at, ":-", 2) != 0) {
        return false;
    }
    *fallback = without_start(*fallback, 2);
    return is_default(*fallback);
}

/* Return the value of the variable; NULL if it is unset, or not for this program: privilege.h. */
static const char *variable(struct tote__part name) {
    for (char *const *at = tote__is_privileged() ? NULL : tote__environment(); at && *at; at++) {
        if (strncmp(*at, name.at, name.length) == 0 && (*at)[name.length] == '=') {
            return *at + name.length + 1;
        }
    }
    return NULL;
}

/* Split the content between `${` and `}`. Returns false if it is malformed. */
static bool split_content(struct tote__part content, struct tote__part *name,
                          struct tote__part *fallback) {
    static const char prefix[] = "env:";

    return split(content, name, fallback) ||
           (content.length >= strlen(prefix) && memcmp(content.at, prefix, strlen(prefix)) == 0 &&
            split(without_start(content, strlen(prefix)), name, fallback));
}

static void show_reference(struct tote__part name, const char *value, bool has_default) {
    char text[128];

    snprintf(text, sizeof text, "%.*s", (int)tote__min(name.length, sizeof text), name.at);
    tote__check->observe(tote__check->self,
                         &(struct tote__shown){
                             .part = TOTE__SHOWN_VARIABLE,
                             .name = text,
                             .value = value && *value ? "set"
                                      : has_default   ? "unset: the default in the file"
                                                      : "unset: empty",
                         });
}

/* Write what stands for the content between `${` and `}`. */
static bool write_reference(struct tote__part content, struct tote__writer *out) {
    struct tote__part name;
    struct tote__part fallback;

    if (!split_content(content, &name, &fallback)) {
        return false;
    }
    const char *value = variable(name);
    if (tote__check) {
        show_reference(name, value, fallback.length);
    }
    if (value && *value) {
        tote__write(out, value, strlen(value));
    } else {
        tote__write(out, fallback.at, fallback.length);
    }
    return true;
}

/* Substitute in a part without `$$`. A `${` without content or without an end is plain text. */
static bool write_part(struct tote__part rest, struct tote__writer *out,
                       struct tote__part *malformed) {
    for (;;) {
        const char *start = tote__find(rest.at, rest.length, "${");
        size_t before = start ? (size_t)(start - rest.at) : 0;
        const char *end = start ? memchr(start, '}', rest.length - before) : NULL;
        if (!end) {
            tote__write(out, rest.at, rest.length);
            return true;
        }
        struct tote__part content = {start + 2, (size_t)(end - start) - 2};
        tote__write(out, rest.at, before);
        if (!content.length) {
            tote__write(out, start, 2);
            rest = without_start(rest, before + 2);
            continue;
        }
        if (!write_reference(content, out)) {
            *malformed = (struct tote__part){start, content.length + 3};
            return false;
        }
        rest = without_start(rest, before + content.length + 3);
    }
}

bool tote__substitute(const char *text, size_t length, struct tote__writer *out,
                      struct tote__part *malformed) {
    struct tote__part rest = {text, length};

    for (;;) {
        const char *escape = tote__find(rest.at, rest.length, "$$");
        size_t before = escape ? (size_t)(escape - rest.at) : rest.length;
        if (!write_part((struct tote__part){rest.at, before}, out, malformed)) {
            return false;
        }
        if (!escape) {
            return true;
        }
        tote__write(out, "$", 1);
        rest = without_start(rest, before + 2);
    }
}

struct tote__part tote__reference_name(const char *text, size_t length) {
    struct tote__part name = {NULL, 0};
    struct tote__part fallback;

    if (length < 3 || memcmp(text, "${", 2) != 0 ||
        memchr(text, '}', length) != text + length - 1 ||
        !split_content((struct tote__part){text + 2, length - 3}, &name, &fallback)) {
        return (struct tote__part){NULL, 0};
    }
    return name;
}
