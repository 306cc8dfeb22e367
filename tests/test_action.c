/* SPDX-License-Identifier: MIT */
/* The driver of actions: exactly one report, always from the loop, a deadline, and what an HTTP answer means. */
#include "tests/action_rig.h"

/* An action that does what its test wants, and counts its calls. */
static struct {
        unsigned applied, asked, stopped;
        ActionResult result;
        const char *message;
        FetchResult answer; /* reported when by_fetch */
        bool silent, by_fetch;
} play;

static void play_report(Action *a)
{
        if (play.silent)
                return;
        if (play.by_fetch)
                action_report_fetch(a, &play.answer);
        else
                action_report(a, play.result, "%s", play.message);
}

static void play_apply(Action *a)
{
        CHECK(*(const int *) a->state == 0); /* zeroed */
        play.applied++;
        play_report(a);
}

static void play_query(Action *a)
{
        play.asked++;
        play_report(a);
}

static void play_stop(Action *a)
{
        play.stopped++;
}

static const ActionType action_play = {
                .name = "play",
                .size = sizeof(int),
                .timeout_usec = 200 * USEC_PER_MSEC,
                .apply = play_apply,
                .query = play_query,
                .stop = play_stop,
};

static void play_with(ActionResult result, const char *message)
{
        memset(&play, 0, sizeof(play));
        play.result = result;
        play.message = message;
}

TEST(every_type_of_the_list_is_found_by_its_name)
{
        static const char *const names[] = {"payment-mode", "status-page", "alert", "exec", "http"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const ActionType *type = action_type_find(names[i]);
                CHECK(type && streq(type->name, names[i]));
                CHECK(type->help && type->apply && type->target && type->fields && type->conf_size > 0);
                CHECK(type->event || type->query); /* a state action can be asked */
        }
        CHECK(!action_type_find("smtp"));
        CHECK(!action_type_find(""));
}

TEST(report_from_within_the_start_comes_from_the_loop_once)
{
        Rig rig;
        ActionFacts facts = rig_facts();

        rig_open(&rig);
        play_with(ACTION_DONE, "well");
        CHECK_INT(rig_run(&rig, &action_play, NULL, &facts, false), ACTION_DONE);
        CHECK_STR(rig.message, "well");
        CHECK_INT(play.applied, 1);
        CHECK_INT(play.asked, 0);
        CHECK_INT(play.stopped, 1);

        play_with(ACTION_MISSING, "not so");
        CHECK_INT(rig_run(&rig, &action_play, NULL, &facts, true), ACTION_MISSING);
        CHECK_INT(play.asked, 1);
        CHECK_INT(play.applied, 0);
        CHECK_INT(play.stopped, 1);
        rig_close(&rig);
}

TEST(silence_is_a_retry_at_the_deadline)
{
        Rig rig;
        ActionFacts facts = rig_facts();

        rig_open(&rig);
        play_with(ACTION_DONE, "");
        play.silent = true;
        uint64_t began = clock_boot_usec();
        CHECK_INT(rig_run(&rig, &action_play, NULL, &facts, false), ACTION_RETRY);
        CHECK_STR(rig.message, "no answer in 200 ms");
        CHECK(clock_boot_usec() - began >= 200 * USEC_PER_MSEC);
        CHECK_INT(play.stopped, 1);
        rig_close(&rig);
}

TEST(freed_action_is_stopped_and_says_nothing)
{
        Rig rig;
        ActionFacts facts = rig_facts();

        rig_open(&rig);
        for (int silent = 0; silent < 2; silent++) {
                Action *a;
                play_with(ACTION_DONE, "");
                play.silent = silent;
                CHECK_INT(action_start(&rig.context, &action_play, NULL, &facts, false, on_rig_done, &rig,
                                       &a),
                          0);
                action_free(a);
                CHECK_INT(play.stopped, 1);
                for (int i = 0; i < 3; i++)
                        CHECK(sd_event_run(rig.event, 1000) >= 0);
                CHECK_INT(rig.reports, 0);
        }
        rig_close(&rig);
}

static void on_done_free(Action *a, ActionResult result, const char *message, void *userdata)
{
        *(bool *) userdata = true;
        action_free(a);
}

TEST(action_may_be_freed_by_its_own_report)
{
        Rig rig;
        ActionFacts facts = rig_facts();

        rig_open(&rig);
        for (int silent = 0; silent < 2; silent++) { /* by a report, and by the deadline */
                Action *a;
                bool done = false;
                play_with(ACTION_DONE, "");
                play.silent = silent;
                CHECK_INT(action_start(&rig.context, &action_play, NULL, &facts, false, on_done_free, &done,
                                       &a),
                          0);
                rig_turn(&rig, &done, "report");
                CHECK_INT(play.stopped, 1);
        }
        rig_close(&rig);
}

TEST(message_is_one_visible_line)
{
        Rig rig;
        ActionFacts facts = rig_facts();

        rig_open(&rig);
        play_with(ACTION_RETRY, NASTY);
        rig_run(&rig, &action_play, NULL, &facts, false);
        CHECK(!strpbrk(rig.message, "\r\n\x1b\xff") && !strstr(rig.message, NASTY_BIDI));
        CHECK(strstr(rig.message, "\\n") && strstr(rig.message, "\\x1b") && strstr(rig.message, "\\u202e"));
        rig_close(&rig);
}

TEST(http_answers_mean_done_retry_or_never)
{
        static const struct {
                unsigned status;
                ActionResult result;
        } cases[] = {{200, ACTION_DONE},  {202, ACTION_DONE},      {204, ACTION_DONE},
                     {301, ACTION_RETRY}, {400, ACTION_PERMANENT}, {401, ACTION_RETRY},
                     {403, ACTION_RETRY}, {404, ACTION_RETRY},     {405, ACTION_PERMANENT},
                     {408, ACTION_RETRY}, {410, ACTION_PERMANENT}, {422, ACTION_PERMANENT},
                     {425, ACTION_RETRY}, {429, ACTION_RETRY},     {500, ACTION_RETRY},
                     {503, ACTION_RETRY}, {599, ACTION_RETRY}};
        Rig rig;
        ActionFacts facts = rig_facts();

        rig_open(&rig);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                play_with(ACTION_DONE, "");
                play.by_fetch = true;
                play.answer = (FetchResult){
                                .status = cases[i].status, .message = "", .body = "", .retry_after = ""};
                CHECK_INT(rig_run(&rig, &action_play, NULL, &facts, false), cases[i].result);
                CHECK_INT(rig.retry_after_usec, 0);
        }
        play.answer = (FetchResult){
                        .error = FETCH_REFUSED, .message = "refused by 127.0.0.1:1", .retry_after = ""};
        CHECK_INT(rig_run(&rig, &action_play, NULL, &facts, false), ACTION_RETRY);
        CHECK_STR(rig.message, "refused by 127.0.0.1:1");
        rig_close(&rig);
}

static uint64_t pause_of(Rig *rig, const char *retry_after)
{
        ActionFacts facts = rig_facts();

        play_with(ACTION_DONE, "");
        play.by_fetch = true;
        play.answer = (FetchResult){.status = 429, .message = "", .body = "", .retry_after = retry_after};
        CHECK_INT(rig_run(rig, &action_play, NULL, &facts, false), ACTION_RETRY);
        return rig->retry_after_usec;
}

TEST(retry_after_is_taken_in_seconds_and_as_a_date_within_a_day)
{
        char date[64];
        Rig rig;

        rig_open(&rig);
        CHECK_INT(pause_of(&rig, "120"), 120 * USEC_PER_SEC);
        CHECK_INT(pause_of(&rig, "0"), 0);
        CHECK_INT(pause_of(&rig, "99999999"), USEC_PER_DAY);
        CHECK_INT(pause_of(&rig, "99999999999999999999999999"), USEC_PER_DAY);
        CHECK_INT(pause_of(&rig, "-5"), 0);
        CHECK_INT(pause_of(&rig, "soon"), 0);
        CHECK_INT(pause_of(&rig, "12 parsecs"), 0);
        CHECK_INT(pause_of(&rig, "Sun, 06 Nov 1994 08:49:37 GMT"), 0);

        time_t then = time(NULL) + 300;
        struct tm tm;
        strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &tm));
        uint64_t pause = pause_of(&rig, date);
        CHECK(pause > 290 * USEC_PER_SEC && pause <= 300 * USEC_PER_SEC);
        rig_close(&rig);
}

MAIN()
