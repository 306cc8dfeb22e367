/* SPDX-License-Identifier: MIT */
/* All keys of a node, in its one key file: the one that signs, the one that will sign next, and those that did. Both daemons
 * and failoverctl read the same file, which is replaced as a whole. One key a line:
 *
 *   ed25519 ID SEED                        signs; a file with nothing else is as Matrix servers keep theirs
 *   next ed25519 ID SEED SINCE             announced since then, so that others know it before it signs
 *   old ed25519 ID SEED EXPIRES            what it signs until then counts
 *   revoked ed25519 ID SEED REVOKED        nothing that it has signed counts any more
 *
 * SEED is the unpadded base64 of 32 bytes, times are milliseconds since 1970. Former keys go on signing the node document (and
 * nothing else), so that a node which missed the announcement still sees that one key has introduced the other. */
#pragma once

#include "base/sign.h"

#define KEY_RING_FORMER_MAX 8

/* Between announcing a key and using it: others look about every hour, and some are away for a night. */
#define KEY_RING_WAIT_USEC USEC_PER_DAY
/* So long the old one still counts for what it signs: until every daemon that has it open was restarted. */
#define KEY_RING_OVERLAP_USEC (7 * USEC_PER_DAY)
/* So long after its end it still stands in the node document. */
#define KEY_RING_KEEP_USEC (90 * USEC_PER_DAY)

typedef struct FormerKey {
        SignKey *key;
        uint64_t ended_usec; /* wall: when it expires, or was revoked */
        bool revoked;
} FormerKey;

typedef struct KeyRing {
        SignKey *current;                      /* never NULL */
        SignKey *next;                         /* or NULL */
        uint64_t next_usec;                    /* wall: since when it is announced */
        FormerKey former[KEY_RING_FORMER_MAX]; /* the latest first */
        size_t n_former;
} KeyRing;

/* -EINVAL, with what was expected and the line's number, never its content. */
int key_ring_parse(const char *text, KeyRing **ret, Error *e);
int key_ring_print(const KeyRing *ring, char **ret_text); /* secret: free with secret_free() */
KeyRing *key_ring_free(KeyRing *ring);                    /* wipes */
DEFINE_CLEANUP(KeyRing, key_ring_free)
/* The same file, for who only signs. */
int key_ring_parse_current(const char *text, SignKey **ret, Error *e);

/* Announces a new key when none is announced; else, once it is known (KEY_RING_WAIT_USEC ago), makes it the one that signs. forced: at
 * once. -EAGAIN: too early, with the reason. */
typedef enum KeyRingStep { KEY_RING_ANNOUNCED, KEY_RING_SWAPPED } KeyRingStep;
int key_ring_rotate(KeyRing *ring, uint64_t now_usec, bool forced, KeyRingStep *ret, Error *e);
/* The key that signs was stolen: the announced one takes its place, or a new one (*ret_known false), which others take over when they
 * hear of it from the stolen one before its thief says something else. */
int key_ring_revoke(KeyRing *ring, uint64_t now_usec, bool *ret_known, Error *e);
