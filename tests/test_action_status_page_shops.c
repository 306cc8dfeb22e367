/* SPDX-License-Identifier: MIT */
/* status-page: the other shops of the registry, and where buyers are sent to. */
#include "tests/status_page_rig.h"

#include <fcntl.h>

static void on_registries(void *userdata)
{
        bool *changed = userdata;

        *changed = true;
}

static bool is_wanted(const char *path, void *userdata)
{
        return true;
}

static void write_registry(Rig *rig, const char *nodes)
{
        char path[128], fresh[140];
        _cleanup_free_ char *list = json_text(nodes),
                            *text = string_printf("{\"version\":\"1.0\",\"protocol\":\"AAN/1.0\","
                                                  "\"network\":\"AAN\",\"nodes\":[%s]}",
                                                  list);

        snprintf(path, sizeof(path), "%s/registry.json", rig->folder);
        snprintf(fresh, sizeof(fresh), "%s.new", path);
        FILE *f = fopen(fresh, "w");
        CHECK(text && f && fputs(text, f) >= 0 && fclose(f) == 0);
        CHECK_INT(rename(fresh, path), 0);
}

#define SHOP(id, more) \
        "{'id':'" id "','name':'Shop " id "','url':'https://" id ".example','type':'full'," more "}"

/* A page with a registry, which is looked at. */
typedef struct Shops {
        Rig rig;
        bool changed;
        void *conf;
        ActionFacts facts;
} Shops;

static void shops_open(Shops *s)
{
        *s = (Shops){.facts = rig_facts()};
        rig_open(&s->rig);
        s->rig.context.node_id = "my-shop";
        CHECK_INT(registries_new(s->rig.event, on_registries, &s->changed, &s->rig.context.registries), 0);
        _cleanup_free_ char *yaml = string_printf("{registry: \"%s/registry.json\"}", s->rig.folder);
        s->conf = rig_conf(&action_status_page, yaml);
        CHECK_INT(registries_want(s->rig.context.registries, action_status_page.registry(s->conf)), 0);
        registries_keep(s->rig.context.registries, is_wanted, NULL);
        rig_turn(&s->rig, &s->changed, "the registry is looked at");
}

static void shops_close(Shops *s)
{
        registries_free(s->rig.context.registries);
        s->rig.context.registries = NULL;
        rig_conf_free(&action_status_page, s->conf);
        rig_close(&s->rig);
}

static void shops_are(Shops *s, const char *nodes)
{
        write_registry(&s->rig, nodes);
        s->changed = false;
        rig_turn(&s->rig, &s->changed, "the registry is read");
}

static void shops_publish(Shops *s)
{
        CHECK_INT(rig_run(&s->rig, &action_status_page, s->conf, &s->facts, false), ACTION_DONE);
}

TEST(other_shops_stand_on_the_page_with_where_they_sell)
{
        Shops s;

        shops_open(&s);
        shops_publish(&s); /* not there yet: none */
        check_not_on_page(&s.rig, "Other shops");
        CHECK_INT(registries_serial(s.rig.context.registries), 0);

        /* clang-format off */
        shops_are(&s,
                  SHOP("my-shop", "'status':'active'") ","
                  SHOP("a", "'status':'active'") ","
                  SHOP("b", "'status':'fallback','fallbackUrl':'https://backup.example/b'") ","
                  SHOP("c", "'status':'fallback'") ","
                  SHOP("d", "'status':'failed'") ","
                  SHOP("e", "'status':'suspect'") ","
                  SHOP("f", "'status':'pending'") ","
                  "{'id':'g','name':'<script>alert(1)</script>\\u202e','url':'https://g.example','status':'active'}");
        /* clang-format on */
        shops_publish(&s);
        check_page(&s.rig, "href=\"https://a.example\"><bdi>Shop a</bdi></a></span> <span class=\"state "
                           "operational\">");
        check_page(&s.rig, "href=\"https://backup.example/b\"><bdi>Shop b</bdi></a></span> <span "
                           "class=\"state degraded\">");
        check_page(&s.rig, "<span><bdi>Shop c</bdi></span> <span class=\"state down\">");
        check_page(&s.rig, "Not reachable");
        check_page(&s.rig, "Not known");
        check_not_on_page(&s.rig, "Shop f");
        check_not_on_page(&s.rig, "Shop my-shop");
        check_page(&s.rig, "&lt;script&gt;alert(1)");
        check_not_on_page(&s.rig, "<script>a");
        check_not_on_page(&s.rig, NASTY_BIDI);
        shops_close(&s);
}

TEST(a_new_registry_is_heard_of_at_once_and_counts_only_if_it_says_something_new)
{
        Shops s;

        shops_open(&s);
        shops_are(&s, SHOP("a", "'status':'active'"));
        uint64_t serial = registries_serial(s.rig.context.registries), began = clock_boot_usec();
        shops_are(&s, SHOP("a", "'status':'fallback','fallbackUrl':'https://backup.example/a'"));
        CHECK(clock_boot_usec() - began < 30 * USEC_PER_SEC); /* not with the next minute */
        CHECK(registries_serial(s.rig.context.registries) > serial);
        serial = registries_serial(s.rig.context.registries);
        shops_are(&s, SHOP("a", "'status':'fallback','fallbackUrl':'https://backup.example/a','x':1"));
        CHECK_INT(registries_serial(s.rig.context.registries), serial);
        shops_publish(&s);
        check_page(&s.rig, "https://backup.example/a");
        shops_close(&s);
}

TEST(buyers_are_sent_to_others_only_while_one_of_them_is_known_to_sell)
{
        Shops s;

        shops_open(&s);
        s.facts.payment = s.facts.mode = "federated";
        shops_are(&s, SHOP("a", "'status':'fallback','fallbackUrl':'https://backup.example/a'"));
        shops_publish(&s);
        check_page(&s.rig, "Our own checkout is closed; partner shops may have what you look for");
        shops_are(&s, SHOP("a", "'status':'failed'") "," SHOP("b", "'status':'fallback'"));
        shops_publish(&s);
        check_page(&s.rig, "<h1 id=\"now\">Buying is not possible right now</h1>");
        check_indicator(&s.rig, "critical");
        shops_close(&s);
}

TEST(a_registry_that_nobody_has_written_for_ten_minutes_says_nothing_of_now)
{
        Shops s;

        shops_open(&s);
        s.facts.payment = s.facts.mode = "federated";
        _cleanup_free_ char *path = string_printf("%s/registry.json", s.rig.folder);
        for (int old = 0; old < 2; old++) {
                struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                            {.tv_sec = time(NULL) - (old ? 660 : 540)}};
                write_registry(&s.rig, SHOP("a", "'status':'active','y':1"));
                CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0);
                s.changed = false;
                rig_turn(&s.rig, &s.changed, "the old one is read");
                shops_publish(&s);
                check_file(&s.rig, "index.html", "<span class=\"state operational\">", !old);
                check_page(&s.rig, "may have what you look for");
        }
        shops_close(&s);
}

MAIN()
