/* SPDX-License-Identifier: MIT */
/* Listening sockets: what is replaced, what is refused, and with which mode they appear. */
#include "tests/http_fixture.h"

MAIN()

TEST(a_tcp_address_must_be_one)
{
        const char *const bad[] = {"",           "127.0.0.1",       ":80",          "localhost:80",
                                   "127.0.0.1:", "127.0.0.1:x",     "::1:80",       "[::1]",
                                   "[::1:80",    "127.0.0.1:65536", "1.2.3.4.5:80", "127.0.0.1:-1"};
        int fd = -1;
        Error e;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK_INT(http_listen_tcp(bad[i], &fd, &e), -EINVAL);
        CHECK_STR(e.text, "127.0.0.1:-1: not an address and a port, such as 127.0.0.1:9440 or [::1]:9440");
        CHECK_INT(fd, -1);
}

TEST(a_unix_socket_appears_with_its_mode_and_replaces_a_stale_one_only)
{
        struct stat st;
        Fixture f;
        Error e;
        char other[128];
        int fd = -1;

        setup(&f);
        CHECK_INT(stat(f.socket, &st), 0);
        CHECK_INT(st.st_mode & 07777, 0600);
        CHECK_INT(http_listen_unix(f.socket, 0600, (gid_t) -1, &fd, &e), -EADDRINUSE);
        check_curl(&f, "http://x/hello", "hello\n"); /* the live one still lives */
        f.server = http_server_free(f.server);

        mode_t before = umask(0777);
        CHECK_INT(http_listen_unix(f.socket, 0660, getgid(), &fd, &e), 0);
        umask(before);
        CHECK_INT(stat(f.socket, &st), 0);
        CHECK_INT(st.st_mode & 07777, 0660);
        close(fd);
        fd = -1;

        snprintf(other, sizeof(other), "%s/file", f.folder);
        FILE *file = fopen(other, "w");
        CHECK(file);
        fclose(file);
        CHECK_INT(http_listen_unix(other, 0600, (gid_t) -1, &fd, &e), -EEXIST);
        CHECK_INT(unlink(other), 0);
        CHECK_INT(http_listen_unix("/nonexistent/sock", 0600, (gid_t) -1, &fd, &e), -ENOENT);
        char *name = string_printf("%s/%0120d", f.folder, 1);
        CHECK_INT(http_listen_unix(name, 0600, (gid_t) -1, &fd, &e), -ENAMETOOLONG);
        free(name);
        CHECK_INT(fd, -1);
        teardown(&f); /* removes the folder, in which nothing was left behind */
}

TEST(a_live_socket_with_a_full_backlog_counts_as_live)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        char folder[] = "/tmp/test-httpd-XXXXXX";
        int fds[64], n = 0, fd = -1;

        CHECK(mkdtemp(folder));
        snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/s", folder);
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_INT(bind(listener, (struct sockaddr *) &sa, sizeof(sa)), 0);
        CHECK_INT(listen(listener, 1), 0);
        do
                fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        while (connect(fds[n++], (struct sockaddr *) &sa, sizeof(sa)) == 0 && n < 64);
        CHECK(n < 64);
        CHECK_INT(http_listen_unix(sa.sun_path, 0600, (gid_t) -1, &fd, NULL), -EADDRINUSE);
        while (n > 0)
                close(fds[--n]);
        close(listener);
        unlink(sa.sun_path);
        CHECK_INT(rmdir(folder), 0);
}

static int listen_plainly(const char *path)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
        CHECK_INT(bind(fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        CHECK_INT(listen(fd, 1), 0);
        return fd;
}

TEST(what_a_killed_predecessors_child_still_holds_is_waited_for)
{
        char folder[] = "/tmp/test-httpd-XXXXXX", path[64];
        int fd = -1;

        CHECK(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/s", folder);
        int listener = listen_plainly(path);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) { /* the child, which is about to close it */
                usleep(100000);
                _exit(0);
        }
        close(listener);
        CHECK_INT(http_listen_unix(path, 0600, (gid_t) -1, &fd, NULL), 0);
        CHECK_INT(waitpid(pid, NULL, 0), pid);
        close(fd);
        unlink(path);
        CHECK_INT(rmdir(folder), 0);
}
