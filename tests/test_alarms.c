/* SPDX-License-Identifier: MIT */
/* Alerts: raised once when their patience is over, cleared once. */
#include "supervisor/alarms.h"

#include "tests/test.h"

#define WALL  (1767225600 * USEC_PER_SEC)
#define LATER (10 * USEC_PER_MIN)

static char heard[4096];

static void hear(const Alarm *alarm, bool raised, void *userdata)
{
        size_t used = strlen(heard);

        snprintf(heard + used, sizeof(heard) - used, "%s %s: %s\n", raised ? "raised" : "cleared",
                 alarm->name, alarm->message);
}

static const char *check(Alarms *a, uint64_t now)
{
        heard[0] = 0;
        alarms_check(a, now, WALL + now, hear, NULL);
        return heard;
}

TEST(what_has_no_patience_is_raised_at_once_and_only_once)
{
        Alarms a = {0};

        alarms_set(&a, ALARM_NO_MODE, NULL, true, "nothing works", 100);
        CHECK_INT(alarms_next(&a), 100);
        CHECK_STR(check(&a, 100), "raised no-mode-healthy: nothing works\n");
        CHECK_STR(check(&a, 100), "");
        alarms_set(&a, ALARM_NO_MODE, NULL, true, "nothing works", 200);
        CHECK_STR(check(&a, 200), "");
        CHECK(alarms_next(&a) == USEC_NEVER);
        alarms_clear(&a);
}

TEST(a_condition_must_stand_for_its_patience)
{
        Alarms a = {0};

        alarms_set(&a, ALARM_FALLBACK, "crypto", true, "btc is down", 100);
        CHECK_INT(alarms_next(&a), 100 + LATER);
        CHECK_STR(check(&a, 99 + LATER), "");
        CHECK_STR(check(&a, 100 + LATER), "raised fallback-not-ready:crypto: btc is down\n");
        alarms_clear(&a);
}

TEST(a_condition_that_ends_before_its_patience_says_nothing_and_starts_anew)
{
        Alarms a = {0};

        alarms_set(&a, ALARM_FALLBACK, "crypto", true, "btc is down", 100);
        alarms_set(&a, ALARM_FALLBACK, "crypto", false, "", 200);
        CHECK_STR(check(&a, 200), "");
        CHECK_INT(a.n, 0);
        alarms_set(&a, ALARM_FALLBACK, "crypto", true, "btc is down", 300);
        CHECK_STR(check(&a, 100 + LATER), "");
        CHECK_STR(check(&a, 300 + LATER), "raised fallback-not-ready:crypto: btc is down\n");
        alarms_clear(&a);
}

TEST(a_condition_that_blinks_between_two_looks_starts_anew)
{
        Alarms a = {0};

        alarms_set(&a, ALARM_BLIND, NULL, true, "blind", 0);
        alarms_set(&a, ALARM_BLIND, NULL, false, "", LATER - 1);
        alarms_set(&a, ALARM_BLIND, NULL, true, "blind", LATER - 1);
        CHECK_STR(check(&a, LATER), "");
        CHECK_INT(alarms_next(&a), 2 * LATER - 1);
        alarms_clear(&a);
}

TEST(an_end_is_told_once_with_the_last_words_and_the_same_id)
{
        Alarms a = {0};
        char id[32];

        alarms_set(&a, ALARM_PIN, NULL, true, "pinned to crypto", 100);
        check(&a, 100);
        snprintf(id, sizeof(id), "%s", alarms_find(&a, ALARM_PIN, NULL)->id);
        alarms_set(&a, ALARM_PIN, NULL, true, "pinned to crypto, still", 200);
        alarms_set(&a, ALARM_PIN, NULL, false, "", 300);
        CHECK_INT(alarms_next(&a), 0); /* at once */
        CHECK_STR(alarms_find(&a, ALARM_PIN, NULL)->id, id);
        CHECK_STR(check(&a, 300), "cleared pinned-mode-broken: pinned to crypto, still\n");
        CHECK_STR(check(&a, 300), "");
        CHECK(!alarms_find(&a, ALARM_PIN, NULL));
        alarms_set(&a, ALARM_PIN, NULL, false, "", 400); /* what never stood does not end */
        CHECK_STR(check(&a, 400), "");
        alarms_clear(&a);
}

TEST(each_subject_is_an_alert_of_its_own)
{
        Alarms a = {0};

        alarms_set(&a, ALARM_WARN, "disk", true, "4% free", 1);
        alarms_set(&a, ALARM_WARN, "pay", true, "expires in 6 days", 1);
        alarms_set(&a, ALARM_ACTION, "disk", true, "given up", 1);
        alarms_set(&a, ALARM_NOT_DURABLE, NULL, true, "disk full", 1);
        CHECK_STR(check(&a, 1), "raised warning:disk: 4% free\nraised warning:pay: expires in 6 days\n"
                                "raised action-given-up:disk: given up\nraised not-durable: disk full\n");
        for (size_t i = 0; i < a.n; i++)
                for (size_t k = 0; k < i; k++)
                        CHECK(strcmp(a.items[i].id, a.items[k].id) != 0);
        alarms_set(&a, ALARM_WARN, "disk", false, "", 2);
        CHECK_STR(check(&a, 2), "cleared warning:disk: 4% free\n");
        CHECK(!alarms_find(&a, ALARM_WARN, NULL) && !alarms_find(&a, ALARM_NOT_DURABLE, "disk"));
        alarms_clear(&a);
}

TEST(many_are_all_kept)
{
        Alarms a = {0};
        char name[16];

        for (unsigned i = 0; i < 100; i++) {
                snprintf(name, sizeof(name), "p%u", i);
                alarms_set(&a, ALARM_WARN, name, true, "x", 1);
        }
        check(&a, 1);
        CHECK_INT(a.n, 100);
        for (unsigned i = 0; i < 100; i += 2) {
                snprintf(name, sizeof(name), "p%u", i);
                alarms_set(&a, ALARM_WARN, name, false, "", 2);
        }
        check(&a, 2);
        CHECK_INT(a.n, 50);
        CHECK(alarms_find(&a, ALARM_WARN, "p51") && !alarms_find(&a, ALARM_WARN, "p52"));
        alarms_clear(&a);
}

static bool keep_a(const char *subject, void *userdata)
{
        return streq(subject, "a");
}

TEST(what_a_reload_drops_ends_and_what_has_no_subject_stays)
{
        Alarms a = {0};

        alarms_set(&a, ALARM_WARN, "a", true, "x", 1);
        alarms_set(&a, ALARM_WARN, "b", true, "y", 1);
        alarms_set(&a, ALARM_ACTION, "b", true, "z", 1);
        alarms_set(&a, ALARM_BLIND, NULL, true, "w", 1);
        check(&a, 1);
        alarms_forget(&a, ALARM_WARN, keep_a, NULL);
        alarms_forget(&a, ALARM_BLIND, keep_a, NULL);
        CHECK_STR(check(&a, 2), "cleared warning:b: y\n");
        CHECK_INT(a.n, 3);
        alarms_clear(&a);
}

TEST(stored_and_read_back_they_are_the_same)
{
        Alarms a = {0}, b = {0};
        _cleanup_json_ json_t *stored = NULL, *again = NULL, *shown = NULL;

        alarms_set(&a, ALARM_FALLBACK, "crypto", true, "btc is down", 77); /* not raised yet */
        alarms_set(&a, ALARM_NO_MODE, NULL, true, "nothing works", 99);
        check(&a, 99);
        stored = alarms_to_json(&a, true);
        CHECK_INT(alarms_from_json(&b, stored), 0);
        again = alarms_to_json(&b, true);
        CHECK(json_equal(stored, again));
        CHECK_STR(check(&b, 100), ""); /* raised long since */
        CHECK_INT(alarms_next(&b), 77 + LATER);
        shown = alarms_to_json(&b, false);
        CHECK_INT(json_array_size(shown), 1);
        CHECK_STR(json_string_value(json_object_get(json_array_get(shown, 0), "name")), "no-mode-healthy");
        CHECK(!json_object_get(json_array_get(shown, 0), "began"));
        alarms_clear(&a);
        alarms_clear(&b);
}

TEST(alerts_of_another_version_and_nonsense_are_skipped)
{
        Alarms a = {0};
        _cleanup_json_ json_t *other =
                        json_loads("[{\"name\":\"moon\",\"kind\":\"moon\",\"message\":\"full\","
                                   "\"id\":\"A1\",\"began\":1,\"since_usec\":1,\"raised\":true}]",
                                   0, NULL);
        _cleanup_json_ json_t *nonsense = json_loads("[{\"name\":7}]", 0, NULL);

        CHECK(other && nonsense);
        CHECK_INT(alarms_from_json(&a, other), 0);
        CHECK_INT(a.n, 0);
        CHECK_INT(alarms_from_json(&a, nonsense), 0);
        CHECK_INT(a.n, 0);
        CHECK_INT(alarms_from_json(&a, NULL), 0);
        alarms_clear(&a);
}

TEST(each_kind_has_a_name_of_its_own_a_severity_and_advice)
{
        for (int k = 0; k < _ALARM_MAX; k++) {
                CHECK(strlen(alarm_advice((AlarmKind) k)) > 20);
                CHECK(streq(alarm_severity((AlarmKind) k), "critical") ||
                      streq(alarm_severity((AlarmKind) k), "warning"));
                for (int i = 0; i < k; i++)
                        CHECK(!streq(alarm_kind_name((AlarmKind) i), alarm_kind_name((AlarmKind) k)));
        }
        CHECK_INT(alarm_patience_usec(ALARM_FALLBACK), LATER);
        CHECK_INT(alarm_patience_usec(ALARM_BLIND), LATER);
        CHECK_INT(alarm_patience_usec(ALARM_PIN), 0);
}

MAIN()
