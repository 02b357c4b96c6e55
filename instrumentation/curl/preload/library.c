/* SPDX-License-Identifier: MIT */
/*
 * library.c - which libcurl a caller is bound to
 *
 * A process may have several, for example libcurl-gnutls in Debian's git, or one in a plug-in.
 * Without the interposer the dynamic linker would bind the caller's versioned reference to the
 * first definition in the global scope, then in the caller's dependencies. This file does the same,
 * once for each call site. If an object was unmapped since, the call site is looked up again.
 *
 * Tests: tests/examples/test_preload_curl.sh
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "preload.h"

enum { PLACES = 16 };

static struct {
    pthread_mutex_t lock; /* for writers; readers need no lock */
    _Atomic(struct preload_library *) first;
} libraries = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A call site and its libcurl. */
struct place {
    void *caller;
    unsigned long long unmapped;
    struct preload_library *library;
    bool is_internal;
};

static _Thread_local struct place places[PLACES] __attribute__((tls_model("initial-exec")));

static int count_unmapped(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)size;
    *(unsigned long long *)arg = info->dlpi_subs;
    return 1;
}

static void *base_of(const void *address) {
    Dl_info info;

    return dladdr(address, &info) ? info.dli_fbase : NULL;
}

static void *own_base(void) {
    return base_of((void *)(uintptr_t)&preload_library_of);
}

/* Read an object's dynamic section. On some platforms its addresses are not relocated. */
static const void *dynamic(const struct link_map *map, ElfW(Sxword) tag) {
    for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
        if ((ElfW(Sxword))entry->d_tag == tag) {
            uintptr_t address = (uintptr_t)entry->d_un.d_ptr;
            return (const void *)(address < map->l_addr ? address + map->l_addr : address);
        }
    }
    return NULL;
}

/* Return the version of libcurl's symbols that the object needs; NULL: none. */
static const char *version_needed(const struct link_map *map) {
    const char *strings = dynamic(map, DT_STRTAB);
    const char *at = dynamic(map, DT_VERNEED);

    while (strings && at) {
        const ElfW(Verneed) *needed = (const void *)at;
        const ElfW(Vernaux) *version = (const void *)(at + needed->vn_aux);
        if (strstr(strings + needed->vn_file, "libcurl")) {
            return strings + version->vna_name;
        }
        at = needed->vn_next ? at + needed->vn_next : NULL;
    }
    return NULL;
}

static void *look_up(void *scope, const char *name, const char *version) {
    return version ? dlvsym(scope, name, version) : dlsym(scope, name);
}

/* Return the definition that the object would be bound to without the interposer. */
static void *bound_to(const struct link_map *map, const void *base, const char *name) {
    void *scope = dlopen(*map->l_name ? map->l_name : NULL, RTLD_LAZY | RTLD_NOLOAD);
    const char *version = version_needed(map);
    void *found = scope ? dlsym(scope, name) : NULL;

    if (!found || base_of(found) != base) { /* else it is libcurl itself */
        found = look_up(RTLD_NEXT, name, version);
        if (!found && scope) {
            found = look_up(scope, name, version);
        }
    }
    if (scope) {
        dlclose(scope);
    }
    return found && base_of(found) != own_base() ? found : NULL;
}

static const struct link_map *map_of(void *caller) {
    Dl_info info;
    struct link_map *map = NULL;

    return dladdr1(caller, &info, (void **)&map, RTLD_DL_LINKMAP) ? map : NULL;
}

void *preload_find(void *caller, const char *name) {
    const struct link_map *map = map_of(caller);

    return map ? bound_to(map, base_of(caller), name) : NULL;
}

/* Get a function of this library, not one of its dependencies. */
static bool get_function(void *handle, void *base, const char *name, void *field) {
    void *found = dlsym(handle, name);

    if (!found || base_of(found) != base) {
        return false;
    }
    memcpy(field, &found, sizeof found);
    return true;
}

#define GET_REQUIRED(name)                                                                         \
    is_whole = is_whole && get_function(handle, base, "curl_" #name, &library->name);
#define GET_TRACING(name)                                                                          \
    library->is_traced =                                                                           \
        get_function(handle, base, "curl_" #name, &library->name) && library->is_traced;

static bool get_functions(struct preload_library *library, void *handle, void *base) {
    bool is_whole = true;

    PRELOAD_REQUIRED(GET_REQUIRED)
    library->is_traced = is_whole;
    PRELOAD_TRACING(GET_TRACING)
    library->curl = (struct tote__curl){
        .easy_setopt = library->easy_setopt,
        .easy_getinfo = library->easy_getinfo,
        .easy_nextheader = library->easy_nextheader,
        .easy_strerror = library->easy_strerror,
        .url = library->url,
        .url_cleanup = library->url_cleanup,
        .url_get = library->url_get,
        .url_set = library->url_set,
        .free = library->free,
        .sees_calls = true,
    };
    library->reports_old_urls =
        is_whole && tote__curl_reports_old_urls(library->version_info(CURLVERSION_NOW));
    return is_whole;
}

static int find_end(struct dl_phdr_info *info, size_t size, void *arg) {
    struct preload_library *library = arg;
    uintptr_t end = 0;
    bool is_it = false;

    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + segment->p_vaddr;
        uintptr_t to = from + segment->p_memsz;
        if (segment->p_type == PT_LOAD) {
            is_it = is_it || (library->start >= from && library->start < to);
            end = to > end ? to : end;
        }
    }
    if (is_it) {
        library->end = end;
    }
    return is_it;
}

static struct preload_library *new_library(void *easy_init) {
    struct preload_library *library = calloc(1, sizeof *library);
    Dl_info info;

    if (!library || !dladdr(easy_init, &info)) {
        free(library);
        return NULL;
    }
    void *handle = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    if (!handle) { /* the program itself, linked statically */
        handle = dlopen(NULL, RTLD_LAZY);
    }
    if (!handle || !get_functions(library, handle, info.dli_fbase)) {
        free(library);
        return NULL;
    }
    library->start = (uintptr_t)info.dli_fbase;
    dl_iterate_phdr(find_end, library);
    return library;
}

static struct preload_library *library_with(void *easy_init) {
    struct preload_library *library;

    pthread_mutex_lock(&libraries.lock);
    for (library = atomic_load(&libraries.first); library; library = library->next) {
        if (memcmp(&library->easy_init, &easy_init, sizeof easy_init) == 0) {
            break;
        }
    }
    if (!library && (library = new_library(easy_init))) {
        library->next = atomic_load(&libraries.first);
        atomic_store(&libraries.first, library);
    }
    pthread_mutex_unlock(&libraries.lock);
    return library;
}

static bool is_named_tote(const char *path) {
    const char *slash = strrchr(path, '/');

    return strncmp(slash ? slash + 1 : path, "libtote", strlen("libtote")) == 0;
}

static struct place find_place(void *caller) {
    const struct link_map *map = map_of(caller);
    void *easy_init = map ? bound_to(map, base_of(caller), "curl_easy_init") : NULL;
    struct place place = {.caller = caller};

    dl_iterate_phdr(count_unmapped, &place.unmapped);
    if (easy_init) {
        place.library = library_with(easy_init);
        place.is_internal = base_of(easy_init) == base_of(caller) || is_named_tote(map->l_name);
    }
    return place;
}

static const struct place *place_of(void *caller) {
    struct place *place =
        &places[((uint64_t)(uintptr_t)caller * UINT64_C(0x9E3779B97F4A7C15)) >> 60];
    unsigned long long unmapped = 0;

    dl_iterate_phdr(count_unmapped, &unmapped);
    if (place->caller != caller || place->unmapped != unmapped) {
        *place = find_place(caller);
    }
    return place;
}

struct preload_library *preload_library_of(void *caller) {
    return place_of(caller)->library;
}

bool preload_is_internal(void *caller) {
    return place_of(caller)->is_internal;
}

struct preload_library *preload_load(const char *name) {
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    void *easy_init = handle ? dlsym(handle, "curl_easy_init") : NULL;

    return easy_init ? library_with(easy_init) : NULL;
}
