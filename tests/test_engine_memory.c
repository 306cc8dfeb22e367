/* SPDX-License-Identifier: MIT */
/* What the engine keeps across a reload, and what it remembers across a restart. */
#include "tests/engine_world.h"
#include "tests/mode_same.h"

#define HEAD      "node: {id: test}\n"
#define PAY       "  pay: {type: http, url: \"https://pay.example/\"}\n"
#define DB        "  db: {type: tcp, host: 127.0.0.1, port: 5432}\n"
#define BTC       "  btc: {type: http, url: \"http://127.0.0.1:23000/\"}\n"
#define PEERS     "  peers: {type: tcp, host: 127.0.0.1, port: 8440}\n"
#define PRIMARY   "  - {name: primary, requires: [pay, db]}\n"
#define CRYPTO    "  - {name: crypto, requires: [btc, db]}\n"
#define FEDERATED "  - {name: federated, requires: [peers]}\n"

static const char shop[] = HEAD "probes:\n" PAY DB BTC PEERS "modes:\n" PRIMARY CRYPTO FEDERATED;

static World *begun(const char *text)
{
        World *w = world_new(text);

        engine_begin(w->engine, true, w->now, wall(w));
        run(w, 10 * 60 * S);
        w->log[0] = 0;
        return w;
}

static World *in_crypto(void)
{
        World *w = begun(shop);

        answers(w, "pay", OUTCOME_FAIL);
        run(w, 75 * S);
        CHECK_STR(mode_name(w), "crypto");
        w->log[0] = 0;
        return w;
}

/* --- reload --- */

TEST(a_reload_of_the_same_file_changes_nothing)
{
        _cleanup_world_ World *w = begun(shop);
        ProbeState before[4];
        uint64_t due[4], changes = engine_changes(w->engine);
        char history[4][ENGINE_HISTORY + 1], change[ID_SIZE];
        Error e;

        answers(w, "pay", OUTCOME_FAIL);
        while (state_of(w, "pay")->count != 2) /* in mid-doubt */
                run(w, S);
        memcpy(before, engine_state(w->engine)->probes, sizeof(before));
        memcpy(change, engine_change_id(w->engine), ID_SIZE);
        for (unsigned i = 0; i < 4; i++) {
                due[i] = schedule_due(engine_schedule(w->engine), i);
                memcpy(history[i], engine_history(w->engine, i), sizeof(history[i]));
        }
        CHECK_INT(reload(w, shop, &e), 0);
        for (unsigned i = 0; i < 4; i++)
                CHECK(probe_same(&before[i], &engine_state(w->engine)->probes[i]));
        for (unsigned i = 0; i < 4; i++) {
                CHECK_INT(schedule_due(engine_schedule(w->engine), i), due[i]);
                CHECK_STR(engine_history(w->engine, i), history[i]);
        }
        CHECK_STR(engine_change_id(w->engine), change);
        CHECK_INT(engine_changes(w->engine), changes);
        CHECK_STR(w->log, "");
        run(w, 6 * S); /* the third fail */
        CHECK_STR(w->log, "primary > crypto: pay down: said so (3 of 5) [failover] automatic\n");
}

TEST(a_reload_keeps_an_attempt_in_flight)
{
        _cleanup_world_ World *w = begun(shop);
        uint64_t serial;
        Error e;

        w->latency[0] = 3 * S;
        engine_run_now(w->engine, 0, w->now, wall(w));
        serial = w->flying[0].serial;
        /* Another order, so that it has another number. */
        CHECK_INT(reload(w, HEAD "probes:\n" BTC PEERS DB PAY "modes:\n" PRIMARY CRYPTO FEDERATED, &e), 0);
        CHECK_INT(w->n_flying, 1);
        CHECK_INT(w->flying[0].serial, serial);
        CHECK_INT(w->flying[0].probe, 3);
        run(w, 3 * S);
        CHECK_INT(state_of(w, "pay")->last_pass, w->now);
}

TEST(a_reload_forgets_what_is_new_or_changed_and_asks_it_at_once)
{
        _cleanup_world_ World *w = begun(shop);
        uint64_t db = state_of(w, "db")->last_pass;
        Error e;

        CHECK_INT(reload(w,
                         HEAD "probes:\n  pay: {type: http, url: \"https://other.example/\"}\n" DB BTC PEERS
                              "modes:\n" PRIMARY CRYPTO FEDERATED,
                         &e),
                  0);
        CHECK_INT(state_of(w, "pay")->verdict, VERDICT_UNKNOWN);
        CHECK_INT(state_of(w, "db")->verdict, VERDICT_UP);
        CHECK_INT(state_of(w, "db")->last_pass, db);
        CHECK_STR(engine_history(w->engine, 0), "");
        run(w, 6 * S);
        CHECK_INT(state_of(w, "pay")->verdict, VERDICT_UP);
        CHECK_STR(w->log, "");
}

TEST(a_reload_to_a_comment_or_another_style_changes_no_probe)
{
        _cleanup_world_ World *w = begun(shop);
        Error e;

        CHECK_INT(reload(w,
                         HEAD
                         "probes:\n  pay: # cards\n    url: https://pay.example/\n    type: http\n" DB BTC
                                         PEERS "modes:\n" PRIMARY CRYPTO FEDERATED,
                         &e),
                  0);
        CHECK_INT(state_of(w, "pay")->verdict, VERDICT_UP);
}

TEST(a_reload_keeps_pin_pause_hold_and_the_count_of_changes)
{
        _cleanup_world_ World *w = in_crypto();
        const ModeState *s;
        Error e;

        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = 1, .for_usec = 3600 * S}, &e), 0);
        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_PAUSE}, &e), 0);
        w->engine->state.hold = 1200 * S;
        /* Another mode in front, so that the numbers move. */
        CHECK_INT(reload(w,
                         HEAD "probes:\n" PAY DB BTC PEERS
                              "modes:\n  - {name: better, payment: primary, requires: [pay, peers]}\n" PRIMARY
                                              CRYPTO FEDERATED,
                         &e),
                  0);
        s = engine_state(w->engine);
        CHECK_STR(mode_name(w), "crypto");
        CHECK_INT(s->mode, 2);
        CHECK_INT(s->pin, 2);
        CHECK_INT(s->pin_until, w->now + 3600 * S);
        CHECK(s->paused);
        CHECK_INT(s->hold, 1200 * S);
        CHECK_INT(s->n_changes, 1);
}

TEST(a_reload_brings_a_new_hold_unless_the_old_one_was_doubled)
{
        static const struct {
                uint64_t hold;
                const char *failback;
                uint64_t wanted;
        } cases[] = {
                        {300 * S, "failback: {hold: 60s}\n", 60 * S},
                        {300 * S, "failback: {hold: 600s}\n", 600 * S},
                        {600 * S, "failback: {hold: 60s}\n", 600 * S},
                        {600 * S, "failback: {hold: 60s, hold_max: 120s}\n", 120 * S},
                        {600 * S, "failback: {hold: 900s}\n", 900 * S},
        };

        for (unsigned restarts = 0; restarts < 2; restarts++)
                for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                        _cleanup_world_ World *w = begun(shop);
                        char text[1024];
                        Error e;

                        snprintf(text, sizeof(text), "%s%s", shop, cases[i].failback);
                        w->engine->state.hold = cases[i].hold;
                        if (restarts)
                                restart(w, text, S, true);
                        else
                                CHECK_INT(reload(w, text, &e), 0);
                        CHECK_INT(engine_state(w->engine)->hold, cases[i].wanted);
                }
}

TEST(a_reload_that_drops_the_running_or_the_pinned_mode_is_refused)
{
        _cleanup_world_ World *w = in_crypto();
        Error e;

        CHECK_INT(reload(w, HEAD "probes:\n" PAY DB BTC PEERS "modes:\n" PRIMARY FEDERATED, &e), -EBUSY);
        CHECK_STR(e.text, "the shop runs in mode crypto, which the new file does not have");
        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = 2}, &e), 0);
        CHECK_INT(reload(w, HEAD "probes:\n" PAY DB BTC PEERS "modes:\n" PRIMARY CRYPTO, &e), -EBUSY);
        CHECK_STR(mode_name(w), "federated");
}

TEST(a_reload_that_drops_what_is_down_ends_the_trouble)
{
        _cleanup_world_ World *w = in_crypto();
        Error e;

        CHECK_INT(reload(w,
                         HEAD "probes:\n" DB BTC PEERS
                              "modes:\n  - {name: primary, requires: [db]}\n" CRYPTO FEDERATED,
                         &e),
                  0);
        run(w, 5 * 60 * S);
        CHECK_STR(mode_name(w), "primary");
}

TEST(a_reload_that_requires_what_is_down_leaves_the_mode)
{
        _cleanup_world_ World *w = begun(shop);
        Error e;

        answers(w, "peers", OUTCOME_FAIL);
        run(w, 75 * S);
        CHECK_STR(mode_name(w), "primary");
        CHECK_INT(reload(w,
                         HEAD "probes:\n" PAY DB BTC PEERS
                              "modes:\n  - {name: primary, requires: [pay, db, peers]}\n" CRYPTO FEDERATED,
                         &e),
                  0);
        run(w, 60 * S);
        CHECK_STR(mode_name(w), "crypto");
}

TEST(a_reload_ends_alerts_about_what_is_gone)
{
        _cleanup_world_ World *w = begun(shop);
        Error e;

        answers(w, "peers", OUTCOME_FAIL);
        answers(w, "btc", OUTCOME_WARN);
        run(w, 13 * 60 * S);
        CHECK(strstr(w->log, "raised fallback-not-ready:federated"));
        CHECK(strstr(w->log, "raised warning:btc"));
        w->log[0] = 0;
        CHECK_INT(reload(w,
                         HEAD "probes:\n" PAY DB PEERS "modes:\n" PRIMARY
                              "  - {name: crypto, requires: [peers]}\n",
                         &e),
                  0);
        run(w, S);
        CHECK(strstr(w->log, "cleared fallback-not-ready:federated"));
        CHECK(strstr(w->log, "cleared warning:btc"));
}

static const char seeing[] = HEAD "probes:\n"
                                  "  pay: {type: http, url: \"https://pay.example/\", scope: external}\n"
                                  "  a: {type: http, url: \"https://a.example/\"}\n"
                                  "vantage: [a]\n"
                                  "modes: [{name: primary, requires: [pay]}, {name: crypto}]\n";

static World *holding(void)
{
        World *w = begun(seeing);

        w->latency[1] = 4 * S;
        answers(w, "pay", OUTCOME_FAIL);
        engine_run_now(w->engine, 0, w->now, wall(w));
        run(w, S);
        CHECK(w->engine->messages); /* it has failed, and waits for its reference */
        CHECK_INT(state_of(w, "pay")->last_fail, 0);
        return w;
}

TEST(a_reload_keeps_a_held_failure_and_its_words)
{
        _cleanup_world_ World *w = holding();
        Error e;

        CHECK_INT(reload(w, seeing, &e), 0);
        run(w, 4 * S);
        CHECK(state_of(w, "pay")->last_fail != 0);
        CHECK_STR(engine_message(w->engine, 0), "said so");
        CHECK(!w->engine->messages);
}

TEST(a_reload_drops_the_words_of_a_probe_that_goes)
{
        _cleanup_world_ World *w = holding();
        Error e;

        CHECK_INT(reload(w,
                         HEAD "probes:\n  a: {type: http, url: \"https://a.example/\"}\n"
                              "modes: [{name: primary, requires: [a]}, {name: crypto}]\n",
                         &e),
                  0);
        CHECK(!w->engine->messages);
        run(w, 60 * S);
}

TEST(a_reload_is_no_stall)
{
        _cleanup_world_ World *w = begun(shop);
        Error e;

        for (unsigned i = 0; i < 50; i++) {
                CHECK_INT(reload(w, shop, &e), 0);
                run(w, 200 * MS);
                CHECK(!engine_tilt(w->engine, w->now));
        }
        CHECK_STR(w->log, "");
}

/* --- restart --- */

TEST(a_restart_remembers_the_operators_will_and_the_damping)
{
        _cleanup_world_ World *w = in_crypto();
        ModeState before;
        const ModeState *s;
        char id[ID_SIZE];
        uint64_t since = engine_since_wall(w->engine);
        Error e;

        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = 1, .for_usec = 7200 * S}, &e), 0);
        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_PAUSE}, &e), 0);
        w->engine->state.last_return = START + 99 * S;
        w->engine->state.last_was_return = true;
        w->engine->state.returns_stopped = true;
        w->engine->state.hold = 1200 * S;
        before = *engine_state(w->engine);
        memcpy(id, engine_change_id(w->engine), ID_SIZE);
        restart(w, shop, 2 * S, true);
        s = engine_state(w->engine);
        CHECK_INT(s->mode, before.mode);
        CHECK_INT(s->mode_since, before.mode_since);
        CHECK_INT(s->pin, before.pin);
        CHECK_INT(s->pin_until, before.pin_until);
        CHECK(s->paused && s->last_was_return && s->returns_stopped);
        CHECK_INT(s->hold, before.hold);
        CHECK_INT(s->last_return, before.last_return);
        CHECK_INT(s->n_changes, 1);
        CHECK_INT(s->changes[0], before.changes[0]);
        CHECK_STR(engine_change_id(w->engine), id);
        CHECK_STR(engine_cause(w->engine), "pay down: said so (3 of 5)");
        CHECK_INT(engine_since_wall(w->engine), since);
}

TEST(what_is_remembered_twice_is_the_same)
{
        _cleanup_world_ World *w = in_crypto();
        _cleanup_json_ json_t *first = NULL, *second = NULL;
        Error e;

        answers(w, "peers", OUTCOME_FAIL);
        run(w, 15 * 60 * S);
        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = MODE_NONE}, &e), 0);
        first = engine_remember(w->engine);
        restart(w, shop, 0, true);
        second = engine_remember(w->engine);
        CHECK(json_equal(first, second));
        CHECK_STR(strstr(w->log, "fallback-not-ready:federated") ? "raised" : "", "raised");
}

TEST(a_restart_keeps_windows_verdicts_and_words)
{
        _cleanup_world_ World *w = begun(shop);

        answers(w, "pay", OUTCOME_FAIL);
        while (state_of(w, "pay")->count != 2)
                run(w, S);
        restart(w, shop, 2 * S, true);
        CHECK_INT(state_of(w, "pay")->count, 2);
        CHECK_INT(state_of(w, "db")->verdict, VERDICT_UP);
        run(w, S); /* the first run fails: three of five, and the fallback is known to be up */
        CHECK_STR(mode_name(w), "crypto");
        CHECK_STR(w->log, "primary > crypto: pay down: said so (3 of 5) [failover] automatic\n");
}

TEST(a_restart_forgets_what_it_has_not_looked_at_for_too_long)
{
        _cleanup_world_ World *w = in_crypto();

        restart(w, shop, 3600 * S, true);
        for (unsigned i = 0; i < 4; i++)
                CHECK_INT(engine_state(w->engine)->probes[i].verdict, VERDICT_UNKNOWN);
        CHECK_STR(mode_name(w), "crypto");
        run(w, 60 * S);
        CHECK_STR(mode_name(w), "crypto");
        CHECK_STR(w->log, "");
}

TEST(a_restart_returns_only_after_it_has_seen_a_pass)
{
        _cleanup_world_ World *w = in_crypto();

        answers(w, "pay", OUTCOME_PASS);
        run(w, 90 * S);
        CHECK_INT(state_of(w, "pay")->verdict, VERDICT_UP);
        answers(w, "pay", OUTCOME_FAIL);
        restart(w, shop, 8 * 60 * S, true); /* its hold would be over */
        CHECK_STR(mode_name(w), "crypto");
        run(w, 60 * S);
        CHECK_STR(mode_name(w), "crypto");
        CHECK_STR(w->log, "");
}

TEST(a_pin_that_ended_meanwhile_is_over_at_the_start)
{
        _cleanup_world_ World *w = begun(shop);
        Error e;

        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_FORCE, .mode = 1, .for_usec = 60 * S}, &e), 0);
        restart(w, shop, 120 * S, true);
        CHECK(engine_state(w->engine)->pin == MODE_NONE);
        run(w, S);
        CHECK_STR(mode_name(w), "primary");
}

TEST(a_mode_that_is_gone_is_replaced_by_the_first_ready_one_with_an_alert)
{
        _cleanup_world_ World *w = in_crypto();
        Error e;

        run(w, 60 * S);
        restart(w, HEAD "probes:\n" PAY DB PEERS "modes:\n" PRIMARY FEDERATED, 2 * S, true);
        CHECK_STR(mode_name(w), "federated"); /* pay is down */
        CHECK_STR(w->log, " > federated: the stored mode crypto is no longer configured [mode gone]\n"
                          "raised mode-gone: the stored mode crypto is no longer configured; the shop runs "
                          "in federated\n");
        w->log[0] = 0;
        run(w, 600 * S);
        CHECK(!strstr(w->log, "cleared mode-gone"));
        CHECK_INT(operate(w, (EngineCommand){.kind = COMMAND_ACK}, &e), 0);
        CHECK(strstr(w->log, "cleared mode-gone"));
}

TEST(the_alert_about_a_gone_mode_survives_a_restart_and_ends_with_a_change)
{
        _cleanup_world_ World *w = in_crypto();
        static const char less[] = HEAD "probes:\n" PAY DB PEERS "modes:\n" PRIMARY FEDERATED;

        run(w, 60 * S);
        restart(w, less, 2 * S, true);
        restart(w, less, 2 * S, true);
        CHECK(alarms_find(engine_alarms(w->engine), ALARM_MODE_GONE, NULL));
        answers(w, "pay", OUTCOME_PASS);
        run(w, 500 * S);
        CHECK_STR(mode_name(w), "primary");
        CHECK(strstr(w->log, "cleared mode-gone"));
}

TEST(a_cause_from_before_the_restart_counts_nothing)
{
        _cleanup_world_ World *w = begun(shop);
        _cleanup_json_ json_t *memory = NULL;
        ProbeState pay;

        answers(w, "pay", OUTCOME_FAIL);
        answers(w, "btc", OUTCOME_FAIL);
        answers(w, "peers", OUTCOME_FAIL);
        run(w, 200 * S);
        CHECK_STR(mode_name(w), "primary"); /* nowhere to go */
        pay = *state_of(w, "pay");
        CHECK(pay.verdict == VERDICT_DOWN);
        pay.down_fails = 0; /* no column has it */
        memory = engine_remember(w->engine);
        w->n_flying = 0;
        engine_free(w->engine);
        engine_make(w);
        engine_restore_probe(w->engine, 0, &pay, "fff", "HTTP 503", w->now);
        CHECK_INT(engine_recall(w->engine, memory, w->now), 0);
        w->log[0] = 0;
        engine_begin(w->engine, false, w->now, wall(w));
        answers(w, "btc", OUTCOME_PASS);
        run(w, 60 * S);
        CHECK(strstr(w->log, "primary > crypto: pay down: HTTP 503; no mode is known to be ready"));
}

TEST(a_restart_ends_alerts_about_what_is_gone)
{
        _cleanup_world_ World *w = begun(shop);

        answers(w, "btc", OUTCOME_WARN);
        run(w, 75 * S);
        CHECK(strstr(w->log, "raised warning:btc"));
        restart(w, HEAD "probes:\n" PAY DB PEERS "modes:\n" PRIMARY FEDERATED, 2 * S, true);
        run(w, S);
        CHECK(strstr(w->log, "cleared warning:btc"));
}

TEST(a_raised_alert_is_not_raised_again_after_a_restart)
{
        _cleanup_world_ World *w = begun(shop);

        answers(w, "btc", OUTCOME_WARN);
        run(w, 75 * S);
        w->log[0] = 0;
        restart(w, shop, 2 * S, true);
        run(w, 75 * S);
        CHECK_STR(w->log, "");
        answers(w, "btc", OUTCOME_PASS);
        run(w, 75 * S);
        CHECK_STR(w->log, "cleared warning:btc: said so\n");
}

TEST(a_patience_that_ended_is_remembered_as_ended)
{
        _cleanup_world_ World *w = world_new(shop);
        unsigned asked;

        engine_begin(w->engine, true, w->now, wall(w)); /* no fallback is ready yet … */
        asked = w->n_remember;
        run(w, 10 * S); /* … and now all are: what was stored meanwhile must say so */
        CHECK(w->n_remember > asked);
        CHECK(!alarms_find(engine_alarms(w->engine), ALARM_FALLBACK, "crypto"));
        asked = w->n_remember;
        run(w, 600 * S);
        CHECK_INT(w->n_remember, asked);
}

TEST(times_from_the_future_are_cut_to_now)
{
        _cleanup_world_ World *w = in_crypto();
        json_t *memory = engine_remember(w->engine);
        ProbeState p = *state_of(w, "db");
        uint64_t hour = 3600 * S;
        json_int_t future = (json_int_t) w->now + (json_int_t) hour;

        json_object_set_new(memory, "mode_since", json_integer(future));
        json_object_set_new(memory, "last_return", json_integer(future));
        json_object_set_new(memory, "changes", json_pack("[I]", future));
        p.last_conclusive = p.last_pass = p.verdict_since = p.last_fail = p.first_fail = w->now + 3600 * S;
        w->n_flying = 0;
        engine_free(w->engine);
        engine_make(w);
        engine_restore_probe(w->engine, 1, &p, "p", "", w->now);
        CHECK_INT(engine_recall(w->engine, memory, w->now), 0);
        json_decref(memory);
        CHECK_INT(engine_state(w->engine)->mode_since, w->now);
        CHECK_INT(engine_state(w->engine)->last_return, w->now);
        CHECK_INT(engine_state(w->engine)->changes[0], w->now);
        CHECK_INT(state_of(w, "db")->last_pass, w->now);
        CHECK_INT(state_of(w, "db")->first_fail, w->now);
        engine_begin(w->engine, false, w->now, wall(w));
        run(w, 3600 * S);
}

TEST(a_window_that_is_narrower_now_is_cut)
{
        _cleanup_world_ World *w = begun(HEAD "probes:\n  pay: {type: http, url: \"https://pay.example/\", "
                                              "window: 20, fall: 10, rise: 9}\n"
                                              "modes: [{name: primary, requires: [pay]}, {name: crypto}]\n");

        answers(w, "pay", OUTCOME_FAIL);
        while (state_of(w, "pay")->count != 6)
                run(w, S);
        answers(w, "pay", OUTCOME_PASS);
        while (state_of(w, "pay")->run != 4)
                run(w, S);
        restart(w,
                HEAD "probes:\n  pay: {type: http, url: \"https://pay.example/\"}\n"
                     "modes: [{name: primary, requires: [pay]}, {name: crypto}]\n",
                S, true);
        CHECK_INT(state_of(w, "pay")->count, 5);
        CHECK_INT(state_of(w, "pay")->fails, 16); /* fpppp */
        CHECK(state_of(w, "pay")->run < 2);
        run(w, 60 * S);
        CHECK_STR(mode_name(w), "primary");
}

static unsigned allocations_left;

static void *allocate(size_t size)
{
        if (allocations_left == 0)
                return NULL;
        allocations_left--;
        return malloc(size);
}

TEST(a_memory_that_lacks_something_is_not_given)
{
        _cleanup_world_ World *w = in_crypto();
        _cleanup_json_ json_t *wanted = engine_remember(w->engine);
        json_t *got = NULL;
        unsigned n = 0;

        CHECK(wanted);
        for (; !got; n++) {
                allocations_left = n;
                json_set_alloc_funcs(allocate, free);
                got = engine_remember(w->engine);
                json_set_alloc_funcs(malloc, free);
        }
        CHECK(n > 20);
        CHECK(json_equal(got, wanted));
        json_decref(got);
}

TEST(a_memory_that_is_none_is_refused)
{
        static const char *const bad[] = {"{}",
                                          "{\"version\": 1}",
                                          "{\"version\": 2, \"mode\": \"primary\"}",
                                          "{\"mode\": \"primary\"}",
                                          "[]",
                                          "{\"version\": 1, \"mode\": 7}"};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_world_ World *w = world_new(shop);
                _cleanup_json_ json_t *memory = json_loads(bad[i], 0, NULL);

                CHECK(memory);
                CHECK_INT(engine_recall(w->engine, memory, w->now), -EBADMSG);
        }
}

TEST(an_alert_that_cannot_be_read_costs_nothing_else)
{
        _cleanup_world_ World *w = world_new(shop);
        _cleanup_json_ json_t *memory =
                        json_loads("{\"version\": 1, \"mode\": \"crypto\", \"pinned\": \"crypto\","
                                   " \"alarms\": [{\"name\": \"blind\", \"kind\": \"blind\"}]}",
                                   0, NULL);

        CHECK(memory);
        CHECK_INT(engine_recall(w->engine, memory, w->now), 0);
        CHECK_STR(mode_name(w), "crypto");
        CHECK_INT(engine_state(w->engine)->pin, 1);
        CHECK_INT(engine_alarms(w->engine)->n, 0);
}

TEST(a_memory_with_half_of_it_missing_is_taken_for_what_it_says)
{
        _cleanup_world_ World *w = world_new(shop);
        _cleanup_json_ json_t *memory = json_loads(
                        "{\"version\":1,\"mode\":\"crypto\",\"changes\":[\"x\",3],\"pin_until\":-5,"
                        "\"mode_since\":-1,\"hold\":-7,\"since\":\"soon\"}",
                        0, NULL);

        CHECK(memory);
        CHECK_INT(engine_recall(w->engine, memory, w->now), 0);
        CHECK_STR(mode_name(w), "crypto");
        CHECK(engine_state(w->engine)->pin == MODE_NONE);
        CHECK_INT(engine_state(w->engine)->hold, 300 * S);
        CHECK_INT(engine_state(w->engine)->n_changes, 0);
        engine_begin(w->engine, false, w->now, wall(w));
        run(w, 3600 * S);
        CHECK_STR(mode_name(w), "primary");
}

MAIN()
