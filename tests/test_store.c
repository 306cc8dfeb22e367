/* SPDX-License-Identifier: MIT */
/* supervisor/store.c and its parts on real files: what it keeps, what it refuses, what it answers and what it costs. */
#include "supervisor/store_queue.h"
#include "tests/store_bench.h"

#include <fcntl.h>
#include <sys/stat.h>

/* What it is for */

TEST(starts_empty_the_first_time)
{
        Fixture f;
        begin_loaded(&f);
        CHECK(!f.memory);
        CHECK_INT(f.n_probes, 0);
        CHECK_INT(f.n_deliveries, 0);
        CHECK_STR(f.last_change, "");
        CHECK(store_is_durable(f.store));
        CHECK_STR(store_trouble(f.store), "");
        struct stat st;
        CHECK_INT(stat(f.path, &st), 0);
        CHECK_INT(st.st_mode & 07777, 0600);
        fixture_end(&f);
}

TEST(a_change_with_all_it_causes_comes_back)
{
        Fixture f;
        begin_loaded(&f);
        StoreBatch *b = make_change("c1", 2, 10);
        json_t *memory = json_pack("{s:s,s:i}", "mode", "crypto", "pin", 7);
        store_batch_memory(b, memory);
        ProbeRecord p = {.name = "payment-api",
                         .state = {.verdict = VERDICT_DOWN,
                                   .fails = UINT64_MAX,
                                   .count = 5,
                                   .last = OUTCOME_FAIL,
                                   .verdict_since = 12,
                                   .first_fail = USEC_NEVER},
                         .history = "ffp",
                         .message = "HTTP 503",
                         .config = "a5"};
        store_batch_probe(b, &p);
        Done d = {0};
        CHECK_INT(store_submit(f.store, b, on_done, &d), 0);
        CHECK_INT(d.calls, 0);
        WAIT_FOR(&f, d.calls);
        CHECK_INT(d.r, 0);
        fixture_reopen(&f);
        CHECK(json_equal(f.memory, memory));
        CHECK_STR(f.last_change, "c1");
        CHECK_INT(strlen(f.last_hash), 64);
        CHECK_STR(f.delivery_states, "action-0 pending\naction-1 pending\n");
        CHECK_INT(f.n_probes, 1);
        CHECK_INT(f.probe.verdict, VERDICT_DOWN);
        CHECK(f.probe.fails == UINT64_MAX && f.probe.first_fail == USEC_NEVER);
        CHECK_STR(f.probe_config, "a5");
        json_decref(memory);
        fixture_end(&f);
}

TEST(a_delivery_is_updated_by_its_id)
{
        Fixture f;
        begin_loaded(&f);
        StoreBatch *b = store_batch_new();
        DeliveryRecord d = {.id = 7,
                            .change = "c",
                            .action = "alert",
                            .type = "alert",
                            .facts = "{}",
                            .state = "pending"};
        store_batch_delivery(b, &d);
        d.id = 8;
        store_batch_delivery(b, &d);
        d.id = 7;
        d.state = "done";
        d.attempts = 3;
        d.finished_usec = 5;
        store_batch_delivery(b, &d);
        CHECK_INT(store_submit(f.store, b, NULL, NULL), 0);
        fixture_reopen(&f);
        CHECK_STR(f.delivery_states, "alert pending\n");
        CHECK_INT(query(f.path,
                        "SELECT attempts FROM delivery WHERE id = 7 AND change = 'c' AND state = 'done'"),
                  3);
        fixture_end(&f);
}

TEST(batches_are_written_in_order_and_acknowledged_in_order)
{
        Fixture f;
        Done d[40] = {0};
        begin_loaded(&f);
        done_order = 0;
        for (size_t i = 0; i < ELEMENTSOF(d); i++) {
                char id[16];
                snprintf(id, sizeof(id), "c%02zu", i);
                CHECK_INT(store_submit(f.store, make_change(id, 1, 10), on_done, &d[i]), 0);
        }
        WAIT_FOR(&f, d[39].calls);
        for (size_t i = 0; i < ELEMENTSOF(d); i++) {
                CHECK_INT(d[i].r, 0);
                CHECK_INT(d[i].order, i + 1);
        }
        CHECK_INT(query(f.path, "SELECT count(*) FROM change AS a JOIN change AS b ON b.seq = a.seq + 1"
                                " WHERE b.id > a.id AND b.previous = a.hash"),
                  39);
        fixture_end(&f);
}

TEST(what_was_submitted_before_the_database_was_open_is_written)
{
        Fixture f;
        Done d = {0};
        fixture_begin(&f);
        fixture_open(&f);
        CHECK_INT(store_submit(f.store, make_change("early", 1, 10), on_done, &d), 0);
        WAIT_FOR(&f, d.calls);
        CHECK(f.loaded);
        CHECK_INT(d.r, 0);
        fixture_end(&f);
}

TEST(the_same_change_is_stored_once)
{
        Fixture f;
        begin_loaded(&f);
        save_change(&f, "twice", 1);
        save_change(&f, "twice", 1);
        CHECK_INT(query(f.path, "SELECT count(*) FROM change"), 1);
        fixture_end(&f);
}

TEST(hours_add_up_and_probes_are_replaced_and_forgotten)
{
        Fixture f;
        begin_loaded(&f);
        for (unsigned i = 1; i <= 2; i++) {
                StoreBatch *b = store_batch_new();
                HourRecord h = {.probe = "p",
                                .hour_usec = 3600000000,
                                .counts = {i, 1, i, 2},
                                .latency_sum_usec = 10,
                                .latency_max_usec = i,
                                .down_usec = 5};
                store_batch_hour(b, &h);
                ProbeRecord p = {.name = i == 1 ? "gone" : "kept"};
                store_batch_probe(b, &p);
                CHECK_INT(store_submit(f.store, b, NULL, NULL), 0);
        }
        StoreBatch *b = store_batch_new();
        store_batch_forget_probe(b, "gone");
        CHECK_INT(store_submit(f.store, b, NULL, NULL), 0);
        fixture_reopen(&f);
        CHECK_INT(f.n_probes, 1);
        CHECK_INT(query(f.path, "SELECT pass * 1000000 + warn * 100000 + fail * 10000 + inconclusive * 1000 +"
                                " latency_sum * 10 + latency_max FROM hour"),
                  3234202);
        CHECK_INT(query(f.path, "SELECT down FROM hour"), 10);
        fixture_end(&f);
}

TEST(a_batch_that_lacks_something_is_refused)
{
        Fixture f;
        begin_loaded(&f);
        CHECK_INT(store_submit(f.store, NULL, on_done, NULL), -ENOMEM);
        StoreBatch *b = store_batch_new();
        store_batch_memory(b, NULL); /* what json_object() gives when there is no memory */
        CHECK_INT(store_submit(f.store, b, on_done, NULL), -ENOMEM);
        fixture_end(&f);
}

TEST(what_is_old_is_deleted_and_changes_never)
{
        Fixture f;
        begin_loaded(&f);
        uint64_t now = clock_wall_usec();
        StoreBatch *b = make_change("ancient", 0, 10);
        for (unsigned i = 0; i < 1200; i++) {
                HourRecord h = {.probe = "p", .hour_usec = (i + 1) * USEC_PER_HOUR, .counts = {1}};
                store_batch_hour(b, &h);
        }
        HourRecord h = {.probe = "p", .hour_usec = now - 89 * USEC_PER_DAY, .counts = {1}};
        store_batch_hour(b, &h);
        uint64_t ages[] = {31, 31, 29};
        for (unsigned i = 0; i < 3; i++) {
                uint64_t at = now - ages[i] * USEC_PER_DAY;
                DeliveryRecord d = {.id = i + 1,
                                    .action = "a",
                                    .facts = "{}",
                                    .created_usec = at,
                                    .finished_usec = at,
                                    .state = i == 1 ? "pending" : "done"};
                store_batch_delivery(b, &d);
        }
        CHECK_INT(store_submit(f.store, b, NULL, NULL), 0);
        for (int i = 0; i < 10; i++) { /* a step with each batch */
                char id[16];
                snprintf(id, sizeof(id), "c%d", i);
                save_change(&f, id, 0);
                WAIT_FOR(&f, worker_pending(f.worker) == 0);
        }
        CHECK_INT(query(f.path, "SELECT count(*) FROM hour"), 1);
        CHECK_INT(query(f.path, "SELECT group_concat(id) = '2,3' FROM delivery"), 1);
        CHECK_INT(query(f.path, "SELECT count(*) FROM change"), 11);
        fixture_end(&f);
}

/* The chain */

TEST(an_edited_past_is_noticed)
{
        static const char *const edits[] = {
                        "UPDATE change SET cause = 'nothing happened' WHERE id = 'c2'",
                        "DELETE FROM change WHERE id = 'c2'",
                        "UPDATE change SET automatic = 0 WHERE id = 'c3'",
                        "UPDATE change SET evidence = '{}' WHERE id = 'c1'",
                        "UPDATE change SET at = at + 1 WHERE id = 'c2'",
        };
        for (size_t i = 0; i < ELEMENTSOF(edits); i++) {
                Fixture f;
                Error e;
                begin_loaded(&f);
                save_change(&f, "c1", 0);
                save_change(&f, "c2", 0);
                fixture_reopen(&f);
                CHECK(!f.chain_broken);
                save_change(&f, "c3", 0); /* the chain goes on after a restart */
                fixture_close(&f);
                CHECK_INT(store_check_chain(f.path, &e), 0);
                edit(f.path, edits[i]);
                CHECK_INT(store_check_chain(f.path, &e), -EBADMSG);
                CHECK(strstr(e.text, "change c"));
                fixture_open(&f);
                WAIT_FOR(&f, f.loaded);
                CHECK_INT(f.error, 0);
                CHECK(f.chain_broken);
                CHECK_STR(f.text.text, e.text);
                save_change(&f, "c4", 0); /* and it still works */
                fixture_end(&f);
        }
}

TEST(a_missing_beginning_is_noticed_by_the_whole_walk)
{
        Fixture f;
        Error e;
        begin_loaded(&f);
        save_change(&f, "c1", 0);
        save_change(&f, "c2", 0);
        edit(f.path, "DELETE FROM change WHERE id = 'c1'");
        CHECK_INT(store_check_chain(f.path, &e), -EBADMSG);
        fixture_end(&f);
}

TEST(the_hash_is_what_the_header_says)
{
        /* printf '%s' '{"at":…}' | sha256sum, as chain.h describes it */
        Fixture f;
        char command[1024];
        begin_loaded(&f);
        save_change(&f, "c1", 0);
        fixture_reopen(&f);
        snprintf(command, sizeof(command),
                 "printf '%%s' '{\"at\":1795165200000000,\"automatic\":true,\"cause\":\"payment-api down: "
                 "HTTP 503 "
                 "(3 of "
                 "5)\",\"config_hash\":\"00ff\",\"durable\":true,\"evidence\":\"{\\\"x\\\":"
                 "\\\"xxxxxxxxxx\\\"}\","
                 "\"from\":\"primary\",\"id\":\"c1\",\"operator_reason\":\"\",\"previous\":\"\",\"rule\":"
                 "\"failover\","
                 "\"to\":\"crypto\"}' | sha256sum | grep -q ^%s",
                 f.last_hash);
        CHECK_INT(system(command), 0);
        fixture_end(&f);
}

/* What must not be touched */

static void check_refused(Fixture *f, int error)
{
        Done d = {0}, late = {0};

        fixture_open(f);
        CHECK_INT(store_submit(f->store, make_change("never", 1, 10), on_done, &d), 0);
        WAIT_FOR(f, f->loaded && d.calls);
        CHECK_INT(f->error, error);
        CHECK(strstr(f->text.text, f->path));
        CHECK_INT(d.r, error);
        CHECK_INT(f->lost, 1);
        CHECK(!store_is_durable(f->store));
        CHECK_INT(store_submit(f->store, make_change("never", 1, 10), on_done, &late), 0);
        WAIT_FOR(f, late.calls);
        CHECK_INT(late.r, error);
        fixture_close(f);
}

static void check_untouched(Fixture *f, int error)
{
        char copy[128], command[300];

        snprintf(copy, sizeof(copy), "%s/copy", f->dir);
        snprintf(command, sizeof(command), "cp %s %s", f->path, copy);
        CHECK_INT(system(command), 0);
        check_refused(f, error);
        snprintf(command, sizeof(command), "cmp %s %s", f->path, copy);
        CHECK_INT(system(command), 0);
}

static void make_database(Fixture *f)
{
        begin_loaded(f);
        for (int i = 0; i < 20; i++) {
                char id[16];
                snprintf(id, sizeof(id), "c%d", i);
                CHECK_INT(store_submit(f->store, make_change(id, 3, 2000), NULL, NULL), 0);
        }
        fixture_close(f);
        edit(f->path, "PRAGMA wal_checkpoint(TRUNCATE)");
}

TEST(a_newer_database_is_reported_and_left_alone)
{
        Fixture f;
        make_database(&f);
        edit(f.path, "PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)");
        check_untouched(&f, -EPROTONOSUPPORT);
        fixture_end(&f);
}

static void damage(const char *path, off_t from, size_t size)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        char *noise = malloc(size);
        memset(noise, 0xa5, size);
        CHECK_INT(pwrite(fd, noise, size, from), (ssize_t) size);
        free(noise);
        close(fd);
}

TEST(a_corrupt_database_is_reported_and_left_alone)
{
        Fixture f;

        fixture_begin(&f);
        damage(f.path, 0, 10000); /* no database at all */
        check_untouched(&f, -EUCLEAN);
        fixture_end(&f);

        make_database(&f);
        damage(f.path, 0, 100); /* the header */
        check_untouched(&f, -EUCLEAN);
        fixture_end(&f);

        make_database(&f);
        damage(f.path, 4096, 8192); /* pages of tables */
        check_untouched(&f, -EUCLEAN);
        fixture_end(&f);

        make_database(&f);
        edit(f.path, "INSERT INTO memory VALUES (1, '{\"mode\":'); PRAGMA wal_checkpoint(TRUNCATE)");
        check_refused(&f, -EUCLEAN); /* found only after it was opened as ours */
        CHECK_INT(query(f.path, "SELECT value = '{\"mode\":' FROM memory"), 1);
        CHECK_INT(query(f.path, "SELECT count(*) FROM change"), 20);
        fixture_end(&f);
}

/* Memory while the disk is away */

static StoreBatch *make_routine(unsigned i)
{
        StoreBatch *b = store_batch_new();
        char message[32];

        snprintf(message, sizeof(message), "run %u", i);
        b->routine = true;
        for (unsigned k = 0; k < 3; k++) {
                char name[8];
                snprintf(name, sizeof(name), "p%u", k);
                ProbeRecord p = {.name = name, .message = message};
                store_batch_probe(b, &p);
                HourRecord h = {.probe = name, .hour_usec = 3600, .counts = {1}};
                store_batch_hour(b, &h);
        }
        DeliveryRecord d = {.id = 5, .state = "pending", .attempts = i};
        store_batch_delivery(b, &d);
        return b;
}

static size_t queue_rows(const StoreQueue *q, size_t *ret_batches)
{
        const StoreBatch *b;
        size_t n = 0;

        *ret_batches = 0;
        TAILQ_FOREACH(b, &q->batches, entry)
        {
                n += b->n_ops;
                ++*ret_batches;
        }
        return n;
}

TEST(days_of_routine_batches_wait_in_the_space_of_one)
{
        StoreQueue q;
        size_t batches;
        store_queue_init(&q);
        for (unsigned i = 1; i <= 10000; i++) {
                store_queue_append(&q, make_routine(i));
                if (i % 5000 == 0) /* changes are never merged, nor overtaken */
                        store_queue_append(&q, make_change(i == 5000 ? "c1" : "c2", 1, 10));
        }
        CHECK_INT(queue_rows(&q, &batches), 7 + 2 * 2);
        CHECK_INT(batches, 3);
        StoreBatch *b = store_queue_take(&q);
        CHECK(b->has_change);
        store_batch_free(b);
        b = store_queue_take(&q);
        CHECK_INT(b->n_ops, 7);
        const StoreOp *op;
        TAILQ_FOREACH(op, &b->ops, entry)
        {
                if (op->kind == STORE_OP_HOUR)
                        CHECK_INT(op->hour.counts[OUTCOME_PASS], 10000);
                if (op->kind == STORE_OP_PROBE)
                        CHECK_STR(op->probe.message, "run 10000");
                if (op->kind == STORE_OP_DELIVERY)
                        CHECK_INT(op->delivery.attempts, 10000);
        }
        /* One that failed comes back: what is newer than it wins. */
        store_queue_append(&q, make_routine(10001));
        store_queue_return(&q, b);
        CHECK_INT(queue_rows(&q, &batches), 7 + 2);
        b = store_queue_take(&q);
        CHECK(b->has_change);
        store_batch_free(b);
        b = store_queue_take(&q);
        TAILQ_FOREACH(op, &b->ops, entry)
        if (op->kind == STORE_OP_HOUR)
                CHECK_INT(op->hour.counts[OUTCOME_PASS], 10001);
        store_batch_free(b);
        store_queue_clear(&q);
}

TEST(forgetting_a_probe_and_finding_it_again_keep_their_order)
{
        StoreQueue q;
        store_queue_init(&q);
        StoreBatch *b = store_batch_new();
        b->routine = true;
        ProbeRecord p = {.name = "p", .message = "old"};
        store_batch_probe(b, &p);
        store_batch_forget_probe(b, "p");
        p.message = "new";
        store_batch_probe(b, &p);
        store_queue_append(&q, b);
        b = store_queue_take(&q);
        CHECK_INT(b->n_ops, 1);
        CHECK_STR(TAILQ_FIRST(&b->ops)->probe.message, "new");
        store_batch_forget_probe(b, "p");
        store_queue_return(&q, b);
        b = store_queue_take(&q);
        CHECK_INT(b->n_ops, 1);
        CHECK_INT(TAILQ_FIRST(&b->ops)->kind, STORE_OP_FORGET);
        store_batch_free(b);
        store_queue_clear(&q);
}

/* Reading */

TEST(history_and_changes_can_be_read)
{
        Fixture f;
        Answer history = {0}, one = {0}, newest = {0}, none = {0}, hours = {0};
        begin_loaded(&f);
        save_change(&f, "c1", 2);
        save_change(&f, "c2", 0);
        save_change(&f, "c3", 1);
        StoreBatch *b = store_batch_new();
        for (unsigned i = 1; i <= 3; i++) {
                HourRecord h = {.probe = "p", .hour_usec = i * USEC_PER_HOUR, .counts = {i}, .down_usec = 9};
                store_batch_hour(b, &h);
        }
        CHECK_INT(store_submit(f.store, b, NULL, NULL), 0);
        CHECK_INT(store_read_history(f.store, 2, on_answer, &history), 0);
        CHECK_INT(store_read_change(f.store, "c1", on_answer, &one), 0);
        CHECK_INT(store_read_change(f.store, NULL, on_answer, &newest), 0);
        CHECK_INT(store_read_change(f.store, "c9", on_answer, &none), 0);
        CHECK_INT(store_read_hours(f.store, 2 * USEC_PER_HOUR, on_answer, &hours), 0);
        WAIT_FOR(&f, hours.calls);
        CHECK_INT(history.r, 0);
        CHECK_INT(json_array_size(json_at(history.result, "changes")), 2);
        CHECK_STR(json_string_value(json_at(history.result, "changes.0.id")), "c3");
        CHECK_STR(json_string_value(json_at(history.result, "changes.0.at")), "2026-11-20T09:00:00.000Z");
        CHECK(!json_at(history.result, "changes.0.evidence"));
        CHECK_INT(json_array_size(json_at(history.result, "changes.0.actions")), 1);
        CHECK_STR(json_string_value(json_at(one.result, "evidence.x")), "xxxxxxxxxx");
        CHECK_STR(json_string_value(json_at(one.result, "rule")), "failover");
        CHECK_STR(json_string_value(json_at(one.result, "actions.1.name")), "action-1");
        CHECK_STR(json_string_value(json_at(one.result, "actions.1.state")), "pending");
        CHECK_STR(json_string_value(json_at(one.result, "previous")), "");
        CHECK_INT(strlen(json_string_value(json_at(one.result, "hash"))), 64);
        CHECK_STR(json_string_value(json_at(newest.result, "id")), "c3");
        CHECK_INT(none.r, -ENOENT);
        CHECK(!none.result);
        CHECK_INT(json_array_size(json_at(hours.result, "hours")), 2);
        CHECK_INT(json_integer_value(json_at(hours.result, "hours.0.pass")), 2);
        Answer *all[] = {&history, &one, &newest, &none, &hours};
        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                json_decref(all[i]->result);
        fixture_end(&f);
}

/* What it costs */

TEST(a_commit_costs_one_sync)
{
        Fixture f;
        begin_loaded(&f);
        save_change(&f, "warm", 6);
        for (int i = 0; i < 100; i++) { /* across the upkeep, which pays for a fresh log */
                char id[16];
                Answer idle = {0};
                snprintf(id, sizeof(id), "c%d", i);
                /* After the upkeep of the one before. */
                CHECK_INT(store_read_change(f.store, "none", on_answer, &idle), 0);
                WAIT_FOR(&f, idle.calls && worker_pending(f.worker) == 0);
                Done d = {0};
                int before = atomic_load(&disk_syncs);
                CHECK_INT(store_submit(f.store, make_change(id, 6, 1000), on_done, &d), 0);
                WAIT_FOR(&f, d.calls);
                CHECK_INT(d.r, 0);
                CHECK_INT(d.syncs - before, 1);
        }
        fixture_end(&f);
}

TEST(nothing_wakes_it_while_it_has_nothing_to_do)
{
        Fixture f;
        begin_loaded(&f);
        save_change(&f, "c1", 6);
        WAIT_FOR(&f, worker_pending(f.worker) == 0);
        uint64_t until = clock_boot_usec() + 3 * USEC_PER_SEC;
        CHECK_INT(sd_event_run(f.event, 10 * 1000), 0); /* what was left of the turn before */
        while (clock_boot_usec() < until)
                CHECK_INT(sd_event_run(f.event, until - clock_boot_usec()), 0);
        fixture_end(&f);
}

MAIN()
