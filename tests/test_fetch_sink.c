/* SPDX-License-Identifier: MIT */
/* Bodies that are handed over as they come: whole, in order, paused and resumed, cancelled, capped, and never those of an answer
 * that is no 200. */
#include "tests/fetch_world.h"

#include <pthread.h>
#include <sys/resource.h>

MAIN()

#define BODY_SIZE (24 * 1024 * 1024)

/* One answer of size bytes, or more of them than a client takes: in a thread, since it blocks. */
typedef struct Server {
        pthread_t thread;
        int fd;
        uint16_t port;
        const char *head;
        const void *body; /* NULL: numbers */
        size_t size;
        bool stalls; /* in the middle, until the client leaves */
} Server;

static uint32_t number_at(size_t i)
{
        return (uint32_t) i * 2654435761u;
}

static bool send_all(int fd, const void *data, size_t size)
{
        for (const char *p = data; size > 0;) {
                ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

                if (n <= 0)
                        return false;
                p += n;
                size -= (size_t) n;
        }
        return true;
}

static void *server_run(void *userdata)
{
        Server *s = userdata;
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        char request[4096];
        uint32_t block[4096];

        CHECK(fd >= 0);
        CHECK(recv(fd, request, sizeof(request), 0) > 0);
        bool fine = send_all(fd, s->head, strlen(s->head));
        if (s->body)
                fine = fine && send_all(fd, s->body, s->size);
        for (size_t at = 0; !s->body && fine && at < s->size; at += sizeof(block)) {
                for (size_t i = 0; i < ELEMENTSOF(block); i++)
                        block[i] = number_at(at / 4 + i);
                if (s->stalls && at > s->size / 2)
                        fine = recv(fd, request, sizeof(request), 0) > 0;
                fine = fine && send_all(fd, block, MIN(sizeof(block), s->size - at));
        }
        close(fd);
        return NULL;
}

static void server_begin(Server *s, Server with)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(a);

        *s = with;
        s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(s->fd >= 0);
        CHECK_INT(bind(s->fd, (struct sockaddr *) &a, sizeof(a)), 0);
        CHECK_INT(listen(s->fd, 1), 0);
        CHECK_INT(getsockname(s->fd, (struct sockaddr *) &a, &size), 0);
        s->port = ntohs(a.sin_port);
        CHECK_INT(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static void server_end(Server *s)
{
        CHECK_INT(pthread_join(s->thread, NULL), 0);
        close(s->fd);
}

typedef struct Sink {
        World world;
        Server server;
        Fetch *fetch;
        size_t got, most;
        unsigned pause_every, n_calls, n_pauses;
        bool paused, ended, zeros;
        size_t refuse_at;
        FetchError error;
        unsigned status;
        size_t size;
        char message[700], body[100];
        sd_event_source *timer;
} Sink;

static int on_data(Fetch *fetch, const void *data, size_t size, void *userdata)
{
        Sink *s = userdata;
        uint8_t expected[4];

        CHECK(fetch == s->fetch);
        CHECK(!s->paused);
        CHECK(!s->ended);
        s->n_calls++;
        if (s->pause_every > 0 && s->n_calls % s->pause_every == 0) {
                s->paused = true;
                s->n_pauses++;
                CHECK_INT(loop_timer_set_after(s->timer, USEC_PER_MSEC), 0);
                return FETCH_PAUSE;
        }
        if (s->refuse_at > 0 && s->got >= s->refuse_at)
                return -EBADMSG;
        for (size_t i = 0; i < size; i++) {
                uint32_t n = s->zeros ? 0 : number_at((s->got + i) / 4);

                memcpy(expected, &n, 4);
                CHECK_INT(((const uint8_t *) data)[i], expected[(s->got + i) % 4]);
        }
        s->got += size;
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Sink *s = userdata;

        CHECK(s->paused);
        s->paused = false;
        fetch_resume(s->fetch);
        return 0;
}

static void on_sunk(Fetch *fetch, const FetchResult *result, void *userdata)
{
        Sink *s = userdata;

        CHECK(!s->ended);
        s->ended = true;
        s->error = result->error;
        s->status = result->status;
        s->size = result->body_size;
        snprintf(s->message, sizeof(s->message), "%s", result->message);
        snprintf(s->body, sizeof(s->body), "%s", result->body);
}

static void sink_run(Sink *s, Server server, FetchRequest request)
{
        char url[100];

        world_begin(&s->world);
        server_begin(&s->server, server);
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/", s->server.port);
        CHECK_INT(loop_timer_new(s->world.event, "resume", on_timer, s, &s->timer), 0);
        request.url = url;
        request.on_data = on_data;
        request.timeout_usec = request.timeout_usec ?: LONG;
        CHECK_INT(fetch_start(s->world.client, &request, on_sunk, s, &s->fetch), 0);
        while (!s->ended)
                CHECK(sd_event_run(s->world.event, LONG) > 0);
        s->fetch = fetch_free(s->fetch);
        s->timer = loop_source_free(s->timer);
        server_end(&s->server);
        world_end(&s->world);
}

#define HEAD_OF(status, more) "HTTP/1.1 " status " X\r\nConnection: close\r\n" more "\r\n"

TEST(a_large_body_comes_whole_and_is_not_kept)
{
        struct rusage before, after;
        Sink s = {.got = 0};

        getrusage(RUSAGE_SELF, &before);
        sink_run(&s, (Server){.head = HEAD_OF("200", ""), .size = BODY_SIZE},
                 (FetchRequest){.response_max = BODY_SIZE});
        getrusage(RUSAGE_SELF, &after);
        CHECK_INT(s.error, FETCH_OK);
        CHECK_INT(s.status, 200);
        CHECK_INT(s.got, BODY_SIZE);
        CHECK_INT(s.size, BODY_SIZE);
        CHECK_STR(s.body, "");
        CHECK(after.ru_maxrss - before.ru_maxrss < 12000); /* KiB; under ASan */
}

TEST(paused_and_resumed_again_and_again_nothing_is_lost)
{
        Sink s = {.pause_every = 7};

        sink_run(&s, (Server){.head = HEAD_OF("200", ""), .size = 4 * 1024 * 1024},
                 (FetchRequest){.response_max = BODY_SIZE});
        CHECK_INT(s.error, FETCH_OK);
        CHECK_INT(s.got, 4 * 1024 * 1024);
        CHECK(s.n_pauses > 10);
}

TEST(compressed_and_paused_it_is_the_same)
{
        static char packed[100000];
        FILE *p = popen("head -c 30000000 /dev/zero | gzip -9", "re");
        Sink s = {.pause_every = 50, .zeros = true};

        CHECK(p);
        size_t n = fread(packed, 1, sizeof(packed), p);
        CHECK_INT(pclose(p), 0);
        sink_run(&s,
                 (Server){.head = HEAD_OF("200", "Content-Encoding: gzip\r\n"), .body = packed, .size = n},
                 (FetchRequest){.response_max = 30000000});
        CHECK_INT(s.error, FETCH_OK);
        CHECK_INT(s.got, 30000000);
        CHECK(s.n_pauses > 10);

        Sink beyond = {.zeros = true}; /* the cap counts what comes out */
        sink_run(&beyond,
                 (Server){.head = HEAD_OF("200", "Content-Encoding: gzip\r\n"), .body = packed, .size = n},
                 (FetchRequest){.response_max = 29999999});
        CHECK_INT(beyond.error, FETCH_TOO_LARGE);
        CHECK(beyond.got <= 29999999);
}

TEST(a_sink_that_has_had_enough_ends_it)
{
        Sink s = {.refuse_at = 1024 * 1024};

        sink_run(&s, (Server){.head = HEAD_OF("200", ""), .size = BODY_SIZE},
                 (FetchRequest){.response_max = BODY_SIZE});
        CHECK_INT(s.error, FETCH_LOCAL);
        CHECK_STR(s.message, "no more of the answer was wanted");

        Sink resumed = {.refuse_at = 1, .pause_every = 2}; /* it refuses what was held back */
        sink_run(&resumed, (Server){.head = HEAD_OF("200", ""), .size = BODY_SIZE},
                 (FetchRequest){.response_max = BODY_SIZE});
        CHECK_INT(resumed.error, FETCH_LOCAL);
}

TEST(more_than_the_cap_is_told)
{
        Sink s = {.got = 0};

        sink_run(&s, (Server){.head = HEAD_OF("200", ""), .size = BODY_SIZE},
                 (FetchRequest){.response_max = 1000000});
        CHECK_INT(s.error, FETCH_TOO_LARGE);
        CHECK(s.got <= 1000000);
}

TEST(an_answer_that_is_no_200_is_not_for_the_sink)
{
        Sink s = {.got = 0};

        sink_run(&s, (Server){.head = HEAD_OF("404", ""), .body = "{\"error\":\"gone\"}", .size = 16},
                 (FetchRequest){.response_max = BODY_SIZE});
        CHECK_INT(s.error, FETCH_OK);
        CHECK_INT(s.status, 404);
        CHECK_INT(s.n_calls, 0);
        CHECK_STR(s.body, "{\"error\":\"gone\"}");

        Sink long_one = {.got = 0};
        sink_run(&long_one, (Server){.head = HEAD_OF("500", ""), .size = 4 * 1024 * 1024},
                 (FetchRequest){.response_max = BODY_SIZE});
        CHECK_INT(long_one.error, FETCH_OK);
        CHECK_INT(long_one.size, 64 * 1024);
        CHECK_INT(long_one.n_calls, 0);
}

TEST(a_body_that_stalls_ends_before_the_deadline)
{
        uint64_t start = clock_boot_usec();
        Sink s = {.got = 0};

        sink_run(&s, (Server){.head = HEAD_OF("200", ""), .size = BODY_SIZE, .stalls = true},
                 (FetchRequest){.response_max = BODY_SIZE, .stall_usec = USEC_PER_SEC, .timeout_usec = LONG});
        CHECK_INT(s.error, FETCH_TIMEOUT);
        CHECK(s.got >= BODY_SIZE / 2);
        CHECK(clock_boot_usec() - start < LONG / 2);
}

TEST(freed_while_it_is_paused_it_is_gone)
{
        Sink s = {.pause_every = 3};
        char url[100];

        world_begin(&s.world);
        server_begin(&s.server, (Server){.head = HEAD_OF("200", ""), .size = BODY_SIZE});
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/", s.server.port);
        CHECK_INT(loop_timer_new(s.world.event, "resume", on_timer, &s, &s.timer), 0);
        FetchRequest request = {
                        .url = url, .on_data = on_data, .response_max = BODY_SIZE, .timeout_usec = LONG};
        CHECK_INT(fetch_start(s.world.client, &request, on_sunk, &s, &s.fetch), 0);
        while (!s.paused)
                CHECK(sd_event_run(s.world.event, LONG) > 0);
        s.fetch = fetch_free(s.fetch);
        s.timer = loop_source_free(s.timer);
        CHECK(!s.ended);
        server_end(&s.server);
        world_end(&s.world);
}
