/* SPDX-License-Identifier: MIT */
/* Files read and published whole, on full disks too, and the rules for secrets. */
#include "base/file.h"
#include "tests/namespace.h"
#include "tests/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

MAIN()

static char folder[64], path_buffer[256];

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
        return remove(path);
}

static void folder_remove(void)
{
        if (*folder)
                (void) nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
        *folder = 0;
}

/* A fresh folder for a test; the last one goes. */
static void folder_make(void)
{
        static bool registered;
        folder_remove();
        strcpy(folder, "/tmp/test_file.XXXXXX");
        CHECK(mkdtemp(folder));
        if (!registered)
                atexit(folder_remove);
        registered = true;
}

static const char *in_folder(const char *name)
{
        snprintf(path_buffer, sizeof path_buffer, "%s/%s", folder, name);
        return path_buffer;
}

static void put(const char *name, const char *data, size_t size, mode_t mode)
{
        int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        CHECK_INT(fd_write_all(fd, data, size), 0);
        CHECK(fchmod(fd, mode) >= 0);
        close(fd);
}

static void check_content(const char *name, const char *wanted)
{
        _cleanup_free_ char *data = NULL;
        size_t size;

        CHECK_INT(file_read(in_folder(name), 1 << 20, &data, &size), 0);
        CHECK_STR(data, wanted);
        CHECK_INT(size, strlen(wanted));
}

TEST(files_are_read_whole_and_no_further_than_the_limit)
{
        char *data = NULL;
        size_t size = 0;
        static char big[100000];

        folder_make();
        memset(big, 'x', sizeof big);
        put("big", big, sizeof big, 0644);
        CHECK_INT(file_read(in_folder("big"), sizeof big, &data, &size), 0);
        CHECK_INT(size, sizeof big);
        CHECK(data[size] == 0 && memcmp(data, big, size) == 0);
        free(TAKE_PTR(data));
        CHECK_INT(file_read(in_folder("big"), sizeof big - 1, &data, &size), -EFBIG);
        put("empty", "", 0, 0644);
        CHECK_INT(file_read(in_folder("empty"), 0, &data, &size), 0);
        CHECK_STR(data, "");
        free(TAKE_PTR(data));
        CHECK_INT(file_read("/proc/self/status", 1 << 20, &data, NULL), 0);
        CHECK(strstr(data, "\nPid:"));
        free(TAKE_PTR(data));
        CHECK_INT(file_read("/dev/zero", 100, &data, NULL), -EBADFD);
        CHECK_INT(file_read(folder, 100, &data, NULL), -EISDIR);
        CHECK_INT(file_read(in_folder("none"), 100, &data, NULL), -ENOENT);
        CHECK(mkfifo(in_folder("fifo"), 0600) >= 0);
        CHECK_INT(file_read(in_folder("fifo"), 100, &data, NULL), -EBADFD); /* at once */
        CHECK(!data);
}

TEST(pipes_are_read_to_their_end)
{
        int p[2];
        char *data = NULL;
        size_t size;
        static char big[50000];

        CHECK(pipe2(p, O_CLOEXEC) >= 0);
        memset(big, 'y', sizeof big);
        CHECK_INT(fd_write_all(p[1], big, sizeof big), 0);
        close(p[1]);
        CHECK_INT(fd_read_all(p[0], sizeof big, &data, &size), 0);
        CHECK_INT(size, sizeof big);
        CHECK(memcmp(data, big, size) == 0);
        free(data);
        close(p[0]);
}

/* Secrets */

static const char *refusal(const char *value, int wanted)
{
        static Error e;
        char *data = NULL;

        e.text[0] = 0;
        CHECK_INT(secret_read(value, folder, &data, NULL, &e), wanted);
        CHECK(!data);
        CHECK(!strstr(e.text, "sesame"));
        return e.text;
}

static void check_secret(const char *value, const char *wanted)
{
        char *data = NULL;
        size_t size = 0;
        Error e = {0};

        if (secret_read(value, folder, &data, &size, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK_STR(data, wanted);
        CHECK_INT(size, strlen(wanted));
        CHECK(!secret_free(data));
}

TEST(secrets_lie_beside_the_config_or_where_the_path_says)
{
        folder_make();
        unsetenv("CREDENTIALS_DIRECTORY");
        put("key", "open sesame\r\n\n", 14, 0640);
        check_secret("key", "open sesame");
        check_secret("./key", "open sesame");
        check_secret(in_folder("key"), "open sesame");
        CHECK(strstr(refusal("absent", -ENOENT), "/absent: No such file or directory"));
        refusal("", -EINVAL);
        refusal("..", -EINVAL);
        CHECK(!secret_free(NULL));
}

TEST(secrets_that_others_can_read_are_refused_with_what_would_be_right)
{
        folder_make();
        unsetenv("CREDENTIALS_DIRECTORY");
        put("key", "sesame", 6, 0644);
        CHECK(strstr(refusal("key", -EPERM),
                     "/key: others may read or write this secret (mode 0644); chmod o="));
        put("key", "sesame", 6, 0602);
        refusal("key", -EPERM);
        put("key", "sesame", 6, 0600);
        check_secret("key", "sesame");
        if (geteuid() != 0) {
                fprintf(stderr, "(owners not tried: only root may give files away)\n");
                return;
        }
        CHECK(chown(in_folder("key"), 12345, (gid_t) -1) >= 0);
        CHECK(strstr(refusal("key", -EPERM), "belongs to user 12345"));
}

TEST(what_cannot_be_a_secret_is_refused)
{
        static char big[70000];

        folder_make();
        unsetenv("CREDENTIALS_DIRECTORY");
        put("key", "\n\n", 2, 0600);
        CHECK(strstr(refusal("key", -EINVAL), "/key: empty"));
        put("key", "ses\0ame", 7, 0600);
        CHECK(strstr(refusal("key", -EINVAL), "NUL"));
        memset(big, 'x', sizeof big);
        put("key", big, sizeof big, 0600);
        refusal("key", -EFBIG);
        CHECK(mkdir(in_folder("sub"), 0700) >= 0);
        refusal("sub", -EISDIR);
}

TEST(credentials_are_exempt_from_the_mode_check_and_paths_are_not)
{
        char cwd[80];

        folder_make();
        put("key", "sesame", 6, 0444);
        snprintf(cwd, sizeof cwd, "%s/credentials", folder);
        CHECK(mkdir(cwd, 0700) >= 0);
        put("credentials/key", "credential", 10, 0444);
        setenv("CREDENTIALS_DIRECTORY", cwd, 1);
        check_secret("key", "credential");
        CHECK(strstr(refusal("other", -ENOENT), "LoadCredential="));
        CHECK(!strstr(refusal("./key", -EPERM), "LoadCredential="));
        unsetenv("CREDENTIALS_DIRECTORY");
}

/* Publishing */

static void check_mode(const char *name, mode_t wanted)
{
        struct stat st;
        CHECK(stat(in_folder(name), &st) >= 0);
        CHECK_INT(st.st_mode & 07777, wanted);
}

TEST(published_files_have_exactly_their_mode_whatever_the_umask)
{
        folder_make();
        mode_t old = umask(0777);
        CHECK_INT(file_publish(in_folder("f"), "one", 3, 0644), 0);
        umask(0);
        CHECK_INT(file_publish(in_folder("g"), "two", 3, 0600), 0);
        umask(old);
        check_mode("f", 0644);
        check_mode("g", 0600);
        check_content("f", "one");
        CHECK_INT(file_publish(in_folder("f"), "longer than one", 15, 0640), 0);
        check_content("f", "longer than one");
        check_mode("f", 0640);
        CHECK_INT(file_publish(in_folder("f"), "", 0, 0640), 0);
        check_content("f", "");
        CHECK(access(in_folder(".f.spare"), F_OK) >= 0);
        CHECK(access(in_folder(".f.new"), F_OK) < 0);
}

TEST(whoever_has_the_old_file_open_goes_on_reading_the_old_one)
{
        char b[16] = "";

        folder_make();
        CHECK_INT(file_publish(in_folder("f"), "old", 3, 0644), 0);
        int fd = open(in_folder("f"), O_RDONLY | O_CLOEXEC);
        for (int i = 0; i < 5; i++)
                CHECK_INT(file_publish(in_folder("f"), "new", 3, 0644), 0);
        CHECK_INT(read(fd, b, sizeof b), 3);
        CHECK_STR(b, "old");
        close(fd);
}

TEST(without_a_descriptor_left_the_hard_limit_is_used)
{
        struct rlimit before, none, after;

        folder_make();
        CHECK_INT(file_publish(in_folder("f"), "old", 3, 0644), 0);
        CHECK(getrlimit(RLIMIT_NOFILE, &before) >= 0);
        none = (struct rlimit){3, before.rlim_max};
        CHECK(setrlimit(RLIMIT_NOFILE, &none) >= 0);
        int fd = dup(STDERR_FILENO);
        int error = errno, r = file_publish(in_folder("f"), "new", 3, 0644);
        CHECK(getrlimit(RLIMIT_NOFILE, &after) >= 0);
        CHECK(setrlimit(RLIMIT_NOFILE, &before) >= 0);
        CHECK(fd < 0 && error == EMFILE);
        CHECK_INT(r, 0);
        CHECK_INT(after.rlim_cur, 3);
        check_content("f", "new");
}

/* Somebody with prlimit: waits until the limit is up, and sets one of his own. */
static void *limit_main(void *userdata)
{
        const atomic_bool *over = userdata;
        struct rlimit limit;

        while (!*over)
                if (getrlimit(RLIMIT_NOFILE, &limit) >= 0 && limit.rlim_cur == limit.rlim_max) {
                        limit.rlim_cur--;
                        (void) setrlimit(RLIMIT_NOFILE, &limit);
                        return (void *) userdata;
                }
        return NULL;
}

TEST(a_limit_that_somebody_sets_meanwhile_stays)
{
        struct rlimit before, after;
        void *set = NULL;

        folder_make();
        CHECK(getrlimit(RLIMIT_NOFILE, &before) >= 0);
        for (int i = 0; i < 200 && !set; i++) {
                struct rlimit none = {3, before.rlim_max};
                atomic_bool over = false;
                pthread_t thread;

                CHECK(setrlimit(RLIMIT_NOFILE, &none) >= 0);
                CHECK_INT(pthread_create(&thread, NULL, limit_main, &over), 0);
                CHECK_INT(file_publish(in_folder("f"), "new", 3, 0644), 0);
                over = true;
                CHECK_INT(pthread_join(thread, &set), 0);
        }
        CHECK(getrlimit(RLIMIT_NOFILE, &after) >= 0);
        CHECK(setrlimit(RLIMIT_NOFILE, &before) >= 0);
        CHECK(set);
        CHECK_INT(after.rlim_cur, before.rlim_max - 1);
}

TEST(readers_never_see_half_a_file)
{
        folder_make();
        CHECK_INT(file_publish(in_folder("f"), "a", 1, 0644), 0);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                static char content[20000];
                for (unsigned i = 0;; i++) {
                        size_t size = 1 + i * 37 % sizeof content;
                        memset(content, 'a' + (int) (i % 26), size);
                        if (file_publish(in_folder("f"), content, size, 0644) < 0)
                                _exit(1);
                }
        }
        for (int i = 0; i < 3000; i++) {
                _cleanup_free_ char *data = NULL;
                size_t size;
                CHECK_INT(file_read(in_folder("f"), 1 << 20, &data, &size), 0);
                CHECK(size > 0);
                CHECK(memchr(data, data[0], size) == data && strspn(data, (char[2]){data[0], 0}) == size);
        }
        CHECK_INT(waitpid(pid, NULL, WNOHANG), 0); /* it has not failed */
        kill(pid, SIGKILL);
        CHECK(waitpid(pid, NULL, 0) == pid);
}

TEST(what_cannot_be_published_is_said)
{
        folder_make();
        CHECK_INT(file_publish(in_folder("none/f"), "x", 1, 0644), -ENOENT);
        CHECK_INT(file_publish(in_folder(""), "x", 1, 0644), -EINVAL);
        CHECK_INT(file_publish(in_folder(".."), "x", 1, 0644), -EINVAL);
        CHECK(mkdir(in_folder("sub"), 0755) >= 0);
        CHECK_INT(file_publish(in_folder("sub"), "x", 1, 0644), -EISDIR);
}

/* Mounts a small file system on the folder. */
static bool small_disk(const char *options)
{
        return namespace_enter() && mount("tmpfs", folder, "tmpfs", 0, options) >= 0;
}

static void fill_disk(void)
{
        static const char zeros[4096];
        int fd = open(in_folder("filler"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        while (write(fd, zeros, sizeof zeros) > 0)
                ;
        CHECK_INT(errno, ENOSPC);
        close(fd);
}

static void rewrite_on_a_full_disk(void)
{
        static char small[5000], twice[10000], large[20000];

        memset(small, 's', sizeof small - 1);
        memset(twice, 't', sizeof twice - 1);
        memset(large, 'l', sizeof large - 1);
        CHECK_INT(file_publish(in_folder("f"), "before", 6, 0644), 0);
        CHECK_INT(file_publish(in_folder("g"), small, sizeof small - 1, 0644), 0);
        fill_disk();
        for (int i = 0; i < 10; i++) {
                char b[32];
                snprintf(b, sizeof b, "full, and still %d", i);
                CHECK_INT(file_publish(in_folder("f"), b, strlen(b), 0640), 0);
                check_content("f", b);
                check_mode("f", 0640);
                /* Shorter in between, and back at the longer size: nobody else gets what was set aside. */
                CHECK_INT(file_publish(in_folder("g"), "short", 5, 0644), 0);
                check_content("g", "short");
                fill_disk();
                CHECK_INT(file_publish(in_folder("g"), small, sizeof small - 1, 0644), 0);
                check_content("g", small);
                /* More is to be said in an outage. */
                CHECK_INT(file_publish(in_folder("g"), twice, sizeof twice - 1, 0644), 0);
                check_content("g", twice);
        }
        /* Whatever size it had last: both files keep room for the largest there ever was. */
        CHECK(unlink(in_folder("filler")) >= 0);
        CHECK_INT(file_publish(in_folder("g"), "s", 1, 0644), 0);
        fill_disk();
        for (int i = 0; i < 5; i++)
                CHECK_INT(file_publish(in_folder("g"), small, sizeof small - 1, 0644), 0);
        check_content("g", small);
        /* Another size class finds no room, says so, and leaves what was there. */
        CHECK_INT(file_publish(in_folder("f"), large, sizeof large - 1, 0644), -ENOSPC);
        check_content("f", "full, and still 9");
        CHECK_INT(file_publish(in_folder("h"), "new", 3, 0644), -ENOSPC);
        CHECK(access(in_folder("h"), F_OK) < 0);
        CHECK_INT(file_publish(in_folder("f"), "after that", 10, 0644), 0);
        check_content("f", "after that");
        /* And when there is room again, all is as ever. */
        CHECK(unlink(in_folder("filler")) >= 0);
        CHECK_INT(file_publish(in_folder("f"), large, sizeof large - 1, 0644), 0);
        check_content("f", large);
}

TEST(a_full_disk_does_not_stop_a_rewrite_of_up_to_twice_the_size)
{
        folder_make();
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                if (!small_disk("size=256k"))
                        _exit(77);
                rewrite_on_a_full_disk();
                _exit(0);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                fprintf(stderr, "(skipped: no mount namespace here)\n");
        else
                CHECK_INT(WEXITSTATUS(status), 0);
}

TEST(what_stands_is_not_published_over)
{
        char target[16];
        mode_t old = umask(0077);

        folder_make();
        CHECK_INT(file_publish_first(in_folder("f"), "first", 5, 0644), 0);
        umask(old);
        check_content("f", "first");
        check_mode("f", 0644);
        CHECK_INT(file_publish_first(in_folder("f"), "second", 6, 0644), -EEXIST);
        check_content("f", "first");
        CHECK_INT(symlinkat("nowhere", AT_FDCWD, in_folder("link")), 0);
        CHECK_INT(file_publish_first(in_folder("link"), "x", 1, 0644), -EEXIST);
        CHECK_INT(readlink(in_folder("link"), target, sizeof(target)), 7);
        CHECK(access(in_folder("nowhere"), F_OK) < 0);
        CHECK_INT(file_publish_first(in_folder("none/f"), "x", 1, 0644), -ENOENT);
}

TEST(folders_are_made_with_their_parents_and_an_explicit_mode)
{
        folder_make();
        mode_t old = umask(0077);
        CHECK_INT(directory_make(in_folder("a/b//c/"), 0755), 0);
        umask(old);
        check_mode("a/b/c", 0755);
        CHECK_INT(directory_make(in_folder("a/b/c"), 0700), 0);
        check_mode("a/b/c", 0755);
        put("file", "", 0, 0644);
        CHECK_INT(directory_make(in_folder("file"), 0755), -ENOTDIR);
        CHECK_INT(directory_make(in_folder("file/x"), 0755), -ENOTDIR);
        CHECK_INT(directory_make("/", 0755), 0);
}
