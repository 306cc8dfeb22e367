/* SPDX-License-Identifier: MIT */
/* supervisor/outbox.c with actions that do as they are told: what is tried when, and who is told. */
#include "tests/outbox_bench.h"

/* Beginning */

TEST(nothing_runs_before_its_change_is_saved)
{
        Bench b;
        bench_begin(&b);
        bench_action(&b, &fake_payment, "payment-mode");
        bench_action(&b, &fake_exec, "exec");
        bench_configure(&b);
        bench_add(&b, ACTION_CHANGE, "c1", "primary", "crypto");
        CHECK_STR(bench_rows(&b), "payment-mode c1 pending\nexec c1 pending\n");
        bench_settle(&b);
        CHECK_STR(journal, "");
        CHECK_INT(outbox_pending(b.outbox), 2);
        outbox_release(b.outbox, "c0", true);
        bench_settle(&b);
        CHECK_STR(journal, "");
        outbox_release(b.outbox, "c1", true);
        CHECK_STR(journal, "payment-mode c1\n"); /* in the same turn */
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(journal, "payment-mode c1\nexec c1\n");
        CHECK_STR(b.progress, "payment-mode c1 done 1\nexec c1 done 1\n");
        CHECK_STR(b.trouble, "");
        bench_end(&b);
}

TEST(payment_mode_goes_first_then_states_then_events_whatever_the_config_says)
{
        Bench b;
        bench_begin(&b);
        bench_action(&b, &fake_exec, "exec");
        bench_action(&b, &fake_page, "status-page");
        bench_action(&b, &fake_dns, "dns");
        bench_action(&b, &fake_alert, "alert");
        bench_action(&b, &fake_payment, "payment-mode");
        bench_configure(&b);
        bench_change(&b, "c1", "primary", "crypto");
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(journal, "payment-mode c1\nstatus-page c1\ndns c1\nexec c1\nalert c1\n");
        bench_end(&b);
}

TEST(a_slow_payment_mode_holds_the_others_up_for_50_ms_only)
{
        Bench b;
        bench_begin(&b);
        Fake *payment = bench_action(&b, &fake_payment, "payment-mode");
        Fake *exec = bench_action(&b, &fake_exec, "exec");
        payment->hang = true;
        bench_configure(&b);
        bench_change(&b, "c1", "primary", "crypto");
        WAIT_FOR(b.event, exec->applied);
        uint64_t after = exec->first_usec - payment->first_usec;
        CHECK(after >= 50 * USEC_PER_MSEC && after < USEC_PER_SEC);
        CHECK_INT(payment->in_flight, 1);
        bench_end(&b);
}

TEST(the_first_start_reaches_state_actions_only)
{
        Bench b;
        bench_begin(&b);
        bench_action(&b, &fake_payment, "payment-mode");
        bench_action(&b, &fake_exec, "exec");
        bench_action(&b, &fake_alert, "alert");
        bench_configure(&b);
        bench_change(&b, "c1", "", "primary");
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(journal, "payment-mode c1\n");
        bench_end(&b);
}

TEST(at_most_sixteen_run_at_once_and_events_leave_room_for_states)
{
        Bench b;
        bench_begin(&b);
        for (int i = 0; i < 20; i++) {
                char name[16];
                snprintf(name, sizeof(name), "exec-%d", i);
                bench_action(&b, &fake_exec, name)->hang = true;
        }
        for (int i = 0; i < 6; i++) {
                char name[16];
                snprintf(name, sizeof(name), "dns-%d", i);
                bench_action(&b, &fake_dns, name)->hang = true;
        }
        bench_configure(&b);
        bench_add(&b, ACTION_CHANGE, "c1", "primary", "crypto");
        outbox_release(b.outbox, "c1", true);
        bench_settle(&b);
        CHECK_INT(fakes_in_flight, 16);
        unsigned states = 0;
        for (size_t i = 20; i < 26; i++)
                states += b.actions[i].fake.in_flight;
        CHECK_INT(states, 6);
        /* One by one the others get their turn. */
        while (outbox_pending(b.outbox) > 0) {
                for (size_t i = 0; i < b.n_actions; i++)
                        if (b.actions[i].fake.action) {
                                fake_end(&b.actions[i].fake, ACTION_DONE);
                                break;
                        }
                bench_settle(&b);
                CHECK(fakes_in_flight <= 16);
        }
        CHECK_INT(fakes_most, 16);
        for (size_t i = 0; i < b.n_actions; i++)
                CHECK_INT(b.actions[i].fake.applied, 1);
        bench_end(&b);
}

/* Order */

TEST(recovered_never_overtakes_failed)
{
        Bench b;
        bench_begin(&b);
        Fake *alert = bench_action(&b, &fake_alert, "alert");
        Fake *exec = bench_action(&b, &fake_exec, "exec");
        alert->fails = 2;
        bench_configure(&b);
        bench_change(&b, "c1", "primary", "crypto");
        bench_change(&b, "c2", "crypto", "primary");
        bench_settle(&b);
        CHECK_INT(exec->applied, 2); /* nobody else waits for it */
        CHECK_INT(alert->applied, 1);
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(b.progress,
                  "alert c1 pending 1\nexec c1 done 1\nexec c2 done 1\nalert c1 pending 2\nalert c1 done 3\n"
                  "alert c2 done 1\n");
        bench_end(&b);
}

TEST(an_alert_that_clears_while_it_waits_is_still_told_with_its_end)
{
        Bench b;
        bench_begin(&b);
        Fake *alert = bench_action(&b, &fake_alert, "alert");
        bench_action(&b, &fake_exec, "exec");
        bench_action(&b, &fake_payment, "payment-mode");
        alert->fails = 1;
        bench_configure(&b);
        bench_add(&b, ACTION_RAISED, "blind", "", "primary");
        outbox_release(b.outbox, "blind", true);
        bench_settle(&b);
        bench_add(&b, ACTION_CLEARED, "blind", "", "primary");
        outbox_release(b.outbox, "blind", true);
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(journal, "alert raised blind\nalert raised blind\nalert cleared blind\n");
        bench_end(&b);
}

TEST(a_newer_change_supersedes_what_states_were_still_to_do_and_no_event)
{
        Bench b;
        bench_begin(&b);
        Fake *dns = bench_action(&b, &fake_dns, "dns");
        bench_action(&b, &fake_exec, "exec");
        dns->fails = 1;
        bench_configure(&b);
        bench_change(&b, "c1", "primary", "crypto");
        bench_settle(&b);
        bench_add(&b, ACTION_CHANGE, "c2", "crypto", "primary");
        CHECK_STR(bench_rows(&b),
                  "dns c2 pending\nexec c2 pending\ndns c1 superseded\n"); /* in one transaction */
        outbox_release(b.outbox, "c2", true);
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(journal, "dns c1\nexec c1\ndns c2\nexec c2\n");
        CHECK_STR(dns->mode, "primary");
        bench_end(&b);
}

TEST(an_attempt_in_flight_goes_on_until_the_newer_change_is_saved)
{
        Bench b;
        bench_begin(&b);
        Fake *dns = bench_action(&b, &fake_dns, "dns");
        dns->hang = true;
        bench_configure(&b);
        bench_change(&b, "c1", "primary", "crypto");
        CHECK_INT(dns->in_flight, 1);
        bench_add(&b, ACTION_CHANGE, "c2", "crypto", "primary");
        bench_settle(&b);
        CHECK_INT(dns->in_flight, 1);
        CHECK_INT(dns->stopped, 0);
        outbox_release(b.outbox, "c2", true);
        CHECK_INT(dns->stopped, 1);
        CHECK_INT(dns->in_flight, 1); /* the newer one */
        CHECK_STR(dns->mode, "primary");
        fake_end(dns, ACTION_DONE);
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(b.progress, "dns c2 done 1\n");
        bench_end(&b);
}

TEST(a_mode_in_which_an_action_has_no_part_supersedes_what_it_still_had_to_do)
{
        Bench b;
        static char crypto[] = "crypto", *modes[] = {crypto, NULL};
        bench_begin(&b);
        Fake *dns = bench_action(&b, &fake_dns, "dns");
        b.actions[0].config.modes = modes;
        dns->fails = 1000;
        bench_configure(&b);
        bench_change(&b, "c1", "primary", "crypto");
        bench_settle(&b);
        CHECK_INT(dns->applied, 1);
        bench_add(&b, ACTION_CHANGE, "c2", "crypto", "primary");
        CHECK_STR(bench_rows(&b), "dns c1 superseded\n");
        outbox_release(b.outbox, "c2", true);
        bench_settle(&b);
        CHECK_INT(outbox_pending(b.outbox), 0);
        CHECK_INT(dns->applied, 1);
        bench_end(&b);
}

/* Failing */

TEST(trouble_is_told_when_it_begins_and_when_it_ends)
{
        Bench b;
        bench_begin(&b);
        Fake *exec = bench_action(&b, &fake_exec, "exec");
        exec->fails = 4;
        bench_configure(&b);
        bench_change(&b, "c1", "primary", "crypto");
        WAIT_FOR(b.event, *b.trouble);
        CHECK_INT(exec->applied, 3);
        CHECK_STR(b.trouble, "exec failing: refused\n");
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(b.trouble, "exec failing: refused\nexec no longer failing: as told\n");
        bench_end(&b);
}

TEST(what_is_refused_for_good_is_given_up_at_once)
{
        Bench b;
        bench_begin(&b);
        Fake *dns = bench_action(&b, &fake_dns, "dns");
        dns->apply = ACTION_PERMANENT;
        bench_configure(&b);
        bench_change(&b, "c1", "primary", "crypto");
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(b.progress, "dns c1 given-up 1\n");
        CHECK_STR(b.trouble, "dns given up: as told\n");
        dns->apply = ACTION_DONE;
        bench_change(&b, "c2", "crypto", "primary");
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        bench_settle(&b);
        CHECK(strstr(b.trouble, "dns no longer given up: "));
        bench_end(&b);
}

TEST(a_pause_that_the_target_asks_for_is_kept)
{
        Bench b;
        bench_begin(&b);
        Fake *exec = bench_action(&b, &fake_exec, "exec");
        exec->fails = 1;
        exec->retry_after_usec = 1200 * USEC_PER_MSEC; /* longer than any first backoff */
        bench_configure(&b);
        bench_change(&b, "c1", "primary", "crypto");
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK(exec->last_usec - exec->first_usec >= 1200 * USEC_PER_MSEC);
        CHECK(exec->last_usec - exec->first_usec < 3 * USEC_PER_SEC);
        bench_end(&b);
}

TEST(nothing_wakes_it_while_it_waits_for_a_retry)
{
        Bench b;
        bench_begin(&b);
        Fake *exec = bench_action(&b, &fake_exec, "exec");
        exec->fails = 1;
        exec->retry_after_usec = USEC_PER_MIN;
        bench_configure(&b);
        bench_change(&b, "c1", "primary", "crypto");
        bench_settle(&b);
        CHECK_INT(exec->applied, 1);
        CHECK_INT(sd_event_run(b.event, 1000 * 1000), 0);
        bench_end(&b);
}

/* After a restart */

static char restored_facts[4096];

static DeliveryRecord record_for(int64_t id, const char *action, const char *change, const char *mode)
{
        ActionFacts f = facts_for(ACTION_CHANGE, change, "primary", mode);
        json_t *j = facts_to_json(&f);
        char *text = json_dumps(j, 0);

        snprintf(restored_facts, sizeof(restored_facts), "%s", text);
        free(text);
        json_decref(j);
        return (DeliveryRecord){.id = id,
                                .change = change,
                                .action = action,
                                .type = action,
                                .target = "",
                                .event = streq(action, "exec") || streq(action, "alert"),
                                .facts = restored_facts,
                                .state = "pending",
                                .message = "",
                                .attempts = 2,
                                .created_usec = clock_wall_usec() - USEC_PER_HOUR};
}

TEST(after_a_restart_state_actions_are_asked_first)
{
        ActionResult answers[] = {ACTION_DONE, ACTION_MISSING};
        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                Bench b;
                bench_begin(&b);
                Fake *payment = bench_action(&b, &fake_payment, "payment-mode");
                Fake *exec = bench_action(&b, &fake_exec, "exec");
                payment->query = answers[i];
                bench_configure(&b);
                DeliveryRecord r = record_for(5, "payment-mode", "c1", "crypto");
                CHECK_INT(outbox_restore(b.outbox, &r), 0);
                r = record_for(6, "exec", "c1", "crypto");
                CHECK_INT(outbox_restore(b.outbox, &r), 0);
                CHECK_STR(journal, ""); /* not before all are restored */
                WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
                CHECK_INT(payment->queried, 1);
                CHECK_INT(payment->applied, answers[i] == ACTION_MISSING);
                CHECK_INT(exec->applied, 1);
                CHECK(strstr(b.progress, answers[i] == ACTION_MISSING ? "payment-mode c1 done 3\n"
                                                                      : "payment-mode c1 done 2\n"));
                bench_end(&b);
        }
}

TEST(of_restored_states_the_newest_counts)
{
        Bench b;
        bench_begin(&b);
        Fake *payment = bench_action(&b, &fake_payment, "payment-mode");
        payment->query = ACTION_MISSING;
        bench_configure(&b);
        int64_t order[] = {5, 9, 7}; /* the last one comes late */
        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                char change[8], mode[8];
                snprintf(change, sizeof(change), "c%d", (int) order[i]);
                snprintf(mode, sizeof(mode), "m%d", (int) order[i]);
                DeliveryRecord r = record_for(order[i], "payment-mode", change, mode);
                CHECK_INT(outbox_restore(b.outbox, &r), 0);
        }
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        bench_settle(&b);
        CHECK_STR(payment->mode, "m9");
        CHECK_INT(payment->applied, 1);
        CHECK_STR(b.progress,
                  "payment-mode c5 superseded 2\npayment-mode c7 superseded 2\npayment-mode c9 done 3\n");
        bench_end(&b);
}

TEST(deliveries_of_actions_that_are_gone_are_superseded)
{
        Bench b;
        bench_begin(&b);
        bench_action(&b, &fake_exec, "exec");
        bench_configure(&b);
        DeliveryRecord r = record_for(5, "alert", "c1", "crypto");
        CHECK_INT(outbox_restore(b.outbox, &r), 0);
        bench_settle(&b);
        CHECK_STR(b.progress, "alert c1 superseded 2\n");
        r = record_for(6, "exec", "c1", "crypto");
        r.facts = "no JSON at all";
        CHECK_INT(outbox_restore(b.outbox, &r), 0);
        bench_settle(&b);
        CHECK_STR(b.progress, "alert c1 superseded 2\nexec c1 given-up 2\n");
        CHECK_STR(b.trouble, "exec given up: what was stored of it cannot be read\n");
        bench_end(&b);
}

TEST(what_only_assures_leaves_no_row)
{
        Bench b;
        bench_begin(&b);
        Fake *payment = bench_action(&b, &fake_payment, "payment-mode");
        Fake *page = bench_action(&b, &fake_page, "status-page");
        payment->query = page->query = ACTION_MISSING;
        payment->hang = page->hang = true;
        bench_configure(&b);
        DeliveryRecord r = record_for(5, "payment-mode", "c1", "crypto");
        CHECK_INT(outbox_assure(b.outbox, &r), 0);
        r = record_for(6, "status-page", "c1", "crypto");
        CHECK_INT(outbox_restore(b.outbox, &r), 0);
        bench_settle(&b);
        bench_change(&b, "c2", "crypto", "primary"); /* which supersedes both */
        CHECK_STR(bench_rows(&b),
                  "payment-mode c2 pending\nstatus-page c2 pending\nstatus-page c1 superseded\n");
        payment->hang = page->hang = false;
        bench_end(&b);
}

TEST(new_deliveries_come_after_restored_ones)
{
        Bench b;
        bench_begin(&b);
        Fake *exec = bench_action(&b, &fake_exec, "exec");
        exec->hang = true;
        bench_configure(&b);
        DeliveryRecord r = record_for(INT64_C(1) << 60, "exec", "c1",
                                      "crypto"); /* the clock stood higher then */
        CHECK_INT(outbox_restore(b.outbox, &r), 0);
        bench_change(&b, "c2", "crypto", "primary");
        bench_settle(&b);
        CHECK_STR(journal, "exec c1\n");
        exec->hang = false;
        fake_end(exec, ACTION_DONE);
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_STR(journal, "exec c1\nexec c2\n");
        bench_end(&b);
}

/* A new config */

TEST(a_reload_begins_anew_what_was_on_its_way_with_old_settings)
{
        Bench b;
        bench_begin(&b);
        Fake *old = bench_action(&b, &fake_exec, "exec"), *kept = bench_action(&b, &fake_exec, "kept");
        old->hang = kept->hang = true;
        bench_configure(&b);
        bench_change(&b, "c1", "primary", "crypto");
        bench_settle(&b);
        CHECK_INT(old->in_flight + kept->in_flight, 2);
        Fake *new = bench_action(&b, &fake_exec, "exec"); /* the same name, other settings */
        ActionConfig *list[] = {b.list[2], b.list[1]};
        outbox_configure(b.outbox, list, 2);
        CHECK_INT(old->in_flight, 0);
        CHECK_INT(kept->in_flight, 1); /* nothing changed for this one */
        WAIT_FOR(b.event, new->applied);
        kept->hang = false;
        fake_end(kept, ACTION_DONE);
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        CHECK_INT(old->applied + new->applied + kept->applied, 3);
        bench_end(&b);
}

TEST(a_reload_ends_what_it_no_longer_names)
{
        Bench b;
        bench_begin(&b);
        Fake *exec = bench_action(&b, &fake_exec, "exec");
        exec->apply = ACTION_PERMANENT;
        bench_action(&b, &fake_dns, "dns")->hang = true;
        bench_configure(&b);
        bench_change(&b, "c1", "primary", "crypto");
        bench_settle(&b);
        outbox_configure(b.outbox, b.list, 0);
        CHECK_INT(fakes_in_flight, 0);
        bench_settle(&b);
        CHECK_STR(b.progress, "exec c1 given-up 1\ndns c1 superseded 0\n");
        CHECK_STR(b.trouble, "exec given up: as told\nexec no longer given up: it is not wanted any more\n");
        CHECK_INT(outbox_pending(b.outbox), 0);
        bench_end(&b);
}

/* Refreshing */

static void refresh(Bench *b, const char *mode, const char *word)
{
        ActionFacts f = facts_for(ACTION_REFRESH, word, "primary", mode);
        f.status = json_pack("{s:s}", "word", word);
        outbox_refresh(b->outbox, &f);
        json_decref(f.status);
}

TEST(refreshes_are_merged_while_one_runs)
{
        Bench b;
        bench_begin(&b);
        Fake *page = bench_action(&b, &fake_page, "status-page");
        bench_action(&b, &fake_payment, "payment-mode");
        page->hang = true;
        bench_configure(&b);
        for (int i = 0; i < 5; i++) {
                char word[8];
                snprintf(word, sizeof(word), "r%d", i);
                refresh(&b, "primary", word);
                bench_settle(&b);
        }
        CHECK_STR(journal, "status-page refresh r0\n");
        CHECK_STR(json_string_value(json_object_get(page->action->facts->status, "word")), "r0");
        fake_end(page, ACTION_DONE);
        bench_settle(&b);
        CHECK_STR(journal, "status-page refresh r0\nstatus-page refresh r4\n");
        CHECK_STR(json_string_value(json_object_get(page->action->facts->status, "word")), "r4");
        fake_end(page, ACTION_RETRY); /* the next refresh will do */
        bench_settle(&b);
        CHECK_INT(page->applied, 2);
        CHECK_STR(b.progress, "");
        bench_end(&b);
}

TEST(a_refresh_never_publishes_an_older_mode_over_a_newer_one)
{
        Bench b;
        bench_begin(&b);
        Fake *page = bench_action(&b, &fake_page, "status-page");
        page->hang = true;
        bench_configure(&b);
        refresh(&b, "primary", "r1");
        bench_settle(&b);
        refresh(&b, "primary", "r2"); /* waits */
        bench_change(&b, "c1", "primary", "crypto");
        CHECK_INT(page->stopped, 1); /* the change does not wait for it */
        CHECK_STR(page->mode, "crypto");
        page->hang = false;
        fake_end(page, ACTION_DONE);
        WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
        bench_settle(&b);
        CHECK_STR(journal, "status-page refresh r1\nstatus-page c1\n");
        bench_end(&b);
}

TEST(a_refresh_waits_for_a_question_and_is_not_lost)
{
        ActionResult answers[] = {ACTION_DONE, ACTION_MISSING};

        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                Bench b;
                bench_begin(&b);
                Fake *page = bench_action(&b, &fake_page, "status-page");
                page->hang = true;
                bench_configure(&b);
                if (i == 0) { /* begun before, or only asked for */
                        refresh(&b, "primary", "r1");
                        bench_settle(&b);
                }
                DeliveryRecord r = record_for(5, "status-page", "c1", "primary");
                CHECK_INT(outbox_assure(b.outbox, &r), 0);
                if (i == 1)
                        refresh(&b, "primary", "r1");
                page->hang = false;
                page->query = answers[i];
                WAIT_FOR(b.event, outbox_pending(b.outbox) == 0);
                bench_settle(&b);
                CHECK_INT(page->queried, 1);
                if (answers[i] == ACTION_DONE)
                        CHECK_STR(journal, "status-page refresh r1\nstatus-page is primary?\n"
                                           "status-page refresh r1\n");
                else /* what is published then is the newest anyway */
                        CHECK_STR(journal, "status-page is primary?\nstatus-page c1\n");
                bench_end(&b);
        }
}

/* Testing */

typedef struct Tested {
        char text[512];
        unsigned n;
} Tested;

static void on_tested(const char *action, ActionResult result, const char *message, void *userdata)
{
        Tested *t = userdata;
        size_t n = strlen(t->text);

        snprintf(t->text + n, sizeof(t->text) - n, "%s %d %s\n", action, (int) result, message);
        t->n++;
}

TEST(a_test_reaches_each_alert_channel_at_once)
{
        Bench b;
        Tested t = {0};
        bench_begin(&b);
        Fake *good = bench_action(&b, &fake_alert, "alert"), *bad = bench_action(&b, &fake_alert, "alert-2");
        bench_action(&b, &fake_exec, "exec");
        bad->apply = ACTION_PERMANENT;
        bench_configure(&b);
        good->fails = 1;
        good->retry_after_usec = USEC_PER_MIN;
        bench_change(&b, "c1", "primary", "crypto");
        bench_settle(&b);
        journal[0] = b.progress[0] = '\0';
        ActionFacts f = facts_for(ACTION_TEST, "test-1", "", "primary");
        CHECK_INT(outbox_test(b.outbox, &f, on_tested, &t), 0);
        CHECK_INT(t.n, 0);
        WAIT_FOR(b.event, t.n == 2); /* although a delivery waits for its retry */
        CHECK_STR(t.text, "alert 0 as told\nalert-2 2 as told\n");
        CHECK_STR(journal, "alert test test-1\nalert test test-1\n");
        CHECK_STR(b.progress, "");
        outbox_configure(b.outbox, b.list + 2, 1);
        CHECK_INT(outbox_test(b.outbox, &f, on_tested, &t), -ENOENT);
        bench_end(&b);
}

TEST(a_test_that_a_reload_cuts_off_is_answered)
{
        Bench b;
        Tested t = {0};
        bench_begin(&b);
        bench_action(&b, &fake_alert, "alert")->hang = true;
        bench_configure(&b);
        ActionFacts f = facts_for(ACTION_TEST, "test-1", "", "primary");
        CHECK_INT(outbox_test(b.outbox, &f, on_tested, &t), 0);
        bench_settle(&b);
        CHECK_INT(fakes_in_flight, 1);
        outbox_configure(b.outbox, b.list, 0);
        CHECK_INT(fakes_in_flight, 0);
        CHECK_INT(t.n, 0);
        WAIT_FOR(b.event, t.n);
        CHECK_STR(t.text, "alert 1 the configuration was replaced meanwhile\n");
        bench_end(&b);
}

/* Telling */

static void on_count(const char *type, const char *result, uint64_t n, void *userdata)
{
        char *text = userdata;
        size_t size = strlen(text);

        snprintf(text + size, 256 - size, "%s %s %d\n", type, result, (int) n);
}

TEST(status_shows_the_newest_of_each_action_and_all_that_wait)
{
        Bench b;
        char counts[256] = "";
        bench_begin(&b);
        bench_action(&b, &fake_payment, "payment-mode");
        Fake *alert = bench_action(&b, &fake_alert, "alert");
        alert->fails = 1;
        alert->retry_after_usec = USEC_PER_MIN;
        bench_configure(&b);
        CHECK(!outbox_is_pending(b.outbox, "payment-mode"));
        bench_add(&b, ACTION_CHANGE, "c1", "primary", "crypto");
        CHECK(outbox_is_pending(b.outbox, "payment-mode"));
        outbox_release(b.outbox, "c1", true);
        bench_change(&b, "c2", "crypto", "primary");
        bench_settle(&b);
        CHECK(!outbox_is_pending(b.outbox, "payment-mode"));
        CHECK(outbox_is_pending(b.outbox, "alert"));
        json_t *j = outbox_to_json(b.outbox);
        CHECK_INT(json_array_size(j), 3);
        CHECK_STR(json_string_value(json_at(j, "0.type")), "payment-mode");
        CHECK_STR(json_string_value(json_at(j, "0.change")), "c2");
        CHECK_STR(json_string_value(json_at(j, "0.state")), "done");
        CHECK(json_is_null(json_at(j, "0.next")));
        CHECK_STR(json_string_value(json_at(j, "1.change")), "c1");
        CHECK_STR(json_string_value(json_at(j, "1.state")), "pending");
        CHECK_STR(json_string_value(json_at(j, "1.message")), "refused");
        CHECK_STR(json_string_value(json_at(j, "1.kind")), "change");
        CHECK_INT(json_integer_value(json_at(j, "1.attempts")), 1);
        CHECK(json_is_string(json_at(j, "1.next")));
        CHECK_STR(json_string_value(json_at(j, "2.change")), "c2");
        json_decref(j);
        outbox_count(b.outbox, on_count, counts);
        CHECK(strstr(counts, "alert retry 1\n"));
        CHECK(strstr(counts, "payment-mode done 1\n"));
        CHECK(strstr(counts, "payment-mode superseded 1\n"));
        bench_end(&b);
}

MAIN()
