/* SPDX-License-Identifier: MIT */
/*
 * folder.c - a directory and its files, protected from other users
 *
 * A path is resolved one component at a time, relative to the descriptor of the previous one, so
 * that the checked directory is the used one. Components are opened with O_PATH, which needs no
 * read permission.
 */
#include "tote/internal/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tote/internal/memory.h"
#include "tote/internal/os.h"

/* Supports large directories and inode numbers. */
_Static_assert(sizeof(off_t) == 8 && sizeof(ino_t) == 8, "compile with _FILE_OFFSET_BITS=64");

enum { MOST_LINKS = 40 };

struct walk {
    int at; /* the previous component; -1: failed */
    bool may_make;
    unsigned links;
    char *problem;
    char rest[PATH_MAX]; /* the rest of the path */
    char target[PATH_MAX];
};

static void describe_denial(struct walk *walk, const struct stat *directory) {
    snprintf(walk->problem, TOTE__FOLDER_PROBLEM_BYTES,
             "permission denied: user %u cannot pass a directory of user %u (mode %04o); make user "
             "%u the owner of the disk queue's directory",
             tote__os_user_id(), (unsigned)directory->st_uid,
             (unsigned)(directory->st_mode & 07777), tote__os_user_id());
}

static bool fail(struct walk *walk, int error) {
    struct stat status;

    if (!*walk->problem && error == EACCES && walk->at >= 0 && fstat(walk->at, &status) == 0) {
        describe_denial(walk, &status);
    } else if (!*walk->problem) {
        snprintf(walk->problem, TOTE__FOLDER_PROBLEM_BYTES, "%s", tote__os_error(error).text);
    }
    return false;
}

/* A component cannot be opened. A system without O_PATH also needs permission to read it. */
static bool fail_at(struct walk *walk, const char *name, int error) {
    struct stat status;

    if (error == EACCES && fstatat(walk->at, name, &status, 0) == 0) {
        describe_denial(walk, &status);
        return false;
    }
    return fail(walk, error);
}

static void move_to(struct walk *walk, int next) {
    tote__os_close(walk->at);
    walk->at = next;
}

/* Start at the root or the working directory. */
static bool begin(struct walk *walk) {
    move_to(walk, tote__os_open_directory(AT_FDCWD, *walk->rest == '/' ? "/" : ".", 0));
    return walk->at >= 0 || fail(walk, errno);
}

/* The entry of the new directory must survive a power failure, like the data in it. */
static void sync_parent(int parent) {
    int fd = tote__os_open(parent, ".", O_RDONLY | O_DIRECTORY, 0);

    if (fd >= 0) {
        tote__os_sync(fd);
        tote__os_close(fd);
    }
}

/*
 * The umask may have removed the owner's permissions. File systems that cannot change modes ignore
 * the umask.
 */
static void restore_mode(int parent, const char *name) {
    int result = fchmodat(parent, name, S_IRWXU, AT_SYMLINK_NOFOLLOW);

    (void)result;
}

/* Returns -1 with errno set, ENOTDIR or ELOOP if it is a link or a file. */
static int open_component(struct walk *walk, const char *name, bool is_last) {
    int next = tote__os_open_directory(walk->at, name, O_NOFOLLOW);

    if (next < 0 && errno == ENOENT && is_last && walk->may_make) {
        if (mkdirat(walk->at, name, S_IRWXU) == 0) {
            restore_mode(walk->at, name);
            sync_parent(walk->at);
        } else if (errno != EEXIST) {
            return -1;
        }
        next = tote__os_open_directory(walk->at, name, O_NOFOLLOW);
    }
    return next;
}

/* Insert the target of the link before the rest of the path. */
static bool follow(struct walk *walk, const char *name) {
    struct stat status;
    ssize_t length = tote__os_read_link(walk->at, name, &status, walk->target, sizeof walk->target);
    size_t rest_length = strlen(walk->rest);

    if (length <= 0) {
        return fail(walk, length == 0 ? ENOENT : errno == EINVAL ? ENOTDIR : errno);
    }
    if (status.st_uid != 0 && status.st_uid != tote__os_user_id()) {
        snprintf(walk->problem, TOTE__FOLDER_PROBLEM_BYTES,
                 "'%.100s' is a symbolic link of user %u, which is not followed; use the path of "
                 "its target",
                 name, (unsigned)status.st_uid);
        return false;
    }
    if ((size_t)length + 1 + rest_length >= sizeof walk->rest) {
        return fail(walk, ENAMETOOLONG);
    }
    if (++walk->links > MOST_LINKS) {
        return fail(walk, ELOOP);
    }
    memmove(walk->rest + length + 1, walk->rest, rest_length + 1);
    memcpy(walk->rest, walk->target, (size_t)length);
    walk->rest[length] = '/';
    return *walk->rest != '/' || begin(walk);
}

static bool step(struct walk *walk, const char *name, bool is_last) {
    int next = open_component(walk, name, is_last);

    if (next >= 0) {
        move_to(walk, next);
        return true;
    }
    return errno == ENOTDIR || errno == ELOOP ? follow(walk, name) : fail_at(walk, name, errno);
}

/* Split off the next component. Returns false at the end of the path. */
static bool next_component(struct walk *walk, char name[NAME_MAX + 1], bool *is_last) {
    char *start = walk->rest + strspn(walk->rest, "/");
    size_t length = strcspn(start, "/");
    char *after = start + length;

    if (!length || length > NAME_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(name, start, length);
    name[length] = '\0';
    *is_last = !after[strspn(after, "/")];
    memmove(walk->rest, after, strlen(after) + 1);
    return true;
}

/* Returns a descriptor of the directory, or -1. */
static int open_path(struct walk *walk) {
    char name[NAME_MAX + 1];
    bool is_last = false;
    bool is_good = begin(walk);

    while (is_good && next_component(walk, name, &is_last)) {
        is_good = step(walk, name, is_last);
    }
    if (is_good && walk->rest[strspn(walk->rest, "/")]) {
        is_good = fail(walk, ENAMETOOLONG);
    }
    int fd = is_good ? tote__os_open(walk->at, ".", O_RDONLY | O_DIRECTORY, 0) : -1;
    if (is_good && fd < 0) {
        fail(walk, errno);
    }
    move_to(walk, -1);
    return fd;
}

static struct tote__folder folder_of(int descriptor, const struct stat *status) {
    return (struct tote__folder){descriptor, status->st_uid, status->st_gid, status->st_dev,
                                 status->st_ino};
}

/* Take ownership of the descriptor. Returns false if other users may write to the directory. */
static bool adopt(int fd, uid_t owner, struct tote__folder *folder,
                  char problem[TOTE__FOLDER_PROBLEM_BYTES]) {
    struct stat status;
    static const char cure[] = "use a directory of its own, such as a subdirectory, which Tote "
                               "creates with mode 0700";

    if (fstat(fd, &status) != 0) {
        snprintf(problem, TOTE__FOLDER_PROBLEM_BYTES, "%s", tote__os_error(errno).text);
    } else if (owner != TOTE__ANY_OWNER && status.st_uid != owner) {
        snprintf(problem, TOTE__FOLDER_PROBLEM_BYTES,
                 "it belongs to user %u and not to user %u, which this process runs as; %s%s",
                 (unsigned)status.st_uid, (unsigned)owner,
                 owner ? "" : "it is used once the process has changed to that user; or ", cure);
    } else if (status.st_mode & S_IWOTH) {
        snprintf(problem, TOTE__FOLDER_PROBLEM_BYTES, "every user may write to it (mode %04o); %s",
                 (unsigned)(status.st_mode & 07777), cure);
    } else {
        *folder = folder_of(fd, &status);
        return true;
    }
    close(fd);
    errno = EACCES;
    return false;
}

bool tote__folder_open(const char *path, uid_t owner, bool may_make, struct tote__folder *folder,
                       char problem[TOTE__FOLDER_PROBLEM_BYTES]) {
    size_t length = strlen(path);
    struct walk *walk = tote__allocate(sizeof *walk);

    *folder = (struct tote__folder){.descriptor = -1};
    problem[0] = '\0';
    if (!walk || !length || length >= sizeof walk->rest) {
        snprintf(problem, TOTE__FOLDER_PROBLEM_BYTES, "%s",
                 !walk     ? "out of memory"
                 : !length ? "the path is empty"
                           : "the path is too long");
        tote__release(walk, sizeof *walk);
        return false;
    }
    walk->at = -1;
    walk->may_make = may_make;
    walk->links = 0;
    walk->problem = problem;
    memcpy(walk->rest, path, length + 1);
    int fd = open_path(walk);
    tote__release(walk, sizeof *walk);
    return fd >= 0 && adopt(fd, owner, folder, problem);
}

char *tote__absolute_path(const char *path) {
    char directory[1024];
    char *copy = NULL;

    if (!*path || *path == '/' || !getcwd(directory, sizeof directory)) {
        return tote__copy_text(path, strlen(path));
    }
    size_t length = strlen(directory);
    copy = tote__allocate(length + strlen(path) + 2);
    if (copy) {
        snprintf(copy, length + strlen(path) + 2, "%s/%s", directory, path);
    }
    return copy;
}

const char *tote__keep_path(struct tote__arena *arena, const char *path) {
    char *absolute = tote__absolute_path(path);
    size_t length = absolute ? strlen(absolute) : 0;
    const char *kept = absolute ? tote__arena_text(arena, absolute, length) : NULL;

    tote__release(absolute, absolute ? length + 1 : 0);
    return kept;
}

bool tote__folder_is_of_another_user(const char *path) {
    char problem[TOTE__FOLDER_PROBLEM_BYTES];
    struct tote__folder folder;
    int error = errno;
    bool is_open = tote__folder_open(path, TOTE__ANY_OWNER, false, &folder, problem);

    tote__folder_close(&folder);
    errno = error;
    return is_open && folder.owner != tote__os_user_id();
}

bool tote__folder_reopen(const struct tote__folder *inherited, struct tote__folder *folder) {
    int fd = tote__os_open(inherited->descriptor, ".", O_RDONLY | O_DIRECTORY, 0);

    *folder = *inherited;
    folder->descriptor = tote__os_is_same_file(fd, folder->device, folder->inode) ? fd : -1;
    if (folder->descriptor < 0) {
        tote__os_close(fd);
    }
    return folder->descriptor >= 0;
}

bool tote__folder_borrow(int descriptor, struct tote__folder *folder) {
    struct stat status;

    *folder = (struct tote__folder){.descriptor = -1, .owner = tote__os_user_id()};
    if (fstat(descriptor, &status) != 0) {
        return false;
    }
    *folder = folder_of(descriptor, &status);
    return true;
}

bool tote__listing_begin(const struct tote__folder *folder, struct tote__listing *listing) {
    *listing = (struct tote__listing){fdopendir(folder->descriptor), *folder};
    if (!listing->directory) {
        tote__os_close(folder->descriptor);
    }
    return listing->directory;
}

const char *tote__listing_next(struct tote__listing *listing) {
    const struct dirent *item = readdir(listing->directory);

    return item ? item->d_name : NULL;
}

bool tote__listing_is_open(const struct tote__listing *listing) {
    return listing->directory && tote__folder_is_open(&listing->folder);
}

/* closedir() would close a descriptor of the host: leak the memory instead */
void tote__listing_close(struct tote__listing *listing) {
    if (tote__listing_is_open(listing)) {
        closedir(listing->directory);
    }
    listing->directory = NULL;
}

bool tote__folder_is_open(const struct tote__folder *folder) {
    return tote__os_is_same_file(folder->descriptor, folder->device, folder->inode);
}

void tote__folder_close(struct tote__folder *folder) {
    tote__os_close_same_file(folder->descriptor, folder->device, folder->inode);
    folder->descriptor = -1;
}

bool tote__folder_is_removed(const struct tote__folder *folder) {
    struct stat status;

    return fstat(folder->descriptor, &status) == 0 && status.st_nlink == 0;
}

/* Some file systems do not need or support this, and return an error. */
bool tote__folder_sync(const struct tote__folder *folder) {
    return tote__os_sync(folder->descriptor) || errno == EINVAL || errno == ENOTSUP ||
           errno == EROFS;
}

bool tote__folder_owns(const struct tote__folder *folder, const struct stat *status) {
    return S_ISREG(status->st_mode) && status->st_uid == folder->owner &&
           !(status->st_mode & (S_IWGRP | S_IWOTH));
}

int tote__folder_open_file(const struct tote__folder *folder, const char *name, int access,
                           struct stat *status) {
    int fd =
        tote__os_open(folder->descriptor, name, access | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);

    if (fd < 0) {
        if (errno == ELOOP || errno == ENXIO || errno == EISDIR) { /* a link, a FIFO, a directory */
            errno = EPERM;
        }
        return -1;
    }
    if (fstat(fd, status) != 0 || !tote__folder_owns(folder, status)) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    return fd;
}

int tote__folder_create_file(const struct tote__folder *folder, const char *name, int access) {
    int fd = tote__os_open(folder->descriptor, name,
                           access | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY, S_IRUSR | S_IWUSR);

    if (fd < 0) {
        return -1;
    }
    fchmod(fd, S_IRUSR | S_IWUSR); /* the umask may have removed the owner's permissions */
    if (folder->owner != tote__os_user_id() && fchown(fd, folder->owner, folder->group) != 0) {
        tote__folder_remove(folder, name);
        tote__os_close(fd);
        return -1;
    }
    return fd;
}

bool tote__folder_has_file(const struct tote__folder *folder, const char *name,
                           struct stat *status) {
    return fstatat(folder->descriptor, name, status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(status->st_mode);
}

bool tote__folder_rename(const struct tote__folder *folder, const char *from, const char *to) {
    return renameat(folder->descriptor, from, folder->descriptor, to) == 0;
}

bool tote__folder_remove(const struct tote__folder *folder, const char *name) {
    int error = errno;
    bool is_removed = unlinkat(folder->descriptor, name, 0) == 0;

    errno = error;
    return is_removed;
}
