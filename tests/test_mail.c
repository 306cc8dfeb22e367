/* SPDX-License-Identifier: MIT */
/* Mail without a server: addresses, a mail's text by the letter of RFC 5322, 2045 and 2047, what a server's answers mean,
 * and the alert as a mail, hostile words in every place included. */
#include "tests/action_rig.h"

#include "actions/alert.h"
#include "base/mail_talk.h"
#include "base/mime.h"

#define BIDI    "\xe2\x80\xae"
#define ROCKET  "\xf0\x9f\x9a\x80"
#define UMLAUTS "K\xc3\xa4seh\xc3\xa4ndler"

static const MailAddress from = {.name = (char *) "", .address = (char *) "failoverd@shop.example"};

static void check_address(const char *text, const char *name, const char *address)
{
        MailAddress a = {0};
        const char *problem = NULL;

        CHECK_INT(mail_address_parse(text, &a, &problem), 0);
        CHECK_STR(a.name, name);
        CHECK_STR(a.address, address);
        mail_address_clear(&a);
}

TEST(addresses_are_read_with_and_without_a_name)
{
        check_address("ops@shop.example", "", "ops@shop.example");
        check_address("<ops@shop.example>", "", "ops@shop.example");
        check_address("My Shop <ops+alerts@shop.example>", "My Shop", "ops+alerts@shop.example");
        check_address("\"Shop, Inc.\" <o'neil@a-b.shop.example>", "Shop, Inc.", "o'neil@a-b.shop.example");
        check_address(UMLAUTS " <k@xn--ksehndler-y5a.example>", UMLAUTS, "k@xn--ksehndler-y5a.example");
        check_address("root@localhost", "", "root@localhost");
        check_address("\"a b\"@shop.example", "", "\"a b\"@shop.example");
}

TEST(what_is_no_address_or_more_than_one_is_refused)
{
        static const char *const bad[] = {
                        "",
                        "ops",
                        "@shop.example",
                        "ops@",
                        "ops@shop",
                        "ops@shop..example",
                        "ops@-shop.example",
                        "ops@shop.example.",
                        ".ops@shop.example",
                        "o..ps@shop.example",
                        "ops@[192.0.2.1]",
                        "a@b.example,c@d.example",
                        "a@b.example c@d.example",
                        "a b@shop.example",
                        "ops@shop.example\r\nBcc: x@y.example",
                        "ops@shop.example\nBcc: x@y.example",
                        "ops@shop.example>",
                        "<ops@shop.example",
                        "a@b.example> RCPT TO:<c@d.example",
                        "Shop\r\nBcc: x@y.example <ops@shop.example>",
                        "Sh<op <ops@shop.example>",
                        "\"a\"b\"@shop.example",
                        "\"a\\\"@shop.example",
                        UMLAUTS "@shop.example",
                        "ops@" UMLAUTS ".example",
                        "o\x7fps@shop.example",
        };
        char longest[400];
        MailAddress a = {0};
        const char *problem;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                problem = NULL;
                if (mail_address_parse(bad[i], &a, &problem) == 0) {
                        fprintf(stderr, "taken: %s\n", bad[i]);
                        exit(1);
                }
                CHECK(problem && *problem);
        }
        memset(longest, 'a', sizeof(longest));
        strcpy(longest + 64, "@shop.example");
        CHECK_INT(mail_address_parse(longest, &a, &problem), 0);
        mail_address_clear(&a);
        strcpy(longest + 65 - 1, "a@shop.example");
        CHECK_INT(mail_address_parse(longest, &a, &problem), -EINVAL);
}

/* Each line ends in CRLF, has 78 characters at most, and is ASCII without control characters. */
static void check_lines(const char *text)
{
        while (*text) {
                size_t size = strcspn(text, "\r\n");
                CHECK(size <= 78);
                CHECK(text[size] == '\r' && text[size + 1] == '\n');
                for (size_t i = 0; i < size; i++)
                        CHECK((text[i] >= 0x20 && text[i] < 0x7f) || text[i] == '\t');
                text += size + 2;
        }
}

static char *field(const char *name, const char *value)
{
        Text t = {0};
        char *text;

        mime_add_text(&t, name, value);
        CHECK_INT(text_take(&t, &text), 0);
        check_lines(text);
        return text;
}

static void check_field(const char *value, const char *wanted)
{
        _cleanup_free_ char *text = field("Subject", value);
        CHECK_STR(text, wanted);
}

TEST(headers_are_plain_where_they_can_be)
{
        check_field("It works", "Subject: It works\r\n");
        check_field("", "Subject: \r\n");
        check_field("A line of some words, which is longer than the seventy-eight characters of one line",
                    "Subject: A line of some words, which is longer than the seventy-eight\r\n"
                    " characters of one line\r\n");
}

TEST(headers_of_anything_else_are_encoded_words)
{
        /* By Python: base64.b64encode("Käsehändler".encode()) */
        check_field(UMLAUTS, "Subject: =?UTF-8?B?S8Okc2Vow6RuZGxlcg==?=\r\n");
        /* what would be decoded is encoded first */
        check_field("=?UTF-8?B?eA==?=", "Subject: =?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PQ==?=\r\n");
        /* spaces that folding or a reader would eat */
        check_field("a  b", "Subject: =?UTF-8?B?YSAgYg==?=\r\n");
        check_field(" a", "Subject: =?UTF-8?B?IGE=?=\r\n");
}

TEST(no_value_of_a_header_can_end_it)
{
        static const char *const values[] = {
                        "x\r\nBcc: evil@evil.example",  "x\nBcc: evil@evil.example",
                        "x\rBcc: evil@evil.example",    "x\r\n\r\nbody",
                        "x\xc2\x85y\xe2\x80\xa8z",      "\x1b[2J\x7f\x01",
                        "\xff\xfe\xc0\xaf\xed\xa0\x80",
        };

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                _cleanup_free_ char *text = field("Subject", values[i]);
                CHECK(strncmp(text, "Subject: ", 9) == 0);
                for (const char *s = strstr(text, "\r\n"); s && s[2]; s = strstr(s + 2, "\r\n"))
                        CHECK(s[2] == ' '); /* goes on, and begins no other */
                CHECK(!strstr(text, "\nBcc"));
        }
}

TEST(long_headers_are_split_between_characters)
{
        _cleanup_text_ Text long_one = {0};
        _cleanup_free_ char *text = NULL;

        for (int i = 0; i < 100; i++)
                text_add_string(&long_one, ROCKET "a");
        text = field("Subject", long_one.data);
        for (const char *s = text; (s = strstr(s, "?B?")); s++) {
                size_t size = strcspn(s + 3, "?"), n;
                _cleanup_free_ char *word = strndup(s + 3, size);
                unsigned char bytes[64];
                CHECK(size + 12 <= 75);
                CHECK_INT(base64_decode(word, bytes, sizeof(bytes), &n), 0);
                CHECK((bytes[0] & 0xc0) != 0x80); /* no word begins in the middle of one */
        }
}

static char *body(const char *text)
{
        Text t = {0};
        char *made;

        mime_add_body(&t, text);
        CHECK_INT(text_take(&t, &made), 0);
        check_lines(made);
        return made;
}

static void check_body(const char *text, const char *encoding, const char *wanted)
{
        _cleanup_free_ char *made = body(text), *line = NULL;

        line = string_printf("Content-Transfer-Encoding: %s\r\n", encoding);
        CHECK(strstr(made, line));
        CHECK_STR(strstr(made, "\r\n\r\n") + 4, wanted);
}

TEST(bodies_are_plain_or_quoted_printable)
{
        check_body("One.\n.\n..two\n", "7bit", "One.\r\n.\r\n..two\r\n");
        check_body("no line end", "7bit", "no line end\r\n");
        check_body("K\xc3\xa4se = 1\n", "quoted-printable", "K=C3=A4se =3D 1\r\n");
        check_body("-- \nx\n", "quoted-printable", "--=20\r\nx\r\n"); /* rule 3: no space at a line's end */
        check_body("From here\n", "quoted-printable", "=46rom here\r\n");
        check_body("a\r\nb\x01\n", "quoted-printable", "a=20\r\nb=20\r\n");
}

TEST(quoted_lines_are_broken_softly)
{
        char text[200];

        /* RFC 2045, 6.7, rule 5: 76 characters with the = at the end; a last line of 76 needs none */
        memset(text, '=', 100);
        strcpy(text + 100, "\n");
        _cleanup_free_ char *made = body(text);
        const char *s = strstr(made, "\r\n\r\n") + 4;
        size_t equals = 0;
        for (; *s; s += strcspn(s, "\n") + 1) {
                CHECK(strcspn(s, "\r") <= 76);
                for (size_t i = 0; s[i] != '\r' && strncmp(s + i, "=\r", 2) != 0; i += 3) {
                        CHECK(strncmp(s + i, "=3D", 3) == 0);
                        equals++;
                }
        }
        CHECK_INT(equals, 100);
}

TEST(names_in_addresses_are_atoms_quoted_or_encoded)
{
        const MailAddress list[] = {{(char *) "", (char *) "a@b.example"},
                                    {(char *) "My Shop", (char *) "c@d.example"},
                                    {(char *) "Shop, Inc. \"x\"", (char *) "e@f.example"},
                                    {(char *) UMLAUTS, (char *) "g@h.example"},
                                    {0}};
        _cleanup_text_ Text t = {0};

        mime_add_addresses(&t, "To", list);
        CHECK_STR(t.data, "To: a@b.example,\r\n My Shop <c@d.example>,\r\n"
                          " \"Shop, Inc. \\\"x\\\"\" <e@f.example>,\r\n"
                          " =?UTF-8?B?S8Okc2Vow6RuZGxlcg==?= <g@h.example>\r\n");
}

TEST(dates_and_ids_are_as_the_rfc_has_them)
{
        _cleanup_text_ Text t = {0};

        mime_add_date(&t, "Date", RIG_AT);
        mime_add_id(&t, "Message-ID", "01JA:raised> x\r\n", "shop.example");
        CHECK_STR(t.data, "Date: Fri, 20 Nov 2026 09:00:00 +0000\r\n"
                          "Message-ID: <01JA-raised--x--@shop.example>\r\n");
}

/* What a server says */

static int feed(MailReader *r, const char *data, const MailReply **ret)
{
        size_t taken;
        return mail_reader_feed(r, data, strlen(data), &taken, ret);
}

TEST(answers_come_in_any_pieces)
{
        static const char answer[] = "250-first\r\n250-second line\r\n250 last\r\n";
        MailReader r = {0};
        const MailReply *reply = NULL;

        for (size_t i = 0; i + 1 < strlen(answer); i++) {
                char byte[2] = {answer[i], '\0'};
                CHECK_INT(feed(&r, byte, &reply), 0);
        }
        CHECK_INT(feed(&r, "\n", &reply), 1);
        CHECK_INT(reply->code, 250);
        CHECK_STR(reply->text, "250 first second line last");
        CHECK_INT(feed(&r, "354\r\n", &reply), 1); /* no text is fine */
        CHECK_STR(reply->text, "354");
}

TEST(what_is_no_smtp_is_said_to_be_none)
{
        static const char *const bad[] = {"HTTP/1.1 400 Bad\r\n", "25\r\n", "2500 x\r\n", "650 x\r\n", "\r\n",
                                          "250-a\r\n251 b\r\n"};
        const MailReply *reply;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                MailReader r = {0};
                size_t taken = 0, n = strlen(bad[i]);
                int got = 0;
                for (size_t at = 0; at < n && got == 0; at += taken)
                        got = mail_reader_feed(&r, bad[i] + at, n - at, &taken, &reply);
                CHECK_INT(got, -EBADMSG);
        }
}

TEST(answers_without_end_end_here)
{
        MailReader r = {0};
        const MailReply *reply;
        int n = 0;

        for (int i = 0; i < 10000 && n == 0; i++)
                n = feed(&r, "250-and another line of it\r\n", &reply);
        CHECK_INT(n, -EFBIG);
        r = (MailReader){0};
        for (int i = 0, got = 0; i < 100000 && got == 0; i++)
                n = got = feed(&r, "xxxxxxxxxx", &reply);
        CHECK_INT(n, -EFBIG);
}

TEST(foreign_words_in_answers_are_one_visible_line)
{
        MailReader r = {0};
        const MailReply *reply;

        CHECK_INT(feed(&r, "550 no\x1b[2J" BIDI "\xff\rway\r\n", &reply), 1);
        CHECK(!strpbrk(reply->text, "\x1b\r\n\xff") && !strstr(reply->text, BIDI));
        CHECK(strlen(reply->text) < MAIL_REPLY_SIZE);
}

typedef struct Script {
        MailTalk talk;
        MailRecipient recipients[3];
        char said[1024]; /* commands, one a line */
} Script;

/* Plays the server's answers in order. */
static void play(Script *s, size_t n, const char *const *answers)
{
        static const char *const addresses[] = {"a@x.example", "b@x.example", "c@x.example"};

        memset(s, 0, sizeof(*s));
        s->talk = (MailTalk){.from = "f@x.example", .recipients = s->recipients, .n_recipients = n};
        for (size_t i = 0; i < n; i++)
                s->recipients[i].address = addresses[i];
        for (;;) {
                _cleanup_text_ Text command = {0};
                MailReply reply = {0};
                mail_talk_command(&s->talk, &command);
                strncat(s->said, command.data ? command.data : "(mail)\r\n",
                        sizeof(s->said) - strlen(s->said) - 1);
                if (s->talk.step == MAIL_STEP_ENDED)
                        return;
                CHECK(*answers);
                reply.code = (unsigned) atoi(*answers);
                snprintf(reply.text, sizeof(reply.text), "%s", *answers++);
                mail_talk_answer(&s->talk, &reply);
        }
}
#define PLAY(s, n, ...) play(s, n, (const char *const[]){__VA_ARGS__, NULL})

TEST(a_mail_is_handed_over_step_by_step)
{
        Script s;

        PLAY(&s, 2, "250 ok", "250 ok", "251 forwarded", "354 go", "250 queued as 1");
        CHECK_INT(s.talk.fate, MAIL_ACCEPTED);
        CHECK_STR(s.talk.reply, "250 queued as 1");
        CHECK_STR(s.said, "MAIL FROM:<f@x.example>\r\nRCPT TO:<a@x.example>\r\nRCPT TO:<b@x.example>\r\n"
                          "DATA\r\n(mail)\r\nQUIT\r\n");
}

TEST(one_refused_recipient_does_not_lose_the_others)
{
        Script s;

        PLAY(&s, 3, "250 ok", "550 nobody", "250 ok", "450 later", "354 go", "250 queued");
        CHECK_INT(s.talk.fate, MAIL_ACCEPTED);
        CHECK_INT(s.recipients[0].fate, MAIL_REFUSED);
        CHECK_STR(s.recipients[0].reply, "550 nobody");
        CHECK_INT(s.recipients[1].fate, MAIL_ACCEPTED);
        CHECK_INT(s.recipients[2].fate, MAIL_DEFERRED);
        CHECK_STR(s.recipients[2].reply, "450 later");
}

TEST(without_a_recipient_nothing_is_sent)
{
        Script s;

        PLAY(&s, 2, "250 ok", "550 a", "553 b");
        CHECK_INT(s.talk.fate, MAIL_REFUSED);
        CHECK(!strstr(s.said, "DATA"));
        PLAY(&s, 2, "250 ok", "550 a", "451 b");
        CHECK_INT(s.talk.fate, MAIL_DEFERRED);
        /* RFC 5321, 4.5.3.1.10 */
        PLAY(&s, 1, "250 ok", "552 too many recipients");
        CHECK_INT(s.talk.fate, MAIL_DEFERRED);
}

TEST(refusals_are_for_ever_but_those_of_the_login)
{
        static const struct {
                const char *answer;
                MailFate fate;
        } cases[] = {{"421 closing", MAIL_DEFERRED}, {"451 later", MAIL_DEFERRED},
                     {"452 full", MAIL_DEFERRED},    {"530 log in", MAIL_DEFERRED},
                     {"535 wrong", MAIL_DEFERRED},   {"550 no", MAIL_REFUSED},
                     {"552 large", MAIL_REFUSED},    {"554 spam", MAIL_REFUSED},
                     {"354 what?", MAIL_DEFERRED}};
        Script s;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                PLAY(&s, 1, cases[i].answer);
                CHECK_INT(s.talk.fate, cases[i].fate);
                CHECK_INT(s.recipients[0].fate, cases[i].fate);
                PLAY(&s, 1, "250 ok", "250 ok", "354 go", cases[i].answer);
                CHECK_INT(s.talk.fate, cases[i].fate);
                CHECK_INT(s.recipients[0].fate, cases[i].fate);
                if (cases[i].answer[0] == '3')
                        continue;
                PLAY(&s, 1, "250 ok", "250 ok", cases[i].answer);
                CHECK_INT(s.talk.fate, cases[i].fate);
        }
        PLAY(&s, 1, "250 ok", "250 ok", "250 not 354"); /* promises nothing */
        CHECK_INT(s.talk.fate, MAIL_DEFERRED);
        PLAY(&s, 2, "250 ok", "250 ok", "421 going down");
        CHECK_INT(s.talk.fate, MAIL_DEFERRED);
        CHECK_INT(s.recipients[0].fate, MAIL_DEFERRED);
        CHECK_INT(s.recipients[1].fate, MAIL_DEFERRED);
}

TEST(dots_are_doubled)
{
        _cleanup_text_ Text t = {0};
        static const char mail[] = "a\r\n.\r\n..b\r\nc.\r\n";

        mail_text_add(&t, mail, strlen(mail));
        CHECK_STR(t.data, "a\r\n..\r\n...b\r\nc.\r\n.\r\n");
}

TEST(what_a_server_repeats_of_a_secret_is_covered)
{
        char text[] = "500 unknown: AHVzZXIAczNjcmV0LXBhc3M= and s3cret-pass, tail cret-pass",
             whole[] = "abc x", other[] = "535 wrong";

        mail_scrub(text, "s3cret-pass");
        mail_scrub(text, "AHVzZXIAczNjcmV0LXBhc3M=");
        CHECK_STR(text, "500 unknown: ************************ and ***********, tail *********");
        mail_scrub(whole, "abc");
        CHECK_STR(whole, "*** x");
        mail_scrub(other, "s3cret-pass");
        mail_scrub(other, "");
        CHECK_STR(other, "535 wrong");
}

/* The alert as a mail */

static char *make(const ActionFacts *facts)
{
        const MailAddress to[] = {{(char *) "", (char *) "ops@shop.example"}, {0}};
        char *text;

        CHECK_INT(alert_mail_make(facts, &from, to, &text), 0);
        check_lines(text);
        return text;
}

static void check_line(const char *mail, const char *line)
{
        _cleanup_free_ char *wanted = string_printf("\n%s\r\n", line), *text = string_printf("\n%s", mail);
        if (strstr(text, wanted))
                return;
        fprintf(stderr, "no line \"%s\" in\n%s\n", line, mail);
        exit(1);
}

TEST(a_failover_and_its_end_are_one_thread)
{
        ActionFacts facts = rig_facts();
        _cleanup_free_ char *down = make(&facts), *again = make(&facts), *back = NULL;

        CHECK_STR(down, again); /* the same bytes at every attempt */
        check_line(down, "From: My Shop <failoverd@shop.example>");
        check_line(down, "To: ops@shop.example");
        check_line(down, "Subject: [My Shop] DOWN: payment-api down: HTTP 503 (3 of 5); now on crypto");
        check_line(down, "Date: Fri, 20 Nov 2026 09:00:00 +0000");
        check_line(down, "Message-ID: <01JCHANGE0000000000000000A@shop.example>");
        check_line(down, "Auto-Submitted: auto-generated");
        check_line(down, "Importance: high");
        CHECK(!strstr(down, "References:"));

        facts.follows = facts.id;
        facts.id = facts.change = "01JCHANGE0000000000000000B";
        facts.first = true;
        facts.mode = facts.payment = "primary";
        facts.from = "crypto";
        facts.cause = "primary well for 5 min";
        back = make(&facts);
        check_line(back, "Subject: [My Shop] BACK on cards: primary well for 5 min");
        check_line(back, "Message-ID: <01JCHANGE0000000000000000B@shop.example>");
        check_line(back, "In-Reply-To: <01JCHANGE0000000000000000A@shop.example>");
        check_line(back, "References: <01JCHANGE0000000000000000A@shop.example>");
        CHECK(!strstr(back, "Importance:"));
}

TEST(subjects_say_who_did_it_and_how_bad_it_is)
{
        ActionFacts facts = rig_facts();

        facts.automatic = false;
        facts.cause = "trying it";
        _cleanup_free_ char *pinned = make(&facts);
        check_line(pinned, "Subject: [My Shop] Switched to crypto by an operator: trying it");

        facts.kind = ACTION_RAISED;
        facts.alert = "no-mode-healthy";
        facts.summary = "no mode is healthy";
        facts.severity = "critical";
        _cleanup_free_ char *raised = make(&facts);
        check_line(raised, "Subject: [My Shop] CRITICAL: no mode is healthy");
        check_line(raised, "X-Priority: 1");

        facts.severity = "warning";
        _cleanup_free_ char *warning = make(&facts);
        check_line(warning, "Subject: [My Shop] Warning: no mode is healthy");

        facts.kind = ACTION_CLEARED;
        _cleanup_free_ char *cleared = make(&facts);
        check_line(cleared, "Subject: [My Shop] RESOLVED: no mode is healthy");

        facts.kind = ACTION_TEST;
        _cleanup_free_ char *test = make(&facts);
        check_line(test, "Subject: [My Shop] TEST: mail from failoverd arrives");
}

TEST(hostile_words_stay_words_wherever_they_stand)
{
        static const char *const headers[] = {"From",
                                              "To",
                                              "Subject",
                                              "Date",
                                              "Message-ID",
                                              "In-Reply-To",
                                              "References",
                                              "Auto-Submitted",
                                              "X-Auto-Response-Suppress",
                                              "Importance",
                                              "X-Priority",
                                              "X-Failoverd",
                                              "MIME-Version",
                                              "Content-Type",
                                              "Content-Transfer-Encoding"};
        static const ActionKind kinds[] = {ACTION_CHANGE, ACTION_RAISED, ACTION_CLEARED, ACTION_TEST};
        _cleanup_text_ Text long_one = {0};
        ActionFacts facts = rig_facts();

        for (int i = 0; i < 500; i++)
                text_add_string(&long_one, "a\r\n.\r\nBcc: x@evil.example\r\n\r\n" BIDI ROCKET "\xff");
        facts.id = facts.follows = facts.change = facts.node_id = facts.node_name = facts.node_url =
                        facts.mode = facts.from = facts.payment = facts.checkout = facts.message =
                                        facts.cause = facts.alert = facts.summary = facts.details =
                                                        facts.severity = long_one.data;
        for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                facts.kind = kinds[k];
                _cleanup_free_ char *mail = make(&facts);
                const char *end = strstr(mail, "\r\n\r\n");
                CHECK(end);
                for (const char *s = mail; s < end + 2; s = strstr(s, "\r\n") + 2) {
                        bool known = *s == ' ';
                        for (size_t i = 0; i < ELEMENTSOF(headers); i++)
                                known = known || (strncmp(s, headers[i], strlen(headers[i])) == 0 &&
                                                  s[strlen(headers[i])] == ':');
                        CHECK(known);
                }
                CHECK(strlen(mail) < 400 * 1024);
                CHECK(end - mail < 4096);
                CHECK(!strstr(mail, "=E2=80=AE")); /* BIDI is made visible, not sent */
        }
}

/* Settings */

extern const ActionType action_alert;

#define SMTP(rest) "smtp: {url: 'smtp://mail.example', from: f@shop.example, to: o@shop.example" rest "}"

TEST(settings_of_mail_are_checked_with_their_place)
{
        rig_refused(&action_alert, "smtp: {url: 'smtp://mail.example', to: o@shop.example}",
                    "`from` is missing");
        rig_refused(&action_alert, "smtp: {url: 'smtp://mail.example', from: f@shop.example}",
                    "`to` is missing");
        rig_refused(&action_alert, "smtp: {url: 'smtp://mail.example', from: f@shop.example, to: []}",
                    "at least one");
        rig_refused(&action_alert,
                    "smtp: {url: 'http://mail.example', from: f@shop.example, to: o@shop.example}",
                    "test.yaml:1:13: `url`: expected smtp://");
        rig_refused(&action_alert,
                    "smtp: {url: 'smtp://u:canary@mail.example', from: f@shop.example, to: o@shop.example}",
                    "`username` and `password_file`");
        rig_refused(&action_alert,
                    "smtp: {url: 'smtp://mail.example/x', from: f@shop.example, to: o@shop.example}",
                    "expected smtp://");
        rig_refused(&action_alert, "smtp:\n  url: smtp://mail.example\n  from: nobody\n  to: o@shop.example",
                    "test.yaml:3:9: `from`: `nobody`: an address has an @");
        rig_refused(&action_alert,
                    "smtp:\n  url: smtp://mail.example\n  from: f@shop.example\n  to:\n    - o@shop.example\n"
                    "    - \"x@shop.example\\r\\nBcc: y@z.example\"",
                    "test.yaml:6:7: `to`: `x@shop.example\\r\\nBcc: y@z.example`");
        rig_refused(&action_alert,
                    "smtp: {url: 'smtp://mail.example', from: f@shop.example, to: [o@shop.example, "
                    "O@SHOP.example]}",
                    "given twice");
        rig_refused(&action_alert, SMTP(", username: u"), "go together");
        rig_refused(&action_alert, SMTP(", password_file: p"), "go together");
        rig_refused(&action_alert, SMTP(", username: u, password_file: p, tls: none"), "never sent in clear");
        rig_refused(&action_alert, SMTP(", hello: 'a b'"), "no host name");
        rig_refused(&action_alert,
                    "smtp: {url: 'smtps://mail.example', from: f@shop.example, to: o@shop.example, tls: "
                    "none}",
                    "smtps:// is TLS");
}

TEST(check_config_looks_at_the_password_and_at_who_can_read_along)
{
        Error e = {0};
        Rig rig;

        rig_open(&rig);
        void *conf = rig_conf(&action_alert, SMTP(", username: u, password_file: mail.password"));
        CHECK_INT(action_alert.verify(conf, rig.folder, &e), -ENOENT);
        rig_write(&rig, "mail.password", "canary\n", 0644);
        CHECK_INT(action_alert.verify(conf, rig.folder, &e), -EPERM);
        CHECK(!strstr(e.text, "canary"));
        rig_write(&rig, "mail.password", "\n", 0600);
        CHECK_INT(action_alert.verify(conf, rig.folder, &e), -EINVAL);
        rig_write(&rig, "mail.password", "canary\n", 0600);
        CHECK_INT(action_alert.verify(conf, rig.folder, &e), 0);
        rig_conf_free(&action_alert, conf);

        conf = rig_conf(&action_alert, SMTP(", tls: none"));
        CHECK(action_alert.verify(conf, rig.folder, &e) < 0 && strstr(e.text, "in clear"));
        rig_conf_free(&action_alert, conf);
        rig_close(&rig);
}

TEST(people_are_told_where_mail_goes)
{
        static const char *const urls[][2] = {{"smtp://mail.example", "smtp://mail.example:587"},
                                              {"smtps://mail.example/", "smtps://mail.example:465"},
                                              {"SMTP://[::1]:25", "smtp://[::1]:25"}};

        for (size_t i = 0; i < ELEMENTSOF(urls); i++) {
                _cleanup_free_ char *target = NULL, *yaml = NULL;
                yaml = string_printf("smtp: {url: '%s', from: f@shop.example, to: o@shop.example}",
                                     urls[i][0]);
                void *conf = rig_conf(&action_alert, yaml);
                CHECK_INT(action_alert.target(conf, &target), 0);
                CHECK_STR(target, urls[i][1]);
                rig_conf_free(&action_alert, conf);
        }
}

MAIN()
