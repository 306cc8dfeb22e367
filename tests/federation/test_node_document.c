/* SPDX-License-Identifier: MIT */
/* What nodes say of themselves: what is taken, what is refused, and which key may speak for whom. */
#include "base/clock.h"
#include "federation/node_document.h"
#include "tests/test.h"

MAIN()

#define NOW (UINT64_C(1790000000) * USEC_PER_SEC)

static NodeDocument *read_text(const char *text)
{
        NodeDocument *d = NULL;
        Error e = {""};

        if (node_document_parse(text, strlen(text), &d, &e) < 0)
                fprintf(stderr, "%s: %s\n", text, e.text);
        CHECK(d);
        return d;
}

static NodeDocument *read_json(json_t *j)
{
        NodeDocument *d = NULL;
        Error e = {""};

        if (node_document_read(j, &d, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(d);
        return d;
}

/* --- what is read --- */

TEST(a_legacy_registration_is_read_by_all_its_names)
{
        _cleanup_(node_document_freep) NodeDocument *d = read_text(
                        "{\"storeId\":\"shop\",\"name\":\"The Shop\",\"nodeUrl\":\"HTTPS://Shop.Example:443/"
                        "\",\"contactEmail\":\"me@shop.example\",\"region\":\"EU\",\"revenueSharePct\":12.5,"
                        "\"publicKey\":\"-----BEGIN PUBLIC KEY-----\\nMIIB\\n-----END PUBLIC "
                        "KEY-----\\n\",\"x\":{\"y\":[1.5,null]}}");
        _cleanup_json_ json_t *j = node_document_json(d);

        CHECK_STR(d->id, "shop");
        CHECK(d->id_given && !d->is_signed);
        CHECK_STR(d->name, "The Shop");
        CHECK_STR(d->url, "https://shop.example");
        CHECK_STR(d->operator_name, "me@shop.example");
        CHECK_STR(d->location, "EU");
        CHECK_INT(d->type, NODE_FULL);
        CHECK_INT(d->revenue_share, 12);
        CHECK(d->accepts_share);
        CHECK_STR(d->fallback_url, "");
        /* Theirs survive, ours stand beside. */
        CHECK_STR(json_string_value(json_at(j, "nodeUrl")), "HTTPS://Shop.Example:443/");
        CHECK_STR(json_string_value(json_at(j, "url")), "https://shop.example");
        CHECK_STR(json_string_value(json_at(j, "id")), "shop");
        CHECK_STR(json_string_value(json_at(j, "operator")), "me@shop.example");
        CHECK_STR(json_string_value(json_at(j, "location")), "EU");
        CHECK_INT(json_integer_value(json_at(j, "revenueShare.percentage")), 12);
        CHECK(json_real_value(json_at(j, "x.y.0")) > 1.4);
        CHECK(json_is_null(json_at(j, "x.y.1")));
        CHECK(strstr(json_string_value(json_at(j, "publicKey")), "MIIB"));
}

TEST(who_gives_no_id_is_called_by_host_and_port)
{
        _cleanup_(node_document_freep) NodeDocument *a = read_text("{\"url\":\"http://Shop.example/x/\"}"),
                                                    *b = read_text("{\"url\":\"http://[2001:db8::1]:8440\","
                                                                   "\"id\":null,\"publicKey\":null}"),
                                                    *c = read_text("{\"publicUrl\":\"https://a.b:8443\","
                                                                   "\"storeId\":\"\",\"url\":\"\"}");

        CHECK_STR(a->id, "shop.example");
        CHECK_STR(a->name, "shop.example");
        CHECK_STR(a->url, "http://shop.example/x");
        CHECK(!a->id_given);
        CHECK_STR(b->id, "[2001:db8::1]:8440");
        CHECK_STR(c->id, "a.b:8443");
}

TEST(a_revenue_share_is_a_number_or_an_object)
{
        static const struct {
                const char *text;
                unsigned percent;
                bool accepts;
        } all[] = {{"{\"url\":\"http://a\",\"revenueShare\":15}", 15, true},
                   {"{\"url\":\"http://a\",\"revenueShare\":{\"accepts\":true,\"percentage\":20}}", 20, true},
                   {"{\"url\":\"http://a\",\"revenueShare\":{\"accepts\":false,\"percentage\":20}}", 20,
                    false},
                   {"{\"url\":\"http://a\",\"revenueShare\":{}}", 0, false},
                   {"{\"url\":\"http://a\",\"revenueShare\":null,\"revenueSharePct\":7}", 7, true},
                   {"{\"url\":\"http://a\"}", 0, false},
                   {"{\"url\":\"http://a\",\"revenueShare\":100}", 100, true}};

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                _cleanup_(node_document_freep) NodeDocument *d = read_text(all[i].text);

                CHECK_INT(d->revenue_share, all[i].percent);
                CHECK_INT(d->accepts_share, all[i].accepts);
        }
}

#define U "\"url\":\"http://a\""

TEST(what_cannot_be_used_is_refused_and_named)
{
        static const struct {
                const char *text, *reason;
        } all[] = {
                        {"[]", "no JSON object"},
                        {"{", "line 1"},
                        {"{\"id\":\"a\",\"id\":\"b\"," U "}", "duplicate"},
                        {"{\"id\":\"a\"}", "no `url`"},
                        {"{" U ",\"id\":7}", "`id` is no string"},
                        {"{" U ",\"id\":\"a b\"}", "`id` has letters"},
                        {"{" U ",\"storeId\":\"../x\"}", "`storeId` has letters"},
                        {"{" U ",\"id\":\"a\\u0000b\"}", "not allowed"},
                        {"{" U ",\"name\":\"a\\nb\"}", "`name` has control"},
                        {"{" U ",\"name\":\"\\u202egro\"}", "`name` has control"},
                        {"{" U ",\"name\":[]}", "`name` is no string"},
                        {"{" U ",\"operator\":\"\\u200b\"}", "`operator` has control"},
                        {"{" U ",\"region\":\"\\u001b[2J\"}", "`region` has control"},
                        {"{\"url\":\"javascript:alert(1)\"}", "`url`"},
                        {"{\"url\":\"http://user@a/\"}", "`url`"},
                        {"{\"url\":\"http://a/?q\"}", "`url`"},
                        {"{\"url\":\"http://a/#f\"}", "`url`"},
                        {"{\"url\":\"http://a/<b>\"}", "`url`"},
                        {"{\"url\":\"http://a/'b'\"}", "`url`"},
                        {"{\"url\":\"http://\\u0430bc.example/\"}", "`url`"},
                        {"{\"url\":\"http:///x\"}", "`url`"},
                        {"{\"url\":\"ftp://a\"}", "`url`"},
                        {"{\"url\":\"http://a.example.:8080\"}", "final dot"},
                        {"{\"url\":\"http://a.example./x\"}", "final dot"},
                        {"{\"url\":\"http://a.example:0\"}", "port 0"},
                        {"{\"url\":\"http://[::1]:0/\"}", "port 0"},
                        {"{\"url\":\"http://a b\"}", "`url`"},
                        {"{" U ",\"fallbackUrl\":\"javascript:x\"}", "`fallbackUrl`"},
                        {"{" U ",\"onionUrl\":\"data:x\"}", "`onionUrl`"},
                        {"{" U ",\"api\":\"/api\"}", "`api`"},
                        {"{" U ",\"checkoutUrl\":\"javascript:{bookId}\"}", "`checkoutUrl`"},
                        {"{" U ",\"checkoutUrl\":\"http://{node}.example/\"}", "`checkoutUrl`"},
                        {"{" U ",\"checkoutUrl\":\"http://u@a/{bookId}\"}", "`checkoutUrl`"},
                        {"{" U ",\"type\":\"queen\"}", "`type`"},
                        {"{" U ",\"mirrorOf\":\"a/b\"}", "`mirrorOf`"},
                        {"{" U ",\"revenueShare\":101}", "`revenueShare`"},
                        {"{" U ",\"revenueShare\":-1}", "`revenueShare`"},
                        {"{" U ",\"revenueShare\":\"15\"}", "`revenueShare`"},
                        {"{" U ",\"revenueShare\":{\"percentage\":\"x\"}}", "`revenueShare.percentage`"},
                        {"{" U ",\"revenueShare\":{\"accepts\":1}}", "`revenueShare.accepts`"},
                        {"{" U ",\"revenueSharePct\":1e9}", "`revenueSharePct`"},
                        {"{" U ",\"paymentMethods\":\"card\"}", "`paymentMethods`"},
                        {"{" U ",\"paymentMethods\":[1]}", "`paymentMethods`"},
                        {"{" U ",\"catalog\":[]}", "`catalog`"},
                        /* Half signed is not legacy. */
                        {"{" U ",\"id\":\"a\",\"signatures\":{\"a\":{\"ed25519:k\":\"x\"}}}", "no `keys`"},
                        {"{" U ",\"id\":\"a\",\"keys\":{\"ed25519:k\":{\"key\":\"x\"}}}",
                         "no `signatures` of a"},
                        {"{" U ",\"id\":\"a\",\"keys\":{\"ed25519:k\":{\"key\":\"x\"}},\"signatures\":{\"b\":"
                         "{\"ed25519:k\":\"\"}}}",
                         "no `signatures` of a"},
                        {"{" U ",\"keys\":{\"ed25519:k\":{}},\"signatures\":{}}", "`id` and `url`"},
                        {"{" U ",\"id\":\"a\",\"keys\":{\"ed25519:k\":{\"key\":\"AAAA\"}},\"signatures\":{"
                         "\"a\":{\"ed25519:k\":\"\"}}}",
                         "not the base64 of 32 bytes"},
                        {"{" U ",\"id\":\"a\",\"keys\":{\"ed25519:k-\":{}},\"signatures\":{\"a\":{\"x\":1}}}",
                         "a key's id"},
                        {"{" U ",\"id\":\"a\",\"keys\":{\"x25519:k\":{}},\"signatures\":{\"a\":{\"x\":1}}}",
                         "no Ed25519 key"},
        };

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                NodeDocument *d = NULL;
                Error e = {""};
                int r = node_document_parse(all[i].text, strlen(all[i].text), &d, &e);

                if (r != -EINVAL || !strstr(e.text, all[i].reason))
                        fprintf(stderr, "%s: %d %s\n", all[i].text, r, e.text);
                CHECK_INT(r, -EINVAL);
                CHECK(strstr(e.text, all[i].reason));
                CHECK(!d);
        }
}

TEST(lengths_are_bounded)
{
        static const struct {
                const char *key;
                size_t most;
        } all[] = {{"id", 128}, {"name", 256}, {"operator", 256}, {"location", 256}, {"fallbackUrl", 512}};

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                for (size_t more = 0; more < 2; more++) {
                        char s[600];
                        NodeDocument *d = NULL;
                        bool url = streq(all[i].key, "fallbackUrl");
                        size_t prefix = url ? 9 : 0;

                        memcpy(s, "http://a/", prefix);
                        memset(s + prefix, 'x', all[i].most + more - prefix);
                        s[all[i].most + more] = '\0';
                        _cleanup_json_ json_t *j = json_pack("{s:s, s:s}", "url", "http://a", all[i].key, s);
                        CHECK_INT(node_document_read(j, &d, NULL), more ? -EINVAL : 0);
                        node_document_free(d);
                }
}

TEST(a_megabyte_is_refused_wherever_it_stands)
{
        size_t size = 1 << 20;
        _cleanup_free_ char *big = malloc(size + 1);
        NodeDocument *d = NULL;

        CHECK(big);
        memset(big, 'x', size);
        big[size] = '\0';
        _cleanup_json_ json_t *j = json_pack("{s:s, s:s}", "url", "http://a", "unknown", big);
        _cleanup_free_ char *text = json_dumps(j, 0);
        CHECK_INT(node_document_read(j, &d, NULL), -E2BIG);
        CHECK_INT(node_document_parse(text, strlen(text), &d, NULL), -E2BIG);
        CHECK(!d);
}

TEST(a_checkout_url_is_a_template)
{
        _cleanup_(node_document_freep) NodeDocument *d = read_text(
                        "{" U ",\"checkoutUrl\":\"https://pay.example/{node}/buy?b={bookId}&r={id}\"}");

        CHECK_STR(d->checkout_url, "https://pay.example/{node}/buy?b={bookId}&r={id}");
}

TEST(the_time_of_a_registration_makes_no_difference)
{
        _cleanup_(node_document_freep)
                        NodeDocument *a = read_text("{" U ",\"registeredAt\":\"2026-01-01\",\"x\":1}"),
                                     *b = read_text("{\"x\":1," U ",\"registeredAt\":\"2026-01-02\"}"),
                                     *c = read_text("{" U ",\"x\":2}");

        CHECK(node_document_same(a, b));
        CHECK(!node_document_same(a, c));
}

/* --- signatures --- */

typedef struct Ring {
        SignKey *keys[4];
} Ring;

static Ring ring_make(void)
{
        Ring r;

        for (size_t i = 0; i < ELEMENTSOF(r.keys); i++) {
                char id[8];

                snprintf(id, sizeof(id), "k%zu", i);
                CHECK_INT(sign_key_generate(id, &r.keys[i]), 0);
        }
        return r;
}

static void ring_clear(Ring *r)
{
        for (size_t i = 0; i < ELEMENTSOF(r->keys); i++)
                sign_key_free(r->keys[i]);
}
#define _cleanup_ring_ _cleanup_(ring_clear)

#define MS(usec) ((json_int_t) ((usec) / USEC_PER_MSEC))

static json_t *draft(uint64_t version_usec)
{
        return json_pack("{s:s, s:s, s:s, s:{}, s:I, s:I}", "id", "shop", "url", "http://shop.example",
                         "name", "Shop", "keys", "valid_until_ts", MS(NOW + 90 * USEC_PER_DAY), "version_ts",
                         MS(version_usec));
}

static void list_key(json_t *j, const char *id, const SignKey *key, uint64_t expired, uint64_t revoked)
{
        char name[80];
        char *text = NULL;
        json_t *entry;

        CHECK_INT(base64_encode(key->public_key, sizeof(key->public_key), &text), 0);
        entry = json_pack("{s:s}", "key", text);
        free(text);
        if (expired > 0)
                json_object_set_new(entry, "expired_ts", json_integer(MS(expired)));
        if (revoked > 0)
                json_object_set_new(entry, "revoked_ts", json_integer(MS(revoked)));
        snprintf(name, sizeof(name), "ed25519:%s", id);
        json_object_set_new(json_object_get(j, "keys"), name, entry);
}

/* list: "0" listed and signs; "0-" listed only; "0x" has expired at NOW - 1 day; "0!" revoked, signs; "0+" signs only. */
static NodeDocument *made(const Ring *r, uint64_t version_usec, const char *list)
{
        _cleanup_json_ json_t *j = draft(version_usec);

        for (const char *c = list; *c; c++) {
                const SignKey *key = r->keys[*c - '0'];
                char mark = c[1] && strchr("-x!+", c[1]) ? c[1] : ' ';

                if (mark != '+')
                        list_key(j, key->id, key, mark == 'x' ? NOW - USEC_PER_DAY : 0,
                                 mark == '!' ? NOW - USEC_PER_DAY : 0);
                c += mark != ' ';
        }
        for (const char *c = list; *c; c++)
                if (*c >= '0' && *c <= '9' && c[1] != '-')
                        CHECK_INT(sign_json(j, "shop", r->keys[*c - '0'], NULL), 0);
        return read_json(j);
}

TEST(a_document_is_verified_by_its_own_keys)
{
        static const struct {
                const char *list;
                int r;
        } all[] = {
                        {"0", 0},
                        {"0-1", 0}, /* one is elsewhere, offline */
                        {"01x", 0}, /* the old one signs too, and need not */
                        {"0x", -EKEYEXPIRED},
                        {"0!", -EKEYREVOKED},
                        {"0!1", 0},
                        {"0-1+", -EBADMSG}, /* signed by one that is not listed */
        };
        _cleanup_ring_ Ring r = ring_make();

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                _cleanup_(node_document_freep) NodeDocument *d = made(&r, NOW, all[i].list);
                Error e = {""};
                int got = node_document_verify(d, NOW, &e);

                if (got != all[i].r)
                        fprintf(stderr, "%s: %s\n", all[i].list, e.text);
                CHECK(d->is_signed);
                CHECK_INT(got, all[i].r);
                CHECK_INT(e.text[0] != '\0', got < 0);
        }
}

TEST(a_document_runs_out_and_is_not_from_the_future)
{
        _cleanup_ring_ Ring r = ring_make();
        _cleanup_(node_document_freep) NodeDocument *d = made(&r, NOW, "0");

        CHECK_INT(node_document_verify(d, NOW + 89 * USEC_PER_DAY, NULL), 0);
        CHECK_INT(node_document_verify(d, NOW + 90 * USEC_PER_DAY, NULL), -EKEYEXPIRED);
        CHECK_INT(node_document_verify(d, NOW - 23 * USEC_PER_HOUR, NULL), 0);
        CHECK_INT(node_document_verify(d, NOW - 25 * USEC_PER_HOUR, NULL), -EBADMSG);
}

TEST(whatever_is_changed_fails_to_verify)
{
        _cleanup_ring_ Ring r = ring_make();
        _cleanup_(node_document_freep) NodeDocument *d = made(&r, NOW, "0");
        _cleanup_json_ json_t *j = node_document_json(d);
        static const char *const keys[] = {"id", "url", "name", "valid_until_ts", "version_ts", "keys"};

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                _cleanup_json_ json_t *copy = json_deep_copy(j);
                NodeDocument *other = NULL;
                json_t *v = json_object_get(copy, keys[i]);

                if (json_is_integer(v))
                        json_integer_set(v, json_integer_value(v) + 1);
                else if (json_is_object(v))
                        list_key(copy, "mine", r.keys[1], 0, 0);
                else
                        json_string_set(v, "http://shop.exampl0");
                if (node_document_read(copy, &other, NULL) >= 0) {
                        CHECK_INT(node_document_verify(other, NOW, NULL), -EBADMSG);
                        node_document_free(other);
                } else
                        CHECK_STR(keys[i], "id");
        }
        json_object_set_new(j, "new", json_true());
        _cleanup_(node_document_freep) NodeDocument *more = read_json(j);
        CHECK_INT(node_document_verify(more, NOW, NULL), -EBADMSG);
        json_object_del(j, "new");
        json_object_set_new(j, "unsigned", json_true()); /* which no signature covers */
        _cleanup_(node_document_freep) NodeDocument *noted = read_json(j);
        CHECK_INT(node_document_verify(noted, NOW, NULL), 0);
}

TEST(unsigned_ones_prove_nothing)
{
        _cleanup_(node_document_freep) NodeDocument *d = read_text("{" U ",\"keys\":{\"card\":1}}");

        CHECK(!d->is_signed);
        CHECK_INT(node_document_verify(d, NOW, NULL), -ENOKEY);
}

TEST(a_successor_is_signed_by_a_key_that_was_known)
{
        static const struct {
                const char *pinned, *next;
                int r;
                const char *story;
        } all[] = {
                        {"0", "0", 0, "printed anew"},
                        {"0", "01", 0, "the next key is announced"},
                        {"01", "10x", 0, "swapped"},
                        {"0", "10x", 0, "swapped, and the announcement was missed: the old one signs too"},
                        {"0", "10-", -EKEYREJECTED, "the announcement was missed, and the old one is silent"},
                        {"0", "1", -EKEYREJECTED, "somebody else's key"},
                        {"0x", "10x", 0, "pinned key expired a day ago: within the overlap"},
                        {"01-", "0!1", 0, "revoked, by the key that had been announced"},
                        {"0", "0!1", 0, "it revokes itself, and names another"},
                        {"0!1", "01", -EKEYREVOKED, "it comes back"},
                        {"0!1-", "20!", -EKEYREJECTED, "a revoked key introduces another"},
                        {"0!1", "1", 0, "it is forgotten"},
        };
        _cleanup_ring_ Ring r = ring_make();

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                _cleanup_(node_document_freep) NodeDocument *pinned = made(&r, NOW - 1000, all[i].pinned),
                                                            *next = made(&r, NOW, all[i].next);
                Error e = {""};
                int got = node_document_succeeds(pinned, next, NOW, &e);

                if (got != all[i].r)
                        fprintf(stderr, "%s: %d %s\n", all[i].story, got, e.text);
                CHECK_INT(got, all[i].r);
        }
}

TEST(a_revoked_key_does_not_come_back_under_another_id)
{
        _cleanup_ring_ Ring r = ring_make();
        _cleanup_(node_document_freep) NodeDocument *pinned = made(&r, NOW - 1000, "0!1");
        _cleanup_json_ json_t *j = draft(NOW);

        list_key(j, "k1", r.keys[1], 0, 0);
        list_key(j, "fresh", r.keys[0], 0, 0);
        CHECK_INT(sign_json(j, "shop", r.keys[1], NULL), 0);
        _cleanup_(node_document_freep) NodeDocument *next = read_json(j);
        CHECK_INT(node_document_succeeds(pinned, next, NOW, NULL), -EKEYREVOKED);
}

TEST(an_id_that_two_keys_have_had_is_checked_by_the_one_that_was_known)
{
        _cleanup_ring_ Ring r = ring_make();
        _cleanup_(node_document_freep) NodeDocument *pinned = made(&r, NOW - 1000, "0");
        _cleanup_json_ json_t *j = draft(NOW);
        SignKey thief = *r.keys[1];

        strcpy(thief.id, "k0");
        list_key(j, "k0", &thief, 0, 0);
        CHECK_INT(sign_json(j, "shop", &thief, NULL), 0);
        _cleanup_(node_document_freep) NodeDocument *next = read_json(j);
        CHECK_INT(node_document_verify(next, NOW, NULL), 0);
        CHECK_INT(node_document_succeeds(pinned, next, NOW, NULL), -EKEYREJECTED);
}

TEST(an_older_one_never_takes_the_place_of_a_newer)
{
        _cleanup_ring_ Ring r = ring_make();
        _cleanup_(node_document_freep) NodeDocument *old = made(&r, NOW - 2000, "0"),
                                                    *new = made(&r, NOW - 1000, "01"),
                                                    *twin = made(&r, NOW - 1000, "02");

        CHECK_INT(node_document_succeeds(old, new, NOW, NULL), 0);
        CHECK_INT(node_document_succeeds(new, old, NOW, NULL), -ESTALE);
        CHECK_INT(node_document_succeeds(new, new, NOW, NULL), 1);
        CHECK_INT(node_document_succeeds(new, twin, NOW, NULL), -ESTALE);
}

TEST(an_expired_key_introduces_nobody_after_the_overlap)
{
        _cleanup_ring_ Ring r = ring_make();
        _cleanup_(node_document_freep) NodeDocument *pinned = made(&r, NOW - 1000, "0x"),
                                                    *next = made(&r, NOW, "10x");

        CHECK_INT(node_document_succeeds(pinned, next, NOW + 28 * USEC_PER_DAY, NULL), 0);
        CHECK_INT(node_document_succeeds(pinned, next, NOW + 29 * USEC_PER_DAY, NULL), -EKEYREJECTED);
}

TEST(a_node_that_was_away_for_long_comes_back_by_its_key)
{
        _cleanup_ring_ Ring r = ring_make();
        _cleanup_(node_document_freep) NodeDocument *pinned = made(&r, NOW - 200 * USEC_PER_DAY, "0"),
                                                    *next = made(&r, NOW, "0");

        pinned->valid_until_usec = NOW - 100 * USEC_PER_DAY;
        CHECK_INT(node_document_succeeds(pinned, next, NOW, NULL), 0);
}

TEST(the_key_of_a_message_is_in_force_at_its_date)
{
        _cleanup_ring_ Ring r = ring_make();
        _cleanup_(node_document_freep) NodeDocument *d = made(&r, NOW, "01x2!");
        const uint64_t expired = NOW - USEC_PER_DAY;
        int error = 0;

        CHECK(node_document_key(d, "k0", NOW, &error));
        CHECK_INT(error, 0);
        CHECK(!node_document_key(d, "k0", NOW + 91 * USEC_PER_DAY, &error));
        CHECK_INT(error, -EKEYEXPIRED);
        CHECK(node_document_key(d, "k1", expired - 1, &error));
        CHECK(!node_document_key(d, "k1", expired, &error));
        CHECK_INT(error, -EKEYEXPIRED);
        CHECK(!node_document_key(d, "k2", 1, &error)); /* whatever its date */
        CHECK_INT(error, -EKEYREVOKED);
        CHECK(!node_document_key(d, "k3", NOW, &error));
        CHECK_INT(error, -ENOKEY);
        CHECK(node_document_lists(d, r.keys[0]->public_key));
        CHECK(!node_document_lists(d, r.keys[2]->public_key));
        CHECK(!node_document_lists(d, r.keys[3]->public_key));
}

TEST(ten_thousand_fit_into_memory)
{
        _cleanup_ring_ Ring r = ring_make();
        _cleanup_(node_document_freep) NodeDocument *d = made(&r, NOW, "0");

        CHECK(sizeof(*d) + sizeof(NodeKey) + d->text_size < 1024);
}
