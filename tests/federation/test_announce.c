/* SPDX-License-Identifier: MIT */
/* A registration elsewhere: both routes, and what registries of all kinds answer. */
#include "federation/announce.h"
#include "tests/federation/elsewhere.h"

MAIN()

#define DOCUMENT "{\"id\":\"me\",\"url\":\"http://me.example\"}"

typedef struct Told {
        unsigned calls;
        int error;
        unsigned status;
        char path[64], state[40], words[400];
} Told;

static void on_told(Announcement *a, const AnnouncementResult *r, void *userdata)
{
        Told *t = userdata;

        t->calls++;
        t->error = r->error;
        t->status = r->status;
        snprintf(t->path, sizeof(t->path), "%s", r->path);
        snprintf(t->state, sizeof(t->state), "%s", r->state);
        snprintf(t->words, sizeof(t->words), "%s", r->words);
}

static Told announce(Elsewhere *w, const char *url, uint64_t timeout_usec)
{
        _cleanup_(announcement_freep) Announcement *a = NULL;
        Told t = {0};

        CHECK_INT(announcement_start(w->client, url, DOCUMENT, strlen(DOCUMENT), timeout_usec, on_told, &t,
                                     &a),
                  0);
        CHECK_INT(t.calls, 0);
        ELSEWHERE_UNTIL(w, t.calls > 0);
        CHECK_INT(t.calls, 1);
        return t;
}

#define LONG (20 * USEC_PER_SEC)

TEST(the_document_is_posted_and_the_answer_told)
{
        Elsewhere w;

        elsewhere_open(&w);
        w.path = "/api/nodes/register";
        w.status = 201;
        w.answer = "{\"success\":true,\"node\":{\"id\":\"me\",\"status\":\"pending\"}}";
        Told t = announce(&w, w.url, LONG);
        CHECK_INT(t.error, 0);
        CHECK_INT(t.status, 201);
        CHECK_STR(t.path, "/api/nodes/register");
        CHECK_STR(t.state, "pending");
        CHECK_STR(w.last_body, DOCUMENT);
        elsewhere_close(&w);
}

TEST(a_cooperative_market_has_another_route)
{
        static const unsigned unknown[] = {404, 405, 501};

        for (size_t i = 0; i < ELEMENTSOF(unknown); i++) {
                Elsewhere w;

                elsewhere_open(&w);
                w.other_status = unknown[i];
                w.path = "/federation/node/register";
                w.status = 200;
                w.answer = "{\"message\":\"welcome\"}";
                Told t = announce(&w, w.url, LONG);
                CHECK_INT(t.error, 0);
                CHECK_STR(t.path, "/federation/node/register");
                CHECK_STR(t.words, "welcome");
                CHECK_STR(w.last_body, DOCUMENT);
                CHECK_INT(w.asked, 2);
                elsewhere_close(&w);
        }
}

TEST(refusals_come_in_the_registrys_words)
{
        static const struct {
                unsigned status;
                const char *answer, *says;
        } all[] = {
                        {403, "{\"success\":false,\"error\":\"the id is taken\"}", "the id is taken"},
                        {400, "{\"error\":{\"message\":\"no url\"}}", "no url"},
                        {422, "{\"detail\":\"a\\u202e\\nb\"}", "a\\u202e\\nb"},
                        {200, "{\"success\":false,\"message\":\"full\"}", "full"},
                        {200, "<html>", "HTTP 200, and what it says is no JSON"},
                        {500, "", "HTTP 500"},
                        {404, "{}", "HTTP 404"},
                        {308, "", "redirect"},
        };

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                Elsewhere w;

                elsewhere_open(&w);
                w.path = "/api/nodes/register";
                w.status = all[i].status;
                w.answer = all[i].answer;
                Told t = announce(&w, w.url, LONG);
                CHECK_INT(t.error, -EREMOTEIO);
                CHECK_INT(t.status, all[i].status);
                if (!strstr(t.words, all[i].says))
                        fprintf(stderr, "%s\n", t.words);
                CHECK(strstr(t.words, all[i].says));
                CHECK_STR(t.state, "");
                elsewhere_close(&w);
        }
}

TEST(who_does_not_answer_is_not_waited_for)
{
        Elsewhere w;

        elsewhere_open(&w);
        w.silent = true;
        Told t = announce(&w, w.url, 200 * USEC_PER_MSEC);
        CHECK_INT(t.error, -ETIMEDOUT);
        CHECK_INT(t.status, 0);
        elsewhere_close(&w);
}

TEST(a_name_of_a_private_address_is_not_asked)
{
        Elsewhere w;

        elsewhere_open(&w);
        Told t = announce(&w, w.host_url, LONG);
        CHECK_INT(t.error, -EIO);
        CHECK(strstr(t.words, "network.allow_private_peers"));
        CHECK_INT(w.asked, 0);
        elsewhere_close(&w);
}

TEST(who_is_freed_says_nothing)
{
        Announcement *a = NULL;
        Told t = {0};
        Elsewhere w;

        elsewhere_open(&w);
        w.silent = true;
        CHECK_INT(announcement_start(w.client, w.url, DOCUMENT, strlen(DOCUMENT), LONG, on_told, &t, &a), 0);
        ELSEWHERE_UNTIL(&w, w.asked > 0);
        CHECK(!announcement_free(a));
        elsewhere_close(&w);
        CHECK_INT(t.calls, 0);
}
