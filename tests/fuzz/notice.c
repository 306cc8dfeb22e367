/* SPDX-License-Identifier: MIT */
/* What is sent to /api/network/messages: refused with a reason that its sender can act on, or, once it is signed, a notice whose
 * fallback leads nowhere that it must not, and that is news once. */
#include "federation/notice.h"
#include "tests/fuzz/fuzz.h"

#include "base/resolve.h"
#include "base/text.h"

#include <curl/curl.h>
#include <locale.h>

static SignKey *key;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        FUZZ_CHECK(setlocale(LC_CTYPE, "C.UTF-8")); /* for fuzz_is_plain() */
        FUZZ_CHECK(sign_key_generate("auto", &key) == 0);
        return 0;
}

/* Everybody but `stranger` is accepted, and has the one key. */
int members_key(const Members *m, const char *node, const char *key_id, uint64_t at_usec,
                uint8_t ret[static SIGN_PUBLIC_SIZE], Error *e)
{
        char plain[80];

        if (streq(node, "stranger"))
                return error_set(e, -EACCES, "node `%s` is banned", node);
        if (!streq(key_id, key->id))
                return error_set(e, -ENOKEY, "no key `%s`", plain_copy(plain, sizeof(plain), key_id));
        memcpy(ret, key->public_key, SIGN_PUBLIC_SIZE);
        return 0;
}

static void check_refusal(const EnvelopeRefusal *r)
{
        static const unsigned statuses[] = {400, 401, 403, 409, 413, 422, 503};
        bool known = false;
        json_t *j = envelope_refusal_document(r);

        for (size_t i = 0; i < ELEMENTSOF(statuses); i++)
                known = known || r->status == statuses[i];
        FUZZ_CHECK(known && r->word && *r->reason && fuzz_is_plain(r->reason));
        FUZZ_CHECK(r->has_offset == (r->status == 422 && streq(r->word, "time")));
        FUZZ_CHECK(json_is_false(json_object_get(j, "success")));
        json_decref(j);
}

/* As a client of ours will take it apart. */
static void check_link(const char *url)
{
        struct sockaddr_storage a;
        char *host = NULL;
        CURLU *u = curl_url();

        FUZZ_CHECK(strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0);
        FUZZ_CHECK(strlen(url) <= NOTICE_URL_MAX && !strpbrk(url, " \"<>'\\") && fuzz_is_plain(url));
        FUZZ_CHECK(u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK);
        FUZZ_CHECK(curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && *host);
        FUZZ_CHECK(address_parse(host, 0, &a, NULL) < 0 || !address_is_private((struct sockaddr *) &a));
        FUZZ_CHECK(!host_is_loopback(host));
        curl_free(host);
        host = NULL;
        FUZZ_CHECK(curl_url_get(u, CURLUPART_USER, &host, 0) == CURLUE_NO_USER);
        curl_url_cleanup(u);
}

static void check_news(const Notice *n)
{
        NoticeMark m = NOTICE_MARK_NEW;
        Notice other = *n;

        FUZZ_CHECK(notice_judge(&m, n) == NOTICE_APPLY);
        notice_mark(&m, n);
        FUZZ_CHECK(notice_judge(&m, n) == NOTICE_DUPLICATE);
        other.id = "another";
        FUZZ_CHECK(streq(n->id, other.id) || notice_judge(&m, &other) == NOTICE_OLD);
}

static void check_notice(const Envelope *e)
{
        EnvelopeRefusal refusal;
        Notice n;

        if (notice_read(e, NULL, &n, &refusal) < 0) {
                check_refusal(&refusal);
                return;
        }
        FUZZ_CHECK(fuzz_is_plain(n.id) && *n.id && strlen(n.id) <= NOTICE_ID_MAX);
        FUZZ_CHECK(n.occurred_usec <= e->timestamp_usec && n.seq == e->seq);
        if (*n.fallback_url)
                check_link(n.fallback_url);
        check_news(&n);
}

static void open_signed(json_t *object, json_int_t seq, uint64_t now)
{
        char *node = strdup(json_string_value(
                        json_object_get(object, "node"))); /* the object's own is replaced */
        EnvelopeRefusal refusal;
        Envelope e;
        Error error;

        FUZZ_CHECK(node);
        if (envelope_seal(object, node, "me", seq, key, now, &error) >= 0) { /* there may be reals in it */
                if (envelope_open(object, "me", NULL, now, &e, &refusal) >= 0)
                        check_notice(&e);
                else
                        FUZZ_CHECK(streq(refusal.word, "unknown"));
        }
        free(node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        json_t *object = NULL;
        EnvelopeRefusal refusal;
        Envelope e;
        Error error;

        if (json_parse((const char *) data, size, &object, &error) < 0) {
                FUZZ_CHECK(fuzz_is_plain(error.text));
                return 0;
        }
        json_int_t date = json_integer_value(json_object_get(object, "timestamp")),
                   seq = json_integer_value(json_object_get(object, "seq"));
        uint64_t now = date > 0 && date < INT64_C(1) << 50 ? (uint64_t) date * USEC_PER_MSEC : USEC_PER_DAY;

        if (envelope_open(object, "me", NULL, now, &e, &refusal) < 0) {
                check_refusal(&refusal);
                /* All but the signature is good: with one, it opens. */
                if (streq(refusal.word, "signature"))
                        open_signed(object, seq, now);
        } else
                FUZZ_CHECK(!"nobody knows this key");
        json_decref(object);
        return 0;
}
