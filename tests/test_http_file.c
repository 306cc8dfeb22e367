/* SPDX-License-Identifier: MIT */
/* Answers from a file: whole, in little memory, as fast as they are taken, and let go of in every way that they end. */
#include "tests/http_fixture.h"

MAIN()

#define BIG ((uint64_t) 40 * 1024 * 1024 + 12345)

/* Without a name, with bytes that tell where they are. */
static void file_make(Fixture *f, uint64_t size)
{
        uint32_t block[16384];

        f->file = open(f->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        CHECK(f->file >= 0);
        for (uint64_t at = 0; at < size; at += sizeof(block)) {
                for (size_t i = 0; i < ELEMENTSOF(block); i++)
                        block[i] = (uint32_t) (at / 4 + i) * 2654435761u;
                CHECK_INT(write(f->file, block, sizeof(block)), sizeof(block));
        }
        f->file_size = size;
}

static void file_end(Fixture *f)
{
        teardown(f);
        close(f->file);
}

/* Reads n bytes of the body; returns how many there were. */
static uint64_t body_check(Fixture *f, int fd, uint64_t at, uint64_t until)
{
        static char buffer[256 * 1024], expected[sizeof(buffer)];
        uint64_t deadline = clock_boot_usec() + PATIENCE;

        while (at < until) {
                ssize_t n = recv(fd, buffer, MIN(sizeof(buffer), until - at), MSG_DONTWAIT);

                CHECK(clock_boot_usec() < deadline);
                if (n == 0)
                        return at;
                if (n < 0) {
                        turn(f);
                        continue;
                }
                CHECK_INT(pread(f->file, expected, (size_t) n, (off_t) at), n);
                CHECK(memcmp(buffer, expected, (size_t) n) == 0);
                at += (uint64_t) n;
        }
        return at;
}

/* Asks, and reads the head alone. */
static int file_ask(Fixture *f, const char *method)
{
        char head[4096], request[200];
        int fd = raw_connect(f);
        size_t n = 0;

        snprintf(request, sizeof(request), "%s /file HTTP/1.1\r\nHost: x\r\n\r\n", method);
        raw_send(fd, request);
        while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {
                ssize_t got = recv(fd, head + n, 1, MSG_DONTWAIT);
                if (got == 1)
                        n++;
                else
                        turn(f);
                CHECK(n < sizeof(head) - 1);
        }
        head[n] = '\0';
        snprintf(request, sizeof(request), "Content-Length: %llu\r\n", (unsigned long long) f->file_size);
        CHECK(strstr(head, "HTTP/1.1 200 "));
        CHECK(strcasestr(head, request));
        return fd;
}

TEST(a_file_arrives_whole_and_is_let_go_of)
{
        static const uint64_t sizes[] = {BIG, 0, 1, 256 * 1024, 256 * 1024 + 1};

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                Fixture f;
                setup_tcp(&f, (HttpOptions){0});
                file_make(&f, sizes[i]);
                int fd = file_ask(&f, "GET");
                CHECK_INT(body_check(&f, fd, 0, sizes[i]), sizes[i]);
                RUN_UNTIL(&f, f.n_files_ended == 1);
                check_curl(&f, "http://x/hello", "hello\n");
                close(fd);
                file_end(&f);
        }
}

TEST(several_take_it_side_by_side_over_either_kind_of_socket)
{
        Fixture f;
        int fds[6];

        setup(&f);
        file_make(&f, BIG);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = file_ask(&f, "GET");
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                CHECK_INT(body_check(&f, fds[i], 0, BIG), BIG);
        RUN_UNTIL(&f, f.n_files_ended == ELEMENTSOF(fds));
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                close(fds[i]);
        file_end(&f);
}

TEST(a_head_request_is_told_its_size_alone)
{
        Fixture f;
        setup_tcp(&f, (HttpOptions){0});
        file_make(&f, BIG);
        int fd = file_ask(&f, "HEAD");
        RUN_UNTIL(&f, f.n_files_ended == 1);
        raw_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"); /* what comes next is not its body */
        char *got = raw_receive(&f, fd, "hello\n");
        CHECK(strncmp(got, "HTTP/1.1 200 ", 13) == 0);
        free(got);
        close(fd);
        file_end(&f);
}

TEST(little_of_it_is_held_for_who_does_not_read)
{
        HttpLimits *limits;
        HttpLimitsCounts counts;
        Fixture f;

        CHECK_INT(http_limits_new(&(HttpLimitsOptions){0}, &limits, NULL), 0);
        setup_tcp(&f, (HttpOptions){.limits = limits});
        file_make(&f, BIG);
        int fd = file_ask(&f, "GET");
        for (int i = 0; i < 50; i++)
                turn(&f);
        http_limits_counts(limits, &counts);
        CHECK(counts.answer_bytes > 0);
        CHECK(counts.answer_bytes < 1024 * 1024);
        CHECK_INT(f.n_files_ended, 0);
        close(fd); /* unread bytes: reset */
        RUN_UNTIL(&f, f.n_files_ended == 1);
        http_limits_counts(limits, &counts);
        CHECK_INT(counts.answer_bytes, 0);
        file_end(&f);
        http_limits_free(limits);
}

TEST(who_takes_it_too_slowly_is_cut_off_at_the_deadline)
{
        Fixture f;
        setup_tcp(&f, (HttpOptions){.send_timeout_usec = 300 * USEC_PER_MSEC});
        file_make(&f, BIG);
        int fd = file_ask(&f, "GET");
        uint64_t start = clock_boot_usec();
        RUN_UNTIL(&f, f.n_files_ended == 1);
        CHECK(clock_boot_usec() - start > 200 * USEC_PER_MSEC);
        CHECK(clock_boot_usec() - start < 5 * USEC_PER_SEC);
        close(fd);
        file_end(&f);
}

TEST(a_file_that_became_shorter_ends_the_connection_not_the_server)
{
        Fixture f;
        setup_tcp(&f, (HttpOptions){0});
        file_make(&f, BIG);
        int fd = file_ask(&f, "GET");
        CHECK_INT(ftruncate(f.file, 4 * 1024 * 1024), 0);
        CHECK(body_check(&f, fd, 0, BIG) < BIG);
        RUN_UNTIL(&f, f.n_files_ended == 1);
        check_curl(&f, "http://x/hello", "hello\n");
        close(fd);
        file_end(&f);
}

TEST(broken_off_it_ends_at_once)
{
        Fixture f;
        setup_tcp(&f, (HttpOptions){0});
        file_make(&f, BIG);
        int fd = file_ask(&f, "GET");
        http_file_break(f.files[0]);
        RUN_UNTIL(&f, f.n_files_ended == 1);
        CHECK(body_check(&f, fd, 0, BIG) < BIG);
        close(fd);
        file_end(&f);
}

TEST(a_server_that_is_freed_lets_go_of_files_under_way)
{
        Fixture f;
        setup_tcp(&f, (HttpOptions){0});
        file_make(&f, BIG);
        int a = file_ask(&f, "GET"), b = file_ask(&f, "GET");
        CHECK_INT(body_check(&f, a, 0, 1024 * 1024), 1024 * 1024);
        f.server = http_server_free(f.server);
        CHECK_INT(f.n_files_ended, 2);
        close(a);
        close(b);
        file_end(&f);
}
