/* SPDX-License-Identifier: MIT */
/*
 * ngx_http_tote_module.c - the directives of the nginx module: docs/nginx.md
 *
 * Tests: tests/hosts/nginx/test_nginx.py
 */
#include "ngx_http_tote.h"

static void *create_main_conf(ngx_conf_t *cf) {
    static const tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    ngx_http_tote_main_conf_t *conf = ngx_pcalloc(cf->pool, sizeof *conf);

    if (!conf || ngx_array_init(&conf->headers, cf->pool, 4, sizeof(tote_attribute)) != NGX_OK ||
        ngx_array_init(&conf->resource_attributes, cf->pool, 4, sizeof(tote_attribute)) != NGX_OK) {
        return NULL;
    }
    conf->batch = batch;
    conf->batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    return conf;
}

static void *create_loc_conf(ngx_conf_t *cf) {
    ngx_http_tote_loc_conf_t *conf = ngx_pcalloc(cf->pool, sizeof *conf);

    if (conf) {
        conf->is_on = NGX_CONF_UNSET;
        conf->trust = NGX_CONF_UNSET_UINT;
        conf->share = NGX_CONF_UNSET_UINT;
    }
    return conf;
}

static char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) {
    const ngx_http_tote_loc_conf_t *previous = parent;
    ngx_http_tote_loc_conf_t *conf = child;

    (void)cf;
    ngx_conf_merge_value(conf->is_on, previous->is_on, 0);
    ngx_conf_merge_uint_value(conf->trust, previous->trust, NGX_HTTP_TOTE_CONTINUE);
    if (!conf->sample && conf->share == NGX_CONF_UNSET_UINT) {
        conf->sample = previous->sample;
        conf->share = previous->share;
    }
    ngx_conf_init_uint_value(conf->share, NGX_HTTP_TOTE_ALL);
    conf->span_name = conf->span_name ? conf->span_name : previous->span_name;
    conf->attributes = conf->attributes ? conf->attributes : previous->attributes;
    return NGX_CONF_OK;
}

static ngx_http_tote_main_conf_t *main_conf_of(ngx_conf_t *cf) {
    return ngx_http_conf_get_module_main_conf(cf, ngx_http_tote_module);
}

static char *set_on(ngx_conf_t *cf, ngx_command_t *command, void *conf) {
    char *result = ngx_conf_set_flag_slot(cf, command, conf);

    if (result == NGX_CONF_OK && ((ngx_http_tote_loc_conf_t *)conf)->is_on) {
        main_conf_of(cf)->is_used = 1;
    }
    return result;
}

static char *refuse(ngx_conf_t *cf, const ngx_str_t *parameter) {
    const ngx_str_t *words = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\" of \"%V\"", parameter,
                       &words[0]);
    return NGX_CONF_ERROR;
}

/* Whether the parameter is `name` with a value, which is not empty. */
static bool take_value(const ngx_str_t *parameter, const char *name, ngx_str_t *value) {
    size_t length = ngx_strlen(name);

    if (parameter->len <= length || ngx_strncmp(parameter->data, name, length) != 0) {
        return false;
    }
    value->data = parameter->data + length;
    value->len = parameter->len - length;
    return true;
}

static bool is_word(const ngx_str_t *text, const char *word) {
    return text->len == ngx_strlen(word) && ngx_strncmp(text->data, word, text->len) == 0;
}

/* Return the number of a word, from 1; 0: it is none of them. */
static uint32_t index_of(const ngx_str_t *value, const char *const *words, size_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (is_word(value, words[i])) {
            return i + 1;
        }
    }
    return 0;
}

/* Complete the path of a file, which must exist. */
static char *complete_path(ngx_conf_t *cf, ngx_str_t *path) {
    ngx_file_info_t info;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }
    if (ngx_file_info(path->data, &info) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno, "\"%V\" cannot be used", path);
        return NGX_CONF_ERROR;
    }
    return NGX_CONF_OK;
}

static char *set_endpoint_parameter(ngx_conf_t *cf, ngx_http_tote_main_conf_t *conf,
                                    const ngx_str_t *parameter) {
    static const char *const protocols[] = {"http/protobuf", "http/json", "grpc"};
    static const char *const compressions[] = {"none", "gzip"};
    const struct {
        const char *name;
        ngx_str_t *path;
    } files[] = {{"ca=", &conf->ca_file},
                 {"certificate=", &conf->certificate},
                 {"certificate_key=", &conf->certificate_key}};
    ngx_str_t value;

    if (take_value(parameter, "protocol=", &value)) {
        conf->protocol = index_of(&value, protocols, 3);
        return conf->protocol ? NGX_CONF_OK : refuse(cf, parameter);
    }
    if (take_value(parameter, "compression=", &value)) {
        conf->compression = index_of(&value, compressions, 2);
        return conf->compression ? NGX_CONF_OK : refuse(cf, parameter);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (take_value(parameter, files[i].name, files[i].path)) {
            return complete_path(cf, files[i].path);
        }
    }
    return refuse(cf, parameter);
}

/* tote_endpoint URL [protocol=] [compression=] [ca=] [certificate=] [certificate_key=] */
static char *set_endpoint(ngx_conf_t *cf, ngx_command_t *command, void *data) {
    ngx_http_tote_main_conf_t *conf = data;
    const ngx_str_t *words = cf->args->elts;
    char *result = ngx_conf_set_str_slot(cf, command, data);

    if (result == NGX_CONF_OK && !conf->endpoint.len) {
        return refuse(cf, &words[1]);
    }
    for (ngx_uint_t i = 2; result == NGX_CONF_OK && i < cf->args->nelts; i++) {
        result = set_endpoint_parameter(cf, conf, &words[i]);
    }
    return result == NGX_CONF_OK ? ngx_http_tote_check_exporter(cf, main_conf_of(cf)) : result;
}

/* A name and a text, of the exporter or the resource. */
static char *add_pair(ngx_conf_t *cf, ngx_command_t *command, void *data) {
    const ngx_str_t *words = cf->args->elts;
    tote_attribute *attribute = ngx_array_push((ngx_array_t *)((char *)data + command->offset));

    if (!attribute) {
        return NGX_CONF_ERROR;
    }
    attribute->key = (const char *)words[1].data;
    attribute->value = tote_string_of((const char *)words[2].data, words[2].len);
    return command->post ? ngx_http_tote_check_exporter(cf, main_conf_of(cf)) : NGX_CONF_OK;
}

static char *set_config_file(ngx_conf_t *cf, ngx_command_t *command, void *data) {
    ngx_http_tote_main_conf_t *conf = data;
    char *result = ngx_conf_set_str_slot(cf, command, data);

    if (result == NGX_CONF_OK) {
        result = complete_path(cf, &conf->config_file);
    }
    return result == NGX_CONF_OK ? ngx_http_tote_check_file(cf, main_conf_of(cf)) : result;
}

/* tote_batch [delay=TIME] [size=SPANS] [queue=SPANS] */
static char *set_batch(ngx_conf_t *cf, ngx_command_t *command, void *data) {
    ngx_http_tote_main_conf_t *conf = data;
    ngx_str_t *words = cf->args->elts;
    ngx_str_t value;

    (void)command;
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        ngx_int_t number = NGX_ERROR;
        if (take_value(&words[i], "delay=", &value)) {
            number = ngx_parse_time(&value, 0);
            conf->batch.schedule_delay_ms = number == 0 ? TOTE_OPTION_ZERO : (uint32_t)number;
        } else if (take_value(&words[i], "size=", &value)) {
            number = ngx_atoi(value.data, value.len);
            conf->batch.max_export_batch_size = (uint32_t)number;
        } else if (take_value(&words[i], "queue=", &value)) {
            number = ngx_atoi(value.data, value.len);
            conf->batch.max_queue_size = (uint32_t)number;
        }
        if (number < 0 || number > INT32_MAX || (number == 0 && words[i].data[0] != 'd')) {
            return refuse(cf, &words[i]);
        }
    }
    return NGX_CONF_OK;
}

/* tote_disk_queue PATH [crash_safe] [max_size=SIZE] */
static char *set_disk_queue(ngx_conf_t *cf, ngx_command_t *command, void *data) {
    ngx_http_tote_main_conf_t *conf = data;
    const ngx_str_t *words = cf->args->elts;
    ngx_path_t *path = ngx_pcalloc(cf->pool, sizeof *path);
    ngx_str_t value;

    (void)command;
    if (conf->disk_queue) {
        return "is duplicate";
    }
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        if (is_word(&words[i], "crash_safe")) {
            conf->crash_safe = 1;
            continue;
        }
        ssize_t size =
            take_value(&words[i], "max_size=", &value) ? ngx_parse_size(&value) : NGX_ERROR;
        if (size <= 0) {
            return refuse(cf, &words[i]);
        }
        conf->disk_queue_max_bytes = (size_t)size;
    }
    if (!path) {
        return NGX_CONF_ERROR;
    }
    path->name = words[1];
    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;
    if (ngx_conf_full_name(cf->cycle, &path->name, 0) != NGX_OK ||
        ngx_add_path(cf, &path) != NGX_OK) { /* nginx creates it for the user of the workers */
        return NGX_CONF_ERROR;
    }
    conf->disk_queue = path;
    return NGX_CONF_OK;
}

/* tote_sample VALUE | SHARE% */
static char *set_sample(ngx_conf_t *cf, ngx_command_t *command, void *data) {
    enum { PERCENT_DECIMALS = 4 }; /* 1% is 10,000 of NGX_HTTP_TOTE_ALL */
    ngx_http_tote_loc_conf_t *conf = data;
    ngx_str_t *value = (ngx_str_t *)cf->args->elts + 1;

    if (conf->sample || conf->share != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }
    if (!value->len || value->data[value->len - 1] != '%') {
        return ngx_http_set_complex_value_slot(cf, command, data);
    }
    ngx_int_t share = ngx_atofp(value->data, value->len - 1, PERCENT_DECIMALS);
    if (share < 0 || share > NGX_HTTP_TOTE_ALL) {
        return refuse(cf, value);
    }
    conf->share = (ngx_uint_t)share;
    return NGX_CONF_OK;
}

/* tote_span_attribute NAME VALUE */
static char *add_span_attribute(ngx_conf_t *cf, ngx_command_t *command, void *data) {
    ngx_http_tote_loc_conf_t *conf = data;
    ngx_str_t *words = cf->args->elts;

    (void)command;
    if (!conf->attributes) {
        conf->attributes = ngx_array_create(cf->pool, 4, sizeof(struct ngx_http_tote_attribute));
    }
    struct ngx_http_tote_attribute *attribute =
        conf->attributes ? ngx_array_push(conf->attributes) : NULL;
    if (!attribute) {
        return NGX_CONF_ERROR;
    }
    ngx_http_compile_complex_value_t compile;
    ngx_memzero(&compile, sizeof compile);
    attribute->name = (const char *)words[1].data;
    compile.cf = cf;
    compile.value = &words[2];
    compile.complex_value = &attribute->value;
    return ngx_http_compile_complex_value(&compile) == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}

static ngx_conf_enum_t trusts[] = {{ngx_string("continue"), NGX_HTTP_TOTE_CONTINUE},
                                   {ngx_string("link"), NGX_HTTP_TOTE_LINK},
                                   {ngx_string("ignore"), NGX_HTTP_TOTE_IGNORE},
                                   {ngx_null_string, 0}};

#define ANYWHERE (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF)
#define LOCATION(member) NGX_HTTP_LOC_CONF_OFFSET, offsetof(ngx_http_tote_loc_conf_t, member)
#define MAIN(member) NGX_HTTP_MAIN_CONF_OFFSET, offsetof(ngx_http_tote_main_conf_t, member)

static ngx_int_t checked; /* an address: the pair belongs to the exporter */

static ngx_command_t commands[] = {
    {ngx_string("tote"), ANYWHERE | NGX_CONF_FLAG, set_on, LOCATION(is_on), NULL},
    {ngx_string("tote_trust"), ANYWHERE | NGX_CONF_TAKE1, ngx_conf_set_enum_slot, LOCATION(trust),
     trusts},
    {ngx_string("tote_sample"), ANYWHERE | NGX_CONF_TAKE1, set_sample, LOCATION(sample), NULL},
    {ngx_string("tote_span_name"), ANYWHERE | NGX_CONF_TAKE1, ngx_http_set_complex_value_slot,
     LOCATION(span_name), NULL},
    {ngx_string("tote_span_attribute"), ANYWHERE | NGX_CONF_TAKE2, add_span_attribute,
     LOCATION(attributes), NULL},
    {ngx_string("tote_endpoint"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE, set_endpoint, MAIN(endpoint),
     NULL},
    {ngx_string("tote_header"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE2, add_pair, MAIN(headers),
     &checked},
    {ngx_string("tote_service_name"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, ngx_conf_set_str_slot,
     MAIN(service_name), NULL},
    {ngx_string("tote_resource_attribute"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE2, add_pair,
     MAIN(resource_attributes), NULL},
    {ngx_string("tote_config_file"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_config_file,
     MAIN(config_file), NULL},
    {ngx_string("tote_batch"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE, set_batch, MAIN(batch), NULL},
    {ngx_string("tote_disk_queue"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE, set_disk_queue,
     MAIN(disk_queue), NULL},
    ngx_null_command,
};

static ngx_int_t add_handler(ngx_conf_t *cf, ngx_uint_t phase, ngx_http_handler_pt handler) {
    ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    ngx_http_handler_pt *added = ngx_array_push(&core->phases[phase].handlers);

    if (!added) {
        return NGX_ERROR;
    }
    *added = handler;
    return NGX_OK;
}

/* Without a traced location the module does nothing. */
static ngx_int_t set_up(ngx_conf_t *cf) {
    ngx_http_tote_main_conf_t *conf = main_conf_of(cf);

    if (!conf->is_used) {
        return NGX_OK;
    }
    if (conf->crash_safe && conf->protocol == TOTE_OTLP_PROTOCOL_HTTP_JSON) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"crash_safe\" of \"tote_disk_queue\" cannot be used with the protocol "
                           "http/json");
        return NGX_ERROR;
    }
    return add_handler(cf, NGX_HTTP_REWRITE_PHASE, ngx_http_tote_rewrite_handler) == NGX_OK &&
                   add_handler(cf, NGX_HTTP_PRECONTENT_PHASE, ngx_http_tote_precontent_handler) ==
                       NGX_OK &&
                   add_handler(cf, NGX_HTTP_LOG_PHASE, ngx_http_tote_log_handler) == NGX_OK
               ? ngx_http_tote_init_upstreams(cf, conf)
               : NGX_ERROR;
}

static ngx_http_module_t context = {
    .preconfiguration = ngx_http_tote_add_variables,
    .postconfiguration = set_up,
    .create_main_conf = create_main_conf,
    .create_loc_conf = create_loc_conf,
    .merge_loc_conf = merge_loc_conf,
};

ngx_module_t ngx_http_tote_module = {
    NGX_MODULE_V1,       &context, commands, NGX_HTTP_MODULE,    NULL, NULL,
    ngx_http_tote_start, NULL,     NULL,     ngx_http_tote_stop, NULL, NGX_MODULE_V1_PADDING,
};
