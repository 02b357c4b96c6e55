/* SPDX-License-Identifier: MIT */
/*
 * losses.c - report lost spans at a shutdown
 *
 * The figures are those of tote_sdk_get_stats().
 *
 * Tests: tests/unit/test_accounting.c
 */
#include "losses.h"

#include <stdio.h>

#include "tote/internal/diagnostics.h"
#include "tote/internal/sdk.h"

struct loss {
    uint64_t count;
    const char *cause;
};

enum { LIST_BYTES = 512 };

/* Write "3 rejected by the receiver, 2 too large". Returns the sum. */
static uint64_t list_losses(char *list, const struct loss *losses, size_t count) {
    uint64_t sum = 0;
    size_t length = 0;

    list[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (losses[i].count && length < LIST_BYTES) {
            length +=
                (size_t)snprintf(list + length, LIST_BYTES - length, "%s%llu %s", sum ? ", " : "",
                                 (unsigned long long)losses[i].count, losses[i].cause);
        }
        sum += losses[i].count;
    }
    return sum;
}

void tote__report_losses(const char *component, const tote_stats *stats) {
    const struct loss losses[] = {
        {stats->rejected, "rejected by the receiver"},
        {stats->dropped_queue_full, "dropped (queue full)"},
        {stats->dropped_too_large, "too large"},
        {stats->dropped_retries_exhausted, "not delivered to the receiver"},
        {stats->dropped_shutdown, "not exported before the end of the shutdown"},
        {stats->dropped_out_of_memory, "dropped (out of memory)"},
        {stats->dropped_disk_queue_full, "evicted from the disk queue, damaged or removed there"},
        {stats->in_flight, "still in flight"},
    };
    char list[LIST_BYTES];
    uint64_t sum = list_losses(list, losses, TOTE_COUNT_OF(losses));

    if (sum) {
        tote__diagnose_each(TOTE_LEVEL_WARN, component,
                            "shut down: of %llu ended spans %llu were exported and %llu were not: "
                            "%s",
                            (unsigned long long)stats->ended, (unsigned long long)stats->exported,
                            (unsigned long long)sum, list);
    }
    if (stats->in_disk_queue) {
        tote__diagnose_each(
            TOTE_LEVEL_INFO, component,
            "shut down: %llu spans were saved in the disk queue, for the next start "
            "or `tote send`, if no other process has sent or removed them",
            (unsigned long long)stats->in_disk_queue);
    }
}

void tote__add_saved(const tote_span_exporter *exporter, uint64_t saved, tote_stats *stats) {
    struct tote__saved_counts counts = {0};

    if (exporter->extras && exporter->extras->add_counts) {
        exporter->extras->add_counts(exporter->self, &counts);
    }
    stats->exported += counts.delivered;
    stats->rejected += counts.rejected;
    stats->dropped_disk_queue_full += counts.lost;
    stats->in_disk_queue += saved - counts.delivered - counts.rejected - counts.lost;
    stats->recovered += counts.recovered;
    stats->not_crash_safe += counts.not_crash_safe;
}

void tote__add_saved_metrics(const tote_span_exporter *exporter, uint64_t saved,
                             struct tote__exporter_metrics *metrics) {
    struct tote__saved_counts counts = {0};

    if (exporter->extras && exporter->extras->add_counts) {
        exporter->extras->add_counts(exporter->self, &counts);
    }
    tote__metrics_add_exported(metrics, "", counts.delivered);
    tote__metrics_add_exported(metrics, "rejected", counts.rejected);
    tote__metrics_add_exported(metrics, "evicted", counts.lost);
    uint64_t finished = counts.delivered + counts.rejected + counts.lost;
    metrics->in_flight += saved > finished ? saved - finished : 0;
}
