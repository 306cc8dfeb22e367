/* SPDX-License-Identifier: MIT */
#include "base/record.h"

#include "tests/test.h"

static Record parsed(const char *text)
{
        Record r;
        Error e = {0};

        if (record_parse(text, &r, &e) < 0) {
                fprintf(stderr, "refused: %s: %s\n", text, e.text);
                exit(1);
        }
        return r;
}

static void check_record(const char *text, const char *name, const char *type, uint32_t ttl,
                         const char *value, const char *rdata)
{
        Record r = parsed(text);

        CHECK_STR(r.name, name);
        CHECK_STR(r.type, type);
        CHECK_INT(r.ttl, ttl);
        CHECK_STR(r.value, value);
        CHECK_STR(r.rdata, rdata);
        record_clear(&r);
        CHECK(!r.name && !r.value && !r.rdata);
}

static void refused(const char *text, const char *reason)
{
        Record r = {.ttl = 7};
        Error e = {0};

        CHECK_INT(record_parse(text, &r, &e), -EINVAL);
        CHECK_INT(r.ttl, 7);
        if (!strstr(e.text, reason)) {
                fprintf(stderr, "\"%s\": refused with \"%s\", which lacks \"%s\"\n", text, e.text, reason);
                exit(1);
        }
}

TEST(reads_every_type_into_one_form)
{
        check_record("shop.example. 60 A 192.0.2.1", "shop.example", "A", 60, "192.0.2.1", "192.0.2.1");
        check_record("  Shop.Example\t60 IN a 192.0.2.1 ", "shop.example", "A", 60, "192.0.2.1", "192.0.2.1");
        check_record("shop.example 0 AAAA 2001:DB8:0:0::1", "shop.example", "AAAA", 0, "2001:db8::1",
                     "2001:db8::1");
        check_record("*.shop.example. 60 CNAME Pay.Example.NET.", "*.shop.example", "CNAME", 60,
                     "pay.example.net", "pay.example.net.");
        check_record("shop.example. 60 MX 010 mail.shop.example", "shop.example", "MX", 60,
                     "10 mail.shop.example", "10 mail.shop.example.");
        check_record("shop.example. 60 MX 0 .", "shop.example", "MX", 60, "0 .", "0 .");
        check_record("_pay._tcp.shop.example. 2147483647 SRV 1 2 443 pay.example.net.",
                     "_pay._tcp.shop.example", "SRV", 2147483647, "1 2 443 pay.example.net",
                     "1 2 443 pay.example.net.");
        check_record("shop.example. 60 CAA 0 Issue letsencrypt.org", "shop.example", "CAA", 60,
                     "0 issue \"letsencrypt.org\"", "0 issue \"letsencrypt.org\"");
        check_record("shop.example. 60 CAA 128 issue \"a; b=c\"", "shop.example", "CAA", 60,
                     "128 issue \"a; b=c\"", "128 issue \"a; b=c\"");
        check_record("1.2.0.192.in-addr.arpa. 60 PTR shop.example.", "1.2.0.192.in-addr.arpa", "PTR", 60,
                     "shop.example", "shop.example.");
}

TEST(reads_text_with_quotes_semicolons_and_escapes)
{
        check_record("a.b. 1 TXT \"v=spf1 -all\"", "a.b", "TXT", 1, "v=spf1 -all", "\"v=spf1 -all\"");
        check_record("a.b. 1 TXT bare", "a.b", "TXT", 1, "bare", "\"bare\"");
        check_record("a.b. 1 TXT \"a; (b)\" \"second\"", "a.b", "TXT", 1, "a; (b)second",
                     "\"a; (b)\" \"second\"");
        check_record("a.b. 1 TXT \"a \\\"quoted\\\" \\\\ one\"", "a.b", "TXT", 1, "a \"quoted\" \\ one",
                     "\"a \\\"quoted\\\" \\\\ one\"");
        check_record("a.b. 1 TXT \"\\065\\255\\010\"", "a.b", "TXT", 1, "A\xff\n", "\"A\\255\\010\"");
        check_record("a.b. 1 TXT \"b\xc3\xbc\x63her\"", "a.b", "TXT", 1, "b\xc3\xbc\x63her",
                     "\"b\\195\\188cher\"");
        check_record("a.b. 1 TXT \"\"", "a.b", "TXT", 1, "", "\"\"");
        refused("a.b. 1 TXT \"open", "not closed");
        refused("a.b. 1 TXT \"a\"b", "a space is missing");
        refused("a.b. 1 TXT a;b", "stands in quotes");
        refused("a.b. 1 TXT \"\\000\"", "an escape");
        refused("a.b. 1 TXT \"\\256\"", "an escape");
        refused("a.b. 1 TXT \"\\", "an escape");
        refused("a.b. 1 TXT", "missing");
        refused("a.b. 1 TXT \"a\nb\"", "control characters");
}

TEST(splits_long_text_into_strings)
{
        char text[1100] = "a.b. 1 TXT \"", rdata[1100] = "\"";
        size_t n = strlen(text);

        memset(text + n, 'x', 256);
        strcpy(text + n + 256, "\"");
        memset(rdata + 1, 'x', 255);
        strcpy(rdata + 256, "\" \"x\"");
        Record r = parsed(text);
        CHECK_STR(r.rdata, rdata);
        CHECK_INT(strlen(r.value), 256);
        record_clear(&r);
}

TEST(refuses_too_long_a_text)
{
        char text[RECORD_TEXT_MAX + 100] = "a.b. 1 TXT ";
        size_t n = strlen(text);

        memset(text + n, 'x', RECORD_TEXT_MAX);
        Record r = parsed(text);
        record_clear(&r);
        memset(text + n, 'x', RECORD_TEXT_MAX + 1);
        refused(text, "longer than 4096");
}

TEST(refuses_what_no_server_would_take)
{
        refused("", "a record is");
        refused("shop.example.", "a record is");
        refused("shop.example. 60", "a record is");
        refused("shop.example. A 192.0.2.1", "\"A\" is not a TTL");
        refused("shop.example. 60s A 192.0.2.1", "not a TTL");
        refused("shop.example. -1 A 192.0.2.1", "not a TTL");
        refused("shop.example. 2147483648 A 192.0.2.1", "not a TTL");
        refused("shop.example. 60 A 192.0.2", "not an IPv4 address");
        refused("shop.example. 60 A 192.0.2.1 192.0.2.2", "not an IPv4 address");
        refused("shop.example. 60 A", "not an IPv4 address");
        refused("shop.example. 60 AAAA 192.0.2.1", "not an IPv6 address");
        refused("shop.example. 60 CNAME a b", "one domain name");
        refused("shop.example. 60 CNAME *.b", "not a domain name");
        refused("shop.example. 60 MX mail.shop.example.", "its form is");
        refused("shop.example. 60 MX 65536 mail.shop.example.", "its form is");
        refused("shop.example. 60 SRV 1 2 a.b", "its form is");
        refused("shop.example. 60 CAA 256 issue a", "its form is");
        refused("shop.example. 60 CAA 0 is-sue a", "its form is");
        refused("shop.example. 60 CAA 0 issue \"a\\\"b\"", "plain ASCII");
        refused("shop.example. 60 NS ns.shop.example.", "belong to the zone itself");
        refused("shop.example. 60 soa a b 1 2 3 4 5", "belong to the zone itself");
        refused("shop.example. 60 HINFO a b", "not one of A, AAAA");
}

TEST(refuses_what_is_no_name)
{
        char label[80] = "";

        refused(". 60 IN", "a record is");
        refused("a..b 60 A 192.0.2.1", "not a domain name");
        refused(".a 60 A 192.0.2.1", "not a domain name");
        refused("a*.b 60 A 192.0.2.1", "not a domain name");
        refused("a.*.b 60 A 192.0.2.1", "not a domain name");
        refused("a$b 60 A 192.0.2.1", "not a domain name");
        refused("a\\.b 60 A 192.0.2.1", "not a domain name");
        refused("b\xc3\xbc\x63her.shop.example. 60 A 192.0.2.1", "xn-- form");
        check_record("xn--bcher-kva.shop.example. 60 A 192.0.2.1", "xn--bcher-kva.shop.example", "A", 60,
                     "192.0.2.1", "192.0.2.1");
        memset(label, 'a', 64);
        strcpy(label + 64, " 60 A 192.0.2.1");
        refused(label, "not a domain name");
}

TEST(a_name_is_within_its_zone_by_whole_labels)
{
        CHECK(record_name_within("shop.example", "shop.example"));
        CHECK(record_name_within("www.shop.example", "shop.example"));
        CHECK(record_name_within("*.a.shop.example", "shop.example"));
        CHECK(record_name_within("shop.example", "."));
        CHECK(!record_name_within("myshop.example", "shop.example"));
        CHECK(!record_name_within("example", "shop.example"));
        CHECK(!record_name_within("shop.example.org", "shop.example"));
}

MAIN()
