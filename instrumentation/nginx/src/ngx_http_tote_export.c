/* SPDX-License-Identifier: MIT */
/*
 * ngx_http_tote_export.c - the SDK of a worker, which the event loop of nginx drives
 *
 * The descriptor of the SDK is a connection of nginx. Its read event has the timer, too: the SDK
 * says when it has work. Neither keeps a worker from exiting.
 *
 * Tests: tests/hosts/nginx/test_nginx.py
 */
#include "ngx_http_tote.h"

enum { CLOSE_MS = 5000, FAST_CLOSE_MS = 500, PREPARE_MS = 5000 };

/* Of this process. */
static struct {
    tote_sdk *sdk;
    tote_tracer *tracer;
    ngx_connection_t *connection; /* NULL: there is nothing to wait for */
    bool reads_w3c_only;          /* then requests without these headers are not read */
    bool is_preparing;            /* what fails now is reported when it is needed */
} worker;

static ngx_uint_t log_level(tote_level level) {
    switch (level) {
    case TOTE_LEVEL_ERROR:
        return NGX_LOG_ERR;
    case TOTE_LEVEL_WARN:
        return NGX_LOG_WARN;
    case TOTE_LEVEL_INFO:
        return NGX_LOG_INFO;
    case TOTE_LEVEL_NONE:
    case TOTE_LEVEL_DEBUG:
    default:
        return NGX_LOG_DEBUG;
    }
}

/* Write a diagnostic of Tote to the error log: the current one, which a reload may replace. */
static void write_log(tote_level level, const char *component, const char *message, void *data) {
    (void)data;
    if (!worker.is_preparing) {
        ngx_log_error(log_level(level), ngx_cycle->log, 0, "tote: %s: %s", component, message);
    }
}

/* Let the timer expire when the SDK has work. */
static void set_timer(void) {
    ngx_event_t *event = worker.connection->read;
    int ms = tote_sdk_get_poll_timeout_ms(worker.sdk);

    if (event->timer_set) {
        ngx_del_timer(event);
    }
    if (ms >= 0) {
        ngx_add_timer(event, (ngx_msec_t)ms);
    }
}

static void poll_sdk(ngx_event_t *event) {
    event->timedout = 0;
    tote_sdk_poll(worker.sdk);
    set_timer();
}

void ngx_http_tote_span_ended(void) {
    if (worker.connection && !worker.connection->read->timer_set) {
        set_timer();
    }
}

/* Watch the descriptor of the SDK. It has none if its exporter needs no loop. */
static ngx_int_t watch(ngx_cycle_t *cycle) {
    int descriptor = tote_sdk_get_poll_fd(worker.sdk);

    if (descriptor < 0) {
        return NGX_OK;
    }
    ngx_connection_t *connection = ngx_get_connection(descriptor, cycle->log);
    if (!connection) {
        return NGX_ERROR;
    }
    connection->log = cycle->log;
    connection->read->log = cycle->log;
    connection->read->handler = poll_sdk;
    connection->read->cancelable = 1;
    if (ngx_add_event(connection->read, NGX_READ_EVENT, 0) != NGX_OK) {
        ngx_free_connection(connection);
        return NGX_ERROR;
    }
    worker.connection = connection;
    set_timer(); /* a disk queue may have spans of earlier workers */
    return NGX_OK;
}

static const char *text_of(const ngx_str_t *text) {
    return text->len ? (const char *)text->data : NULL;
}

static tote_otlp_options exporter_options(const ngx_http_tote_main_conf_t *conf) {
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;

    options.endpoint = text_of(&conf->endpoint);
    options.protocol = conf->protocol;
    options.compression = conf->compression;
    options.ca_file = text_of(&conf->ca_file);
    options.client_certificate_file = text_of(&conf->certificate);
    options.client_key_file = text_of(&conf->certificate_key);
    options.headers = conf->headers.elts;
    options.header_count = conf->headers.nelts;
    return options;
}

/*
 * Create the exporter of the directives. Returns NULL without an error if there is none: then the
 * environment and the configuration file decide.
 */
static ngx_int_t make_exporter(const ngx_http_tote_main_conf_t *conf,
                               tote_span_exporter **exporter) {
    tote_otlp_options options = exporter_options(conf);
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;

    *exporter = NULL;
    if (!conf->endpoint.len && !conf->headers.nelts && !conf->disk_queue) {
        return NGX_OK;
    }
    if (conf->disk_queue) {
        delivery.disk_queue_directory = (const char *)conf->disk_queue->name.data;
        delivery.disk_queue_max_bytes = conf->disk_queue_max_bytes;
        delivery.crash_safe = conf->crash_safe;
    }
    options.delivery = &delivery;
    *exporter = tote_span_exporter_otlp_new(&options);
    return *exporter ? NGX_OK : NGX_ERROR;
}

ngx_int_t ngx_http_tote_start(ngx_cycle_t *cycle) {
    const ngx_http_tote_main_conf_t *conf =
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_tote_module);
    tote_tracer_options tracer = TOTE_TRACER_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_span_exporter *exporter;

    if (!conf || !conf->is_used ||
        (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)) {
        return NGX_OK;
    }
    tote_diagnostics_set_handler(write_log, TOTE_LEVEL_INFO, NULL);
    if (make_exporter(conf, &exporter) != NGX_OK) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0, "tote: requests have no spans");
        return NGX_OK;
    }
    options.service_name = text_of(&conf->service_name);
    options.default_service_name = "nginx";
    options.resource_attributes = conf->resource_attributes.elts;
    options.resource_attribute_count = conf->resource_attributes.nelts;
    options.config_file = text_of(&conf->config_file);
    options.exporters = &exporter;
    options.exporter_count = exporter ? 1 : 0;
    options.batch = &conf->batch;
    worker.sdk = tote_sdk_start(&options);
    if (!worker.sdk || watch(cycle) != NGX_OK) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0, "tote: requests have no spans");
        tote_sdk_close(&worker.sdk, 0);
        return NGX_OK;
    }
    worker.is_preparing = true;
    tote_sdk_prepare(worker.sdk, PREPARE_MS); /* a later lookup would create a thread */
    worker.is_preparing = false;
    worker.reads_w3c_only = ngx_http_tote_reads_w3c_only();
    tracer.version = tote_version();
    tracer.schema_url = TOTE__SCHEMA_URL;
    worker.tracer =
        tote_tracer_provider_get_tracer(TOTE_TRACER_PROVIDER_GLOBAL, "tote-nginx", &tracer);
    return NGX_OK;
}

void ngx_http_tote_stop(ngx_cycle_t *cycle) {
    (void)cycle;
    if (worker.connection) {
        if (worker.connection->read->timer_set) {
            ngx_del_timer(worker.connection->read);
        }
        ngx_free_connection(worker.connection);
        worker.connection->fd = (ngx_socket_t)-1; /* the SDK closes it */
        worker.connection = NULL;
    }
    worker.tracer = NULL;
    tote_sdk_close(&worker.sdk, ngx_terminate ? FAST_CLOSE_MS : CLOSE_MS);
}

tote_tracer *ngx_http_tote_tracer(void) {
    return worker.tracer;
}

bool ngx_http_tote_may_continue(const ngx_http_request_t *r) {
    return !worker.reads_w3c_only || ngx_http_tote_has_w3c(r);
}

/* A directive that is being checked. */
struct checked {
    ngx_conf_t *cf;
    bool is_reported;
};

/* Report an error, with the directive instead of the name of its option in C. */
static void report(tote_level level, const char *component, const char *message, void *data) {
    static const char options[] = "tote_otlp_options.";
    struct checked *checked = data;
    const ngx_str_t *words = checked->cf->args->elts;
    bool has_option = ngx_strncmp(message, options, sizeof options - 1) == 0;
    const char *fault = has_option ? strchr(message, ' ') : NULL;

    (void)level;
    if (fault) {
        ngx_conf_log_error(NGX_LOG_EMERG, checked->cf, 0, "\"%V %V\"%s", &words[0], &words[1],
                           fault);
    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, checked->cf, 0, "tote: %s: %s", component, message);
    }
    checked->is_reported = true;
}

static void begin_check(struct checked *checked) {
    tote_diagnostics_set_handler(report, TOTE_LEVEL_WARN, checked);
}

static char *end_check(const struct checked *checked, bool is_made) {
    const ngx_str_t *words = checked->cf->args->elts;

    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    if (is_made && !checked->is_reported) {
        return NGX_CONF_OK;
    }
    if (!checked->is_reported) {
        ngx_conf_log_error(NGX_LOG_EMERG, checked->cf, 0, "\"%V %V\" cannot be used", &words[0],
                           &words[1]);
    }
    return NGX_CONF_ERROR;
}

char *ngx_http_tote_check_exporter(ngx_conf_t *cf, const ngx_http_tote_main_conf_t *conf) {
    tote_otlp_options options = exporter_options(conf);
    struct checked checked = {cf, false};

    options.ignore_environment = true; /* the workers have another one */
    begin_check(&checked);
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&options);
    bool is_made = exporter != NULL;
    tote_span_exporter_free(exporter);
    return end_check(&checked, is_made);
}

char *ngx_http_tote_check_file(ngx_conf_t *cf, const ngx_http_tote_main_conf_t *conf) {
    struct checked checked = {cf, false};

    begin_check(&checked);
    tote_configuration *configuration =
        tote_configuration_parse_file((char *)conf->config_file.data, NULL);
    bool is_made = configuration != NULL;
    tote_configuration_unref(configuration);
    return end_check(&checked, is_made);
}
