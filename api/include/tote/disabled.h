/* SPDX-License-Identifier: MIT */
/**
 * @file tote/disabled.h
 * What the functions of all headers become if TOTE_DISABLED is defined: see tote/common.h. Each
 * header includes it at its end.
 */
/* Generated from the public headers by tests/headers/disabled.py: do not edit. */
#include "tote/common.h"

#ifdef TOTE_DISABLED
#ifndef TOTE_DISABLED_H
#define TOTE_DISABLED_H
#define TOTE__OFF(call) ((void)(0 ? ((call), 0) : 0))
#define TOTE__OFF_POINTER(type, call) (TOTE__OFF(call), (type)tote__off_pointer())
#define TOTE__OFF_NUMBER(type, call) (TOTE__OFF(call), (type)tote__off_number(0))
#define TOTE__OFF_BOOL(call) (TOTE__OFF(call), tote__off_false())
static inline bool tote__off_false(void) { return false; }
static inline ptrdiff_t tote__off_number(ptrdiff_t value) { return value; }
static inline void *tote__off_pointer(void) { return NULL; }
static inline const char *tote__off_string(void) { return ""; }
static inline int tote__off_run(int (*run)(void *arg), void *arg) { return run ? run(arg) : 0; }
static inline void tote__off_text(char *buffer, size_t size) {
    if (buffer && size) {
        buffer[0] = '\0';
    }
}
#endif

#ifdef TOTE__OFF_ALLOCATOR
#define tote_allocator_set(...) TOTE__OFF_BOOL((tote_allocator_set)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_BAGGAGE
#define tote_context_with_baggage(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_context_with_baggage)(__VA_ARGS__))
#define tote_context_without_baggage(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_context_without_baggage)(__VA_ARGS__))
#define tote_context_with_empty_baggage(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_context_with_empty_baggage)(__VA_ARGS__))
#define tote_context_get_baggage(context, name, buffer, size) \
    (TOTE__OFF((tote_context_get_baggage)(context, name, buffer, size)), \
    tote__off_text(buffer, size), tote__off_number(-1))
#define tote_context_get_all_baggage(...) \
    TOTE__OFF_POINTER(tote_entries *, (tote_context_get_all_baggage)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_CONFIGURATION
#define tote_configuration_parse_file(...) \
    TOTE__OFF_POINTER(tote_configuration *, (tote_configuration_parse_file)(__VA_ARGS__))
#define tote_configuration_parse(...) \
    TOTE__OFF_POINTER(tote_configuration *, (tote_configuration_parse)(__VA_ARGS__))
#define tote_configuration_ref(...) \
    TOTE__OFF_POINTER(tote_configuration *, (tote_configuration_ref)(__VA_ARGS__))
#define tote_configuration_unref(...) TOTE__OFF((tote_configuration_unref)(__VA_ARGS__))
#define tote_configuration_get_root(...) \
    TOTE__OFF_POINTER(const tote_configuration_node *, (tote_configuration_get_root)(__VA_ARGS__))
#define tote_configuration_node_get_type(...) \
    TOTE__OFF_NUMBER(tote_configuration_type, (tote_configuration_node_get_type)(__VA_ARGS__))
#define tote_configuration_node_get(...) \
    TOTE__OFF_POINTER(const tote_configuration_node *, (tote_configuration_node_get)(__VA_ARGS__))
#define tote_configuration_node_get_count(...) \
    TOTE__OFF_NUMBER(size_t, (tote_configuration_node_get_count)(__VA_ARGS__))
#define tote_configuration_node_get_at(...) \
    TOTE__OFF_POINTER(const tote_configuration_node *, \
    (tote_configuration_node_get_at)(__VA_ARGS__))
#define tote_configuration_node_get_key(...) \
    TOTE__OFF_POINTER(const char *, (tote_configuration_node_get_key)(__VA_ARGS__))
#define tote_configuration_node_read_bool(...) \
    TOTE__OFF_BOOL((tote_configuration_node_read_bool)(__VA_ARGS__))
#define tote_configuration_node_read_int(...) \
    TOTE__OFF_BOOL((tote_configuration_node_read_int)(__VA_ARGS__))
#define tote_configuration_node_read_double(...) \
    TOTE__OFF_BOOL((tote_configuration_node_read_double)(__VA_ARGS__))
#define tote_configuration_node_read_string(...) \
    TOTE__OFF_BOOL((tote_configuration_node_read_string)(__VA_ARGS__))
#define tote_configuration_node_get_line(...) \
    TOTE__OFF_NUMBER(uint32_t, (tote_configuration_node_get_line)(__VA_ARGS__))
#define tote_configuration_node_get_column(...) \
    TOTE__OFF_NUMBER(uint32_t, (tote_configuration_node_get_column)(__VA_ARGS__))
#define tote_configuration_node_get_path(node, buffer, size) \
    (TOTE__OFF((tote_configuration_node_get_path)(node, buffer, size)), \
    tote__off_text(buffer, size), (size_t)tote__off_number(0))
#define tote_configuration_node_report(...) TOTE__OFF((tote_configuration_node_report)(__VA_ARGS__))
#define tote_configuration_register_exporter(...) \
    TOTE__OFF_NUMBER(tote_result, (tote_configuration_register_exporter)(__VA_ARGS__))
#define tote_configuration_register_sampler(...) \
    TOTE__OFF_NUMBER(tote_result, (tote_configuration_register_sampler)(__VA_ARGS__))
#define tote_configuration_register_processor(...) \
    TOTE__OFF_NUMBER(tote_result, (tote_configuration_register_processor)(__VA_ARGS__))
#define tote_configuration_register_resource_detector(...) \
    TOTE__OFF_NUMBER(tote_result, (tote_configuration_register_resource_detector)(__VA_ARGS__))
#define tote_configuration_register_id_generator(...) \
    TOTE__OFF_NUMBER(tote_result, (tote_configuration_register_id_generator)(__VA_ARGS__))
#define tote_configuration_register_propagator(...) \
    TOTE__OFF_NUMBER(tote_result, (tote_configuration_register_propagator)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_EXPORTERS_CONSOLE
#define tote_span_exporter_console_new(...) \
    TOTE__OFF_POINTER(tote_span_exporter *, (tote_span_exporter_console_new)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_CONTEXT
#define tote_context_root(...) \
    TOTE__OFF_POINTER(const tote_context *, (tote_context_root)(__VA_ARGS__))
#define tote_context_current(...) \
    TOTE__OFF_POINTER(const tote_context *, (tote_context_current)(__VA_ARGS__))
#define tote_context_ref(...) TOTE__OFF_POINTER(tote_context *, (tote_context_ref)(__VA_ARGS__))
#define tote_context_unref(...) TOTE__OFF((tote_context_unref)(__VA_ARGS__))
#define tote_context_get_store(...) \
    TOTE__OFF_POINTER(tote_store *, (tote_context_get_store)(__VA_ARGS__))
#define tote_context_get_span(...) \
    TOTE__OFF_POINTER(tote_span *, (tote_context_get_span)(__VA_ARGS__))
#define tote_context_get_value(...) TOTE__OFF_POINTER(void *, (tote_context_get_value)(__VA_ARGS__))
#define tote_context_get_current_ids(...) \
    TOTE__OFF_BOOL((tote_context_get_current_ids)(__VA_ARGS__))
#define tote_context_with_store(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_context_with_store)(__VA_ARGS__))
#define tote_context_with_span(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_context_with_span)(__VA_ARGS__))
#define tote_context_with_value(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_context_with_value)(__VA_ARGS__))
#define tote_context_with_suppression(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_context_with_suppression)(__VA_ARGS__))
#define tote_context_attach(...) \
    TOTE__OFF_NUMBER(tote_context_token, (tote_context_attach)(__VA_ARGS__))
#define tote_context_detach(...) TOTE__OFF_BOOL((tote_context_detach)(__VA_ARGS__))
#define tote_context_run(context, run, arg) \
    (TOTE__OFF((tote_context_run)(context, run, arg)), \
    tote__off_run(run, arg))
#define tote_context_mark(...) \
    TOTE__OFF_NUMBER(tote_context_token, (tote_context_mark)(__VA_ARGS__))
#define tote_context_unwind(...) TOTE__OFF_NUMBER(size_t, (tote_context_unwind)(__VA_ARGS__))
#define tote_context_set_slot(...) TOTE__OFF_BOOL((tote_context_set_slot)(__VA_ARGS__))
#define tote_context_slot_switched(...) TOTE__OFF((tote_context_slot_switched)(__VA_ARGS__))
#define tote_context_stack_free(...) TOTE__OFF((tote_context_stack_free)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_INSTRUMENTATION_CURL
#undef TOTE__OFF_INSTRUMENTATION_CURL
/* The handle still gets the options of the program. */
static inline tote_curl_request *tote__off_curl_begin(CURL *easy,
                                                      const tote_curl_options *options) {
    static const tote_curl_options defaults = TOTE_CURL_OPTIONS_INIT;

    options = options ? options : &defaults;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, options->headers);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, options->prereq_function);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, options->prereq_data);
    return NULL;
}
static inline CURLcode tote__off_curl_perform(CURL *easy, const tote_curl_options *options) {
    tote__off_curl_begin(easy, options);
    return curl_easy_perform(easy);
}
#define tote_curl_perform(easy, options) \
    (TOTE__OFF((tote_curl_perform)(easy, options)), \
    tote__off_curl_perform(easy, options))
#define tote_curl_begin(easy, options) \
    (TOTE__OFF((tote_curl_begin)(easy, options)), \
    tote__off_curl_begin(easy, options))
#define tote_curl_end(...) TOTE__OFF((tote_curl_end)(__VA_ARGS__))
#define tote_curl_inject(context, headers) \
    (TOTE__OFF((tote_curl_inject)(context, headers)), \
    (headers))
#define tote_curl_list_getter(...) \
    TOTE__OFF_POINTER(const tote_text_map_getter *, (tote_curl_list_getter)(__VA_ARGS__))
#define tote_curl_list_setter(...) \
    TOTE__OFF_POINTER(const tote_text_map_setter *, (tote_curl_list_setter)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_INSTRUMENTATION_DATABASE
#define tote_database_start(...) TOTE__OFF_POINTER(tote_span *, (tote_database_start)(__VA_ARGS__))
#define tote_database_text(...) TOTE__OFF_NUMBER(size_t, (tote_database_text)(__VA_ARGS__))
#define tote_database_summary(...) TOTE__OFF_NUMBER(size_t, (tote_database_summary)(__VA_ARGS__))
#define tote_database_set_error(...) TOTE__OFF((tote_database_set_error)(__VA_ARGS__))
#define tote_database_wants_rows(...) TOTE__OFF_BOOL((tote_database_wants_rows)(__VA_ARGS__))
#define tote_database_message(...) TOTE__OFF_NUMBER(size_t, (tote_database_message)(__VA_ARGS__))
#define tote_database_set_rows(...) TOTE__OFF((tote_database_set_rows)(__VA_ARGS__))
#define tote_database_sanitize(buffer, size, system, query, query_length) \
    (TOTE__OFF((tote_database_sanitize)(buffer, size, system, query, query_length)), \
    tote__off_text(buffer, size), (size_t)tote__off_number(0))
#define tote_database_summarize(buffer, size, system, query, query_length) \
    (TOTE__OFF((tote_database_summarize)(buffer, size, system, query, query_length)), \
    tote__off_text(buffer, size), (size_t)tote__off_number(0))
#define tote_database_wants_values(...) TOTE__OFF_BOOL((tote_database_wants_values)(__VA_ARGS__))
#define tote_database_wants_comment(...) TOTE__OFF_BOOL((tote_database_wants_comment)(__VA_ARGS__))
#define tote_database_inject_comment(buffer, size, system, query, query_length, context) \
    (TOTE__OFF((tote_database_inject_comment)(buffer, size, system, query, query_length, \
    context)), \
    tote__off_text(buffer, size), (size_t)tote__off_number(0))
#define tote_database_extract_comment(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_database_extract_comment)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_DELIVERY
#define tote_span_exporter_delivery_new(...) \
    TOTE__OFF_POINTER(tote_span_exporter *, (tote_span_exporter_delivery_new)(__VA_ARGS__))
#define tote_disk_queue_send(...) TOTE__OFF_NUMBER(tote_result, (tote_disk_queue_send)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_DIAGNOSTICS
#define tote_diagnostics_report(...) TOTE__OFF((tote_diagnostics_report)(__VA_ARGS__))
#define tote_diagnostics_set_handler(...) TOTE__OFF((tote_diagnostics_set_handler)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_ENVIRONMENT
#undef TOTE__OFF_ENVIRONMENT
TOTE_BEGIN_DECLS
extern char **environ; /* as <unistd.h> declares it with _GNU_SOURCE */
TOTE_END_DECLS
/* The child still gets its environment. */
static inline size_t tote__off_environment(char *const *base, char **variables, size_t capacity) {
    size_t count = 0;

    for (base = base ? base : environ; base && base[count] && count + 1 < capacity; count++) {
        variables[count] = base[count];
    }
    if (base && base[count]) {
        count = 0;
    }
    if (capacity) {
        variables[count] = NULL;
    }
    return count;
}
#define tote_extract_environment(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_extract_environment)(__VA_ARGS__))
#define tote_inject_environment(context, base, variables, capacity, buffer, size) \
    (TOTE__OFF((tote_inject_environment)(context, base, variables, capacity, buffer, size)), \
    tote__off_environment(base, variables, capacity))
#define tote_environment_getter(...) \
    TOTE__OFF_POINTER(const tote_text_map_getter *, (tote_environment_getter)(__VA_ARGS__))
#define tote_environment_setter(...) \
    TOTE__OFF_POINTER(const tote_text_map_setter *, (tote_environment_setter)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_INSTRUMENTATION_HTTP
#define tote_http_server_open(...) \
    TOTE__OFF_POINTER(tote_scope *, (tote_http_server_open)(__VA_ARGS__))
#define tote_http_server_start(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_http_server_start)(__VA_ARGS__))
#define tote_http_server_set_route(...) TOTE__OFF((tote_http_server_set_route)(__VA_ARGS__))
#define tote_http_server_set_status(...) TOTE__OFF((tote_http_server_set_status)(__VA_ARGS__))
#define tote_http_client_start(...) \
    TOTE__OFF_POINTER(tote_span *, (tote_http_client_start)(__VA_ARGS__))
#define tote_http_client_context(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_http_client_context)(__VA_ARGS__))
#define tote_http_client_set_status(...) TOTE__OFF((tote_http_client_set_status)(__VA_ARGS__))
#define tote_http_capture_request_headers(...) \
    TOTE__OFF((tote_http_capture_request_headers)(__VA_ARGS__))
#define tote_http_capture_response_headers(...) \
    TOTE__OFF((tote_http_capture_response_headers)(__VA_ARGS__))
#define tote_http_server_attributes(...) \
    TOTE__OFF_NUMBER(size_t, (tote_http_server_attributes)(__VA_ARGS__))
#define tote_http_known_method(method) \
    (TOTE__OFF((tote_http_known_method)(method)), \
    tote__off_string())
#define tote_http_span_name(buffer, size, method, target) \
    (TOTE__OFF((tote_http_span_name)(buffer, size, method, target)), \
    tote__off_text(buffer, size), (size_t)tote__off_number(0))
#define tote_http_redact_query(buffer, size, query) \
    (TOTE__OFF((tote_http_redact_query)(buffer, size, query)), \
    tote__off_text(buffer, size), (size_t)tote__off_number(0))
#define tote_http_redact_url(...) TOTE__OFF_NUMBER(size_t, (tote_http_redact_url)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_EXPORTERS_IN_MEMORY
#define tote_in_memory_spans_new(...) \
    TOTE__OFF_POINTER(tote_in_memory_spans *, (tote_in_memory_spans_new)(__VA_ARGS__))
#define tote_span_exporter_in_memory_new(...) \
    TOTE__OFF_POINTER(tote_span_exporter *, (tote_span_exporter_in_memory_new)(__VA_ARGS__))
#define tote_in_memory_spans_get_count(...) \
    TOTE__OFF_NUMBER(size_t, (tote_in_memory_spans_get_count)(__VA_ARGS__))
#define tote_in_memory_spans_get_at(...) \
    TOTE__OFF_POINTER(const tote_span_data *, (tote_in_memory_spans_get_at)(__VA_ARGS__))
#define tote_in_memory_spans_find(...) \
    TOTE__OFF_POINTER(const tote_span_data *, (tote_in_memory_spans_find)(__VA_ARGS__))
#define tote_in_memory_spans_clear(...) TOTE__OFF((tote_in_memory_spans_clear)(__VA_ARGS__))
#define tote_in_memory_spans_unref(...) TOTE__OFF((tote_in_memory_spans_unref)(__VA_ARGS__))
#define tote_in_memory_sdk_start(...) \
    TOTE__OFF_POINTER(tote_sdk *, (tote_in_memory_sdk_start)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_LOG
#define tote_log_fields(context, format, buffer, size) \
    (TOTE__OFF((tote_log_fields)(context, format, buffer, size)), \
    tote__off_text(buffer, size), (size_t)tote__off_number(0))
#endif

#ifdef TOTE__OFF_SDK_METRICS
#define tote_sdk_read_metrics(...) \
    TOTE__OFF_NUMBER(tote_result, (tote_sdk_read_metrics)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_INSTRUMENTATION_MICROHTTPD
#define tote_microhttpd_getter(...) \
    TOTE__OFF_POINTER(const tote_text_map_getter *, (tote_microhttpd_getter)(__VA_ARGS__))
#define tote_microhttpd_setter(...) \
    TOTE__OFF_POINTER(const tote_text_map_setter *, (tote_microhttpd_setter)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_EXPORTERS_OTLP
#define tote_span_exporter_otlp_new(...) \
    TOTE__OFF_POINTER(tote_span_exporter *, (tote_span_exporter_otlp_new)(__VA_ARGS__))
#define tote_otlp_disk_queue_send(...) \
    TOTE__OFF_NUMBER(tote_result, (tote_otlp_disk_queue_send)(__VA_ARGS__))
#define tote_otlp_encode(...) TOTE__OFF_BOOL((tote_otlp_encode)(__VA_ARGS__))
#define tote_otlp_buffer_clear(...) TOTE__OFF((tote_otlp_buffer_clear)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_EXPORTERS_OTLP_FILE
#define tote_span_exporter_otlp_file_new(...) \
    TOTE__OFF_POINTER(tote_span_exporter *, (tote_span_exporter_otlp_file_new)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_INSTRUMENTATION_PQ
#define tote_pq_exec(conn, query) (TOTE__OFF((tote_pq_exec)(conn, query)), PQexec(conn, query))
#define tote_pq_exec_params(conn, query, count, types, values, lengths, formats, format) \
    (TOTE__OFF((tote_pq_exec_params)(conn, query, count, types, values, lengths, formats, \
    format)), \
    PQexecParams(conn, query, count, types, values, lengths, formats, format))
#define tote_pq_prepare(conn, name, query, count, types) \
    (TOTE__OFF((tote_pq_prepare)(conn, name, query, count, types)), \
    PQprepare(conn, name, query, count, types))
#define tote_pq_exec_prepared(conn, name, count, values, lengths, formats, format) \
    (TOTE__OFF((tote_pq_exec_prepared)(conn, name, count, values, lengths, formats, format)), \
    PQexecPrepared(conn, name, count, values, lengths, formats, format))
#define tote_pq_describe_prepared(conn, name) \
    (TOTE__OFF((tote_pq_describe_prepared)(conn, name)), \
    PQdescribePrepared(conn, name))
#define tote_pq_describe_portal(conn, name) \
    (TOTE__OFF((tote_pq_describe_portal)(conn, name)), \
    PQdescribePortal(conn, name))
#define tote_pq_send_query(conn, query) \
    (TOTE__OFF((tote_pq_send_query)(conn, query)), \
    PQsendQuery(conn, query))
#define tote_pq_send_query_params(conn, query, count, types, values, lengths, formats, format) \
    (TOTE__OFF((tote_pq_send_query_params)(conn, query, count, types, values, lengths, formats, \
    format)), \
    PQsendQueryParams(conn, query, count, types, values, lengths, formats, format))
#define tote_pq_send_prepare(conn, name, query, count, types) \
    (TOTE__OFF((tote_pq_send_prepare)(conn, name, query, count, types)), \
    PQsendPrepare(conn, name, query, count, types))
#define tote_pq_send_query_prepared(conn, name, count, values, lengths, formats, format) \
    (TOTE__OFF((tote_pq_send_query_prepared)(conn, name, count, values, lengths, formats, \
    format)), \
    PQsendQueryPrepared(conn, name, count, values, lengths, formats, format))
#define tote_pq_send_describe_prepared(conn, name) \
    (TOTE__OFF((tote_pq_send_describe_prepared)(conn, name)), \
    PQsendDescribePrepared(conn, name))
#define tote_pq_send_describe_portal(conn, name) \
    (TOTE__OFF((tote_pq_send_describe_portal)(conn, name)), \
    PQsendDescribePortal(conn, name))
#define tote_pq_get_result(conn) (TOTE__OFF((tote_pq_get_result)(conn)), PQgetResult(conn))
#define tote_pq_pipeline_sync(conn) (TOTE__OFF((tote_pq_pipeline_sync)(conn)), PQpipelineSync(conn))
#define tote_pq_endcopy(conn) (TOTE__OFF((tote_pq_endcopy)(conn)), PQendcopy(conn))
#define tote_pq_is_busy(conn) (TOTE__OFF((tote_pq_is_busy)(conn)), PQisBusy(conn))
#define tote_pq_put_copy_data(conn, buffer, size) \
    (TOTE__OFF((tote_pq_put_copy_data)(conn, buffer, size)), \
    PQputCopyData(conn, buffer, size))
#define tote_pq_put_copy_end(conn, message) \
    (TOTE__OFF((tote_pq_put_copy_end)(conn, message)), \
    PQputCopyEnd(conn, message))
#define tote_pq_get_copy_data(conn, buffer, is_async) \
    (TOTE__OFF((tote_pq_get_copy_data)(conn, buffer, is_async)), \
    PQgetCopyData(conn, buffer, is_async))
#endif

#ifdef TOTE__OFF_PROCESSORS
#define tote_span_processor_batch_new(...) \
    TOTE__OFF_POINTER(tote_span_processor *, (tote_span_processor_batch_new)(__VA_ARGS__))
#define tote_span_processor_simple_new(...) \
    TOTE__OFF_POINTER(tote_span_processor *, (tote_span_processor_simple_new)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_PROPAGATOR
#define tote_inject(...) TOTE__OFF((tote_inject)(__VA_ARGS__))
#define tote_extract(...) TOTE__OFF_POINTER(tote_context *, (tote_extract)(__VA_ARGS__))
#define tote_propagator_inject(...) TOTE__OFF((tote_propagator_inject)(__VA_ARGS__))
#define tote_propagator_extract(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_propagator_extract)(__VA_ARGS__))
#define tote_propagator_get_field(...) \
    TOTE__OFF_POINTER(const char *, (tote_propagator_get_field)(__VA_ARGS__))
#define tote_context_with_destination(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_context_with_destination)(__VA_ARGS__))
#define tote_context_get_destination(...) \
    TOTE__OFF_POINTER(const char *, (tote_context_get_destination)(__VA_ARGS__))
#define tote_extract_headers(...) \
    TOTE__OFF_POINTER(tote_context *, (tote_extract_headers)(__VA_ARGS__))
#define tote_inject_headers(...) TOTE__OFF_NUMBER(size_t, (tote_inject_headers)(__VA_ARGS__))
#define tote_header_array_getter(...) \
    TOTE__OFF_POINTER(const tote_text_map_getter *, (tote_header_array_getter)(__VA_ARGS__))
#define tote_header_array_setter(...) \
    TOTE__OFF_POINTER(const tote_text_map_setter *, (tote_header_array_setter)(__VA_ARGS__))
#define tote_propagator_set_global(...) TOTE__OFF((tote_propagator_set_global)(__VA_ARGS__))
#define tote_propagator_ref_global(...) \
    TOTE__OFF_POINTER(tote_propagator *, (tote_propagator_ref_global)(__VA_ARGS__))
#define tote_propagator_ref(...) \
    TOTE__OFF_POINTER(tote_propagator *, (tote_propagator_ref)(__VA_ARGS__))
#define tote_propagator_unref(...) TOTE__OFF((tote_propagator_unref)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_PROPAGATORS
#define tote_propagator_tracecontext_new(...) \
    TOTE__OFF_POINTER(tote_propagator *, (tote_propagator_tracecontext_new)(__VA_ARGS__))
#define tote_propagator_baggage_new(...) \
    TOTE__OFF_POINTER(tote_propagator *, (tote_propagator_baggage_new)(__VA_ARGS__))
#define tote_propagator_b3_new(...) \
    TOTE__OFF_POINTER(tote_propagator *, (tote_propagator_b3_new)(__VA_ARGS__))
#define tote_propagator_b3_multi_new(...) \
    TOTE__OFF_POINTER(tote_propagator *, (tote_propagator_b3_multi_new)(__VA_ARGS__))
#define tote_propagator_jaeger_new(...) \
    TOTE__OFF_POINTER(tote_propagator *, (tote_propagator_jaeger_new)(__VA_ARGS__))
#define tote_propagator_ot_trace_new(...) \
    TOTE__OFF_POINTER(tote_propagator *, (tote_propagator_ot_trace_new)(__VA_ARGS__))
#define tote_propagator_opencensus_new(...) \
    TOTE__OFF_POINTER(tote_propagator *, (tote_propagator_opencensus_new)(__VA_ARGS__))
#define tote_propagator_composite_new(...) \
    TOTE__OFF_POINTER(tote_propagator *, (tote_propagator_composite_new)(__VA_ARGS__))
#define tote_propagator_allowed_hosts_new(...) \
    TOTE__OFF_POINTER(tote_propagator *, (tote_propagator_allowed_hosts_new)(__VA_ARGS__))
#define tote_propagator_from_names(...) \
    TOTE__OFF_POINTER(tote_propagator *, (tote_propagator_from_names)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_SDK_RESOURCE
#define tote_resource_new(...) TOTE__OFF_POINTER(tote_resource *, (tote_resource_new)(__VA_ARGS__))
#define tote_resource_from_entities(...) \
    TOTE__OFF_POINTER(tote_resource *, (tote_resource_from_entities)(__VA_ARGS__))
#define tote_resource_merge(...) \
    TOTE__OFF_POINTER(tote_resource *, (tote_resource_merge)(__VA_ARGS__))
#define tote_resource_ref(...) TOTE__OFF_POINTER(tote_resource *, (tote_resource_ref)(__VA_ARGS__))
#define tote_resource_unref(...) TOTE__OFF((tote_resource_unref)(__VA_ARGS__))
#define tote_resource_detector_new(...) \
    TOTE__OFF_POINTER(tote_resource_detector *, (tote_resource_detector_new)(__VA_ARGS__))
#define tote_resource_detector_free(...) TOTE__OFF((tote_resource_detector_free)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_SDK_SAMPLER
#define tote_sampling_result_set_attribute(...) \
    TOTE__OFF((tote_sampling_result_set_attribute)(__VA_ARGS__))
#define tote_sampling_result_set_trace_state(...) \
    TOTE__OFF((tote_sampling_result_set_trace_state)(__VA_ARGS__))
#define tote_sampler_new(...) TOTE__OFF_POINTER(tote_sampler *, (tote_sampler_new)(__VA_ARGS__))
#define tote_sampler_always_on_new(...) \
    TOTE__OFF_POINTER(tote_sampler *, (tote_sampler_always_on_new)(__VA_ARGS__))
#define tote_sampler_always_off_new(...) \
    TOTE__OFF_POINTER(tote_sampler *, (tote_sampler_always_off_new)(__VA_ARGS__))
#define tote_sampler_probability_new(...) \
    TOTE__OFF_POINTER(tote_sampler *, (tote_sampler_probability_new)(__VA_ARGS__))
#define tote_sampler_trace_id_ratio_new(...) \
    TOTE__OFF_POINTER(tote_sampler *, (tote_sampler_trace_id_ratio_new)(__VA_ARGS__))
#define tote_sampler_always_record_new(...) \
    TOTE__OFF_POINTER(tote_sampler *, (tote_sampler_always_record_new)(__VA_ARGS__))
#define tote_sampler_parent_based_new(...) \
    TOTE__OFF_POINTER(tote_sampler *, (tote_sampler_parent_based_new)(__VA_ARGS__))
#define tote_sampler_should_sample(...) \
    TOTE__OFF_NUMBER(tote_sampling_decision, (tote_sampler_should_sample)(__VA_ARGS__))
#define tote_sampler_get_description(sampler, buffer, size) \
    (TOTE__OFF((tote_sampler_get_description)(sampler, buffer, size)), \
    tote__off_text(buffer, size), (size_t)tote__off_number(0))
#define tote_sampler_shutdown(...) \
    TOTE__OFF_NUMBER(tote_result, (tote_sampler_shutdown)(__VA_ARGS__))
#define tote_sampler_free(...) TOTE__OFF((tote_sampler_free)(__VA_ARGS__))
#define tote_sampling_intent_set_threshold(...) \
    TOTE__OFF((tote_sampling_intent_set_threshold)(__VA_ARGS__))
#define tote_sampling_intent_get_threshold(...) \
    TOTE__OFF_NUMBER(uint64_t, (tote_sampling_intent_get_threshold)(__VA_ARGS__))
#define tote_sampling_intent_is_reliable(...) \
    TOTE__OFF_BOOL((tote_sampling_intent_is_reliable)(__VA_ARGS__))
#define tote_sampling_intent_add_provider(...) \
    TOTE__OFF((tote_sampling_intent_add_provider)(__VA_ARGS__))
#define tote_composable_sampler_new(...) \
    TOTE__OFF_POINTER(tote_composable_sampler *, (tote_composable_sampler_new)(__VA_ARGS__))
#define tote_composable_sampler_always_on_new(...) \
    TOTE__OFF_POINTER(tote_composable_sampler *, \
    (tote_composable_sampler_always_on_new)(__VA_ARGS__))
#define tote_composable_sampler_always_off_new(...) \
    TOTE__OFF_POINTER(tote_composable_sampler *, \
    (tote_composable_sampler_always_off_new)(__VA_ARGS__))
#define tote_composable_sampler_probability_new(...) \
    TOTE__OFF_POINTER(tote_composable_sampler *, \
    (tote_composable_sampler_probability_new)(__VA_ARGS__))
#define tote_composable_sampler_parent_threshold_new(...) \
    TOTE__OFF_POINTER(tote_composable_sampler *, \
    (tote_composable_sampler_parent_threshold_new)(__VA_ARGS__))
#define tote_composable_sampler_rule_based_new(...) \
    TOTE__OFF_POINTER(tote_composable_sampler *, \
    (tote_composable_sampler_rule_based_new)(__VA_ARGS__))
#define tote_composable_sampler_annotating_new(...) \
    TOTE__OFF_POINTER(tote_composable_sampler *, \
    (tote_composable_sampler_annotating_new)(__VA_ARGS__))
#define tote_composable_sampler_get_sampling_intent(...) \
    TOTE__OFF((tote_composable_sampler_get_sampling_intent)(__VA_ARGS__))
#define tote_composable_sampler_get_description(sampler, buffer, size) \
    (TOTE__OFF((tote_composable_sampler_get_description)(sampler, buffer, size)), \
    tote__off_text(buffer, size), (size_t)tote__off_number(0))
#define tote_composable_sampler_shutdown(...) \
    TOTE__OFF_NUMBER(tote_result, (tote_composable_sampler_shutdown)(__VA_ARGS__))
#define tote_composable_sampler_free(...) TOTE__OFF((tote_composable_sampler_free)(__VA_ARGS__))
#define tote_sampler_composite_new(...) \
    TOTE__OFF_POINTER(tote_sampler *, (tote_sampler_composite_new)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_SCOPE
#define tote_run_scoped(tracer, name, options, run, arg) \
    (TOTE__OFF((tote_run_scoped)(tracer, name, options, run, arg)), \
    tote__off_run(run, arg))
#define tote_scope_open(...) TOTE__OFF_POINTER(tote_scope *, (tote_scope_open)(__VA_ARGS__))
#define tote_scope_suspend(...) TOTE__OFF_BOOL((tote_scope_suspend)(__VA_ARGS__))
#define tote_scope_resume(...) TOTE__OFF_BOOL((tote_scope_resume)(__VA_ARGS__))
#define tote_scope_get_context(...) \
    TOTE__OFF_POINTER(const tote_context *, (tote_scope_get_context)(__VA_ARGS__))
#define tote_scope_get_store(...) \
    TOTE__OFF_POINTER(tote_store *, (tote_scope_get_store)(__VA_ARGS__))
#define tote_scope_get_span(...) TOTE__OFF_POINTER(tote_span *, (tote_scope_get_span)(__VA_ARGS__))
#define tote_scope_close(...) TOTE__OFF((tote_scope_close)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_SDK
#define tote_sdk_prepare(...) TOTE__OFF_NUMBER(tote_result, (tote_sdk_prepare)(__VA_ARGS__))
#define tote_sdk_set_tracer_configurator(...) \
    TOTE__OFF_NUMBER(tote_result, (tote_sdk_set_tracer_configurator)(__VA_ARGS__))
#define tote_sdk_ref_tracer_provider(...) \
    TOTE__OFF_POINTER(tote_tracer_provider *, (tote_sdk_ref_tracer_provider)(__VA_ARGS__))
#define tote_sdk_force_flush(...) TOTE__OFF_NUMBER(tote_result, (tote_sdk_force_flush)(__VA_ARGS__))
#define tote_sdk_shutdown(...) TOTE__OFF_NUMBER(tote_result, (tote_sdk_shutdown)(__VA_ARGS__))
#define tote_sdk_close(...) TOTE__OFF_NUMBER(tote_result, (tote_sdk_close)(__VA_ARGS__))
#define tote_sdk_ref(...) TOTE__OFF_POINTER(tote_sdk *, (tote_sdk_ref)(__VA_ARGS__))
#define tote_sdk_unref(...) TOTE__OFF((tote_sdk_unref)(__VA_ARGS__))
#define tote_sdk_get_poll_fd(sdk) \
    (TOTE__OFF((tote_sdk_get_poll_fd)(sdk)), \
    (int)tote__off_number(-1))
#define tote_sdk_get_poll_timeout_ms(sdk) \
    (TOTE__OFF((tote_sdk_get_poll_timeout_ms)(sdk)), \
    (int)tote__off_number(-1))
#define tote_sdk_poll(...) TOTE__OFF((tote_sdk_poll)(__VA_ARGS__))
#define tote_sdk_after_fork_child(...) \
    TOTE__OFF_NUMBER(tote_result, (tote_sdk_after_fork_child)(__VA_ARGS__))
#define tote_sdk_get_stats(...) TOTE__OFF_BOOL((tote_sdk_get_stats)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_SPAN
#define tote_span_current(...) TOTE__OFF_POINTER(tote_span *, (tote_span_current)(__VA_ARGS__))
#define tote_span_non_recording_new(...) \
    TOTE__OFF_POINTER(tote_span *, (tote_span_non_recording_new)(__VA_ARGS__))
#define tote_span_get_context(...) \
    TOTE__OFF_POINTER(const tote_span_context *, (tote_span_get_context)(__VA_ARGS__))
#define tote_span_is_recording(...) TOTE__OFF_BOOL((tote_span_is_recording)(__VA_ARGS__))
#define tote_span_set_attribute(...) TOTE__OFF((tote_span_set_attribute)(__VA_ARGS__))
#define tote_span_set_attributes(...) TOTE__OFF((tote_span_set_attributes)(__VA_ARGS__))
#define tote_span_add_event(...) TOTE__OFF((tote_span_add_event)(__VA_ARGS__))
#define tote_span_add_link(...) TOTE__OFF((tote_span_add_link)(__VA_ARGS__))
#define tote_span_set_status(...) TOTE__OFF((tote_span_set_status)(__VA_ARGS__))
#define tote_span_record_exception(...) TOTE__OFF((tote_span_record_exception)(__VA_ARGS__))
#define tote_span_update_name(...) TOTE__OFF((tote_span_update_name)(__VA_ARGS__))
#define tote_span_end(...) TOTE__OFF((tote_span_end)(__VA_ARGS__))
#define tote_span_ref(...) TOTE__OFF_POINTER(tote_span *, (tote_span_ref)(__VA_ARGS__))
#define tote_span_unref(...) TOTE__OFF((tote_span_unref)(__VA_ARGS__))
#define tote_span_close(...) TOTE__OFF((tote_span_close)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_SPAN_CONTEXT
#undef TOTE__OFF_SPAN_CONTEXT
static inline const tote_trace_id *tote__off_trace_id(void) {
    static const tote_trace_id none = {{0}};
    return &none;
}
static inline const tote_span_id *tote__off_span_id(void) {
    static const tote_span_id none = {{0}};
    return &none;
}
#define tote_span_context_new(...) \
    TOTE__OFF_POINTER(tote_span_context *, (tote_span_context_new)(__VA_ARGS__))
#define tote_span_context_copy(...) \
    TOTE__OFF_POINTER(tote_span_context *, (tote_span_context_copy)(__VA_ARGS__))
#define tote_span_context_unref(...) TOTE__OFF((tote_span_context_unref)(__VA_ARGS__))
#define tote_span_context_get_trace_id(context) \
    (TOTE__OFF((tote_span_context_get_trace_id)(context)), \
    tote__off_trace_id())
#define tote_span_context_get_span_id(context) \
    (TOTE__OFF((tote_span_context_get_span_id)(context)), \
    tote__off_span_id())
#define tote_span_context_get_trace_flags(...) \
    TOTE__OFF_NUMBER(uint8_t, (tote_span_context_get_trace_flags)(__VA_ARGS__))
#define tote_span_context_get_trace_state(...) \
    TOTE__OFF_POINTER(const tote_trace_state *, (tote_span_context_get_trace_state)(__VA_ARGS__))
#define tote_span_context_is_valid(...) TOTE__OFF_BOOL((tote_span_context_is_valid)(__VA_ARGS__))
#define tote_span_context_is_remote(...) TOTE__OFF_BOOL((tote_span_context_is_remote)(__VA_ARGS__))
#define tote_span_context_is_sampled(...) \
    TOTE__OFF_BOOL((tote_span_context_is_sampled)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_INSTRUMENTATION_SQLITE
#define tote_sqlite_trace(...) TOTE__OFF_BOOL((tote_sqlite_trace)(__VA_ARGS__))
#define tote_sqlite_step(statement) \
    (TOTE__OFF((tote_sqlite_step)(statement)), \
    sqlite3_step(statement))
#define tote_sqlite_exec(db, sql, callback, user_data, message) \
    (TOTE__OFF((tote_sqlite_exec)(db, sql, callback, user_data, message)), \
    sqlite3_exec(db, sql, callback, user_data, message))
#endif

#ifdef TOTE__OFF_START
#define tote_sdk_start(...) TOTE__OFF_POINTER(tote_sdk *, (tote_sdk_start)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_STORE
#define tote_store_new(...) TOTE__OFF_POINTER(tote_store *, (tote_store_new)(__VA_ARGS__))
#define tote_store_current(...) TOTE__OFF_POINTER(tote_store *, (tote_store_current)(__VA_ARGS__))
#define tote_store_root(...) TOTE__OFF_POINTER(tote_store *, (tote_store_root)(__VA_ARGS__))
#define tote_store_add(...) TOTE__OFF_BOOL((tote_store_add)(__VA_ARGS__))
#define tote_store_add_as(...) TOTE__OFF_BOOL((tote_store_add_as)(__VA_ARGS__))
#define tote_store_add_all(...) TOTE__OFF_NUMBER(size_t, (tote_store_add_all)(__VA_ARGS__))
#define tote_store_delete(...) TOTE__OFF_BOOL((tote_store_delete)(__VA_ARGS__))
#define tote_store_get(store, key, buffer, size) \
    (TOTE__OFF((tote_store_get)(store, key, buffer, size)), \
    tote__off_text(buffer, size), tote__off_number(-1))
#define tote_store_get_all(...) TOTE__OFF_POINTER(tote_entries *, (tote_store_get_all)(__VA_ARGS__))
#define tote_store_seal(...) TOTE__OFF((tote_store_seal)(__VA_ARGS__))
#define tote_store_ref(...) TOTE__OFF_POINTER(tote_store *, (tote_store_ref)(__VA_ARGS__))
#define tote_store_unref(...) TOTE__OFF((tote_store_unref)(__VA_ARGS__))
#define tote_entries_get_count(...) TOTE__OFF_NUMBER(size_t, (tote_entries_get_count)(__VA_ARGS__))
#define tote_entries_get_at(...) \
    TOTE__OFF_POINTER(const tote_entry *, (tote_entries_get_at)(__VA_ARGS__))
#define tote_entries_find(...) \
    TOTE__OFF_POINTER(const tote_entry *, (tote_entries_find)(__VA_ARGS__))
#define tote_entries_free(...) TOTE__OFF((tote_entries_free)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_THREAD
#define tote_thread_create(thread, attributes, start, arg) \
    (TOTE__OFF((tote_thread_create)(thread, attributes, start, arg)), \
    pthread_create(thread, attributes, start, arg))
#define tote_fork_prepare(...) TOTE__OFF((tote_fork_prepare)(__VA_ARGS__))
#define tote_fork_child(...) TOTE__OFF((tote_fork_child)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_TRACER
#define tote_get_tracer(...) TOTE__OFF_POINTER(tote_tracer *, (tote_get_tracer)(__VA_ARGS__))
#define tote_tracer_provider_get_tracer(...) \
    TOTE__OFF_POINTER(tote_tracer *, (tote_tracer_provider_get_tracer)(__VA_ARGS__))
#define tote_tracer_is_enabled(...) TOTE__OFF_BOOL((tote_tracer_is_enabled)(__VA_ARGS__))
#define tote_tracer_start_span(...) \
    TOTE__OFF_POINTER(tote_span *, (tote_tracer_start_span)(__VA_ARGS__))
#define tote_tracer_provider_set_global(...) \
    TOTE__OFF((tote_tracer_provider_set_global)(__VA_ARGS__))
#define tote_tracer_provider_ref_global(...) \
    TOTE__OFF_POINTER(tote_tracer_provider *, (tote_tracer_provider_ref_global)(__VA_ARGS__))
#define tote_tracer_provider_ref(...) \
    TOTE__OFF_POINTER(tote_tracer_provider *, (tote_tracer_provider_ref)(__VA_ARGS__))
#define tote_tracer_provider_unref(...) TOTE__OFF((tote_tracer_provider_unref)(__VA_ARGS__))
#endif

#ifdef TOTE__OFF_INSTRUMENTATION_XRAY
#define tote_propagator_xray_new(...) \
    TOTE__OFF_POINTER(tote_propagator *, (tote_propagator_xray_new)(__VA_ARGS__))
#define tote_propagator_xray_register(...) \
    TOTE__OFF_BOOL((tote_propagator_xray_register)(__VA_ARGS__))
#endif
#endif
