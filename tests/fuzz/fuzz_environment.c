/* SPDX-License-Identifier: MIT */
/*
 * fuzz_environment.c - each line is a variable: what is extracted is injected as variables and
 * extracted once more, and other variables are unchanged
 */
#include "lines.h"

enum { MOST_VARIABLES = MOST_LINES + 16 };

/* Lines as variables, until the copy is used up. Returns how many. */
static size_t split_variables(char *copy, char *variables[MOST_LINES + 1]) {
    size_t count = 0;

    for (char *line = strtok(copy, "\n"); line && count < MOST_LINES; line = strtok(NULL, "\n")) {
        variables[count++] = line;
    }
    variables[count] = NULL;
    return count;
}

static bool is_ours(const char *variable) {
    return strncmp(variable, "TRACEPARENT=", 12) == 0 ||
           strncmp(variable, "TRACESTATE=", 11) == 0 || strncmp(variable, "BAGGAGE=", 8) == 0;
}

static bool is_normalized(void *arg, const char *name, size_t name_length, const char *value,
                          size_t value_length) {
    MUST(name_length && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == name_length);
    MUST(!strchr("0123456789", name[0]) && name[name_length] == '=');
    MUST(strlen(value) == value_length);
    ++*(size_t *)arg;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char buffer[TOTE_INJECT_BUFFER_BYTES];
    char *base[MOST_LINES + 1], *variables[MOST_VARIABLES];
    char *copy = malloc(size + 1);
    size_t seen = 0;

    memcpy(copy, data, size);
    copy[size] = '\0';
    use_propagator("tracecontext,baggage");
    size_t count = split_variables(copy, base);
    const tote_environment carrier = {.variables = base};
    tote_environment_getter()->get_all(&carrier, NULL, is_normalized, &seen);
    MUST(seen <= count);

    tote_context *context = tote_extract_environment(tote_context_root(), base);
    size_t written =
        tote_inject_environment(context, base, variables, MOST_VARIABLES, buffer, sizeof buffer);
    /*
     * Other variables keep their order; Tote's are replaced, or stay if there is nothing to inject.
     */
    size_t next = 0;
    for (size_t i = 0; i < written; i++) {
        if (!is_ours(variables[i])) {
            while (next < count && is_ours(base[next])) {
                next++;
            }
            MUST(next < count && variables[i] == base[next++]);
        }
    }
    while (next < count) {
        MUST(is_ours(base[next++]));
    }
    MUST(written <= count + 3 && !variables[written]);

    tote_context *again = tote_extract_environment(tote_context_root(), variables);
    const tote_span_context *a = tote_span_get_context(tote_context_get_span(context));
    const tote_span_context *b = tote_span_get_context(tote_context_get_span(again));
    MUST(memcmp(tote_span_context_get_trace_id(a), tote_span_context_get_trace_id(b), 16) == 0);
    MUST(memcmp(tote_span_context_get_span_id(a), tote_span_context_get_span_id(b), 8) == 0);
    MUST(tote_span_context_get_trace_flags(a) == tote_span_context_get_trace_flags(b));
    tote_context_unref(again);
    tote_context_unref(context);
    free(copy);
    return 0;
}
