/* SPDX-License-Identifier: MIT */
/* Schedule, decision and alerts, joined: tilts, alerts, operators, words. */
#include "tests/engine_world.h"

static const char shop[] = "node: {id: test}\n"
                           "probes:\n"
                           "  pay: {type: http, url: \"https://pay.example/\"}\n"
                           "  db: {type: tcp, host: 127.0.0.1, port: 5432}\n"
                           "  btc: {type: http, url: \"http://127.0.0.1:23000/\"}\n"
                           "  peers: {type: tcp, host: 127.0.0.1, port: 8440}\n"
                           "  checkout: {type: passive, from: [www-data]}\n"
                           "modes:\n"
                           "  - {name: primary, requires: [pay, db, checkout]}\n"
                           "  - {name: crypto, requires: [btc, db]}\n"
                           "  - {name: federated, requires: [peers]}\n";

static World *shop_begun(void)
{
        World *w = world_new(shop);

        engine_begin(w->engine, true, w->now, wall(w));
        run(w, 10 * 60 * S);
        w->log[0] = 0;
        return w;
}

static World *shop_in_crypto(void)
{
        World *w = shop_begun();

        answers(w, "pay", OUTCOME_FAIL);
        run(w, 75 * S);
        CHECK_STR(mode_name(w), "crypto");
        w->log[0] = 0;
        return w;
}

TEST(the_first_start_is_a_change_from_nowhere)
{
        _cleanup_world_ World *w = world_new(shop);

        engine_begin(w->engine, true, w->now, wall(w));
        CHECK_STR(w->log, " > primary: first start [first start]\n");
        CHECK_INT(strlen(engine_change_id(w->engine)), ID_SIZE - 1);
        CHECK_STR(engine_cause(w->engine), "first start");
        run(w, 3600 * S);
        CHECK_STR(w->log, " > primary: first start [first start]\n");
        CHECK_INT(engine_changes(w->engine), 1);
}

TEST(an_outage_says_what_is_down_and_how_often)
{
        _cleanup_world_ World *w = shop_begun();
        const EngineChange *none = NULL;

        answers(w, "pay", OUTCOME_FAIL);
        run(w, 75 * S);
        CHECK_STR(w->log, "primary > crypto: pay down: said so (3 of 5) [failover] automatic\n");
        CHECK(!none);
        w->log[0] = 0;
        answers(w, "pay", OUTCOME_PASS);
        run(w, 7 * 60 * S);
        CHECK_STR(w->log, "crypto > primary: primary well for 5 min [return] automatic\n");
}

TEST(the_history_shows_the_newest_first)
{
        _cleanup_world_ World *w = shop_begun();

        answers(w, "pay", OUTCOME_FAIL);
        while (engine_history(w->engine, 0)[0] != 'f')
                run(w, S);
        answers(w, "pay", OUTCOME_WARN);
        run(w, 6 * S);
        CHECK_INT(engine_history(w->engine, 0)[0], 'w');
        CHECK(strchr(engine_history(w->engine, 0), 'f'));
        CHECK(strlen(engine_history(w->engine, 0)) < ENGINE_HISTORY);
        run(w, 3600 * S);
        CHECK_INT(strlen(engine_history(w->engine, 0)), ENGINE_HISTORY);
        CHECK_STR(engine_message(w->engine, 0), "said so");
        CHECK(engine_outcome_wall(w->engine, 0) > START);
}

TEST(what_belongs_to_a_fail_is_important_and_a_quiet_pass_is_not)
{
        _cleanup_world_ World *w = shop_begun();

        w->n_judged = w->n_important = 0;
        run(w, 300 * S);
        CHECK(w->n_judged >= 16);
        CHECK_INT(w->n_important, 0);
        answers(w, "btc", OUTCOME_FAIL);
        run(w, 70 * S);
        CHECK(w->n_important >= 3);
}

TEST(a_first_fail_asks_what_other_modes_require_at_once_and_once)
{
        _cleanup_world_ World *w = shop_begun();
        uint64_t runs[3], pay = schedule_runs(engine_schedule(w->engine), 0);

        answers(w, "pay", OUTCOME_FAIL);
        while (schedule_runs(engine_schedule(w->engine), 0) == pay)
                run(w, 100 * MS);
        run(w, 9 * MS); /* its end is near */
        for (unsigned i = 0; i < 3; i++)
                runs[i] = schedule_runs(engine_schedule(w->engine), i + 1);
        run(w, 100 * MS);
        for (unsigned i = 0; i < 3; i++)
                CHECK(schedule_runs(engine_schedule(w->engine), i + 1) <= runs[i] + 1);
        run(w, S);
        CHECK_STR(mode_name(w), "primary");
}

/* --- clock steps and stalls --- */

TEST(a_clock_step_is_a_tilt_in_both_directions)
{
        static const int64_t steps[] = {3600, 3, -3, -86400};

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                _cleanup_world_ World *w = shop_begun();

                w->wall += steps[i] * (int64_t) S;
                run(w, S);
                CHECK(engine_tilt(w->engine, w->now));
                run(w, 30 * S);
                CHECK(!engine_tilt(w->engine, w->now));
        }
}

TEST(ids_of_changes_sort_as_they_were_made_though_the_clock_was_set_back)
{
        _cleanup_world_ World *w = shop_begun();
        Error e;

        w->n_ids = 0;
        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = 1}, &e), 0);
        w->wall -= 365 * 86400 * (int64_t) S;
        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = 0}, &e), 0);
        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = 1}, &e), 0);
        CHECK(strcmp(w->ids[0], w->ids[1]) < 0);
        CHECK(strcmp(w->ids[1], w->ids[2]) < 0);
}

TEST(a_small_correction_of_the_clock_is_none)
{
        _cleanup_world_ World *w = shop_begun();

        for (unsigned i = 0; i < 60; i++) {
                w->wall += 2 * (int64_t) S;
                run(w, 2 * S);
                CHECK(!engine_tilt(w->engine, w->now));
        }
}

TEST(a_stall_is_a_tilt_and_a_short_pause_is_none)
{
        for (unsigned stall = 2900; stall <= 3100; stall += 200) { /* the engine ticks every second */
                _cleanup_world_ World *w = shop_begun();

                w->now = engine_next(w->engine);
                engine_wake(w->engine, w->now, wall(w));
                w->now += stall * MS;
                engine_wake(w->engine, w->now, wall(w));
                CHECK_INT(engine_tilt(w->engine, w->now), stall > 3000);
        }
}

TEST(what_was_in_flight_across_a_stall_says_nothing)
{
        _cleanup_world_ World *w = shop_begun();
        Flying f;

        w->latency[0] = 2 * S;
        answers(w, "pay", OUTCOME_FAIL);
        engine_run_now(w->engine, 0, w->now, wall(w));
        CHECK_INT(w->n_flying, 1);
        f = w->flying[0];
        w->now += 10 * S;
        engine_ended(w->engine, f.probe, f.serial, OUTCOME_FAIL, "too late", w->now, wall(w));
        CHECK_INT(state_of(w, "pay")->last_fail, 0);
        CHECK_INT(engine_history(w->engine, 0)[0], 'i');
        CHECK_STR(engine_message(w->engine, 0), "interrupted by a clock step or a stall");
        run(w, 0);
        CHECK_INT(w->n_flying, 1); /* and is asked again */
        CHECK(w->flying[0].serial != f.serial);
}

TEST(a_report_across_a_stall_counts)
{
        _cleanup_world_ World *w = shop_begun();

        w->now += 10 * S;
        engine_report(w->engine, probe_of(w, "checkout"), OUTCOME_FAIL, "card declined by gateway", w->now,
                      wall(w));
        CHECK_INT(state_of(w, "checkout")->last_fail, w->now);
        CHECK_STR(engine_message(w->engine, probe_of(w, "checkout")), "card declined by gateway");
}

TEST(it_asks_to_be_woken_every_second_at_least)
{
        _cleanup_world_ World *w = shop_begun();

        for (unsigned i = 0; i < 100; i++) {
                CHECK(engine_next(w->engine) <= w->now + ENGINE_TICK_USEC);
                run(w, 700 * MS);
        }
}

TEST(however_often_it_is_called_its_waking_is_not_put_off)
{
        _cleanup_world_ World *w = shop_begun();
        uint64_t woken = w->now;

        for (unsigned i = 0; i < 1000; i++) {
                w->now += 400 * MS;
                if (engine_next(w->engine) <= w->now) {
                        engine_wake(w->engine, w->now, wall(w));
                        woken = w->now;
                }
                engine_report(w->engine, probe_of(w, "checkout"), OUTCOME_PASS, "", w->now, wall(w));
                CHECK(engine_next(w->engine) <= woken + ENGINE_TICK_USEC);
        }
        CHECK(!engine_tilt(w->engine, w->now));
}

TEST(what_cannot_be_started_is_inconclusive_and_says_why)
{
        _cleanup_world_ World *w = shop_begun();

        w->refuse[0] = -EMFILE;
        engine_run_now(w->engine, 0, w->now, wall(w));
        run(w, 2 * S);
        CHECK_INT(engine_history(w->engine, 0)[0], 'i');
        CHECK_STR(engine_message(w->engine, 0), "could not be started: Too many open files");
        CHECK_INT(state_of(w, "pay")->verdict, VERDICT_UP);
        CHECK(!w->engine->messages);
}

TEST(silence_makes_unknown_and_hurries)
{
        _cleanup_world_ World *w = shop_begun();
        uint64_t runs;

        answers(w, "db", OUTCOME_INCONCLUSIVE);
        run(w, 11 * 60 * S);
        CHECK_INT(state_of(w, "db")->verdict, VERDICT_UNKNOWN);
        runs = schedule_runs(engine_schedule(w->engine), 1);
        run(w, 600 * S);
        CHECK(schedule_runs(engine_schedule(w->engine), 1) >= runs + 9); /* fast for a while, then tired */
        CHECK(schedule_runs(engine_schedule(w->engine), 1) <= runs + 21);
        CHECK_STR(mode_name(w), "primary");
}

/* --- passive --- */

TEST(reports_fell_the_mode_at_once)
{
        _cleanup_world_ World *w = shop_begun();
        unsigned checkout = probe_of(w, "checkout");

        engine_report(w->engine, checkout, OUTCOME_FAIL, "HTTP 500 at checkout", w->now, wall(w));
        run(w, 20 * MS); /* the fallback is asked, and answers */
        engine_report(w->engine, checkout, OUTCOME_FAIL, "HTTP 500 at checkout", w->now, wall(w));
        engine_report(w->engine, checkout, OUTCOME_FAIL, "HTTP 500 at checkout", w->now, wall(w));
        CHECK_STR(mode_name(w), "crypto");
        CHECK_STR(w->log,
                  "primary > crypto: checkout down: HTTP 500 at checkout (3 of 5) [failover] automatic\n");
        CHECK_INT(state_of(w, "checkout")->verdict, VERDICT_UNKNOWN);
}

/* --- operators --- */

TEST(force_fallback_says_who_and_why)
{
        _cleanup_world_ World *w = shop_begun();
        Error e;

        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = MODE_NONE, .reason = "drill"},
                          &e),
                  0);
        CHECK_STR(w->log, "primary > crypto: operator: force-fallback: drill [operator]\n");
        CHECK(w->n_remember > 0);
        w->log[0] = 0;
        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = 0}, &e), 0);
        CHECK_STR(w->log, "crypto > primary: operator: force-primary [operator]\n");
}

TEST(force_fallback_is_refused_with_what_each_one_waits_for)
{
        _cleanup_world_ World *w = shop_begun();
        Error e;

        answers(w, "btc", OUTCOME_FAIL);
        answers(w, "peers", OUTCOME_FAIL);
        run(w, 100 * S);
        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = MODE_NONE}, &e), -EAGAIN);
        CHECK_STR(e.text, "no fallback is ready: crypto: btc is down: said so; federated: peers is down: "
                          "said so. Name "
                          "one with --mode to pin it all the same");
        CHECK_STR(mode_name(w), "primary");
        CHECK(engine_state(w->engine)->pin == MODE_NONE);
}

TEST(with_one_mode_there_is_nothing_to_force)
{
        _cleanup_world_ World *w = world_new("node: {id: test}\nmodes: [{name: primary}]\n");
        Error e;

        engine_begin(w->engine, true, w->now, wall(w));
        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = MODE_NONE}, &e), -EAGAIN);
        CHECK_STR(e.text, "there is no fallback: the configuration has one mode only");
        run(w, 100 * S);
}

TEST(a_pin_ends_by_itself_though_no_probe_says_anything)
{
        _cleanup_world_ World *w = shop_begun();
        Error e;

        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = MODE_NONE, .for_usec = 90 * S},
                          &e),
                  0);
        run(w, 90 * S - 1);
        CHECK_STR(mode_name(w), "crypto");
        run(w, 1);
        CHECK_STR(mode_name(w), "primary");
}

/* --- alerts --- */

TEST(a_fallback_that_is_not_ready_for_ten_minutes_is_told_before_the_outage)
{
        _cleanup_world_ World *w = shop_begun();

        answers(w, "btc", OUTCOME_FAIL);
        run(w, 10 * 60 * S);
        CHECK_STR(w->log, "");
        run(w, 75 * S);
        CHECK_STR(w->log,
                  "raised fallback-not-ready:crypto: fallback crypto is not ready: btc is down: said so\n");
        w->log[0] = 0;
        answers(w, "btc", OUTCOME_PASS);
        run(w, 75 * S);
        CHECK_STR(w->log,
                  "cleared fallback-not-ready:crypto: fallback crypto is not ready: btc is down: said so\n");
}

TEST(no_healthy_mode_is_told_at_once_and_its_end_too)
{
        _cleanup_world_ World *w = shop_begun();

        answers(w, "peers", OUTCOME_FAIL);
        answers(w, "btc", OUTCOME_FAIL);
        run(w, 80 * S);
        answers(w, "pay", OUTCOME_FAIL);
        run(w, 80 * S);
        CHECK(strstr(w->log, "raised no-mode-healthy: "));
        CHECK(!strstr(w->log, " > "));
        w->log[0] = 0;
        answers(w, "peers", OUTCOME_PASS);
        run(w, 80 * S);
        CHECK(strstr(w->log, "primary > federated"));
        CHECK(strstr(w->log, "cleared no-mode-healthy: "));
}

TEST(a_pin_on_a_broken_mode_is_told)
{
        _cleanup_world_ World *w = shop_begun();
        Error e;

        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = 1}, &e), 0);
        w->log[0] = 0;
        answers(w, "btc", OUTCOME_FAIL);
        run(w, 80 * S);
        CHECK_STR(w->log,
                  "raised pinned-mode-broken: pinned to crypto, which does not work: btc is down: said so\n");
        w->log[0] = 0;
        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_AUTO}, &e), 0);
        CHECK(strstr(w->log, "cleared pinned-mode-broken"));
        CHECK_STR(mode_name(w), "primary");
}

TEST(a_warning_is_told_and_ends_with_the_next_pass)
{
        _cleanup_world_ World *w = shop_begun();

        answers(w, "pay", OUTCOME_WARN);
        run(w, 120 * S);
        CHECK_STR(w->log, "raised warning:pay: said so\n");
        w->log[0] = 0;
        answers(w, "pay", OUTCOME_PASS);
        run(w, 60 * S);
        CHECK_STR(w->log, "cleared warning:pay: said so\n");
}

TEST(two_alerts_of_one_moment_are_two)
{
        _cleanup_world_ World *w = shop_begun();

        w->n_ids = 0;
        answers(w, "btc", OUTCOME_FAIL);
        run(w, 61 * S);
        answers(w, "peers", OUTCOME_FAIL);
        run(w, 12 * 60 * S);
        engine_condition(w->engine, ALARM_NOT_DURABLE, NULL, true, "disk full", w->now, wall(w));
        CHECK_INT(w->n_ids, 3);
        engine_condition(w->engine, ALARM_ACTION, "a", true, "given up", w->now, wall(w));
        CHECK_INT(w->n_ids, 4);
        CHECK(strcmp(w->ids[2], w->ids[3]) != 0); /* raised at the same microsecond */
        engine_condition(w->engine, ALARM_NOT_DURABLE, NULL, false, "", w->now, wall(w));
        CHECK(strstr(w->log, "cleared not-durable: disk full"));
}

TEST(returns_stopped_is_told_until_ack)
{
        _cleanup_world_ World *w = shop_in_crypto();
        Error e;

        w->config->mode.max_changes_per_day = 3;
        answers(w, "pay", OUTCOME_PASS);
        run(w, 400 * S);
        CHECK_STR(mode_name(w), "primary");
        w->log[0] = 0;
        answers(w, "pay", OUTCOME_FAIL);
        run(w, 75 * S);
        CHECK(strstr(w->log,
                     "raised returns-stopped: returns are stopped until `ack`: 3 automatic changes in 24 h"));
        answers(w, "pay", OUTCOME_PASS);
        run(w, 1200 * S);
        CHECK_STR(mode_name(w), "crypto");
        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_ACK}, &e), 0);
        CHECK(strstr(w->log, "cleared returns-stopped"));
        CHECK_STR(mode_name(w), "primary");
}

TEST(blindness_is_told_after_ten_minutes)
{
        _cleanup_world_ World *w =
                        world_new("node: {id: test}\n"
                                  "probes:\n"
                                  "  pay: {type: http, url: \"https://pay.example/\", scope: external}\n"
                                  "  a: {type: http, url: \"https://a.example/\"}\n"
                                  "  b: {type: http, url: \"https://b.example/\"}\n"
                                  "vantage: [a, b]\n"
                                  "modes: [{name: primary, requires: [pay]}, {name: crypto}]\n");

        engine_begin(w->engine, true, w->now, wall(w));
        run(w, 300 * S);
        w->log[0] = 0;
        for (unsigned i = 0; i < 3; i++)
                w->answer[i] = OUTCOME_FAIL;
        run(w, 600 * S);
        CHECK_STR(w->log, "");
        CHECK_STR(engine_message(w->engine, 0), "said so (not counted: no reference can be reached either)");
        run(w, 70 * S);
        CHECK_STR(w->log,
                  "raised blind: no reference can be reached: outages outside cannot be told from our own\n");
        w->log[0] = 0;
        for (unsigned i = 0; i < 3; i++)
                w->answer[i] = OUTCOME_PASS;
        run(w, 70 * S);
        CHECK(strstr(w->log, "cleared blind"));
        CHECK(!strstr(w->log, " > "));
}

TEST(a_tilt_does_not_end_in_a_change_on_stale_evidence)
{
        _cleanup_world_ World *w = shop_in_crypto();

        /* Cards are back and have been well for the hold, when the machine sleeps for nine minutes. */
        answers(w, "pay", OUTCOME_PASS);
        run(w, 90 * S);
        CHECK_INT(state_of(w, "pay")->verdict, VERDICT_UP);
        w->n_flying = 0;
        answers(w, "pay", OUTCOME_FAIL);
        w->now += 9 * 60 * S;
        run(w, 60 * S);
        CHECK_STR(mode_name(w), "crypto");
        CHECK_STR(w->log, "");
}

MAIN()
