/* SPDX-License-Identifier: MIT */
/*
 * deliver.c - your own exporter with retry, a disk queue and crash-safe mode
 *
 * Usage: deliver FILE DIRECTORY [rest]
 *
 * The exporter appends a line for each span to FILE, and fails if the file does not exist. The
 * spans are then queued in the disk queue DIRECTORY, also for the next run, and survive a process
 * that is killed. The exporter needs no code for that. `rest` only delivers what is queued.
 */
#include <stdio.h>
#include <tote/delivery.h>
#include <tote/tote.h>

static tote_result append_lines(void *self, const tote_span_data *const *spans, size_t count,
                                uint32_t timeout_ms, tote_export_outcome *outcome) {
    const char *path = self;
    FILE *file = fopen(path, "r+");

    (void)timeout_ms;
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        outcome->failure = TOTE_EXPORT_FAILURE_UNREACHABLE;
        outcome->reason = "there is no such file";
        if (file) {
            fclose(file);
        }
        return TOTE_RESULT_FAILURE;
    }
    for (size_t i = 0; i < count; i++) {
        fprintf(file, "%s of %s\n", tote_span_data_get_name(spans[i]),
                tote_span_data_get_instrumentation_scope(spans[i])->name);
    }
    return fclose(file) == 0 ? TOTE_RESULT_SUCCESS : TOTE_RESULT_FAILURE;
}

int main(int argc, char **argv) {
    static const tote_span_exporter_ops ops = {.struct_size = sizeof ops,
                                               .export_spans = append_lines};
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    if (argc < 3) {
        fprintf(stderr, "usage: %s FILE DIRECTORY [rest]\n", argv[0]);
        return 2;
    }
    delivery.destination = argv[1];
    delivery.disk_queue_directory = argv[2];
    delivery.crash_safe = true;
    tote_span_exporter *lines = tote_span_exporter_new(&ops, argv[1]);
    if (argc > 3) {
        return tote_disk_queue_send(lines, &delivery, 5000, NULL) == TOTE_RESULT_SUCCESS ? 0 : 1;
    }
    tote_span_exporter *exporters[] = {tote_span_exporter_delivery_new(lines, &delivery)};
    options.exporters = exporters;
    options.exporter_count = TOTE_COUNT_OF(exporters);
    tote_sdk *sdk = tote_sdk_start(&options);

    tote_span *span = tote_tracer_start_span(tote_get_tracer("deliver", NULL), "work", NULL);
    tote_span_close(&span);
    return tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS ? 0 : 1;
}
