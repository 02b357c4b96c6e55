/* SPDX-License-Identifier: MIT */
/*
 * library.c - which library a caller is bound to
 *
 * A process may have several of one kind, for example libcurl-gnutls in Debian's git, or one in a
 * plug-in. Without the preload object the dynamic linker would bind the caller's versioned
 * reference to the first definition in the global scope, then in the caller's dependencies. This
 * file does the same, once for each call site. If an object was unmapped since, the call site is
 * looked up again.
 *
 * Structs of libraries are added at the head of a list and never removed, without a lock, so that
 * a forked child can use the list.
 *
 * Tests: tests/examples/test_preload_curl.sh
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "tote/internal/preload.h"

enum { PLACES = 16 };

/* A call site and its library. */
struct place {
    void *caller;
    unsigned long long unmapped;
    struct tote__preload_library *library;
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
    return base_of((void *)(uintptr_t)&own_base);
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

/* Return the version of the symbols that the object needs of such a file; NULL: none. */
static const char *version_needed(const struct link_map *map, const char *file) {
    const char *strings = dynamic(map, DT_STRTAB);
    const char *at = dynamic(map, DT_VERNEED);

    while (strings && at) {
        const ElfW(Verneed) *needed = (const void *)at;
        const ElfW(Vernaux) *version = (const void *)(at + needed->vn_aux);
        if (strstr(strings + needed->vn_file, file)) {
            return strings + version->vna_name;
        }
        at = needed->vn_next ? at + needed->vn_next : NULL;
    }
    return NULL;
}

static void *look_up(void *scope, const char *name, const char *version) {
    return version ? dlvsym(scope, name, version) : dlsym(scope, name);
}

/* Return the definition that the object would be bound to without this one. */
static void *bound_to(const struct link_map *map, const void *base, const char *file,
                      const char *name) {
    void *scope = dlopen(*map->l_name ? map->l_name : NULL, RTLD_LAZY | RTLD_NOLOAD);
    const char *version = version_needed(map, file);
    void *found = scope ? dlsym(scope, name) : NULL;

    if (!found || base_of(found) != base) { /* else it is the library itself */
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

void *tote__preload_find(const struct tote__preload_kind *kind, void *caller, const char *name) {
    int error = errno;
    const struct link_map *map = map_of(caller);
    void *found = map ? bound_to(map, base_of(caller), kind->file, name) : NULL;

    errno = error;
    return found;
}

/* Get the functions of this library, not those of its dependencies. */
static bool get_functions(const struct tote__preload_kind *kind,
                          struct tote__preload_library *library, void *handle, const void *base) {
    library->is_complete = true;
    for (size_t i = 0; i < kind->function_count; i++) {
        const struct tote__preload_function *function = &kind->functions[i];
        void *found = dlsym(handle, function->name);
        if (found && base_of(found) == base) {
            memcpy((char *)library + function->offset, &found, sizeof found);
        } else if (function->need == TOTE__PRELOAD_REQUIRED) {
            return false;
        } else if (function->need == TOTE__PRELOAD_OPTIONAL) {
            library->is_complete = false;
        }
    }
    return true;
}

static int find_end(struct dl_phdr_info *info, size_t size, void *arg) {
    struct tote__preload_library *library = arg;
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

static struct tote__preload_library *new_library(const struct tote__preload_kind *kind,
                                                 const void *identity) {
    struct tote__preload_library *library = calloc(1, kind->size);
    Dl_info info;

    if (!library || !dladdr(identity, &info)) {
        free(library);
        return NULL;
    }
    void *handle = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    if (!handle) { /* the program itself, linked statically */
        handle = dlopen(NULL, RTLD_LAZY);
    }
    if (!handle || !get_functions(kind, library, handle, info.dli_fbase)) {
        free(library);
        return NULL;
    }
    library->start = (uintptr_t)info.dli_fbase;
    dl_iterate_phdr(find_end, library);
    if (kind->set_up) {
        kind->set_up(library);
    }
    return library;
}

static struct tote__preload_library *find_library(const struct tote__preload_kind *kind,
                                                  struct tote__preload_library *first,
                                                  const void *identity) {
    const size_t offset = kind->functions[0].offset;

    while (first && memcmp((const char *)first + offset, &identity, sizeof identity) != 0) {
        first = first->next;
    }
    return first;
}

/* Return the library whose first function is `identity`. */
static struct tote__preload_library *library_with(struct tote__preload_kind *kind,
                                                  const void *identity) {
    struct tote__preload_library *first = atomic_load(&kind->first);
    struct tote__preload_library *library = find_library(kind, first, identity);

    if (library || !(library = new_library(kind, identity))) {
        return library;
    }
    do {
        struct tote__preload_library *other = find_library(kind, first, identity);
        if (other) { /* added by another thread */
            free(library);
            return other;
        }
        library->next = first;
    } while (!atomic_compare_exchange_weak(&kind->first, &first, library));
    return library;
}

static bool is_named_tote(const char *path) {
    const char *slash = strrchr(path, '/');

    return strncmp(slash ? slash + 1 : path, "libtote", strlen("libtote")) == 0;
}

static struct place find_place(struct tote__preload_kind *kind, void *caller,
                               unsigned long long unmapped) {
    struct place place = {.caller = caller, .unmapped = unmapped};
    int error = errno;
    const struct link_map *map = map_of(caller);
    const void *base = base_of(caller);
    void *identity = map ? bound_to(map, base, kind->file, kind->functions[0].name) : NULL;

    if (identity) {
        place.library = library_with(kind, identity);
        place.is_internal = base_of(identity) == base || is_named_tote(map->l_name);
    }
    errno = error;
    return place;
}

static const struct place *place_of(struct tote__preload_kind *kind, void *caller) {
    struct place *place =
        &places[((uint64_t)(uintptr_t)caller * UINT64_C(0x9E3779B97F4A7C15)) >> 60];
    unsigned long long unmapped = 0;

    dl_iterate_phdr(count_unmapped, &unmapped);
    if (place->caller != caller || place->unmapped != unmapped) {
        *place = find_place(kind, caller, unmapped);
    }
    return place;
}

struct tote__preload_library *tote__preload_library_of(struct tote__preload_kind *kind,
                                                       void *caller) {
    return place_of(kind, caller)->library;
}

struct tote__preload_library *tote__preload_library_at(struct tote__preload_kind *kind,
                                                       void *address) {
    return find_place(kind, address, 0).library;
}

bool tote__preload_is_internal(struct tote__preload_kind *kind, void *caller) {
    return place_of(kind, caller)->is_internal;
}

struct tote__preload_library *tote__preload_load(struct tote__preload_kind *kind,
                                                 const char *name) {
    int error = errno;
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    void *identity = handle ? dlsym(handle, kind->functions[0].name) : NULL;
    struct tote__preload_library *library = identity ? library_with(kind, identity) : NULL;

    errno = error;
    return library;
}
