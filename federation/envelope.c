/* SPDX-License-Identifier: MIT */
/* What nodes say to each other: who says it, to whom, when, and whether that can be believed. */
#include "federation/envelope.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdarg.h>

#define TYPE_MAX    64
#define INTEGER_MAX ((INT64_C(1) << 53) - 1) /* of canonical JSON */
#define ALGORITHM   "ed25519:"

int(envelope_refuse)(EnvelopeRefusal *refusal, unsigned status, const char *word, const char *format, ...)
{
        va_list ap;

        *refusal = (EnvelopeRefusal){.status = status, .word = word};
        va_start(ap, format);
        vsnprintf(refusal->reason, sizeof(refusal->reason), format, ap);
        va_end(ap);
        return -EBADMSG;
}

/* --- shape --- */

static int malformed(EnvelopeRefusal *refusal, const char *member, const char *wanted)
{
        return envelope_refuse(refusal, 400, "malformed", "`%s` %s", member, wanted);
}

static bool is_type(const char *s)
{
        size_t n = strlen(s);

        return n >= 1 && n <= TYPE_MAX && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == n;
}

static int read_integer(const json_t *object, const char *key, int64_t least, int64_t *ret,
                        EnvelopeRefusal *refusal)
{
        const json_t *j = json_object_get(object, key);

        if (!json_is_integer(j) || json_integer_value(j) < least || json_integer_value(j) > INTEGER_MAX)
                return malformed(refusal, key, "is not a whole number within its bounds");
        *ret = json_integer_value(j);
        return 0;
}

static int read_id(const json_t *object, const char *key, const char **ret, EnvelopeRefusal *refusal)
{
        const char *id = json_string_value(json_object_get(object, key));

        if (!id || !config_is_node_id(id))
                return malformed(refusal, key, "is not the id of a node");
        *ret = id;
        return 0;
}

static int read_shape(const json_t *object, Envelope *e, const char **ret_to, EnvelopeRefusal *refusal)
{
        int64_t ms = 0;
        int r;

        if (!json_is_object(object))
                return envelope_refuse(refusal, 400, "malformed", "it is not a JSON object");
        e->object = object;
        e->type = json_string_value(json_object_get(object, "type"));
        if (!e->type || !is_type(e->type))
                return malformed(refusal, "type", "is missing, or no word");
        r = read_id(object, "node", &e->node, refusal);
        if (r >= 0)
                r = read_id(object, "to", ret_to, refusal);
        if (r >= 0)
                r = read_integer(object, "timestamp", 1, &ms, refusal);
        if (r >= 0)
                r = read_integer(object, "seq", 0, &e->seq, refusal);
        e->timestamp_usec = (uint64_t) ms * USEC_PER_MSEC;
        return r;
}

/* --- date --- */

static int check_date(const Envelope *e, uint64_t now_usec, EnvelopeRefusal *refusal)
{
        bool ahead = e->timestamp_usec > now_usec;
        uint64_t off = ahead ? e->timestamp_usec - now_usec : now_usec - e->timestamp_usec;
        char duration[DURATION_SIZE];

        if (off <= ENVELOPE_WINDOW_USEC)
                return 0;
        envelope_refuse(refusal, 422, "time", "its date is %s %s by the clock here; 5 min are let pass",
                        duration_format(duration, off), ahead ? "ahead" : "old");
        refusal->has_offset = true;
        refusal->offset_ms = (int64_t) (off / USEC_PER_MSEC) * (ahead ? 1 : -1);
        return -EBADMSG;
}

/* --- key --- */

static int refuse_key(int r, const char *node, const Error *error, EnvelopeRefusal *refusal)
{
        switch (r) {
        case -ENOENT:
                return envelope_refuse(refusal, 403, "unknown", "this node does not know `%s`", node);
        case -EACCES:
                return envelope_refuse(refusal, 403, "unknown", "%.150s", error->text);
        case -ENOKEY:
        case -EKEYEXPIRED:
        case -EKEYREVOKED:
                return envelope_refuse(refusal, 401, "key", "%.150s", error->text);
        default:
                return envelope_refuse(refusal, 503, "unavailable", "its key cannot be looked up now");
        }
}

/* The first of its signatures whose key may be believed. Names of keys are the sender's own words: what is answered repeats them
 * only when they are plain. */
static int find_key(Envelope *e, const Members *members, uint8_t ret_key[static SIGN_PUBLIC_SIZE],
                    EnvelopeRefusal *refusal)
{
        json_t *all = json_object_get(json_object_get(e->object, "signatures"), e->node), *value;
        const char *name;
        int r = -ENOKEY;
        Error error = {"it is signed by no Ed25519 key"};

        if (json_object_size(all) == 0)
                return envelope_refuse(refusal, 401, "signature", "it is not signed by `%s`", e->node);
        if (json_object_size(all) > ENVELOPE_SIGNATURES_MAX)
                return malformed(refusal, "signatures", "holds too many");
        json_object_foreach(all, name, value)
        {
                const char *id = name + strlen(ALGORITHM);

                if (strncmp(name, ALGORITHM, strlen(ALGORITHM)) != 0 || !*id ||
                    strlen(id) >= sizeof(((NodeKey *) NULL)->id))
                        continue;
                r = members_key(members, e->node, id, e->timestamp_usec, ret_key, &error);
                if (r >= 0) {
                        e->key_id = id;
                        return 0;
                }
                if (r == -ENOENT || r == -EACCES)
                        break;
        }
        return refuse_key(r, e->node, &error, refusal);
}

int envelope_look(const json_t *object, const char *self, const Members *members, uint64_t now_usec,
                  Envelope *ret, uint8_t ret_key[static SIGN_PUBLIC_SIZE], EnvelopeRefusal *refusal)
{
        Envelope e = {0};
        const char *to = NULL;
        int r;

        assert(self);
        assert(ret);
        assert(refusal);

        r = read_shape(object, &e, &to, refusal);
        if (r < 0)
                return r;
        if (!streq(to, self))
                return envelope_refuse(refusal, 409, "recipient", "it is for `%.60s`, and this is `%.60s`",
                                       to, self);
        if (streq(e.node, self))
                return envelope_refuse(refusal, 409, "recipient",
                                       "it says that it comes from this node itself");
        r = check_date(&e, now_usec, refusal);
        if (r >= 0)
                r = find_key(&e, members, ret_key, refusal);
        if (r >= 0)
                *ret = e;
        return r;
}

/* --- signature --- */

int envelope_verify(const Envelope *envelope, const Members *members,
                    const uint8_t key[static SIGN_PUBLIC_SIZE], EnvelopeRefusal *refusal)
{
        uint8_t now[SIGN_PUBLIC_SIZE];
        Error error = {""};
        int r = members_key(members, envelope->node, envelope->key_id, envelope->timestamp_usec, now, &error);

        if (r < 0)
                return refuse_key(r, envelope->node, &error, refusal);
        if (memcmp(now, key, sizeof(now)) != 0)
                return envelope_refuse(refusal, 401, "key", "the key of `%s` is another by now",
                                       envelope->node);
        r = verify_json(envelope->object, envelope->node, envelope->key_id, key, &error);
        if (r >= 0)
                return 0;
        if (r == -ENOMEM)
                return envelope_refuse(refusal, 503, "unavailable", "out of memory");
        if (r == -EINVAL)
                return envelope_refuse(refusal, 400, "malformed", "it cannot have been signed: %.150s",
                                       error.text);
        return envelope_refuse(refusal, 401, "signature", "%.150s", error.text);
}

int envelope_open(const json_t *object, const char *self, const Members *members, uint64_t now_usec,
                  Envelope *ret, EnvelopeRefusal *refusal)
{
        uint8_t key[SIGN_PUBLIC_SIZE];
        Envelope e;
        int r;

        r = envelope_look(object, self, members, now_usec, &e, key, refusal);
        if (r >= 0)
                r = envelope_verify(&e, members, key, refusal);
        if (r >= 0)
                *ret = e;
        return r;
}

/* --- answers, and what we say ourselves --- */

json_t *envelope_refusal_document(const EnvelopeRefusal *refusal)
{
        json_t *j = json_object();

        json_put(j, "success", json_false());
        json_put(j, "error", json_string_or_null(refusal->reason));
        json_put(j, "refused", json_string_or_null(refusal->word));
        if (refusal->has_offset)
                json_put(j, "offset_ms", json_integer(refusal->offset_ms));
        return json_whole(j);
}

int envelope_seal(json_t *object, const char *self, const char *to, int64_t seq, const SignKey *key,
                  uint64_t now_usec, Error *e)
{
        assert(json_is_object(object));
        assert(self);
        assert(to);

        if (!key)
                return error_set(e, -ENOKEY, "this node has no key to sign with");
        (void) json_failed();
        (void) json_object_del(object, "signatures");
        json_put(object, "node", json_string(self));
        json_put(object, "to", json_string(to));
        json_put(object, "timestamp", json_integer((json_int_t) (now_usec / USEC_PER_MSEC)));
        json_put(object, "seq", json_integer(seq));
        if (json_failed())
                return error_set(e, -ENOMEM, "out of memory");
        return sign_json(object, self, key, e);
}
