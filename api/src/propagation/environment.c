/* SPDX-License-Identifier: MIT */
/*
 * environment.c - environment variables as a carrier. Spec: context/env-carriers.md
 *
 * Tests: tests/unit/test_carriers.c, tests/fuzz/fuzz_environment.c
 */
#include "tote/environment.h"

#include <string.h>
#include <unistd.h>

#include "tote/diagnostics.h"
#include "tote/internal/api_os.h"
#include "tote/internal/text.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static char normalized(char c) {
    if (c >= 'a' && c <= 'z') {
        return (char)(c - 'a' + 'A');
    }
    return tote__is_in(TOTE__VARIABLE, c) ? c : '_';
}

/* Return the length of the name of a key's variable, which is never empty. */
static size_t name_length_of(const char *key) {
    size_t length = strlen(key);

    return length ? length + is_digit(key[0]) : 1;
}

/* Return the character of that name at an index. */
static char name_at(const char *key, size_t at) {
    size_t added = is_digit(key[0]) || !*key;

    return at < added ? '_' : normalized(key[at - added]);
}

/* Return the value if the variable is the key's, else NULL. */
static const char *value_of(const char *variable, const char *key) {
    size_t length = name_length_of(key);

    for (size_t i = 0; i < length; i++) {
        if (variable[i] != name_at(key, i)) {
            return NULL;
        }
    }
    return variable[length] == '=' ? variable + length + 1 : NULL;
}

/* Return the length of the variable's name, or 0 if the name is not normalized. */
static size_t normalized_name_length(const char *variable) {
    size_t length = strcspn(variable, "=");

    if (is_digit(variable[0]) || tote__span_of(TOTE__VARIABLE, variable, length) < length) {
        return 0;
    }
    return variable[length] == '=' ? length : 0;
}

/* If two variables have one name, the first counts, as for getenv(). */
static void get_variables(const void *carrier, const char *key, tote_header_visitor visit,
                          void *arg) {
    char *const *variables = ((const tote_environment *)carrier)->variables;

    for (; variables && *variables; variables++) {
        if (!key) {
            size_t length = normalized_name_length(*variables);
            const char *value = *variables + length + 1;
            if (length && !visit(arg, *variables, length, value, strlen(value))) {
                return;
            }
            continue;
        }
        const char *value = value_of(*variables, key);
        if (value) {
            visit(arg, key, strlen(key), value, strlen(value));
            return;
        }
    }
}

const tote_text_map_getter *tote_environment_getter(void) {
    static const tote_text_map_getter getter = {sizeof getter, get_variables};

    return &getter;
}

static void remove_variable(tote_environment *environment, const char *key) {
    size_t kept = 0;

    for (size_t i = 0; i < environment->count; i++) {
        if (!value_of(environment->variables[i], key)) {
            environment->variables[kept++] = environment->variables[i];
        }
    }
    environment->count = kept;
    environment->variables[kept] = NULL;
}

static void set_variable(void *carrier, const char *key, const char *value, size_t value_length) {
    tote_environment *environment = carrier;
    size_t name_length = name_length_of(key);

    if (!environment->variables || !environment->capacity) {
        return;
    }
    remove_variable(environment, key);
    if (!value) {
        return;
    }
    if (environment->count + 1 >= environment->capacity || environment->size < name_length + 2 ||
        environment->size - name_length - 2 < value_length) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "environment",
            "variable for '%s' left out: the caller's array or buffer is too small", key);
        return;
    }
    char *out = environment->buffer;
    environment->variables[environment->count++] = out;
    environment->variables[environment->count] = NULL;
    for (size_t i = 0; i < name_length; i++) {
        *out++ = name_at(key, i);
    }
    *out++ = '=';
    memcpy(out, value, value_length);
    out[value_length] = '\0';
    environment->buffer += name_length + value_length + 2;
    environment->size -= name_length + value_length + 2;
}

const tote_text_map_setter *tote_environment_setter(void) {
    static const tote_text_map_setter setter = {sizeof setter, set_variable};

    return &setter;
}

tote_context *tote_extract_environment(const tote_context *context, char *const *environment) {
    char **own = tote__is_privileged() ? NULL : tote__environment();
    const tote_environment carrier = {.variables = environment ? (char **)environment : own};

    return tote_extract(context, &carrier, tote_environment_getter());
}

size_t tote_inject_environment(const tote_context *context, char *const *base, char **variables,
                               size_t capacity, char *buffer, size_t size) {
    tote_environment carrier = {variables, 0, capacity, buffer, buffer ? size : 0};

    if (!variables || !capacity) {
        return 0;
    }
    for (base = base ? base : tote__environment(); base && *base; base++) {
        if (carrier.count + 1 == capacity) {
            variables[0] = NULL;
            return 0;
        }
        variables[carrier.count++] = *base;
    }
    variables[carrier.count] = NULL;
    tote_inject(context, &carrier, tote_environment_setter());
    return carrier.count;
}
