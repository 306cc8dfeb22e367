/* SPDX-License-Identifier: MIT */
/* supervisor/store.c when the disk is frozen, failing or full, and when the process is killed. */
#include "base/id.h"
#include "supervisor/store_batch.h"
#include "tests/namespace.h"
#include "tests/store_bench.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* When the disk is unwell */

TEST(a_frozen_disk_is_noticed_after_two_seconds_and_all_is_saved_when_it_thaws)
{
        Fixture f;
        Done first = {0}, second = {0}, third = {0};
        begin_loaded(&f);
        save_change(&f, "before", 1);
        atomic_store(&disk_frozen, true);
        uint64_t begin = clock_boot_usec();
        CHECK_INT(store_submit(f.store, make_change("c1", 2, 10), on_done, &first), 0);
        WAIT_FOR(&f, first.calls);
        CHECK_INT(first.r, -EINPROGRESS);
        CHECK(first.at - begin >= 2 * USEC_PER_SEC && first.at - begin < 3 * USEC_PER_SEC);
        CHECK_INT(f.lost, 1);
        CHECK_STR(f.why, "the disk has not answered for 2 s");
        CHECK(!store_is_durable(f.store));

        begin = clock_boot_usec(); /* it is known by now: nobody waits another 2 s */
        CHECK_INT(store_submit(f.store, make_change("c2", 2, 10), on_done, &second), 0);
        CHECK_INT(second.calls, 0);
        WAIT_FOR(&f, second.calls);
        CHECK_INT(second.r, -EINPROGRESS);
        CHECK(second.at - begin < USEC_PER_SEC);

        CHECK_INT(store_submit(f.store, make_change("c3", 2, 10), on_done, &third), 0);
        atomic_store(&disk_frozen, false);
        WAIT_FOR(&f, f.regained);
        CHECK_INT(f.lost, 1);
        CHECK_INT(f.regained, 1);
        CHECK_INT(first.calls + second.calls + third.calls, 3);
        CHECK(store_is_durable(f.store));
        CHECK_INT(query(f.path, "SELECT group_concat(id, '') = 'beforec1c2c3' FROM (SELECT id FROM change "
                                "ORDER BY seq)"),
                  1);
        CHECK_INT(query(f.path, "SELECT count(*) FROM delivery"), 7);
        CHECK_INT(store_check_chain(f.path, NULL), 0);
        fixture_end(&f);
}

TEST(opening_on_a_frozen_disk_is_not_durable_until_it_thaws)
{
        Fixture f;
        Done d = {0};
        fixture_begin(&f);
        atomic_store(&disk_frozen, true);
        uint64_t begin = clock_boot_usec();
        fixture_open(&f);
        WAIT_FOR(&f, f.lost);
        CHECK(clock_boot_usec() - begin >= 2 * USEC_PER_SEC);
        CHECK(!f.loaded);
        CHECK_INT(store_submit(f.store, make_change("c1", 1, 10), on_done, &d), 0);
        WAIT_FOR(&f, d.calls);
        CHECK_INT(d.r, -EINPROGRESS);
        atomic_store(&disk_frozen, false);
        WAIT_FOR(&f, f.regained);
        CHECK(f.loaded);
        CHECK_INT(f.error, 0);
        CHECK_INT(query(f.path, "SELECT count(*) FROM change"), 1);
        fixture_end(&f);
}

TEST(a_failing_disk_is_tried_again_and_nothing_is_lost_or_reordered)
{
        static const struct {
                int code, r;
        } cases[] = {{SQLITE_IOERR_WRITE, -EIO}, {SQLITE_FULL, -ENOSPC}};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Fixture f;
                Done first = {0}, second = {0};
                begin_loaded(&f);
                atomic_store(&disk_error, cases[i].code);
                uint64_t begin = clock_boot_usec();
                CHECK_INT(store_submit(f.store, make_change("c1", 2, 10), on_done, &first), 0);
                WAIT_FOR(&f, first.calls);
                CHECK_INT(first.r, cases[i].r);
                CHECK(clock_boot_usec() - begin < USEC_PER_SEC);
                CHECK(strstr(f.why, "cannot be saved: "));
                /* Behind a change that waits, a second is refused as quickly. */
                begin = clock_boot_usec();
                CHECK_INT(store_submit(f.store, make_change("c2", 2, 10), on_done, &second), 0);
                WAIT_FOR(&f, second.calls);
                CHECK_INT(second.r, cases[i].r);
                CHECK(clock_boot_usec() - begin < USEC_PER_SEC);
                CHECK_INT(query(f.path, "SELECT count(*) FROM change"), 0);
                CHECK_INT(query(f.path, "SELECT count(*) FROM delivery"), 0);
                atomic_store(&disk_error, 0);
                WAIT_FOR(&f, f.regained);
                CHECK_INT(f.lost, 1);
                CHECK_INT(first.calls, 1);
                CHECK_INT(second.calls, 1);
                CHECK_INT(query(f.path, "SELECT (SELECT id FROM change WHERE seq = 1) = 'c1' AND count(*) = "
                                        "2 FROM change"),
                          1);
                CHECK_INT(query(f.path, "SELECT count(*) FROM delivery"), 4);
                CHECK_INT(store_check_chain(f.path, NULL), 0);
                fixture_end(&f);
        }
}

TEST(a_locked_database_is_waited_for)
{
        Fixture f;
        Done d = {0};
        sqlite3 *other;
        begin_loaded(&f);
        CHECK_INT(sqlite3_open(f.path, &other), SQLITE_OK);
        CHECK_INT(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        CHECK_INT(store_submit(f.store, make_change("c1", 2, 10), on_done, &d), 0);
        WAIT_FOR(&f, d.calls);
        CHECK_INT(d.r, -EINPROGRESS);
        sqlite3_close(other);
        WAIT_FOR(&f, f.regained);
        CHECK_INT(query(f.path, "SELECT count(*) FROM change"), 1);
        fixture_end(&f);
}

TEST(a_start_on_a_failing_disk_is_tried_again)
{
        Fixture f;
        fixture_begin(&f);
        atomic_store(&disk_error, SQLITE_IOERR_WRITE);
        fixture_open(&f);
        WAIT_FOR(&f, f.lost);
        CHECK(!f.loaded);
        atomic_store(&disk_error, 0);
        WAIT_FOR(&f, f.loaded);
        CHECK_INT(f.error, 0);
        CHECK_INT(f.regained, 1);
        save_change(&f, "c1", 1);
        fixture_end(&f);
}

TEST(a_directory_that_appears_later_is_found)
{
        Fixture f;
        fixture_begin(&f);
        snprintf(f.path, sizeof(f.path), "%s/later/state.db", f.dir);
        fixture_open(&f);
        WAIT_FOR(&f, f.lost);
        CHECK(strstr(f.why, "later/state.db"));
        char dir[96];
        snprintf(dir, sizeof(dir), "%s/later", f.dir);
        CHECK_INT(mkdir(dir, 0700), 0);
        WAIT_FOR(&f, f.loaded);
        CHECK_INT(f.regained, 1);
        fixture_end(&f);
}

TEST(what_waits_is_written_once_at_the_end)
{
        Fixture f;
        begin_loaded(&f);
        StoreBatch *b = store_batch_new();
        HourRecord h = {.probe = "p", .hour_usec = USEC_PER_HOUR, .counts = {1}};
        store_batch_hour(b, &h);
        CHECK_INT(store_submit(f.store, b, NULL, NULL), 0);
        for (int i = 0; i < 5; i++) {
                char id[16];
                snprintf(id, sizeof(id), "c%d", i);
                CHECK_INT(store_submit(f.store, make_change(id, 2, 10), NULL, NULL), 0);
        }
        fixture_close(&f); /* not one turn of the loop in between */
        CHECK_INT(query(f.path, "SELECT count(*) FROM change"), 5);
        CHECK_INT(query(f.path, "SELECT count(*) FROM delivery"), 10);
        CHECK_INT(query(f.path, "SELECT pass FROM hour"), 1);
        fixture_end(&f);
}

TEST(the_end_on_a_frozen_disk_comes_when_patience_is_over)
{
        Fixture f;
        begin_loaded(&f);
        atomic_store(&disk_frozen, true);
        CHECK_INT(store_submit(f.store, make_change("c1", 2, 10), NULL, NULL), 0);
        CHECK_INT(store_submit(f.store, make_change("c2", 2, 10), NULL, NULL), 0);
        uint64_t begin = clock_boot_usec();
        f.store = store_free(f.store, 300 * USEC_PER_MSEC);
        CHECK(clock_boot_usec() - begin >= 300 * USEC_PER_MSEC);
        CHECK(clock_boot_usec() - begin < USEC_PER_SEC);
        atomic_store(&disk_frozen, false); /* and then it thaws, while the worker still waits */
        f.worker = worker_free(f.worker, 5 * USEC_PER_SEC);
        CHECK_INT(query(f.path, "SELECT count(*) FROM change"), 2);
        fixture_end(&f);
}

TEST(reads_end_after_two_seconds_on_a_frozen_disk)
{
        Fixture f;
        Answer waited = {0}, refused = {0}, after = {0};
        Done d = {0};
        begin_loaded(&f);
        atomic_store(&disk_frozen, true);
        CHECK_INT(store_submit(f.store, make_change("c1", 1, 10), on_done, &d), 0);
        uint64_t begin = clock_boot_usec();
        CHECK_INT(store_read_history(f.store, 10, on_answer, &waited), 0);
        WAIT_FOR(&f, waited.calls);
        CHECK_INT(waited.r, -ETIMEDOUT);
        CHECK(waited.at - begin >= 2 * USEC_PER_SEC && waited.at - begin < 3 * USEC_PER_SEC);
        begin = clock_boot_usec();
        CHECK_INT(store_read_history(f.store, 10, on_answer, &refused), 0);
        CHECK_INT(refused.calls, 0);
        WAIT_FOR(&f, refused.calls);
        CHECK_INT(refused.r, -ETIMEDOUT);
        CHECK(refused.at - begin < USEC_PER_SEC);
        atomic_store(&disk_frozen, false);
        WAIT_FOR(&f, f.regained);
        CHECK_INT(store_read_history(f.store, 10, on_answer, &after), 0);
        WAIT_FOR(&f, after.calls);
        CHECK_INT(after.r, 0);
        CHECK_INT(waited.calls + refused.calls, 2);
        json_decref(after.result);
        fixture_end(&f);
}

/* Full, really */

static unsigned long fill(const char *dir)
{
        char path[128], block[4096] = {1};
        unsigned long n = 0;

        snprintf(path, sizeof(path), "%s/filler", dir);
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        while (write(fd, block, sizeof(block)) > 0)
                n++;
        CHECK_INT(errno, ENOSPC);
        close(fd);
        return n;
}

static void full_disk(void)
{
        Fixture f;
        fixture_begin(&f);
        CHECK_INT(mount("none", f.dir, "tmpfs", 0, "size=12m"), 0);
        fixture_open(&f);
        WAIT_FOR(&f, f.loaded);
        CHECK_INT(f.error, 0);
        CHECK(fill(f.dir) > 100);
        for (int i = 0; i < 30; i++) { /* from what was kept for this day */
                char id[16];
                snprintf(id, sizeof(id), "reserve-%d", i);
                save_change(&f, id, 6);
        }
        CHECK_INT(f.lost, 0);
        int sent = 0;
        Done d[500] = {0};
        for (; sent < 500 && !f.lost; sent++) { /* until even that is used up */
                char id[16];
                snprintf(id, sizeof(id), "c%d", sent);
                CHECK_INT(store_submit(f.store, make_change(id, 6, 100000), on_done, &d[sent]), 0);
                WAIT_FOR(&f, d[sent].calls);
        }
        CHECK_INT(f.lost, 1);
        CHECK_INT(d[sent - 1].r, -ENOSPC);
        char filler[128];
        snprintf(filler, sizeof(filler), "%s/filler", f.dir);
        CHECK_INT(unlink(filler), 0);
        WAIT_FOR(&f, f.regained);
        CHECK_INT(query(f.path, "SELECT count(*) FROM change"), 30 + sent);
        CHECK_INT(query(f.path, "SELECT count(*) FROM delivery"), 6 * (30 + sent));
        CHECK_INT(store_check_chain(f.path, NULL), 0);
        fixture_close(&f);
        exit(0);
}

TEST(a_full_disk_is_survived_on_the_reserve_and_then_in_memory)
{
        pid_t pid = fork();
        int status;
        CHECK(pid >= 0);
        if (pid == 0) {
                if (!namespace_enter())
                        _exit(77);
                full_disk();
        }
        CHECK_INT(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
                fprintf(stderr, "skipped: no privilege to mount a small disk\n");
                return;
        }
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Killed */

typedef struct Writer {
        Fixture f;
        int fd;
        unsigned n;
        char id[32];
} Writer;

static void write_next(Writer *w);

static void on_written(int r, void *userdata)
{
        Writer *w = userdata;

        CHECK_INT(r, 0);
        CHECK_INT(write(w->fd, &w->n, sizeof(w->n)), sizeof(w->n));
        write_next(w);
}

static void write_next(Writer *w)
{
        w->n++;
        snprintf(w->id, sizeof(w->id), "%d-%u", (int) getpid(), w->n);
        StoreBatch *b = store_batch_new();
        StoreBatch *like = make_change(w->id, 6, 500);
        store_batch_free(b);
        /* Ids of deliveries are unique across the killed processes. */
        StoreOp *op;
        TAILQ_FOREACH(op, &like->ops, entry)
        if (op->kind == STORE_OP_DELIVERY)
                op->delivery.id += (int64_t) getpid() * 1000000;
        CHECK_INT(store_submit(w->f.store, like, on_written, w), 0);
}

static void write_until_killed(const Fixture *where, int fd)
{
        Writer w = {.f = *where, .fd = fd};

        fixture_open(&w.f);
        WAIT_FOR(&w.f, w.f.loaded);
        write_next(&w);
        for (;;)
                CHECK(sd_event_run(w.f.event, UINT64_MAX) >= 0);
}

TEST(after_a_kill_a_change_and_its_deliveries_are_both_there_or_neither)
{
        Fixture f;
        uint64_t random = 20261120, acknowledged = 0;
        fixture_begin(&f);
        for (int round = 0; round < 25; round++) {
                int fds[2], status;
                unsigned n;
                CHECK_INT(pipe(fds), 0);
                pid_t pid = fork();
                CHECK(pid >= 0);
                if (pid == 0) {
                        close(fds[0]);
                        write_until_killed(&f, fds[1]);
                }
                close(fds[1]);
                unsigned until = 1 + random_next(&random) % 12;
                for (unsigned i = 0; i < until; i++) {
                        CHECK_INT(read(fds[0], &n, sizeof(n)), sizeof(n));
                        acknowledged++;
                }
                usleep((useconds_t) (random_next(&random) %
                                     3000)); /* somewhere in the next one: any moment will do */
                kill(pid, SIGKILL);
                while (read(fds[0], &n, sizeof(n)) == sizeof(n))
                        acknowledged++;
                close(fds[0]);
                CHECK_INT(waitpid(pid, &status, 0), pid);
                CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

                fixture_open(&f);
                WAIT_FOR(&f, f.loaded);
                CHECK_INT(f.error, 0);
                CHECK(!f.chain_broken);
                fixture_close(&f);
                CHECK_INT(query(f.path,
                                "SELECT count(*) FROM change WHERE 6 <> (SELECT count(*) FROM delivery"
                                " WHERE delivery.change = change.id)"),
                          0);
                CHECK_INT(query(f.path,
                                "SELECT count(*) FROM delivery WHERE change NOT IN (SELECT id FROM change)"),
                          0);
                CHECK(query(f.path, "SELECT count(*) FROM change") >= (int64_t) acknowledged);
                CHECK_INT(store_check_chain(f.path, NULL), 0);
        }
        fixture_end(&f);
}

MAIN()
