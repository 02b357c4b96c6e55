/* SPDX-License-Identifier: MIT */
/*
 * analysis.h - what takes the time of a trace, and which services call which
 *
 * Results are in the arena of the caller. They need the lock of the model while they are computed.
 */
#ifndef TOTE_CLI_ANALYSIS_H
#define TOTE_CLI_ANALYSIS_H

#include "tree.h"

struct model;

/* A part of the critical path: in this time, the trace waited for this span itself. */
struct critical_part {
    const struct tree_node *node;
    uint64_t from_unix_nano;
    uint64_t to_unix_nano;
};

/*
 * Return the critical path of the first tree, the latest part first, and mark its nodes. Returns
 * NULL and a count of 0 if out of memory or if the tree is empty.
 *
 * The path is walked back from the end of the root. At each time it continues in the child that
 * finished last before that time, and from the start of that child again in the parent. The gaps
 * belong to the parent. Children count only as far as they run while their parent runs. A child
 * that runs beside the last one is not on the path.
 */
struct critical_part *critical_path(struct tree *tree, struct tote__arena *arena, size_t *count);

/* The spans with the same service and name. */
struct name_time {
    const char *service;
    const char *name;
    size_t count;
    size_t error_count;
    uint64_t total_ns; /* spans inside one of the same name are not counted twice */
    uint64_t self_ns;
    uint64_t longest_ns;
};

/* Return the times of all names, the one with the greatest self time first. NULL as above. */
struct name_time *name_times(const struct tree *tree, struct tote__arena *arena, size_t *count);

enum { MAP_MOST_SERVICES = 1000, MAP_MOST_EDGES = 10000 };

/* A service, or something without spans of its own that a client named, such as a database. */
struct map_service {
    const char *name;
    bool is_peer;
    size_t span_count;
    size_t call_count;  /* spans that entered the service */
    size_t error_count; /* those that failed */
    double rate;        /* calls for each second of the map's time */
    uint64_t p50_ns;    /* duration of calls */
    uint64_t p99_ns;
};

struct map_edge {
    size_t from; /* index of a service */
    size_t to;
    size_t call_count;
    size_t error_count;
    uint64_t p50_ns; /* duration of the called spans; for a peer, of the calling ones */
    uint64_t p99_ns;
};

struct service_map {
    struct map_service *services; /* in the order of their names */
    size_t service_count;
    struct map_edge *edges;
    size_t edge_count;
    uint64_t duration_ns; /* from the first start to the last end */
    bool is_cut;          /* services or edges over the limits are left out */
};

/* Return the map of one trace, or of all traces if `trace` is NULL. Empty if out of memory. */
struct service_map service_map(const struct model *model, const struct trace *trace,
                               struct tote__arena *arena);

#endif
