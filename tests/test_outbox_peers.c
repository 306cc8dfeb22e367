/* SPDX-License-Identifier: MIT */
/* supervisor/outbox.c with a type that says the same to several: a queue for each, and one trouble for all. */
#include "supervisor/outbox_run.h"
#include "tests/outbox_bench.h"

#define PEERS_MAX 300

/* What each peer does, and what was said to it. */
typedef struct FakePeer {
        bool hang, absent;
        ActionResult apply;
        unsigned fails, applied;
        Action *action; /* hangs */
        char heard[512];
} FakePeer;

static FakePeer peers[PEERS_MAX];
static unsigned n_peers;
static int known; /* what targets() returns */

static void peers_are(unsigned n)
{
        memset(peers, 0, sizeof(peers));
        n_peers = n;
        known = 0;
}

static FakePeer *peer_of(const Action *a)
{
        return &peers[strtoul(a->facts->target + 1, NULL, 10)];
}

static int fake_targets(const void *conf, const ActionContext *context, ActionTargetFn fn, void *userdata)
{
        char name[16];

        for (unsigned i = 0; known == 0 && i < n_peers; i++) {
                snprintf(name, sizeof(name), "p%u", i);
                if (!peers[i].absent)
                        fn(name, "http://peer.example", userdata);
        }
        return known;
}

static bool fake_says(const ActionFacts *f)
{
        return f->kind == ACTION_CHANGE && f->first != f->from_first;
}

static void peer_apply(Action *a)
{
        FakePeer *p = peer_of(a);
        size_t n = strlen(p->heard);

        fakes_in_flight++;
        fakes_most = MAX(fakes_most, fakes_in_flight);
        p->applied++;
        if (p->hang)
                p->action = a;
        else if (p->fails > 0) {
                p->fails--;
                action_report(a, ACTION_RETRY, "refused");
        } else {
                snprintf(p->heard + n, sizeof(p->heard) - n, "%s ", a->facts->change);
                action_report(a, p->apply, "as told");
        }
}

static void peer_stop(Action *a)
{
        fakes_in_flight--;
        peer_of(a)->action = NULL;
}

static const ActionType fake_notify = {.name = "notify-peers",
                                       .event = true,
                                       .targets = fake_targets,
                                       .says = fake_says,
                                       .apply = peer_apply,
                                       .stop = peer_stop};

static void begin(Bench *b, unsigned n)
{
        peers_are(n);
        bench_begin(b);
        bench_action(b, &fake_notify, "notify-peers");
}

static void add(Bench *b, const char *id, const char *from, const char *mode)
{
        ActionFacts f = facts_for(ACTION_CHANGE, id, from, mode);

        f.first = streq(mode, "primary");
        f.from_first = streq(from, "primary");
        store_batch_free(b->batch);
        b->batch = store_batch_new();
        CHECK_INT(outbox_add(b->outbox, &f, b->batch), 0);
}

static void change(Bench *b, const char *id, const char *from, const char *mode)
{
        add(b, id, from, mode);
        outbox_release(b->outbox, id, true);
}

static unsigned count_heard(const char *what)
{
        unsigned n = 0;

        for (unsigned i = 0; i < n_peers; i++)
                n += streq(peers[i].heard, what);
        return n;
}

static unsigned count_hanging(void)
{
        unsigned n = 0;

        for (unsigned i = 0; i < n_peers; i++)
                n += peers[i].action != NULL;
        return n;
}

static unsigned count_lines(const char *text, const char *part)
{
        unsigned n = 0;

        for (const char *s = text; (s = strstr(s, part)); s += strlen(part))
                n++;
        return n;
}

TEST(a_change_makes_one_row_for_each_peer_in_its_own_transaction)
{
        Bench b;
        begin(&b, 3);
        bench_configure(&b);
        add(&b, "c1", "primary", "crypto");
        CHECK_STR(bench_rows(&b),
                  "notify-peers c1 pending\nnotify-peers c1 pending\nnotify-peers c1 pending\n");
        bench_settle(&b);
        CHECK_INT(count_heard(""), 3); /* not before it is saved */
        outbox_release(b.outbox, "c1", true);
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_INT(count_heard("c1 "), 3);
        CHECK_INT(count_lines(b.progress, "notify-peers c1 done 1\n"), 3);
        bench_end(&b);
}

TEST(between_two_fallbacks_nothing_is_said_and_the_return_always)
{
        Bench b;
        static char crypto[] = "crypto", *modes[] = {crypto, NULL};
        begin(&b, 1);
        b.actions[0].config.modes = modes;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        change(&b, "c2", "crypto", "federated");
        change(&b, "c3", "federated", "primary");
        change(&b, "c4", "primary", "federated");
        change(&b, "c5", "", "primary");
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(peers[0].heard, "c1 c3 ");
        bench_end(&b);
}

TEST(who_is_well_does_not_wait_for_who_is_not)
{
        Bench b;
        begin(&b, 50);
        for (unsigned i = 0; i < 10; i++)
                peers[i].hang = true;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        bench_settle(&b);
        CHECK_INT(count_heard("c1 "), 40);
        CHECK_INT(outbox_pending(b.outbox), 10);
        change(&b, "c2", "crypto", "primary");
        bench_settle(&b);
        CHECK_INT(count_heard("c1 c2 "), 40);
        for (unsigned i = 0; i < 10; i++)
                CHECK_INT(peers[i].applied, 1);
        bench_end(&b);
}

TEST(those_that_failed_last_time_get_few_of_the_slots)
{
        Bench b;
        begin(&b, PEERS_MAX);
        for (unsigned i = 0; i < 200; i++)
                peers[i].fails = 1;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        for (unsigned i = 0; i < 200; i++)
                peers[i].fails = 1;
        change(&b, "c2", "crypto", "primary");
        WAIT_FOR(b.event, count_lines(b.progress, "c2 pending 1") == 200 &&
                                          count_lines(b.progress, "c2 done 1") == PEERS_MAX - 200);
        for (unsigned i = 0; i < 200; i++)
                peers[i].hang = true; /* and now they hold on to it */
        WAIT_FOR(b.event, count_hanging() == OUTBOX_DOUBTFUL_MAX);
        for (uint64_t end = clock_boot_usec() + 1500 * USEC_PER_MSEC; clock_boot_usec() < end;) {
                CHECK(sd_event_run(b.event, 100 * 1000) >= 0); /* the others are due, too, but wait */
                CHECK_INT(fakes_in_flight, OUTBOX_DOUBTFUL_MAX);
        }
        for (unsigned i = 200; i < PEERS_MAX; i++)
                peers[i].heard[0] = '\0';
        change(&b, "c3", "primary", "crypto");
        bench_settle(&b);
        CHECK_INT(count_heard("c3 "), PEERS_MAX - 200);
        bench_end(&b);
}

TEST(no_more_than_so_many_are_told_at_once_and_alerts_do_not_wait_for_them)
{
        Bench b;
        begin(&b, PEERS_MAX);
        Fake *alert = bench_action(&b, &fake_alert, "alert");
        for (unsigned i = 0; i < PEERS_MAX; i++)
                peers[i].hang = true;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        bench_settle(&b);
        CHECK_INT(fakes_in_flight, OUTBOX_SPOKES_MAX);
        CHECK_INT(alert->applied, 1);
        bench_add(&b, ACTION_RAISED, "blind", "", "crypto");
        outbox_release(b.outbox, "blind", true);
        bench_settle(&b);
        CHECK_INT(alert->applied, 2);
        CHECK_INT(fakes_in_flight, OUTBOX_SPOKES_MAX);
        bench_end(&b);
}

TEST(to_each_peer_recovered_comes_after_failed)
{
        Bench b;
        begin(&b, 3);
        peers[1].fails = 2;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        change(&b, "c2", "crypto", "primary");
        bench_settle(&b);
        CHECK_STR(peers[0].heard, "c1 c2 ");
        CHECK_STR(peers[1].heard, "");
        CHECK_STR(peers[2].heard, "c1 c2 ");
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(peers[1].heard, "c1 c2 ");
        bench_end(&b);
}

TEST(what_was_for_one_that_is_no_peer_any_more_is_superseded)
{
        Bench b;
        begin(&b, 3);
        peers[0].hang = true;
        peers[1].fails = 1000;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        bench_settle(&b);
        peers[0].absent = peers[1].absent = true;
        outbox_retarget(b.outbox);
        CHECK_INT(fakes_in_flight, 0);
        CHECK_INT(outbox_pending(b.outbox), 0);
        bench_settle(&b);
        CHECK_INT(count_lines(b.progress, "superseded"), 2);
        json_t *j = outbox_to_json(b.outbox);
        CHECK_STR(json_string_value(json_at(j, "0.message")), "superseded: no longer a peer");
        json_decref(j);
        change(&b, "c2", "crypto", "primary"); /* then nothing is left of them */
        bench_settle(&b);
        j = outbox_to_json(b.outbox);
        CHECK_INT(json_array_size(j), 1);
        CHECK_STR(json_string_value(json_at(j, "0.target")), "p2");
        json_decref(j);
        peers[0].absent = peers[0].hang = false; /* back again */
        outbox_retarget(b.outbox);
        change(&b, "c3", "primary", "crypto");
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(peers[0].heard, "c3 ");
        bench_end(&b);
}

/* Unknown peers */

TEST(what_happens_while_nobody_knows_the_peers_is_told_when_they_are_known)
{
        const int unknown[] = {-EAGAIN, -ENODATA};
        for (size_t i = 0; i < ELEMENTSOF(unknown); i++) {
                Bench b;
                begin(&b, 3);
                known = unknown[i];
                bench_configure(&b);
                change(&b, "c1", "primary", "crypto");
                add(&b, "c2", "crypto", "primary");
                CHECK_STR(bench_rows(&b), "notify-peers c2 pending\n");
                bench_settle(&b);
                CHECK_STR(b.progress, "");
                json_t *j = outbox_to_json(b.outbox);
                CHECK_STR(json_string_value(json_at(j, "0.message")), "whom to tell is not known yet");
                json_decref(j);
                known = 0;
                outbox_retarget(b.outbox);
                bench_settle(&b);
                CHECK_INT(count_heard("c1 "), 3); /* c2 is not saved yet */
                CHECK_INT(count_lines(b.progress, "notify-peers c1 pending 0\n"),
                          3); /* so that they are stored */
                CHECK_INT(count_lines(b.progress, "notify-peers c1 superseded 0\n"), 1);
                outbox_release(b.outbox, "c2", true);
                WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
                CHECK_INT(count_heard("c1 c2 "), 3);
                bench_end(&b);
        }
}

TEST(what_nobody_was_told_in_75_hours_since_nobody_knew_whom_is_given_up)
{
        Bench b;
        begin(&b, 3);
        known = -ENODATA;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        bench_settle(&b);
        TAILQ_FIRST(&TAILQ_FIRST(&b.outbox->channels)->pending)->give_up_usec = clock_boot_usec();
        outbox_arm(b.outbox);
        WAIT_FOR(b.event, *b.trouble);
        CHECK_STR(b.progress, "notify-peers c1 given-up 0\n");
        CHECK_STR(b.trouble, "notify-peers given up: whom to tell is not known yet\n");
        known = 0;
        outbox_retarget(b.outbox);
        bench_settle(&b);
        CHECK(strstr(b.trouble, "notify-peers no longer given up"));
        bench_end(&b);
}

/* Restored */

static DeliveryRecord record_for(int64_t id, const char *target, const char *state)
{
        static char text[4096];
        ActionFacts f = facts_for(ACTION_CHANGE, "c1", "primary", "crypto");
        f.from_first = true;
        json_t *j = facts_to_json(&f);
        char *s = json_dumps(j, 0);

        snprintf(text, sizeof(text), "%s", s);
        free(s);
        json_decref(j);
        return (DeliveryRecord){.id = id,
                                .change = "c1",
                                .action = "notify-peers",
                                .type = "notify-peers",
                                .target = target,
                                .event = true,
                                .facts = text,
                                .state = state,
                                .message = "HTTP 400",
                                .attempts = 1,
                                .created_usec = clock_wall_usec() - USEC_PER_HOUR};
}

TEST(what_was_left_at_a_stop_waits_until_the_peers_are_known)
{
        Bench b;
        begin(&b, 2);
        known = -EAGAIN;
        bench_configure(&b);
        const char *const targets[] = {"p1", "p0", "p7"};
        for (int i = 0; i < 3; i++) {
                DeliveryRecord r = record_for(5 + i, targets[i], "pending");
                CHECK_INT(outbox_restore(b.outbox, &r), 0);
        }
        bench_settle(&b);
        CHECK_INT(count_heard(""), 2);
        CHECK_INT(outbox_pending(b.outbox), 3);
        known = 0;
        outbox_retarget(b.outbox);
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_INT(count_heard("c1 "), 2);
        bench_settle(&b);
        CHECK_INT(count_lines(b.progress, "notify-peers c1 done 2\n"), 2);
        CHECK_INT(count_lines(b.progress, "notify-peers c1 superseded 1\n"), 1); /* p7 */
        bench_end(&b);
}

TEST(a_restored_delivery_that_has_no_target_yet_is_handed_out)
{
        Bench b;
        begin(&b, 2);
        bench_configure(&b);
        DeliveryRecord r = record_for(5, "", "pending");
        CHECK_INT(outbox_restore(b.outbox, &r), 0);
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_INT(count_heard("c1 "), 2);
        bench_end(&b);
}

TEST(after_a_restart_new_notices_come_after_old_ones)
{
        Bench b;
        begin(&b, 1);
        peers[0].hang = true;
        bench_configure(&b);
        DeliveryRecord r = record_for(INT64_C(1) << 60, "p0", "pending"); /* the clock stood higher then */
        CHECK_INT(outbox_restore(b.outbox, &r), 0);
        change(&b, "c2", "crypto", "primary");
        bench_settle(&b);
        CHECK(peers[0].action && streq(peers[0].action->facts->change, "c1"));
        peers[0].hang = false;
        action_report(peers[0].action, ACTION_DONE, "at last");
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(peers[0].heard, "c2 ");
        bench_end(&b);
}

/* Trouble */

TEST(many_that_are_given_up_are_one_trouble_which_names_them)
{
        Bench b;
        begin(&b, 5);
        peers[1].apply = peers[3].apply = ACTION_PERMANENT;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        WAIT_FOR(b.event, *b.trouble);
        bench_settle(&b);
        CHECK_STR(b.trouble, "notify-peers given up: to 2 of 5: p1 (as told), p3 (as told)\n");
        CHECK(outbox_is_troubled(b.outbox, "notify-peers"));
        b.trouble[0] = '\0';
        peers[1].apply = ACTION_DONE;
        change(&b, "c2", "crypto", "primary");
        bench_settle(&b);
        CHECK(!strstr(b.trouble, "no longer")); /* p3 still is */
        peers[3].apply = ACTION_DONE;
        change(&b, "c3", "primary", "crypto");
        bench_settle(&b);
        CHECK_INT(count_lines(b.trouble, "no longer given up"), 1);
        CHECK(!outbox_is_troubled(b.outbox, "notify-peers"));
        bench_end(&b);
}

TEST(a_long_list_of_names_is_cut)
{
        Bench b;
        begin(&b, 50);
        for (unsigned i = 0; i < 50; i++)
                peers[i].apply = ACTION_PERMANENT;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        WAIT_FOR(b.event, *b.trouble);
        bench_settle(&b);
        CHECK(strstr(b.trouble, "to 50 of 50: p0 (as told), p1 (as told)"));
        CHECK(strstr(b.trouble, " more\n"));
        CHECK_INT(count_lines(b.trouble, "\n"), 1);
        CHECK(strlen(b.trouble) < 300);
        bench_end(&b);
}

TEST(trouble_ends_when_the_peer_is_none_any_more)
{
        Bench b;
        begin(&b, 2);
        peers[1].apply = ACTION_PERMANENT;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        WAIT_FOR(b.event, *b.trouble);
        peers[1].absent = true;
        outbox_retarget(b.outbox);
        bench_settle(&b);
        CHECK_STR(b.trouble,
                  "notify-peers given up: to 1 of 2: p1 (as told)\n"
                  "notify-peers no longer given up: all targets have been told, or are none any more\n");
        bench_end(&b);
}

TEST(failing_is_told_once_for_all)
{
        Bench b;
        begin(&b, 2);
        peers[0].fails = peers[1].fails = 4;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        bench_settle(&b);
        CHECK_STR(b.trouble, "notify-peers failing: some targets do not answer\n"
                             "notify-peers no longer failing: some targets do not answer\n");
        bench_end(&b);
}

TEST(after_a_restart_what_was_given_up_is_trouble_until_something_succeeds)
{
        Bench b;
        begin(&b, 2);
        bench_configure(&b);
        DeliveryRecord r = record_for(5, "p0", "given-up");
        CHECK_INT(outbox_restore(b.outbox, &r), 0);
        WAIT_FOR(b.event, *b.trouble);
        CHECK_STR(b.trouble, "notify-peers given up: to 1 of 2: p0 (HTTP 400)\n");
        change(&b, "c2", "crypto", "primary");
        bench_settle(&b);
        CHECK_INT(count_lines(b.trouble, "no longer given up"), 1);
        bench_end(&b);
        begin(&b, 2); /* and of one that is no peer any more, its end is told */
        bench_configure(&b);
        r = record_for(5, "p9", "given-up");
        CHECK_INT(outbox_restore(b.outbox, &r), 0);
        WAIT_FOR(b.event, *b.trouble);
        CHECK_INT(count_lines(b.trouble, "no longer given up"), 1);
        bench_end(&b);
}

/* A new config */

TEST(a_reload_keeps_the_queues_and_begins_anew_what_was_on_its_way)
{
        Bench b;
        begin(&b, 3);
        peers[0].hang = true;
        peers[1].fails = 1;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        bench_settle(&b);
        bench_action(&b, &fake_exec, "first");
        bench_action(&b, &fake_notify, "notify-peers"); /* the same name, other settings */
        ActionConfig *list[] = {b.list[1], b.list[2]};
        peers[0].hang = false;
        outbox_configure(b.outbox, list, 2);
        CHECK_INT(fakes_in_flight, 0);
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_INT(count_heard("c1 "), 3);
        CHECK_INT(peers[2].applied, 1);
        bench_end(&b);
}

TEST(a_reload_without_it_ends_all_of_it)
{
        Bench b;
        begin(&b, 3);
        peers[0].hang = true;
        peers[1].apply = ACTION_PERMANENT;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        bench_settle(&b);
        outbox_configure(b.outbox, b.list, 0);
        CHECK_INT(fakes_in_flight, 0);
        bench_settle(&b);
        CHECK_INT(count_lines(b.progress, "superseded"), 1);
        CHECK_INT(outbox_pending(b.outbox), 0);
        bench_end(&b);
}

TEST(status_shows_a_row_for_each_peer)
{
        Bench b;
        begin(&b, 3);
        peers[1].fails = 1000;
        bench_configure(&b);
        change(&b, "c1", "primary", "crypto");
        bench_settle(&b);
        json_t *j = outbox_to_json(b.outbox);
        CHECK_INT(json_array_size(j), 3);
        const char *const states[] = {"done", "pending", "done"};
        for (size_t i = 0; i < 3; i++) {
                char target[8];
                json_t *row = json_array_get(j, i);
                snprintf(target, sizeof(target), "p%zu", i);
                CHECK_STR(json_string_value(json_object_get(row, "type")), "notify-peers");
                CHECK_STR(json_string_value(json_object_get(row, "target")), target);
                CHECK_STR(json_string_value(json_object_get(row, "state")), states[i]);
        }
        json_decref(j);
        CHECK(outbox_is_pending(b.outbox, "notify-peers"));
        bench_end(&b);
}

MAIN()
