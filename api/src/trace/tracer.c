/* SPDX-License-Identifier: MIT */
/*
 * tracer.c - tracers and the global provider
 *
 * Tracers are interned in a hash table of lists that only grow at their heads. Lookup takes no
 * lock, adding takes one, and tracers are never freed. A tracer is stored in the table of its index
 * before it is added to a list. Index 0 is the tracer without a name.
 */
#include "tote/internal/tracer.h"

#include <errno.h>
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/context.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"
#include "tote/internal/store.h"
#include "tote/internal/text.h"
#include "tote/internal/unrecorded.h"
#include "tote/internal/wire.h"

enum {
    TRACERS_PER_TABLE = 1024,
    MOST_TABLES = 64,
    MOST_TRACER_BYTES = 16 << 20, /* of all tracers */
    LISTS = 1024
};

/* The global provider's tracer without a name. Used if the table is full or out of memory. */
static tote_tracer nameless = {.scope = {.name = "", .version = "", .schema_url = ""}};

struct table {
    _Atomic(tote_tracer *) tracers[TRACERS_PER_TABLE];
};

static struct {
    struct tote__lock lock; /* guards adding tracers and changing the provider */
    uint32_t count;
    size_t bytes;
    _Atomic(tote_tracer *) lists[LISTS];
    struct table first_table;
    _Atomic(struct table *) more_tables[MOST_TABLES]; /* by index; the first element is unused */
} tracers;

static _Atomic(tote_tracer_provider *) global_provider;

/* The identity of a tracer to be found or created, and its attributes in the wire format. */
struct wanted {
    tote_tracer tracer;
    struct tote__slice attributes;
    struct tote__arena memory;
};

static bool decode_attributes(const struct wanted *wanted, struct tote__arena *memory,
                              tote_instrumentation_scope *scope) {
    tote_attribute *attributes;

    if (!tote__unpack_attributes(wanted->attributes, TOTE__TAG_SCOPE_ATTRIBUTE >> 3, memory,
                                 &attributes, &scope->attribute_count)) {
        return false;
    }
    scope->attributes = attributes;
    return true;
}

/*
 * Encode the attributes, and decode them to compare them. This repairs invalid UTF-8 and drops
 * invalid attributes.
 */
static bool take_attributes(struct wanted *wanted, const tote_attribute *given, size_t count) {
    return !given || !count ||
           (tote__encode_attributes(&wanted->memory, TOTE__TAG_SCOPE_ATTRIBUTE, given, count,
                                    &wanted->attributes) &&
            decode_attributes(wanted, &wanted->memory, &wanted->tracer.scope));
}

static bool has_same_attributes(const tote_instrumentation_scope *a,
                                const tote_instrumentation_scope *b) {
    return (!a->attribute_count && !b->attribute_count) ||
           tote_value_equals(tote_map(a->attributes, a->attribute_count),
                             tote_map(b->attributes, b->attribute_count));
}

static _Atomic(tote_tracer *) *list_of(const tote_tracer *tracer) {
    const tote_instrumentation_scope *scope = &tracer->scope;
    uint64_t hash = tote__hash(scope->name, strlen(scope->name)) +
                    tote__hash(scope->version, strlen(scope->version)) + tracer->run;

    return &tracers.lists[hash % LISTS];
}

static tote_tracer *find(const tote_tracer *wanted, tote_tracer *at) {
    for (; at; at = at->next) {
        if (at->provider == wanted->provider && at->run == wanted->run &&
            strcmp(at->scope.name, wanted->scope.name) == 0 &&
            strcmp(at->scope.version, wanted->scope.version) == 0 &&
            strcmp(at->scope.schema_url, wanted->scope.schema_url) == 0 &&
            has_same_attributes(&at->scope, &wanted->scope)) {
            return at;
        }
    }
    return NULL;
}

/* Copy a text into the arena. */
static bool keep_text(struct tote__arena *arena, const char **text) {
    *text = **text ? tote__arena_text(arena, *text, strlen(*text)) : "";
    return *text != NULL;
}

/* Return how much memory the tracer needs; nested attributes may need more. */
static size_t size_for(const struct wanted *wanted) {
    enum { ALIGNMENT = _Alignof(max_align_t), ALLOCATIONS = 3, TEXTS_PER_ATTRIBUTE = 2 };
    const tote_instrumentation_scope *scope = &wanted->tracer.scope;

    return sizeof wanted->tracer + strlen(scope->name) + strlen(scope->version) +
           strlen(scope->schema_url) + (size_t)ALLOCATIONS * (ALIGNMENT + 1) +
           wanted->attributes.size +
           scope->attribute_count *
               (sizeof *scope->attributes + (size_t)TEXTS_PER_ATTRIBUTE * (ALIGNMENT + 1));
}

static void tracer_free(tote_tracer *tracer) {
    if (tracer) {
        tote__arena_clear(&tracer->memory);
        tote__release(tracer, tracer->bytes);
    }
}

/* Return a new tracer that is not in the table yet. Returns NULL if out of memory. */
static tote_tracer *tracer_new(const struct wanted *wanted) {
    size_t bytes = size_for(wanted);
    tote_tracer *tracer = tote__allocate(bytes);

    if (!tracer) {
        return NULL;
    }
    *tracer = wanted->tracer;
    tracer->bytes = bytes;
    tracer->memory = tote__arena_over(tracer + 1, bytes - sizeof *tracer);
    tote_instrumentation_scope *scope = &tracer->scope;
    if (!keep_text(&tracer->memory, &scope->name) || !keep_text(&tracer->memory, &scope->version) ||
        !keep_text(&tracer->memory, &scope->schema_url) ||
        !decode_attributes(wanted, &tracer->memory, scope)) {
        tracer_free(tracer);
        return NULL;
    }
    return tracer;
}

/* Return the table of an index; NULL if there is none. */
static struct table *table_of(uint32_t index) {
    uint32_t number = index / TRACERS_PER_TABLE;

    if (!number) {
        return &tracers.first_table;
    }
    return number < MOST_TABLES
               ? atomic_load_explicit(&tracers.more_tables[number], memory_order_acquire)
               : NULL;
}

/* Store the tracer at the next index. The lock is held. Returns false if there is no space. */
static bool store_at_next_index(tote_tracer *tracer) {
    uint32_t index = tracers.count + 1;
    struct table *table = table_of(index);

    if (tracers.bytes + tracer->bytes > MOST_TRACER_BYTES ||
        index >= MOST_TABLES * TRACERS_PER_TABLE) {
        return false;
    }
    if (!table) {
        table = tote__allocate_zeroed(sizeof *table);
        if (!table) {
            return false;
        }
        atomic_store_explicit(&tracers.more_tables[index / TRACERS_PER_TABLE], table,
                              memory_order_release);
    }
    tracer->index = tracers.count = index;
    tracers.bytes += tracer->bytes;
    atomic_store_explicit(&table->tracers[index % TRACERS_PER_TABLE], tracer, memory_order_release);
    return true;
}

/*
 * Insert `tracer`, unless another thread inserted an equal one first. Returns the tracer in the
 * table; NULL if there is no space. A fork in between leaves an index unused. A tracer without a
 * name has index 0 and is in no table.
 */
static tote_tracer *add(tote_tracer *tracer, bool is_nameless) {
    _Atomic(tote_tracer *) *list = list_of(tracer);

    tote__lock_take(&tracers.lock);
    tote_tracer *head = atomic_load_explicit(list, memory_order_relaxed);
    tote_tracer *result = find(tracer, head);
    if (!result && (is_nameless || store_at_next_index(tracer))) {
        tracer->next = head;
        atomic_store_explicit(list, tracer, memory_order_release);
        result = tracer;
    }
    tote__lock_drop(&tracers.lock);
    return result;
}

/*
 * Return the interned tracer that `wanted` describes. Returns NULL if out of memory, or if there is
 * no space: then sets `is_full`.
 */
static tote_tracer *intern(const struct wanted *wanted, bool is_nameless, bool *is_full) {
    const tote_tracer *identity = &wanted->tracer;
    tote_tracer *result =
        find(identity, atomic_load_explicit(list_of(identity), memory_order_acquire));
    tote_tracer *tracer = result ? NULL : tracer_new(wanted);

    if (tracer) {
        result = add(tracer, is_nameless);
        *is_full = !result;
    }
    if (result != tracer) {
        tracer_free(tracer);
    }
    return result;
}

/*
 * Return the tracer without a name of the same provider: spans of a private SDK must not reach the
 * global one. Returns NULL if out of memory.
 */
static tote_tracer *nameless_like(const tote_tracer *given) {
    const struct wanted wanted = {
        .tracer = {.scope = nameless.scope, .provider = given->provider, .run = given->run}};
    bool is_full = false;

    return given->provider ? intern(&wanted, true, &is_full) : &nameless;
}

/* Report why `name` is not interned. */
static void report_nameless(const char *name, bool is_full) {
    if (is_full) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "tracer",
            "the tracers take %d MiB: \"%.64s\" and others share one without a name. Do not put "
            "what varies into a tracer's name, version or attributes",
            MOST_TRACER_BYTES >> 20, name);
    } else {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "tracer",
            "out of memory: tracer \"%.64s\" is replaced by the one without a name", name);
    }
}

tote_tracer *tote_get_tracer(const char *name, const char *version) {
    tote_tracer_options options = TOTE_TRACER_OPTIONS_INIT;

    options.version = version;
    return tote_tracer_provider_get_tracer(TOTE_TRACER_PROVIDER_GLOBAL, name, &options);
}

tote_tracer *tote_tracer_provider_get_tracer(tote_tracer_provider *provider, const char *name,
                                             const tote_tracer_options *given) {
    tote_tracer_options options = TOTE_TRACER_OPTIONS_INIT;
    int error = errno;

    if (!provider) {
        return NULL;
    }
    provider = provider == TOTE_TRACER_PROVIDER_GLOBAL ? NULL : provider;
    TOTE__COPY_OPTIONS(tote_tracer_options, &options, given);
    if (!name || !*name) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "tracer",
            "tracer without a name: give it the name of the library that traces");
    }
    unsigned char buffer[512];
    struct wanted wanted = {
        .tracer = {.provider = provider,
                   .run =
                       provider ? atomic_load_explicit(&provider->run, memory_order_acquire) : 0},
        .memory = tote__arena_over(buffer, sizeof buffer),
    };
    tote_instrumentation_scope *scope = &wanted.tracer.scope;
    scope->name = tote__utf8_valid_string(&wanted.memory, name);
    scope->version = tote__utf8_valid_string(&wanted.memory, options.version);
    scope->schema_url = tote__utf8_valid_string(&wanted.memory, options.schema_url);
    bool is_complete = scope->name && scope->version && scope->schema_url &&
                       take_attributes(&wanted, options.attributes, options.attribute_count);
    bool is_full = false;
    tote_tracer *tracer = is_complete ? intern(&wanted, false, &is_full) : NULL;
    tote__arena_clear(&wanted.memory);
    if (!tracer) {
        report_nameless(name ? name : "", is_full);
        tracer = nameless_like(&wanted.tracer);
    }
    errno = error;
    return tracer;
}

tote_tracer *tote__tracer_named(_Atomic(tote_tracer *) *known, const char *name) {
    tote_tracer_options options = TOTE_TRACER_OPTIONS_INIT;
    tote_tracer *tracer = atomic_load_explicit(known, memory_order_acquire);

    if (tracer) {
        return tracer;
    }
    options.version = tote_version();
    options.schema_url = TOTE__SCHEMA_URL;
    tracer = tote_tracer_provider_get_tracer(TOTE_TRACER_PROVIDER_GLOBAL, name, &options);
    if (tracer->index) {
        atomic_store_explicit(known, tracer, memory_order_release);
    }
    return tracer;
}

const tote_tracer *tote__tracer_at(uint32_t index) {
    const struct table *table = table_of(index);
    const tote_tracer *tracer =
        table
            ? atomic_load_explicit(&table->tracers[index % TRACERS_PER_TABLE], memory_order_acquire)
            : NULL;

    return tracer ? tracer : &nameless;
}

void tote__copy_options(const char *type, void *options, size_t size, const void *given) {
    size_t given_size;

    if (!given) {
        return;
    }
    memcpy(&given_size, given, sizeof given_size);
    if (given_size < sizeof given_size) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "options",
            "a %s without struct_size was not read: its defaults apply; begin with its "
            "_INIT, or set struct_size",
            type);
        return;
    }
    memcpy((char *)options + sizeof given_size, (const char *)given + sizeof given_size,
           tote__min(size, given_size) - sizeof given_size);
}

const tote_span_options tote__no_span_options = TOTE_SPAN_OPTIONS_INIT;

const tote_span_options *tote__fill_span_options(const tote_span_options *given,
                                                 tote_span_options *filled) {
    const tote_span_options none = TOTE_SPAN_OPTIONS_INIT;

    *filled = none;
    TOTE__COPY_OPTIONS(tote_span_options, filled, given);
    return filled;
}

/* Return the current provider of this tracer's spans, or NULL. */
static tote_tracer_provider *provider_of(const tote_tracer *tracer) {
    if (!tracer) {
        return NULL;
    }
    if (!tracer->provider) {
        return atomic_load_explicit(&global_provider, memory_order_acquire);
    }
    uint32_t run = atomic_load_explicit(&tracer->provider->run, memory_order_acquire);
    return run == tracer->run ? tracer->provider : NULL;
}

bool tote_tracer_is_enabled(const tote_tracer *tracer, const tote_span_options *given) {
    tote_tracer_provider *provider = provider_of(tracer);
    tote_span_options filled;

    if (!provider) {
        return false;
    }
    const tote_span_options *options = tote__complete_span_options(given, &filled);
    return !tote__context_of(options->parent)->is_suppressed &&
           provider->ops->is_enabled(provider, (tote_tracer *)tracer, options);
}

bool tote__tracer_shows_attributes(const tote_tracer *tracer) {
    const tote_tracer_provider *provider = provider_of(tracer);

    return provider && !atomic_load_explicit(&provider->ignores_start, memory_order_relaxed);
}

/*
 * Return a span that only propagates the span context of `parent`. Spec:
 * trace/api.md#behavior-of-the-api-in-the-absence-of-an-installed-sdk
 */
static tote_span *propagate_parent(const tote_context *parent, const tote_span_options *options) {
    tote_span *span = parent->span;

    if (!span || options->root) {
        return &tote__invalid_span;
    }
    return tote_span_is_recording(span) ? tote_span_non_recording_new(&span->context)
                                        : tote_span_ref(span);
}

/* Count or report a span that no SDK records: none is running, or the tracer's SDK was closed. */
static void note_unrecorded(const tote_tracer *tracer, const char *name) {
    if (tracer && tracer->provider) {
        tote__unrecorded_report_late(tracer->provider, name);
    } else if (tracer) {
        tote__unrecorded_add(name);
    }
}

static const tote_context *parent_of(const tote_span_options *options, const char *name) {
    if (!options->parent && !options->root) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "tracer",
            "the span \"%.64s\" has a NULL parent and starts a trace. Begin the options with "
            "TOTE_SPAN_OPTIONS_INIT for the current context, or set `root`",
            name ? name : "");
    }
    return tote__context_of(options->parent);
}

/*
 * The paths of a span start are separate functions and use tail calls. A start that is not recorded
 * therefore needs almost no stack.
 */
static __attribute__((noinline)) tote_span *
start_unrecorded(const tote_tracer *tracer, const char *name, const tote_span_options *options) {
    const tote_context *parent = parent_of(options, name);

    if (!parent->is_suppressed) {
        note_unrecorded(tracer, name ? name : "");
    }
    return propagate_parent(parent, options);
}

static __attribute__((noinline)) tote_span *start_recorded(tote_tracer_provider *provider,
                                                           tote_tracer *tracer, const char *name,
                                                           const tote_span_options *options,
                                                           tote_store *store) {
    const tote_context *parent = parent_of(options, name);

    if (parent->is_suppressed) {
        return propagate_parent(parent, options);
    }
    store = store ? store : tote_context_get_store(parent);
    tote_span *span =
        provider->ops->start_span(provider, tracer, name ? name : "", options, parent, store);
    tote__store_note_span();
    return span ? span : propagate_parent(parent, options);
}

static __attribute__((noinline)) tote_span *start_with_older_options(tote_tracer *tracer,
                                                                     const char *name,
                                                                     const tote_span_options *given,
                                                                     tote_store *store) {
    tote_span_options filled;

    return tote__tracer_start_span(tracer, name, tote__fill_span_options(given, &filled), store);
}

tote_span *tote__tracer_start_span(tote_tracer *tracer, const char *name,
                                   const tote_span_options *given, tote_store *store) {
    const tote_span_options *options = given ? given : &tote__no_span_options;
    tote_tracer_provider *provider = provider_of(tracer);

    if (tote__unlikely(options->struct_size < sizeof *options)) {
        return start_with_older_options(tracer, name, options, store);
    }
    return provider ? start_recorded(provider, tracer, name, options, store)
                    : start_unrecorded(tracer, name, options);
}

tote_span *tote_tracer_start_span(tote_tracer *tracer, const char *name,
                                  const tote_span_options *options) {
    return tote__tracer_start_span(tracer, name, options, NULL);
}

void tote_tracer_provider_set_global(tote_tracer_provider *provider) {
    if (provider == TOTE_TRACER_PROVIDER_GLOBAL) {
        return;
    }
    tote_tracer_provider_ref(provider);
    tote__lock_take(&tracers.lock);
    tote_tracer_provider *before =
        atomic_exchange_explicit(&global_provider, provider, memory_order_acq_rel);
    tote__lock_drop(&tracers.lock);
    tote_tracer_provider_unref(before);
}

bool tote__tracer_provider_leave_global(tote_tracer_provider *provider) {
    tote_tracer_provider *expected = provider;

    tote__lock_take(&tracers.lock);
    bool was_global = atomic_compare_exchange_strong(&global_provider, &expected, NULL);
    tote__lock_drop(&tracers.lock);
    if (was_global) {
        tote_tracer_provider_unref(provider);
    }
    return was_global;
}

bool tote__tracer_provider_exports(const struct tote__entry *entry) {
    tote_tracer_provider *provider = atomic_load_explicit(&global_provider, memory_order_acquire);

    return !provider || !provider->ops->exports || provider->ops->exports(provider, entry);
}

/* Take the reference under the lock, while the global reference keeps the provider. */
tote_tracer_provider *tote_tracer_provider_ref_global(void) {
    tote__lock_take(&tracers.lock);
    tote_tracer_provider *provider =
        tote_tracer_provider_ref(atomic_load_explicit(&global_provider, memory_order_relaxed));
    tote__lock_drop(&tracers.lock);
    return provider;
}

tote_tracer_provider *tote_tracer_provider_ref(tote_tracer_provider *provider) {
    if (provider == TOTE_TRACER_PROVIDER_GLOBAL) {
        return tote_tracer_provider_ref_global();
    }
    if (provider) {
        provider->ops->ref(provider);
    }
    return provider;
}

void tote_tracer_provider_unref(tote_tracer_provider *provider) {
    if (provider && provider != TOTE_TRACER_PROVIDER_GLOBAL) {
        provider->ops->unref(provider);
    }
}
