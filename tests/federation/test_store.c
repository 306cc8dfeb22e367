/* SPDX-License-Identifier: MIT */
/* federation.db: what jobs write is there as a whole, and told of when it is on the disk. */
#include "federation/store.h"

#include "federation/audit.h"
#include "tests/test.h"

#include <stdlib.h>
#include <sys/stat.h>

typedef struct TestJob {
        StoreJob job;
        int wanted;
        const char *event;
        int ended;
        int r;
        char text[200];
        json_t *list;
        uint64_t bad;
        uint8_t hash[SHA256_SIZE];
} TestJob;

static unsigned ends;

static void on_done(StoreJob *job, int r, const char *error)
{
        TestJob *t = (TestJob *) job;

        t->ended++;
        t->r = r;
        snprintf(t->text, sizeof(t->text), "%s", error);
        ends++;
}

static int run_add(sqlite3 *db, StoreJob *job, Error *e)
{
        TestJob *t = (TestJob *) job;
        AuditEntry entry = {.event = t->event,
                            .node = "them",
                            .actor = "192.0.2.1",
                            .detail = "a line\nand more"};
        int r = audit_add(db, &entry, e);

        if (r < 0)
                return r;
        return t->wanted < 0 ? error_set(e, t->wanted, "it shall not be") : t->wanted;
}

static int run_list(sqlite3 *db, StoreJob *job, Error *e)
{
        TestJob *t = (TestJob *) job;

        t->list = audit_list(db, 0, 100, e);
        return t->list ? 0 : -EIO;
}

static int run_check(sqlite3 *db, StoreJob *job, Error *e)
{
        TestJob *t = (TestJob *) job;

        return audit_check(db, &t->bad, t->hash, e);
}

static int run_sql(sqlite3 *db, StoreJob *job, Error *e)
{
        return db_exec(db, ((TestJob *) job)->event, e);
}

typedef struct Rig {
        char folder[64], path[100];
        sd_event *event;
        Store *store;
} Rig;

static void rig_begin(Rig *rig)
{
        snprintf(rig->folder, sizeof(rig->folder), "/tmp/test_store.XXXXXX");
        CHECK(mkdtemp(rig->folder));
        snprintf(rig->path, sizeof(rig->path), "%s/federation.db", rig->folder);
        CHECK(sd_event_new(&rig->event) >= 0);
        CHECK(store_new(rig->event, rig->path, &rig->store) >= 0);
        ends = 0;
}

static void rig_end(Rig *rig)
{
        char command[100];

        store_free(rig->store);
        sd_event_unref(rig->event);
        snprintf(command, sizeof(command), "rm -rf %s", rig->folder);
        CHECK(system(command) == 0);
}

static void submit(Rig *rig, TestJob *t, int (*run)(sqlite3 *, StoreJob *, Error *))
{
        t->job.run = run;
        t->job.done = on_done;
        store_submit(rig->store, &t->job);
}

static void turn(Rig *rig, unsigned wanted)
{
        while (ends < wanted)
                CHECK(sd_event_run(rig->event, 10 * USEC_PER_SEC) > 0);
}

TEST(jobs_that_wait_together_share_a_commit)
{
        TestJob jobs[100] = {0}, list = {0};
        StoreCounts counts;
        Rig rig;

        rig_begin(&rig);
        for (size_t i = 0; i < ELEMENTSOF(jobs); i++) {
                jobs[i].event = "node-accepted";
                jobs[i].wanted = (int) i;
                submit(&rig, &jobs[i], run_add);
                CHECK(jobs[i].ended == 0);
        }
        submit(&rig, &list, run_list);
        turn(&rig, 101);
        store_counts(rig.store, &counts);
        CHECK(counts.commits == 2); /* the first alone, the others together */
        CHECK(counts.jobs == 101);
        CHECK(counts.waiting == 0);
        CHECK(streq(counts.trouble, ""));
        for (size_t i = 0; i < ELEMENTSOF(jobs); i++)
                CHECK(jobs[i].ended == 1 && jobs[i].r == (int) i);
        CHECK(json_array_size(list.list) == 100);
        CHECK(json_integer_value(json_at(list.list, "0.n")) == 100);
        CHECK(streq(json_string_value(json_at(list.list, "0.detail")), "a line\\nand more"));
        json_decref(list.list);
        rig_end(&rig);
}

TEST(a_job_that_fails_undoes_only_itself)
{
        TestJob good = {.event = "one"}, bad = {.event = "two", .wanted = -EEXIST}, last = {.event = "three"},
                list = {0}, check = {0};
        Rig rig;

        rig_begin(&rig);
        submit(&rig, &good, run_add);
        submit(&rig, &bad, run_add);
        submit(&rig, &last, run_add);
        submit(&rig, &list, run_list);
        submit(&rig, &check, run_check);
        turn(&rig, 5);
        CHECK(good.r == 0 && last.r == 0);
        CHECK(bad.r == -EEXIST && streq(bad.text, "it shall not be"));
        CHECK(json_array_size(list.list) == 2);
        CHECK(streq(json_string_value(json_at(list.list, "0.event")), "three"));
        CHECK(check.r == 0);
        json_decref(list.list);
        rig_end(&rig);
}

TEST(what_was_said_is_there_after_a_restart)
{
        TestJob add = {.event = "one"}, list = {0};
        Rig rig;

        rig_begin(&rig);
        submit(&rig, &add, run_add);
        rig.store = store_free(rig.store); /* waits for what was submitted */
        CHECK(add.ended == 1 && add.r == 0);
        CHECK(store_new(rig.event, rig.path, &rig.store) >= 0);
        submit(&rig, &list, run_list);
        turn(&rig, 2);
        CHECK(json_array_size(list.list) == 1);
        json_decref(list.list);
        rig_end(&rig);
}

TEST(a_database_that_does_not_open_says_why_and_is_tried_again)
{
        TestJob first = {.event = "one"}, second = {.event = "two"};
        StoreCounts counts;
        Rig rig;

        rig_begin(&rig);
        CHECK(mkdir(rig.path, 0700) == 0);
        submit(&rig, &first, run_add);
        turn(&rig, 1);
        CHECK(first.r < 0 && *first.text);
        store_counts(rig.store, &counts);
        CHECK(*counts.trouble);
        CHECK(rmdir(rig.path) == 0);
        submit(&rig, &second, run_add);
        turn(&rig, 2);
        CHECK(second.r == 0);
        store_counts(rig.store, &counts);
        CHECK(!*counts.trouble);
        rig_end(&rig);
}

TEST(nobody_changes_the_audit_log_unseen)
{
        static const char drop[] = "DROP TRIGGER audit_keeps; UPDATE audit SET detail = 'x' WHERE n = 2";
        TestJob jobs[3] = {{.event = "a"}, {.event = "b"}, {.event = "c"}},
                update = {.event = "UPDATE audit SET detail = 'x'"}, delete = {.event = "DELETE FROM audit"},
                force = {.event = drop}, good = {0}, check = {0};
        Rig rig;

        rig_begin(&rig);
        for (size_t i = 0; i < 3; i++)
                submit(&rig, &jobs[i], run_add);
        submit(&rig, &update, run_sql);
        submit(&rig, &delete, run_sql);
        submit(&rig, &good, run_check);
        submit(&rig, &force, run_sql);
        submit(&rig, &check, run_check);
        turn(&rig, 8);
        CHECK(update.r < 0 && strstr(update.text, "append-only"));
        CHECK(delete.r < 0 && strstr(delete.text, "append-only"));
        CHECK(good.r == 0);
        CHECK(force.r == 0);
        CHECK(check.r == -EBADMSG && check.bad == 2);
        rig_end(&rig);
}

TEST(a_log_whose_end_was_cut_off_is_not_whole_nor_does_it_become_so)
{
        static const char cut[] = "DROP TRIGGER audit_stays; DELETE FROM audit WHERE n > 1";
        TestJob jobs[3] = {{.event = "a"}, {.event = "b"}, {.event = "c"}}, good = {0},
                force = {.event = cut}, check = {0}, more = {.event = "d"}, again = {0};
        Rig rig;

        rig_begin(&rig);
        for (size_t i = 0; i < 3; i++)
                submit(&rig, &jobs[i], run_add);
        submit(&rig, &good, run_check);
        submit(&rig, &force, run_sql);
        submit(&rig, &check, run_check);
        submit(&rig, &more, run_add);
        submit(&rig, &again, run_check);
        turn(&rig, 8);
        CHECK(good.r == 0 && good.bad == 3);
        CHECK(force.r == 0);
        CHECK(check.r == -EBADMSG && check.bad == 2 && strstr(check.text, "the end is missing"));
        CHECK(more.r == 0);
        CHECK(again.r == -EBADMSG && again.bad == 2);
        rig_end(&rig);
}

MAIN()
