/* SPDX-License-Identifier: MIT */
/* supervisor/components.c and config_components.c: what verdicts and the mode mean for the public. */
#include "supervisor/components.h"

#include "base/text.h"

#include "tests/test.h"

#include <time.h>

#define HEAD                                                               \
        "node: {id: test}\n"                                               \
        "probes:\n"                                                        \
        "  api: {type: tcp, host: 127.0.0.1, port: 80, scope: external}\n" \
        "  db: {type: tcp, host: 127.0.0.1, port: 81}\n"                   \
        "  btc: {type: tcp, host: 127.0.0.1, port: 82}\n"                  \
        "  search: {type: tcp, host: 127.0.0.1, port: 83}\n"               \
        "  told: {type: passive}\n"                                        \
        "  ref: {type: tcp, host: 127.0.0.1, port: 84}\n"                  \
        "vantage: [ref]\n"                                                 \
        "modes:\n"                                                         \
        "  - {name: primary, requires: [api, db, told]}\n"                 \
        "  - {name: crypto, requires: [btc, db]}\n"                        \
        "  - {name: federated, requires: []}\n"

enum { API, DB, BTC, SEARCH, TOLD, REF, N_PROBES };
enum { PRIMARY, CRYPTO, FEDERATED };

typedef struct World {
        Config *config;
        ProbeState probes[N_PROBES];
        ModeState state;
        bool blind;
} World;

/* All is up. */
static void world_begin(World *w, const char *components)
{
        char text[4096];
        Error e = {0};

        *w = (World){0};
        snprintf(text, sizeof(text), HEAD "%s", components);
        if (config_load_text("test", text, strlen(text), &w->config, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(w->config);
        mode_init(&w->state, w->probes, USEC_PER_DAY, &w->config->mode);
        for (size_t i = 0; i < N_PROBES; i++)
                w->probes[i].verdict = i == TOLD ? VERDICT_UNKNOWN : VERDICT_UP;
}

static const char *judged(const World *w, unsigned component)
{
        return component_state_name(component_judge(w->config, &w->state, w->blind, component));
}

static const char *selling(const World *w)
{
        return selling_name(selling_judge(w->config, &w->state, w->blind));
}

static void refused(const char *components, const char *why)
{
        char text[4096];
        Config *config = NULL;
        Error e = {0};

        snprintf(text, sizeof(text), HEAD "%s", components);
        CHECK(config_load_text("test", text, strlen(text), &config, &e) < 0);
        if (!strstr(e.text, why))
                CHECK_STR(e.text, why);
}

TEST(a_text_of_blanks_is_none)
{
        World w;

        world_begin(&w, "components:\n  shop: {name: \"  \", description: \" \", group: \" \"}\n");
        CHECK_STR(w.config->components[0].name, "shop");
        CHECK_STR(w.config->components[0].description, "");
        CHECK_STR(w.config->components[0].group, "");
        config_free(w.config);
}

TEST(without_components_there_is_one_that_follows_the_mode)
{
        World w;

        world_begin(&w, "");
        CHECK_INT(w.config->n_components, 1);
        CHECK_STR(w.config->components[0].id, "checkout");
        CHECK_STR(w.config->components[0].name, "Checkout");
        CHECK_STR(judged(&w, 0), "operational");
        w.probes[API].verdict = VERDICT_DOWN;
        CHECK_STR(judged(&w, 0), "down");
        w.state.mode = CRYPTO; /* which does not need it */
        CHECK_STR(judged(&w, 0), "degraded");
        w.state.mode = FEDERATED;
        CHECK_STR(judged(&w, 0), "partial");
        config_free(w.config);
}

TEST(a_part_of_the_probes_down_is_partial_unless_the_mode_needs_it)
{
        World w;

        world_begin(&w, "components: {shop: {probes: [search, db, btc]}}\n");
        w.probes[SEARCH].verdict = VERDICT_DOWN;
        CHECK_STR(judged(&w, 0), "partial");
        w.probes[DB].verdict = VERDICT_DOWN;
        CHECK_STR(judged(&w, 0), "down");
        w.probes[DB].verdict = VERDICT_UP;
        w.probes[BTC].verdict = VERDICT_DOWN;
        CHECK_STR(judged(&w, 0), "partial");
        w.state.mode = CRYPTO;
        CHECK_STR(judged(&w, 0), "down");
        config_free(w.config);
}

TEST(all_of_the_probes_down_is_down_whatever_the_mode_needs)
{
        World w;

        world_begin(&w, "components: {shop: {probes: [search]}}\n");
        w.probes[SEARCH].verdict = VERDICT_DOWN;
        CHECK_STR(judged(&w, 0), "down");
        config_free(w.config);
}

TEST(an_impact_stands_for_what_only_other_modes_need)
{
        World w;

        world_begin(&w, "components: {pay: {probes: [api, btc, search], impact: {crypto: degraded}}}\n");
        w.probes[API].verdict = VERDICT_DOWN;
        CHECK_STR(judged(&w, 0), "down"); /* in primary nothing is said: it counts */
        w.state.mode = CRYPTO;
        CHECK_STR(judged(&w, 0), "degraded");
        w.probes[SEARCH].verdict = VERDICT_DOWN; /* which no mode needs */
        CHECK_STR(judged(&w, 0), "partial");
        w.probes[SEARCH].verdict = VERDICT_UP;
        w.probes[BTC].verdict = VERDICT_DOWN;
        CHECK_STR(judged(&w, 0), "down");
        w.state.mode = FEDERATED; /* nothing is said of it */
        CHECK_STR(judged(&w, 0), "partial");
        config_free(w.config);
}

TEST(what_cannot_be_seen_is_unknown_and_never_up)
{
        World w;

        world_begin(&w, "components: {pay: {probes: [api]}, base: {probes: [db]}, word: {probes: [told]}}\n");
        CHECK_STR(judged(&w, 2), "operational"); /* nobody has complained */
        w.probes[DB].verdict = VERDICT_UNKNOWN;
        CHECK_STR(judged(&w, 1), "unknown");
        CHECK_STR(selling(&w), "unknown");
        w.probes[DB].verdict = VERDICT_UP;
        w.blind = true;
        CHECK_STR(judged(&w, 0), "unknown");
        CHECK_STR(judged(&w, 1), "operational"); /* it is local */
        CHECK_STR(selling(&w), "unknown");
        w.probes[API].verdict = VERDICT_DOWN; /* from before */
        CHECK_STR(judged(&w, 0), "unknown");
        CHECK_STR(selling(&w), "unknown");
        w.state.mode = CRYPTO;
        CHECK_STR(selling(&w), "backup");
        config_free(w.config);
}

TEST(a_warning_is_not_for_buyers)
{
        World w;

        world_begin(&w, "components: {base: {probes: [db]}}\n");
        w.probes[DB].last = OUTCOME_WARN;
        CHECK_STR(judged(&w, 0), "operational");
        config_free(w.config);
}

TEST(selling_is_what_a_buyer_meets)
{
        World w;

        world_begin(&w, "");
        CHECK_STR(selling(&w), "as-usual");
        w.probes[API].verdict = VERDICT_DOWN;
        CHECK_STR(selling(&w), "hampered"); /* crypto follows at once */
        w.state.paused = true;
        CHECK_STR(selling(&w), "not");
        w.state.paused = false;
        w.state.pin = PRIMARY;
        CHECK_STR(selling(&w), "not");
        w.state.pin = MODE_NONE;
        w.state.mode = CRYPTO;
        CHECK_STR(selling(&w), "backup");
        w.state.mode = FEDERATED;
        CHECK_STR(selling(&w), "elsewhere");
        config_free(w.config);
}

TEST(mistakes_are_named_with_their_place)
{
        refused("components: [a]\n", "components");
        refused("components: {a: {probes: [nope]}}\n", "nope");
        refused("components: {a: {impact: {nope: down}}}\n", "test:14:33: impact: there is no mode `nope`");
        refused("components: {a: {impact: {crypto: maintenance}}}\n",
                "operational, degraded, partial or down");
        refused("components: {\"a b\": {}}\n", "id has letters");
        refused("components: {a: {colour: red}}\n", "colour");
        refused("components: {a: {name: "
                "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'}}\n",
                "`name` has at most 120 bytes");
}

static Config *config_of_many(unsigned n)
{
        _cleanup_text_ Text text = {0};
        Config *config = NULL;
        Error e;

        text_add_string(&text, "node: {id: test}\nprobes:\n");
        for (unsigned i = 0; i < n; i++)
                text_add(&text, "  p%u: {type: passive}\n", i);
        text_add_string(&text, "modes:\n  - name: primary\n    requires:\n");
        for (unsigned i = 0; i < n; i++)
                text_add(&text, "      - p%u\n", i);
        CHECK(!text.failed);
        CHECK_INT(config_load_text("test", text.data, text.size, &config, &e), 0);
        return config;
}

/* This is asked at every turn of the loop. */
TEST(ten_times_the_probes_take_ten_times_as_long)
{
        enum { N = 4000, TIMES = 50 };
        _cleanup_free_ ProbeState *probes = calloc(N, sizeof(*probes));
        Config *config = config_of_many(N);
        struct timespec from, to;
        ModeState state;

        CHECK(probes);
        mode_init(&state, probes, USEC_PER_DAY, &config->mode);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        for (unsigned i = 0; i < TIMES; i++)
                CHECK(component_judge(config, &state, false, 0) == COMPONENT_OPERATIONAL);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
        /* 400 million steps, were each looked for among all, and some milliseconds as it is. */
        CHECK((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 < 300);
        config_free(config);
}

TEST(names_are_public_and_their_order_is_the_files)
{
        World w;

        world_begin(&w, "components:\n  z: {name: Zeta, group: Last, description: D}\n  a: {}\n");
        CHECK_INT(w.config->n_components, 2);
        CHECK_STR(w.config->components[0].name, "Zeta");
        CHECK_STR(w.config->components[0].group, "Last");
        CHECK_STR(w.config->components[0].description, "D");
        CHECK_STR(w.config->components[1].name, "a");
        CHECK_INT(config_find_component(w.config, "a"), 1);
        CHECK(config_find_component(w.config, "b") == COMPONENT_NONE);
        config_free(w.config);
}

MAIN()
