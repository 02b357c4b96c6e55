// Every header from C++17, with typical C++ code around it.
#include <memory>
#include <string_view>
#include <tote/exporters/in_memory.h>
#include <tote/exporters/otlp.h>
#include <tote/instrumentation/curl.h>
#include <tote/processors.h>
#include <tote/propagator_ops.h>
#include <tote/propagators.h>
#include <tote/sdk/sampler.h>
#include <tote/thread.h>
#include <tote/tote.h>

struct Scope {
    tote_scope *scope;
    Scope(tote_tracer *tracer, const char *name, const tote_span_options *options = nullptr)
        : scope(tote_scope_open(tracer, name, options)) {}
    ~Scope() { tote_scope_close(&scope); }
    Scope(const Scope &) = delete;
};

int main() {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    options.service_name = "c++";
    tote_span_processor *unused = tote_span_processor_simple_new(nullptr);
    tote_span_processor_free(unused);
    tote_sdk *sdk = tote_sdk_start(&options);
    {
        tote_span_options start = TOTE_SPAN_OPTIONS_INIT;
        std::string_view path = "/x";
        tote_attribute attributes[] = {{"url.path", tote_string_of(path.data(), path.size())},
                                       {"retry", tote_bool(true)}};
        start.kind = TOTE_SPAN_KIND_SERVER;
        start.attributes = attributes;
        start.attribute_count = 2;
        Scope scope(tote_get_tracer("app", "1"), "GET /x", &start);
        tote_store_add(tote_store_current(), "user.id", tote_string("u"));
        tote_run_scoped(
            nullptr, nullptr, nullptr, [](void *) { return 0; }, nullptr);
    }
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_tracer_options tracer = TOTE_TRACER_OPTIONS_INIT;
    tote_parent_based_options parents = TOTE_PARENT_BASED_OPTIONS_INIT;
    tote_baggage_propagator_options baggage = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;
    (void)otlp, (void)batch, (void)tracer, (void)parents, (void)baggage;
    return tote_sdk_close(&sdk, 1000);
}
