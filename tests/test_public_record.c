/* SPDX-License-Identifier: MIT */
/* supervisor/public_record.c: which alerts announced work explains, and what a start makes of the changes that it finds. */
#include "supervisor/public_record.h"

#include "base/clock.h"
#include "supervisor/tally.h"

#include "tests/test.h"

#define CONFIG                                                                  \
        "node: {id: test}\n"                                                    \
        "probes:\n"                                                             \
        "  api: {type: tcp, host: 127.0.0.1, port: 80}\n"                       \
        "  web: {type: tcp, host: 127.0.0.1, port: 81}\n"                       \
        "  disk: {type: tcp, host: 127.0.0.1, port: 82}\n"                      \
        "modes:\n"                                                              \
        "  - {name: primary, requires: [api, web, disk]}\n"                     \
        "  - {name: crypto, requires: [], payment: crypto, message: Backup.}\n" \
        "components: {pay: {probes: [api]}, site: {probes: [web]}}\n"

enum { API, WEB, DISK };

static void world_begin(Manager *m)
{
        static const EngineOutput nobody;
        Error e;

        *m = (Manager){0};
        CHECK_INT(config_load_text("test", CONFIG, strlen(CONFIG), &m->config, &e), 0);
        CHECK_INT(engine_new(m->config, 1, &nobody, USEC_PER_DAY, clock_wall_usec(), &m->engine), 0);
        CHECK_INT(tally_new(m->config, &m->tally), 0);
        CHECK_INT(record_new(&m->record), 0);
}

static void world_end(Manager *m)
{
        record_free(m->record);
        tally_free(m->tally);
        engine_free(m->engine);
        config_free(m->config);
}

static void verdict(Manager *m, unsigned probe, Verdict v)
{
        ProbeState state = {.verdict = v};

        engine_restore_probe(m->engine, probe, &state, "", "", USEC_PER_DAY);
}

static void work_on(Manager *m, const char *component)
{
        json_t *components = component ? json_pack("[s]", component) : NULL;
        MaintenanceWords words = {.name = "Work",
                                  .body = "",
                                  .until = clock_wall_usec() + USEC_PER_HOUR,
                                  .components = components};
        Scene scene;
        Error e;

        record_scene(m, &scene);
        CHECK_INT(maintenances_plan(&m->record->bulletins, &scene, &words, NULL, &e), 0);
        json_decref(scene.components);
        json_decref(components);
}

TEST(work_on_the_whole_shop_explains_everything)
{
        Manager m;

        world_begin(&m);
        CHECK(!record_is_quiet(&m));
        work_on(&m, NULL);
        CHECK(record_is_quiet(&m));
        verdict(&m, DISK, VERDICT_DOWN);
        CHECK(record_is_quiet(&m));
        world_end(&m);
}

TEST(work_on_a_component_explains_its_own_probes_and_no_other)
{
        Manager m;

        world_begin(&m);
        work_on(&m, "site");
        CHECK(!record_is_quiet(&m)); /* nothing of it is down */
        verdict(&m, WEB, VERDICT_DOWN);
        CHECK(record_is_quiet(&m));
        verdict(&m, API, VERDICT_DOWN); /* another component's */
        CHECK(!record_is_quiet(&m));
        verdict(&m, API, VERDICT_UP);
        verdict(&m, DISK, VERDICT_DOWN); /* nobody's */
        CHECK(!record_is_quiet(&m));
        world_end(&m);
}

TEST(the_return_of_a_change_that_was_held_is_held_too)
{
        Manager m;

        world_begin(&m);
        work_on(&m, "site");
        verdict(&m, WEB, VERDICT_DOWN);
        CHECK(record_holds_change(&m, false));
        verdict(&m, WEB, VERDICT_UP);
        CHECK(record_holds_change(&m, true));
        CHECK(!m.record->held_change);
        CHECK(!record_holds_change(&m, true)); /* of a change that was told */
        world_end(&m);
}

TEST(the_end_of_an_alert_is_told_when_its_beginning_was)
{
        Alarm before = {.id = "A1"}, during = {.id = "A2"};
        Manager m;

        world_begin(&m);
        CHECK(!record_holds_alarm(&m, &before, true));
        work_on(&m, NULL);
        CHECK(record_holds_alarm(&m, &during, true));
        CHECK(!record_holds_alarm(&m, &before, false));
        CHECK(record_holds_alarm(&m, &during, false));
        CHECK_INT(json_array_size(m.record->held), 0);
        world_end(&m);
}

TEST(what_is_held_survives_a_restart)
{
        Alarm during = {.id = "A2"};
        json_t *memory = json_object();
        Manager m;

        world_begin(&m);
        work_on(&m, NULL);
        CHECK(record_holds_alarm(&m, &during, true));
        CHECK(record_holds_change(&m, false));
        record_remember(&m, memory);
        world_end(&m);
        world_begin(&m);
        record_recall(&m, memory);
        CHECK(m.record->held_change);
        CHECK(record_holds_alarm(&m, &during, false));
        json_decref(memory);
        world_end(&m);
}

static ChangeRecord change(const char *id, const char *from, const char *to)
{
        return (ChangeRecord){.id = id, .at_usec = clock_wall_usec() - USEC_PER_HOUR, .from = from, .to = to};
}

TEST(changes_without_incidents_become_some_and_those_with_none_more)
{
        ChangeRecord changes[] = {change("01A", "", "primary"), change("01B", "primary", "crypto"),
                                  change("01C", "crypto", "primary"), change("01D", "primary", "gone"),
                                  change("01E", "gone", "primary")};
        StoreLoaded loaded = {.changes = changes, .n_changes = ELEMENTSOF(changes)};
        StoreBatch *b = store_batch_new();
        Manager m;

        world_begin(&m);
        m.loaded = true;
        CHECK_INT(record_load(&m, &loaded), 0);
        CHECK_INT(m.record->bulletins.n, 2);
        CHECK_STR(bulletin_id(&m.record->bulletins.items[0]), "01D"); /* a mode that is no longer there */
        CHECK_STR(bulletin_id(&m.record->bulletins.items[1]), "01B");
        CHECK(bulletin_is_over(&m.record->bulletins.items[0]));
        CHECK(bulletins_dirty(&m.record->bulletins));
        record_add(&m, b);
        bulletins_added(&m.record->bulletins, true);
        CHECK(!bulletins_dirty(&m.record->bulletins));
        CHECK_INT(record_load(&m, &loaded), 0); /* once more */
        CHECK_INT(m.record->bulletins.n, 2);
        store_batch_free(b);
        world_end(&m);
}

TEST(a_change_that_was_no_outage_is_none_because_the_mode_has_another_name_now)
{
        ChangeRecord changes[] = {change("01A", "", "cards"), change("01B", "cards", "primary"),
                                  change("01C", "primary", "crypto")};
        StoreLoaded loaded = {.changes = changes, .n_changes = 2, .memory = json_object()};
        Manager m;

        world_begin(&m);
        record_changed(&m, &changes[1]); /* a restart with that name */
        record_remember(&m, loaded.memory);
        CHECK(!json_object_get(loaded.memory, "followed")); /* what was written of it is nowhere */
        m.loaded = true;
        record_remember(&m, loaded.memory);
        world_end(&m);
        for (size_t i = 2; i <= 3; i++) {
                world_begin(&m);
                loaded.n_changes = i;
                CHECK_INT(record_load(&m, &loaded), 0);
                CHECK_INT(m.record->bulletins.n, i - 2); /* one that nobody could look at becomes one */
                world_end(&m);
        }
        json_decref(loaded.memory);
}

TEST(work_of_another_version_is_shown_as_far_as_it_goes)
{
        BulletinRecord row = {.id = "01A",
                              .kind = BULLETIN_MAINTENANCE,
                              .value = "{\"id\":\"01A\",\"state\":\"active\"}"};
        StoreLoaded loaded = {.bulletins = &row, .n_bulletins = 1};
        json_t *status;
        Manager m;

        world_begin(&m);
        CHECK_INT(record_load(&m, &loaded), 0);
        (void) json_failed();
        status = record_status(&m);
        CHECK(!json_failed()); /* else `failoverctl status` has nothing to say of the whole shop */
        CHECK_STR(json_string_value(json_object_get(status, "id")), "01A");
        CHECK(json_is_null(json_object_get(status, "until")));
        json_decref(status);
        world_end(&m);
}

TEST(nothing_is_written_before_the_database_has_been_read)
{
        StoreBatch *b = store_batch_new();
        Manager m;

        world_begin(&m);
        work_on(&m, NULL);
        record_add(&m, b);
        CHECK(!record_is_unwritten(&m));
        CHECK(bulletins_dirty(&m.record->bulletins));
        m.loaded = true;
        CHECK(record_is_unwritten(&m));
        record_add(&m, b);
        bulletins_added(&m.record->bulletins, true);
        CHECK(!bulletins_dirty(&m.record->bulletins));
        store_batch_free(b);
        world_end(&m);
}

/* As the loop does it, so much later. */
static void tick(Manager *m, uint64_t later)
{
        m->steady.offset += later;
        record_tick(m);
        store_batch_free(m->progress);
        m->progress = NULL;
}

TEST(buyers_who_cannot_buy_are_an_incident_though_the_mode_stays)
{
        uint64_t began, now = clock_wall_usec();
        const Bulletin *b;
        Manager m;

        world_begin(&m);
        m.loaded = true;
        verdict(&m, API, VERDICT_DOWN);
        verdict(&m, WEB, VERDICT_UP);
        verdict(&m, DISK, VERDICT_UP);
        tick(&m, 0);
        tick(&m, RECORD_TROUBLE_USEC - USEC_PER_SEC);
        CHECK_INT(m.record->bulletins.n, 0);
        tick(&m, 2 * USEC_PER_SEC);
        tick(&m, USEC_PER_SEC);
        CHECK_INT(m.record->bulletins.n, 1);
        b = &m.record->bulletins.items[0];
        CHECK_STR(json_string_value(json_object_get(b->j, "impact")), "critical");
        CHECK_INT(json_array_size(json_object_get(b->j, "updates")), 1);
        CHECK_INT(timestamp_parse(json_string_value(json_object_get(b->j, "began")), &began), 0);
        CHECK(began + RECORD_TROUBLE_USEC <= now + USEC_PER_SEC); /* not when it had lasted */
        verdict(&m, API, VERDICT_UNKNOWN);                        /* a restart, say */
        tick(&m, USEC_PER_SEC);
        CHECK(!bulletin_is_over(&m.record->bulletins.items[0]));
        verdict(&m, API, VERDICT_UP);
        tick(&m, USEC_PER_SEC);
        CHECK(bulletin_is_over(&m.record->bulletins.items[0]));
        CHECK_STR(bulletin_state(&m.record->bulletins.items[0]), "resolved");
        world_end(&m);
}

MAIN()
