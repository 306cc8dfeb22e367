/* SPDX-License-Identifier: MIT */
/* alert: each format as its receivers document it, signatures, and foreign text in every place where it ends up. */
#include "tests/action_rig.h"

#include "actions/alert.h"
#include "base/sign.h"

#include <signal.h>
#include <sys/wait.h>

extern const ActionType action_alert;

typedef struct Bench {
        Rig rig;
        Receiver receiver;
} Bench;

static void bench_open(Bench *b)
{
        rig_open(&b->rig);
        receiver_open(&b->receiver);
}

static void bench_close(Bench *b)
{
        receiver_close(&b->receiver);
        rig_close(&b->rig);
}

static ActionResult run(Bench *b, const char *format, const char *more, const ActionFacts *facts)
{
        _cleanup_free_ char *yaml =
                        string_printf("webhook: {url: \"http://127.0.0.1:%u/hook\", format: %s%s}",
                                      b->receiver.port, format, more);
        void *conf = rig_conf(&action_alert, yaml);
        ActionResult result = rig_run(&b->rig, &action_alert, conf, facts, false);

        rig_conf_free(&action_alert, conf);
        return result;
}

static ActionFacts alert_facts(ActionKind kind)
{
        ActionFacts facts = rig_facts();

        facts.kind = kind;
        facts.id = kind == ACTION_RAISED ? "01JALERT00000000000000000A:raised"
                                         : "01JALERT00000000000000000A:cleared";
        facts.alert = "fallback-not-ready:crypto";
        facts.severity = "warning";
        facts.summary = "The fallback crypto has not been ready for 10 min";
        facts.details = "Nothing was switched.\nWhat you can do: look at btcpay, before it is needed.";
        facts.mode = "primary";
        facts.first = true;
        return facts;
}

static void check_contains(const char *text, const char *part)
{
        if (text && strstr(text, part))
                return;
        fprintf(stderr, "\"%s\" is not in:\n%s\n", part, text ? text : "(null)");
        exit(1);
}

TEST(signature_matches_the_published_vector)
{
        static const char body[] = "{\"test\": 2432232314}";
        _cleanup_free_ char *s = NULL;

        CHECK_INT(alert_sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                             1614265330, body, strlen(body), &s),
                  0);
        CHECK_STR(s, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        CHECK_INT(alert_sign("whsec_", "m", 1, "", 0, &s), -EINVAL);
        CHECK_INT(alert_sign("whsec_***", "m", 1, "", 0, &s), -EINVAL);
        CHECK_INT(alert_sign("", "m", 1, "", 0, &s), -EINVAL);
}

TEST(every_format_is_signed_when_there_is_a_secret)
{
        static const char *const formats[] = {"alertmanager", "slack", "ntfy", "json"};
        ActionFacts facts = rig_facts();
        Bench b;

        bench_open(&b);
        rig_write(&b.rig, "hook.secret", "a raw secret\n", 0600);
        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                char stamp[64], signature[128];
                _cleanup_free_ char *wanted = NULL;
                CHECK_INT(run(&b, formats[i], ", secret_file: hook.secret", &facts), ACTION_DONE);
                check_header(&b.receiver, "webhook-id", facts.id);
                CHECK(receiver_header(&b.receiver, "webhook-timestamp", stamp, sizeof(stamp)));
                CHECK(receiver_header(&b.receiver, "webhook-signature", signature, sizeof(signature)));
                CHECK(labs(atol(stamp) - (long) time(NULL)) < 30);
                CHECK_INT(alert_sign("a raw secret", facts.id, strtoull(stamp, NULL, 10), b.receiver.body,
                                     b.receiver.body_size, &wanted),
                          0);
                CHECK_STR(signature, wanted);
                CHECK(!strstr(b.receiver.head, "a raw secret") && !strstr(b.receiver.body, "a raw secret"));

                CHECK_INT(run(&b, formats[i], "", &facts), ACTION_DONE);
                CHECK(!receiver_header(&b.receiver, "webhook-signature", signature, sizeof(signature)));
                check_header(&b.receiver, "webhook-id", facts.id); /* to drop doubles */
        }
        bench_close(&b);
}

static void check_alertmanager_shape(const json_t *j, const char *status)
{
        static const char *const strings[] = {"version", "groupKey", "status", "receiver", "externalURL"};
        static const char *const objects[] = {"groupLabels", "commonLabels", "commonAnnotations"};
        static const char *const labels[] = {"alertname", "severity", "node", "mode"};
        char fingerprint[64];
        uint64_t usec;

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                CHECK(json_is_string(json_object_get(j, strings[i])));
        for (size_t i = 0; i < ELEMENTSOF(objects); i++)
                CHECK(json_is_object(json_object_get(j, objects[i])));
        check_json(j, "version", "4");
        check_json(j, "status", status);
        CHECK_INT(json_integer_value(json_object_get(j, "truncatedAlerts")), 0);
        CHECK_INT(json_array_size(json_object_get(j, "alerts")), 1);
        check_json(j, "alerts.0.status", status);
        for (size_t i = 0; i < ELEMENTSOF(labels); i++) {
                char path[64];
                snprintf(path, sizeof(path), "alerts.0.labels.%s", labels[i]);
                CHECK(json_is_string(json_at(j, path)));
        }
        CHECK(json_is_string(json_at(j, "alerts.0.annotations.summary")));
        CHECK(json_is_string(json_at(j, "alerts.0.annotations.description")));
        CHECK(json_is_string(json_at(j, "alerts.0.generatorURL")));
        CHECK_INT(timestamp_parse(json_string_value(json_at(j, "alerts.0.startsAt")), &usec), 0);
        if (streq(status, "resolved"))
                CHECK_INT(timestamp_parse(json_string_value(json_at(j, "alerts.0.endsAt")), &usec), 0);
        snprintf(fingerprint, sizeof(fingerprint), "%s",
                 json_string_value(json_at(j, "alerts.0.fingerprint")));
        CHECK_INT(strlen(fingerprint), 16);
        CHECK_INT(strspn(fingerprint, "0123456789abcdef"), 16);
}

TEST(alertmanager_payload_has_the_documented_shape_and_its_end_matches_its_beginning)
{
        ActionFacts facts = rig_facts();
        Bench b;

        bench_open(&b);
        CHECK_INT(run(&b, "alertmanager", "", &facts), ACTION_DONE);
        check_header(&b.receiver, "Content-Type", "application/json");
        json_t *began = receiver_json(&b.receiver);
        check_alertmanager_shape(began, "firing");
        check_json(began, "alerts.0.labels.alertname", "ShopOnFallback");
        check_json(began, "alerts.0.labels.node", "my-shop");
        check_json(began, "alerts.0.labels.mode", "crypto");
        check_json(began, "alerts.0.labels.severity", "critical");
        check_json(began, "alerts.0.startsAt", "2026-11-20T08:59:45.123Z");
        check_json(began, "alerts.0.endsAt", "0001-01-01T00:00:00Z");
        check_json(began, "groupKey", "{}:{alertname=\"ShopOnFallback\", node=\"my-shop\"}");
        check_json(began, "externalURL", "https://shop.example");

        facts.first = true;
        facts.mode = facts.payment = "primary";
        facts.from = "crypto";
        facts.at_usec += 12 * USEC_PER_MIN;
        CHECK_INT(run(&b, "alertmanager", "", &facts), ACTION_DONE);
        json_t *ended = receiver_json(&b.receiver);
        check_alertmanager_shape(ended, "resolved");
        check_json(ended, "alerts.0.endsAt", "2026-11-20T09:12:00.123Z");
        CHECK(json_equal(json_at(began, "alerts.0.labels"), json_at(ended, "alerts.0.labels")));
        CHECK(json_equal(json_at(began, "alerts.0.fingerprint"), json_at(ended, "alerts.0.fingerprint")));
        CHECK(json_equal(json_at(began, "groupKey"), json_at(ended, "groupKey")));
        json_decref(began);
        json_decref(ended);
        bench_close(&b);
}

TEST(alerts_that_are_no_changes_fire_and_resolve_as_one)
{
        ActionFacts facts = alert_facts(ACTION_RAISED);
        Bench b;

        bench_open(&b);
        CHECK_INT(run(&b, "alertmanager", "", &facts), ACTION_DONE);
        json_t *began = receiver_json(&b.receiver);
        check_alertmanager_shape(began, "firing");
        check_json(began, "alerts.0.labels.alertname", "fallback-not-ready:crypto");
        check_json(began, "alerts.0.labels.severity", "warning");
        check_contains(json_string_value(json_at(began, "alerts.0.annotations.description")),
                       "look at btcpay");

        facts = alert_facts(ACTION_CLEARED);
        facts.mode = "crypto"; /* it may have switched since */
        CHECK_INT(run(&b, "alertmanager", "", &facts), ACTION_DONE);
        json_t *ended = receiver_json(&b.receiver);
        check_alertmanager_shape(ended, "resolved");
        CHECK(json_equal(json_at(began, "alerts.0.fingerprint"), json_at(ended, "alerts.0.fingerprint")));
        CHECK(json_equal(json_at(began, "groupKey"), json_at(ended, "groupKey")));
        json_decref(began);
        json_decref(ended);
        bench_close(&b);
}

TEST(words_say_what_since_when_what_was_done_and_what_can_be_done)
{
        ActionFacts facts = rig_facts();
        _cleanup_alert_message_ AlertMessage fell = {0}, back = {0}, asked = {0}, raised = {0}, cleared = {0},
                                             test = {0};

        CHECK_INT(alert_message_make(&facts, &fell), 0);
        CHECK_STR(fell.title,
                  "[My Shop] Switched from primary to crypto: payment-api down: HTTP 503 (3 of 5)");
        CHECK_STR(fell.body, "What happened: My Shop switched from primary to crypto at 2026-11-20 09:00:00 "
                             "UTC: payment-api down: "
                             "HTTP 503 (3 of 5).\n"
                             "Since: 2026-11-20 08:59:45 UTC, 15 s before the switch.\n"
                             "Done: buyers now check out by crypto (route cryptoCheckout) and read: Using "
                             "backup payment system. All "
                             "books still available.\n"
                             "What you can do: mend the cause; the shop returns by itself once all is well "
                             "again. failoverctl "
                             "force-primary returns at once. failoverctl explain 01JCHANGE0000000000000000A "
                             "shows the evidence.");
        CHECK(fell.firing && streq(fell.severity, "critical"));

        facts.automatic = facts.durable = false;
        CHECK_INT(alert_message_make(&facts, &asked), 0);
        check_contains(asked.body, "because an operator asked for it");
        check_contains(asked.body, "Not saved: ");
        check_contains(asked.body, "failoverctl auto lets the probes decide again");

        facts = rig_facts();
        facts.first = true;
        facts.from = "crypto";
        facts.mode = facts.payment = "primary";
        facts.checkout = "checkout";
        facts.message = "";
        facts.cause = "all probes of primary up for 5 min";
        CHECK_INT(alert_message_make(&facts, &back), 0);
        CHECK_STR(back.title, "[My Shop] Back on primary: all probes of primary up for 5 min");
        check_contains(back.body, "buyers check out as usual again (payment primary, route checkout)");
        CHECK(!back.firing && streq(back.severity, "info"));

        facts = alert_facts(ACTION_RAISED);
        CHECK_INT(alert_message_make(&facts, &raised), 0);
        CHECK_STR(raised.title, "[My Shop] The fallback crypto has not been ready for 10 min");
        check_contains(raised.body, "Since: 2026-11-20 08:59:45 UTC");
        check_contains(raised.body,
                       "\nNothing was switched.\nWhat you can do: look at btcpay, before it is needed.");

        facts = alert_facts(ACTION_CLEARED);
        facts.details = "";
        CHECK_INT(alert_message_make(&facts, &cleared), 0);
        check_contains(cleared.title, "Resolved: The fallback crypto");
        CHECK(!cleared.firing);

        facts = rig_facts();
        facts.kind = ACTION_TEST;
        CHECK_INT(alert_message_make(&facts, &test), 0);
        CHECK_STR(test.title, "[My Shop] Test: this channel works");
        check_contains(test.body, "nothing is wrong");
}

TEST(slack_text_is_escaped_and_calls_nobody)
{
        ActionFacts facts = rig_facts();
        Bench b;

        bench_open(&b);
        facts.cause = NASTY " @Channel <@U123> &lt; \xf0\x9f\x98\x80";
        CHECK_INT(run(&b, "slack", "", &facts), ACTION_DONE);
        check_header(&b.receiver, "Content-Type", "application/json");
        json_t *j = receiver_json(&b.receiver);
        const char *text = json_string_value(json_object_get(j, "text"));
        CHECK(text && !strpbrk(text, "<>\r\x1b") && !strstr(text, NASTY_BIDI));
        check_contains(text, "&lt;script&gt;");
        check_contains(text, "&lt;!channel&gt;");
        check_contains(text, "&amp;lt;");
        check_contains(text, "@ Channel");
        check_contains(text, "@ here");
        check_contains(text, "\xf0\x9f\x98\x80");
        CHECK(json_is_false(json_object_get(j, "mrkdwn")));
        json_decref(j);
        bench_close(&b);
}

static char *repeated(const char *s, size_t n)
{
        Text t = {0};
        char *all;

        while (n-- > 0)
                text_add_string(&t, s);
        CHECK_INT(text_take(&t, &all), 0);
        return all;
}

/* RFC 2047's encoded words back to text; every word at most 75 characters. */
static void decode_words(const char *header, char *ret, size_t size)
{
        size_t used = 0;

        for (const char *at = header; *at;) {
                char base64[80];
                size_t word = strcspn(at, " "), n;
                CHECK(word <= 75 && strncmp(at, "=?UTF-8?B?", 10) == 0 &&
                      strncmp(at + word - 2, "?=", 2) == 0);
                snprintf(base64, sizeof(base64), "%.*s", (int) word - 12, at + 10);
                CHECK_INT(base64_decode(base64, ret + used, size - used - 1, &n), 0);
                used += n;
                at += word + (at[word] == ' ');
        }
        ret[used] = '\0';
}

TEST(ntfy_headers_are_plain_ascii_whatever_the_title_holds)
{
        ActionFacts facts = rig_facts();
        char title[2048], decoded[2048];
        Bench b;

        bench_open(&b);
        CHECK_INT(run(&b, "ntfy", "", &facts), ACTION_DONE);
        check_header(&b.receiver, "Title",
                     "[My Shop] Switched from primary to crypto: payment-api down: HTTP 503 (3 of 5)");
        check_header(&b.receiver, "Priority", "urgent");
        check_header(&b.receiver, "Tags", "rotating_light");
        check_header(&b.receiver, "Click", "https://shop.example");
        CHECK(strncmp(b.receiver.body, "What happened: ", 15) == 0);

        facts.node_name = "Caf\xc3\xa9 \xf0\x9f\x93\x9a";
        facts.cause = NASTY;
        facts.node_url = "https://x.example/\r\nX-Evil: 1";
        CHECK_INT(run(&b, "ntfy", "", &facts), ACTION_DONE);
        CHECK(!strstr(b.receiver.head, "X-Evil: 1"));
        for (const char *c = b.receiver.head; *c; c++)
                CHECK((unsigned char) *c < 0x7f && (*c >= 0x20 || *c == '\r' || *c == '\n'));
        CHECK(!receiver_header(&b.receiver, "Click", title, sizeof(title)));
        CHECK(receiver_header(&b.receiver, "Title", title, sizeof(title)));
        decode_words(title, decoded, sizeof(decoded));
        CHECK(strncmp(decoded, "[Caf\xc3\xa9 \xf0\x9f\x93\x9a] Switched from", 26) == 0);
        CHECK(!strpbrk(decoded, "\r\n\x1b") && !strstr(decoded, NASTY_BIDI));

        facts = rig_facts();
        facts.node_name = "=?UTF-8?B?WC1FdmlsOiAx?="; /* would be decoded if it stood as it is */
        CHECK_INT(run(&b, "ntfy", "", &facts), ACTION_DONE);
        CHECK(receiver_header(&b.receiver, "Title", title, sizeof(title)));
        decode_words(title, decoded, sizeof(decoded));
        check_contains(decoded, "[=?UTF-8?B?WC1FdmlsOiAx?=]");

        facts = alert_facts(ACTION_CLEARED);
        CHECK_INT(run(&b, "ntfy", "", &facts), ACTION_DONE);
        check_header(&b.receiver, "Priority", "default");
        check_header(&b.receiver, "Tags", "white_check_mark");
        bench_close(&b);
}

TEST(long_texts_are_cut_between_characters)
{
        _cleanup_free_ char *euros = repeated("\xe2\x82\xac", 20000);
        ActionFacts facts = rig_facts();
        char title[4096], decoded[4096];
        Text check = {0};
        Bench b;

        bench_open(&b);
        facts.cause = euros;
        CHECK_INT(run(&b, "ntfy", "", &facts), ACTION_DONE);
        CHECK(b.receiver.body_size <= 4000);
        text_add_plain(&check, strstr(b.receiver.body, "\xe2\x82\xac"), 0);
        CHECK(check.data && !strstr(check.data, "\\x"));
        text_clear(&check);
        CHECK(receiver_header(&b.receiver, "Title", title, sizeof(title)));
        decode_words(title, decoded, sizeof(decoded));
        text_add_plain(&check, decoded, 0);
        CHECK(check.data && !strstr(check.data, "\\x"));
        text_clear(&check);

        CHECK_INT(run(&b, "slack", "", &facts), ACTION_DONE);
        CHECK(b.receiver.body_size < 10000);
        json_decref(receiver_json(&b.receiver));
        bench_close(&b);
}

TEST(json_document_names_its_type_and_carries_words_and_facts)
{
        ActionFacts facts = rig_facts();
        Bench b;

        bench_open(&b);
        facts.cause = NASTY;
        CHECK_INT(run(&b, "json", ", headers: {Authorization: Bearer abc}", &facts), ACTION_DONE);
        check_header(&b.receiver, "Authorization", "Bearer abc");
        json_t *j = receiver_json(&b.receiver);
        check_json(j, "type", "change");
        check_json(j, "id", facts.id);
        check_json(j, "timestamp", "2026-11-20T09:00:00.123Z");
        check_json(j, "data.mode", "crypto");
        check_json(j, "data.node.url", "https://shop.example");
        const char *places[] = {"data.cause", "data.title"};
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                const char *s = json_string_value(json_at(j, places[i]));
                CHECK(s && !strpbrk(s, "\r\n\x1b") && !strstr(s, NASTY_BIDI));
        }
        json_decref(j);

        const struct {
                ActionKind kind;
                const char *type;
        } kinds[] = {{ACTION_RAISED, "alert.raised"},
                     {ACTION_CLEARED, "alert.cleared"},
                     {ACTION_TEST, "test"}};
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                facts = alert_facts(kinds[i].kind);
                CHECK_INT(run(&b, "json", "", &facts), ACTION_DONE);
                j = receiver_json(&b.receiver);
                check_json(j, "type", kinds[i].type);
                if (kinds[i].kind != ACTION_TEST) {
                        check_json(j, "data.alert", "fallback-not-ready:crypto");
                        check_json(j, "data.details", facts.details); /* its line ends stay */
                }
                json_decref(j);
        }
        bench_close(&b);
}

TEST(receivers_that_fail_are_tried_again_or_never_as_they_say)
{
        ActionFacts facts = rig_facts();
        Bench b;

        bench_open(&b);
        b.receiver.status = 500;
        CHECK_INT(run(&b, "json", "", &facts), ACTION_RETRY);
        b.receiver.status = 400;
        CHECK_INT(run(&b, "json", "", &facts), ACTION_PERMANENT);
        b.receiver.status = 404;
        CHECK_INT(run(&b, "json", "", &facts), ACTION_RETRY);
        b.receiver.status = 429;
        b.receiver.headers = "Retry-After: 7\r\n";
        CHECK_INT(run(&b, "json", "", &facts), ACTION_RETRY);
        CHECK_INT(b.rig.retry_after_usec, 7 * USEC_PER_SEC);
        b.receiver.status = 0;
        b.receiver.headers = NULL;
        uint64_t began = clock_boot_usec();
        CHECK_INT(run(&b, "json", ", timeout: 400ms", &facts), ACTION_RETRY);
        CHECK(clock_boot_usec() - began < 5 * USEC_PER_SEC);
        bench_close(&b);
}

TEST(settings_are_checked_before_they_are_needed)
{
        _cleanup_free_ char *target = NULL;
        Error e = {0};
        Rig rig;

        rig_open(&rig);
        rig_refused(&action_alert, "{}", "webhook");
        rig_refused(&action_alert,
                    "smtp: {url: 'smtp://x.example', from: a@x.example, to: b@x.example}\n"
                    "webhook: {url: 'http://x.example/', format: json}",
                    "test.yaml:1:7: an alert has either `webhook` or `smtp`");
        rig_refused(&action_alert, "webhook: {url: 'http://x.example/'}", "format");
        rig_refused(&action_alert, "webhook: {url: 'http://x.example/', format: pager}", "alertmanager");
        rig_refused(&action_alert,
                    "webhook: {url: 'http://x.example/', format: json, headers: {webhook-id: x}}",
                    "webhook-");

        void *conf = rig_conf(&action_alert,
                              "webhook: {url: 'https://hooks.slack.com/services/T0/B0/canary?t=canary', "
                              "format: slack, secret_file: hook.secret}");
        CHECK_INT(action_alert.target(conf, &target), 0);
        CHECK_STR(target, "https://hooks.slack.com");
        CHECK(action_alert.verify(conf, rig.folder, &e) < 0); /* not there */
        rig_write(&rig, "hook.secret", "whsec_***", 0600);
        CHECK(action_alert.verify(conf, rig.folder, &e) < 0);
        check_contains(e.text, "secret");
        rig_write(&rig, "hook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0644);
        CHECK(action_alert.verify(conf, rig.folder, &e) < 0); /* others can read it */
        CHECK(!strstr(e.text, "MfKQ"));
        rig_write(&rig, "hook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0600);
        CHECK_INT(action_alert.verify(conf, rig.folder, &e), 0);
        rig_conf_free(&action_alert, conf);
        CHECK(action_alert.event && action_alert.alerts);
        rig_close(&rig);
}

TEST(secret_that_is_gone_sends_nothing_unsigned)
{
        ActionFacts facts = rig_facts();
        Bench b;

        bench_open(&b);
        CHECK_INT(run(&b, "json", ", secret_file: hook.secret", &facts), ACTION_RETRY);
        check_contains(b.rig.message, "hook.secret");
        CHECK_INT(b.receiver.count, 0);
        bench_close(&b);
}

TEST(our_own_shortage_is_a_retry)
{
        static const char *const formats[] = {"alertmanager", "slack", "ntfy", "json"};
        ActionFacts facts[] = {rig_facts(), alert_facts(ACTION_RAISED), alert_facts(ACTION_CLEARED)};
        Bench b;

        bench_open(&b);
        rig_write(&b.rig, "hook.secret", "a raw secret\n", 0600);
        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                _cleanup_free_ char *yaml =
                                string_printf("webhook: {url: \"http://127.0.0.1:%u/hook\", format: %s, "
                                              "secret_file: hook.secret}",
                                              b.receiver.port, formats[i]);
                void *conf = rig_conf(&action_alert, yaml);
                for (size_t k = 0; k < ELEMENTSOF(facts); k++)
                        rig_run_scarce(&b.rig, &action_alert, conf, &facts[k], false, NULL, NULL);
                rig_conf_free(&action_alert, conf);
        }
        bench_close(&b);
}

/* --- mail, to the server that tests/parts/mail-server.py is --- */

typedef struct MailServer {
        pid_t pid;
        unsigned port;
} MailServer;

static bool mail_open(MailServer *s, const Rig *rig)
{
        _cleanup_free_ char *store = string_printf("%s/mails", rig->folder);
        _cleanup_free_ char *control = string_printf("%s/mail.sock", rig->folder);
        char line[16] = "";
        int out[2];

        CHECK_INT(pipe(out), 0);
        s->pid = fork();
        CHECK(s->pid >= 0);
        if (s->pid == 0) {
                dup2(out[1], STDOUT_FILENO);
                close(out[0]);
                close(out[1]);
                execl("/usr/bin/python3", "python3", SOURCE_DIR "/tests/parts/mail-server.py", "--control",
                      control, "--store", store, "--plain", "--login", "none", (char *) NULL);
                _exit(127);
        }
        close(out[1]);
        bool up = read(out[0], line, sizeof(line) - 1) > 0;
        close(out[0]);
        s->port = (unsigned) strtoul(line, NULL, 10);
        return up;
}

static void mail_close(MailServer *s)
{
        CHECK_INT(kill(s->pid, SIGKILL), 0);
        CHECK_INT(waitpid(s->pid, NULL, 0), s->pid);
}

TEST(our_own_shortage_is_a_retry_of_a_mail_too)
{
        ActionFacts facts = alert_facts(ACTION_RAISED);
        MailServer server;
        Rig rig;

        rig_open(&rig);
        if (!mail_open(&server, &rig)) {
                fprintf(stderr, "  left out: python3-aiosmtpd is not installed\n");
                CHECK_INT(waitpid(server.pid, NULL, 0), server.pid);
                rig_close(&rig);
                return;
        }
        _cleanup_free_ char *yaml =
                        string_printf("smtp: {url: \"smtp://127.0.0.1:%u\", from: shop@shop.example, to: "
                                      "[ops@shop.example, boss@shop.example]}",
                                      server.port);
        void *conf = rig_conf(&action_alert, yaml);
        rig_run_scarce(&rig, &action_alert, conf, &facts, false, NULL, NULL);
        facts = rig_facts();
        rig_run_scarce(&rig, &action_alert, conf, &facts, false, NULL, NULL);
        rig_conf_free(&action_alert, conf);
        mail_close(&server);
        rig_close(&rig);
}

MAIN()
