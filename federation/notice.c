/* SPDX-License-Identifier: MIT */
/* What a notice says, and whether it is news. */
#include "federation/notice.h"

#include "base/conf.h"
#include "base/resolve.h"
#include "base/text.h"

#include <curl/curl.h>
#include <strings.h>

const char *notice_type_name(NoticeType t)
{
        return t == NOTICE_FAILURE ? "primary_failure" : "primary_recovered";
}

static int malformed(EnvelopeRefusal *refusal, const char *member, const char *what)
{
        return envelope_refuse(refusal, 400, "malformed", "`%s` %s", member, what);
}

/* --- its fallback --- */

/* Names are judged when they are resolved, on the socket; but no buyer has a shop on his own machine. */
static bool is_private_host(const char *host, const char *const *allow)
{
        struct sockaddr_storage a;
        char bare[64];
        size_t n = strlen(host);
        Network network;

        if (*host == '[' && n >= 2 && n - 2 < sizeof(bare)) {
                memcpy(bare, host + 1, n - 2);
                bare[n - 2] = '\0';
                host = bare;
        }
        if (address_parse(host, 0, &a, NULL) < 0)
                return strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0;
        for (; allow && *allow; allow++)
                if (network_parse(*allow, &network) >= 0 &&
                    network_contains(&network, (const struct sockaddr *) &a))
                        return false;
        return address_is_private((const struct sockaddr *) &a);
}

/* The host as it would be connected to: curl makes 2130706433 and 0x7f.1 what they are. -EINVAL: it is none. */
static int judge_host(const char *url, const char *const *allow, bool *ret_private)
{
        CURLU *u = curl_url();
        char *host = NULL;
        int r = 0;

        if (!u)
                return -ENOMEM;
        if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
            curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
                r = -EINVAL;
        else
                *ret_private = is_private_host(host, allow);
        curl_free(host);
        curl_url_cleanup(u);
        return r;
}

static bool is_link(const char *s)
{
        const char *problem = NULL;

        for (const char *c = s; *c; c++)
                if ((unsigned char) *c <= 0x20 || (unsigned char) *c >= 0x7f || strchr("\\\"<>`{|}^'", *c))
                        return false;
        return conf_url_check(s, &problem) >= 0 && !problem;
}

static int read_fallback(const json_t *object, const char *const *allow, Notice *n, EnvelopeRefusal *refusal)
{
        const json_t *value = json_object_get(object, "fallbackUrl");
        const char *s = json_string_value(value);
        bool private = false;

        if (!value || json_is_null(value))
                return 0;
        if (!s || strlen(s) != json_string_length(value) || strlen(s) > NOTICE_URL_MAX)
                return malformed(refusal, "fallbackUrl", "is no text of 512 bytes at most");
        if (!*s)
                return 0;
        if (!is_link(s))
                return malformed(refusal, "fallbackUrl", "is not an http(s) URL");
        int r = judge_host(s, allow, &private);
        if (r == -ENOMEM)
                return envelope_refuse(refusal, 503, "unavailable", "out of memory");
        if (r < 0)
                return malformed(refusal, "fallbackUrl", "is not an http(s) URL");
        if (private) {
                snprintf(n->passed_over, sizeof(n->passed_over),
                         "a fallback at a private address is not used here");
                return 0;
        }
        size_t size = strlen(s);
        while (size > 0 && s[size - 1] == '/')
                size--;
        memcpy(n->fallback_url, s, size);
        n->fallback_url[size] = '\0';
        return 0;
}

/* --- what it says --- */

static bool is_id(const char *s)
{
        size_t n = strlen(s);

        for (const char *c = s; *c; c++)
                if (*c <= 0x20 || *c >= 0x7f)
                        return false;
        return n >= 1 && n <= NOTICE_ID_MAX;
}

static int read_type(const Envelope *e, NoticeType *ret, EnvelopeRefusal *refusal)
{
        for (NoticeType t = NOTICE_FAILURE; t <= NOTICE_RECOVERED; t++)
                if (streq(e->type, notice_type_name(t))) {
                        *ret = t;
                        return 0;
                }
        return envelope_refuse(refusal, 422, "type", "a notice of type `%s` is not known here", e->type);
}

int notice_read(const Envelope *envelope, const char *const *allow, Notice *ret, EnvelopeRefusal *refusal)
{
        const json_t *object = envelope->object, *id = json_object_get(object, "id"),
                     *occurred = json_object_get(object, "occurred");
        Notice n = {.seq = envelope->seq};
        int r;

        r = read_type(envelope, &n.type, refusal);
        if (r < 0)
                return r;
        n.id = json_string_value(id);
        if (!n.id || strlen(n.id) != json_string_length(id) || !is_id(n.id))
                return malformed(refusal, "id", "is no text of 1 to 64 plain characters");
        if (!json_is_integer(occurred) || json_integer_value(occurred) < 0 ||
            json_integer_value(occurred) > (INT64_C(1) << 53))
                return malformed(refusal, "occurred", "is not a time in milliseconds");
        n.occurred_usec = MIN((uint64_t) json_integer_value(occurred) * USEC_PER_MSEC,
                              envelope->timestamp_usec);
        r = read_fallback(object, allow, &n, refusal);
        if (r >= 0)
                *ret = n;
        return r;
}

/* --- is it news? --- */

static void hash_id(const char *id, uint8_t ret[static 16])
{
        uint8_t digest[SHA256_SIZE];

        sha256(id, strlen(id), digest);
        memcpy(ret, digest, 16);
}

NoticeVerdict notice_judge(const NoticeMark *mark, const Notice *notice)
{
        uint8_t hash[16];

        hash_id(notice->id, hash);
        for (size_t i = 0; i < NOTICE_IDS; i++)
                if (memcmp(mark->ids[i], hash, sizeof(hash)) == 0)
                        return NOTICE_DUPLICATE;
        return notice->seq > mark->seq ? NOTICE_APPLY : NOTICE_OLD;
}

void notice_mark(NoticeMark *mark, const Notice *notice)
{
        assert(notice->seq > mark->seq);

        memmove(mark->ids[1], mark->ids[0], sizeof(mark->ids) - sizeof(mark->ids[0]));
        hash_id(notice->id, mark->ids[0]);
        mark->seq = notice->seq;
}
