/* SPDX-License-Identifier: MIT */
/* status-page: what it says to programs, in the shape of Statuspage's API. */
#include "tests/status_page_rig.h"

TEST(api_has_statuspage_shape_on_a_fallback)
{
        _cleanup_json_ json_t *known = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        uint64_t usec;
        Rig rig;

        rig_open(&rig);
        facts.public_status = known;
        publish(&rig, &facts);
        for (size_t i = MARKUP; i < ELEMENTSOF(files); i++) {
                _cleanup_json_ json_t *j = read_json(&rig, files[i]);
                check_json(j, "page.id", "my-shop");
                check_json(j, "page.name", "My Shop");
                check_json(j, "page.url", "https://shop.example");
                check_json(j, "page.time_zone", "Etc/UTC");
                CHECK_INT(timestamp_parse(json_string_value(json_at(j, "page.updated_at")), &usec), 0);
        }
        _cleanup_json_ json_t *j = read_json(&rig, "api/v2/summary.json");
        check_json(j, "status.indicator", "major");
        check_json(j, "status.description", "You can buy: please pay with cryptocurrency for now");
        json_t *components = json_object_get(j, "components");
        CHECK_INT(json_array_size(components), 4);
        check_component(json_array_get(components, 0), "Checkout", "major_outage");
        CHECK(json_is_true(json_at(components, "0.group")));
        CHECK_INT(json_array_size(json_at(components, "0.components")), 2);
        check_component(json_array_get(components, 1), "Card payments", "major_outage");
        CHECK(json_equal(json_at(components, "1.group_id"), json_at(components, "0.id")));
        check_json(components, "1.updated_at", "2026-11-20T09:00:00.000Z");
        check_component(json_array_get(components, 2), "Cryptocurrency", "operational");
        check_component(json_array_get(components, 3), "Search", "degraded_performance"); /* never as up */
        CHECK(json_is_false(json_at(components, "3.known")));

        CHECK_INT(json_array_size(json_object_get(j, "incidents")), 1);
        check_json(j, "incidents.0.id", "01JFELL");
        check_json(j, "incidents.0.name", "Backup payment system in use");
        check_json(j, "incidents.0.status", "monitoring");
        check_json(j, "incidents.0.impact", "major");
        check_json(j, "incidents.0.created_at", "2026-11-20T09:00:00.000Z");
        check_json(j, "incidents.0.updated_at", "2026-11-20T09:05:00.000Z");
        check_json(j, "incidents.0.monitoring_at", "2026-11-20T09:05:00.000Z");
        CHECK(json_is_null(json_at(j, "incidents.0.resolved_at")));
        check_json(j, "incidents.0.incident_updates.0.body", "Our bank is down.\nWe wait.");
        check_json(j, "incidents.0.incident_updates.1.body",
                   "Using backup payment system. All books still available.");
        check_json(j, "incidents.0.incident_updates.1.incident_id", "01JFELL");
        check_json(j, "incidents.0.components.0.id", "cards");
        rig_close(&rig);
}

TEST(maintenances_are_told_by_their_state)
{
        static const struct {
                const char *file;
                const char *ids[4];
        } lists[] = {{"api/v2/summary.json", {"m2", "m1"}},
                     {"api/v2/scheduled-maintenances.json", {"m2", "m1", "m0"}},
                     {"api/v2/scheduled-maintenances/upcoming.json", {"m1"}},
                     {"api/v2/scheduled-maintenances/active.json", {"m2"}}};
        _cleanup_json_ json_t *known = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        facts.public_status = known;
        publish(&rig, &facts);
        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                _cleanup_json_ json_t *j = read_json(&rig, lists[i].file);
                const json_t *list = json_object_get(j, "scheduled_maintenances");
                size_t n = 0;
                for (; lists[i].ids[n]; n++)
                        CHECK_STR(item_string(json_array_get(list, n), "id"), lists[i].ids[n]);
                CHECK_INT(json_array_size(list), n);
        }
        _cleanup_json_ json_t *j = read_json(&rig, "api/v2/scheduled-maintenances.json");
        json_t *list = json_object_get(j, "scheduled_maintenances");
        check_json(list, "0.status", "in_progress");
        CHECK(json_is_null(json_at(list, "0.scheduled_until")));
        check_json(list, "1.status", "scheduled");
        check_json(list, "1.scheduled_for", "2026-11-22T08:00:00.000Z");
        check_json(list, "1.scheduled_until", "2026-11-22T10:00:00.000Z");
        check_json(list, "1.impact", "maintenance");
        check_json(list, "2.status", "completed");
        check_json(list, "2.resolved_at", "2026-11-01T09:00:00.000Z");
        /* As they were told: nothing of it before, nothing in the future. */
        check_json(list, "0.created_at", "2026-11-20T08:00:00.000Z");
        check_json(list, "0.started_at", "2026-11-20T08:01:00.000Z");
        check_json(list, "0.updated_at", "2026-11-20T08:30:00.000Z");
        check_json(list, "0.incident_updates.0.status", "in_progress");
        check_json(list, "0.incident_updates.2.status", "scheduled");
        check_json(list, "1.created_at", "2026-11-20T07:00:00.000Z");
        check_json(list, "1.started_at", "2026-11-20T07:00:00.000Z");
        check_json(list, "1.updated_at", "2026-11-20T07:00:00.000Z");
        check_json(list, "1.incident_updates.0.body", "We carry boxes.");
        CHECK_INT(json_array_size(json_at(list, "0.components")), 3); /* the whole shop */
        CHECK_INT(json_array_size(json_at(list, "1.components")), 1);
        check_json(list, "1.components.0.id", "search");
        CHECK_INT(json_integer_value(json_at(list, "1.components.0.position")),
                  4); /* as in components.json */
        check_json(list, "2.incident_updates.0.status", "completed");
        check_page(&rig, "It was the cable.");
        check_page(&rig, "<h2 id=\"ahead\">Maintenance</h2>");
        check_file(&rig, "history.atom", "<published>2026-11-20T07:00:00.000Z</published>", true);
        check_page(&rig, "<bdi>Affects: The whole shop</bdi>");
        check_page(&rig, "<strong>Under way</strong>");
        check_page(&rig, "Half done.");
        CHECK_INT(occurrences(&rig, "index.html", "<bdi>Slow.</bdi>"), 1);
        check_page(&rig, "<time datetime=\"2026-11-22T08:00:00.000Z\">22 Nov 2026, 08:00 UTC</time>");
        rig_close(&rig);
}

MAIN()
