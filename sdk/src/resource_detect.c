/* SPDX-License-Identifier: MIT */
/*
 * resource_detect.c - resource detectors
 *
 * A detector that finds nothing sets nothing, without a diagnostic. Detectors do not block, use the
 * network, or read files that need privileges. The program's arguments are not recorded, because
 * they may contain secrets. Spec: semantic conventions, resource/host.md, os.md, process.md
 *
 * Tests: tests/unit/test_resource.c
 */
#include "resource_detect.h"

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

enum { TEXT_BYTES = 4096 };

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
    memmove(line, text, length);
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

static void detect_arch(struct tote__resource_builder *builder) {
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

static void detect_host(struct tote__resource_builder *builder) {
    char text[256];

    if (tote__os_host_name(text, sizeof text)) {
        set(builder, "host.name", text);
    }
    detect_arch(builder);
    if ((read_line("/etc/machine-id", text, sizeof text) && is_machine_id(text)) ||
        (read_line("/var/lib/dbus/machine-id", text, sizeof text) && is_machine_id(text))) {
        set(builder, "host.id", text);
    }
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

static void detect_os(struct tote__resource_builder *builder) {
    static const struct {
        const char *name;
        const char *key;
    } fields[] = {{"NAME=", "os.name"},
                  {"VERSION_ID=", "os.version"},
                  {"PRETTY_NAME=", "os.description"},
                  {"BUILD_ID=", "os.build_id"}};
    char *text = tote__allocate(TEXT_BYTES); /* the stack may be small */

    set(builder, "os.type", "linux");
    if (text && read_line("/proc/sys/kernel/osrelease", text, TEXT_BYTES)) {
        set(builder, "os.build_id", text);
    }
    bool is_read = text && (tote__os_read_file("/etc/os-release", text, TEXT_BYTES) ||
                            tote__os_read_file("/usr/lib/os-release", text, TEXT_BYTES));
    char *rest = is_read ? text : NULL;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
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

static void detect_host_and_os(struct tote__resource_builder *builder) {
    detect_host(builder);
    detect_os(builder);
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

    strsep(&rest, ":");
    strsep(&rest, ":");
    const char *found = strsep(&rest, ":");
    snprintf(id, sizeof id, "%u", user);
    return found && strcmp(found, id) == 0;
}

/* Only local users are searched: getpwuid(3) may use the network. */
static void detect_owner(struct tote__resource_builder *builder) {
    enum { USERS_BYTES = 64 * 1024 };
    char *text = tote__allocate(USERS_BYTES);
    char *rest = text;
    uint32_t user = tote__os_user_id();

    if (!text || !tote__os_read_file("/etc/passwd", text, USERS_BYTES)) {
        rest = NULL;
    }
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        if (is_user(line, user)) {
            set(builder, "process.owner", line);
            break;
        }
    }
    tote__release(text, USERS_BYTES);
}

static void detect_process(struct tote__resource_builder *builder) {
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
    detect_owner(builder);
}

static void detect_service(struct tote__resource_builder *builder) {
    struct tote__process_identity identity;

    tote__process_identity(&identity);
    set(builder, "service.instance.id", identity.instance_id);
}

static const struct {
    const char *name;
    void (*detect)(struct tote__resource_builder *builder);
} detectors[] = {
    {"host", detect_host_and_os}, {"process", detect_process}, {"service", detect_service}};

/* Return the bit of the detector with this name; 0 if it is unknown. */
static unsigned find_detector(const char *name, size_t length) {
    for (size_t i = 0; i < TOTE_COUNT_OF(detectors); i++) {
        if (tote__equals_ignoring_case(name, length, detectors[i].name,
                                       strlen(detectors[i].name))) {
            return 1U << i;
        }
    }
    return 0;
}

static unsigned choose_detectors(const char *names) {
    unsigned chosen = 0;

    if (!names) {
        return (1U << TOTE_COUNT_OF(detectors)) - 1;
    }
    while (names) {
        const char *comma = strchr(names, ',');
        const char *name = names;
        size_t length = comma ? (size_t)(comma - name) : strlen(name);

        tote__trim(&name, &length);
        unsigned detector = find_detector(name, length);
        if (chosen & detector) {
            tote__diagnose_each(TOTE_LEVEL_ERROR, "resource",
                                "resource detector '%.*s' is named twice in resource_detectors and "
                                "runs once; remove one",
                                (int)length, name);
        } else if (!detector && length && !tote__equals_ignoring_case(name, length, "none", 4)) {
            tote__diagnose_each(
                TOTE_LEVEL_WARN, "resource",
                "unknown resource detector '%.*s' is ignored; known are host, process and service",
                (int)length, name);
        }
        chosen |= detector;
        names = comma ? comma + 1 : NULL;
    }
    return chosen;
}

const char *tote__resource_detect(struct tote__resource_builder *builder, const char *names) {
    unsigned chosen = choose_detectors(names);

    for (size_t i = 0; i < TOTE_COUNT_OF(detectors); i++) {
        if (chosen & 1U << i) {
            detectors[i].detect(builder);
        }
    }
    return chosen ? "https://opentelemetry.io/schemas/1.44.0" : "";
}
