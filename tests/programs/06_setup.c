/* (6) all settings in code, nothing from the environment. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <tote/exporters/otlp.h>
#include <tote/propagators.h>
#include <tote/sdk/sampler.h>
#include <tote/tote.h>

static void report(tote_level level, const char *component, const char *message, void *user_data) {
    fprintf(user_data, "tote %d %s: %s\n", (int)level, component, message);
}

static void *allocate(void *self, size_t size) {
    (void)self;
    return malloc(size);
}
static void *reallocate(void *self, void *memory, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    return realloc(memory, size);
}
static void release(void *self, void *memory, size_t size) {
    (void)self, (void)size;
    free(memory);
}

struct worker {
    pthread_t thread;
    void (*work)(void *arg);
    void *arg;
};
static void *work(void *arg) {
    struct worker *worker = arg;
    worker->work(worker->arg);
    return NULL;
}
static void *start(void *self, const char *name, void (*run)(void *arg), void *arg) {
    struct worker *worker = malloc(sizeof *worker);
    (void)self, (void)name;
    if (!worker) {
        return NULL;
    }
    *worker = (struct worker){.work = run, .arg = arg};
    if (pthread_create(&worker->thread, NULL, work, worker) != 0) {
        free(worker);
        return NULL;
    }
    return worker;
}
static void join(void *self, void *thread) {
    struct worker *worker = thread;
    (void)self;
    pthread_join(worker->thread, NULL);
    free(worker);
}

int main(void) {
    const tote_allocator allocator = {sizeof allocator, allocate, reallocate, release, NULL};
    const tote_thread_factory threads = {sizeof threads, start, join, NULL};
    tote_allocator_set(&allocator);
    tote_diagnostics_set_handler(report, TOTE_LEVEL_INFO, stderr);

    const tote_attribute resource[] = {
        {"deployment.environment.name", tote_string("production")},
        {"host.cpu.count", tote_int(8)},
    };
    const tote_attribute headers[] = {{"authorization", tote_string("Bearer x")}};

    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    otlp.delivery = &delivery;
    otlp.ignore_environment = true;
    otlp.protocol = TOTE_OTLP_PROTOCOL_GRPC;
    otlp.endpoint = "https://collector.example:4317";
    otlp.headers = headers;
    otlp.header_count = TOTE_COUNT_OF(headers);
    otlp.ca_file = "/etc/ssl/own-ca.pem";
    otlp.client_certificate_file = "/etc/ssl/client.pem";
    otlp.client_key_file = "/etc/ssl/client.key";
    otlp.compression = TOTE_OTLP_COMPRESSION_GZIP;
    delivery.disk_queue_directory = "/var/disk_queue/shop";
    delivery.disk_queue_max_bytes = (size_t)64 << 20;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&otlp);

    tote_parent_based_options parents = TOTE_PARENT_BASED_OPTIONS_INIT;
    parents.root = tote_sampler_trace_id_ratio_new(0.1);

    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    batch.max_queue_size = 8192;
    batch.schedule_delay_ms = 1000;

    tote_span_limits limits = {.struct_size = sizeof limits, .attribute_value_length = 4096};

    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    options.ignore_environment = true;
    options.service_name = "shop";
    options.resource_attributes = resource;
    options.resource_attribute_count = TOTE_COUNT_OF(resource);
    options.sampler = tote_sampler_parent_based_new(&parents);
    options.propagator = tote_propagator_from_names("tracecontext,baggage,b3");
    options.limits = &limits;
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.batch = &batch;
    options.thread_factory = &threads;
    tote_sdk *sdk = tote_sdk_start(
        &options); /* takes ownership of sampler, propagator and exporter, also on failure */

    tote_stats stats = {.struct_size = sizeof stats};
    if (tote_sdk_get_stats(sdk, &stats)) {
        printf("%llu dropped\n", (unsigned long long)stats.dropped_queue_full);
    }
    return tote_sdk_close(&sdk, 5000) == TOTE_RESULT_TIMEOUT;
}
