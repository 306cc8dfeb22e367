/* SPDX-License-Identifier: MIT */
/* What nodes say to each other, signed: an object with {type, node, to, timestamp (ms), seq, …} and `signatures` of `node` (base/sign.h).
 * Notices, orders and settlements are all such. Each has a sender, one recipient, and a date: what was for somebody else, what is
 * old, and what a stranger wrote is refused with a reason. What was seen before (`seq`) is the receiver's to keep.
 *
 * A sender (actions/notify_peers.c) comes again after 401, 403, 404, 408, 425, 429, 5xx, and whenever `offset_ms` stands in the
 * answer; other 4xx are for ever. So the statuses say whether what is refused may be accepted one day: a node that is not known
 * yet, a key that its registry entry will list, a clock that will be set. */
#pragma once

#include "federation/members.h"

#define ENVELOPE_WINDOW_USEC    (5 * USEC_PER_MIN) /* so far `timestamp` may be off, in both directions */
#define ENVELOPE_MAX            (16 * 1024) /* bytes of JSON; who reads one refuses more before parsing */
#define ENVELOPE_SIGNATURES_MAX 16          /* of its sender: a rotation signs by two keys */

typedef struct Envelope { /* borrowed from the object */
        const char *type, *node, *key_id;
        uint64_t timestamp_usec;
        int64_t seq;
        const json_t *object;
} Envelope;

typedef struct EnvelopeRefusal {
        unsigned status; /* HTTP: 400 malformed, 401 key or signature, 403 not accepted, 409 for another node, 422 time; 503: ours */
        const char *word; /* for counting: "malformed", "recipient", "time", "unknown" (pending and banned too), "key", "signature",
                           * "unavailable" */
        char reason[200]; /* for people; plain */
        bool has_offset;
        int64_t offset_ms; /* by so much the sender's clock is ahead: the sender tries again */
} EnvelopeRefusal;

/* Checks all but the meaning: shape, recipient, date, key (pinned, of an accepted node, in force), signature. The cheap comes first,
 * and one signature is verified at most: the first whose key is known. 0, or -EBADMSG with *refusal. */
int envelope_open(const json_t *object, const char *self, const Members *members, uint64_t now_usec,
                  Envelope *ret, EnvelopeRefusal *refusal);
/* The same in two steps, for who has something to ask between them: all that costs next to nothing, down to whether its sender is
 * accepted and its key known (ret_key: that key) … */
int envelope_look(const json_t *object, const char *self, const Members *members, uint64_t now_usec,
                  Envelope *ret, uint8_t ret_key[static SIGN_PUBLIC_SIZE], EnvelopeRefusal *refusal);
/* … and, perhaps much later, whether that key counts still (its node may have been banned or rekeyed meanwhile), and the signature. Until
 * then node, type and seq are only what somebody claims. */
int envelope_verify(const Envelope *envelope, const Members *members,
                    const uint8_t key[static SIGN_PUBLIC_SIZE], EnvelopeRefusal *refusal);

/* Fills *refusal; returns -EBADMSG. */
int envelope_refuse(EnvelopeRefusal *refusal, unsigned status, const char *word, const char *format, ...)
                _printf_(4, 5);
#ifdef __clang_analyzer__ /* which does not look into it */
#define envelope_refuse(...) ((envelope_refuse) (__VA_ARGS__), -EBADMSG)
#endif
/* Answers with the refusal in the contract's shape (and offset_ms). */
json_t *envelope_refusal_document(const EnvelopeRefusal *refusal);
/* Fills in node, to, timestamp and seq, signs. object is changed: signatures that it had are gone; self and to are not
 * its own. -ENOKEY: this node has no key. */
int envelope_seal(json_t *object, const char *self, const char *to, int64_t seq, const SignKey *key,
                  uint64_t now_usec, Error *e);
