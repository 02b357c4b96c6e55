/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tote/internal/folder.h"

enum { OTHER_USER = 65534 };

static struct {
    char directory[64];
    char path[128]; /* below it */
    char problem[TOTE__FOLDER_PROBLEM_BYTES];
    struct tote__folder folder;
    struct stat status;
} f;

static int set_up(void **state) {
    (void)state;
    memset(&f, 0, sizeof f);
    f.folder.descriptor = -1;
    snprintf(f.directory, sizeof f.directory, "/tmp/tote-folder-XXXXXX");
    if (!mkdtemp(f.directory)) {
        return -1;
    }
    snprintf(f.path, sizeof f.path, "%s/queue", f.directory);
    return 0;
}

static int tear_down(void **state) {
    char command[128];

    (void)state;
    tote__folder_close(&f.folder);
    snprintf(command, sizeof command, "rm -rf '%s'", f.directory);
    return system(command);
}

/* Only root can change the owner of a file. */
static void need_root(void) {
    if (geteuid() != 0) {
        skip();
    }
}

static bool open_folder(const char *path) {
    return tote__folder_open(path, geteuid(), true, &f.folder, f.problem);
}

static void refuse(const char *path, const char *word) {
    assert_false(open_folder(path));
    assert_int_equal(f.folder.descriptor, -1);
    assert_non_null(strstr(f.problem, word));
}

static const char *in_folder(const char *name) {
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", f.path, name);
    return path;
}

static int open_file(const char *name) {
    return tote__folder_open_file(&f.folder, name, O_RDONLY, &f.status);
}

static void assert_refused(const char *name) {
    assert_int_equal(open_file(name), -1);
    assert_int_equal(errno, EPERM);
}

static void a_missing_directory_is_created_with_access_for_its_owner_only(void **state) {
    struct stat status;

    (void)state;
    assert_false(tote__folder_open(f.path, geteuid(), false, &f.folder, f.problem));
    assert_non_null(strstr(f.problem, "No such file"));
    assert_true(open_folder(f.path));
    assert_int_equal(stat(f.path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_int_equal(f.folder.owner, geteuid());
    snprintf(f.path, sizeof f.path, "%s/no/such", f.directory);
    refuse(f.path, "No such file"); /* only the last component is created */
}

/* A program with umask 0777 must be able to open its own files. */
static void the_umask_does_not_remove_permissions_of_the_owner(void **state) {
    (void)state;
    mode_t before = umask(0777);
    bool is_open = open_folder(f.path);
    int fd = tote__folder_create_file(&f.folder, "file", O_RDWR);
    umask(before);
    assert_true(is_open);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &f.status), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(f.status.st_mode & 07777, 0600);
    assert_int_equal(stat(f.path, &f.status), 0);
    assert_int_equal(f.status.st_mode & 07777, 0700);
}

static void a_directory_that_every_user_may_write_to_is_refused(void **state) {
    (void)state;
    assert_int_equal(mkdir(f.path, 0700), 0);
    assert_int_equal(chmod(f.path, 0777), 0);
    refuse(f.path, "0777");
    assert_int_equal(chmod(f.path, 01777), 0);
    refuse(f.path, "subdirectory"); /* for example /tmp */
    assert_int_equal(chmod(f.path, 0770), 0);
    assert_true(open_folder(f.path));
}

static void a_directory_of_another_user_is_refused(void **state) {
    (void)state;
    need_root();
    assert_int_equal(mkdir(f.path, 0700), 0);
    assert_int_equal(chown(f.path, OTHER_USER, OTHER_USER), 0);
    refuse(f.path, "belongs to user 65534");
    assert_true(tote__folder_open(f.path, TOTE__ANY_OWNER, false, &f.folder, f.problem));
    assert_int_equal(f.folder.owner, OTHER_USER);
}

/* For example of a server that starts as root and changes its user. */
static void an_error_names_the_user_of_the_process_and_the_owner(void **state) {
    int status = 0;

    (void)state;
    need_root();
    assert_int_equal(chmod(f.directory, 0755), 0);
    assert_int_equal(mkdir(f.path, 0700), 0);
    assert_false(tote__folder_is_of_another_user(f.path));
    pid_t child = fork();
    if (child == 0) {
        bool is_other = setgid(OTHER_USER) == 0 && setuid(OTHER_USER) == 0;
        bool is_open = open_folder(f.path);
        _exit(is_other && !is_open && strstr(f.problem, "user 65534 cannot pass") &&
                      strstr(f.problem, "directory of user 0 (mode 0700)")
                  ? 0
                  : 1);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(chown(f.path, OTHER_USER, OTHER_USER), 0);
    assert_true(tote__folder_is_of_another_user(f.path));
    refuse(f.path, "belongs to user 65534 and not to user 0");
    assert_non_null(strstr(f.problem, "once the process has changed to that user"));
}

static void a_path_that_is_no_directory_is_refused(void **state) {
    (void)state;
    refuse("/dev/null", "Not a directory");
    refuse("/dev/null/below", "Not a directory");
    refuse("", "empty");
}

static void links_of_this_user_and_of_root_are_followed(void **state) {
    char link[128];

    (void)state;
    assert_int_equal(mkdir(f.path, 0700), 0);
    snprintf(link, sizeof link, "%s/relative", f.directory);
    assert_int_equal(symlink("queue/", link), 0);
    assert_true(open_folder(link));
    tote__folder_close(&f.folder);
    snprintf(link, sizeof link, "%s/absolute", f.directory);
    assert_int_equal(symlink(f.directory, link), 0);
    snprintf(link, sizeof link, "%s/absolute//./queue/../relative", f.directory);
    assert_true(open_folder(link));
    snprintf(link, sizeof link, "%s/loop", f.directory);
    assert_int_equal(symlink("loop", link), 0);
    refuse(link, "Too many levels");
}

/*
 * A user who may create a link in a shared directory must not choose where the files are written.
 */
static void links_of_another_user_are_not_followed(void **state) {
    char link[128];

    (void)state;
    need_root();
    assert_int_equal(mkdir(f.path, 0700), 0);
    snprintf(link, sizeof link, "%s/link", f.directory);
    assert_int_equal(symlink("queue", link), 0);
    assert_int_equal(lchown(link, OTHER_USER, OTHER_USER), 0);
    refuse(link, "symbolic link of user 65534");
    snprintf(link, sizeof link, "%s/link/below", f.directory);
    refuse(link, "symbolic link of user 65534");
}

static void only_regular_files_are_opened(void **state) {
    (void)state;
    assert_true(open_folder(f.path));
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    assert_int_equal(mkdir(in_folder("directory"), 0700), 0);
    assert_int_equal(symlink("/etc/passwd", in_folder("link")), 0);
    assert_refused("fifo"); /* and it does not wait for a writer */
    assert_refused("directory");
    assert_refused("link");
    assert_int_equal(open_file("nothing"), -1);
    assert_int_equal(errno, ENOENT);
}

static void files_that_other_users_may_write_are_not_opened(void **state) {
    (void)state;
    assert_true(open_folder(f.path));
    assert_int_equal(close(tote__folder_create_file(&f.folder, "file", O_RDWR)), 0);
    assert_int_equal(close(open_file("file")), 0);
    assert_int_equal(tote__folder_create_file(&f.folder, "file", O_RDWR), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(chmod(in_folder("file"), 0660), 0);
    assert_refused("file");
    assert_int_equal(chmod(in_folder("file"), 0644), 0);
    assert_int_equal(close(open_file("file")), 0);
    need_root();
    assert_int_equal(chown(in_folder("file"), OTHER_USER, OTHER_USER), 0);
    assert_refused("file");
}

/* A command that an administrator runs must not leave files that the service cannot open. */
static void files_that_root_creates_belong_to_the_directorys_owner(void **state) {
    (void)state;
    need_root();
    assert_int_equal(mkdir(f.path, 0700), 0);
    assert_int_equal(chown(f.path, OTHER_USER, OTHER_USER), 0);
    assert_true(tote__folder_open(f.path, TOTE__ANY_OWNER, false, &f.folder, f.problem));
    assert_int_equal(close(tote__folder_create_file(&f.folder, "file", O_RDWR)), 0);
    assert_int_equal(close(open_file("file")), 0);
    assert_int_equal(f.status.st_uid, OTHER_USER);
    assert_int_equal(f.status.st_mode & 07777, 0600);
}

static void a_removed_directory_is_noticed(void **state) {
    (void)state;
    assert_true(open_folder(f.path));
    assert_false(tote__folder_is_removed(&f.folder));
    assert_int_equal(rmdir(f.path), 0);
    assert_true(tote__folder_is_removed(&f.folder));
}

#define FRESH_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        FRESH_TEST(a_missing_directory_is_created_with_access_for_its_owner_only),
        FRESH_TEST(the_umask_does_not_remove_permissions_of_the_owner),
        FRESH_TEST(a_directory_that_every_user_may_write_to_is_refused),
        FRESH_TEST(a_directory_of_another_user_is_refused),
        FRESH_TEST(an_error_names_the_user_of_the_process_and_the_owner),
        FRESH_TEST(a_path_that_is_no_directory_is_refused),
        FRESH_TEST(links_of_this_user_and_of_root_are_followed),
        FRESH_TEST(links_of_another_user_are_not_followed),
        FRESH_TEST(only_regular_files_are_opened),
        FRESH_TEST(files_that_other_users_may_write_are_not_opened),
        FRESH_TEST(files_that_root_creates_belong_to_the_directorys_owner),
        FRESH_TEST(a_removed_directory_is_noticed),
    };
    return RUN_TESTS(tests, argc, argv);
}
