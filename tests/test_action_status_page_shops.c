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

TEST(other_shops_stand_on_the_page_and_a_new_registry_is_heard_of_at_once)
{
        _cleanup_free_ char *yaml = NULL;
        bool changed = false;
        Error e = {""};
        Rig rig;

        rig_open(&rig);
        ActionFacts facts = rig_facts();
        rig.context.node_id = "my-shop";
        CHECK_INT(registries_new(rig.event, on_registries, &changed, &rig.context.registries), 0);
        yaml = string_printf("{registry: \"%s/registry.json\"}", rig.folder);
        void *conf = rig_conf_try(&action_status_page, yaml, &e);
        CHECK(conf);
        CHECK_INT(registries_want(rig.context.registries, action_status_page.registry(conf)), 0);

        /* Not there yet: none. */
        rig_turn(&rig, &changed, "the registry is looked at");
        CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
        _cleanup_free_ char *none = rig_read(rig.status, "index.html");
        CHECK(!strstr(none, "Other shops"));
        CHECK_INT(registries_serial(rig.context.registries), 0);

        /* clang-format off */
        write_registry(&rig,
                       SHOP("my-shop", "'status':'active'") ","
                       SHOP("a", "'status':'active'") ","
                       SHOP("b", "'status':'fallback','fallbackUrl':'https://backup.example/b'") ","
                       SHOP("c", "'status':'fallback'") ","
                       SHOP("d", "'status':'failed'") ","
                       SHOP("e", "'status':'suspect'") ","
                       SHOP("f", "'status':'pending'") ","
                       "{'id':'g','name':'<script>alert(1)</script>\\u202e','url':'https://g.example','status':'active'}");
        /* clang-format on */
        registries_keep(rig.context.registries, is_wanted, NULL);
        changed = false;
        rig_turn(&rig, &changed, "it is read");
        CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
        _cleanup_free_ char *page = rig_read(rig.status, "index.html");
        CHECK(strstr(page, "href=\"https://a.example\"><bdi>Shop a</bdi></a></span> <span class=\"state "
                           "operational\">"));
        CHECK(strstr(page, "href=\"https://backup.example/b\"><bdi>Shop b</bdi></a></span> <span "
                           "class=\"state degraded\">"));
        CHECK(strstr(page, "<span><bdi>Shop c</bdi></span> <span class=\"state down\">"));
        CHECK(strstr(page, "Not reachable") && strstr(page, "Not known"));
        CHECK(!strstr(page, "Shop f") && !strstr(page, "Shop my-shop"));
        CHECK(strstr(page, "&lt;script&gt;alert(1)") && !strstr(page, "<script>a") &&
              !strstr(page, NASTY_BIDI));

        /* Replaced: heard of without waiting for the next minute; what says nothing new changes no serial. */
        uint64_t serial = registries_serial(rig.context.registries), began = clock_boot_usec();
        write_registry(&rig, SHOP("a", "'status':'fallback','fallbackUrl':'https://backup.example/a'"));
        changed = false;
        rig_turn(&rig, &changed, "the new one is read");
        CHECK(clock_boot_usec() - began < USEC_PER_SEC);
        CHECK(registries_serial(rig.context.registries) > serial);
        serial = registries_serial(rig.context.registries);
        write_registry(&rig, SHOP("a", "'status':'fallback','fallbackUrl':'https://backup.example/a','x':1"));
        changed = false;
        rig_turn(&rig, &changed, "that one, too");
        CHECK_INT(registries_serial(rig.context.registries), serial);
        CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
        _cleanup_free_ char *again = rig_read(rig.status, "index.html");
        CHECK(strstr(again, "https://backup.example/a"));

        /* Sent to others: only while one of them is known to sell. */
        facts.payment = facts.mode = "federated";
        CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
        check_page(&rig, "Our own checkout is closed; partner shops may have what you look for");
        write_registry(&rig, SHOP("a", "'status':'failed'") "," SHOP("b", "'status':'fallback'"));
        changed = false;
        rig_turn(&rig, &changed, "the one without an open shop is read");
        CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
        check_page(&rig, "<h1 id=\"now\">Buying is not possible right now</h1>");
        check_indicator(&rig, "critical");

        /* What nobody has written for more than ten minutes says nothing of now. */
        for (int old = 0; old < 2; old++) {
                struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                            {.tv_sec = time(NULL) - (old ? 660 : 540)}};
                _cleanup_free_ char *path = string_printf("%s/registry.json", rig.folder);
                write_registry(&rig, SHOP("a", "'status':'active','y':1"));
                CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0);
                changed = false;
                rig_turn(&rig, &changed, "the old one is read");
                CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
                check_file(&rig, "index.html", "<span class=\"state operational\">", !old);
                check_page(&rig, "may have what you look for");
        }

        registries_free(rig.context.registries);
        rig.context.registries = NULL;
        conf_clear(action_status_page.fields, conf);
        free(conf);
        rig_close(&rig);
}

MAIN()
