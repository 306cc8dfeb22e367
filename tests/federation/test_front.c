/* SPDX-License-Identifier: MIT */
/* /api/config, /api/health and what listeners are told, by what mode.json says. */
#include "tests/http_fixture.h"

#include "base/file.h"
#include "base/json.h"
#include "federation/front.h"

MAIN()

typedef struct World {
        Fixture f;
        Events *events;
        Front *front;
        ModeFile *mode;
        char path[128];
} World;

static void on_ask(HttpRequest *r, void *userdata)
{
        Fixture *f = userdata;
        World *w = f->thing;

        if (streq(http_path(r), "/events")) {
                events_join(w->events, r, 0);
                return;
        }
        bool config = streq(http_path(r), "/config");
        FrontPage page = config ? front_config(w->front) : front_health(w->front);
        if (config)
                http_reply_cached(r, "application/json", page.text, page.size, page.etag);
        else
                http_reply(r, page.status, "application/json", page.text, page.size);
}

static void begin(World *w)
{
        memset(w, 0, sizeof(*w));
        setup_tcp(&w->f, (HttpOptions){.handler = on_ask});
        w->f.thing = w;
        snprintf(w->path, sizeof(w->path), "%s/mode.json", w->f.folder);
        CHECK_INT(events_new(&w->events), 0);
        CHECK_INT(front_new(w->events, &w->front), 0);
        CHECK_INT(mode_file_new(w->f.event, w->f.folder, NULL, front_on_mode, w->front, &w->mode), 0);
        front_attach(w->front, w->mode, NULL);
}

static void end(World *w)
{
        w->f.server = http_server_free(w->f.server);
        front_attach(w->front, NULL, NULL);
        mode_file_free(w->mode);
        front_free(w->front);
        events_free(w->events);
        CHECK_INT(setenv("D", w->f.folder, 1), 0);
        CHECK_INT(system("rm -f $D/* $D/.m*"), 0);
        teardown(&w->f);
}

/* selling: "": as a failoverd that does not say it. */
static void publish_selling(World *w, const char *mode, bool first, const char *payment, const char *message,
                            const char *selling, bool blind)
{
        char at[TIMESTAMP_SIZE];
        _cleanup_json_ json_t *j = json_pack(
                        "{s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "mode", mode, "first", first,
                        "payment", payment, "checkout", "c", "message", message, "since",
                        "2026-11-20T09:00:00.123Z", "change", "01J", "updated",
                        timestamp_format(at, clock_wall_usec()), "selling", selling, "blind", blind);
        char *text;

        CHECK_INT(json_print(j, &text), 0);
        CHECK_INT(file_publish(w->path, text, strlen(text), 0644), 0);
        free(text);
}

static void publish(World *w, const char *mode, bool first, const char *payment, const char *message)
{
        publish_selling(w, mode, first, payment, message, "", false);
}

/* Until the document of /config is this one. */
static void check_config(World *w, const char *wanted)
{
        uint64_t deadline = clock_boot_usec() + 5 * USEC_PER_SEC;

        while (!streq(front_config(w->front).text, wanted)) {
                if (clock_boot_usec() >= deadline)
                        CHECK_STR(front_config(w->front).text, wanted);
                turn(&w->f);
        }
        check_curl(&w->f, "http://x/config", wanted);
}

#define SINCE "\"2026-11-20T09:00:00.123Z\""

TEST(without_any_mode_file_cards_are_taken_and_that_it_is_stale_is_said)
{
        World w;
        begin(&w);
        check_config(&w, "{\"paymentMode\":\"primary\",\"stripeEnabled\":true,\"cryptoEnabled\":false,"
                         "\"checkoutRoute\":\"checkout\","
                         "\"healthyNode\":null,\"networkEnabled\":false,\"selling\":\"unknown\",\"banner\":"
                         "null,\"since\":null,"
                         "\"stale\":true}");
        check_curl(&w.f, "-w ' %{http_code}' http://x/health",
                   "{\"mode\":null,\"first\":true,\"paymentMode\":\"primary\",\"since\":null,\"change\":null,"
                   "\"success\":true,"
                   "\"stale\":true} 200");
        end(&w);
}

TEST(each_payment_mode_says_which_buttons_to_show)
{
        World w;
        begin(&w);
        publish(&w, "cards", true, "primary", "");
        check_config(&w, "{\"paymentMode\":\"primary\",\"stripeEnabled\":true,\"cryptoEnabled\":false,"
                         "\"checkoutRoute\":\"c\","
                         "\"healthyNode\":null,\"networkEnabled\":false,\"selling\":\"as-usual\",\"banner\":"
                         "null,\"since\":" SINCE ",\"stale\":false}");
        check_curl(&w.f, "-o /dev/null -w '%{http_code}' http://x/health", "200");
        publish(&w, "crypto", false, "crypto", "Pay by <b>coin</b>.");
        check_config(&w, "{\"paymentMode\":\"crypto\",\"stripeEnabled\":false,\"cryptoEnabled\":true,"
                         "\"checkoutRoute\":\"c\","
                         "\"healthyNode\":null,\"networkEnabled\":false,\"selling\":\"backup\",\"banner\":"
                         "\"Pay by "
                         "<b>coin</b>.\",\"since\":" SINCE ",\"stale\":false}");
        check_curl(&w.f, "-w ' %{http_code}' http://x/health",
                   "{\"mode\":\"crypto\",\"first\":false,\"paymentMode\":\"crypto\",\"since\":" SINCE
                   ",\"change\":\"01J\",\"success\":false,\"error\":\"this shop runs in its fallback mode "
                   "`crypto`: Pay by "
                   "<b>coin</b>.\",\"stale\":false} 503");
        publish(&w, "network", false, "federated", "");
        check_config(&w, "{\"paymentMode\":\"federated\",\"stripeEnabled\":false,\"cryptoEnabled\":false,"
                         "\"checkoutRoute\":\"c\","
                         "\"healthyNode\":null,\"networkEnabled\":false,\"selling\":\"not\",\"banner\":"
                         "\"Buying is not possible right now. Please try again later.\",\"since\":" SINCE
                         ",\"stale\":false}");
        end(&w);
}

static void check_said(World *w, const char *selling, const char *banner)
{
        uint64_t deadline = clock_boot_usec() + 5 * USEC_PER_SEC;
        char wanted[256];

        snprintf(wanted, sizeof(wanted), "\"selling\":\"%s\",\"banner\":%s", selling, banner);
        while (!strstr(front_config(w->front).text, wanted)) {
                if (clock_boot_usec() >= deadline)
                        CHECK_STR(front_config(w->front).text, wanted);
                turn(&w->f);
        }
}

/* … and a message that was written for the mode promises nothing then. */
TEST(that_nobody_can_buy_is_said_though_the_mode_stays)
{
        World w;
        begin(&w);
        publish_selling(&w, "cards", true, "primary", "", "not", false);
        check_said(&w, "not", "\"Buying is not possible right now. Please try again later.\"");
        publish_selling(&w, "crypto", false, "crypto", "All books.", "hampered", false);
        check_said(&w, "hampered", "\"There are problems with the checkout right now: buying may fail.\"");
        publish_selling(&w, "crypto", false, "crypto", "All books.", "not", false);
        check_said(&w, "not", "\"Buying is not possible right now. Please try again later.\"");
        publish_selling(&w, "crypto", false, "crypto", "All books.", "backup", false);
        check_said(&w, "backup", "\"All books.\"");
        publish_selling(&w, "network", false, "federated", "All books.", "elsewhere", false);
        check_said(&w, "not", "\"Buying is not possible right now. Please try again later.\"");
        end(&w);
}

TEST(what_cannot_be_seen_is_not_said_to_be_well)
{
        World w;
        begin(&w);
        publish_selling(&w, "cards", true, "primary", "", "as-usual", true);
        check_said(&w, "unknown", "null");
        publish_selling(&w, "cards", true, "primary", "", "as-usual", false);
        check_said(&w, "as-usual", "null");
        publish_selling(&w, "cards", true, "primary", "", "of-a-later-version", false);
        check_said(&w, "as-usual", "null");
        CHECK_INT(unlink(w.path), 0);
        check_said(&w, "unknown", "null");
        end(&w);
}

/* A second mode with the same way of paying is not the first one. */
TEST(health_goes_by_the_first_mode_and_not_by_the_way_of_paying)
{
        World w;
        begin(&w);
        publish(&w, "other-bank", false, "primary", "");
        RUN_UNTIL(&w.f, front_health(w.front).status == 503);
        publish(&w, "coins", true, "crypto", "");
        RUN_UNTIL(&w.f, front_health(w.front).status == 200);
        end(&w);
}

TEST(the_tag_changes_whenever_anything_does_and_only_then)
{
        World w;
        char tags[6][HTTP_ETAG_SIZE];
        size_t n = 0;
        begin(&w);
        for (size_t i = 0; i < 5; i++) {
                FrontPage page = front_config(w.front);
                snprintf(tags[n++], HTTP_ETAG_SIZE, "%s", page.etag);
                for (size_t k = 0; k + 1 < n; k++)
                        CHECK(!streq(tags[k], page.etag));
                if (i == 0)
                        publish(&w, "a", true, "primary", "");
                else if (i == 1)
                        publish(&w, "a", true, "primary", "A word to buyers.");
                else if (i == 2)
                        publish(&w, "a", true, "crypto", "A word to buyers.");
                else if (i == 3)
                        CHECK_INT(unlink(w.path), 0); /* stale */
                else
                        break;
                RUN_UNTIL(&w.f, !streq(front_config(w.front).etag, tags[n - 1]));
        }
        publish(&w, "a", true, "crypto", "A word to buyers.");
        RUN_UNTIL(&w.f, streq(front_config(w.front).etag, tags[3])); /* as it was */
        publish(&w, "a", true, "crypto", "A word to buyers.");       /* written again */
        for (int i = 0; i < 20; i++)
                turn(&w.f);
        CHECK_STR(front_config(w.front).etag, tags[3]);
        char arguments[256];
        snprintf(arguments, sizeof(arguments),
                 "-w '%%{http_code}' -H 'If-None-Match: \"%s\"' http://x/config", tags[3]);
        check_curl(&w.f, arguments, "304");
        end(&w);
}

TEST(a_listener_is_told_of_the_mode_when_it_changes_and_not_when_it_only_becomes_stale)
{
        World w;
        begin(&w);
        publish(&w, "cards", true, "primary", "");
        RUN_UNTIL(&w.f, strstr(front_config(w.front).text, "\"stale\":false"));
        int fd = raw_connect(&w.f);
        raw_send(fd, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
        char *got = raw_receive(&w.f, fd, "\"stale\":false}\n\n");
        CHECK(strstr(got, "event: config\ndata: {\"paymentMode\":\"primary\""));
        CHECK(!strstr(got, "event: mode"));
        free(got);
        publish(&w, "crypto", false, "crypto", "");
        got = raw_receive(
                        &w.f, fd,
                        "event: mode\ndata: {\"mode\":\"crypto\",\"first\":false,\"paymentMode\":\"crypto\"");
        CHECK(strstr(got, "event: config\ndata: {\"paymentMode\":\"crypto\""));
        free(got);
        CHECK_INT(unlink(w.path), 0);
        got = raw_receive(&w.f, fd, "\"stale\":true}\n\n");
        CHECK(!strstr(got, "event: mode"));
        free(got);
        close(fd);
        RUN_UNTIL(&w.f, events_listeners(w.events) == 0);
        end(&w);
}

TEST(an_answer_costs_next_to_nothing)
{
        World w;
        begin(&w);
        uint64_t start = clock_boot_usec();
        for (int i = 0; i < 100000; i++)
                CHECK(front_config(w.front).size > 0 && front_health(w.front).status == 200);
        CHECK(clock_boot_usec() - start < 2 * USEC_PER_SEC); /* 20 us, with sanitizers */
        end(&w);
}
