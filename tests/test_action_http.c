/* SPDX-License-Identifier: MIT */
/* http: what is sent, and what the answer means, with a real receiver. */
#include "tests/action_rig.h"

extern const ActionType action_http;

static ActionResult run(Rig *rig, const Receiver *receiver, const char *more, const ActionFacts *facts)
{
        _cleanup_free_ char *yaml = string_printf("url: http://127.0.0.1:%u/hook/s3cret?key=canary\n%s",
                                                  receiver->port, more);
        void *conf = rig_conf(&action_http, yaml);
        ActionResult result = rig_run(rig, &action_http, conf, facts, false);

        rig_conf_free(&action_http, conf);
        return result;
}

TEST(document_says_what_changed)
{
        ActionFacts facts = rig_facts();
        Receiver receiver;
        Rig rig;

        rig_open(&rig);
        receiver_open(&receiver);
        CHECK_INT(run(&rig, &receiver, "", &facts), ACTION_DONE);
        CHECK(strncmp(receiver.head, "POST /hook/s3cret?key=canary HTTP/1.1\r\n", 39) == 0);
        check_header(&receiver, "Content-Type", "application/json");
        check_header(&receiver, "Idempotency-Key", "\"01JCHANGE0000000000000000A\"");
        json_t *j = receiver_json(&receiver);
        check_json(j, "type", "change");
        check_json(j, "id", "01JCHANGE0000000000000000A");
        check_json(j, "timestamp", "2026-11-20T09:00:00.123Z");
        check_json(j, "data.node.id", "my-shop");
        check_json(j, "data.mode", "crypto");
        check_json(j, "data.from", "primary");
        check_json(j, "data.payment", "crypto");
        check_json(j, "data.checkout", "cryptoCheckout");
        check_json(j, "data.cause", "payment-api down: HTTP 503 (3 of 5)");
        check_json(j, "data.since", "2026-11-20T08:59:45.123Z");
        CHECK(json_is_false(json_at(j, "data.first")) && json_is_true(json_at(j, "data.automatic")));
        json_decref(j);
        receiver_close(&receiver);
        rig_close(&rig);
}

TEST(own_body_method_headers_and_token_are_sent_as_they_are)
{
        ActionFacts facts = rig_facts();
        Receiver receiver;
        Rig rig;

        rig_open(&rig);
        receiver_open(&receiver);
        rig_write(&rig, "token", "tok-123\n", 0600);
        CHECK_INT(run(&rig, &receiver,
                      "method: PUT\nbody: 'mode=${FAILOVER_MODE} %s'\nbearer_file: token\n"
                      "headers: {X-Shop: mine, Content-Type: text/x-mine}\n",
                      &facts),
                  ACTION_DONE);
        CHECK(strncmp(receiver.head, "PUT ", 4) == 0);
        CHECK_STR(receiver.body, "mode=${FAILOVER_MODE} %s"); /* no template */
        check_header(&receiver, "X-Shop", "mine");
        check_header(&receiver, "Content-Type", "text/x-mine");
        check_header(&receiver, "Authorization", "Bearer tok-123");

        CHECK_INT(run(&rig, &receiver, "method: GET\n", &facts), ACTION_DONE);
        CHECK(strncmp(receiver.head, "GET ", 4) == 0);
        CHECK_INT(receiver.body_size, 0);
        receiver_close(&receiver);
        rig_close(&rig);
}

TEST(answers_decide_what_happens_next)
{
        ActionFacts facts = rig_facts();
        Receiver receiver;
        Rig rig;

        rig_open(&rig);
        receiver_open(&receiver);
        receiver.status = 500;
        CHECK_INT(run(&rig, &receiver, "", &facts), ACTION_RETRY);
        CHECK_STR(rig.message, "HTTP 500");
        receiver.status = 400;
        CHECK_INT(run(&rig, &receiver, "", &facts), ACTION_PERMANENT);
        receiver.headers = "Retry-After: 90\r\n";
        receiver.status = 429;
        CHECK_INT(run(&rig, &receiver, "", &facts), ACTION_RETRY);
        CHECK_INT(rig.retry_after_usec, 90 * USEC_PER_SEC);
        receiver.headers = NULL;
        receiver.status = 0;
        CHECK_INT(run(&rig, &receiver, "timeout: 300ms\n", &facts), ACTION_RETRY);

        receiver.status = 409;
        CHECK_INT(run(&rig, &receiver, "expect_status: [200, 409]\n", &facts), ACTION_DONE);
        receiver.status = 204;
        CHECK_INT(run(&rig, &receiver, "expect_status: 200\n", &facts), ACTION_RETRY);
        CHECK_STR(rig.message, "HTTP 204, which is not among expect_status");
        receiver_close(&receiver);
        CHECK_INT(run(&rig, &receiver, "", &facts), ACTION_RETRY); /* nobody listens */
        CHECK(!strstr(rig.message, "canary"));
        rig_close(&rig);
}

TEST(unreadable_token_sends_nothing_and_is_tried_again)
{
        ActionFacts facts = rig_facts();
        Receiver receiver;
        Rig rig;

        rig_open(&rig);
        receiver_open(&receiver);
        CHECK_INT(run(&rig, &receiver, "bearer_file: token\n", &facts), ACTION_RETRY);
        CHECK(strstr(rig.message, "token"));
        rig_write(&rig, "token", "tok-123", 0644);
        CHECK_INT(run(&rig, &receiver, "bearer_file: token\n", &facts), ACTION_RETRY);
        CHECK(!strstr(rig.message, "tok-123"));
        CHECK_INT(receiver.count, 0);
        receiver_close(&receiver);
        rig_close(&rig);
}

TEST(foreign_text_in_the_document_is_visible_and_one_line)
{
        ActionFacts facts = rig_facts();
        Receiver receiver;
        Rig rig;

        rig_open(&rig);
        receiver_open(&receiver);
        facts.cause = facts.message = facts.node_name = NASTY;
        CHECK_INT(run(&rig, &receiver, "", &facts), ACTION_DONE);
        json_t *j = receiver_json(&receiver);
        const char *paths[] = {"data.cause", "data.message", "data.node.name"};
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                const char *s = json_string_value(json_at(j, paths[i]));
                CHECK(s && !strpbrk(s, "\r\n\x1b") && !strstr(s, NASTY_BIDI) && strstr(s, "\\xff"));
        }
        CHECK(!strstr(receiver.head, "X-Evil"));
        json_decref(j);
        receiver_close(&receiver);
        rig_close(&rig);
}

TEST(nonsense_is_refused_and_targets_show_no_secret)
{
        _cleanup_free_ char *target = NULL;
        Error e = {0};
        Rig rig;

        rig_open(&rig);
        rig_refused(&action_http, "method: POST", "url");
        rig_refused(&action_http, "url: ftp://x.example/", "url");
        rig_refused(&action_http, "url: http://x.example/\nmethod: post", "method");
        rig_refused(&action_http, "url: http://x.example/\nexpect_status: [1000]", "1000");
        rig_refused(&action_http, "url: http://x.example/\nheaders: {\"X A\": b}", "X A");
        rig_refused(&action_http, "url: http://x.example/\nheaders: {X-A: \"b\\r\\nX-B: c\"}",
                    "control character");
        rig_refused(&action_http, "url: http://x.example/\nheaders: {content-length: 5}",
                    "content-length is set by the client");

        void *conf = rig_conf(&action_http,
                              "url: https://hooks.example:8443/T0/s3cret?key=canary\nbearer_file: gone");
        CHECK_INT(action_http.target(conf, &target), 0);
        CHECK_STR(target, "https://hooks.example:8443");
        CHECK(action_http.verify(conf, rig.folder, &e) < 0);
        CHECK(strstr(e.text, "gone"));
        rig_conf_free(&action_http, conf);
        rig_close(&rig);
}

TEST(our_own_shortage_is_a_retry)
{
        ActionFacts facts = rig_facts();
        Receiver receiver;
        Rig rig;

        rig_open(&rig);
        receiver_open(&receiver);
        rig_write(&rig, "token", "t0ken\n", 0600);
        _cleanup_free_ char *yaml = string_printf(
                        "{url: \"http://127.0.0.1:%u/hook\", bearer_file: token, headers: {X-Shop: a}}",
                        receiver.port);
        void *conf = rig_conf(&action_http, yaml);
        rig_run_scarce(&rig, &action_http, conf, &facts, false, NULL, NULL);
        rig_conf_free(&action_http, conf);
        receiver_close(&receiver);
        rig_close(&rig);
}

MAIN()
