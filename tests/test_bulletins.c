/* SPDX-License-Identifier: MIT */
/* supervisor/bulletins.c, incidents.c and maintenances.c: what the public is told, and for how long. */
#include "supervisor/bulletins.h"

#include "actions/public_status.h"
#include "base/clock.h"
#include "base/id.h"
#include "supervisor/store_batch.h"

#include "tests/test.h"

#define NOW  (UINT64_C(20000) * USEC_PER_DAY)
#define MIN_ (USEC_PER_MIN)

/* A change of mode; components: "a b". */
static Scene scene(const char *id, uint64_t at, const char *mode)
{
        bool first = streq(mode, "primary");

        return (Scene){.id = id,
                       .at = at,
                       .mode = mode,
                       .payment = mode,
                       .message = first ? "" : "Using backup.",
                       .first = first,
                       .selling = first                      ? SELLING_AS_USUAL
                                  : streq(mode, "federated") ? SELLING_ELSEWHERE
                                                             : SELLING_BACKUP};
}

static void changed(Bulletins *b, const char *id, uint64_t at, const char *mode)
{
        Scene s = scene(id, at, mode);

        CHECK_INT(incidents_follow(b, &s), 0);
}

/* "major crypto resolved | resolved:primary identified:federated": each incident, newest first, with its timeline. */
static const char *told(const Bulletins *b)
{
        static char text[4096];
        size_t used = 0, i;
        json_t *update;

        text[0] = 0;
        for (size_t n = 0; n < b->n; n++) {
                const json_t *j = b->items[n].j;

                if (b->items[n].kind != BULLETIN_INCIDENT)
                        continue;
                used += (size_t) snprintf(text + used, sizeof(text) - used, "%s%s %s %s |", used ? "\n" : "",
                                          json_string_value(json_object_get(j, "impact")),
                                          json_string_value(json_object_get(j, "mode")),
                                          bulletin_is_over(&b->items[n]) ? "over" : "open");
                json_array_foreach(json_object_get(j, "updates"), i, update)
                {
                        used += (size_t) snprintf(text + used, sizeof(text) - used, " %s:%s",
                                                  json_string_value(json_object_get(update, "state")),
                                                  json_string_value(json_object_get(update, "mode")));
                }
        }
        return text;
}

static const char *components_of(const Bulletin *b)
{
        static char text[256];
        size_t used = 0, i;
        json_t *id;

        json_array_foreach(json_object_get(b->j, "components"), i, id)
        {
                used += (size_t) snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
                                          json_string_value(id));
        }
        return text;
}

/* What a restart finds: everything goes into the database and comes back. */
static void restart(Bulletins *b)
{
        StoreBatch *batch = store_batch_new();
        Bulletins again = {0};
        const StoreOp *op;

        for (size_t i = 0; i < b->n; i++)
                b->items[i].dirty = true;
        bulletins_add(b, batch);
        TAILQ_FOREACH(op, &batch->ops, entry)
        CHECK_INT(bulletins_restore(&again, &op->bulletin), 0);
        store_batch_free(batch);
        bulletins_clear(b);
        *b = again;
}

TEST(an_outage_is_one_incident_from_the_first_mode_back_to_it)
{
        Bulletins b = {0};

        changed(&b, "01A", NOW, "primary"); /* a start */
        CHECK_STR(told(&b), "");
        changed(&b, "01B", NOW + MIN_, "crypto");
        CHECK_STR(told(&b), "major crypto open | identified:crypto");
        changed(&b, "01C", NOW + 2 * MIN_, "federated");
        changed(&b, "01D", NOW + 3 * MIN_, "primary");
        CHECK_STR(told(&b), "major federated over | resolved:primary identified:federated identified:crypto");
        changed(&b, "01E", NOW + 4 * MIN_, "crypto");
        CHECK_STR(told(&b), "major crypto open | identified:crypto\n"
                            "major federated over | resolved:primary identified:federated identified:crypto");
        CHECK_STR(incidents_last_change(&b), "01E");
        bulletins_clear(&b);
}

TEST(a_change_is_told_once_however_often_it_is_heard_of)
{
        Bulletins b = {0};

        for (int i = 0; i < 3; i++) {
                changed(&b, "01B", NOW, "crypto");
                restart(&b);
        }
        changed(&b, "01C", NOW + MIN_, "primary");
        changed(&b, "01B", NOW, "crypto");
        CHECK_STR(told(&b), "major crypto over | resolved:primary identified:crypto");
        bulletins_clear(&b);
}

TEST(back_in_the_first_mode_is_no_end_while_nobody_can_buy)
{
        Bulletins b = {0};
        Scene s = scene("01C", NOW + MIN_, "primary");

        changed(&b, "01B", NOW, "crypto");
        s.selling = SELLING_NOT;
        CHECK_INT(incidents_follow(&b, &s), 0);
        CHECK_STR(told(&b), "critical primary open | investigating:primary identified:crypto");
        s = scene("", NOW + 2 * MIN_, "primary");
        CHECK_INT(incidents_follow(&b, &s), 0);
        CHECK_STR(told(&b),
                  "critical primary over | resolved:primary investigating:primary identified:crypto");
        bulletins_clear(&b);
}

TEST(trouble_without_another_mode_is_an_incident)
{
        Bulletins b = {0};
        Scene s = scene("", NOW, "primary");

        s.selling = SELLING_NOT;
        s.trouble = true;
        CHECK_INT(incidents_follow(&b, &s), 0);
        CHECK_STR(told(&b), "critical primary open | investigating:primary");
        bulletins_clear(&b);
}

TEST(an_announced_outage_says_so_until_it_outlasts_the_work)
{
        Bulletins b = {0};
        Scene s = scene("01B", NOW, "crypto");

        s.planned = true;
        s.components = json_pack("[s]", "a");
        CHECK_INT(incidents_follow(&b, &s), 0);
        CHECK_STR(told(&b), "maintenance crypto open | identified:crypto");
        CHECK_INT(incidents_grow(&b, &s), 0);
        CHECK_STR(told(&b), "maintenance crypto open | identified:crypto");
        s.planned = false;
        json_array_append_new(s.components, json_string("b"));
        CHECK_INT(incidents_grow(&b, &s), 0);
        CHECK_STR(told(&b), "major crypto open | identified:crypto");
        CHECK_INT(json_array_size(json_object_get(b.items[0].j, "components")), 2);
        json_decref(s.components);
        bulletins_clear(&b);
}

TEST(what_the_operator_calls_it_holds_until_it_becomes_worse)
{
        Bulletins b = {0};
        Scene s = scene("", NOW + MIN_, "crypto");
        IncidentWords words = {.body = "", .impact = "minor"};
        Error e;

        changed(&b, "01B", NOW, "crypto");
        CHECK_INT(incident_update(&b, &b.items[0], &s, &words, &e), 0);
        CHECK_INT(incidents_grow(&b, &s), 0);
        restart(&b);
        CHECK_INT(incidents_grow(&b, &s), 0);
        changed(&b, "01C", NOW + 2 * MIN_, "federated"); /* no worse */
        CHECK_STR(told(&b), "minor federated open | identified:federated identified:crypto");
        s.selling = SELLING_NOT;
        s.trouble = true;
        CHECK_INT(incidents_grow(&b, &s), 0);
        CHECK_STR(told(&b), "critical federated open | identified:federated identified:crypto");
        CHECK_INT(incident_update(&b, &b.items[0], &s, &words, &e), 0);
        changed(&b, "01D", NOW + 3 * MIN_, "primary");
        CHECK_STR(told(&b), "minor federated over | resolved:primary identified:federated identified:crypto");
        bulletins_clear(&b);
}

TEST(what_was_shown_is_never_changed_again)
{
        Scene s = scene("", NOW + 2 * MIN_, "crypto");
        IncidentWords words = {.body = "We know.", .name = "Name"};
        MaintenanceWords work = {.name = "Work", .body = "", .until = NOW + 5 * MIN_};
        json_t *shown[12], *copies[ELEMENTSOF(shown)];
        size_t n = 0;
        Bulletins b = {0}, stored = {0};
        Bulletin *m;
        Error e;

#define SHOW(what)                                                                                      \
        (shown[n] = json_incref(bulletins_find(&b, what, what == BULLETIN_INCIDENT ? "01B" : m_id)->j), \
         copies[n] = json_deep_copy(shown[n]), n++)
        char m_id[ID_SIZE];

        changed(&b, "01B", NOW, "crypto");
        SHOW(BULLETIN_INCIDENT);
        changed(&b, "01C", NOW + MIN_, "federated");
        SHOW(BULLETIN_INCIDENT);
        s.components = json_pack("[s]", "a");
        CHECK_INT(incidents_grow(&b, &s), 0);
        SHOW(BULLETIN_INCIDENT);
        CHECK_INT(incident_update(&b, &b.items[0], &s, &words, &e), 0);
        SHOW(BULLETIN_INCIDENT);
        CHECK_INT(maintenances_plan(&b, &s, &work, &m, &e), 0);
        snprintf(m_id, sizeof(m_id), "%s", bulletin_id(m));
        SHOW(BULLETIN_MAINTENANCE);
        CHECK_INT(maintenance_step(m, MAINTENANCE_UPDATE, &s, "Half done.", NOW + 6 * MIN_, &e), 0);
        SHOW(BULLETIN_MAINTENANCE);
        s.at = NOW + 7 * MIN_;
        CHECK(maintenances_tick(&b, &s));
        SHOW(BULLETIN_MAINTENANCE);
        changed(&stored, "01A", NOW - MIN_, "crypto");
        CHECK_INT(bulletins_absorb(&b, &stored), 0); /* a database that comes late */
        for (size_t i = 0; i < n; i++) {
                CHECK(json_equal(shown[i], copies[i]));
                CHECK(i == 0 || !json_equal(shown[i], shown[i - 1]));
                json_decref(shown[i]);
                json_decref(copies[i]);
        }
        json_decref(s.components);
        bulletins_clear(&b);
#undef SHOW
}

TEST(what_the_store_did_not_take_is_added_again)
{
        StoreBatch *batch = store_batch_new();
        Bulletins b = {0};

        changed(&b, "01B", NOW, "crypto");
        bulletins_add(&b, batch);
        bulletins_added(&b, false);
        CHECK(bulletins_dirty(&b));
        bulletins_add(&b, batch);
        changed(&b, "01C", NOW + MIN_, "federated"); /* after it was added */
        bulletins_added(&b, true);
        CHECK(bulletins_dirty(&b));
        bulletins_add(&b, batch);
        bulletins_added(&b, true);
        CHECK(!bulletins_dirty(&b));
        CHECK_INT(batch->n_ops, 3);
        store_batch_free(batch);
        bulletins_clear(&b);
}

/* --- the operator --- */

static int say(Bulletins *all, Bulletin *b, const char *state, const char *body, const char *mode, Error *e)
{
        Scene s = scene("", NOW + 10 * MIN_, mode);
        IncidentWords words = {.state = state, .body = body};

        return incident_update(all, b, &s, &words, e);
}

TEST(the_operators_words_stand_in_the_timeline)
{
        Bulletins b = {0};
        Error e;
        const json_t *update;

        changed(&b, "01B", NOW, "crypto");
        CHECK_INT(say(&b, &b.items[0], "monitoring", "We know.", "crypto", &e), 0);
        CHECK_INT(say(&b, &b.items[0], NULL, "Soon.", "crypto", &e), 0); /* as before */
        CHECK_STR(told(&b), "major crypto open | monitoring:crypto monitoring:crypto identified:crypto");
        update = json_array_get(json_object_get(b.items[0].j, "updates"), 0);
        CHECK_STR(json_string_value(json_object_get(update, "body")), "Soon.");
        CHECK(json_is_false(json_object_get(update, "automatic")));
        changed(&b, "01C", NOW + 20 * MIN_, "primary");
        CHECK_INT(say(&b, &b.items[0], "postmortem", "It was DNS.", "primary", &e), 0);
        restart(&b);
        CHECK_STR(told(&b), "major crypto over | postmortem:primary resolved:primary monitoring:crypto "
                            "monitoring:crypto identified:crypto");
        CHECK_STR(incidents_last_change(&b), "01C");
        bulletins_clear(&b);
}

TEST(what_an_operator_has_begun_can_be_opened_again)
{
        Scene s = scene("", NOW, "primary");
        IncidentWords words = {.name = "Cards", .body = "One bank."};
        Bulletins b = {0};
        Bulletin *own;
        Error e;

        CHECK_INT(incidents_begin(&b, &s, &words, &own, &e), 0);
        CHECK_INT(say(&b, own, "resolved", "", "primary", &e), 0);
        CHECK(bulletin_is_over(own));
        CHECK_INT(say(&b, own, "investigating", "Again.", "primary", &e), 0);
        CHECK(!bulletin_is_over(own));
        restart(&b);
        CHECK_STR(told(&b),
                  "minor primary open | investigating:primary resolved:primary investigating:primary");
        CHECK_INT(say(&b, &b.items[0], "resolved", "", "primary", &e), 0);
        CHECK_INT(say(&b, &b.items[0], "postmortem", "It was DNS.", "primary", &e), 0);
        CHECK_INT(say(&b, &b.items[0], "resolved", "", "primary", &e), -EAGAIN);
        for (size_t i = 0; i < BULLETIN_OPEN_MAX; i++)
                CHECK_INT(incidents_begin(&b, &s, &words, NULL, &e), 0);
        for (size_t i = 0; i < b.n; i++)
                if (bulletin_is_over(&b.items[i]))
                        CHECK_INT(say(&b, &b.items[i], "monitoring", "", "primary", &e), -EAGAIN);
        CHECK(strstr(e.text, "50 incidents are open"));
        bulletins_clear(&b);
}

TEST(an_operator_cannot_say_what_is_not_so)
{
        Bulletins b = {0};
        Error e;

        changed(&b, "01B", NOW, "crypto");
        CHECK_INT(say(&b, &b.items[0], "resolved", "All well.", "crypto", &e), -EAGAIN);
        CHECK(strstr(e.text, "the shop still runs in crypto"));
        CHECK_INT(say(&b, &b.items[0], "postmortem", "x", "crypto", &e), -EAGAIN);
        CHECK_INT(say(&b, &b.items[0], "nonsense", "x", "crypto", &e), -EAGAIN);
        CHECK_INT(say(&b, &b.items[0], NULL, "", "crypto", &e), -EAGAIN);
        changed(&b, "01C", NOW + MIN_, "primary");
        CHECK_INT(say(&b, &b.items[0], "monitoring", "x", "primary", &e), -EAGAIN);
        CHECK_INT(say(&b, &b.items[0], "resolved", "At last.", "primary", &e), -EAGAIN); /* twice */
        CHECK(strstr(e.text, "resolved already"));
        CHECK_INT(say(&b, &b.items[0], NULL, "At last.", "primary", &e), 0);
        CHECK_STR(told(&b), "major crypto over | resolved:primary resolved:primary identified:crypto");
        bulletins_clear(&b);
}

TEST(an_operator_begins_and_resolves_his_own)
{
        Bulletins b = {0};
        Scene s = scene("", NOW, "primary");
        IncidentWords words = {.name = "Search is slow", .body = "We look into it."};
        Bulletin *own;
        Error e;

        CHECK_INT(incidents_begin(&b, &s, &(IncidentWords){.body = ""}, &own, &e), -EAGAIN);
        CHECK_INT(incidents_begin(&b, &s, &(IncidentWords){.body = "", .name = "\t "}, &own, &e), -EAGAIN);
        CHECK_INT(incidents_begin(&b, &s, &words, &own, &e), 0);
        CHECK_STR(told(&b), "minor primary open | investigating:primary");
        CHECK(!incidents_open(&b)); /* modes do not care */
        CHECK_INT(incident_update(&b, own, &s, &(IncidentWords){.body = "", .name = ""}, &e), -EAGAIN);
        CHECK_STR(e.text, "an incident that you have begun needs a name");
        changed(&b, "01ZZZZZZZZZZZZZZZZZZZZZZZZ", NOW + MIN_, "crypto");
        changed(&b, "01ZZZZZZZZZZZZZZZZZZZZZZZZA", NOW + 2 * MIN_, "primary");
        own = bulletins_find(&b, BULLETIN_INCIDENT, bulletin_id(&b.items[1]));
        CHECK(!bulletin_is_over(own));
        CHECK_INT(say(&b, own, "resolved", "Better.", "primary", &e), 0);
        CHECK(bulletin_is_over(own));
        bulletins_clear(&b);
}

TEST(open_incidents_have_a_bound)
{
        Bulletins b = {0};
        Scene s = scene("", NOW, "primary");
        IncidentWords words = {.name = "x", .body = ""};
        Error e;

        for (int i = 0; i < BULLETIN_OPEN_MAX; i++)
                CHECK_INT(incidents_begin(&b, &s, &words, NULL, &e), 0);
        CHECK_INT(incidents_begin(&b, &s, &words, NULL, &e), -EAGAIN);
        bulletins_clear(&b);
}

TEST(a_long_timeline_loses_what_wrote_itself_and_keeps_peoples_words)
{
        Bulletins b = {0};
        json_t *update;
        size_t i, words = 0;
        char id[16];
        Error e;

        changed(&b, "01A", NOW, "crypto");
        CHECK_INT(say(&b, &b.items[0], NULL, "We know.", "crypto", &e), 0);
        for (int k = 0; k < 300; k++) {
                snprintf(id, sizeof(id), "01B%03d", k);
                changed(&b, id, NOW + (uint64_t) (k + 1) * MIN_, k % 2 ? "crypto" : "federated");
        }
        CHECK_INT(json_array_size(json_object_get(b.items[0].j, "updates")), BULLETIN_UPDATES);
        json_array_foreach(json_object_get(b.items[0].j, "updates"), i, update) words +=
                        json_string_value(json_object_get(update, "body"))[0] != 0;
        CHECK_INT(words, 1);
        CHECK_STR(json_string_value(json_object_get(update, "id")), "01A"); /* how it began */
        bulletins_clear(&b);
}

/* --- across restarts --- */

TEST(a_database_that_comes_late_is_joined)
{
        Bulletins ours = {0}, stored = {0};

        changed(&stored, "01A", NOW - 9 * MIN_, "crypto");
        changed(&stored, "01B", NOW - 8 * MIN_, "primary");
        changed(&stored, "01C", NOW - 7 * MIN_, "crypto");
        changed(&ours, "01C", NOW - 7 * MIN_, "crypto"); /* known from mode.json */
        changed(&ours, "01D", NOW, "federated");
        changed(&ours, "01E", NOW + MIN_, "primary");
        changed(&ours, "01F", NOW + 2 * MIN_, "crypto");
        CHECK_INT(bulletins_absorb(&ours, &stored), 0);
        CHECK_INT(stored.n, 0);
        CHECK_STR(told(&ours),
                  "major crypto open | identified:crypto\n"
                  "major federated over | resolved:primary identified:federated identified:crypto\n"
                  "major crypto over | resolved:primary identified:crypto");
        CHECK(ours.items[0].dirty && ours.items[1].dirty);
        bulletins_clear(&ours);
}

TEST(what_came_before_a_late_database_is_told_as_bad_as_it_was)
{
        json_t *before = json_pack("[ss]", "db", "pay"), *now = json_pack("[ss]", "pay", "site");
        Bulletins ours = {0}, stored = {0};
        IncidentWords words = {.body = "", .impact = "minor"};
        Scene s = scene("01C", NOW - 7 * MIN_, "crypto");
        Error e;

        s.trouble = true;
        s.components = before;
        CHECK_INT(incidents_follow(&stored, &s), 0);
        s.trouble = false;
        s.components = now;
        CHECK_INT(incidents_follow(&ours, &s), 0);
        CHECK_INT(bulletins_absorb(&ours, &stored), 0);
        CHECK_STR(told(&ours), "critical crypto open | investigating:crypto");
        CHECK_STR(components_of(&ours.items[0]), "db pay site");

        CHECK_INT(incident_update(&ours, &ours.items[0], &s, &words, &e), 0);
        CHECK_INT(incidents_follow(&stored, &s), 0); /* as if it were ours */
        CHECK_INT(bulletins_absorb(&stored, &ours), 0);
        CHECK_STR(told(&stored), "minor crypto open | investigating:crypto");
        bulletins_clear(&stored);
        json_decref(before);
        json_decref(now);
}

TEST(a_damaged_row_is_left_out)
{
        Bulletins b = {0};

        CHECK(bulletins_restore(&b, &(BulletinRecord){.id = "01A", .value = "{"}) < 0);
        CHECK(bulletins_restore(&b, &(BulletinRecord){.id = "01A", .value = "[]"}) < 0);
        CHECK(bulletins_restore(&b, &(BulletinRecord){.id = "01A", .value = "{\"id\":\"01B\"}"}) < 0);
        CHECK_INT(b.n, 0);
        /* Nor does one of another shape stop anything. */
        CHECK_INT(bulletins_restore(&b, &(BulletinRecord){.id = "01A",
                                                          .value = "{\"id\":\"01A\",\"automatic\":true,"
                                                                   "\"updates\":7,\"components\":[1,{}]}"}),
                  0);
        changed(&b, "01B", NOW, "primary");
        CHECK_INT(bulletins_restore(&b, &(BulletinRecord){.id = "01C",
                                                          .kind = BULLETIN_MAINTENANCE,
                                                          .value = "{\"id\":\"01C\",\"state\":\"active\","
                                                                   "\"components\":[null]}"}),
                  0);
        CHECK(!maintenances_active(&b, "a"));
        bulletins_clear(&b);
}

TEST(only_what_is_over_is_forgotten)
{
        Bulletins b = {0};
        char id[16];

        changed(&b, "01A", NOW, "crypto");
        changed(&b, "01B", NOW, "primary");
        changed(&b, "01C", NOW, "crypto");
        restart(&b);
        bulletins_forget(&b, NOW + BULLETIN_KEPT_USEC);
        CHECK_INT(b.n, 2);
        bulletins_forget(&b, NOW + BULLETIN_KEPT_USEC + 1);
        CHECK_STR(told(&b), "major crypto open | identified:crypto");
        for (int i = 0; i < 2 * PUBLIC_STATUS_BULLETINS + 10; i++) {
                snprintf(id, sizeof(id), "02%04d", i);
                changed(&b, id, NOW, i % 2 ? "crypto" : "primary");
        }
        restart(&b);
        bulletins_forget(&b, NOW);
        CHECK_INT(b.n, PUBLIC_STATUS_BULLETINS);
        bulletins_clear(&b);
}

/* --- maintenances --- */

static Bulletin *plan(Bulletins *b, const char *name, uint64_t from, uint64_t until, const char *component)
{
        Scene s = scene("", NOW, "primary");
        json_t *components = component ? json_pack("[s]", component) : NULL;
        MaintenanceWords words = {
                        .name = name, .body = "", .from = from, .until = until, .components = components};
        Bulletin *m;
        Error e;

        CHECK_INT(maintenances_plan(b, &s, &words, &m, &e), 0);
        json_decref(components);
        return m;
}

static bool tick(Bulletins *b, uint64_t at)
{
        Scene s = scene("", at, "primary");

        return maintenances_tick(b, &s);
}

TEST(a_maintenance_begins_and_ends_by_itself)
{
        Bulletins b = {0};
        Bulletin *m = plan(&b, "Work", NOW + MIN_, NOW + 3 * MIN_, NULL);

        CHECK_STR(bulletin_state(m), "scheduled");
        CHECK(!tick(&b, NOW) && !maintenances_active(&b, NULL));
        CHECK(tick(&b, NOW + MIN_));
        CHECK(maintenances_active(&b, NULL) && maintenances_active(&b, "a"));
        CHECK(!tick(&b, NOW + 2 * MIN_));
        restart(&b);
        CHECK(tick(&b, NOW + 3 * MIN_) && !maintenances_any(&b));
        CHECK_STR(bulletin_state(&b.items[0]), "completed");
        bulletins_clear(&b);
}

TEST(one_that_nobody_saw_was_at_its_time)
{
        Bulletins b = {0};
        char began[TIMESTAMP_SIZE], ended[TIMESTAMP_SIZE];

        plan(&b, "Work", NOW + MIN_, NOW + 3 * MIN_, NULL);
        CHECK(tick(&b, NOW + USEC_PER_DAY));
        CHECK_STR(json_string_value(json_object_get(b.items[0].j, "began")),
                  timestamp_format(began, NOW + MIN_));
        CHECK_STR(json_string_value(json_object_get(b.items[0].j, "ended")),
                  timestamp_format(ended, NOW + 3 * MIN_));
        bulletins_clear(&b);
}

TEST(one_of_a_component_covers_no_other)
{
        Bulletins b = {0};

        plan(&b, "Work", 0, NOW + MIN_, "a");
        CHECK(maintenances_active(&b, "a"));
        CHECK(!maintenances_active(&b, "b"));
        CHECK(!maintenances_active(&b, NULL));
        CHECK(maintenances_any(&b));
        bulletins_clear(&b);
}

TEST(a_maintenance_needs_a_name_and_a_sane_end)
{
        static const struct {
                const char *name;
                uint64_t from, until;
        } wrong[] = {
                        {"", 0, NOW + MIN_},
                        {" \n", 0, NOW + MIN_},
                        {"x", 0, NOW},
                        {"x", NOW + 2 * MIN_, NOW + MIN_},
                        {"x", 0, NOW + MAINTENANCE_MAX_USEC + 1},
                        {"x", NOW + MAINTENANCE_AHEAD_USEC + 1, NOW + MAINTENANCE_AHEAD_USEC + MIN_},
        };
        Scene s = scene("", NOW, "primary");
        Bulletins b = {0};
        Error e;

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                MaintenanceWords words = {.name = wrong[i].name,
                                          .body = "",
                                          .from = wrong[i].from,
                                          .until = wrong[i].until};

                CHECK_INT(maintenances_plan(&b, &s, &words, NULL, &e), -EAGAIN);
        }
        CHECK_INT(b.n, 0);
}

TEST(steps_come_in_their_order)
{
        Bulletins b = {0};
        Bulletin *m = plan(&b, "Work", NOW + MIN_, NOW + 3 * MIN_, NULL);
        Scene s = scene("", NOW, "primary");
        Error e;

        CHECK_INT(maintenance_step(m, MAINTENANCE_END, &s, "", 0, &e), -EAGAIN);
        CHECK(strstr(e.text, "cancel it instead"));
        CHECK_INT(maintenance_step(m, MAINTENANCE_START, &s, "", 0, &e), 0);
        CHECK_INT(maintenance_step(m, MAINTENANCE_START, &s, "", 0, &e), -EAGAIN);
        CHECK_INT(maintenance_step(m, MAINTENANCE_CANCEL, &s, "", 0, &e), -EAGAIN);
        CHECK_INT(maintenance_step(m, MAINTENANCE_UPDATE, &s, "", 0, &e), -EAGAIN);
        CHECK_INT(maintenance_step(m, MAINTENANCE_UPDATE, &s, "Longer.", NOW + 9 * MIN_, &e), 0);
        CHECK(!tick(&b, NOW + 3 * MIN_));
        CHECK_INT(maintenance_step(m, MAINTENANCE_END, &s, "Done.", 0, &e), 0);
        CHECK_STR(bulletin_state(m), "completed");
        CHECK_INT(maintenance_step(m, MAINTENANCE_END, &s, "", 0, &e), -EAGAIN);
        CHECK_INT(maintenance_step(m, MAINTENANCE_UPDATE, &s, "", NOW + 99 * MIN_, &e), -EAGAIN);
        CHECK_INT(maintenance_step(m, MAINTENANCE_UPDATE, &s, "What we did.", 0, &e), 0);
        bulletins_clear(&b);
}

TEST(one_that_was_planned_far_ahead_needs_a_near_end_to_begin_now)
{
        uint64_t from = NOW + 60 * USEC_PER_DAY;
        Bulletins b = {0};
        Bulletin *m = plan(&b, "Work", from, from + USEC_PER_HOUR, NULL);
        Scene s = scene("", NOW, "primary");
        Error e;

        CHECK_INT(maintenance_step(m, MAINTENANCE_START, &s, "", 0, &e), -EAGAIN);
        CHECK(strstr(e.text, "give another end"));
        CHECK_STR(bulletin_state(m), "scheduled");
        CHECK_INT(maintenance_step(m, MAINTENANCE_START, &s, "", NOW + MAINTENANCE_MAX_USEC + 1, &e),
                  -EAGAIN);
        CHECK_INT(maintenance_step(m, MAINTENANCE_START, &s, "", NOW + USEC_PER_HOUR, &e), 0);
        CHECK(tick(&b, NOW + USEC_PER_HOUR) && !maintenances_any(&b));
        bulletins_clear(&b);
}

TEST(maintenances_are_shown_soonest_first_then_those_that_ended)
{
        Bulletins b = {0};
        json_t *list;
        static const char *const order[] = {"soon", "later", "past", "long ago"};

        plan(&b, "long ago", NOW + MIN_, NOW + 2 * MIN_, NULL);
        plan(&b, "past", NOW + MIN_, NOW + 3 * MIN_, "gone");
        plan(&b, "later", NOW + USEC_PER_DAY, NOW + 2 * USEC_PER_DAY, NULL);
        plan(&b, "soon", NOW + USEC_PER_HOUR, NOW + 2 * USEC_PER_HOUR, "b");
        tick(&b, NOW + 4 * MIN_);
        list = bulletins_to_json(&b, BULLETIN_MAINTENANCE);
        CHECK_INT(json_array_size(list), 4);
        for (size_t i = 0; i < 4; i++)
                CHECK_STR(json_string_value(json_object_get(json_array_get(list, i), "name")), order[i]);
        CHECK_INT(json_array_size(json_object_get(json_array_get(list, 0), "components")), 1);
        /* Nobody may take it for work on the whole shop, though that one may be gone. */
        CHECK_STR(json_string_value(
                                  json_array_get(json_object_get(json_array_get(list, 2), "components"), 0)),
                  "gone");
        json_decref(list);
        bulletins_clear(&b);
}

MAIN()
