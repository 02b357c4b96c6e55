/* SPDX-License-Identifier: MIT */
/*
 * sent.c - the list that libcurl gets for one attempt
 *
 * Heads are never freed. A free head is reused only after many others, because a copy of its handle
 * may still have it. A copy gets the program's list before it sends a request (request.c).
 *
 * Tests: tests/unit/test_curl_attempts.c
 */
#include <stdatomic.h>
#include <string.h>
#include <strings.h>

#include "curl_parts.h"
#include "tote/diagnostics.h"
#include "tote/propagator.h"

enum { FEWEST_FREE = 64 };

struct tote__sent_head {
    struct curl_slist node;
    struct tote__sent_head *older;
    atomic_bool is_used;
};

static struct {
    _Atomic(struct tote__sent_head *) newest; /* of all heads, linked by `older` */
    _Atomic(struct tote__sent_head *) last;   /* the head that was reused last */
    _Atomic(size_t) count;
    _Atomic(size_t) used;
} heads;

static struct tote__sent_head *make_head(void) {
    struct tote__sent_head *head = tote__allocate_zeroed(sizeof *head);

    if (!head) {
        return NULL;
    }
    atomic_init(&head->is_used, true);
    head->older = atomic_load(&heads.newest);
    while (!atomic_compare_exchange_weak(&heads.newest, &head->older, head)) {
    }
    atomic_fetch_add(&heads.count, 1);
    return head;
}

/* Return the next free head after the one reused last, in a ring; NULL: none is free. */
static struct tote__sent_head *reuse_head(size_t count) {
    struct tote__sent_head *head = atomic_load(&heads.last);

    for (size_t i = 0; i < count; i++) {
        head = head && head->older ? head->older : atomic_load(&heads.newest);
        if (head && !atomic_exchange(&head->is_used, true)) {
            atomic_store(&heads.last, head);
            return head;
        }
    }
    return NULL;
}

/* Keep half as many free heads as used ones, so that the search is short. */
static struct tote__sent_head *take_head(void) {
    size_t used = atomic_fetch_add(&heads.used, 1);
    size_t count = atomic_load(&heads.count);
    struct tote__sent_head *head = count < used + used / 2 + FEWEST_FREE ? NULL : reuse_head(count);

    if (!head && !(head = make_head())) {
        atomic_fetch_sub(&heads.used, 1);
    }
    return head;
}

static char nothing[] = "";

static void give_head(struct tote__sent_head *head) {
    atomic_store(&head->is_used, false);
    atomic_fetch_sub(&heads.used, 1);
}

bool tote__curl_is_header(const char *line, const char *name, size_t length) {
    return ((*line ^ *name) & 0x5F) == 0 && strncasecmp(line, name, length) == 0 &&
           (line[length] == ':' || line[length] == ';');
}

/* An injected line, or only the name of a header that is removed. */
struct line {
    struct curl_slist node; /* first */
    size_t name_length;
    char text[];
};

/* Injected lines as a carrier. */
struct injected {
    struct tote__arena *arena;
    struct curl_slist *first;
    struct curl_slist *removed; /* headers that inject removes */
};

static void remove_line(struct curl_slist **list, const char *name, size_t length) {
    for (; *list; list = &(*list)->next) {
        if (tote__curl_is_header((*list)->data, name, length)) {
            *list = (*list)->next;
            return;
        }
    }
}

/* libcurl writes an empty header as "Name;". A NULL value removes the program's header. */
static void set_line(void *carrier, const char *key, const char *value, size_t value_length) {
    struct injected *injected = carrier;
    size_t length = strlen(key);

    remove_line(&injected->first, key, length);
    struct curl_slist **list = value ? &injected->first : &injected->removed;
    struct line *line =
        tote__arena_allocate(injected->arena, sizeof *line + length + 2 + value_length + 1);
    if (!line) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "curl", "header '%.64s' not sent: out of memory",
                                key);
        return;
    }
    char *end = mempcpy(line->text, key, length);
    *end++ = value_length ? ':' : ';';
    if (value && value_length) {
        *end++ = ' ';
        end = mempcpy(end, value, value_length);
    }
    *end = '\0';
    line->name_length = length;
    line->node = (struct curl_slist){line->text, *list};
    *list = &line->node;
}

static bool is_among(const struct curl_slist *lines, const char *line) {
    for (; lines; lines = lines->next) {
        if (tote__curl_is_header(line, lines->data, ((const struct line *)lines)->name_length)) {
            return true;
        }
    }
    return false;
}

static bool is_replaced(const struct injected *injected, const char *line) {
    return is_among(injected->first, line) || is_among(injected->removed, line);
}

/*
 * Append the lines of `own` that inject does not replace. The nodes after the last replaced line
 * are borrowed, not copied. Returns false if out of memory.
 */
static bool append(struct tote__sent *sent, const struct injected *injected,
                   struct curl_slist *last, struct curl_slist *own) {
    struct curl_slist *rest = own;

    for (const struct curl_slist *node = own; node; node = node->next) {
        if (is_replaced(injected, node->data)) {
            rest = node->next;
        }
    }
    while (last->next) {
        last = last->next;
    }
    struct curl_slist *end = NULL, **at = &end;
    for (; own != rest; own = own->next) {
        if (is_replaced(injected, own->data)) {
            continue;
        }
        *at = tote__arena_allocate(&sent->arena, sizeof **at);
        if (!*at) {
            return false;
        }
        (*at)->data = own->data;
        at = &(*at)->next;
    }
    *at = rest;
    last->next = end;
    return true;
}

struct curl_slist *tote__sent_make(struct tote__sent *sent, struct curl_slist *own,
                                   const tote_context *context) {
    static const tote_text_map_setter setter = {sizeof setter, set_line};
    struct injected injected = {&sent->arena, NULL, NULL};
    struct curl_slist none = {nothing, NULL};

    tote__sent_reset(sent, own);
    sent->arena = tote__arena_over(sent->usual, sizeof sent->usual);
    tote_inject(context, &injected, &setter);
    if (!injected.first && !injected.removed) {
        return tote__sent_reset(sent, own);
    }
    if (!sent->head) {
        sent->head = take_head();
    }
    struct curl_slist *first = injected.first ? injected.first : &none;
    if (!sent->head || !append(sent, &injected, first, own)) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "curl", "headers not injected: out of memory");
        return tote__sent_reset(sent, own);
    }
    sent->head->node = *first;
    return &sent->head->node;
}

struct curl_slist *tote__sent_reset(struct tote__sent *sent, struct curl_slist *own) {
    if (sent->head) {
        sent->head->node = (struct curl_slist){nothing, own};
    }
    tote__arena_clear(&sent->arena);
    return sent->head ? &sent->head->node : own;
}

void tote__sent_clear(struct tote__sent *sent, struct curl_slist *own) {
    tote__sent_reset(sent, own);
    if (sent->head) {
        give_head(sent->head);
        sent->head = NULL;
    }
}
