/* SPDX-License-Identifier: MIT */
/* Which keys speak for a node, and for how long: its document's signatures, and the way from one document to the next. */
#include "base/clock.h"
#include "federation/node_document.h"

/* May it sign what is dated so? */
static int key_state(const NodeKey *key, uint64_t at_usec, uint64_t grace_usec)
{
        if (key->revoked_usec > 0)
                return -EKEYREVOKED;
        return key->expired_usec > 0 && at_usec >= key->expired_usec &&
                                               at_usec - key->expired_usec >= grace_usec
                               ? -EKEYEXPIRED
                               : 0;
}

static const char *state_words(int state)
{
        return state == -EKEYREVOKED ? "has been revoked" : "has expired";
}

/* Has one of keys, those of the document itself or of the one before it, signed it? The best reason otherwise. */
static int signed_by(const json_t *json, const char *id, const NodeDocument *keys, uint64_t now_usec,
                     uint64_t grace_usec, Error *e)
{
        int reason = -ENOKEY;

        for (size_t i = 0; i < keys->n_keys; i++) {
                const NodeKey *key = &keys->keys[i];
                int state = key_state(key, now_usec, grace_usec);
                int r = state < 0 ? state : verify_json(json, id, key->id, key->public_key, NULL);

                if (r >= 0 || r == -ENOMEM || r == -EINVAL)
                        return r >= 0 ? 0
                                      : error_set(e, r,
                                                  "it cannot be what was signed: a number in it is no "
                                                  "integer, or too large");
                /* One that does not verify says more than one that is not there. */
                if (r == -EBADMSG || (state < 0 && reason != -EBADMSG))
                        reason = r;
        }
        if (reason == -EKEYREVOKED || reason == -EKEYEXPIRED)
                return error_set(e, reason, "the key that signed it %s", state_words(reason));
        return error_set(e, -EBADMSG, "%s",
                         reason == -EBADMSG ? "its signature does not verify"
                                            : "it is signed by none of the keys in force");
}

static int check_times(const NodeDocument *d, uint64_t now_usec, Error *e)
{
        char stamp[TIMESTAMP_SIZE];

        if (d->valid_until_usec > 0 && now_usec >= d->valid_until_usec)
                return error_set(e, -EKEYEXPIRED, "it was valid until %s",
                                 timestamp_format(stamp, d->valid_until_usec));
        if (d->version_usec > now_usec + NODE_AHEAD_USEC)
                return error_set(e, -EBADMSG, "its version_ts is in the future: %s (is a clock wrong?)",
                                 timestamp_format(stamp, d->version_usec));
        return 0;
}

static int verify(const NodeDocument *d, json_t **ret_json, uint64_t now_usec, Error *e)
{
        _cleanup_json_ json_t *json = NULL;
        int r;

        if (!d->is_signed)
                return error_set(e, -ENOKEY, "it is not signed");
        r = check_times(d, now_usec, e);
        if (r < 0)
                return r;
        json = node_document_json(d);
        if (!json)
                return error_set(e, -ENOMEM, "out of memory");
        r = signed_by(json, d->id, d, now_usec, 0, e);
        if (r >= 0)
                *ret_json = TAKE_PTR(json);
        return r;
}

int node_document_verify(const NodeDocument *d, uint64_t now_usec, Error *e)
{
        _cleanup_json_ json_t *json = NULL;

        return verify(d, &json, now_usec, e);
}

const NodeKey *node_document_lists(const NodeDocument *d, const uint8_t public_key[static SIGN_PUBLIC_SIZE])
{
        for (size_t i = 0; i < d->n_keys; i++)
                if (d->keys[i].revoked_usec == 0 &&
                    memcmp(d->keys[i].public_key, public_key, SIGN_PUBLIC_SIZE) == 0)
                        return &d->keys[i];
        return NULL;
}

/* Under another id, too: whoever has stolen a key must not bring it back. */
static int check_revoked(const NodeDocument *pinned, const NodeDocument *next, Error *e)
{
        for (size_t i = 0; i < pinned->n_keys; i++)
                if (pinned->keys[i].revoked_usec > 0 && node_document_lists(next, pinned->keys[i].public_key))
                        return error_set(e, -EKEYREVOKED, "it lists key %s again, which had been revoked",
                                         pinned->keys[i].id);
        return 0;
}

int node_document_succeeds(const NodeDocument *pinned, const NodeDocument *next, uint64_t now_usec, Error *e)
{
        _cleanup_json_ json_t *json = NULL;
        char stamp[TIMESTAMP_SIZE];
        int r;

        if (!pinned->is_signed)
                return error_set(e, -ENOKEY, "the one before it is not signed");
        if (!streq(pinned->id, next->id))
                return error_set(e, -EKEYREJECTED, "it is of another node, %s", next->id);
        if (node_document_same(pinned, next))
                return 1;
        r = verify(next, &json, now_usec, e);
        if (r < 0)
                return r;
        if (next->version_usec < pinned->version_usec ||
            (next->version_usec == pinned->version_usec && next->version_usec > 0))
                return error_set(e, -ESTALE, "it is no newer than the one that is known, of %s",
                                 timestamp_format(stamp, pinned->version_usec));
        r = check_revoked(pinned, next, e);
        if (r < 0)
                return r;
        r = signed_by(json, pinned->id, pinned, now_usec, NODE_OVERLAP_USEC, e);
        if (r == -ENOMEM)
                return r;
        return r < 0 ? error_set(e, -EKEYREJECTED, "it is not signed by a key that is known of %s",
                                 pinned->id)
                     : 0;
}

const NodeKey *node_document_key(const NodeDocument *d, const char *key_id, uint64_t at_usec, int *ret_error)
{
        for (size_t i = 0; i < d->n_keys; i++) {
                int state;

                if (!streq(d->keys[i].id, key_id))
                        continue;
                state = key_state(&d->keys[i], at_usec, 0);
                if (state == 0 && d->valid_until_usec > 0 && at_usec >= d->valid_until_usec)
                        state = -EKEYEXPIRED;
                *ret_error = state;
                return state < 0 ? NULL : &d->keys[i];
        }
        *ret_error = -ENOKEY;
        return NULL;
}
