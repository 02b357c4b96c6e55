/* SPDX-License-Identifier: MIT */
/*
 * weak_model.c - enumerates the executions which C11 permits: memory
 *
 * An atomic object has a list of stores, in the order in which they were executed. A load may read
 * any of them that is not older than a store which its thread has seen: wrote, read, or is ordered
 * after. Vector clocks say what a thread is ordered after. `happens` is happens-before, for data
 * races. `view` also contains what fences of sequential consistency make visible, which is not
 * happens-before.
 *
 * These functions have the names of the runtime of ThreadSanitizer, whose interface gcc and clang
 * share: one for each access in code that is compiled with -fsanitize=thread.
 */
#define WEAK_PLAIN
#include "weak_model.h"

enum { THREADS = WEAK_MOST_THREADS, GRANULE = 8, MARKED_BYTES = 1024, EDGE_BYTES = 64 };
enum { GRANULES = 1 << 13, OBJECTS = 1 << 13, STORES = 1 << 15 }; /* powers of two */
static const uint32_t never = UINT32_MAX;

struct clock {
    uint32_t at[THREADS];
};

/* What a thread or a store is ordered after. */
struct order {
    struct clock happens;
    struct clock view;
};

struct store {
    struct store *older;
    uint64_t value;
    struct order release;   /* for a load that acquires */
    uint32_t seen[THREADS]; /* when a thread wrote or first read it; or never */
    uint32_t total;         /* its place in the order of all SC operations; 0: none */
};

/* An atomic object. */
struct object {
    const void *address;
    uint64_t execution;
    struct store *newest; /* NULL: a plain write was the last one */
    bool is_written;      /* by a thread, in any execution */
};

/* The last accesses to a byte. */
struct byte {
    uint32_t plain_write;
    uint8_t writer;
    bool is_freed;
    uint32_t plain_reads[THREADS];
    uint32_t atomic_reads[THREADS];
    uint32_t atomic_writes[THREADS];
};

struct granule {
    uintptr_t number;
    uint64_t execution;
    bool has_objects;
    struct byte bytes[GRANULE];
};

struct actor {
    struct order now;
    struct order released; /* by its last release fence */
    struct order acquired; /* by relaxed loads, for the next acquire fence */
    uint32_t fence;        /* the place of its last SC fence; 0: none */
};

static struct {
    uint64_t execution;
    struct actor actors[THREADS];
    struct clock sc_view;
    uint32_t total;
    struct granule granules[GRANULES];
    struct object objects[OBJECTS];
    struct store stores[STORES];
    size_t store_count;
} model;

void weak_model_begin(int threads) {
    (void)threads;
    model.execution++;
    memset(model.actors, 0, sizeof model.actors);
    model.sc_view = (struct clock){{0}};
    model.total = 0;
    model.store_count = 0;
}

static void join(struct clock *clock, const struct clock *other) {
    for (int i = 0; i < THREADS; i++) {
        clock->at[i] = other->at[i] > clock->at[i] ? other->at[i] : clock->at[i];
    }
}

static void join_order(struct order *order, const struct order *other) {
    join(&order->happens, &other->happens);
    join(&order->view, &other->view);
    join(&order->view, &other->happens);
}

static bool acquires(int order) {
    return order != memory_order_relaxed && order != memory_order_release;
}

static bool releases(int order) {
    return order == memory_order_release || order >= memory_order_acq_rel;
}

static struct granule *granule_of(uintptr_t address) {
    uintptr_t number = address / GRANULE;
    size_t at = number * 0x9E3779B97F4A7C15U >> 40;

    for (size_t tries = 0; tries < GRANULES; tries++) {
        struct granule *granule = &model.granules[at++ % GRANULES];
        if (granule->number == number || !granule->number) {
            if (granule->execution != model.execution) {
                *granule = (struct granule){.number = number, .execution = model.execution};
            }
            return granule;
        }
    }
    weak_exceed("too many granules");
}

static struct object *object_of(const void *address) {
    size_t at = (uintptr_t)address * 0x9E3779B97F4A7C15U >> 40;

    for (size_t tries = 0; tries < OBJECTS; tries++) {
        struct object *object = &model.objects[at++ % OBJECTS];
        if (object->address == address || !object->address) {
            if (object->execution != model.execution) {
                *object = (struct object){.address = address,
                                          .execution = model.execution,
                                          .is_written = object->is_written};
            }
            return object;
        }
    }
    weak_exceed("too many atomic objects");
}

/* Whether the thread is ordered after each of these accesses of others. */
static bool is_after(const struct clock *happens, const uint32_t accesses[THREADS]) {
    for (int i = 0; i < THREADS; i++) {
        if (accesses[i] > happens->at[i]) {
            return false;
        }
    }
    return true;
}

/* Check and note an access to one byte. */
static void access_byte(struct byte *byte, int me, bool is_write, bool is_atomic) {
    const struct clock *happens = &model.actors[me].now.happens;
    uint32_t now = happens->at[me];
    bool is_race = byte->plain_write > happens->at[byte->writer];

    if (byte->is_freed) {
        weak_fail("an access to freed memory", __FILE__, __LINE__);
    }
    is_race |= is_write && !is_after(happens, byte->plain_reads);
    is_race |= !is_atomic && !is_after(happens, byte->atomic_writes);
    is_race |= !is_atomic && is_write && !is_after(happens, byte->atomic_reads);
    if (is_race) {
        weak_fail("a data race", __FILE__, __LINE__);
    }
    if (is_atomic && is_write) {
        byte->atomic_writes[me] = now;
    } else if (is_write) {
        byte->plain_write = now;
        byte->writer = (uint8_t)me;
    } else if (is_atomic) {
        byte->atomic_reads[me] = now;
    } else {
        byte->plain_reads[me] = now;
    }
}

/* A plain write ends the list of stores of an atomic object. */
static void forget_objects(uintptr_t address, size_t size) {
    for (size_t i = 0; i < size; i++) {
        object_of((const void *)(address + i))->newest = NULL;
    }
}

static void access_bytes(const void *start, size_t size, bool is_write, bool is_atomic) {
    uintptr_t at = (uintptr_t)start;
    int me = weak_thread();

    for (size_t i = 0; i < size; i++) {
        struct granule *granule = granule_of(at + i);
        do {
            access_byte(&granule->bytes[(at + i) % GRANULE], me, is_write, is_atomic);
            if (is_write && !is_atomic && granule->has_objects) {
                forget_objects(at + i, 1);
            }
            granule->has_objects |= is_atomic;
        } while ((at + i + 1) % GRANULE && ++i < size);
    }
}

/* A step of the thread: its clock is that of its next access. */
static struct actor *step(void) {
    int me = weak_thread();
    struct actor *actor = &model.actors[me];

    actor->now.view.at[me] = ++actor->now.happens.at[me];
    return actor;
}

static void access_plain(const void *pc, const void *start, size_t size, bool is_write) {
    if (weak_thread() < 0 || weak_is_on_stack(start)) {
        return;
    }
    step();
    weak_note(pc, is_write ? "writes" : "reads", start, size);
    if (size <= MARKED_BYTES) {
        access_bytes(start, size, is_write, false);
    } else { /* both ends suffice */
        access_bytes(start, EDGE_BYTES, is_write, false);
        access_bytes((const char *)start + size - EDGE_BYTES, EDGE_BYTES, is_write, false);
    }
}

void weak_allocated(void *block, size_t size, bool is_freed) {
    size_t marked = size < MARKED_BYTES ? size : MARKED_BYTES;

    if (weak_thread() < 0) {
        return;
    }
    step();
    weak_note(__builtin_return_address(0), is_freed ? "frees" : "creates", block, size);
    access_bytes(block, marked, true, false);
    for (size_t i = 0; is_freed && i < marked; i++) {
        granule_of((uintptr_t)block + i)->bytes[((uintptr_t)block + i) % GRANULE].is_freed = true;
    }
}

static struct store *new_store(struct object *object, uint64_t value) {
    if (model.store_count == STORES) {
        weak_exceed("too many stores");
    }
    struct store *store = &model.stores[model.store_count++];
    *store = (struct store){.older = object->newest, .value = value};
    for (int i = 0; i < THREADS; i++) {
        store->seen[i] = never;
    }
    object->newest = store;
    return store;
}

/* Return the object with one store or more: what was there before, or was written plainly. */
static struct object *object_at(const void *address, uint64_t value) {
    struct object *object = object_of(address);

    if (!object->newest) {
        const struct byte *byte =
            &granule_of((uintptr_t)address)->bytes[(uintptr_t)address % GRANULE];
        new_store(object, value)->seen[byte->writer] = byte->plain_write;
    }
    return object;
}

/* Before a load: it makes no difference when an object is read that no thread writes. */
static void load_point(const void *address) {
    if (weak_thread() >= 0 && object_of(address)->is_written) {
        weak_point();
    }
}

static void store_to(struct object *object, uint64_t value, int order, bool is_rmw) {
    const struct order *before = is_rmw ? &object->newest->release : NULL;
    struct actor *actor = &model.actors[weak_thread()];
    struct store *store = new_store(object, value);

    store->seen[weak_thread()] = actor->now.happens.at[weak_thread()];
    store->release = releases(order) ? actor->now : actor->released;
    if (before) { /* the release sequence continues */
        join_order(&store->release, before);
    }
    store->total = order == memory_order_seq_cst ? ++model.total : 0;
    if (!object->is_written) {
        object->is_written = true;
        weak_begin_anew();
    }
    weak_wrote();
}

static void read_from(struct store *store, int order) {
    int me = weak_thread();
    struct actor *actor = &model.actors[me];
    uint32_t now = actor->now.happens.at[me];

    store->seen[me] = now < store->seen[me] ? now : store->seen[me];
    join_order(acquires(order) ? &actor->now : &actor->acquired, &store->release);
}

/* Whether a load of this thread cannot read a store that is older than this one. */
static bool hides_older(const struct store *store, const struct clock *view, int order) {
    const struct actor *actor = &model.actors[weak_thread()];

    for (int i = 0; i < THREADS; i++) {
        if (store->seen[i] <= view->at[i]) {
            return true;
        }
    }
    return store->total && (order == memory_order_seq_cst || store->total < actor->fence);
}

enum { MOST_READABLE = 64 };

/* Find the stores that a load can read, newest first, except those with the value `unless`. */
static uint32_t find_readable(const struct object *object, int order, const uint64_t *unless,
                              struct store *readable[MOST_READABLE]) {
    struct clock view = model.actors[weak_thread()].now.view;
    struct store *store = object->newest;
    uint32_t count = 0;

    if (order == memory_order_seq_cst) {
        join(&view, &model.sc_view);
    }
    for (;; store = store->older) {
        if (!unless || store->value != *unless) {
            readable[count++] = store;
        }
        if (!store->older || count == MOST_READABLE || hides_older(store, &view, order)) {
            return count;
        }
    }
}

static uint64_t load(const void *pc, const void *address, size_t size, uint64_t value, int order) {
    struct store *readable[MOST_READABLE];

    if (weak_thread() < 0) {
        return value;
    }
    order = weak_order(pc, order);
    step();
    access_bytes(address, size, false, true);
    struct object *object = object_at(address, value);
    uint32_t count = find_readable(object, order, NULL, readable);
    struct store *store = readable[weak_choose_old(count)];
    read_from(store, order);
    weak_note(pc, store == object->newest ? "loads" : "loads old", address, store->value);
    return store->value;
}

static void store(const void *pc, const void *address, size_t size, uint64_t old, uint64_t value,
                  int order) {
    if (weak_thread() >= 0) {
        order = weak_order(pc, order);
        step();
        access_bytes(address, size, true, true);
        weak_note(pc, "stores", address, value);
        store_to(object_at(address, old), value, order, false);
    }
}

/* Read the newest store and write another one. */
static void exchange(const void *pc, const void *address, size_t size, uint64_t old, uint64_t value,
                     int order) {
    if (weak_thread() >= 0) {
        order = weak_order(pc, order);
        step();
        access_bytes(address, size, true, true);
        struct object *object = object_at(address, old);
        weak_note(pc, "changes", address, value);
        read_from(object->newest, order);
        store_to(object, value, order, true);
    }
}

/*
 * Return whether it succeeds; if not, set `*expected` to what it reads. The newest store may be
 * equal although the operation fails, if that is weak or reads an older one.
 */
static bool compare(const void *pc, const void *address, size_t size, uint64_t old,
                    uint64_t *expected, uint64_t value, int order, int failure, bool is_weak) {
    struct store *readable[MOST_READABLE + 1];
    uint32_t count = 0;

    if (weak_thread() < 0) {
        bool is_same = old == *expected;
        *expected = old;
        return is_same;
    }
    int given = order;
    order = weak_order(pc, given);
    failure = order == given ? failure : order;
    step();
    access_bytes(address, size, true, true);
    struct object *object = object_at(address, old);
    bool may_succeed = object->newest->value == *expected;
    if (may_succeed && is_weak) {
        readable[count++] = object->newest;
    }
    count += find_readable(object, failure, expected, readable + count);
    uint32_t taken = weak_choose_old(count + may_succeed);
    if (may_succeed && taken == 0) {
        weak_note(pc, "succeeds", address, value);
        read_from(object->newest, order);
        store_to(object, value, order, true);
        return true;
    }
    struct store *read = readable[taken - may_succeed];
    weak_note(pc, "fails", address, read->value);
    read_from(read, failure);
    *expected = read->value;
    return false;
}

static void fence(const void *pc, int order) {
    if (weak_thread() < 0) {
        return;
    }
    order = weak_order(pc, order);
    struct actor *actor = step();
    if (acquires(order)) {
        join_order(&actor->now, &actor->acquired);
    }
    if (order == memory_order_seq_cst) {
        join(&actor->now.view, &model.sc_view);
        join(&model.sc_view, &actor->now.view);
        actor->fence = ++model.total;
    }
    if (releases(order)) {
        actor->released = actor->now;
    }
}

void *weak_memcpy(void *to, const void *from, size_t size) {
    access_plain(__builtin_return_address(0), from, size, false);
    access_plain(__builtin_return_address(0), to, size, true);
    return memmove(to, from, size);
}

void *weak_memset(void *to, int byte, size_t size) {
    access_plain(__builtin_return_address(0), to, size, true);
    return memset(to, byte, size);
}

int weak_memcmp(const void *one, const void *other, size_t size) {
    access_plain(__builtin_return_address(0), one, size, false);
    access_plain(__builtin_return_address(0), other, size, false);
    return memcmp(one, other, size);
}

/* The functions that the compiler calls. */
#define PC __builtin_return_address(0)

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_read_range(const void *address, size_t size);
void __tsan_write_range(const void *address, size_t size);
void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);

void __tsan_init(void) {}
void __tsan_func_entry(void *pc) {
    (void)pc;
}
void __tsan_func_exit(void) {}
void __tsan_read_range(const void *address, size_t size) {
    access_plain(PC, address, size, false);
}
void __tsan_write_range(const void *address, size_t size) {
    access_plain(PC, address, size, true);
}
void __tsan_atomic_thread_fence(int order) {
    if (weak_thread() >= 0) {
        weak_point();
    }
    fence(PC, order);
}
void __tsan_atomic_signal_fence(int order) {
    (void)order;
}

#define PLAIN(size)                                                                                \
    void __tsan_read##size(const void *address);                                                   \
    void __tsan_write##size(const void *address);                                                  \
    void __tsan_unaligned_read##size(const void *address);                                         \
    void __tsan_unaligned_write##size(const void *address);                                        \
    void __tsan_read##size(const void *address) {                                                  \
        access_plain(PC, address, size, false);                                                    \
    }                                                                                              \
    void __tsan_write##size(const void *address) {                                                 \
        access_plain(PC, address, size, true);                                                     \
    }                                                                                              \
    void __tsan_unaligned_read##size(const void *address) {                                        \
        access_plain(PC, address, size, false);                                                    \
    }                                                                                              \
    void __tsan_unaligned_write##size(const void *address) {                                       \
        access_plain(PC, address, size, true);                                                     \
    }

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

/* The memory itself contains the newest store. */
#define FETCH(bits, name, operator)                                                                \
    uint##bits##_t __tsan_atomic##bits##_fetch_##name(volatile uint##bits##_t *object,             \
                                                      uint##bits##_t value, int order);            \
    uint##bits##_t __tsan_atomic##bits##_fetch_##name(volatile uint##bits##_t *object,             \
                                                      uint##bits##_t value, int order) {           \
        POINT;                                                                                     \
        uint##bits##_t old = *object;                                                              \
        uint##bits##_t changed = (uint##bits##_t)(old operator value);                             \
        exchange(PC, (const void *)object, sizeof *object, old, changed, order);                   \
        *object = changed;                                                                         \
        return old;                                                                                \
    }
#define POINT (weak_thread() >= 0 ? weak_point() : (void)0)
#define COMPARE(bits, name, is_weak)                                                               \
    int __tsan_atomic##bits##_compare_exchange_##name(                                             \
        volatile uint##bits##_t *object, uint##bits##_t *expected, uint##bits##_t value,           \
        int order, int failure);                                                                   \
    int __tsan_atomic##bits##_compare_exchange_##name(                                             \
        volatile uint##bits##_t *object, uint##bits##_t *expected, uint##bits##_t value,           \
        int order, int failure) {                                                                  \
        POINT;                                                                                     \
        uint64_t seen = *expected;                                                                 \
        bool is_done = compare(PC, (const void *)object, sizeof *object, *object, &seen, value,    \
                               order, failure, is_weak);                                           \
        if (is_done) {                                                                             \
            *object = value;                                                                       \
        } else {                                                                                   \
            access_plain(PC, expected, sizeof *expected, true);                                    \
            *expected = (uint##bits##_t)seen;                                                      \
        }                                                                                          \
        return is_done;                                                                            \
    }
/* What clang calls, for weak ones, too. Returns the value that was read. */
#define COMPARE_VALUE(bits)                                                                        \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                     \
        volatile uint##bits##_t *object, uint##bits##_t expected, uint##bits##_t value, int order, \
        int failure);                                                                              \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                     \
        volatile uint##bits##_t *object, uint##bits##_t expected, uint##bits##_t value, int order, \
        int failure) {                                                                             \
        POINT;                                                                                     \
        uint64_t seen = expected;                                                                  \
        if (compare(PC, (const void *)object, sizeof *object, *object, &seen, value, order,        \
                    failure, false)) {                                                             \
            *object = value;                                                                       \
        }                                                                                          \
        return (uint##bits##_t)seen;                                                               \
    }
#define ATOMIC(bits)                                                                               \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *object, int order);   \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *object, uint##bits##_t value,        \
                                     int order);                                                   \
    uint##bits##_t __tsan_atomic##bits##_exchange(volatile uint##bits##_t *object,                 \
                                                  uint##bits##_t value, int order);                \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *object, int order) {  \
        load_point((const void *)object);                                                          \
        return (uint##bits##_t)load(PC, (const void *)object, sizeof *object, *object, order);     \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *object, uint##bits##_t value,        \
                                     int order) {                                                  \
        POINT;                                                                                     \
        store(PC, (const void *)object, sizeof *object, *object, value, order);                    \
        *object = value;                                                                           \
    }                                                                                              \
    uint##bits##_t __tsan_atomic##bits##_exchange(volatile uint##bits##_t *object,                 \
                                                  uint##bits##_t value, int order) {               \
        POINT;                                                                                     \
        uint##bits##_t old = *object;                                                              \
        exchange(PC, (const void *)object, sizeof *object, old, value, order);                     \
        *object = value;                                                                           \
        return old;                                                                                \
    }                                                                                              \
    FETCH(bits, add, +)                                                                            \
    FETCH(bits, sub, -)                                                                            \
    FETCH(bits, or, |)                                                                             \
    FETCH(bits, and, &)                                                                            \
    COMPARE(bits, strong, false)                                                                   \
    COMPARE(bits, weak, true)                                                                      \
    COMPARE_VALUE(bits)

ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)
