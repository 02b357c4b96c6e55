/* SPDX-License-Identifier: MIT */
/*
 * propagator.c - propagators, carriers, and the global one. Spec: context/api-propagators.md
 *
 * A thread that uses the global propagator increments a counter before and decrements it after.
 * There are several counters, so that threads rarely share a cache line.
 *
 * A replaced propagator is put on a list. Its reference is released when each counter has been seen
 * at 0 after the replacement. Otherwise it stays on the list until the next replacement. No thread
 * waits for another one.
 */
#include "tote/propagator.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/context.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"
#include "tote/internal/propagator.h"
#include "tote/internal/references.h"
#include "tote/internal/text.h"
#include "tote/internal/tracer.h"
#include "tote/propagator_ops.h"

struct tote_propagator {
    _Atomic(uint32_t) references; /* 0: static */
    tote_propagator_ops ops;      /* zero beyond the size of the caller's struct */
    void *self;
    tote_propagator *next_replaced;
    uint32_t replaced; /* number of references that await release */
};

/* Returned instead of a propagator that could not be created. */
static tote_propagator does_nothing;

tote_propagator *tote__propagator_of_nothing(void) {
    return &does_nothing;
}

enum { COUNTERS = 16, LOOKS = 64, COUNTER_ALIGNMENT = 64 };

/* Users of the global propagator; a thread always uses the same counter. */
static struct counter { _Alignas(COUNTER_ALIGNMENT) _Atomic(uint32_t) users; } counters[COUNTERS];

/* `lock` guards the list of replaced propagators. */
static struct {
    struct tote__lock lock;
    _Atomic(tote_propagator *) global;
    _Atomic(tote_propagator *) replaced; /* stored last: a forked child may inherit a held lock */
} globals;

tote_propagator *tote_propagator_new(const tote_propagator_ops *ops, void *self) {
    tote_propagator *propagator = ops ? tote__allocate_zeroed(sizeof *propagator) : NULL;

    if (!propagator) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "propagator",
                                "propagator not created: %s; nothing is propagated",
                                ops ? "out of memory" : "its functions are NULL");
        if (ops && ops->struct_size >= sizeof *ops && ops->destroy) {
            ops->destroy(self);
        }
        return &does_nothing;
    }
    atomic_init(&propagator->references, 1);
    TOTE__COPY_OPTIONS(tote_propagator_ops, &propagator->ops, ops);
    propagator->self = self;
    return propagator;
}

tote_propagator *tote_propagator_ref(const tote_propagator *propagator) {
    tote_propagator *counted = (tote_propagator *)propagator;

    if (counted) {
        tote__references_add(&counted->references);
    }
    return counted;
}

void tote_propagator_unref(tote_propagator *propagator) {
    if (propagator && tote__references_drop(&propagator->references)) {
        if (propagator->ops.destroy) {
            propagator->ops.destroy(propagator->self);
        }
        tote__release(propagator, sizeof *propagator);
    }
}

static struct counter *own_counter(void) {
    uint64_t mixed = (uint64_t)(uintptr_t)&tote__thread * UINT64_C(0x9E3779B97F4A7C15);

    return &counters[mixed >> 60];
}

/*
 * Return the global propagator, which is not freed until leave(). The increment and the load are
 * sequentially consistent with the replacement and the check of the counters.
 */
static tote_propagator *enter(struct counter **counter) {
    *counter = own_counter();
    atomic_fetch_add(&(*counter)->users, 1);
    return atomic_load(&globals.global);
}

static void leave(struct counter *counter) {
    atomic_fetch_sub_explicit(&counter->users, 1, memory_order_release);
}

/*
 * Return whether each counter has been 0 since the call began. Uses are short, so check a few
 * times.
 */
static bool have_all_left(void) {
    for (size_t i = 0; i < COUNTERS; i++) {
        unsigned looks = 0;
        while (atomic_load(&counters[i].users)) {
            if (++looks == LOOKS) {
                return false;
            }
        }
    }
    return true;
}

/* Set the global propagator, and put the reference to the old one on the list. */
static void replace(tote_propagator *propagator) {
    tote__lock_take(&globals.lock);
    tote_propagator *old = atomic_exchange(&globals.global, propagator);
    if (old && old->replaced++ == 0) {
        old->next_replaced = atomic_load_explicit(&globals.replaced, memory_order_relaxed);
        atomic_store_explicit(&globals.replaced, old, memory_order_release);
    }
    tote__lock_drop(&globals.lock);
}

/* Remove a reference that no thread uses from the list. Returns NULL if there is none. */
static tote_propagator *take_unused(void) {
    tote__lock_take(&globals.lock);
    tote_propagator *first = atomic_load_explicit(&globals.replaced, memory_order_relaxed);
    if (first && !have_all_left()) {
        first = NULL;
    }
    if (first && first->replaced == 1) {
        atomic_store_explicit(&globals.replaced, first->next_replaced, memory_order_release);
    }
    if (first) {
        first->replaced--;
    }
    tote__lock_drop(&globals.lock);
    return first;
}

void tote_propagator_set_global(tote_propagator *propagator) {
    tote_propagator *unused;

    replace(tote_propagator_ref(propagator));
    while ((unused = take_unused())) {
        tote_propagator_unref(unused);
    }
}

tote_propagator *tote_propagator_ref_global(void) {
    struct counter *counter;
    tote_propagator *propagator = tote_propagator_ref(enter(&counter));

    leave(counter);
    return propagator;
}

void tote_propagator_inject(const tote_propagator *propagator, const tote_context *context,
                            void *carrier, const tote_text_map_setter *setter) {
    context = tote__context_of(context);
    if (!propagator || !propagator->ops.inject || !setter || !setter->set ||
        context->is_suppressed) {
        return;
    }
    propagator->ops.inject(propagator->self, context, carrier, setter);
}

tote_context *tote_propagator_extract(const tote_propagator *propagator,
                                      const tote_context *context, const void *carrier,
                                      const tote_text_map_getter *getter) {
    context = tote__context_of(context);
    if (!propagator || !propagator->ops.extract || !getter || !getter->get_all) {
        return tote_context_ref(context);
    }
    tote_context *extracted = propagator->ops.extract(propagator->self, context, carrier, getter);
    return extracted ? extracted : tote_context_ref(context);
}

const char *tote_propagator_get_field(const tote_propagator *propagator, size_t index) {
    if (!propagator || !propagator->ops.get_field) {
        return NULL;
    }
    return propagator->ops.get_field(propagator->self, index);
}

void tote_inject(const tote_context *context, void *carrier, const tote_text_map_setter *setter) {
    struct counter *counter;

    tote_propagator_inject(enter(&counter), context, carrier, setter);
    leave(counter);
}

tote_context *tote_extract(const tote_context *context, const void *carrier,
                           const tote_text_map_getter *getter) {
    struct counter *counter;
    tote_context *extracted = tote_propagator_extract(enter(&counter), context, carrier, getter);

    leave(counter);
    return extracted;
}

/* Passes on the headers with one name. */
struct filter {
    const char *key; /* NULL: any name */
    size_t key_length;
    tote_header_visitor visit;
    void *arg;
    bool is_over; /* the visitor has returned false */
};

static bool pass_on(void *arg, const char *name, size_t name_length, const char *value,
                    size_t value_length) {
    struct filter *filter = arg;

    if (filter->is_over) {
        return false;
    }
    bool is_wanted =
        !filter->key ||
        (name && tote__equals_ignoring_case(name, name_length, filter->key, filter->key_length));
    if (!name || !value || !is_wanted) {
        return true;
    }
    filter->is_over = !filter->visit(filter->arg, name, name_length, value, value_length);
    return !filter->is_over;
}

void tote_text_map_getter_get_all(const tote_text_map_getter *getter, const void *carrier,
                                  const char *key, tote_header_visitor visit, void *arg) {
    if (!getter || !getter->get_all || !visit) {
        return;
    }
    struct filter filter = {
        .key = key, .key_length = key ? strlen(key) : 0, .visit = visit, .arg = arg};
    getter->get_all(carrier, key, pass_on, &filter);
}

/* A copy of the first header. */
struct first {
    char *buffer;
    size_t size;
    size_t length;
};

static bool take_first(void *arg, const char *name, size_t name_length, const char *value,
                       size_t value_length) {
    struct first *first = arg;

    (void)name, (void)name_length;
    tote__trim(&value, &value_length);
    memcpy(first->buffer, value, tote__min(value_length, first->size));
    first->length = value_length;
    return false;
}

size_t tote__text_map_getter_get_first(const tote_text_map_getter *getter, const void *carrier,
                                       const char *key, char *buffer, size_t size) {
    struct first first = {buffer, size, 0};

    tote_text_map_getter_get_all(getter, carrier, key, take_first, &first);
    return first.length;
}
