/* SPDX-License-Identifier: MIT */
/* What the store keeps for the status page: days, bulletins, and the changes that a start is told of; and how a database of
 * the version before is taken over. */
#include "tests/store_bench.h"

#define A_CHANGE(name, when)                \
        (&(ChangeRecord){.id = (name),      \
                         .at_usec = (when), \
                         .from = "primary", \
                         .to = "crypto",    \
                         .evidence = "{}"})

typedef struct Public {
        Fixture f;
        bool loaded;
        char days[512], bulletins[512], changes[512];
} Public;

static void on_public(const StoreLoaded *l, void *userdata)
{
        Public *p = userdata;

        CHECK_INT(l->error, 0);
        p->days[0] = p->bulletins[0] = p->changes[0] = 0;
        for (size_t i = 0; i < l->n_days; i++) {
                const DayRecord *d = &l->days[i];
                size_t n = strlen(p->days);

                snprintf(p->days + n, sizeof(p->days) - n, "%s %llu/%llu/%llu/%llu;", d->component,
                         (unsigned long long) d->usec[0], (unsigned long long) d->usec[1],
                         (unsigned long long) d->usec[2], (unsigned long long) d->usec[3]);
        }
        for (size_t i = 0; i < l->n_bulletins; i++) {
                size_t n = strlen(p->bulletins);

                snprintf(p->bulletins + n, sizeof(p->bulletins) - n, "%s %d %s;", l->bulletins[i].id,
                         (int) l->bulletins[i].kind, l->bulletins[i].value);
        }
        for (size_t i = 0; i < l->n_changes; i++) {
                size_t n = strlen(p->changes);

                snprintf(p->changes + n, sizeof(p->changes) - n, "%s>%s;", l->changes[i].id,
                         l->changes[i].to);
        }
        p->loaded = true;
}

static void public_open(Public *p)
{
        StoreEvents events = {.loaded = on_public, .userdata = p};

        p->loaded = false;
        CHECK_INT(sd_event_new(&p->f.event), 0);
        CHECK_INT(worker_new(p->f.event, "store", &p->f.worker), 0);
        CHECK_INT(store_new(p->f.event, p->f.worker, p->f.path, &events, &p->f.store), 0);
        WAIT_FOR(&p->f, p->loaded);
}

static void on_written(int r, void *userdata)
{
        bool *done = userdata;

        CHECK_INT(r, 0);
        *done = true;
}

static void write_batch(Public *p, StoreBatch *b)
{
        bool done = false;

        CHECK_INT(store_submit(p->f.store, b, on_written, &done), 0);
        WAIT_FOR(&p->f, done);
}

TEST(days_add_up_and_bulletins_are_replaced)
{
        uint64_t today = clock_wall_usec() / USEC_PER_DAY * USEC_PER_DAY;
        Public p;

        fixture_begin(&p.f);
        public_open(&p);
        CHECK_STR(p.days, "");
        for (int i = 0; i < 3; i++) {
                StoreBatch *b = store_batch_new();

                store_batch_day(b, &(DayRecord){.component = "a", .day_usec = today, .usec = {1, 2, 3, 4}});
                store_batch_bulletin(b, &(BulletinRecord){.id = "01A",
                                                          .kind = BULLETIN_MAINTENANCE,
                                                          .value = i == 2 ? "{\"n\":2}" : "{}"});
                write_batch(&p, b);
        }
        fixture_close(&p.f);
        public_open(&p);
        CHECK_STR(p.days, "a 3/6/9/12;");
        CHECK_STR(p.bulletins, "01A 1 {\"n\":2};");
        fixture_end(&p.f);
}

TEST(a_start_is_told_of_ninety_days_and_of_what_is_open)
{
        uint64_t now = clock_wall_usec(), today = now / USEC_PER_DAY * USEC_PER_DAY;
        StoreBatch *b = store_batch_new();
        Public p;

        fixture_begin(&p.f);
        public_open(&p);
        store_batch_day(b,
                        &(DayRecord){.component = "new", .day_usec = today - 89 * USEC_PER_DAY, .usec = {1}});
        store_batch_day(b,
                        &(DayRecord){.component = "old", .day_usec = today - 91 * USEC_PER_DAY, .usec = {1}});
        store_batch_bulletin(
                        b,
                        &(BulletinRecord){.id = "01A", .ended_usec = now - 91 * USEC_PER_DAY, .value = "{}"});
        store_batch_bulletin(
                        b,
                        &(BulletinRecord){.id = "01B", .ended_usec = now - 89 * USEC_PER_DAY, .value = "{}"});
        store_batch_bulletin(b, &(BulletinRecord){.id = "01C", .value = "{}"});
        store_batch_change(b, A_CHANGE("01D", now - 91 * USEC_PER_DAY));
        store_batch_change(b, A_CHANGE("01E", now - 89 * USEC_PER_DAY));
        store_batch_change(b, A_CHANGE("01F", now));
        write_batch(&p, b);
        fixture_close(&p.f);
        public_open(&p);
        CHECK_STR(p.days, "new 1/0/0/0;");
        CHECK_STR(p.bulletins, "01B 0 {};01C 0 {};");
        CHECK_STR(p.changes, "01E>crypto;01F>crypto;");
        fixture_end(&p.f);
}

TEST(a_clock_that_is_years_ahead_deletes_no_day_that_is_shown)
{
        uint64_t today = clock_wall_usec() / USEC_PER_DAY * USEC_PER_DAY;
        StoreBatch *b = store_batch_new();
        Public p;

        fixture_begin(&p.f);
        public_open(&p);
        for (unsigned i = 1000; i < 1095; i++)
                store_batch_day(b, &(DayRecord){.component = "a", .day_usec = today - i * USEC_PER_DAY});
        store_batch_day(b, &(DayRecord){.component = "a", .day_usec = today});
        write_batch(&p, b);
        for (unsigned i = 0; i < 3; i++) { /* a step with each batch */
                b = store_batch_new();
                store_batch_bulletin(b, &(BulletinRecord){.id = "01A", .value = "{}"});
                write_batch(&p, b);
                WAIT_FOR(&p.f, worker_pending(p.f.worker) == 0);
        }
        CHECK_INT(query(p.f.path, "SELECT count(*) FROM day"), 91);
        CHECK_INT(query(p.f.path, "SELECT max(day) FROM day"), today);
        fixture_end(&p.f);
}

/* However long the disk is away, there is one row for each day and bulletin. */
TEST(what_waits_for_the_disk_is_merged)
{
        uint64_t today = clock_wall_usec() / USEC_PER_DAY * USEC_PER_DAY;
        Public p;

        fixture_begin(&p.f);
        public_open(&p);
        atomic_store(&disk_error, SQLITE_FULL);
        for (int i = 0; i < 50; i++) {
                StoreBatch *b = store_batch_new();

                store_batch_day(b, &(DayRecord){.component = "a", .day_usec = today, .usec = {1, 0, 0, 1}});
                store_batch_bulletin(b,
                                     &(BulletinRecord){.id = "01A", .value = i == 49 ? "{\"n\":49}" : "{}"});
                CHECK_INT(store_submit(p.f.store, b, NULL, NULL), 0);
                sd_event_run(p.f.event, 1000);
        }
        atomic_store(&disk_error, 0);
        WAIT_FOR(&p.f, store_is_durable(p.f.store));
        fixture_close(&p.f);
        public_open(&p);
        CHECK_STR(p.days, "a 50/0/0/50;");
        CHECK_STR(p.bulletins, "01A 0 {\"n\":49};");
        fixture_end(&p.f);
}

TEST(a_database_of_the_version_before_is_taken_over)
{
        StoreBatch *b = store_batch_new();
        sqlite3 *db = NULL;
        Public p;

        fixture_begin(&p.f);
        public_open(&p);
        store_batch_change(b, A_CHANGE("01D", clock_wall_usec()));
        write_batch(&p, b);
        fixture_close(&p.f);
        /* As schema 1 had it. */
        CHECK_INT(sqlite3_open(p.f.path, &db), SQLITE_OK);
        CHECK_INT(sqlite3_exec(db,
                               "DROP TABLE day; DROP TABLE bulletin; ALTER TABLE probe DROP COLUMN config;"
                               "INSERT INTO probe VALUES ('old', 1, 2, 3, 4, 0, 0, 0, 5, 6, 7, 8, 'p', 'm');"
                               "PRAGMA user_version = 1",
                               NULL, NULL, NULL),
                  SQLITE_OK);
        CHECK_INT(sqlite3_close(db), SQLITE_OK);
        public_open(&p);
        CHECK_STR(p.changes, "01D>crypto;");
        CHECK_STR(p.days, "");
        CHECK_INT(query(p.f.path, "SELECT verdict_since FROM probe WHERE name = 'old' AND config = ''"), 2);
        b = store_batch_new();
        store_batch_bulletin(b, &(BulletinRecord){.id = "01D", .value = "{}"});
        write_batch(&p, b);
        fixture_close(&p.f);
        public_open(&p);
        CHECK_STR(p.bulletins, "01D 0 {};");
        fixture_end(&p.f);
}

MAIN()
