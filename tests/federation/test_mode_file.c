/* SPDX-License-Identifier: MIT */
/* mode.json followed: whatever becomes of the file and its folder, what holds is known, and how sure that is. */
#include "tests/test.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "federation/mode_file.h"
#include "federation/mode_record.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

MAIN()

#define PATIENCE (20 * USEC_PER_SEC)

typedef struct World {
        sd_event *event;
        char root[64], run[96], state[96], path[128];
        ModeFile *file;
        const ModeNow *now;
        unsigned changes;
} World;

static void on_change(const ModeNow *now, void *userdata)
{
        World *w = userdata;

        CHECK(w->file && now == w->now);
        w->changes++;
}

static void begin(World *w)
{
        CHECK_INT(mode_file_new(w->event, w->run, w->state, on_change, w, &w->file), 0);
        w->now = mode_file_now(w->file);
}

static void setup(World *w)
{
        memset(w, 0, sizeof(*w));
        snprintf(w->root, sizeof(w->root), "/tmp/test-mode-XXXXXX");
        CHECK(mkdtemp(w->root));
        snprintf(w->run, sizeof(w->run), "%s/run/failoverd", w->root);
        snprintf(w->state, sizeof(w->state), "%s/state", w->root);
        snprintf(w->path, sizeof(w->path), "%s/mode.json", w->run);
        CHECK_INT(mkdir(w->state, 0755), 0);
        CHECK_INT(sd_event_new(&w->event), 0);
}

/* $P in it is the path. */
static void run_command(const char *command, const char *path)
{
        CHECK_INT(setenv("P", path, 1), 0);
        CHECK_INT(system(command), 0);
}

static void end(World *w)
{
        w->file = mode_file_free(w->file);
}

static void teardown(World *w)
{
        end(w);
        sd_event_unref(w->event);
        run_command("rm -rf \"$P\"", w->root);
}

static void turn(World *w)
{
        CHECK(sd_event_run(w->event, 5 * USEC_PER_MSEC) >= 0);
}

#define RUN_UNTIL(w, condition)                                    \
        do {                                                       \
                uint64_t deadline_ = clock_boot_usec() + PATIENCE; \
                while (!(condition)) {                             \
                        CHECK(clock_boot_usec() < deadline_);      \
                        turn(w);                                   \
                }                                                  \
        } while (0)

/* age: how long ago it was written; below 0: it will be. */
static void publish(World *w, const char *mode, const char *payment, int64_t age_usec)
{
        char at[TIMESTAMP_SIZE];
        Text t = {0};

        CHECK_INT(directory_make(w->run, 0755), 0);
        timestamp_format(at, (uint64_t) ((int64_t) clock_wall_usec() - age_usec));
        text_add(&t,
                 "{\"mode\":\"%s\",\"first\":%s,\"payment\":\"%s\",\"checkout\":\"%sCheckout\",\"since\":"
                 "\"2026-11-"
                 "20T09:00:00.123Z\",\"change\":\"01J\",\"cause\":\"x\",\"message\":\"Use the "
                 "backup.\",\"durable\":true,"
                 "\"updated\":\"%s\",\"blind\":false,\"probes\":[{\"name\":\"a\",\"verdict\":\"up\"}]}",
                 mode, streq(mode, "primary") ? "true" : "false", payment, payment, at);
        CHECK_INT(file_publish(w->path, t.data, t.size, 0644), 0);
        text_clear(&t);
}

TEST(without_a_file_primary_is_assumed_and_said_to_be_stale)
{
        World w;
        setup(&w);
        begin(&w);
        CHECK(!w.now->known && w.now->stale && w.now->first);
        CHECK_STR(w.now->payment, "primary");
        CHECK_STR(w.now->checkout, "checkout");
        CHECK(strstr(w.now->trouble, "there is no ") && strstr(w.now->trouble, "is failoverd running?"));
        CHECK_INT(w.changes, 0);
        teardown(&w);
}

TEST(a_file_that_is_there_is_known_at_once_and_a_new_one_when_it_is_renamed_in)
{
        World w;
        setup(&w);
        publish(&w, "primary", "primary", 0);
        begin(&w);
        CHECK(w.now->known && !w.now->stale && w.now->first);
        CHECK_STR(w.now->mode, "primary");
        CHECK_STR(w.now->trouble, "");
        publish(&w, "backup", "crypto", 0);
        RUN_UNTIL(&w, w.changes == 1);
        CHECK(w.now->known && !w.now->stale && !w.now->first);
        CHECK_STR(w.now->mode, "backup");
        CHECK_STR(w.now->payment, "crypto");
        CHECK_STR(w.now->checkout, "cryptoCheckout");
        CHECK_STR(w.now->message, "Use the backup.");
        CHECK_STR(w.now->since, "2026-11-20T09:00:00.123Z");
        CHECK_STR(w.now->change, "01J");
        publish(&w, "backup", "crypto", 0); /* another time of writing is no change */
        for (int i = 0; i < 20; i++)
                turn(&w);
        CHECK_INT(w.changes, 1);
        teardown(&w);
}

TEST(a_folder_may_come_go_be_renamed_and_be_replaced)
{
        World w;
        setup(&w);
        begin(&w);
        publish(&w, "backup", "crypto", 0); /* makes two folders first */
        RUN_UNTIL(&w, w.now->known && !w.now->stale);
        run_command("rm -r \"$P\"", w.run);
        RUN_UNTIL(&w, w.now->stale);
        CHECK_STR(w.now->payment, "crypto");
        publish(&w, "primary", "primary", 0);
        RUN_UNTIL(&w, !w.now->stale && w.now->first);
        run_command("rm -r \"$P/run\"", w.root);
        RUN_UNTIL(&w, w.now->stale);
        publish(&w, "backup", "crypto", 0);
        RUN_UNTIL(&w, !w.now->stale && !w.now->first);
        /* the folder above is moved away … */
        run_command("cd \"$P\" && mv run other", w.root);
        RUN_UNTIL(&w, w.now->stale);
        publish(&w, "primary", "primary", 0);
        RUN_UNTIL(&w, !w.now->stale && w.now->first);
        run_command("cd \"$P\" && mv run old && mv other run", w.root); /* … and back */
        RUN_UNTIL(&w, !w.now->first);
        publish(&w, "primary", "primary", 0);
        RUN_UNTIL(&w, !w.now->stale && w.now->first);
        teardown(&w);
}

TEST(a_folder_that_is_busily_made_and_removed_is_followed_to_its_last_state)
{
        World w;
        setup(&w);
        begin(&w);
        for (int i = 0; i < 60; i++) {
                publish(&w, i % 2 ? "primary" : "backup", i % 2 ? "primary" : "crypto", 0);
                if (i % 3 == 0)
                        turn(&w);
                if (i % 5 == 0)
                        run_command("rm -r \"$P/run\"", w.root);
        }
        publish(&w, "last", "federated", 0);
        RUN_UNTIL(&w, streq(w.now->mode, "last") && !w.now->stale);
        teardown(&w);
}

/* More happens in the folder than the kernel remembers for us, and then all of it is replaced. */
TEST(what_happens_while_events_are_lost_is_seen)
{
        World w;
        char a[128], b[128], limit[32] = "";
        setup(&w);
        publish(&w, "backup", "crypto", 0);
        begin(&w);
        FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
        CHECK(file && fgets(limit, sizeof(limit), file));
        fclose(file);
        snprintf(a, sizeof(a), "%s/a", w.run);
        snprintf(b, sizeof(b), "%s/b", w.run);
        CHECK_INT(mkdir(a, 0755), 0);
        for (long i = 0; i <= atol(limit); i++) /* two events each */
                CHECK_INT(i % 2 ? rename(b, a) : rename(a, b), 0);
        run_command("rm -r \"$P/run\"", w.root);
        publish(&w, "primary", "primary", 0);
        RUN_UNTIL(&w, !w.now->stale && w.now->first);
        publish(&w, "last", "federated", 0); /* in the new folder */
        RUN_UNTIL(&w, streq(w.now->mode, "last"));
        teardown(&w);
}

TEST(a_file_becomes_stale_without_anything_happening_and_fresh_with_the_next)
{
        World w;
        setup(&w);
        publish(&w, "backup", "crypto", (int64_t) (MODE_STALE_USEC - 400 * USEC_PER_MSEC));
        uint64_t start = clock_boot_usec();
        begin(&w);
        CHECK(!w.now->stale);
        RUN_UNTIL(&w, w.now->stale);
        CHECK(clock_boot_usec() - start >= 300 * USEC_PER_MSEC);
        CHECK(clock_boot_usec() - start < 5 * USEC_PER_SEC);
        CHECK_STR(w.now->payment, "crypto");
        CHECK(strstr(w.now->trouble, "was last written at 20"));
        CHECK_INT(w.changes, 1);
        publish(&w, "backup", "crypto", 0);
        RUN_UNTIL(&w, !w.now->stale);
        CHECK_STR(w.now->trouble, "");
        teardown(&w);
}

TEST(a_new_file_with_an_old_time_is_stale_and_its_mode_holds)
{
        static const int64_t ages[] = {(int64_t) MODE_STALE_USEC + 1000000, (int64_t) USEC_PER_DAY,
                                       -(int64_t) USEC_PER_DAY};

        for (size_t i = 0; i < ELEMENTSOF(ages); i++) {
                World w;
                setup(&w);
                publish(&w, "primary", "primary", 0);
                begin(&w);
                publish(&w, "backup", "crypto", ages[i]);
                RUN_UNTIL(&w, w.now->stale);
                CHECK_STR(w.now->mode, "backup");
                publish(&w, "backup", "crypto", 0);
                RUN_UNTIL(&w, !w.now->stale);
                teardown(&w);
        }
}

static void put(World *w, const char *text)
{
        CHECK_INT(file_publish(w->path, text, strlen(text), 0644), 0);
}

TEST(garbage_keeps_the_last_mode_and_is_told)
{
        static const char *const garbage[] = {
                        "",
                        "{",
                        "[]",
                        "null",
                        "{\"mode\":\"x\"}",
                        "\xff\xfe",
                        "{\"mode\":\"x\",\"first\":true,\"payment\":\"gold\",\"checkout\":\"c\",\"updated\":"
                        "\"2026-11-20T09:00:00Z\"}",
                        "{\"mode\":\"x\",\"first\":1,\"payment\":\"crypto\",\"checkout\":\"c\",\"updated\":"
                        "\"2026-11-20T09:00:00Z\"}",
                        "{\"mode\":\"x\",\"first\":true,\"payment\":\"crypto\",\"checkout\":\"c\","
                        "\"updated\":\"now\"}",
                        "{\"mode\":\"x\",\"first\":true,\"payment\":\"crypto\",\"checkout\":\"c\"}",
                        "{\"mode\":\"\",\"first\":true,\"payment\":\"crypto\",\"checkout\":\"c\",\"updated\":"
                        "\"2026-11-20T09:00:00Z\"}",
                        "{\"mode\":{},\"first\":true,\"payment\":\"crypto\",\"checkout\":\"c\",\"updated\":"
                        "\"2026-11-20T09:00:00Z\"}",
                        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        };

        for (size_t i = 0; i < ELEMENTSOF(garbage); i++) {
                World w;
                setup(&w);
                publish(&w, "backup", "crypto", 0);
                begin(&w);
                put(&w, garbage[i]);
                RUN_UNTIL(&w, w.now->stale);
                CHECK_STR(w.now->mode, "backup");
                CHECK(strstr(w.now->trouble, "cannot use ") && strstr(w.now->trouble, "mode.json: "));
                publish(&w, "backup", "crypto", 0);
                RUN_UNTIL(&w, !w.now->stale);
                teardown(&w);
        }
}

TEST(what_is_no_regular_file_or_too_large_holds_nobody_up)
{
        static const struct {
                const char *command, *trouble;
        } cases[] = {
                        {"mkfifo \"$P\"", "is no regular file"},
                        {"ln -s /dev/zero \"$P\"", "it is a symbolic link"},
                        {"ln -s /etc/passwd \"$P\"", "it is a symbolic link"},
                        {"mkdir \"$P\"", "is no regular file"},
                        {"head -c 3000000 /dev/zero >\"$P\"", "cannot read "},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                World w;
                setup(&w);
                publish(&w, "backup", "crypto", 0);
                begin(&w);
                run_command("rm \"$P\"", w.path);
                run_command(cases[i].command, w.path);
                RUN_UNTIL(&w, w.now->stale);
                end(&w);
                begin(&w); /* at a start it is found there */
                CHECK(w.now->stale && strstr(w.now->trouble, cases[i].trouble));
                CHECK_STR(w.now->mode, "backup"); /* as it was kept */
                teardown(&w);
        }
}

TEST(a_symbolic_link_to_the_folder_is_followed)
{
        World w;
        setup(&w);
        run_command("mkdir -p \"$P/real\" && ln -s real \"$P/run\"", w.root);
        begin(&w);
        publish(&w, "backup", "crypto", 0);
        RUN_UNTIL(&w, !w.now->stale);
        teardown(&w);
}

TEST(the_last_mode_is_kept_over_a_restart)
{
        World w;
        setup(&w);
        publish(&w, "primary", "primary", 0);
        begin(&w);
        publish(&w, "backup", "crypto", 0);
        RUN_UNTIL(&w, streq(w.now->mode, "backup"));
        end(&w); /* what is being written is waited for */
        run_command("rm -r \"$P/run\"", w.root);
        begin(&w);
        CHECK(w.now->known && w.now->stale && !w.now->first);
        CHECK_STR(w.now->mode, "backup");
        CHECK_STR(w.now->payment, "crypto");
        CHECK_STR(w.now->message, "Use the backup.");
        CHECK(strstr(w.now->trouble, "there is no "));
        publish(&w, "primary", "primary", 0);
        RUN_UNTIL(&w, !w.now->stale && w.now->first);
        teardown(&w);
}

TEST(an_old_file_is_known_as_stale_at_a_start)
{
        World w;
        setup(&w);
        publish(&w, "backup", "crypto", (int64_t) USEC_PER_HOUR);
        begin(&w);
        CHECK(w.now->known && w.now->stale);
        CHECK_STR(w.now->mode, "backup");
        CHECK_INT(w.changes, 0);
        teardown(&w);
}

TEST(a_state_folder_that_cannot_be_written_does_no_harm)
{
        World w;
        setup(&w);
        CHECK_INT(rmdir(w.state), 0);
        publish(&w, "primary", "primary", 0);
        begin(&w);
        publish(&w, "backup", "crypto", 0);
        RUN_UNTIL(&w, streq(w.now->mode, "backup"));
        CHECK_INT(mkdir(w.state, 0755), 0);
        for (unsigned i = 0; access(w.state, W_OK) == 0; i++) { /* tried again with each file */
                char kept[128];
                CHECK(i < 1000);
                snprintf(kept, sizeof(kept), "%s/mode-last.json", w.state);
                struct stat st;
                if (stat(kept, &st) == 0) {
                        CHECK_INT(st.st_mode & 0777, 0600);
                        break;
                }
                publish(&w, "backup", "crypto", 0);
                turn(&w);
        }
        teardown(&w);
}

TEST(an_idle_follower_sleeps)
{
        World w;
        int turns = 0;
        setup(&w);
        begin(&w); /* no folder, no file: nothing to do but wait */
        for (int i = 0; i < 10; i++)
                turn(&w);
        for (uint64_t until = clock_boot_usec() + 300 * USEC_PER_MSEC; clock_boot_usec() < until; turns++)
                CHECK(sd_event_run(w.event, 100 * USEC_PER_MSEC) >= 0);
        CHECK(turns < 200); /* neighbours come and go in /tmp, which is watched, too */
        teardown(&w);
}

TEST(a_record_survives_being_printed)
{
        static const char text[] = "{\"mode\":\"a \\\"b\\\" "
                                   "\\u00e9\",\"first\":false,\"payment\":\"crypto\",\"checkout\":\"c\","
                                   "\"updated\":\"2026-11-20T09:00:00.5Z\",\"message\":null}";
        ModeRecord a, b;
        char *printed;

        CHECK_INT(mode_record_parse(text, strlen(text), &a, NULL), 0);
        CHECK_INT(mode_record_print(&a, &printed), 0);
        CHECK_INT(mode_record_parse(printed, strlen(printed), &b, NULL), 0);
        CHECK(mode_record_same(&a, &b));
        CHECK(a.updated_usec == b.updated_usec);
        CHECK_STR(b.mode, "a \"b\" \xc3\xa9");
        CHECK_STR(b.since, "");
        b.first = true;
        CHECK(!mode_record_same(&a, &b));
        free(printed);
        mode_record_clear(&a);
        mode_record_clear(&b);
}
