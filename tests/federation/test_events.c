/* SPDX-License-Identifier: MIT */
/* Listeners of /events, with curl and raw sockets. */
#include "tests/http_fixture.h"

#include "federation/events.h"

MAIN()

static unsigned most;

static void on_join(HttpRequest *r, void *userdata)
{
        Fixture *f = userdata;

        f->handled++;
        events_join(f->thing, r, most);
}

static Events *begin(Fixture *f, HttpLimits *limits)
{
        Events *e;

        most = 0;
        setup_tcp(f, (HttpOptions){.handler = on_join,
                                   .limits = limits,
                                   .stream_ping_usec = 100 * USEC_PER_MSEC});
        CHECK_INT(events_new(&e), 0);
        f->thing = e;
        return e;
}

static void end(Fixture *f)
{
        f->server = http_server_free(f->server);
        CHECK_INT(events_listeners(f->thing), 0);
        events_free(f->thing);
        teardown(f);
}

static int listen_to(Fixture *f, Events *e)
{
        size_t before = events_listeners(e);
        int fd = raw_connect(f);

        raw_send(fd, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
        RUN_UNTIL(f, events_listeners(e) == before + 1);
        return fd;
}

TEST(who_comes_is_told_what_holds_in_its_order_and_then_each_change_once)
{
        Fixture f;
        Events *e = begin(&f, NULL);
        events_state(e, "config", "", json_pack("{s:i}", "n", 1));
        events_state(e, "peer", "b", json_pack("{s:s}", "id", "b"));
        events_state(e, "peer", "a", json_pack("{s:s}", "id", "a"));
        events_state(e, "config", "", json_pack("{s:i}", "n", 2));
        events_tell(e, "mode", json_object()); /* nobody listens */
        int fd = listen_to(&f, e);
        char *got = raw_receive(&f, fd, "{\"id\":\"a\"}\n\n");
        char *config = strstr(got, "event: config\ndata: {\"n\":2}\n\n"),
             *b = strstr(got, "event: peer\ndata: {\"id\":\"b\"}\n\n");
        CHECK(config && b && config < b && strstr(b, "event: peer\ndata: {\"id\":\"a\"}\n\n"));
        CHECK(strstr(got, "Content-Type: text/event-stream\r\n"));
        char *retry = strstr(got, "retry: ");
        CHECK(retry && retry < config && atoi(retry + 7) >= 1000 && atoi(retry + 7) < 5000);
        CHECK(!strstr(got, "event: mode"));
        free(got);

        events_state(e, "config", "", json_pack("{s:i}", "n", 2)); /* the same: not told */
        events_tell(e, "mode", json_pack("{s:s}", "mode", "crypto"));
        events_state(e, "config", "", json_pack("{s:i}", "n", 3));
        got = raw_receive(&f, fd, "{\"n\":3}\n\n");
        CHECK(strstr(got, "event: mode\ndata: {\"mode\":\"crypto\"}\n\n") && !strstr(got, "{\"n\":2}"));
        free(got);
        close(fd);
        RUN_UNTIL(&f, events_listeners(e) == 0);
        end(&f);
}

TEST(what_holds_no_more_is_not_told)
{
        Fixture f;
        Events *e = begin(&f, NULL);
        events_state(e, "peer", "a", json_pack("{s:s}", "id", "a"));
        events_state(e, "peer", "b", json_pack("{s:s}", "id", "b"));
        events_state(e, "config", "", json_pack("{s:i}", "n", 1));
        events_state(e, "peer", "a", NULL);
        events_state(e, "peer", "none", NULL);
        int fd = listen_to(&f, e);
        char *got = raw_receive(&f, fd, "{\"n\":1}\n\n");
        CHECK(strstr(got, "\"b\"") && !strstr(got, "\"a\""));
        free(got);
        close(fd);
        RUN_UNTIL(&f, events_listeners(e) == 0);
        events_forget(e, "peer");
        fd = listen_to(&f, e);
        got = raw_receive(&f, fd, "{\"n\":1}\n\n");
        CHECK(!strstr(got, "event: peer"));
        free(got);
        close(fd);
        end(&f);
}

TEST(one_listener_too_many_is_refused_with_the_reason)
{
        HttpLimits *l;
        Fixture f;
        int fds[3];
        CHECK_INT(http_limits_new(&(HttpLimitsOptions){.connections = 6}, &l, NULL), 0);
        Events *e = begin(&f, l);
        for (size_t i = 0; i < 3; i++) {
                fds[i] = listen_to(&f, e);
                most = i == 1 ? 2 : 0;
                if (most > 0) { /* events' own limit */
                        char *answer = curl(&f, "-i http://x/events");
                        CHECK(strstr(answer, "HTTP/1.1 503 ") && strstr(answer, "\r\nRetry-After: ") &&
                              strstr(answer,
                                     "{\"success\":false,\"error\":\"too many event streams are open"));
                        free(answer);
                        most = 0;
                }
        }
        check_has(curl(&f, "-i http://x/events"), "too many event streams are open"); /* the server's */
        close(fds[0]);
        RUN_UNTIL(&f, events_listeners(e) == 2);
        fds[0] = listen_to(&f, e);
        for (size_t i = 0; i < 3; i++)
                close(fds[i]);
        end(&f);
        http_limits_free(l);
}

TEST(a_listener_who_takes_nothing_is_dropped_and_the_others_are_told)
{
        Fixture f;
        Events *e = begin(&f, NULL);
        char big[8000], wanted[64];
        int small = 4096, deaf = raw_connect(&f), good;
        CHECK_INT(setsockopt(deaf, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
        raw_send(deaf, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
        RUN_UNTIL(&f, events_listeners(e) == 1);
        good = listen_to(&f, e);
        memset(big, 'x', sizeof(big) - 1);
        big[sizeof(big) - 1] = '\0';
        uint64_t deadline = clock_boot_usec() + PATIENCE;
        for (int i = 0; events_listeners(e) == 2; i++) {
                CHECK(clock_boot_usec() < deadline);
                events_tell(e, "mode", json_pack("{s:i, s:s}", "i", i, "x", big));
                snprintf(wanted, sizeof(wanted), "\"i\":%d,", i);
                char *got = raw_receive(&f, good, wanted);
                free(got);
        }
        close(deaf);
        close(good);
        end(&f);
}

TEST(a_free_with_listeners_closes_them)
{
        Fixture f;
        Events *e = begin(&f, NULL);
        int fd = listen_to(&f, e);
        events_state(e, "config", "", json_pack("{s:i}", "n", 1));
        events_free(e);
        char *got = raw_receive(&f, fd, NULL);
        CHECK(strstr(got, "{\"n\":1}"));
        free(got);
        close(fd);
        teardown(&f);
}
