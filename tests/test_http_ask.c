/* SPDX-License-Identifier: MIT */
/* The synchronous client of control sockets, against the server. */
#include "tests/http_fixture.h"

#include <pthread.h>

MAIN()

/* Our own client is synchronous: it runs in a thread beside the loop. */

typedef struct Asker {
        Fixture *f;
        const char *method, *target, *body;
        uint64_t timeout_usec;
        int r;
        unsigned status;
        char *answer;
        Error e;
        bool follow;
        char events[4096];
        int stop_after;
        volatile bool ended;
} Asker;

static int on_event_line(const char *event, const char *data, void *userdata)
{
        Asker *a = userdata;
        size_t size = strlen(a->events);
        snprintf(a->events + size, sizeof(a->events) - size, "%s=%s;", event, data);
        return a->stop_after > 0 && --a->stop_after == 0 ? 42 : 0;
}

static void *asker_main(void *userdata)
{
        Asker *a = userdata;
        if (a->follow)
                a->r = http_follow_unix(a->f->socket, a->target, on_event_line, a, &a->e);
        else
                a->r = http_ask_unix(a->f->socket, a->method, a->target, a->body, a->timeout_usec, &a->status,
                                     &a->answer, &a->e);
        __atomic_store_n(&a->ended, true, __ATOMIC_SEQ_CST);
        return NULL;
}

static pthread_t asker_start(Asker *a)
{
        pthread_t thread;
        a->timeout_usec = a->timeout_usec ?: PATIENCE;
        CHECK_INT(pthread_create(&thread, NULL, asker_main, a), 0);
        return thread;
}

static void asker_finish(Asker *a, pthread_t thread)
{
        RUN_UNTIL(a->f, __atomic_load_n(&a->ended, __ATOMIC_SEQ_CST));
        pthread_join(thread, NULL);
}

TEST(our_client_asks_and_gets_status_and_body)
{
        Fixture f;
        setup(&f);
        Asker get = {.f = &f, .method = "GET", .target = "/hello"};
        asker_finish(&get, asker_start(&get));
        CHECK_INT(get.r, 0);
        CHECK_INT(get.status, 200);
        CHECK_STR(get.answer, "hello\n");
        free(get.answer);

        Asker post = {.f = &f, .method = "POST", .target = "/info?q=%C3%A4", .body = "{\"a\":1}"};
        asker_finish(&post, asker_start(&post));
        CHECK_INT(post.r, 0);
        check_has(post.answer, "\"q\":\"ä\",\"flag\":null,\"header\":null,\"body\":\"{\\\"a\\\":1}\"");

        Asker empty = {.f = &f, .method = "POST", .target = "/echo"};
        asker_finish(&empty, asker_start(&empty));
        CHECK_INT(empty.status, 200);
        CHECK_STR(empty.answer, "");
        free(empty.answer);

        Asker head = {.f = &f, .method = "HEAD", .target = "/hello"};
        asker_finish(&head, asker_start(&head));
        CHECK_INT(head.status, 200);
        free(head.answer);

        Asker missing = {.f = &f, .method = "DELETE", .target = "/nothing"};
        asker_finish(&missing, asker_start(&missing));
        CHECK_INT(missing.r, 0);
        CHECK_INT(missing.status, 404);
        check_has(missing.answer, "there is no /nothing");
        teardown(&f);
}

TEST(our_client_says_why_there_is_no_answer)
{
        Fixture f;
        setup(&f);
        Asker slow = {.f = &f, .method = "GET", .target = "/later", .timeout_usec = 200 * USEC_PER_MSEC};
        asker_finish(&slow, asker_start(&slow));
        CHECK_INT(slow.r, -ETIMEDOUT);
        CHECK(strstr(slow.e.text, "no answer in time"));
        CHECK(strstr(slow.e.text, f.socket));
        http_reply(f.pending[0], 200, NULL, NULL, 0);

        Asker cut = {.f = &f, .method = "GET", .target = "/later"};
        pthread_t thread = asker_start(&cut);
        RUN_UNTIL(&f, f.n_pending == 2);
        f.server = http_server_free(f.server);
        http_reply(f.pending[1], 200, NULL, NULL, 0);
        asker_finish(&cut, thread);
        CHECK_INT(cut.r, -ECONNRESET);

        Asker stale = {.f = &f, .method = "GET", .target = "/hello"};
        asker_finish(&stale, asker_start(&stale));
        CHECK_INT(stale.r, -ECONNREFUSED);
        CHECK_INT(unlink(f.socket), 0);
        Asker nobody = {.f = &f, .method = "GET", .target = "/hello"};
        asker_finish(&nobody, asker_start(&nobody));
        CHECK_INT(nobody.r, -ENOENT);
        CHECK(!nobody.answer);
        teardown(&f);
}

TEST(a_server_with_a_full_queue_is_busy_and_not_gone)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        char folder[] = "/tmp/test-ask-XXXXXX";
        int fds[3], listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char *answer = NULL;
        unsigned status;
        Error e;

        CHECK(mkdtemp(folder));
        snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/s", folder);
        CHECK(bind(listener, (struct sockaddr *) &sa, sizeof(sa)) == 0 && listen(listener, 0) == 0);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                (void) connect(fds[i], (struct sockaddr *) &sa, sizeof(sa));
        }
        CHECK_INT(http_ask_unix(sa.sun_path, "GET", "/", NULL, 300 * USEC_PER_MSEC, &status, &answer, &e),
                  -EAGAIN);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                close(fds[i]);
        close(listener);
        CHECK_INT(http_ask_unix(sa.sun_path, "GET", "/", NULL, USEC_PER_SEC, &status, &answer, &e),
                  -ECONNREFUSED);
        CHECK(unlink(sa.sun_path) == 0 && rmdir(folder) == 0);
}

TEST(our_client_follows_events_until_told_to_stop_or_the_end)
{
        Fixture f;
        setup_with(&f, (HttpOptions){.stream_ping_usec = 20 * USEC_PER_MSEC});
        Asker a = {.f = &f, .target = "/stream", .follow = true};
        Asker b = {.f = &f, .target = "/stream", .follow = true, .stop_after = 2};
        pthread_t first = asker_start(&a);
        RUN_UNTIL(&f, f.n_streams == 1);
        pthread_t second = asker_start(&b);
        RUN_UNTIL(&f, f.n_streams == 2);
        for (int i = 0; i < 3; i++) {
                for (size_t k = 0; k < 2; k++)
                        if (f.streams[k])
                                http_stream_send(f.streams[k], i == 1 ? "mode" : NULL, "{}");
                uint64_t until = clock_boot_usec() + 50 * USEC_PER_MSEC; /* a comment in between */
                RUN_UNTIL(&f, clock_boot_usec() > until);
        }
        asker_finish(&b, second);
        CHECK_INT(b.r, 42);
        CHECK_STR(b.events, "message={};mode={};");
        RUN_UNTIL(&f, !f.streams[1]); /* the server has noticed */
        http_stream_close(f.streams[0]);
        asker_finish(&a, first);
        CHECK_INT(a.r, 0);
        CHECK_STR(a.events, "message={};mode={};message={};");

        Asker refused = {.f = &f, .target = "/nothing", .follow = true};
        asker_finish(&refused, asker_start(&refused));
        CHECK_INT(refused.r, -EPROTO);
        CHECK_STR(refused.e.text, "there is no /nothing");
        teardown(&f);
}
