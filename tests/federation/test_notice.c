/* SPDX-License-Identifier: MIT */
/* federation/notice.c: what a notice says, whether it is news, and that nothing old is ever news again. */
#include "federation/notice.h"

#include "base/id.h"
#include "base/text.h"
#include "tests/test.h"

#define NOW (UINT64_C(1763628300) * USEC_PER_SEC)

static const char *const loopback[] = {"127.0.0.0/8", "10.0.0.0/8", NULL};

/* Consumes object. */
static int read_with(json_t *object, const char *const *allow, Notice *ret, EnvelopeRefusal *refusal)
{
        static json_t *last;
        const json_t *type = json_object_get(object, "type");
        Envelope e = {.type = json_string_value(type) ?: "primary_failure",
                      .node = "peer",
                      .timestamp_usec = NOW,
                      .seq = 7,
                      .object = object};

        json_decref(last);
        last = object;
        return notice_read(&e, allow, ret, refusal);
}

static json_t *failure(const char *fallback)
{
        return json_pack("{s:s, s:s, s:I, s:s}", "type", "primary_failure", "id", "n1", "occurred",
                         (json_int_t) (NOW / 1000 - 5), "fallbackUrl", fallback);
}

static json_t *with(const char *member, json_t *value)
{
        json_t *j = failure("https://b.example");

        json_object_set_new(j, member, value);
        return j;
}

#define CHECK_REFUSED(object, number, kind)                                   \
        do {                                                                  \
                Notice n_ = {.seq = -5};                                      \
                EnvelopeRefusal refusal_;                                     \
                CHECK_INT(read_with(object, NULL, &n_, &refusal_), -EBADMSG); \
                CHECK_INT(refusal_.status, number);                           \
                CHECK_STR(refusal_.word, kind);                               \
                CHECK_INT(n_.seq, -5);                                        \
        } while (0)

TEST(a_failure_says_since_when_and_where_to_go)
{
        EnvelopeRefusal refusal;
        Notice n;

        CHECK_INT(read_with(failure("https://b.example/shop/"), NULL, &n, &refusal), 0);
        CHECK_INT(n.type, NOTICE_FAILURE);
        CHECK_STR(n.id, "n1");
        CHECK_INT(n.seq, 7);
        CHECK_INT(n.occurred_usec, NOW - 5000);
        CHECK_STR(n.fallback_url, "https://b.example/shop");
        CHECK_STR(n.passed_over, "");
}

TEST(a_fallback_may_be_absent_in_three_ways)
{
        EnvelopeRefusal refusal;
        Notice n;

        CHECK_INT(read_with(failure(""), NULL, &n, &refusal), 0);
        CHECK_STR(n.fallback_url, "");
        CHECK_INT(read_with(with("fallbackUrl", json_null()), NULL, &n, &refusal), 0);
        CHECK_STR(n.fallback_url, "");
        json_t *j = failure("x");
        json_object_del(j, "fallbackUrl");
        json_object_set_new(j, "type", json_string("primary_recovered"));
        CHECK_INT(read_with(j, NULL, &n, &refusal), 0);
        CHECK_INT(n.type, NOTICE_RECOVERED);
}

TEST(it_has_not_happened_after_it_was_said)
{
        EnvelopeRefusal refusal;
        Notice n;

        CHECK_INT(read_with(with("occurred", json_integer((json_int_t) (NOW / 1000 + 999999))), NULL, &n,
                            &refusal),
                  0);
        CHECK_INT(n.occurred_usec, NOW);
}

TEST(what_is_no_link_is_malformed)
{
        static const char *const wrong[] = {"javascript:alert(1)",
                                            "data:text/html,x",
                                            "ftp://b.example",
                                            "b.example",
                                            "//b.example",
                                            "https://",
                                            "https://u:p@b.example",
                                            "https://b.example/a b",
                                            "https://b.example/\n",
                                            "https://b.example/\"",
                                            "https://b.example/<script>",
                                            "https://b.example/'x",
                                            "https:///x",
                                            "http://b\u00fccher.example",
                                            "https://b.example/\u202e"};
        char longer[NOTICE_URL_MAX + 40] = "https://b.example/";

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                CHECK_REFUSED(failure(wrong[i]), 400, "malformed");
        memset(longer + strlen(longer), 'a', NOTICE_URL_MAX);
        CHECK_REFUSED(failure(longer), 400, "malformed");
        CHECK_REFUSED(with("fallbackUrl", json_integer(5)), 400, "malformed");
        CHECK_REFUSED(with("fallbackUrl", json_stringn("https://b.example/\0x", 20)), 400, "malformed");
}

TEST(a_private_fallback_is_passed_over_and_the_failure_counts)
{
        static const char *const private[] = {
                        "http://127.0.0.1:8080", "http://2130706433/",      "http://0x7f.1/",
                        "http://0177.0.0.1",     "http://127.1/",           "http://[::1]/",
                        "http://10.1.2.3/",      "http://169.254.169.254/", "http://192.168.1.1",
                        "http://[fd00::1]/",     "http://0.0.0.0/",         "http://[::ffff:10.0.0.1]",
                        "http://localhost:80/",  "http://LOCALHOST./x",     "http://100.64.0.1",
                        "http://[fe80::1]/"};
        EnvelopeRefusal refusal;
        Notice n;

        for (size_t i = 0; i < ELEMENTSOF(private); i++) {
                CHECK_INT(read_with(failure(private[i]), NULL, &n, &refusal), 0);
                CHECK_STR(n.fallback_url, "");
                CHECK(*n.passed_over);
        }
        CHECK_INT(read_with(failure("http://127.0.0.1:8080/"), loopback, &n, &refusal), 0);
        CHECK_STR(n.fallback_url, "http://127.0.0.1:8080");
        CHECK_INT(read_with(failure("http://192.168.1.1/"), loopback, &n, &refusal), 0);
        CHECK_STR(n.fallback_url, "");
        CHECK_INT(read_with(failure("http://8.8.8.8/"), NULL, &n, &refusal), 0);
        CHECK_STR(n.fallback_url, "http://8.8.8.8");
}

TEST(what_is_malformed_or_unknown_is_refused_for_ever)
{
        char longer[NOTICE_ID_MAX + 2];

        memset(longer, 'a', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        CHECK_REFUSED(with("type", json_string("primary_bored")), 422, "type");
        CHECK_REFUSED(with("id", json_string("")), 400, "malformed");
        CHECK_REFUSED(with("id", json_string(longer)), 400, "malformed");
        CHECK_REFUSED(with("id", json_string("a b")), 400, "malformed");
        CHECK_REFUSED(with("id", json_stringn("a\0b", 3)), 400, "malformed");
        CHECK_REFUSED(with("id", json_integer(1)), 400, "malformed");
        CHECK_REFUSED(with("occurred", json_integer(-1)), 400, "malformed");
        CHECK_REFUSED(with("occurred", json_string("now")), 400, "malformed");
        CHECK_REFUSED(with("occurred", json_null()), 400, "malformed");
}

/* --- news --- */

static Notice numbered(const char *id, int64_t seq)
{
        return (Notice){.id = id, .seq = seq};
}

TEST(the_newest_wins_and_the_same_id_has_no_effect_twice)
{
        NoticeMark m = NOTICE_MARK_NEW;
        Notice failed = numbered("f", 100), back = numbered("r", 200), again = numbered("g", 300);

        CHECK_INT(notice_judge(&m, &failed), NOTICE_APPLY);
        notice_mark(&m, &failed);
        CHECK_INT(notice_judge(&m, &failed), NOTICE_DUPLICATE);
        notice_mark(&m, &again); /* it has overtaken */
        CHECK_INT(notice_judge(&m, &back), NOTICE_OLD);
        CHECK_INT(notice_judge(&m, &failed), NOTICE_DUPLICATE);
        CHECK_INT(m.seq, 300);
}

TEST(the_same_number_under_another_id_is_old)
{
        NoticeMark m = NOTICE_MARK_NEW;
        Notice one = numbered("a", 5), other = numbered("b", 5);

        notice_mark(&m, &one);
        CHECK_INT(notice_judge(&m, &other), NOTICE_OLD);
        other.seq = 6;
        CHECK_INT(notice_judge(&m, &other), NOTICE_APPLY);
}

TEST(the_first_may_have_any_number)
{
        NoticeMark m = NOTICE_MARK_NEW;
        Notice zero = numbered("a", 0), last = numbered("b", (INT64_C(1) << 53) - 1);

        CHECK_INT(notice_judge(&m, &zero), NOTICE_APPLY);
        notice_mark(&m, &zero);
        CHECK_INT(notice_judge(&m, &last), NOTICE_APPLY);
        notice_mark(&m, &last);
        CHECK_INT(notice_judge(&m, &(Notice){.id = "c", .seq = last.seq}), NOTICE_OLD);
}

TEST(an_id_is_remembered_while_a_few_newer_ones_come)
{
        NoticeMark m = NOTICE_MARK_NEW;
        char id[8];

        for (unsigned i = 0; i < 3 * NOTICE_IDS; i++) {
                snprintf(id, sizeof(id), "n%u", i);
                Notice n = numbered(id, i);

                CHECK_INT(notice_judge(&m, &n), NOTICE_APPLY);
                notice_mark(&m, &n);
                for (unsigned k = 0; k <= i; k++) {
                        snprintf(id, sizeof(id), "n%u", k);
                        Notice o = numbered(id, k);
                        CHECK_INT(notice_judge(&m, &o), k + NOTICE_IDS > i ? NOTICE_DUPLICATE : NOTICE_OLD);
                }
        }
}

/* Whatever order they come in, and however often: what is applied has rising numbers, each id once. */
TEST(in_any_order_only_rising_numbers_have_effect)
{
        uint64_t random = 42;

        for (unsigned round = 0; round < 2000; round++) {
                NoticeMark m = NOTICE_MARK_NEW;
                int64_t last = -1;
                bool applied[20] = {0};

                for (unsigned i = 0; i < 60; i++) {
                        unsigned k = (unsigned) (random_next(&random) % 20);
                        char id[8];

                        snprintf(id, sizeof(id), "n%u", k);
                        Notice n = numbered(id, k);
                        NoticeVerdict v = notice_judge(&m, &n);
                        if (v == NOTICE_APPLY) {
                                CHECK(!applied[k] && k > last);
                                applied[k] = true;
                                last = k;
                                notice_mark(&m, &n);
                        }
                        if (v == NOTICE_DUPLICATE)
                                CHECK(applied[k]);
                        CHECK_INT(m.seq, last);
                }
        }
}

MAIN()
