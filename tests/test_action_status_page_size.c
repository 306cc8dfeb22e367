/* SPDX-License-Identifier: MIT */
/* status-page: how large its page gets, and what is left to history.html. */
#include "tests/status_page_rig.h"

/* Ten components with trouble on every ninth day, twenty incidents. */
static json_t *busy_document(void)
{
        json_t *j = document(ON_CRYPTO), *components = json_array(), *incidents = json_array(),
               *days = json_array();

        for (int d = 0; d < 90; d++) {
                char date[40];
                timestamp_format(date, RIG_AT - (uint64_t) (89 - d) * 86400 * USEC_PER_SEC);
                json_array_append_new(days, json_pack("{s:s%,s:i,s:i}", "date", date, (size_t) 10, "up",
                                                      86000, "down", d % 9 == 0 ? 60 * d : 0));
        }
        for (int i = 0; i < 10; i++) {
                json_t *c = json_deep_copy(json_at(j, "components.0"));
                json_object_set(c, "days", days);
                json_array_append_new(components, c);
        }
        for (int i = 0; i < 20; i++)
                json_array_append(incidents, json_at(j, i == 0 ? "incidents.0" : "incidents.1"));
        json_object_set_new(j, "components", components);
        json_object_set_new(j, "incidents", incidents);
        json_decref(days);
        return j;
}

TEST(page_of_a_busy_shop_is_one_file_of_less_than_60_kilobytes)
{
        _cleanup_json_ json_t *known = busy_document();
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        facts.public_status = known;
        publish(&rig, &facts);
        _cleanup_free_ char *page = rig_read(rig.status, "index.html");
        fprintf(stderr, "  %zu bytes\n", strlen(page));
        CHECK(strlen(page) < 60000);
        CHECK(!strstr(page, "history.html")); /* nothing was left out */
        CHECK(!strstr(page, "src=") && !strstr(page, "url(") && !strstr(page, "@import"));
        rig_close(&rig);
}

/* So many components with trouble on every such day, and incidents of which one is open, each with three updates. */
static json_t *large_document(int components, int incidents, int every)
{
        json_t *j = busy_document(), *few = json_object_get(j, "components"), *some = json_array(),
               *list = json_array(), *days = json_array();

        for (int d = 0; d < 90; d++) {
                char date[40];
                timestamp_format(date, RIG_AT - (uint64_t) (89 - d) * 86400 * USEC_PER_SEC);
                json_array_append_new(days, json_pack("{s:s%,s:i,s:i}", "date", date, (size_t) 10, "up",
                                                      80000, d % 2 ? "down" : "degraded",
                                                      d % every == 0 ? 60 * d + 1 : 0));
        }
        for (int i = 0; i < components; i++) {
                json_t *c = json_deep_copy(json_array_get(few, 0));
                json_object_set_new(c, "id", json_sprintf("c%d", i));
                json_object_set_new(c, "name", json_sprintf("Component %d", i));
                json_object_set(c, "days", days);
                json_array_append_new(some, c);
        }
        for (int i = 0; i < incidents; i++) {
                json_t *one = json_deep_copy(json_at(j, i == 0 ? "incidents.0" : "incidents.1"));
                json_object_set_new(one, "name", json_sprintf("A bad morning, number %d", i));
                json_array_append_new(json_object_get(one, "updates"),
                                      json_pack("{s:s,s:s,s:s,s:s}", "id", "x", "at",
                                                "2026-11-10T08:59:00.000Z", "state", "investigating", "body",
                                                "We have asked our bank."));
                json_array_append_new(list, one);
        }
        json_object_set_new(j, "components", some);
        json_object_set_new(j, "incidents", list);
        json_decref(days);
        return j;
}

TEST(large_pages_leave_to_a_second_file_what_does_not_fit)
{
        static const struct {
                int components, incidents, every;
                bool bounded;
        } sizes[] = {{1, 0, 100, true},   {4, 37, 30, true},   {8, 12, 15, true},  {8, 30, 9, true},
                     {20, 50, 9, true},   {20, 200, 9, true},  {20, 200, 3, true}, {20, 200, 1, false},
                     {60, 200, 9, false}, {500, 200, 9, false}};
        Rig rig;

        rig_open(&rig);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                _cleanup_json_ json_t *known =
                                large_document(sizes[i].components, sizes[i].incidents, sizes[i].every);
                ActionFacts facts = rig_facts();
                facts.public_status = known;
                publish(&rig, &facts);
                _cleanup_free_ char *page = rig_read(rig.status, "index.html");
                fprintf(stderr, "  %d components, %d incidents: %zu bytes\n", sizes[i].components,
                        sizes[i].incidents, strlen(page));
                CHECK(strlen(page) < PAGE_BUDGET || !sizes[i].bounded);
                /* What goes on, and each component, stay whatever is left out; and what is left out is linked. */
                CHECK_INT(occurrences(&rig, "index.html", "class=\"bar\""), sizes[i].components);
                for (int k = 0; k < sizes[i].incidents; k++) {
                        _cleanup_free_ char *name = string_printf("<bdi>A bad morning, number %d</bdi>", k);
                        bool here = strstr(page, name);
                        CHECK(here || (k > 2 && strstr(page, "href=\"history.html\">Earlier ones: ")));
                        check_file(&rig, "history.html", name, true);
                }
                CHECK(strstr(page, "class=\"days\"") || strstr(page, "href=\"history.html#days\"") ||
                      sizes[i].every == 100);
                check_file(&rig, "history.html", "lasted 12 min", sizes[i].incidents > 1);
                CHECK_INT(occurrences(&rig, "history.html", "class=\"card days\""), sizes[i].components);
        }
        rig_close(&rig);
}

MAIN()
