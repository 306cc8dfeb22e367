/* SPDX-License-Identifier: MIT */
/* supervisor/tally.c: the days of the components, counted truly. */
#include "supervisor/tally.h"

#include "base/clock.h"
#include "supervisor/store_batch.h"

#include "tests/test.h"

#define DAY  USEC_PER_DAY
#define NOON (UINT64_C(20000) * DAY + DAY / 2) /* wall; 2024-10-04 */

static Config *two_components(void)
{
        static const char text[] = "node: {id: test}\nmodes: [{name: primary, requires: []}]\n"
                                   "components: {a: {}, b: {}}\n";
        Config *config = NULL;
        Error e;

        CHECK_INT(config_load_text("test", text, strlen(text), &config, &e), 0);
        return config;
}

typedef struct World {
        Config *config;
        Tally *tally;
        uint64_t steady, wall;
        ComponentState a, b;
} World;

static void count(World *w)
{
        tally_count(w->tally, (ComponentState[]){w->a, w->b}, w->steady, w->wall);
}

/* Both clocks, second by second. */
static void live(World *w, uint64_t usec)
{
        for (uint64_t end = w->steady + usec; w->steady < end;) {
                uint64_t step = MIN(USEC_PER_SEC, end - w->steady);

                w->steady += step;
                w->wall += step;
                count(w);
        }
}

static void world_begin(World *w, uint64_t wall)
{
        *w = (World){.config = two_components(), .steady = 77 * DAY, .wall = wall};
        CHECK_INT(tally_new(w->config, &w->tally), 0);
        count(w);
}

static void world_end(World *w)
{
        tally_free(w->tally);
        config_free(w->config);
}

/* "2024-10-04 10/0/0/0/43190": up, degraded, down, maintenance, unknown. */
static const char *days(World *w, unsigned component)
{
        static const char *const names[] = {"up", "degraded", "down", "maintenance", "unknown"};
        static char text[8192];
        json_t *list = tally_days(w->tally, component, w->wall), *day;
        size_t i, used = 0;

        CHECK(!json_failed());
        text[0] = 0;
        json_array_foreach(list, i, day)
        {
                used += (size_t) snprintf(text + used, sizeof(text) - used, "%s%s", i ? "\n" : "",
                                          json_string_value(json_object_get(day, "date")));
                for (size_t k = 0; k < 5; k++)
                        used += (size_t) snprintf(
                                        text + used, sizeof(text) - used, "%s%lld", k ? "/" : " ",
                                        (long long) json_integer_value(json_object_get(day, names[k])));
        }
        json_decref(list);
        return text;
}

/* Writes what is not written, and reads it back into a new one, as a restart does. */
static void restart(World *w)
{
        StoreBatch *b = store_batch_new();
        json_t *memory = tally_to_json(w->tally);
        const StoreOp *op;
        Tally *tally;

        tally_add(w->tally, b);
        CHECK_INT(tally_new(w->config, &tally), 0);
        tally_recall(tally, memory);
        TAILQ_FOREACH(op, &b->ops, entry)
        {
                CHECK_INT(op->kind, STORE_OP_DAY);
                CHECK_INT(tally_restore(tally, &op->day), 0);
        }
        json_decref(memory);
        store_batch_free(b);
        tally_free(w->tally);
        w->tally = tally;
}

TEST(each_second_goes_to_the_state_that_it_was_in)
{
        World w;

        world_begin(&w, NOON);
        live(&w, 10 * USEC_PER_SEC);
        w.a = COMPONENT_DOWN; /* noticed at the next count */
        live(&w, 1 * USEC_PER_SEC);
        live(&w, 5 * USEC_PER_SEC);
        w.a = COMPONENT_PARTIAL;
        live(&w, 2 * USEC_PER_SEC);
        w.a = COMPONENT_MAINTENANCE;
        live(&w, 4 * USEC_PER_SEC);
        CHECK_STR(days(&w, 0), "2024-10-04 11/2/6/3/43200");
        CHECK_STR(days(&w, 1), "2024-10-04 22/0/0/0/43200");
        world_end(&w);
}

TEST(what_could_not_be_seen_is_unknown)
{
        World w;

        world_begin(&w, NOON);
        live(&w, 10 * USEC_PER_SEC);
        w.a = COMPONENT_UNKNOWN;
        count(&w);
        live(&w, 100 * USEC_PER_SEC);
        w.a = COMPONENT_OPERATIONAL;
        count(&w);
        live(&w, 10 * USEC_PER_SEC);
        CHECK_STR(days(&w, 0), "2024-10-04 20/0/0/0/43300");
        world_end(&w);
}

TEST(a_stall_is_not_counted_as_what_was_before_it)
{
        World w;

        world_begin(&w, NOON);
        live(&w, 10 * USEC_PER_SEC);
        w.steady += 5 * USEC_PER_MIN;
        w.wall += 5 * USEC_PER_MIN;
        count(&w);
        live(&w, 10 * USEC_PER_SEC);
        CHECK_STR(days(&w, 0), "2024-10-04 20/0/0/0/43500");
        world_end(&w);
}

TEST(midnight_parts_an_interval)
{
        World w;

        world_begin(&w, NOON + DAY / 2 - 2500 * USEC_PER_MSEC);
        live(&w, 3 * USEC_PER_SEC);
        w.steady += 4 * USEC_PER_SEC;
        w.wall += 4 * USEC_PER_SEC;
        count(&w);
        CHECK_STR(days(&w, 0), "2024-10-04 3/0/0/0/86397\n2024-10-05 4/0/0/0/0");
        world_end(&w);
}

TEST(a_day_without_the_supervisor_is_unknown)
{
        World w;

        world_begin(&w, NOON);
        live(&w, 10 * USEC_PER_SEC);
        restart(&w);
        w.steady += 2 * DAY;
        w.wall += 2 * DAY;
        count(&w);
        live(&w, 10 * USEC_PER_SEC);
        CHECK_STR(days(&w, 0),
                  "2024-10-04 10/0/0/0/86390\n2024-10-05 0/0/0/0/86400\n2024-10-06 10/0/0/0/43210");
        CHECK_INT(tally_first(w.tally, w.wall), NOON - DAY / 2);
        world_end(&w);
}

TEST(a_restart_keeps_the_days_and_since_when)
{
        World w;
        uint64_t since;

        world_begin(&w, NOON);
        live(&w, 10 * USEC_PER_SEC);
        w.a = COMPONENT_DOWN;
        count(&w);
        since = tally_since(w.tally, 0);
        CHECK_INT(since, w.wall);
        live(&w, 10 * USEC_PER_SEC);
        restart(&w);
        restart(&w); /* nothing is written twice */
        w.steady += 30 * USEC_PER_SEC;
        w.wall += 30 * USEC_PER_SEC;
        count(&w);
        live(&w, 10 * USEC_PER_SEC);
        CHECK_INT(tally_since(w.tally, 0), since);
        w.a = COMPONENT_OPERATIONAL;
        count(&w);
        CHECK_INT(tally_since(w.tally, 0), w.wall);
        world_end(&w);
}

TEST(what_is_written_is_written_once)
{
        World w;
        StoreBatch *b = store_batch_new();
        const StoreOp *op;
        uint64_t up = 0;

        world_begin(&w, NOON);
        for (int i = 0; i < 5; i++) {
                live(&w, 10 * USEC_PER_SEC);
                tally_add(w.tally, b);
                tally_added(w.tally);
                tally_add(w.tally, b);
        }
        TAILQ_FOREACH(op, &b->ops, entry)
        {
                CHECK_INT(op->kind, STORE_OP_DAY);
                up += op->day.usec[DAY_UP];
        }
        CHECK_INT(up, 2 * 50 * USEC_PER_SEC);
        CHECK_INT(b->n_ops, 10);
        store_batch_free(b);
        world_end(&w);
}

TEST(what_the_store_did_not_take_is_written_with_the_next)
{
        World w;
        StoreBatch *lost = store_batch_new(), *b = store_batch_new();

        world_begin(&w, NOON);
        live(&w, 10 * USEC_PER_SEC);
        tally_add(w.tally, lost);
        store_batch_free(lost);
        live(&w, 10 * USEC_PER_SEC);
        tally_add(w.tally, b);
        CHECK_INT(b->n_ops, 2);
        CHECK_INT(TAILQ_FIRST(&b->ops)->day.usec[DAY_UP], 20 * USEC_PER_SEC);
        store_batch_free(b);
        world_end(&w);
}

TEST(days_that_come_late_add_up_and_are_not_written_again)
{
        World w;
        StoreBatch *b = store_batch_new();
        DayRecord stored = {.component = "a", .day_usec = NOON - DAY / 2, .usec = {60 * USEC_PER_SEC}};

        world_begin(&w, NOON);
        live(&w, 10 * USEC_PER_SEC);
        CHECK_INT(tally_restore(w.tally, &stored), 0);
        CHECK_STR(days(&w, 0), "2024-10-04 70/0/0/0/43140");
        tally_add(w.tally, b);
        CHECK_INT(TAILQ_FIRST(&b->ops)->day.usec[DAY_UP], 10 * USEC_PER_SEC);
        store_batch_free(b);
        world_end(&w);
}

TEST(a_clock_that_steps_back_gives_no_day_more_hours_than_it_has)
{
        World w;

        world_begin(&w, NOON - DAY / 2);
        for (int i = 0; i < 3; i++) {
                for (int k = 0; k < 24 * 3600 / 10; k++) {
                        w.steady += 10 * USEC_PER_SEC;
                        w.wall += 10 * USEC_PER_SEC;
                        count(&w);
                }
                w.wall -= DAY;
        }
        w.wall += DAY;
        CHECK_STR(days(&w, 0), "2024-10-04 86400/0/0/0/0\n2024-10-05 0/0/0/0/0");
        world_end(&w);
}

TEST(a_clock_that_was_in_1970_leaves_no_day_there)
{
        World w;

        world_begin(&w, USEC_PER_HOUR);
        live(&w, 10 * USEC_PER_SEC);
        w.wall = NOON;
        live(&w, 10 * USEC_PER_SEC);
        CHECK_STR(days(&w, 0), "2024-10-04 10/0/0/0/43200");
        CHECK_INT(tally_first(w.tally, w.wall), NOON - DAY / 2);
        world_end(&w);
}

TEST(ninety_days_are_kept_and_not_more)
{
        World w;
        const char *text;
        size_t lines = 1;

        world_begin(&w, NOON);
        for (int i = 0; i < 200; i++) {
                live(&w, USEC_PER_SEC);
                w.wall += DAY;
                w.steady += DAY;
                count(&w);
        }
        text = days(&w, 0);
        for (const char *s = text; *s; s++)
                lines += *s == '\n';
        CHECK_INT(lines, 90);
        CHECK(strncmp(text, "2025-01-23 1/", 13) == 0);
        world_end(&w);
}

TEST(seconds_add_up_to_the_day_so_far)
{
        World w;
        long long sum;

        world_begin(&w, NOON + 333 * USEC_PER_MSEC);
        for (int i = 0; i < 1000; i++) {
                w.a = (ComponentState) (i % 4);
                w.steady += 777 * USEC_PER_MSEC;
                w.wall += 777 * USEC_PER_MSEC;
                count(&w);
                long long n[5];
                const char *text = strchr(days(&w, 0), ' ');
                CHECK_INT(sscanf(text, " %lld/%lld/%lld/%lld/%lld", &n[0], &n[1], &n[2], &n[3], &n[4]), 5);
                sum = n[0] + n[1] + n[2] + n[3] + n[4];
                CHECK_INT(sum, (w.wall - (NOON - DAY / 2)) / USEC_PER_SEC);
        }
        world_end(&w);
}

static void reload(World *w, const char *components)
{
        char text[8192];
        Config *config = NULL;
        Tally *tally;
        Error e;

        snprintf(text, sizeof(text),
                 "node: {id: test}\nmodes: [{name: primary, requires: []}]\ncomponents: {%s}\n", components);
        CHECK_INT(config_load_text("test", text, strlen(text), &config, &e), 0);
        CHECK_INT(tally_new(config, &tally), 0);
        tally_carry_over(tally, w->tally);
        tally_free(w->tally);
        config_free(w->config);
        w->tally = tally;
        w->config = config;
}

TEST(a_reload_keeps_what_goes_on_by_its_id)
{
        World w;

        world_begin(&w, NOON);
        live(&w, 10 * USEC_PER_SEC);
        reload(&w, "b: {}, c: {}");
        CHECK_STR(days(&w, 0), "2024-10-04 10/0/0/0/43200");
        CHECK_STR(days(&w, 1), "2024-10-04 0/0/0/0/43210");
        world_end(&w);
}

TEST(a_component_that_comes_back_has_its_days_and_none_is_written_twice_or_never)
{
        DayRecord stored = {.component = "z", .day_usec = NOON - DAY / 2, .usec = {60 * USEC_PER_SEC}};
        StoreBatch *b = store_batch_new();
        World w;

        world_begin(&w, NOON);
        CHECK_INT(tally_restore(w.tally, &stored), 0); /* it was taken out before the start */
        live(&w, 10 * USEC_PER_SEC);
        reload(&w, "b: {}, c: {}");
        live(&w, 10 * USEC_PER_SEC);
        tally_add(w.tally, b);
        tally_added(w.tally);
        CHECK_INT(b->n_ops, 3);
        reload(&w, "b: {}"); /* and over another reload */
        reload(&w, "a: {}, z: {}");
        count(&w);
        CHECK_STR(days(&w, 0), "2024-10-04 10/0/0/0/43210");
        CHECK_STR(days(&w, 1), "2024-10-04 60/0/0/0/43160");
        CHECK_INT(tally_since(w.tally, 0), w.wall);
        tally_add(w.tally, b);
        CHECK_INT(b->n_ops, 3);
        store_batch_free(b);
        world_end(&w);
}

TEST(of_many_that_are_gone_those_that_went_first_are_forgotten)
{
        char names[8000];
        size_t used = 0;
        World w;

        world_begin(&w, NOON);
        live(&w, 10 * USEC_PER_SEC);
        reload(&w, "b: {}, c: {}"); /* a has gone */
        for (int round = 0; round < 3; round++) {
                used = 0;
                for (int i = 0; i < TALLY_GONE_MAX / 2 + 1; i++)
                        used += (size_t) snprintf(names + used, sizeof(names) - used, "%sn%d-%d: {}",
                                                  i ? ", " : "", round, i);
                reload(&w, names);
        }
        reload(&w, "a: {}, n0-0: {}");
        CHECK_STR(days(&w, 0), "2024-10-04 0/0/0/0/43210");
        world_end(&w);
}

MAIN()
