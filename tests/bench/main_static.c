/* SPDX-License-Identifier: MIT */
/* main_static.c - the rows that need functions which the shared libraries do not export */
#include "bench.h"

int main(int argc, char **argv) {
    static const struct bench_table *const tables[] = {&bench_encoding};

    return bench_main(argc, argv, tables, TOTE_COUNT_OF(tables), NULL);
}
