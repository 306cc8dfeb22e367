/* SPDX-License-Identifier: MIT */
/* When a request of the HTTP client ends for want of time. */
#include "tests/fetch_world.h"

TEST(the_deadline_ends_every_phase_and_names_it)
{
        uint64_t began = clock_boot_usec();
        World w;
        Fetch *f = NULL;
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(a);
        int full, filler[3];

        world_begin(&w);
        FetchRequest request = {.url = at(&w, "127.0.0.1", "/silent"), .timeout_usec = 300 * USEC_PER_MSEC};
        CHECK_INT(fetch_start(w.client, &request, on_done, &w, &f), 0);
        run_for(&w, 100 * USEC_PER_MSEC);
        CHECK_STR(fetch_phase(f), "waiting for the answer");
        run_until(&w, 1);
        fetch_free(f);
        CHECK_INT(w.error, FETCH_TIMEOUT);
        CHECK(strstr(w.message, "waiting for the answer"));
        CHECK(w.total_usec >= 300 * USEC_PER_MSEC);

        /* A listener whose queue is full drops what comes. */
        full = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_INT(bind(full, (struct sockaddr *) &a, sizeof(a)), 0);
        CHECK_INT(listen(full, 0), 0);
        CHECK_INT(getsockname(full, (struct sockaddr *) &a, &size), 0);
        for (size_t i = 0; i < ELEMENTSOF(filler); i++) {
                filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                (void) connect(filler[i], (struct sockaddr *) &a, sizeof(a));
        }
        snprintf(w.url, sizeof(w.url), "http://127.0.0.1:%u/", ntohs(a.sin_port));
        CHECK_INT(fetch(&w, &(FetchRequest){.url = w.url, .timeout_usec = 200 * USEC_PER_MSEC}),
                  FETCH_TIMEOUT);
        CHECK(strstr(w.message, "(connecting)"));
        /* It listens, but does not speak TLS. */
        snprintf(w.url, sizeof(w.url), "https://127.0.0.1:%u/", w.http.port);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = w.url, .timeout_usec = USEC_PER_SEC}), FETCH_TIMEOUT);
        CHECK(strstr(w.message, "(TLS handshake)"));
        for (size_t i = 0; i < ELEMENTSOF(filler); i++)
                close(filler[i]);
        close(full);
        CHECK(clock_boot_usec() - began < 10 * USEC_PER_SEC);
        world_end(&w);
}

typedef struct Ended {
        size_t order[4], n;
        uint64_t usec[4];
        Fetch *fetches[4];
} Ended;

static void on_expired(Fetch *f, const FetchResult *result, void *userdata)
{
        Ended *e = userdata;

        CHECK_INT(result->error, FETCH_TIMEOUT);
        for (size_t i = 0; i < ELEMENTSOF(e->fetches); i++)
                if (e->fetches[i] == f)
                        e->order[e->n] = i;
        e->usec[e->n++] = result->total_usec;
}

TEST(each_request_has_its_own_deadline_whatever_the_others_have)
{
        static const uint64_t msec[] = {120, 40, 200, 80};
        static const size_t order[] = {1, 3, 2};
        Ended e = {0};
        World w;

        world_begin(&w);
        for (size_t i = 0; i < ELEMENTSOF(msec); i++)
                CHECK_INT(fetch_start(w.client,
                                      &(FetchRequest){.url = at(&w, "127.0.0.1", "/silent"),
                                                      .timeout_usec = msec[i] * USEC_PER_MSEC},
                                      on_expired, &e, &e.fetches[i]),
                          0);
        run_for(&w, 10 * USEC_PER_MSEC);
        e.fetches[0] = fetch_free(e.fetches[0]);
        while (e.n < ELEMENTSOF(order))
                CHECK(sd_event_run(w.event, LONG) > 0);
        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                CHECK(e.order[i] == order[i]);
                CHECK(e.usec[i] >= msec[order[i]] * USEC_PER_MSEC);
                fetch_free(e.fetches[order[i]]);
        }
        world_end(&w);
}

TEST(what_has_arrived_counts_when_the_loop_is_late)
{
        for (int late = 0; late < 2; late++) {
                Fetch *f = NULL;
                World w;

                world_begin(&w);
                if (late)
                        CHECK_INT(fetch_client_priority(w.client, 10), 0);
                CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/")}), FETCH_OK);
                CHECK_INT(fetch_start(w.client,
                                      &(FetchRequest){.url = w.url, .timeout_usec = 50 * USEC_PER_MSEC},
                                      on_done, &w, &f),
                          0);
                while (w.http.n_requests < 2)
                        CHECK(sd_event_run(w.event, 10 * USEC_PER_MSEC) >= 0);
                usleep(60 * 1000); /* the loop stands still, while the answer has come */
                run_until(&w, 2);
                if (late)
                        CHECK_INT(w.error, FETCH_OK);
                else
                        CHECK(w.error == FETCH_OK || w.error == FETCH_TIMEOUT);
                fetch_free(f);
                world_end(&w);
        }
}

MAIN()
