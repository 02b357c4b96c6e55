/* SPDX-License-Identifier: MIT */
/*
 * check.c - tote check: starts an SDK as a program would, and sends one span
 *
 * The SDK and the exporters are those of programs, so what works here works there. Differences:
 * every span is sampled, there is no disk queue, and standard output is kept until the end.
 *
 * Tests: tests/cli/test_check.sh
 */
#include "check.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "otlp/attempt.h"
#include "settings.h"
#include "tote/instrumentation/xray.h"
#include "tote/internal/api_os.h"
#include "tote/tote.h"

/* Written by callbacks on any thread, under the lock. */
static struct check_result checked;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned timeout_ms;

static char *keep(const char *text) {
    char *kept = strdup(text);

    checked.is_out_of_memory |= !kept;
    return kept;
}

static char *format(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *format(const char *format, ...) {
    char text[1200];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return keep(text);
}

/* Return a new element at the end of an array. Returns NULL if out of memory. */
static void *append(void *array, size_t *count, size_t size) {
    void **items = array;
    void *grown = realloc(*items, (*count + 1) * size);

    if (!grown) {
        checked.is_out_of_memory = true;
        return NULL;
    }
    *items = grown;
    return memset((char *)grown + (*count)++ * size, 0, size);
}

/* Return the setting of this name that is kept already, or NULL. */
static struct check_setting *find_setting(enum tote__shown_part part, const char *name) {
    for (size_t i = 0; i < checked.setting_count; i++) {
        struct check_setting *setting = &checked.settings[i];
        if (setting->part == part && setting->name && strcmp(setting->name, name) == 0) {
            return setting;
        }
    }
    return NULL;
}

static void replace_value(struct check_setting *setting, const char *value) {
    free(setting->value);
    setting->value = keep(value);
}

static void keep_setting(void *self, const struct tote__shown *shown) {
    (void)self;
    pthread_mutex_lock(&lock);
    struct check_setting *setting = find_setting(shown->part, shown->name);
    if (setting) {
        replace_value(setting, shown->value);
    } else if ((setting = append(&checked.settings, &checked.setting_count, sizeof *setting))) {
        *setting = (struct check_setting){
            .part = shown->part,
            .name = keep(shown->name),
            .value = keep(shown->value),
            .origin = keep(shown->origin ? shown->origin : ""),
            .line = shown->line,
            .kind = shown->kind,
        };
    }
    pthread_mutex_unlock(&lock);
}

static void show_concurrency(const struct tote__otlp_settings *settings) {
    static const char *const names[] = {"distribution.tote.max_concurrent_requests",
                                        "OTEL_C_EXPORTER_OTLP_MAX_CONCURRENT_REQUESTS"};
    char value[24];

    snprintf(value, sizeof value, "%u", settings->delivery.max_concurrent_requests);
    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        struct check_setting *setting = find_setting(TOTE__SHOWN_SETTING, names[i]);
        if (setting) {
            replace_value(setting, value);
        }
    }
}

/* Defaults follow what is set; of equal lines the order is kept. */
static int compare_settings(const void *one, const void *other) {
    const struct check_setting *a = one;
    const struct check_setting *b = other;
    uint32_t a_line = a->line ? a->line : UINT32_MAX;
    uint32_t b_line = b->line ? b->line : UINT32_MAX;

    return a_line != b_line ? (a_line < b_line ? -1 : 1)
                            : (a->position > b->position) - (a->position < b->position);
}

static void sort_settings(void) {
    for (size_t i = 0; i < checked.setting_count; i++) {
        checked.settings[i].position = i;
    }
    if (checked.setting_count) {
        qsort(checked.settings, checked.setting_count, sizeof *checked.settings, compare_settings);
    }
}

/* With a file, only references and the detector `service` read variables. */
static void find_ignored(void) {
    char names[1024] = "";
    size_t used = 0;

    for (char *const *at = tote__environment(); checked.file && at && *at && used < sizeof names;
         at++) {
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*at, "="), *at);
        if (strncmp(name, "OTEL_", 5) == 0 && strcmp(name, "OTEL_CONFIG_FILE") != 0 &&
            !find_setting(TOTE__SHOWN_VARIABLE, name)) {
            used +=
                (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", name);
        }
    }
    checked.ignored = used ? keep(names) : NULL;
}

static bool is_true(const char *name) {
    const struct check_setting *setting = find_setting(TOTE__SHOWN_SETTING, name);

    return setting && setting->value && strcmp(setting->value, "true") == 0;
}

static void keep_report(tote_level level, const char *component, const char *message, void *self) {
    (void)self;
    pthread_mutex_lock(&lock);
    struct check_report *report =
        checked.is_sent ? NULL /* the steps show it */
                        : append(&checked.reports, &checked.report_count, sizeof *report);
    if (report) {
        *report = (struct check_report){level, format("%s: %s", component, message)};
    }
    pthread_mutex_unlock(&lock);
}

static const char *protocol_of(const struct tote__otlp_settings *settings) {
    return settings->protocol == TOTE_OTLP_PROTOCOL_GRPC        ? "OTLP/gRPC"
           : settings->protocol == TOTE_OTLP_PROTOCOL_HTTP_JSON ? "OTLP/HTTP in JSON"
                                                                : "OTLP/HTTP in protobuf";
}

/* Steps are added in their order. A step after one that failed is not reached. */
static void add_step(struct check_receiver *receiver, const char *name, bool is_good, uint64_t us,
                     char *text) {
    const struct check_step *last =
        receiver->step_count ? &receiver->steps[receiver->step_count - 1] : NULL;
    enum check_state state = last && last->state != CHECK_OK ? CHECK_NOT_REACHED
                             : is_good                       ? CHECK_OK
                                                             : CHECK_FAILED;

    receiver->steps[receiver->step_count++] = (struct check_step){name, state, us, text};
}

/* Return whether the reason is the HTTP status. */
static bool has_http_status(const struct tote__export_result *result) {
    return *result->digits && strcmp(result->reason, result->digits) == 0;
}

/* What failed, and the cure. */
static char *describe_failure(const struct tote__otlp_settings *settings,
                              const struct tote__response *response,
                              const struct tote__export_result *result) {
    const char *message = result->export_response.message;
    const char *detail = result->detail ? result->detail : "";

    if (response->outcome == TOTE__TIMED_OUT && settings->delivery.timeout_ms == timeout_ms) {
        return format("no response within %u ms; check the receiver and the network", timeout_ms);
    }
    return format("%s%s%s%s%s%s%s%s", has_http_status(result) ? "HTTP " : "", result->reason,
                  *detail ? " (" : "", detail, *detail ? ")" : "", message && *message ? ": " : "",
                  message ? message : "", result->advice ? result->advice : "");
}

static char *describe_response(const struct tote__otlp_settings *settings,
                               const struct tote__response *response,
                               const struct tote__export_result *result) {
    const struct tote__export_response *body = &result->export_response;
    char status[64];

    if (settings->protocol == TOTE_OTLP_PROTOCOL_GRPC && *response->grpc_status) {
        snprintf(status, sizeof status, "HTTP %ld, gRPC status %s", response->status,
                 response->grpc_status);
    } else if (response->status) {
        snprintf(status, sizeof status, "HTTP %ld", response->status);
    } else {
        return describe_failure(settings, response, result);
    }
    if (result->kind != TOTE__SUCCESS && has_http_status(result)) {
        return describe_failure(settings, response, result);
    }
    if (result->kind != TOTE__SUCCESS) {
        char *failure = describe_failure(settings, response, result);
        char *text = format("%s: %s", status, failure ? failure : "");
        free(failure);
        return text;
    }
    if (body->rejected) {
        return format("%s, partial success: %llu span rejected: %s", status,
                      (unsigned long long)body->rejected,
                      *body->message ? body->message : "no reason given");
    }
    return format("%s%s%s%s", status, result->is_readable ? "" : ", unreadable body",
                  *body->message ? ", message: " : "", body->message);
}

static uint64_t between(uint64_t from, uint64_t to) {
    return to > from ? to - from : 0;
}

/* Derive the steps from the times of libcurl, which count from the beginning of the transfer. */
static void add_steps(struct check_receiver *receiver, const struct tote__otlp_settings *settings,
                      const struct tote__response *response,
                      const struct tote__export_result *result) {
    const struct tote__course *course = &response->course;
    bool has_proxy = settings->proxy && *settings->proxy;
    bool is_connected =
        course->connected_us || response->status || response->outcome == TOTE__TLS_FAILED;
    bool is_found = is_connected || course->curl_code == CURLE_COULDNT_CONNECT ||
                    (course->looked_up_us && course->curl_code != CURLE_COULDNT_RESOLVE_HOST &&
                     course->curl_code != CURLE_COULDNT_RESOLVE_PROXY);
    uint64_t last = 0;

    if (!settings->unix_path) {
        add_step(receiver, has_proxy ? "proxy look-up" : "name look-up", is_found,
                 is_found ? course->looked_up_us : course->ended_us,
                 is_found ? keep(course->address) : describe_failure(settings, response, result));
        last = course->looked_up_us;
    }
    add_step(receiver, has_proxy ? "connect (proxy)" : "connect", is_connected,
             between(last, is_connected ? course->connected_us : course->ended_us),
             is_connected ? keep(settings->unix_path ? settings->unix_path : "")
                          : describe_failure(settings, response, result));
    last = course->connected_us ? course->connected_us : last;
    if (settings->is_tls) {
        bool is_secure = course->secured_us || response->status;
        add_step(receiver, "TLS", is_secure,
                 between(last, is_secure ? course->secured_us : course->ended_us),
                 is_secure ? keep("") : describe_failure(settings, response, result));
        last = course->secured_us ? course->secured_us : last;
    }
    receiver->is_delivered = result->kind == TOTE__SUCCESS && !result->export_response.rejected;
    add_step(receiver, "response", receiver->is_delivered,
             between(last, course->responded_us ? course->responded_us : course->ended_us),
             describe_response(settings, response, result));
}

static void keep_attempt(const struct tote__otlp_settings *settings,
                         const struct tote__response *response,
                         const struct tote__export_result *result) {
    bool is_known = false;

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < checked.receiver_count; i++) {
        is_known |= checked.receivers[i].exporter == settings;
    }
    if (!is_known && checked.receiver_count < CHECK_MOST_RECEIVERS) {
        struct check_receiver *receiver = &checked.receivers[checked.receiver_count++];
        *receiver = (struct check_receiver){
            .exporter = settings,
            .url = keep(settings->shown_url),
            .protocol = protocol_of(settings),
        };
        add_steps(receiver, settings, response, result);
        show_concurrency(settings);
    }
    pthread_mutex_unlock(&lock);
}

/* Return whether each exporter has exported the span, or failed to at its first attempt. */
static bool is_settled(const tote_sdk *sdk) {
    tote_stats stats = TOTE_STATS_INIT;
    uint64_t failed = 0;

    tote_sdk_get_stats(sdk, &stats);
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < checked.receiver_count; i++) {
        failed += !checked.receivers[i].is_delivered;
    }
    checked.ended = stats.ended;
    checked.exported = stats.exported;
    pthread_mutex_unlock(&lock);
    return stats.ended <= stats.exported + failed || !(stats.queued + stats.in_flight);
}

static void send_canary(tote_sdk *sdk) {
    enum { GRACE_MS = 500 }; /* an exporter reports its timeout a little later */
    static const struct timespec pause = {0, 2000000};
    tote_span *span =
        tote_tracer_start_span(tote_get_tracer("tote check", tote_version()), "tote check", NULL);

    checked.is_sent = tote_span_is_recording(span);
    tote_trace_id_to_hex(tote_span_context_get_trace_id(tote_span_get_context(span)),
                         checked.trace_id);
    tote_span_close(&span);
    tote_sdk_force_flush(sdk, 0);
    for (uint64_t waited = 0; waited < timeout_ms + GRACE_MS && !is_settled(sdk); waited += 2) {
        nanosleep(&pause, NULL);
    }
    is_settled(sdk);
}

/*
 * What exporters write to standard output, for example the console exporter, is kept: it is part of
 * the result. `kept` is NULL, and the output is left out, if there is no temporary file.
 */
struct output {
    FILE *kept;
    int original; /* -1: not redirected */
};

static struct output redirect_output(void) {
    struct output output = {tmpfile(), dup(STDOUT_FILENO)};

    fflush(stdout);
    if (output.original >= 0) {
        dup2(output.kept ? fileno(output.kept) : STDERR_FILENO, STDOUT_FILENO);
    }
    return output;
}

static void restore_output(struct output *output) {
    fflush(stdout);
    if (output->original >= 0) {
        dup2(output->original, STDOUT_FILENO);
        close(output->original);
    }
    if (output->kept) {
        checked.output = calloc(1, CHECK_MOST_OUTPUT + 1);
        rewind(output->kept);
        if (!checked.output || !fread(checked.output, 1, CHECK_MOST_OUTPUT, output->kept)) {
            free(checked.output);
            checked.output = NULL;
        }
        fclose(output->kept);
    }
}

/*
 * Remove variables that a program applies at its start, and this program must not. A file replaces
 * them, and may refer to them.
 */
static void change_environment(void) {
    static const char *const names[] = {"OTEL_LOG_LEVEL", "OTEL_C_DISK_QUEUE_DIRECTORY",
                                        "OTEL_C_CRASH_SAFE"};

    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        unsetenv(names[i]);
    }
}

static void free_result(void) {
    for (size_t i = 0; i < checked.setting_count; i++) {
        free(checked.settings[i].name);
        free(checked.settings[i].value);
        free(checked.settings[i].origin);
    }
    for (size_t i = 0; i < checked.report_count; i++) {
        free(checked.reports[i].text);
    }
    for (size_t i = 0; i < checked.receiver_count; i++) {
        free(checked.receivers[i].url);
        for (size_t step = 0; step < CHECK_STEPS; step++) {
            free(checked.receivers[i].steps[step].text);
        }
    }
    free(checked.settings);
    free(checked.reports);
    free(checked.output);
    free(checked.ignored);
}

int check_run(const struct check_options *options) {
    static const struct tote__check check = {keep_setting, NULL};
    tote_sdk_options sdk_options = TOTE_SDK_OPTIONS_INIT;

    timeout_ms = options->timeout_ms;
    tote_diagnostics_set_handler(keep_report, TOTE_LEVEL_INFO, NULL);
    checked.file = options->file ? options->file : getenv("OTEL_CONFIG_FILE");
    if (checked.file && !checked.file[strspn(checked.file, " \t\r\n")]) {
        checked.file = NULL;
    }
    if (!checked.file) {
        tote__settings_describe_environment(keep_setting, NULL);
    }
    checked.shows_all = options->shows_all;
    sdk_options.config_file = checked.file;
    tote__check = &check;
    tote__observe_attempts(keep_attempt, timeout_ms);
    tote_propagator_xray_register();
    struct output output = redirect_output();
    if (!checked.file) {
        change_environment();
    }
    tote_sdk *sdk = tote_sdk_start(&sdk_options);
    checked.is_started = sdk;
    find_ignored();
    for (size_t i = 0; i < checked.report_count; i++) {
        checked.has_error |= checked.reports[i].level == TOTE_LEVEL_ERROR;
    }
    if (sdk && options->sends) {
        send_canary(sdk);
    }
    tote_sdk_shutdown(sdk, 0);
    tote_sdk_close(&sdk, 0);
    tote__observe_attempts(NULL, 0);
    restore_output(&output);
    checked.is_disabled = is_true(checked.file ? "disabled" : "OTEL_SDK_DISABLED");
    sort_settings();
    (options->is_json ? check_print_json : check_print_text)(&checked);
    int code = checked.has_error                                  ? EXIT_NOT_CONFIGURED
               : checked.is_sent && !check_is_delivered(&checked) ? EXIT_NOT_DELIVERED
                                                                  : EXIT_SUCCESS;
    free_result();
    return code;
}
