/* SPDX-License-Identifier: MIT */
/* The decision, point by point, one event at a time: verdicts, unknown, the way out. */
#include "tests/mode_shop.h"

/* --- 1. verdicts --- */

TEST(a_verdict_is_unknown_until_it_is_shown)
{
        Shop s = shop_new();

        CHECK_INT(verdict_after(&s, ""), VERDICT_UNKNOWN);
        CHECK_INT(verdict_after(&s, "p"), VERDICT_UNKNOWN);
        CHECK_INT(verdict_after(&s, "p"), VERDICT_UP);
        CHECK(s.plan.verdict_changed && s.plan.settled);
}

TEST(down_after_three_fails_in_a_row)
{
        Shop s = shop_well();

        CHECK_INT(verdict_after(&s, "ff"), VERDICT_UP);
        CHECK_INT(verdict_after(&s, "f"), VERDICT_DOWN);
        CHECK_INT(s.states[PAY].down_fails, 3);
        CHECK_INT(s.states[PAY].verdict_since, s.now);
}

TEST(down_after_three_fails_among_five)
{
        Shop s = shop_well();

        CHECK_INT(verdict_after(&s, "fpfp"), VERDICT_UP);
        CHECK_INT(verdict_after(&s, "f"), VERDICT_DOWN);
}

TEST(every_second_fail_is_no_outage_with_a_window_of_three)
{
        Shop s = shop_well();

        s.probes[PAY].window = 3;
        CHECK_INT(verdict_after(&s, "fpfpfpfpfpfpfpfpfpfpf"), VERDICT_UP);
        CHECK_INT(s.state.n_changes, 0);
}

TEST(a_fail_that_has_left_the_window_does_not_count)
{
        Shop s = shop_new();

        s.probes[PAY].rise = 4;
        CHECK_INT(verdict_after(&s, "fppfppf"), VERDICT_UNKNOWN); /* two in any five */
        CHECK_INT(verdict_after(&s, "f"), VERDICT_DOWN);
}

TEST(up_after_two_passes_in_a_row_and_not_before)
{
        Shop s = shop_well();

        CHECK_INT(verdict_after(&s, "fff"), VERDICT_DOWN);
        CHECK_INT(verdict_after(&s, "pfpfpf"), VERDICT_DOWN);
        CHECK_INT(verdict_after(&s, "pp"), VERDICT_UP);
}

TEST(a_warning_counts_as_a_pass)
{
        Shop s = shop_new();

        CHECK_INT(verdict_after(&s, "wp"), VERDICT_UP);
        CHECK_INT(s.states[PAY].last_pass, s.now);
}

TEST(inconclusive_enters_no_count)
{
        Shop s = shop_well();
        uint64_t conclusive = s.states[PAY].last_conclusive;

        CHECK_INT(verdict_after(&s, "iiiiiiiiii"), VERDICT_UP);
        CHECK_INT(s.states[PAY].last_conclusive, conclusive);
        CHECK_INT(s.states[PAY].last, OUTCOME_INCONCLUSIVE);
        CHECK_INT(verdict_after(&s, "fiifiii"), VERDICT_UP);
        CHECK_INT(verdict_after(&s, "f"), VERDICT_DOWN);
        CHECK_INT(verdict_after(&s, "pi"), VERDICT_DOWN);
        CHECK_INT(verdict_after(&s, "p"), VERDICT_UP); /* still in a row */
}

TEST(a_change_of_verdict_empties_the_window)
{
        Shop s = shop_well();

        CHECK_INT(verdict_after(&s, "fffpp"), VERDICT_UP);
        CHECK_INT(verdict_after(&s, "ff"), VERDICT_UP); /* would be down again on one */
        CHECK_INT(verdict_after(&s, "f"), VERDICT_DOWN);
        CHECK_INT(s.states[PAY].count, 0);
}

TEST(two_passes_in_a_row_empty_the_window_at_any_time)
{
        Shop s = shop_well();

        CHECK_INT(verdict_after(&s, "ffppff"), VERDICT_UP); /* two separate blips never add up */
        CHECK_INT(s.states[PAY].count, 2);
        CHECK_INT(verdict_after(&s, "pp"), VERDICT_UP);
        CHECK_INT(s.states[PAY].count, 0);
        CHECK(s.plan.settled && !s.plan.verdict_changed);
}

TEST(fall_1_and_rise_1_follow_every_outcome)
{
        Shop s = shop_new();

        s.probes[PAY].fall = s.probes[PAY].window = s.probes[PAY].rise = 1;
        CHECK_INT(verdict_after(&s, "p"), VERDICT_UP);
        CHECK_INT(verdict_after(&s, "f"), VERDICT_DOWN);
        CHECK_INT(verdict_after(&s, "p"), VERDICT_UP);
}

TEST(the_widest_window_counts_sixty_four)
{
        Shop s = shop_new();

        s.probes[PAY].window = 64;
        s.probes[PAY].fall = 16;
        s.probes[PAY].rise = 16;
        for (unsigned i = 0; i < 15; i++)
                CHECK_INT(verdict_after(&s, "fppp"), VERDICT_UNKNOWN);
        CHECK_INT(s.states[PAY].count, 60);
        CHECK_INT(verdict_after(&s, "ppppp"), VERDICT_UNKNOWN); /* the first fail has left it, … */
        CHECK_INT(s.states[PAY].count, 64);
        CHECK_INT(verdict_after(&s, "f"), VERDICT_UNKNOWN);
        CHECK_INT(verdict_after(&s, "ff"), VERDICT_DOWN);
}

TEST(a_window_of_any_width_counts_so_many_outcomes)
{
        for (unsigned window = 2; window <= MODE_WINDOW_MAX; window++)
                for (unsigned between = window - 2; between < window; between++) {
                        Shop s = shop_new();

                        s.probes[PAY].window = window;
                        s.probes[PAY].fall = 2;
                        s.probes[PAY].rise = 100;
                        outcomes(&s, PAY, "f");
                        for (unsigned i = 0; i < between; i++)
                                outcomes(&s, PAY, "p");
                        CHECK_INT(verdict_after(&s, "f"),
                                  between == window - 2 ? VERDICT_DOWN : VERDICT_UNKNOWN);
                }
}

TEST(ten_intervals_of_silence_make_a_verdict_unknown)
{
        Shop s = shop_well();

        outcomes(&s, PAY, "p");
        after(&s, 600 * S);
        CHECK_INT(s.states[PAY].verdict, VERDICT_UP);
        after(&s, 1);
        CHECK_INT(s.states[PAY].verdict, VERDICT_UNKNOWN);
        CHECK_INT(s.state.mode, PRIMARY);
}

TEST(silence_forgets_fails_even_of_an_unknown_probe)
{
        Shop s = shop_new();

        CHECK_INT(verdict_after(&s, "ff"), VERDICT_UNKNOWN);
        CHECK(s.state.trouble != 0);
        after(&s, 11 * MIN_);
        CHECK_INT(s.state.trouble, 0);
        CHECK_INT(verdict_after(&s, "f"), VERDICT_UNKNOWN);
        CHECK_INT(verdict_after(&s, "ff"), VERDICT_DOWN);
}

TEST(failing_on_and_on_settles_a_doubt_about_down)
{
        Shop s = shop_well();

        outcomes(&s, PAY, "fffp");
        CHECK(!s.plan.settled);
        outcomes(&s, PAY, "ff");
        CHECK(!s.plan.settled);
        outcomes(&s, PAY, "f");
        CHECK(s.plan.settled);
        outcomes(&s, PAY, "f");
        CHECK(s.plan.settled);
}

/* --- 4. unknown --- */

TEST(the_first_mode_runs_at_first_and_unknown_moves_nothing)
{
        Shop s = shop_new();

        for (unsigned i = 0; i < 30; i++) {
                after(&s, MIN_);
                CHECK(!s.plan.changed);
        }
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK_INT(readiness(&s, CRYPTO, NULL), READY_OPEN);
}

TEST(an_unknown_requirement_is_no_reason_to_leave)
{
        Shop s = shop_well();

        after(&s, 11 * MIN_); /* everybody fell silent */
        outcomes(&s, BTC, "pp");
        outcomes(&s, DB, "pp");
        outcomes(&s, PAY, "iiiiii");
        CHECK_INT(s.state.mode, PRIMARY);
}

TEST(an_unknown_requirement_makes_no_mode_ready)
{
        Shop s = shop_new();
        unsigned probe = 99;

        outcomes(&s, DB, "pp");
        CHECK_INT(readiness(&s, CRYPTO, &probe), READY_OPEN);
        CHECK_INT(probe, BTC);
        outcomes(&s, BTC, "pp");
        CHECK_INT(readiness(&s, CRYPTO, &probe), READY);
        CHECK(probe == PROBE_NONE);
}

/* --- 5. the way out --- */

TEST(leaves_for_the_first_ready_mode_as_soon_as_a_requirement_is_down)
{
        Shop s = shop_well();
        uint64_t first;

        outcomes(&s, PAY, "f");
        first = s.now;
        outcomes(&s, BTC, "p");
        outcomes(&s, DB, "p");
        outcomes(&s, PAY, "f");
        CHECK_INT(s.state.mode, PRIMARY);
        outcomes(&s, PAY, "f");
        CHECK(s.plan.changed && s.plan.automatic);
        CHECK_INT(s.plan.from, PRIMARY);
        CHECK_INT(s.plan.to, CRYPTO);
        CHECK_INT(s.plan.rule, RULE_FAILOVER);
        CHECK_INT(s.plan.probe, PAY);
        CHECK_INT(s.plan.since, first);
        CHECK_INT(s.state.mode_since, s.now);
}

TEST(a_shared_requirement_takes_both_modes_with_it)
{
        Shop s = shop_well();

        outcomes(&s, DB, "f");
        outcomes(&s, PEERS, "p");
        outcomes(&s, DB, "ff");
        CHECK_INT(s.state.mode, FEDERATED);
        CHECK_INT(s.plan.rule, RULE_FAILOVER);
}

TEST(the_first_fail_of_each_requirement_asks_the_others_and_no_other_fail_does)
{
        Shop s = shop_well();

        outcomes(&s, PAY, "f");
        CHECK(s.plan.ask_others);
        outcomes(&s, PAY, "f");
        CHECK(!s.plan.ask_others);
        outcomes(&s, DB, "f"); /* its own first */
        CHECK(s.plan.ask_others);
        outcomes(&s, BTC, "f"); /* not required here */
        CHECK(!s.plan.ask_others);
        outcomes(&s, PAY, "i");
        CHECK(!s.plan.ask_others);
        outcomes(&s, PAY, "ppf"); /* settled meanwhile: a new trouble */
        CHECK(s.plan.ask_others);
}

TEST(into_a_mode_that_is_in_doubt_asks_the_others_again)
{
        Shop s = shop_well();

        outcomes(&s, PAY, "f");
        all_pass(&s);
        outcomes(&s, PAY, "ff");
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK(!s.plan.ask_others);
        s = shop_well();
        outcomes(&s, BTC, "f"); /* while nobody needs it */
        CHECK(!s.plan.ask_others);
        outcomes(&s, PAY, "f");
        outcomes(&s, BTC, "p");
        outcomes(&s, DB, "p");
        outcomes(&s, PAY, "ff");
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK(s.plan.ask_others); /* its first fail is past, and the federation may be needed soon */
}

TEST(a_fallback_must_have_passed_since_the_first_fail)
{
        Shop s = shop_well();

        outcomes(&s, PEERS, "p");
        outcomes(&s, PAY, "ff");
        outcomes(&s, DB, "p");
        outcomes(&s, PAY, "f");
        CHECK_INT(s.state.mode, PRIMARY); /* btc is up, by hearsay */
        CHECK_INT(readiness(&s, CRYPTO, NULL), READY_OPEN);
        outcomes(&s, BTC, "p");
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK_INT(s.plan.rule, RULE_FAILOVER);
}

TEST(what_fails_now_and_then_for_hours_makes_no_old_pass_count)
{
        Shop s = shop_well();

        s.probes[DB].window = 3;
        outcomes(&s, DB, "fpfpfpfp"); /* in doubt, never down */
        outcomes(&s, BTC, "p");
        outcomes(&s, PEERS, "p");
        after(&s, 60 * S);
        outcomes(&s, PAY, "fff");
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK_INT(s.state.trouble, s.now - 2 * S);
        outcomes(&s, BTC, "p");
        outcomes(&s, DB, "p");
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK_INT(s.plan.probe, PAY);
}

TEST(of_two_that_are_down_the_earlier_first_fail_counts)
{
        Shop s = shop_well();
        uint64_t first;

        outcomes(&s, PAY, "f");
        first = s.now;
        outcomes(&s, DB, "fff");
        CHECK_INT(s.state.trouble, s.now - 2 * S); /* of what is down */
        outcomes(&s, PAY, "ff");
        CHECK_INT(s.state.trouble, first);
        outcomes(&s, PEERS, "p");
        CHECK_INT(s.state.mode, FEDERATED);
        CHECK_INT(s.plan.since, first);
}

TEST(an_open_mode_is_waited_for_and_then_a_ready_one_taken)
{
        Shop s = shop_well();
        uint64_t first;

        outcomes(&s, PAY, "f");
        first = s.now;
        outcomes(&s, PEERS, "p");
        outcomes(&s, PAY, "ff");
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK_INT(s.plan.next, first + 15 * S); /* timeout 5 s + rise 2 x 5 s */
        CHECK_INT(s.state.wants, PRIMARY);
        after(&s, 12 * S - 1);
        CHECK_INT(s.state.mode, PRIMARY);
        after(&s, 1);
        CHECK_INT(s.state.mode, FEDERATED);
        CHECK_INT(s.plan.rule, RULE_FAILOVER);
}

TEST(the_longest_requirement_says_how_long_is_waited)
{
        Shop s = shop_well();
        uint64_t first;

        s.probes[BTC].timeout_usec = 20 * S;
        s.probes[BTC].rise = 3;
        outcomes(&s, PAY, "f");
        first = s.now;
        outcomes(&s, PAY, "ff");
        CHECK_INT(s.plan.next, first + 35 * S);
}

TEST(requires_nothing_never_overtakes_a_healthy_mode_that_has_just_not_been_asked)
{
        Shop s = shop_well();

        s.modes[FEDERATED].n_requires = 0;
        outcomes(&s, PAY, "fff");
        CHECK_INT(s.state.mode, PRIMARY);
        outcomes(&s, DB, "p");
        outcomes(&s, BTC, "p");
        CHECK_INT(s.state.mode, CRYPTO);
}

TEST(a_broken_mode_is_not_waited_for)
{
        Shop s = shop_well();

        outcomes(&s, BTC, "fff");
        outcomes(&s, PAY, "f");
        outcomes(&s, PEERS, "p");
        outcomes(&s, PAY, "ff");
        CHECK_INT(s.state.mode, FEDERATED);
}

TEST(none_ready_the_first_with_none_down_is_the_last_resort)
{
        Shop s = shop_well();

        outcomes(&s, BTC, "fff");
        outcomes(&s, PAY, "fff");
        CHECK_INT(s.state.mode, PRIMARY); /* federated is waited for */
        after(&s, 20 * S);
        CHECK_INT(s.state.mode, FEDERATED);
        CHECK_INT(s.plan.rule, RULE_LAST_RESORT);
        CHECK(s.plan.automatic);
}

TEST(of_two_last_resorts_the_preferred_one_is_taken)
{
        Shop s = shop_well();

        outcomes(&s, PAY, "fff");
        after(&s, 20 * S);
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK_INT(s.plan.rule, RULE_LAST_RESORT);
}

TEST(all_broken_it_stays_and_wants_nothing)
{
        Shop s = shop_well();

        outcomes(&s, BTC, "fff");
        outcomes(&s, PEERS, "fff");
        outcomes(&s, PAY, "fff");
        after(&s, 20 * MIN_ - 60 * S);
        CHECK(s.state.wants == MODE_NONE || s.states[PAY].verdict == VERDICT_UNKNOWN);
        s = shop_well();
        outcomes(&s, BTC, "fff");
        outcomes(&s, PEERS, "fff");
        outcomes(&s, PAY, "fff");
        CHECK(s.state.wants == MODE_NONE);
        CHECK_INT(s.state.mode, PRIMARY);
        outcomes(&s, PEERS, "pp"); /* the first that recovers is taken */
        CHECK_INT(s.state.mode, FEDERATED);
        CHECK_INT(s.state.wants, FEDERATED);
}

TEST(a_fallback_that_dies_is_left_for_a_preferred_mode_without_any_hold)
{
        Shop s = shop_in_crypto();

        outcomes(&s, PAY, "pp");
        outcomes(&s, BTC, "f");
        all_pass(&s);
        outcomes(&s, BTC, "ff");
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK_INT(s.plan.rule, RULE_FAILOVER);
}

TEST(with_one_mode_only_there_is_nowhere_to_go)
{
        Shop s = shop_well();

        s.config.n_modes = 1;
        outcomes(&s, PAY, "fff");
        CHECK_INT(s.state.mode, PRIMARY);
        CHECK(s.state.wants == MODE_NONE);
        CHECK_INT(pin(&s, MODE_NONE, 0), -EAGAIN);
}

/* --- passive probes --- */

TEST(a_passive_probe_only_votes_against)
{
        Shop s = shop_well();

        CHECK_INT(s.states[CHECKOUT].verdict, VERDICT_UNKNOWN);
        CHECK_INT(readiness(&s, PRIMARY, NULL), READY);
        outcomes(&s, CHECKOUT, "f");
        all_pass(&s);
        outcomes(&s, CHECKOUT, "ff");
        CHECK_INT(s.state.mode, CRYPTO);
        CHECK_INT(s.plan.probe, CHECKOUT);
}

TEST(a_passive_probe_is_unknown_when_the_mode_that_requires_it_is_left)
{
        Shop s = shop_well();

        outcomes(&s, CHECKOUT, "f");
        all_pass(&s);
        outcomes(&s, CHECKOUT, "ff");
        CHECK_INT(s.states[CHECKOUT].verdict, VERDICT_UNKNOWN);
        CHECK_INT(s.state.trouble, 0);
        CHECK_INT(readiness(&s, PRIMARY, NULL), READY);
        CHECK_INT(s.state.return_at, s.states[CHECKOUT].last_fail + 5 * MIN_);
        all_pass(&s);
        after(&s, s.state.return_at - s.now);
        CHECK_INT(s.state.mode, PRIMARY);
}

TEST(a_passive_probe_that_both_modes_require_is_not_forgotten)
{
        static const unsigned requires[] = {BTC, CHECKOUT};
        Shop s = shop_well();

        s.modes[FEDERATED] = (ModeMode){requires, 2};
        outcomes(&s, CHECKOUT, "pp");
        CHECK_INT(pin(&s, FEDERATED, 0), 0);
        CHECK_INT(s.states[CHECKOUT].verdict, VERDICT_UP);
        CHECK_INT(pin(&s, CRYPTO, 0), 0);
        CHECK_INT(s.states[CHECKOUT].verdict, VERDICT_UNKNOWN);
}

TEST(a_passive_probe_falls_silent_after_its_own_time)
{
        Shop s = shop_well();

        outcomes(&s, CHECKOUT, "pp");
        CHECK_INT(s.states[CHECKOUT].verdict, VERDICT_UP);
        quiet(&s, 15 * MIN_);
        CHECK_INT(s.states[CHECKOUT].verdict, VERDICT_UP);
        after(&s, 10 * S);
        CHECK_INT(s.states[CHECKOUT].verdict, VERDICT_UNKNOWN);
}

TEST(a_passive_probe_that_reports_fails_makes_its_mode_unfit_to_go_to)
{
        static const unsigned requires[] = {BTC, CHECKOUT};
        Shop s = shop_well();

        s.modes[PRIMARY] = (ModeMode){(const unsigned[]){PAY}, 1};
        s.modes[CRYPTO] = (ModeMode){requires, 2};
        outcomes(&s, CHECKOUT, "fff");
        CHECK_INT(s.state.mode, PRIMARY);
        outcomes(&s, PAY, "f");
        all_pass(&s);
        outcomes(&s, PAY, "ff");
        CHECK_INT(s.state.mode, FEDERATED);
}

MAIN()
