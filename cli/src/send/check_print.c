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
    VALUE_AT = 42, /* the column of values */
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

static void begin_line(const struct terminal *terminal, size_t columns) {
    fputc('\n', terminal->out);
    terminal_put_spaces(terminal, columns);
}

/* Write a word, in several lines if it is too long for one. Returns the column after it. */
static size_t put_word(const struct terminal *terminal, const char *word, size_t column,
                       size_t from) {
    while (*word) {
        size_t columns = terminal_next_columns(word);
        if (column + columns > WIDTH) {
            begin_line(terminal, from);
            column = from;
        }
        word = terminal_put_code_point(terminal, word);
        column += columns;
    }
    return column;
}

/*
 * Write a text in lines of at most WIDTH columns. The first line begins at `column`, the others at
 * `from`. Returns the column after the text.
 */
static size_t put_text(const struct terminal *terminal, const char *text, size_t column,
                       size_t from) {
    bool is_first = true;

    while (*text) {
        size_t length = strcspn(text, " ");
        char word[TERMINAL_LONGEST];
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        if (!is_first && column + 1 + terminal_columns(word) > WIDTH) {
            begin_line(terminal, from);
            column = from;
        } else if (!is_first) {
            fputc(' ', terminal->out);
            column++;
        }
        is_first = false;
        column = put_word(terminal, word, column, from);
        text += length + strspn(text + length, " ");
    }
    return column;
}

static void put_wrapped(const struct terminal *terminal, const char *text, size_t column,
                        size_t from) {
    put_text(terminal, text, column, from);
    fputc('\n', terminal->out);
}

static const char *clean(struct tote__arena *arena, const char *text) {
    return text ? terminal_clean(arena, text, strlen(text)) : "";
}

/* A key of a file, with those below it; a variable is at the top. */
struct key {
    const char *name;
    size_t length;
    const struct check_setting *setting; /* NULL: only a mapping or sequence */
    struct key *first;
    struct key *last;
    struct key *next;
};

/* Return the key below the parent. NULL if out of memory. */
static struct key *find_key(struct tote__arena *arena, struct key *parent, const char *name,
                            size_t length) {
    struct key *key = parent->first;

    while (key && (key->length != length || memcmp(key->name, name, length) != 0)) {
        key = key->next;
    }
    if (!key && (key = tote__arena_allocate(arena, sizeof *key))) {
        *key = (struct key){.name = name, .length = length};
        *(parent->last ? &parent->last->next : &parent->first) = key;
        parent->last = key;
    }
    return key;
}

static void add_setting(struct tote__arena *arena, struct key *root,
                        const struct check_setting *setting) {
    struct key *key = root;

    for (const char *name = setting->name; key && name;) {
        size_t length = strcspn(name, ".");
        key = find_key(arena, key, name, length);
        name = name[length] ? name + length + 1 : NULL;
    }
    if (key) {
        key->setting = setting;
    }
}

/* Print a name, a value and, at the right, its origin. A value that is too long has its own line.
 */
static void print_value(const struct terminal *terminal, struct tote__arena *arena, size_t column,
                        const struct check_setting *setting) {
    const char *value = clean(arena, setting->value);
    const char *origin = clean(arena, setting->origin);
    size_t indent = INDENT;

    if (column + 1 > VALUE_AT || VALUE_AT + terminal_columns(value) > WIDTH) {
        begin_line(terminal, indent);
        column = indent;
    }
    if (VALUE_AT + terminal_columns(value) <= WIDTH) {
        terminal_put_spaces(terminal, VALUE_AT - column);
        column = VALUE_AT;
    }
    column = put_text(terminal, value, column, indent);
    size_t columns = terminal_columns(origin);
    if (columns && column + 2 + columns > WIDTH) {
        begin_line(terminal, 0);
        column = 0;
    }
    if (columns) {
        terminal_put_spaces(terminal, columns < WIDTH - column ? WIDTH - column - columns : 1);
        put(terminal, origin);
    }
}

static void print_keys(const struct terminal *terminal, struct tote__arena *arena,
                       const struct key *parent, size_t indent) {
    for (const struct key *key = parent->first; key; key = key->next) {
        const char *name = terminal_clean(arena, key->name, key->length);
        terminal_put_spaces(terminal, indent);
        put(terminal, name);
        if (key->setting) {
            print_value(terminal, arena, indent + terminal_columns(name), key->setting);
        }
        fputc('\n', terminal->out);
        print_keys(terminal, arena, key, indent + 2);
    }
}

/* The defaults of Tote's own options are many. */
static bool is_shown(const struct check_result *result, const struct check_setting *setting) {
    static const char own[] = "distribution.tote.";

    return setting->part == TOTE__SHOWN_SETTING && setting->name &&
           (setting->line || result->shows_all || strncmp(setting->name, own, sizeof own - 1) != 0);
}

/* Print the settings of a part that has no tree. */
static void print_part(const struct terminal *terminal, struct tote__arena *arena,
                       const struct check_result *result, enum tote__shown_part part,
                       const char *title) {
    for (size_t i = 0; i < result->setting_count; i++) {
        const struct check_setting *setting = &result->settings[i];
        if (setting->part != part) {
            continue;
        }
        if (title) {
            printf("\n%s:\n\n", title);
            title = NULL;
        }
        const char *name = clean(arena, setting->name);
        fputs("  ", stdout);
        put(terminal, name);
        print_value(terminal, arena, 2 + terminal_columns(name), setting);
        fputc('\n', stdout);
    }
}

static void print_settings(const struct terminal *terminal, struct tote__arena *arena,
                           const struct check_result *result) {
    struct key root = {.name = ""};

    printf("Configuration: %s\n",
           result->file ? clean(arena, result->file) : "environment variables");
    for (size_t i = 0; i < result->setting_count; i++) {
        if (is_shown(result, &result->settings[i])) {
            add_setting(arena, &root, &result->settings[i]);
        }
    }
    if (root.first) {
        fputc('\n', stdout);
    }
    print_keys(terminal, arena, &root, 2);
    print_part(terminal, arena, result, TOTE__SHOWN_VARIABLE, "Variables that the file reads");
    if (result->ignored) {
        puts("\nVariables that are ignored, because a file is used:\n");
        fputs("  ", stdout);
        put_wrapped(terminal, clean(arena, result->ignored), 2, 2);
    }
    print_part(terminal, arena, result, TOTE__SHOWN_RESOURCE, "Resource of this process");
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
        size_t column = put_text(terminal, clean(arena, receiver->url), 2, INDENT);
        char protocol[64];
        snprintf(protocol, sizeof protocol, ", %s", receiver->protocol);
        bool is_long = column + terminal_columns(protocol) > WIDTH;
        if (is_long) {
            begin_line(terminal, INDENT);
        }
        put_wrapped(terminal, protocol + (is_long ? 2 : 0), is_long ? INDENT : column, INDENT);
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
    bool is_delivered = check_is_delivered(result);

    if (result->has_error) {
        return !result->receiver_count ? "the configuration cannot be used"
               : is_delivered          ? "the configuration has an error; the span was exported"
                              : "the configuration has an error; the span was not exported";
    }
    return !result->is_started    ? "no SDK was started"
           : !result->trace_id[0] ? "the configuration can be used; no span was sent"
           : !result->is_sent     ? result->is_disabled
                                        ? "no span was sent: the SDK is disabled"
                                        : "no span was sent: the file has no tracer_provider"
           : !result->ended       ? "no span was sent: there is no exporter"
           : is_delivered         ? "the span was exported"
                                  : "the span was not exported";
}

void check_print_text(const struct check_result *result) {
    struct terminal terminal = terminal_of(stdout);
    struct tote__arena arena = {NULL, NULL, 0};

    print_settings(&terminal, &arena, result);
    print_reports(&terminal, &arena, result);
    if (result->is_sent && (result->receiver_count || !result->has_error)) {
        print_receivers(&terminal, &arena, result);
    }
    if (result->output) {
        print_output(&terminal, &arena, result->output);
    }
    printf("\nResult: %s", describe_result(result));
    if (result->is_sent && result->ended > 1 && !result->has_error) {
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

static json_t *value_in_json(const struct check_setting *setting) {
    const char *value = setting->value ? setting->value : "";
    json_t *number = NULL;

    if (setting->kind == TOTE__SETTING_BOOLEAN) {
        return json_boolean(strcmp(value, "true") == 0);
    }
    if (setting->kind == TOTE__SETTING_NUMBER || setting->kind == TOTE__SETTING_SIZE ||
        setting->kind == TOTE__SETTING_RATIO) {
        number = json_loads(value, JSON_DECODE_ANY, NULL); /* "no limit" is a text */
    }
    return number ? number : json_string(value);
}

void check_print_json(const struct check_result *result) {
    static const char *const parts[] = {
        [TOTE__SHOWN_SETTING] = "settings",
        [TOTE__SHOWN_RESOURCE] = "resource",
        [TOTE__SHOWN_VARIABLE] = "variables",
    };
    json_t *root = json_pack("{s:[], s:[], s:[], s:[], s:[]}", parts[0], parts[1], parts[2],
                             "diagnostics", "receivers");

    for (size_t i = 0; i < result->setting_count; i++) {
        const struct check_setting *setting = &result->settings[i];
        json_array_append_new(json_object_get(root, parts[setting->part]),
                              json_pack("{s:s?, s:o, s:s?}", "name", setting->name, "value",
                                        value_in_json(setting), "origin", setting->origin));
    }
    json_object_set_new(root, "ignored_variables",
                        json_string(result->ignored ? result->ignored : ""));
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
