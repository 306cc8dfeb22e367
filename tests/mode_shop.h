/* SPDX-License-Identifier: MIT */
/* A shop for the decision's tests: three modes, five probes, and a second between any two outcomes. */
#pragma once

#include "supervisor/mode.h"

#include "tests/test.h"

#define S     USEC_PER_SEC
#define MIN_  USEC_PER_MIN
#define START (1767225600 * S)

/* A shop: cards need the payment API, the database and no bad word from the checkout; crypto needs its server and the
 * database; the federation needs peers. */
enum { PAY, DB, CHECKOUT, BTC, PEERS, N_PROBES };
enum { PRIMARY, CRYPTO, FEDERATED, N_MODES };

typedef struct Shop {
        ModeProbe probes[N_PROBES];
        ModeMode modes[N_MODES];
        ModeConfig config;
        ProbeState states[N_PROBES];
        ModeState state;
        uint64_t now;
        ModePlan plan; /* of the last step */
} Shop;

static const unsigned primary_requires[] = {PAY, DB, CHECKOUT};
static const unsigned crypto_requires[] = {BTC, DB};
static const unsigned federated_requires[] = {PEERS};

static _unused_ Shop shop_new(void)
{
        Shop s = {.now = START};

        for (size_t i = 0; i < N_PROBES; i++)
                s.probes[i] = (ModeProbe){.fall = 3,
                                          .window = 5,
                                          .rise = 2,
                                          .interval_usec = 60 * S,
                                          .fast_interval_usec = 5 * S,
                                          .timeout_usec = 5 * S,
                                          .silence_usec = 600 * S};
        s.probes[CHECKOUT].passive = true;
        s.probes[CHECKOUT].silence_usec = 15 * MIN_;
        s.modes[PRIMARY] = (ModeMode){primary_requires, 3};
        s.modes[CRYPTO] = (ModeMode){crypto_requires, 2};
        s.modes[FEDERATED] = (ModeMode){federated_requires, 1};
        s.config = (ModeConfig){.n_probes = N_PROBES,
                                .n_modes = N_MODES,
                                .hold_usec = 5 * MIN_,
                                .flap_window_usec = 60 * MIN_,
                                .hold_max_usec = 60 * MIN_};
        return s;
}

/* The structs may have been copied since. */
static _unused_ void shop_bind(Shop *s)
{
        s->config.probes = s->probes;
        s->config.modes = s->modes;
        if (s->state.probes == NULL)
                mode_init(&s->state, s->states, s->now, &s->config);
        s->state.probes = s->states;
}

static _unused_ int step(Shop *s, ModeEvent event)
{
        shop_bind(s);
        return mode_step(&s->state, &event, s->now, &s->config, &s->plan);
}

static _unused_ Readiness readiness(Shop *s, unsigned mode, unsigned *ret_probe)
{
        shop_bind(s);
        return mode_readiness(&s->state, mode, &s->config, ret_probe);
}

static _unused_ void after(Shop *s, uint64_t usec)
{
        s->now += usec;
        CHECK_INT(step(s, (ModeEvent){.kind = MODE_EVENT_TIME}), 0);
}

static _unused_ void say(Shop *s, ModeEventKind kind)
{
        CHECK_INT(step(s, (ModeEvent){.kind = kind}), 0);
}

static _unused_ int pin(Shop *s, unsigned mode, uint64_t for_usec)
{
        return step(s, (ModeEvent){.kind = MODE_EVENT_PIN, .mode = mode, .for_usec = for_usec});
}

/* Outcomes of one probe, a second apart: p w f i. Stops at a change of mode. */
static _unused_ void outcomes(Shop *s, unsigned probe, const char *letters)
{
        static const char all[] = "pwfi";

        for (; *letters; letters++) {
                s->now += S;
                CHECK_INT(step(s, (ModeEvent){.kind = MODE_EVENT_OUTCOME,
                                              .probe = probe,
                                              .outcome = (Outcome) (strchr(all, *letters) - all)}),
                          0);
        }
}

static _unused_ Verdict verdict_after(Shop *s, const char *letters)
{
        outcomes(s, PAY, letters);
        return s->states[PAY].verdict;
}

/* Everything is up, and has been for longer than the hold. */
static _unused_ Shop shop_well(void)
{
        Shop s = shop_new();

        for (unsigned i = 0; i < N_PROBES; i++)
                if (i != CHECKOUT)
                        outcomes(&s, i, "pp");
        after(&s, 6 * MIN_);
        return s;
}

/* Each of these that is up says so once more. */
static _unused_ void all_pass(Shop *s)
{
        static const unsigned probes[] = {PAY, DB, BTC, PEERS};

        for (size_t i = 0; i < ELEMENTSOF(probes); i++)
                if (s->states[probes[i]].verdict == VERDICT_UP)
                        outcomes(s, probes[i], "p");
}

/* A card outage, with the fallback well. */
static _unused_ void pay_fails(Shop *s)
{
        outcomes(s, PAY, "f");
        outcomes(s, BTC, "p");
        outcomes(s, DB, "p");
        outcomes(s, PAY, "ff");
}

/* Time passes while everybody passes, so that no verdict goes stale. */
static _unused_ void quiet(Shop *s, uint64_t usec)
{
        uint64_t until = s->now + usec;

        while (s->now + 5 * MIN_ < until) {
                s->now += 4 * MIN_;
                all_pass(s);
        }
        after(s, until - s->now);
}

static _unused_ Shop shop_in_crypto(void)
{
        Shop s = shop_well();

        pay_fails(&s);
        CHECK_INT(s.state.mode, CRYPTO);
        return s;
}
