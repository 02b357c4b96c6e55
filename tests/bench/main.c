/* SPDX-License-Identifier: MIT */
/* main.c - the rows that use the installed libraries */
#include "bench.h"

int main(int argc, char **argv) {
    static const struct bench_table *const tables[] = {
        &bench_spans,  &bench_contexts, &bench_propagation, &bench_delivery,
        &bench_memory, &bench_growth,   &bench_hostile,
    };

    return bench_main(argc, argv, tables, TOTE_COUNT_OF(tables), "bench-static");
}
