/* SPDX-License-Identifier: MIT */
/*
 * resource_container.c - the id of the container of this process
 *
 * On Linux the text of the control groups contains it, unless the container has its own cgroup
 * namespace. Then files of the container runtime that are mounted in the container contain it.
 * Spec: semantic conventions, resource/container.md
 *
 * Tests: tests/unit/test_resource_detectors.c, tests/vectors/container_id.tsv
 */
#include <string.h>

#include "resource_builder.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"

enum {
    FILE_BYTES = 64 * 1024, /* the rest of a larger file is not read */
    ID_DIGITS = 64,
    TASK_DIGITS = 32,
    MOST_NUMBER_DIGITS = 20
};

static size_t span_of_hex(struct tote__part part) {
    size_t at = 0;

    while (at < part.length && part.at[at] && strchr("0123456789abcdef", part.at[at])) {
        at++;
    }
    return at;
}

static bool is_id(struct tote__part part) {
    return part.length == ID_DIGITS && span_of_hex(part) == ID_DIGITS;
}

/* The id of a container of AWS Fargate: that of the task, a dash and a number. */
static bool is_fargate_id(struct tote__part part) {
    size_t at = span_of_hex(part);
    size_t digits = 0;

    if (at != TASK_DIGITS || at == part.length || part.at[at] != '-') {
        return false;
    }
    for (at++; at < part.length && part.at[at] >= '0' && part.at[at] <= '9'; at++) {
        digits++;
    }
    return at == part.length && digits && digits <= MOST_NUMBER_DIGITS;
}

static struct tote__part after_last(struct tote__part part, char separator) {
    for (size_t at = part.length; at-- > 0;) {
        if (part.at[at] == separator) {
            return (struct tote__part){part.at + at + 1, part.length - at - 1};
        }
    }
    return part;
}

static bool ends_with(struct tote__part part, const char *end) {
    size_t length = strlen(end);

    return part.length >= length && memcmp(part.at + part.length - length, end, length) == 0;
}

static void copy_id(struct tote__part part, char *id) {
    memcpy(id, part.at, part.length);
    id[part.length] = '\0';
}

/* Read the name of a cgroup: ID, runtime-ID.scope, or slice:runtime:ID. */
static bool take_from_name(struct tote__part name, char *id) {
    static const char scope[] = ".scope";

    if (ends_with(name, scope)) {
        name.length -= sizeof scope - 1;
    }
    name = after_last(name, ':');
    if (!is_fargate_id(name)) {
        name = after_last(name, '-');
    }
    if (!is_id(name) && !is_fargate_id(name)) {
        return false;
    }
    copy_id(name, id);
    return true;
}

/* The innermost cgroup with an id counts: a container may have cgroups inside, or be nested. */
static bool take_from_path(struct tote__part path, char *id) {
    while (path.length) {
        struct tote__part name = after_last(path, '/');
        if (take_from_name(name, id)) {
            return true;
        }
        path.length -= tote__min(name.length + 1, path.length);
    }
    return false;
}

/* Spec: cgroups(7): each line is hierarchy:controllers:path */
bool tote__container_id_of_cgroup(const char *text, char id[TOTE__CONTAINER_ID_BYTES]) {
    struct tote__part rest = {text, strlen(text)};
    struct tote__part line;
    struct tote__part field;

    while (tote__next_part(&rest, '\n', &line)) {
        if (tote__next_part(&line, ':', &field) && tote__next_part(&line, ':', &field) &&
            take_from_path(line, id)) {
            return true;
        }
    }
    return false;
}

/* A file of a runtime: .../containers/ID/... or .../containers/namespace/ID/... */
static bool take_from_file(struct tote__part path, char *id) {
    struct tote__part before[2] = {{"", 0}, {"", 0}};
    struct tote__part name;

    while (tote__next_part(&path, '/', &name)) {
        if (is_id(name) &&
            (ends_with(before[0], "containers") || ends_with(before[1], "containers"))) {
            copy_id(name, id);
            return true;
        }
        before[1] = before[0];
        before[0] = name;
    }
    return false;
}

struct mount {
    struct tote__part source; /* the path of the mounted file in its file system */
    struct tote__part target;
};

/* Spec: proc(5): id, parent id, device, source, target and other fields */
static bool next_mount(struct tote__part *text, struct mount *mount) {
    struct tote__part line;
    struct tote__part field;

    while (tote__next_part(text, '\n', &line)) {
        if (tote__next_part(&line, ' ', &field) && tote__next_part(&line, ' ', &field) &&
            tote__next_part(&line, ' ', &field) && tote__next_part(&line, ' ', &mount->source) &&
            tote__next_part(&line, ' ', &mount->target)) {
            return true;
        }
    }
    return false;
}

static bool begins_with(struct tote__part part, const char *start) {
    return part.length >= strlen(start) && memcmp(part.at, start, strlen(start)) == 0;
}

/*
 * In a pod of Kubernetes, files in /etc and /dev belong to another container: the sandbox of the
 * pod.
 */
bool tote__container_id_of_mounts(const char *text, char id[TOTE__CONTAINER_ID_BYTES]) {
    bool is_in_pod = strstr(text, "/kubelet/pods/") != NULL;
    struct tote__part rest = {text, strlen(text)};
    struct mount mount;

    while (next_mount(&rest, &mount)) {
        bool is_of_sandbox =
            is_in_pod && (begins_with(mount.target, "/etc/") || begins_with(mount.target, "/dev/"));
        if (!is_of_sandbox && take_from_file(mount.source, id)) {
            return true;
        }
    }
    return false;
}

bool tote__container_id(char id[TOTE__CONTAINER_ID_BYTES]) {
    char *text = tote__allocate(FILE_BYTES);
    bool is_found = text && ((tote__os_read_system(TOTE__OS_CGROUPS, text, FILE_BYTES) &&
                              tote__container_id_of_cgroup(text, id)) ||
                             (tote__os_read_system(TOTE__OS_MOUNTS, text, FILE_BYTES) &&
                              tote__container_id_of_mounts(text, id)));

    tote__release(text, FILE_BYTES);
    return is_found;
}
