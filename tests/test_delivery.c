/* SPDX-License-Identifier: MIT */
/* supervisor/delivery.c, the outbox's pure core, and supervisor/facts.c: no clock, no I/O. */
#include "supervisor/delivery.h"
#include "tests/test.h"

static const ActionType state_type = {.name = "state"};
static const ActionType page_type = {.name = "page", .refresh = true};
static const ActionType event_type = {.name = "event", .event = true};
static const ActionType alert_type = {.name = "alert", .event = true, .alerts = true};

static char name_word[] = "one", target_word[] = "shop.example", crypto_word[] = "crypto";
static char *crypto_only[] = {crypto_word, NULL};

static ActionConfig config_of(const ActionType *type, char **modes)
{
        return (ActionConfig){.name = name_word, .type = type, .target = target_word, .modes = modes};
}

static ActionFacts facts_of(ActionKind kind, const char *id, const char *from, const char *mode)
{
        return (ActionFacts){.kind = kind,
                             .id = id,
                             .change = id,
                             .from = from,
                             .mode = mode,
                             .alert = "",
                             .cause = "payment-api down",
                             .at_usec = 1795165200000000};
}

static Delivery *make(ActionConfig *config, ActionKind kind, const char *alert, int64_t id)
{
        ActionFacts f = facts_of(kind, "c1", "primary", "crypto");
        Facts *facts;
        Delivery *d;

        f.alert = alert;
        CHECK_INT(facts_new(&f, &facts), 0);
        CHECK_INT(delivery_new(config, NULL, facts, id, 1000, 5000, &d), 0);
        facts_unref(facts);
        d->released = true;
        return d;
}

static bool wants(const ActionType *type, char **modes, ActionKind kind, const char *from, const char *mode)
{
        ActionConfig config = config_of(type, modes);
        ActionFacts f = facts_of(kind, "c1", from, mode);
        return channel_wants(&config, &f);
}

TEST(changes_reach_all_but_events_at_the_first_start)
{
        CHECK(wants(&state_type, NULL, ACTION_CHANGE, "primary", "crypto"));
        CHECK(wants(&event_type, NULL, ACTION_CHANGE, "primary", "crypto"));
        CHECK(wants(&alert_type, NULL, ACTION_CHANGE, "primary", "crypto"));
        CHECK(wants(&state_type, NULL, ACTION_CHANGE, "", "primary"));
        CHECK(!wants(&event_type, NULL, ACTION_CHANGE, "", "primary"));
        CHECK(!wants(&alert_type, NULL, ACTION_CHANGE, "", "primary"));
}

TEST(modes_restrict_changes_and_not_alerts)
{
        CHECK(wants(&state_type, crypto_only, ACTION_CHANGE, "primary", "crypto"));
        CHECK(!wants(&state_type, crypto_only, ACTION_CHANGE, "crypto", "primary"));
        CHECK(wants(&event_type, crypto_only, ACTION_CHANGE, "primary", "crypto"));
        CHECK(!wants(&event_type, crypto_only, ACTION_CHANGE, "crypto", "primary"));
        CHECK(wants(&alert_type, crypto_only, ACTION_RAISED, "crypto", "primary"));
        CHECK(wants(&alert_type, crypto_only, ACTION_CLEARED, "crypto", "primary"));
}

TEST(alerts_reach_only_types_that_carry_them)
{
        ActionKind kinds[] = {ACTION_RAISED, ACTION_CLEARED, ACTION_TEST};
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                CHECK(wants(&alert_type, NULL, kinds[i], "primary", "crypto"));
                CHECK(!wants(&event_type, NULL, kinds[i], "primary", "crypto"));
                CHECK(!wants(&state_type, NULL, kinds[i], "primary", "crypto"));
        }
        CHECK(wants(&page_type, NULL, ACTION_REFRESH, "primary", "crypto"));
        CHECK(!wants(&state_type, NULL, ACTION_REFRESH, "primary", "crypto"));
        CHECK(!wants(&alert_type, NULL, ACTION_REFRESH, "primary", "crypto"));
}

TEST(backoff_doubles_from_a_second_to_ten_minutes_with_full_jitter)
{
        uint64_t ceiling = USEC_PER_SEC;
        for (unsigned n = 1; n <= 1000; n++) {
                uint64_t most = outbox_backoff(n, 0.999999999, 0);
                CHECK(most <= ceiling && most > ceiling - ceiling / 1000);
                CHECK_INT(outbox_backoff(n, 0.5, 0), ceiling / 2);
                CHECK_INT(outbox_backoff(n, 0.0, 0), 100 * USEC_PER_MSEC); /* never a burst */
                ceiling = MIN(2 * ceiling, 10 * USEC_PER_MIN);
        }
}

TEST(a_target_may_ask_for_a_pause_of_an_hour_at_most)
{
        CHECK_INT(outbox_backoff(1, 0.5, 30 * USEC_PER_SEC), 30 * USEC_PER_SEC);
        CHECK_INT(outbox_backoff(1, 0.5, USEC_PER_DAY), USEC_PER_HOUR);
        CHECK_INT(outbox_backoff(20, 0.5, USEC_PER_SEC), 5 * USEC_PER_MIN);
}

TEST(a_delivery_is_tried_for_75_hours_and_then_given_up)
{
        ActionConfig config = config_of(&event_type, NULL);
        Delivery *d = make(&config, ACTION_CHANGE, "", 1);
        uint64_t begin = 1000, now = begin, last = 0;
        unsigned attempts = 0;

        while (d->state == DELIVERY_PENDING) {
                CHECK(d->due_usec >= now);
                last = now = d->due_usec;
                delivery_settle(d, false, ACTION_RETRY, "HTTP 503", 0, 0.5, now, 5000 + now);
                CHECK_INT(d->attempts, ++attempts);
        }
        CHECK_INT(d->state, DELIVERY_GIVEN_UP);
        CHECK_INT(last - begin, 75 * USEC_PER_HOUR); /* once more at the very end */
        CHECK(attempts > 800 && attempts < 1000);
        CHECK_STR(d->message, "HTTP 503");
        CHECK_INT(d->finished_wall_usec, 5000 + now);
        delivery_free(d);
}

TEST(each_result_has_its_consequence)
{
        ActionConfig config = config_of(&state_type, NULL);
        Delivery *d = make(&config, ACTION_CHANGE, "", 1);

        d->ask = true;
        delivery_settle(d, true, ACTION_MISSING, "not so", 0, 0.5, 2000, 6000);
        CHECK_INT(d->state, DELIVERY_PENDING);
        CHECK(!d->ask);
        CHECK_INT(d->due_usec, 2000);
        CHECK_INT(d->attempts, 0);
        delivery_settle(d, false, ACTION_RETRY, "refused", 20 * USEC_PER_SEC, 0.5, 2000, 6000);
        CHECK_INT(d->due_usec, 2000 + 20 * USEC_PER_SEC);
        CHECK_INT(d->next_wall_usec, 6000 + 20 * USEC_PER_SEC);
        CHECK_INT(d->attempts, 1);
        delivery_settle(d, false, ACTION_DONE, "HTTP 200", 0, 0.5, 3000, 7000);
        CHECK_INT(d->state, DELIVERY_DONE);
        CHECK_INT(d->attempts, 2);
        delivery_free(d);

        d = make(&config, ACTION_CHANGE, "", 1);
        delivery_settle(d, false, ACTION_PERMANENT, "HTTP 400", 0, 0.5, 3000, 7000);
        CHECK_INT(d->state, DELIVERY_GIVEN_UP);
        delivery_free(d);

        d = make(&config, ACTION_CHANGE, "", 1);
        delivery_settle(d, false, ACTION_MISSING, "an answer to no question", 0, 0.5, 3000, 7000);
        CHECK_INT(d->attempts, 1);
        CHECK(d->due_usec > 3000);
        delivery_free(d);
}

TEST(trouble_begins_at_the_third_failure_and_ends_with_success)
{
        ActionConfig config = config_of(&event_type, NULL);
        Channel *c;
        bool given_up, ended;
        CHECK_INT(channel_new(&c), 0);
        channel_begin(c, &config);
        Delivery *d = make(&config, ACTION_CHANGE, "", 1);

        for (unsigned i = 1; i <= 5; i++) {
                delivery_settle(d, false, ACTION_RETRY, "refused", 0, 0.5, 2000, 6000);
                CHECK_INT(channel_judge(c, d, &given_up, &ended), i == 3);
                if (i == 3)
                        CHECK(!given_up && !ended);
        }
        delivery_settle(d, false, ACTION_PERMANENT, "gone", 0, 0.5, 2000, 6000);
        CHECK(channel_judge(c, d, &given_up, &ended));
        CHECK(given_up && !ended);
        delivery_free(d);
        d = make(&config, ACTION_CHANGE, "", 2);
        delivery_settle(d, false, ACTION_RETRY, "refused", 0, 0.5, 2000, 6000);
        CHECK(!channel_judge(c, d, &given_up, &ended));
        delivery_settle(d, false, ACTION_DONE, "done", 0, 0.5, 2000, 6000);
        CHECK(channel_judge(c, d, &given_up, &ended));
        CHECK(given_up && ended);
        delivery_free(d);
        channel_free(c);
}

TEST(deliveries_wait_in_the_order_of_their_ids)
{
        ActionConfig config = config_of(&event_type, NULL);
        int64_t ids[] = {5, 2, 9, 1, 7};
        Channel *c;
        CHECK_INT(channel_new(&c), 0);
        channel_begin(c, &config);
        for (size_t i = 0; i < ELEMENTSOF(ids); i++)
                channel_insert(c, make(&config, ACTION_CHANGE, "", ids[i]));
        TAILQ_FIRST(&c->pending)->released = false;
        CHECK(!channel_next(c)); /* the first is not saved: those behind it wait */
        TAILQ_FIRST(&c->pending)->released = true;
        int64_t before = 0;
        Delivery *d;
        while ((d = channel_next(c))) {
                CHECK(d->id > before);
                before = d->id;
                channel_remove(c, d);
                delivery_free(d);
        }
        CHECK_INT(before, 9);
        CHECK_INT(c->n_pending, 0);
        channel_free(c);
}

static size_t clear_list(DeliveryList *list)
{
        Delivery *d;
        size_t n = 0;

        while ((d = TAILQ_FIRST(list))) {
                TAILQ_REMOVE(list, d, entry);
                CHECK_INT(d->state, DELIVERY_SUPERSEDED);
                CHECK(strstr(d->message, "superseded"));
                delivery_free(d);
                n++;
        }
        return n;
}

TEST(in_a_storm_alerts_that_have_ended_are_left_out_and_nothing_else)
{
        ActionConfig config = config_of(&alert_type, NULL);
        DeliveryList shed = TAILQ_HEAD_INITIALIZER(shed);
        Channel *c;
        int64_t id = 0;
        CHECK_INT(channel_new(&c), 0);
        channel_begin(c, &config);

        channel_insert(c, make(&config, ACTION_RAISED, "standing", ++id));
        Delivery *tried = make(&config, ACTION_RAISED, "tried", ++id);
        tried->attempts = 1; /* perhaps it has been heard */
        channel_insert(c, tried);
        channel_insert(c, make(&config, ACTION_CLEARED, "tried", ++id));
        channel_insert(c, make(&config, ACTION_CLEARED, "heard before", ++id));
        Delivery *busy = make(&config, ACTION_RAISED, "busy", ++id);
        channel_insert(c, busy);
        channel_insert(c, make(&config, ACTION_CLEARED, "busy", ++id));
        for (int i = 0; i < 400; i++) {
                char name[16];
                snprintf(name, sizeof(name), "flap-%d", i);
                channel_insert(c, make(&config, ACTION_RAISED, name, ++id));
                channel_shed(c, busy, 9000, &shed);
                channel_insert(c, make(&config, ACTION_CLEARED, name, ++id));
                channel_shed(c, busy, 9000, &shed);
                CHECK(c->n_pending <= CHANNEL_STORM + 1);
        }
        CHECK_INT(clear_list(&shed), 6 + 800 - CHANNEL_STORM);
        for (int i = 0; i < 600; i++) {
                channel_insert(c, make(&config, ACTION_CHANGE, "", ++id));
                channel_shed(c, busy, 9000, &shed);
        }
        clear_list(&shed);
        CHECK_INT(c->n_pending, 600 + 6);
        const char *kept[] = {"standing", "tried", "tried", "heard before", "busy", "busy"};
        Delivery *d = TAILQ_FIRST(&c->pending);
        for (size_t i = 0; i < ELEMENTSOF(kept); i++, d = TAILQ_NEXT(d, entry))
                CHECK_STR(facts_get(d->facts)->alert, kept[i]);
        channel_free(c);
}

static bool notice_says(const ActionFacts *f)
{
        return f->first != f->from_first;
}

static int nobody(const void *conf, const ActionContext *context, ActionTargetFn fn, void *userdata)
{
        return 0;
}

static const ActionType notice_type = {
                .name = "notice", .event = true, .says = notice_says, .targets = nobody};

static Delivery *make_notice(ActionConfig *config, bool leaves, int64_t id)
{
        ActionFacts f = facts_of(ACTION_CHANGE, "c1", leaves ? "primary" : "crypto",
                                 leaves ? "crypto" : "primary");
        Facts *facts;
        Delivery *d;

        f.first = !leaves;
        f.from_first = leaves;
        CHECK_INT(facts_new(&f, &facts), 0);
        CHECK_INT(delivery_new(config, "peer", facts, id, 1000, 5000, &d), 0);
        facts_unref(facts);
        d->released = true;
        return d;
}

TEST(in_a_storm_of_notices_pairs_that_nobody_heard_are_left_out_and_the_order_stays)
{
        ActionConfig config = config_of(&notice_type, NULL);
        DeliveryList shed = TAILQ_HEAD_INITIALIZER(shed);
        Channel *hub, *c;
        CHECK_INT(channel_new(&hub), 0);
        channel_begin(hub, &config);
        CHECK_INT(channel_new_spoke(hub, "peer", &c), 0);
        CHECK(channel_fans_out(hub) && !channel_fans_out(c));

        for (int64_t id = 1; id <= 1001; id++) {
                Delivery *d = make_notice(&config, id % 2, id);
                if (id == 1)
                        d->attempts = 3; /* perhaps it was heard */
                channel_insert(c, d);
                channel_shed(c, NULL, 9000, &shed);
                CHECK(c->n_pending <= CHANNEL_STORM);
        }
        clear_list(&shed);
        CHECK_INT(TAILQ_FIRST(&c->pending)->id, 1);
        int64_t before = 0;
        bool leaves = true;
        Delivery *d;
        TAILQ_FOREACH(d, &c->pending, entry)
        {
                CHECK(d->id > before);
                CHECK_INT(facts_get(d->facts)->from_first, leaves); /* one leaves, the next is back, … */
                before = d->id;
                leaves = !leaves;
        }
        CHECK_INT(before, 1001); /* the newest is what holds */
        channel_free(c);
        channel_free(hub);
}

TEST(what_a_type_does_not_speak_of_makes_no_delivery_and_the_return_is_spoken_of_in_any_mode)
{
        ActionConfig config = config_of(&notice_type, crypto_only);
        ActionFacts f = facts_of(ACTION_CHANGE, "c1", "primary", "crypto");
        f.from_first = true;
        CHECK(channel_wants(&config, &f));
        f.mode = "federated";
        CHECK(!channel_wants(&config, &f));
        f = facts_of(ACTION_CHANGE, "c1", "crypto", "federated");
        CHECK(!channel_wants(&config, &f));
        f = facts_of(ACTION_CHANGE, "c1", "federated", "primary");
        f.first = true;
        CHECK(channel_wants(&config, &f));
        f.from = "";
        CHECK(!channel_wants(&config, &f)); /* the first start */
}

static DeliveryRecord record_of(const char *facts)
{
        return (DeliveryRecord){.id = 7,
                                .change = "c1",
                                .action = "one",
                                .type = "alert",
                                .target = "shop.example",
                                .event = true,
                                .facts = facts,
                                .state = "pending",
                                .message = "HTTP 503",
                                .attempts = 4,
                                .created_usec = 1795165200000000,
                                .next_usec = 1795165300000000};
}

TEST(a_restored_delivery_keeps_its_age_but_gets_an_hour)
{
        ActionFacts f = facts_of(ACTION_CHANGE, "c1", "primary", "crypto");
        Facts *facts;
        Delivery *d;
        CHECK_INT(facts_new(&f, &facts), 0);
        DeliveryRecord r = record_of(facts_text(facts));
        uint64_t now = 50000, wall = r.created_usec;

        CHECK_INT(delivery_restore(&r, now, wall + 10 * USEC_PER_HOUR, NULL, &d), 0);
        CHECK_INT(d->give_up_usec - now, 65 * USEC_PER_HOUR);
        CHECK_INT(d->due_usec, now); /* whatever the wall clock says */
        CHECK_INT(d->attempts, 4);
        CHECK_STR(facts_get(d->facts)->cause, "payment-api down");
        delivery_free(d);
        CHECK_INT(delivery_restore(&r, now, wall + 400 * USEC_PER_DAY, NULL, &d), 0);
        CHECK_INT(d->give_up_usec - now, USEC_PER_HOUR);
        delivery_free(d);
        CHECK_INT(delivery_restore(&r, now, wall - 400 * USEC_PER_DAY, NULL, &d), 0);
        CHECK_INT(d->give_up_usec - now, 75 * USEC_PER_HOUR);
        delivery_free(d);
        facts_unref(facts);
}

TEST(the_pause_that_a_target_asked_for_outlives_a_restart)
{
        ActionFacts f = facts_of(ACTION_CHANGE, "c1", "primary", "crypto");
        const uint64_t now = 50000, pause = 30 * USEC_PER_MIN;
        Facts *facts;
        Delivery *d;

        CHECK_INT(facts_new(&f, &facts), 0);
        DeliveryRecord r = record_of(facts_text(facts));
        r.next_usec = r.created_usec + pause;
        CHECK_INT(delivery_restore(&r, now, r.created_usec, NULL, &d), 0);
        CHECK_INT(d->due_usec, now + pause);
        delivery_free(d);
        CHECK_INT(delivery_restore(&r, now, r.created_usec + pause - 1, NULL, &d), 0);
        CHECK_INT(d->due_usec, now + 1);
        delivery_free(d);
        CHECK_INT(delivery_restore(&r, now, r.created_usec + pause + 1, NULL, &d), 0);
        CHECK_INT(d->due_usec, now); /* it has passed */
        delivery_free(d);
        CHECK_INT(delivery_restore(&r, now, r.created_usec - 1, NULL, &d), 0);
        CHECK_INT(d->due_usec, now); /* a clock that was turned back tells nothing */
        delivery_free(d);
        r.next_usec = r.created_usec + OUTBOX_RETRY_AFTER_MAX + 1; /* nor does one that asks for too much */
        CHECK_INT(delivery_restore(&r, now, r.created_usec, NULL, &d), 0);
        CHECK_INT(d->due_usec, now);
        delivery_free(d);
        facts_unref(facts);
}

TEST(a_restored_state_is_asked_at_once_and_applied_after_the_pause)
{
        ActionFacts f = facts_of(ACTION_CHANGE, "c1", "primary", "crypto");
        const uint64_t now = 50000, pause = 30 * USEC_PER_MIN;
        Facts *facts;
        Delivery *d;

        CHECK_INT(facts_new(&f, &facts), 0);
        DeliveryRecord r = record_of(facts_text(facts));
        r.type = "payment-mode";
        r.event = false;
        r.next_usec = r.created_usec + pause;
        CHECK_INT(delivery_restore(&r, now, r.created_usec, NULL, &d), 0);
        CHECK(d->ask);
        CHECK_INT(d->due_usec, now);
        delivery_settle(d, true, ACTION_MISSING, "", 0, 0.5, now + 5, r.created_usec + 5);
        CHECK(!d->ask);
        CHECK_INT(d->due_usec, now + pause);
        delivery_settle(d, false, ACTION_RETRY, "", 0, 0.5, now + pause, r.created_usec + pause);
        CHECK(d->due_usec > now + pause);
        delivery_free(d);
        facts_unref(facts);
}

TEST(facts_that_cannot_be_read_end_in_words)
{
        const char *const broken[] = {"", "{", "[]", "{\"kind\":\"war\"}"};
        for (size_t i = 0; i < ELEMENTSOF(broken); i++) {
                DeliveryRecord r = record_of(broken[i]);
                Delivery *d;
                CHECK_INT(delivery_restore(&r, 1, r.created_usec, NULL, &d), 0);
                CHECK_INT(d->state, DELIVERY_GIVEN_UP);
                CHECK_STR(d->message, "what was stored of it cannot be read");
                delivery_free(d);
        }
}

TEST(facts_survive_json)
{
        ActionFacts f = {.kind = ACTION_CLEARED,
                         .id = "id",
                         .node_id = "node",
                         .node_name = "A \"shop\" \xe2\x9c\x93",
                         .node_url = "https://a.example",
                         .fallback_url = "https://b.example",
                         .change = "change",
                         .mode = "crypto",
                         .follows = "another",
                         .from = "primary",
                         .payment = "crypto",
                         .checkout = "cryptoCheckout",
                         .message = "line\nline",
                         .cause = "HTTP 503",
                         .first = true,
                         .from_first = true,
                         .automatic = true,
                         .seq = 1795165200001,
                         .at_usec = 1795165200000000,
                         .since_usec = 1795165100000000,
                         .alert = "no-mode-healthy",
                         .summary = "s",
                         .details = "d",
                         .severity = "critical"},
                    g = {0};
        json_t *j = facts_to_json(&f);
        CHECK_INT(facts_from_json(j, &g), 0);
        CHECK_INT(g.kind, ACTION_CLEARED);
        const char *const *a = &f.id, *const *b = &g.id; /* the strings begin here */
        for (size_t i = 0; i < 13; i++)
                CHECK_STR(b[i], a[i]);
        CHECK_STR(g.alert, "no-mode-healthy");
        CHECK_STR(g.summary, "s");
        CHECK_STR(g.details, "d");
        CHECK_STR(g.severity, "critical");
        CHECK(g.first && g.from_first && g.automatic && !g.durable);
        CHECK_INT(g.seq, 1795165200001);
        CHECK(g.at_usec == f.at_usec && g.since_usec == f.since_usec);
        json_decref(j);
}

MAIN()
