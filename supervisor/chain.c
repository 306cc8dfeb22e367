/* SPDX-License-Identifier: MIT */
/* The hash of a change, and the walk along the chain. */
#include "supervisor/chain.h"

#include "base/sign.h"

static json_t *change_to_json(const ChangeRecord *c, const char *previous)
{
        json_t *j = json_object();

        json_put(j, "at", json_integer((json_int_t) c->at_usec));
        json_put(j, "automatic", json_boolean(c->automatic));
        json_put(j, "cause", json_string_or_null(c->cause));
        json_put(j, "config_hash", json_string_or_null(c->config_hash));
        json_put(j, "durable", json_boolean(c->durable));
        json_put(j, "evidence", json_string_or_null(c->evidence));
        json_put(j, "from", json_string_or_null(c->from));
        json_put(j, "id", json_string_or_null(c->id));
        json_put(j, "operator_reason", json_string_or_null(c->operator_reason));
        json_put(j, "previous", json_string_or_null(previous));
        json_put(j, "rule", json_string_or_null(c->rule));
        json_put(j, "to", json_string_or_null(c->to));
        return json_whole(j);
}

int chain_hash(const ChangeRecord *change, const char *previous, char ret[static STORE_HASH_SIZE])
{
        _cleanup_json_ json_t *j = change_to_json(change, previous);
        _cleanup_free_ char *text = NULL;
        uint8_t hash[SHA256_SIZE];

        if (!j)
                return -ENOMEM;
        int r = json_canonical(j, &text, NULL);
        if (r < 0)
                return r;
        sha256(text, strlen(text), hash);
        hex_encode(ret, hash, sizeof(hash));
        return 0;
}

int chain_walk(ChainWalk *w, bool complete, const ChangeRecord *change, const char *previous,
               const char *hash, Error *e)
{
        char wanted[STORE_HASH_SIZE];

        if (!w->begun && complete)
                snprintf(w->hash, sizeof(w->hash), "%s", CHAIN_GENESIS);
        if ((w->begun || complete) && !streq(previous, w->hash))
                return error_set(e, -EBADMSG, "change %s does not follow the one stored before it",
                                 change->id);
        int r = chain_hash(change, previous, wanted);
        if (r == -EINVAL || (r == 0 && !streq(hash, wanted)))
                return error_set(e, -EBADMSG, "change %s is not what was stored: its hash does not match",
                                 change->id);
        if (r < 0)
                return r;
        memcpy(w->hash, wanted, sizeof(wanted));
        w->begun = true;
        return 0;
}
