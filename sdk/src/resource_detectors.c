/* SPDX-License-Identifier: MIT */
/*
 * resource_detectors.c - the built-in resource detectors
 *
 * A detector that finds nothing sets nothing, without a diagnostic. Detectors do not block, use the
 * network, or read files that need privileges. The program's arguments are not recorded, because
 * they may contain secrets. Spec: semantic conventions, resource/container.md,
 * host.md, os.md, process.md, service.md
 *
 * Tests: tests/unit/test_resource.c, tests/unit/test_resource_detectors.c
 */
#include "resource_builder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tote/internal/clock.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/fork.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"
#include "tote/internal/random.h"
#include "tote/internal/text.h"
#include "tote/internal/tracer.h"

enum { TEXT_BYTES = 4096, MOST_KEYS = 5 };

/* The attributes of an entity. Keys are in arrays that end with NULL. */
struct entity_keys {
    const char *type;
    const char *id[MOST_KEYS];
    const char *description[MOST_KEYS];
};

/* Take attributes out of the builder's. Returns false if one of them is not there. */
static bool collect(const struct tote__resource_builder *builder, const char *const *keys,
                    tote_attribute *attributes, size_t *count) {
    bool has_all = true;

    *count = 0;
    for (size_t i = 0; i < MOST_KEYS && keys[i]; i++) {
        const tote_value *value = tote__attribute_list_find(&builder->attributes, keys[i]);
        if (value) {
            attributes[(*count)++] = (tote_attribute){keys[i], *value};
        }
        has_all &= value != NULL;
    }
    return has_all;
}

/* Form an entity of attributes, if those that identify it are known. */
static void form_entity(struct tote__resource_builder *builder, const struct entity_keys *keys) {
    tote_attribute id[MOST_KEYS];
    tote_attribute description[MOST_KEYS];
    tote_entity entity = {
        .type = keys->type, .schema_url = TOTE__SCHEMA_URL, .id = id, .description = description};
    bool is_identified = collect(builder, keys->id, id, &entity.id_count);

    collect(builder, keys->description, description, &entity.description_count);
    if (is_identified) {
        tote__resource_add_entity(builder, &entity);
    }
}

/* Finish the resource of a detector; NULL if there is nothing in it. */
static tote_result finish(struct tote__resource_builder *builder, tote_resource **resource) {
    builder->schema_url =
        builder->attributes.count || builder->entity_count ? TOTE__SCHEMA_URL : NULL;
    *resource = tote__resource_finish(builder);
    return *resource ? TOTE_RESULT_SUCCESS : TOTE_RESULT_FAILURE;
}

/* Set an attribute to a string that ends with NUL, unless it is empty. */
static void set(struct tote__resource_builder *builder, const char *key, const char *text) {
    if (text && *text) {
        tote__resource_set_text(builder, key, text, strlen(text));
    }
}

/* Read the first line of a file, without blanks around it. Returns false if there is none. */
static bool read_line(const char *path, char *line, size_t size) {
    const char *text = line;
    size_t length = tote__os_read_file(path, line, size) ? strcspn(line, "\r\n") : 0;

    tote__trim(&text, &length);
    if (text != line) {
        memmove(line, text, length);
    }
    line[length] = '\0';
    return length > 0;
}

static const struct {
    const char *machine;
    const char *arch;
} arches[] = {
    {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv6l", "arm32"}, {"armv7l", "arm32"},
    {"armv8l", "arm32"}, {"i386", "x86"},      {"i486", "x86"},     {"i586", "x86"},
    {"i686", "x86"},     {"ppc64le", "ppc64"}, {"ppc", "ppc32"},    {"ia64", "ia64"},
};

static void add_arch(struct tote__resource_builder *builder) {
    char machine[128];

    if (!tote__os_machine(machine, sizeof machine)) {
        return;
    }
    for (size_t i = 0; i < TOTE_COUNT_OF(arches); i++) {
        if (strcmp(machine, arches[i].machine) == 0) {
            set(builder, "host.arch", arches[i].arch);
            return;
        }
    }
    set(builder, "host.arch", machine);
}

/* Early in the first boot the file contains "uninitialized". */
static bool is_machine_id(const char *text) {
    return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static void add_host(struct tote__resource_builder *builder) {
    char text[256];

    if (tote__os_host_name(text, sizeof text)) {
        set(builder, "host.name", text);
    }
    add_arch(builder);
    if ((read_line("/etc/machine-id", text, sizeof text) && is_machine_id(text)) ||
        (read_line("/var/lib/dbus/machine-id", text, sizeof text) && is_machine_id(text))) {
        set(builder, "host.id", text);
    }
}

/*
 * Return the text up to a separator, which becomes a NUL, and advance behind it. Returns NULL at
 * the end.
 */
static char *cut_part(char **rest, char separator) {
    char *part = *rest;
    char *end = part ? strchr(part, separator) : NULL;

    *rest = end ? end + 1 : NULL;
    if (end) {
        *end = '\0';
    }
    return part;
}

/* Remove the quotes of a value in os-release: NAME="A \"B\"". Spec: os-release(5) */
static void unquote(char *value) {
    char quote = *value == '"' || *value == '\'' ? *value : '\0';
    const char *from = quote ? value + 1 : value;
    char *to = value;

    while (*from && *from != quote) {
        from += *from == '\\' && quote != '\'' && from[1];
        *to++ = *from++;
    }
    *to = '\0';
}

static void add_os(struct tote__resource_builder *builder) {
    static const struct {
        const char *name;
        const char *key;
    } fields[] = {{"NAME=", "os.name"},
                  {"VERSION_ID=", "os.version"},
                  {"PRETTY_NAME=", "os.description"},
                  {"BUILD_ID=", "os.build_id"}};
    char *text = tote__allocate(TEXT_BYTES); /* the stack may be small */

    if (text && tote__os_type(text, TEXT_BYTES)) {
        set(builder, "os.type", text);
    }
    if (text && tote__os_release(text, TEXT_BYTES)) {
        set(builder, "os.build_id", text);
    }
    bool is_read = text && (tote__os_read_file("/etc/os-release", text, TEXT_BYTES) ||
                            tote__os_read_file("/usr/lib/os-release", text, TEXT_BYTES));
    char *rest = is_read ? text : NULL;
    for (char *line = cut_part(&rest, '\n'); line; line = cut_part(&rest, '\n')) {
        for (size_t i = 0; i < TOTE_COUNT_OF(fields); i++) {
            size_t length = strlen(fields[i].name);
            if (strncmp(line, fields[i].name, length) == 0) {
                unquote(line + length);
                set(builder, fields[i].key, line + length);
            }
        }
    }
    tote__release(text, TEXT_BYTES);
}

static void form_os(struct tote__resource_builder *builder) {
    static const struct entity_keys keys = {
        .type = "os",
        .id = {"os.type"},
        .description = {"os.name", "os.version", "os.description", "os.build_id"}};

    add_os(builder);
    form_entity(builder, &keys);
}

static tote_result detect_os(void *self, tote_resource **resource) {
    struct tote__resource_builder builder = {.kept = NULL};

    (void)self;
    form_os(&builder);
    return finish(&builder, resource);
}

static tote_result detect_host(void *self, tote_resource **resource) {
    static const struct entity_keys keys = {
        .type = "host", .id = {"host.id"}, .description = {"host.name", "host.arch"}};
    struct tote__resource_builder builder = {.kept = NULL};

    (void)self;
    add_host(&builder);
    form_entity(&builder, &keys);
    form_os(&builder);
    return finish(&builder, resource);
}

static tote_result detect_container(void *self, tote_resource **resource) {
    static const struct entity_keys keys = {.type = "container", .id = {"container.id"}};
    struct tote__resource_builder builder = {.kept = NULL};
    char id[TOTE__CONTAINER_ID_BYTES];

    (void)self;
    if (tote__container_id(id)) {
        set(&builder, "container.id", id);
        form_entity(&builder, &keys);
    }
    return finish(&builder, resource);
}

void tote__resource_executable_name(char *name, size_t size) {
    char *path = tote__allocate(TEXT_BYTES);
    bool is_known = path && tote__os_executable_path(path, TEXT_BYTES);
    const char *slash = is_known ? strrchr(path, '/') : NULL;

    snprintf(name, size, "%s", slash ? slash + 1 : "");
    tote__release(path, TEXT_BYTES);
}

/* ISO 8601, with milliseconds. */
static void print_time(uint64_t time_unix_nano, char *text, size_t size) {
    time_t seconds = (time_t)(time_unix_nano / 1000000000);
    struct tm utc;
    int error = errno;

    if (gmtime_r(&seconds, &utc)) {
        snprintf(text, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
                 utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                 (int)(time_unix_nano / 1000000 % 1000));
    }
    errno = error;
}

/* Write a random UUID, version 4. */
static void make_uuid(char *text) {
    struct tote__random random = {.generation = 0};
    tote_trace_id id;
    char *at = text;

    tote__random_trace_id(&random, &id);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0F) | 0x40);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3F) | 0x80);
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        const char *dash = i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
        at += snprintf(at, 4, "%s%02x", dash, id.bytes[i]);
    }
}

/*
 * There is one id for each process: a program that starts several SDKs is one instance, and does
 * not fill the table of resources. A forked child gets its own.
 */
static struct tote__lock identity_lock;
static struct tote__process_identity known;

void tote__process_identity_known(struct tote__process_identity *identity) {
    tote__lock_take(&identity_lock);
    *identity = known;
    tote__lock_drop(&identity_lock);
}

/* A forked child must not open files: a sandbox may forbid that. */
static bool find_start(bool is_child, uint64_t *time_unix_nano) {
    uint64_t time = tote__fork_time();

    if (!time && !is_child) {
        return tote__os_process_start(time_unix_nano);
    }
    *time_unix_nano = time ? time : tote__clock_realtime();
    return true;
}

void tote__process_identity(struct tote__process_identity *identity) {
    uint64_t start = 0;

    tote__process_identity_known(identity);
    if (identity->generation == tote__generation()) {
        return;
    }
    bool is_child = identity->generation != 0;
    *identity = (struct tote__process_identity){.generation = tote__generation(),
                                                .pid = tote__os_process_id()};
    make_uuid(identity->instance_id);
    if (find_start(is_child, &start)) {
        print_time(start, identity->creation_time, sizeof identity->creation_time);
    }
    tote__lock_take(&identity_lock);
    if (known.generation == identity->generation) {
        *identity = known; /* another thread was faster */
    } else {
        known = *identity;
    }
    tote__lock_drop(&identity_lock);
}

/*
 * Return whether a line of passwd(5), name:password:uid:..., belongs to this user. The name then
 * ends with NUL.
 */
static bool is_user(char *line, uint32_t user) {
    char *rest = line;
    char id[12];

    cut_part(&rest, ':');
    cut_part(&rest, ':');
    const char *found = cut_part(&rest, ':');
    snprintf(id, sizeof id, "%u", user);
    return found && strcmp(found, id) == 0;
}

/* Only local users are searched: getpwuid(3) may use the network. */
static void add_owner(struct tote__resource_builder *builder) {
    enum { USERS_BYTES = 64 * 1024 };
    char *text = tote__allocate(USERS_BYTES);
    char *rest = text;
    uint32_t user = tote__os_user_id();

    if (!text || !tote__os_read_file("/etc/passwd", text, USERS_BYTES)) {
        rest = NULL;
    }
    for (char *line = cut_part(&rest, '\n'); line; line = cut_part(&rest, '\n')) {
        if (is_user(line, user)) {
            set(builder, "process.owner", line);
            break;
        }
    }
    tote__release(text, USERS_BYTES);
}

static void add_process(struct tote__resource_builder *builder) {
    char *path = tote__allocate(TEXT_BYTES);
    struct tote__process_identity identity;

    tote__process_identity(&identity);
    tote__resource_set(builder, "process.pid", tote_int(identity.pid));
    set(builder, "process.creation.time", identity.creation_time);
    if (path && tote__os_executable_path(path, TEXT_BYTES)) {
        const char *slash = strrchr(path, '/');
        set(builder, "process.executable.path", path);
        set(builder, "process.executable.name", slash ? slash + 1 : path);
    }
    tote__release(path, TEXT_BYTES);
    set(builder, "process.command", tote__os_command());
    add_owner(builder);
}

static tote_result detect_process(void *self, tote_resource **resource) {
    static const struct entity_keys keys = {.type = "process",
                                            .id = {"process.pid", "process.creation.time"},
                                            .description = {"process.command", "process.owner"}};
    struct tote__resource_builder builder = {.kept = NULL};

    (void)self;
    add_process(&builder);
    form_entity(&builder, &keys);
    return finish(&builder, resource);
}

static tote_result detect_service(void *self, tote_resource **resource) {
    static const struct entity_keys service = {.type = "service", .id = {"service.name"}};
    static const struct entity_keys instance = {.type = "service.instance",
                                                .id = {"service.instance.id"}};
    const struct tote__resource_sources *sources = self;
    struct tote__resource_builder builder = {.kept = NULL};
    struct tote__process_identity identity;

    tote__process_identity(&identity);
    if (tote__resource_has_name(sources->detected_service_name)) {
        set(&builder, "service.name", sources->detected_service_name);
    }
    set(&builder, "service.instance.id", identity.instance_id);
    form_entity(&builder, &service);
    form_entity(&builder, &instance);
    return finish(&builder, resource);
}

#define BUILTIN(its_name, its_detect, is_in_default)                                               \
    {                                                                                              \
        {.name = (its_name),                                                                       \
         .ops = {.struct_size = sizeof(tote_resource_detector_ops), .detect = (its_detect)}},      \
            (is_in_default)                                                                        \
    }

/* In increasing order of precedence. `host` includes `os`. */
const struct tote__builtin_detector tote__builtin_detectors[TOTE__BUILTIN_DETECTORS] = {
    BUILTIN("os", detect_os, false),
    BUILTIN("host", detect_host, true),
    BUILTIN("container", detect_container, true),
    BUILTIN("process", detect_process, true),
    BUILTIN("service", detect_service, true),
};
