/* SPDX-License-Identifier: MIT */
/* A notice: an envelope in which a node says that its first mode has failed, or that it is back. What it means, and whether it is
 * news, by what was seen of that node before. Pure. */
#pragma once

#include "federation/envelope.h"

typedef enum NoticeType {
        NOTICE_FAILURE,   /* primary_failure */
        NOTICE_RECOVERED, /* primary_recovered */
} NoticeType;
const char *notice_type_name(NoticeType t);

#define NOTICE_ID_MAX  64
#define NOTICE_URL_MAX 512

typedef struct Notice {
        NoticeType type;
        const char *id; /* borrowed from the object */
        int64_t seq;
        uint64_t occurred_usec; /* wall, by the sender's clock; never after the envelope's date */
        char fallback_url[NOTICE_URL_MAX + 1]; /* without final slash; "": none */
        char passed_over[120];                 /* why the one it names is not taken, for people; "" */
} Notice;

/* envelope: verified. allow: networks that are private and yet fine (network.allow_private_peers), NULL-terminated, or NULL. A
 * fallback at a literal address that is private is passed over, as if there were none: that the shop has failed is true all the same,
 * and its buyers must know. What is no http(s) link is malformed. -EBADMSG with *refusal. */
int notice_read(const Envelope *envelope, const char *const *allow, Notice *ret, EnvelopeRefusal *refusal);

/* What was seen of one node. It never falls. */
#define NOTICE_IDS 8
typedef struct NoticeMark {
        int64_t seq;                 /* the highest; -1: none yet */
        uint8_t ids[NOTICE_IDS][16]; /* of the last ones, hashed; zeros: none */
} NoticeMark;
#define NOTICE_MARK_NEW ((NoticeMark){.seq = -1})

typedef enum NoticeVerdict {
        NOTICE_APPLY,
        NOTICE_DUPLICATE, /* the same id: it was applied, its answer may have been lost */
        NOTICE_OLD, /* not above the mark, under another id: something newer is known, or it was replayed */
} NoticeVerdict;
NoticeVerdict notice_judge(const NoticeMark *mark, const Notice *notice);
void notice_mark(NoticeMark *mark, const Notice *notice); /* it was judged NOTICE_APPLY */
