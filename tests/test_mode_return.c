/* SPDX-License-Identifier: MIT */
/* The decision, point by point: the way back and its damping, tilt, the operator, the chain. */
#include "tests/mode_same.h"
#include "tests/mode_shop.h"

/* --- 6. the way back --- */

TEST(returns_after_the_hold_and_not_a_microsecond_earlier)
{
        Shop s = shop_in_crypto();
        uint64_t up;

        outcomes(&s, PAY, "pp");
        up = s.now;
        CHECK_INT(s.plan.next, up + 5 * MIN_);
        CHECK_INT(s.state.return_at, up + 5 * MIN_);
        CHECK_INT(s.state.wants, CRYPTO);
        after(&s, 5 * MIN_ - 1);
        CHECK_INT(s.state.mode, CRYPTO);
        after(&s, 1);
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK_INT(s.plan.rule, RULE_RETURN);
        CHECK(s.plan.automatic && s.plan.probe == PROBE_NONE && s.plan.since == 0);
}

TEST(any_fail_of_a_requirement_starts_the_hold_anew)
{
        Shop s = shop_in_crypto();
        uint64_t fail;

        outcomes(&s, PAY, "pp");
        after(&s, 4 * MIN_);
        outcomes(&s, PAY, "f"); /* up all the same */
        fail = s.now;
        outcomes(&s, PAY, "p");
        CHECK_INT(s.states[PAY].verdict, VERDICT_UP);
        CHECK_INT(s.state.return_at, fail + 5 * MIN_);
        after(&s, 5 * MIN_ - S - 1);
        CHECK_INT(s.state.mode, CRYPTO);
        after(&s, 1);
        CHECK_INT(s.state.mode, PRIMARY);
}

TEST(every_requirement_must_be_well_for_the_hold)
{
        Shop s = shop_in_crypto();

        outcomes(&s, PAY, "pp");
        after(&s, 2 * MIN_);
        outcomes(&s, DB, "fpp"); /* a requirement of both */
        after(&s, 5 * MIN_ - 3 * S);
        CHECK_INT(s.state.mode, CRYPTO);
        after(&s, 3 * S);
        CHECK_INT(s.state.mode, PRIMARY);
}

TEST(an_unknown_requirement_is_no_way_back)
{
        Shop s = shop_in_crypto();

        outcomes(&s, PAY, "p");
        quiet(&s, 60 * MIN_);
        CHECK_INT(s.states[PAY].verdict, VERDICT_UNKNOWN);
        CHECK_INT(s.state.mode, CRYPTO);
}

TEST(inconclusive_outcomes_do_not_start_the_hold_anew)
{
        Shop s = shop_in_crypto();

        outcomes(&s, PAY, "pp");
        after(&s, 4 * MIN_);
        outcomes(&s, PAY, "iiip");
        after(&s, MIN_ - 4 * S);
        CHECK_INT(s.state.mode, PRIMARY);
}

TEST(a_return_needs_a_pass_as_the_newest_word)
{
        Shop s = shop_in_crypto();

        outcomes(&s, PAY, "pp");
        after(&s, 4 * MIN_);
        outcomes(&s, PAY, "i"); /* we are blind: the mode holds */
        after(&s, 2 * MIN_);
        CHECK_INT(s.state.mode, CRYPTO);
        outcomes(&s, PAY, "p");
        CHECK_INT(s.state.mode, PRIMARY);
}

TEST(a_failover_soon_after_a_return_doubles_the_hold)
{
        Shop s = shop_in_crypto();

        outcomes(&s, PAY, "pp");
        after(&s, 5 * MIN_);
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK_INT(s.state.hold, 5 * MIN_);
        all_pass(&s);
        pay_fails(&s);
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK_INT(s.state.hold, 10 * MIN_);
        outcomes(&s, PAY, "pp");
        quiet(&s, 10 * MIN_ - 5 * S);
        CHECK_INT(s.state.mode, CRYPTO);
        quiet(&s, 10 * S);
        CHECK_INT(s.state.mode, PRIMARY);
}

static void flap(Shop *s)
{
        outcomes(s, PAY, "pp");
        quiet(s, s->state.hold + S);
        CHECK_INT(s->state.mode, PRIMARY);
        all_pass(s);
        pay_fails(s);
        CHECK_INT(s->state.mode, CRYPTO);
}

TEST(the_hold_doubles_up_to_its_cap)
{
        Shop s = shop_in_crypto();
        static const unsigned minutes[] = {10, 20, 40, 60, 60};

        for (size_t i = 0; i < ELEMENTSOF(minutes); i++) {
                flap(&s);
                CHECK_INT(s.state.hold, minutes[i] * MIN_);
        }
}

TEST(a_cap_below_the_hold_never_shortens_it)
{
        Shop s = shop_in_crypto();

        s.config.hold_max_usec = MIN_;
        flap(&s);
        CHECK_INT(s.state.hold, 5 * MIN_);
}

TEST(a_return_that_lasts_sets_the_hold_back)
{
        Shop s = shop_in_crypto();

        flap(&s);
        flap(&s);
        CHECK_INT(s.state.hold, 20 * MIN_);
        outcomes(&s, PAY, "pp");
        quiet(&s, 21 * MIN_);
        CHECK_INT(s.state.mode, PRIMARY);
        quiet(&s, 60 * MIN_);
        pay_fails(&s);
        CHECK_INT(s.state.hold, 5 * MIN_);
}

TEST(a_failover_exactly_at_the_end_of_the_flap_window_has_lasted)
{
        Shop s = shop_in_crypto();

        flap(&s);
        outcomes(&s, PAY, "pp");
        quiet(&s, 11 * MIN_);
        all_pass(&s);
        outcomes(&s, PAY, "ff");
        s.now = s.state.last_return + 60 * MIN_ - S;
        outcomes(&s, PAY, "f");
        after(&s, 0);
        CHECK_INT(s.state.mode, CRYPTO); /* a last resort: nobody was asked */
        CHECK_INT(s.state.hold, 5 * MIN_);
}

TEST(another_failover_later_does_not_set_the_hold_back)
{
        Shop s = shop_in_crypto();

        flap(&s);
        CHECK_INT(s.state.hold, 10 * MIN_);
        quiet(&s, 90 * MIN_); /* cards stay down; an hour later crypto dies, too */
        outcomes(&s, PAY, "fff");
        outcomes(&s, BTC, "f");
        all_pass(&s);
        outcomes(&s, BTC, "ff");
        CHECK_INT(s.state.mode, FEDERATED);
        CHECK_INT(s.state.hold, 10 * MIN_);
}

TEST(a_first_failover_long_after_the_start_doubles_nothing)
{
        Shop s = shop_in_crypto();

        CHECK_INT(s.state.hold, 5 * MIN_);
}

TEST(a_return_skips_the_middle_while_the_best_is_in_its_hold)
{
        Shop s = shop_in_crypto();

        outcomes(&s, BTC, "f");
        all_pass(&s);
        outcomes(&s, BTC, "ff");
        CHECK_INT(s.state.mode, FEDERATED);
        outcomes(&s, BTC, "pp");
        quiet(&s, 4 * MIN_);
        outcomes(&s, PAY, "pp"); /* a minute before crypto's hold is over, cards are back */
        quiet(&s, 4 * MIN_);
        CHECK_INT(s.state.mode, FEDERATED);
        quiet(&s, MIN_);
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK_INT(s.plan.from, FEDERATED);
}

TEST(a_return_to_the_middle_while_the_best_is_down)
{
        Shop s = shop_in_crypto();

        outcomes(&s, BTC, "f");
        all_pass(&s);
        outcomes(&s, BTC, "ff");
        CHECK_INT(s.state.mode, FEDERATED);
        outcomes(&s, BTC, "pp");
        quiet(&s, 5 * MIN_);
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK_INT(s.plan.rule, RULE_RETURN);
}

TEST(at_the_limit_of_changes_returns_stop_until_ack_and_failovers_go_on)
{
        Shop s = shop_well();

        s.config.max_changes_per_day = 3;
        pay_fails(&s);
        outcomes(&s, PAY, "pp");
        quiet(&s, 6 * MIN_);
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK(!s.state.returns_stopped);
        pay_fails(&s); /* the third */
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK(s.state.returns_stopped);
        outcomes(&s, PAY, "pp");
        quiet(&s, 120 * MIN_);
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK_INT(s.state.wants, CRYPTO);
        CHECK_INT(s.state.return_at, 0);
        outcomes(&s, BTC, "f"); /* failovers never stop */
        all_pass(&s);
        outcomes(&s, BTC, "ff");
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK(s.state.returns_stopped);
        pay_fails(&s);
        CHECK_INT(s.state.mode, PRIMARY); /* btc is down */
        outcomes(&s, PEERS, "p");
        CHECK_INT(s.state.mode, FEDERATED);
        outcomes(&s, PAY, "pp");
        quiet(&s, 30 * MIN_);
        CHECK_INT(s.state.mode, FEDERATED);
        say(&s, MODE_EVENT_ACK);
        CHECK_INT(s.state.mode, PRIMARY); /* its hold is over long since */
        CHECK(!s.state.returns_stopped);
        CHECK_INT(s.state.n_changes, 1);
}

TEST(changes_of_yesterday_do_not_count)
{
        Shop s = shop_well();

        s.config.max_changes_per_day = 3;
        pay_fails(&s);
        outcomes(&s, PAY, "pp");
        quiet(&s, 6 * MIN_);
        quiet(&s, 24 * 60 * MIN_);
        pay_fails(&s);
        CHECK_INT(s.state.n_changes, 1);
        CHECK(!s.state.returns_stopped);
        outcomes(&s, PAY, "pp");
        quiet(&s, 6 * MIN_);
        CHECK_INT(s.state.mode, PRIMARY);
}

TEST(without_a_limit_changes_are_counted_and_nothing_stops)
{
        Shop s = shop_well();

        s.config.hold_usec = s.state.hold = S;
        s.config.flap_window_usec = 0;
        for (unsigned i = 0; i < MODE_CHANGES_MAX; i++) {
                pay_fails(&s);
                CHECK_INT(s.state.mode, CRYPTO);
                outcomes(&s, PAY, "pp");
                after(&s, S);
                CHECK_INT(s.state.mode, PRIMARY);
        }
        CHECK_INT(s.state.n_changes, MODE_CHANGES_MAX);
        CHECK_INT(s.state.changes[MODE_CHANGES_MAX - 1], s.now);
        CHECK(s.state.changes[0] < s.state.changes[1]);
        CHECK(!s.state.returns_stopped);
}

TEST(what_was_well_before_the_start_must_pass_once_before_a_return)
{
        Shop s = shop_in_crypto();

        outcomes(&s, PAY, "pp");
        after(&s, 30 * S);
        s.now += 9 * MIN_; /* nobody looked: the process was away */
        s.state.began = s.now;
        after(&s, 0);
        CHECK_INT(s.state.mode, CRYPTO);
        outcomes(&s, DB, "p");
        CHECK_INT(s.state.mode, CRYPTO);
        outcomes(&s, PAY, "p");
        CHECK_INT(s.state.mode, PRIMARY);
}

TEST(a_lesser_mode_does_not_overtake_one_whose_first_pass_after_a_start_is_awaited)
{
        Shop s = shop_in_crypto();

        outcomes(&s, BTC, "f");
        all_pass(&s);
        outcomes(&s, BTC, "ff");
        CHECK_INT(s.state.mode, FEDERATED);
        outcomes(&s, BTC, "pp");
        outcomes(&s, PAY, "pp");
        s.now += 9 * MIN_;
        s.state.began = s.now;
        outcomes(&s, DB, "p");
        outcomes(&s, BTC, "p");
        CHECK_INT(s.state.mode, FEDERATED);
        outcomes(&s, PAY, "p");
        CHECK_INT(s.state.mode, PRIMARY);
}

/* --- 3. tilt --- */

TEST(in_a_tilt_automation_rests_and_acts_at_its_end)
{
        Shop s = shop_well();

        say(&s, MODE_EVENT_TILT);
        CHECK(mode_in_tilt(&s.state, s.now));
        CHECK_INT(s.state.tilt_until, s.now + 30 * S);
        pay_fails(&s);
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK_INT(s.state.wants, CRYPTO);
        CHECK_INT(s.plan.next, s.state.tilt_until);
        after(&s, s.state.tilt_until - s.now - 1);
        CHECK_INT(s.state.mode, PRIMARY);
        after(&s, 1);
        CHECK_INT(s.state.mode, CRYPTO);
}

TEST(returns_rest_in_a_tilt_too)
{
        Shop s = shop_in_crypto();

        outcomes(&s, PAY, "pp");
        after(&s, 5 * MIN_ - S);
        say(&s, MODE_EVENT_TILT);
        after(&s, 2 * S);
        CHECK_INT(s.state.mode, CRYPTO);
        after(&s, 28 * S);
        CHECK_INT(s.state.mode, PRIMARY);
}

TEST(a_second_tilt_extends_the_first)
{
        Shop s = shop_well();

        say(&s, MODE_EVENT_TILT);
        after(&s, 20 * S);
        say(&s, MODE_EVENT_TILT);
        CHECK_INT(s.state.tilt_until, s.now + 30 * S);
        CHECK_INT(s.state.n_tilts, 1);
        say(&s, MODE_EVENT_TILT); /* at once again: nothing to add */
        CHECK_INT(s.state.tilt_until, s.now + 30 * S);
}

TEST(all_tilts_together_last_two_minutes_in_any_ten)
{
        Shop s = shop_well();
        uint64_t begin = s.now, resting = 0;

        for (unsigned i = 0; i < 600; i++) {
                say(&s, MODE_EVENT_TILT);
                resting += mode_in_tilt(&s.state, s.now);
                s.now += S;
        }
        CHECK_INT(resting, 120);
        CHECK(!mode_in_tilt(&s.state, begin + 300 * S));
        say(&s,
            MODE_EVENT_TILT); /* ten minutes later the first one is forgotten, as far as it has left them */
        CHECK(!mode_in_tilt(&s.state, s.now));
        s.now += 5 * S;
        say(&s, MODE_EVENT_TILT);
        CHECK_INT(s.state.tilt_until, s.now + 5 * S);
}

TEST(short_tilts_do_not_crowd_the_long_ones_out_of_the_budget)
{
        Shop s = shop_well();
        uint64_t begin = s.now, resting = 0;

        for (unsigned i = 0; i < 4; i++) {
                say(&s, MODE_EVENT_TILT);
                after(&s, 100 * S);
        }
        after(&s, 200 * S);
        while (s.now < begin + 660 * S) {
                s.now += S;
                say(&s, MODE_EVENT_TILT);
        }
        /* [60 s, 660 s]: 90 s of long ones, and so 30 s at most of short ones */
        for (unsigned i = 0; i < s.state.n_tilts; i++)
                if (s.state.tilts[i].from >= begin + 600 * S)
                        resting += s.state.tilts[i].until - s.state.tilts[i].from;
        CHECK(resting <= 31 * S);
        CHECK(s.state.n_tilts <= MODE_TILTS_MAX);
}

TEST(a_tilt_of_long_ago_is_forgotten)
{
        Shop s = shop_well();

        say(&s, MODE_EVENT_TILT);
        quiet(&s, 60 * MIN_);
        say(&s, MODE_EVENT_TILT);
        CHECK_INT(s.state.tilt_until, s.now + 30 * S);
        CHECK_INT(s.state.n_tilts, 2);
}

TEST(early_in_the_life_of_a_clock_the_budget_counts_from_its_beginning)
{
        Shop s = shop_new();

        s.now = 5 * S;
        say(&s, MODE_EVENT_TILT);
        CHECK_INT(s.state.tilt_until, 35 * S);
}

/* --- 7. the operator --- */

TEST(force_fallback_pins_the_first_ready_mode_after_the_first)
{
        Shop s = shop_well();

        CHECK_INT(pin(&s, MODE_NONE, 0), 0);
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK_INT(s.state.pin, CRYPTO);
        CHECK(s.plan.changed && !s.plan.automatic);
        CHECK_INT(s.plan.rule, RULE_OPERATOR);
        CHECK_INT(s.state.n_changes, 0);
}

TEST(force_fallback_takes_the_next_when_the_first_fallback_is_not_ready)
{
        Shop s = shop_well();

        outcomes(&s, BTC, "fff");
        CHECK_INT(pin(&s, MODE_NONE, 0), 0);
        CHECK_INT(s.state.mode, FEDERATED);
}

TEST(force_fallback_is_refused_when_none_is_ready_and_nothing_changes)
{
        Shop s = shop_new();
        ModeState before;

        outcomes(&s, PAY, "pp");
        before = s.state;
        CHECK_INT(pin(&s, MODE_NONE, 0), -EAGAIN);
        CHECK(state_same(&before, &s.state));
}

TEST(a_named_mode_is_pinned_whatever_its_state)
{
        Shop s = shop_well();

        outcomes(&s, BTC, "fff");
        CHECK_INT(pin(&s, CRYPTO, 0), 0);
        CHECK_INT(s.state.mode, CRYPTO);
        quiet(&s, 30 * MIN_);
        CHECK_INT(s.state.mode, CRYPTO); /* a pin on a broken mode holds */
        CHECK_INT(s.state.wants, PRIMARY);
}

TEST(a_pin_is_never_left_by_automation)
{
        Shop s = shop_well();

        CHECK_INT(pin(&s, PRIMARY, 0), 0);
        CHECK(!s.plan.changed);
        pay_fails(&s);
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK_INT(s.state.wants, CRYPTO);
        CHECK_INT(pin(&s, CRYPTO, 0), 0);
        outcomes(&s, PAY, "pp");
        quiet(&s, 60 * MIN_);
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK_INT(s.state.wants, PRIMARY);
}

TEST(auto_ends_the_pin_and_applies_the_rule_at_once)
{
        Shop s = shop_well();

        CHECK_INT(pin(&s, PRIMARY, 0), 0);
        pay_fails(&s);
        say(&s, MODE_EVENT_AUTO);
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK(s.plan.automatic);
        CHECK(s.state.pin == MODE_NONE);
}

TEST(auto_returns_at_once_when_the_hold_was_observed_meanwhile)
{
        Shop s = shop_well();

        CHECK_INT(pin(&s, CRYPTO, 0), 0);
        quiet(&s, 10 * MIN_);
        say(&s, MODE_EVENT_AUTO);
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK_INT(s.plan.rule, RULE_RETURN);
}

TEST(auto_waits_for_the_rest_of_the_hold)
{
        Shop s = shop_well();

        CHECK_INT(pin(&s, CRYPTO, 0), 0);
        outcomes(&s, PAY, "f");
        say(&s, MODE_EVENT_AUTO);
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK_INT(s.plan.next, s.now + 5 * MIN_);
}

TEST(auto_acts_even_in_a_tilt)
{
        Shop s = shop_well();

        CHECK_INT(pin(&s, CRYPTO, 0), 0);
        say(&s, MODE_EVENT_TILT);
        say(&s, MODE_EVENT_AUTO);
        CHECK_INT(s.state.mode, PRIMARY);
}

TEST(pins_act_even_in_a_tilt_and_in_a_pause)
{
        Shop s = shop_well();

        say(&s, MODE_EVENT_TILT);
        say(&s, MODE_EVENT_PAUSE);
        CHECK_INT(pin(&s, CRYPTO, 0), 0);
        CHECK_INT(s.state.mode, CRYPTO);
}

TEST(a_pin_with_an_end_ends_then)
{
        Shop s = shop_well();

        CHECK_INT(pin(&s, CRYPTO, 7 * MIN_), 0);
        CHECK_INT(s.state.pin_until, s.now + 7 * MIN_);
        CHECK_INT(s.plan.next, s.now + 5 * MIN_ < s.state.pin_until ? s.plan.next : s.state.pin_until);
        quiet(&s, 7 * MIN_ - 10 * S);
        CHECK_INT(s.state.mode, CRYPTO);
        after(&s, s.state.pin_until - s.now - 1);
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK_INT(s.plan.next, s.now + 1);
        after(&s, 1);
        CHECK(s.state.pin == MODE_NONE && s.state.pin_until == USEC_NEVER);
        CHECK_INT(s.state.mode, PRIMARY);
}

TEST(a_pin_that_ends_in_a_tilt_waits_for_the_tilt_to_end)
{
        Shop s = shop_well();

        CHECK_INT(pin(&s, CRYPTO, 10 * S), 0);
        after(&s, 9 * S);
        say(&s, MODE_EVENT_TILT);
        after(&s, 2 * S);
        CHECK(s.state.pin == MODE_NONE);
        CHECK_INT(s.state.mode, CRYPTO);
        after(&s, 28 * S);
        CHECK_INT(s.state.mode, PRIMARY);
}

TEST(a_pin_longer_than_the_clock_never_ends)
{
        Shop s = shop_well();

        CHECK_INT(pin(&s, CRYPTO, USEC_NEVER - 1), 0);
        CHECK(s.state.pin_until == USEC_NEVER);
        after(&s, S);
        CHECK_INT(s.state.pin, CRYPTO);
}

TEST(a_pin_in_place_of_another_counts)
{
        Shop s = shop_well();

        CHECK_INT(pin(&s, CRYPTO, MIN_), 0);
        CHECK_INT(pin(&s, FEDERATED, 0), 0);
        quiet(&s, 30 * MIN_);
        CHECK_INT(s.state.mode, FEDERATED);
}

TEST(pause_observes_without_acting)
{
        Shop s = shop_well();

        say(&s, MODE_EVENT_PAUSE);
        pay_fails(&s);
        CHECK_INT(s.states[PAY].verdict, VERDICT_DOWN);
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK_INT(s.state.wants, CRYPTO);
        say(&s, MODE_EVENT_RESUME);
        CHECK_INT(s.state.mode, CRYPTO);
}

TEST(auto_does_not_end_a_pause)
{
        Shop s = shop_well();

        say(&s, MODE_EVENT_PAUSE);
        pay_fails(&s);
        say(&s, MODE_EVENT_AUTO);
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK(s.state.paused);
}

TEST(operators_count_for_no_damping)
{
        Shop s = shop_well();

        s.config.max_changes_per_day = 1;
        for (unsigned i = 0; i < 10; i++)
                CHECK_INT(pin(&s, i % 2 ? PRIMARY : CRYPTO, 0), 0);
        CHECK_INT(s.state.n_changes, 0);
        CHECK(!s.state.returns_stopped);
        CHECK_INT(s.state.last_return, 0);
}

TEST(an_unheard_of_event_changes_nothing)
{
        Shop s = shop_well();
        ModeEvent event = {.kind = MODE_EVENT_ACK};

        memset(&event.kind, 0x7f, 1);
        CHECK_INT(step(&s, event), 0);
        CHECK(!s.plan.changed);
}

/* --- 8. the same inputs, the same chain --- */

TEST(a_copy_of_the_state_goes_the_same_way)
{
        Shop a = shop_well(), b = a;

        pay_fails(&a);
        pay_fails(&b);
        CHECK_INT(a.plan.changed, b.plan.changed);
        CHECK(state_same(&a.state, &b.state));
        for (size_t i = 0; i < N_PROBES; i++)
                CHECK(probe_same(&a.states[i], &b.states[i]));
}

TEST(names_go_both_ways)
{
        for (int v = 0; v < _VERDICT_MAX; v++)
                CHECK_INT(verdict_from_name(verdict_name((Verdict) v)), v);
        CHECK_INT(verdict_from_name("sideways"), -EINVAL);
        CHECK_STR(rule_name(RULE_NONE), "none");
        CHECK_STR(rule_name(RULE_FIRST_START), "first start");
        CHECK_STR(rule_name(RULE_MODE_GONE), "mode gone");
        CHECK_STR(rule_name(RULE_FAILOVER), "failover");
        CHECK_STR(rule_name(RULE_LAST_RESORT), "last resort");
        CHECK_STR(rule_name(RULE_RETURN), "return");
        CHECK_STR(rule_name(RULE_OPERATOR), "operator");
}

MAIN()
