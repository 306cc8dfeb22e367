/* SPDX-License-Identifier: MIT */
/* What nodes say to each other, signed: an object with {type, node, to, timestamp (ms), seq, …} and `signatures` of `node` (base/sign.h).
 * Notices, orders and settlements are all such. Each has a sender, one recipient, and a date: what was for somebody else, what is
 * old, and what a stranger wrote is refused with a reason. What was seen before (`seq`) is the receiver's to keep. */
#pragma once

#include "federation/members.h"

#define ENVELOPE_WINDOW_USEC (5 * USEC_PER_MIN) /* so far `timestamp` may be off, in both directions */

typedef struct Envelope { /* borrowed from the object */
        const char *type, *node, *key_id;
        uint64_t timestamp_usec;
        int64_t seq;
        const json_t *object;
} Envelope;

typedef struct EnvelopeRefusal {
        unsigned status; /* HTTP: 400 malformed, 401 key or signature, 403 not accepted, 409 for another node, 422 time */
        const char *word; /* for counting: "signature", "unknown", "key", "recipient", "time", "malformed" */
        char reason[200]; /* for people */
        bool has_offset;
        int64_t offset_ms; /* by so much the sender's clock is ahead: the sender tries again */
} EnvelopeRefusal;

/* Checks all but the meaning: shape, recipient, date, key (pinned, of an accepted node, in force), signature. The cheap comes first.
 * 0, or -EBADMSG with *refusal. */
int envelope_open(const json_t *object, const char *self, const Members *members, uint64_t now_usec,
                  Envelope *ret, EnvelopeRefusal *refusal);
/* Answers with the refusal in the contract's shape (and offset_ms). */
json_t *envelope_refusal_document(const EnvelopeRefusal *refusal);
/* Fills in node, to, timestamp and seq, signs. object is changed. -ENOKEY: this node has no key. */
int envelope_seal(json_t *object, const char *self, const char *to, int64_t seq, const SignKey *key,
                  uint64_t now_usec, Error *e);
