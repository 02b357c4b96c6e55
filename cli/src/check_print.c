/* SPDX-License-Identifier: MIT */
/*
 * check_print.c - prints the result of tote check, as text for 80 columns or as JSON
 *
 * Tests: tests/cli/test_check.sh
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "terminal.h"

enum {
    WIDTH = 80,
    VARIABLE_COLUMNS = 40, /* of a name without a group */
    KEY_COLUMNS = 30,      /* of a key in a group */
    VALUE_COLUMNS = 22,
    STEP_COLUMNS = 16,
    STATE_COLUMNS = 12,
    TIME_COLUMNS = 12,
    INDENT = 4
};

static const char *const levels[] = {
    [TOTE_LEVEL_NONE] = "none", [TOTE_LEVEL_ERROR] = "error", [TOTE_LEVEL_WARN] = "warning",
    [TOTE_LEVEL_INFO] = "info", [TOTE_LEVEL_DEBUG] = "debug",
};
static const char *const states[] = {
    [CHECK_OK] = "ok", [CHECK_FAILED] = "FAILED", [CHECK_NOT_REACHED] = "not reached"};

bool check_is_delivered(const struct check_result *result) {
    return result->ended && result->exported == result->ended;
}

static void put(const struct terminal *terminal, const char *text) {
    while (*text) {
        text = terminal_put_code_point(terminal, text);
    }
}

/*
 * Write a text in lines of at most WIDTH columns, and end the line. The first line begins at
 * `column`, the others at `from`.
 */
static void put_wrapped(const struct terminal *terminal, const char *text, size_t column,
                        size_t from) {
    bool is_first = true;

    while (*text) {
        size_t length = strcspn(text, " ");
        char word[TERMINAL_LONGEST];
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        size_t columns = terminal_columns(word);
        if (!is_first && column + 1 + columns > WIDTH) {
            fputc('\n', terminal->out);
            terminal_put_spaces(terminal, from);
            column = from;
        } else if (!is_first) {
            fputc(' ', terminal->out);
            column++;
        }
        is_first = false;
        put(terminal, word);
        column += columns;
        text += length + strspn(text + length, " ");
    }
    fputc('\n', terminal->out);
}

static const char *clean(struct tote__arena *arena, const char *text) {
    return text ? terminal_clean(arena, text, strlen(text)) : "";
}

/* The length of the part of a key that is its group: up to its last dot. 0: a variable. */
static size_t group_of(const char *name) {
    const char *dot = strrchr(name, '.');

    return dot ? (size_t)(dot - name) : 0;
}

/* One line of name, value and origin; the origin has its own line if there are too many columns. */
static void print_setting(const struct terminal *terminal, struct tote__arena *arena,
                          const struct check_setting *setting) {
    const char *name = clean(arena, setting->name);
    const char *value = clean(arena, setting->value);
    size_t group = group_of(name);
    size_t value_at = group ? KEY_COLUMNS + INDENT : VARIABLE_COLUMNS + 2;
    const char *origin = clean(arena, setting->origin);
    bool is_same = strcmp(origin, name) == 0;
    size_t columns = terminal_columns(value);
    size_t end = value_at + (columns < VALUE_COLUMNS ? VALUE_COLUMNS : columns);

    terminal_put_spaces(terminal, group ? INDENT : 2);
    const char *leaf = name + group + (group ? 1 : 0);
    put(terminal, leaf);
    size_t name_end = (group ? INDENT : 2) + terminal_columns(leaf);
    terminal_put_spaces(terminal, name_end < value_at ? value_at - name_end : 1);
    put(terminal, value);
    if (end + 1 + terminal_columns(origin) > WIDTH && !is_same) {
        fputc('\n', terminal->out);
        terminal_put_spaces(terminal, value_at);
    } else {
        terminal_put_spaces(terminal, end + 1 - value_at - columns);
    }
    put(terminal, is_same ? "set" : origin);
    fputc('\n', terminal->out);
}

/* A group that is too long begins at a later key. */
static void print_group(const char *name, size_t length) {
    const char *from = name;

    while (length - (size_t)(from - name) > WIDTH - INDENT - 4) {
        from += strcspn(from, ".") + 1;
    }
    printf("  %s%.*s\n", from > name ? "... " : "", (int)(length - (size_t)(from - name)), from);
}

static void print_settings(const struct terminal *terminal, struct tote__arena *arena,
                           const struct check_result *result) {
    const char *group = "";
    size_t length = 0;

    printf("Configuration: %s\n\n",
           result->file ? clean(arena, result->file) : "environment variables");
    for (size_t i = 0; i < result->setting_count; i++) {
        const char *name = result->settings[i].name ? result->settings[i].name : "";
        size_t own = group_of(name);
        if (own && (own != length || strncmp(name, group, own) != 0)) {
            print_group(name, own);
            group = name;
            length = own;
        }
        print_setting(terminal, arena, &result->settings[i]);
    }
}

static void print_reports(const struct terminal *terminal, struct tote__arena *arena,
                          const struct check_result *result) {
    if (result->report_count) {
        puts("\nDiagnostics:\n");
    }
    for (size_t i = 0; i < result->report_count; i++) {
        const char *level = levels[result->reports[i].level];
        printf("  %s: ", level);
        put_wrapped(terminal, clean(arena, result->reports[i].text), strlen(level) + INDENT,
                    INDENT);
    }
}

static void print_step(const struct terminal *terminal, struct tote__arena *arena,
                       const struct check_step *step) {
    enum { TEXT_AT = INDENT + STEP_COLUMNS + STATE_COLUMNS + TIME_COLUMNS };

    terminal_put_spaces(terminal, INDENT);
    terminal_put_cell(terminal, step->name, STEP_COLUMNS);
    if (step->state == CHECK_NOT_REACHED) {
        puts(states[step->state]);
        return;
    }
    terminal_paint(terminal, step->state == CHECK_FAILED ? "31" : "32");
    terminal_put_cell(terminal, states[step->state], STATE_COLUMNS);
    terminal_paint(terminal, "0");
    printf("%7.1f ms", (double)step->us / 1000);
    if (step->state == CHECK_FAILED) {
        fputc('\n', terminal->out);
        terminal_put_spaces(terminal, INDENT + 2);
        put_wrapped(terminal, clean(arena, step->text), INDENT + 2, INDENT + 2);
        return;
    }
    if (step->text && *step->text) {
        fputs("  ", terminal->out);
    }
    put_wrapped(terminal, clean(arena, step->text), TEXT_AT, TEXT_AT);
}

static void print_receivers(const struct terminal *terminal, struct tote__arena *arena,
                            const struct check_result *result) {
    printf("\nOne span, trace id %s:\n", result->trace_id);
    for (size_t i = 0; i < result->receiver_count; i++) {
        const struct check_receiver *receiver = &result->receivers[i];
        fputs("\n  ", stdout);
        put(terminal, clean(arena, receiver->url));
        printf(", %s\n", receiver->protocol);
        for (size_t step = 0; step < receiver->step_count; step++) {
            print_step(terminal, arena, &receiver->steps[step]);
        }
    }
}

static void print_output(const struct terminal *terminal, struct tote__arena *arena,
                         const char *output) {
    puts("\nExporters wrote to standard output:\n");
    while (*output) {
        size_t length = strcspn(output, "\n");
        fputs("  ", stdout);
        put(terminal, terminal_clean(arena, output, length));
        fputc('\n', stdout);
        output += length + (output[length] == '\n');
    }
}

static const char *describe_result(const struct check_result *result) {
    return result->has_error      ? "the configuration cannot be used"
           : !result->is_started  ? "no SDK was started"
           : !result->trace_id[0] ? "the configuration can be used; no span was sent"
           : !result->is_sent ? "no span was sent: the SDK is disabled, or has no tracer provider"
           : !result->ended   ? "no span was sent: there is no exporter"
           : check_is_delivered(result) ? "the span was exported"
                                        : "the span was not exported";
}

void check_print_text(const struct check_result *result) {
    struct terminal terminal = terminal_of(stdout);
    struct tote__arena arena = {NULL, NULL, 0};

    print_settings(&terminal, &arena, result);
    print_reports(&terminal, &arena, result);
    if (result->is_sent) {
        print_receivers(&terminal, &arena, result);
    }
    if (result->output) {
        print_output(&terminal, &arena, result->output);
    }
    printf("\nResult: %s", describe_result(result));
    if (result->is_sent && result->ended > 1) {
        printf(" by %" PRIu64 " of %" PRIu64 " exporters", result->exported, result->ended);
    }
    puts(result->is_out_of_memory ? "; out of memory: a part is missing" : "");
    tote__arena_clear(&arena);
}

static void add_json_steps(json_t *list, const struct check_receiver *receiver) {
    for (size_t i = 0; i < receiver->step_count; i++) {
        const struct check_step *step = &receiver->steps[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:f, s:s?}", "name", step->name, "state",
                                              states[step->state], "ms", (double)step->us / 1000,
                                              "text", step->text));
    }
}

void check_print_json(const struct check_result *result) {
    json_t *root = json_pack("{s:[], s:[], s:[]}", "settings", "diagnostics", "receivers");

    for (size_t i = 0; i < result->setting_count; i++) {
        const struct check_setting *setting = &result->settings[i];
        json_array_append_new(json_object_get(root, "settings"),
                              json_pack("{s:s?, s:s?, s:s?}", "name", setting->name, "value",
                                        setting->value, "origin", setting->origin));
    }
    for (size_t i = 0; i < result->report_count; i++) {
        json_array_append_new(json_object_get(root, "diagnostics"),
                              json_pack("{s:s, s:s?}", "level", levels[result->reports[i].level],
                                        "text", result->reports[i].text));
    }
    for (size_t i = 0; i < result->receiver_count; i++) {
        const struct check_receiver *receiver = &result->receivers[i];
        json_t *steps = json_array();
        add_json_steps(steps, receiver);
        json_array_append_new(json_object_get(root, "receivers"),
                              json_pack("{s:s?, s:s, s:b, s:o}", "url", receiver->url, "protocol",
                                        receiver->protocol, "is_delivered", receiver->is_delivered,
                                        "steps", steps));
    }
    json_object_set_new(root, "trace_id", json_string(result->trace_id));
    json_object_set_new(root, "output", json_string(result->output ? result->output : ""));
    json_object_set_new(root, "result", json_string(describe_result(result)));
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    puts(text ? text : "{}");
    free(text);
    json_decref(root);
}
