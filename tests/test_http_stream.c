/* SPDX-License-Identifier: MIT */
/* Server-sent events: order, clients that leave or do not read, and a server that is freed under them. */
#include "tests/http_fixture.h"

MAIN()

TEST(a_stream_reaches_two_clients_in_order)
{
        Fixture f;
        setup(&f);
        FILE *a = curl_start(&f, "-N http://x/stream");
        RUN_UNTIL(&f, f.n_streams == 1);
        FILE *b = curl_start(&f, "-N -i http://x/stream");
        RUN_UNTIL(&f, f.n_streams == 2);
        for (int i = 0; i < 100; i++) {
                char data[32];
                snprintf(data, sizeof(data), "{\"n\":%d}", i);
                for (size_t k = 0; k < 2; k++)
                        CHECK_INT(http_stream_send(f.streams[k], i % 2 ? "mode" : NULL, data), 0);
                turn(&f);
        }
        char *got = curl_receive(&f, b, "{\"n\":99}\n\n");
        CHECK(strstr(got, "Content-Type: text/event-stream\r\n"));
        CHECK(strstr(got, "X-Extra: yes\r\n"));
        CHECK(strstr(got, "\r\n\r\ndata: {\"n\":0}\n\nevent: mode\ndata: {\"n\":1}\n\ndata: {\"n\":2}\n\n"));
        free(got);
        HttpStream *first = f.streams[0], *second = f.streams[1];
        CHECK(!http_stream_close(first));
        CHECK_INT(f.n_closed, 1); /* closed() was called */
        got = curl_receive(&f, a, NULL);
        CHECK(strstr(got, "data: {\"n\":0}\n\n"));
        CHECK_STR(got + strlen(got) - 16, "data: {\"n\":99}\n\n");
        free(got);
        CHECK(!http_stream_close(second));
        free(curl_receive(&f, b, NULL));
        CHECK_INT(pclose(a), 0); /* a clean end of the transfer */
        CHECK_INT(pclose(b), 0);
        CHECK_INT(f.n_closed, 2);
        teardown(&f);
}

TEST(a_stream_may_be_opened_later)
{
        Fixture f;
        setup(&f);
        FILE *p = curl_start(&f, "-N http://x/later");
        RUN_UNTIL(&f, f.n_pending == 1);
        CHECK_INT(http_stream_open(f.pending[0], on_closed, &f, &f.streams[0]), 0);
        f.n_streams = 1;
        CHECK_INT(http_stream_send(f.streams[0], NULL, "now"), 0);
        check_has(curl_receive(&f, p, "now\n\n"), "data: now\n\n");
        http_stream_close(f.streams[0]);
        check_has(curl_receive(&f, p, NULL), "");
        CHECK_INT(pclose(p), 0);
        teardown(&f);
}

TEST(a_comment_is_sent_while_nothing_happens)
{
        Fixture f;
        setup_with(&f, (HttpOptions){.stream_ping_usec = 50 * USEC_PER_MSEC,
                                     .receive_timeout_usec = USEC_PER_SEC});
        FILE *p = curl_start(&f, "-N http://x/stream");
        const char *eight = ":\n\n:\n\n:\n\n:\n\n:\n\n:\n\n:\n\n:\n\n";
        for (int i = 0; i < 3; i++) /* longer than a request may take to come */
                free(curl_receive(&f, p, eight));
        CHECK_INT(f.n_closed, 0);
        http_stream_close(f.streams[0]);
        free(curl_receive(&f, p, NULL));
        CHECK_INT(pclose(p), 0);
        teardown(&f);
}

TEST(a_stream_whose_client_left_is_closed_at_once)
{
        Fixture f;
        setup(&f); /* the first comment would come after 15 s */
        int fd = raw_connect(&f);
        raw_send(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        free(raw_receive(&f, fd, "event-stream"));
        CHECK_INT(f.n_streams, 1);
        uint64_t start = clock_boot_usec();
        close(fd);
        RUN_UNTIL(&f, f.n_closed == 1);
        CHECK(clock_boot_usec() - start < 5 * USEC_PER_SEC);
        CHECK(!f.streams[0]);
        teardown(&f);
}

TEST(a_client_that_does_not_read_is_cut_off_at_256_kib)
{
        char data[1001];
        Fixture f;
        int r, sent = 0;

        memset(data, 'x', sizeof(data) - 1);
        data[sizeof(data) - 1] = '\0';
        setup(&f);
        int fd = raw_connect(&f);
        raw_send(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        RUN_UNTIL(&f, f.n_streams == 1);
        HttpStream *s = f.streams[0];
        while ((r = http_stream_send(s, NULL, data)) == 0) {
                CHECK_INT(f.n_closed, 0); /* never called from within */
                CHECK(++sent < 5000);
                turn(&f);
        }
        CHECK_INT(r, -ENOBUFS);
        CHECK(sent >= 256);
        CHECK_INT(f.n_closed, 0);
        CHECK_INT(http_stream_send(s, NULL, data), -EPIPE);
        RUN_UNTIL(&f, f.n_closed == 1);
        close(fd);
        check_curl(&f, "http://x/hello", "hello\n");
        teardown(&f);
}

TEST(a_client_that_stops_reading_is_noticed_by_the_comments)
{
        char data[1001];
        Fixture f;

        memset(data, 'x', sizeof(data) - 1);
        data[sizeof(data) - 1] = '\0';
        setup_with(&f, (HttpOptions){.stream_ping_usec = 50 * USEC_PER_MSEC});
        int fd = raw_connect(&f), small = 4096;
        CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
        raw_send(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        RUN_UNTIL(&f, f.n_streams == 1);
        for (int i = 0; i < 250; i++)
                CHECK_INT(http_stream_send(f.streams[0], NULL, data), 0);
        RUN_UNTIL(&f, f.n_closed == 1);
        close(fd);
        teardown(&f);
}

TEST(an_answer_that_comes_at_once_has_room_when_it_asks_for_it)
{
        enum { PIECE = 30000, PIECES = 128 };
        Fixture f;
        char *piece = calloc(1, PIECE + 1);
        CHECK(piece);
        memset(piece, 'x', PIECE);
        for (int roomy = 0; roomy < 2; roomy++) {
                int sent = 0;
                setup(&f);
                int fd = raw_connect(&f);
                raw_send(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
                RUN_UNTIL(&f, f.n_streams == 1);
                if (roomy)
                        http_stream_set_room(f.streams[0], 8 * 1024 * 1024);
                while (sent < PIECES && http_stream_send(f.streams[0], "peer", piece) == 0)
                        sent++;
                CHECK(roomy ? sent == PIECES : sent < PIECES);
                if (roomy)
                        http_stream_close(f.streams[0]);
                char *got = raw_receive(&f, fd, roomy ? "\r\n0\r\n" : NULL);
                CHECK(roomy ? strlen(got) > PIECE * PIECES : strlen(got) < 512 * 1024);
                free(got);
                close(fd);
                teardown(&f);
        }
        free(piece);
}

TEST(all_streams_together_have_an_end_too)
{
        enum { PIECE = 1024 * 1024 };
        Fixture f;
        int fds[8];
        unsigned sent = 0;
        char *piece = calloc(1, PIECE + 1);
        CHECK(piece);
        memset(piece, 'x', PIECE);
        setup(&f);
        for (size_t i = 0; i < 8; i++) { /* who take nothing */
                fds[i] = raw_connect(&f);
                raw_send(fds[i], "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
                RUN_UNTIL(&f, f.n_streams == i + 1);
                http_stream_set_room(f.streams[i], 16 * 1024 * 1024);
        }
        for (size_t i = 0; i < 8; i++)
                for (int k = 0; k < 14 && f.streams[i] && http_stream_send(f.streams[i], NULL, piece) == 0;
                     k++)
                        sent++;
        CHECK(sent > 30 && sent < 80);
        for (size_t i = 0; i < 8; i++)
                close(fds[i]);
        RUN_UNTIL(&f, f.n_closed == 8);
        teardown(&f);
        free(piece);
}

TEST(a_freed_server_ends_streams_and_leaves_requests_answerable)
{
        Fixture f;
        int fds[6];
        setup(&f);
        for (size_t i = 0; i < 6; i++) {
                fds[i] = raw_connect(&f);
                raw_send(fds[i], i < 2   ? "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
                                 : i < 5 ? "GET /later?q=kept HTTP/1.1\r\nHost: x\r\nX-Case: too\r\n\r\n"
                                         : "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
        }
        RUN_UNTIL(&f, f.n_streams == 2 && f.n_pending == 3);
        CHECK_INT(http_stream_send(f.streams[0], NULL, "waits"), 0);
        http_reply(f.pending[2], 200, NULL, "on its way", 10);
        f.server = http_server_free(f.server);
        CHECK_INT(f.n_closed, 2);
        CHECK_STR(http_query(f.pending[0], "q"), "kept");
        CHECK_STR(http_header(f.pending[0], "X-Case"), "too");
        HttpStream *s = NULL;
        CHECK_INT(http_stream_open(f.pending[0], on_closed, &f, &s), -EPIPE);
        http_reply_error(f.pending[0], 503, "too late");
        http_reply_json(f.pending[1], 200, json_object());
        for (size_t i = 0; i < 6; i++) {
                free(raw_receive(&f, fds[i], NULL));
                close(fds[i]);
        }
        CHECK_INT(f.n_closed, 2);
        teardown(&f);
}

TEST(a_server_may_be_freed_by_its_handler)
{
        Fixture f;
        setup(&f);
        int stream = raw_connect(&f), fd = raw_connect(&f);
        raw_send(stream, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        RUN_UNTIL(&f, f.n_streams == 1);
        raw_send(fd, "GET /free HTTP/1.1\r\nHost: x\r\n\r\n");
        free(raw_receive(&f, fd, NULL));
        CHECK(!f.server);
        RUN_UNTIL(&f, f.n_closed == 1);
        close(fd);
        close(stream);
        teardown(&f);
}
